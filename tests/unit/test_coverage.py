"""Coverage: what counts, the day's row, the metrics, and that it comes from complete scans alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from boto3.dynamodb.types import TypeSerializer

from local.queries import readme_queries
from local.workspaces import Fault, ServiceError
from standby.clock import to_text
from standby.ledger.ledger import Context
from standby.model import Cause, DirectoryId, Status
from standby.rows import STATE
from standby.settings import Directory
from standby.sweep.coverage import Coverage, CoverageBook, coverage_key, day_key, together
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, Estate, estate
from tests.unit.sweeping import accept, kept, protected, swept

DESCRIBE = "DescribeWorkspaces"
OTHER, PARTNER = "d-9067328a7c", "d-926722f013"
PAIR = ("CoveragePercent", "ProtectedDesktops")
CONTEXT = Context(Cause("sweep", "s-1"), owner="request")


def day(found: Estate) -> dict[str, object]:
    """Today's coverage row of the directory."""
    return found.item(coverage_key(DirectoryId(HOME)), day_key(found.clock.now()))


def figures(found: Estate) -> tuple[object, ...]:
    row = day(found)
    return tuple(row[name] for name in ("primaries", "eligible", "protected", "coverage_percent"))


# What counts


@pytest.mark.parametrize("status", list(Status))
def test_each_status_is_eligible_or_not(status: Status) -> None:
    found = Coverage({status: 2})
    assert found.primaries == (0 if status is Status.PRIMARY_GONE else 2)
    out = (Status.INELIGIBLE, Status.EXCLUDED, Status.REPORTED, Status.PRIMARY_GONE)
    assert found.eligible == (0 if status in out else 2)
    assert found.protected == (2 if status is Status.PROTECTED else 0)


def test_a_percentage_is_rounded_down_so_that_a_hundred_means_all() -> None:
    assert Coverage({"PROTECTED": 9999, "WAITING": 1}).percent == Decimal("99.9")
    assert Coverage({"PROTECTED": 2, "WAITING": 1}).percent == Decimal("66.6")
    assert Coverage({"PROTECTED": 3}).percent == 100
    assert Coverage({"PROTECTED": 1, "INELIGIBLE": 3}).percent_of_all == 25


def test_of_nobody_nobody_is_without() -> None:
    assert Coverage({"REPORTED": 5}).percent == 100
    assert Coverage({"REPORTED": 5}).percent_of_all == 0
    assert Coverage().percent_of_all == 100


def test_figures_of_several_add_up() -> None:
    found = together([Coverage({"PROTECTED": 1, "HELD": 1}), Coverage({"PROTECTED": 2})])
    assert (found.primaries, found.protected) == (4, 3)
    assert found.percent == 75


# From the sweep


def test_a_reported_fleet_is_not_wanted_until_it_is_accepted() -> None:
    with estate() as found:
        found.create_ready(*USERS[:4])
        found.create_ready(USERS[5], BundleId="wsb-ubuntustandard")
        found.sweep()
        assert figures(found) == (5, 0, 0, 100)
        assert (day(found)["reported"], day(found)["ineligible"], day(found)["excluded"]) == (4, 1, 0)
        assert day(found)["coverage_of_all_percent"] == 0
        accept(found)
        found.sweep()
        assert figures(found) == (5, 4, 0, 0)
        found.watch(hours=2)
        found.sweep()
        assert figures(found) == (5, 4, 4, 100)
        assert day(found)["coverage_of_all_percent"] == 80
        assert day(found)["by_status"] == {"PROTECTED": 4, "INELIGIBLE": 1}


def test_what_a_sweep_found_is_published_as_metrics_of_the_pair() -> None:
    with estate() as found:
        protected(found, *USERS[:3])
        found.create_ready(USERS[5])
        found.sweep()
        about_coverage = ("Coverage", "EligibleDesktops", "ProtectedDesktops", "DriftedStandbys")
        assert {name: value for name, value in found.notes.gauges.items() if name.startswith(about_coverage)} == {
            "CoveragePercent": 75,
            "CoverageOfAllPercent": 75,
            "CoverageAgeSeconds": 0,
            "EligibleDesktops": 4,
            "ProtectedDesktops": 3,
            "DriftedStandbys": 0,
        }


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_an_incomplete_scan_writes_no_row_and_what_is_told_is_the_last_complete_ones(region: str) -> None:
    with estate() as found:
        ids = protected(found, *USERS[:3])
        found.world.inject(Fault(DESCRIBE, "throttle", region, times=4))
        before = day(found)
        found.sweep()
        assert kept(found, "LAST")["complete"] is False
        assert day(found) == before
        found.sweep()
        assert figures(found) == (3, 3, 3, 100)
        after = day(found)
        found.pass_time(hours=24)
        found.world.inject(Fault(DESCRIBE, "throttle", region, times=4))
        found.notes.gauges.clear()
        found.sweep()
        assert day(found) == {}
        assert {name: found.notes.gauges[name] for name in PAIR} == {"CoveragePercent": 100, "ProtectedDesktops": 3}
        assert 86_400 < found.notes.gauges["CoverageAgeSeconds"] < 86_500
        assert found.item(str(after["pk"]), str(after["sk"])) == after
        assert len(ids) == 3


