"""Runs the product in virtual time under a seeded schedule of events, faults, crashes and aborted watchers.

One seed is one run. The functions are the real ones; the steps between them are the state machine's, driven here.
`python -m tests.simulation.simulate --first 0 --seeds 100` runs a hundred; a failure prints its seed.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from local.workspaces import Fault
from standby.claims import TOTAL, day_counter
from standby.model import Status
from standby.reasons import Reason
from standby.table import LedgerUnavailable
from tests.unit.estate import AWAY, DR, EXECUTION, TABLE, USERS, Estate, estate

WORKSPACES_KINDS = (
    "throttle",
    "error_before",
    "error_after",
    "connection_refused",
    "connect_timeout",
    "read_timeout_before",
    "read_timeout_after",
    "connection_closed_after",
    "malformed",
    "empty",
)
LEDGER_KINDS = ("throttle", "error_before", "error_after", "connect_timeout", "read_timeout_after")
FAULTS_END = timedelta(hours=4)
HORIZON = timedelta(hours=14)
SCHEDULE = timedelta(minutes=15)
# Lambda's own retries of an asynchronous event, and a person who asks for what is in the dead-letter queue.
RETRIES = (timedelta(minutes=1), timedelta(minutes=2), timedelta(hours=5))


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Watcher:
    """An execution of the state machine: where it stands."""

    arn: str
    round_number: int = 0
    cursor: dict[str, Any] | None = None
    ready: tuple[str, ...] = ()
    failures: int = 0


@dataclass
class Run:
    """One seeded run."""

    seed: int
    found: Estate
    random: random.Random
    began: datetime
    queue: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    steps: int = 0
    kills_left: int = 0
    story: list[str] = field(default_factory=list)

    # Time

    def at(self, moment: datetime, step: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self.queue, (moment, next(self.numbers), step))

    def after(self, delay: timedelta, step: Callable[[], None]) -> None:
        """Do something later."""
        self.at(self.found.clock.now() + delay, step)

    def go(self) -> None:
        """Run until nothing is left to do, or the horizon."""
        while self.queue:
            moment, _, step = heapq.heappop(self.queue)
            if moment > self.began + HORIZON:
                return
            ahead = (moment - self.found.clock.now()).total_seconds()
            if ahead > 0:
                self.found.clock.sleep(ahead)
            step()
            self.steps += 1
            self.check()

    # What happens

    def deliver(self, event: dict[str, Any], attempt: int = 0) -> None:
        """An event reaches protect; Lambda repeats a failed invocation twice, then it is a person's."""
        if not self.invoke(lambda: self.found.send(event)) and attempt < len(RETRIES):
            self.after(RETRIES[attempt], lambda: self.deliver(event, attempt + 1))
        for name in self.found.watchers.started:
            self.watch(name)
        self.found.watchers.started.clear()

    def watch(self, name: str) -> None:
        """An execution starts."""
        watcher = Watcher(EXECUTION.replace(":one", f":{name}"))
        self.found.watchers.running.add(watcher.arn)
        self.after(timedelta(0), lambda: self.observe(watcher))

    def schedule(self) -> None:
        """The schedule starts an execution every 15 minutes."""
        self.watch(f"schedule-{next(self.numbers)}")
        self.after(SCHEDULE, self.schedule)

    def observe(self, watcher: Watcher) -> None:
        """State Observe, its retries and what follows."""
        if watcher.arn not in self.found.watchers.running:
            return
        if self.abort_is_due():
            self.story.append(f"{self.found.clock.now()} aborted {watcher.arn[-12:]}")
            self.found.watchers.running.discard(watcher.arn)
            return
        answer: list[Any] = []

        def look() -> None:
            answer.append(self.found.observe(watcher.round_number, watcher.cursor, watcher.arn))

        if not self.invoke(look):
            watcher.failures += 1
            if watcher.failures > 5:
                self.found.watchers.running.discard(watcher.arn)
            else:
                self.after(timedelta(seconds=10 * watcher.failures), lambda: self.observe(watcher))
            return
        round_ = answer[0]
        watcher.failures = 0
        watcher.round_number += 1
        watcher.cursor = json.loads(json.dumps(round_.cursor))
        if round_.done:
            self.found.watchers.running.discard(watcher.arn)
            return
        watcher.ready = round_.ready
        self.after(timedelta(0), lambda: self.protect(watcher, round_.wait_seconds))

    def protect(self, watcher: Watcher, wait_seconds: int) -> None:
        """State Protect, and Wait."""
        if watcher.ready:
            call = {
                "mode": "reconcile",
                "workspace_ids": list(watcher.ready),
                "cause": {"type": "watch", "id": watcher.arn},
            }
            self.invoke(lambda: self.found.send(call))
        self.after(timedelta(seconds=wait_seconds), lambda: self.observe(watcher))

    def invoke(self, function: Callable[[], Any]) -> bool:
        """Invoke a function, which may fail or be killed."""
        self.found.watchers.running.add("")  # describe_execution answers for what is in the set only
        try:
            function()
        except (LedgerUnavailable, Killed) as problem:
            self.story.append(f"{self.found.clock.now()} {type(problem).__name__}: {problem}"[:160])
            return False
        return True

    def abort_is_due(self) -> bool:
        """Whether somebody aborts this execution now."""
        return self.in_trouble() and self.random.random() < 0.01

    def in_trouble(self) -> bool:
        """Whether faults may still happen."""
        return self.found.clock.now() < self.began + FAULTS_END

    # The ledger's and the process's faults

    def disturb(self, client: Any, service: str, kinds: tuple[str, ...], rate: float) -> None:
        """Let calls of a client fail, or the process die before or after them, at a rate."""
        real = client._make_api_call

        def call(operation: str, arguments: Any) -> Any:
            if not self.in_trouble() or self.random.random() >= rate:
                return real(operation, arguments)
            if self.kills_left and self.random.random() < 0.3:
                self.kills_left -= 1
                if self.random.random() < 0.5:
                    real(operation, arguments)
                raise Killed(f"{service} {operation}")
            if not kinds:
                return real(operation, arguments)
            kind = self.random.choice(kinds)
            if kind.endswith("_after"):
                real(operation, arguments)
            raise _failure(client, kind, operation)

        client._make_api_call = call

    # What must hold

    def check(self) -> None:
        """The invariants, after every step."""
        world = self.found.world
        assert world.duplicates() == [], f"two standbys: {world.duplicates()}"
        for call in world.calls[-30:]:
            if call.operation == "CreateStandbyWorkspaces":
                for item in call.params["StandbyWorkspaces"]:
                    primary = world.workspace(item["PrimaryWorkspaceId"])
                    assert primary.primary_id is None, f"a standby for a standby: {item}"
                    assert primary.properties["OperatingSystemName"].startswith("WINDOWS"), f"ineligible: {item}"

    def check_end(self, ids: list[str]) -> None:
        """Everything has converged, and the ledger is true."""
        found = self.found
        rows = {one: found.row(one) for one in ids}
        live = {one.primary_id: one for one in found.world.standbys()}
        for one, row in rows.items():
            waits_for_a_person = row.reason is Reason.USER_NOT_IN_DR_DIRECTORY
            assert waits_for_a_person or not row.status.is_open, (
                f"{one} is still open: {row.status} {row.reason} {row.message}"
            )
            if row.status is Status.PROTECTED:
                assert live[one].workspace_id == row.standby_id, f"{one}: {row.standby_id} is not its standby"
            history = found.history(one)
            assert [item["version"] for item in history] == list(range(1, row.version + 1)), f"{one}: a broken history"
            assert history[-1]["status"] == row.status
            windows = found.world.workspace(one).properties["OperatingSystemName"].startswith("WINDOWS")
            if windows and row.user_name not in self.strange:
                assert row.status is Status.PROTECTED, f"{one}: {row.status} {row.reason} {row.message}"
        items = found.dynamodb.scan(TableName=TABLE)["Items"]
        claims = [item for item in items if item["pk"]["S"].startswith("CLAIM#") and item["primary_id"]["S"] != "-"]
        assert found.item(TOTAL, "COUNTER").get("taken", 0) == len(claims), "the total is not what it counts"
        days: dict[str, int] = {}
        for row in rows.values():
            if row.counted_day:
                days[row.counted_day] = days.get(row.counted_day, 0) + 1
        for day, count in days.items():
            assert found.item(day_counter(day), "COUNTER")["taken"] == count, f"{day}'s counter is not what it counts"
        assert len(live) == len(claims), "a standby without a claim, or a claim without a standby"

    @property
    def strange(self) -> set[str]:
        """Users who are not in the DR directory, or have a desktop of their own there."""
        return {USERS[0], USERS[1]}


