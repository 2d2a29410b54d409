"""Named scenarios: each a day on which something particular happens. What was ever found broken stays here by name."""

import traceback
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from standby.core.model import Status
from standby.core.reasons import Reason
from tests.simulation import faults
from tests.simulation.convergence import COVERED, Expected, check_end
from tests.simulation.days import CREATE
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, OneFault, Plans
from tests.simulation.simulation import AWAY, DR, HOME, PRIMARY, USERS, Simulation, Violated

Scenario = Callable[[Deployment], Simulation]
SCENARIOS: dict[str, Scenario] = {}
# Those that take long: not in every test run.
LARGE: set[str] = set()

EXPLAINED = (Status.INELIGIBLE,)


def scenario(function: Scenario) -> Scenario:
    """Enter a scenario under its name."""
    SCENARIOS[function.__name__] = function
    return function


def large(function: Scenario) -> Scenario:
    """Enter a scenario that takes long."""
    LARGE.add(function.__name__)
    return scenario(function)


def variants(**given: Any) -> Callable[[Callable[[Any, Deployment], Simulation]], object]:
    """Enter a scenario under several names, each with what it is given first."""
    return lambda function: SCENARIOS.update({name: partial(function, one) for name, one in given.items()})


def covered(ids: list[str]) -> Expected:
    """All of them are to be PROTECTED at the end."""
    return dict.fromkeys(ids, COVERED)


def standing(deployment: Deployment, count: int = 5, *, hours: float = 2, **world: Any) -> tuple[Simulation, list[str]]:
    """Desktops that have their standbys."""
    run = Simulation(deployment, **world)
    ids = run.create(*USERS[:count])
    run.run(hours)
    are(run, ids, Status.PROTECTED)
    return run, ids


def settle(run: Simulation, expected: Expected, hours: float = 30, at_least: float = 0.0) -> Simulation:
    """Let it come to its end, and check it."""
    run.run_until_settled(hours, lambda: run.hours > at_least)
    check_end(run, expected)
    return run


def must(holds: bool, otherwise: str) -> None:
    """Raise `Violated` otherwise."""
    if not holds:
        raise Violated(otherwise)


def are(run: Simulation, ids: list[str], status: Status) -> None:
    """Raise `Violated` if they are not all of one status."""
    found = {run.status(one)[0] for one in ids}
    must(found == {status}, f"they are {sorted(found)}, not all {status}")


def in_dr_region(call: Call) -> bool:
    """A call of the DR Region's WorkSpaces."""
    return call.service == "workspaces" and call.region == DR


def creates(run: Simulation) -> list[Any]:
    """The calls of CreateStandbyWorkspaces that reached the service."""
    return [call for call in run.world.calls if call.operation == "CreateStandbyWorkspaces"]


def has_made(run: Simulation, count: int) -> None:
    """Raise `Violated` if there is another number of standbys."""
    found = len(run.world.standbys())
    must(found == count, f"{found} standbys, not {count}")


def was_notified_once(run: Simulation, of: str = "") -> None:
    """Raise `Violated` if there is not one notice, or one of this."""
    found = [one["Subject"] for one in run.topic.notices if of in one["Subject"]]
    must(len(found) == 1, f"notices: {found}")


# Events


@variants(
    an_event_twice=[90.0, 90.0],
    # Over hours: before, while and after it is worked on.
    an_event_ten_times=[60.0, 60.0, 300.0, 1300.0, 1301.0, 1302.0, 2500.0, 2500.5, 5000.0, 9000.0],
    # In the same second, to fifty functions, when the primary is ready for its standby.
    fifty_deliveries_at_once_of_a_ready_desktop=[1500.0 + 0.01 * number for number in range(50)],
    an_event_a_day_late=[86_400.0],
)
def _delivered(delays: list[float], deployment: Deployment) -> Simulation:
    """CloudTrail delivers copies of each event, after so many seconds."""
    run = Simulation(deployment, trail=lambda _: delays)
    return settle(run, covered(run.create(*USERS[:3])))


