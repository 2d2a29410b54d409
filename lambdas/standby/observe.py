"""watch's work: one round over all open rows, paced, recording what changed and naming what is ready for protect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

from standby.decide import decide, describe_failed
from standby.decision import Action
from standby.describe import BATCH, Primaries
from standby.gates import Gates
from standby.ledger import ALL_SHARDS, key_of
from standby.model import OPEN, Status, WorkspaceId
from standby.recorder import Recorder
from standby.rows import Row
from standby.settings import Settings
from standby.watch_lease import Turn, WatchLease

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
    rows that this part of the round met or knows of.
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
        self._gates = gates
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
        if cursor is None:
            self._recorder.telemetry.count("OpenRows", survey.open)
            if survey.is_empty:
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
        survey = _Survey()
        for batch in self._due(cursor, survey):
            self._look(batch, survey)
            if len(survey.ready) > MOST_READY - BATCH or not self._has_time():
                return survey
        survey.cursor = None
        if turn.tries_held:
            room_under_way = self._settings.backfill_in_flight - survey.open
            survey.ready += self._from_held(min(MOST_READY - len(survey.ready), room_under_way))
            self._lease.held_were_tried(execution_arn)
        return survey

    def _due(self, cursor: dict[str, Any] | None, survey: _Survey) -> Iterator[list[Row]]:
        """Batches of 25 due rows over all open statuses, and in `survey` where the round stands after each."""
        now = self._clock.now()
        batch: list[Row] = []
        first, start = (cursor["partition"], cursor["key"]) if cursor else (0, None)
        for at in range(first, len(_PARTITIONS)):
            for page, _ in self._ledger.rows_by_status(*_PARTITIONS[at], start):
                due = [row for row in page if row.due_at is None or row.due_at <= now]
                later = [row.due_at for row in page if row.due_at is not None and row.due_at > now]
                survey.open += len(page)
                survey.next_due = min([*later, *([survey.next_due] if survey.next_due else [])], default=None)
                for row in due:
                    batch.append(row)
                    if len(batch) == BATCH:
                        survey.cursor = {"partition": at, "key": key_of(row)}
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

    def _from_held(self, most: int) -> list[WorkspaceId]:
        """Held primaries to be tried, if anything may be created now; only the claim knows for how many."""
        if most <= 0 or self._gates.closed() is not None or self._gates.room() == 0:
            return []
        pages = (page for shard in ALL_SHARDS for page, _ in self._ledger.rows_by_status(Status.HELD, shard))
        return [row.primary_id for row in islice(chain.from_iterable(pages), most)]

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
    """What a round has met so far."""

    def __init__(self) -> None:
        self.ready: list[WorkspaceId] = []
        self.open = 0
        self.looked_at = 0
        self.next_due: datetime | None = None
        self.cursor: dict[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        return self.open == 0 and not self.ready
