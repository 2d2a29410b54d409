"""What a desktop meets on its whole way: its key and its tags, a desktop of its user's, and what a sweep notes."""

from collections.abc import Callable
from typing import Any

import pytest

from local.workspaces import Fault
from standby.core.model import DirectoryId, Status, WorkspaceId
from standby.core.row import Kind
from standby.core.settings import PRIMARY_TAG, STACK_TAG, Directory
from standby.events import DETAIL_TYPE
from tests.component.estate import ACCOUNT, AWAY, CREATE, DESCRIBE, DR, HOME, PRIMARY, TABLE, USERS, Estate, settings
from tests.component.test_events import created

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


def test_a_primary_on_the_aws_managed_key_that_is_shown_by_its_arn_is_refused_with_that_arn() -> None:
    """The ARN does not tell: AWS's refusal does, and somebody has to look up whose key it is."""
    found = Estate(settings(directories={HOME: Directory(AWAY, KEY)}), shows_key_arns=True)
    managed, own = (
        found.create_ready(user, UserVolumeEncryptionEnabled=True, VolumeEncryptionKey=key)[0]
        for user, key in zip(USERS, ("alias/aws/workspaces", "alias/ours"), strict=False)
    )
    arn = found.world.call(PRIMARY, DESCRIBE, {"WorkspaceIds": [managed]})["Workspaces"][0]["VolumeEncryptionKey"]
    assert arn.startswith("arn:aws:kms:us-east-1:")
    found.protect(managed, own)
    assert (found.status(managed), found.status(own)[0]) == ((Status.REJECTED, "SERVICE_REFUSED"), Status.REQUESTED)
    (notice,) = [event for event in found.history(managed) if event.get("notice")]
    assert f"encrypted with {arn}. If this is the AWS managed key" in notice["message"]


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
    found.pass_time(minutes=15)
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
        found.pass_time(minutes=15)
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


@pytest.mark.parametrize("how", ["watched", "swept", "no answer"])
def test_awss_reason_for_standbys_that_failed_is_asked_for_once_for_all_of_them(found: Estate, how: str) -> None:
    why = ("SnapshotFailed", "The root volume could not be copied.")
    ids = found.create_ready(*USERS[:3]) if how == "watched" else found.protected(*USERS[:3])
    for one, user in zip(ids[:2], USERS, strict=False):
        if how == "watched":
            found.world.fail_standby_of(user, *why)
        else:
            found.world.set_state(standby_of(found, one).workspace_id, "UNHEALTHY", *why)
    if how == "no answer":
        found.world.inject(Fault(DESCRIBE, "throttle", DR, when=lambda given: "WorkspaceIds" in given))
    found.protect(*ids)
    for _ in range(3):
        found.watch()
        found.sweep()
        found.pass_time(hours=1)
    failed = [found.row(one) for one in ids[:2]]
    assert {(row.status, row.error_code, row.error_message) for row in failed} == {
        (Status.FAILED, *((None, None) if how == "no answer" else why))
    }
    asked = [call.params["WorkspaceIds"] for call in found.calls(DESCRIBE) if "WorkspaceIds" in call.params]
    assert [sorted(one) for one in asked] == [sorted(str(row.standby_id) for row in failed)]
    assert (found.status(ids[2]), found.row(ids[2]).error_code) == (WELL, None)
    notices = [event for one in ids for event in found.history(one) if event.get("notice")]
    assert [event.get("error_code") for event in notices] == [row.error_code for row in failed]


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
    for number, dr_directory in ((1, AWAY), (2, "d-926722f013")):
        mapped: Any = {HOME: Directory(dr_directory), "d-9067328a7c": Directory(AWAY)}  # type: ignore[arg-type]
        found.configure(directories=mapped)
        for _ in range(2):
            found.sweep()
        notices = found.history(f"FLEET#{HOME}")
        assert [(event["version"], event["dr_directory_id"]) for event in notices][number - 1 :] == [
            (number, dr_directory)
        ]
    assert len(quotas) == 4
    assert {found.status(one)[0] for one in ids} == {Status.REPORTED}