@scenario
def events_out_of_order(deployment: Deployment) -> Simulation:
    """The later desktop's event comes first."""
    delays = iter([4000.0, 60.0])
    run = Simulation(deployment, trail=lambda _: [next(delays)])
    expected = covered(run.create(USERS[0]))
    run.later(600, lambda: expected.update(covered(run.create(USERS[1]))))
    return settle(run, expected, at_least=1.5)


@scenario
def a_lost_event_is_caught_by_the_sweep(deployment: Deployment) -> Simulation:
    """CloudTrail loses the events; within an interval the sweep finds the desktops."""
    run = Simulation(deployment, trail=lambda _: [])
    expected: Expected = {}
    run.later(600, lambda: expected.update(covered(run.create(*USERS[:3]))))
    run.run(1.2)
    must(set(run.audit.rows) == set(expected), "the sweep has not found them")
    return settle(run, expected)


@scenario
def a_poison_event_beside_a_good_one(deployment: Deployment) -> Simulation:
    """What nobody can read goes to the dead letters with its reason, and takes nothing with it."""
    run = Simulation(deployment)
    ids = run.create(USERS[0])
    run.later(90, lambda: run.functions.deliver("protect", {"detail-type": "poison", "detail": 7}))
    settle(run, covered(ids))
    (letter,) = run.queue.messages
    must("neither a call" in letter["attributes"]["reason"], f"no reason: {letter}")
    return run


# Regions


@large
def the_dr_region_down_for_six_hours_amid_500_creations(deployment: Deployment) -> Simulation:
    """Some are asked for when all of the Region goes; an hour after it is back, the last has been.

    Five hundred are twenty calls of twenty-five; an uncertain one needs its own looks and its own call. A lease for
    each row would be a day.
    """
    kinds = (faults.CONNECTION_REFUSED, faults.CONNECT_TIMEOUT, faults.READ_TIMEOUT_BEFORE, faults.ERROR_BEFORE)
    run = Simulation(deployment, settings={"max_new_standbys_per_day": 1000})
    run.disturb(*kinds, minutes=(60, 420), matches=lambda call: call.region == DR)
    expected: Expected = {}

    def create() -> None:
        for start in range(0, 500, 25):
            expected.update(covered(run.create(*USERS[start : start + 25])))
            run.scheduler.sleep(240)

    run.later(0, create)
    run.run(1)
    asked = len(run.world.standbys())
    must(0 < asked < 500, f"the Region is to go down in the middle of them; {asked} were asked for")
    run.run(6)
    began = run.hours
    run.run(12, lambda: len(run.world.standbys()) == 500)
    took = run.hours - began
    must(took < 1.0, f"the last standby was asked for {took:.1f} h after the Region came back")
    return settle(run, expected)


@scenario
def the_primary_region_shows_nothing_for_an_hour(deployment: Deployment) -> Simulation:
    """DescribeWorkspaces answers, and names nobody: unknown is not gone."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:3])
    run.later(1200, lambda: run.hide(PRIMARY, 1))
    return settle(run, covered(ids), at_least=1.5)


@scenario
def the_ledger_throttled_for_three_quarters_of_an_hour(deployment: Deployment) -> Simulation:
    """DynamoDB throttles nine of ten calls: what was asked for is not forgotten, and nothing is asked for twice."""
    run = Simulation(deployment)
    run.disturb(faults.THROTTLED, minutes=(1, 45), matches=lambda call: call.service == "dynamodb", rate=0.9)
    ids = run.create(*USERS[:5])
    run.help_out(when=lambda: run.hours > 1)
    return settle(run, covered(ids), at_least=1)


@scenario
def the_topic_away_for_an_hour(deployment: Deployment) -> Simulation:
    """Found: the mapping gave notices up after some minutes."""
    run = Simulation(deployment)
    run.disturb(faults.CONNECT_TIMEOUT, minutes=(0, 90), matches=lambda call: call.service == "sns")
    run.world.remove_user(DR, AWAY, USERS[0])
    run.world.fail_standby_of(USERS[1])
    (broken,) = run.create(USERS[1])
    return settle(run, {broken: (Status.FAILED,)}, at_least=2)


# Two at once


@scenario
def a_claim_ends_while_its_owner_lives(deployment: Deployment) -> Simulation:
    """The process freezes after its last check, for longer than its lease, and then sends."""
    plan = OneFault(CREATE, faults.STALLED, times=1)
    run = Simulation(deployment, plan=plan, trail=lambda _: [1500.0, 1501.0, 1560.0, 1700.0])
    settle(run, covered(run.create(*USERS[:3])))
    must(len(plan.hit) == 1, "the process did not freeze")
    return run


@scenario
def two_watchers(deployment: Deployment) -> Simulation:
    """The watcher's lease is taken from its living owner, again and again."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:10])
    for number in range(20):
        run.later(170 * (number + 1), run.steal)
    return settle(run, covered(ids), at_least=1)


