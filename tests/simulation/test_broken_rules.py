"""That the simulation can fail: each rule is broken in the product's own code, and the check that is meant says so."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from local.workspaces import Fault
from standby.core.model import Status
from standby.core.row import Kind
from tests.simulation import breaks, faults
from tests.simulation.breaks import Break, forgetting, without_events
from tests.simulation.convergence import check_end
from tests.simulation.days import CREATE, DAYS
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, OneFault
from tests.simulation.scenarios import EXPLAINED, SCENARIOS, are, covered, must, settle, standing
from tests.simulation.simulation import AWAY, DR, PRIMARY, USERS, Simulation, Violated

Lived = Callable[[Deployment], object]


def some(count: int = 3, fault: str = "", **world: Any) -> Lived:
    """A day on which some desktops are made, and a request meets a fault if that is said."""

    def run(deployment: Deployment) -> None:
        plan = OneFault(CREATE, fault, times=1) if fault else None
        found = Simulation(deployment, plan=plan, **world)
        settle(found, covered(found.create(*USERS[:count])))

    return run


def day(name: str) -> Lived:
    """A day of the fault matrix, on which nothing goes wrong but what belongs to it."""
    (found,) = [one for one in DAYS if one.name == name]
    return lambda deployment: found.begin(deployment, "permits").live(lambda: True)


ordinary, existing = day("ordinary"), day("existing")
throttled = some(fault=faults.THROTTLED)
slow = some(25, latency=8.0)


def all_are_looked_for(deployment: Deployment) -> None:
    """Calls are slow, and each request is preceded by a lookup: the directory also holds standbys."""
    directories = {
        one: dataclasses.replace(found, mutual=True) for one, found in deployment.settings.directories.items()
    }
    run = Simulation(deployment, latency=8.0, settings={"directories": directories})
    ids = run.create(*USERS[:25])
    run.run(6)
    check_end(run, covered(ids))


def a_long_boot(deployment: Deployment) -> None:
    """A desktop takes hours to be ready."""
    run = Simulation(deployment, boot_seconds=9000)
    ids = run.create(USERS[0])
    run.run(2.1)
    must(len(run.machines.running) == 1, f"{len(run.machines.running)} watchers at once")
    settle(run, covered(ids))


def unclear(deployment: Deployment, relation_lag_seconds: float) -> tuple[Simulation, str]:
    """A run in which the only request has just taken effect, and not said so."""
    plan = OneFault(CREATE, faults.READ_TIMEOUT_AFTER, times=1)
    run = Simulation(deployment, plan=plan, relation_lag_seconds=relation_lag_seconds)
    (one,) = run.create(USERS[0])
    run.run(2, lambda: bool(run.world.standbys()))
    return run, one


def one_answer_leaves_out(deployment: Deployment) -> None:
    """An unclear request's first lookup is late, and misses what the next one shows."""
    run, one = unclear(deployment, 7200)
    run.world.inject(Fault("DescribeWorkspaces", "throttle", DR, until=run.in_hours(16 / 60)))
    run.hide(DR, 20 / 60, USERS[0])
    settle(run, covered([one]))


def a_claim_is_given_up(deployment: Deployment) -> None:
    """A primary goes while its request is unclear and its standby hidden; the user gets another desktop."""
    run, old = unclear(deployment, 86_400)
    run.hide(DR, 6, USERS[0])
    run.world.terminate(old)
    run.run(6)
    are(run, [old], Status.TIMED_OUT)
    (new,) = run.create(USERS[0])
    settle(run, {old: (Status.TIMED_OUT, Status.PRIMARY_GONE), new: EXPLAINED}, hours=60, at_least=8)


def an_answer_of_the_sweep_is_lost(deployment: Deployment) -> None:
    """No event comes, and a sweep's part dies when it has kept where the next one goes on."""
    plan = OneFault(Call("sweep", "dynamodb", PRIMARY, "UpdateItem", "LEASE#SWEEP"), faults.KILLED_AFTER, times=1)
    run = Simulation(deployment, plan=plan, trail=lambda _: [])
    ids = run.create(*USERS[:50])
    run.run(1.2)
    must(set(run.audit.rows) == set(ids), "the sweep has not found all of them")
    settle(run, covered(ids))


def pages_leave_out_a_desktop(deployment: Deployment) -> None:
    """Two sweeps' pages do not show a desktop, and lookups by its id do."""
    run, ids = standing(deployment)
    for _ in range(2):
        run.world.inject(Fault("DescribeWorkspaces", "hide", PRIMARY, user=USERS[0], times=1))
        run.run(1)
    check_end(run, covered(ids))


