"""Terminates orphans, where that is configured: standbys of ours whose primaries are gone. The data on them is lost.

1. **Evidence** (`sweep/orphans.py`): for `orphan_days` every complete sweep has found the primary gone, and the standby
   there.
2. **Announce** it, a day ahead, in its row and by a notice, if a look (`look.py`) finds nothing against it.
3. **Look** again when the day has passed. What speaks against it calls it off; what is not known makes it wait.
4. **Claim** it in one transaction with the day's counter. Of two that are at it at once, one loses the race.
5. **Check** right before sending: the pause switch, the mode, the wish to keep it, the claim.
6. **Call** once (`service/terminate.py`), and record what AWS said. Without a clear answer the row stays claimed, and a
   look tells what became of it. That the standby is gone, and its place free, is only the sweep's to say.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from standby.clock import to_text
from standby.decisions.decision import record
from standby.decisions.gone import worth
from standby.ledger.claims import COUNTER, LEASE
from standby.ledger.gates import Gates
from standby.ledger.ledger import ALL_SHARDS, LostRace
from standby.ledger.recorder import Recorder
from standby.ledger.table import ConditionFailed, LedgerUnavailable, Write
from standby.model import Status, WorkspaceId
from standby.protect.request import SENDING_TAKES
from standby.reasons import MEANING, Reason
from standby.retire.look import Answer, OrphanLook, Verdict
from standby.retire.witnesses import Witnesses
from standby.rows import Row
from standby.service.create import Refusal
from standby.service.describe import Primaries
from standby.service.refusals import Kind
from standby.service.terminate import Accepted, OrphanedStandbys, Outcome
from standby.settings import Settings
from standby.sweep.orphans import Evidence, OrphanMemory

# A whole day, and what clocks may be apart.
AHEAD = timedelta(hours=24, minutes=15)
AGAIN = timedelta(hours=24)
# An announcement that nothing came of for so long is nobody's expectation any more.
_STALE = timedelta(days=7)
_NOT_ANNOUNCED = (Reason.ORPHANED, Reason.TERMINATION_CALLED_OFF)
_LATER = (Kind.THROTTLED, Kind.UNREACHABLE)


@dataclass(frozen=True)
class _Claim:
    row: Row
    day: str


def terminations_of(day: str) -> str:
    """The partition key of a UTC day's counter of terminations."""
    return f"COUNTER#TERMINATIONS#{day}"


