"""The fault matrix: every call that the program makes, found by recording it, and all that can happen to it."""

from __future__ import annotations

import dataclasses
import itertools
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.simulation import faults
from tests.simulation.days import DAYS, WORLDS, Day, DayRun
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, OneFault
from tests.simulation.parting import Parted, Parting
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


# To whoever only reads, it is the same whether it happens before or after: one run is both.
SAME_FOR_READERS = {
    faults.ERROR_AFTER: faults.ERROR_BEFORE,
    faults.READ_TIMEOUT_BEFORE: faults.READ_TIMEOUT_AFTER,
    faults.KILLED_BEFORE: faults.KILLED_AFTER,
}


def cases(calls: dict[Call, Day]) -> Iterator[Case]:
    """The matrix, without the worlds."""
    for call, day in calls.items():
        for duration in DURATIONS:
            for kind in faults.KINDS:
                if call.can_meet(kind) and not (call.is_reading and kind in SAME_FOR_READERS.values()):
                    yield Case(day, call, kind, duration, WORLDS[0])


def groups(calls: dict[Call, Day]) -> list[list[Case]]:
    """The matrix in parts: the cases of one have a call and a day in common, and last as long."""
    return [list(part) for _, part in itertools.groupby(cases(calls), lambda case: (case.call, case.duration))]


def broken(case: Case, problem: str) -> Outcome:
    """The outcome of a case that could not be run to its end."""
    return Outcome(case, problem, 0, 0.0, 0, 0, 0, is_same_in_both=False)


Runs = Callable[[Deployment, Sequence[Case]], list[Outcome]]


def run_in_both(deployment: Deployment, some: Sequence[Case], runs: Runs) -> list[Outcome]:
    """Run cases in both worlds, and what is the same without running it again.

    Once is enough for both worlds if nothing that happened tells them apart.
    """
    found = runs(deployment, some)
    apart = [dataclasses.replace(one.case, world=WORLDS[1]) for one in found if not one.is_same_in_both]
    found += [_as(one, world=WORLDS[1]) for one in found if one.is_same_in_both]
    if apart:
        found += runs(deployment, apart)
    for one in list(found):
        if one.case.call.is_reading and one.case.kind in SAME_FOR_READERS:
            found.append(_as(one, kind=SAME_FOR_READERS[one.case.kind]))
    return found


def _as(outcome: Outcome, **changes: Any) -> Outcome:
    """The outcome of a case that is the same run."""
    return dataclasses.replace(outcome, case=dataclasses.replace(outcome.case, **changes), virtual_hours=0.0)


def run_alone(deployment: Deployment, some: Sequence[Case]) -> list[Outcome]:
    """Run each case from its beginning."""
    return [live(deployment, case)[0] for case in some]


def live(deployment: Deployment, case: Case) -> tuple[Outcome, DayRun]:
    """Run a case from its beginning: what came of it, and its day as it went."""
    fault = _fault_of(case)
    lived = case.day.begin(deployment, case.world, fault)
    return _outcome(case, lived, _problem(case, lived, lambda: fault), fault), lived


def run_parting(deployment: Deployment, some: Sequence[Case]) -> list[Outcome]:
    """Run the cases of a group: what happens before their call is made is simulated once.

    To be called in a process that has a single thread.
    """
    first = some[0]
    met = [_fault_of(case) for case in some]
    parting = Parting(first.call, met)
    lived = first.day.begin(deployment, first.world, parting)
    try:
        problem = _problem(first, lived, lambda: parting.met)
    except Parted:
        silent = "its process ended without an answer"
        return [
            one or _outcome(case, lived, silent, fault)
            for one, case, fault in zip(parting.answers, some, met, strict=True)
        ]
    except BaseException:
        if parting.mine is None:
            raise
        problem = traceback.format_exc()
    if parting.mine is None:
        # In this world it is not made.
        return [_outcome(case, lived, problem, fault) for case, fault in zip(some, met, strict=True)]
    outcome = _outcome(some[parting.mine], lived, problem, met[parting.mine])
    if parting.mine and parting.at is not None:
        # What they have in common is the first one's.
        common = (parting.at - lived.run.began).total_seconds() / 3600
        outcome = dataclasses.replace(outcome, virtual_hours=outcome.virtual_hours - common)
    return parting.say(outcome)


def _fault_of(case: Case) -> OneFault:
    return OneFault(case.call, case.kind, **DURATIONS[case.duration])


def _outcome(case: Case, lived: DayRun, problem: str | None, fault: OneFault) -> Outcome:
    run = lived.run
    return Outcome(
        case,
        problem,
        len(fault.hit),
        run.hours,
        len(run.world.duplicates()),
        lived.lost,
        run.redriven + run.asked,
        not run.audit.creates.asked_twice,
    )


def _problem(case: Case, lived: DayRun, met: Callable[[], OneFault | None]) -> str | None:
    """Let a case's day pass; what is wrong with it, or None. `met` is its fault, once it is known."""

    def is_over() -> bool:
        fault = met()
        return fault is None or not fault.hit or fault.is_over(lived.run.scheduler.now())

    try:
        lived.live(is_over, copies=case.call.function == "announce")
    except Violated as violated:
        return f"{violated}\n{lived.run.story()}"
    return None