@scenario
def the_watcher_aborted_each_time(deployment: Deployment) -> Simulation:
    """Somebody aborts each execution seven minutes after the schedule started it, for two hours."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:5])
    for number in range(8):
        run.later(420 + 900 * number, run.abort)
    return settle(run, covered(ids), at_least=2.2)


@scenario
def clocks_five_minutes_apart(deployment: Deployment) -> Simulation:
    """Each process has a clock of its own, up to two and a half minutes off; two requests give no clear answer."""
    kinds = (faults.READ_TIMEOUT_AFTER, faults.READ_TIMEOUT_BEFORE)
    plan = Plans(*[OneFault(CREATE, kind, times=1) for kind in kinds])
    run = Simulation(deployment, plan=plan, skew=150.0, relation_lag_seconds=300, trail=lambda _: [60, 1500, 1600])
    expected = covered(run.create(*USERS[:4]))
    run.later(2400, lambda: expected.update(covered(run.create(*USERS[4:8]))))
    settle(run, expected, at_least=1)
    apart = max(run.ahead) - min(run.ahead)
    must(apart == timedelta(minutes=5), f"clocks are {apart} apart")
    return run


@scenario
def lambda_that_starts_nothing_for_half_an_hour(deployment: Deployment) -> Simulation:
    """No function is started, for the account's concurrency is used up; then, for as long, Lambda itself fails."""
    run = Simulation(deployment)

    def refuse(function: str) -> str | None:
        minutes, error = run.hours * 60, None
        if 20 <= minutes < 50:
            error = "Lambda.TooManyRequestsException"
        if 60 <= minutes < 90:
            error = "Lambda.ServiceException"
        if error:
            run.audit.struck.append((run.scheduler.now(), Call(function, "lambda", PRIMARY, "Invoke"), error))
        return error

    run.functions.refuses = refuse
    ids = run.create(*USERS[:4])
    run.later(3000, lambda: ids.extend(run.create(*USERS[4:6])))
    run.run(1.6)
    must(len(ids) == 6, "the others came while nothing was started")
    return settle(run, covered(ids))


@scenario
def what_cannot_have_a_standby_gets_no_request(deployment: Deployment) -> Simulation:
    """Graphics, Linux, and an encrypted desktop of a directory without a key, beside one that can have one."""
    run = Simulation(deployment)
    kinds: list[dict[str, Any]] = [
        {"BundleId": "wsb-windowsgraphicspro"},
        {"BundleId": "wsb-windowsgeneralpurpose4xlarge"},
        {"BundleId": "wsb-amazonlinuxpower"},
        {"RootVolumeEncryptionEnabled": True, "VolumeEncryptionKey": "alias/ours"},
    ]
    ids = [one for user, kind in zip(USERS, kinds, strict=False) for one in run.create(user, **kind)]
    return settle(run, dict.fromkeys(ids, EXPLAINED) | covered(run.create(USERS[8])), at_least=3)


