"""Named scenarios: each a day on which something particular happens. What was ever found broken stays here by name."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from local.workspaces import Fault
from standby.model import Status
from standby.reasons import Reason
from tests.simulation import faults
from tests.simulation.convergence import COVERED, Expected, check_end
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, During, OneFault, Plans
from tests.simulation.simulation import AWAY, DR, HOME, PRIMARY, USERS, WINDOWS, Simulation, Violated

Scenario = Callable[[Deployment], Simulation]
SCENARIOS: dict[str, Scenario] = {}
# Those that take long: not in every test run.
LARGE: set[str] = set()

CREATE = Call("protect", "workspaces", DR, "CreateStandbyWorkspaces")
EXPLAINED = (Status.INELIGIBLE,)


def scenario(function: Scenario) -> Scenario:
    """Enter a scenario under its name."""
    SCENARIOS[function.__name__] = function
    return function


def large(function: Scenario) -> Scenario:
    """Enter a scenario that takes long."""
    LARGE.add(function.__name__)
    return scenario(function)


def covered(ids: list[str]) -> Expected:
    """All of them are to be PROTECTED at the end."""
    return dict.fromkeys(ids, COVERED)


def settle(run: Simulation, expected: Expected, hours: float = 30, at_least: float = 0.0) -> Simulation:
    """Let it come to its end, and check it."""
    run.run_until_settled(hours, lambda: run.hours > at_least)
    check_end(run, expected)
    return run


def must(holds: bool, otherwise: str) -> None:
    """Raise `Violated` otherwise."""
    if not holds:
        raise Violated(otherwise)


def during(run: Simulation, *kinds: str, minutes: tuple[float, float], matches: Callable[[Call], bool]) -> During:
    """A plan: from one minute to another, counted from the beginning, such calls go wrong."""
    begins, ends = (run.began + timedelta(minutes=minute) for minute in minutes)
    return During(kinds, begins, ends, matches, run.dice)


def in_dr_region(call: Call) -> bool:
    """A call of the DR Region's WorkSpaces."""
    return call.service == "workspaces" and call.region == DR


def creates(run: Simulation) -> list[Any]:
    """The calls of CreateStandbyWorkspaces that reached the service."""
    return [call for call in run.world.calls if call.operation == "CreateStandbyWorkspaces"]


# Events


def _delivered(deployment: Deployment, delays: list[float]) -> Simulation:
    run = Simulation(deployment, trail=lambda _: delays)
    return settle(run, covered(run.create(*USERS[:3])))


@scenario
def an_event_twice(deployment: Deployment) -> Simulation:
    """CloudTrail delivers each event twice at once."""
    return _delivered(deployment, [90.0, 90.0])


@scenario
def an_event_ten_times(deployment: Deployment) -> Simulation:
    """Ten copies, over hours: before, while and after it is worked on."""
    return _delivered(deployment, [60.0, 60.0, 300.0, 1300.0, 1301.0, 1302.0, 2500.0, 2500.5, 5000.0, 9000.0])


@scenario
def fifty_deliveries_at_once_of_a_ready_desktop(deployment: Deployment) -> Simulation:
    """Fifty copies reach fifty functions in the same second, when the primary is ready for its standby."""
    return _delivered(deployment, [1500.0 + 0.01 * number for number in range(50)])


@scenario
def an_event_a_day_late(deployment: Deployment) -> Simulation:
    """The event comes when everybody has forgotten the desktop."""
    return _delivered(deployment, [86_400.0])


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
    must("neither a call by hand" in letter["attributes"]["reason"], f"no reason: {letter}")
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
    run.wire.plan = during(run, *kinds, minutes=(60, 420), matches=lambda call: call.region == DR)
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
    must(
        run.hours - began < 1.0, f"the last standby was asked for {run.hours - began:.1f} h after the Region came back"
    )
    return settle(run, expected, at_least=0)


