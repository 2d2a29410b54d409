"""Standbys that come or go where nobody waits for them: a late one that is terminated, one that somebody else makes."""

from __future__ import annotations

import pytest

from standby.ledger.claims import TOTAL
from standby.model import Status
from tests.unit.estate import AWAY, DR, PRIMARY, USERS, Estate, estate
from tests.unit.sweeping import accept, notices, sweeps, swept


def timed_out(found: Estate) -> str:
    """A desktop whose standby was requested, and is still not ready after its deadline; another is protected."""
    swept(found)
    one, other = found.create_ready(*USERS[:2])
    found.protect(other)
    found.watch()
    found.world.settings.change(standby_boot_seconds=1e6)
    found.protect(one)
    for _ in range(5):
        found.watch(hours=1)
    assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
    return one


def test_a_late_standby_that_is_terminated_is_missing_and_its_place_is_free() -> None:
    with estate() as found:
        one = timed_out(found)
        sweeps(found, 2)
        assert found.status(one)[0] is Status.TIMED_OUT
        found.world.terminate(found.row(one).standby_id or "")
        found.pass_time(hours=1)
        sweeps(found, 1)
        assert found.status(one)[0] is Status.TIMED_OUT
        sweeps(found, 1)
        assert found.status(one) == (Status.STANDBY_MISSING, "STANDBY_GONE")
        assert found.item(TOTAL, "COUNTER")["taken"] == 1
        assert notices(found, one) == ["STANDBY_NOT_READY", "STANDBY_GONE"]


def test_a_late_standby_that_is_terminated_is_made_again_where_that_is_configured() -> None:
    with estate() as found:
        one = timed_out(found)
        found.world.terminate(found.row(one).standby_id or "")
        found.world.settings.change(standby_boot_seconds=600)
        found.pass_time(hours=1)
        found.configure(recreate_missing=True)
        sweeps(found, 4)
        found.watch()
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert found.world.duplicates() == []


def made_by_hand(found: Estate, primary_id: str) -> None:
    item = {"PrimaryWorkspaceId": primary_id, "DirectoryId": AWAY}
    answer = found.world.call(DR, "CreateStandbyWorkspaces", {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [item]})
    assert not answer["FailedStandbyRequests"]


@pytest.mark.parametrize("why", ["observe mode", "ceiling", "backfill"])
def test_a_held_desktop_for_which_somebody_else_makes_a_standby_is_protected(why: str) -> None:
    with estate() as found:
        if why != "backfill":
            swept(found)
        one, other, first = found.create_ready(*USERS[:3])
        found.protect(first)
        found.configure(**({"mode": "observe"} if why == "observe mode" else {"max_standbys": 1}))
        if why == "backfill":
            found.sweep()
            accept(found)
            found.sweep()
        else:
            found.protect(one, other, cause="event")
        assert {found.status(each)[0] for each in (one, other)} == {Status.HELD}
        made_by_hand(found, one)
        found.pass_time(hours=1)
        found.sweep()
        assert found.status(one) == (Status.PROTECTED, "ADOPTED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 2
        assert found.status(other)[0] is Status.HELD
