"""What complete scans say is not there any more: two in a row, each of the primary and the standby on its own."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from standby.core.conclusions import DOUBT, DR_SIDE, OWN, Census, Ids, Scan, judged
from standby.core.model import DirectoryId, Status
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from tests.core import cases
from tests.core.cases import NOW, ONE, OTHER, STANDBY, ago, case, desktop, hours, lasting, row, seen, table, with_one

SECOND = timedelta(seconds=1)


def sized(own: int, dr_directory: int = 10) -> dict[str, int]:
    return {DR_SIDE: dr_directory, OWN: own}


# Whether a scan is believed


def scan(run: str = "run-2", problem: str = "", **more: Any) -> Scan:
    return Scan(run, ago(minutes=10), NOW, {DR_SIDE: 1, OWN: 1}, problem, **({"sizes": sized(10)} | more))


LAST = scan("run-1", before="run-0")


@table(
    "last before",
    ("first", None, None),
    ("complete", LAST, "run-1"),
    ("incomplete", replace(LAST, problem="throttled"), "run-0"),
    ("its own, done again", replace(LAST, run="run-2"), "run-0"),
    ("doubted", replace(LAST, doubted_since=ago(hours=1)), "run-1"),
)
def test_the_last_complete_scan_before_it_is_kept(last: Scan | None, before: str | None) -> None:
    assert judged(scan(), last) == scan(before=before)
    assert judged(scan(problem="hanging"), last).before == before


@table(
    "before now doubt",
    ("few go", sized(10), sized(8), ""),
    ("half", sized(10), sized(5), ""),
    ("most", sized(10), sized(4), "own side: 4 WorkSpaces instead of 10"),
    ("all", sized(10), sized(0), "own side: 0 WorkSpaces instead of 10"),
    ("in the DR directory", sized(10), sized(10, 4), "dr side: 4 WorkSpaces instead of 10"),
    ("two go", sized(3), sized(1), ""),
    ("three go", sized(4), sized(1), "own side: 1 WorkSpaces instead of 4"),
    ("the only one", sized(1), sized(0), "own side: 0 WorkSpaces instead of 1"),
    ("none before", sized(0), sized(5), ""),
)
def test_one_that_shows_far_fewer_than_before_is_not_complete(before: Any, now: Any, doubt: str) -> None:
    expected = scan(before="run-1", sizes=now)
    if doubt:
        problem = f"{doubt}; this is doubted until 2026-03-03T16:00:00.000Z"
        expected = scan(before="run-1", sizes=before, problem=problem, doubted_since=NOW)
    assert judged(scan(sizes=now), replace(LAST, sizes=before)) == expected


@table("since is_believed", ("almost", DOUBT - SECOND, False), ("just", DOUBT, True), ("long", hours(99), True))
def test_what_it_goes_on_not_showing_is_believed_after_hours(since: timedelta, is_believed: bool) -> None:
    last = replace(LAST, problem="shrunk", doubted_since=NOW - since)
    found = judged(scan(sizes=sized(0)), last)
    assert (found.problem == "", found.is_doubted) == (is_believed, not is_believed)
    assert (found.doubted_since, found.sizes) == (NOW - since, sized(0 if is_believed else 10))


def test_a_directory_that_was_empty_is_in_doubt_for_hours_and_its_scan_is_complete() -> None:
    found = judged(scan(sizes=sized(0, 0)), None)
    assert (found.problem, found.doubted_since) == ("", NOW)
    assert replace(found, ended_at=NOW + DOUBT - SECOND).is_doubted
    assert not replace(found, ended_at=NOW + DOUBT).is_doubted
    assert judged(scan("run-3", sizes=sized(1)), found).doubted_since is None


def test_a_scan_that_failed_keeps_what_the_one_before_it_had_seen() -> None:
    last = replace(LAST, sizes=sized(7), doubted_since=ago(hours=2))
    found = judged(scan(problem="throttled", sizes=sized(1)), last)
    assert (found.problem, found.sizes, found.doubted_since) == ("throttled", sized(7), ago(hours=2))
    after = judged(scan("run-3", sizes=sized(1)), found)
    assert after.problem.startswith("own side: 1 WorkSpaces instead of 7; this is doubted until ")


# Who is asked for by id


def test_ids_are_those_that_were_given_and_no_other() -> None:
    given = [f"ws-{number:09}" for number in range(0, 2000, 2)]
    found = Ids(reversed(given))
    assert len(found) == 1000
    assert [number for number in range(2000) if f"ws-{number:09}" in found] == list(range(0, 2000, 2))
    assert None not in found
    assert (len(Ids([])), bool(Ids([])), ONE in Ids([])) == (0, False, False)


def test_a_whole_fleets_ids_take_eight_bytes_each() -> None:
    tracemalloc.start()
    try:
        found = Ids(f"ws-{number:09}" for number in range(10_000))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 10_000
    assert kept < 10 * 10_000


def census(primary: str | None = OTHER, standby: str | None = None, before: str | None = "run-1") -> Census:
    """What a scan has seen: one primary, one standby, or none."""
    found = Scan("run-2", ago(minutes=30), NOW, {}, "", before=before)
    return Census(Ids([primary] if primary else []), Ids([standby] if standby else []), found, cases.AWAY)


BOTH_SHOWN, NO_STANDBY, NO_PRIMARY, NOTHING = census(ONE, STANDBY), census(ONE), census(OTHER, STANDBY), census()
ORPHAN, BOTH_GONE = with_one("PRIMARY_GONE ORPHANED"), with_one("PRIMARY_GONE PRIMARY_TERMINATED")
FORMER: dict[str, Any] = {"dr_directory_id": DirectoryId("d-92formerdr0")}


def missed(*runs: str, kind: Kind = Kind.MISSED) -> dict[str, Any]:
    return {"conditions": {one: found for run in runs for one, found in lasting(kind, note=run).items()}}


@table(
    "found of expected",
    ("both seen", BOTH_SHOWN, with_one(), False),
    ("standby not seen", NO_STANDBY, with_one(), True),
    ("standby of a late one", NO_STANDBY, with_one("TIMED_OUT STANDBY_NOT_READY"), True),
    ("standby of a failed one", NO_STANDBY, with_one("FAILED STANDBY_IN_ERROR"), True),
    ("standby is missing already", NO_STANDBY, with_one("STANDBY_MISSING STANDBY_GONE"), False),
    ("has no standby", NO_STANDBY, row("REPORTED EXISTING_FLEET"), False),
    ("standby in a former DR directory", NO_STANDBY, with_one(**FORMER), True),
    ("orphan not seen", NO_STANDBY, ORPHAN, True),
    ("orphan seen", NO_PRIMARY, ORPHAN, False),
    ("orphan in a former DR directory", NO_STANDBY, replace(ORPHAN, **FORMER), False),
    ("orphan found again", NO_PRIMARY, BOTH_GONE, True),
    ("both gone", NOTHING, BOTH_GONE, False),
    ("is a standby", NO_PRIMARY, row("INELIGIBLE IS_STANDBY"), False),
    ("missed by this run already", NO_PRIMARY, with_one(**missed("run-2")), False),
    ("its standby too", NO_STANDBY, with_one(**missed("run-2", kind=Kind.STANDBY_MISSED)), False),
    ("missed by the run before", NO_PRIMARY, with_one(**missed("run-1")), True),
    ("changed before the scan began", NO_PRIMARY, with_one(changed_at=ago(minutes=30) - SECOND), True),
    ("changed since the scan began", NO_PRIMARY, with_one(changed_at=ago(minutes=30)), False),
    ("changed within hours of an empty scan", census(None), with_one(changed_at=ago(hours=4.5)), False),
    ("changed earlier", census(None), with_one(changed_at=ago(hours=4.5) - SECOND), True),
)
def test_a_row_that_does_not_agree_with_the_scan_is_asked_for(found: Census, of: Row, expected: bool) -> None:
    assert found.suspects(of) is expected


@pytest.mark.parametrize("status", list(Status))
def test_what_is_open_has_deadlines_of_its_own_and_what_is_gone_is_not_missed(status: Status) -> None:
    expected = not status.is_open and status is not Status.PRIMARY_GONE
    assert NO_PRIMARY.suspects(row(f"{status} READY")) is expected


# What follows, sweep by sweep. Each step is what neither the scan nor the lookups by id show: the primary (p), the
# standby (s); `x` is a scan that is not complete.

UNCHANGED, MISSING = "PROTECTED STANDBY_READY", "STANDBY_MISSING STANDBY_GONE"
LEFT, BOTH = "PRIMARY_GONE ORPHANED", "PRIMARY_GONE PRIMARY_TERMINATED"
SWEEPS = {
    UNCHANGED: ["p", "s", "ps", "p - p", "s - s", "p x - p", "p s", "s p", "p s p s", "s ps - ps"],
    LEFT: ["p p", "p x p", "s p p", "p ps", "ps p", "p ps p", "ps p ps", "p p ps", "p p ps p ps", "ps ps p", "s ps p"],
    MISSING: ["s s", "s s s s", "p s s", "ps s", "s x s", "s ps s"],
    BOTH: ["ps ps", "p ps ps", "p p ps ps", "ps ps ps", "ps ps -", "s ps ps"],
}


@pytest.mark.parametrize("times", [1, 2], ids=["once", "each-part-twice"])
@table("steps expected", *((steps, steps, end) for end, many in SWEEPS.items() for steps in many))
def test_two_complete_scans_in_a_row_must_have_missed_it(steps: str, expected: str, times: int) -> None:
    found, last = with_one(), None
    for number, step in enumerate(steps.split()):
        now, problem = NOW + hours(number), "throttled" if step == "x" else ""
        last = judged(Scan(f"run-{number}", now - cases.minutes(5), now, {}, problem, sizes=sized(10)), last)
        shown, other = None if "p" in step else seen(), None if "s" in step else desktop(of=ONE, id=STANDBY)
        primaries, standbys = {OTHER, *([ONE] if shown else [])}, {STANDBY} if other else ()
        taken = Census(Ids(primaries), Ids(standbys), last, cases.AWAY)
        for _ in range(times if step != "x" else 0):
            if taken.suspects(found):
                change = taken.conclude(case(found, shown, cases.BY_SWEEP, now=now), other)
                found = change.new if change and change.new else found
    assert f"{found.status} {found.reason}" == expected


# What one sweep concludes, and what it notes for the next

S1 = with_one(**missed("run-1", kind=Kind.STANDBY_MISSED))
P1, P0 = with_one(**missed("run-1")), with_one(**missed("run-0"))
P1S1 = replace(P1, conditions={**P1.conditions, **S1.conditions})
BARE = row("REPORTED EXISTING_FLEET", conditions=P1.conditions)
ORPHAN_S1 = replace(ORPHAN, conditions=S1.conditions)
THERE, GOING = desktop(of=ONE, id=STANDBY), desktop("TERMINATING", of=ONE, id=STANDBY)
OUTGOING, NAMED, NAMED_GONE = seen(state="TERMINATING"), cases.has(), cases.has("TERMINATED")
FIRST = census(before=None)


@table(
    "found of shown other expected noted",
    # the row, the primary and the standby as their ids showed them; what the row is then, and notes as missed
    ("missed once", NOTHING, with_one(), None, THERE, UNCHANGED, "p"),
    ("both missed once", NOTHING, with_one(), None, None, UNCHANGED, "ps"),
    ("there by its id", NOTHING, with_one(), seen(), THERE, UNCHANGED, ""),
    ("there by its id ends the notes", NOTHING, P1S1, seen(), THERE, UNCHANGED, ""),
    ("standby named by its primary", NOTHING, S1, NAMED, None, UNCHANGED, ""),
    ("standby named on its way out", NOTHING, S1, NAMED_GONE, None, MISSING, ""),
    ("in the scan, though not by its id", BOTH_SHOWN, P1S1, None, None, UNCHANGED, ""),
    ("missed by an earlier run", NOTHING, P0, None, THERE, UNCHANGED, "p"),
    ("no complete scan before", FIRST, P1, None, THERE, UNCHANGED, "p"),
    ("primary twice, standby once", NOTHING, P1, None, None, LEFT, "s"),
    ("primary twice, standby going", NOTHING, P1, None, GOING, LEFT, ""),
    ("primary twice, without a standby", NOTHING, BARE, None, None, BOTH, ""),
    ("orphan going", NOTHING, ORPHAN_S1, None, GOING, LEFT, "p"),
    ("orphan whose primary is shown", NOTHING, ORPHAN_S1, seen(), None, LEFT, "s"),
    ("orphan whose primary is shown going", NOTHING, ORPHAN_S1, OUTGOING, None, BOTH, ""),
    ("orphan found again", NO_PRIMARY, BOTH_GONE, None, THERE, LEFT, "p"),
    ("orphan found on its way out", NO_PRIMARY, BOTH_GONE, None, GOING, BOTH, "p"),
    ("orphan found, and its primary", NO_PRIMARY, BOTH_GONE, seen(), THERE, BOTH, ""),
)
def test_a_sweep_concludes_or_notes(found: Census, of: Row, shown: Any, other: Any, expected: str, noted: str) -> None:
    change = found.conclude(case(of, shown, cases.BY_SWEEP), other)
    new = cases.new(change) if change else of
    assert f"{new.status} {new.reason}" == expected
    assert new.note(Kind.MISSED) == ("run-2" if "p" in noted else None)
    assert new.note(Kind.STANDBY_MISSED) == ("run-2" if "s" in noted else None)
    if change:
        changed_at = of.changed_at if expected == f"{of.status} {of.reason}" else NOW
        assert (change.old, new.changed_at) == (of, changed_at)


COST = f"The standby is {STANDBY}. Its monthly cost is not known"


@table(
    "of shown other claim message",
    ("orphan", P1, None, THERE, cases.CLAIM, COST),
    ("orphan, its standby missed once", P1, None, None, cases.CLAIM, COST),
    ("found again", replace(BOTH_GONE, claim_key=None), None, THERE, cases.CLAIM, COST),
    ("both", P1S1, None, None, None, Reason.PRIMARY_TERMINATED.meaning.sentence),
    ("standby", S1, seen(), None, None, f"The standby was {STANDBY}."),
)
def test_an_orphan_keeps_its_users_claim_and_no_other(
    of: Row, shown: Any, other: Any, claim: Any, message: str
) -> None:
    change = NOTHING.conclude(case(of, shown, cases.BY_SWEEP), other)
    assert change
    assert (cases.new(change).claim_key, cases.new(change).standby_id) == (claim, STANDBY)
    assert message in change.message


def test_of_a_primary_without_a_row_nothing_is_concluded() -> None:
    assert NOTHING.conclude(case(None, None, cases.BY_SWEEP), None) is None
