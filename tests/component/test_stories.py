"""What a desktop meets on its whole way: its key and its tags, a desktop of its user's, and what a sweep notes."""

from typing import Any

import pytest

from local.workspaces import Fault
from standby.core.model import Status
from standby.core.row import Kind
from standby.core.settings import PRIMARY_TAG, STACK_TAG, Directory
from tests.component.estate import ACCOUNT, AWAY, CREATE, DESCRIBE, DR, HOME, PRIMARY, TABLE, USERS, Estate

KEY = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
ENCRYPTED = {"UserVolumeEncryptionEnabled": True, "VolumeEncryptionKey": KEY.replace("us-west-2", "us-east-1")}
WELL, SECONDARY = (Status.PROTECTED, "STANDBY_READY"), (Status.INELIGIBLE, "SECONDARY_EXISTS")


def standby_of(found: Estate, primary: str) -> Any:
    return found.world.workspace(str(found.row(primary).standby_id))


# The request


def test_a_standby_is_asked_for_as_its_directory_is_configured_and_with_its_key_if_it_is_encrypted(
    found: Estate,
) -> None:
    found.configure(tags={"CostCenter": "dr"}, directories={HOME: Directory(AWAY, KEY, "PRIMARY_AS_SOURCE")})
    plain, encrypted = found.create_ready(USERS[0]) + found.create_ready(USERS[1], **ENCRYPTED)
    found.protect(plain, encrypted)
    (call,) = found.calls()
    items = {item["PrimaryWorkspaceId"]: item for item in call.params["StandbyWorkspaces"]}
    assert {one: item.get("VolumeEncryptionKey") for one, item in items.items()} == {plain: None, encrypted: KEY}
    for one, item in items.items():
        own = {"CostCenter": "dr", STACK_TAG: TABLE, PRIMARY_TAG: one}
        assert (item["DataReplication"], {tag["Key"]: tag["Value"] for tag in item["Tags"]}) == (
            "PRIMARY_AS_SOURCE",
            own,
        )


@pytest.mark.parametrize("relates", [False, True], ids=["the user's own", "the standby"])
def test_a_desktop_for_which_the_service_refuses_is_adopted_or_left_as_it_is(relates: bool) -> None:
    """Neither the primary nor the ledger knew of it."""
    found = Estate(strict=True, relation_lag_seconds=0)
    (one,) = found.create_ready(USERS[0])
    found.create_standby(one) if relates else found.create_desktop(USERS[0])

    def unrelated(operation: str, given: dict[str, Any], go: Any) -> Any:
        answer = go()
        if operation == DESCRIBE and "WorkspaceIds" in given:
            answer["Workspaces"] = [{**shown, "RelatedWorkspaces": []} for shown in answer["Workspaces"]]
        return answer

    found.between = unrelated
    found.protect(one)
    assert found.status(one) == ((Status.REQUESTED, "STANDBY_STARTING") if relates else SECONDARY)
    assert (found.taken(), {call.operation for call in found.world.calls if call.region == DR}) == (
        int(relates),
        {CREATE, DESCRIBE} | (set() if relates else {"CreateWorkspaces"}),
    )


def test_a_lookup_that_meets_a_region_in_trouble_comes_first_and_keeps_the_run_from_creating_there(
    found: Estate,
) -> None:
    """The rest is left without a claim: nothing waits for a lease to end."""
    *rest, one = found.create_ready(*USERS[:30])
    found.world.inject(Fault(CREATE, "throttle", times=1))
    found.protect(one)
    found.world.inject(Fault(DESCRIBE, "throttle", DR, times=1))
    found.protect(*rest, one)
    assert len(found.calls()) == 1
    assert {found.status(each) for each in rest} == {(Status.WAITING, "CREATE_UNREACHABLE")}
    assert found.status(one) == (Status.WAITING, "DR_DESKTOP_UNCLEAR")


