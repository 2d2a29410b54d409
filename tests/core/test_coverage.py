"""Coverage and orphans as figures: what counts as what, and what is said of a percentage and of an amount."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from standby.core.change import Case, Change, Effect
from standby.core.coverage import COPIES, OLDEST, OLDEST_ONES, Coverage, add, cost_attributes, count, with_orphans
from standby.core.model import Region, Status
from standby.core.plan import UNKNOWN_TYPE
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.core.settings import Directory
from tests.core.cases import (
    AWAY,
    BY_SWEEP,
    HOME,
    KNOWN,
    NOW,
    ONE,
    STANDBY,
    UNMAPPED,
    all_lasting,
    case,
    has,
    lasting,
    row,
    seen,
    settings,
    table,
    with_one,
)


@pytest.mark.parametrize("status", list(Status))
def test_each_status_counts_or_does_not(status: Status) -> None:
    found = Coverage({f"status/{status}": 2})
    out = (Status.INELIGIBLE, Status.EXCLUDED, Status.REPORTED, Status.PRIMARY_GONE)
    assert found.primaries == (0 if status is Status.PRIMARY_GONE else 2)
    assert found.eligible == (0 if status in out else 2)
    assert found.protected == (2 if status is Status.PROTECTED else 0)


@table(
    "by_status percent of_all",
    ("rounded down", {"PROTECTED": 9999, "WAITING": 1}, "99.9", "99.9"),
    ("one decimal", {"PROTECTED": 2, "WAITING": 1}, "66.6", "66.6"),
    ("all", {"PROTECTED": 3, "PRIMARY_GONE": 7}, "100", "100"),
    ("of all", {"PROTECTED": 1, "INELIGIBLE": 3}, "100", "25"),
    ("unreadable", {"PROTECTED": 1, "UNREADABLE": 1}, "50", "50"),
    ("none eligible", {"REPORTED": 5}, "100", "0"),
    ("nobody", {}, "100", "100"),
)
def test_a_percentage_is_rounded_down_so_that_a_hundred_means_all(by_status: Any, percent: str, of_all: str) -> None:
    found = Coverage({f"status/{status}": number for status, number in by_status.items()})
    assert (found.percent, found.percent_of_all) == (Decimal(percent), Decimal(of_all))


def test_counts_add_up_and_of_two_ages_the_older_stays() -> None:
    one = {"status/PROTECTED": 1, "stale": 1, OLDEST: 50}
    assert add(one, {"status/PROTECTED": 2, OLDEST: 40}) == {"status/PROTECTED": 3, "stale": 1, OLDEST: 50}
    assert add(one, {}) == add({}, one) == one


# What a page's changes add

WAITS, OLD, IS_STANDBY = row(), row(existing=True), row("INELIGIBLE IS_STANDBY")
FLEET, CAP, BACKFILL = row("REPORTED EXISTING_FLEET"), row("HELD DAILY_CAP"), row("HELD BACKFILL")
CANNOT, EXCLUDED = row("INELIGIBLE OPERATING_SYSTEM"), row("EXCLUDED NOT_INCLUDED")
TAKEN, ANOTHERS = row("INELIGIBLE SECONDARY_EXISTS"), row("INELIGIBLE USER_HAS_STANDBY")
ON = all_lasting(Kind.PCOIP, Kind.STANDBY_PCOIP)
STARTS, FAILED = with_one("REQUESTED ADOPTED"), with_one("FAILED STANDBY_IN_ERROR")
UNSEEN = "status/PROTECTED, has/STANDARD, unconfirmed"
SHOWN, UNTYPED, REPORTED = seen(), seen(compute_type=None), f"status/REPORTED, wants/{UNKNOWN_TYPE}, stage/reported"


def counted(old: Row | None, new: Row | None, effect: Effect = Effect.NOTHING, shown: Any = SHOWN) -> str:
    """The names that a change adds one to."""
    reason = new.reason if new else Reason.MAPPED_ELSEWHERE
    found = count(case(old, shown), Change(ONE, old, new, reason, "", effect))
    assert set(found.values()) <= {1}
    return ", ".join(found)


@table(
    "found expected",
    ("as it stands", counted(WAITS, WAITS), "status/WAITING"),
    ("new", counted(None, WAITS), "status/WAITING"),
    ("to be requested", counted(WAITS, WAITS, Effect.REQUEST), "status/CLAIMED"),
    ("no row", counted(None, None), ""),
    ("a standby", counted(CANNOT, IS_STANDBY), ""),
    ("a standby of a fleet", counted(OLD, IS_STANDBY), ""),
    ("cannot", counted(None, CANNOT), "status/INELIGIBLE, cannot/OPERATING_SYSTEM"),
    ("could not, and is tried", counted(CANNOT, WAITS), "status/WAITING"),
    # a place that is taken stays so while it is tried
    ("taken, and tried", counted(TAKEN, WAITS, Effect.REQUEST), "status/INELIGIBLE"),
    ("another's, and waits", counted(ANOTHERS, WAITS), "status/INELIGIBLE"),
    ("taken, and held", counted(TAKEN, BACKFILL), "status/INELIGIBLE, wants/STANDARD, stage/waiting"),
    ("taken, and starts", counted(TAKEN, STARTS), "status/REQUESTED"),
    ("taken, and has one", counted(TAKEN, with_one(), shown=has()), "status/PROTECTED, has/STANDARD"),
    ("reported", counted(None, FLEET), "status/REPORTED, wants/STANDARD, stage/reported"),
    ("reported, its type is not told", counted(None, FLEET, shown=UNTYPED), REPORTED),
    ("reported, not shown", counted(None, FLEET, shown=None), REPORTED),
    ("in its turn", counted(None, BACKFILL), "status/HELD, wants/STANDARD, stage/waiting"),
    ("held by the cap, new", counted(None, CAP), "status/HELD"),
    ("held by the cap, of a fleet", counted(OLD, CAP), "status/HELD, stage/waiting"),
    ("excluded", counted(None, EXCLUDED), "status/EXCLUDED, excluded/NOT_INCLUDED"),
    ("excluded, of a fleet", counted(OLD, EXCLUDED), "status/EXCLUDED, excluded/NOT_INCLUDED, stage/other"),
    ("protected", counted(None, with_one(), shown=has()), "status/PROTECTED, has/STANDARD"),
    ("protected, and stopped", counted(None, with_one(), shown=has("STOPPED")), "status/PROTECTED, has/STANDARD"),
    # by its row; what the scan has not shown ready is not known
    ("protected, unwell", counted(None, with_one(), shown=has("UNHEALTHY")), UNSEEN),
    ("protected, and gone", counted(None, with_one(), shown=has("TERMINATING")), UNSEEN),
    ("protected, shows none", counted(None, with_one()), UNSEEN),
    ("protected, not shown", counted(None, with_one(), shown=None), UNSEEN),
    (
        "drifts, and has a second one",
        counted(None, with_one(conditions=all_lasting(Kind.DRIFT, Kind.DOUBLED)), shown=has()),
        "status/PROTECTED, drifted, protected_needs_action, has/STANDARD",
    ),
    (
        "drifts, and is priced by its own compute type",
        counted(None, with_one(conditions=lasting(Kind.DRIFT, note="compute_type STANDARD≠VALUE; x A≠B")), shown=has()),
        "status/PROTECTED, drifted, protected_needs_action, has/VALUE",
    ),
    (
        "on PCoIP",
        counted(None, with_one(conditions=ON), shown=has()),
        "status/PROTECTED, pcoip_primaries, has/STANDARD, pcoip_standbys",
    ),
    (
        "on PCoIP, without",
        counted(None, row("FAILED STANDBY_IN_ERROR", conditions=ON)),
        "status/FAILED, pcoip_primaries",
    ),
    ("on PCoIP, and gone", counted(None, with_one("PRIMARY_GONE ORPHANED", conditions=ON)), "status/PRIMARY_GONE"),
    ("protected, of a fleet", counted(OLD, with_one(), shown=has()), "status/PROTECTED, stage/protected, has/STANDARD"),
    ("under way", counted(OLD, STARTS), "status/REQUESTED, stage/under_way"),
    ("to be requested, of a fleet", counted(OLD, FLEET, Effect.REQUEST), "status/CLAIMED, stage/under_way"),
    ("failed, of a fleet", counted(OLD, FAILED), "status/FAILED, stage/other"),
)
def test_a_change_adds_to_the_coverage_the_plan_and_the_progress(found: str, expected: str) -> None:
    assert found == expected


def ages(copied: timedelta | None, protected: Row, shown: Any = None, **changes: Any) -> dict[str, int]:
    """What a sweep counts of a protected desktop's copy; None: the service shows none."""
    snapshots = () if copied is None else ((STANDBY, NOW - copied),)
    found = replace(shown or has(), snapshots=snapshots, replication=((STANDBY, "PRIMARY_AS_SOURCE"),))
    counts = count(replicated(protected, found, **changes), Change(ONE, protected, protected, protected.reason, ""))
    return {name: many for name, many in counts.items() if name.startswith((COPIES, f"{OLDEST_ONES}/"))}