class Retirement:
    """One invocation's work."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        primaries: Primaries,
        standbys: OrphanedStandbys,
        memory: OrphanMemory,
        gates: Gates,
        settings: Settings,
        has_time: Callable[[], bool],
    ) -> None:
        self._recorder = recorder
        self._ledger = recorder.ledger
        self._standbys = standbys
        self._memory = memory
        self._gates = gates
        self._settings = settings
        self._has_time = has_time
        self._clock = recorder.clock
        witnesses = Witnesses(recorder.ledger)
        self._look = OrphanLook(primaries, standbys, memory, settings, recorder.clock, witnesses)
        self._done: Counter[str] = Counter()
        self._is_over = False

    def retire(self) -> dict[str, Any]:
        """Take up what is due, then announce what may go next.

        Returns
        -------
        dict
            `{"outcome": …, REASON: how many rows came to have it, …}`

        Raises
        ------
        LedgerUnavailable
            The ledger could not be read: then nothing is terminated.
        """
        closed = self._closed()
        if closed is not None:
            return {"outcome": f"Nothing is terminated: {MEANING[closed].sentence}"}
        orphans = self._orphans()
        known = self._memory.evidence([row.primary_id for row in orphans])
        for row in orphans:
            if self._is_due(row) and self._goes_on():
                self._take_up(row, known.get(row.primary_id, Evidence()))
        room = self._settings.max_terminations_per_day - sum(
            row.reason is Reason.TERMINATION_ANNOUNCED for row in orphans
        )
        for row in orphans:
            if room <= 0 or not self._goes_on():
                break
            room -= self._announce(row, known.get(row.primary_id, Evidence()))
        return {"outcome": f"{len(orphans)} orphans", **self._done}

    def _closed(self) -> Reason | None:
        """Why nothing may be terminated now. A quota that is used up only holds creations."""
        if self._settings.orphans != "terminate":
            return Reason.OBSERVE_MODE
        closed = self._gates.closed()
        return closed if closed in (Reason.OBSERVE_MODE, Reason.PAUSED) else None

    def _goes_on(self) -> bool:
        return not self._is_over and self._has_time()

    def _orphans(self) -> list[Row]:
        """All orphans, those first that have been what they are for longest."""
        found = [
            row
            for shard in ALL_SHARDS
            for rows, _ in self._ledger.rows_by_status(Status.PRIMARY_GONE, shard)
            for row in rows
            if row.is_orphan and row.standby_id is not None
        ]
        return sorted(found, key=lambda row: row.changed_at)

    # 2. Announce

    def _announce(self, row: Row, evidence: Evidence) -> bool:
        now = self._clock.now()
        is_put_off = evidence.put_off_at is not None and now - evidence.put_off_at < AGAIN
        if row.reason not in _NOT_ANNOUNCED or is_put_off:
            return False
        if self._look.by_ledger(row, evidence).answer is not Answer.GO:
            return False
        verdict = self._look.judge(row, evidence)
        if verdict.answer is not Answer.GO:
            self._tell(f"An orphan is not announced: {verdict.why}", row)
            self._recorder.try_to(lambda: self._memory.put_off(row.primary_id, now))
            return False
        after = now + AHEAD
        since = to_text(evidence.since or now)
        detail = f"It is {row.standby_id}, an orphan since {since}; it is terminated after {to_text(after)}."
        detail = f"{detail} {self._worth(row)}"
        return self._write(row, Reason.TERMINATION_ANNOUNCED, detail, terminate_after=after) is not None

    # 3. Look again

    def _is_due(self, row: Row) -> bool:
        now = self._clock.now()
        match row.reason:
            case Reason.TERMINATION_ANNOUNCED:
                return row.terminate_after is None or now >= row.terminate_after
            case Reason.TERMINATION_CLAIMED:
                return row.claim_expires_at is None or now >= row.claim_expires_at
            case Reason.TERMINATION_REFUSED | Reason.ORPHAN_TERMINATED:
                return now - row.changed_at >= AGAIN
        return False

    def _take_up(self, row: Row, evidence: Evidence) -> None:
        verdict = self._look.judge(row, evidence)
        if verdict.answer in (Answer.GO, Answer.WAIT) and self._is_stale(row):
            verdict = Verdict(Answer.AGAINST, f"Nothing came of it within {_STALE.days} days. {verdict.why}".rstrip())
        match verdict.answer:
            case Answer.GO:
                self._terminate(row)
            case Answer.GOING if row.reason is Reason.TERMINATION_CLAIMED:
                self._write(row, Reason.ORPHAN_TERMINATED, f"It is {row.standby_id}. {verdict.why}", **_UNCLAIMED)
            case Answer.AGAINST:
                self._call_off(row, verdict.why)
            case Answer.WAIT:
                self._tell(f"An orphan's termination waits: {verdict.why}", row)

    def _is_stale(self, row: Row) -> bool:
        return row.terminate_after is None or self._clock.now() - row.terminate_after > _STALE

    def _call_off(self, row: Row, why: str, beside: Sequence[Write] = ()) -> None:
        detail = f"It was {row.standby_id}'s. {why} {self._worth(row)}"
        self._write(row, Reason.TERMINATION_CALLED_OFF, detail, beside=beside, **_UNCLAIMED)

    def _worth(self, row: Row) -> str:
        return worth(row, row.standby_id or WorkspaceId(""), row.dr_region, row.compute_type, self._settings)

    # 4. Claim

    def _terminate(self, row: Row) -> None:
        claim = self._claim(row)
        if claim is not None and self._may_be_sent(claim):
            self._settle(claim, self._standbys.terminate(claim.row.standby_id or WorkspaceId("")))

    def _claim(self, row: Row) -> _Claim | None:
        now = self._clock.now()
        day = to_text(now)[:10]
        taken = Write(
            key={"pk": terminations_of(day), "sk": COUNTER},
            update="ADD taken :by",
            condition="attribute_not_exists(taken) OR taken < :limit",
            values={":by": 1, ":limit": self._settings.max_terminations_per_day},
        )
        try:
            claimed = self._write(
                row,
                Reason.TERMINATION_CLAIMED,
                f"It is {row.standby_id}.",
                beside=[taken],
                claim_owner=self._recorder.context.owner,
                claim_expires_at=now + LEASE,
                terminate_after=row.terminate_after,
            )
        except ConditionFailed:
            self._is_over = True  # today's are done
            return None
        return _Claim(claimed, day) if claimed is not None else None

    # 5. Check

    def _may_be_sent(self, claim: _Claim) -> bool:
        row = claim.row
        try:
            closed = self._closed()
            present = self._ledger.load([row.primary_id]).get(row.primary_id)
            evidence = self._memory.evidence([row.primary_id]).get(row.primary_id, Evidence())
        except LedgerUnavailable as problem:
            # Not known to be open is closed; the claim ends by itself.
            self._tell(str(problem), row)
            self._is_over = True
            return False
        if not isinstance(present, Row) or present.change_id != row.change_id:
            self._tell("An orphan's claim was taken over.", row)
            return False
        if closed is not None:
            self._is_over = True
            self._give_back(claim, MEANING[closed].sentence)
            return False
        verdict = self._look.by_ledger(row, evidence)
        if verdict.answer is not Answer.GO:
            self._call_off(row, verdict.why, beside=[_not_taken(claim.day)])
            return False
        if row.claim_expires_at is None or row.claim_expires_at - self._clock.now() < SENDING_TAKES:
            self._give_back(claim, "There was not enough time left to send it safely.")
            return False
        return True

    def _give_back(self, claim: _Claim, why: str, error: tuple[str, str] | None = None) -> None:
        """It certainly was not terminated: as announced, and another one may be today."""
        self._write(
            claim.row,
            Reason.TERMINATION_ANNOUNCED,
            f"It is {claim.row.standby_id}. {why}",
            error=error,
            beside=[_not_taken(claim.day)],
            **_UNCLAIMED | {"terminate_after": claim.row.terminate_after},
        )

    # 6. What came of the call

    def _settle(self, claim: _Claim, outcome: Outcome) -> None:
        row, detail = claim.row, f"It is {claim.row.standby_id}."
        kept: dict[str, Any] = _UNCLAIMED | {"terminate_after": row.terminate_after}
        match outcome:
            case Accepted():
                self._recorder.telemetry.count("OrphansTerminated")
                self._write(row, Reason.ORPHAN_TERMINATED, detail, **kept)
            case Refusal(kind, code, message) if kind in _LATER:
                self._is_over = True  # the Region has enough to do
                self._give_back(claim, "It is tried again.", (code, message))
            case Refusal(_, code, message):
                beside = [_not_taken(claim.day)]
                self._write(row, Reason.TERMINATION_REFUSED, detail, error=(code, message), beside=beside, **kept)
            case unclear:
                # The row stays claimed, and says so; the next look after the lease tells what became of it.
                error = (unclear.code, unclear.message)
                self._write(row, Reason.TERMINATION_CLAIMED, detail, error=error, terminate_after=row.terminate_after)

    def _write(
        self,
        row: Row,
        reason: Reason,
        detail: str,
        *,
        error: tuple[str, str] | None = None,
        beside: Sequence[Write] = (),
        **changes: Any,
    ) -> Row | None:
        """Write an orphan's row; None if somebody else changed it, or nothing is known: the next look goes on.

        Raises
        ------
        ConditionFailed
            A condition of `beside` did not hold.
        """
        decision = record(row.primary_id, Status.PRIMARY_GONE, reason, detail, error=error)
        new = dataclasses.replace(self._ledger.next_row(row, decision, None, self._recorder.context), **changes)
        try:
            self._ledger.write(new, row, beside=beside)
        except (LostRace, LedgerUnavailable) as problem:
            self._tell(str(problem), row)
            return None
        self._recorder.telemetry.decided(decision, self._recorder.context, changed=True)
        self._done[reason] += 1
        return new

    def _tell(self, what: str, row: Row) -> None:
        self._recorder.telemetry.problem(what, primary_id=row.primary_id, standby_id=row.standby_id)


_UNCLAIMED: dict[str, Any] = {"claim_owner": None, "claim_expires_at": None}


def _not_taken(day: str) -> Write:
    return Write(key={"pk": terminations_of(day), "sk": COUNTER}, update="ADD taken :by", values={":by": -1})
