"""Scenarios of the selection: what is excluded gets nothing, whatever happens to tags and rules meanwhile."""

from __future__ import annotations

from standby.model import Status
from standby.selection import Rules, Selection
from tests.simulation import faults
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, OneFault
from tests.simulation.scenarios import covered, creates, during, must, scenario, settle
from tests.simulation.simulation import PRIMARY, USERS, Simulation

EXCLUDED = (Status.EXCLUDED,)
NO = [{"Key": "Standby", "Value": "no"}]
YES = [{"Key": "Standby", "Value": "yes"}]


def asks_for_tags(call: Call) -> bool:
    """A call of the Tagging API."""
    return call.operation == "GetResources"


@scenario
def tags_that_nobody_can_read_create_and_exclude_nothing(deployment: Deployment) -> Simulation:
    """For three hours the Tagging API throttles, refuses, and answers with nothing; everybody waits."""
    run = Simulation(deployment)
    kinds = (faults.THROTTLED, faults.REFUSED, faults.EMPTY, faults.MALFORMED, faults.READ_TIMEOUT_AFTER)
    run.wire.plan = during(run, *kinds, minutes=(0, 180), matches=asks_for_tags)
    plain, excluded = run.create(*USERS[:5]), run.create(*USERS[5:10], Tags=NO)
    run.run(2.9)
    must({run.status(one) for one in plain + excluded} == {(Status.WAITING, "TAGS_UNKNOWN")}, "somebody does not wait")
    must(not creates(run), "something was created without its tags being known")
    return settle(run, covered(plain) | dict.fromkeys(excluded, EXCLUDED))


@scenario
def tags_that_are_told_in_parts(deployment: Deployment) -> Simulation:
    """The Tagging API has no room for more than two of them in an answer, and follows ten minutes late."""
    run = Simulation(deployment, tag_page=2, tag_lag_seconds=600)
    plain, excluded = run.create(*USERS[:7]), run.create(*USERS[7:14], Tags=NO)
    return settle(run, covered(plain) | dict.fromkeys(excluded, EXCLUDED))


@scenario
def tags_that_come_late_to_what_is_included(deployment: Deployment) -> Simulation:
    """The Tagging API knows of a new desktop's tags after two hours: left out, and taken up by a sweep."""
    selection = Selection(include=Rules(tags={"Standby": "yes"}))
    run = Simulation(deployment, settings={"selection": selection}, tag_lag_seconds=7200)
    late, never = run.create(*USERS[:3], Tags=YES), run.create(USERS[3])
    run.run(1)
    must({run.status(one)[0] for one in late} == {Status.EXCLUDED}, "they are not left out")
    return settle(run, covered(late) | dict.fromkeys(never, EXCLUDED), at_least=3.5)


@scenario
def a_rule_in_force_in_the_middle_of_a_batch(deployment: Deployment) -> Simulation:
    """Some are requested, one request has no clear answer, then everybody is excluded: what there is stays."""
    create = Call("protect", "workspaces", "us-west-2", "CreateStandbyWorkspaces")
    run = Simulation(
        deployment, plan=OneFault(create, faults.READ_TIMEOUT_AFTER, times=1), settings={"max_new_standbys_per_day": 30}
    )
    ids = [one for start in range(0, 75, 25) for one in run.create(*USERS[start : start + 25])]
    run.run(2, lambda: bool(creates(run)))
    run.deploy(selection=Selection(exclude=Rules(users=("USER*",))))
    run.audit.allow(run.settings)
    run.run_until_settled(30, lambda: run.hours > 26)
    made = {one.primary_id for one in run.world.standbys()}
    must(0 < len(made) < 75, f"{len(made)} standbys")
    return settle(run, {one: (Status.PROTECTED,) if one in made else EXCLUDED for one in ids})


@scenario
def a_rule_that_is_taken_back(deployment: Deployment) -> Simulation:
    """Excluded by tag and by name; the tag is taken away, the rule removed: sweeps take both up, and tell nobody."""
    run = Simulation(deployment, settings={"selection": Selection(exclude=Rules({"Standby": "no"}, (USERS[1],)))})
    (tagged,), (named,) = run.create(USERS[0], Tags=NO), run.create(USERS[1])
    run.run(1)
    must({run.status(one)[0] for one in (tagged, named)} == {Status.EXCLUDED}, "they are not excluded")
    run.world.call(PRIMARY, "DeleteTags", {"ResourceId": tagged, "TagKeys": ["Standby"]})
    run.deploy(selection=Selection(exclude=Rules({"Standby": "no"})))
    run.audit.allow(run.settings)
    settle(run, covered([tagged, named]), at_least=3)
    must(not run.topic.notices, "somebody was told")
    return run