@pytest.mark.parametrize("operation", [DESCRIBE, "TransactWriteItems"])
@pytest.mark.parametrize("is_ready", [True, False])
def test_an_event_and_the_first_sweep_that_meet_make_a_new_desktop(operation: str, is_ready: bool) -> None:
    found = Estate()
    (one,) = (found.create_ready if is_ready else found.create)(USERS[0])
    found.disturb(operation, found.sweep)  # between its reading and its writing
    found.send(created(one))
    assert "EXISTING_FLEET" in found.reasons(one)
    found.watch()
    assert (found.status(one), found.row(one).existing) == ((Status.PROTECTED, "STANDBY_READY"), False)
    assert found.taken("UNDER_WAY") == 0


def statuses(found: Estate, ids: list[Any]) -> set[tuple[Status, str]]:
    return {found.status(one) for one in ids}


def a_desktop_of_the_user(found: Estate) -> WorkspaceId:
    found.create_desktop(USERS[0])
    return found.create_ready(USERS[0])[0]


def another_primary(found: Estate) -> WorkspaceId:
    found.protected(USERS[0])
    return found.create_ready(USERS[0], directory="d-9067328a7c")[0]


def its_predecessor(found: Estate) -> WorkspaceId:
    (old,) = found.protected(USERS[0])
    migration = {"SourceWorkspaceId": old, "BundleId": "wsb-windowsperformance"}
    new = WorkspaceId(found.world.call(PRIMARY, "MigrateWorkspace", migration)["TargetWorkspaceId"])
    detail = {"eventName": "MigrateWorkspace", "responseElements": {"targetWorkspaceId": new, "sourceWorkspaceId": old}}
    event = {"id": "e", "detail-type": DETAIL_TYPE, "account": ACCOUNT, "region": PRIMARY, "detail": detail}
    found.send(event)
    return new


@pytest.mark.parametrize("mutual", [False, True])
@pytest.mark.parametrize("holds_it", [a_desktop_of_the_user, another_primary, its_predecessor])
def test_a_place_that_is_taken_says_so_once_and_costs_no_more_calls_with_the_hours(
    mutual: bool, holds_it: Callable[[Estate], WorkspaceId]
) -> None:
    homes = (HOME, DirectoryId("d-9067328a7c"))
    found = Estate(settings(directories={one: Directory(AWAY, mutual=mutual) for one in homes}))
    found.world.add_directory(PRIMARY, homes[1], USERS)
    found.take_baselines()
    one = holds_it(found)
    found.protect(one, cause="event")
    found.watch(hours=4)
    stands, calls = found.status(one), []
    assert stands[0] is Status.INELIGIBLE
    for _ in range(12):
        before = len(found.world.calls)
        found.sweep()
        found.watch(hours=1)
        found.pass_time(hours=1)
        assert found.status(one) == stands
        calls.append(len(found.world.calls) - before)
    assert max(calls[3:]) == min(calls[3:]) <= 8  # once the sweeps have noted what is gone: what each asks anyhow
    assert [event["reason_code"] for event in found.history(one) if event.get("notice")] == [stands[1]]