def uncovered_and_covered(found: Estate) -> None:
    """One desktop of three is covered: the other directory's one, and none of the first's two."""
    protected(found, USERS[0])
    found.world.add_directory(PRIMARY, OTHER, USERS)
    found.world.add_directory(DR, PARTNER, USERS)
    found.configure(directories={**found.parts.settings.directories, DirectoryId(OTHER): partner(PARTNER)})
    found.take_baselines()
    found.create(*USERS[:2], directory=OTHER)
    found.sweep()
    assert found.notes.gauges["CoveragePercent"] == 33.3


def partner(directory: str) -> Directory:
    return Directory(DirectoryId(directory))


def fail_scans(found: Estate, directory: str) -> None:
    """From now on the service does not answer for a directory."""
    real = found.world.call

    def call(where: str, operation: str, params: dict[str, object], principal: str | None = None) -> object:
        if operation == DESCRIBE and params.get("DirectoryId") == directory:
            raise ServiceError("InternalServerError", "not now", status=500)
        return real(where, operation, params, principal)

    found.world.call = call  # type: ignore[method-assign, assignment]


def gauges_of_a_sweep(found: Estate, *, hours: float) -> dict[str, float]:
    """What a sweep so many hours later tells."""
    found.pass_time(hours=hours)
    found.notes.gauges.clear()
    found.sweep()
    return found.notes.gauges


