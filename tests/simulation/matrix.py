"""The fault matrix: every call that the program makes, found by recording it, and all that can happen to it."""

import dataclasses
import itertools
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.simulation import faults
from tests.simulation.convergence import lost
from tests.simulation.days import DAYS, WORLDS, Day, DayRun
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, OneFault
from tests.simulation.simulation import Violated

DURATIONS: dict[str, dict[str, Any]] = {
    "once": {"times": 1},
    "three times": {"times": 3},
    "an hour": {"lasts": timedelta(hours=1)},
}
# Permissions that are for no call of ours: what the mapping does, what a create brings with it, logs, keys.
NOT_CALLS: dict[str, tuple[str, ...]] = {
    "dynamodb": ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"),
    "workspaces": ("CreateTags",),
    **dict.fromkeys(("logs", "xray", "kms", "sqs"), ("",)),
}


@dataclass(frozen=True)
class Case:
    """A fault of a kind, for a time, at a call, on a day, in a world."""

    day: Day
    call: Call
    kind: str
    duration: str
    world: str

    def __str__(self) -> str:
        """For a person."""
        return f"{self.call} / {self.kind} / {self.duration} / {self.day.name}, the service {self.world} a second"


@dataclass(frozen=True)
class Outcome:
    """What came of a case: no problem, or which; how often the fault struck, and how often a person had to help.

    `is_same_in_both` if nothing in the run depended on whether the service permits a second standby: then the other
    world's run is this one.
    """

    case: Case
    problem: str | None
    struck: int
    virtual_hours: float
    duplicates: int
    lost: int
    helped: int
    is_same_in_both: bool


def record(deployment: Deployment, day: Day) -> Counter[Call]:
    """The calls that the program makes on a day on which nothing else goes wrong."""
    found: Counter[Call] = Counter()
    for world in WORLDS:
        lived = day.begin(deployment, world)
        lived.live(lambda: True)
        found |= lived.run.audit.calls
    return found


def all_calls(deployment: Deployment) -> dict[Call, Day]:
    """Each call that the program makes, with the first day on which it does."""
    found: dict[Call, Day] = {}
    for day in DAYS:
        for call in sorted(record(deployment, day)):
            found.setdefault(call, day)
    return found


def cases(calls: dict[Call, Day]) -> list[Case]:
    """The matrix, without the worlds."""
    every = itertools.product(calls.items(), DURATIONS, faults.KINDS)
    return [Case(day, call, kind, lasts, WORLDS[0]) for (call, day), lasts, kind in every if call.can_meet(kind)]


def broken(case: Case, problem: str) -> Outcome:
    """The outcome of a case that could not be run to its end."""
    return Outcome(case, problem, 0, 0.0, 0, 0, 0, is_same_in_both=False)


def run(deployment: Deployment, case: Case) -> list[Outcome]:
    """Run a case in both worlds; once is enough for both if nothing that happened tells them apart."""
    found, _ = live(deployment, case)
    other = dataclasses.replace(case, world=WORLDS[1])
    if found.is_same_in_both:
        return [found, dataclasses.replace(found, case=other, virtual_hours=0.0)]
    return [found, live(deployment, other)[0]]


def live(deployment: Deployment, case: Case) -> tuple[Outcome, DayRun]:
    """Run a case in its world: what came of it, and its day as it went."""
    fault = OneFault(case.call, case.kind, **DURATIONS[case.duration])
    lived = case.day.begin(deployment, case.world, fault)
    run = lived.run

    def is_over() -> bool:
        return not fault.hit or fault.is_over(run.scheduler.now())

    problem = None
    try:
        lived.live(is_over, copies=case.call.function == "announce")
    except Violated as violated:
        problem = f"{violated}\n{run.story()}"
    return Outcome(
        case,
        problem,
        struck=len(fault.hit),
        virtual_hours=run.hours,
        duplicates=len(run.world.duplicates()),
        lost=lost(run, lived.expected),
        helped=run.redriven + run.asked,
        is_same_in_both=not run.audit.creates.asked_twice,
    ), lived
