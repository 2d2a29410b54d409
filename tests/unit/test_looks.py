"""Looks into the DR directory: which count, what they find, and what they keep from being created."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.ledger.claims import LEASE
from standby.model import DirectoryId, Status
from standby.protect.looks import LEAST_GAP
from standby.settings import Directory
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, USERS, WINDOWS, Estate, estate

CREATE = "CreateStandbyWorkspaces"
DESCRIBE = "DescribeWorkspaces"


def unclear(found: Estate, *users: str, effect: bool = False) -> list[str]:
    """Primaries whose requests had no clear answer and whose leases have ended."""
    ids = found.create_ready(*users)
    kind = "read_timeout_after" if effect else "read_timeout_before"
    found.world.inject(Fault(operation=CREATE, kind=kind, times=1))
    found.protect(*ids)
    assert {found.status(one)[0] for one in ids} == {Status.CLAIMED}
    found.clock.sleep(LEASE.total_seconds() + 1)
    return ids


def without_relations(client: Any) -> None:
    """Let a client's DescribeWorkspaces show no relation."""
    real = client.describe_workspaces

    def unrelated(**request: Any) -> Any:
        answer = real(**request)
        for entry in answer["Workspaces"]:
            entry.pop("RelatedWorkspaces", None)
        return answer

    client.describe_workspaces = unrelated


def test_two_looks_are_a_minute_apart_however_short_the_poll_interval_is() -> None:
    with estate() as found:
        found.configure(poll_interval=timedelta(seconds=2), first_look=timedelta(seconds=3))
        (one,) = unclear(found, USERS[0])
        found.protect(one)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        for _ in range(10):
            found.clock.sleep(LEAST_GAP.total_seconds() / 10 - 0.5)
            found.protect(one)
        assert len(found.creates()) == 1
        found.clock.sleep(6)
        found.protect(one)
        assert len(found.creates()) == 2


def test_no_look_concludes_anything_while_the_claim_may_still_be_in_use() -> None:
    with estate() as found:
        found.configure(poll_interval=timedelta(seconds=5), first_look=timedelta(seconds=5))
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(one)
        for _ in range(int(LEASE.total_seconds() / 5) - 1):
            found.clock.sleep(5)
            found.protect(one)
        assert len(found.creates()) == 1
        assert found.row(one).looked_at is None


def test_a_first_look_that_comes_late_is_not_followed_at_once_by_the_second() -> None:
    with estate() as found:
        (one,) = unclear(found, USERS[0])
        found.pass_time(hours=2)
        for _ in range(5):
            found.protect(one)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        assert len(found.creates()) == 1
        found.pass_time(minutes=5)
        found.protect(one)
        assert len(found.creates()) == 2


def test_a_look_while_the_primary_is_not_shown_counts_as_none() -> None:
    with estate() as found:
        (one,) = unclear(found, USERS[0])
        found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide", primary_id=one, times=20))
        for _ in range(20):
            found.protect(one)
            found.pass_time(minutes=6)
        assert len(found.creates()) == 1
        assert found.status(one)[0] is Status.CLAIMED
        assert found.row(one).looked_at is None


def test_a_standby_that_only_the_dr_region_shows_is_adopted() -> None:
    with estate() as found:
        (one,) = unclear(found, USERS[0], effect=True)
        without_relations(found.parts.clients.primary)
        found.protect(one)
        assert found.status(one)[0] is Status.REQUESTED
        assert found.row(one).standby_id == found.world.standbys()[0].workspace_id
        assert len(found.creates()) == 1


@pytest.mark.parametrize("kind", ["throttle", "error_before", "connection_refused", "read_timeout_before"])
def test_a_look_that_finds_the_dr_region_in_trouble_keeps_the_run_from_creating_there(kind: str) -> None:
    with estate() as found:
        (odd,) = unclear(found, USERS[0])
        (ready,) = found.create_ready(USERS[1])
        found.world.inject(Fault(operation=DESCRIBE, region=DR, kind=kind, times=1))
        found.protect(odd, ready)
        assert len(found.creates()) == 1
        found.protect(odd, ready)
        assert found.status(ready)[0] is Status.REQUESTED