def test_desktops_of_a_fleet_that_a_throttle_put_off_take_no_more_than_its_part(found: Estate) -> None:
    found.configure(max_new_standbys_per_day=10)
    found.accept()
    ids = found.create_ready(*USERS[:12])
    found.sweep()
    found.world.inject(Fault(CREATE, "throttle", times=1))
    for made, named in ((0, ids), (8, ids[::-1])):
        found.protect(*named, cause="watch")
        assert (len(found.world.standbys()), found.taken("UNDER_WAY")) == (made, 8)
    assert {found.status(one) for one in ids[:4]} == {(Status.HELD, "BACKFILL")}
    assert found.notes.counts["Throttled"] == 8


# What a sweep notes


def test_a_standby_that_differs_is_noted_until_it_matches_and_what_no_answer_shows_is_no_news(found: Estate) -> None:
    """In parts: what one invocation saw of the DR directory is there for another that decides."""
    one, *_, other = found.protected(*USERS[:30])
    standby_of(found, one).properties["ComputeTypeName"] = "VALUE"
    standby_of(found, other).properties["ComputeTypeName"] = "POWER"
    drifted = {one: "compute_type STANDARD≠VALUE", other: "compute_type STANDARD≠POWER"}

    def noted() -> dict[str, str | None]:
        assert len(found.sweep(calls=3)) > 2
        return {each: found.row(each).note(Kind.DRIFT) for each in drifted}

    assert noted() == drifted
    assert found.notes.gauges["DriftedStandbys"] == 2
    standby_of(found, one).properties["ComputeTypeName"] = "STANDARD"
    found.world.inject(Fault(DESCRIBE, "throttle", DR, when=lambda given: "DirectoryId" in given))
    assert noted() == drifted
    found.world.clear_faults()
    assert noted() == drifted | {one: None}
    assert found.row(one).status is Status.PROTECTED


def test_a_user_of_whom_the_dr_directory_shows_a_desktop_is_looked_for_before_anything_is_requested(
    found: Estate,
) -> None:
    found.take_baselines()
    found.create_desktop(USERS[0])
    one, other = found.create_ready(*USERS[:2])
    assert found.sweep()[-1].ready == (other,)
    assert found.status(one) == (Status.WAITING, "DR_DESKTOP_UNCLEAR")
    found.watch()
    assert (found.status(one), found.status(other)) == (SECONDARY, WELL)
    assert [item["PrimaryWorkspaceId"] for call in found.calls() for item in call.params["StandbyWorkspaces"]] == [
        other
    ]


@pytest.mark.parametrize(("item", "notices"), [(None, 0), ({"BundleId": "wsb-ubuntustandard"}, 1)])
def test_a_fleet_that_cannot_have_standbys_makes_a_notice_and_nobody_none(
    found: Estate, item: Any, notices: int
) -> None:
    if item:
        found.create_ready(USERS[0], **item)
    found.sweep()
    assert len(found.history(f"FLEET#{HOME}")) == notices


def test_another_dr_directory_has_a_notice_and_a_plan_of_its_own_and_the_quota_is_asked_for_once_a_sweep(
    found: Estate,
) -> None:
    for directory, region in (("d-9067328a7c", PRIMARY), ("d-926722f013", DR)):
        found.world.add_directory(region, directory, USERS)
    ids = found.create_ready(*USERS[:3]) + found.create_ready(USERS[3], directory="d-9067328a7c")
    quotas = found.disturb("GetServiceQuota", lambda: None)
    for number, partner in ((1, AWAY), (2, "d-926722f013")):
        mapped: Any = {HOME: Directory(partner), "d-9067328a7c": Directory(AWAY)}  # type: ignore[arg-type]
        found.configure(directories=mapped)
        for _ in range(2):
            found.sweep()
        notices = found.history(f"FLEET#{HOME}")
        assert [(event["version"], event["dr_directory_id"]) for event in notices][number - 1 :] == [(number, partner)]
    assert len(quotas) == 4
    assert {found.status(one)[0] for one in ids} == {Status.REPORTED}
