"""Scenarios of whole fleets: those that were there before, what sweeps miss, and the figures of all."""

from datetime import timedelta
from functools import partial
from typing import Any

from standby.core.model import DirectoryId, Status
from standby.core.reasons import Reason
from standby.core.settings import Directory
from tests.simulation import faults
from tests.simulation.audit import noted
from tests.simulation.convergence import Expected
from tests.simulation.days import CREATE
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call
from tests.simulation.scenarios import (
    EXPLAINED,
    are,
    covered,
    creates,
    has_made,
    in_dr_region,
    large,
    must,
    scenario,
    settle,
    standing,
    variants,
    was_notified_once,
)
from tests.simulation.simulation import AWAY, DR, HOME, PRIMARY, USERS, WINDOWS, Simulation

REPLICATED = "d-9067328a7c"
_HELD = f"HOLD#{Reason.REPLICATION_STALE}"


# What was there before


def existing_fleet(deployment: Deployment, count: int, **changes: Any) -> tuple[Simulation, list[str]]:
    """Desktops that were there before the product was, and that no event tells of."""
    run = Simulation(deployment, is_known=False, trail=lambda _: [], **changes)
    return run, run.create(*USERS[:count])


def is_only_reported(run: Simulation, ids: list[str]) -> None:
    """Raise `Violated` if something was made, or is to be, for a fleet that nobody accepted."""
    are(run, ids, Status.REPORTED)
    must(not creates(run), "something was created for a fleet that nobody accepted")


def reported(ids: list[str]) -> Expected:
    """All of them stay REPORTED."""
    return dict.fromkeys(ids, (Status.REPORTED,))


@scenario
def an_existing_fleet_is_reported_and_nothing_more(deployment: Deployment) -> Simulation:
    """Sweeps come and go, and nothing is created for it; what is new beside it is protected."""
    run, ids = existing_fleet(deployment, 60)
    run.run(3.5)
    is_only_reported(run, ids)
    new = run.create(USERS[60])
    run.run(2)
    settle(run, reported(ids) | covered(new))
    has_made(run, 1)
    return run


@scenario
def an_accepted_fleet_through_every_interruption(deployment: Deployment) -> Simulation:
    """Accepted; then processes die, answers are lost, watchers are aborted: a standby each, and no second."""
    run, ids = existing_fleet(deployment, 60, settings={"backfill_in_flight": 20}, relation_lag_seconds=300)
    run.run(0.5)
    kinds = (faults.KILLED_BEFORE, faults.KILLED_AFTER, faults.READ_TIMEOUT_AFTER, faults.ERROR_AFTER)
    run.disturb(*kinds, minutes=(60, 240), matches=faults.of_services("workspaces", "dynamodb"), rate=0.03)
    run.accept()
    for moment in range(4000, 14_000, 1700):
        run.later(moment, run.abort)
    run.help_out(when=lambda: run.hours > 4)
    return settle(run, covered(ids), at_least=5)


