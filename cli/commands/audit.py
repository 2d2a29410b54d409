"""`standby audit`: which desktops were covered at which time, by which standby, and who caused each change."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Problem, Status
from cli.running import Run


def work(
    run: Run,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Show which desktops were covered at this time, and how certain that is."),
    ] = None,
    on: Annotated[
        str | None, typer.Option(metavar="DAY", help="Show the coverage and the changes of one UTC day.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Start of the period. Default: 7d.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="End of the period. Default: now.")] = None,
    directory: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this directory. Can be given more than once.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME|ID", help="Only this user, or one desktop.")] = None,
    uncovered: Annotated[
        bool, typer.Option("--uncovered", help="With --as-of: only desktops that were not covered.")
    ] = False,
    changes: Annotated[
        bool, typer.Option("--changes", help="Only the changes, without the coverage of each day.")
    ] = False,
) -> Status:
    """Show which desktops were covered at which time, and who caused each change.

    \b
    Examples
      standby audit --user alice --as-of 'yesterday 14:00'
      standby audit --as-of 2026-03-03T14:00 --uncovered
      standby audit --on 2026-03-03
      standby audit --since 30d                       the coverage of each day
      standby audit --since 30d --output csv > coverage.csv
      standby audit --user alice --since 2026-01-01

    Write times as 2026-03-03, 2026-03-03T14:00 (local), 2026-03-03T14:00Z, 'yesterday 14:00' or 7d. For a period,
    --output csv writes the coverage of each day; add --changes to write the changes instead. If a day has no complete
    sweep, its coverage is not known and the exit status is 4. The exit status is 1 if --as-of finds a desktop that was
    not covered.
    """
    from cli.auditing import Scope, at_moment, of_period
    from cli.times import moment

    scope = Scope(directory or (), user)
    if as_of is not None:
        if on or since or until or changes:
            raise Problem(
                "OneTime",
                "--as-of cannot be combined with --on, --since, --until or --changes.",
                "Use either --as-of for one time, or the other options for a period.",
            )
        return at_moment(run, moment(as_of, run.now), scope, uncovered=uncovered)
    if on is not None and (since or until):
        raise Problem(
            "OneTime", "--on cannot be combined with --since or --until.", "Use either --on or the other two."
        )
    if uncovered:
        raise Problem("NoMoment", "--uncovered requires --as-of.", "Add --as-of TIME.")
    first = moment(on or since or "7d", run.now)
    last = moment(on or until or "now", run.now, end=True)
    return of_period(run, first, last, scope, only_changes=changes)
