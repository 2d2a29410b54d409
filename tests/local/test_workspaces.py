"""The other operations of the model: creation, pages, states, tags, bundles, directories, CloudTrail."""

from typing import Any

import pytest

from local.workspaces import ServiceError, World
from tests.local.places import AWAY, DR, HOME, PRIMARY, USERS, WINDOWS
from tests.local.worlds import advance, create, create_ready, describe, make_world, one_ready, standby

SOMETIMES = {"PrimaryWorkspaceId": "ws-012345678", "DirectoryId": AWAY, "DataReplication": "SOMETIMES"}


def ids_of(answer: dict[str, Any]) -> list[str]:
    return [workspace["WorkspaceId"] for workspace in answer["Workspaces"]]


def test_a_workspace_boots_after_its_time_and_an_encrypted_root_takes_longer() -> None:
    world = make_world()
    plain, encrypted = create(world, "user01") + create(world, "user02", RootVolumeEncryptionEnabled=True)
    advance(world, 1199)
    assert describe(world, plain)["State"] == "PENDING"
    advance(world, 1)
    assert describe(world, plain)["State"] == "AVAILABLE"
    assert describe(world, encrypted)["State"] == "PENDING"
    advance(world, 2400)
    assert describe(world, encrypted)["State"] == "AVAILABLE"


def test_an_auto_stop_workspace_stops_after_an_hour() -> None:
    world = make_world()
    (workspace,) = create_ready(world, "user01", WorkspaceProperties={"RunningMode": "AUTO_STOP"})
    advance(world, 3600)
    assert describe(world, workspace)["State"] == "STOPPED"
    world.call(PRIMARY, "StartWorkspaces", {"StartWorkspaceRequests": [{"WorkspaceId": workspace}]})
    assert describe(world, workspace)["State"] == "AVAILABLE"


def test_wrong_items_fail_beside_right_ones() -> None:
    world = make_world()
    create(world, "user01")
    good = {"DirectoryId": HOME, "UserName": "user02", "BundleId": WINDOWS}
    wrong = [{"UserName": "USER01"}, {"UserName": "nobody"}, {"DirectoryId": AWAY}, {"BundleId": "wsb-nosuchbundle"}]
    items = [good, *({**good, "UserName": "user03"} | changes for changes in wrong)]
    answer = world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": items})
    assert len(answer["PendingRequests"]) == 1
    codes = [failed["ErrorCode"].partition(".") for failed in answer["FailedRequests"]]
    assert [what for _, _, what in codes] == ["WorkSpace", "User", "Directory", "Bundle"]
    assert [code for code, _, _ in codes] == ["ResourceExists", *["ResourceNotFound"] * 3]


def test_a_new_workspace_is_unseen_then_partial_then_whole() -> None:
    world = make_world(visibility_lag_seconds=10, partial_seconds=10)
    (workspace,) = create(world, "user01")
    assert world.call(PRIMARY, "DescribeWorkspaces", {"WorkspaceIds": [workspace]}) == {"Workspaces": []}
    advance(world, 10)
    assert "WorkspaceProperties" not in describe(world, workspace)
    advance(world, 10)
    assert describe(world, workspace)["WorkspaceProperties"]["OperatingSystemName"] == "WINDOWS_SERVER_2022"


def walk(world: World, **asked: Any) -> tuple[list[str], list[int]]:
    """Ask for page after page; the ids, and how many a page had."""
    seen, sizes, token = list[str](), list[int](), dict[str, str]()
    while True:
        answer = world.call(PRIMARY, "DescribeWorkspaces", asked | token)
        seen += ids_of(answer)
        sizes.append(len(answer["Workspaces"]))
        if "NextToken" not in answer:
            return seen, sizes
        token = {"NextToken": answer["NextToken"]}


def test_pages_hold_25_and_a_token_belongs_to_its_request() -> None:
    world = make_world()
    made = create(world, *USERS[:25]) + create(world, *USERS[25:50]) + create(world, *USERS[50:60])
    assert walk(world, DirectoryId=HOME) == (made, [25, 25, 10])
    token = world.call(PRIMARY, "DescribeWorkspaces", {"DirectoryId": HOME})["NextToken"]
    for wrong in (token, "nonsense"):
        with pytest.raises(ServiceError, match="InvalidParameterValuesException"):
            world.call(PRIMARY, "DescribeWorkspaces", {"NextToken": wrong})