def test_a_run_that_met_trouble_in_the_dr_region_creates_nothing_there_though_a_later_look_is_answered() -> None:
    with estate() as found:
        odd = unclear(found, *USERS[:2])
        (ready,) = found.create_ready(USERS[2])
        found.world.inject(Fault(operation=DESCRIBE, region=DR, kind="throttle", times=1))
        found.protect(*odd, ready)
        assert {found.status(one)[1] for one in odd} == {"REQUEST_UNCERTAIN", "NOTHING_SEEN_ONCE"}
        assert len(found.creates()) == 1


def test_a_desktop_that_goes_while_it_is_looked_at_may_have_been_ours() -> None:
    with estate() as found:
        (one,) = unclear(found, USERS[0], effect=True)
        without_relations(found.parts.clients.primary)
        found.world.terminate(found.world.standbys()[0].workspace_id)
        found.protect(one)
        assert found.status(one) == (Status.CLAIMED, "DR_DESKTOP_UNCLEAR")
        assert len(found.creates()) == 1
        del found.parts.clients.primary.describe_workspaces
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.world.standbys()) == 1


def test_a_hand_made_desktop_that_shows_at_both_looks_ends_the_matter() -> None:
    with estate() as found:
        found.configure(standby_deadline=timedelta(minutes=30))
        (one,) = unclear(found, USERS[0])
        order = {"DirectoryId": AWAY, "UserName": USERS[0], "BundleId": WINDOWS}
        found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
        found.watch()
        assert found.status(one) == (Status.INELIGIBLE, "SECONDARY_EXISTS")
        assert len(found.creates()) == 1
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 0


def test_after_exists_a_look_that_is_not_complete_makes_no_desktop_a_hand_made_one() -> None:
    """The first spelling shows a desktop, and the second is not answered."""
    with estate() as found:
        order = {"DirectoryId": AWAY, "UserName": USERS[0], "BundleId": WINDOWS}
        found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=DESCRIBE, region=DR, kind="throttle", skip=1, times=1))
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "DR_DESKTOP_UNCLEAR")
        found.watch()
        assert found.status(one) == (Status.INELIGIBLE, "SECONDARY_EXISTS")


@pytest.mark.parametrize("hours", [2, 40])
def test_a_person_who_terminates_a_failed_standby_and_asks_again_gets_a_new_one(hours: int) -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.fail_standby_of(USERS[0])
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.FAILED
        found.pass_time(hours=hours)
        found.world._estate.failing_users.clear()
        found.world.terminate(found.world.standbys()[0].workspace_id)
        found.pass_time(minutes=10)
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.world.standbys()) == 1
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 1


def test_a_person_who_asks_again_while_the_standby_is_there_makes_no_second_one_and_no_endless_wait() -> None:
    with estate(relation_lag_seconds=10_000_000) as found:
        found.configure(standby_deadline=timedelta(minutes=40))
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        found.protect(one)
        assert found.watch(hours=3)[-1].done
        assert len(found.creates()) == 1


def test_a_directory_that_holds_standbys_too_is_looked_into_before_anything_is_created() -> None:
    with estate() as found:
        mapped = {DirectoryId(HOME): Directory(DirectoryId(AWAY), mutual=True)}
        found.configure(directories=mapped, primary_deadline=timedelta(minutes=30))
        one, two = found.create_ready(*USERS[:2])
        order = {"DirectoryId": AWAY, "UserName": USERS[1], "BundleId": WINDOWS}
        found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
        found.protect(one, two)
        assert found.status(one)[0] is Status.REQUESTED
        assert found.status(two) == (Status.WAITING, "DR_DESKTOP_UNCLEAR")
        found.watch()
        assert found.status(two) == (Status.INELIGIBLE, "SECONDARY_EXISTS")
        assert len(found.creates()) == 1
