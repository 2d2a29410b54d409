"""Terminating orphans: the one place of this product that terminates a WorkSpace, with the rights of the person.

Each is looked at afresh in both Regions, twice: before the list is confirmed, and right before the call. The ledger has
the intention before it, and what became of it after. It can be interrupted between any two steps and run again: a
standby that is shown on its way out is not terminated again, only recorded.
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

# Primaries that the ledger knows to stand: an answer that does not have them either is no answer about the others.
_WITNESSES: Final = 3
# What became of each; the words of a result.
TERMINATING, GONE, FAILED, NOT_KNOWN = "TERMINATING", "GONE", "FAILED", "NOT_KNOWN"
_WELL: Final = frozenset({TERMINATING, GONE})
_OF: Final = {Verdicts.GO: "GO", Verdicts.GOING: "GOING", Verdicts.WAIT: "WAIT", Verdicts.AGAINST: "REFUSED"}
_SHOWN: Final = {
    "GO": "can be terminated",
    "GOING": "is on its way out already",
    "WAIT": "not now",
    "REFUSED": "no",
    TERMINATING: "is being terminated",
    GONE: "is gone",
    FAILED: "AWS refused it",
    NOT_KNOWN: "not known",
}
_COLUMNS: Final = (
    text("standby_id", "Standby"),
    text("user_name", "User"),
    Column("result", "Termination", lambda value: _SHOWN.get(value, str(value))),
    text("why"),
    Column("monthly_cost", "Monthly", money, spare=True),
    Column("waiting", "Waiting", lambda ids: ", ".join(ids) or "nobody"),
    Column("primary_id", "Primary", spare=True),
)


@dataclass
class Looks:
    """Fresh looks at orphans in both Regions; tags, which nobody changes in between, are read once."""

    run: Run
    ledger: Ledger
    settings: Settings | None
    unsettled: str
    witnesses: Sequence[WorkspaceId]
    pace: Pacer
    _tags: dict[WorkspaceId, Mapping[str, str] | Unknown] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run, ledger: Ledger) -> Looks:
        """Looks at the orphans of a pair, by the settings that the last sweep has kept: none are guessed."""
        kept, digest = ledger.kept_settings(), ledger.pair.outputs.get("ConfigDigest")
        unsettled = ""
        if kept is None:
            unsettled = "The ledger does not say what is configured. The next sweep of this version notes it."
        elif digest is not None and digest != kept.config_digest:
            unsettled = "The configuration was deployed after the last sweep. The next sweep notes it."
        standing = chain(ledger.by_status(RowStatus.PROTECTED), ledger.uncovered())
        witnesses = [WorkspaceId(str(item["pk"])) for item in islice(standing, _WITNESSES)]
        return cls(run, ledger, kept.settings if kept else None, unsettled, witnesses, run.pacer(burst=4))

    def verdicts(self, orphans: Sequence[Orphan]) -> dict[WorkspaceId, Verdict]:
        """What speaks against terminating each of some orphans, by their primaries' ids."""
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
    """Terminate those of some orphans that nothing speaks against; say what became of each, and why not.

    `ended` are some that are named and were terminated before: run again, the command says so of them.
    """
    ledger = run.ledger(run.pair)
    before = [_row(Orphan(row), GONE, "It was terminated before.") for row in ended]
    if not chosen:
        return run.of_ledgers(_answer(ledger, before, [], ways), [ledger])
    looks = Looks.of(run, ledger)
    with progress(f"Looking at {counted(len(chosen), 'orphan')} in both Regions"):
        verdicts = looks.verdicts(chosen)
    by_id = {one.row.primary_id: one for one in chosen}
    ready = [one for one in chosen if verdicts[one.row.primary_id].answer is Verdicts.GO]
    going = [one for one in chosen if verdicts[one.row.primary_id].answer is Verdicts.GOING]
    results = {one: (_OF[verdict.answer], verdict.why) for one, verdict in verdicts.items()}
    plan = Table("orphans", _COLUMNS, [*before, *(_row(one, *results[one.row.primary_id]) for one in chosen)])
    if ways.dry_run or not (ready or going):
        return run.give(_planned(run, plan, len(before), ready, ways))
    region = ledger.pair.dr_region
    if ready:
        what = f"Terminate {counted(len(ready), 'standby', 'standbys')} in {region}, and destroy the data on them"
        ways.ask(run, what, len(ready), plan)
    work = _Work(run, looks, ways, results)
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
    status = run.of_ledgers(_answer(ledger, [*before, *rows], sentences, ways), [ledger])
    if problem is not None:
        raise problem
    return status