@scenario
def the_primary_region_shows_nothing_for_an_hour(deployment: Deployment) -> Simulation:
    """DescribeWorkspaces answers, and names nobody: unknown is not gone."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:3])
    begins = run.began + timedelta(minutes=20)
    run.later(
        1200,
        lambda: run.world.inject(Fault("DescribeWorkspaces", "hide", PRIMARY, until=begins + timedelta(hours=1))),
    )
    return settle(run, covered(ids), at_least=1.5)


@scenario
def the_ledger_throttled_for_three_quarters_of_an_hour(deployment: Deployment) -> Simulation:
    """DynamoDB throttles nine of ten calls: what was asked for is not forgotten, and nothing is asked for twice."""
    run = Simulation(deployment)
    plan = during(run, faults.THROTTLED, minutes=(1, 45), matches=lambda call: call.service == "dynamodb")
    run.wire.plan = During(plan.kinds, plan.begins, plan.ends, plan.matches, run.dice, rate=0.9)
    ids = run.create(*USERS[:5])
    run.help_out(when=lambda: run.hours > 1)
    return settle(run, covered(ids), at_least=1)


@scenario
def the_topic_away_for_an_hour(deployment: Deployment) -> Simulation:
    """Found: the mapping gave notices up after some minutes."""
    run = Simulation(deployment)
    run.wire.plan = during(run, faults.CONNECT_TIMEOUT, minutes=(0, 90), matches=lambda call: call.service == "sns")
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

    def steal() -> None:
        for number in range(20):
            run.scheduler.sleep(170)
            row = {"pk": {"S": "LEASE#WATCH"}, "sk": {"S": "LEASE#WATCH"}, "holder": {"S": "-"}}
            moments = {name: {"S": "2026-01-05T09:00:00.000Z"} for name in ("expires_at", "round_began_at")}
            run.ledger.ask("PutItem", Item=row | moments)
            run.machines.start(f"thief-{number}", {})

    run.later(0, steal)
    return settle(run, covered(ids), at_least=1)


@scenario
def the_watcher_aborted_each_time(deployment: Deployment) -> Simulation:
    """Somebody aborts each execution seven minutes after the schedule started it, for two hours."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:5])

    def abort() -> None:
        for number in range(8):
            run.scheduler.sleep(420 if number == 0 else 900)
            run.abort()

    run.later(0, abort)
    return settle(run, covered(ids), at_least=2.2)


@scenario
def clocks_five_minutes_apart(deployment: Deployment) -> Simulation:
    """Each process has a clock of its own, up to two and a half minutes off; two requests give no clear answer."""
    plan = Plans(
        OneFault(CREATE, faults.READ_TIMEOUT_AFTER, times=1), OneFault(CREATE, faults.READ_TIMEOUT_BEFORE, times=1)
    )
    run = Simulation(deployment, plan=plan, skew=150.0, relation_lag_seconds=300, trail=lambda _: [60, 1500, 1600])
    expected = covered(run.create(*USERS[:4]))
    run.later(2400, lambda: expected.update(covered(run.create(*USERS[4:8]))))
    settle(run, expected, at_least=1)
    must(
        max(run.ahead) - min(run.ahead) == timedelta(minutes=5), f"clocks are {min(run.ahead)} to {max(run.ahead)} off"
    )
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
    expected: Expected = {}
    kinds: list[dict[str, Any]] = [
        {"BundleId": "wsb-windowsgraphicspro"},
        {"BundleId": "wsb-windowsgeneralpurpose4xlarge"},
        {"BundleId": "wsb-amazonlinuxpower"},
        {"RootVolumeEncryptionEnabled": True, "VolumeEncryptionKey": "alias/aws/workspaces"},
    ]
    for user, kind in zip(USERS, kinds, strict=False):
        expected |= dict.fromkeys(run.create(user, **kind), EXPLAINED)
    expected |= covered(run.create(USERS[8]))
    return settle(run, expected, at_least=3)


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
        until = run.scheduler.now() + timedelta(hours=1)
        run.world.inject(Fault("DescribeWorkspaces", "hide", DR, user=USERS[0], until=until))

    run.later(0, hide)
    return settle(run, covered(ids), at_least=2)


