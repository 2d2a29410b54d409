"""CreateStandbyWorkspaces of the model: who gets a standby, who does not, and what the service says."""

from typing import Any

import pytest

from local.workspaces import Fault, ServiceError
from tests.local.places import AWAY, DR, HOME, PRIMARY, USERS
from tests.local.worlds import advance, create, create_ready, describe, failures, make_world, one_ready, standby

KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_standby_is_created_and_both_sides_show_the_relation() -> None:
    world, primary = one_ready()
    (pending,) = standby(world, primary)["PendingStandbyRequests"]
    assert set(pending) == {"UserName", "DirectoryId", "State", "WorkspaceId"}
    assert pending["State"] == "PENDING"
    advance(world, 1200)
    standby_id = pending["WorkspaceId"]
    expected = {"WorkspaceId": standby_id, "Region": DR, "State": "AVAILABLE", "Type": "STANDBY"}
    assert describe(world, primary)["RelatedWorkspaces"] == [expected]
    expected = {"WorkspaceId": primary, "Region": PRIMARY, "State": "AVAILABLE", "Type": "PRIMARY"}
    assert describe(world, standby_id, DR)["RelatedWorkspaces"] == [expected]
    assert describe(world, primary)["StandbyWorkspacesProperties"] == [
        {"StandbyWorkspaceId": standby_id, "DataReplication": "NO_REPLICATION"}
    ]


def test_a_permissive_world_creates_and_bills_a_second_standby() -> None:
    world, primary = one_ready()
    standby(world, primary)
    assert world.duplicates() == []
    standby(world, primary, primary)
    assert [group[:2] for group in world.duplicates()] == [("primary", primary), ("user", AWAY)]
    assert len(world.standbys_of(primary)) == 3


def test_a_strict_world_refuses_a_second_standby() -> None:
    world, primary = one_ready(strict=True)
    standby(world, primary)
    assert failures(standby(world, primary)) == ["ResourceExists.WorkSpace"]
    assert len(world.standbys()) == 1


@pytest.mark.parametrize("strict", [False, True])
def test_a_desktop_made_by_hand_is_in_the_way_in_both_worlds(strict: bool) -> None:
    world, primary = one_ready(strict=strict)
    by_hand = [{"DirectoryId": AWAY, "UserName": "USER01", "BundleId": "wsb-windowsstandard"}]
    world.call(DR, "CreateWorkspaces", {"Workspaces": by_hand})
    assert failures(standby(world, primary)) == ["ResourceExists.WorkSpace"]


def test_a_user_whom_the_dr_directory_does_not_know_is_refused_until_it_does() -> None:
    world, primary = one_ready()
    world.remove_user(DR, AWAY, "user01")
    assert failures(standby(world, primary)) == ["ResourceNotFound.User"]
    world.add_directory(DR, AWAY, ["User01"])
    (pending,) = standby(world, primary)["PendingStandbyRequests"]
    assert pending["UserName"] == "User01"


@pytest.mark.parametrize(
    "state", ["PENDING", "STOPPING", "STARTING", "REBUILDING", "ERROR", "SUSPENDED", "TERMINATING"]
)
def test_a_primary_that_is_neither_available_nor_stopped_is_refused(state: str) -> None:
    world = make_world()
    (primary,) = create(world, "user01")
    world.set_state(primary, state)
    assert failures(standby(world, primary)) == ["OperationNotSupported.WorkspaceState"]
    world.set_state(primary, "STOPPED")
    assert failures(standby(world, primary)) == []


LINUX = ("amazonlinuxstandard", "ubuntupower", "rhelstandard", "rockystandard")
OTHERS = ("windowsgeneralpurpose4xlarge", "windowsgeneralpurpose8xlarge", "windowsgraphicsg4dn")
MANAGED = {"UserVolumeEncryptionEnabled": True, "VolumeEncryptionKey": "alias/aws/workspaces"}


