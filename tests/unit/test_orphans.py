"""Orphans: what lets one be terminated, and everything that keeps it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from local.workspaces import Fault
from standby.clock import from_text
from standby.decisions.decision import record
from standby.ledger.claims import TOTAL
from standby.ledger.gates import PAUSE
from standby.ledger.ledger import Context
from standby.ledger.table import LedgerUnavailable
from standby.model import Cause, Status
from standby.reasons import Reason
from standby.retire.retire import AGAIN, AHEAD
from standby.retire.termination import terminations_of
from standby.settings import PRIMARY_TAG, STACK_TAG
from standby.sweep.orphans import ORPHAN
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, SWEEP, TABLE, USERS, Estate, estate
from tests.unit.test_sweep import notices, protected, sweeps

TERMINATE = "TerminateWorkspaces"
DESCRIBE = "DescribeWorkspaces"
DAYS = 14
A_DAY = timedelta(days=1)


_NUMBERS = itertools.count(1)


def swept(found: Estate) -> None:
    """Sweep; each sweep is a run of its own."""
    found.sweep(f"{SWEEP}-{next(_NUMBERS)}")


def on(found: Estate, **changes: Any) -> None:
    """Opt in."""
    found.configure(orphans="terminate", **changes)


def orphaned(found: Estate, count: int = 1, others: int = 1) -> list[str]:
    """Desktops whose primaries are gone and whose standbys are not; `others` live beside them."""
    ids = protected(found, *USERS[: count + others])[:count]
    for one in ids:
        found.world.terminate(one)
    sweeps(found)
    assert {found.status(one) for one in ids} == {(Status.PRIMARY_GONE, "ORPHANED")}
    return ids


def the_last(found: Estate) -> str:
    """The only desktop there was, whose primary is gone: an empty directory is believed after some hours."""
    (one,) = protected(found, USERS[0])
    found.world.terminate(one)
    days(found, 1)
    assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
    return one


def days(found: Estate, count: float = DAYS) -> None:
    """Let days pass, with a sweep at least every eleven hours."""
    for _ in range(int(count * 24 // 11) + 2):
        found.pass_time(hours=11)
        swept(found)


def aged(found: Estate, count: int = 1, age: timedelta = A_DAY, **changes: Any) -> list[str]:
    """Orphans that may be announced, after as many days as are configured."""
    on(found, orphan_age=age, **changes)
    ids = orphaned(found, count)
    days(found, age.days)
    return ids


def a_day(found: Estate) -> None:
    """Let an announcement's day pass, with sweeps."""
    for _ in range(3):
        found.pass_time(hours=8, minutes=10)
        swept(found)


def announced(found: Estate, count: int = 1, **changes: Any) -> list[str]:
    """Orphans that are announced, a day ago."""
    ids = aged(found, count, **changes)
    found.retire()
    assert {found.status(one)[1] for one in ids} == {"TERMINATION_ANNOUNCED"}
    a_day(found)
    return ids


def calls(found: Estate) -> list[Any]:
    """The calls of TerminateWorkspaces."""
    return [call for call in found.world.calls if call.operation == TERMINATE]


def reason(found: Estate, one: str) -> str:
    return found.status(one)[1]


def standby_of(found: Estate, one: str) -> Any:
    standby = found.row(one).standby_id
    assert standby
    return found.world.workspace(standby)


def pause(found: Estate, *, on: bool = True) -> None:
    found.parts.table().put({"pk": PAUSE, "sk": PAUSE, "paused": on})


def keep(found: Estate, one: str, value: Any = True) -> None:
    """As README tells."""
    to = TypeSerializer()
    found.dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": to.serialize(f"ORPHAN#{one}"), "sk": to.serialize(ORPHAN)},
        UpdateExpression="SET kept = :yes",
        ExpressionAttributeValues={":yes": to.serialize(value)},
    )


# The whole way


