"""protect's decisions, each with its reason: who gets a standby, who waits, who cannot have one, who is refused."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.decisions.decide import decide
from standby.decisions.decision import Action, Decision
from standby.ledger.ledger import Context
from standby.ledger.table import LedgerUnavailable
from standby.model import Cause, DirectoryId, Region, Related, Status, Workspace, WorkspaceId
from standby.rows import Row
from standby.settings import PRIMARY_TAG, STACK_TAG, Directory
from tests.unit.estate import ACCOUNT, AWAY, DR, HOME, PRIMARY, TABLE, USERS, estate

CREATE = "CreateStandbyWorkspaces"
KEY = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
PRIMARY_KEY = KEY.replace("us-west-2", "us-east-1")
ENCRYPTED = {
    "UserVolumeEncryptionEnabled": True,
    "RootVolumeEncryptionEnabled": True,
    "VolumeEncryptionKey": PRIMARY_KEY,
}


def test_a_ready_primary_gets_a_standby_with_tags_and_replication_as_configured() -> None:
    with estate() as found:
        found.configure(
            tags={"CostCenter": "dr"},
            directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), KEY, "PRIMARY_AS_SOURCE")},
        )
        (one,) = found.create_ready(USERS[0])
        (decision,) = found.protect(one)
        assert decision["status"] == "REQUESTED"
        assert decision["reason_code"] == "CREATE_ACCEPTED"
        (call,) = found.creates()
        assert call.region == DR
        assert call.params["PrimaryRegion"] == PRIMARY
        (item,) = call.params["StandbyWorkspaces"]
        assert item["DataReplication"] == "PRIMARY_AS_SOURCE"
        assert {tag["Key"]: tag["Value"] for tag in item["Tags"]} == {
            "CostCenter": "dr",
            STACK_TAG: TABLE,
            PRIMARY_TAG: one,
        }
        assert "VolumeEncryptionKey" not in item


def test_an_encrypted_primary_gets_the_key_of_the_dr_region() -> None:
    with estate() as found:
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), KEY)})
        (one,) = found.create_ready(USERS[0], **ENCRYPTED)
        found.protect(one)
        assert found.creates()[0].params["StandbyWorkspaces"][0]["VolumeEncryptionKey"] == KEY
        assert found.status(one)[0] is Status.REQUESTED


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"BundleId": "wsb-amazonlinuxstandard"}, "OPERATING_SYSTEM"),
        ({"BundleId": "wsb-ubuntustandard"}, "OPERATING_SYSTEM"),
        ({"BundleId": "wsb-rhelstandard"}, "OPERATING_SYSTEM"),
        ({"BundleId": "wsb-rockystandard"}, "OPERATING_SYSTEM"),
        ({"BundleId": "wsb-windowsgeneralpurpose4xlarge"}, "COMPUTE_TYPE"),
        ({"BundleId": "wsb-windowsgeneralpurpose8xlarge"}, "COMPUTE_TYPE"),
        ({"BundleId": "wsb-windowsgraphicsg4dn"}, "COMPUTE_TYPE"),
        (ENCRYPTED, "NO_DR_KEY"),
    ],
)
def test_what_cannot_have_a_standby_is_ineligible_and_nothing_is_sent(item: dict[str, Any], reason: str) -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0], **item)
        found.protect(one)
        assert found.status(one) == (Status.INELIGIBLE, reason)
        assert found.creates() == []


def test_a_directory_that_is_not_mapped_is_ineligible() -> None:
    with estate() as found:
        found.world.add_directory(PRIMARY, "d-1111111111", USERS)
        (one,) = found.create_ready(USERS[0], directory="d-1111111111")
        found.protect(one)
        assert found.status(one) == (Status.INELIGIBLE, "DIRECTORY_NOT_MAPPED")
        assert "d-1111111111" in found.row(one).message


def test_values_of_next_years_enums_are_the_services_to_judge() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.workspace(one).properties |= {"ComputeTypeName": "QUANTUM", "OperatingSystemName": "WINDOWS_14"}
        found.protect(one)
        assert len(found.creates()) == 1


@pytest.mark.parametrize("state", ["PENDING", "REBOOTING", "IMPAIRED", "MODERNIZING", "STARTING"])
def test_a_primary_that_is_not_ready_waits(state: str) -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.set_state(one, state)
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "PRIMARY_PENDING")
        assert found.creates() == []


TOLD = Workspace(WorkspaceId("ws-1abc2def3"), DirectoryId(HOME), USERS[0], state="AVAILABLE", compute_type="STANDARD")
ANOTHER = Related(WorkspaceId("ws-9zyx8wvu7"), Region(DR), "AVAILABLE", "WARM_COPY")


@pytest.mark.parametrize(
    ("lacking", "why"),
    [
        ({"compute_type": None}, "DescribeWorkspaces does not tell its compute type."),
        ({"user_name": None, "directory_id": None}, "DescribeWorkspaces does not tell its directory and user."),
        (
            {"related": (ANOTHER,)},
            "It is related to ws-9zyx8wvu7 by the type WARM_COPY, which this version does not know.",
        ),
    ],
    ids=["compute type", "user and directory", "relation"],
)
def test_what_is_not_told_of_a_ready_primary_is_waited_for_and_named_at_the_deadline(
    lacking: dict[str, Any], why: str
) -> None:
    """A relation of next year's type may be to a standby: nothing is requested beside it."""
    seen = dataclasses.replace(TOLD, **lacking)
    with estate() as found:
        context = Context(Cause("event", "e"), owner="request")
        recorder = found.parts.recorder(context)

        def decided(seen: Workspace, row: Row | None) -> Decision:
            return decide(seen.id, seen, row, found.parts.settings, context.cause, found.clock.now())

        assert decided(TOLD, None).action is Action.REQUEST
        recorder.carry_out(decided(seen, None), None, seen)
        assert found.status(TOLD.id) == (Status.WAITING, "NOT_VISIBLE_YET")
        found.pass_time(hours=5)
        row = found.row(TOLD.id)
        recorder.carry_out(decided(seen, row), row, seen)
        assert found.status(TOLD.id) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        assert found.row(TOLD.id).message.endswith(f"Its state is AVAILABLE. {why}")
        assert decided(TOLD, found.row(TOLD.id)).action is Action.REQUEST