@scenario
def items_that_failed_and_were_created(deployment: Deployment) -> Simulation:
    """Found: an internal failure of one item was taken for nothing created."""
    run = Simulation(deployment, false_failure=0.5, relation_lag_seconds=900)
    return settle(run, covered(run.create(*USERS[:8])))


# Desktops


@scenario
def a_migrated_primary(deployment: Deployment) -> Simulation:
    """A new id for a user whose old desktop has its standby: no second one, and a person is told."""
    run = Simulation(deployment)
    (old,) = run.create(USERS[0])
    run.run(2)
    must(run.status(old)[0] is Status.PROTECTED, "the old one has its standby")
    answer = run.world.call(
        PRIMARY, "MigrateWorkspace", {"SourceWorkspaceId": old, "BundleId": "wsb-windowsperformance"}
    )
    return settle(run, {answer["TargetWorkspaceId"]: EXPLAINED}, at_least=3)


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
    """Two directories of the primary Region share a partner by mistake: one standby, and the other is explained."""
    run = Simulation(deployment)
    first, second = list(run.settings.directories)
    partner = run.settings.directories[first]
    run.deploy(directories={first: partner, second: partner})
    run.audit.allow(run.settings)
    one, other = run.create(USERS[0]) + run.create(USERS[0], directory=second)
    run.run_until_settled(30)
    statuses = sorted(str(run.status(each)[0]) for each in (one, other))
    must(statuses == ["INELIGIBLE", "PROTECTED"], f"they are {statuses}")
    return run


@scenario
def a_desktop_of_the_users_own_in_the_dr_region(deployment: Deployment) -> Simulation:
    """It is never touched, and never taken for the standby."""
    run = Simulation(deployment)
    order = {"DirectoryId": AWAY, "UserName": USERS[0], "BundleId": WINDOWS}
    run.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
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
    ids = [one for start in (0, 20, 40) for one in run.create(*USERS[start : start + 20])]

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
    paused = [one for one in run.topic.notices if "PAUSED" in one["Subject"]]
    must(len(paused) == 1, f"{len(paused)} notices of the pause")
    return run


@scenario
def reads_of_the_pause_that_say_nothing(deployment: Deployment) -> Simulation:
    """Found: an answer of DynamoDB without content was taken for "not paused"."""
    run = Simulation(deployment)
    run.pause(on=True)
    kinds = (faults.MALFORMED, faults.EMPTY)
    run.wire.plan = during(run, *kinds, minutes=(0, 120), matches=lambda call: "PAUSE" in call.purpose)
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
    must(len(run.world.standbys()) == 3, f"{len(run.world.standbys())} standbys on the first day")
    settle(run, covered(ids), at_least=16)
    must(len(run.topic.notices) == 1, f"{len(run.topic.notices)} notices")
    return run


@scenario
def the_ceiling_in_the_middle_of_a_batch(deployment: Deployment) -> Simulation:
    """Three of five, until somebody deploys a higher ceiling."""
    run = Simulation(deployment, settings={"max_standbys": 3})
    ids = run.create(*USERS[:5])
    run.run(3)
    must(len(run.world.standbys()) == 3, f"{len(run.world.standbys())} standbys")
    run.deploy(max_standbys=10)
    return settle(run, covered(ids), at_least=4)


def _quota(deployment: Deployment, refusal: str) -> Simulation:
    run = Simulation(deployment, standby_quota=10, quota_refusal=refusal)
    ids = run.create(*USERS[:25]) + run.create(*USERS[25:30])
    run.run(4)
    must(len(run.world.standbys()) <= 10, f"{len(run.world.standbys())} standbys")
    sent = len(creates(run))
    must(sent < 40, f"{sent} calls against a quota that is used up")
    run.later(0, lambda: run.world.settings.change(standby_quota=None))
    settle(run, covered(ids), at_least=5)
    told = [one for one in run.topic.notices if "QUOTA" in one["Subject"]]
    must(len(told) == 1, f"{len(told)} notices of the quota")
    return run


