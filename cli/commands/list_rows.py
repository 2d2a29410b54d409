"""`standby list`: list desktops in the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|USER]…", help="Ids of desktops, or user names. Default: all.")
    ] = None,
    uncovered: Annotated[bool, typer.Option("--uncovered", help="Only desktops without a ready standby.")] = False,
    needs_action: Annotated[
        bool,
        typer.Option("--needs-action", help="Only desktops that need action. The exit status is 1 if there are any."),
    ] = False,
    status: Annotated[
        list[str] | None,
        typer.Option(metavar="STATUS", help="Only this status, for example FAILED. Can be given more than once."),
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE", help="Only this reason code (`standby explain` lists them). Can be given more than once."
        ),
    ] = None,
    directory: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this mapped directory. Can be given more than once.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this user. * and ? are wildcards: 'exec-*'. Case does not matter."),
    ] = None,
    drift: Annotated[
        bool, typer.Option("--drift", help="Only desktops whose standby differs from the primary.")
    ] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only desktops whose standby has data older than rpo_hours.")
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Only desktops whose status has not changed for this long, e.g. 7d or 2h."),
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="'A,B,C'", help="The columns to show, named as in --output json.")
    ] = "",
) -> Status:
    """List all desktops, or those that match every option.

    \b
    Examples
      standby list alice bob carol                    does each have a standby?
      standby list --uncovered                        which desktops have no ready standby, and why
      standby list --needs-action                     which desktops need action
      standby list --status FAILED --older-than 1d
      standby list --user 'exec-*' --columns 'user_name,status,standby_id'
      standby list --uncovered --output csv > uncovered.csv

    A desktop needs action if its reason is one that sends a notice, or if its standby differs from the primary (DRIFT),
    has old data (STALE), or is not the only standby (DOUBLED). --status PRIMARY_GONE lists desktops that no longer
    exist. The total is the number of desktops that the last complete sweep counted.
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
