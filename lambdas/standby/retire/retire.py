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

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from standby.clock import to_text
from standby.ledger.gates import Gates
from standby.ledger.ledger import ALL_SHARDS
from standby.ledger.recorder import Recorder
from standby.model import Status
from standby.reasons import MEANING, Reason
from standby.retire.look import Answer, OrphanLook, Verdict
from standby.retire.termination import Termination
from standby.retire.witnesses import Witnesses
from standby.retire.writer import UNCLAIMED, OrphanWriter
from standby.rows import Row
from standby.service.describe import Primaries
from standby.service.terminate import OrphanedStandbys
from standby.settings import Settings
from standby.sweep.orphans import Evidence, OrphanMemory

# A whole day, and what clocks may be apart.
AHEAD = timedelta(hours=24, minutes=15)
AGAIN = timedelta(hours=24)
# An announcement that nothing came of for so long is nobody's expectation any more.
_STALE = timedelta(days=7)
_NOT_ANNOUNCED = (Reason.ORPHANED, Reason.TERMINATION_CALLED_OFF)


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
        self._memory = memory
        self._settings = settings
        self._has_time = has_time
        self._clock = recorder.clock
        witnesses = Witnesses(recorder.ledger)
        self._look = OrphanLook(primaries, standbys, memory, settings, recorder.clock, witnesses)
        self._writer = OrphanWriter(recorder, settings)
        self._termination = Termination(
            recorder=recorder,
            writer=self._writer,
            look=self._look,
            standbys=standbys,
            memory=memory,
            gates=gates,
            settings=settings,
        )

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
        closed = self._termination.closed()
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
        return {"outcome": f"{len(orphans)} orphans", **self._writer.done}

    def _goes_on(self) -> bool:
        return not self._termination.is_over and self._has_time()

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
            self._writer.tell(f"An orphan is not announced: {verdict.why}", row)
            self._recorder.try_to(lambda: self._memory.put_off(row.primary_id, now))
            return False
        after = now + AHEAD
        since = to_text(evidence.since or now)
        detail = f"It is {row.standby_id}, an orphan since {since}; it is terminated after {to_text(after)}."
        detail = f"{detail} {self._writer.worth(row)}"
        return self._writer.write(row, Reason.TERMINATION_ANNOUNCED, detail, terminate_after=after) is not None

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
                self._termination.terminate(row)
            case Answer.GOING if row.reason is Reason.TERMINATION_CLAIMED:
                self._writer.write(row, Reason.ORPHAN_TERMINATED, f"It is {row.standby_id}. {verdict.why}", **UNCLAIMED)
            case Answer.AGAINST:
                self._writer.call_off(row, verdict.why)
            case Answer.WAIT:
                self._writer.tell(f"An orphan's termination waits: {verdict.why}", row)

    def _is_stale(self, row: Row) -> bool:
        return row.terminate_after is None or self._clock.now() - row.terminate_after > _STALE