@large
def an_acceptance_interrupted_anywhere(deployment: Deployment) -> Simulation:
    """Sweeps die between two pages, and while they turn what is reported into work; they and watchers are aborted.

    Never more are under way than may be, nor made than cap, ceiling and quota allow, and no request is sent that the
    quota refuses; in the end each has one standby, and the directory's row says so.
    """
    limits = {"backfill_in_flight": 6, "max_new_standbys_per_day": 12, "max_standbys": 26}
    run, ids = existing_fleet(deployment, 30, settings=limits, standby_quota=20)
    run.run(0.5)
    kinds = (faults.KILLED_BEFORE, faults.KILLED_AFTER)
    run.disturb(*kinds, minutes=(30, 360), matches=faults.of_function("sweep"), rate=0.04)
    most = {"under way": 0}

    def look() -> None:
        while True:
            run.scheduler.sleep(20)
            under_way, made = len(run.audit.open_rows), len(run.world.standbys())
            most["under way"] = max(most["under way"], under_way)
            allowed = min(run.settings.max_standbys, run.world.settings.standby_quota or len(ids))
            if under_way > 6 or made > allowed:
                run.audit.violations.append(f"{under_way} are under way, {made} of {allowed} are made")

    def abort_sweeps() -> None:
        for arn in run.sweeps.running:
            run.sweeps.abort(arn)

    run.later(0, look)
    run.accept()
    for moment in range(4000, 20_000, 1700):
        run.later(moment, run.abort)
        run.later(moment + 11, abort_sweeps)
    run.run(10)
    has_made(run, 10)  # the day's number is 12, of which two are for new desktops
    run.run(24)
    has_made(run, 20)  # the quota
    run.world.settings.change(standby_quota=None)
    run.run(24)
    has_made(run, 26)  # the ceiling
    run.deploy(max_standbys=40)
    settle(run, covered(ids), at_least=run.hours + 2)
    must(most["under way"] > 3, "backfill did not go on several at a time")
    must(bool(run.audit.struck), "nothing was interrupted")
    must({call.outcome for call in creates(run)} == {"ok"}, "a request was refused")
    row = run.baseline()
    must((row["progress"]["protected"], row["plan"]["would_get"]) == (30, 30), f"the row says {row}")
    was_notified_once(run, "FLEET_FOUND")
    return run


@scenario
def the_quota_cannot_be_asked_for(deployment: Deployment) -> Simulation:
    """Service Quotas throttles, refuses, answers nothing: the plan says so, and an accepted fleet is protected."""
    run, ids = existing_fleet(deployment, 10)
    kinds = (faults.THROTTLED, faults.REFUSED, faults.EMPTY, faults.MALFORMED, faults.ERROR_AFTER)
    matches = faults.of_services("service-quotas")
    run.disturb(*kinds, faults.CONNECT_TIMEOUT, minutes=(0, 6000), matches=matches)
    run.run(1)
    plan = run.baseline()["plan"]
    must("could not be read" in plan["message"] and plan["room"] is None, f"the plan says {plan}")
    run.accept()
    return settle(run, covered(ids), at_least=3)


@variants(
    # The ledger takes none of the first sweeps' rows.
    a_fleet_that_cannot_be_written_down_takes_no_baseline=lambda call: call.operation == "TransactWriteItems",
    # Of the first sweeps nothing is concluded.
    a_fleet_whose_scan_fails_takes_no_baseline=in_dr_region,
)
def _without_a_baseline(throttled: Any, deployment: Deployment) -> Simulation:
    """What the first sweeps saw stays an existing fleet, and so does what is made before there is a baseline."""
    run, ids = existing_fleet(deployment, 20)
    run.disturb(faults.THROTTLED, minutes=(0, 130), matches=throttled)
    run.run(2.5)
    late = run.create(USERS[40])
    run.run(3)
    is_only_reported(run, [*ids, *late])
    return run


@scenario
def an_outage_at_the_first_sweep_makes_nobody_new(deployment: Deployment) -> Simulation:
    """The first sweep finds empty lists, the next one the fleet: nobody accepted it, and nothing is created."""
    run, ids = existing_fleet(deployment, 20)
    run.hide(PRIMARY, 0.5)
    run.run(6)
    is_only_reported(run, ids)
    return settle(run, reported(ids) | covered(run.create(USERS[30])), at_least=8)


# What sweeps miss: each WorkSpace has to be missed twice in a row itself before it is gone


@scenario
def a_fleet_that_flickers_loses_nothing(deployment: Deployment) -> Simulation:
    """One in twenty is left out of an answer, on either side, for a day: unknown is not gone."""
    run, ids = standing(deployment, 20)
    run.world.settings.change(flicker=0.05, relation_flicker=0.05, page_throttling=0.2)
    run.run(24)
    run.world.settings.change(flicker=0.0, relation_flicker=0.0, page_throttling=0.0)
    return settle(run, covered(ids))


@scenario
def a_region_that_shows_nobody_for_three_hours_takes_nothing_away(deployment: Deployment) -> Simulation:
    """Sweeps find empty directories, first of the one Region, then of the other: nobody is gone for it."""
    run, ids = standing(deployment, hours=3)
    for region in (PRIMARY, DR):
        run.hide(region, 3)
        run.run(4)
    settle(run, covered(ids))
    must({len(run.audit.stories[one]) for one in ids} <= {4, 5, 6}, "something was concluded, and undone")
    must(not run.topic.notices, "somebody was told")
    return run


