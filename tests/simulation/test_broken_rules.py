"""That the simulation can fail: each rule is broken in the product's own code, and the check that is meant says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.workspaces import Fault
from standby.model import Status
from tests.simulation import breaks, broken_conclusions, faults
from tests.simulation.breaks import Break, without_events
from tests.simulation.convergence import check_end
from tests.simulation.days import DAYS
from tests.simulation.deployment import Deployment
from tests.simulation.faults import OneFault
from tests.simulation.scenarios import CREATE, SCENARIOS, covered, during, settle
from tests.simulation.simulation import AWAY, DR, USERS, WINDOWS, Simulation, Violated

NOT_ELIGIBLE = "what_cannot_have_a_standby_gets_no_request"

Lived = Callable[[Deployment], None]


def lost_answer(kind: str, times: int = 1, **world: Any) -> Lived:
    """A day on which requests lose their answers."""

    def run(deployment: Deployment) -> None:
        found = Simulation(deployment, plan=OneFault(CREATE, kind, times=times), **world)
        settle(found, covered(found.create(*USERS[:3])))

    return run


def named(name: str) -> Lived:
    """A named scenario."""

    def run(deployment: Deployment) -> None:
        SCENARIOS[name](deployment)

    return run


def ordinary(deployment: Deployment) -> None:
    """A day on which nothing goes wrong; a desktop has Linux, another is excluded."""
    DAYS[0].begin(deployment, "permits").live(lambda: True)


def many_answers_say_nothing(deployment: Deployment) -> None:
    """A day on which no answer speaks of what was asked for, so that each desktop's user is looked for."""
    run = Simulation(deployment, throttling=False, omission=1.0, relation_lag_seconds=1800)
    ids = [one for start in range(0, 160, 20) for one in run.create(*USERS[start : start + 20])]
    settle(run, covered(ids))


def a_primary_goes_while_no_scan_is_complete(deployment: Deployment) -> None:
    """A day on which the DR Region throttles the sweep's pages, and a primary is terminated."""
    run = Simulation(deployment)
    one, *rest = run.create(*USERS[:5])
    run.run(2)
    run.world.inject(Fault("DescribeWorkspaces", "throttle", DR, when=lambda params: "DirectoryId" in params))
    run.world.terminate(one)
    run.run(8)
    check_end(run, covered([one, *rest]))


def a_standby_goes(deployment: Deployment) -> None:
    """A day on which a standby is terminated, and no event tells of it."""
    run = Simulation(deployment)
    one, *rest = run.create(*USERS[:5])
    run.run(2)
    run.world.terminate(run.audit.rows[one]["standby_id"])
    run.run(10)
    check_end(run, covered(rest))


def a_standby_goes_while_it_starts(deployment: Deployment) -> None:
    """A day on which a standby is terminated before it is ready, and its primary goes on naming it."""
    run = Simulation(deployment, standbys_keep_relation=True)
    ids = run.create(USERS[0])
    run.run(2, lambda: bool(run.world.standbys()))
    run.world.terminate(run.world.standbys()[0].workspace_id)
    run.run(3)
    check_end(run, dict.fromkeys(ids, (Status.TIMED_OUT,)))


def a_standby_fails(deployment: Deployment) -> None:
    """A day on which a standby ends in ERROR."""
    run = Simulation(deployment)
    run.world.fail_standby_of(USERS[0])
    settle(run, dict.fromkeys(run.create(USERS[0]), (Status.FAILED,)))


def refused_for_longer_than_a_day(deployment: Deployment) -> None:
    """A day, and some hours of the next, on which nobody permits the request: the sweep has it tried again."""
    run = Simulation(deployment)
    run.wire.plan = during(run, faults.REFUSED, minutes=(0, 27 * 60), matches=lambda call: call == CREATE)
    ids = run.create(USERS[0])
    run.run(26)
    check_end(run, dict.fromkeys(ids, (Status.REJECTED,)))


def nothing_is_described(deployment: Deployment) -> None:
    """A day on which DescribeWorkspaces is throttled for half an hour."""
    run = Simulation(deployment)
    run.wire.plan = during(
        run, faults.THROTTLED, minutes=(0, 30), matches=lambda call: call.operation == "DescribeWorkspaces"
    )
    settle(run, covered(run.create(*USERS[:3])))


def nothing_is_to_be_changed(deployment: Deployment) -> None:
    """A day on which the product only observes."""
    run = Simulation(deployment, settings={"mode": "observe"})
    run.audit.observes_since = run.began
    ids = run.create(*USERS[:3])
    run.run(2)
    check_end(run, dict.fromkeys(ids, (Status.HELD,)))