def test_a_directory_whose_scans_fail_counts_as_it_was_last_seen_and_after_days_nothing_is_told_of_the_pair() -> None:
    """Of the pair, the rest alone would be 100 percent: the alarm would end with the trouble's getting worse."""
    with estate() as found:
        uncovered_and_covered(found)
        fail_scans(found, OTHER)
        told = [gauges_of_a_sweep(found, hours=hours) | {} for hours in (1, 24, 48, 24)]
        assert [one.get("CoveragePercent") for one in told] == [33.3, 33.3, 33.3, None]
        assert [one.get("EligibleDesktops") for one in told] == [3, 3, 3, None]
        assert [int(one.get("CoverageAgeSeconds", 0) // 3600) for one in told] == [1, 25, 73, 0]
        assert any(f"no complete scan of {OTHER} for 3 days" in problem for problem in found.notes.problems)


def test_a_directory_that_no_day_has_seen_leaves_the_pair_untold_and_an_unmapped_one_is_none_of_it() -> None:
    with estate() as found:
        uncovered_and_covered(found)
        before = found.parts.settings.directories
        found.configure(directories={DirectoryId(HOME): before[DirectoryId(HOME)]})
        assert gauges_of_a_sweep(found, hours=1)["CoveragePercent"] == 100
        fail_scans(found, OTHER)
        found.world.add_directory(DR, "d-926722f014", USERS)
        found.configure(directories={**before, DirectoryId(OTHER): partner("d-926722f014")})
        # What was seen of it was so with its former partner.
        assert gauges_of_a_sweep(found, hours=1) == {"OrphanedStandbys": 0}


def test_after_midnight_the_pair_is_as_the_last_scans_of_the_day_before_saw_it_until_there_are_others() -> None:
    with estate() as found:
        found.pass_time(hours=24 - found.clock.now().hour - 5)
        uncovered_and_covered(found)
        day_before = found.clock.now().date()
        found.pass_time(hours=23.9 - found.clock.now().hour)
        # The first directory's part of the sweep ends before midnight, and the second's after it.
        execution, cursor = "sweep-over-midnight", None
        while cursor is None or cursor["at"] == 0:
            cursor = json.loads(json.dumps(found.sweep_part(execution, cursor, pages=2).answer()))["cursor"]
        found.pass_time(hours=0.2)
        assert found.clock.now().date() > day_before
        found.notes.gauges.clear()
        while cursor is not None:
            cursor = json.loads(json.dumps(found.sweep_part(execution, cursor).answer()))["cursor"]
        assert [found.notes.gauges[name] for name in ("CoveragePercent", "EligibleDesktops")] == [33.3, 3]


def test_the_last_complete_scan_of_a_day_wins_and_each_day_has_its_row() -> None:
    with estate() as found:
        found.pass_time(hours=24 - found.clock.now().hour - 4)
        protected(found, USERS[0])
        found.sweep()
        first = day(found)
        found.pass_time(hours=1)
        found.create(USERS[1])
        found.sweep()
        assert day(found)["sk"] == first["sk"]
        assert figures(found) == (2, 2, 1, 50)
        assert str(day(found)["scanned_at"]) > str(first["scanned_at"])
        found.pass_time(hours=24)
        found.sweep()
        assert day(found)["sk"] != first["sk"]
        assert found.item(str(first["pk"]), str(first["sk"]))["coverage_percent"] == 50


def test_a_scan_that_ended_earlier_does_not_write_over_a_later_one() -> None:
    with estate() as found:
        protected(found, *USERS[:2])
        found.sweep()
        later = day(found)
        book = CoverageBook(found.parts.table(), found.parts.settings, found.notes, found.parts.gates())
        earlier = found.clock.now() - timedelta(minutes=10)
        book.keep(DirectoryId(HOME), Coverage(), run="old", began_at=to_text(earlier), now=earlier)
        assert day(found) == later


def test_readmes_query_says_whether_everybody_was_covered_on_a_day() -> None:
    with estate() as found:
        protected(found, *USERS[:2])
        found.create(USERS[5])
        found.sweep()
        (query,) = [one for one in readme_queries() if one.name == "coverage"]
        replaced = {"Standby-us-east-1-us-west-2": TABLE, "2026-03-03": to_text(found.clock.now())[:10]}
        assert query.run(found.dynamodb, replaced) == [[HOME, "3", "2", "66.6", "0", day(found)["scanned_at"]]]


def test_a_row_that_cannot_be_read_is_a_desktop_that_is_not_known_to_be_covered() -> None:
    with estate() as found:
        one, _ = protected(found, *USERS[:2])
        row = found.item(one, STATE)
        spoilt = {name: TypeSerializer().serialize(value) for name, value in (row | {"status": "NEXT_YEARS"}).items()}
        found.dynamodb.put_item(TableName=TABLE, Item=spoilt)
        found.sweep()
        assert figures(found) == (2, 2, 1, 50)
        assert day(found)["by_status"] == {"PROTECTED": 1, "UNREADABLE": 1}


def test_a_coverage_row_by_hand_that_cannot_be_read_is_left_out_and_told() -> None:
    with estate() as found:
        protected(found, USERS[0])
        table, now = found.parts.table(), found.clock.now()
        table.put({"pk": coverage_key(DirectoryId(HOME)), "sk": day_key(now), "by_status": "all of them"})
        CoverageBook(found.parts.table(), found.parts.settings, found.notes, found.parts.gates()).tell(now, CONTEXT)
        assert any("cannot be read" in problem for problem in found.notes.problems)


def test_a_standby_in_a_directory_that_is_swept_is_no_desktop() -> None:
    """Two pairs that protect each other: the directory holds the other's standbys."""
    with estate() as found:
        swept(found)
        found.create_ready(USERS[0])
        mutual = {DirectoryId(HOME): replace(found.parts.settings.directories[DirectoryId(HOME)], mutual=True)}
        found.configure(directories=mutual)
        found.world.add_directory(PRIMARY, HOME, USERS)
        (other,) = [found.world.call(DR, "CreateWorkspaces", order(USERS[1]))["PendingRequests"][0]["WorkspaceId"]]
        found.pass_time(hours=2)
        request = {"PrimaryWorkspaceId": other, "DirectoryId": HOME}
        found.world.call(PRIMARY, "CreateStandbyWorkspaces", {"PrimaryRegion": DR, "StandbyWorkspaces": [request]})
        found.pass_time(hours=2)
        found.sweep()
        assert day(found)["primaries"] == 1


def order(user: str) -> dict[str, object]:
    return {"Workspaces": [{"DirectoryId": AWAY, "UserName": user, "BundleId": "wsb-windowsstandard"}]}


def test_a_desktop_that_two_pages_show_counts_once() -> None:
    with estate() as found:
        swept(found)
        found.create_ready(*USERS[:30])
        real = found.world.call
        pages: list[dict[str, object]] = []

        def call(where: str, operation: str, params: dict[str, object], principal: str | None = None) -> object:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE and where == PRIMARY and "DirectoryId" in params:
                pages.append(answer)
                answer["Workspaces"] = [*pages[0]["Workspaces"][:1], *answer["Workspaces"]]  # type: ignore[index]
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.sweep()
        assert len(pages) == 2
        assert day(found)["primaries"] == 30
