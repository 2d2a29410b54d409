"""What sweeps keep: a baseline, how a scan ended and what it has seen, and the figures of days."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from standby.core.change import Fleet
from standby.core.conclusions import DR_SIDE, OWN, Scan
from standby.core.coverage import Coverage
from standby.core.model import DirectoryId, WorkspaceId
from standby.ledger.sweeps import MOST_IDS
from tests.component.estate import AWAY, HOME, Estate

OTHER = DirectoryId("d-9267000000")
UNKNOWN, KNOWN = Fleet(is_known=False, is_accepted=False), Fleet(is_known=True, is_accepted=False)


def baseline(found: Estate, *runs: str, dr_directory: DirectoryId = AWAY) -> dict[str, Any]:
    """The baseline after complete scans."""
    for run in runs:
        replace(found.sweeps, dr_directories={HOME: dr_directory}).begin(HOME)
        found.sweeps.take(HOME, run, found.clock.now())
        found.pass_time(hours=1)
    return {name: value for name, value in found.sweeps.baseline(HOME).items() if name not in ("pk", "sk")}


# The baseline


def test_the_second_complete_scan_takes_it_and_later_ones_leave_it(found: Estate) -> None:
    assert found.sweeps.fleet(HOME) == UNKNOWN
    first = {"dr_directory_id": AWAY, "first_run": "one"}
    assert baseline(found, "one") == first
    assert baseline(found, "one") == first  # its end, done again
    assert found.sweeps.fleet(HOME) == UNKNOWN
    taken = baseline(found, "two")
    assert taken == first | {"taken_at": "2026-01-05T11:00:00.000Z"}
    assert baseline(found, "three") == taken
    assert found.sweeps.fleet(HOME) == KNOWN


@pytest.mark.parametrize(("value", "accepted"), [(True, True), (False, False), ("true", False), (1, False)])
def test_an_acceptance_that_came_first_stays(found: Estate, value: Any, accepted: bool) -> None:
    found.accept(value)
    assert found.sweeps.fleet(HOME) == Fleet(is_known=False, is_accepted=accepted)
    assert baseline(found, "one", "two")["accepted"] == value
    assert found.sweeps.fleet(HOME) == Fleet(is_known=True, is_accepted=accepted)


def test_with_another_dr_directory_it_begins_anew_and_nothing_is_accepted(found: Estate) -> None:
    baseline(found, "one", "two")
    found.accept()
    assert replace(found.sweeps, dr_directories={HOME: OTHER}).fleet(HOME) == UNKNOWN
    anew = {"dr_directory_id": OTHER, "accepted": False, "mapping": 2}
    assert baseline(found, "three", dr_directory=OTHER) == anew | {"first_run": "three"}
    assert baseline(found, "four", dr_directory=OTHER)["taken_at"]
    assert baseline(found, "five", dr_directory=AWAY) == anew | {
        "dr_directory_id": AWAY,
        "mapping": 3,
        "first_run": "five",
    }


def test_a_directory_that_was_forgotten_begins_anew_when_it_is_mapped_again(found: Estate) -> None:
    found.sweeps.forget(HOME)
    assert found.items() == []
    baseline(found, "one", "two")
    found.accept()
    found.sweeps.forget(HOME)
    assert found.sweeps.fleet(HOME) == UNKNOWN
    assert baseline(found, "three") == {"dr_directory_id": AWAY, "accepted": False, "mapping": 2, "first_run": "three"}


# A scan


def test_what_was_seen_comes_back_from_its_parts_with_a_word_of_each(found: Estate) -> None:
    words = ["", "PERFORMANCE|80", "GRAPHICSPRO_G4DN|WINDOWS_SERVER_2022|2000|2000/user@example.com"]
    seen = {WorkspaceId(f"ws-{number:09}"): words[number % 3] for number in range(MOST_IDS + 2)}
    assert found.sweeps.keep(HOME, OWN, 0, "one", seen) == 2
    assert found.sweeps.keep(HOME, OWN, 2, "one", {}) == 1
    assert found.sweeps.keep(HOME, DR_SIDE, 0, "one", {WorkspaceId("ws-other0000"): ""}) == 1
    assert found.sweeps.recall(HOME, OWN, 3, "one") == seen
    assert found.sweeps.recall(HOME, DR_SIDE, 1, "one") == {"ws-other0000": ""}
    assert found.sweeps.recall(HOME, OWN, 0, "one") == {}
    assert len(found.item(f"SWEEP#{HOME}", "own#00000")["seen"]) < 400_000  # what an item may have


def test_of_a_part_that_is_missing_or_another_runs_nothing_is_known(found: Estate) -> None:
    found.sweeps.keep(HOME, OWN, 0, "one", {WorkspaceId("ws-1abc2def3"): ""})
    assert found.sweeps.recall(HOME, OWN, 2, "one") is None
    found.sweeps.keep(HOME, OWN, 1, "two", {WorkspaceId("ws-2abc2def3"): ""})
    assert found.sweeps.recall(HOME, OWN, 2, "one") is None


def test_how_the_last_scan_ended_is_known_of_the_same_dr_directory(found: Estate) -> None:
    now = found.clock.now()
    ended = now + timedelta(minutes=5)
    scan = Scan("two", now, ended, {DR_SIDE: 1, OWN: 2}, "", "one", {DR_SIDE: 3, OWN: 4}, now - timedelta(hours=1))
    assert found.sweeps.last(HOME) is None
    found.sweeps.note(HOME, scan)
    assert found.sweeps.last(HOME) == scan
    assert found.item(f"SWEEP#{HOME}", "LAST")["complete"] is True
    assert replace(found.sweeps, dr_directories={HOME: OTHER}).last(HOME) is None
    found.sweeps.note(HOME, Scan("three", now, now, {}, "throttled"))
    assert found.item(f"SWEEP#{HOME}", "LAST")["complete"] is False


# The figures of a day


def scan_of(run: str, ended_at: datetime) -> Scan:
    return Scan(run, ended_at - timedelta(minutes=5), ended_at, {}, "")


def keep(found: Estate, run: str, protected: int) -> Coverage:
    counts = {"status/PROTECTED": protected, "status/FAILED": 1, "drifted": 1, "stale": 0, "oldest_seconds": 60}
    counts |= {"protected_needs_action": 1, "unconfirmed": 0, "pcoip_primaries": 2, "pcoip_standbys": 1}
    copies = {"copies/14": protected, "copies/awaited": 1, "oldest/ws-1abc2def3": 51000}
    found.sweeps.keep_coverage(HOME, Coverage(counts | copies), scan_of(run, found.clock.now()))
    return Coverage(counts)


def test_a_day_has_the_row_of_its_latest_scan(found: Estate) -> None:
    keep(found, "one", 1)
    found.pass_time(hours=1)
    later = keep(found, "two", 2)
    earlier = Coverage({"status/PROTECTED": 9})
    before = found.clock.now() - timedelta(minutes=1)
    found.sweeps.keep_coverage(HOME, earlier, scan_of("late", before))
    row = found.item(f"COVERAGE#{HOME}", "DAY#2026-01-05")
    assert (row["run"], row["primaries"], row["protected"], row["coverage_percent"]) == ("two", 3, 2, 66.6)
    assert (row["copies"], row["oldest_copies"]) == ({"14": 2, "awaited": 1}, {"ws-1abc2def3": 51000})
    assert row["scans"] == ["2026-01-05T09:00:00.000Z", "2026-01-05T10:00:00.000Z"]
    found.sweeps.add_to_day(HOME, scan_of("two", found.clock.now()), {"orphans": 1})
    found.sweeps.add_to_day(HOME, scan_of("one", found.clock.now()), {"orphans": 7})
    assert found.item(f"COVERAGE#{HOME}", "DAY#2026-01-05")["orphans"] == 1
    assert found.sweeps.last_days(found.clock.now()) == ({HOME: later}, [])


def test_a_days_row_names_each_complete_scan_once_though_its_end_is_done_again(found: Estate) -> None:
    for run in ("one", "two", "two", "three"):
        keep(found, run, 1)
        found.pass_time(minutes=30)
    scans = found.item(f"COVERAGE#{HOME}", "DAY#2026-01-05")["scans"]
    assert [at[11:16] for at in scans] == ["09:00", "10:00", "10:30"]


def test_the_last_complete_scan_is_looked_for_three_days_back_and_with_this_dr_directory(found: Estate) -> None:
    coverage = keep(found, "one", 1)
    for days, expected in ((1, {HOME}), (2, {HOME}), (3, {HOME}), (4, set())):
        now = found.clock.now() + timedelta(days=days)
        known, problems = found.sweeps.last_days(now)
        assert (set(known), problems) == (expected, [])
        assert all(one == replace(coverage, age=timedelta(days=days)) for one in known.values())
    assert replace(found.sweeps, dr_directories={HOME: OTHER}).last_days(found.clock.now()) == ({}, [])


def test_a_day_that_cannot_be_read_is_named_and_left_out(found: Estate) -> None:
    keep(found, "one", 1)
    found.table.set(f"COVERAGE#{HOME}", "DAY#2026-01-05", {"by_status": "many"})
    known, (problem,) = found.sweeps.last_days(found.clock.now())
    assert known == {}
    assert problem.startswith(f"The coverage row COVERAGE#{HOME} DAY#2026-01-05 cannot be read (")
