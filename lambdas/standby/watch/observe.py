"""watch's work: one round over all open rows, paced, recording what changed and naming what is ready for protect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from standby.decisions.decide import decide, describe_failed
from standby.decisions.decision import Action
from standby.ledger.gates import Gates
from standby.ledger.lease import Turn, WatchLease
from standby.ledger.ledger import ALL_SHARDS, key_of
from standby.ledger.recorder import Recorder
from standby.model import OPEN, WorkspaceId
from standby.rows import Row
from standby.service.describe import BATCH, Primaries
from standby.settings import Settings
from standby.watch.held import Held, is_under_way

# The answer of protect for so many fits the 256 KiB of a state, and its work fits its time.
MOST_READY = 400
# Some 16 history events a round: far below the 25,000 at which an execution fails.
MOST_ROUNDS = 1000
# A row written a moment ago may not be in the index yet.
INDEX_LAG_SECONDS = 2.0
# With nothing due, look again after so many polls at the latest: a row may come that is due sooner.
IDLE_POLLS = 5
# Below the machine's time-out of seven days.
OLDEST = timedelta(days=5)
_PARTITIONS = [(status, shard) for status in OPEN for shard in ALL_SHARDS]


@dataclass(frozen=True)
class Round:
    """What a round found; the state machine's next steps are made from it.

    `ready` are ids for protect; `cursor` is where the round goes on, None if it is finished; `open` counts the open
    rows that the round has met so far.
    """

    done: bool
    outcome: str
    wait_seconds: int = 0
    ready: tuple[WorkspaceId, ...] = ()
    cursor: dict[str, Any] | None = None
    open: int = 0
    interval_seconds: int = 0

    def answer(self) -> dict[str, Any]:
        """The form in which the state machine gets it."""
        return {
            "done": self.done,
            "outcome": self.outcome,
            "wait_seconds": self.wait_seconds,
            "ready": list(self.ready),
            "cursor": self.cursor,
            "open": self.open,
            "interval_seconds": self.interval_seconds,
        }


class Observer:
    """Looks at every open row that is due, and at held ones as far as there is room for them."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        primaries: Primaries,
        gates: Gates,
        lease: WatchLease,
        settings: Settings,
        has_time: Callable[[], bool],
    ) -> None:
        self._recorder = recorder
        self._ledger = recorder.ledger
        self._primaries = primaries
        self._held = Held(recorder.ledger, gates, settings)
        self._lease = lease
        self._settings = settings
        self._has_time = has_time
        self._clock = recorder.clock

    def observe(self, execution_arn: str, round_number: int, cursor: dict[str, Any] | None) -> Round:
        """One round, or what of it there is time for.

        Raises
        ------
        LedgerUnavailable
            The ledger could not be read; the state machine tries again.
        """
        turn = self._lease.take(execution_arn, starts_round=cursor is None)
        if turn is None:
            return Round(done=True, outcome="another watcher holds the lease")
        if round_number >= self._most_rounds():
            self._lease.give_up(execution_arn)
            return Round(done=True, outcome="as long as one execution may be; the schedule starts the next")
        survey = self._survey(cursor, turn, execution_arn)
        if round_number == 0 and survey.is_empty:
            self._clock.sleep(INDEX_LAG_SECONDS)
            survey = self._survey(None, turn, execution_arn)
        for primary_id, problem in self._ledger.unreadable.items():
            self._recorder.telemetry.count("UnreadableRows")
            self._recorder.telemetry.problem(
                f"Its row cannot be read, and is left out: {problem}", primary_id=primary_id
            )
        if survey.cursor is None:
            self._recorder.telemetry.count("OpenRows", survey.open)
        if cursor is None and survey.is_empty:
            self._lease.give_up(execution_arn)
            return Round(done=True, outcome="nothing is open")
        if turn.interval:
            self._recorder.telemetry.count("EffectiveIntervalSeconds", turn.interval)
        wait = self._wait(survey)
        self._lease.extend(execution_arn, timedelta(seconds=wait))
        return Round(
            done=False,
            outcome="looked",
            wait_seconds=wait,
            ready=tuple(survey.ready),
            cursor=survey.cursor,
            open=survey.open,
            interval_seconds=round(turn.interval),
        )

    def _most_rounds(self) -> int:
        """Rounds until an execution ends by itself: far from the history's end, and from the machine's time-out."""
        longest_wait = max(self._settings.poll_interval * IDLE_POLLS, timedelta(seconds=1))
        return min(MOST_ROUNDS, OLDEST // longest_wait)

    def _survey(self, cursor: dict[str, Any] | None, turn: Turn, execution_arn: str) -> _Survey:
        # One that a version before this one left has no counts.
        survey = _Survey(cursor.get("open", 0), cursor.get("under_way", 0)) if cursor else _Survey()
        for batch in self._due(cursor, survey):
            self._look(batch, survey)
            if len(survey.ready) > MOST_READY - BATCH or not self._has_time():
                return survey
        survey.cursor = None
        if turn.tries_held:
            survey.ready += self._held.to_be_tried(MOST_READY - len(survey.ready), survey.under_way)
            self._lease.held_were_tried(execution_arn)
        return survey

    def _due(self, cursor: dict[str, Any] | None, survey: _Survey) -> Iterator[list[Row]]:
        """Batches of 25 due rows over all open statuses, and in `survey` where the round stands after each."""
        now = self._clock.now()
        batch: list[Row] = []
        first, start = (cursor["partition"], cursor["key"]) if cursor else (0, None)
        for at in range(first, len(_PARTITIONS)):
            for page, _ in self._ledger.rows_by_status(*_PARTITIONS[at], start):
                for row in page:
                    survey.meet(row)
                    if row.due_at is not None and row.due_at > now:
                        survey.next_due = min(survey.next_due or row.due_at, row.due_at)
                        continue
                    batch.append(row)
                    if len(batch) == BATCH:
                        counts = {"open": survey.open, "under_way": survey.under_way}
                        survey.cursor = {"partition": at, "key": key_of(row), **counts}
                        yield batch
                        batch = []
            start = None
        survey.cursor = None
        if batch:
            yield batch

    def _look(self, batch: list[Row], survey: _Survey) -> None:
        described = self._primaries.describe([row.primary_id for row in batch])
        survey.looked_at += len(batch)
        for row in batch:
            now = self._clock.now()
            seen = described.found.get(row.primary_id)
            if why := described.unknown.get(row.primary_id):
                self._recorder.telemetry.count("UnknownAnswers")
                decision = describe_failed(row.primary_id, row, self._settings, now, why)
            else:
                decision = decide(row.primary_id, seen, row, self._settings, self._recorder.context.cause, now)
            if decision.action in (Action.REQUEST, Action.LOOK):
                survey.ready.append(row.primary_id)
            else:
                self._recorder.carry_out(decision, row, seen)

    def _wait(self, survey: _Survey) -> int:
        """Whole seconds until the next look: none within a round, else a poll, or until the first row is due."""
        if survey.cursor is not None:
            return 0
        poll = self._settings.poll_interval.total_seconds()
        if survey.looked_at or survey.ready or survey.next_due is None:
            return max(1, round(poll))
        until_due = (survey.next_due - self._clock.now()).total_seconds()
        return max(1, round(min(until_due, poll * IDLE_POLLS)))


class _Survey:
    """What a round has met so far: `open` rows, and of these the backfill `under_way`, in all of its parts."""

    def __init__(self, met_before: int = 0, under_way_before: int = 0) -> None:
        self.ready: list[WorkspaceId] = []
        self.open = met_before
        self.under_way = under_way_before
        self.looked_at = 0
        self.next_due: datetime | None = None
        self.cursor: dict[str, Any] | None = None

    def meet(self, row: Row) -> None:
        """Count an open row."""
        self.open += 1
        self.under_way += is_under_way(row)

    @property
    def is_empty(self) -> bool:
        return self.open == 0 and not self.ready
