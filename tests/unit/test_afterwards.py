"""What a sweep says of standbys afterwards: unwell ones, missing ones made again; and of migrated primaries."""

from __future__ import annotations

import pytest

from standby.model import Status
from standby.selection import Rules, Selection
from tests.unit.estate import PRIMARY, USERS, Estate, estate
from tests.unit.sweeping import accept
from tests.unit.test_terminations import protected, standby_of, told


def later(found: Estate, sweeps: int = 1) -> None:
    for _ in range(sweeps):
        found.pass_time(hours=1)
        found.sweep()


# Unwell


@pytest.mark.parametrize("state", ["ERROR", "UNHEALTHY", "IMPAIRED"])
def test_a_standby_that_two_sweeps_see_unwell_is_told_once_and_counts_again_when_it_is_well(state: str) -> None:
    with estate() as found:
        found.sweep()
        (one,) = protected(found, USERS[0])
        found.world.set_state(standby_of(found, one), state)
        later(found)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_UNWELL")
        assert told(found, one) == []
        later(found, 3)
        assert found.status(one) == (Status.FAILED, "STANDBY_UNHEALTHY")
        assert told(found, one) == ["STANDBY_UNHEALTHY"]
        found.world.set_state(standby_of(found, one), "AVAILABLE")
        later(found)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert told(found, one) == ["STANDBY_UNHEALTHY"]
        assert len(found.creates()) == 1


def test_a_standby_that_is_well_between_two_sweeps_is_no_trouble() -> None:
    with estate() as found:
        found.sweep()
        (one,) = protected(found, USERS[0])
        standby = standby_of(found, one)
        for state in ("UNHEALTHY", "AVAILABLE", "UNHEALTHY"):
            found.world.set_state(standby, state)
            later(found)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_UNWELL")
        assert told(found, one) == []


def test_two_sweeps_within_minutes_are_one_look() -> None:
    with estate() as found:
        found.sweep()
        (one,) = protected(found, USERS[0])
        found.world.set_state(standby_of(found, one), "UNHEALTHY")
        found.sweep()
        found.pass_time(minutes=5)
        found.sweep()
        assert found.status(one) == (Status.PROTECTED, "STANDBY_UNWELL")


@pytest.mark.parametrize("state", ["REBOOTING", "MAINTENANCE", "STOPPED", "SUSPENDED"])
def test_what_passes_is_no_trouble(state: str) -> None:
    with estate() as found:
        found.sweep()
        (one,) = protected(found, USERS[0])
        found.world.set_state(standby_of(found, one), state)
        later(found, 3)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")


def test_an_unwell_standby_is_not_replaced_by_hand() -> None:
    with estate() as found:
        found.sweep()
        (one,) = protected(found, USERS[0])
        found.world.set_state(standby_of(found, one), "ERROR")
        later(found, 3)
        found.protect(one)
        assert found.status(one) == (Status.FAILED, "STANDBY_UNHEALTHY")
        assert len(found.creates()) == 1
        assert told(found, one) == ["STANDBY_UNHEALTHY"]


# Missing, and made again


def missing(found: Estate) -> str:
    found.sweep()
    (one,) = protected(found, USERS[0])
    found.world.terminate(standby_of(found, one))
    later(found, 2)
    assert found.status(one) == (Status.STANDBY_MISSING, "STANDBY_GONE")
    return one


def test_a_missing_standby_is_not_made_again_unless_that_is_configured() -> None:
    with estate() as found:
        one = missing(found)
        for _ in range(4):
            later(found)
            found.watch(hours=1)
        assert found.status(one)[0] is Status.STANDBY_MISSING
        assert len(found.creates()) == 1


def test_a_missing_standby_is_made_again_after_two_looks() -> None:
    with estate() as found:
        found.configure(recreate_missing=True)
        one = missing(found)
        later(found)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        assert len(found.creates()) == 1
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.creates()) == 2
        assert found.world.duplicates() == []


def test_what_is_made_again_is_held_by_the_ceiling() -> None:
    with estate() as found:
        found.configure(recreate_missing=True, max_standbys=1)
        one = missing(found)
        protected(found, USERS[1])
        later(found)
        found.watch(hours=2)
        assert found.status(one) == (Status.HELD, "CEILING")
        assert len(found.creates()) == 2


# Migrated


def migrate(found: Estate, one: str) -> str:
    order = {"SourceWorkspaceId": one, "BundleId": "wsb-windowspower"}
    target: str = found.world.call(PRIMARY, "MigrateWorkspace", order)["TargetWorkspaceId"]
    return target


def test_a_migrated_primarys_rows_point_to_each_other_and_each_is_told_once() -> None:
    with estate(orphans_keep_relation=True) as found:
        (old,) = protected(found, USERS[0])
        new = migrate(found, old)
        event = found.world.trail[-1]
        for _ in range(3):
            found.send(event)
        found.pass_time(hours=2)
        found.watch()
        assert found.row(old).migrated_to == new
        assert found.row(new).migrated_from == old
        (notice,) = [event for event in found.history(old) if event.get("notice_code") == "MIGRATED"]
        assert new in notice["message"]
        assert standby_of(found, old) in notice["message"]
        assert found.status(new)[0] is Status.INELIGIBLE
        assert len(told(found, new)) == 1
        assert len(found.creates()) == 1


