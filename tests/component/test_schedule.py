"""The watcher: which rows are due, how long it waits, when it ends; and held rows, by their limits."""

import json
from datetime import timedelta
from typing import Any

import pytest

from standby.core.model import Status, WorkspaceId, to_text
from standby.core.reasons import Reason
from standby.core.row import Condition, Kind, Row, shard_of
from standby.ledger.leases import WATCH_LEASE
from standby.ledger.table import LedgerUnavailable
from standby.schedule import MOST_READY, BadInput, Round, round_of
from tests.component.estate import DR, EXECUTION, OTHER_EXECUTION, PRIMARY, UNREACHABLE, Estate

POLL = 120
BACKFILL = {"status": Status.HELD, "reason": Reason.BACKFILL, "existing": True}


def put(found: Estate, *ids: str, **fields: Any) -> list[str]:
    """Rows of primaries that exist in the ledger alone; they are due, unless told otherwise."""
    now = found.clock.now()
    given = {"status": Status.WAITING, "reason": Reason.PRIMARY_PENDING, "due_at": now, "changed_at": now, **fields}
    more: dict[str, Any] = {"message": "", "version": 1, "first_seen_at": now, "cause_type": "event", "cause_id": "e"}
    for one in ids:
        row = Row(primary_id=WorkspaceId(one), primary_region=PRIMARY, dr_region=DR, **(more | given))
        found.ledger().write(row, None)
    return list(ids)


def some(count: int, word: str = "wait") -> list[str]:
    return [f"ws-{word}{number:06}" for number in range(count)]


def of_a_shard(shard: int, count: int) -> list[str]:
    return [one for one in some(count * 8) if shard_of(one) == shard][:count]


def later(found: Estate, **amount: float) -> Any:
    return found.clock.now() + timedelta(**amount)


# What is due


def test_what_is_due_is_selected_by_four_queries_of_keys_and_what_is_held_by_a_fifth(found: Estate) -> None:
    due = put(found, *some(9)) + put(found, *some(9, "reqs"), status=Status.REQUESTED, requested_at=found.clock.now())
    put(found, *some(3, "late"), due_at=later(found, seconds=1))
    put(found, *some(3, "held"), **BACKFILL, changed_at=later(found, minutes=-16))
    queries = found.disturb("Query", lambda: None)
    for number, tried in enumerate((3, 0)):
        queries.clear()
        found_round = found.observe(number)
        held = [one for one in found_round.ready if "held" in one]
        assert sorted(set(found_round.ready) - set(held)) == sorted(due)
        assert (len(queries), len(held)) == (5, tried)
        assert {query["IndexName"] for query in queries} == {"by_due"}
    assert found.notes.counts["DueRows"] == 21 + 18
    assert found.world.calls == []
    assert found_round.answer() == {
        "done": False,
        "outcome": "checked",
        "wait_seconds": POLL,
        "ready": list(found_round.ready),
    }


def test_what_is_settled_or_held_keeps_no_watcher(found: Estate) -> None:
    for status in Status:
        if not status.is_open:
            put(found, *some(1, status.lower().replace("_", "")), status=status, due_at=None)
    assert found.observe().ready == tuple(some(1, "held"))
    assert found.observe(1) == Round(done=True, outcome="nothing is open")


WAITS = [(120, 300, 300), (120, 0.2, 1), (120, 30.4, 30), (120, 4000, 600), (0.1, 60, 1), (2.5, 3.6, 4)]
WAITS += [(120, 0, 120), (0.2, 0, 1), (1.7, 0, 2)]


@pytest.mark.parametrize(("poll", "due_in", "wait"), WAITS)
def test_the_wait_is_a_poll_or_until_something_is_due(found: Estate, poll: float, due_in: float, wait: int) -> None:
    found.configure(poll_interval=timedelta(seconds=poll))
    (one,) = put(found, *some(1), due_at=later(found, seconds=due_in))
    found_round = found.observe()
    assert (found_round.ready, found_round.wait_seconds) == (() if due_in else (one,), wait)
    assert type(found_round.wait_seconds) is int


def test_a_shard_with_more_that_is_due_goes_on_by_cursor_and_a_lost_answer_is_given_again(found: Estate) -> None:
    large, small = put(found, *of_a_shard(2, 230)), put(found, *of_a_shard(1, 3))
    held = put(found, *some(1, "held"), **BACKFILL, changed_at=later(found, minutes=-16))
    rounds: list[Round] = []
    for number in range(3):
        rounds.append(found.observe(number))
        # Its answer was lost, and the machine asks again; held ones have a quarter of an hour's time.
        assert set(found.observe(number).ready) == set(rounds[-1].ready) - set(held)
    assert [len(one.ready) for one in rounds] == [103, 100, 31]
    assert [one.wait_seconds for one in rounds] == [0, 0, POLL]
    seen = [one for found_round in rounds for one in found_round.ready]
    assert sorted(seen) == sorted(large + small + held)
    # Held ones come with the last part, when it is known how much room is left.
    assert rounds[-1].ready[-1] == held[0]


