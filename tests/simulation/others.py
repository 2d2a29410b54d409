"""Scenarios of what others do to primaries and standbys, and of what changes around them."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

from standby.core.model import DirectoryId, Status
from standby.core.reasons import Reason
from tests.simulation import faults
from tests.simulation.audit import noted
from tests.simulation.deployment import Deployment
from tests.simulation.scenarios import EXPLAINED, covered, creates, has_made, must, scenario, settle, standing, variants
from tests.simulation.simulation import DR, PRIMARY, USERS, Simulation

GONE: tuple[Status, ...] = (Status.PRIMARY_GONE,)
MISSING: tuple[Status, ...] = (Status.STANDBY_MISSING,)


def trail(**delays: list[float]) -> Callable[[Any], list[float]]:
    """After which seconds the copies of events come, by their names; of others one does after 90."""
    return lambda event: delays.get(event["detail"]["eventName"], [90.0])


@variants(
    # Who did it is told, and what follows is seen while they go.
    terminated_by_somebody_in_both_regions=[90.0],
    # Copies come at once, when they have gone, and when the sweep has long found out.
    terminations_told_twice_and_late=[90.0, 90.0, 600.0, 14_400.0],
    # The sweep has found out by itself; who it was comes after that, and is told all the same.
    terminations_told_when_all_is_over=[16_000.0],
    # Nobody says who it was; the sweep says what is gone.
    terminations_that_cloudtrail_loses=[],
)
def _terminated(delays: list[float], deployment: Deployment) -> Simulation:
    """A standby and a primary are terminated, once they are protected; copies of each event come after so long."""
    late = trail(TerminateWorkspaces=delays)
    run, (bereft, gone, *rest) = standing(deployment, trail=late, orphans_keep_relation=not delays)
    run.audit.broken |= {bereft, gone}
    run.terminate(DR, run.audit.rows[bereft]["standby_id"])
    run.terminate(PRIMARY, gone)
    settle(run, covered(rest) | {bereft: MISSING, gone: GONE}, at_least=7)
    must(len(creates(run)) == 1, "something was made again")
    for one in (bereft, gone):
        count = sum(event.get("notice_code") == Reason.TERMINATED_BY_SOMEBODY for event in run.audit.stories[one])
        must(count == min(len(delays), 1), f"{one}: who terminated it is on record {count} times")
    return run


@scenario
def a_termination_before_its_desktop_is_known(deployment: Deployment) -> Simulation:
    """The event of the end overtakes that of the beginning: no row comes of it, and nothing is made for it later."""
    run = Simulation(deployment, trail=trail(CreateWorkspaces=[5400.0], TerminateWorkspaces=[60.0]))
    (one,) = run.create(USERS[0])
    run.later(600, lambda: run.terminate(PRIMARY, one))
    run.run(1.2)
    must(one not in run.audit.rows, "a termination made a row")
    settle(run, {one: (Status.PRIMARY_GONE,)}, at_least=2)
    must(not creates(run), "something was created for it")
    return run


@scenario
def terminations_while_calls_fail(deployment: Deployment) -> Simulation:
    """The ledger and the service fail one call in five while events are worked on: told once, concluded by looks."""
    run, ids = standing(deployment, 6)
    kinds = (faults.THROTTLED, faults.READ_TIMEOUT_AFTER, faults.KILLED_BEFORE, faults.KILLED_AFTER)
    run.disturb(*kinds, minutes=(120, 200), matches=faults.of_services("dynamodb", "workspaces"), rate=0.2)
    run.audit.broken |= set(ids)
    run.terminate(DR, *[run.audit.rows[one]["standby_id"] for one in ids[:3]])
    run.terminate(PRIMARY, *ids[3:])
    run.help_out(when=lambda: run.hours > 4)
    settle(run, dict.fromkeys(ids[:3], MISSING) | dict.fromkeys(ids[3:], GONE), at_least=9)
    for one in ids:
        found = noted(run.audit.rows[one], "PRIMARY_TERMINATED") or noted(run.audit.rows[one], "STANDBY_TERMINATED")
        must(found is not None, f"nobody knows who terminated {one}")
    return run


@variants(
    # Copies come for hours: the rows point to each other, and each is told once.
    a_migrated_primary_and_its_predecessor_point_to_each_other=[60.0, 61.0, 4000.0],
    # Sweeps find the old desktop gone and the new one there, whose row names the holder.
    a_migration_that_no_event_tells_of=[],
)
def _migrated(delays: list[float], deployment: Deployment) -> Simulation:
    """A new id for a user whose old desktop has its standby: no second one; the old one becomes an orphan's."""
    run, (old, *rest) = standing(deployment, 3, trail=trail(MigrateWorkspace=delays))
    run.audit.broken.add(old)
    new = run.migrate(old)
    settle(run, covered(rest) | {old: GONE, new: EXPLAINED}, at_least=7)
    rows = run.audit.rows
    if delays:
        pointers = (noted(rows[old], "MIGRATED"), rows[new]["migrated_from"])
        must(pointers == (new, old), "they do not point to each other")
    else:
        must(run.status(new)[1] == "USER_HAS_STANDBY" and old in rows[new]["message"], "it names no holder")
    must(len(creates(run)) == 1, "the user got a second standby")
    return run


