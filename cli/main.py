"""The entry point of the command `standby`."""

from __future__ import annotations

import functools
import importlib
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer

from cli.commands import COMMANDS
from cli.options import command
from cli.problems import MEANINGS, Problem, Status
from cli.running import ReadEnough, run
from infra.version import VERSION

_COMPLETING = "_STANDBY_COMPLETE"  # a shell asks what could come next
_STATUSES = "\n".join(f"{int(status):>3}  {meaning}" for status, meaning in MEANINGS.items())
HELP = f"""WorkSpaces Standby: show, explain and change the state of a deployment.

\b
Examples
  standby status                     the coverage of each directory
  standby list --uncovered           desktops without a ready standby, and why
  standby show alice                 one desktop and its history
  standby audit --since 30d          the coverage and the changes of 30 days
  standby failover-list              who can work during an outage
  standby doctor                     check that everything is in place

\b
Exit status
{_STATUSES}
"""


def _version(value: bool) -> None:  # noqa: FBT001 (Typer's callback)
    if value:
        print(VERSION)
        raise typer.Exit


def _top(
    *,
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),  # noqa: FBT003
) -> None:
    pass


@functools.cache  # a process that runs several commands, as tests do, makes each of them once
def command_line(*names: str) -> Callable[..., Any]:
    """The command line with some of the commands: importing a command takes time."""
    app = typer.Typer(
        name="standby",
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    )
    app.callback()(_top)
    for name in names:
        command(app, run, name)(importlib.import_module(f"cli.commands.{COMMANDS[name]}").work)
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status. Every exception becomes an error message."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        named = given[:1] if given and given[0] in COMMANDS and _COMPLETING not in os.environ else COMMANDS
        status = command_line(*named)(args=given, prog_name="standby", standalone_mode=False)
        if status == Status.INTERRUPTED:  # Typer handles Ctrl-C and prints nothing
            raise KeyboardInterrupt  # noqa: TRY301
    except Problem as problem:
        return _failed(problem, given)
    except typer.TyperException as wrong:
        return _failed(Problem("WrongUse", _sentence(wrong.format_message()), f"See {_help_of(given)}."), given)
    except (KeyboardInterrupt, typer.Abort):
        print("\nInterrupted. You can safely run the command again.", file=sys.stderr)
        return Status.INTERRUPTED
    except ReadEnough:
        # Nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.GOOD
    except Exception as unknown:
        return _failed(_unknown(unknown), given)
    return int(status or 0)


def _failed(problem: Problem, given: Sequence[str]) -> int:
    """Print the error: sentences for a person, a JSON object for a program."""
    if _wants_json(given):
        found = {"code": problem.code, "message": problem.message, "fix": problem.fix, "status": int(problem.status)}
        print(json.dumps(found, ensure_ascii=False), file=sys.stderr)
    else:
        print(problem, file=sys.stderr)
    return problem.status


def _wants_json(given: Sequence[str]) -> bool:
    """Whether the options ask for JSON, even if the other options are invalid."""
    options = ("--output", "-o")
    return any(one in ("--output=json", "-ojson") for one in given) or any(
        one in options and value == "json" for one, value in pairwise(given)
    )


def _sentence(said: str) -> str:
    """The parser's message as a sentence, without its library's error names."""
    said = said.replace("Value error, ", "").strip()
    return said if said.endswith((".", "?", "!")) else f"{said}."


def _help_of(given: Sequence[str]) -> str:
    return f"`standby {given[0]} --help`" if given and given[0] in COMMANDS else "`standby --help`"


def _unknown(unknown: Exception) -> Problem:
    """The Problem for an unexpected error, with the file that has the traceback."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="standby-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"standby {VERSION}\n{' '.join(sys.argv)}\n\n{''.join(traceback.format_exception(unknown))}")
    words = f"Unexpected error: {_sentence(f'{type(unknown).__name__}: {unknown}')}"
    fix = f"The details are in {Path(file.name)}. Attach that file when you report the error."
    return Problem("Unknown", words, fix, Status.INCOMPLETE)