@scenario
def the_quota_used_up_by_a_call_and_then_raised(deployment: Deployment) -> Simulation:
    """The call above the quota fails as a whole."""
    return _quota(deployment, "call")


@scenario
def the_quota_used_up_by_items_and_then_raised(deployment: Deployment) -> Simulation:
    """The items above the quota fail."""
    return _quota(deployment, "item")


@scenario
def permission_refused_until_somebody_mends_it(deployment: Deployment) -> Simulation:
    """A policy forbids it; a person mends the policy and asks by hand, as the notice says."""
    run = Simulation(deployment)
    run.wire.plan = during(run, faults.REFUSED, minutes=(0, 120), matches=lambda call: call == CREATE)
    ids = run.create(*USERS[:3])
    run.help_out(when=lambda: run.hours > 2)
    settle(run, covered(ids), at_least=2)
    must(len(run.topic.notices) == len(ids), f"{len(run.topic.notices)} notices for {len(ids)} desktops")
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


# The whole fleet


def existing_fleet(deployment: Deployment, count: int, **changes: Any) -> tuple[Simulation, list[str]]:
    """Desktops that were there before the product was, after its first sweep."""
    run = Simulation(deployment, is_known=False, trail=lambda _: [], **changes)
    ids = [one for start in range(0, count, 25) for one in run.create(*USERS[start : min(start + 25, count)])]
    run.run(0.5)
    return run, ids


@scenario
def an_existing_fleet_is_reported_and_nothing_more(deployment: Deployment) -> Simulation:
    """Sweeps come and go, and nothing is created for it; what is new beside it is protected."""
    run, ids = existing_fleet(deployment, 60)
    run.run(3)
    must({run.status(one)[0] for one in ids} == {Status.REPORTED}, "they are not all REPORTED")
    must(not creates(run), "something was created for a fleet that nobody accepted")
    new = run.create(USERS[60])
    run.run(2)
    settle(run, {**dict.fromkeys(ids, (Status.REPORTED,)), **covered(new)})
    must(len(run.world.standbys()) == 1, "only the new one has a standby")
    return run


@scenario
def an_accepted_fleet_through_every_interruption(deployment: Deployment) -> Simulation:
    """Accepted; then processes die, answers are lost, watchers are aborted: a standby each, and no second."""
    few = {"backfill_in_flight": 20}
    run, ids = existing_fleet(deployment, 60, settings=few, relation_lag_seconds=300)
    kinds = (faults.KILLED_BEFORE, faults.KILLED_AFTER, faults.READ_TIMEOUT_AFTER, faults.ERROR_AFTER)
    plan = during(run, *kinds, minutes=(60, 240), matches=lambda call: call.service in ("workspaces", "dynamodb"))
    run.wire.plan = During(plan.kinds, plan.begins, plan.ends, plan.matches, run.dice, rate=0.03)
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
    kinds = (faults.KILLED_BEFORE, faults.KILLED_AFTER)
    plan = during(run, *kinds, minutes=(30, 360), matches=lambda call: call.function == "sweep")
    run.wire.plan = During(plan.kinds, plan.begins, plan.ends, plan.matches, run.dice, rate=0.04)
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
    # The day's number is 12, of which two are for new desktops.
    must(len(run.world.standbys()) == 10, f"{len(run.world.standbys())} standbys on the first day")
    run.run(24)
    must(len(run.world.standbys()) == 20, f"{len(run.world.standbys())} standbys, with a quota of 20")
    run.world.settings.change(standby_quota=None)
    run.run(24)
    must(len(run.world.standbys()) == 26, f"{len(run.world.standbys())} standbys, with a ceiling of 26")
    run.deploy(max_standbys=40)
    settle(run, covered(ids), at_least=run.hours + 2)
    must(most["under way"] > 3, "backfill did not go on several at a time")
    must(bool(run.audit.struck), "nothing was interrupted")
    must({call.outcome for call in creates(run)} == {"ok"}, "a request was refused")
    row = run.ledger.ask("GetItem", Key={"pk": {"S": f"SWEEP#{HOME}"}, "sk": {"S": "BASELINE"}})["Item"]
    must(row["progress"]["M"]["protected"] == {"N": "30"}, f"the row says {row['progress']}")
    must(row["plan"]["M"]["would_get"] == {"N": "30"}, f"the row says {row['plan']}")
    told = [one for one in run.topic.notices if "FLEET_FOUND" in one["Subject"]]
    must(len(told) == 1, f"{len(told)} notices of the fleet")
    return run


