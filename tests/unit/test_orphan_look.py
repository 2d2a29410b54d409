"""What a look at an orphan finds that keeps it: whose it is, its data, its use, its primary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.workspaces import Fault
from standby.model import Status
from standby.reasons import Reason
from standby.settings import PRIMARY_TAG, STACK_TAG
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, estate
from tests.unit.orphaning import (
    A_DAY,
    DESCRIBE,
    TERMINATE,
    aged,
    announced,
    calls,
    days,
    on,
    pause,
    reason,
    replicated,
    standby_of,
    swept,
    the_last,
)
from tests.unit.sweeping import notices, protected, sweeps

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


@pytest.mark.parametrize("odd", ["no state", "another state", "told twice", "another's", "no zone", "more"])
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
                    case "more":
                        answer["WorkspacesConnectionStatus"].append(None)
                    case "no zone":
                        entry["LastKnownUserConnectionTimestamp"] = "2026-03-03T09:26:54"
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