def test_a_standby_whose_region_and_state_are_not_told_is_named_all_the_same() -> None:
    assert Related(WorkspaceId("ws-9zyx8wvu7"), None, None, "STANDBY").described == (
        "ws-9zyx8wvu7 in a Region not told is in a state not told."
    )


def test_a_stopped_primary_is_ready() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.set_state(one, "STOPPED")
        found.protect(one)
        assert found.status(one)[0] is Status.REQUESTED


@pytest.mark.parametrize("state", ["SUSPENDED", "ADMIN_MAINTENANCE"])
def test_suspension_does_not_run_out_the_deadline(state: str) -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(hours=1))
        (one,) = found.create_ready(USERS[0])
        found.world.set_state(one, state)
        found.protect(one)
        found.watch(hours=2.25)
        assert found.status(one) == (Status.WAITING, "PRIMARY_PAUSED_BY_SERVICE")
        assert len(found.history(one)) < 8
        found.world.set_state(one, "AVAILABLE")
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


@pytest.mark.parametrize("state", ["SUSPENDED", "ADMIN_MAINTENANCE"])
def test_after_a_suspension_a_primary_has_time_to_become_ready(state: str) -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(hours=1))
        (one,) = found.create_ready(USERS[0])
        found.world.set_state(one, state)
        found.protect(one)
        found.watch(hours=2.25)
        found.world.set_state(one, "STARTING")
        found.watch(hours=0.4)
        assert found.status(one) == (Status.WAITING, "PRIMARY_PENDING")
        found.watch(hours=1)
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")


def test_a_primary_that_is_not_visible_yet_waits_and_is_protected_later() -> None:
    with estate(visibility_lag_seconds=300, partial_seconds=300) as found:
        (one,) = found.create(USERS[0])
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "NOT_VISIBLE_YET")
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert found.row(one).user_name == USERS[0]


@pytest.mark.parametrize(
    "kind", ["throttle", "refuse", "error_before", "connection_refused", "read_timeout_before", "malformed"]
)
def test_a_describe_that_fails_loses_no_primary_and_changes_no_status(kind: str) -> None:
    with estate() as found:
        known, new = found.create_ready(*USERS[:2])
        found.protect(known)
        before = found.row(known)
        found.world.inject(Fault(operation="DescribeWorkspaces", kind=kind, times=1))
        found.protect(known, new)
        assert found.row(known) == before
        assert found.status(new) == (Status.WAITING, "DESCRIBE_FAILED")
        found.watch()
        assert found.status(new)[0] is Status.PROTECTED


def test_an_empty_answer_for_an_hour_changes_no_status() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3])
        found.protect(*ids)
        hour = found.world.clock.now() + timedelta(hours=1)
        found.world.inject(Fault(operation="DescribeWorkspaces", region=PRIMARY, kind="hide", until=hour))
        found.watch(hours=0.9)
        assert {found.status(one)[0] for one in ids} == {Status.REQUESTED}
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_a_terminating_primary_gets_none() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.terminate(one)
        found.protect(one)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.creates() == []


