"""`standby audit`: who was covered when, by what, and who caused it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.problems import Problem, Status
from cli.running import Run


def work(
    run: Run,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="Who was covered at this moment, and how sure that is.")
    ] = None,
    on: Annotated[str | None, typer.Option(metavar="DAY", help="The figures and the changes of a UTC day.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="From then on. Default: 7d.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to then. Default: now.")] = None,
    directory: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only of this directory. Can be given more than once.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME|ID", help="Only of this user, or of one desktop.")] = None,
    uncovered: Annotated[bool, typer.Option("--uncovered", help="With --as-of: only who was not covered.")] = False,
    changes: Annotated[bool, typer.Option("--changes", help="The changes alone, without the figures of days.")] = False,
) -> Status:
    """Report who was covered when, and who caused each change.

    \b
    Examples
      standby audit --user alice --as-of 'yesterday 14:00'
      standby audit --as-of 2026-03-03T14:00 --uncovered
      standby audit --on 2026-03-03
      standby audit --since 30d                       for the management: each day's coverage
      standby audit --since 30d --output csv > coverage.csv
      standby audit --user alice --since 2026-01-01

    Times are 2026-03-03, 2026-03-03T14:00 (local), 2026-03-03T14:00Z, 'yesterday 14:00' or 7d. With --output csv a
    period is its days, and with --changes its changes. Of a day without a complete sweep the coverage is not known, and
    the exit status is 4. The exit status is 1 if --as-of finds somebody without cover.
    """
    from cli.auditing import Scope, at_moment, of_period
    from cli.times import moment

    scope = Scope(directory or (), user)
    if as_of is not None:
        if on or since or until or changes:
            raise Problem("OneTime", "--as-of is a moment, and the other options are a period.", "Name one of them.")
        return at_moment(run, moment(as_of, run.now), scope, uncovered=uncovered)
    if on is not None and (since or until):
        raise Problem("OneTime", "--on is a day, and --since and --until are a period.", "Name one of them.")
    if uncovered:
        raise Problem("NoMoment", "--uncovered asks who was not covered at a moment.", "Add --as-of TIME.")
    first = moment(on or since or "7d", run.now)
    last = moment(on or until or "now", run.now, end=True)
    return of_period(run, first, last, scope, only_changes=changes)
