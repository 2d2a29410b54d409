"""The sweep: the existing fleet, what events missed, and what is not there any more."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from local.workspaces import Fault
from standby.model import Status
from tests.unit.estate import DR, SWEEP, USERS, estate
from tests.unit.sweeping import DESCRIBE, REPORTED, creates, intervals, kept, protected, sweeps, swept

# What events missed


def test_a_desktop_whose_event_was_lost_is_protected() -> None:
    with estate() as found:
        swept(found)
        (young,) = found.create(USERS[0])
        found.sweep()
        assert found.status(young)[0] is Status.WAITING
        (ready,) = found.create_ready(USERS[1])
        found.sweep()
        found.watch()
        assert {found.status(one)[0] for one in (young, ready)} == {Status.PROTECTED}
        assert found.world.duplicates() == []


def test_what_is_open_or_held_is_left_to_the_watcher() -> None:
    with estate() as found:
        swept(found)
        found.configure(max_standbys=1)
        ids = found.create_ready(*USERS[:3])
        found.protect(*ids)
        before = {one: found.row(one).version for one in ids}
        calls = creates(found)
        assert found.sweep()[-1].ready == ()
        assert {one: found.row(one).version for one in ids} == before
        assert creates(found) == calls


def test_what_was_refused_is_tried_again_a_day_later() -> None:
    with estate() as found:
        swept(found)
        (one,) = found.create_ready(USERS[0])
        refusal = Fault("CreateStandbyWorkspaces", "refuse", DR, until=found.clock.now() + timedelta(hours=2))
        found.world.inject(refusal)
        found.protect(one)
        assert found.status(one)[0] is Status.REJECTED
        found.pass_time(hours=12)
        found.sweep()
        assert found.status(one)[0] is Status.REJECTED
        found.pass_time(hours=13)
        found.sweep()
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


def test_a_primary_that_was_late_is_protected_when_it_is_ready() -> None:
    with estate() as found:
        swept(found)
        (one,) = found.create(USERS[0])
        found.world.set_state(one, "PENDING")
        found.protect(one, cause="event")
        for _ in range(6):
            found.watch(hours=1)
        assert found.status(one)[0] is Status.TIMED_OUT
        found.world.set_state(one, "AVAILABLE")
        found.sweep()
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


# Over many invocations


def test_a_large_directory_is_swept_in_parts_and_concluded_as_one() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:250])
        parts = found.sweep(pages=4)
        assert len(parts) > 3
        assert parts[-1].scanned == 250
        assert kept(found, "BASELINE")["found_first"] == {"REPORTED": 250}
        found.world.terminate(ids[7])
        sweeps(found, pages=4)
        assert found.status(ids[7]) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert {found.status(one) for one in ids if one != ids[7]} == {REPORTED}


def test_a_part_that_is_done_twice_changes_nothing() -> None:
    """The process dies after its work: the machine gives the next one the same cursor."""
    with estate() as found:
        ids = found.create_ready(*USERS[:100])
        first = found.sweep_part(SWEEP, None, pages=3).answer()["cursor"]
        for _ in range(3):
            again = found.sweep_part(SWEEP, first, pages=3).answer()["cursor"]
        cursor: Any = again
        while cursor:
            cursor = found.sweep_part(SWEEP, cursor, pages=3).answer()["cursor"]
        assert kept(found, "LAST")["complete"] is True
        assert all(len(found.history(one)) == 1 for one in ids)


@pytest.mark.parametrize(
    "change",
    [
        {"side": None},
        {"side": "third"},
        {"began_at": "yesterday"},
        {"began_at": "2026-03-03T09:26:54"},
        {"at": 2},
        {"at": -1},
        {"at": 10**40},
        {"parts": {"own": 1}},
        {"parts": {"own": 10**9, "partner": 0}},
        {"counts": {"REPORTED": "1"}},
        {"standbys": {"next_years": 1}},
        {"hanging": [7]},
        {"run": "arn:another"},
        {"next_years": 1},
    ],
)
def test_from_a_cursor_that_is_not_its_own_a_sweep_begins_anew(change: dict[str, Any]) -> None:
    """Another version may have written it, or a directory may have been unmapped meanwhile."""
    with estate() as found:
        found.create_ready(*USERS[:60])
        cursor = found.sweep_part(SWEEP, None, pages=2).answer()["cursor"]
        assert cursor
        part = found.sweep_part(SWEEP, {**cursor, **change})
        assert (part.outcome, part.scanned) == ("1 of 1 directories were scanned completely", 60)
        assert kept(found, "LAST")["counts"] == {"REPORTED": 60}
        assert [problem for problem in found.notes.problems if "begins anew" in problem] == found.notes.problems[:1]


def test_two_sweeps_at_once_are_kept_apart() -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        cursor = found.sweep_part(SWEEP, None, pages=3).answer()["cursor"]
        other = found.sweep(f"{SWEEP}-other")
        assert [part.outcome for part in other] == ["another sweep is under way"]
        assert found.sweep_part(SWEEP, cursor).outcome == "1 of 1 directories were scanned completely"


def test_a_dead_sweep_is_followed_by_the_next() -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        found.sweep_part(SWEEP, None, pages=3)
        found.watchers.running.discard(SWEEP)
        assert found.sweep(f"{SWEEP}-next")[-1].outcome == "1 of 1 directories were scanned completely"


def test_a_sweep_whose_memory_another_one_wrote_over_concludes_nothing() -> None:
    with estate() as found:
        one, _ = protected(found, *USERS[:2])
        found.world.terminate(one)
        found.pass_time(hours=1)
        cursor = found.sweep_part(SWEEP, None, pages=1).answer()["cursor"]
        found.watchers.running.discard(SWEEP)
        found.sweep(f"{SWEEP}-other", parts=1, pages=1)
        found.watchers.running.clear()
        while cursor:
            cursor = found.sweep_part(SWEEP, cursor).answer()["cursor"]
        assert found.status(one)[0] is Status.PROTECTED
        assert any("another run's" in problem for problem in found.notes.problems)


def test_a_complete_sweep_gives_a_sign_of_life_and_an_incomplete_one_does_not() -> None:
    with estate() as found:
        found.sweep()
        assert found.notes.counts["beat"] == 1
        found.world.inject(Fault(DESCRIBE, "throttle", DR, times=4))
        found.sweep()
        assert found.notes.counts["beat"] == 1


def test_the_sweep_calls_nothing_but_describe() -> None:
    with estate() as found:
        found.create_ready(*USERS[:30])
        found.world.calls.clear()
        found.sweep()
        assert {call.operation for call in found.world.calls} == {DESCRIBE}


def test_pages_are_paced_at_one_in_two_seconds() -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        found.world.calls.clear()
        found.sweep()
        times = [call.at for call in found.world.calls]
        assert all(later - earlier >= timedelta(seconds=2) for earlier, later in pairwise(times))


# The real interval


def test_the_real_interval_is_told_from_one_sweep_to_the_next() -> None:
    with estate() as found:
        found.sweep(f"{SWEEP}-1")
        assert intervals(found) == 0
        began = found.clock.now()
        found.pass_time(hours=1)
        found.sweep(f"{SWEEP}-2")
        assert 3600 <= intervals(found) <= (found.clock.now() - began).total_seconds()


def test_a_sweep_that_takes_longer_than_its_interval_stretches_it() -> None:
    """Those that are started meanwhile end at once, and the next one after it tells how long it really was."""
    with estate() as found:
        found.create_ready(*USERS[:100])
        began = found.clock.now()
        cursor: Any = found.sweep_part(f"{SWEEP}-1", None, pages=1).answer()["cursor"]
        for number in range(2, 4):
            found.pass_time(minutes=10)
            cursor = found.sweep_part(f"{SWEEP}-1", cursor, pages=1).answer()["cursor"]
            assert found.sweep(f"{SWEEP}-{number}")[-1].outcome == "another sweep is under way"
        while cursor:
            cursor = found.sweep_part(f"{SWEEP}-1", cursor).answer()["cursor"]
        assert intervals(found) == 0
        found.pass_time(hours=1)
        took = int((found.clock.now() - began).total_seconds())
        found.sweep(f"{SWEEP}-4")
        assert intervals(found) == took


def test_a_first_part_that_is_done_again_tells_no_interval() -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        found.sweep(f"{SWEEP}-1")
        found.pass_time(hours=1)
        found.sweep_part(f"{SWEEP}-2", None, pages=1)
        assert intervals(found) >= 3600
        found.sweep_part(f"{SWEEP}-2", None, pages=1)
        assert intervals(found) == 0
