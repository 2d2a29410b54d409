"""The sweep: an existing fleet and its plan, lost events, what is not there any more, and the figures of a day."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from standby.core import plan as plans
from standby.core.model import DirectoryId, Status
from standby.core.settings import Directory, Settings
from standby.ledger.leases import SWEEP_LEASE, WATCH_LEASE
from standby.schedule import Round
from tests.component.estate import (
    AWAY,
    CREATE,
    DESCRIBE,
    DR,
    EXECUTION,
    HOME,
    PRIMARY,
    SWEEP,
    UNREACHABLE,
    USERS,
    Estate,
    refusal,
    settings,
)

OTHER, DR_DIRECTORY = DirectoryId("d-9067328a7c"), DirectoryId("d-926722f013")
BOTH = {HOME: Directory(AWAY), OTHER: Directory(DR_DIRECTORY)}
REPORTED, WELL = (Status.REPORTED, "EXISTING_FLEET"), (Status.PROTECTED, "STANDBY_READY")
GONE = (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
REGISTERED, LOST = "DescribeWorkspaceDirectories", "HOLD#DIRECTORY_NOT_REGISTERED"
LINUX, PRICES = {"BundleId": "wsb-ubuntustandard"}, {"STANDARD": Decimal("4.10")}
COMPLETE = "1 of 1 directories were scanned completely"


def kept(found: Estate, name: str) -> dict[str, Any]:
    """What the sweep keeps of the directory."""
    return found.item(f"SWEEP#{HOME}", name)


def planned(found: Estate) -> dict[str, Any]:
    return dict(kept(found, "BASELINE")["plan"])


def notice(found: Estate) -> dict[str, Any]:
    return found.item(f"FLEET#{HOME}", "EVENT#000001")


def stages(**counts: int) -> dict[str, int]:
    return {**dict.fromkeys(("reported", "waiting", "under_way", "protected", "other"), 0), **counts}


def test_the_watcher_is_started_once_in_a_part_for_what_a_sweep_holds_unless_one_is_at_work(found: Estate) -> None:
    found.create_ready(*USERS[:60])
    for _ in range(2):
        found.sweep()
        found.pass_time(hours=1)
    assert found.others.of("start_execution") == []
    found.accept()
    found.sweep()
    ((started),) = found.others.of("start_execution")
    assert (started["name"].partition("-")[0], started["input"]) == ("sweep", "{}")
    # They are held by now; the next that are held find a watcher at work.
    found.sweep()
    assert len(found.others.of("start_execution")) == 1


@pytest.mark.parametrize("is_at_work", [True, False])
def test_a_sweep_that_finds_a_watcher_at_work_or_cannot_start_one_continues(found: Estate, *, is_at_work: bool) -> None:
    ids = found.create_ready(*USERS[:2])
    for _ in range(2):
        found.sweep()
        found.pass_time(hours=1)
    found.accept()
    if is_at_work:
        found.deployed.lease(WATCH_LEASE).take(EXECUTION, 0)
        found.others.running.add(EXECUTION)
    else:
        found.others.problems["start_execution"] = refusal("ExecutionLimitExceeded")
    assert found.sweep()[-1].outcome == COMPLETE
    assert {found.status(one)[0] for one in ids} == {Status.HELD}
    assert found.others.of("start_execution") == []
    told = ["The watcher could not be started; its schedule starts it within 15 minutes: ExecutionLimitExceeded"]
    assert [problem.rpartition(": ")[0] for problem in found.notes.problems] == ([] if is_at_work else told)


def test_the_settings_by_which_sweeps_decide_are_kept_with_since_when(found: Estate) -> None:
    found.sweep()
    first = found.item("SETTINGS")
    assert Settings.from_document(json.loads(first["settings_json"])) == found.deployed.settings
    found.pass_time(hours=1)
    found.sweep()
    assert found.item("SETTINGS") == first
    found.configure(version="9", config_digest="abc", max_standbys=7)
    found.sweep()
    anew = found.item("SETTINGS")
    assert (anew["version"], anew["config_digest"]) == ("9", "abc")
    assert Settings.from_document(json.loads(anew["settings_json"])).max_standbys == 7
    assert anew["noted_at"] > first["noted_at"]


def test_settings_that_cannot_be_kept_stop_no_sweep(found: Estate) -> None:
    is_theirs = lambda call: call["Item"]["pk"] == {"S": "SETTINGS"}  # noqa: E731
    found.disturb("PutItem", refusal("ValidationException"), when=is_theirs)
    assert found.sweep()[-1].outcome == COMPLETE
    assert (found.item("SETTINGS"), len(found.notes.problems)) == ({}, 1)


def day(found: Estate, directory: str = HOME) -> dict[str, Any]:
    """Today's figures of a directory."""
    return found.item(f"COVERAGE#{directory}", f"DAY#{found.clock.now().date()}")