@pytest.mark.parametrize("shown", ["on its way out", "gone"])
def test_what_the_old_standby_is_worth_is_said_when_its_primary_is_gone_too(shown: str) -> None:
    with estate(terminate_seconds=14_400 if shown == "on its way out" else 300) as found:
        found.take_baselines()
        old, _ = protected(found, *USERS[:2])
        new = migrate(found, old)
        found.send(found.world.trail[-1])
        later(found, 3)
        assert found.status(old) == (Status.PRIMARY_GONE, "ORPHANED")
        says = (
            f"It was migrated: its user's WorkSpace is {new} now. Its standby {standby_of(found, old)} belongs to the"
            f" old id: it holds the data of before, nobody is redirected to it, and as long as it is there {new} gets"
            " none."
        )
        assert found.row(old).message.endswith(says)
        assert "monthly cost" in found.row(old).message


@pytest.mark.parametrize("related", [True, False])
def test_a_migrated_primary_is_taken_up_by_a_sweep_when_the_old_standby_is_terminated(related: bool) -> None:
    with estate(orphans_keep_relation=related) as found:
        found.take_baselines()
        old, _ = protected(found, *USERS[:2])
        new = migrate(found, old)
        found.send(found.world.trail[-1])
        for _ in range(6):
            later(found)
            found.watch(hours=1)
        assert found.status(new)[0] in (Status.INELIGIBLE, Status.WAITING)
        assert len(found.creates()) == 1
        found.world.terminate(standby_of(found, old))
        for _ in range(6):
            later(found)
            found.watch(hours=1)
        assert found.status(old) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.status(new)[0] is Status.PROTECTED


def test_after_a_lost_migration_the_new_desktop_names_the_holder_and_follows_when_its_place_is_free() -> None:
    with estate() as found:
        found.take_baselines()
        old, _ = protected(found, *USERS[:2])
        new = migrate(found, old)
        later(found, 4)
        assert found.status(old) == (Status.PRIMARY_GONE, "ORPHANED")
        assert told(found, old) == ["ORPHANED"]
        assert found.status(new) == (Status.INELIGIBLE, "USER_HAS_STANDBY")
        assert old in found.row(new).message
        later(found)
        assert found.notes.remarks == []
        found.world.terminate(standby_of(found, old))
        later(found, 4)
        found.watch(hours=3)
        assert found.status(old) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.status(new)[0] is Status.PROTECTED
        assert found.world.duplicates() == []


def test_a_migrated_primary_without_a_standby_is_noted_and_told_to_nobody() -> None:
    with estate() as found:
        (old,) = found.create_ready(USERS[0])
        found.sweep()
        new = migrate(found, old)
        found.send(found.world.trail[-1])
        assert found.row(old).migrated_to == new
        assert told(found, old) == []
        ((noted, remark),) = found.notes.remarks
        assert (noted, remark.reason, remark.facts) == (old, "MIGRATED", {"migrated_to": new})


@pytest.mark.parametrize("seen", [True, False], ids=["shown", "not-shown-yet"])
@pytest.mark.parametrize("swept_first", [True, False], ids=["sweep-first", "event-first"])
def test_a_migrated_desktop_of_a_fleet_that_nobody_accepted_is_reported_like_its_old_id(
    seen: bool, swept_first: bool
) -> None:
    with estate(visibility_lag_seconds=0 if seen else 60) as found:
        (old,) = found.create_ready(USERS[0])
        later(found, 2)
        assert found.status(old) == (Status.REPORTED, "EXISTING_FLEET")
        new = migrate(found, old)
        event = found.world.trail[-1]
        if swept_first and seen:
            found.sweep()
            assert found.status(new)[0] is Status.WAITING
        for _ in range(2):
            found.send(event)
        assert found.status(new) == (Status.REPORTED, "EXISTING_FLEET")
        assert f"It was migrated from {old}." in found.row(new).message
        later(found, 3)
        found.send(event)
        found.watch()
        assert found.status(new) == (Status.REPORTED, "EXISTING_FLEET")
        assert found.creates() == []
        accept(found)
        later(found)
        found.watch()
        assert found.status(new) == (Status.PROTECTED, "STANDBY_READY")


def test_a_migration_that_is_told_after_its_old_id_is_gone_makes_no_new_desktop_either() -> None:
    with estate() as found:
        (old,) = found.create_ready(USERS[0])
        later(found, 2)
        new = migrate(found, old)
        event = found.world.trail[-1]
        found.protect(old)
        assert found.status(old) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        found.send(event)
        assert found.status(new) == (Status.REPORTED, "EXISTING_FLEET")


def test_a_migrated_desktop_of_an_accepted_fleet_is_protected() -> None:
    with estate() as found:
        (old,) = found.create_ready(USERS[0])
        later(found, 2)
        accept(found)
        later(found)
        assert found.row(old).existing
        new = migrate(found, old)
        found.send(found.world.trail[-1])
        assert found.status(new)[0] is Status.WAITING


def test_one_that_was_excluded_in_a_fleet_that_nobody_accepted_is_reported_when_it_is_migrated() -> None:
    with estate() as found:
        found.configure(selection=Selection(exclude=Rules(users=(USERS[0],))))
        (old,) = found.create_ready(USERS[0])
        later(found, 2)
        assert found.status(old)[0] is Status.EXCLUDED
        found.configure(selection=Selection())
        new = migrate(found, old)
        found.send(found.world.trail[-1])
        assert found.status(new) == (Status.REPORTED, "EXISTING_FLEET")


def test_a_migration_of_one_that_the_ledger_does_not_know_makes_no_row_of_the_old_id() -> None:
    with estate() as found:
        (old,) = found.create_ready(USERS[0])
        new = migrate(found, old)
        found.send(found.world.trail[-1])
        assert found.item(old, "STATE") == {}
        assert found.row(new).migrated_from == old
