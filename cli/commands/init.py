"""`standby init`: write a first configuration file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cli.changing import DryRun
from cli.problems import Problem, Status
from cli.running import Run

DEFAULT = Path("standby.yaml")
PathArgument = Annotated[Path, typer.Argument(metavar="PATH", help="The configuration file.")]


def work(run: Run, path: PathArgument = DEFAULT, dry_run: DryRun = False) -> Status:
    """Write a commented configuration file from the example. An existing file is never overwritten.

    \b
    Examples
      standby init
      standby init my-standby.yaml
    """
    from cli.answers import Answer, Table, text
    from infra.config_file import EXAMPLE

    check = f"standby check{named(path)}"
    exists = Problem("FileExists", f"{path} already exists. It was not changed.", f"Edit it, then run `{check}`.")
    content = EXAMPLE.read_text(encoding="utf-8")
    if dry_run:
        if path.exists():
            raise exists
    else:
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(content)
        except FileExistsError:
            raise exists from None
        except OSError as failure:
            words = f"{path} cannot be written: {failure.strerror}."
            raise Problem("CannotWrite", words, "Name a file in an existing folder that you can write to.") from None
    rows = [{"path": str(path), "written": not dry_run}]
    answer = Answer([Table("files", [text("path"), text("written")], rows)], {"dry_run": dry_run})
    answer.screen = lambda console: console.print(f"{path} {'would be' if dry_run else 'was'} written.", soft_wrap=True)
    answer.next = f"enter your Regions and directories in the file, then run `{check}`."
    return run.give(answer)


def named(path: Path) -> str:
    """A path as an argument, unless it is the default."""
    return "" if path == DEFAULT else f" {shlex.quote(str(path))}"
