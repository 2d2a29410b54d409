"""Nothing is spent by surprise: pause, observe mode, the daily cap, the ceiling, the quota."""

from __future__ import annotations

from datetime import timedelta

import pytest

from standby.ledger.gates import PAUSE
from standby.model import Status
from tests.unit.estate import TABLE, USERS, Estate, estate


def statuses(found: Estate, ids: list[str]) -> list[str]:
    return sorted(f"{found.status(one)[0]}/{found.status(one)[1]}" for one in ids)


def notices(found: Estate) -> list[str]:
    """The primaries, or pairs, that a notice was made for."""
    items = found.dynamodb.scan(TableName=TABLE)["Items"]
    return sorted(item["pk"]["S"] for item in items if item.get("notice", {}).get("BOOL"))


@pytest.mark.parametrize(
    "extra",
    [{}, {"paused": {"BOOL": True}}, {"paused": {"S": "yes"}}, {"paused": {"N": "1"}}],
    ids=["row alone", "paused: true", "a word", "a number"],
)
def test_the_pause_switch_holds_and_taking_it_away_lets_go(extra: dict[str, object]) -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3])
        found.dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": PAUSE}, "sk": {"S": PAUSE}, **extra})
        found.protect(*ids)
        assert statuses(found, ids) == ["HELD/PAUSED"] * 3
        assert found.creates() == []
        assert [[event["status"] for event in found.history(one)] for one in ids] == [["HELD"]] * 3  # nor claimed
        assert notices(found) == ["HOLD#PAUSED"]
        assert [one.outcome for one in found.watch()] == ["nothing is open"]
        found.dynamodb.put_item(
            TableName=TABLE, Item={"pk": {"S": PAUSE}, "sk": {"S": PAUSE}, "paused": {"BOOL": False}}
        )
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_a_pause_between_claim_and_call_gives_the_claims_back() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3])
        gate = found.parts.table()
        real = found.dynamodb.transact_write_items

        def pause_after(**request: object) -> object:
            answer = real(**request)
            gate.put({"pk": PAUSE, "sk": PAUSE})
            return answer

        found.dynamodb.transact_write_items = pause_after
        found.protect(*ids)
        assert found.creates() == []
        assert statuses(found, ids) == ["HELD/PAUSED"] * 3
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 0


def test_observe_mode_decides_and_records_and_creates_nothing_until_it_is_changed() -> None:
    with estate() as found:
        found.configure(mode="observe")
        ids = found.create_ready(*USERS[:2])
        found.protect(*ids)
        found.watch()
        assert statuses(found, ids) == ["HELD/OBSERVE_MODE"] * 2
        assert found.creates() == []
        found.configure(mode="protect")
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_the_daily_cap_holds_what_is_above_it_and_drains_on_later_days() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=10)
        ids = found.create_ready(*USERS[:25])
        found.protect(*ids)
        assert statuses(found, ids).count("HELD/DAILY_CAP") == 15
        assert notices(found) == ["HOLD#DAILY_CAP"]
        for day in range(1, 4):
            while found.clock.now().day < 5 + day:
                found.watch()
                found.pass_time(hours=2)
            found.watch()
            made = len(found.world.standbys())
            assert made == min(25, 10 * (day + 1))
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


@pytest.mark.parametrize(
    ("cap", "ceiling", "room"),
    [(10, 100, 7), (100, 10, 7), (3, 100, 0), (100, 3, 0), (2, 100, 0), (100, 2, 0), (0, 0, 0)],
)
def test_the_room_is_what_is_left_below_the_cap_and_the_ceiling(cap: int, ceiling: int, room: int) -> None:
    with estate() as found:
        found.protect(*found.create_ready(*USERS[:3]))
        found.configure(max_new_standbys_per_day=cap, max_standbys=ceiling)
        assert found.parts.gates().room() == room


@pytest.mark.parametrize("limit", ["max_new_standbys_per_day", "max_standbys"])
def test_what_is_held_is_not_tried_while_there_is_no_room(limit: str) -> None:
    with estate() as found:
        found.configure(**{limit: 2})
        ids = found.create_ready(*USERS[:5])
        found.protect(*ids)
        before = [found.row(one).version for one in ids if found.status(one)[0] is Status.HELD]
        rounds = found.watch(hours=1)
        assert len(rounds) > 3
        assert {one.ready for one in rounds} == {()}
        assert [found.row(one).version for one in ids if found.status(one)[0] is Status.HELD] == before


def test_the_ceiling_is_never_passed() -> None:
    with estate() as found:
        found.configure(max_standbys=4)
        ids = found.create_ready(*USERS[:10])
        found.protect(*ids)
        assert len(found.world.standbys()) == 4
        assert statuses(found, ids).count("HELD/CEILING") == 6
        assert notices(found) == ["HOLD#CEILING"]
        found.configure(max_standbys=10)
        found.watch()
        found.pass_time(minutes=15)
        found.watch()
        assert len(found.world.standbys()) == 10


@pytest.mark.parametrize("how", ["call", "item"])
def test_a_used_up_quota_holds_the_pair_with_one_notice_and_drains_when_it_is_raised(how: str) -> None:
    with estate(standby_quota=7, quota_refusal=how) as found:
        ids = found.create_ready(*USERS[:60])
        found.protect(*ids)
        found.protect(*ids)
        assert len(found.world.standbys()) == 7
        assert statuses(found, ids).count("HELD/QUOTA_REACHED") == 53
        assert notices(found) == ["HOLD#QUOTA_REACHED"]
        calls = len(found.creates())
        assert calls <= 12
        found.watch()
        assert len(found.creates()) == calls
        found.world.settings.change(standby_quota=100)
        found.pass_time(hours=1)
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
        assert found.world.duplicates() == []


def test_the_counters_equal_what_they_count() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=8)
        found.world.remove_user("us-west-2", "d-926722edaf", USERS[0])
        ids = found.create_ready(*USERS[:12])
        found.protect(*ids)
        found.watch(hours=2)
        found.watch(hours=2)
        held = [item for item in found.dynamodb.scan(TableName=TABLE)["Items"] if item["pk"]["S"].startswith("CLAIM#")]
        holding = [item for item in held if item["primary_id"]["S"] != "-"]
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == len(holding) == len(found.world.standbys()) == 8
        day = found.clock.now().strftime("COUNTER#DAY#%Y-%m-%d")
        assert found.item(day, "COUNTER")["taken"] == 8


def test_a_quota_probe_comes_after_an_hour_not_before() -> None:
    with estate(standby_quota=0) as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.clock.sleep(timedelta(minutes=59).total_seconds())
        found.watch()
        assert len(found.creates()) == 1
        found.clock.sleep(timedelta(minutes=2).total_seconds())
        found.watch()
        assert len(found.creates()) == 2
