"""Orphans as figures: how many, and what they cost a month, as far as that is known."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from local.queries import readme_queries
from local.workspaces import Fault
from standby.model import DirectoryId, Status
from standby.settings import Directory
from standby.sweep.orphan_figures import with_orphans
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, USERS, Estate, estate, settings
from tests.unit.sweeping import protected, sweeps
from tests.unit.test_coverage import day

STANDARD = {"STANDARD": Decimal("4.10")}
POWER = "wsb-windowspower"


def orphaned(found: Estate, *users: str, **item: Any) -> list[str]:
    ids = found.create_ready(*users, **item)
    found.protect(*ids)
    found.watch()
    for one in ids:
        found.world.terminate(one)
    return ids


def figures(found: Estate) -> tuple[object, ...]:
    """Those of the day's row, and of the metrics."""
    row = day(found)
    kept = [row.get(name) for name in ("orphans", "orphans_monthly_cost", "orphans_not_priced")]
    return (*kept, *[found.notes.gauges.get(name) for name in ("OrphanedStandbys", "OrphansMonthlyCost")])


def test_orphans_and_what_they_cost_are_figures_of_the_day_and_of_the_pair() -> None:
    with estate() as found:
        found.configure(prices=STANDARD)
        protected(found, *USERS[:6])
        found.sweep()
        assert figures(found) == (0, "0.00", 0, 0, 0)
        orphaned(found, *USERS[10:12])
        sweeps(found)
        assert figures(found) == (2, "8.20", 0, 2, 8.2)
        orphaned(found, USERS[12], BundleId=POWER)
        sweeps(found)
        assert figures(found) == (3, "8.20", 1, 3, 8.2)


def test_what_has_no_price_costs_no_known_amount_and_not_nothing() -> None:
    with estate() as found:
        protected(found, *USERS[:6])
        orphaned(found, USERS[10])
        sweeps(found)
        assert figures(found) == (1, None, 1, 1, None)


def test_one_that_is_terminated_is_none_any_more() -> None:
    with estate() as found:
        found.configure(prices=STANDARD)
        protected(found, *USERS[:6])
        (one,) = orphaned(found, USERS[10])
        sweeps(found)
        assert figures(found) == (1, "4.10", 0, 1, 4.1)
        found.world.terminate(str(found.row(one).standby_id))
        found.pass_time(hours=1)
        sweeps(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert figures(found) == (0, "0.00", 0, 0, 0)


def test_each_directory_has_its_own_in_the_day_and_the_pair_those_that_are_not_mapped_any_more_too() -> None:
    other, partner = "d-9067328a7c", "d-926722f013"
    both = {DirectoryId(HOME): Directory(DirectoryId(AWAY)), DirectoryId(other): Directory(DirectoryId(partner))}
    with estate() as found:
        found.world.add_directory(PRIMARY, other, USERS)
        found.world.add_directory(DR, partner, USERS)
        found.configure(prices=STANDARD, directories=both)
        protected(found, *USERS[:6])
        orphaned(found, USERS[10])
        found.protect(*found.create_ready(*USERS[20:26], directory=other))
        found.watch()
        orphaned(found, *USERS[30:32], directory=other)
        sweeps(found, 3)
        assert figures(found) == (1, "4.10", 0, 3, 12.3)
        of_other = found.item(f"COVERAGE#{other}", f"DAY#{found.clock.now().date()}")
        assert (of_other["orphans"], of_other["orphans_monthly_cost"]) == (2, "8.20")
        found.configure(directories={DirectoryId(HOME): both[DirectoryId(HOME)]})
        found.sweep()
        assert figures(found) == (1, "4.10", 0, 3, 12.3)


def test_a_scan_that_is_not_complete_leaves_the_last_ones_figures_of_the_day() -> None:
    with estate() as found:
        protected(found, *USERS[:6])
        found.sweep()
        orphaned(found, USERS[10])
        sweeps(found, 3)
        kept = day(found)
        assert kept["orphans"] == 1
        found.world.inject(
            Fault("DescribeWorkspaces", "throttle", PRIMARY, when=lambda params: "DirectoryId" in params)
        )
        found.sweep()
        assert day(found) == kept


def test_a_sweep_in_many_parts_counts_each_once() -> None:
    with estate() as found:
        protected(found, *USERS[:6])
        orphaned(found, *USERS[10:15])
        sweeps(found)
        assert len(found.sweep(pages=3)) > 1
        assert figures(found)[0] == 5
        assert found.notes.gauges["OrphanedStandbys"] == 5


def test_the_figures_belong_to_the_day_of_the_scan() -> None:
    with estate() as found:
        protected(found, *USERS[:6])
        found.pass_time(hours=1)
        midnight = found.clock.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
        found.pass_time(seconds=(midnight - found.clock.now()).total_seconds() - 6)
        before = found.clock.now()
        cursor: Any = None
        while cursor is None or cursor["at"] == 0:
            cursor = found.sweep_part("run", cursor, pages=2).answer()["cursor"]
        found.pass_time(minutes=5)
        while cursor:
            cursor = found.sweep_part("run", cursor, pages=2).answer()["cursor"]
        assert found.clock.now().date() > before.date()
        assert found.item(f"COVERAGE#{HOME}", f"DAY#{before.date()}")["orphans"] == 0


def test_a_standby_in_another_region_has_not_this_ones_price() -> None:
    with estate() as found:
        protected(found, *USERS[:6])
        (one,) = orphaned(found, USERS[10])
        sweeps(found)
        row = found.row(one)
        assert with_orphans({}, [row], settings()) == {HOME: {"STANDARD": 1}}
        elsewhere = settings(dr_region="eu-west-1")
        assert with_orphans({HOME: {"POWER": 2}}, [row], elsewhere) == {HOME: {"POWER": 2, "STANDARD in us-west-2": 1}}


@pytest.mark.parametrize("terminated", [False, True])
def test_readmes_query_lists_orphans_and_no_others(terminated: bool) -> None:
    with estate() as found:
        found.configure(prices=STANDARD)
        protected(found, *USERS[:6])
        (one,) = orphaned(found, USERS[10])
        sweeps(found)
        row = found.row(one)
        if terminated:
            found.world.terminate(str(row.standby_id))
            found.pass_time(hours=1)
            sweeps(found)
        (query,) = [query for query in readme_queries() if query.name == "orphans"]
        (expected,) = [[one, USERS[10], row.standby_id, "STANDARD", "ORPHANED"]]
        rows = query.run(found.dynamodb, {})
        assert [row[:5] for row in rows] == ([] if terminated else [expected])
        assert all("It costs about USD 4.10 a month" in row[6] for row in rows)
