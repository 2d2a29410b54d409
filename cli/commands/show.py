"""`standby show`: show one desktop with its status, reason, next step and history."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    desktop: Annotated[
        str,
        typer.Argument(metavar="ID|USER", help="The id of a primary or a standby, or a user name in any case."),
    ],
    history: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="How many of the last changes to show; 0 shows all.")
    ] = 20,
) -> Status:
    """Show a desktop: its status, the reason, the next step, and its history.

    \b
    Examples
      standby show alice
      standby show ws-1abc2def3                a primary, or a standby
      standby show alice --history 0
      standby show alice --output json --query 'desktops[].next.rules'

    The command invokes the protect function with a dry run to find out what would happen next; nothing is changed.
    Without permission to invoke it, the command shows what the ledger has. The exit status is 1 if the desktop needs
    action.
    """
    from cli.showing import show

    return show(run, desktop, history)