def test_a_continuation_that_finds_nothing_more_does_not_end_the_watcher(found: Estate) -> None:
    ids = put(found, *of_a_shard(2, 101))
    assert len(found.observe(0).ready) == 100
    for one in ids:
        found.table.set(one, "STATE", {"ix_due": "settled"})
    assert found.observe(1) == Round(done=False, outcome="checked", wait_seconds=POLL)


def test_as_many_ids_as_a_round_may_have_fit_a_state_and_so_does_protects_answer(found: Estate) -> None:
    longest = WorkspaceId("ws-" + "a" * 63)
    answer = json.dumps(found.recorder().case(longest, None).lookup("名" * 2000).answer(), ensure_ascii=False)
    assert MOST_READY * max(len(answer.encode()), len(longest) + 4) < 256 * 1024


def test_a_ledger_that_cannot_be_read_fails_the_round_for_the_machine_to_repeat(found: Estate) -> None:
    put(found, *some(1))
    found.disturb("Query", UNREACHABLE, skip=2)
    with pytest.raises(LedgerUnavailable):
        found.observe()
    assert len(found.observe().ready) == 1


@pytest.mark.parametrize(("a_part_takes", "wait"), [(0, POLL), (40, POLL + 80), (230, POLL + 460), (900, 5 * POLL)])
def test_a_round_of_several_parts_is_followed_by_a_pause_that_is_longer_by_as_long_as_it_took(
    found: Estate, a_part_takes: int, wait: int
) -> None:
    put(found, *of_a_shard(2, 230))
    for number in range(6):
        found_round = found.observe(number)
        assert found_round.wait_seconds == (wait if number % 3 == 2 else 0)
        # The first round's time is not in the second's.
        found.pass_time(seconds=found_round.wait_seconds or a_part_takes)


def test_a_round_that_began_after_its_end_by_another_clock_is_followed_by_a_poll(found: Estate) -> None:
    put(found, *of_a_shard(2, 130))
    assert found.observe(0).wait_seconds == 0
    found.table.set("LEASE#WATCH", "LEASE#WATCH", {"round_began_at": to_text(later(found, hours=1))})
    assert found.observe(1).wait_seconds == POLL


# The interval, and the end


def test_the_interval_from_round_to_round_is_published(found: Estate) -> None:
    put(found, *some(1))
    for number, expected in enumerate((0, 120, 240)):
        found.observe(number)
        assert found.notes.counts["EffectiveIntervalSeconds"] == expected
        found.pass_time(seconds=120)


def test_a_watcher_with_nothing_open_ends_after_a_second_look_and_gives_the_lease_up(found: Estate) -> None:
    began = found.clock.now()
    assert found.observe() == Round(done=True, outcome="nothing is open")
    assert found.clock.now() - began == timedelta(seconds=2)
    assert not found.deployed.lease(WATCH_LEASE).is_held()
    assert found.observe(3).done
    assert found.clock.now() - began == timedelta(seconds=2)


def test_a_row_that_the_index_shows_a_moment_later_is_not_missed_at_the_start(found: Estate) -> None:
    found.disturb("Query", lambda: put(found, *some(1)), skip=4)
    assert found.observe() == Round(done=False, outcome="checked", wait_seconds=1)


@pytest.mark.parametrize(("poll_seconds", "last"), [(120, 719), (10, 999), (3600, 23)])
def test_an_execution_ends_before_its_history_is_full(found: Estate, poll_seconds: int, last: int) -> None:
    found.configure(poll_interval=timedelta(seconds=poll_seconds))
    put(found, *some(1))
    assert not found.observe(last).done
    assert found.observe(0, OTHER_EXECUTION) == Round(done=True, outcome="another watcher holds the lock")
    too_many = Round(done=True, outcome="the execution has reached its maximum length; the schedule starts the next")
    assert found.observe(last + 1) == too_many
    assert not found.observe(0, OTHER_EXECUTION).done


@pytest.mark.parametrize("event", [None, [], {}, {"execution_arn": None}, {"execution_arn": "one", "round": 0}])
def test_who_is_no_execution_is_told_what_to_start_instead(event: Any) -> None:
    with pytest.raises(BadInput, match="the input has no execution_arn: only the state machine may invoke"):
        round_of(event)


@pytest.mark.parametrize("number", [None, "1", True, []])
def test_what_is_no_number_is_no_round(number: Any) -> None:
    with pytest.raises(BadInput, match="the input's round must be a number and is"):
        round_of({"execution_arn": EXECUTION, "round": number})
    assert round_of({"execution_arn": EXECUTION, "round": 7.0}) == (EXECUTION, 7)


# Held rows