def test_a_user_missing_in_the_dr_directory_is_retried_for_a_day_and_then_rejected() -> None:
    with estate() as found:
        found.configure(poll_interval=timedelta(minutes=5))
        found.world.remove_user(DR, AWAY, USERS[0])
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "USER_NOT_IN_DR_DIRECTORY")
        found.protect(one, cause="event")
        assert len(found.creates()) == 1
        found.watch(hours=20)
        assert found.status(one)[0] is Status.WAITING
        found.watch(hours=6)
        assert found.status(one) == (Status.REJECTED, "USER_NOT_FOUND")
        assert found.row(one).error_code == "ResourceNotFound.User"
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 0
        assert 40 <= len(found.creates()) <= 50


def test_a_user_who_arrives_in_the_dr_directory_later_gets_the_standby() -> None:
    with estate() as found:
        found.world.remove_user(DR, AWAY, USERS[0])
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch(hours=5)
        found.world.add_directory(DR, AWAY, USERS)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


def test_a_user_who_is_missing_again_later_is_retried_for_a_day_of_its_own() -> None:
    with estate() as found:
        found.world.remove_user(DR, AWAY, USERS[0])
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.world.add_directory(DR, AWAY, USERS)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        found.world.terminate(found.row(one).standby_id or "")
        found.world.remove_user(DR, AWAY, USERS[0])
        found.pass_time(days=90)
        found.protect(one)
        found.watch(hours=6)
        assert found.status(one) == (Status.WAITING, "USER_NOT_IN_DR_DIRECTORY")


def test_a_person_who_asks_again_for_a_user_that_was_not_found_has_another_day() -> None:
    with estate() as found:
        found.world.remove_user(DR, AWAY, USERS[0])
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch(hours=26)
        assert found.status(one) == (Status.REJECTED, "USER_NOT_FOUND")
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "USER_NOT_IN_DR_DIRECTORY")
        found.watch(hours=20)
        assert found.status(one)[0] is Status.WAITING
        found.watch(hours=6)
        assert found.status(one) == (Status.REJECTED, "USER_NOT_FOUND")


def test_a_hand_made_desktop_in_the_dr_directory_is_never_touched() -> None:
    with estate() as found:
        order = {"DirectoryId": AWAY, "UserName": USERS[0], "BundleId": "wsb-windowsstandard"}
        found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        assert found.status(one) == (Status.INELIGIBLE, "SECONDARY_EXISTS")
        assert {call.operation for call in found.world.calls if call.region == DR} == {
            "CreateWorkspaces",
            CREATE,
            "DescribeWorkspaces",
        }


def test_exists_with_our_standby_there_adopts_it() -> None:
    """It is there, and neither the primary nor the ledger knew of it."""
    with estate(strict=True) as found:
        (one,) = found.create_ready(USERS[0])
        order = {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [{"PrimaryWorkspaceId": one, "DirectoryId": AWAY}]}
        found.world.call(DR, CREATE, order)
        real = found.parts.clients.primary.describe_workspaces

        def unrelated(**request: Any) -> Any:
            answer = real(**request)
            for entry in answer["Workspaces"]:
                entry.pop("RelatedWorkspaces", None)
            return answer

        found.parts.clients.primary.describe_workspaces = unrelated  # type: ignore[method-assign]
        found.protect(one)
        assert found.status(one)[0] is Status.REQUESTED
        assert found.row(one).standby_id == found.world.standbys()[0].workspace_id


@pytest.mark.parametrize(
    ("code", "message", "status", "reason"),
    [
        ("ResourceNotFound.User", "no such user", "WAITING", "USER_NOT_IN_DR_DIRECTORY"),
        ("ResourceNotFoundException", "The user alice could not be found", "WAITING", "USER_NOT_IN_DR_DIRECTORY"),
        ("OperationNotSupported.State", "not AVAILABLE", "WAITING", "STATE_REFUSED"),
        ("OperationNotSupportedException", "not while in its current state", "WAITING", "STATE_REFUSED"),
        ("ThrottlingException", "slow down", "WAITING", "CREATE_THROTTLED"),
        ("ExpiredTokenException", "expired", "WAITING", "CREATE_UNREACHABLE"),
        ("ResourceLimitExceeded", "quota", "HELD", "QUOTA_REACHED"),
        ("AccessDenied", "no", "REJECTED", "ACCESS_DENIED"),
        ("Quantum.Entangled", "next year's code", "REJECTED", "SERVICE_REFUSED"),
    ],
)
def test_a_failed_item_is_settled_by_its_kind_and_harms_no_other(
    code: str, message: str, status: str, reason: str
) -> None:
    with estate() as found:
        bad, good = found.create_ready(*USERS[:2])
        found.world.inject(
            Fault(operation=CREATE, kind="fail_item", primary_id=bad, code=code, message=message, times=1)
        )
        found.protect(bad, good)
        assert found.status(bad) == (status, reason)
        row = found.row(bad)
        assert (row.error_code, row.error_message) == (code, message)
        assert row.claim_key is None
        assert found.status(good)[0] is Status.REQUESTED