@scenario
def a_request_that_takes_effect_after_its_caller_gave_up(deployment: Deployment) -> Simulation:
    """The answer times out, and the standby comes into being only then."""
    run = Simulation(deployment, plan=OneFault(CREATE, faults.READ_TIMEOUT_LATE, times=2), relation_lag_seconds=600)
    return settle(run, covered(run.create(*USERS[:3])))


@scenario
def a_desktop_seen_once_and_then_missed(deployment: Deployment) -> Simulation:
    """Found: listings that miss what one of them has shown after an unclear request led to a second standby."""
    run = Simulation(deployment, plan=OneFault(CREATE, faults.CLOSED_AFTER, times=1), relation_lag_seconds=7200)
    ids = run.create(USERS[0])

    def hide() -> None:
        while not (one := run.audit.rows.get(ids[0])) or one["reason_code"] != Reason.DR_DESKTOP_UNCLEAR:
            run.scheduler.sleep(10)
        run.hide(DR, 1, USERS[0])

    run.later(0, hide)
    return settle(run, covered(ids), at_least=2)


@scenario
def items_that_failed_and_were_created(deployment: Deployment) -> Simulation:
    """Found: an internal failure of one item was taken for nothing created."""
    run = Simulation(deployment, false_failure=0.5, relation_lag_seconds=900)
    return settle(run, covered(run.create(*USERS[:8])))


# Desktops


@scenario
def a_user_spelled_differently(deployment: Deployment) -> Simulation:
    """The service shouts users' names and its filter minds the case; the answer of the request is lost."""
    plan = OneFault(CREATE, faults.CLOSED_AFTER, times=1)
    run = Simulation(deployment, plan=plan, shout_user_names=True, exact_user_filter=True, relation_lag_seconds=240)
    run.world.add_directory(PRIMARY, HOME, ["Anna.Smith"])
    run.world.add_directory(DR, AWAY, ["ANNA.SMITH"])
    return settle(run, covered(run.create("anna.smith", USERS[1])))


@scenario
def two_primaries_of_one_user(deployment: Deployment) -> Simulation:
    """Two directories share a DR directory by mistake: one standby, and the other is explained."""
    run = Simulation(deployment)
    first, second = list(run.settings.directories)
    run.deploy(directories=dict.fromkeys((first, second), run.settings.directories[first]))
    ids = run.create(USERS[0]) + run.create(USERS[0], directory=second)
    run.run_until_settled(30)
    statuses = sorted(str(run.status(each)[0]) for each in ids)
    must(statuses == ["INELIGIBLE", "PROTECTED"], f"they are {statuses}")
    return run


@scenario
def a_desktop_of_the_users_own_in_the_dr_region(deployment: Deployment) -> Simulation:
    """It is never touched, and never taken for the standby."""
    run = Simulation(deployment)
    run.create(USERS[0], region=DR, directory=AWAY)
    run.world.settings.change(strict=True)
    return settle(run, dict.fromkeys(run.create(USERS[0]), EXPLAINED))


@scenario
def a_user_who_comes_to_the_dr_directory_hours_later(deployment: Deployment) -> Simulation:
    """Directories lag behind new hires."""
    run = Simulation(deployment)
    run.world.remove_user(DR, AWAY, USERS[0])
    ids = run.create(*USERS[:2])
    run.later(5 * 3600, lambda: run.world.add_directory(DR, AWAY, [USERS[0]]))
    return settle(run, covered(ids), at_least=5)


# What holds


