"""The work of watch: which rows are due, and how long to wait. It does not call WorkSpaces; protect reconciles."""

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

# protect's answer for this many ids fits the 256 KiB of a state, and its work fits its time.
MOST_READY = 400
# The limit of one query, so that each shard has its part of a round.
MOST_OF_A_SHARD = MOST_READY // len(ALL_SHARDS)
# Some 16 history events a round: far below the 25,000 at which an execution fails.
MOST_ROUNDS = 1000
# A row written a moment ago may not be in the index yet.
INDEX_LAG_SECONDS = 2.0
# If nothing is due, the next round follows after this many polls at the latest: a new row may be due sooner.
IDLE_POLLS = 5
# Below the machine's time-out of seven days.
OLDEST = timedelta(days=5)


@dataclass(frozen=True)
class Round:
    """The result of a round of a state machine, which decides its next steps. `ready` are ids for protect."""

    done: bool
    outcome: str
    wait_seconds: int = 0
    ready: tuple[WorkspaceId, ...] = ()

    def answer(self) -> dict[str, Any]:
        """The form in which the state machine receives it."""
        return dataclasses.asdict(self) | {"ready": list(self.ready)}


class BadInput(ValueError):
    """The input of a function is not what its state machine sends. The message says what is wrong."""


def round_of(event: object) -> tuple[str, int]:
    """The execution that invokes the function, and the number of its round; `BadInput` if either is missing."""
    execution, number = (event.get("execution_arn"), event.get("round")) if isinstance(event, Mapping) else (None, 0)
    if not isinstance(execution, str) or not execution.startswith("arn:"):
        raise BadInput(
            "the input has no execution_arn: only the state machine may invoke this function, so start that instead"
        )
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise BadInput(f"the input's round must be a number and is {number!r}; start the state machine instead")
    return execution, int(number)


@dataclass
class Schedule:
    """Selects every open row that is due, and held rows as far as there is room for them.

    If more rows are due than one call of protect can take, they are selected in parts, without a wait between them. Due
    rows come first in each part.
    """

    recorder: Recorder
    lease: Lease

    def observe(self, execution_arn: str, number: int) -> Round:
        """One round: the due rows, or as many of them as one call of protect can take."""
        turn = self.lease.take(execution_arn, number)
        if turn is None:
            return Round(done=True, outcome="another watcher holds the lock")
        if number >= self._most_rounds():
            self.lease.give_up(execution_arn)
            return Round(
                done=True, outcome="the execution has reached its maximum length; the schedule starts the next"
            )
        now = self.recorder.clock.now()
        place = dict(turn.cursor or {})
        held_from = place.pop(HELD, {})
        # A round covers what was due when it began: rows that protect postpones meanwhile are due in a later round.
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
        return Round(done=False, outcome="checked", wait_seconds=wait, ready=tuple(ready))

    def _most_rounds(self) -> int:
        """Rounds until an execution ends itself: far below the limit of its history, and before its time-out."""
        longest_wait = max(self.recorder.settings.poll_interval * IDLE_POLLS, timedelta(seconds=1))
        return min(MOST_ROUNDS, OLDEST // longest_wait)

    def _held(self, most: int, start: Item, since: datetime | None) -> tuple[list[WorkspaceId], Item | None]:
        """Held primaries to try now, new ones first, if anything may be created. Only the claim decides exactly.

        Of existing fleets, as many as may be in progress at once, and only while there is room. Also returns the key
        from which the next round continues (`start`), None if there is nothing more to try. `since` is that of
        `Ledger.held`.
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
        """Whole seconds until the next round: a poll, or until the next row is due, at most `IDLE_POLLS` polls.

        After a round of several parts, the time that they took is added: with many open rows the interval grows, and
        half of the calls stay free. A WorkSpace takes most of an hour, however often it is checked.
        """
        poll = self.recorder.settings.poll_interval
        # Clocks may differ, and the row may have been edited.
        wait = poll + max(worked, timedelta(0)) if next_at is None else next_at - self.recorder.clock.now()
        return max(1, round(min(wait, poll * IDLE_POLLS).total_seconds()))
