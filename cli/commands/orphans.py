"""`standby orphans`: list standbys whose primary no longer exists, or terminate them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.changing import Confirm, DryRun, ReasonText, Ways, Yes
from cli.problems import Problem, Status
from cli.running import Run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cli.ledger import Ledger
    from cli.orphans import Orphan, Orphans


def work(
    run: Run,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID|USER]…", help="Ids of orphans or of their primaries, or user names. Default: all."),
    ] = None,
    replaced: Annotated[
        bool,
        typer.Option(
            "--replaced", help="Only orphans whose user has a new desktop that cannot get a standby because of them."
        ),
    ] = False,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only orphans whose primary has been gone this long, e.g. 14d.")
    ] = None,
    terminate: Annotated[
        bool,
        typer.Option("--terminate", help="Terminate the orphans with your own permissions. Their data is destroyed."),
    ] = False,
    reason: ReasonText = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> Status:
    """List standbys whose primary no longer exists, or terminate them.

    \b
    Examples
      standby orphans
      standby orphans --replaced --older-than 14d
      standby orphans --terminate --replaced --dry-run
      standby orphans --terminate ws-1abc2def3 --reason CHG-4711

    Nothing else in this product terminates a WorkSpace. --terminate checks each orphan in both Regions, shows which can
    be terminated and why the others cannot, and asks for confirmation. It needs workspaces:TerminateWorkspaces in the
    DR Region, which no policy of the stack grants. It refuses a standby that may hold its user's last data, that was
    used in the last 14 days, or that is kept (`standby keep`). It can be interrupted and run again.
    """
    from cli import finding, orphans
    from standby.core.row import Row

    since = _moment(run, older_than)
    ways = Ways("orphans --terminate", reason, dry_run, yes, confirm)
    if not terminate and (dry_run or yes or reason or confirm):
        raise Problem(
            "WithoutTerminate",
            "--dry-run, --yes, --reason and --confirm require --terminate.",
            "Add --terminate, or leave them out to list orphans.",
        )
    ledgers = [run.ledger(run.pair)] if words or terminate else run.ledgers
    named: list[str] | None = None
    ended: list[finding.Item] = []
    if words:
        # When the command is run again, it reports what it has already terminated, and does the rest.
        fits = finding.is_or_was_orphan if terminate else finding.is_orphan
        found = finding.desktops(ledgers[0], words, fits=fits, what="orphan")
        named = [str(row["pk"]) for row in found.rows]
        ended = [row for row in found.rows if not finding.is_orphan(row)]
    read = [(ledger, orphans.read_orphans(ledger, named)) for ledger in ledgers]
    whole = orphans.Orphans(
        [one for _, part in read for one in part.found],
        sum(part.gone for _, part in read),
        [one for _, part in read for one in part.unreadable],
    )
    chosen = [
        one
        for one in whole.found
        if (not replaced or one.waiting)
        and (since is None or one.since <= since)
        and not (terminate and not named and one.kept)
    ]
    if terminate:
        from cli.terminating import terminate as end

        return end(run, chosen, [Row.from_item(one) for one in ended], ways)
    return _list(run, read, whole, chosen)


def _moment(run: Run, age: str | None) -> datetime | None:
    from cli import times

    return None if age is None else times.moment(age, run.now)


def _list(run: Run, read: Sequence[tuple[Ledger, Orphans]], whole: Orphans, chosen: Sequence[Orphan]) -> Status:
    import dataclasses

    from cli import orphans
    from cli.answers import Answer
    from cli.asking import progress
    from standby.core.model import Unknown

    missing = list(whole.unreadable)
    shown = list(chosen)
    pace = run.pacer(burst=4)
    for ledger, _ in read:
        here = [one for one in shown if one.stack == ledger.pair.stack]
        ids = [one.row.standby_id for one in here if one.row.standby_id]
        with progress(f"Reading last connections in {ledger.pair.dr_region}"):
            used = orphans.uses(run.aws, ledger.pair, ids, pace)
        if failed := [one for one in used.values() if isinstance(one, Unknown)]:
            why = f"{failed[0].code}: {failed[0].message}"
            missing.append(f"The last use of {len(failed)} of {len(ids)} orphans is not known: {why}".rstrip(".") + ".")
        shown = [
            dataclasses.replace(one, use=used[one.row.standby_id]) if one.row.standby_id in used else one
            for one in shown
        ]
    table = orphans.table_of(whole, shown, run.now, has_stacks=len(read) > 1)
    answer = Answer([table], {"orphans_in_all": len(whole.found)}, missing=missing)
    if shown:
        closing = [f"{len(shown)} of {len(whole.found)} orphans. {orphans.cost_of(shown)}"]
        answer.closing = lambda: closing
    answer.next = _next(shown)
    return run.of_ledgers(answer, [ledger for ledger, _ in read])


def _next(shown: Sequence[Orphan]) -> str:
    from cli.orphan_checks import strange

    left = [one for one in shown if not one.kept]
    possible = [one for one in left if not strange(one.row)]
    if any(one.waiting for one in possible):
        return "`standby orphans --terminate --replaced` makes room for the standbys of new desktops."
    if possible:
        return "`standby orphans --terminate` terminates orphans; `standby keep ID` keeps one."
    if left:
        return (
            "`standby orphans --terminate --dry-run` shows how to terminate them yourself; `standby keep ID` keeps one."
        )
    return "`standby status` shows the coverage."