def replicated(protected: Row, shown: Any, replication: str = "PRIMARY_AS_SOURCE") -> Case:
    mapped = {HOME: Directory(AWAY, data_replication=replication)}
    return case(protected, shown, BY_SWEEP, KNOWN, directories=mapped)


NOTED = with_one(conditions=lasting(Kind.COPIED, note="2026-03-02T00:00:00.000Z"))
DAY = timedelta(hours=14, minutes=59)


@table(
    "found expected",
    ("in whole hours", ages(DAY, with_one()), {"copies/14": 1, f"oldest/{ONE}": 53940}),
    ("a week or more", ages(timedelta(days=9), with_one()), {"copies/168": 1, f"oldest/{ONE}": 777600}),
    ("the first is awaited", ages(None, with_one()), {"copies/awaited": 1}),
    ("there is to be none", ages(None, with_one(), replication="NO_REPLICATION"), {"copies/none": 1}),
    ("there was one, and it is not told", ages(None, NOTED), {}),
    ("the standby is not well", ages(DAY, with_one(), has("ERROR")), {}),
)
def test_a_copy_counts_by_its_age_or_by_why_there_is_none(found: dict[str, int], expected: dict[str, int]) -> None:
    assert found == expected


def test_of_the_ages_of_copies_the_ten_greatest_stay() -> None:
    pages = [{f"oldest/ws-{number:02}": number * 60} for number in (*range(1, 15), 30, 20)]
    found: dict[str, int] = {}
    for page in pages:
        found = add(found, page)
    assert sorted(found.values()) == [60 * number for number in (7, 8, 9, 10, 11, 12, 13, 14, 20, 30)]