@pytest.mark.parametrize(
    ("item", "days", "why"),
    [
        *(({"BundleId": f"wsb-{name}"}, 0, ["OperatingSystem"]) for name in LINUX),
        *(({"BundleId": f"wsb-{name}"}, 0, ["ComputeType"]) for name in OTHERS),
        ({"WorkspaceProperties": {"NestedVirtualizationEnabled": True}}, 0, ["NestedVirtualization"]),
        (MANAGED, 0, ["VolumeEncryptionKey"]),
        ({"WorkspaceProperties": {"Protocols": ["PCOIP"]}}, 700, ["Protocol"]),
    ],
)
def test_what_can_have_no_standby_is_refused(item: dict[str, Any], days: int, why: list[str]) -> None:
    world = make_world()
    (primary,) = create_ready(world, "user01", **item)
    advance(world, days * 86_400)
    key = {"VolumeEncryptionKey": KEY} if "VolumeEncryptionKey" in item else {}
    assert [code.partition(".")[2] for code in failures(standby(world, primary, **key))] == why


def test_an_encrypted_primary_needs_a_key_of_the_dr_region_and_others_may_not_have_one() -> None:
    world = make_world()
    encrypted, plain = create_ready(world, "user01", UserVolumeEncryptionEnabled=True) + create_ready(world, "user02")
    code = "InvalidParameterValue.VolumeEncryptionKey"
    assert failures(standby(world, encrypted)) == [code]
    assert failures(standby(world, encrypted, VolumeEncryptionKey=KEY.replace(DR, PRIMARY))) == [code]
    assert failures(standby(world, plain, VolumeEncryptionKey=KEY)) == [code]
    assert failures(standby(world, encrypted, VolumeEncryptionKey=KEY)) == []


def test_replication_from_simple_ad_is_refused_and_elsewhere_takes_half_a_day() -> None:
    world = make_world()
    world.add_directory(DR, "d-92aaaaaaaa", USERS, directory_type="SIMPLE_AD")
    (primary,) = create_ready(world, "user01")
    replicated = {"DataReplication": "PRIMARY_AS_SOURCE"}
    assert failures(standby(world, primary, DirectoryId="d-92aaaaaaaa", **replicated)) == [
        "OperationNotSupported.DataReplication"
    ]
    (pending,) = standby(world, primary, **replicated)["PendingStandbyRequests"]
    assert "RecoverySnapshotTime" not in describe(world, primary)["StandbyWorkspacesProperties"][0]
    created = world.workspace(pending["WorkspaceId"]).created_at
    advance(world, 30 * 3600)
    taken = describe(world, primary)["StandbyWorkspacesProperties"][0]["RecoverySnapshotTime"]
    assert (taken - created).total_seconds() == 12 * 3600
    world.freeze_replication(pending["WorkspaceId"])
    advance(world, 30 * 3600)
    assert describe(world, primary)["StandbyWorkspacesProperties"][0]["RecoverySnapshotTime"] == taken


def test_pending_requests_come_in_another_order_and_with_shouted_names() -> None:
    world = make_world(shout_user_names=True)
    ids = create_ready(world, *USERS[:20])
    names = [pending["UserName"] for pending in standby(world, *ids)["PendingStandbyRequests"]]
    assert sorted(names) == [user.upper() for user in USERS[:20]]
    assert names != sorted(names)


def test_a_standby_has_no_standby_and_is_not_migrated() -> None:
    world, primary = one_ready()
    (pending,) = standby(world, primary)["PendingStandbyRequests"]
    advance(world, 1200)
    back = [{"PrimaryWorkspaceId": pending["WorkspaceId"], "DirectoryId": HOME}]
    answer = world.call(PRIMARY, "CreateStandbyWorkspaces", {"PrimaryRegion": DR, "StandbyWorkspaces": back})
    assert failures(answer) == ["OperationNotSupported.StandbyWorkSpace"]
    order = {"SourceWorkspaceId": pending["WorkspaceId"], "BundleId": "wsb-windowspower"}
    with pytest.raises(ServiceError, match="OperationNotSupportedException"):
        world.call(DR, "MigrateWorkspace", order)


def test_the_wrong_region_is_refused() -> None:
    world, primary = one_ready()
    with pytest.raises(ServiceError, match="InvalidParameterValuesException"):
        standby(world, primary, region=PRIMARY)
    with pytest.raises(ServiceError, match="OperationNotSupportedException"):
        standby(world, primary, region="ap-south-2")
    item = {"PrimaryWorkspaceId": primary, "DirectoryId": AWAY}
    elsewhere = {"PrimaryRegion": "eu-west-1", "StandbyWorkspaces": [item]}
    assert failures(world.call(DR, "CreateStandbyWorkspaces", elsewhere)) == ["ResourceNotFound.WorkSpace"]
    assert failures(standby(world, primary, DirectoryId=HOME)) == ["ResourceNotFound.Directory"]
    assert world.standbys() == []


