"""Orphans: what lets one be terminated, and everything that keeps it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.ledger.claims import TOTAL
from standby.model import Status
from standby.sweep.orphans import ORPHAN
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, SWEEP, USERS, estate
from tests.unit.orphaning import (
    _NUMBERS,
    DAYS,
    DESCRIBE,
    aged,
    announced,
    calls,
    days,
    on,
    orphaned,
    reason,
    standby_of,
    swept,
)
from tests.unit.sweeping import notices, sweeps

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