def _failure(client: Any, kind: str, operation: str) -> Exception:
    if kind == "connect_timeout":
        return ConnectTimeoutError(endpoint_url="https://dynamodb")
    if kind == "read_timeout_after":
        return ReadTimeoutError(endpoint_url="https://dynamodb")
    code, status = ("ThrottlingException", 400) if kind == "throttle" else ("InternalServerError", 500)
    answer = {"Error": {"Code": code, "Message": kind}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return client.exceptions.ClientError(answer, operation)  # type: ignore[no-any-return]


def simulate(seed: int) -> Run:
    """Run one seed.

    Raises
    ------
    AssertionError
        Something that must hold did not.
    """
    dice = random.Random(seed)  # noqa: S311 (repeatable, not secret)
    lag = dice.choice([0, 60, 300, 600])
    world: dict[str, Any] = {
        "strict": dice.random() < 0.3,
        "relation_lag_seconds": dice.choice([0, lag, lag]),
        "visibility_lag_seconds": dice.choice([0, 0, lag]),
        "partial_seconds": dice.choice([0, 120]),
        "refusals": dice.choice(["item", "call"]),
        "shout_user_names": dice.random() < 0.3,
        "ragged_pages": dice.random() < 0.3,
        "seed": seed,
    }
    with estate(**world) as found:
        run = Run(seed, found, dice, found.clock.now(), kills_left=dice.randrange(6))
        run.story.append(f"{world}")
        found.world.remove_user(DR, AWAY, USERS[0])
        order = {"DirectoryId": AWAY, "UserName": USERS[1], "BundleId": "wsb-windowsstandard"}
        found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
        ids: list[str] = []
        size = dice.choice([6, 12, 40])
        for start in range(0, size, 4):
            bundle = "wsb-ubuntustandard" if dice.random() < 0.1 else "wsb-windowsstandard"
            ids += found.create(*USERS[start : start + 4], BundleId=bundle)
        found.world.settings.change(throttling=dice.random() < 0.5)
        events = [one for one in found.world.trail if one["region"] != DR]
        for event in events:
            for _ in range(dice.choice([1, 1, 2, 5])):
                delay = timedelta(seconds=dice.expovariate(1 / 900))
                run.after(delay, lambda event=event: run.deliver(event))  # type: ignore[misc]
        for _ in range(dice.randrange(12)):
            start_at = found.clock.now() + timedelta(seconds=dice.triangular(0, 3 * 3600, 1800))
            operation = dice.choice(["CreateStandbyWorkspaces", "CreateStandbyWorkspaces", "DescribeWorkspaces"])
            until = min(start_at + timedelta(seconds=dice.choice([60, 600, 3600])), run.began + FAULTS_END)
            # What has an effect and does not say so is what two standbys come of: it is asked for twice as often.
            kind = dice.choice([*WORKSPACES_KINDS, *(one for one in WORKSPACES_KINDS if one.endswith("_after"))])
            fault = Fault(operation, kind, until=until)
            run.at(start_at, lambda fault=fault: found.world.inject(fault))  # type: ignore[misc]
            run.story.append(f"{start_at} {fault.operation} {fault.kind} until {until}")
        run.disturb(found.dynamodb, "dynamodb", LEDGER_KINDS, dice.choice([0.0, 0.002, 0.02]))
        run.disturb(found.parts.clients.dr, "workspaces", (), dice.choice([0.0, 0.05]))
        run.schedule()
        try:
            run.go()
            run.check_end(ids)
        except AssertionError:
            sys.stderr.write("\n".join([f"seed {seed} failed", *run.story[:60], ""]))
            raise
        return run


def main() -> int:
    """Run many seeds; 1 if one failed."""
    parser = argparse.ArgumentParser(description="Simulate the product under seeded faults.")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=100)
    chosen = parser.parse_args()
    failed = []
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        try:
            run = simulate(seed)
        except AssertionError as problem:
            failed.append(seed)
            print(f"seed {seed}: {problem}")
        else:
            print(f"seed {seed}: {run.steps} steps", flush=True)
    print(f"{chosen.seeds - len(failed)} passed, {len(failed)} failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
