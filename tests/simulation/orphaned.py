"""Scenarios of orphans that are terminated: the right one, at its time, once, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from standby.claims import TOTAL
from standby.model import Status
from tests.simulation.convergence import Expected
from tests.simulation.deployment import TERMINATING, Deployment
from tests.simulation.faults import Call
from tests.simulation.others import terminate
from tests.simulation.scenarios import covered, must, scenario, settle
from tests.simulation.simulation import DR, PRIMARY, USERS, Simulation
from tests.simulation.terminations import TERMINATE

SENDS = Call("retire", "workspaces", DR, TERMINATE)
ORPHANED = (Status.PRIMARY_GONE,)
OVER = (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
# An orphan's way: found by sweeps, a day old, announced, a day later terminated, and missed by sweeps.
_HOURS = 72.0


@cache
def terminating() -> Deployment:
    """What these scenarios deploy: the simulated configuration, with orphans that are terminated."""
    return Deployment.synthesise(TERMINATING)


def orphaned(count: int = 1, others: int = 2, **settings: Any) -> tuple[Simulation, list[str], list[str]]:
    """A run in which some desktops were terminated by somebody, and others beside them were not."""
    run = Simulation(terminating(), settings=settings)
    ids = run.create(*USERS[: count + others])
    run.run(1.5)
    must(len(run.world.standbys()) == count + others, "they have their standbys")
    gone, rest = ids[:count], ids[count:]
    run.audit.broken |= set(gone)
    terminate(run, PRIMARY, *gone)
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
