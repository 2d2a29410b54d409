"""Scenarios of what sweeps miss: each WorkSpace has to be missed twice in a row itself before it is gone."""

from __future__ import annotations

from datetime import timedelta

from local.workspaces import Fault
from standby.model import Status
from standby.reasons import Reason
from tests.simulation.deployment import Deployment
from tests.simulation.scenarios import EXPLAINED, covered, creates, must, scenario, settle
from tests.simulation.simulation import DR, PRIMARY, USERS, Simulation


def hide(run: Simulation, region: str, user: str) -> None:
    """Let no answer of a Region show a user's WorkSpace for an hour, in which there is one sweep."""
    until = run.world.clock.now() + timedelta(hours=1)
    run.world.inject(Fault("DescribeWorkspaces", "hide", region, until=until, user=user))


@scenario
def an_orphan_missed_by_one_sweep_keeps_its_users_claim(deployment: Deployment) -> Simulation:
    """Found: a sweep missed a primary that is gone, the next one its standby, too: the user got a second standby."""
    run = Simulation(deployment)
    one, *rest = run.create(*USERS[:5])
    run.run(2)
    must(run.status(one)[0] is Status.PROTECTED, f"it is {run.status(one)}")
    run.world.terminate(one)
    run.run(1.2)
    hide(run, DR, USERS[0])
    run.run(1)
    must(run.status(one) == (Status.PRIMARY_GONE, Reason.ORPHANED), f"it is {run.status(one)}")
    (new,) = run.create(USERS[0])
    settle(run, covered(rest) | {one: (Status.PRIMARY_GONE,), new: EXPLAINED}, at_least=7)
    must(len(creates(run)) == 1, "the user got a second standby")
    return run


@scenario
def a_desktop_missed_by_a_sweep_and_its_standby_by_the_next(deployment: Deployment) -> Simulation:
    """Found: one miss of each counted as two of the standby."""
    run = Simulation(deployment)
    one, *_ = ids = run.create(*USERS[:5])
    run.run(2.2)
    hide(run, PRIMARY, USERS[0])
    run.run(1)
    hide(run, DR, USERS[0])
    run.world.settings.change(relation_flicker=1.0)
    run.run(1)
    run.world.settings.change(relation_flicker=0.0)
    must(run.status(one)[0] is Status.PROTECTED, f"it is {run.status(one)}")
    settle(run, covered(ids), at_least=6)
    must(not run.topic.notices, "somebody was told")
    return run
