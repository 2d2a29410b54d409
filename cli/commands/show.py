"""`standby show`: one desktop, why it stands as it does, what is next, and its history."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    desktop: Annotated[
        str,
        typer.Argument(metavar="ID|USER", help="The id of a primary or of a standby, or a user's name in any case."),
    ],
    history: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="How many of the last changes are shown; 0: all.")
    ] = 20,
) -> Status:
    """Show a desktop: status, why, what is next, and history.

    \b
    Examples
      standby show alice
      standby show ws-1abc2def3                a primary, or a standby
      standby show alice --history 0
      standby show alice --output json --query 'desktops[].next.rules'

    What would happen next is asked of the protect function: it decides now, and does nothing. Who may not invoke it
    sees what the ledger has. The exit status is 1 if the desktop needs a person.
    """
    from cli.showing import show

    return show(run, desktop, history)
