"""Terminate orphans. Only this module of the product terminates WorkSpaces, with the permissions of the caller.

Each orphan is checked in both Regions twice: before the confirmation, and right before the call. The ledger records the
intention before the call, and the result after it. The command can be interrupted at any step and run again: a standby
that is already being terminated is only recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from cli import finding
from cli.answers import Answer, Column, Table, text
from cli.asking import progress
from cli.changing import Ways, counted
from cli.explaining import terminate_command
from cli.orphan_checks import Answer as Verdicts
from cli.orphan_checks import Seen, Verdict, check
from cli.orphans import Orphan, money, uses
from cli.problems import Problem, Status
from standby.aws.call import call
from standby.aws.workspaces import WorkSpaces, entries, string
from standby.core.model import BATCH, Unknown, WorkspaceId, batches
from standby.core.model import Status as RowStatus
from standby.core.outcomes import Answer as Answered
from standby.core.outcomes import Refusal, Refused
from standby.core.row import Row
from standby.core.settings import Settings

if TYPE_CHECKING:
    from cli.ledger import Ledger
    from cli.running import Run
    from standby.aws.call import Pacer

# Existing primaries in the ledger: an answer without them says nothing about the others either.
_WITNESSES: Final = 3
# The results for an orphan.
TERMINATING, GONE, FAILED, NOT_KNOWN = "TERMINATING", "GONE", "FAILED", "NOT_KNOWN"
_WELL: Final = frozenset({TERMINATING, GONE})
_OF: Final = {Verdicts.GO: "GO", Verdicts.GOING: "GOING", Verdicts.WAIT: "WAIT", Verdicts.AGAINST: "REFUSED"}
_SHOWN: Final = {
    "GO": "possible",
    "GOING": "in progress",
    "WAIT": "not now",
    "REFUSED": "refused",
    TERMINATING: "started",
    GONE: "done",
    FAILED: "failed",
    NOT_KNOWN: "not known",
}
_COLUMNS: Final = (
    text("standby_id", "Standby"),
    text("user_name", "User"),
    Column("result", "Termination", lambda value: _SHOWN.get(value, str(value))),
    text("why"),
    Column("monthly_cost", "Monthly", money, spare=True),
    Column("waiting", "Blocks", lambda ids: ", ".join(ids) or "none"),
    Column("primary_id", "Primary", spare=True),
)


@dataclass
class Checks:
    """Checks orphans in both Regions; WorkSpaces are described each time, tags are read once."""

    run: Run
    ledger: Ledger
    settings: Settings | None
    unsettled: str
    witnesses: Sequence[WorkspaceId]
    pace: Pacer
    _tags: dict[WorkspaceId, Mapping[str, str] | Unknown] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run, ledger: Ledger) -> Checks:
        """The checks for a pair, with the settings that the last sweep saved."""
        kept, digest = ledger.kept_settings(), ledger.pair.outputs.get("ConfigDigest")
        unsettled = ""
        if kept is None:
            unsettled = "The ledger does not have the settings yet. The next sweep of this version saves them."
        elif digest is not None and digest != kept.config_digest:
            unsettled = "The configuration was deployed after the last sweep. The next sweep saves it."
        standing = chain(ledger.by_status(RowStatus.PROTECTED), ledger.uncovered())
        witnesses = [WorkspaceId(str(item["pk"])) for item in islice(standing, _WITNESSES)]
        return cls(run, ledger, kept.settings if kept else None, unsettled, witnesses, run.pacer(burst=4))

    def verdicts(self, orphans: Sequence[Orphan]) -> dict[WorkspaceId, Verdict]:
        """The result of the checks for each orphan, by the id of its primary."""
        rows = [one.row for one in orphans]
        seen = self._at(rows)
        return {row.primary_id: self._verdict(row, seen[row.primary_id]) for row in rows}

    def _verdict(self, row: Row, seen: Seen) -> Verdict:
        if self.settings is None or self.unsettled:
            return Verdict(Verdicts.WAIT, self.unsettled)
        return check(row, seen, self.settings, self.run.clock.now())

    def _at(self, rows: Sequence[Row]) -> dict[WorkspaceId, Seen]:
        pair, aws = self.ledger.pair, self.run.aws
        here = WorkSpaces(aws.client("workspaces", pair.region, once=True), self.pace)
        there = WorkSpaces(aws.client("workspaces", pair.dr_region, once=True), self.pace)
        ids = [row.standby_id for row in rows if row.standby_id]
        standbys, used = there.describe(ids), uses(aws, pair, ids, self.pace)
        found: dict[WorkspaceId, Seen] = {}
        most = BATCH - len(self.witnesses)
        for start in range(0, len(rows), most):
            part = rows[start : start + most]
            shown = here.describe([*(row.primary_id for row in part), *self.witnesses])
            has_witness = any(one in shown and not isinstance(shown[one], Unknown) for one in self.witnesses)
            for row in part:
                one = row.standby_id or WorkspaceId("")
                found[row.primary_id] = Seen(
                    primary=shown.get(row.primary_id),
                    has_witness=has_witness,
                    standby=standbys.get(one),
                    tags=self._tags_of(one),
                    use=used.get(one, Unknown("NotAsked", "the ledger names no standby")),
                )
        return found

    def _tags_of(self, standby: WorkspaceId) -> Mapping[str, str] | Unknown:
        if standby and isinstance(self._tags.get(standby, Unknown("", "")), Unknown):
            self.pace.wait()
            client = self.run.aws.client("workspaces", self.ledger.pair.dr_region, once=True)
            answer = call(client.describe_tags, ResourceId=standby)
            if isinstance(answer, Answered):
                self._tags[standby] = {
                    str(one.get("Key")): str(one.get("Value")) for one in entries(answer.body, "TagList")
                }
            else:
                self._tags[standby] = Unknown(answer.code, answer.message)
        return self._tags.get(standby, Unknown("NotAsked", "the ledger names no standby"))


def terminate(run: Run, chosen: Sequence[Orphan], ended: Sequence[Row], ways: Ways) -> Status:
    """Terminate the orphans that pass the checks; answer with the result for each.

    `ended` are named orphans that were terminated earlier; they are listed as done.
    """
    ledger = run.ledger(run.pair)
    before = [_row(Orphan(row), GONE, "It was terminated earlier.") for row in ended]
    if not chosen:
        return run.of_ledgers(_answer(ledger, before, [], ways), [ledger])
    checks = Checks.of(run, ledger)
    with progress(f"Checking {counted(len(chosen), 'orphan')} in both Regions"):
        verdicts = checks.verdicts(chosen)
    by_id = {one.row.primary_id: one for one in chosen}
    ready = [one for one in chosen if verdicts[one.row.primary_id].answer is Verdicts.GO]
    going = [one for one in chosen if verdicts[one.row.primary_id].answer is Verdicts.GOING]
    refused = [one.row for one in chosen if verdicts[one.row.primary_id].is_final]
    results = {one: (_OF[verdict.answer], verdict.why) for one, verdict in verdicts.items()}
    plan = Table("orphans", _COLUMNS, [*before, *(_row(one, *results[one.row.primary_id]) for one in chosen)])
    if ways.dry_run or not (ready or going):
        answer = _planned(run, plan, len(before), ready, ways)
        answer.cautions += _yourself(refused)
        return run.give(answer)
    region = ledger.pair.dr_region
    if ready:
        what = f"Terminate {counted(len(ready), 'standby', 'standbys')} in {region} and destroy the data"
        ways.ask(run, what, len(ready), plan)
    work = _Work(run, checks, ways, results)
    problem: Problem | None = None
    try:
        with progress(f"Terminating {counted(len(ready), 'standby', 'standbys')}"):
            for batch in batches(ready):
                work.end(batch)
            if going:
                work.record([one.row.primary_id for one in going])
    except Problem as stopped:
        problem = stopped
        if not work.called and not work.recorded:
            raise
    rows, sentences = _read_back(ledger, by_id, work)
    answer = _answer(ledger, [*before, *rows], sentences, ways)
    answer.cautions += _yourself(refused)
    status = run.of_ledgers(answer, [ledger])
    if problem is not None:
        raise problem
    return status


@dataclass
class _Work:
    """Terminates orphans in batches, and keeps the result for each."""

    run: Run
    checks: Checks
    ways: Ways
    results: dict[WorkspaceId, tuple[str, str]]
    called: list[WorkspaceId] = field(default_factory=list)
    recorded: list[WorkspaceId] = field(default_factory=list)

    def end(self, batch: Sequence[Orphan]) -> None:
        """Check again, record the intention, call TerminateWorkspaces, and record the result.

        Raises
        ------
        Problem
            protect or AWS refused the whole call.
        """
        verdicts = self.checks.verdicts(batch)
        self.results |= {one: (_OF[verdict.answer], verdict.why) for one, verdict in verdicts.items()}
        ready = [one.row for one in batch if verdicts[one.row.primary_id].answer is Verdicts.GO]
        if not ready:
            return
        ids = [row.primary_id for row in ready]
        self._ask("before", ids)
        self._terminate(ready)
        self.record(ids)

    def record(self, ids: Sequence[WorkspaceId]) -> None:
        """Let protect record which standbys are being, or were, terminated: their places are then free."""
        self._ask("after", ids)
        self.recorded += ids

    def _ask(self, phase: str, ids: Sequence[WorkspaceId]) -> None:
        protect = self.run.protect(self.checks.ledger.pair)
        protect.ask("terminate", self.ways.because, phase=phase, workspace_ids=list(ids))

    def _terminate(self, rows: Sequence[Row]) -> None:
        region = self.checks.ledger.pair.dr_region
        client = self.run.aws.client("workspaces", region, once=True)
        self.checks.pace.wait()
        requests = [{"WorkspaceId": row.standby_id} for row in rows]
        answer = call(client.terminate_workspaces, TerminateWorkspaceRequests=requests)
        match answer:
            case Refused(kind, code, message):
                raise _refused(region, kind, code, message)
            case Answered(body):
                failed = {string(one, "WorkspaceId"): one for one in entries(body, "FailedRequests")}
                for row in rows:
                    if error := failed.get(row.standby_id):
                        why = f"{error.get('ErrorCode')}: {error.get('ErrorMessage')}"
                        self.results[row.primary_id] = (FAILED, why)
                    else:
                        self.results[row.primary_id] = (TERMINATING, "")
            case _:
                why = f"TerminateWorkspaces gave no clear answer ({answer.code}). Run the command again."
                self.results |= {row.primary_id: (NOT_KNOWN, why) for row in rows}
        self.called += [row.primary_id for row in rows]


def _refused(region: str, kind: Refusal, code: str, message: str) -> Problem:
    """The Problem that the whole TerminateWorkspaces call was refused: it terminated nothing."""
    fix = "Run the command again. Completed terminations are not repeated."
    if kind is Refusal.DENIED:
        # By design, no policy of the stack grants it: the caller needs this permission.
        fix = "workspaces:TerminateWorkspaces is missing. No policy of the stack grants it: use a role that has it."
    return Problem(code, f"TerminateWorkspaces in {region} was refused: {code}: {message}", fix, Status.REFUSED)


def _row(one: Orphan, result: str, why: str, item: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "standby_id": one.row.standby_id,
        "user_name": one.row.user_name,
        "result": result,
        "why": why,
        "monthly_cost": None if one.price is None else str(one.price),
        "waiting": list(one.waiting),
        "primary_id": one.row.primary_id,
        **({"status": item.get("status"), "reason_code": item.get("reason_code")} if item else {}),
    }


def _yourself(refused: Sequence[Row]) -> list[str]:
    """How a person terminates standbys that this command always refuses, in a sentence for each Region."""
    by_region: dict[str, list[str]] = {}
    for row in refused:
        if row.standby_id is not None:
            by_region.setdefault(str(row.dr_region), []).append(row.standby_id)
    return [
        f"This command always refuses {', '.join(ids[:BATCH])}. If nobody needs the data, terminate it yourself, after"
        f" the checks in docs/operate/orphans.md: {terminate_command(region, ' '.join(ids[:BATCH]))}"
        for region, ids in by_region.items()
    ]


def _planned(run: Run, plan: Table, ended: int, ready: Sequence[Orphan], ways: Ways) -> Answer:
    total = len(list(plan.rows))
    closing = [f"{len(ready)} of {counted(total, 'orphan')} can be terminated. Nothing was changed."]
    answer = Answer([plan], {**ways.facts(run.pair), "terminated": 0}, closing=lambda: closing)
    answer.found = lambda: len(ready) + ended < total
    if ready:
        answer.next = "run the command again without --dry-run."
    return answer


def _read_back(
    ledger: Ledger, by_id: Mapping[WorkspaceId, Orphan], work: _Work
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The result for each orphan as the ledger has it now, and sentences about desktops that waited for a place."""
    waiting = [one for done in work.recorded for one in by_id[done].waiting]
    present = ledger.states([*work.recorded, *waiting])
    rows = list[Mapping[str, Any]]()
    for one, orphan in by_id.items():
        result, why = work.results[one]
        item = present.get(one)
        is_free = item is not None and not finding.is_orphan(item)
        if one in work.recorded and result != FAILED:
            if is_free:
                result = TERMINATING if one in work.called else GONE
                why = "The user's place is free."
            elif result == TERMINATING:
                why = "The DR Region does not show the termination yet. Run the command again in a few minutes."
        rows.append(_row(orphan, result, why, item))
    sentences = []
    for one in waiting:
        found = present.get(one, {})
        sentences.append(f"{one} of {found.get('user_name')} waited for the place. It is now {found.get('status')}.")
    return rows, sentences


def _answer(ledger: Ledger, rows: Sequence[Mapping[str, Any]], sentences: Sequence[str], ways: Ways) -> Answer:
    well = [row for row in rows if row["result"] in _WELL]
    said = [
        f"{len(well)} of {counted(len(rows), 'orphan')} {'was' if len(well) == 1 else 'were'} terminated.",
        *sentences,
    ]
    table = Table("orphans", _COLUMNS, rows, empty="There is no orphan to terminate.")
    answer = Answer([table], {**ways.facts(ledger.pair), "terminated": len(well)})
    answer.closing = lambda: said if rows else []
    answer.found = lambda: len(well) < len(rows)
    waiting = [one for row in rows for one in row["waiting"] if row["result"] in _WELL]
    answer.next = "`standby orphans` lists the orphans that remain."
    if len(waiting) == 1:
        answer.next = f"`standby show {waiting[0]}` shows the progress of the waiting desktop."
    return answer
