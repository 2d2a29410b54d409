"""The leases: one watcher at a time, and one sweep; and where each stands."""

from datetime import timedelta
from typing import Any

import pytest

from standby.ledger.leases import SWEEP_LEASE, WATCH_LEASE, WORK, Lease, Turn
from tests.component.estate import EXECUTION, OTHER_EXECUTION, Estate

THIRD = EXECUTION.replace(":one", ":three")
HERE, THERE = {"0": {"pk": "a"}, "side": None}, {"0": {"pk": "b"}}


def at_work(found: Estate) -> Lease:
    found.others.running |= {EXECUTION, OTHER_EXECUTION, THIRD}
    return found.deployed.lease(WATCH_LEASE)


def take(lease: Lease, number: int = 0, execution: str = EXECUTION) -> Turn:
    turn = lease.take(execution, number)
    assert turn is not None
    return turn


def holder(found: Estate, kind: str = "WATCH") -> Any:
    return found.item(f"LEASE#{kind}", f"LEASE#{kind}")["holder"]


# Who holds it


def test_of_two_the_second_gets_it_once_the_first_has_ended_or_given_it_up(found: Estate) -> None:
    lease = at_work(found)
    assert not lease.is_held()
    take(lease)
    assert (lease.is_held(), lease.take(OTHER_EXECUTION, 0)) == (True, None)
    assert (take(lease, 1).interval, holder(found)) == (0.0, EXECUTION)
    found.others.running.remove(EXECUTION)
    assert not lease.is_held()
    take(lease, 0, OTHER_EXECUTION)
    lease.give_up(OTHER_EXECUTION)
    assert not lease.is_held()
    take(lease, 0, THIRD)


def test_it_outlives_a_wait_of_its_holder_and_ends_if_the_holder_does_not_come_back(found: Estate) -> None:
    lease, wait = at_work(found), timedelta(minutes=8)
    lease.keep(take(lease), None, wait)
    found.pass_time(seconds=(wait + WORK).total_seconds() - 1)
    assert lease.is_held()
    assert lease.take(OTHER_EXECUTION, 0) is None
    found.pass_time(seconds=1)
    assert not lease.is_held()
    take(lease, 0, OTHER_EXECUTION)
    assert lease.take(EXECUTION, 1) is None


def test_of_two_that_find_it_free_at_once_one_gets_it(found: Estate) -> None:
    lease = at_work(found)
    first: list[Turn | None] = []
    found.disturb("PutItem", lambda: first.append(lease.take(OTHER_EXECUTION, 0)))
    assert lease.take(EXECUTION, 0) is None
    assert first != [None]
    assert holder(found) == OTHER_EXECUTION


def test_one_that_was_overtaken_neither_extends_the_others_lease_nor_gives_it_up(found: Estate) -> None:
    lease = at_work(found)
    turn = take(lease)
    found.pass_time(seconds=WORK.total_seconds())
    take(lease, 0, OTHER_EXECUTION)
    before = found.items()
    lease.keep(turn, None, timedelta(hours=9))
    lease.give_up(EXECUTION)
    assert found.items() == before


# Where its holder stands


def test_the_cursor_is_kept_for_the_round_and_the_round_before(found: Estate) -> None:
    """A round is done again when its answer was lost: it goes on from where it began."""
    lease = at_work(found)
    assert take(lease, 0).cursor is None
    lease.keep(take(lease, 0), HERE)
    assert take(lease, 1).cursor == HERE
    lease.keep(take(lease, 1), THERE)
    assert [take(lease, number).cursor for number in (0, 1, 2, 3)] == [None, HERE, THERE, None]
    lease.keep(take(lease, 1), None)
    assert [take(lease, number).cursor for number in (1, 2)] == [HERE, None]


def test_a_round_that_continues_with_what_is_held_alone_begins_anew(found: Estate) -> None:
    """What is due is looked at from the start: how often is what the interval says."""
    lease = at_work(found)
    for number, cursor in enumerate(({"HELD": {"pk": "a"}}, {**HERE, "HELD": {}}, None)):
        lease.keep(take(lease, number), cursor)
        found.pass_time(seconds=40)
    assert [take(lease, number).interval for number in (3,)] == [80]


def test_a_cursor_of_another_execution_is_none(found: Estate) -> None:
    lease = at_work(found)
    lease.keep(take(lease), HERE)
    lease.give_up(EXECUTION)
    assert take(lease, 1, OTHER_EXECUTION).cursor is None
    lease.give_up(OTHER_EXECUTION)
    assert take(lease, 1).cursor is None


@pytest.mark.parametrize("change", [{"sum": 2}, {"rounds": "a word"}, {"rounds": {"1": THERE}}])
def test_a_cursor_of_another_form_is_none(found: Estate, change: dict[str, Any]) -> None:
    lease = at_work(found)
    lease.keep(take(lease), HERE)
    row = found.item("LEASE#WATCH", "LEASE#WATCH")
    found.table.put({**row, "kept": {**row["kept"], **change}})
    assert take(lease, 1).cursor is None


# How often


def test_the_interval_is_from_the_beginning_of_one_whole_round_to_that_of_the_next(found: Estate) -> None:
    lease = at_work(found)
    turn = take(lease, 0)
    assert turn.interval == 0.0
    lease.keep(turn, HERE)
    found.pass_time(seconds=40)
    turn = take(lease, 1)
    assert turn.interval == 0.0
    lease.keep(turn, None)
    found.pass_time(seconds=80)
    assert take(lease, 2).interval == 120.0
    assert found.item("LEASE#WATCH", "LEASE#WATCH")["interval_seconds"] == 120
    lease.give_up(EXECUTION)
    found.pass_time(seconds=60)
    assert take(lease, 0, OTHER_EXECUTION).interval == 0.0
    assert found.item("LEASE#WATCH", "LEASE#WATCH")["interval_seconds"] == 120  # as it was measured last


def test_a_sweep_counts_from_the_last_execution_and_one_part_done_again_begins_nothing(found: Estate) -> None:
    at_work(found)
    lease = found.deployed.lease(SWEEP_LEASE)
    lease.keep(take(lease), HERE)
    found.pass_time(minutes=5)
    assert [take(lease, number).interval for number in (0, 1)] == [0.0, 0.0]
    lease.give_up(EXECUTION)
    found.pass_time(minutes=55)
    assert take(lease, 0, OTHER_EXECUTION).interval == 3600.0
    assert (holder(found, "SWEEP"), found.item("LEASE#WATCH", "LEASE#WATCH")) == (OTHER_EXECUTION, {})


def test_held_rows_are_tried_at_the_start_of_an_execution_and_then_every_so_often(found: Estate) -> None:
    found.configure(first_look=timedelta(minutes=10))
    lease = at_work(found)
    tried = []
    for number in range(4):
        turn = take(lease, number)
        tried.append(turn.tries_held)
        lease.keep(turn, None)
        found.pass_time(minutes=5)
    assert tried == [True, False, True, False]
    lease.give_up(EXECUTION)
    assert take(lease, 0, OTHER_EXECUTION).tries_held