def test_ragged_pages_may_be_empty_and_still_show_everything() -> None:
    world = make_world(ragged_pages=True)
    made = create(world, *USERS[:25]) + create(world, *USERS[25:50])
    seen, sizes = walk(world, Limit=3)
    assert seen == made
    assert 0 in sizes


def test_filters_exclude_each_other() -> None:
    world = make_world()
    (workspace, _) = create(world, "user01", "user02")
    assert ids_of(world.call(PRIMARY, "DescribeWorkspaces", {"DirectoryId": HOME, "UserName": "USER01"})) == [workspace]
    assert len(ids_of(world.call(PRIMARY, "DescribeWorkspaces", {"BundleId": WINDOWS}))) == 2
    both = {"WorkspaceIds": [workspace], "DirectoryId": HOME}
    for wrong in (both, {"UserName": "user01"}, {"BundleId": WINDOWS, "DirectoryId": HOME}):
        with pytest.raises(ServiceError, match="InvalidParameterValuesException"):
            world.call(PRIMARY, "DescribeWorkspaces", wrong)
    world.settings.change(exact_user_filter=True)
    assert ids_of(world.call(PRIMARY, "DescribeWorkspaces", {"DirectoryId": HOME, "UserName": "USER01"})) == []


def test_regions_are_apart() -> None:
    world = make_world()
    (workspace,) = create(world, "user01")
    assert ids_of(world.call(DR, "DescribeWorkspaces", {"WorkspaceIds": [workspace]})) == []
    answer = world.call(DR, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": workspace}]})
    assert answer["FailedRequests"][0]["ErrorCode"] == "ResourceNotFound.Workspace"


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("DescribeWorkspaces", {"WorkspaceIds": [f"ws-{number:09}" for number in range(26)]}, "Validation"),
        ("DescribeWorkspaces", {"WorkspaceIds": []}, "Validation"),
        ("DescribeWorkspaces", {"WorkspaceIds": ["ws-UPPER0000"]}, "Validation"),
        ("DescribeWorkspaces", {"WorkspaceIds": "ws-012345678"}, "Serialization"),
        ("DescribeWorkspaces", {"Limit": 26}, "Validation"),
        ("DescribeWorkspaces", {"DirectoryId": "d-short"}, "Validation"),
        ("CreateStandbyWorkspaces", {"PrimaryRegion": PRIMARY}, "Validation"),
        ("CreateStandbyWorkspaces", {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [SOMETIMES]}, "Validation"),
        ("TerminateWorkspaces", {"TerminateWorkspaceRequests": [{}]}, "Validation"),
        ("DescribeEverything", {}, "UnknownOperation"),
        ("DescribeWorkspaceImages", {}, "UnknownOperation"),
    ],
)
def test_what_the_service_model_forbids_fails_at_the_service(operation: str, params: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceError, match=f"{code}Exception"):
        make_world().call(PRIMARY, operation, params)


def test_the_sixth_call_at_once_is_throttled_in_its_region_only() -> None:
    world = make_world(throttling=True)
    for _ in range(5):
        world.call(PRIMARY, "DescribeWorkspaces", {})
    for operation in ("DescribeWorkspaces", "DescribeWorkspaceBundles"):
        with pytest.raises(ServiceError, match="ThrottlingException"):
            world.call(PRIMARY, operation, {})
    world.call(DR, "DescribeWorkspaces", {})
    for _ in range(20):
        advance(world, 0.5)
        world.call(PRIMARY, "DescribeWorkspaces", {})
    with pytest.raises(ServiceError, match="ThrottlingException"):
        world.call(PRIMARY, "DescribeWorkspaces", {})
    assert [call.outcome for call in world.calls][5:8] == ["ThrottlingException", "ThrottlingException", "ok"]


