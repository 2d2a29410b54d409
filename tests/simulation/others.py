"""Scenarios of what others do to primaries and standbys, and of what changes around them."""

from __future__ import annotations

import dataclasses
from collections import Counter

from standby.model import DirectoryId, Status
from standby.reasons import Reason
from tests.simulation import faults
from tests.simulation.convergence import Expected
from tests.simulation.deployment import Deployment
from tests.simulation.faults import During
from tests.simulation.scenarios import covered, creates, during, must, scenario, settle
from tests.simulation.simulation import DR, PRIMARY, USERS, Simulation


def _terminated(deployment: Deployment, delays: list[float]) -> Simulation:
    """A standby and a primary are terminated, once they are protected; copies of each event come after so long."""
    run = Simulation(
        deployment, trail=lambda event: delays if event["detail"]["eventName"] == "TerminateWorkspaces" else [90.0]
    )
    bereft, gone, *rest = run.create(*USERS[:5])
    run.run(2)
    must(len(run.world.standbys()) == 5, "they have their standbys")
    run.audit.broken |= {bereft, gone}
    run.terminate(DR, run.audit.rows[bereft]["standby_id"])
    run.terminate(PRIMARY, gone)
    expected = covered(rest) | {bereft: (Status.STANDBY_MISSING,), gone: (Status.PRIMARY_GONE,)}
    settle(run, expected, at_least=7)
    must(len(creates(run)) == 1, "something was made again")
    for one in (bereft, gone):
        count = sum(event.get("notice_code") == Reason.TERMINATED_BY_SOMEBODY for event in run.audit.stories[one])
        must(count == min(len(delays), 1), f"{one}: who terminated it is on record {count} times")
    return run


@scenario
def terminated_by_somebody_in_both_regions(deployment: Deployment) -> Simulation:
    """Who did it is told, and what follows is seen while they go."""
    return _terminated(deployment, [90.0])


@scenario
def terminations_told_twice_and_late(deployment: Deployment) -> Simulation:
    """Copies come at once, when they have gone, and when the sweep has long found out."""
    return _terminated(deployment, [90.0, 90.0, 600.0, 14_400.0])


@scenario
def terminations_told_when_all_is_over(deployment: Deployment) -> Simulation:
    """The sweep has found out by itself; who it was comes after that, and is told all the same."""
    return _terminated(deployment, [16_000.0])


@scenario
def terminations_that_cloudtrail_loses(deployment: Deployment) -> Simulation:
    """Nobody says who it was; the sweep says what is gone."""
    return _terminated(deployment, [])


@scenario
def a_termination_before_its_desktop_is_known(deployment: Deployment) -> Simulation:
    """The event of the end overtakes that of the beginning: no row comes of it, and nothing is made for it later."""
    late = {"CreateWorkspaces": [5400.0], "TerminateWorkspaces": [60.0]}
    run = Simulation(deployment, trail=lambda event: late[event["detail"]["eventName"]])
    (one,) = run.create(USERS[0])
    run.later(600, lambda: run.terminate(PRIMARY, one))
    run.run(1.2)
    must(one not in run.audit.rows, "a termination made a row")
    settle(run, {one: (Status.TIMED_OUT,)}, at_least=2)
    must(not creates(run), "something was created for it")
    return run


