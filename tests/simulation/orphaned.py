"""Scenarios of orphans that are terminated: the right one, at its time, once, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from local.workspaces import Fault
from standby.ledger.claims import TOTAL
from standby.model import Status
from tests.simulation import faults
from tests.simulation.convergence import Expected
from tests.simulation.deployment import Deployment, terminating
from tests.simulation.faults import Call, OneFault
from tests.simulation.scenarios import covered, large, must, scenario, settle
from tests.simulation.simulation import DR, PRIMARY, USERS, Simulation
from tests.simulation.terminations import TERMINATE

SENDS = Call("retire", "workspaces", DR, TERMINATE)
REPLICATED = "d-9067328a7c"
ORPHANED = (Status.PRIMARY_GONE,)
OVER = (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
# An orphan's way: found by sweeps, a day old, announced, a day later terminated, and missed by sweeps.
_HOURS = 72.0


def orphaned(count: int = 1, others: int = 2, **settings: Any) -> tuple[Simulation, list[str], list[str]]:
    """A run in which some desktops were terminated by somebody, and others beside them were not."""
    run = Simulation(terminating(), settings=settings)
    ids = run.create(*USERS[: count + others])
    run.run(1.5)
    must(len(run.world.standbys()) == count + others, "they have their standbys")
    gone, rest = ids[:count], ids[count:]
    run.audit.broken |= set(gone)
    run.terminate(PRIMARY, *gone)
    return run, gone, rest


def sent(run: Simulation) -> list[str]:
    """The standbys of which the product's terminations reached the service."""
    return [
        one["WorkspaceId"]
        for call in run.world.calls
        if call.operation == TERMINATE and "assumed-role" in call.principal
        for one in call.params["TerminateWorkspaceRequests"]
    ]


def standby_of(run: Simulation, one: str) -> str:
    """The standby that a row names, or named."""
    return next(str(event["standby_id"]) for event in reversed(run.audit.stories[one]) if event.get("standby_id"))


def is_at(run: Simulation, *reasons: str) -> Callable[[], bool]:
    """Whether a row has one of these reasons."""
    return lambda: any(row["reason_code"] in reasons for row in run.audit.rows.values())


def over(run: Simulation, gone: list[str], rest: list[str], hours: float = _HOURS) -> Simulation:
    """Exactly the orphans go, each row says so, and their places are free."""
    standbys = {standby_of(run, one) for one in gone}
    run.run(hours, lambda: all(run.status(one) == OVER for one in gone))
    expected: Expected = covered(rest) | dict.fromkeys(gone, ORPHANED)
    settle(run, expected)
    for one in gone:
        must(run.status(one) == OVER, f"{one} is {run.status(one)}")
        must("claim_key" not in run.audit.rows[one], f"{one} still has its claim")
    must(set(sent(run)) == standbys, f"terminated are {sent(run)}, orphans are {standbys}")
    (total,) = [run.ledger.ask("GetItem", Key={"pk": {"S": TOTAL}, "sk": {"S": "COUNTER"}})["Item"]["taken"]["N"]]
    must(int(total) == len(rest), f"{total} standbys are counted, {len(rest)} are there")
    return run


@scenario
def an_orphan_goes_a_day_after_it_is_announced(_: Deployment) -> Simulation:
    """Found by sweeps, a day old, announced, and a day later terminated: once, and its place is free."""
    run, gone, rest = orphaned()
    over(run, gone, rest)
    must(len(sent(run)) == 1, f"it was sent {len(sent(run))} times")
    reasons = [event["reason_code"] for event in run.audit.stories[gone[0]]]
    way = ["ORPHANED", "TERMINATION_ANNOUNCED", "TERMINATION_CLAIMED", "ORPHAN_TERMINATED", "PRIMARY_TERMINATED"]
    must(reasons[-len(way) :] == way, f"its story is {reasons}")
    return run


@scenario
def a_primary_that_comes_back_during_the_days(_: Deployment) -> Simulation:
    """It is left out of every answer of both Regions until minutes before its time: the last look calls it off."""
    run = Simulation(terminating())
    ids = run.create(*USERS[:3])
    run.run(1.5)
    run.audit.broken.add(ids[0])
    run.world.inject(Fault("DescribeWorkspaces", "hide", PRIMARY, user=USERS[0]))
    run.world.settings.change(relation_flicker=1.0)
    run.run(40, is_at(run, "TERMINATION_ANNOUNCED"))
    must(run.status(ids[0])[1] == "TERMINATION_ANNOUNCED", f"it is {run.status(ids[0])}")
    run.run(24.8)  # its time is up; the next start is at 25 h, and no sweep is before
    run.world.clear_faults()
    run.run(0.3)
    reasons = [event["reason_code"] for event in run.audit.stories[ids[0]]]
    must("TERMINATION_CALLED_OFF" in reasons, f"its story is {reasons}")
    run.world.settings.change(relation_flicker=0.0)
    settle(run, covered(ids), at_least=80)
    must(not sent(run), "a standby was terminated whose primary is there")
    return run


