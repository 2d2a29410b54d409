"""How old the data on a standby is: the first copy's grace, STALE, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from standby.decisions.replication_age import Copy, last_copy
from standby.model import DirectoryId, Region, StandbyMarks, Status, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Directory
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, Estate, estate
from tests.unit.sweeping import notices, protected
from tests.unit.test_coverage import day
from tests.unit.test_drift import standby_of

ONE, STANDBY = WorkspaceId("ws-1abc2def3"), WorkspaceId("ws-9abc2def3")
NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
YES, NO = "PRIMARY_AS_SOURCE", "NO_REPLICATION"
RPO = timedelta(hours=36)


def row(**changes: Any) -> Row:
    given: dict[str, Any] = {
        "primary_id": ONE,
        "primary_region": Region(PRIMARY),
        "dr_region": Region(DR),
        "status": Status.PROTECTED,
        "reason": Reason.STANDBY_READY,
        "message": "",
        "version": 1,
        "first_seen_at": NOW,
        "changed_at": NOW,
        "cause_type": "event",
        "cause_id": "e",
        "standby_id": STANDBY,
    }
    return Row(**(given | changes))


def copy(
    hours: float | None, before: StandbyMarks | None = None, *, wanted: str | None = YES, differs: bool = False
) -> Copy:
    """The last copy, as of `NOW`, if it was made so many hours ago."""
    made_at = None if hours is None else hours_ago(hours)
    return last_copy(made_at, before or StandbyMarks(), wanted=wanted, differs=differs, rpo=RPO, now=NOW)


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


# Pure


@pytest.mark.parametrize(("hours", "stale"), [(0, False), (24, False), (36, False), (36.01, True), (200, True)])
def test_data_is_stale_when_it_is_older_than_it_may_be(hours: float, stale: bool) -> None:
    found = copy(hours, StandbyMarks(copies_due_since=hours_ago(300)))
    assert found == Copy(hours_ago(hours), timedelta(hours=hours), stale, hours_ago(300))


def test_a_copy_of_the_future_is_new() -> None:
    assert copy(-1).age == timedelta(0)


@pytest.mark.parametrize(("hours", "stale"), [(20, False), (36, False), (36.01, True), (90, True)])
@pytest.mark.parametrize("was_stale", [True, False])
def test_the_first_copys_grace_counts_from_when_copies_were_due(hours: float, stale: bool, was_stale: bool) -> None:
    due_since = hours_ago(hours)
    before = StandbyMarks(stale=was_stale, copies_due_since=due_since)
    assert copy(None, before) == Copy(None, timedelta(hours=hours), stale, due_since)


def test_copies_are_due_from_the_first_look_that_finds_them_configured_and_not_turned_off() -> None:
    assert copy(None) == Copy(None, timedelta(0), is_stale=False, due_since=NOW)


@pytest.mark.parametrize("stale", [True, False])
def test_what_is_not_told_now_stays_as_it_was(stale: bool) -> None:
    before = StandbyMarks(None, stale, hours_ago(500), hours_ago(600))
    kept = Copy(hours_ago(500), None, stale, hours_ago(600))
    assert copy(None, before) == kept
    assert copy(None, before, wanted=None) == kept


@pytest.mark.parametrize(("wanted", "differs"), [(NO, False), (NO, True), (YES, True)])
def test_without_replication_there_is_no_copy_to_be_old_and_none_is_due(wanted: str, differs: bool) -> None:
    before = StandbyMarks(None, True, hours_ago(500), hours_ago(600))
    assert copy(500, before, wanted=wanted, differs=differs) == Copy(hours_ago(500), None, False, None)


# From the sweep


def replicated(found: Estate, *users: str) -> list[str]:
    """Protected desktops whose data is replicated."""
    found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), None, YES)})
    return protected(found, *users)


def sweep_at(found: Estate, *hours: float) -> None:
    """Sweep after so many hours, and again after so many more."""
    for each in hours:
        found.pass_time(hours=each)
        found.sweep()


def told_of_pair(found: Estate) -> list[tuple[str, str]]:
    """Day and message of the pair's notices."""
    items = found.dynamodb.scan(TableName=TABLE)["Items"]
    mine = [item for item in items if item["pk"]["S"] == "HOLD#REPLICATION_STALE"]
    return sorted((item["day"]["S"], item["message"]["S"]) for item in mine if item["notice"]["BOOL"])


def test_copies_that_come_are_noted_once_and_not_with_each_sweep() -> None:
    with estate() as found:
        (one,) = replicated(found, USERS[0])
        found.sweep()
        before = found.row(one)
        assert (before.recovery_snapshot_at, before.stale) == (None, False)
        assert before.copies_due_since == before.changed_at
        sweep_at(found, 24)
        first = found.row(one)
        assert first.recovery_snapshot_at
        assert first.version == before.version + 1
        sweep_at(found, *[6] * 12)
        assert found.row(one) == first
        assert 12 * 3600 <= found.notes.gauges["ReplicationAgeOldestSeconds"] <= 24 * 3600
        assert (found.notes.gauges["StaleStandbys"], day(found)["stale"]) == (0, 0)
        assert told_of_pair(found) == []


