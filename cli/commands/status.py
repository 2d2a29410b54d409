"""`standby status`: whether people are covered."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C; piped, a line for each change.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="How often --follow looks.")] = 15,
) -> Status:
    """Show whether people are covered, and what needs a person.

    \b
    Examples
      standby status
      standby status --follow
      standby status --output json --query 'pairs[].paused'
      standby status || mail -s 'standby: somebody has to act' ops@example.com

    Who is protected is as the last complete sweep has counted it; who waits, and what needs a person, is as it stands
    now. The exit status is 1 if something needs a person, and 4 if the last complete sweep is too long ago to tell.
    """
    from cli.following import follow as follow_it
    from cli.reporting import report

    return follow_it(run, every) if follow else report(run)
