"""One embedded cloud for all tests of a session that do not end it."""

from collections.abc import Iterator

import pytest

from local.cloud import Cloud
from tests.local.places import AWAY, DR, HOME, PRIMARY, USERS


@pytest.fixture(scope="session")
def running_cloud() -> Iterator[Cloud]:
    with Cloud.start(boot_seconds=0, standby_boot_seconds=0, terminate_seconds=0, throttling=False) as cloud:
        cloud.world.add_directory(PRIMARY, HOME, USERS)
        cloud.world.add_directory(DR, AWAY, USERS)
        yield cloud


@pytest.fixture
def cloud(running_cloud: Cloud) -> Iterator[Cloud]:
    """The session's cloud, with no WorkSpace in it, and its settings put back afterwards."""
    settings = running_cloud.world.snapshot()["settings"]
    yield running_cloud
    running_cloud.world.clear_faults()
    running_cloud.world.change(**settings)
    for workspace in running_cloud.world.primaries() + running_cloud.world.standbys():
        running_cloud.world.set_state(workspace["workspace_id"], "TERMINATED")
