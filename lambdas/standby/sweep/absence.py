"""What is not there any more: concluded from two complete scans in a row that missed it, each with looks by its id.

"It" is one WorkSpace: a sweep that misses a primary and a next one that misses its standby have missed each once.
Gone is a conclusion from nothing being shown, so it is the slowest one there is, and it is undone by the first answer
that shows the WorkSpace again (`decisions/decide.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from standby.decisions.gone import what_is_gone
from standby.ledger.recorder import Recorder
from standby.model import DirectoryId, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.service.describe import Primaries, batches
from standby.settings import Settings
from standby.sweep.fleet import Census
from standby.sweep.memory import Missed, SweepMemory

# What a scan missed is asked for by its id so often, at most so far apart, before it counts as missed.
_LOOKS, _LOOKS_APART = 3, timedelta(seconds=5)


class Absences:
    """Compares the ledger's rows with what the scans of a run have seen, and records what is gone."""

    def __init__(
        self,
        recorder: Recorder,
        primaries: Primaries,
        partners: Primaries,
        memory: SweepMemory,
        settings: Settings,
        has_time: Callable[[], bool],
    ) -> None:
        self._recorder = recorder
        self._primaries = primaries
        self._partners = partners
        self._memory = memory
        self._settings = settings
        self._has_time = has_time
        self._apart = min(_LOOKS_APART, settings.poll_interval).total_seconds()

    def check(self, rows: Sequence[Row], census: Mapping[DirectoryId, Census]) -> int:
        """Conclude what follows for a page of rows; how many of them there was time for.

        Raises
        ------
        LedgerUnavailable
            What was missed before is not known.
        """
        suspects = [
            (number, row, found)
            for number, row in enumerate(rows)
            if row.primary_directory_id and (found := census.get(row.primary_directory_id)) and found.suspects(row)
        ]
        for batch in batches(suspects):
            if not self._confirm([(row, found) for _, row, found in batch]):
                return batch[0][0]
        return len(rows)

    def _confirm(self, batch: Sequence[tuple[Row, Census]]) -> bool:
        missed = self._memory.missed([row.primary_id for row, _ in batch])
        # A part that is done again has noted some already.
        suspects = [
            (row, found, before)
            for row, found in batch
            if (before := missed.get(row.primary_id)) is None or before.run != found.run
        ]
        primaries = _Asked(row.primary_id for row, *_ in suspects)
        standbys = _Asked(row.standby_id for row, *_ in suspects if row.standby_id)
        for number in range(_LOOKS):
            if not self._has_time():
                return False
            if number and (primaries.missing or standbys.missing):
                self._recorder.clock.sleep(self._apart)
            primaries.ask(self._primaries)
            standbys.ask(self._partners)
        for row, found, before in suspects:
            if row.primary_id in primaries.unclear or row.standby_id in standbys.unclear:
                continue
            seen = primaries.found.get(row.primary_id)
            standby = standbys.found.get(row.standby_id) if row.standby_id else None
            self._conclude(row, seen, standby, found, before)
        return True

    def _conclude(
        self, row: Row, seen: Workspace | None, standby: Workspace | None, census: Census, before: Missed | None
    ) -> None:
        missed = census.missed(row, seen, standby)
        gone = missed & before.ids if before and before.run == census.before else frozenset()
        if missed - gone:
            # One more sweep is needed for these. Noted first: what is concluded of the other changes the row.
            self._memory.note_missed(row.primary_id, Missed(census.run, missed), self._recorder.clock.now())
        decision = what_is_gone(row, seen, standby, gone, self._settings)
        if decision is None:
            return
        if decision.reason is Reason.ORPHANED:
            self._recorder.carry_out(decision, row, seen)
        else:
            self._recorder.release(decision, row, seen)


class _Asked:
    """WorkSpaces asked for by id: those `found`, those `missing` from every answer, those of which it is `unclear`."""

    def __init__(self, ids: Iterable[WorkspaceId]) -> None:
        self.missing = list(ids)
        self.found: dict[WorkspaceId, Workspace] = {}
        self.unclear: set[WorkspaceId] = set()

    def ask(self, where: Primaries) -> None:
        """Ask once more for what is missing."""
        described = where.describe(self.missing)
        self.found |= described.found
        self.unclear |= described.unknown.keys()
        self.missing = [one for one in self.missing if one not in self.found and one not in self.unclear]