@scenario
def terminations_while_calls_fail(deployment: Deployment) -> Simulation:
    """The ledger and the service fail one call in five while events are worked on: told once, concluded by looks."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:6])
    run.run(2)
    must(len(run.world.standbys()) == 6, "they have their standbys")
    kinds = (faults.THROTTLED, faults.READ_TIMEOUT_AFTER, faults.KILLED_BEFORE, faults.KILLED_AFTER)
    plan = during(run, *kinds, minutes=(120, 200), matches=lambda call: call.service in ("dynamodb", "workspaces"))
    run.wire.plan = During(plan.kinds, plan.begins, plan.ends, plan.matches, run.dice, rate=0.2)
    run.audit.broken |= set(ids)
    run.terminate(DR, *[run.audit.rows[one]["standby_id"] for one in ids[:3]])
    run.terminate(PRIMARY, *ids[3:])
    run.help_out(when=lambda: run.hours > 4)
    expected: Expected = dict.fromkeys(ids[:3], (Status.STANDBY_MISSING,))
    expected |= dict.fromkeys(ids[3:], (Status.PRIMARY_GONE,))
    settle(run, expected, at_least=9)
    for one in ids:
        must(run.audit.rows[one].get("terminated_by") is not None, f"nobody knows who terminated {one}")
    return run


@scenario
def a_migrated_primary_and_its_predecessor_point_to_each_other(deployment: Deployment) -> Simulation:
    """Copies of the migration's event come for hours; each row is told once, and the old one becomes an orphan's."""
    late = {"MigrateWorkspace": [60.0, 61.0, 4000.0]}
    run = Simulation(deployment, trail=lambda event: late.get(event["detail"]["eventName"], [90.0]))
    (old,) = run.create(USERS[0])
    run.run(2)
    must(run.status(old)[0] is Status.PROTECTED, "the old one has its standby")
    run.audit.broken.add(old)
    order = {"SourceWorkspaceId": old, "BundleId": "wsb-windowsperformance"}
    new = run.world.call(PRIMARY, "MigrateWorkspace", order)["TargetWorkspaceId"]
    settle(run, {old: (Status.PRIMARY_GONE,), new: (Status.INELIGIBLE,)}, at_least=7)
    rows = run.audit.rows
    must((rows[old]["migrated_to"], rows[new]["migrated_from"]) == (new, old), "they do not point to each other")
    must(len(creates(run)) == 1, "the user got a second standby")
    return run


@scenario
def a_migration_that_no_event_tells_of(deployment: Deployment) -> Simulation:
    """CloudTrail loses it: sweeps find the old desktop gone and the new one there, whose row names the holder."""
    run = Simulation(deployment, trail=lambda one: [] if one["detail"]["eventName"] == "MigrateWorkspace" else [90.0])
    old, *rest = run.create(*USERS[:3])
    run.run(2)
    must(run.status(old)[0] is Status.PROTECTED, "the old one has its standby")
    run.audit.broken.add(old)
    order = {"SourceWorkspaceId": old, "BundleId": "wsb-windowsperformance"}
    new = run.world.call(PRIMARY, "MigrateWorkspace", order)["TargetWorkspaceId"]
    settle(run, covered(rest) | {old: (Status.PRIMARY_GONE,), new: (Status.INELIGIBLE,)}, at_least=7)
    must(run.status(new)[1] == "USER_HAS_STANDBY" and old in run.audit.rows[new]["message"], "it names no holder")
    must(len(run.world.standbys()) == len(rest) + 1, "the user got a second standby")
    return run


@scenario
def another_partner_in_the_middle(deployment: Deployment) -> Simulation:
    """Some are covered, some under way, some of an accepted fleet held, when dr_directory changes: none gets two."""
    run = Simulation(deployment, is_known=False, trail=lambda _: [90.0], settings={"max_new_standbys_per_day": 6})
    fleet = run.create(*USERS[:10])
    run.run(0.9)
    run.accept()
    new = run.create(*USERS[10:13])
    run.run(2)
    made = len(run.world.standbys())
    must(0 < made < 13, f"{made} of 13 are made: some are to be held")
    home, *others = run.settings.directories
    partner = "d-9267aaaaaa"
    run.world.add_directory(DR, partner, USERS)
    changed = dataclasses.replace(run.settings.directories[home], dr_directory=DirectoryId(partner))
    run.deploy(
        directories={home: changed} | {one: run.settings.directories[one] for one in others},
        max_new_standbys_per_day=50,
    )
    run.audit.allow(run.settings)
    run.run(4)
    must(len(run.world.standbys()) == made, "something was made in a partner that nobody accepted")
    must(run.status(new[0])[0] in (Status.PROTECTED, Status.REPORTED), "a desktop hangs between two partners")
    run.accept()
    settle(run, covered([*fleet, *new]), at_least=9)
    return run


@scenario
def a_mapping_removed_in_the_middle_and_back_again(deployment: Deployment) -> Simulation:
    """Some are covered, some held, when the directory is unmapped; back again, they are as they were, or reported."""
    run = Simulation(deployment, settings={"max_new_standbys_per_day": 3})
    ids = run.create(*USERS[:5])
    run.run(3)
    before = run.settings.directories
    _, *others = before
    run.deploy(directories={one: before[one] for one in others}, max_new_standbys_per_day=50)
    run.audit.allow(run.settings)
    run.run(3)
    must(len(run.world.standbys()) == 3, "something was made, or terminated, for a directory that is not mapped")
    reasons = sorted(str(run.status(one)[1]) for one in ids)
    must(reasons == ["DIRECTORY_NOT_MAPPED"] * 2 + ["MAPPING_REMOVED"] * 3, f"they say {reasons}")
    run.deploy(directories=before)
    run.audit.allow(run.settings)
    run.run(3)
    must(len(run.world.standbys()) == 3, "something was made that nobody accepted")
    run.accept()
    return settle(run, covered(ids), at_least=11)


@scenario
def missing_standbys_are_made_again_where_that_is_wanted(deployment: Deployment) -> Simulation:
    """A clean-up tool terminates all of them; with recreate_missing they come again, one each, while calls fail."""
    run = Simulation(deployment, settings={"recreate_missing": True}, relation_lag_seconds=120)
    ids = run.create(*USERS[:6])
    run.run(2)
    run.audit.broken |= set(ids)
    run.terminate(DR, *[run.audit.rows[one]["standby_id"] for one in ids])
    kinds = (faults.THROTTLED, faults.KILLED_AFTER, faults.READ_TIMEOUT_AFTER)
    plan = during(run, *kinds, minutes=(120, 400), matches=lambda call: call.service in ("dynamodb", "workspaces"))
    run.wire.plan = During(plan.kinds, plan.begins, plan.ends, plan.matches, run.dice, rate=0.03)
    run.help_out(when=lambda: run.hours > 8)
    return settle(run, covered(ids), at_least=12)


def _fought_over(deployment: Deployment, *, by_hand: bool) -> Simulation:
    """Until after midnight a tool terminates what is made again, by the sweep or because a person asks for it."""
    most = 8
    run = Simulation(
        deployment,
        trail=lambda event: [] if by_hand and event["detail"]["eventName"] == "TerminateWorkspaces" else [90.0],
        settings={"recreate_missing": not by_hand, "max_new_standbys_per_day": most},
    )
    ids = run.create(*USERS[:3])
    run.audit.broken |= set(ids)
    days: dict[str, str] = {}

    def count() -> None:
        days.update({one.workspace_id: f"{one.created_at:%A}" for one in run.world.standbys()})

    def clean_up() -> None:
        while run.hours < 16:
            run.scheduler.sleep(1200)
            count()
            rows = [run.audit.rows[one] for one in ids if one in run.audit.rows]
            if idle := [row for row in rows if row["status"] == Status.PROTECTED]:
                run.terminate(DR, *[row["standby_id"] for row in idle])
                run.scheduler.sleep(600)
                if by_hand:
                    run.by_hand(*[row["pk"] for row in idle])

    run.later(0, clean_up)
    settle(run, covered(ids), at_least=17)
    count()
    made = Counter(days.values())
    must(made["Monday"] == most and 3 <= made["Tuesday"] <= most, f"new standbys of a day: {made}")
    return run


@scenario
def a_clean_up_tool_against_recreate_missing(deployment: Deployment) -> Simulation:
    """Found: what was terminated gave its day's place back, so that there was no end of new ones."""
    return _fought_over(deployment, by_hand=False)


@scenario
def a_clean_up_tool_against_a_person(deployment: Deployment) -> Simulation:
    """Found: what is asked for by hand before a sweep has missed it kept the place of its first standby's day."""
    return _fought_over(deployment, by_hand=True)


@scenario
def a_standby_that_fails_after_it_was_ready(deployment: Deployment) -> Simulation:
    """Unwell for hours, then well again: told once, and nothing is made in its place."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:3])
    run.run(2)
    standby = run.audit.rows[ids[0]]["standby_id"]
    run.world.set_state(standby, "ERROR")
    run.run(4)
    must(run.status(ids[0]) == (Status.FAILED, Reason.STANDBY_UNHEALTHY), f"it is {run.status(ids[0])}")
    run.world.set_state(standby, "AVAILABLE")
    settle(run, covered(ids), at_least=8)
    must(len(creates(run)) == 1, "something was made in its place")
    return run