@scenario
def another_dr_directory_in_the_middle(deployment: Deployment) -> Simulation:
    """Some are covered, some under way, some of an accepted fleet held, when dr_directory changes: none gets two."""
    run = Simulation(deployment, is_known=False, settings={"max_new_standbys_per_day": 6})
    fleet = run.create(*USERS[:10])
    run.run(0.9)
    run.accept()
    new = run.create(*USERS[10:13])
    run.run(2)
    made = len(run.world.standbys())
    must(0 < made < 13, f"{made} of 13 are made: some are to be held")
    home, *_ = before = run.settings.directories
    dr_directory = DirectoryId("d-9267aaaaaa")
    run.world.add_directory(DR, dr_directory, USERS)
    changed = dataclasses.replace(before[home], dr_directory=dr_directory)
    run.deploy(directories={**before, home: changed}, max_new_standbys_per_day=50)
    run.run(4)
    has_made(run, made)
    must(run.status(new[0])[0] in (Status.PROTECTED, Status.REPORTED), "a desktop hangs between two dr_directories")
    run.accept()
    return settle(run, covered([*fleet, *new]), at_least=9)


@scenario
def a_mapping_removed_in_the_middle_and_back_again(deployment: Deployment) -> Simulation:
    """Some are covered, some held, when the directory is unmapped; back again, they are as they were, or reported."""
    run = Simulation(deployment, settings={"max_new_standbys_per_day": 3})
    ids = run.create(*USERS[:5])
    run.run(3)
    before = run.settings.directories
    _, *others = before
    run.deploy(directories={one: before[one] for one in others}, max_new_standbys_per_day=50)
    run.run(3)
    has_made(run, 3)
    reasons = sorted(str(run.status(one)[1]) for one in ids)
    must(reasons == ["DIRECTORY_NOT_MAPPED"] * 2 + ["MAPPING_REMOVED"] * 3, f"they say {reasons}")
    run.deploy(directories=before)
    run.run(3)
    has_made(run, 3)
    run.accept()
    return settle(run, covered(ids), at_least=11)


@scenario
def missing_standbys_are_made_again_where_that_is_wanted(deployment: Deployment) -> Simulation:
    """A clean-up tool terminates all of them; with recreate_missing they come again, one each, while calls fail."""
    run, ids = standing(deployment, 6, settings={"recreate_missing": True}, relation_lag_seconds=120)
    run.audit.broken |= set(ids)
    run.terminate(DR, *[run.audit.rows[one]["standby_id"] for one in ids])
    kinds = (faults.THROTTLED, faults.KILLED_AFTER, faults.READ_TIMEOUT_AFTER)
    run.disturb(*kinds, minutes=(120, 400), matches=faults.of_services("dynamodb", "workspaces"), rate=0.03)
    run.help_out(when=lambda: run.hours > 8)
    return settle(run, covered(ids), at_least=12)


@variants(
    # Found: what was terminated gave its day's place back, so that there was no end of new ones.
    a_clean_up_tool_against_recreate_missing=False,
    # Found: what is asked for by hand before a sweep has missed it kept the place of its first standby's day.
    a_clean_up_tool_against_a_person=True,
)
def _fought_over(by_hand: bool, deployment: Deployment) -> Simulation:
    """Until after midnight a tool terminates what is made again, by the sweep or because a person asks for it."""
    most = 8
    settings = {"recreate_missing": not by_hand, "max_new_standbys_per_day": most}
    late = trail(TerminateWorkspaces=[] if by_hand else [90.0])
    run = Simulation(deployment, trail=late, settings=settings)
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
def a_standby_that_fails_after_it_was_ready(deployment: Deployment) -> Simulation:
    """Unwell for hours, then well again: told once, and nothing is made in its place."""
    run, ids = standing(deployment, 3)
    standby = run.audit.rows[ids[0]]["standby_id"]
    run.world.set_state(standby, "ERROR")
    run.run(4)
    must(run.status(ids[0]) == (Status.FAILED, Reason.STANDBY_UNHEALTHY), f"it is {run.status(ids[0])}")
    run.world.set_state(standby, "AVAILABLE")
    settle(run, covered(ids), at_least=8)
    must(len(creates(run)) == 1, "something was made in its place")
    return run
