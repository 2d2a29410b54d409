"""`standby audit`: who was covered when, by which standby, who caused it, and how sure that is."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.figures import certainty, scans_in
from cli.moments import Stood, stood
from tests.cli.practised import FLEET, LATE, NEW, TAKEN, of, practised
from tests.cli.stage import Stage
from tests.component.estate import HOME

DAY = "2026-01-05"
BEFORE, COVERED, LATER = f"{DAY}T10:10Z", f"{DAY}T11:20Z", f"{DAY}T14:00Z"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A pair with some life behind it, in a folder without a configuration file; nothing here changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        yield practised()


def then(stage: Stage, moment: str, options: str = "") -> dict[str, dict[str, Any]]:
    found = json.loads(stage.standby(f"audit --as-of {moment} {options} --output json").out)["desktops"]
    by_user = {row["user_name"]: row for row in found}
    assert len(by_user) == len(found)
    return by_user


# At a moment


def test_was_one_covered_by_which_standby_and_who_caused_it(lived: Stage) -> None:
    ran = lived.standby(f"audit --user USER001 --as-of {COVERED}")
    one = of(lived, NEW[1])
    first, *rest = ran.out.splitlines()
    assert ran.status == 0
    assert first.startswith(
        f"user001 ({one}) was covered at 2026-01-05 11:20 UTC, by standby {lived.row(one).standby_id}"
    )
    # Not the watcher, who has recorded it, but who made the desktop.
    assert rest[0].startswith("  It was caused by alex (role desktop-admin) at 2026-01-05 10:")
    assert rest[0].endswith("because of CloudTrail event 6a7e8feb-b491-4cf7-a9f1-bf3703467718.")
    assert "  The desktop was created by alex (role desktop-admin)." in rest
    assert rest[-1].startswith("  Certainty: as of the complete sweep that ended at 2026-01-05 ")


def test_one_that_was_not_covered_says_why_and_exits_with_1(lived: Stage) -> None:
    ran = lived.standby(f"audit --user user001 --as-of {BEFORE}")
    assert ran.status == 1
    assert "was NOT covered at 2026-01-05 10:10 UTC: WAITING (PRIMARY_PENDING)" in ran.out
    (row,) = json.loads(lived.standby(f"audit --user {TAKEN} --as-of {LATER} -o json").out)["desktops"]
    assert (row["covered"], row["reason_code"], row["because"]) == (False, "SECONDARY_EXISTS", "CHG-4711")


def test_one_that_was_not_there_yet_says_when_it_was_first_seen(lived: Stage) -> None:
    ran = lived.standby(f"audit --user {LATE} --as-of {COVERED}")
    assert (ran.status, ran.out.count("\n")) == (1, 1)
    assert "was not yet in the ledger at 2026-01-05 11:20 UTC. It was first seen at 2026-01-05 " in ran.out


def test_the_fleet_is_told_as_it_stood(lived: Stage) -> None:
    found = then(lived, COVERED)
    assert {user for user, row in found.items() if row["covered"]} == set(NEW)  # the orphan's desktop was there
    assert set(found) == {*NEW, *FLEET}
    before = then(lived, BEFORE)
    assert {row["status"] for user, row in before.items() if user in NEW} == {"WAITING"}
    assert LATE not in found
    gone = then(lived, LATER)
    assert NEW[0] not in gone
    assert set(then(lived, LATER, "--uncovered")) == {user for user, row in gone.items() if not row["covered"]}


def test_it_tells_of_each_directory_how_sure_that_is(lived: Stage) -> None:
    ran = lived.standby(f"audit --as-of {LATER} --output json")
    found = json.loads(ran.out)
    (directory,) = found["directories"]
    assert (directory["eligible"], directory["covered"], directory["known"]) == (7, 7, True)
    assert directory["sweep_before"] < LATER < directory["sweep_after"]
    assert (ran.status, found["complete"]) == (0, True)
    words = lived.standby(f"audit --as-of {LATER}").out.splitlines()[-1]
    assert words.startswith(
        f"{HOME}: 7 of 7 eligible desktops were covered at 2026-01-05 14:00 UTC; as of the complete "
    )


def test_long_after_the_last_sweep_nothing_is_sure(lived: Stage) -> None:
    now = lived.clock.now()
    lived.clock.ahead = timedelta(hours=8)
    try:
        moment = (now + timedelta(hours=7)).isoformat()
        ran = lived.standby(f"audit --as-of {moment} --output json")
    finally:
        lived.clock.ahead = timedelta(0)
    assert (ran.status, json.loads(ran.out)["complete"]) == (4, False)
    assert f"{HOME}: no sweep was complete in the 3 h before" in ran.err


def test_only_of_rows_that_changed_since_are_the_events_asked_for(lived: Stage) -> None:
    lived.asked.clear()
    then(lived, COVERED)
    events = [given["RequestItems"] for *_, given in lived.asked if "EVENT#" in str(given)]
    assert events
    # The orphan's: all others stand as they stood, or were not known.
    assert len({key["pk"]["S"] for tables in events for one in tables.values() for key in one["Keys"]}) == 1


# Days and changes


def test_a_day_has_its_figures_and_its_changes(lived: Stage) -> None:
    out = lived.standby(f"audit --on {DAY}").out.splitlines()
    assert out[:2] == [
        "Days",
        "Day (UTC)\tDirectory\tCovered %\tProtected\tEligible\tReported\tOrphans\tLast complete sweep",
    ]
    assert out[2].startswith(f"{DAY}\t{HOME}\t100\t7\t7\t3\t1\t")
    assert any("\tCLAIMED → REQUESTED (CREATE_ACCEPTED)\tthe watcher" in line for line in out)
    assert "At\tUser\tAbout\tChange\tBy\tBecause" in out
    # The reason that a person gave, and not the ids of CloudTrail events.
    assert {line.split("\t")[5] for line in out if line.startswith(f"{DAY} ") and line.count("\t") == 5} == {
        "",
        "CHG-4711",
    }
    found = json.loads(lived.standby(f"audit --on {DAY} -o json").out)
    assert found["days"][0]["complete_sweeps"] >= 5
    at = [change["at"] for change in found["changes"]]
    assert at == sorted(at)
    assert {change["by"] for change in found["changes"]} >= {"alex (role desktop-admin)", "the watcher", "a sweep"}


def test_csv_is_the_days_and_with_changes_the_changes(lived: Stage) -> None:
    ran = lived.standby("audit --since 1d --output csv")
    (row,) = csv.DictReader(io.StringIO(ran.out))
    assert (row["day"], row["coverage_percent"], row["standbys_monthly_cost"]) == (DAY, "100", "28.70")
    assert "Add --changes to write the changes" in ran.err
    rows = list(csv.DictReader(io.StringIO(lived.standby("audit --since 1d --changes --output csv").out)))
    assert {"at", "user_name", "principal", "because", "message"} <= set(rows[0])
    some = list(csv.DictReader(io.StringIO(lived.standby(f"audit --user {NEW[1]} --since 1d -o csv").out)))
    assert {row["user_name"] for row in some} == {NEW[1]}
    assert 0 < len(some) < len(rows)
    narrow = f"audit --user {NEW[1]} --since {DAY}T10:00Z --until {DAY}T10:20Z -o csv"
    assert [row["status"] for row in csv.DictReader(io.StringIO(lived.standby(narrow).out))] == ["WAITING"]


def test_a_day_without_a_complete_sweep_is_not_known_and_never_good(lived: Stage) -> None:
    day = "2026-01-02"
    lived.put(f"COVERAGE#{HOME}", f"DAY#{day}", day=day, directory_id=HOME, scanned_at=f"{day}T23:00:00.000Z")
    ran = lived.standby("audit --since 2026-01-01 --output json")
    days = {row["day"]: row["known"] for row in json.loads(ran.out)["days"]}
    # Before its first complete sweep it was not watched.
    assert days == {"2026-01-02": True, "2026-01-03": False, "2026-01-04": False, DAY: True}
    assert ran.status == 4
    assert f"{HOME}: no sweep was complete on 2026-01-03, 2026-01-04." in ran.err
    assert f"2026-01-04\t{HOME}\tnot known" in lived.standby("audit --since 2026-01-04").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--as-of 2026-03-03", "is in the future"),
        ("--since 2026-03-03", "is in the future"),
        ("--since 1h --until 1d", "is after"),
        ("--on yesterday --since 1d", "Use either --on or the other two."),
        ("--as-of 1h --changes", "Use either --as-of for one time"),
        ("--uncovered", "Add --as-of TIME."),
        ("--user usr001", "Did you mean user001?"),
        ("--directory d-906732325e --on today", f"Did you mean {HOME}?"),
        ("--on someday", "Write a day like 2026-03-03"),
    ],
)
def test_what_cannot_be_meant_is_refused(lived: Stage, options: str, said: str) -> None:
    ran = lived.standby(f"audit {options}")
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


# In parts

AT = datetime(2026, 3, 3, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours", "known"),
    [([13.7], True), ([11], True), ([10.9], False), ([14.1], False), ([10, 13, 15], True), ([], False)],
)
def test_it_is_sure_as_of_the_last_complete_sweep_before(hours: list[float], known: bool) -> None:
    scans = [AT.replace(hour=0) + HOUR * one for one in hours]
    found = certainty(scans, AT, HOUR)
    assert found.is_known is known
    assert found.before == max((one for one in scans if one <= AT), default=None)
    assert found.after == min((one for one in scans if one > AT), default=None)


def test_of_a_day_that_an_older_version_has_written_its_last_scan_is_known() -> None:
    days: list[dict[str, Any]] = [
        {"scanned_at": "2026-03-02T23:40:00.000Z"},
        {"scans": ["2026-03-03T13:40:00.000Z", 7], "scanned_at": "soon"},
    ]
    assert [f"{one:%d %H}" for one in scans_in(days)] == ["02 23", "03 13"]


def event(hour: int, status: str, reason: str, standby: str | None = None) -> dict[str, Any]:
    return {"at": f"2026-03-03T{hour:02}:00:00.000Z", "status": status, "reason_code": reason, "standby_id": standby}


STORY = [
    event(1, "WAITING", "PRIMARY_PENDING"),
    event(2, "HELD", "PAUSED"),
    event(3, "CLAIMED", "CLAIM_TAKEN"),
    event(4, "PROTECTED", "STANDBY_READY", "ws-a"),
    event(5, "PROTECTED", "STANDBY_READY", "ws-a"),  # of a condition alone
    event(6, "STANDBY_MISSING", "STANDBY_GONE"),
    event(7, "CLAIMED", "CLAIM_TAKEN"),
    event(8, "PROTECTED", "STANDBY_READY", "ws-b"),
]


@pytest.mark.parametrize(
    ("hour", "then_", "opened"),
    [(0, None, None), (1, 1, 1), (2, 2, 2), (5, 5, 1), (6, 6, 6), (9, 8, 7)],
)
def test_what_led_there_begins_where_the_story_of_the_standby_does(
    hour: int, then_: int | None, opened: int | None
) -> None:
    found = stood(reversed(STORY), AT.replace(hour=hour))
    assert found == (Stood(STORY[then_ - 1], STORY[opened - 1]) if then_ and opened else None)
