"""What AWS does not rule out and a caller would rather not meet: each a choice about a world, off unless chosen."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from local.workspaces import Fault, ServiceError, World
from tests.local.places import AWAY, DR, HOME, PRIMARY, USERS
from tests.local.worlds import advance, client_of, create_ready, describe, failures, make_world, one_ready, standby

OFTEN = 200


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
    other = {"DirectoryId": "d-90670000ff", "UserName": "user02", "BundleId": "wsb-windowsstandard"}
    world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": [other]})
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
