"""Scenarios of what others do to primaries and standbys, and of what changes around them."""

from __future__ import annotations

from standby.model import Status
from standby.reasons import Reason
from tests.simulation import faults
from tests.simulation.convergence import Expected
from tests.simulation.deployment import Deployment
from tests.simulation.faults import During
from tests.simulation.scenarios import covered, creates, during, must, scenario, settle
from tests.simulation.simulation import DR, PRIMARY, USERS, Simulation


def terminate(run: Simulation, region: str, *ids: str) -> None:
    """Somebody terminates them; CloudTrail has it."""
    run.world.call(region, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": one} for one in ids]})


def _terminated(deployment: Deployment, delays: list[float]) -> Simulation:
    """A standby and a primary are terminated, once they are protected; copies of each event come after so long."""
    run = Simulation(
        deployment, trail=lambda event: delays if event["detail"]["eventName"] == "TerminateWorkspaces" else [90.0]
    )
    bereft, gone, *rest = run.create(*USERS[:5])
    run.run(2)
    must(len(run.world.standbys()) == 5, "they have their standbys")
    run.audit.broken |= {bereft, gone}
    terminate(run, DR, run.audit.rows[bereft]["standby_id"])
    terminate(run, PRIMARY, gone)
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
    run.later(600, lambda: terminate(run, PRIMARY, one))
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
    terminate(run, DR, *[run.audit.rows[one]["standby_id"] for one in ids[:3]])
    terminate(run, PRIMARY, *ids[3:])
    run.help_out(when=lambda: run.hours > 4)
    expected: Expected = dict.fromkeys(ids[:3], (Status.STANDBY_MISSING,))
    expected |= dict.fromkeys(ids[3:], (Status.PRIMARY_GONE,))
    settle(run, expected, at_least=9)
    for one in ids:
        must(run.audit.rows[one].get("terminated_by") is not None, f"nobody knows who terminated {one}")
    return run