def test_a_terminated_workspace_is_absent_after_a_while() -> None:
    world, workspace = one_ready()
    world.call(PRIMARY, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": workspace}]})
    assert describe(world, workspace)["State"] == "TERMINATING"
    assert world.primaries() == []
    advance(world, 300)
    assert world.call(PRIMARY, "DescribeWorkspaces", {}) == {"Workspaces": []}
    assert world.workspace(workspace).state == "TERMINATED"
    assert create(world, "user01") != [workspace]


def test_tags_are_kept() -> None:
    world = make_world()
    (workspace,) = create(world, "user01", Tags=[{"Key": "a", "Value": "1"}])
    tags = [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    world.call(PRIMARY, "CreateTags", {"ResourceId": workspace, "Tags": tags})
    assert world.call(PRIMARY, "DescribeTags", {"ResourceId": workspace})["TagList"] == tags
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        world.call(PRIMARY, "DescribeTags", {"ResourceId": "ws-000000000"})
    many = [{"Key": f"key{number}"} for number in range(49)]
    with pytest.raises(ServiceError, match="ResourceLimitExceededException"):
        world.call(PRIMARY, "CreateTags", {"ResourceId": workspace, "Tags": many})


def test_bundles_have_type_and_state() -> None:
    world = make_world()
    order: dict[str, Any] = {"BundleName": "ours", "BundleDescription": "ours", "ImageId": "wsi-0123456789"}
    order |= {"ComputeType": {"Name": "POWER"}, "UserStorage": {"Capacity": "100"}}
    made = world.call(PRIMARY, "CreateWorkspaceBundle", order)["WorkspaceBundle"]
    assert (made["BundleType"], made["State"]) == ("REGULAR", "PENDING")
    advance(world, 60)
    (shown,) = world.call(PRIMARY, "DescribeWorkspaceBundles", {})["Bundles"]
    assert (shown["BundleId"], shown["State"]) == (made["BundleId"], "AVAILABLE")
    assert len(world.call(PRIMARY, "DescribeWorkspaceBundles", {"Owner": "AMAZON"})["Bundles"]) == 25
    (primary,) = create_ready(world, "user01", BundleId=made["BundleId"])
    standby(world, primary)
    (kept,) = world.call(DR, "DescribeWorkspaceBundles", {})["Bundles"]
    assert kept["BundleType"] == "STANDBY"


def test_directories_and_connections_are_shown() -> None:
    world = make_world()
    (directory,) = world.call(DR, "DescribeWorkspaceDirectories", {})["Directories"]
    assert (directory["DirectoryId"], directory["State"]) == (AWAY, "REGISTERED")
    (workspace,) = create_ready(world, "user01")
    (status,) = world.call(PRIMARY, "DescribeWorkspacesConnectionStatus", {})["WorkspacesConnectionStatus"]
    assert "LastKnownUserConnectionTimestamp" not in status
    world.connect(workspace)
    answer = world.call(PRIMARY, "DescribeWorkspacesConnectionStatus", {"WorkspaceIds": [workspace]})
    (status,) = answer["WorkspacesConnectionStatus"]
    assert status["LastKnownUserConnectionTimestamp"] == world.clock.now()


def test_cloudtrail_speaks_lower_camel_and_names_the_caller() -> None:
    world = make_world()
    delivered: list[dict[str, Any]] = []
    world.subscribe(delivered.append)
    (workspace,) = create(world, "user01")
    with pytest.raises(ServiceError):
        world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": []}, "arn:aws:sts::123456789012:assumed-role/Ops/ann")
    good, bad = delivered
    assert good["source"] == "aws.workspaces"
    assert good["detail-type"] == "AWS API Call via CloudTrail"
    assert good["detail"]["responseElements"]["pendingRequests"][0]["workspaceId"] == workspace
    assert good["detail"]["responseElements"]["failedRequests"] == []
    assert bad["detail"]["errorCode"] == "ValidationException"
    assert bad["detail"]["responseElements"] is None
    assert bad["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "Ops"


def test_cloudtrail_can_be_late_come_twice_or_not_at_all() -> None:
    world = make_world(trail_delay_seconds=300, trail_copies=2)
    delivered: list[dict[str, Any]] = []
    world.subscribe(delivered.append)
    create(world, "user01")
    advance(world, 299)
    assert delivered == []
    advance(world, 1)
    assert len(delivered) == 2
    assert delivered[0]["id"] == delivered[1]["id"]
    world.settings.change(trail_copies=0)
    create(world, "user02")
    advance(world, 3600)
    assert len(delivered) == 2
    assert len(world.trail) == 2
