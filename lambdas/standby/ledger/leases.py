"""One watcher at a time, and one sweep: a row names the execution that holds the lock, and keeps its position.

The row keeps the cursors of the present round and of the one before it, so that a round that is repeated after its
answer was lost continues from where it began. A cursor of another schema or execution, or one that was edited, is
ignored. A row that cannot be read holds nothing. `Executions` says whether a holder is still running.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from standby.aws.call import call
from standby.clock import Clock
from standby.core.model import to_text
from standby.core.outcomes import Answer, Refused
from standby.core.row import HELD
from standby.ledger.table import NO_HOLDER, LedgerUnavailable, Table, moment_in

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

WATCH_LEASE = "LEASE#WATCH"
SWEEP_LEASE = "LEASE#SWEEP"
# The longest time from one round of the holder to its next, without the wait between them: two functions with time-outs
# of five minutes each, and their retries.
WORK = timedelta(minutes=15)
# Held rows wait for a day, or for a person: they are tried at the start of an execution, and then this often. Rows of
# an accepted fleet that a sweep has held since then are tried in each round.
HELD_EVERY = timedelta(minutes=15)
CURSOR_SCHEMA = 1


@dataclass(frozen=True)
class Turn:
    """A round of an execution that holds the lock.

    `began_at`: when the pass over all rows began that this round is part of. `interval`: the seconds from the beginning
    of the pass before to that, 0 if there was none or if this is a later part. `tries_held`: whether all held rows are
    tried. `cursor`: where this part continues, None for the first part.
    """

    execution_arn: str
    number: int
    began_at: datetime
    interval: float
    tries_held: bool
    cursor: Mapping[str, Any] | None


@dataclass
class Lease:
    """The lock, held for a lease: until the lease ends, it is given up, or its execution is known to have ended.

    An execution of the watcher passes over the rows again and again. One of the sweep goes through the fleet once, in
    parts.
    """

    table: Table
    executions: Executions
    clock: Clock
    key: str
    held_every: timedelta

    def is_held(self) -> bool:
        """Whether an execution holds the lock, so that none needs to be started."""
        row = self.table.get(self.key, self.key)
        return row is not None and self._is_live(row)

    def may_be_held(self) -> bool:
        """Whether an execution may be at work, by the row alone; what cannot be read says that it may."""
        try:
            row = self.table.get(self.key, self.key)
        except LedgerUnavailable:
            return True
        return row is not None and self._is_current(row)

    def start_watcher(self, name: str) -> str:
        """Start an execution of the watcher, unless one holds the lock; returns why it could not be started, or ""."""
        try:
            problem = "" if self.is_held() else self.executions.start(name)
        except LedgerUnavailable as unavailable:
            problem = str(unavailable)
        return problem and f"The watcher could not be started; its schedule starts it within 15 minutes: {problem}"

    def take(self, execution_arn: str, number: int) -> Turn | None:
        """Take the lock, or renew its lease, for a round of an execution; None if another execution holds it."""
        now = self.clock.now()
        row = self.table.get(self.key, self.key) or {}
        holder = row.get("holder")
        if holder != execution_arn and self._is_live(row):
            return None
        is_mine = holder == execution_arn
        kept = _intact(row.get("kept"), execution_arn)
        cursor = kept.get(str(number))
        is_sweep = self.key == SWEEP_LEASE
        # The first part of a sweep, repeated after a failure, begins no new pass. A round of the watcher begins one
        # when it reads due rows from the start, wherever it continues with held rows.
        begins = (cursor is None or cursor.keys() == {HELD}) and not (is_sweep and is_mine)
        before = row if is_mine or is_sweep else {}
        began, tried = moment_in(before, "round_began_at"), moment_in(before, "held_tried_at")
        began_at = now if begins or began is None else began
        new: dict[str, Any] = {
            "pk": self.key,
            "sk": self.key,
            "holder": execution_arn,
            "expires_at": to_text(now + WORK),
            "round_began_at": to_text(began_at),
            "kept": _sealed(execution_arn, kept),
        }
        if tried is not None:
            new["held_tried_at"] = to_text(tried)
        # The interval between passes, for readers of the ledger. A watcher that was started again has none yet.
        interval = (now - began).total_seconds() if began and begins else 0.0
        if isinstance(measured := int(interval) or row.get("interval_seconds"), int):
            new["interval_seconds"] = measured
        condition, values = "attribute_not_exists(holder) OR NOT attribute_type(holder, :text)", {":text": "S"}
        if isinstance(holder, str):
            condition, values = "holder = :holder", {":holder": holder}
        if not self.table.put(new, condition, values):
            return None
        return Turn(
            execution_arn,
            number,
            began_at,
            interval=interval,
            tries_held=tried is None or not timedelta(0) <= now - tried < self.held_every,
            cursor=cursor,
        )

    def keep(self, turn: Turn, cursor: Mapping[str, Any] | None, wait: timedelta = timedelta(0)) -> None:
        """Hold the lock over a wait and the work after it, and keep where the next round continues.

        Held rows count as tried when the round has reached their end.
        """
        now, me = self.clock.now(), turn.execution_arn
        kept = _sealed(me, {str(turn.number): turn.cursor, str(turn.number + 1): cursor})
        new = {"expires_at": to_text(now + wait + WORK), "kept": kept}
        if turn.tries_held and cursor is None:
            new["held_tried_at"] = to_text(now)
        self.table.set(self.key, self.key, new, "holder = :me", {":me": me})

    def give_up(self, execution_arn: str) -> None:
        """Release the lock for the next execution."""
        self.table.set(self.key, self.key, {"holder": NO_HOLDER}, "holder = :me", {":me": execution_arn})

    def _is_live(self, row: Mapping[str, Any]) -> bool:
        return self._is_current(row) and self.executions.may_be_running(str(row["holder"]))

    def _is_current(self, row: Mapping[str, Any]) -> bool:
        holder, expires_at = row.get("holder"), moment_in(row, "expires_at")
        is_an_execution = isinstance(holder, str) and holder.startswith("arn:")
        return is_an_execution and expires_at is not None and self.clock.now() < expires_at


def _sealed(execution_arn: str, rounds: Mapping[str, Any]) -> dict[str, Any]:
    """The cursors of an execution's rounds, by number, with a checksum."""
    whole = json.dumps([CURSOR_SCHEMA, execution_arn, rounds], sort_keys=True)
    return {"rounds": rounds, "sum": zlib.crc32(whole.encode())}


def _intact(kept: object, execution_arn: str) -> Mapping[str, Any]:
    """The cursors in a row; empty if this version did not write them for this execution."""
    rounds = kept.get("rounds") if isinstance(kept, Mapping) else None
    return rounds if isinstance(rounds, Mapping) and kept == _sealed(execution_arn, rounds) else {}


@dataclass
class Executions:
    """Asks Step Functions whether an execution of the watcher or of a sweep is running, and starts the watcher."""

    client: SFNClient
    state_machine_arn: str

    def may_be_running(self, execution_arn: str) -> bool:
        """Whether an execution may be running: False only if the service says that it has ended."""
        answer = call(self.client.describe_execution, executionArn=execution_arn)
        if isinstance(answer, Answer):
            return bool(answer.body.get("status", "RUNNING") == "RUNNING")
        return not (isinstance(answer, Refused) and answer.code == "ExecutionDoesNotExist")

    def start(self, name: str) -> str:
        """Start the watcher; returns why it was not started, or ""."""
        answer = call(self.client.start_execution, stateMachineArn=self.state_machine_arn, name=name, input="{}")
        return "" if isinstance(answer, Answer) else f"{answer.code}: {answer.message}"
