"""The command `standby`: what an administrator does, in one command each."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import typer

from cli.commands import COMMANDS
from cli.options import command
from cli.problems import MEANINGS, Problem, Status
from cli.running import ReadEnough, run
from infra.version import VERSION

_COMPLETING = "_STANDBY_COMPLETE"  # a shell asks what could come next
_STATUSES = "\n".join(f"{int(status):>3}  {meaning}" for status, meaning in MEANINGS.items())
HELP = f"""WorkSpaces Standby: see, explain and change what is deployed.

\b
Examples
  standby status                     are people covered?
  standby list --uncovered           who is not, and why
  standby show alice                 one desktop and its history
  standby audit --since 30d          a report for the management
  standby failover-list              who can work, now that a Region is down
  standby doctor                     is everything in place, and healthy?

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


def app_of(names: Iterable[str]) -> typer.Typer:
    """The application with some of the commands: each costs time until the first answer."""
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
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. No traceback leaves it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a character shows its number
            stream.reconfigure(errors="backslashreplace")
    try:
        named = given[:1] if given and given[0] in COMMANDS and _COMPLETING not in os.environ else COMMANDS
        status = app_of(named)(args=given, prog_name="standby", standalone_mode=False)
        if status == Status.INTERRUPTED:  # Typer takes Ctrl-C for itself, and says nothing
            raise KeyboardInterrupt  # noqa: TRY301
    except Problem as problem:
        return _failed(problem, given)
    except typer.TyperException as wrong:
        return _failed(Problem("WrongUse", _sentence(wrong.format_message()), f"See {_help_of(given)}."), given)
    except (KeyboardInterrupt, typer.Abort):
        print("\nInterrupted. Running the command again is harmless.", file=sys.stderr)
        return Status.INTERRUPTED
    except ReadEnough:
        # Nothing more is to be written, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.GOOD
    except Exception as unknown:
        return _failed(_unknown(unknown), given)
    return int(status or 0)


def _failed(problem: Problem, given: Sequence[str]) -> int:
    """Say what went wrong: a sentence for a person, an object for a program."""
    if _wants_json(given):
        found = {"code": problem.code, "message": problem.message, "fix": problem.fix, "status": int(problem.status)}
        print(json.dumps(found, ensure_ascii=False), file=sys.stderr)
    else:
        print(problem, file=sys.stderr)
    return problem.status


def _wants_json(given: Sequence[str]) -> bool:
    """Whether the options ask for JSON, also where the rest of them cannot be understood."""
    options = ("--output", "-o")
    return any(one in ("--output=json", "-ojson") for one in given) or any(
        one in options and value == "json" for one, value in pairwise(given)
    )


def _sentence(said: str) -> str:
    """What the parser says, as a sentence, and without the names that its library has for errors."""
    said = said.replace("Value error, ", "").strip()
    return said if said.endswith((".", "?", "!")) else f"{said}."


def _help_of(given: Sequence[str]) -> str:
    return f"`standby {given[0]} --help`" if given and given[0] in COMMANDS else "`standby --help`"


def _unknown(unknown: Exception) -> Problem:
    """What nobody expected, with the place of its details."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="standby-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"standby {VERSION}\n{' '.join(sys.argv)}\n\n{''.join(traceback.format_exception(unknown))}")
    words = f"An error that this command does not know: {type(unknown).__name__}: {unknown}"
    return Problem("Unknown", words, f"Its details are in {Path(file.name)}. Report it with them.", Status.INCOMPLETE)