def test_a_primary_with_two_standbys_is_notified_of_once_whoever_made_them(found: Estate) -> None:
    found = Estate(strict=False)
    (one,) = found.protected(USERS[0])
    first = found.row(one).standby_id
    found.create_standby(one)
    (second,) = {standby.workspace_id for standby in found.world.standbys()} - {first}
    found.pass_time(hours=1)
    found.world.set_state(str(first), "ERROR")
    for _ in range(3):
        found.sweep()
        found.pass_time(hours=1)
        found.world.settings.change(relation_flicker=1 - found.world.settings.relation_flicker)
    notice, *others = [event for event in found.history(one) if event.get("notice")]
    assert ([event.get("notice_code") for event in others], notice["notice_code"]) == ([], "TWO_STANDBYS")
    assert f"Standbys: {second}, {first}." in notice["message"]  # the one to keep comes first
    found.world.settings.change(relation_flicker=0)
    found.world.call(DR, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": second}]})
    found.pass_time(hours=1)
    found.sweep()
    assert not found.row(one).has(Kind.DOUBLED)


LATE: dict[str, Any] = {"visibility_lag_seconds": 800}


@pytest.mark.parametrize("lag", [{}, {"relation_lag_seconds": 600}, LATE, LATE | {"relation_lag_seconds": 1800}])
def test_a_throttle_that_took_effect_makes_no_second_standby(lag: dict[str, Any]) -> None:
    found = Estate(strict=False, **lag)
    one, other = found.create_ready(USERS[0], USERS[1])
    throttle: Any = {"code": "ThrottlingException", "message": "Rate exceeded", "status": 400}
    found.world.inject(Fault(CREATE, "error_after", times=1, **throttle))
    found.protect(one, other, cause="event")
    assert found.status(one) == (Status.WAITING, "CREATE_THROTTLED")
    found.protect(one, other, cause="event")  # a copy of the event, before anything may show
    found.watch()
    assert statuses(found, [one, other]) == {WELL}
    assert (len(found.world.standbys()), found.world.duplicates(), len(found.calls())) == (2, [], 1)
    assert (found.taken(), found.taken("2026-01-05")) == (2, 2)  # two new ones of the day, whatever was answered


def test_desktops_without_a_user_are_treated_alike_and_notified_of_once_a_directory(found: Estate) -> None:
    for number in range(3):
        found.create("[UNDEFINED]", WorkspaceName=f"kiosk-{number}")
    (al,) = found.create_ready(USERS[0])
    for _ in range(3):
        found.sweep()
        found.pass_time(hours=1)
    kiosks = [one.workspace_id for one in found.world.primaries() if one.workspace_id != al]
    assert statuses(found, kiosks) == {(Status.INELIGIBLE, "NO_USER")}
    assert [found.row(one).message.rpartition(" ")[2] for one in kiosks] == ["kiosk-0.", "kiosk-1.", "kiosk-2."]
    plan = found.item(f"SWEEP#{HOME}", "BASELINE")["plan"]
    assert (plan["would_get"], plan["cannot"]) == (1, {"NO_USER": 3})
    (notice,) = found.history(f"FLEET#{HOME}#NO_USER")
    assert notice["message"].endswith(f"Directory {HOME} has 3 such WorkSpaces.")
    found.create_standby(kiosks[0])
    found.create_standby(kiosks[1])
    found.pass_time(hours=1)
    found.sweep()
    assert statuses(found, kiosks[:2]) == {(Status.PROTECTED, "ADOPTED")}
    assert found.taken() == 2
    found.world.workspace(kiosks[0]).user_name = USERS[1]
    found.sweep()
    assert found.row(kiosks[0]).claim_key == f"CLAIM#{AWAY}#{USERS[1]}"  # its user has a standby now


def test_a_standby_that_is_asked_for_while_the_failed_one_is_terminated_is_made_when_it_is_gone(found: Estate) -> None:
    (one,) = found.protected(USERS[0])
    standby = str(found.row(one).standby_id)
    found.world.set_state(standby, "ERROR")
    for _ in range(3):
        found.sweep()
        found.pass_time(hours=1)
    assert found.status(one) == (Status.FAILED, "STANDBY_UNHEALTHY")
    found.world.call(DR, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": standby}]})
    (decision,) = found.protect(one)
    assert (decision["status"], decision["reason_code"]) == ("WAITING", "STANDBY_TERMINATING")
    found.watch()
    assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
    assert [made.workspace_id for made in found.world.standbys()] == [found.row(one).standby_id] != [standby]


def test_a_person_is_told_what_an_id_is_and_what_a_call_lacks(found: Estate) -> None:
    (one,) = found.protected(USERS[0])
    standby = str(found.row(one).standby_id)
    (decision,) = found.protect(standby)
    assert (decision["reason_code"], decision["message"].endswith(f"Its primary is {one}.")) == ("IS_STANDBY", True)
    assert found.item(standby, "STATE") == {}
    (two,) = found.create_ready(USERS[1])
    found.create_standby(two)  # somebody else's, which no sweep has seen yet
    (theirs,) = {made.workspace_id for made in found.world.standbys()} - {standby}
    (decision,) = found.protect(theirs)
    assert (decision["reason_code"], decision["message"].endswith(f"Its primary is {two}.")) == ("IS_STANDBY", True)
    assert found.item(theirs, "STATE") == {}
    found.protect(theirs, cause="event")
    assert found.status(theirs) == (Status.WAITING, "NOT_VISIBLE_YET")  # no event pays for a call of its own
    found.protect("ws-0never0seen")
    found.watch()
    assert found.status("ws-0never0seen") == (Status.PRIMARY_GONE, "NEVER_RETURNED")
    assert "ix_uncovered" not in found.item("ws-0never0seen", "STATE")