def test_orphans_are_counted_by_directory_and_type_and_have_a_price_in_the_dr_region_alone() -> None:
    changes: list[Any] = [{}, {"compute_type": None}, {"dr_region": Region("eu-west-1")}]
    orphans = [with_one("PRIMARY_GONE ORPHANED", **more) for more in [*changes, {"primary_directory_id": UNMAPPED}]]
    before: dict[str, dict[str, int]] = {HOME: {"STANDARD": 2, "POWER": 1}}
    assert with_orphans(before, [*orphans, with_one("PRIMARY_GONE PRIMARY_TERMINATED"), with_one()], settings()) == {
        HOME: {"STANDARD": 3, "POWER": 1, UNKNOWN_TYPE: 1, "STANDARD in eu-west-1": 1},
        UNMAPPED: {"STANDARD": 1},
    }
    assert before == {HOME: {"STANDARD": 2, "POWER": 1}}


@table(
    "types orphans cost not_priced",
    ("none", {}, 0, "0.00", 0),
    ("priced", {"STANDARD": 2}, 2, "8.20", 0),
    ("one is not priced", {"STANDARD": 2, "POWER": 1}, 3, "8.20", 1),
    ("not known is not 0", {"STANDARD in eu-west-1": 1}, 1, None, 1),
)
def test_a_days_row_says_what_standbys_and_orphans_cost(
    types: Any, orphans: int, cost: str | None, not_priced: int
) -> None:
    known = {"orphans_monthly_cost": cost} if cost else {}
    expected = {"orphans": orphans, **known, "orphans_not_priced": not_priced}
    assert cost_attributes("orphans", types, {"STANDARD": Decimal("4.10")}) == expected