def test_an_item_at_which_the_service_failed_keeps_its_claim_and_holds_up_no_other_call() -> None:
    with estate() as found:
        bad, *good = found.create_ready(*USERS[:30])
        found.world.inject(
            Fault(operation=CREATE, kind="fail_item", primary_id=bad, code="InternalServerError", message="x", times=1)
        )
        found.protect(bad, *good)
        assert found.status(bad) == (Status.CLAIMED, "REQUEST_UNCERTAIN")
        assert found.row(bad).claim_key is not None
        assert {found.status(one)[0] for one in good} == {Status.REQUESTED}


@pytest.mark.parametrize("item", [0, 7, 24])
def test_a_declared_exception_for_one_item_is_bisected(item: int) -> None:
    with estate(refusals="call") as found:
        ids = found.create_ready(*USERS[:25])
        found.world.remove_user(DR, AWAY, USERS[item])
        found.protect(*ids)
        statuses = [found.status(one)[0] for one in ids]
        assert statuses.count(Status.REQUESTED) == 24
        assert statuses[item] is not Status.REQUESTED
        assert len(found.creates()) <= 11
        assert found.world.duplicates() == []


def test_a_permission_that_is_missing_is_not_asked_for_again_for_each_user_of_a_directory() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:25])
        found.world.inject(Fault(operation=CREATE, kind="refuse", times=100))
        found.protect(*ids)
        assert len(found.creates()) == 1
        assert {found.status(one) for one in ids} == {(Status.REJECTED, "ACCESS_DENIED")}


def test_a_rejected_primary_is_tried_again_by_hand_and_not_by_a_copy_of_its_event() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="refuse", times=1))
        found.protect(one)
        found.protect(one, cause="event")
        assert found.status(one)[0] is Status.REJECTED
        found.protect(one, cause="manual")
        assert found.status(one)[0] is Status.REQUESTED


@pytest.mark.parametrize("kind", ["throttle", "connection_refused"])
def test_a_create_that_is_throttled_or_cannot_be_sent_leaves_the_rest_of_the_run_unsent(kind: str) -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:60])
        found.world.inject(Fault(operation=CREATE, kind=kind, times=1))
        found.protect(*ids)
        assert len(found.creates()) == 1
        assert {found.status(one)[0] for one in ids} == {Status.WAITING}
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_a_dr_region_that_is_down_recovers_fast_and_writes_no_flood_of_events() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:10])
        until = found.world.clock.now() + timedelta(hours=3)
        found.world.inject(Fault(operation="*", region=DR, kind="connection_refused", until=until))
        found.protect(*ids)
        found.watch(hours=3)
        assert {found.status(one)[0] for one in ids} == {Status.WAITING}
        events = sum(len(found.history(one)) for one in ids)
        assert events < 10 * 100
        recovered = found.world.clock.now()
        found.watch(hours=1)
        requested = [found.row(one).requested_at for one in ids]
        assert all(requested)
        assert max(moment for moment in requested if moment) - recovered < timedelta(minutes=10)


def test_a_ledger_that_cannot_be_written_is_told_to_the_caller_with_the_ids() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        found.dynamodb.delete_table(TableName=TABLE)
        with pytest.raises(LedgerUnavailable):
            found.protect(one)


def test_an_unchanged_look_writes_nothing() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        for _ in range(5):
            found.protect(one)
        assert len(found.history(one)) == 1


def test_a_failed_standby_that_a_person_terminated_is_made_again_by_hand_and_only_then() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.fail_standby_of(USERS[0])
        found.protect(one)
        found.watch()
        assert found.status(one) == (Status.FAILED, "STANDBY_IN_ERROR")
        found.world.terminate(found.world.standbys()[0].workspace_id)
        found.pass_time(hours=1)
        found.protect(one, cause="event")
        assert found.status(one)[0] is Status.FAILED
        found.protect(one, cause="manual")
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        found.watch()
        assert len(found.creates()) == 2
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 1


def test_a_standby_that_is_gone_is_made_again_when_a_person_asks_and_only_then() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch()
        found.world.terminate(found.world.standbys()[0].workspace_id)
        found.pass_time(hours=1)
        found.protect(one, cause="event")
        assert found.status(one)[0] is Status.PROTECTED
        found.protect(one, cause="manual")
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.creates()) == 2
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 1