@scenario
def one_that_is_taken_for_gone_and_shown_again_gets_no_second_standby(deployment: Deployment) -> Simulation:
    """A desktop and its standby are left out of every answer for hours; then it is shown, first without its standby."""
    run, ids = standing(deployment, hours=3)
    for region in (PRIMARY, DR):
        run.hide(region, 3, USERS[0])
    run.run(3)
    are(run, ids[:1], Status.PRIMARY_GONE)
    are(run, ids[1:], Status.PROTECTED)
    run.world.settings.change(relation_flicker=0.5)
    run.run(2)
    run.world.settings.change(relation_flicker=0.0)
    return settle(run, covered(ids), at_least=9)


@scenario
def an_orphan_missed_by_one_sweep_keeps_its_users_claim(deployment: Deployment) -> Simulation:
    """Found: a sweep missed a primary that is gone, the next one its standby, too: the user got a second standby."""
    run, (one, *rest) = standing(deployment)
    run.world.terminate(one)
    run.run(1.2)
    run.hide(DR, 1, USERS[0])
    run.run(1)
    must(run.status(one) == (Status.PRIMARY_GONE, Reason.ORPHANED), f"it is {run.status(one)}")
    (new,) = run.create(USERS[0])
    settle(run, covered(rest) | {one: (Status.PRIMARY_GONE,), new: EXPLAINED}, at_least=7)
    must(len(creates(run)) == 1, "the user got a second standby")
    return run


@scenario
def a_desktop_missed_by_a_sweep_and_its_standby_by_the_next(deployment: Deployment) -> Simulation:
    """Found: one miss of each counted as two of the standby."""
    run, ids = standing(deployment, hours=2.2)
    run.hide(PRIMARY, 1, USERS[0])
    run.run(1)
    run.hide(DR, 1, USERS[0])
    run.world.settings.change(relation_flicker=1.0)
    run.run(1)
    run.world.settings.change(relation_flicker=0.0)
    are(run, ids, Status.PROTECTED)
    settle(run, covered(ids), at_least=6)
    must(not run.topic.notices, "somebody was told")
    return run


@scenario
def a_desktop_migrated_while_its_request_is_unclear(deployment: Deployment) -> Simulation:
    """Found: its claim was given up though its standby showed, and one answer without that gave its successor another.

    The standby's relation does not show for a day; the answers of an hour, when the old id has been missed for long,
    leave the standby out.
    """
    plan = faults.OneFault(CREATE, faults.READ_TIMEOUT_AFTER, times=1)
    # Days of it are waited for: each minute of them would be a third of all scenarios' time.
    slow = {"poll_interval": timedelta(minutes=15)}
    run = Simulation(deployment, plan=plan, settings=slow, relation_lag_seconds=86_400)
    (old,) = run.create(USERS[0])
    run.run(1)
    are(run, [old], Status.CLAIMED)
    new = run.migrate(old, WINDOWS)
    run.run(3.9)
    run.hide(DR, 1, USERS[0])
    run.run(1.5)
    must(len(creates(run)) == 1, "another standby was asked for")
    # Its request is given up after a day; then two sweeps say that it is gone.
    return settle(run, {old: (Status.PRIMARY_GONE,), new: EXPLAINED}, hours=60, at_least=28)


