"""Scenarios of the selection: what is excluded gets nothing, whatever happens to tags and rules meanwhile."""

from standby.core.model import Status
from standby.core.settings import Rules, Selection
from tests.simulation import faults
from tests.simulation.convergence import Expected
from tests.simulation.days import CREATE
from tests.simulation.deployment import Deployment
from tests.simulation.faults import OneFault
from tests.simulation.scenarios import are, covered, creates, must, scenario, settle
from tests.simulation.simulation import PRIMARY, USERS, Simulation

NO = [{"Key": "Standby", "Value": "no"}]
YES = [{"Key": "Standby", "Value": "yes"}]


def excluded(ids: list[str]) -> Expected:
    """All of them are to be EXCLUDED at the end."""
    return dict.fromkeys(ids, (Status.EXCLUDED,))


@scenario
def tags_that_nobody_can_read_create_and_exclude_nothing(deployment: Deployment) -> Simulation:
    """For three hours the Tagging API throttles, refuses, and answers with nothing; everybody waits."""
    run = Simulation(deployment)
    kinds = (faults.THROTTLED, faults.REFUSED, faults.EMPTY, faults.MALFORMED, faults.READ_TIMEOUT_AFTER)
    run.disturb(*kinds, minutes=(0, 180), matches=faults.of_services("resourcegroupstaggingapi"))
    plain, tagged = run.create(*USERS[:5]), run.create(*USERS[5:10], Tags=NO)
    run.run(2.9)
    must({run.status(one) for one in plain + tagged} == {(Status.WAITING, "TAGS_UNKNOWN")}, "somebody does not wait")
    must(not creates(run), "something was created without its tags being known")
    return settle(run, covered(plain) | excluded(tagged))


@scenario
def tags_that_are_told_in_parts(deployment: Deployment) -> Simulation:
    """The Tagging API has no room for more than two of them in an answer, and follows ten minutes late."""
    run = Simulation(deployment, tag_page=2, tag_lag_seconds=600)
    plain, tagged = run.create(*USERS[:7]), run.create(*USERS[7:14], Tags=NO)
    return settle(run, covered(plain) | excluded(tagged))


@scenario
def tags_that_come_late_to_what_is_included(deployment: Deployment) -> Simulation:
    """The Tagging API knows of a new desktop's tags after two hours: left out, and taken up by a sweep."""
    selection = Selection(include=Rules(tags={"Standby": "yes"}))
    run = Simulation(deployment, settings={"selection": selection}, tag_lag_seconds=7200)
    late, never = run.create(*USERS[:3], Tags=YES), run.create(USERS[3])
    run.run(1)
    are(run, late, Status.EXCLUDED)
    return settle(run, covered(late) | excluded(never), at_least=3.5)


@scenario
def a_rule_in_force_in_the_middle_of_a_batch(deployment: Deployment) -> Simulation:
    """Some are requested, one request has no clear answer, then everybody is excluded: what there is stays."""
    plan = OneFault(CREATE, faults.READ_TIMEOUT_AFTER, times=1)
    run = Simulation(deployment, plan=plan, settings={"max_new_standbys_per_day": 30})
    ids = run.create(*USERS[:75])
    run.run(2, lambda: bool(creates(run)))
    run.deploy(selection=Selection(exclude=Rules(users=("USER*",))))
    run.run_until_settled(30, lambda: run.hours > 26)
    made = {one.primary_id for one in run.world.standbys()}
    must(0 < len(made) < 75, f"{len(made)} standbys")
    return settle(run, excluded(ids) | covered([one for one in ids if one in made]))


@scenario
def a_rule_that_is_taken_back(deployment: Deployment) -> Simulation:
    """Excluded by tag and by name; the tag is taken away, the rule removed: sweeps take both up, and tell nobody."""
    run = Simulation(deployment, settings={"selection": Selection(exclude=Rules({"Standby": "no"}, (USERS[1],)))})
    ids = run.create(USERS[0], Tags=NO) + run.create(USERS[1])
    run.run(1)
    are(run, ids, Status.EXCLUDED)
    run.world.call(PRIMARY, "DeleteTags", {"ResourceId": ids[0], "TagKeys": ["Standby"]})
    run.deploy(selection=Selection(exclude=Rules({"Standby": "no"})))
    settle(run, covered(ids), at_least=3)
    must(not run.topic.notices, "somebody was told")
    return run
