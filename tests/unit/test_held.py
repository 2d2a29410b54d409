"""What is held, and let go: new desktops before an accepted fleet, and each held back by its own limit alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.model import Status
from standby.reasons import Reason
from standby.rows import SHARDS, shard_of
from standby.watch.held import Held
from tests.unit.estate import DR, USERS, Estate, estate
from tests.unit.sweeping import accept, swept
from tests.unit.test_gates import notices
from tests.unit.watching import put_row, put_rows, with_time_for

CREATE = "CreateStandbyWorkspaces"
PAUSE: dict[str, Any] = {"pk": "PAUSE", "sk": "PAUSE"}


def accepted(found: Estate, count: int) -> list[str]:
    """An existing fleet that waits for its turn."""
    ids = found.create_ready(*USERS[:count])
    found.sweep()
    accept(found)
    found.sweep()
    assert {found.status(one) for one in ids} == {(Status.HELD, "BACKFILL")}
    return ids


def having(found: Estate, ids: list[str], status: Status) -> int:
    return [found.status(one)[0] for one in ids].count(status)


def to_the_next_day(found: Estate) -> None:
    now = found.clock.now()
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    found.clock.sleep((tomorrow - now).total_seconds() + 60)


# New ones come first


def test_an_accepted_fleet_leaves_a_fifth_of_the_day_to_new_desktops() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=5)
        fleet = accepted(found, 14)
        found.watch()
        assert having(found, fleet, Status.PROTECTED) == 4
        assert notices(found) == ["FLEET#d-906732325d", "HOLD#DAILY_CAP"]
        (new,) = found.create_ready(USERS[100])
        found.protect(new, cause="event")
        found.watch(hours=2)
        assert found.status(new) == (Status.PROTECTED, "STANDBY_READY")
        to_the_next_day(found)
        found.watch()
        assert having(found, fleet, Status.PROTECTED) == 8


@pytest.mark.parametrize(("cap", "part"), [(1, 1), (4, 4), (5, 4), (9, 8), (200, 160)])
def test_an_existing_fleets_part_of_the_day(cap: int, part: int) -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=cap)
        assert found.parts.gates().backfill_room().today == part


def test_what_is_above_the_fleets_part_stays_where_it_was_in_the_line() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=5)
        fleet = accepted(found, 14)
        found.watch()
        held = [one for one in fleet if found.status(one)[0] is Status.HELD]
        assert {(found.status(one)[1], found.row(one).version) for one in held} == {("BACKFILL", 2)}


def test_a_new_desktop_that_the_cap_held_is_the_first_of_the_next_day() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=3)
        fleet = accepted(found, 12)
        found.watch()
        (new,) = found.create_ready(USERS[100])
        found.protect(new, cause="event")
        assert found.status(new) == (Status.HELD, "DAILY_CAP")
        to_the_next_day(found)
        found.watch(hours=2)
        assert found.status(new)[0] is Status.PROTECTED
        assert having(found, fleet, Status.PROTECTED) == 5


def test_of_all_shards_the_new_ones_come_first_and_of_these_the_oldest() -> None:
    with estate() as found:
        old = put_rows(found, 40, Status.HELD, existing=True, reason=Reason.BACKFILL)
        assert {shard_of(one) for one in old} == {*range(SHARDS)}
        new = [f"ws-new00{number:04}" for number in range(8)]
        for number, one in enumerate(reversed(new)):
            at = found.clock.now() + timedelta(minutes=number)
            put_row(found, one, status=Status.HELD, reason=Reason.PAUSED, changed_at=at)
        assert len({shard_of(one) for one in new}) > 1
        held = Held(found.parts.recorder(None).ledger, found.parts.gates(), found.parts.settings)  # type: ignore[arg-type]
        assert held.to_be_tried(5, 0) == new[:2:-1]
        found_first = held.to_be_tried(20, 0)
        assert found_first[:8] == new[::-1]
        assert len(found_first) == 20
        assert {*found_first[8:]} < {*old}


def test_desktops_of_a_fleet_that_a_throttle_put_off_take_no_more_than_its_part() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=5)
        fleet = accepted(found, 14)
        found.world.inject(Fault(CREATE, "throttle", DR, times=1))
        (first, *_) = [one.ready for one in found.watch(hours=0.02)]
        assert len(first) == 14
        assert having(found, fleet, Status.WAITING) > 0
        found.watch()
        assert having(found, fleet, Status.PROTECTED) == 4
        assert {found.status(one) for one in fleet if found.status(one)[0] is not Status.PROTECTED} == {
            (Status.HELD, "BACKFILL")
        }


def test_one_of_a_fleet_that_is_asked_for_by_hand_may_have_the_whole_day() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=5)
        fleet = accepted(found, 14)
        found.watch()
        (held, *_) = [one for one in fleet if found.status(one)[0] is Status.HELD]
        found.protect(held)
        assert found.status(held)[0] is Status.REQUESTED


# Each by its own limit


def test_what_a_pause_held_is_let_go_however_many_others_are_open() -> None:
    with estate() as found:
        found.configure(backfill_in_flight=2)
        swept(found)
        stuck = found.create(*USERS[:2])
        found.protect(*stuck, cause="event")
        for one in stuck:
            found.world.set_state(one, "SUSPENDED")
        found.pass_time(hours=1)
        found.watch(hours=0.5)
        found.parts.table().put(PAUSE)
        new = found.create_ready(*USERS[10:12])
        found.protect(*new, cause="event")
        assert {found.status(one) for one in new} == {(Status.HELD, "PAUSED")}
        found.parts.table().put(PAUSE | {"paused": False})
        found.watch(hours=0.26)
        assert {found.status(one)[0] for one in new} == {Status.REQUESTED}
        assert {found.status(one)[0] for one in stuck} == {Status.WAITING}


def test_a_backfill_goes_on_however_many_new_desktops_are_open() -> None:
    with estate() as found:
        found.configure(backfill_in_flight=3)
        fleet = accepted(found, 3)
        put_rows(found, 5)
        assert {*found.observe().ready} == {*fleet}


def test_suspended_desktops_keep_no_backfill_waiting() -> None:
    with estate() as found:
        found.configure(backfill_in_flight=2)
        fleet = accepted(found, 6)
        for one in fleet[:4]:
            found.world.set_state(one, "SUSPENDED")
        for _ in range(4):
            found.watch(hours=1)
        assert {found.status(one) for one in fleet[:4]} == {(Status.WAITING, "PRIMARY_PAUSED_BY_SERVICE")}
        assert {found.status(one)[0] for one in fleet[4:]} == {Status.PROTECTED}


def test_a_round_in_several_parts_leaves_room_for_what_all_of_them_met() -> None:
    with estate() as found:
        found.configure(backfill_in_flight=64)
        fleet = accepted(found, 10)
        put_rows(found, 60, existing=True)
        part = with_time_for(found, 2)
        first = part(0, None)
        assert (first.ready, first.open) == ((), 50)
        last = part(1, first.cursor)
        assert last.cursor is None
        assert len(last.ready) == 4
        assert {*last.ready} < {*fleet}


def test_what_was_refused_of_a_fleet_is_tried_again_in_its_turn() -> None:
    with estate() as found:
        found.configure(backfill_in_flight=5)
        fleet = accepted(found, 20)
        found.world.inject(Fault(CREATE, "refuse", DR, until=found.clock.now() + timedelta(hours=4)))
        for _ in range(5):
            found.watch(hours=0.5)
            found.pass_time(minutes=16)
        assert having(found, fleet, Status.REJECTED) == 20
        found.pass_time(hours=25)
        calls = len(found.creates())
        assert [part.ready for part in found.sweep()] == [()]
        assert {found.status(one) for one in fleet} == {(Status.HELD, "BACKFILL")}
        assert len(found.creates()) == calls
        most = 0
        for _ in range(30):
            most = max([most, *[one.open for one in found.watch(hours=0.25)]])
        assert most == 5
        assert having(found, fleet, Status.PROTECTED) == 20


def test_a_quota_that_is_told_too_low_holds_nobody_back_but_existing_fleets() -> None:
    """AWS's pages disagree on it; of a new desktop the service decides."""
    with estate() as found:
        swept(found)
        found.world.settings.change(standby_quota=0)
        found.sweep()
        found.world.settings.change(standby_quota=None)
        found.parts.table().put(PAUSE)
        ids = found.create_ready(*USERS[:3])
        found.protect(*ids, cause="event")
        found.parts.table().put(PAUSE | {"paused": False})
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