@scenario
def the_quota_cannot_be_asked_for(deployment: Deployment) -> Simulation:
    """Service Quotas throttles, refuses, answers nothing: the plan says so, and an accepted fleet is protected."""
    run = Simulation(deployment, is_known=False, trail=lambda _: [])
    kinds = (
        faults.THROTTLED,
        faults.REFUSED,
        faults.EMPTY,
        faults.MALFORMED,
        faults.ERROR_AFTER,
        faults.CONNECT_TIMEOUT,
    )
    run.wire.plan = during(run, *kinds, minutes=(0, 6000), matches=lambda call: call.service == "service-quotas")
    ids = run.create(*USERS[:10])
    run.run(1)
    key = {"pk": {"S": f"SWEEP#{HOME}"}, "sk": {"S": "BASELINE"}}
    plan = run.ledger.ask("GetItem", Key=key)["Item"]["plan"]["M"]
    must("could not be asked for" in plan["message"]["S"], f"the plan says {plan['message']}")
    must(plan["room"] == {"NULL": True}, f"the plan says {plan['room']}")
    run.accept()
    return settle(run, covered(ids), at_least=3)


@scenario
def a_fleet_that_cannot_be_written_down_takes_no_baseline(deployment: Deployment) -> Simulation:
    """The ledger takes none of the first sweeps' rows: what they saw stays an existing fleet."""
    run = Simulation(deployment, is_known=False, trail=lambda _: [])
    run.wire.plan = during(
        run, faults.THROTTLED, minutes=(0, 90), matches=lambda call: call.operation == "TransactWriteItems"
    )
    ids = run.create(*USERS[:3])
    run.run(4)
    must({run.status(one)[0] for one in ids} == {Status.REPORTED}, "a fleet that nobody accepted")
    must(not creates(run), "something was created for it")
    return run


@scenario
def a_fleet_whose_scan_fails_takes_no_baseline(deployment: Deployment) -> Simulation:
    """The first sweeps are throttled: nothing is concluded, and what they saw stays an existing fleet."""
    run = Simulation(deployment, is_known=False, trail=lambda _: [])
    run.wire.plan = during(run, faults.THROTTLED, minutes=(0, 130), matches=lambda call: in_dr_region(call))
    ids = run.create(*USERS[:20])
    run.run(2.5)
    late = run.create(USERS[40])
    run.run(3)
    must({run.status(one)[0] for one in (*ids, *late)} == {Status.REPORTED}, "a fleet that nobody accepted")
    must(not creates(run), "something was created for it")
    return run


@scenario
def what_is_gone_is_told_and_nothing_is_made_again(deployment: Deployment) -> Simulation:
    """A primary is terminated, a standby is terminated by hand, the rest stays as it is."""
    run = Simulation(deployment, orphans_keep_relation=True)
    gone, bereft, *rest = run.create(*USERS[:6])
    run.run(2)
    must(len(run.world.standbys()) == 6, "they have their standbys")
    run.world.terminate(gone)
    run.world.terminate(run.audit.rows[bereft]["standby_id"])
    run.audit.broken.add(bereft)
    expected = covered(rest) | {gone: (Status.PRIMARY_GONE,), bereft: (Status.STANDBY_MISSING,)}
    settle(run, expected, at_least=5)
    must(len(creates(run)) <= 2, "something was made again")
    return run


