"""The fault matrix: every call that the program makes, found by recording it, and all that can happen to it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from standby.model import Status
from tests.simulation import faults
from tests.simulation.convergence import COVERED, Expected, check_end
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, OneFault, Plan, Plans, Undisturbed
from tests.simulation.simulation import DR, HOME, PRIMARY, USERS, Simulation, Violated

WORLDS = ("permits", "refuses")  # a second standby
DURATIONS: dict[str, dict[str, Any]] = {
    "once": {"times": 1},
    "three times": {"times": 3},
    "an hour": {"lasts": timedelta(hours=1)},
}
# Ready when they are first looked at: what is waited for is not the matrix's subject, and each look costs time.
_QUICK_BOOTS: dict[str, Any] = {"boot_seconds": 600, "standby_boot_seconds": 600}
_UNUSED = USERS[9]
_HOURS = 60  # until nothing is left to do, at most
# Permissions that are for no call of ours: what the mapping does, what a create brings with it, logs, keys.
NOT_CALLS: dict[str, tuple[str, ...]] = {
    "dynamodb": ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"),
    "workspaces": ("CreateTags",),
    **dict.fromkeys(("logs", "xray", "kms", "sqs"), ("",)),
}
_CREATE = Call("protect", "workspaces", DR, "CreateStandbyWorkspaces")


@dataclass(frozen=True)
class Base:
    """A day on which a fault can happen.

    `script` sets the people going, for `hours`, and returns what each primary's status may be at the end. `background`
    is what goes wrong on that day anyway.
    """

    name: str
    script: Callable[[Simulation], Expected]
    hours: float
    background: Callable[[], Plan] = Undisturbed
    world: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def simulate(self, deployment: Deployment, world: str, plan: Plan | None = None) -> Simulation:
        """A run of this day, with what goes wrong besides."""
        going_wrong = Plans(plan, self.background()) if plan else self.background()
        strict = world == "refuses"
        return Simulation(
            deployment, plan=going_wrong, settings=self.settings, strict=strict, **_QUICK_BOOTS, **self.world
        )


def _ordinary(run: Simulation) -> Expected:
    """Desktops are made, one of them with Linux, one excluded; an event is poison; a day later nothing is to do."""
    expected: Expected = dict.fromkeys(run.create(*USERS[:2]), COVERED)
    expected |= dict.fromkeys(run.create(USERS[3], BundleId="wsb-ubuntustandard"), (Status.INELIGIBLE,))
    excluded = run.create(USERS[4], Tags=[{"Key": "Standby", "Value": "no"}])
    expected |= dict.fromkeys(excluded, (Status.EXCLUDED,))
    run.later(600, lambda: run.functions.deliver("protect", {"detail-type": "poison", "detail": 7}))
    run.later(900, lambda: expected.update(dict.fromkeys(run.create(USERS[2]), COVERED)))
    return expected


def _held(run: Simulation) -> Expected:
    """The quota is used up, and raised; somebody starts a second sweep; somebody pauses, and lets go again.

    Another desktop was there before, and has not been used for long.
    """
    run.world.settings.change(standby_quota=1)
    expected: Expected = dict.fromkeys(run.create(*USERS[:2]), COVERED)
    run.later(1800, lambda: run.world.settings.change(standby_quota=None))
    run.later(2500, lambda: run.pause(on=True))
    run.later(2400, lambda: expected.update(dict.fromkeys(run.create(USERS[2]), COVERED)))
    run.later(3700, lambda: run.pause(on=False))
    # Beside the schedule's sweep, which began at 3600 s.
    run.later(3603, lambda: run.sweeps.start("by-hand", {}))
    (unused,) = run.create(_UNUSED)
    run.world.workspace(unused).last_connected_at = run.world.clock.now() - timedelta(days=100)
    # Nothing follows as long as it is not known when it was used.
    expected[unused] = (Status.EXCLUDED, Status.REPORTED)
    return expected


def _without_unused(event: dict[str, Any]) -> list[float]:
    """CloudTrail was not there yet when the unused desktop was made."""
    return [] if f"'{_UNUSED}'" in str(event) else [90.0]


def _unclear(run: Simulation) -> Expected:
    """The first request takes effect and does not say so; the second has none; a desktop is migrated."""
    expected: Expected = dict.fromkeys(run.create(USERS[0]), COVERED)
    run.later(900, lambda: expected.update(dict.fromkeys(run.create(USERS[1]), COVERED)))

    def migrate() -> None:
        (old,) = run.create(USERS[2], directory=HOME)
        run.scheduler.sleep(700)
        answer = run.world.call(
            PRIMARY, "MigrateWorkspace", {"SourceWorkspaceId": old, "BundleId": "wsb-windowsperformance"}
        )
        # What the predecessor's standby, if it had one by then, leaves to its successor: nothing, and a notice.
        expected[answer["TargetWorkspaceId"]] = (Status.PROTECTED, Status.INELIGIBLE)

    run.later(1800, migrate)
    return expected


def _existing(run: Simulation) -> Expected:
    """Desktops that were there before, one of them with Linux, are found by the first sweep, and then accepted."""
    expected: Expected = dict.fromkeys(run.create(*USERS[:2]), COVERED)
    expected |= dict.fromkeys(run.create(USERS[3], BundleId="wsb-ubuntustandard"), (Status.INELIGIBLE,))
    run.later(1800, run.accept)
    return expected


def _without_events(_: dict[str, Any]) -> list[float]:
    """CloudTrail tells of nobody. A named function, for the worker processes."""
    return []


def _two_unclear() -> Plan:
    return Plans(
        OneFault(_CREATE, faults.READ_TIMEOUT_AFTER, times=1), OneFault(_CREATE, faults.READ_TIMEOUT_BEFORE, times=1)
    )


BASES = (
    Base("ordinary", _ordinary, 0.3),
    Base("held", _held, 1.1, world={"refusals": "call", "is_known": False, "trail": _without_unused}),
    Base(
        "unclear",
        _unclear,
        0.8,
        _two_unclear,
        {"relation_lag_seconds": 240},
        # Only so long that a fault of an hour lies within.
        {"standby_deadline": timedelta(minutes=75), "primary_deadline": timedelta(minutes=90)},
    ),
    # As long as a sweep that fails for an hour leaves all of it to the next but one.
    Base("existing", _existing, 3.3, world={"is_known": False, "trail": _without_events}),
)


@dataclass(frozen=True)
class Case:
    """A fault of a kind, for a time, at a call, on a day, in a world."""

    base: Base
    call: Call
    kind: str
    duration: str
    world: str

    def __str__(self) -> str:
        """For a person."""
        return f"{self.call} / {self.kind} / {self.duration} / {self.base.name}, the service {self.world} a second"


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


def record(deployment: Deployment, base: Base) -> Counter[Call]:
    """The calls that the program makes on a day on which nothing else goes wrong."""
    found: Counter[Call] = Counter()
    for world in WORLDS:
        run = base.simulate(deployment, world)
        _go(run, base, lambda: True)
        found |= run.audit.calls
    return found


def all_calls(deployment: Deployment) -> dict[Call, Base]:
    """Each call that the program makes, with the first day on which it does."""
    found: dict[Call, Base] = {}
    for base in BASES:
        for call in sorted(record(deployment, base)):
            found.setdefault(call, base)
    return found


# To whoever only reads, it is the same whether it happens before or after: one run is both.
_SAME_FOR_READERS = {faults.READ_TIMEOUT_BEFORE: faults.READ_TIMEOUT_AFTER, faults.KILLED_BEFORE: faults.KILLED_AFTER}


def cases(calls: dict[Call, Base]) -> Iterator[Case]:
    """The matrix, without the worlds."""
    for call, base in calls.items():
        for kind in faults.KINDS:
            if not call.can_meet(kind) or (call.is_reading and kind in _SAME_FOR_READERS.values()):
                continue
            for duration in DURATIONS:
                yield Case(base, call, kind, duration, WORLDS[0])


def run_in_both(deployment: Deployment, case: Case) -> list[Outcome]:
    """Run a case in both worlds, and what is the same without running it again.

    Once is enough for both worlds if nothing that happened tells them apart.
    """
    first = run_case(deployment, case)
    if first.is_same_in_both:
        found = [first, _as(first, world=WORLDS[1])]
    else:
        found = [first, run_case(deployment, dataclasses.replace(case, world=WORLDS[1]))]
    if case.call.is_reading and case.kind in _SAME_FOR_READERS:
        found += [_as(one, kind=_SAME_FOR_READERS[case.kind]) for one in found]
    return found


def _as(outcome: Outcome, **changes: Any) -> Outcome:
    """The outcome of a case that is the same run."""
    return dataclasses.replace(outcome, case=dataclasses.replace(outcome.case, **changes), virtual_hours=0.0)


def run_case(deployment: Deployment, case: Case) -> Outcome:
    """Run one case."""
    fault = OneFault(case.call, case.kind, **DURATIONS[case.duration])
    run = case.base.simulate(deployment, case.world, fault)
    problem = None
    expected: Expected = {}
    try:
        expected = _go(
            run,
            case.base,
            lambda: not fault.hit or fault.is_over(run.scheduler.now()),
            copies=case.call.function == "announce",
        )
    except Violated as violated:
        problem = f"{violated}\n{run.story()}"
    lost = sum(run.audit.rows.get(one, {}).get("status") not in allowed for one, allowed in expected.items())
    return Outcome(
        case,
        problem,
        len(fault.hit),
        run.hours,
        len(run.world.duplicates()),
        lost,
        run.redriven + run.asked,
        not run.audit.asked_twice,
    )


def _go(run: Simulation, base: Base, is_over: Callable[[], bool], *, copies: bool = False) -> Expected:
    expected = base.script(run)
    run.help_out(when=is_over)
    run.run_until_settled(_HOURS, lambda: run.hours > base.hours and is_over())
    check_end(run, expected, copies=copies)
    return expected