def held_of_a_fleet(found: Estate, count: int, **fields: Any) -> list[str]:
    """Rows of an accepted fleet, a second apart."""
    ids = some(count, "held")
    for number, one in enumerate(ids):
        put(found, one, **BACKFILL | {"changed_at": later(found, seconds=number)} | fields)
    return ids


def test_an_accepted_fleet_is_tried_part_by_part_without_a_wait_and_what_is_due_comes_first(found: Estate) -> None:
    found.configure(max_new_standbys_per_day=2000, backfill_in_flight=2000)
    held, due = held_of_a_fleet(found, 2 * MOST_READY), put(found, *some(9))
    rounds = list[Round]()
    for number in range(4):
        rounds.append(found.observe(number))
        assert found.observe(number) == rounds[-1]  # its answer was lost
    assert [len(one.ready) for one in rounds] == [MOST_READY, MOST_READY, 9 + 18, MOST_READY]
    assert [one.wait_seconds for one in rounds] == [0, 0, POLL, 0]
    assert all(sorted(one.ready[:9]) == sorted(due) for one in rounds)
    # The last is of the next round over them: what is claimed meanwhile is held no longer.
    assert [one for found_round in rounds[:3] for one in found_round.ready[9:]] == held


def test_a_fleet_as_large_as_may_be_under_way_is_tried_no_further(found: Estate) -> None:
    found.configure(max_new_standbys_per_day=2000, backfill_in_flight=30)
    held = held_of_a_fleet(found, MOST_READY + 1)
    found_round = found.observe()
    assert (list(found_round.ready), found_round.wait_seconds) == (held[:30], POLL)


def test_the_room_is_read_anew_for_each_part(found: Estate) -> None:
    found.configure(max_new_standbys_per_day=2000, backfill_in_flight=MOST_READY + 7)
    held = held_of_a_fleet(found, MOST_READY + 50)
    first = found.observe(0)
    assert (list(first.ready), first.wait_seconds) == (held[:MOST_READY], 0)
    found.put("COUNTER#UNDER_WAY", "COUNTER", taken=MOST_READY)
    second = found.observe(1)
    assert (list(second.ready), second.wait_seconds) == (held[MOST_READY:][:7], POLL)
    found.put("PAUSE", "PAUSE", paused=True)
    assert found.observe(1) == Round(done=True, outcome="nothing is open")


def test_what_a_sweep_has_just_held_is_tried_in_each_round_and_all_else_every_quarter_of_an_hour(found: Estate) -> None:
    put(found, "ws-heldnew00", status=Status.HELD, reason=Reason.CEILING)
    put(found, "ws-heldold00", **BACKFILL, changed_at=later(found, minutes=-16))
    put(found, *some(1), due_at=later(found, days=1))
    assert found.observe(0).ready == ("ws-heldnew00", "ws-heldold00")
    put(found, "ws-heldold01", **BACKFILL)
    for number, minutes in enumerate((0, 2, 12.9), 1):
        found.pass_time(minutes=minutes)
        assert found.observe(number).ready == ("ws-heldold01",)
    found.pass_time(minutes=0.1)
    assert found.observe(4).ready == ("ws-heldnew00", "ws-heldold00", "ws-heldold01")


@pytest.mark.parametrize(
    ("change", "tried"),
    [
        ({}, "new1 new0 old0 old1"),
        ({"backfill_in_flight": 3}, "new1 new0 old0"),  # two are under way
        ({"backfill_in_flight": 2}, "new1 new0"),
        ({"max_new_standbys_per_day": 0}, ""),
        ({"max_standbys": 0}, ""),
        ({"max_standbys": 0, "asked": "CEILING"}, "asked"),
        ({"asked": "CEILING"}, "asked new1 new0 old0 old1"),
        ({"paused": True, "asked": "CEILING"}, ""),
        ({"mode": "observe"}, ""),
        ({"quota": 0}, "new1 new0"),
        ({"paused": True}, ""),
        ({"paused": False}, "new1 new0 old0 old1"),
    ],
)
def test_held_rows_are_tried_as_far_as_limits_let_them(found: Estate, change: dict[str, Any], tried: str) -> None:
    if note := change.pop("asked", None):
        asked = {Kind.ASKED: Condition(found.clock.now(), found.clock.now(), note=note)}
        put(found, "ws-heldasked", **BACKFILL, conditions=asked, changed_at=later(found, minutes=9))
    if "paused" in change:
        found.put("PAUSE", "PAUSE", **change)
    elif "quota" in change:
        found.deployed.gates().keep_quota(0)
    else:
        found.configure(**change)
    put(found, *some(2), existing=True, due_at=later(found, hours=1))
    for number in range(2):
        put(found, f"ws-heldold{number}", **BACKFILL, changed_at=later(found, minutes=number))
        at = later(found, minutes=9 - number)
        put(found, f"ws-heldnew{number}", status=Status.HELD, reason=Reason.CEILING, changed_at=at)
    assert found.observe().ready == tuple(f"ws-held{word}" for word in tried.split())