@dataclass
class _Work:
    """Terminates batch by batch, and keeps what became of each."""

    run: Run
    looks: Looks
    ways: Ways
    results: dict[WorkspaceId, tuple[str, str]]
    called: list[WorkspaceId] = field(default_factory=list)
    recorded: list[WorkspaceId] = field(default_factory=list)

    def end(self, batch: Sequence[Orphan]) -> None:
        """Look again, record the intention, call TerminateWorkspaces, and record what came of it.

        Raises
        ------
        Problem
            Protect, or AWS, refused it as a whole.
        """
        verdicts = self.looks.verdicts(batch)
        self.results |= {one: (_OF[verdict.answer], verdict.why) for one, verdict in verdicts.items()}
        ready = [one.row for one in batch if verdicts[one.row.primary_id].answer is Verdicts.GO]
        if not ready:
            return
        ids = [row.primary_id for row in ready]
        self._ask("before", ids)
        self._terminate(ready)
        self.record(ids)

    def record(self, ids: Sequence[WorkspaceId]) -> None:
        """Let protect record which standbys go, or have gone: their places are free then."""
        self._ask("after", ids)
        self.recorded += ids

    def _ask(self, phase: str, ids: Sequence[WorkspaceId]) -> None:
        protect = self.run.protect(self.looks.ledger.pair)
        protect.ask("terminate", self.ways.because, phase=phase, workspace_ids=list(ids))

    def _terminate(self, rows: Sequence[Row]) -> None:
        region = self.looks.ledger.pair.dr_region
        client = self.run.aws.client("workspaces", region, once=True)
        self.looks.pace.wait()
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
    """The Problem that TerminateWorkspaces was refused as a whole: nothing of that call was done."""
    fix = "Run the command again: what was done is not done twice."
    if kind is Refusal.DENIED:
        # On purpose no policy of the stack has it: it is the person's own right.
        fix = "workspaces:TerminateWorkspaces is missing. No policy of the stack has it: use a role that has it."
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


def _planned(run: Run, plan: Table, ended: int, ready: Sequence[Orphan], ways: Ways) -> Answer:
    total = len(list(plan.rows))
    closing = [f"{len(ready)} of {counted(total, 'orphan')} can be terminated. Nothing was done."]
    answer = Answer([plan], {**ways.facts(run.pair), "terminated": 0}, closing=lambda: closing)
    answer.found = lambda: len(ready) + ended < total
    if ready:
        answer.next = "run the command again without --dry-run."
    return answer


def _read_back(
    ledger: Ledger, by_id: Mapping[WorkspaceId, Orphan], work: _Work
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """What became of each, as the ledger has it now, and of those who waited for a place."""
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
                why = "Its user's place is free."
            elif result == TERMINATING:
                why = "The DR Region does not show it yet. Run the command again in some minutes."
        rows.append(_row(orphan, result, why, item))
    sentences = []
    for one in waiting:
        found = present.get(one, {})
        sentences.append(f"{one} of {found.get('user_name')} waited for the place: it is {found.get('status')} now.")
    return rows, sentences


def _answer(ledger: Ledger, rows: Sequence[Mapping[str, Any]], sentences: Sequence[str], ways: Ways) -> Answer:
    well = [row for row in rows if row["result"] in _WELL]
    said = [
        f"{len(well)} of {counted(len(rows), 'orphan')} {'is' if len(well) == 1 else 'are'} terminated.",
        *sentences,
    ]
    table = Table("orphans", _COLUMNS, rows, empty="There is no orphan to terminate.")
    answer = Answer([table], {**ways.facts(ledger.pair), "terminated": len(well)})
    answer.closing = lambda: said if rows else []
    answer.found = lambda: len(well) < len(rows)
    waiting = [one for row in rows for one in row["waiting"] if row["result"] in _WELL]
    answer.next = f"`standby show {waiting[0]}` follows it." if len(waiting) == 1 else "`standby orphans`"
    return answer
