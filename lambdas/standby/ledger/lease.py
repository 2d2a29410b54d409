"""One watcher at a time, and one sweep: a lease row that names the execution that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from standby.clock import Clock, from_text, to_text
from standby.ledger.table import Table

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LEASE = "LEASE#WATCH"
SWEEP_LEASE = "LEASE#SWEEP"
NOBODY = "-"
# From one look of the holder to its next, beside the wait between them: two functions at their time-outs of five
# minutes each, and their retries.
WORK = timedelta(minutes=15)


# Held rows wait for a day, or for a person: tried at the start of an execution, and then this often.
HELD_EVERY = timedelta(minutes=15)


@dataclass(frozen=True)
class Turn:
    """What the holder of the lease may do now.

    `interval` is the seconds since its last round began, 0 where there was none or none begins now; `tries_held`
    whether held rows are to be tried.
    """

    interval: float
    tries_held: bool


class Executions:
    """Asks Step Functions about executions, and starts them."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn

    def may_be_running(self, execution_arn: str) -> bool:
        """False only if the service says that it has ended: what is not known counts as running."""
        try:
            return self._client.describe_execution(executionArn=execution_arn)["status"] == "RUNNING"
        except ClientError as problem:
            return problem.response["Error"].get("Code") != "ExecutionDoesNotExist"
        except (BotoCoreError, KeyError):
            return True

    def start(self, name: str) -> None:
        """Start the watcher.

        Raises
        ------
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
            It was not started; the schedule will.
        """
        self._client.start_execution(stateMachineArn=self._state_machine_arn, name=name, input="{}")


class WatchLease:
    """The lease; held until it ends, is given up, or its execution is known to have ended.

    An execution of the watcher has many rounds, of which the first follows none; one of the sweep is a round itself.
    """

    def __init__(
        self,
        table: Table,
        executions: Executions,
        clock: Clock,
        key: str = LEASE,
        held_every: timedelta = HELD_EVERY,
    ) -> None:
        self._key = key
        self._held_every = held_every
        self._is_round = key == SWEEP_LEASE
        self._table = table
        self._executions = executions
        self._clock = clock

    def is_held(self) -> bool:
        """Whether a watcher is at work, so that none need be started.

        Raises
        ------
        LedgerUnavailable
            Not known.
        """
        row = self._table.get(self._key, self._key)
        return row is not None and row["holder"] != NOBODY and self._is_live(row)

    def take(self, execution_arn: str, *, starts_round: bool) -> Turn | None:
        """Take or renew the lease for an execution; None if another execution holds it.

        Raises
        ------
        LedgerUnavailable
            Not known.
        """
        now = self._clock.now()
        row = self._table.get(self._key, self._key) or {}
        holder = row.get("holder", NOBODY)
        if holder not in (execution_arn, NOBODY) and self._is_live(row):
            return None
        # The first part of a sweep, done again after a failure, begins nothing.
        starts_round = starts_round and not (self._is_round and holder == execution_arn)
        mine = row if holder == execution_arn or self._is_round else {}
        began = from_text(mine["round_began_at"]) if "round_began_at" in mine else None
        tried = from_text(mine["held_tried_at"]) if "held_tried_at" in mine else None
        new = {
            "pk": self._key,
            "sk": self._key,
            "holder": execution_arn,
            "expires_at": to_text(now + WORK),
            "round_began_at": to_text(now if starts_round or began is None else began),
        }
        if tried is not None:
            new["held_tried_at"] = to_text(tried)
        if not self._table.put(new, "attribute_not_exists(pk) OR holder = :holder", {":holder": holder}):
            return None
        return Turn(
            interval=(now - began).total_seconds() if began and starts_round else 0.0,
            tries_held=tried is None or now - tried >= self._held_every,
        )

    def held_were_tried(self, execution_arn: str) -> None:
        """Note that held rows were handed on: the next time is after `held_every`."""
        values = {":now": to_text(self._clock.now()), ":me": execution_arn}
        self._table.update(self._key, self._key, "SET held_tried_at = :now", values, "holder = :me")

    def extend(self, execution_arn: str, wait: timedelta) -> None:
        """Hold it over a wait of the state machine, and the work after it."""
        values = {":until": to_text(self._clock.now() + wait + WORK), ":me": execution_arn}
        self._table.update(self._key, self._key, "SET expires_at = :until", values, "holder = :me")

    def give_up(self, execution_arn: str) -> None:
        """Let the next watcher have it."""
        values = {":nobody": NOBODY, ":me": execution_arn}
        self._table.update(self._key, self._key, "SET holder = :nobody", values, "holder = :me")

    def _is_live(self, row: Mapping[str, Any]) -> bool:
        return self._clock.now() < from_text(row["expires_at"]) and self._executions.may_be_running(row["holder"])
