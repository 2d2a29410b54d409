"""`standby keep`: protect an orphan from termination by `standby orphans --terminate`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.changing import DryRun, ReasonText, Ways, Yes
from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    words: Annotated[
        list[str], typer.Argument(metavar="ID|USER…", help="Ids of orphans or of their primaries, or user names.")
    ],
    undo: Annotated[bool, typer.Option("--undo", help="Allow termination again.")] = False,
    reason: ReasonText = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Status:
    """Keep an orphan: `standby orphans --terminate` refuses to terminate it.

    \b
    Examples
      standby keep ws-1abc2def3 --reason "alice fetches her data until Friday"
      standby keep --undo ws-1abc2def3

    The command does not ask for confirmation; --undo reverses it at any time. The orphan is still billed.
    """
    from cli import finding
    from cli.answers import Answer, Column, Table, text
    from cli.changing import counted
    from cli.orphans import by_name

    pair, ledger, protect = run.pair, run.ledger(run.pair), run.protect(run.pair)
    ways = Ways("keep --undo" if undo else "keep", reason, dry_run, yes)
    found = finding.desktops(ledger, words, fits=finding.is_orphan, what="orphan")
    ids = [str(row["pk"]) for row in found.rows]
    more: dict[str, Any] = {"undo": True} if undo else {}
    decisions = protect.ask("keep", ways.because, dry_run=dry_run, workspace_ids=ids, **more)
    changed = [one.subject for one in decisions if one.action != "NONE"]
    present = ledger.states(ids)
    rows = [
        {
            "standby_id": item.get("standby_id"),
            "user_name": item.get("user_name"),
            "kept": (item.get("conditions") or {}).get("KEPT", {}).get("note"),
            "changed": one in changed and not dry_run,
            "primary_id": one,
            "message": item.get("message"),
        }
        for one in ids
        if (item := present.get(one))
    ]
    columns = [
        text("standby_id", "Standby"),
        text("user_name", "User"),
        Column("kept", "Kept by", by_name),
        text("primary_id", "Primary"),
        text("message", "Details"),
    ]
    is_well = dry_run or all(bool(row["kept"]) is not undo for row in rows)
    verb = ("would be" if dry_run else "is") if len(changed) == 1 else ("would be" if dry_run else "are")
    state = "no longer kept" if undo else "kept"
    closing = [f"{counted(len(changed), 'orphan')} {verb} {state}."]
    if same := len(ids) - len(changed):
        closing.append(f"{same} {'was' if same == 1 else 'were'} already {state}. Nothing was changed for them.")
    answer = Answer([Table("orphans", columns, rows)], {**ways.facts(pair), "undo": undo}, closing=lambda: closing)
    answer.found = lambda: not is_well
    answer.next = "`standby orphans` lists all orphans."
    return run.of_ledgers(answer, [ledger])
