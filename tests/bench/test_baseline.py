"""The administrator's script works: it is run with boto3 over HTTP, and only its sleep is virtual."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local.workspaces import ManualClock, World
from tests.bench import baseline
from tests.bench.endpoint import ENVIRONMENT, Endpoint
from tests.bench.store import FastLedger
from tests.ledger_table import definition
from tests.simulation.deployment import STACK
from tests.simulation.simulation import ACCOUNT, AWAY, DR, HOME, PRIMARY, WINDOWS

USERS = ["alice", "bob", "carol"]
GIVEN = ["--region", PRIMARY, "--dr-region", DR, "--directory", f"{HOME}={AWAY}"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(ManualClock(), throttling=False, boot_seconds=600, standby_boot_seconds=900)
    for region, directory in ((PRIMARY, HOME), (DR, AWAY)):
        world.add_directory(region, directory, USERS)
    endpoint = Endpoint(world, FastLedger(definition(STACK), ACCOUNT, PRIMARY, world.clock.now))
    with endpoint.open():
        for name, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint.url}).items():
            monkeypatch.setenv(name, value)
        yield world


def create(world: World, *users: str) -> list[str]:
    order = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS} for user in users]
    pending = world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": order})["PendingRequests"]
    return [one["WorkspaceId"] for one in pending]


class Sleep:
    """Each thread's minute moves the world's clock; `then` happens at the first one."""

    def __init__(self, world: World, then: Any = None) -> None:
        self._clock: Any = world.clock
        self._then = then
        self._lock = threading.Lock()
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        with self._lock:
            self.seconds.append(seconds)
            if self._then is not None:
                self._then()
                self._then = None
            self._clock.advance(seconds)


def test_each_workspace_gets_its_standby(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    ids = create(world, *USERS)
    sleep = Sleep(world)
    assert baseline.main([*GIVEN, *ids], sleep) == 0
    assert {one.primary_id: one.state for one in world.standbys()} == dict.fromkeys(ids, "AVAILABLE")
    said = capsys.readouterr().out.splitlines()
    assert sorted(said) == sorted(
        f"{one.primary_id}: standby {one.workspace_id} is AVAILABLE" for one in world.standbys()
    )
    assert set(sleep.seconds) == {60}


def test_a_workspace_that_is_terminated_ends_its_loop_with_a_message(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (gone,) = create(world, "alice")

    def terminate() -> None:
        world.call(PRIMARY, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": gone}]})

    sleep = Sleep(world, terminate)
    assert baseline.main([*GIVEN, gone], sleep) == 1
    assert capsys.readouterr().out in (f"{gone}: {gone} is TERMINATING\n", f"{gone}: {gone} no longer exists\n")
    assert len(sleep.seconds) == 1
    assert not world.standbys()


def test_a_directory_without_a_counterpart_ends_with_a_message(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = create(world, "alice")
    given = [*GIVEN[:-1], "d-9067000000=d-9267000000"]
    assert baseline.main([*given, one], Sleep(world)) == 1
    assert capsys.readouterr().out == f"{one}: no directory in the DR Region is given for {HOME}\n"