def test_above_the_quota_the_whole_call_fails_or_single_items_do_when_so_chosen() -> None:
    world = make_world(standby_quota=2)
    ids = create_ready(world, *USERS[:3])
    with pytest.raises(ServiceError, match="ResourceLimitExceededException"):
        standby(world, *ids)
    assert world.standbys() == []
    world.settings.change(quota_refusal="item")
    assert failures(standby(world, *ids)) == ["ResourceLimitExceeded.StandbyWorkSpaces"]
    assert len(world.standbys()) == 2


def test_a_refusal_fails_the_whole_call_when_so_chosen() -> None:
    world = make_world(refusals="call")
    good, bad = create_ready(world, "user01") + create_ready(world, "user02", BundleId="wsb-ubuntustandard")
    with pytest.raises(ServiceError, match="OperationNotSupportedException"):
        standby(world, good, bad)
    assert world.standbys() == []
    assert failures(standby(world, good)) == []


def test_more_than_25_in_one_call_are_refused() -> None:
    world = make_world()
    ids = create_ready(world, *USERS[:25]) + create_ready(world, "user40")
    with pytest.raises(ServiceError, match="InvalidParameterValuesException"):
        standby(world, *ids)
    standby(world, *ids[:25])
    assert len(world.standbys()) == 25


def test_the_standby_of_a_chosen_user_ends_in_error_and_still_counts() -> None:
    world, primary = one_ready()
    world.fail_standby_of("USER01")
    standby(world, primary)
    advance(world, 1200)
    assert [each.state for each in world.standbys()] == ["ERROR"]
    assert describe(world, primary)["RelatedWorkspaces"][0]["State"] == "ERROR"


def test_an_item_fault_fails_the_named_item_as_often_as_asked() -> None:
    world = make_world()
    _, two = ids = create_ready(world, "user01", "user02")
    world.inject(Fault("CreateStandbyWorkspaces", "fail_item", user="user02", times=1, code="Strange.Thing"))
    (failed,) = standby(world, *ids)["FailedStandbyRequests"]
    assert (failed["ErrorCode"], failed["StandbyWorkspaceRequest"]["PrimaryWorkspaceId"]) == ("Strange.Thing", two)
    assert failures(standby(world, two)) == []


def test_the_relation_stays_unseen_as_long_as_it_lags() -> None:
    world, primary = one_ready(relation_lag_seconds=100)
    (pending,) = standby(world, primary)["PendingStandbyRequests"]
    assert "RelatedWorkspaces" not in describe(world, primary)
    assert "RelatedWorkspaces" not in describe(world, pending["WorkspaceId"], DR)
    advance(world, 100)
    assert "RelatedWorkspaces" in describe(world, primary)
    assert "RelatedWorkspaces" in describe(world, pending["WorkspaceId"], DR)


def test_a_standby_outlives_its_primary_and_forgets_it() -> None:
    world, primary = one_ready()
    (pending,) = standby(world, primary)["PendingStandbyRequests"]
    world.terminate(primary)
    advance(world, 1200)
    assert "RelatedWorkspaces" not in describe(world, pending["WorkspaceId"], DR)
    world.settings.change(orphans_keep_relation=True)
    assert describe(world, pending["WorkspaceId"], DR)["RelatedWorkspaces"][0]["State"] == "TERMINATED"


def test_a_standby_without_its_source_shows_no_replication_though_the_data_is_there() -> None:
    world, primary = one_ready(terminate_seconds=600)
    (pending,) = standby(world, primary, DataReplication="PRIMARY_AS_SOURCE")["PendingStandbyRequests"]
    advance(world, 24 * 3600)
    world.terminate(primary)
    (of_primary,) = describe(world, primary)["StandbyWorkspacesProperties"]
    assert of_primary == {"StandbyWorkspaceId": pending["WorkspaceId"], "DataReplication": "NO_REPLICATION"}
    for _ in range(2):
        shown = describe(world, pending["WorkspaceId"], DR)
        assert shown["DataReplicationSettings"] == {"DataReplication": "NO_REPLICATION"}
        advance(world, 1200)
    world.settings.change(orphans_keep_replication=True)
    shown = describe(world, pending["WorkspaceId"], DR)
    assert shown["DataReplicationSettings"]["DataReplication"] == "PRIMARY_AS_SOURCE"