def figures(found: Estate) -> tuple[object, ...]:
    row = day(found)
    return tuple(row[name] for name in ("primaries", "eligible", "protected", "coverage_percent"))


def orphans(found: Estate) -> tuple[object, ...]:
    """Those of the day's row, and of the metrics."""
    row, gauges = day(found), found.notes.gauges
    named = [row.get(name) for name in ("orphans", "orphans_monthly_cost", "orphans_not_priced")]
    return (*named, gauges.get("OrphanedStandbys"), gauges.get("OrphansMonthlyCost"))


def sweeps(found: Estate, count: int = 3, **more: Any) -> None:
    """Sweep each hour: what is gone is so after two of them."""
    for _ in range(count):
        found.pass_time(hours=1)
        found.sweep(**more)


def map_both(found: Estate) -> None:
    found.world.add_directory(PRIMARY, OTHER, USERS)
    found.world.add_directory(DR, DR_DIRECTORY, USERS)
    found.configure(directories=BOTH)


def pages_fail(found: Estate, directory: str, times: int = 10**6) -> None:
    """From now on no page of a directory comes."""
    found.disturb(DESCRIBE, UNREACHABLE, when=lambda one: one.get("DirectoryId") == directory, times=times)


# The existing fleet


def test_the_first_complete_scan_leaves_the_plan_and_notifies_once() -> None:
    found = Estate(settings(prices=PRICES), standby_quota=50)
    *_, has = found.create_ready(*USERS[:31])
    item = {"PrimaryWorkspaceId": has, "DirectoryId": AWAY}
    found.world.call(DR, CREATE, {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [item]})
    found.pass_time(hours=1)
    found.sweep()
    plan = planned(found)
    assert [plan[name] for name in ("would_get", "has", "quota", "standbys", "room")] == [30, 1, 50, 1, 49]
    assert (plan["monthly_cost"], plan["cannot"]) == ("123.00", {})
    assert plan["message"].endswith(f"Nothing is created before you accept the directory: `standby accept {HOME}`.")
    event, baseline = notice(found), kept(found, "BASELINE")
    assert (event["reason_code"], event["notice"], event["status"]) == ("FLEET_FOUND", True, "REPORTED")
    assert (event["message"], baseline["progress"]) == (baseline["plan"]["message"], stages(reported=30))
    sweeps(found, 1)
    taken = kept(found, "BASELINE")
    sweeps(found, 1)
    assert kept(found, "BASELINE") == taken  # nothing has changed, and nothing is written
    found.create_ready(USERS[40])
    found.sweep()
    assert notice(found) == event
    found.accept(by="al")
    older = plan | {"message": plan["message"].replace("standby accept", "aws dynamodb update-item")}
    found.table.set(f"SWEEP#{HOME}", "BASELINE", {"plan": older})  # as the version before has written it
    sweeps(found, 1)
    accepted = plan["message"].partition("Nothing is created before")[0] + plans.accepted(" by al")
    assert planned(found) == plan | {"message": accepted}  # as it was read
    assert kept(found, "BASELINE")["plan_at"] == baseline["plan_at"]
    assert len(found.calls()) == 2  # the one that was there before, and that for the new desktop