@scenario
def a_pause_between_two_calls_of_a_batch(deployment: Deployment) -> Simulation:
    """Sixty are ready, the first call is out, somebody pauses: the rest is held, and follows when the pause is over."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:60])

    def pause() -> None:
        while not run.world.standbys():
            run.scheduler.sleep(0.1)
        run.pause(on=True)
        run.scheduler.sleep(2 * 3600)
        run.pause(on=False)

    run.later(0, pause)
    run.run(2)
    asked = len(run.world.standbys())
    must(0 < asked < len(ids), f"{asked} of {len(ids)} were asked for before the pause")
    settle(run, covered(ids), at_least=3)
    was_notified_once(run, "PAUSED")
    return run


@scenario
def reads_of_the_pause_that_say_nothing(deployment: Deployment) -> Simulation:
    """Found: an answer of DynamoDB without content was taken for "not paused"."""
    run = Simulation(deployment)
    run.pause(on=True)
    run.disturb(faults.MALFORMED, faults.EMPTY, minutes=(0, 120), matches=lambda call: "PAUSE" in call.purpose)
    ids = run.create(*USERS[:3])
    run.run(2)
    must(not creates(run), "something was asked for while it could not be known whether it may be")
    run.later(0, lambda: run.pause(on=False))
    return settle(run, covered(ids))


@scenario
def the_daily_cap_in_the_middle_of_a_batch(deployment: Deployment) -> Simulation:
    """Three of five today, the rest tomorrow, and one notice a day."""
    run = Simulation(deployment, settings={"max_new_standbys_per_day": 3})
    ids = run.create(*USERS[:5])
    run.run(6)
    has_made(run, 3)
    settle(run, covered(ids), at_least=16)
    was_notified_once(run)
    return run


@scenario
def the_ceiling_in_the_middle_of_a_batch(deployment: Deployment) -> Simulation:
    """Three of five, until somebody deploys a higher ceiling."""
    run = Simulation(deployment, settings={"max_standbys": 3})
    ids = run.create(*USERS[:5])
    run.run(3)
    has_made(run, 3)
    run.deploy(max_standbys=10)
    return settle(run, covered(ids), at_least=4)


@variants(the_quota_used_up_by_a_call_and_then_raised="call", the_quota_used_up_by_items_and_then_raised="item")
def _quota(refusal: str, deployment: Deployment) -> Simulation:
    """The call above the quota fails as a whole, or its items do."""
    run = Simulation(deployment, standby_quota=10, quota_refusal=refusal)
    ids = run.create(*USERS[:30])
    run.run(4)
    must(len(run.world.standbys()) <= 10, f"{len(run.world.standbys())} standbys")
    sent = len(creates(run))
    must(sent < 40, f"{sent} calls against a quota that is used up")
    run.later(0, lambda: run.world.settings.change(standby_quota=None))
    settle(run, covered(ids), at_least=5)
    was_notified_once(run, "QUOTA")
    return run


@scenario
def permission_refused_until_somebody_mends_it(deployment: Deployment) -> Simulation:
    """A policy forbids it; a person mends the policy, and within the hour it is tried again."""
    run = Simulation(deployment)
    run.disturb(faults.REFUSED, minutes=(0, 120), matches=lambda call: call == CREATE)
    settle(run, covered(run.create(*USERS[:3])), at_least=2)
    was_notified_once(run, "HELD (ACCESS_DENIED)")
    return run


@scenario
def everything_at_once_to_one_desktop(deployment: Deployment) -> Simulation:
    """Its claim's owner dies after the effect, the watcher is aborted, the index lags, the event repeats."""
    plan = OneFault(CREATE, faults.KILLED_AFTER, times=1)
    run = Simulation(
        deployment, plan=plan, index_lag=30, skew=60, relation_lag_seconds=300, trail=lambda _: [60, 1400, 1500, 4000]
    )
    ids = run.create(USERS[0])
    run.later(1600, run.abort)
    return settle(run, covered(ids), at_least=1.5)


def outcome(deployment: Deployment, name: str) -> tuple[str, Simulation | None]:
    """Run one: "passed" and its run, or what is wrong and the story that led there."""
    before = Simulation.present
    try:
        return "passed", SCENARIOS[name](deployment)
    except Violated as violated:
        problem = str(violated)
    except Exception:
        problem = traceback.format_exc()
    run = Simulation.present
    return f"failed: {problem}\n{run.story() if run and run is not before else ''}", None


from tests.simulation import fleets as _fleets  # noqa: E402, F401 (enters its own scenarios)
from tests.simulation import others as _others  # noqa: E402, F401 (enters its own scenarios)
from tests.simulation import selecting as _selecting  # noqa: E402, F401 (enters its own scenarios)