@scenario
def a_fleet_that_flickers_loses_nothing(deployment: Deployment) -> Simulation:
    """One in twenty is left out of an answer, on either side, for a day: unknown is not gone."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:20])
    run.run(2)
    run.world.settings.change(flicker=0.05, relation_flicker=0.05, page_throttling=0.2)
    run.run(24)
    run.world.settings.change(flicker=0.0, relation_flicker=0.0, page_throttling=0.0)
    return settle(run, covered(ids))


@scenario
def a_region_that_shows_nobody_for_three_hours_takes_nothing_away(deployment: Deployment) -> Simulation:
    """Sweeps find empty directories, first of the one Region, then of the other: nobody is gone for it."""
    run = Simulation(deployment)
    ids = run.create(*USERS[:5])
    run.run(3)
    for region in (PRIMARY, DR):
        until = run.world.clock.now() + timedelta(hours=3)
        run.world.inject(Fault("DescribeWorkspaces", "hide", region, until=until))
        run.run(4)
    settle(run, covered(ids))
    must({len(run.audit.stories[one]) for one in ids} <= {4, 5, 6}, "something was concluded, and undone")
    must(not run.topic.notices, "somebody was told")
    return run


@scenario
def one_that_is_taken_for_gone_and_shown_again_gets_no_second_standby(deployment: Deployment) -> Simulation:
    """A desktop and its standby are left out of every answer for hours; then it is shown, first without its standby."""
    run = Simulation(deployment)
    one, *rest = ids = run.create(*USERS[:5])
    run.run(3)
    until = run.world.clock.now() + timedelta(hours=3)
    for region in (PRIMARY, DR):
        hidden = Fault("DescribeWorkspaces", "hide", region, until=until, user=USERS[0])
        run.world.inject(hidden)
    run.run(3)
    must(run.status(one)[0] is Status.PRIMARY_GONE, "it is not taken for gone")
    must({run.status(other)[0] for other in rest} == {Status.PROTECTED}, "others are")
    run.world.settings.change(relation_flicker=0.5)
    run.run(2)
    run.world.settings.change(relation_flicker=0.0)
    return settle(run, covered(ids), at_least=9)


@scenario
def a_desktop_migrated_while_its_request_is_unclear(deployment: Deployment) -> Simulation:
    """Found: its claim was given up though its standby showed, and one answer without that gave its successor another.

    The standby's relation does not show for a day; the answers of an hour, when the old id has been missed for long,
    leave the standby out.
    """
    run = Simulation(deployment, plan=OneFault(CREATE, faults.READ_TIMEOUT_AFTER, times=1), relation_lag_seconds=86_400)
    (old,) = run.create(USERS[0])
    run.run(1)
    must(run.status(old)[0] is Status.CLAIMED, "its request is not unclear")
    answer = run.world.call(PRIMARY, "MigrateWorkspace", {"SourceWorkspaceId": old, "BundleId": WINDOWS})
    run.run(3.9)
    until = run.world.clock.now() + timedelta(hours=1)
    run.world.inject(Fault("DescribeWorkspaces", "hide", DR, until=until, user=USERS[0]))
    run.run(1.5)
    must(len(creates(run)) == 1, "another standby was asked for")
    expected: Expected = {old: (Status.PRIMARY_GONE,), answer["TargetWorkspaceId"]: (Status.INELIGIBLE,)}
    return settle(run, expected, hours=60)


def outcome(deployment: Deployment, name: str) -> tuple[str, Simulation | None]:
    """Run one: "passed" and its run, or what is wrong."""
    try:
        return "passed", SCENARIOS[name](deployment)
    except Violated as violated:
        return f"failed: {violated}", None
    except Exception:
        return f"failed: {traceback.format_exc()}", None


from tests.simulation import figures as _figures  # noqa: E402, F401 (enters its own scenarios)
from tests.simulation import fleets as _fleets  # noqa: E402, F401 (enters its own scenarios)
from tests.simulation import missed as _missed  # noqa: E402, F401 (enters its own scenarios)
from tests.simulation import others as _others  # noqa: E402, F401 (enters its own scenarios)
from tests.simulation import selecting as _selecting  # noqa: E402, F401 (enters its own scenarios)
