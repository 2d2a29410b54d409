"""What AWS does not rule out and a caller would rather not meet: each a choice about a world, off unless chosen."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from local.workspaces import Fault, ServiceError, Settings, World
from tests.local.worlds import (
    AWAY,
    DR,
    HOME,
    PRIMARY,
    USERS,
    advance,
    client_of,
    create_ready,
    describe,
    failures,
    make_world,
    standby,
)

OFTEN = 200


def looks(world: World, workspace_id: str) -> list[dict[str, Any]]:
    """Return many answers of DescribeWorkspaces about one id."""
    return [world.call(PRIMARY, "DescribeWorkspaces", {"WorkspaceIds": [workspace_id]}) for _ in range(OFTEN)]


def test_a_workspace_that_was_shown_is_missing_from_single_answers() -> None:
    world = make_world(flicker=0.2)
    (one,) = create_ready(world, "user01")
    shown = [len(answer["Workspaces"]) for answer in looks(world, one)]
    assert OFTEN * 0.7 < sum(shown) < OFTEN * 0.9
    assert shown == [len(answer["Workspaces"]) for answer in looks(*again(flicker=0.2))]


def again(**settings: Any) -> tuple[World, str]:
    """Return another world of the same seed, and its one WorkSpace."""
    world = make_world(**settings)
    return world, create_ready(world, "user01")[0]


def test_a_relation_that_was_shown_vanishes_from_single_answers() -> None:
    world = make_world(relation_flicker=0.2)
    (one,) = create_ready(world, "user01")
    standby(world, one)
    shown = ["RelatedWorkspaces" in answer["Workspaces"][0] for answer in looks(world, one)]
    assert OFTEN * 0.7 < sum(shown) < OFTEN * 0.9
    assert all("WorkspaceProperties" in answer["Workspaces"][0] for answer in looks(world, one))


def test_states_may_be_new_ones_in_every_answer() -> None:
    world = make_world(novel_states=True)
    (one,) = create_ready(world, "user01")
    (pending,) = standby(world, one)["PendingStandbyRequests"]
    assert pending["State"] == "PROVISIONING"
    assert describe(world, pending["WorkspaceId"], DR)["State"] == "PROVISIONING"
    assert describe(world, one)["RelatedWorkspaces"][0]["State"] == "PROVISIONING"
    world.set_state(one, "STOPPED")
    assert describe(world, one)["State"] == "HIBERNATED"


def test_an_item_that_was_created_may_not_be_spoken_of() -> None:
    world = make_world(omission=1)
    answer = standby(world, *create_ready(world, "user01", "user02"))
    assert answer == {"FailedStandbyRequests": [], "PendingStandbyRequests": []}
    assert len(world.standbys()) == 2


def test_an_item_that_was_created_may_be_listed_as_failed() -> None:
    world = make_world(false_failure=1)
    answer = standby(world, *create_ready(world, "user01"))
    assert failures(answer) == ["InternalFailure"]
    assert answer["PendingStandbyRequests"] == []
    assert len(world.standbys()) == 1


def test_codes_of_failed_items_may_tell_nothing() -> None:
    world = make_world(opaque_codes=True)
    world.remove_user(DR, AWAY, "user01")
    assert failures(standby(world, *create_ready(world, "user01", "user02"))) == ["RequestFailed"]


@pytest.mark.parametrize("accepts_stopped", [True, False])
def test_a_stopped_primary_may_be_refused(accepts_stopped: bool) -> None:
    world = make_world(accepts_stopped=accepts_stopped)
    (one,) = create_ready(world, "user01")
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
    world = make_world(standbys_keep_relation=keep)
    (one,) = create_ready(world, "user01")
    (made,) = standby(world, one)["PendingStandbyRequests"]
    world.terminate(made["WorkspaceId"])
    advance(world, 300)
    related = describe(world, one).get("RelatedWorkspaces", [])
    assert [each["State"] for each in related] == (["TERMINATED"] if keep else [])


def test_a_call_that_timed_out_may_take_effect_later() -> None:
    world = make_world()
    (one,) = create_ready(world, "user01")
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


def test_none_of_it_happens_unless_chosen_and_none_changes_the_dice_of_others() -> None:
    assert Settings() == Settings(
        flicker=0, relation_flicker=0, stray=0, omission=0, false_failure=0, page_throttling=0, token_seconds=0
    )
    plain, never = make_world(), make_world(flicker=0.0, stray=0.0)
    for world in (plain, never):
        create_ready(world, "user01", "user02")
        world.call(PRIMARY, "DescribeWorkspaces", {})
    assert create_ready(plain, "user03") == create_ready(never, "user03")