def test_data_that_grows_old_is_marked_told_once_a_day_for_all_and_cleared_when_copies_come_again() -> None:
    with estate() as found:
        ids = replicated(found, *USERS[:3])
        sweep_at(found, 30)
        frozen = [standby_of(found, one) for one in ids[:2]]
        for standby in frozen:
            found.world.freeze_replication(standby.workspace_id)
        sweep_at(found, *[2] * 18)
        assert [found.row(one).stale for one in ids] == [True, True, False]
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
        stale = found.row(ids[0])
        assert stale.recovery_snapshot_at
        assert "Its data is of " in stale.message
        assert [event.get("stale", False) for event in found.history(ids[0])].count(True) == 1
        assert notices(found, ids[0]) == []
        assert (found.notes.gauges["StaleStandbys"], day(found)["stale"]) == (2, 2)
        assert found.notes.gauges["ReplicationAgeOldestSeconds"] > 36 * 3600
        days = [at for at, _ in told_of_pair(found)]
        assert days
        assert len(days) == len(set(days))
        assert "2 of this pair hold data that is older than 36 hours, or none" in told_of_pair(found)[-1][1]
        for standby in frozen:
            standby.replication_frozen_at = None
        sweep_at(found, 1)
        after = found.row(ids[0])
        assert (after.stale, after.version) == (False, stale.version + 1)
        assert after.recovery_snapshot_at
        assert after.recovery_snapshot_at > stale.recovery_snapshot_at
        assert found.notes.gauges["StaleStandbys"] == 0


def test_a_first_copy_that_does_not_come_is_told_after_its_grace() -> None:
    with estate() as found:
        (one,) = replicated(found, USERS[0])
        found.world.freeze_replication(standby_of(found, one).workspace_id)
        sweep_at(found, 0, 30)
        assert not found.row(one).stale
        sweep_at(found, 12)
        assert found.row(one).stale
        assert "No copy of the data is known." in found.row(one).message


def test_a_first_copys_grace_begins_when_replication_is_turned_on_however_old_the_standby_is() -> None:
    """Else a whole fleet is told to hold old data an hour after replication was turned on, 12 hours before a copy."""
    with estate() as found:
        ids = protected(found, *USERS[:2])
        sweep_at(found, 100)
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), None, YES)})
        sweep_at(found, 1)
        assert {found.row(one).drift for one in ids} == {f"data_replication {YES}≠{NO}"}
        assert {found.row(one).copies_due_since for one in ids} == {None}
        assert "ReplicationAgeOldestSeconds" not in found.notes.gauges
        for one in ids:
            turned_on = standby_of(found, one)
            turned_on.data_replication, turned_on.replication_frozen_at = YES, turned_on.created_at
        sweep_at(found, 50)
        assert [(found.row(one).drift, found.row(one).stale) for one in ids] == [(None, False)] * 2
        assert found.notes.gauges["ReplicationAgeOldestSeconds"] == 0
        assert told_of_pair(found) == []
        sweep_at(found, 35)
        assert [found.row(one).stale for one in ids] == [False, False]
        sweep_at(found, 2)
        assert [found.row(one).stale for one in ids] == [True, True]
        assert len(told_of_pair(found)) == 1


@contextmanager
def untold(found: Estate, *members: str) -> Iterator[None]:
    """Answers lack these members of a WorkSpace."""
    real = found.world.call

    def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> Any:
        answer = real(where, operation, params, principal)
        for entry in answer.get("Workspaces", ()) if operation == "DescribeWorkspaces" else ():
            for member in members:
                entry.pop(member, None)
        return answer

    with mock.patch.object(found.world, "call", call):
        yield


ON_PRIMARY, ON_STANDBY = "StandbyWorkspacesProperties", "DataReplicationSettings"


def test_where_the_primary_shows_nothing_of_replication_the_standbys_own_word_counts() -> None:
    """AWS may leave the primary's list out for a standby that is not replicated."""
    with estate() as found:
        (one,) = protected(found, USERS[0])
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), None, YES)})
        with untold(found, ON_PRIMARY):
            sweep_at(found, 1)
        assert found.row(one).drift == f"data_replication {YES}≠{NO}"
        standby_of(found, one).data_replication = YES
        with untold(found, ON_PRIMARY):
            sweep_at(found, 1)
        assert (found.row(one).drift, found.row(one).stale) == (None, False)


def test_replication_of_which_neither_side_ever_tells_anything_is_old_data_after_the_grace() -> None:
    with estate() as found:
        (one,) = protected(found, USERS[0])
        sweep_at(found, 100)
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), None, YES)})
        with untold(found, ON_PRIMARY, ON_STANDBY):
            sweep_at(found, 1, 35)
            assert (found.row(one).drift, found.row(one).stale) == (None, False)
            sweep_at(found, 2)
        assert (found.row(one).drift, found.row(one).stale) == (None, True)
        assert "No copy of the data is known." in found.row(one).message


def test_an_answer_without_replication_changes_nothing_of_what_is_known_of_it() -> None:
    with estate() as found:
        (one,) = replicated(found, USERS[0])
        (other,) = protected(found, USERS[1])
        standby_of(found, other).data_replication = NO
        sweep_at(found, 30)
        before = found.row(one), found.row(other)
        assert (before[0].drift, before[1].drift) == (None, f"data_replication {YES}≠{NO}")
        with untold(found, ON_PRIMARY, ON_STANDBY):
            sweep_at(found, *[20] * 4)
        assert (found.row(one), found.row(other)) == before


def test_another_limit_can_be_configured() -> None:
    with estate() as found:
        (one,) = replicated(found, USERS[0])
        found.configure(rpo=timedelta(hours=60))
        found.world.freeze_replication(standby_of(found, one).workspace_id)
        sweep_at(found, 0, 48)
        assert not found.row(one).stale
        sweep_at(found, 13)
        assert found.row(one).stale


def test_without_replication_no_age_is_told() -> None:
    with estate() as found:
        protected(found, USERS[0])
        sweep_at(found, 100)
        assert not {"ReplicationAgeOldestSeconds", "StaleStandbys"} & set(found.notes.gauges)
        assert day(found)["oldest_seconds"] is None
