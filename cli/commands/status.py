"""`standby status`: show the coverage of each directory, and what needs action."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Update until Ctrl-C. If the output is piped, print a line per change."),
    ] = False,
    every: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="How often --follow updates.")] = 15,
) -> Status:
    """Show the coverage of each directory, and what needs action.

    \b
    Examples
      standby status
      standby status --follow
      standby status --output json --query 'pairs[].paused'
      standby status || mail -s 'standby: action needed' ops@example.com

    The number of protected desktops is as of the last complete sweep. Waiting desktops, and what needs action, are as
    of now. The exit status is 1 if something needs action, and 4 if the last complete sweep is too old for the coverage
    to be known.
    """
    from cli.following import follow as follow_it
    from cli.reporting import report

    return follow_it(run, every) if follow else report(run)