def unwell_for_one_sweep(deployment: Deployment) -> None:
    """A standby is in ERROR for an hour."""
    run, ids = standing(deployment, 2)
    standby = run.audit.rows[ids[0]]["standby_id"]
    run.world.set_state(standby, "ERROR")
    run.run(1)
    run.world.set_state(standby, "AVAILABLE")
    settle(run, covered(ids), at_least=5)
    must(not run.topic.notices, "somebody was notified")


def a_primary_goes_while_no_scan_is_complete(deployment: Deployment) -> None:
    """The DR Region throttles the sweep's pages, and a primary is terminated."""
    run, ids = standing(deployment)
    run.world.inject(Fault("DescribeWorkspaces", "throttle", DR, when=lambda params: "DirectoryId" in params))
    run.world.terminate(ids[0])
    run.run(8)
    check_end(run, covered(ids))


def a_standby_goes(deployment: Deployment) -> None:
    """A standby is terminated, and no event tells of it."""
    run, (one, *rest) = standing(deployment)
    run.world.terminate(run.audit.rows[one]["standby_id"])
    run.run(10)
    check_end(run, covered(rest))


def a_standby_goes_while_it_starts(deployment: Deployment) -> None:
    """A standby is terminated before it is ready, and its primary goes on naming it."""
    run = Simulation(deployment, standbys_keep_relation=True)
    ids = run.create(USERS[0])
    run.run(2, lambda: bool(run.world.standbys()))
    run.world.terminate(run.world.standbys()[0].workspace_id)
    run.run(3)
    check_end(run, dict.fromkeys(ids, (Status.TIMED_OUT,)))


def a_standby_fails(deployment: Deployment) -> None:
    """A standby ends in ERROR."""
    run = Simulation(deployment)
    run.world.fail_standby_of(USERS[0])
    settle(run, dict.fromkeys(run.create(USERS[0]), (Status.FAILED,)))


def refused_for_longer_than_a_day(deployment: Deployment) -> None:
    """A day, and some hours of the next, on which the service refuses it: the sweep has it tried again."""
    run = Simulation(deployment)
    run.world.inject(Fault(CREATE.operation, "fail_item", code="Unsupported", message="Not offered."))
    ids = run.create(USERS[0])
    run.run(26)
    must(run.audit.calls[CREATE] <= 2, f"{run.audit.calls[CREATE]} requests in 26 hours")
    check_end(run, dict.fromkeys(ids, (Status.REJECTED,)))


def nothing_is_described(deployment: Deployment) -> None:
    """DescribeWorkspaces is throttled for half an hour."""
    run = Simulation(deployment)
    run.disturb(faults.THROTTLED, minutes=(0, 30), matches=lambda call: call.operation == "DescribeWorkspaces")
    settle(run, covered(run.create(*USERS[:3])))


def a_fleet_is_accepted(deployment: Deployment) -> None:
    """More than may be under way at once are accepted."""
    run = Simulation(deployment, is_known=False, trail=lambda _: [], settings={"backfill_in_flight": 3})
    ids = run.create(*USERS[:12])
    run.run(2.5)
    run.accept()
    while len(run.world.standbys()) < len(ids):
        run.run(1 / 60)
        must(len(run.audit.open_rows) <= 3, f"{len(run.audit.open_rows)} are under way, 3 may be")
    settle(run, covered(ids), at_least=run.hours + 2)


def nothing_is_to_be_changed(deployment: Deployment) -> None:
    """The product only observes."""
    run = Simulation(deployment, settings={"mode": "observe"})
    run.audit.observes_since = run.began
    ids = run.create(*USERS[:3])
    run.run(2)
    check_end(run, dict.fromkeys(ids, (Status.HELD,)))


def one_is_a_standby_of_over_there(deployment: Deployment) -> None:
    """A directory holds a standby of the other direction's pair beside a primary."""
    run = Simulation(deployment)
    (primary,) = run.create(USERS[1], region=DR, directory=AWAY)
    one, other = run.create(*USERS[:2])
    standby = run.world.workspace(other)
    standby.primary_id, standby.primary_region = primary, DR
    settle(run, covered([one]))


HASTY = "was not missed by two complete scans"
NOT_ELIGIBLE = "what_cannot_have_a_standby_gets_no_request"
ORPHAN = "an_orphan_missed_by_one_sweep_keeps_its_users_claim"
FIFTY = "fifty_deliveries_at_once_of_a_ready_desktop"
COVERAGE = "coverage_is_true_whatever_becomes_of_the_sweep"
MIGRATED = "a_migrated_primary_and_its_predecessor_point_to_each_other"
LATE = {"relation_lag_seconds": 600}

