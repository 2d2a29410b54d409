"""The command `standby`: the configuration file, and what an operator does with what is deployed."""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli import redrive
from cli.live_check import command as live_check
from infra.config import VERSION, json_schema
from infra.config_file import EXAMPLE, ConfigurationError, load_with_cautions
from infra.odd_text import printable
from infra.selection_rules import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT: Final = Path("standby.yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 mistaken, 2 not understood."""
    chosen = parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot show a character shows its number
        sys.stdout.reconfigure(errors="backslashreplace")
    run_chosen: Callable[[argparse.Namespace], int] = chosen.run
    return run_chosen(chosen)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; what it finds has `run`."""
    whole = argparse.ArgumentParser(prog="standby", description="WorkSpaces Standby: the operator's commands.")
    whole.add_argument("--version", action="version", version=VERSION)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, does, run in (
        ("init", "write a configuration file from the example; never overwrites one", _init),
        ("check", "say what is wrong with a configuration file, or that it is valid", _check),
    ):
        command = commands.add_parser(name, help=does, description=does)
        command.add_argument("path", nargs="?", type=Path, default=DEFAULT, metavar="PATH", help=f"default: {DEFAULT}")
        command.set_defaults(run=run)
    does = "print the JSON Schema of the configuration file, for editors"
    commands.add_parser("schema", help=does, description=does).set_defaults(run=_schema)
    redrive.add_command(commands)
    live_check.add_command(commands)
    return whole


def _schema(_: argparse.Namespace) -> int:
    sys.stdout.write(json_schema())
    return 0


def _init(options: argparse.Namespace) -> int:
    path: Path = options.path
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(EXAMPLE.read_text(encoding="utf-8"))
    except FileExistsError:
        print(
            f"{path} exists, and is left as it is. Change it, and ask `.venv/bin/standby check {path}`.",
            file=sys.stderr,
        )
        return 1
    except OSError as failure:
        print(f"{path} cannot be written: {failure.strerror}.", file=sys.stderr)
        return 1
    print(f"{path} is written. Put your Regions and directories in, then ask `.venv/bin/standby check {path}`.")
    return 0


def _check(options: argparse.Namespace) -> int:
    path: Path = options.path
    try:
        configuration, cautions = load_with_cautions(path, datetime.now(UTC).date())
    except ConfigurationError as failure:
        print(failure, file=sys.stderr)
        return 1
    for caution in cautions:
        print(f"{path}: warning: {caution}", file=sys.stderr)
    pairs, directories = len(configuration.pairs), sum(len(pair.directories) for pair in configuration.pairs)
    print(
        f"{path} is valid: {pairs} {'pair' if pairs == 1 else 'pairs'} of Regions, "
        f"{directories} {'directory' if directories == 1 else 'directories'}."
    )
    for pair in configuration.pairs:
        print(printable(f"{pair.primary_region} to {pair.dr_region}: {in_words(pair)}."))
    named = "" if path == DEFAULT else f" CONFIG={shlex.quote(str(path))}"
    if any(caution.stops for caution in cautions):
        print(f"Next: write your own ids and addresses instead of the example's, then run `{_same(path)}` again.")
    else:
        looked = "Look at the warnings above. " if cautions else ""
        print(f"Next: {looked}`make synth{named}` writes the templates, offline; `make deploy{named}` deploys them.")
    return 0


def _same(path: Path) -> str:
    return f".venv/bin/standby check{'' if path == DEFAULT else f' {shlex.quote(str(path))}'}"
