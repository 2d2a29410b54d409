"""Runs the script of `baseline.py` in virtual time, against the world that the product is run against.

Each WorkSpace's loop runs at its own time. Whether a throttled call is repeated, and when, botocore's own code decides.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock

import botocore.session
from botocore import retryhandler, translate
from botocore.exceptions import ClientError

from local.workspaces import ManualClock, World
from local.workspaces.throttle import Throttle
from tests.bench.baseline import see_through
from tests.bench.fleet import BOOT, ITEMS, LATENCY, neighbours_pauses
from tests.simulation.scheduler import Scheduler
from tests.simulation.simulation import AWAY, DR, HOME, PRIMARY, WINDOWS

_MOST_HOURS = 240
THROTTLED = "ThrottlingException"


@dataclass(frozen=True)
class Scripted:
    """What the script needed.

    Attributes
    ----------
    calls, throttled : int
        Sent, with repetitions, and the throttled ones among them.
    gave_up : int
        Requests that botocore gave up after its last attempt: the script makes them again a minute later.
    hours : float
        Until all were seen through.
    other_tool_throttled_percent : float
        Of the calls of the account's other tool, the neighbour.
    """

    primaries: int
    calls: int
    throttled: int
    gave_up: int
    hours: float
    other_tool_throttled_percent: float


class _Client:
    """A client of WorkSpaces that repeats what is throttled as botocore does by default, and sleeps in virtual time.

    The limit is asked before the world is: nearly all calls of a large fleet end there.
    """

    def __init__(self, script: _Script, region: str) -> None:
        self._script, self._region = script, region
        self._delay = _default_retries()

    def describe_workspaces(self, **request: Any) -> Any:
        return self._call("DescribeWorkspaces", request)

    def create_standby_workspaces(self, **request: Any) -> Any:
        return self._call("CreateStandbyWorkspaces", request)

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        script, sent, sleep = self._script, self._script.sent, self._script.scheduler.sleep
        for attempt in itertools.count(1):
            sent["calls"] += 1
            if script.is_let_in(self._region):
                answer = script.world.call(self._region, operation, request)
                script.world.calls.clear()
                sleep(LATENCY)
                return answer
            sent["throttled"] += 1
            delay = self._delay(attempt)
            sleep(LATENCY + (delay or 0.0))
            if delay is None:
                break
        sent["gave up"] += 1
        raise ClientError({"Error": {"Code": THROTTLED, "Message": "Rate exceeded"}}, operation)


def _default_retries() -> Callable[[int], float | None]:
    """After how many seconds botocore, as it comes, repeats a throttled call of WorkSpaces; None: it does not."""
    session = botocore.session.Session()
    assert session.get_config_variable("retry_mode") == "legacy", "another mode is botocore's default now"
    known = session.get_component("data_loader").load_data("_retry")
    config = translate.build_retry_config("workspaces", known["retry"], known["definitions"])
    repeated = [one["applies_when"].get("response", {}) for one in config["__default__"]["policies"].values()]
    assert THROTTLED in [one.get("service_error_code") for one in repeated]
    delay: Any = retryhandler.create_retry_action_from_config(config)
    most: int = config["__default__"]["max_attempts"]
    return lambda attempt: delay(attempts=attempt) if attempt < most else None


class _Script:
    """The script's threads, the administrator who creates, and the neighbour."""

    def __init__(self, count: int, *, throttling: bool) -> None:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock, random.Random(0))  # noqa: S311 (repeatable, not secret)
        # The limit is asked here. It does not hold the administrator up: all arrive within the hour.
        self.world = World(self.clock, throttling=False, **BOOT)
        self._throttle, self._rate = Throttle() if throttling else None, self.world.settings.calls_per_second
        self.left = count
        self.sent, self.neighbours = dict.fromkeys(("calls", "throttled", "gave up"), 0), Counter[bool]()
        self._users = [f"desk{number:06}" for number in range(count)]
        for region, directory in ((PRIMARY, HOME), (DR, AWAY)):
            self.world.add_directory(region, directory, self._users)
        self._here, self._there = (_Client(self, region) for region in (PRIMARY, DR))

    def begin(self) -> None:
        """Let all of them begin."""
        calls = math.ceil(len(self._users) / ITEMS)
        for number in range(calls):
            self.scheduler.spawn(partial(self._create, number), delay=(number + 0.5) * 3600 / calls)
        for region in (PRIMARY, DR):
            self.scheduler.spawn(partial(self._be_a_neighbour, region))

    def _create(self, number: int) -> None:
        batch = self._users[number * ITEMS : (number + 1) * ITEMS]
        order = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS} for user in batch]
        answer = self.world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": order})
        for pending in answer["PendingRequests"]:
            self.scheduler.spawn(partial(self._follow, pending["WorkspaceId"]))

    def _follow(self, workspace_id: str) -> None:
        here: Any = self._here
        there: Any = self._there
        sleep = self.scheduler.sleep
        see_through(workspace_id, {HOME: AWAY}, primary_region=PRIMARY, here=here, there=there, sleep=sleep)
        self.left -= 1

    def _be_a_neighbour(self, region: str) -> None:
        for pause in neighbours_pauses(region):
            self.scheduler.sleep(pause)
            self.neighbours[self.is_let_in(region)] += 1

    def is_let_in(self, region: str) -> bool:
        """Whether the account's limit lets a call in."""
        return self._throttle is None or self._throttle.lets_in(region, self.clock.now(), self._rate)


def run(count: int, progress: Callable[[str], None] = lambda _: None, *, throttling: bool = True) -> Scripted:
    """Let the script see through so many primaries that arrive in an hour."""
    # botocore draws its delays from `random` itself: from here, so that a run can be repeated.
    with mock.patch.object(retryhandler, "random", random.Random(0)):  # noqa: S311 (repeatable, not secret)
        script = _Script(count, throttling=throttling)
        began = script.clock.now()
        script.begin()
        for hour in range(1, _MOST_HOURS + 1):
            script.scheduler.run(began + timedelta(hours=hour), lambda: script.left == 0)
            progress(f"{count - script.left} of {count} after {hour} h")
            if script.left == 0:
                break
    assert script.left == 0, f"{script.left} of {count} are left after {_MOST_HOURS} hours"
    assert not script.world.duplicates()
    hours = (script.clock.now() - began).total_seconds() / 3600
    script.scheduler.close()
    of_neighbour = 100 * script.neighbours[False] / max(script.neighbours.total(), 1)
    sent = script.sent
    return Scripted(count, sent["calls"], sent["throttled"], sent["gave up"], hours, of_neighbour)
