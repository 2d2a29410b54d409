"""Scenarios of whole directories: whose desktops were there before, and what a Region that hangs keeps from others."""

from __future__ import annotations

from datetime import timedelta

from local.workspaces import Fault
from standby.model import DirectoryId, Status
from standby.settings import Directory
from tests.simulation import faults
from tests.simulation.deployment import Deployment
from tests.simulation.scenarios import covered, creates, during, in_dr_region, must, scenario, settle
from tests.simulation.simulation import AWAY, HOME, PRIMARY, USERS, Simulation


@scenario
def an_outage_at_the_first_sweep_makes_nobody_new(deployment: Deployment) -> Simulation:
    """The first sweep finds empty lists, the next one the fleet: nobody accepted it, and nothing is created."""
    run = Simulation(deployment, is_known=False, trail=lambda _: [])
    run.world.inject(Fault("DescribeWorkspaces", "hide", PRIMARY, until=run.began + timedelta(minutes=30)))
    ids = run.create(*USERS[:20])
    run.run(6)
    must({run.status(one)[0] for one in ids} == {Status.REPORTED}, "they are not all REPORTED")
    must(not creates(run), "something was created for a fleet that nobody accepted")
    new = run.create(USERS[30])
    return settle(run, dict.fromkeys(ids, (Status.REPORTED,)) | covered(new), at_least=8)


@scenario
def a_dr_region_that_hangs_keeps_no_directory_from_being_swept(deployment: Deployment) -> Simulation:
    """Of four directories no partner answers the sweep for hours: their own desktops are seen all the same."""
    homes = [HOME, *(f"d-90673{number:05}" for number in range(3))]
    partners = [AWAY, *(f"d-92672{number:05}" for number in range(3))]
    directories = {DirectoryId(home): Directory(DirectoryId(away)) for home, away in zip(homes, partners, strict=True)}
    run = Simulation(deployment, settings={"directories": directories}, trail=lambda _: [])
    run.wire.plan = during(
        run,
        faults.READ_TIMEOUT_BEFORE,
        minutes=(0, 170),
        matches=lambda call: call.function == "sweep" and in_dr_region(call),
    )
    ids = [one for home, user in zip(homes, USERS, strict=False) for one in run.create(user, directory=home)]
    run.run(2.7)
    must(bool(run.audit.struck), "nothing hung")
    must(set(run.audit.rows) == set(ids), "a directory was not swept")
    must({run.status(one)[0] for one in ids} == {Status.PROTECTED}, "what was found there is not protected")
    statuses = {one.status for one in run.sweeps.executions.values()}
    must(statuses == {"SUCCEEDED"}, f"sweeps ended as {statuses}")
    return settle(run, covered(ids), at_least=4)
