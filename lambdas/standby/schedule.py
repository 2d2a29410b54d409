"""watch's work: which rows are due, and how long to wait. It asks nothing of WorkSpaces; protect reconciles."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from standby.core.model import WorkspaceId
from standby.core.row import ALL_SHARDS, HELD
from standby.ledger.leases import Lease
from standby.ledger.table import Item
from standby.record import Recorder

# The answer of protect for so many fits the 256 KiB of a state, and its work fits its time.
MOST_READY = 400
# Of one query: so that each shard has its part of a round.
MOST_OF_A_SHARD = MOST_READY // len(ALL_SHARDS)
# Some 16 history events a round: far below the 25,000 at which an execution fails.
MOST_ROUNDS = 1000
# A row written a moment ago may not be in the index yet.
INDEX_LAG_SECONDS = 2.0
# With nothing due, look again after so many polls at the latest: a row may come that is due sooner.
IDLE_POLLS = 5
# Below the machine's time-out of seven days.
OLDEST = timedelta(days=5)


@dataclass(frozen=True)
class Round:
    """What a round of a state machine found; its next steps are made from it. `ready` are ids for protect."""

    done: bool
    outcome: str
    wait_seconds: int = 0
    ready: tuple[WorkspaceId, ...] = ()

    def answer(self) -> dict[str, Any]:
        """The form in which the state machine gets it."""
        return dataclasses.asdict(self) | {"ready": list(self.ready)}


class BadInput(ValueError):
    """What a function was invoked with is not what its state machine hands on. The message says what is wrong."""


def round_of(event: object) -> tuple[str, int]:
    """The execution that invokes a state machine's function, and the number of its round; `BadInput` if not named."""
    execution, number = (event.get("execution_arn"), event.get("round")) if isinstance(event, Mapping) else (None, 0)
    if not isinstance(execution, str) or not execution.startswith("arn:"):
        raise BadInput("the function works for its state machine, and its input has no execution_arn: start that")
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise BadInput(f"the input's round is {number!r}, which is no number: start the state machine instead")
    return execution, int(number)


@dataclass
class Schedule:
    """Selects every open row that is due, and held ones as far as there is room for them.

    More than one call of protect can do is selected part by part, without a wait. What is due comes first in each part.
    """

    recorder: Recorder
    lease: Lease

    def observe(self, execution_arn: str, number: int) -> Round:
        """A round over what is due, or what of it one call of protect can do."""
        turn = self.lease.take(execution_arn, number)
        if turn is None:
            return Round(done=True, outcome="another watcher holds the lease")
        if number >= self._most_rounds():
            self.lease.give_up(execution_arn)
            return Round(done=True, outcome="as long as one execution may be; the schedule starts the next")
        now = self.recorder.clock.now()
        place = dict(turn.cursor or {})
        held_from = place.pop(HELD, {})
        # A round speaks of what was due when it began: what protect has put off by then is of the next.
        due = self.recorder.ledger.due(now, place or None, MOST_OF_A_SHARD)
        if number == 0 and not due.ids and due.next_at is None:
            self.recorder.clock.sleep(INDEX_LAG_SECONDS)
            due = self.recorder.ledger.due(now, None, MOST_OF_A_SHARD)
        is_idle = not place and not due.ids
        held, held_next = list[WorkspaceId](), held_from
        if not due.following:
            since = None if turn.tries_held else now - self.lease.held_every
            held, held_next = self._held(MOST_READY - len(due.ids), held_from, since)
        ready = due.ids + held
        if is_idle and not ready and due.next_at is None:
            self.lease.give_up(execution_arn)
            return Round(done=True, outcome="nothing is open")
        if turn.interval:
            self.recorder.telemetry.count("EffectiveIntervalSeconds", turn.interval)
        self.recorder.telemetry.count("DueRows", len(ready))
        cursor = due.following | ({} if held_next is None else {HELD: held_next})  # {}: not begun yet
        wait = 0 if cursor else self._wait(now - turn.began_at, due.next_at if is_idle and not ready else None)
        self.lease.keep(turn, cursor or None, timedelta(seconds=wait))
        return Round(done=False, outcome="looked", wait_seconds=wait, ready=tuple(ready))

    def _most_rounds(self) -> int:
        """Rounds until an execution ends by itself: far from the history's end, and from the machine's time-out."""
        longest_wait = max(self.recorder.settings.poll_interval * IDLE_POLLS, timedelta(seconds=1))
        return min(MOST_ROUNDS, OLDEST // longest_wait)

    def _held(self, most: int, start: Item, since: datetime | None) -> tuple[list[WorkspaceId], Item | None]:
        """Held primaries to be tried now, those that are new first, if anything may be created; only the claim knows.

        Of existing fleets, as many at once as may be under way, and only while they have room. Beside them the key from
        which the next round continues (`start`), None if there is nothing more to try. `since` is `Ledger.held`'s.
        """
        closed = self.recorder.gates.closed(self.recorder.settings.directories)
        if None in closed:
            return [], None
        room = self.recorder.gates.room()
        held, following = self.recorder.ledger.held(most, closed, has_room=room.new > 0, start=start, since=since)
        new = [one for one, is_existing in held if not is_existing]
        backfill = [one for one, is_existing in held if is_existing]
        free = room.in_flight if room.backfill else 0
        return [*new, *backfill[:free]], following if len(backfill) <= free else None

    def _wait(self, worked: timedelta, next_at: datetime | None) -> int:
        """Whole seconds until the next round: a poll, or as long as nothing is due, but not for too many polls.

        After a round of several parts it is longer by as long as they have taken: with so many open rows the interval
        grows, and half of the calls stay free. A WorkSpace takes most of an hour, however often it is looked at.
        """
        poll = self.recorder.settings.poll_interval
        # Clocks may be off, and the row may have been edited.
        wait = poll + max(worked, timedelta(0)) if next_at is None else next_at - self.recorder.clock.now()
        return max(1, round(min(wait, poll * IDLE_POLLS).total_seconds()))
