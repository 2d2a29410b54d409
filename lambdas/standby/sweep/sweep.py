"""The sweep's work: the whole fleet, page by page, directory by directory, paced, over as many invocations as it takes.

Each directory is scanned on its partner's side, then on its own. In the end the ledger's rows are gone through once:
what is not there any more follows from complete scans of both sides alone, two in a row, each of which asks some times
more by id: many pages can miss what moved between them, and a listing may be behind for a while. A scan that shows far
fewer than the one before is not believed for some hours: an outage answers with empty lists, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from standby.clock import Clock, from_text, to_text
from standby.decisions.annotate import StandbyTally
from standby.decisions.mappings import left_behind, unmapped_directory
from standby.ledger.lease import WatchLease
from standby.ledger.ledger import ALL_SHARDS, key_of
from standby.ledger.recorder import Recorder
from standby.model import DirectoryId, Unknown, WorkspaceId
from standby.rows import Row
from standby.service.describe import BATCH, Page, Primaries
from standby.settings import Settings
from standby.sweep.absence import Absences
from standby.sweep.baseline import BaselineMemory
from standby.sweep.coverage import Coverage, CoverageBook
from standby.sweep.fleet import SETTLED, Census, is_doubted, judged
from standby.sweep.look import FleetLook, Sums
from standby.sweep.memory import OWN, PARTNER, Scan, SweepMemory
from standby.sweep.orphan_figures import OrphanFigures, with_orphans
from standby.sweep.pages import Pages, Seen
from standby.sweep.place import BadSweepInput, Part, Place
from standby.sweep.planner import Planner

# The answer of protect for so many fits a state, as in the watcher.
MOST_READY = 400
_PARTITIONS = [(status, shard) for status in SETTLED for shard in ALL_SHARDS]


class Sweeper:
    """Sweeps, as far as there is time."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        primaries: Primaries,
        partners: Primaries,
        memory: SweepMemory,
        baselines: BaselineMemory,
        coverage: CoverageBook,
        planner: Planner,
        orphan_figures: OrphanFigures,
        lease: WatchLease,
        settings: Settings,
        has_time: Callable[[], bool],
        completed: Callable[[], None],
    ) -> None:
        self._recorder = recorder
        self._absences = Absences(recorder, primaries, partners, memory, settings, has_time)
        self._pages = Pages(primaries, partners, settings, recorder.clock, recorder.telemetry, has_time)
        self._look = FleetLook(recorder, baselines, settings)
        self._memory = memory
        self._baselines = baselines
        self._coverage = coverage
        self._planner = planner
        self._orphan_figures = orphan_figures
        self._lease = lease
        self._settings = settings
        self._has_time = has_time
        self._completed = completed
        self._clock: Clock = recorder.clock
        self._directories = sorted(settings.directories)

    def sweep(self, execution_arn: str, cursor: object) -> Part:
        """One invocation's part.

        Raises
        ------
        LedgerUnavailable
            The ledger could not be read or written; the state machine tries the same part again.
        """
        turn = self._lease.take(execution_arn, starts_round=cursor is None)
        if turn is None:
            return Part("another sweep is under way")
        place = self._place(execution_arn, cursor)
        self._pages.hanging = set(place.hanging)
        if turn.interval:
            self._recorder.telemetry.count("SweepIntervalSeconds", turn.interval)
        ready: list[WorkspaceId] = []
        while place.at < len(self._directories) and len(ready) <= MOST_READY - BATCH and self._has_time():
            place = self._scan(place, ready)
        if place.at == len(self._directories):
            place = self._conclude(place)
        if place.partition < len(_PARTITIONS):
            return Part("goes on", place, tuple(ready), place.scanned)
        self._recorder.try_to(lambda: self._coverage.tell(self._clock.now(), self._recorder.context))
        self._lease.give_up(execution_arn)
        self._recorder.telemetry.count("DirectoriesIncomplete", place.incomplete)
        if not place.incomplete:
            self._recorder.telemetry.count("SweepsCompleted")
            self._planner.tell_progress(place.fleet)
            self._completed()
        return Part(self._told(place), None, tuple(ready), place.scanned)

    def _place(self, run: str, cursor: object) -> Place:
        """Where the last part ended. Doing one again changes nothing, so where that cannot be read it begins anew."""
        if cursor is not None:
            try:
                return Place.read(cursor, run, len(self._directories))
            except BadSweepInput as bad:
                self._recorder.telemetry.problem(f"The sweep begins anew: {bad}")
        return Place(run, to_text(self._clock.now()))

    def _told(self, place: Place) -> str:
        count = len(self._directories)
        return f"{count - place.incomplete} of {count} directories were scanned completely"

    # A side of a directory, page by page

    def _scan(self, place: Place, ready: list[WorkspaceId]) -> Place:
        """Pages of one side until it ends, the time does, or there is enough to hand over; what was seen is kept."""
        directory = self._directories[place.at]
        side, sums, shapes = place.side, Sums.of(place), self._shapes(directory, place)
        before = self._memory.recall(directory, side, place.parts[side], place.run) or {}
        seen = Seen(side, before, place.token, place.repeats)
        problem, is_over = place.problem, False
        while not is_over and len(ready) <= MOST_READY - BATCH:
            page = self._pages.ask(directory, side, seen.token)
            if page is None:
                break
            if isinstance(page, Unknown):
                problem, is_over = f"{side} side: {page.code}: {page.message}"[:300], True
                break
            fresh = seen.take(page)
            if side == OWN:
                ready += self._look.look(directory, fresh, shapes, sums)
            trouble = self._problem_of(side, page, seen)
            problem = problem or trouble
            is_over = seen.token is None or seen.goes_round
        kept = self._memory.keep(directory, side, place.parts[side], place.run, seen.here)
        place = dataclasses.replace(
            sums.put_into(place),
            token=seen.token,
            repeats=seen.repeats,
            problem=problem,
            parts={**place.parts, side: place.parts[side] + kept},
            sizes={**place.sizes, side: place.sizes[side] + len(seen.here)},
            scanned=place.scanned + len(seen.here),
            hanging=sorted(self._pages.hanging),
        )
        if not is_over:
            return place
        if side == PARTNER:
            return dataclasses.replace(place, token=None, repeats=0, side=OWN)
        return self._done(directory, place)

    def _problem_of(self, side: str, page: Page, seen: Seen) -> str:
        """Why a scan is not complete after a page that came."""
        if self._recorder.unrecorded:
            # Without its row, the next sweep would take one that was there before for new.
            count = len(self._recorder.unrecorded)
            self._recorder.unrecorded.clear()
            return f"{count} WorkSpaces could not be written down"
        if seen.goes_round:
            return f"{side} side: the pages go round in a circle"
        return "" if page.is_whole else f"{side} side: a page had an entry that cannot be read"

    def _done(self, directory: DirectoryId, place: Place) -> Place:
        now = self._clock.now()
        scan = Scan(place.run, from_text(place.began_at), place.parts, place.problem, place.counts, sizes=place.sizes)
        partner = self._partner(directory)
        scan = judged(scan, self._memory.last(directory, partner), now)
        if scan.problem:
            self._recorder.telemetry.problem(f"The scan of {directory} is not complete: {scan.problem}")
        else:
            self._baselines.begin(directory, partner)
            self._planner.scanned(directory, place.tally, now)
            if not is_doubted(scan, now):
                self._baselines.take(directory, place.run, now, place.counts)
            found = Coverage(place.counts, StandbyTally(**place.standbys))
            self._coverage.keep(directory, found, run=place.run, began_at=place.began_at, now=now)
        self._memory.note(directory, partner, scan, now)
        return dataclasses.replace(place, problem=scan.problem).next_directory(to_text(now))

    def _shapes(self, directory: DirectoryId, place: Place) -> Mapping[WorkspaceId, str]:
        """What this run saw of the partner's standbys, for the own side: nothing is known of those it did not see."""
        if place.side == PARTNER:
            return {}
        return self._memory.recall(directory, PARTNER, place.parts[PARTNER], place.run) or {}

    # What is not there any more

    def _conclude(self, place: Place) -> Place:
        """The ledger's rows, partition by partition, against what the complete scans of this run have seen."""
        census = {directory: found for directory in self._directories if (found := self._census(directory, place.run))}
        for number in range(place.partition, len(_PARTITIONS)):
            for rows, following in self._recorder.ledger.rows_by_status(*_PARTITIONS[number], place.key):
                done = self._absences.check(rows, census) if self._has_time() else 0
                self._say_what_is_unmapped(rows[:done])
                orphans = with_orphans(place.orphans, rows[:done], self._settings)
                if done < len(rows):
                    key = key_of(rows[done - 1]) if done else place.key
                    return dataclasses.replace(place, partition=number, key=key, orphans=orphans)
                place = dataclasses.replace(place, partition=number, key=following, orphans=orphans)
            place = dataclasses.replace(place, partition=number + 1, key=None)
        self._recorder.try_to(lambda: self._orphan_figures.keep(place.orphans, census))
        self._orphan_figures.tell(place.orphans)
        return place

    def _say_what_is_unmapped(self, rows: Sequence[Row]) -> None:
        """Let the rows of directories that are not mapped any more say so."""
        for directory in {found for row in rows if (found := unmapped_directory(row, self._settings))}:
            self._baselines.forget(directory)
        for row in rows:
            if decision := left_behind(row, self._settings):
                self._recorder.carry_out(decision, row, None)

    def _partner(self, directory: DirectoryId) -> DirectoryId:
        return self._settings.directories[directory].dr_directory

    def _census(self, directory: DirectoryId, run: str) -> Census | None:
        """What this run's complete scan of a directory has seen; None if there was none."""
        scan = self._memory.last(directory, self._partner(directory))
        if scan is None or scan.run != run or scan.problem or is_doubted(scan, self._clock.now()):
            return None
        own = self._memory.recall(directory, OWN, scan.parts[OWN], run)
        partner = self._memory.recall(directory, PARTNER, scan.parts[PARTNER], run)
        if own is None or partner is None:
            self._recorder.telemetry.problem(f"What was seen of {directory} is another run's; nothing follows from it")
            return None
        return Census(frozenset(own), frozenset(partner), scan, self._partner(directory))