# What is broken, the day or the scenario that shows it, and what the check that is to notice says (an expression).
BROKEN: list[tuple[Break, Lived | str, str]] = [
    (breaks.a_timeout_is_taken_for_a_refusal, some(fault=faults.READ_TIMEOUT_AFTER, **LATE), "two standbys: "),
    (breaks.a_5xx_is_taken_for_a_refusal, some(fault=faults.ERROR_AFTER, **LATE), "two standbys: "),
    (breaks.what_an_answer_leaves_out_is_taken_for_refused, some(fault=faults.EMPTY, **LATE), "two standbys: "),
    (breaks.a_throttle_is_no_doubt, some(fault=faults.THROTTLED_AFTER, relation_lag_seconds=1200), "two standbys: "),
    (breaks.lookups_count_at_once, some(fault=faults.THROTTLED_AFTER, visibility_lag_seconds=600), "two standbys: "),
    (breaks.lookups_count_at_once, some(fault=faults.READ_TIMEOUT_AFTER, visibility_lag_seconds=600), "two standbys"),
    (breaks.one_lookup_is_enough, one_answer_leaves_out, "two standbys: "),
    (breaks.one_lookup_at_once_is_enough, some(fault=faults.READ_TIMEOUT_LATE), "two standbys: "),
    (breaks.a_claim_that_was_given_up_is_forgotten, a_claim_is_given_up, "is given up by .*, and does not say so"),
    (breaks.a_claim_that_was_given_up_is_for_everybody, a_claim_is_given_up, "two standbys: "),
    (breaks.lookups_leave_no_time, all_are_looked_for, "is WAITING .* not .*PROTECTED"),
    (breaks.a_claim_that_ends_is_used, slow, "with a claim that ends at"),
    (breaks.nothing_is_claimed, FIFTY, "is requested with a claim that ends at None"),
    (breaks.versions_do_not_count, FIFTY, "event EVENT#000001 was overwritten"),
    (breaks.a_pause_is_not_read, "a_pause_between_two_calls_of_a_batch", "60 of 60 were asked for before the pause"),
    (breaks.a_pause_is_not_read, "reads_of_the_pause_that_say_nothing", "a create at .*, paused since"),
    (breaks.a_pause_is_not_read, nothing_is_to_be_changed, "a create at .*, only observing since"),
    # What is asked for, and how often.
    (breaks.what_is_refused_is_tried_by_each_sweep, refused_for_longer_than_a_day, "requests in 26 hours"),
    # No answer speaks of what was asked for, so that each desktop's user is looked for.
    (
        breaks.calls_are_not_paced,
        some(160, throttling=False, omission=1.0, relation_lag_seconds=1800),
        "451 calls in 0:05:00 in us-west-2",
    ),
    (breaks.an_operating_system_is_no_obstacle, ordinary, "a standby for a Linux desktop"),
    (breaks.a_compute_type_is_no_obstacle, NOT_ELIGIBLE, "a standby for a GENERALPURPOSE_4XLARGE desktop"),
    (breaks.a_key_is_not_needed, NOT_ELIGIBLE, "a standby without a key for an encrypted desktop"),
    (breaks.a_standby_is_taken_for_a_primary, one_is_a_standby_of_over_there, "a standby for a standby"),
    (breaks.a_rule_excludes_nobody, ordinary, "a standby for a desktop that exclude excludes"),
    (breaks.a_cap_is_not_minded, "the_daily_cap_in_the_middle_of_a_batch", "4 new standbys on .*, 3 is the most"),
    # Conclusions: hasty ones, and one that is never drawn.
    (breaks.a_hidden_primary_is_taken_for_gone, "the_primary_region_shows_nothing_for_an_hour", HASTY),
    (breaks.figures_are_kept_of_any_scan, COVERAGE, "figures of a scan that is not complete"),
    (breaks.an_incomplete_scan_is_counted, COVERAGE, "figures of a part of the fleet"),
    (breaks.one_listing_decides, "an_outage_at_the_first_sweep_makes_nobody_new", "not all REPORTED"),
    (breaks.a_miss_of_one_counts_for_both, ORPHAN, f"PRIMARY_TERMINATED.* {HASTY}"),
    (breaks.one_sweep_is_enough, "a_desktop_missed_by_a_sweep_and_its_standby_by_the_next", f"ORPHANED.* {HASTY}"),
    (breaks.an_incomplete_scan_is_concluded_from, a_primary_goes_while_no_scan_is_complete, "but by none"),
    (breaks.an_empty_directory_is_believed, "a_region_that_shows_nobody_for_three_hours_takes_nothing_away", HASTY),
    (breaks.claims_are_given_back_with_orphans, ORPHAN, "gives its user's claim back, though"),
    (breaks.nobody_looks_for_missing_standbys, a_standby_goes, "is PROTECTED by .*, which 5 complete scans"),
    (breaks.one_that_is_shown_is_gone, ordinary, f"PRIMARY_GONE .* {HASTY}"),
    (
        breaks.who_is_gone_stays_gone,
        "one_that_is_taken_for_gone_and_shown_again_gets_no_second_standby",
        "is PRIMARY_GONE .* not .*PROTECTED",
    ),
    (breaks.what_pages_miss_is_not_asked_for, pages_leave_out_a_desktop, "is PRIMARY_GONE .* not .*PROTECT"),
    (breaks.a_standby_is_lost_at_first_sight, unwell_for_one_sweep, "somebody was notified"),
    # When rows are due, and who sees to them.
    (breaks.open_rows_are_left_lying, throttled, "is WAITING, due .* and not looked at since"),
    (breaks.a_shard_is_left_out, some(12), "is WAITING, due .* and not looked at since"),
    (breaks.each_shard_is_asked_twice, some(12), "queries in a round of watch"),
    (breaks.looks_are_far_apart, throttled, "is WAITING, due [^,]+$"),
    (breaks.whoever_holds_a_lease_is_taken_for_dead, a_long_boot, "watchers at once"),
    (breaks.a_part_again_goes_on_after_itself, an_answer_of_the_sweep_is_lost, "the sweep has not found all of them"),
    # What the ledger says.
    (breaks.an_existing_fleet_is_not_asked_about, "an_existing_fleet_is_reported_and_nothing_more", "all REPORTED"),
    (breaks.who_is_under_way_no_longer_is_counted_on, existing, "COUNTER#UNDER_WAY is 2 and counts 1"),
    (breaks.who_is_under_way_takes_no_room, a_fleet_is_accepted, "6 are under way, 3 may be"),
    (breaks.places_are_not_given_back, "the_quota_used_up_by_a_call_and_then_raised", "TOTAL is 25 and counts 24"),
    (breaks.what_is_gone_gives_its_day_back, "a_clean_up_tool_against_recreate_missing", "#DAY#.* is 2 and counts 3"),
    (breaks.what_is_made_again_is_not_counted, "a_clean_up_tool_against_a_person", "#DAY#.* is 3 and counts 4"),
    (breaks.users_are_not_claimed, throttled, "has CLAIM#.*, which is -'s"),
    (breaks.claims_are_not_given_back, throttled, "whose row denies it"),
    (breaks.what_is_going_is_well, a_standby_goes_while_it_starts, "is PROTECTED by .*, which is no standby of it"),
    (breaks.what_is_starting_is_well, throttled, "is PROTECTED by .*, which is no standby of it"),
    (without_events(Status.WAITING), ordinary, "is of version 1, and its story has 0 events"),
    (without_events(Status.PROTECTED), ordinary, "is of version 4, and its story has 3 events"),
    (breaks.events_leave_something_out, ordinary, r"and its row differ in \['standby_id'\]"),
    (breaks.events_forget_where_they_come_from, ordinary, "comes from INELIGIBLE"),
    # What people are told.
    (breaks.nothing_is_announced, throttled, "never on the bus: "),
    (breaks.notices_are_not_sent, a_standby_fails, "1 notices are due for .*, 0 were sent"),
    (breaks.notices_are_sent_twice, a_standby_fails, "1 notices are due for .*, 2 were sent"),
    (breaks.everything_is_a_notice, ordinary, "0 notices are due for .*, 4 were sent"),
    (breaks.an_unknown_answer_ends_an_invocation, nothing_is_described, "left in the dead-letter queue"),
    (breaks.nothing_asks_for_a_notice, a_standby_fails, "is FAILED .*, and nobody was told"),
    (breaks.what_was_notified_is_forgotten, refused_for_longer_than_a_day, "was told of SERVICE_REFUSED 2 times"),
    (forgetting(Kind.STANDBY_TERMINATED), "terminations_told_twice_and_late", r"SOMEBODY of ws-\w+ [23] times"),
    (forgetting(Kind.MIGRATED), MIGRATED, r"was told of MIGRATED of ws-\w+ [23] times"),
]
_NAMES = {id(one): name for name, one in vars(breaks).items()}


@pytest.mark.parametrize(
    ("broken", "day", "told"),
    BROKEN,
    ids=[f"{_NAMES.get(id(one), one.__qualname__)}-{number}" for number, (one, *_) in enumerate(BROKEN)],
)
def test_a_broken_rule_is_noticed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, broken: Break, day: Lived | str, told: str
) -> None:
    broken(monkeypatch)
    with pytest.raises(Violated, match=told):
        (SCENARIOS[day] if isinstance(day, str) else day)(deployment)