def test_a_sweep_that_dies_after_the_notice_takes_no_baseline_and_gives_no_second_one(found: Estate) -> None:

    def die() -> None:
        raise KeyboardInterrupt

    found.create_ready(*USERS[:3])
    for operation, word in (("PutItem", "FLEET#"), ("UpdateItem", "SET #0")):
        found.disturb(operation, die, when=lambda given, word=word: word in str(given))  # type: ignore[misc]
        with pytest.raises(KeyboardInterrupt):
            found.sweep(SWEEP)
        found.between = None
        assert kept(found, "BASELINE").keys() == {"pk", "sk", "dr_directory_id"}
        assert (notice(found) != {}) is (operation == "UpdateItem")
    before = notice(found)
    assert found.sweep(SWEEP)[-1].outcome == COMPLETE
    assert (notice(found), planned(found)["would_get"]) == (before, 3)
    assert kept(found, "BASELINE")["first_run"] == SWEEP


def test_a_quota_that_is_not_known_is_what_it_was_an_hour_ago() -> None:
    found = Estate(standby_quota=50)
    found.create_ready(USERS[0])
    found.sweep()
    found.world.settings.change(quota_answers="throttle")
    sweeps(found, 1)
    assert planned(found)["quota"] == 50
    assert any(
        problem.startswith("The quota of standbys could not be read from Service Quotas: TooMany")
        for problem in found.notes.problems
    )


def test_how_far_a_backfill_has_come_is_in_the_row_and_in_metrics_of_complete_sweeps(found: Estate) -> None:
    found.create_ready(*USERS[:3])
    gauges = found.notes.gauges
    named = ("ExistingReported", "BackfillWaiting", "BackfillUnderWay", "BackfillProtected")
    for expected in (stages(reported=3), stages(waiting=3)):
        assert not set(named) & gauges.keys()  # nothing is published, and billed, before it begins
        found.sweep()
        found.accept()
        assert kept(found, "BASELINE")["progress"] == expected
    assert [gauges[name] for name in named] == list(expected.values())[:4]
    gauges.clear()
    pages_fail(found, HOME, times=4)
    found.sweep()
    assert not set(named) & gauges.keys()


# What is left to others


def test_what_is_held_is_left_to_the_watcher(found: Estate) -> None:
    found.take_baselines()
    found.configure(max_standbys=0)
    ids = found.create_ready(*USERS[:30])
    found.protect(*ids)
    before = [found.row(one) for one in ids]
    found.world.calls.clear()
    assert found.sweep()[-1].ready == ()
    assert [found.row(one) for one in ids] == before
    assert {call.operation for call in found.world.calls} == {DESCRIBE, REGISTERED}


def test_calls_are_a_second_apart_and_two_beside_a_watcher(found: Estate) -> None:
    found.create_ready(*USERS[:60])
    assert seconds_between_calls(found) == {1}
    watcher = found.deployed.lease(WATCH_LEASE)
    assert watcher.take(EXECUTION, 0)
    assert seconds_between_calls(found) == {2}
    watcher.give_up(EXECUTION)
    asks_for_the_lock = {"pk": {"S": WATCH_LEASE}, "sk": {"S": WATCH_LEASE}}
    found.disturb(
        "BatchGetItem",
        UNREACHABLE,
        when=lambda one: asks_for_the_lock in one["RequestItems"][found.deployed.variable("LEDGER_TABLE")]["Keys"],
    )
    assert seconds_between_calls(found) == {2}


def seconds_between_calls(found: Estate) -> set[float]:
    """Between two calls of a sweep, whatever the Region."""
    found.world.calls.clear()
    found.sweep()
    return {round((later.at - call.at).total_seconds()) for call, later in pairwise(found.world.calls)}


# What is not there any more


@pytest.mark.parametrize("calls", [None, 8])
def test_what_two_sweeps_in_a_row_have_missed_is_gone(found: Estate, calls: int | None) -> None:
    ids = found.protected(*USERS[:30])
    gone, missing, orphaned = ids[3], ids[4], ids[5]
    for one in (gone, missing):
        found.world.terminate(str(found.row(one).standby_id))
    for one in (gone, orphaned):
        found.world.terminate(one)
    found.pass_time(hours=1)
    found.world.calls.clear()
    assert len(found.sweep(calls=calls)) > (1 if calls else 0)
    assert {found.status(one) for one in ids} == {WELL}
    looked = [call for call in found.calls(DESCRIBE, PRIMARY) if "WorkspaceIds" in call.params][-3:]
    # Three lookups by id of what the last one did not show, some seconds apart: listings may be behind.
    ids_of = [set(call.params["WorkspaceIds"]) for call in looked]
    assert ids_of == [{gone, missing, orphaned}, {gone, orphaned}, {gone, orphaned}]
    assert all(later.at - earlier.at >= timedelta(seconds=5) for earlier, later in pairwise(looked))
    sweeps(found, 1, calls=calls)
    assert found.status(gone) == GONE
    assert found.status(missing) == (Status.STANDBY_MISSING, "STANDBY_GONE")
    assert found.status(orphaned) == (Status.PRIMARY_GONE, "ORPHANED")
    assert {found.status(one) for one in ids if one not in (gone, missing, orphaned)} == {WELL}


