"""TerminateWorkspaces and MigrateWorkspace by somebody: who it was is notified once, and what is seen follows."""

from typing import Any

import pytest

from local.workspaces import Fault
from standby.core.model import Status
from standby.core.row import Kind
from standby.core.settings import Rules, Selection
from tests.component.estate import ACCOUNT, DESCRIBE, DR, PRIMARY, UNREACHABLE, USERS, Estate

AL = f"arn:aws:iam::{ACCOUNT}:user/al"
TERMINATED = "TERMINATED_BY_SOMEBODY"
WELL, MISSING = (Status.PROTECTED, "STANDBY_READY"), (Status.STANDBY_MISSING, "STANDBY_GONE")


def standby_of(found: Estate, primary: str) -> str:
    return str(found.row(primary).standby_id)


def terminate(found: Estate, region: str, *ids: str) -> dict[str, Any]:
    """Terminate them; CloudTrail's event of it."""
    request = {"TerminateWorkspaceRequests": [{"WorkspaceId": one} for one in ids]}
    found.world.call(region, "TerminateWorkspaces", request, AL)
    event: dict[str, Any] = found.world.trail[-1]
    assert event["detail"]["eventName"] == "TerminateWorkspaces"
    return event


def notified(found: Estate, primary: str) -> list[str]:
    """What a person was notified of, by code."""
    return [one.get("notice_code") or one["reason_code"] for one in found.history(primary) if one.get("notice")]


def test_a_terminated_standby_is_missing_and_who_did_it_is_notified_once_whatever_comes_twice(found: Estate) -> None:
    (one,) = found.protected(USERS[0])
    standby = standby_of(found, one)
    event = terminate(found, DR, standby)
    (decision,) = found.send(event)["decisions"]
    expected = {"primary_id": standby, "action": "RECORD", "status": "STANDBY_MISSING", "reason_code": "STANDBY_GONE"}
    assert {name: decision[name] for name in expected} == expected
    row = found.row(one)
    assert ((row.status, row.reason), row.principal) == (MISSING, AL)
    assert row.note(Kind.STANDBY_TERMINATED) == f"{standby} {AL}"
    (notice,) = [event for event in found.history(one) if event.get("notice")]
    until = "Previous message: The standby is ready."
    assert notice["message"].startswith(f"TerminateWorkspaces was called for the standby {standby}, by {AL}. {until}")
    assert (notice["notice_code"], notice["principal"], notice["status"]) == (TERMINATED, AL, Status.PROTECTED)
    history = found.history(one)
    found.configure(selection=Selection(exclude=Rules(tags={"Environment": "dev*"})))
    asked_for_tags = found.disturb("GetResources", lambda: None)
    found.send(event)
    found.pass_time(hours=1)
    found.send(event)
    assert (found.history(one), asked_for_tags) == (history, [])


@pytest.mark.parametrize("how", ["absent", "throttled", "open"])
def test_what_is_not_seen_on_its_way_out_is_left_to_the_sweep_or_the_watcher(found: Estate, how: str) -> None:
    (one,) = found.protected(USERS[0])
    if how == "open":
        (one,) = found.create_ready(USERS[1])
        found.protect(one)
    before = found.status(one)
    event = terminate(found, DR, standby_of(found, one))
    if how == "absent":
        found.pass_time(hours=1)
    if how == "throttled":
        found.world.inject(Fault(DESCRIBE, "throttle"))
        del event["detail"]["userIdentity"]
    found.send(event)
    assert (found.status(one), notified(found, one)) == (before, [TERMINATED])
    who = "a caller that CloudTrail does not name" if how == "throttled" else AL
    assert str(found.row(one).note(Kind.STANDBY_TERMINATED)).endswith(f" {who}")


def test_a_standby_that_another_one_followed_is_nobodys_news(found: Estate) -> None:
    (one,) = found.protected(USERS[0])
    former = standby_of(found, one)
    event = terminate(found, DR, former)
    found.pass_time(hours=1)
    found.protect(one)
    found.watch()
    assert standby_of(found, one) != former
    history = found.history(one)
    (decision,) = found.send(event)["decisions"]
    assert (decision["primary_id"], decision["status"], found.history(one)) == (former, "PROTECTED", history)


def test_what_the_ledger_does_not_know_and_what_did_not_happen_leave_no_trace(found: Estate) -> None:
    one, other = found.protected(*USERS[:2])
    stranger, _ = found.create_ready(*USERS[2:4])
    event = terminate(found, PRIMARY, stranger)
    event["detail"]["requestParameters"]["terminateWorkspaceRequests"].append({"workspaceId": other})
    event["detail"]["responseElements"]["failedRequests"].append({"workspaceId": other, "errorCode": "x"})
    before, calls = found.items(), len(found.world.calls)
    (decision,) = found.send(event)["decisions"]
    assert (decision["reason_code"], decision["action"], decision["status"]) == ("NOT_IN_LEDGER", "NONE", None)
    assert (found.items(), len(found.world.calls)) == (before, calls)
    assert found.others.of("send_message") == found.others.of("start_execution")[2:] == []
    assert found.status(one) == WELL


