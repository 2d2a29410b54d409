"""Scenarios of what is told of a whole fleet: coverage, standbys that differ, data that grows old."""

from __future__ import annotations

from functools import partial

from standby.model import Status
from standby.reasons import Reason
from tests.simulation import faults
from tests.simulation.deployment import Deployment
from tests.simulation.faults import During
from tests.simulation.scenarios import covered, during, large, must, scenario, settle
from tests.simulation.simulation import HOME, USERS, Simulation

REPLICATED = "d-9067328a7c"
_HELD = f"HOLD#{Reason.REPLICATION_STALE}"


@scenario
def coverage_is_true_whatever_becomes_of_the_sweep(deployment: Deployment) -> Simulation:
    """Sweeps are throttled, cut off and killed for half a day: no figures of half a fleet, and in the end true ones."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:25])
    ids += run.create(*USERS[25:40])
    linux = run.create(USERS[50], BundleId="wsb-ubuntustandard")
    kinds = (
        faults.THROTTLED,
        faults.KILLED_BEFORE,
        faults.KILLED_AFTER,
        faults.READ_TIMEOUT_BEFORE,
        faults.EMPTY,
        faults.MALFORMED,
    )
    of_sweep = during(run, *kinds, minutes=(0, 720), matches=lambda call: call.function == "sweep")
    run.wire.plan = During(of_sweep.kinds, of_sweep.begins, of_sweep.ends, of_sweep.matches, run.dice, rate=0.1)
    for hours, probably in ((2, 0.9), (10, 0.0)):
        run.later(hours * 3600, partial(run.world.settings.change, page_throttling=probably))
    settle(run, covered(ids) | {linux[0]: (Status.INELIGIBLE,)}, at_least=16)
    must({each["primaries"] for each in run.audit.coverages.written[HOME]} == {41}, "figures of a part of the fleet")
    found = run.audit.coverages.written[HOME][-1]
    must((found["primaries"], found["eligible"], found["protected"]) == (41, 40, 40), f"the figures are {found}")
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
    plan = during(run, *kinds, minutes=(1800, 4800), matches=lambda call: call.function == "sweep")
    run.wire.plan = During(plan.kinds, plan.begins, plan.ends, plan.matches, run.dice, rate=0.03)
    run.run(54)
    rows = run.audit.rows
    must(
        [rows[one].get("drift") for one in ids] == ["compute_type STANDARD≠POWER", *[None] * 4],
        f"they differ: {[rows[one].get('drift') for one in ids]}",
    )
    must([bool(rows[one].get("stale")) for one in ids] == [one in old for one in ids], "others are stale")
    for one in ids:
        changes = [bool(event.get("stale")) for event in run.audit.stories[one]]
        must(changes.count(True) <= 1, f"{one} was marked {changes.count(True)} times")
    told = [event for event in run.bus.details if event["pk"] == _HELD]
    days = {event["day"] for event in told}
    must(1 <= len(days) <= 3, f"it was told on {days}")
    found = run.audit.coverages.written[REPLICATED][-1]
    must((found["drifted"], found["stale"]) == (1, 2), f"the figures are {found}")
    standbys[bigger].properties["ComputeTypeName"] = "STANDARD"
    for one in old:
        standbys[one].replication_frozen_at = None
    run.run(3)
    must(not [one for one in ids if run.audit.rows[one].get("drift")], "it is not cleared")
    must(not [one for one in ids if run.audit.rows[one].get("stale")], "it is not cleared")
    must({event["day"] for event in run.bus.details if event["pk"] == _HELD} == days, "it was told again")
    return settle(run, covered(ids))
