"""`standby list`: rows of the ledger, selected."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|USER]…", help="Ids of desktops, or users' names. Default: all.")
    ] = None,
    uncovered: Annotated[bool, typer.Option("--uncovered", help="Those without a standby that is ready.")] = False,
    needs_action: Annotated[
        bool, typer.Option("--needs-action", help="Those that a person has to act on. Exit status 1 if there are any.")
    ] = False,
    status: Annotated[
        list[str] | None, typer.Option(metavar="STATUS", help="For example FAILED. Can be given more than once.")
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="A reason code (`standby explain`). Can be given more than once."),
    ] = None,
    directory: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A mapped directory. Can be given more than once.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="A user, in any case; with * and ? several: 'exec-*'.")
    ] = None,
    drift: Annotated[bool, typer.Option("--drift", help="Those whose standby differs from the primary.")] = False,
    stale: Annotated[bool, typer.Option("--stale", help="Those whose standby's data is older than rpo_hours.")] = False,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Those that have stood so for longer, for example 7d or 2h.")
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="'A,B,C'", help="The columns, by the names that --output json has.")
    ] = "",
) -> Status:
    """List desktops: all, or those for which every option holds.

    \b
    Examples
      standby list alice bob carol                    does each have a standby?
      standby list --uncovered                        who has no standby, and why
      standby list --needs-action                     what a person has to act on
      standby list --status FAILED --older-than 1d
      standby list --user 'exec-*' --columns 'user_name,status,standby_id'
      standby list --uncovered --output csv > uncovered.csv

    A desktop needs a person if its reason is one of which a person is notified, or if its standby drifts (DRIFT), holds
    old data (STALE) or is not the only one (DOUBLED). --status PRIMARY_GONE lists desktops that no longer exist.
    Of how many they are is as the last complete sweep has counted.
    """
    from cli.listing import listed
    from cli.times import moment

    return listed(
        run,
        statuses=status or [],
        reasons=reason or [],
        directories=directory or [],
        columns=columns,
        users=(*(names or ()), *([user] if user else ())),
        uncovered=uncovered,
        needs_action=needs_action,
        drift=drift,
        stale=stale,
        until=moment(older_than, run.now) if older_than else None,
    )