def one_is_the_standby_of_a_desktop_over_there(deployment: Deployment) -> None:
    """A day on which a directory holds a standby of the other direction's pair beside a primary."""
    run = Simulation(deployment)
    order = {"DirectoryId": AWAY, "UserName": USERS[1], "BundleId": WINDOWS}
    (primary,) = run.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})["PendingRequests"]
    one, other = run.create(*USERS[:2])
    standby = run.world.workspace(other)
    standby.primary_id, standby.primary_region = primary["WorkspaceId"], DR
    settle(run, covered([one]))


# What is broken, the day that shows it, and what the check that is to notice says (an expression).
BROKEN: list[tuple[Break, Lived, str]] = [
    (
        breaks.a_timeout_is_taken_for_a_refusal,
        lost_answer(faults.READ_TIMEOUT_AFTER, relation_lag_seconds=600),
        "two standbys: ",
    ),
    (breaks.a_5xx_is_taken_for_a_refusal, lost_answer(faults.ERROR_AFTER, relation_lag_seconds=600), "two standbys: "),
    (
        breaks.what_an_answer_leaves_out_is_taken_for_refused,
        lost_answer(faults.EMPTY, relation_lag_seconds=600),
        "two standbys: ",
    ),
    (breaks.one_look_is_enough, lost_answer(faults.READ_TIMEOUT_AFTER, visibility_lag_seconds=300), "two standbys: "),
    (breaks.one_look_is_enough, lost_answer(faults.READ_TIMEOUT_LATE), "two standbys: "),
    (
        breaks.nothing_is_claimed,
        named("fifty_deliveries_at_once_of_a_ready_desktop"),
        "a create that no day's counter has",
    ),
    (
        breaks.versions_do_not_count,
        named("fifty_deliveries_at_once_of_a_ready_desktop"),
        "event EVENT#000001 was overwritten",
    ),
    (
        broken_conclusions.a_hidden_primary_is_taken_for_gone,
        named("the_primary_region_shows_nothing_for_an_hour"),
        "PRIMARY_GONE .* was not missed by two complete scans",
    ),
    (
        breaks.a_pause_is_not_read,
        named("a_pause_between_two_calls_of_a_batch"),
        "60 of 60 were asked for before the pause",
    ),
    (breaks.a_pause_is_not_read, named("reads_of_the_pause_that_say_nothing"), "a create at .*, paused since"),
    (
        broken_conclusions.figures_are_kept_of_any_scan,
        named("coverage_is_true_whatever_becomes_of_the_sweep"),
        "figures of a scan that is not complete",
    ),
    (
        broken_conclusions.an_incomplete_scan_is_counted,
        named("coverage_is_true_whatever_becomes_of_the_sweep"),
        "figures of a part of the fleet",
    ),
    (
        broken_conclusions.one_listing_decides_who_was_there_before,
        named("an_outage_at_the_first_sweep_makes_nobody_new"),
        "they are not all REPORTED",
    ),
    (
        breaks.places_are_not_given_back,
        named("the_quota_used_up_by_a_call_and_then_raised"),
        "COUNTER#TOTAL is 25 and counts 24",
    ),
    (
        breaks.what_is_gone_gives_its_day_back,
        named("a_clean_up_tool_against_recreate_missing"),
        "COUNTER#DAY#.* is 2 and counts 3",
    ),
    (
        breaks.what_is_made_again_is_not_counted_again,
        named("a_clean_up_tool_against_a_person"),
        "COUNTER#DAY#.* is 3 and counts 4",
    ),
    (breaks.nothing_is_announced, lost_answer(faults.THROTTLED), "never on the bus: "),
    (breaks.open_rows_are_left_lying, lost_answer(faults.THROTTLED), "is WAITING, due .* and not looked at since"),
    # Conclusions: hasty ones, and one that is never drawn.
    (
        broken_conclusions.a_miss_of_one_counts_for_both,
        named("an_orphan_missed_by_one_sweep_keeps_its_users_claim"),
        "PRIMARY_TERMINATED.* was not missed by two complete scans",
    ),
    (
        broken_conclusions.a_miss_of_one_counts_for_both,
        named("a_desktop_missed_by_a_sweep_and_its_standby_by_the_next"),
        "STANDBY_GONE.* was not missed by two complete scans",
    ),
    (
        broken_conclusions.one_sweep_is_enough,
        named("a_desktop_missed_by_a_sweep_and_its_standby_by_the_next"),
        "ORPHANED.* was not missed by two complete scans",
    ),
    (broken_conclusions.an_incomplete_scan_is_concluded_from, a_primary_goes_while_no_scan_is_complete, "but by none"),
    (
        broken_conclusions.an_empty_directory_is_believed_at_once,
        named("a_region_that_shows_nobody_for_three_hours_takes_nothing_away"),
        "was not missed by two complete scans",
    ),
    (
        broken_conclusions.claims_are_given_back_with_orphans,
        named("an_orphan_missed_by_one_sweep_keeps_its_users_claim"),
        "gives its user's claim back, though",
    ),
    (
        broken_conclusions.nobody_looks_for_missing_standbys,
        a_standby_goes,
        "is PROTECTED by .*, which 5 complete scans",
    ),
    (broken_conclusions.one_that_is_shown_is_gone, ordinary, "PRIMARY_GONE .* was not missed by two complete scans"),
    (
        broken_conclusions.who_is_gone_stays_gone,
        named("one_that_is_taken_for_gone_and_shown_again_gets_no_second_standby"),
        "is PRIMARY_GONE .* not .*PROTECTED",
    ),
    # What is asked for, and how often.
    (breaks.calls_are_not_paced, many_answers_say_nothing, "451 calls in 0:05:00 in us-west-2"),
    (breaks.an_operating_system_is_no_obstacle, ordinary, "a standby for a Linux desktop"),
    (breaks.a_compute_type_is_no_obstacle, named(NOT_ELIGIBLE), "a standby for a GENERALPURPOSE_4XLARGE desktop"),
    (breaks.a_key_is_not_needed, named(NOT_ELIGIBLE), "a standby without a key for an encrypted desktop"),
    (breaks.a_standby_is_taken_for_a_primary, one_is_the_standby_of_a_desktop_over_there, "a standby for a standby"),
    (breaks.a_pause_is_not_read, nothing_is_to_be_changed, "a create at .*, only observing since"),
    (breaks.a_rule_excludes_nobody, ordinary, "a standby for a desktop that exclude excludes"),
    (
        breaks.a_cap_is_not_minded,
        named("the_daily_cap_in_the_middle_of_a_batch"),
        "4 new standbys on .*, 3 is the most",
    ),
    # What the ledger says.
    (breaks.users_are_not_claimed, lost_answer(faults.THROTTLED), "has CLAIM#.*, which is -'s"),
    (breaks.claims_are_not_given_back, lost_answer(faults.THROTTLED), "whose row denies it"),
    (breaks.looks_are_far_apart, lost_answer(faults.THROTTLED), "is WAITING, due [^,]+$"),
    (breaks.what_is_going_is_well, a_standby_goes_while_it_starts, "is PROTECTED by .*, which is no standby of it"),
    (breaks.what_is_starting_is_well, lost_answer(faults.THROTTLED), "is PROTECTED by .*, which is no standby of it"),
    (without_events(Status.WAITING), ordinary, "is of version 1, and its story has 0 events"),
    (without_events(Status.PROTECTED), ordinary, "is of version 4, and its story has 3 events"),
    (breaks.events_leave_something_out, ordinary, r"and its row differ in \['standby_id'\]"),
    (breaks.events_forget_where_they_come_from, ordinary, "comes from INELIGIBLE"),
    # What people are told.
    (breaks.notices_are_not_sent, a_standby_fails, "1 notices are due for .*, 0 were sent"),
    (breaks.notices_are_sent_twice, a_standby_fails, "1 notices are due for .*, 2 were sent"),
    (breaks.everything_is_a_notice, ordinary, "0 notices are due for .*, 4 were sent"),
    (breaks.an_unknown_answer_ends_an_invocation, nothing_is_described, "left in the dead-letter queue"),
    (breaks.nothing_asks_for_a_notice, a_standby_fails, "is FAILED .*, and nobody was told"),
    (breaks.what_was_told_is_forgotten, refused_for_longer_than_a_day, "was told of ACCESS_DENIED 2 times"),
]


@pytest.mark.parametrize(
    ("broken", "day", "told"), BROKEN, ids=[f"{one.__name__}-{number}" for number, (one, *_) in enumerate(BROKEN)]
)
def test_a_broken_rule_is_noticed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, broken: Break, day: Lived, told: str
) -> None:
    broken(monkeypatch)
    with pytest.raises(Violated, match=told):
        day(deployment)
