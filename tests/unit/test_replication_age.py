"""How old the data on a standby is: the first copy's grace, STALE, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from standby.model import DirectoryId, Region, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.replication_age import Copy, last_copy
from standby.rows import Row
from standby.settings import Directory
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, Estate, estate
from tests.unit.test_coverage import day
from tests.unit.test_drift import standby_of
from tests.unit.test_sweep import notices, protected

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


def copy(hours: float | None, *, of: Row | None = None, wanted: str | None = YES, had: str | None = YES) -> Copy:
    """The last copy, as of `NOW`, if it was made so many hours ago."""
    seen = Workspace(
        ONE,
        replication=((STANDBY, had),) if had else (),
        snapshots=() if hours is None else ((STANDBY, NOW - timedelta(hours=hours)),),
    )
    return last_copy(seen, STANDBY, of, wanted=wanted, rpo=RPO, now=NOW)


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


# Pure


@pytest.mark.parametrize(("hours", "stale"), [(0, False), (24, False), (36, False), (36.01, True), (200, True)])
def test_data_is_stale_when_it_is_older_than_it_may_be(hours: float, stale: bool) -> None:
    assert copy(hours, of=row()) == Copy(hours_ago(hours), timedelta(hours=hours), stale)


def test_a_copy_of_the_future_is_new() -> None:
    assert copy(-1, of=row()).age == timedelta(0)


@pytest.mark.parametrize(
    ("of", "hours"),
    [
        (row(requested_at=hours_ago(20)), 20),
        (row(protected_at=hours_ago(40)), 40),
        (row(requested_at=hours_ago(20), protected_at=hours_ago(19)), 19),
        (row(requested_at=hours_ago(37), protected_at=hours_ago(90)), 37),
        (None, 0),
    ],
)
def test_the_first_copys_grace_counts_from_when_the_standby_came(of: Row | None, hours: float) -> None:
    assert copy(None, of=of) == Copy(None, timedelta(hours=hours), hours > 36)


@pytest.mark.parametrize("stale", [True, False])
def test_what_is_not_told_now_stays_as_it_was(stale: bool) -> None:
    of = row(recovery_snapshot_at=hours_ago(500), requested_at=hours_ago(600), stale=stale)
    kept = Copy(hours_ago(500), None, stale)
    assert copy(None, of=of) == kept
    assert copy(None, of=of, had=None) == kept
    assert copy(None, of=of, wanted=None) == kept
    assert copy(None, of=row(stale=stale, requested_at=hours_ago(600)), had=None) == Copy(None, None, stale)


@pytest.mark.parametrize(("wanted", "had"), [(NO, NO), (NO, YES), (NO, None), (YES, NO)])
def test_without_replication_there_is_no_copy_to_be_old(wanted: str, had: str | None) -> None:
    of = row(requested_at=hours_ago(600), stale=True)
    assert copy(500, of=of, wanted=wanted, had=had) == Copy(None, None, is_stale=False)


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
        sweep_at(found, 30)
        assert not found.row(one).stale
        sweep_at(found, 12)
        assert found.row(one).stale
        assert "No copy of the data is known." in found.row(one).message


def test_another_limit_can_be_configured() -> None:
    with estate() as found:
        (one,) = replicated(found, USERS[0])
        found.configure(rpo=timedelta(hours=60))
        found.world.freeze_replication(standby_of(found, one).workspace_id)
        sweep_at(found, 48)
        assert not found.row(one).stale
        sweep_at(found, 13)
        assert found.row(one).stale


def test_without_replication_no_age_is_told() -> None:
    with estate() as found:
        protected(found, USERS[0])
        sweep_at(found, 100)
        assert not {"ReplicationAgeOldestSeconds", "StaleStandbys"} & set(found.notes.gauges)
        assert day(found)["oldest_seconds"] is None
