"""What AWS does not rule out and a caller would rather not meet: each a choice about a world, off unless chosen."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from local.workspaces import Fault, ServiceError, World
from tests.local.places import AWAY, DR, HOME, PRIMARY, USERS, WINDOWS
from tests.local.worlds import advance, client_of, create_ready, describe, failures, make_world, one_ready, standby

OFTEN = 200


ORDER = {"DirectoryId": HOME, "UserName": "user01", "BundleId": WINDOWS}
NOBODY = {**ORDER, "UserName": "[UNDEFINED]"}


def looks(world: World, workspace_id: str) -> list[dict[str, Any]]:
    """Return many answers of DescribeWorkspaces about one id."""
    return [world.call(PRIMARY, "DescribeWorkspaces", {"WorkspaceIds": [workspace_id]}) for _ in range(OFTEN)]


def test_a_workspace_that_was_shown_is_missing_from_single_answers_the_same_ones_for_the_same_seed() -> None:
    shown = [len(answer["Workspaces"]) for answer in looks(*one_ready(flicker=0.2))]
    assert OFTEN * 0.7 < sum(shown) < OFTEN * 0.9
    assert shown == [len(answer["Workspaces"]) for answer in looks(*one_ready(flicker=0.2))]


def test_a_relation_that_was_shown_vanishes_from_single_answers() -> None:
    world, one = one_ready(relation_flicker=0.2)
    standby(world, one)
    shown = ["RelatedWorkspaces" in answer["Workspaces"][0] for answer in looks(world, one)]
    assert OFTEN * 0.7 < sum(shown) < OFTEN * 0.9
    assert all("WorkspaceProperties" in answer["Workspaces"][0] for answer in looks(world, one))


def test_states_may_be_new_ones_in_every_answer() -> None:
    world, one = one_ready(novel_states=True)
    (pending,) = standby(world, one)["PendingStandbyRequests"]
    assert pending["State"] == "PROVISIONING"
    assert describe(world, pending["WorkspaceId"], DR)["State"] == "PROVISIONING"
    assert describe(world, one)["RelatedWorkspaces"][0]["State"] == "PROVISIONING"
    world.set_state(one, "STOPPED")
    assert describe(world, one)["State"] == "HIBERNATED"


@pytest.mark.parametrize(("chosen", "failed"), [("omission", []), ("false_failure", ["InternalFailure"])])
def test_an_item_that_was_created_may_be_left_out_or_listed_as_failed(chosen: str, failed: list[str]) -> None:
    world, one = one_ready(**{chosen: 1})
    answer = standby(world, one)
    assert (failures(answer), answer["PendingStandbyRequests"]) == (failed, [])
    assert len(world.standbys()) == 1


def test_codes_of_failed_items_may_tell_nothing() -> None:
    world = make_world(opaque_codes=True)
    world.remove_user(DR, AWAY, "user01")
    assert failures(standby(world, *create_ready(world, "user01", "user02"))) == ["RequestFailed"]


@pytest.mark.parametrize("accepts_stopped", [True, False])
def test_a_stopped_primary_may_be_refused(accepts_stopped: bool) -> None:
    world, one = one_ready(accepts_stopped=accepts_stopped)
    world.set_state(one, "STOPPED")
    assert failures(standby(world, one)) == ([] if accepts_stopped else ["OperationNotSupported.WorkspaceState"])


def test_a_page_may_have_a_workspace_that_was_not_asked_for() -> None:
    world = make_world(stray=1)
    world.add_directory(PRIMARY, "d-90670000ff", USERS)
    (mine,) = create_ready(world, "user01")
    world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": [{**ORDER, "DirectoryId": "d-90670000ff"}]})
    for asked in ({"DirectoryId": HOME, "UserName": "user01"}, {"WorkspaceIds": [mine]}):
        found = world.call(PRIMARY, "DescribeWorkspaces", asked)["Workspaces"]
        assert [each["DirectoryId"] for each in found] == [HOME, "d-90670000ff"]


def first_page(world: World) -> str:
    token = world.call(PRIMARY, "DescribeWorkspaces", {"Limit": 1})["NextToken"]
    assert isinstance(token, str)
    return token


def test_further_pages_may_be_throttled() -> None:
    world = make_world(page_throttling=1)
    create_ready(world, "user01", "user02")
    with pytest.raises(ServiceError, match="ThrottlingException"):
        world.call(PRIMARY, "DescribeWorkspaces", {"Limit": 1, "NextToken": first_page(world)})


def test_a_token_may_expire() -> None:
    world = make_world(token_seconds=60)
    create_ready(world, "user01", "user02")
    token = first_page(world)
    advance(world, 59)
    assert world.call(PRIMARY, "DescribeWorkspaces", {"Limit": 1, "NextToken": token})["Workspaces"]
    advance(world, 1)
    with pytest.raises(ServiceError, match="The token has expired"):
        world.call(PRIMARY, "DescribeWorkspaces", {"Limit": 1, "NextToken": token})


@pytest.mark.parametrize("keep", [True, False])
def test_a_primary_may_keep_the_relation_to_a_standby_that_is_gone(keep: bool) -> None:
    world, one = one_ready(standbys_keep_relation=keep)
    (made,) = standby(world, one)["PendingStandbyRequests"]
    world.terminate(made["WorkspaceId"])
    advance(world, 300)
    related = describe(world, one).get("RelatedWorkspaces", [])
    assert [each["State"] for each in related] == (["TERMINATED"] if keep else [])


def test_a_call_that_timed_out_may_take_effect_later() -> None:
    world, one = one_ready()
    world.inject(Fault("CreateStandbyWorkspaces", "read_timeout_late", times=1, delay_seconds=90))
    with pytest.raises(ReadTimeoutError):
        client_of(world, DR).create_standby_workspaces(
            PrimaryRegion=PRIMARY, StandbyWorkspaces=[{"PrimaryWorkspaceId": one, "DirectoryId": AWAY}]
        )
    advance(world, 89)
    assert world.standbys() == []
    advance(world, 1)
    assert [each.primary_id for each in world.standbys()] == [one]
    assert [call.outcome for call in world.calls] == ["ok", "read_timeout_late", "ok"]
    assert world.calls[-1].at - world.calls[-2].at == timedelta(seconds=90)


def test_what_is_not_chosen_does_not_change_the_dice_of_others() -> None:
    plain, never = make_world(), make_world(flicker=0.0, stray=0.0)
    for world in (plain, never):
        create_ready(world, "user01", "user02")
        world.call(PRIMARY, "DescribeWorkspaces", {})
    assert create_ready(plain, "user03") == create_ready(never, "user03")


def test_desktops_of_nobody_are_many_in_a_directory_and_have_names() -> None:
    world = make_world()
    wrong = [NOBODY, {**ORDER, "WorkspaceName": "kiosk-3"}]
    items = [NOBODY | {"WorkspaceName": "kiosk-1"}, NOBODY | {"WorkspaceName": "kiosk-2"}, *wrong]
    answer = world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": items})
    assert [one["WorkspaceRequest"] for one in answer["FailedRequests"]] == wrong
    advance(world, 1200)
    asked = {"DirectoryId": HOME, "UserName": "[UNDEFINED]"}
    shown = world.call(PRIMARY, "DescribeWorkspaces", asked)["Workspaces"]
    for found in (answer["PendingRequests"], shown):
        assert [one["WorkspaceName"] for one in found] == ["kiosk-1", "kiosk-2"]
    made = standby(world, *(one["WorkspaceId"] for one in shown))["PendingStandbyRequests"]
    assert [one.get("WorkspaceName", one["UserName"]) for one in made] == ["[UNDEFINED]"] * 2
    assert world.duplicates() == []


@pytest.mark.parametrize(
    ("states", "code"),
    [({"status": "INOPERABLE"}, "InvalidResourceStateException"), ({"state": "DEREGISTERED"}, "NotFound.Directory")],
)
def test_a_directory_refuses_everybody(states: dict[str, Any], code: str) -> None:
    world, one = one_ready()
    world.set_directory(DR, AWAY, **states)
    assert failures(standby(world, one))[0].endswith(code)
    world.settings.change(refusals="call")
    with pytest.raises(ServiceError, match=code):
        standby(world, one)
    world.set_directory(DR, AWAY, state="REGISTERED", status="ACTIVE")
    assert failures(standby(world, one)) == []


@pytest.mark.parametrize(
    ("kind", "days", "states"),
    [("SIMPLE_AD", 29, ["REGISTERED"]), ("AD_CONNECTOR", 30, ["DEREGISTERED"]), ("SIMPLE_AD", 31, [])],
)
def test_a_free_directory_without_desktops_is_lost(kind: str, days: int, states: list[str]) -> None:
    world, _ = one_ready(deregister_after_days=30)
    world.add_directory(PRIMARY, "d-90aaaaaaaa", USERS, directory_type=kind)
    world.add_directory(PRIMARY, "d-90bbbbbbbb", USERS, directory_type="MICROSOFT_AD")
    advance(world, days * 86_400)
    found = world.call(PRIMARY, "DescribeWorkspaceDirectories", {})["Directories"]
    assert [each["State"] for each in found] == ["REGISTERED", *states, "REGISTERED"]


@pytest.mark.parametrize(("state", "code"), [("ERROR", "DomainJoin"), ("UNHEALTHY", "DomainJoin"), ("AVAILABLE", None)])
def test_a_desktop_that_is_not_well_says_why(state: str, code: str | None) -> None:
    world, one = one_ready()
    (made,) = standby(world, one)["PendingStandbyRequests"]
    for workspace_id, region in ((one, PRIMARY), (made["WorkspaceId"], DR)):
        world.set_state(workspace_id, state, "DomainJoin", "It could not join.")
        assert describe(world, workspace_id, region).get("ErrorCode") == code


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ("at_once", [["TERMINATING", "PENDING"], ["AVAILABLE"], ["AVAILABLE"]]),
        ("succeeds", [["UPDATING"], ["REBUILDING"], ["TERMINATING", "PENDING"]]),
        ("fails", [["UPDATING"], ["REBUILDING"], ["AVAILABLE"]]),
        ("fails_late", [["UPDATING", "PENDING"], ["REBUILDING", "PENDING"], ["AVAILABLE", "TERMINATING"]]),
    ],
)
def test_a_migration_takes_its_time_and_may_fail(how: str, seen: list[list[str]]) -> None:
    world, source = one_ready(migration=how)
    (made,) = standby(world, source)["PendingStandbyRequests"]
    target = world.call(PRIMARY, "MigrateWorkspace", {"SourceWorkspaceId": source, "BundleId": WINDOWS})
    assert world.trail[-1]["detail"]["responseElements"]["targetWorkspaceId"] == target["TargetWorkspaceId"]
    for states in seen:
        found = world.call(PRIMARY, "DescribeWorkspaces", {"WorkspaceIds": list(target.values())})["Workspaces"]
        assert [one["State"] for one in found] == states
        advance(world, 1800)
    assert world.workspace(made["WorkspaceId"]).primary_id == source


def modify(world: World, workspace_id: str, changes: dict[str, Any], region: str = PRIMARY) -> str:
    try:
        world.call(region, "ModifyWorkspaceProperties", {"WorkspaceId": workspace_id, **changes})
    except ServiceError as error:
        return error.code.removesuffix("Exception")
    return "ok"


@pytest.mark.parametrize(("wanted", "other"), [("primary", "standby"), ("standby", "primary")])
def test_a_pair_is_modified_in_place_where_each_change_is_allowed(wanted: str, other: str) -> None:
    world, one = one_ready(replication_switch=wanted)
    (made,) = standby(world, one)["PendingStandbyRequests"]
    advance(world, 24 * 3600)
    on, to = {"DataReplication": "PRIMARY_AS_SOURCE"}, {"WorkspaceProperties": {"Protocols": ["PCOIP"]}}
    answers = {"primary": modify(world, one, on), "standby": modify(world, made["WorkspaceId"], on, DR)}
    assert answers == {wanted: "ok", other: "InvalidParameterValues"}
    assert describe(world, one)["StandbyWorkspacesProperties"] == [{"StandbyWorkspaceId": made["WorkspaceId"], **on}]
    assert modify(world, made["WorkspaceId"], to, DR) == "UnsupportedWorkspaceConfiguration"
    assert [modify(world, one, to), modify(world, one, to)] == ["ok", "OperationInProgress"]
    advance(world, 12 * 3600)
    found = [describe(world, one), describe(world, made["WorkspaceId"], DR)]
    assert [each["WorkspaceProperties"]["Protocols"] for each in found] == [["PCOIP"], ["WSP"]]
    assert "RecoverySnapshotTime" in found[0]["StandbyWorkspacesProperties"][0]


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ("arn", "type principalId arn accountId userName"),
        ("invoked_by", "type invokedBy"),
        ("directory", "type userName"),
        ("identity_center", "type accountId onBehalfOf"),
        ("account", "type accountId"),
    ],
)
def test_cloudtrail_names_a_caller_in_many_shapes_and_a_role_in_one(shape: str, told: str) -> None:
    world = make_world(identity=shape)
    of_role = "type principalId arn accountId sessionContext"
    for who, members in (("iam::9:user/ann", told), ("sts::9:assumed-role/Ops/ann", of_role)):
        world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": [ORDER]}, f"arn:aws:{who}")
        assert " ".join(world.trail[-1]["detail"]["userIdentity"]) == members