def test_an_orphan_is_announced_then_terminated_a_day_later_and_its_place_is_free_when_sweeps_miss_it() -> None:
    with estate() as found:
        (one,) = aged(found, age=timedelta(days=DAYS))
        standby = standby_of(found, one)
        found.retire()
        row = found.row(one)
        assert row.terminate_after
        assert row.terminate_after - found.clock.now() >= timedelta(hours=24)
        assert str(row.standby_id) in row.message
        for hours in (11, 11, 1):
            found.pass_time(hours=hours)
            swept(found)
        found.retire()
        assert calls(found) == []
        found.pass_time(hours=2)
        found.retire()
        (call,) = calls(found)
        assert call.region == DR
        assert call.params == {"TerminateWorkspaceRequests": [{"WorkspaceId": standby.workspace_id}]}
        assert standby.state == "TERMINATING"
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHAN_TERMINATED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 2
        sweeps(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 1
        assert notices(found, one) == ["ORPHANED", "TERMINATION_ANNOUNCED", "ORPHAN_TERMINATED"]
        found.retire()
        assert len(calls(found)) == 1
        (again,) = found.create_ready(USERS[0])
        found.protect(again)
        found.watch()
        assert found.status(again)[0] is Status.PROTECTED


def test_nothing_is_terminated_or_even_noted_by_default() -> None:
    with estate() as found:
        (one,) = orphaned(found)
        days(found, 20)
        found.retire()
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.item(f"ORPHAN#{one}", ORPHAN) == {}
        assert calls(found) == []


def test_the_days_count_from_the_opting_in() -> None:
    with estate() as found:
        (one,) = orphaned(found)
        days(found, 20)
        on(found)
        days(found, 13)
        found.retire()
        assert reason(found, one) == "ORPHANED"
        days(found, 1.5)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"


# Seen by every complete sweep in between


def test_one_day_short_is_not_announced() -> None:
    with estate() as found:
        on(found)
        (one,) = orphaned(found)
        days(found, DAYS - 1.2)
        found.retire()
        assert reason(found, one) == "ORPHANED"
        assert calls(found) == []


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_a_sweep_that_sees_the_primary_or_misses_the_standby_begins_the_days_anew(region: str) -> None:
    with estate() as found:
        (one,) = aged(found)
        row, real = found.row(one), found.world.call
        assert row.standby_id

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE and where == region and params.get("DirectoryId") in (HOME, AWAY):
                if region == PRIMARY:
                    back = {"WorkspaceId": one, "DirectoryId": HOME, "UserName": USERS[0], "State": "PENDING"}
                    return {**answer, "Workspaces": [*answer["Workspaces"], back]}
                shown = [each for each in answer["Workspaces"] if each["WorkspaceId"] != row.standby_id]
                return {**answer, "Workspaces": shown}
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.pass_time(hours=1)
        swept(found)
        found.world.call = real  # type: ignore[method-assign]
        found.pass_time(hours=1)
        swept(found)
        found.retire()
        assert reason(found, one) == "ORPHANED"
        found.pass_time(hours=2)
        days(found)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"


def test_a_gap_between_complete_sweeps_begins_the_days_anew() -> None:
    with estate() as found:
        on(found)
        (one,) = orphaned(found)
        days(found, 13)
        found.pass_time(hours=13)
        days(found, 2)
        found.retire()
        assert reason(found, one) == "ORPHANED"


def test_incomplete_sweeps_count_neither_way_as_long_as_they_leave_no_gap() -> None:
    with estate() as found:
        on(found)
        (one,) = orphaned(found)
        days(found, 7)
        for region in (PRIMARY, DR):
            found.world.inject(
                Fault(DESCRIBE, "throttle", region, times=4, when=lambda params: "DirectoryId" in params)
            )
            found.pass_time(hours=4)
            swept(found)
            assert found.item(f"SWEEP#{HOME}", "LAST")["complete"] is False
        found.pass_time(hours=3)
        swept(found)
        days(found, 7)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"


def test_a_part_of_a_sweep_that_is_done_twice_is_one_witness() -> None:
    with estate() as found:
        on(found)
        (one,) = orphaned(found)
        found.pass_time(hours=1)
        swept(found)
        before = found.item(f"ORPHAN#{one}", ORPHAN)
        found.sweep(f"{SWEEP}-{next(_NUMBERS) - 1}")
        assert before["sweeps"] >= 1
        assert found.item(f"ORPHAN#{one}", ORPHAN) == before


def test_without_a_recent_sweep_an_announced_one_waits() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.pass_time(hours=13)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert calls(found) == []
        assert any("No complete sweep" in problem for problem in found.notes.problems)


# Only ours


def test_an_adopted_standby_is_never_terminated() -> None:
    with estate() as found:
        on(found)
        protected(found, USERS[1])
        (one,) = found.create_ready(USERS[0])
        request = {"PrimaryWorkspaceId": one, "DirectoryId": AWAY, "Tags": [{"Key": STACK_TAG, "Value": TABLE}]}
        found.world.call(DR, "CreateStandbyWorkspaces", {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [request]})
        found.pass_time(hours=1)
        swept(found)
        assert found.status(one) == (Status.PROTECTED, "ADOPTED")
        found.world.terminate(one)
        sweeps(found)
        days(found)
        found.retire()
        assert reason(found, one) == "ORPHANED"


@pytest.mark.parametrize(
    ("keep_relation", "tags"),
    [
        (True, {STACK_TAG: "Standby-of-somebody-else"}),
        (True, {STACK_TAG: None}),
        (True, {PRIMARY_TAG: "ws-000000000"}),
        (False, {PRIMARY_TAG: None}),
    ],
)
def test_without_the_stacks_own_tags_it_is_not_ours(keep_relation: bool, tags: dict[str, str | None]) -> None:
    with estate(orphans_keep_relation=keep_relation) as found:
        (one,) = aged(found)
        standby = standby_of(found, one)
        for key, value in tags.items():
            if value is None:
                del standby.tags[key]
            else:
                standby.tags[key] = value
        found.retire()
        assert reason(found, one) == "ORPHANED"


@pytest.mark.parametrize(("keep_relation", "missing"), [(True, None), (True, PRIMARY_TAG), (False, None)])
def test_the_relation_or_the_tag_says_whose_it_is(keep_relation: bool, missing: str | None) -> None:
    with estate(orphans_keep_relation=keep_relation) as found:
        (one,) = aged(found)
        if missing:
            del standby_of(found, one).tags[missing]
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ({"RelatedWorkspaces": [{"WorkspaceId": "ws-000000000", "Type": "PRIMARY"}]}, "the standby of ws-000000000"),
        ({"RelatedWorkspaces": [{"WorkspaceId": "ONE", "Type": "PRIMARY", "State": "AVAILABLE"}]}, "its primary as"),
        ({"RelatedWorkspaces": [{"WorkspaceId": "ws-000000000", "Type": "STANDBY"}]}, "as a primary"),
        ({"DirectoryId": "d-926722f013"}, "not the partner"),
        ({"UserName": "somebody.else"}, "another user's"),
        ({"DataReplicationSettings": {"DataReplication": "PRIMARY_AS_SOURCE"}}, "last data"),
    ],
)
def test_a_standby_that_is_shown_as_something_else_is_called_off(shown: dict[str, Any], why: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        real, standby = found.world.call, found.row(one).standby_id

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE and params.get("WorkspaceIds") == [standby]:
                for related in shown.get("RelatedWorkspaces", ()):
                    related["WorkspaceId"] = related["WorkspaceId"].replace("ONE", one)
                answer["Workspaces"] = [each | shown for each in answer["Workspaces"]]
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        assert why in found.row(one).message
        assert calls(found) == []


@pytest.mark.parametrize("state", ["PENDING", "MAINTENANCE", "BACKING_UP_SINCE_NEXT_YEAR"])
def test_a_standby_to_which_something_is_done_waits_until_it_is_over(state: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        found.world.set_state(standby_of(found, one).workspace_id, state)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert any(f"It is {state}" in problem for problem in found.notes.problems)
        assert calls(found) == []
        found.world.set_state(standby_of(found, one).workspace_id, "UNHEALTHY")
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"


def test_one_whose_directory_is_no_longer_mapped_is_called_off() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.configure(directories={})
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        assert calls(found) == []


# Data


def replicated(found: Estate) -> dict[str, Any]:
    mapped = found.parts.settings.directories
    return {name: replace(one, data_replication="PRIMARY_AS_SOURCE") for name, one in mapped.items()}


@pytest.mark.parametrize("allowed", [False, True])
def test_one_with_data_replication_stays_unless_that_is_allowed(allowed: bool) -> None:
    with estate() as found:
        (one,) = aged(found, directories=replicated(found), terminate_replicated=allowed)
        assert found.row(one).replication == "PRIMARY_AS_SOURCE"
        found.retire()
        assert reason(found, one) == ("TERMINATION_ANNOUNCED" if allowed else "ORPHANED")


@pytest.mark.parametrize("shown", [False, True], ids=["not-shown-any-more", "still-shown"])
def test_what_was_replicated_is_remembered_when_its_primary_is_shown_on_its_way_out(shown: bool) -> None:
    with estate(terminate_seconds=7200, orphans_keep_replication=shown) as found:
        on(found, orphan_age=A_DAY)
        (one, _) = protected(found, *USERS[:2])
        # Somebody turned it on at AWS: the configuration says nothing of it.
        standby_of(found, one).data_replication = "PRIMARY_AS_SOURCE"
        found.pass_time(hours=1)
        swept(found)
        assert found.row(one).replication == "PRIMARY_AS_SOURCE"
        found.world.terminate(one)
        found.pass_time(hours=1)
        swept(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.row(one).replication == "PRIMARY_AS_SOURCE"
        days(found, 3)
        found.retire()
        assert reason(found, one) == "ORPHANED"


@pytest.mark.parametrize("known", ["configuration", "recovery_snapshot_at", "copies_due_since"])
def test_one_that_shows_no_replication_stays_where_it_was_configured_or_copied(known: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        assert found.row(one).replication == "NO_REPLICATION"
        if known == "configuration":
            found.configure(directories=replicated(found))
        else:
            table = found.parts.table()
            item = table.get(one, "STATE") or {}
            table.put(item | {known: "2026-01-06T09:00:00.000Z"})
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        assert "last data" in found.row(one).message
        assert calls(found) == []


def test_one_whose_data_replication_nobody_knows_stays() -> None:
    with estate() as found:
        (one,) = announced(found)
        row, table = found.row(one), found.parts.table()
        item = table.get(one, "STATE") or {}
        assert row.replication == "NO_REPLICATION"
        table.put({name: value for name, value in item.items() if name != "replication"})
        real, standby = found.world.call, row.standby_id

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE and params.get("WorkspaceIds") == [standby]:
                for each in answer["Workspaces"]:
                    del each["DataReplicationSettings"]
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        assert "not known" in found.row(one).message


def test_one_that_somebody_used_within_the_days_stays() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.world.connect(standby_of(found, one).workspace_id)
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        assert "connected" in found.row(one).message
        days(found)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"


def test_one_that_somebody_uses_now_stays() -> None:
    with estate() as found:
        (one,) = announced(found)
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == "DescribeWorkspacesConnectionStatus":
                for each in answer["WorkspacesConnectionStatus"]:
                    each["ConnectionState"] = "CONNECTED"
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"


@pytest.mark.parametrize("odd", ["no state", "another state", "told twice", "another's"])
def test_while_it_is_not_clear_whether_somebody_uses_it_it_waits(odd: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == "DescribeWorkspacesConnectionStatus":
                (entry,) = answer["WorkspacesConnectionStatus"]
                match odd:
                    case "no state":
                        del entry["ConnectionState"]
                    case "another state":
                        entry["ConnectionState"] = "RECONNECTING"
                    case "told twice":
                        answer["WorkspacesConnectionStatus"].append(entry | {"ConnectionState": "CONNECTED"})
                    case "another's":
                        entry["WorkspaceId"] = "ws-9zyx8wvu7"
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert calls(found) == []
        assert "Whether somebody uses the standby could not be asked" in found.notes.problems[-1]


def test_one_with_a_relation_of_a_type_that_is_not_known_waits() -> None:
    with estate() as found:
        (one,) = announced(found)
        real, standby = found.world.call, found.row(one).standby_id
        strange = {"WorkspaceId": "ws-9zyx8wvu7", "Region": PRIMARY, "State": "AVAILABLE", "Type": "SOURCE"}

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE and params.get("WorkspaceIds") == [standby]:
                answer["Workspaces"][0]["RelatedWorkspaces"] = [strange]
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert calls(found) == []
        assert "by the type SOURCE" in found.notes.problems[-1]


# A fresh look


def test_a_primary_that_is_back_calls_it_off_and_both_are_told() -> None:
    with estate() as found:
        (one,) = announced(found)
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE and one in params.get("WorkspaceIds", ()):
                back = {"WorkspaceId": one, "DirectoryId": HOME, "UserName": USERS[0], "State": "AVAILABLE"}
                return {"Workspaces": [*answer["Workspaces"], back]}
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        assert found.row(one).terminate_after is None
        assert notices(found, one)[-2:] == ["TERMINATION_ANNOUNCED", "TERMINATION_CALLED_OFF"]
        assert calls(found) == []


@pytest.mark.parametrize("kind", ["throttle", "refuse", "error_before", "connect_timeout", "empty", "malformed"])
@pytest.mark.parametrize(
    ("operation", "region"),
    [
        (DESCRIBE, PRIMARY),
        (DESCRIBE, DR),
        ("DescribeTags", DR),
        ("DescribeWorkspacesConnectionStatus", DR),
    ],
)
def test_while_anything_is_not_known_it_waits(operation: str, region: str, kind: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        found.world.inject(Fault(operation, kind, region))
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert calls(found) == []
        found.world.clear_faults()
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"


def test_a_primary_that_may_be_the_entry_that_cannot_be_read_waits_though_others_are_shown() -> None:
    with estate() as found:
        (one,) = announced(found)
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE and where == PRIMARY and one in params.get("WorkspaceIds", ()):
                assert answer["Workspaces"]  # the witnesses
                answer["Workspaces"].append({"UserName": found.row(one).user_name})
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert calls(found) == []


def test_an_answer_that_speaks_of_another_workspace_is_no_clear_one() -> None:
    with estate() as found:
        (one,) = announced(found)
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == TERMINATE:
                answer["FailedRequests"] = [{"WorkspaceId": "ws-another12", "ErrorCode": "x", "ErrorMessage": "y"}]
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.retire()
        assert (reason(found, one), found.row(one).error_code) == ("TERMINATION_CLAIMED", "NotInAnswer")


def test_a_region_that_shows_nobody_proves_nothing() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.world.inject(Fault(DESCRIBE, "hide", PRIMARY))
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert any("shows nobody" in problem for problem in found.notes.problems)
        assert calls(found) == []


def test_a_region_that_shows_nobody_for_all_the_days_proves_nothing_when_the_ledger_takes_all_for_gone() -> None:
    with estate() as found:
        on(found, orphan_age=A_DAY)
        ids = protected(found, *USERS[:2])
        found.world.inject(Fault(DESCRIBE, "hide", PRIMARY))
        found.world.settings.change(relation_flicker=1.0)
        days(found, 3)
        assert {found.status(one) for one in ids} == {(Status.PRIMARY_GONE, "ORPHANED")}
        found.retire()
        assert {reason(found, one) for one in ids} == {"ORPHANED"}
        assert len([problem for problem in found.notes.problems if "no other primary" in problem]) == 2
        assert calls(found) == []


def test_the_last_orphan_of_a_fleet_is_left_to_a_person() -> None:
    with estate() as found:
        on(found, orphan_age=A_DAY)
        one = the_last(found)
        days(found, 3)
        found.retire()
        assert reason(found, one) == "ORPHANED"
        problem = found.notes.problems[-1]
        assert problem.startswith("An orphan is not announced: The ledger takes no other primary to be there")
        assert "terminate the standby yourself" in problem


@pytest.mark.parametrize("shown", [True, False])
def test_a_primary_without_a_standby_is_a_witness_too(shown: bool) -> None:
    with estate() as found:
        on(found, orphan_age=A_DAY)
        one = the_last(found)
        (other,) = found.create_ready(USERS[1], BundleId="wsb-ubuntustandard")
        found.protect(other)
        assert found.status(other)[0] is Status.INELIGIBLE
        days(found, 3)
        if not shown:
            found.world.inject(Fault(DESCRIBE, "hide", PRIMARY))
        found.retire()
        assert reason(found, one) == ("TERMINATION_ANNOUNCED" if shown else "ORPHANED")


def test_a_standby_that_was_once_taken_for_a_primary_is_no_witness() -> None:
    with estate() as found:
        on(found, orphan_age=A_DAY)
        one, other = protected(found, *USERS[:2])
        found.world.terminate(one)
        sweeps(found)
        days(found, 3)
        taken_for_one = replace(found.row(other), status=Status.INELIGIBLE, reason=Reason.IS_STANDBY)
        found.parts.table().put(taken_for_one.to_state_item())
        found.retire()
        assert reason(found, one) == "ORPHANED"
        assert any("no other primary" in problem for problem in found.notes.problems)


def test_a_standby_that_is_not_shown_waits_for_the_sweep() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.world.inject(Fault(DESCRIBE, "hide", DR))
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert calls(found) == []


def test_an_announcement_that_nothing_came_of_is_called_off_and_made_anew() -> None:
    with estate() as found:
        (one,) = announced(found)
        pause(found)
        days(found, 8)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        pause(found, on=False)
        found.retire()
        assert calls(found) == []
        assert [event["reason_code"] for event in found.history(one)][-2:] == [
            "TERMINATION_ANNOUNCED",
            "TERMINATION_CALLED_OFF",
        ]
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        after = found.row(one).terminate_after
        assert after is not None
        assert after > found.clock.now()


# A person's wish


def test_nothing_is_terminated_or_announced_while_paused_or_only_observing() -> None:
    with estate() as found:
        (one, other) = announced(found, 2)
        pause(found)
        assert "pause" in found.retire()["outcome"]
        pause(found, on=False)
        found.configure(mode="observe")
        assert "observe" in found.retire()["outcome"]
        assert {reason(found, each) for each in (one, other)} == {"TERMINATION_ANNOUNCED"}
        assert calls(found) == []


def test_a_quota_that_is_used_up_holds_no_termination() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.parts.gates().hold_for_quota()
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"


def test_a_pause_between_the_claim_and_the_call_is_heard() -> None:
    with estate() as found:
        (one,) = announced(found)
        found_day = terminations_of(str(found.clock.now().date()))
        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            pause(found)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert found.item(found_day, "COUNTER")["taken"] == 0
        pause(found, on=False)
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"


@pytest.mark.parametrize("value", [True, "yes"])
def test_one_that_a_person_keeps_is_called_off_and_never_announced_again(value: Any) -> None:
    with estate() as found:
        (one,) = announced(found)
        keep(found, one, value)
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        days(found, 3)
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        assert calls(found) == []
        keep(found, one, value=False)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"


def test_a_wish_to_keep_it_between_the_claim_and_the_call_is_heard() -> None:
    with estate() as found:
        (one,) = announced(found)
        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            keep(found, one)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert reason(found, one) == "TERMINATION_CALLED_OFF"


# How many, and who


def test_no_more_than_the_days_number_are_announced_and_terminated() -> None:
    with estate() as found:
        ids = aged(found, 5, max_terminations_per_day=2)
        found.retire()
        found.retire()
        assert [reason(found, one) for one in ids].count("TERMINATION_ANNOUNCED") == 2
        a_day(found)
        found.pass_time(hours=2)
        done = []
        for _ in range(4):
            found.retire()
            done.append(len(calls(found)))
            a_day(found)
        assert done == [2, 2, 4, 4]
        for one in ids:
            assert len([call for call in calls(found) if str(found.row(one).standby_id) in str(call.params)]) <= 1


def test_the_days_number_is_counted_in_the_claims_transaction() -> None:
    with estate() as found:
        ids = announced(found, 3)
        found.parts.table().put({"pk": terminations_of(str(found.clock.now().date())), "sk": "COUNTER", "taken": 4})
        found.retire()
        assert len(calls(found)) == 1
        assert sorted(reason(found, one) for one in ids) == [
            "ORPHAN_TERMINATED",
            "TERMINATION_ANNOUNCED",
            "TERMINATION_ANNOUNCED",
        ]


def test_two_at_once_send_one_call() -> None:
    with estate() as found:
        (one,) = announced(found)
        first = found.parts.retirement("first", lambda: True)
        real = first._termination._claim

        def claim(row: Any) -> Any:
            found.retire("second")
            return real(row)

        first._termination._claim = claim  # type: ignore[method-assign]
        first.retire()
        assert len(calls(found)) == 1
        assert reason(found, one) == "ORPHAN_TERMINATED"
        assert found.item(terminations_of(str(found.clock.now().date())), "COUNTER")["taken"] == 1


def test_a_claim_that_was_taken_over_is_not_used() -> None:
    with estate() as found:
        (one,) = announced(found)
        first = found.parts.retirement("first", lambda: True)
        real = first._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            found.pass_time(minutes=3)
            found.retire("second")
            return taken

        first._termination._claim = claim  # type: ignore[method-assign]
        first.retire()
        assert len(calls(found)) == 1
        assert reason(found, one) == "ORPHAN_TERMINATED"


def test_a_claim_whose_row_somebody_else_changed_is_not_used_though_it_names_the_same_owner() -> None:
    """A sweep may see the primary again between the claim and the call, and leaves the claim's owner in the row."""
    with estate() as found:
        (one,) = announced(found)
        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim
        context = Context(Cause("sweep", "s"), owner="another")

        def claim(row: Any) -> Any:
            taken = real(row)
            ledger, present = found.parts.recorder(context).ledger, found.row(one)
            shown = record(present.primary_id, Status.PROTECTED, Reason.STANDBY_READY)
            ledger.write(ledger.next_row(present, shown, None, context), present)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")


def test_a_claim_with_too_little_time_left_is_given_back() -> None:
    with estate() as found:
        (one,) = announced(found)
        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            found.pass_time(seconds=100)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert found.row(one).claim_owner is None


# What AWS says


@pytest.mark.parametrize("kind", ["throttle", "connection_refused", "connect_timeout"])
def test_what_certainly_had_no_effect_is_tried_again_the_next_hour_and_not_counted(kind: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        found.world.inject(Fault(TERMINATE, kind, DR, times=1))
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert found.item(terminations_of(str(found.clock.now().date())), "COUNTER")["taken"] == 0
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"
        assert notices(found, one)[-2:] == ["TERMINATION_ANNOUNCED", "ORPHAN_TERMINATED"]


@pytest.mark.parametrize("how", ["item", "call"])
def test_a_refusal_is_told_once_and_tried_again_a_day_later(how: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            if operation == TERMINATE:
                real(where, DESCRIBE, {"WorkspaceIds": [one]}, "refused")
                failed = {"ErrorCode": "OperationNotSupported.Suspended", "ErrorMessage": "It is suspended."}
                standby = params["TerminateWorkspaceRequests"][0]["WorkspaceId"]
                return {"FailedRequests": [{"WorkspaceId": standby, **failed}]}
            return real(where, operation, params, principal)

        def asked() -> int:
            return len([each for each in found.world.calls if each.principal == "refused"])

        if how == "item":
            found.world.call = call  # type: ignore[method-assign, assignment]
        else:
            found.world.inject(Fault(TERMINATE, "refuse", DR, times=2))
        found.retire()
        row = found.row(one)
        assert row.reason == "TERMINATION_REFUSED"
        assert row.error_code == ("OperationNotSupported.Suspended" if how == "item" else "AccessDeniedException")
        assert found.item(terminations_of(str(found.clock.now().date())), "COUNTER")["taken"] == 0
        found.pass_time(hours=5)
        swept(found)
        found.retire()
        assert found.row(one) == row
        a_day(found)
        found.retire()
        assert reason(found, one) == "TERMINATION_REFUSED"
        assert notices(found, one).count("TERMINATION_REFUSED") == 1
        if how == "item":
            assert asked() == 2
        found.world.call = real  # type: ignore[method-assign]
        a_day(found)
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"


@pytest.mark.parametrize(
    "kind",
    [
        "error_before",
        "error_after",
        "read_timeout_before",
        "read_timeout_after",
        "read_timeout_late",
        "connection_closed_after",
        "malformed",
        "empty",
    ],
)
def test_after_an_unclear_answer_a_look_tells(kind: str) -> None:
    with estate(terminate_seconds=7200) as found:
        (one,) = announced(found)
        found.world.inject(Fault(TERMINATE, kind, DR, times=1, delay_seconds=1800))
        found.retire()
        row = found.row(one)
        assert row.reason == "TERMINATION_CLAIMED"
        assert row.error_code
        found.retire()
        assert found.row(one) == row
        found.pass_time(hours=1)
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"
        took_effect = kind not in ("error_before", "read_timeout_before")
        # What takes effect later than a look is sent again: to terminate twice is to terminate once.
        assert len(calls(found)) == (1 if took_effect and kind != "read_timeout_late" else 2)
        found.pass_time(hours=3)
        sweeps(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")


def test_killed_between_the_claim_and_the_call_it_is_taken_up_when_the_lease_has_ended() -> None:
    with estate() as found:
        (one,) = announced(found)
        retirement = found.parts.retirement("dies", lambda: True)
        row = found.row(one)
        retirement._termination._claim(row)
        assert reason(found, one) == "TERMINATION_CLAIMED"
        found.retire()
        assert calls(found) == []
        found.pass_time(hours=1)
        found.retire()
        assert len(calls(found)) == 1
        assert reason(found, one) == "ORPHAN_TERMINATED"


def test_one_that_is_there_a_day_after_its_termination_was_accepted_is_terminated_again() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.retire()
        found.world.set_state(standby_of(found, one).workspace_id, "AVAILABLE")
        found.pass_time(hours=2)
        found.retire()
        assert len(calls(found)) == 1
        a_day(found)
        found.retire()
        assert len(calls(found)) == 2


@pytest.mark.parametrize("word", ["announced", "claimed", "terminated"])
def test_an_orphan_that_somebody_else_terminates_is_concluded_by_the_sweep(word: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        if word == "claimed":
            found.parts.retirement("dies", lambda: True)._termination._claim(found.row(one))
        if word == "terminated":
            found.retire()
        found.world.terminate(standby_of(found, one).workspace_id)
        found.pass_time(hours=1)
        found.retire()
        sweeps(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 1


# The ledger


def test_without_the_ledger_nothing_is_terminated(monkeypatch: pytest.MonkeyPatch) -> None:
    with estate() as found:
        (one,) = announced(found)

        def unavailable(*_: Any, **__: Any) -> Any:
            raise LedgerUnavailable("DynamoDB get failed")

        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            monkeypatch.setattr(retirement._memory, "evidence", unavailable)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert reason(found, one) == "TERMINATION_CLAIMED"
        monkeypatch.setattr(retirement._termination._gates, "closed", unavailable)
        with pytest.raises(LedgerUnavailable):
            retirement.retire()


def test_a_memory_that_somebody_wrote_by_hand_stops_nobody() -> None:
    with estate() as found:
        on(found)
        (one,) = orphaned(found)
        found.parts.table().put(
            {"pk": f"ORPHAN#{one}", "sk": ORPHAN, "orphan_since": 7, "confirmed_at": "soon", "sweeps": "many"}
        )
        found.pass_time(hours=1)
        swept(found)
        evidence = found.item(f"ORPHAN#{one}", ORPHAN)
        assert evidence["sweeps"] == 1
        assert from_text(evidence["orphan_since"])


def test_the_notice_is_a_whole_day_whatever_clocks_are_apart() -> None:
    assert timedelta(hours=24) + timedelta(minutes=10) <= AHEAD
    assert timedelta(hours=24) <= AGAIN
