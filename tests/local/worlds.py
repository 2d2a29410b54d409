"""Worlds and clients that the tests of the embedded cloud share."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.botocore_adapter import attach
from local.workspaces import ManualClock, World
from tests.local.places import AWAY, DR, HOME, PRIMARY, USERS, WINDOWS

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient


def make_world(**settings: Any) -> World:
    """Return a world with a directory of the same sixty users in each Region, and no throttling unless asked for."""
    world = World(ManualClock(), **{"throttling": False, **settings})
    world.add_directory(PRIMARY, HOME, USERS)
    world.add_directory(DR, AWAY, USERS)
    return world


def advance(world: World, seconds: float) -> None:
    """Move the world's clock."""
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(seconds)
    world.settle()


def create(world: World, *users: str, **item: Any) -> list[str]:
    """Create primaries and return their ids in the order of the users."""
    request = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS, **item} for user in users]
    answer = world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": request})
    assert answer["FailedRequests"] == []
    return [pending["WorkspaceId"] for pending in answer["PendingRequests"]]


def create_ready(world: World, *users: str, **item: Any) -> list[str]:
    """Create primaries and wait until they are AVAILABLE."""
    ids = create(world, *users, **item)
    advance(world, world.settings.boot_seconds * world.settings.encrypted_root_factor)
    return ids


def one_ready(**settings: Any) -> tuple[World, str]:
    """Return a world with one primary, of user01, that is AVAILABLE."""
    world = make_world(**settings)
    return world, create_ready(world, "user01")[0]


def standby(world: World, *primary_ids: str, region: str = DR, **item: Any) -> dict[str, Any]:
    """Ask for standbys and return the answer."""
    request = [{"PrimaryWorkspaceId": each, "DirectoryId": AWAY, **item} for each in primary_ids]
    return world.call(region, "CreateStandbyWorkspaces", {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": request})


def failures(answer: dict[str, Any]) -> list[str]:
    """Return the codes of the failed items."""
    return [failed["ErrorCode"] for failed in answer["FailedStandbyRequests"]]


def describe(world: World, workspace_id: str, region: str = PRIMARY) -> dict[str, Any]:
    """Return one WorkSpace as DescribeWorkspaces shows it."""
    (found,) = world.call(region, "DescribeWorkspaces", {"WorkspaceIds": [workspace_id]})["Workspaces"]
    assert isinstance(found, dict)
    return found


def client_of(world: World, region: str = PRIMARY, principal: str | None = None) -> "WorkSpacesClient":
    """Return a boto3 client that calls ``world`` and does not retry."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)
    client = session.client("workspaces", config=Config(retries={"total_max_attempts": 1}))
    attach(client, world, principal)
    return client