def test_who_terminates_what_is_no_primary_of_this_pair_is_not_its_to_say(found: Estate) -> None:
    one, _ = found.protected(*USERS[:2])
    event = terminate(found, PRIMARY, one)
    found.table.set(one, "STATE", {"status": "INELIGIBLE", "reason_code": "MAPPED_ELSEWHERE"})
    before = found.items()
    (decision,) = found.send(event)["decisions"]
    assert (decision["reason_code"], found.items()) == ("NOT_IN_LEDGER", before)


@pytest.mark.parametrize(
    ("region", "expected"), [(PRIMARY, (Status.PRIMARY_GONE, "ORPHANED")), (DR, MISSING)], ids=["primary", "standby"]
)
def test_a_row_that_cannot_be_read_holds_up_no_other_of_the_same_call(
    found: Estate, region: str, expected: tuple[Status, str]
) -> None:
    odd, one = ids = found.protected(*USERS[:2])
    event = terminate(found, region, *(ids if region == PRIMARY else [standby_of(found, each) for each in ids]))
    found.table.set(odd, "STATE", {"reason_code": "OF_NEXT_YEAR"})
    first, second = found.send(event)["decisions"]
    assert (first["reason_code"], second["reason_code"]) == ("ROW_UNREADABLE", expected[1])
    assert odd in first["message"]
    assert (found.status(one), notified(found, one)[0]) == (expected, TERMINATED)
    assert found.notes.counts["UnreadableRows"] == 1


def test_of_what_a_first_delivery_noted_the_second_gives_no_further_notice(found: Estate) -> None:
    (one,) = found.protected(USERS[0])
    event = terminate(found, DR, standby_of(found, one))
    found.disturb("TransactWriteItems", UNREACHABLE, when=lambda given: "STANDBY_MISSING" in str(given))
    found.send(event)
    assert (found.status(one), notified(found, one)) == (WELL, [TERMINATED])
    found.send(event)
    assert (found.status(one), notified(found, one)) == (MISSING, [TERMINATED])


# Migrations


@pytest.mark.parametrize("known", ["not", "reported", "protected"])
def test_a_migrated_primarys_row_points_to_the_new_one_once(found: Estate, known: str) -> None:
    (old,) = found.protected(USERS[0]) if known == "protected" else found.create_ready(USERS[0])
    if known == "reported":
        found.sweep()
    order = {"SourceWorkspaceId": old, "BundleId": "wsb-windowspower"}
    new = found.world.call(PRIMARY, "MigrateWorkspace", order)["TargetWorkspaceId"]
    for _ in range(2):
        found.send(found.world.trail[-1])
    assert found.row(new).migrated_from == old
    if known == "not":
        assert found.item(old, "STATE") == {}
        return
    assert found.row(old).note(Kind.MIGRATED) == new
    assert notified(found, old) == []  # CloudTrail records the request; it may fail
    found.pass_time(hours=1)
    found.protect(new, cause="watch")
    if known == "protected":
        (notice,) = [event for event in found.history(old) if event.get("notice")]
        assert notice["notice_code"] == "MIGRATED"
        assert f"Standby {standby_of(found, old)} belongs to the old id" in notice["message"]
    else:
        assert notified(found, old) == []
        # It is no new desktop: its fleet is only reported.
        assert found.status(new) == (Status.REPORTED, "EXISTING_FLEET")
        assert f"The desktop was migrated from {old}." in found.row(new).message


@pytest.mark.parametrize("how", ["fails", "fails_late"])
def test_a_migration_that_fails_leaves_the_original_and_its_standby_as_they_were(how: str) -> None:
    found = Estate(migration=how)
    (old,) = found.protected(USERS[0])
    order = {"SourceWorkspaceId": old, "BundleId": "wsb-windowspower"}
    new = found.world.call(PRIMARY, "MigrateWorkspace", order)["TargetWorkspaceId"]
    found.send(found.world.trail[-1])
    for _ in range(8):
        found.watch(hours=0.9)
        found.sweep()
        found.pass_time(hours=1)
    assert (found.status(old), found.row(old).has(Kind.MIGRATED), notified(found, old)) == (WELL, False, [])
    assert (found.status(new)[0], notified(found, new)) == (Status.PRIMARY_GONE, [])
    assert len(found.world.standbys()) == 1


def test_a_migration_that_takes_longer_than_it_is_waited_for_is_notified_when_it_is_there() -> None:
    found = Estate(migration="succeeds", migration_seconds=5 * 3600)
    (old,) = found.protected(USERS[0])
    found.world.call(PRIMARY, "MigrateWorkspace", {"SourceWorkspaceId": old, "BundleId": "wsb-windowspower"})
    found.send(found.world.trail[-1])
    for _ in range(8):
        found.watch(hours=0.9)
        found.sweep()
        found.pass_time(hours=1)
    assert notified(found, old) == ["ORPHANED", "MIGRATED"]