@pytest.mark.parametrize("failing", [HOME, AWAY, "WorkspaceIds"])
def test_an_incomplete_scan_concludes_nothing_and_is_no_sign_of_life(found: Estate, failing: str) -> None:
    one, *_ = found.protected(*USERS[:3])
    found.sweep()
    before, beats, version = day(found), len(found.others.of("put_metric_data")), found.row(one).version
    assert beats == 2  # one in each Region
    found.world.terminate(one)
    found.disturb(DESCRIBE, UNREACHABLE, when=lambda given: failing in (given.get("DirectoryId"), *given), times=999)
    sweeps(found)
    assert (found.status(one), found.row(one).version) == (WELL, version)
    if failing == "WorkspaceIds":
        return
    side = "own" if failing == HOME else "dr"
    problem = f'{side} side: EndpointConnectionError: Could not connect to the endpoint URL: "x"'
    assert (kept(found, "LAST")["complete"], kept(found, "LAST")["problem"]) == (False, problem)
    assert f"The scan of {HOME} is incomplete: {problem}" in found.notes.problems
    assert (day(found), len(found.others.of("put_metric_data"))) == (before, beats)
    assert found.notes.counts["DirectoriesIncomplete"] == 3


def test_the_rows_of_a_directory_that_is_not_mapped_any_more_say_so_and_it_begins_anew(found: Estate) -> None:
    map_both(found)
    has, *_ = found.protected(USERS[0], directory=OTHER)
    (lacks,) = found.create_ready(USERS[1], directory=OTHER)
    found.configure(max_standbys=0)
    found.protect(lacks)
    found.configure(directories={HOME: BOTH[HOME]})
    for _ in range(2):
        found.sweep()
        assert found.status(has) == (Status.PROTECTED, "MAPPING_REMOVED")
        assert found.status(lacks) == (Status.INELIGIBLE, "DIRECTORY_NOT_MAPPED")
    assert found.item(f"SWEEP#{OTHER}", "BASELINE")["dr_directory_id"] == "-"
    found.configure(directories=BOTH)
    found.sweep()
    assert (found.status(has), found.status(lacks)) == (WELL, REPORTED)


# The figures


def test_a_fleets_coverage_is_a_row_of_the_day_and_metrics_of_the_pair(found: Estate) -> None:
    found.create_ready(*USERS[:4])
    found.create_ready(USERS[5], **LINUX)
    found.sweep()
    assert figures(found) == (5, 0, 0, 100)
    found.accept()
    found.sweep()
    found.watch(hours=2)
    unreadable = found.create_ready(USERS[6])[0]
    found.put(unreadable, "STATE", status="NEXT_YEARS")
    found.sweep()
    assert figures(found) == (6, 5, 4, 80)
    assert day(found)["by_status"] == {"PROTECTED": 4, "INELIGIBLE": 1, "UNREADABLE": 1}
    published = {"CoveragePercent": 80, "CoverageOfAllPercent": 66.6, "CoverageAgeSeconds": 0}
    published |= {"EligibleDesktops": 5, "ProtectedDesktops": 4, "DriftedStandbys": 0}
    assert {name: found.notes.gauges[name] for name in published} == published


