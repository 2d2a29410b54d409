"""Terminates one orphan: claims it, checks for the last time, calls once, and records what AWS said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from standby.clock import to_text
from standby.ledger.claims import LEASE, count
from standby.ledger.gates import Gates
from standby.ledger.recorder import Recorder
from standby.ledger.table import ConditionFailed, LedgerUnavailable, Write
from standby.model import WorkspaceId
from standby.protect.request import SENDING_TAKES
from standby.reasons import MEANING, Reason
from standby.retire.look import Answer, OrphanLook
from standby.retire.writer import UNCLAIMED, OrphanWriter
from standby.rows import Row
from standby.service.create import Refusal
from standby.service.refusals import Kind
from standby.service.terminate import Accepted, OrphanedStandbys, Outcome
from standby.settings import Settings
from standby.sweep.orphans import Evidence, OrphanMemory

_LATER = (Kind.THROTTLED, Kind.UNREACHABLE)


@dataclass(frozen=True)
class _Claim:
    row: Row
    day: str


def terminations_of(day: str) -> str:
    """The partition key of a UTC day's counter of terminations."""
    return f"COUNTER#TERMINATIONS#{day}"


class Termination:
    """Steps 4 to 6 of `retire.py`. `is_over` says that no more can be terminated in this invocation."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        writer: OrphanWriter,
        look: OrphanLook,
        standbys: OrphanedStandbys,
        memory: OrphanMemory,
        gates: Gates,
        settings: Settings,
    ) -> None:
        self.is_over = False
        self._recorder = recorder
        self._writer = writer
        self._look = look
        self._standbys = standbys
        self._memory = memory
        self._gates = gates
        self._settings = settings
        self._ledger = recorder.ledger
        self._clock = recorder.clock

    def closed(self) -> Reason | None:
        """Why nothing may be terminated now. A quota that is used up only holds creations."""
        if self._settings.orphans != "terminate":
            return Reason.OBSERVE_MODE
        closed = self._gates.closed()
        return closed if closed in (Reason.OBSERVE_MODE, Reason.PAUSED) else None

    # 4. Claim

    def terminate(self, row: Row) -> None:
        """Terminate one, if it still may be, and record what came of it."""
        claim = self._claim(row)
        if claim is not None and self._may_be_sent(claim):
            self._settle(claim, self._standbys.terminate(claim.row.standby_id or WorkspaceId("")))

    def _claim(self, row: Row) -> _Claim | None:
        now = self._clock.now()
        day = to_text(now)[:10]
        taken = count(terminations_of(day), 1, self._settings.max_terminations_per_day)
        try:
            claimed = self._writer.write(
                row,
                Reason.TERMINATION_CLAIMED,
                f"It is {row.standby_id}.",
                beside=[taken],
                claim_owner=self._recorder.context.owner,
                claim_expires_at=now + LEASE,
                terminate_after=row.terminate_after,
            )
        except ConditionFailed:
            self.is_over = True  # today's are done
            return None
        return _Claim(claimed, day) if claimed is not None else None

    # 5. Check

    def _may_be_sent(self, claim: _Claim) -> bool:
        row = claim.row
        try:
            closed = self.closed()
            present = self._ledger.load([row.primary_id]).get(row.primary_id)
            evidence = self._memory.evidence([row.primary_id]).get(row.primary_id, Evidence())
        except LedgerUnavailable as problem:
            # Not known to be open is closed; the claim ends by itself.
            self._writer.tell(str(problem), row)
            self.is_over = True
            return False
        if not isinstance(present, Row) or present.change_id != row.change_id:
            self._writer.tell("An orphan's claim was taken over.", row)
            return False
        if closed is not None:
            self.is_over = True
            self._give_back(claim, MEANING[closed].sentence)
            return False
        verdict = self._look.by_ledger(row, evidence)
        if verdict.answer is not Answer.GO:
            self._writer.call_off(row, verdict.why, beside=[_not_taken(claim.day)])
            return False
        if row.claim_expires_at is None or row.claim_expires_at - self._clock.now() < SENDING_TAKES:
            self._give_back(claim, "There was not enough time left to send it safely.")
            return False
        return True

    def _give_back(self, claim: _Claim, why: str, error: tuple[str, str] | None = None) -> None:
        """It certainly was not terminated: as announced, and another one may be today."""
        self._writer.write(
            claim.row,
            Reason.TERMINATION_ANNOUNCED,
            f"It is {claim.row.standby_id}. {why}",
            error=error,
            beside=[_not_taken(claim.day)],
            **UNCLAIMED | {"terminate_after": claim.row.terminate_after},
        )

    # 6. What came of the call

    def _settle(self, claim: _Claim, outcome: Outcome) -> None:
        row, detail = claim.row, f"It is {claim.row.standby_id}."
        kept: dict[str, Any] = UNCLAIMED | {"terminate_after": row.terminate_after}
        match outcome:
            case Accepted():
                self._recorder.telemetry.count("OrphansTerminated")
                self._writer.write(row, Reason.ORPHAN_TERMINATED, detail, **kept)
            case Refusal(kind, code, message) if kind in _LATER:
                self.is_over = True  # the Region has enough to do
                self._give_back(claim, "It is tried again.", (code, message))
            case Refusal(_, code, message):
                beside = [_not_taken(claim.day)]
                self._writer.write(
                    row, Reason.TERMINATION_REFUSED, detail, error=(code, message), beside=beside, **kept
                )
            case unclear:
                # The row stays claimed, and says so; the next look after the lease tells what became of it.
                error = (unclear.code, unclear.message)
                self._writer.write(
                    row, Reason.TERMINATION_CLAIMED, detail, error=error, terminate_after=row.terminate_after
                )


def _not_taken(day: str) -> Write:
    return count(terminations_of(day), -1)
