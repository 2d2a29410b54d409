"""The sweep's work: the whole fleet, page by page, directory by directory, paced, over as many invocations as it takes.

Each directory is scanned on its partner's side, then on its own. In the end the ledger's rows are gone through once:
what is not there any more follows from complete scans of both sides alone, in two sweeps, each of which asks once more
by id: many pages can miss what moved between them, and a listing may be behind for a while.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from standby.clock import Clock, from_text, to_text
from standby.coverage import UNREADABLE, Coverage, CoverageBook
from standby.decisions import Action, Decision
from standby.describe import BATCH, Primaries, batches
from standby.fleet import SETTLED, Census, counted, decide_in_fleet, what_is_gone
from standby.ledger import ALL_SHARDS, Unreadable
from standby.model import DirectoryId, Unknown, Workspace, WorkspaceId
from standby.recorder import Recorder
from standby.rows import Row
from standby.settings import Settings
from standby.sweep_memory import Scan, SweepMemory
from standby.watch_lease import WatchLease

# The answer of protect for so many fits a state, as in the watcher.
MOST_READY = 400
# A page that failed is asked for again so often before the directory counts as not scanned.
_PAGE_TRIES = 4
# Two sweeps that missed something count together if they are neither so close that one lag hid it from both, nor so far
# apart that it may have been there between them.
_LEAST_APART = timedelta(minutes=30)
_MOST_APART_INTERVALS = 4
_PARTNER, _OWN = "partner", "own"
_PARTITIONS = [(status, shard) for status in SETTLED for shard in ALL_SHARDS]


@dataclass(frozen=True)
class Place:
    """Where a sweep stands: which directory of the sorted list, which side, which page; then which partition of rows.

    `parts` are how many parts of each side of the directory are kept in the ledger; `problem` is why its scan is not
    complete, if it is not. `incomplete` counts such directories, `scanned` the WorkSpaces seen so far.
    """

    run: str
    began_at: str
    at: int = 0
    side: str = _PARTNER
    token: str | None = None
    parts: dict[str, int] = field(default_factory=lambda: {_PARTNER: 0, _OWN: 0})
    counts: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    partition: int = 0
    incomplete: int = 0
    scanned: int = 0

    def next_directory(self, now: str) -> Place:
        """The beginning of the next directory."""
        incomplete = self.incomplete + bool(self.problem)
        return Place(self.run, now, self.at + 1, incomplete=incomplete, scanned=self.scanned)


@dataclass(frozen=True)
class Part:
    """What one invocation did of a sweep; `place` is where the next goes on, None when the sweep is over."""

    outcome: str
    place: Place | None = None
    ready: tuple[WorkspaceId, ...] = ()
    scanned: int = 0

    def answer(self) -> dict[str, Any]:
        """The form in which the state machine gets it."""
        return {
            "done": self.place is None,
            "outcome": self.outcome,
            "wait_seconds": 0,
            "ready": list(self.ready),
            "cursor": dataclasses.asdict(self.place) if self.place else None,
            "scanned": self.scanned,
        }


class Sweeper:
    """Sweeps, as far as there is time."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        primaries: Primaries,
        partners: Primaries,
        memory: SweepMemory,
        coverage: CoverageBook,
        lease: WatchLease,
        settings: Settings,
        has_time: Callable[[], bool],
        completed: Callable[[], None],
    ) -> None:
        self._recorder = recorder
        self._primaries = primaries
        self._partners = partners
        self._memory = memory
        self._coverage = coverage
        self._lease = lease
        self._settings = settings
        self._has_time = has_time
        self._completed = completed
        self._clock: Clock = recorder.clock
        self._directories = sorted(settings.directories)
        self._least_apart = min(_LEAST_APART, settings.sweep_interval / 2)
        self._most_apart = settings.sweep_interval * _MOST_APART_INTERVALS

    def sweep(self, execution_arn: str, cursor: dict[str, Any] | None) -> Part:
        """One invocation's part.

        Raises
        ------
        LedgerUnavailable
            The ledger could not be read or written; the state machine tries the same part again.
        """
        turn = self._lease.take(execution_arn, starts_round=cursor is None)
        if turn is None:
            return Part("another sweep is under way")
        place = Place(**cursor) if cursor else Place(execution_arn, to_text(self._clock.now()))
        if turn.interval:
            self._recorder.telemetry.count("SweepIntervalSeconds", turn.interval)
        ready: list[WorkspaceId] = []
        while place.at < len(self._directories) and len(ready) <= MOST_READY - BATCH and self._has_time():
            place = self._scan(place, ready)
        if place.at == len(self._directories):
            place = self._conclude(place)
        if place.partition < len(_PARTITIONS):
            return Part("goes on", place, tuple(ready), place.scanned)
        self._recorder.try_to(lambda: self._coverage.tell(self._clock.now()))
        self._lease.give_up(execution_arn)
        self._recorder.telemetry.count("DirectoriesIncomplete", place.incomplete)
        if not place.incomplete:
            self._recorder.telemetry.count("SweepsCompleted")
            self._completed()
        return Part(self._told(place), None, tuple(ready), place.scanned)

    def _told(self, place: Place) -> str:
        count = len(self._directories)
        return f"{count - place.incomplete} of {count} directories were scanned completely"

    # A side of a directory, page by page

    def _scan(self, place: Place, ready: list[WorkspaceId]) -> Place:
        """Pages of one side until it ends, the time does, or there is enough to hand over; what was seen is kept."""
        directory = self._directories[place.at]
        seen: dict[WorkspaceId, None] = {}
        counts = Counter(place.counts)
        token, problem, is_over = place.token, place.problem, False
        while not is_over and len(ready) <= MOST_READY - BATCH and self._has_time():
            page = self._page(directory, place.side, token)
            if isinstance(page, Unknown):
                problem, is_over = f"{place.side} side: {page.code}: {page.message}"[:300], True
                break
            if not page.is_whole:
                problem = problem or f"{place.side} side: a page had an entry that cannot be read"
            # One that a page shows again, having moved between pages, is not counted again.
            fresh = [one for one in page.workspaces if one.id not in seen]
            seen |= dict.fromkeys(one.id for one in fresh)
            if place.side == _OWN:
                counts += self._look(directory, fresh, ready)
            token = page.following
            is_over = token is None
        number = place.parts[place.side]
        self._memory.keep(directory, place.side, number, place.run, seen)
        place = dataclasses.replace(
            place,
            token=token,
            problem=problem,
            counts=dict(counts),
            parts={**place.parts, place.side: number + 1},
            scanned=place.scanned + len(seen),
        )
        if not is_over:
            return place
        if place.side == _PARTNER:
            return dataclasses.replace(place, token=None, side=_OWN)
        return self._done(directory, place)

    def _done(self, directory: DirectoryId, place: Place) -> Place:
        now = self._clock.now()
        if place.problem:
            self._recorder.telemetry.problem(f"The scan of {directory} is not complete: {place.problem}")
        else:
            self._memory.take_baseline(directory, now, place.counts)
            found = Coverage(place.counts)
            self._coverage.keep(directory, found, run=place.run, began_at=place.began_at, now=now)
        scan = Scan(place.run, from_text(place.began_at), place.parts, place.problem, place.counts)
        self._memory.note(directory, scan, now)
        return place.next_directory(to_text(now))

    def _page(self, directory: DirectoryId, side: str, token: str | None) -> Any:
        source, where = self._primaries, directory
        if side == _PARTNER:
            source, where = self._partners, self._settings.directories[directory].dr_directory
        for attempt in range(1, _PAGE_TRIES + 1):
            page = source.page(where, token)
            if not isinstance(page, Unknown) or attempt == _PAGE_TRIES:
                return page
            self._recorder.telemetry.count("UnknownAnswers")
            self._clock.sleep(5.0 * attempt)
        raise AssertionError("unreachable")

    def _look(self, directory: DirectoryId, workspaces: Iterable[Workspace], ready: list[WorkspaceId]) -> Counter[str]:
        """Decide for each WorkSpace of a page, record what changed, and note who is ready for protect."""
        by_id = {one.id: one for one in workspaces}
        rows = self._recorder.ledger.load(by_id) if by_id else {}
        baseline = self._memory.baseline(directory)
        decided: dict[WorkspaceId, Decision] = {}
        unreadable = 0
        for one, seen in by_id.items():
            row = rows.get(one)
            if isinstance(row, Unreadable):
                self._recorder.telemetry.count("UnreadableRows")
                unreadable += seen.primary is None
                continue
            now = self._clock.now()
            decision = decide_in_fleet(seen, row, baseline, self._settings, self._recorder.context.cause, now)
            decided[one] = decision
            if decision.action in (Action.REQUEST, Action.LOOK):
                ready.append(one)
            else:
                self._recorder.carry_out(decision, row, seen)
        return counted(decided) + Counter({UNREADABLE: unreadable})

    # What is not there any more

    def _conclude(self, place: Place) -> Place:
        """The ledger's rows, partition by partition, against what the complete scans of this run have seen."""
        census = {directory: found for directory in self._directories if (found := self._census(directory, place.run))}
        for number in range(place.partition, len(_PARTITIONS)):
            if not self._has_time():
                return dataclasses.replace(place, partition=number)
            for rows, _ in self._recorder.ledger.rows_by_status(*_PARTITIONS[number]):
                self._check(rows, census)
        return dataclasses.replace(place, partition=len(_PARTITIONS))

    def _census(self, directory: DirectoryId, run: str) -> Census | None:
        """What this run's complete scan of a directory has seen; None if there was none."""
        scan = self._memory.last(directory)
        if scan is None or scan.run != run or scan.problem:
            return None
        own = self._memory.recall(directory, _OWN, scan.parts[_OWN], run)
        partner = self._memory.recall(directory, _PARTNER, scan.parts[_PARTNER], run)
        if own is None or partner is None:
            self._recorder.telemetry.problem(f"What was seen of {directory} is another run's; nothing follows from it")
            return None
        return Census(frozenset(own), frozenset(partner), scan.began_at)

    def _check(self, rows: list[Row], census: Mapping[DirectoryId, Census]) -> None:
        suspects = [
            row
            for row in rows
            if row.primary_directory_id is not None
            and (found := census.get(row.primary_directory_id))
            and (found.misses_primary(row) or found.misses_standby(row))
        ]
        for batch in batches(suspects):
            self._confirm(batch)

    def _confirm(self, suspects: Sequence[Row]) -> None:
        """Ask for each by its id; what no whole answer shows, in this sweep and in one shortly before, is gone."""
        now = self._clock.now()
        missed = self._memory.missed([row.primary_id for row in suspects])
        primaries = self._primaries.describe([row.primary_id for row in suspects])
        standbys = self._partners.describe([row.standby_id for row in suspects if row.standby_id])
        for row in suspects:
            standby = row.standby_id
            if row.primary_id in primaries.unknown or standby in standbys.unknown:
                continue
            seen = primaries.found.get(row.primary_id)
            standby_lives = standby is not None and standby in standbys.found
            decision = what_is_gone(row, seen, standby_lives=standby_lives)
            if decision is None:
                continue
            since_missed = now - missed[row.primary_id] if row.primary_id in missed else None
            if since_missed is None or since_missed > self._most_apart:
                self._memory.note_missed(row.primary_id, now)
            elif since_missed < self._least_apart:
                continue
            elif standby_lives:
                self._recorder.carry_out(decision, row, seen)
            else:
                self._recorder.release(decision, row, seen)