def test_of_a_directory_whose_scan_fails_the_last_complete_one_counts_for_three_days(found: Estate) -> None:
    """The rest alone would be 100 percent: the alarm would end with the trouble's getting worse."""
    map_both(found)
    found.protected(USERS[0])
    found.create(*USERS[:2], directory=OTHER)
    found.sweep()
    pages_fail(found, OTHER)
    published = []
    for hours in (1, 24 * 4):
        found.notes.gauges.clear()
        found.pass_time(hours=hours)
        found.sweep()
        gauges = found.notes.gauges
        published.append((gauges.get("CoveragePercent"), gauges.get("CoverageAgeSeconds", 0) // 3600))
    assert published == [(33.3, 1), (None, 0)]
    assert found.notes.problems[-1].endswith(f"its metrics are not published: no complete scan of {OTHER} for 3 days")
    found.put(f"COVERAGE#{HOME}", f"DAY#{found.clock.now().date()}", by_status="all of them")
    pages_fail(found, HOME)
    found.sweep()
    assert any("cannot be read" in problem for problem in found.notes.problems)


def test_old_data_is_notified_once_a_day_for_the_pair(found: Estate) -> None:
    found.configure(directories={HOME: Directory(AWAY, data_replication="PRIMARY_AS_SOURCE")})
    found.protected(USERS[0])
    found.configure(rpo=timedelta(0))
    sweeps(found, 3)
    assert found.notes.counts["SweepIntervalSeconds"] == 2 * 3603  # a sweep of this fleet takes three seconds
    (event,) = found.history("HOLD#REPLICATION_STALE")
    assert "Standbys of this pair whose data is missing or older than 0 hours: 1." in event["message"]
    assert (found.notes.gauges["StaleStandbys"], day(found)["stale"]) == (1, 1)


def test_who_uses_pcoip_is_in_plan_and_figures_and_notified_once_a_quarter_of_a_year_ahead(found: Estate) -> None:
    one, *_ = found.create_ready(*USERS[:2], WorkspaceProperties={"Protocols": ["PCOIP"]})
    found.create_standby(one)
    before = "Desktops use PCoIP, which AWS discontinues. PCoIP ends on 2027-10-31. Primaries that use it: 2. Standbys"
    for days, notices, ends in ((1, 0, "ends"), (570, 0, "ends"), (1, 1, "ends"), (92, 1, "ends"), (1, 1, "ended")):
        found.pass_time(days=days)
        found.sweep()
        assert [event["day"] for event in found.history("HOLD#PCOIP_ENDS")] == ["2027-07-31"] * notices
        assert (day(found)["pcoip_primaries"], day(found)["pcoip_standbys"]) == (2, 1)
        assert f"cannot have one. {before.replace('ends', ends)} that use it: 1. " in planned(found)["message"]
    assert found.history("HOLD#PCOIP_ENDS")[0]["message"] == f"{before} that use it: 1."


def test_a_mapped_directory_that_is_not_registered_is_notified_once_a_day_and_one_odd_answer_says_nothing(
    found: Estate,
) -> None:
    map_both(found)
    found.create(USERS[0], directory=HOME)
    found.world.set_directory(DR, AWAY, state="DEREGISTERED")
    found.world.set_directory(PRIMARY, OTHER, state="ERROR")
    found.world.set_directory(DR, DR_DIRECTORY, state="REGISTERING")
    found.pass_time(minutes=5)
    denied = found.disturb(REGISTERED, UNREACHABLE, times=2)
    for hour in range(5):
        if hour == 2:
            found.disturb(REGISTERED, UNREACHABLE, times=2)
        found.sweep()
        assert len(found.history(f"{LOST}#{AWAY}")) == (hour > 2)  # two answers lack it by then; none is no news
        found.pass_time(hours=1)
    assert [one["DirectoryIds"] for one in denied[:2]] == [sorted(BOTH), sorted([AWAY, DR_DIRECTORY])]
    assert (
        f"The registration of {AWAY}, {DR_DIRECTORY} in {DR} could not be read: Endpoint"
        in found.notes.problems[1][:99]
    )
    notices = {
        one: [event["message"] for event in found.history(f"{LOST}#{one}")] for one in (*BOTH, AWAY, DR_DIRECTORY)
    }
    words = "A mapped directory is not registered with WorkSpaces."
    gone = f"{words} {AWAY} in {DR} is not returned by {REGISTERED}."
    assert notices == {
        HOME: [],
        OTHER: [f"{words} {OTHER} in {PRIMARY} is in state ERROR."],
        AWAY: [gone],
        DR_DIRECTORY: [],
    }
    found.pass_time(days=1)
    for odd, notices_of_it in ((True, 0), (False, 0), (True, 0), (True, 1)):
        found.between = (lambda sent, _, go: {"Directories": []} if sent == REGISTERED else go()) if odd else None
        found.sweep()
        assert len(found.history(f"{LOST}#{DR_DIRECTORY}")) == notices_of_it
    assert len(found.history(f"{LOST}#{AWAY}")) == 2
    assert found.history(f"{LOST}#{HOME}") == []  # it has a WorkSpace


def test_orphans_and_what_they_cost_are_figures_of_the_day_and_of_the_pair(found: Estate) -> None:
    found.configure(prices=PRICES)
    gone = found.protected(*USERS[:8])[:2]
    for one in gone:
        found.world.terminate(one)
    sweeps(found, 2, calls=12)
    assert {found.status(one) for one in gone} == {(Status.PRIMARY_GONE, "ORPHANED")}
    assert orphans(found) == (2, "8.20", 0, 2, 8.2)
    before = day(found)
    assert (before["standbys"], before["standbys_monthly_cost"], before["standbys_not_priced"]) == (6, "24.60", 0)
    pages_fail(found, HOME, times=4)
    found.sweep()
    assert day(found) == before
    found.notes.gauges.clear()
    found.configure(prices={"POWER": Decimal(9)})
    sweeps(found, 1)
    assert orphans(found) == (2, None, 2, 2, None)  # what has no price is named, and not counted as 0
    found.configure(prices=PRICES)
    for one in gone:
        found.world.terminate(str(found.row(one).standby_id))
    sweeps(found, 3)
    assert ({found.status(one) for one in gone}, orphans(found)) == ({GONE}, (0, "0.00", 0, 0, 0))


# Over many invocations


def test_a_scan_in_many_parts_is_concluded_as_one_though_each_is_done_twice(found: Estate) -> None:
    ids = found.create_ready(*USERS)
    parts: list[Round] = []
    handed_on: list[int] = []
    while not parts or not parts[-1].done:
        parts.append(found.sweep_part(SWEEP, len(parts), calls=4))
        assert found.sweep_part(SWEEP, len(parts) - 1, calls=4) == parts[-1]
        handed_on.append(len(str(found.item("LEASE#SWEEP", "LEASE#SWEEP"))))
    assert (len(parts) > 2, parts[-1].outcome) == (True, COMPLETE)
    assert max(handed_on) < 1_000  # ids are kept in the ledger
    assert kept(found, "LAST")["sizes"] == {"dr": 0, "own": 100}
    assert (figures(found)[0], planned(found)["would_get"]) == (100, 100)
    assert {len(found.history(one)) for one in ids} == {1}
    assert {found.status(one) for one in ids} == {REPORTED}


@pytest.mark.parametrize("change", ["fields", "directories"])
def test_from_a_cursor_of_another_form_a_sweep_begins_anew(found: Estate, change: str) -> None:
    found.create_ready(*USERS[:60])
    assert not found.sweep_part(SWEEP, 0, calls=5).done
    if change == "directories":
        map_both(found)
    else:
        lease = found.deployed.lease(SWEEP_LEASE)
        turn = lease.take(SWEEP, 1)
        assert turn
        assert turn.cursor
        lease.keep(replace(turn, number=0), {**turn.cursor, "next_years": 1})
    pages = found.disturb(DESCRIBE, lambda: None, when=lambda given: given["DirectoryId"] == HOME)
    assert found.sweep_part(SWEEP, 1).done
    assert kept(found, "LAST")["sizes"]["own"] == 60
    assert [("NextToken" in page) for page in pages if page["DirectoryId"] == HOME] == [False, True, True]


def test_a_scan_of_which_another_run_has_written_over_a_part_concludes_nothing(found: Estate) -> None:
    one, *_ = found.protected(*USERS[:30])
    found.sweep()
    found.world.terminate(one)
    sweeps(found, 1)
    another = {"sk": "own#00000", "run": "another", "seen": ""}
    found.disturb("GetServiceQuota", lambda: found.put(f"SWEEP#{HOME}", **another))
    found.sweep()
    assert f"The stored scan of {HOME} belongs to another run, so nothing is concluded from it" in found.notes.problems
    assert found.status(one) == WELL