@scenario
def a_dr_region_that_hangs_keeps_no_directory_from_being_swept(deployment: Deployment) -> Simulation:
    """Of four directories no DR directory answers the sweep for hours: their own desktops are seen all the same."""
    homes = [HOME, *(f"d-90673{number:05}" for number in range(3))]
    away = [AWAY, *(f"d-92672{number:05}" for number in range(3))]
    directories = {DirectoryId(home): Directory(DirectoryId(away)) for home, away in zip(homes, away, strict=True)}
    run = Simulation(deployment, settings={"directories": directories}, trail=lambda _: [])

    def matches(call: Call) -> bool:
        return call.function == "sweep" and in_dr_region(call)

    run.disturb(faults.READ_TIMEOUT_BEFORE, minutes=(0, 170), matches=matches)
    ids = [one for home, user in zip(homes, USERS, strict=False) for one in run.create(user, directory=home)]
    run.run(2.7)
    must(bool(run.audit.struck), "nothing hung")
    must(set(run.audit.rows) == set(ids), "a directory was not swept")
    are(run, ids, Status.PROTECTED)
    statuses = {one.status for one in run.sweeps.executions.values()}
    must(statuses == {"SUCCEEDED"}, f"sweeps ended as {statuses}")
    return settle(run, covered(ids), at_least=4)


# What is told of all: coverage, standbys that differ, data that grows old


@scenario
def coverage_is_true_whatever_becomes_of_the_sweep(deployment: Deployment) -> Simulation:
    """Sweeps are throttled, cut off and killed for half a day: no figures of half a fleet, and in the end true ones."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:40])
    linux = run.create(USERS[50], BundleId="wsb-ubuntustandard")
    kinds = (faults.THROTTLED, faults.KILLED_BEFORE, faults.KILLED_AFTER, faults.READ_TIMEOUT_BEFORE)
    of_sweep = faults.of_function("sweep")
    run.disturb(*kinds, faults.EMPTY, faults.MALFORMED, minutes=(0, 720), matches=of_sweep, rate=0.1)
    for hours, probably in ((2, 0.9), (10, 0.0)):
        run.later(hours * 3600, partial(run.world.settings.change, page_throttling=probably))
    settle(run, covered(ids) | dict.fromkeys(linux, EXPLAINED), at_least=16)
    found = run.audit.coverages.written[HOME]
    must({each["primaries"] for each in found} == {41}, "figures of a part of the fleet")
    must((found[-1]["eligible"], found[-1]["protected"]) == (40, 40), f"the figures are {found[-1]}")
    return run


@large
def a_standby_differs_and_data_grows_old(deployment: Deployment) -> Simulation:
    """A standby is of another size, to two no copy comes any more, sweeps are disturbed: marked, told once a day."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:5], directory=REPLICATED)
    run.run(30)
    standbys = {one: run.world.workspace(run.audit.rows[one]["standby_id"]) for one in ids}
    bigger, *old = ids[:3]
    standbys[bigger].properties["ComputeTypeName"] = "POWER"
    for one in old:
        run.world.freeze_replication(standbys[one].workspace_id)
    kinds = (faults.THROTTLED, faults.KILLED_AFTER, faults.EMPTY, faults.ERROR_AFTER)
    run.disturb(*kinds, minutes=(1800, 4800), matches=faults.of_function("sweep"), rate=0.03)
    run.run(54)

    def noting(kind: str) -> dict[str, str]:
        found = {one: noted(run.audit.rows[one], kind) for one in ids}
        return {one: note for one, note in found.items() if note is not None}

    must(noting("DRIFT") == {bigger: "compute_type STANDARD≠POWER"}, f"they differ: {noting('DRIFT')}")
    must([*noting("STALE")] == old, f"stale are {noting('STALE')}")
    for one in ids:
        changes = [noted(event, "STALE") is not None for event in run.audit.stories[one]]
        must(changes.count(True) <= 1, f"{one} was marked {changes.count(True)} times")

    def told_on() -> set[str]:
        return {event["day"] for event in run.bus.details if event["pk"] == _HELD}

    days = told_on()
    must(1 <= len(days) <= 3, f"it was told on {days}")
    found = run.audit.coverages.written[REPLICATED][-1]
    must((found["drifted"], found["stale"]) == (1, 2), f"the figures are {found}")
    standbys[bigger].properties["ComputeTypeName"] = "STANDARD"
    for one in old:
        standbys[one].replication_frozen_at = None
    run.run(3)
    must(not noting("DRIFT") and not noting("STALE"), "it is not cleared")
    must(told_on() == days, "it was told again")
    return settle(run, covered(ids))
