"""What holds creations back for the whole pair: the switch, the quota, and the room that is left."""

from datetime import timedelta
from typing import Any

import pytest

from standby.core.model import to_text
from standby.core.reasons import Reason
from standby.ledger.ledger import Room, known_quota
from standby.ledger.table import LedgerUnavailable
from tests.component.estate import AWAY, HOME, Estate

TODAY = "COUNTER#DAY#2026-01-05"


def count(found: Estate, *, taken: int, total: int, under_way: int = 0) -> None:
    for counter, value in ((TODAY, taken), ("COUNTER#TOTAL", total), ("COUNTER#UNDER_WAY", under_way)):
        found.put(counter, "COUNTER", taken=value)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (None, None),
        *((wish, Reason.PAUSED) for wish in ({}, {"paused": True}, {"paused": "yes"}, {"paused": 0})),
        ({"paused": False}, None),
    ],
)
def test_the_row_wishes_to_pause(found: Estate, attributes: dict[str, Any] | None, expected: Reason | None) -> None:
    if attributes is not None:
        found.put("PAUSE", "PAUSE", **attributes)
    assert found.deployed.gates().closed() == ({None: expected} if expected else {})


def test_observe_mode_comes_before_the_switch_and_the_switch_before_the_quota(found: Estate) -> None:
    found.deployed.gates().hold(Reason.QUOTA_REACHED, None)
    found.put("PAUSE", "PAUSE")
    assert found.deployed.gates().closed() == {None: Reason.PAUSED}
    found.configure(mode="observe")
    assert found.deployed.gates().closed() == {None: Reason.OBSERVE_MODE}


@pytest.mark.parametrize(
    ("reason", "directory"),
    [(Reason.QUOTA_REACHED, None), (Reason.ACCESS_DENIED, HOME), (Reason.DIRECTORY_REFUSED, HOME)],
)
def test_what_was_refused_as_a_whole_is_held_for_an_hour(found: Estate, reason: Reason, directory: Any) -> None:
    gates = found.deployed.gates()
    gates.hold(reason, directory)
    found.pass_time(minutes=59, seconds=59)
    assert gates.closed([HOME, AWAY]) == {directory: reason}
    assert gates.closed([AWAY]) == ({} if directory else {None: reason})
    found.pass_time(seconds=1)
    assert gates.closed([HOME, AWAY]) == {}


# The room


@pytest.mark.parametrize(
    ("cap", "ceiling", "quota", "expected"),
    [
        # Of a day's 10, 8 are an existing fleet's; 3 are taken of the day, and 6 in all; 2 are under way.
        (10, 100, None, Room(new=7, backfill=5, in_flight=98, is_days_part=True)),
        (10, 100, 9, Room(new=7, backfill=3, in_flight=98, is_days_part=False)),
        (10, 100, 11, Room(new=7, backfill=5, in_flight=98, is_days_part=True)),
        (10, 100, 5, Room(new=7, backfill=0, in_flight=98, is_days_part=False)),
        (10, 8, None, Room(new=2, backfill=5, in_flight=98, is_days_part=True)),
        (10, 6, None, Room(new=0, backfill=5, in_flight=98, is_days_part=True)),
        (4, 100, None, Room(new=1, backfill=1, in_flight=98, is_days_part=True)),
        (3, 100, None, Room(new=0, backfill=0, in_flight=98, is_days_part=True)),
        (0, 0, 0, Room(new=0, backfill=0, in_flight=98, is_days_part=True)),
    ],
)
def test_the_room_that_limits_leave(found: Estate, cap: int, ceiling: int, quota: int | None, expected: Room) -> None:
    found.configure(max_new_standbys_per_day=cap, max_standbys=ceiling)
    count(found, taken=3, total=6, under_way=2)
    if quota is not None:
        found.deployed.gates().keep_quota(quota)
    assert found.deployed.gates().room() == expected
    assert found.deployed.gates().standbys() == 6


@pytest.mark.parametrize(("under_way", "left"), [(0, 5), (4, 1), (5, 0), (9, 0)])
def test_so_many_of_existing_fleets_are_under_way_at_once(found: Estate, under_way: int, left: int) -> None:
    found.configure(backfill_in_flight=5)
    count(found, taken=0, total=0, under_way=under_way)
    assert found.deployed.gates().room().in_flight == left


def test_the_next_day_has_a_number_of_its_own(found: Estate) -> None:
    found.configure(max_new_standbys_per_day=10)
    count(found, taken=10, total=10)
    assert found.deployed.gates().room().new == 0
    found.pass_time(hours=15)
    assert found.deployed.gates().room() == Room(new=10, backfill=8, in_flight=100, is_days_part=True)


LATER = "2027-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("until", "reason"),
    [("tomorrow", "QUOTA_REACHED"), (5, "QUOTA_REACHED"), (None, None), (LATER, None), (LATER, "X")],
)
def test_a_hold_that_cannot_be_read_holds_nothing(found: Estate, until: object, reason: object) -> None:
    found.put("HOLD#QUOTA_REACHED", "PAUSE", until=until, reason=reason)
    assert found.deployed.gates().closed() == {}


@pytest.mark.parametrize("taken", ["many", None, "7"])
def test_a_counter_that_cannot_be_read_leaves_no_room_and_is_named(found: Estate, taken: object) -> None:
    found.put("COUNTER#TOTAL", "COUNTER", taken=taken)
    with pytest.raises(LedgerUnavailable, match="the attribute taken of the row COUNTER#TOTAL is not a whole number"):
        found.deployed.gates().room()


# The quota


def test_what_was_measured_is_good_for_a_day(found: Estate) -> None:
    gates = found.deployed.gates()
    assert gates.quota() is None
    gates.keep_quota(50)
    found.pass_time(hours=23, minutes=59)
    assert gates.quota() == 50
    found.pass_time(minutes=1)
    assert gates.quota() is None


@pytest.mark.parametrize("value", [None, "many", -1, 1.5, True])
def test_a_row_that_somebody_wrote_is_no_quota(found: Estate, value: object) -> None:
    now = found.clock.now()
    assert known_quota({"measured_at": to_text(now), "value": value}, now) is None
    assert known_quota({"measured_at": "yesterday", "value": 1}, now) is None
    assert known_quota({"measured_at": to_text(now - timedelta(hours=1)), "value": 0}, now) == 0