@large
def the_primary_region_shows_nobody_on_the_day_of_a_termination(_: Deployment) -> Simulation:
    """For hours around the time that was announced DescribeWorkspaces names nobody: it waits, and goes afterwards."""
    run, gone, rest = orphaned()
    run.run(40, is_at(run, "TERMINATION_ANNOUNCED"))
    run.run(22)
    until = run.world.clock.now() + timedelta(hours=6)
    run.world.inject(Fault("DescribeWorkspaces", "hide", PRIMARY, until=until))
    run.run(5.9)
    must(run.status(gone[0])[1] == "TERMINATION_ANNOUNCED", f"it is {run.status(gone[0])}")
    must(not sent(run), "it was terminated on an answer that shows nobody")
    return over(run, gone, rest)


@scenario
def the_primary_region_shows_nobody_for_all_the_days(_: Deployment) -> Simulation:
    """Nobody is gone, but for days the ledger has to take everybody for gone: no standby of theirs is terminated."""
    run = Simulation(terminating())
    ids = run.create(*USERS[:3])
    run.run(1.5)
    run.audit.broken |= set(ids)
    run.world.inject(Fault("DescribeWorkspaces", "hide", PRIMARY))
    run.world.settings.change(relation_flicker=1.0)
    run.run(_HOURS)
    must({run.status(one)[0] for one in ids} == {Status.PRIMARY_GONE}, "they are not taken for gone")
    must(not sent(run), "a standby was terminated whose primary is there")
    run.world.clear_faults()
    run.world.settings.change(relation_flicker=0.0)
    return settle(run, covered(ids), at_least=_HOURS + 8)


def _met(kind: str, *, once: bool) -> Simulation:
    """The termination meets a fault, once or for an hour from the first."""
    run, gone, rest = orphaned()
    fault = OneFault(SENDS, kind, times=1) if once else OneFault(SENDS, kind, lasts=timedelta(hours=1))
    run.wire.plan = fault
    over(run, gone, rest, hours=_HOURS + 48)
    must(bool(fault.hit), "the fault did not strike")
    return run


@large
def a_termination_that_is_throttled(_: Deployment) -> Simulation:
    """For an hour; it keeps its announcement, and goes with a later start."""
    return _met(faults.THROTTLED, once=False)


@large
def a_termination_whose_answer_is_lost(_: Deployment) -> Simulation:
    """It takes effect, and nobody is told so."""
    run = _met(faults.READ_TIMEOUT_AFTER, once=True)
    must(len(sent(run)) == 1, "it was sent again, though it had taken effect")
    return run


@large
def a_termination_whose_process_ends_before_it_is_sent(_: Deployment) -> Simulation:
    """It is claimed, and the process is gone: the next start takes it up when the lease has ended."""
    return _met(faults.KILLED_BEFORE, once=True)


@large
def a_termination_whose_process_ends_after_it_was_sent(_: Deployment) -> Simulation:
    """It takes effect, and who sent it is gone."""
    return _met(faults.KILLED_AFTER, once=True)


@large
def a_termination_that_is_refused(_: Deployment) -> Simulation:
    """For an hour: it is told, and tried again a day later."""
    run = _met(faults.REFUSED, once=False)
    reasons = [event["reason_code"] for story in run.audit.stories.values() for event in story]
    must(reasons.count("TERMINATION_REFUSED") == 1, f"the stories are {reasons}")
    return run


@large
def a_pause_over_the_time_of_a_termination(_: Deployment) -> Simulation:
    """Paused when it is announced: nothing goes until it is resumed, hours after its time."""
    run, gone, rest = orphaned()
    run.run(40, is_at(run, "TERMINATION_ANNOUNCED"))
    run.pause(on=True)
    run.run(36)
    must(run.status(gone[0])[1] == "TERMINATION_ANNOUNCED" and not sent(run), f"it is {run.status(gone[0])}")
    run.pause(on=False)
    return over(run, gone, rest)


@large
def two_starts_at_once_and_one_termination_a_day(_: Deployment) -> Simulation:
    """Every start comes twice, seconds apart; of two orphans one goes a day, each by one call."""
    run, gone, rest = orphaned(2, max_terminations_per_day=1)

    def beside() -> None:
        while True:
            for _ in range(6):
                run.functions.deliver("retire", {})
                run.scheduler.sleep(0.1)
            run.scheduler.sleep(600)

    run.later(30 * 3600, beside)
    over(run, gone, rest, hours=150)
    must(len(sent(run)) == 2, f"sent were {sent(run)}")
    days = {call.at.date() for call in run.world.calls if call.operation == TERMINATE and call.region == DR}
    must(len(days) == 2, f"they went on {days}")
    return run


@large
def what_is_replicated_and_what_is_kept_stay(_: Deployment) -> Simulation:
    """A standby with its user's replicated data, and one that a person keeps, are never announced, nor terminated."""
    run = Simulation(terminating())
    (replicated,) = run.create(USERS[0], directory=REPLICATED)
    kept, alive = run.create(*USERS[1:3])
    run.run(1.5)
    run.ledger.ask(
        "UpdateItem",
        Key={"pk": {"S": f"ORPHAN#{kept}"}, "sk": {"S": "ORPHAN"}},
        UpdateExpression="SET kept = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )
    run.audit.broken |= {replicated, kept}
    run.terminate(PRIMARY, replicated, kept)
    expected: Expected = covered([alive]) | dict.fromkeys([replicated, kept], ORPHANED)
    settle(run, expected, at_least=60, hours=100)
    must({run.status(one)[1] for one in (replicated, kept)} == {"ORPHANED"}, "they are not left as they are")
    must(not sent(run), "something was terminated")
    return run
