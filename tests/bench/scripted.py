"""Runs the script of `baseline.py` in virtual time, against the world that the product is run against."""

from __future__ import annotations

import math
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from local.workspaces import ManualClock, ServiceError, World
from tests.bench.baseline import see_through
from tests.bench.fleet import BOOT, ITEMS, NEIGHBOUR
from tests.simulation.scheduler import Scheduler
from tests.simulation.simulation import AWAY, DR, HOME, PRIMARY, WINDOWS

_MOST_HOURS = 240


@dataclass(frozen=True)
class Scripted:
    """What the script needed: calls sent, throttled ones among them, hours, and the neighbour's throttled part."""

    primaries: int
    calls: int
    throttled: int
    hours: float
    neighbour_throttled: float


class _Client:
    """A client of WorkSpaces, without botocore: it takes as long as all else, and none of its work is of interest."""

    def __init__(self, world: World, region: str, sent: Counter[str]) -> None:
        self._world, self._region, self._sent = world, region, sent

    def describe_workspaces(self, **request: Any) -> Any:
        return self._call("DescribeWorkspaces", request)

    def create_standby_workspaces(self, **request: Any) -> Any:
        return self._call("CreateStandbyWorkspaces", request)

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        outcome = "ok"
        try:
            return self._world.call(self._region, operation, request)
        except ServiceError as problem:
            outcome = problem.code
            raise ClientError({"Error": {"Code": problem.code, "Message": problem.message}}, operation) from None
        finally:
            self._world.calls.clear()
            self._sent[outcome] += 1


class _Script:
    """The script's threads, the administrator who creates, and the neighbour."""

    def __init__(self, count: int, *, throttling: bool) -> None:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock, random.Random(0))  # noqa: S311 (repeatable, not secret)
        self.world = World(self.clock, throttling=throttling, **BOOT)
        self.left = count
        self.sent, self.neighbours = Counter[str](), Counter[str]()
        self._users = [f"desk{number:06}" for number in range(count)]
        for region, directory in ((PRIMARY, HOME), (DR, AWAY)):
            self.world.add_directory(region, directory, self._users)
        self._here, self._there = (_Client(self.world, region, self.sent) for region in (PRIMARY, DR))
        self._other = _Client(self.world, PRIMARY, self.neighbours)

    def begin(self) -> None:
        """Let all of them begin."""
        calls = math.ceil(len(self._users) / ITEMS)
        for number in range(calls):
            self.scheduler.spawn(partial(self._create, number), delay=(number + 0.5) * 3600 / calls)
        self.scheduler.spawn(self._be_a_neighbour)

    def _create(self, number: int) -> None:
        batch = self._users[number * ITEMS : (number + 1) * ITEMS]
        order = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS} for user in batch]
        while True:
            try:
                answer = self.world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": order})
                break
            except ServiceError:
                self.scheduler.sleep(2)
        for pending in answer["PendingRequests"]:
            self.scheduler.spawn(partial(self._follow, pending["WorkspaceId"]))

    def _follow(self, workspace_id: str) -> None:
        here: Any = self._here
        there: Any = self._there
        sleep = self.scheduler.sleep
        see_through(workspace_id, AWAY, primary_region=PRIMARY, here=here, there=there, sleep=sleep)
        self.left -= 1

    def _be_a_neighbour(self) -> None:
        while True:
            self.scheduler.sleep(1 / NEIGHBOUR)
            with suppress(ClientError):
                self._other.describe_workspaces(Limit=1)


def run(count: int, *, throttling: bool = True) -> Scripted:
    """Let the script see through so many primaries that arrive in an hour."""
    script = _Script(count, throttling=throttling)
    began = script.clock.now()
    script.begin()
    script.scheduler.run(began + timedelta(hours=_MOST_HOURS), lambda: script.left == 0)
    assert script.left == 0, f"{script.left} of {count} are left after {_MOST_HOURS} hours"
    assert not script.world.duplicates()
    hours = (script.clock.now() - began).total_seconds() / 3600
    script.scheduler.close()
    of_neighbour = script.neighbours["ThrottlingException"] / max(script.neighbours.total(), 1)
    return Scripted(count, script.sent.total(), script.sent["ThrottlingException"], hours, of_neighbour)
