"""The days of the fault matrix: what people do on each, and what has to be at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from standby.core.model import Status
from tests.simulation import faults
from tests.simulation.convergence import COVERED, Expected, check_end
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, OneFault, Plan, Plans
from tests.simulation.simulation import DR, PRIMARY, USERS, Simulation

WORLDS = ("permits", "refuses")  # a second standby
# Ready when they are first looked at: what is waited for is not the matrix's subject, and each look costs time.
_QUICK_BOOTS: dict[str, Any] = {"boot_seconds": 600, "standby_boot_seconds": 600}
_BEFORE = USERS[9]
_HOURS = 120  # until nothing is left to do, at most
CREATE = Call("protect", "workspaces", DR, "CreateStandbyWorkspaces")


def _at_once(_: Simulation) -> bool:
    """Nothing in particular has to happen. A named function, for the worker processes."""
    return True


@dataclass(frozen=True)
class Day:
    """A day on which a fault can happen.

    `script` sets the people going, for `hours`, and returns what each primary's status may be at the end. `background`
    is what goes wrong on that day anyway; `is_over` says whether all has happened that the day is for.
    """

    name: str
    script: Callable[[Simulation], Expected]
    hours: float
    background: Callable[[], Plan] = Plans
    world: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    is_over: Callable[[Simulation], bool] = _at_once

    def begin(self, deployment: Deployment, world: str, plan: Plan | None = None) -> DayRun:
        """This day begins, with what goes wrong besides."""
        plans = Plans(plan or Plans(), self.background())
        world_of_day = {"strict": world == "refuses", **_QUICK_BOOTS, **self.world}
        run = Simulation(deployment, plan=plans, settings=self.settings, **world_of_day)
        return DayRun(self, run, self.script(run))


@dataclass(frozen=True)
class DayRun:
    """A run of a day, and what each primary's status may be at its end."""

    day: Day
    run: Simulation
    expected: Expected

    def live(self, is_over: Callable[[], bool], *, copies: bool = False) -> None:
        """Let it pass, until the fault and all that comes of it is over; `Violated` if something does not hold."""
        run = self.run
        run.help_out(when=is_over)
        run.run_until_settled(_HOURS, lambda: run.hours > self.day.hours and is_over() and self.day.is_over(run))
        check_end(run, self.expected, copies=copies)


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

    Another desktop was there before.
    """
    run.world.settings.change(standby_quota=1)
    expected: Expected = dict.fromkeys(run.create(*USERS[:2]), COVERED)
    run.later(1800, lambda: run.world.settings.change(standby_quota=None))
    run.later(2500, lambda: run.pause(on=True))
    run.later(2400, lambda: expected.update(dict.fromkeys(run.create(USERS[2]), COVERED)))
    run.later(3700, lambda: run.pause(on=False))
    # Beside the schedule's sweep, which began at 3600 s.
    run.later(3603, lambda: run.sweeps.start("by-hand", {}))
    (before,) = run.create(_BEFORE)
    expected[before] = (Status.REPORTED,)
    return expected


def _without_the_fleet(event: dict[str, Any]) -> list[float]:
    """CloudTrail was not there yet when the fleet's desktop was made."""
    return [] if f"'{_BEFORE}'" in str(event) else [90.0]


def _unclear(run: Simulation) -> Expected:
    """The first request takes effect and does not say so; the second has none; a desktop is migrated."""
    expected: Expected = dict.fromkeys(run.create(USERS[0]), COVERED)
    run.later(900, lambda: expected.update(dict.fromkeys(run.create(USERS[1]), COVERED)))

    def migrate() -> None:
        (old,) = run.create(USERS[2])
        run.scheduler.sleep(700)
        # What the predecessor's standby, if it had one by then, leaves to its successor: nothing, and a notice.
        expected[run.migrate(old)] = (Status.PROTECTED, Status.INELIGIBLE)

    run.later(1800, migrate)
    return expected


def _existing(run: Simulation) -> Expected:
    """Desktops that were there before, one of them with Linux, are found by the first sweep, and then accepted.

    Who accepts starts a sweep, while no watcher is at work.
    """
    expected: Expected = dict.fromkeys(run.create(*USERS[:2]), COVERED)
    expected |= dict.fromkeys(run.create(USERS[3], BundleId="wsb-ubuntustandard"), (Status.INELIGIBLE,))
    run.later(2000, run.accept)
    run.later(2001, lambda: run.sweeps.start("accept", {}))
    return expected


def _departed(run: Simulation) -> Expected:
    """Primaries and standbys are terminated, some without a trace; a standby fails, and is well again.

    The user of one that is gone has a new desktop, which waits for the place of the orphan until that is terminated.
    """
    gone, bereft, vanished, robbed, unwell, rest = run.create(*USERS[:6])

    def standby_of(one: str) -> str:
        return str(run.audit.rows[one]["standby_id"])

    def depart() -> None:
        run.audit.broken |= {gone, bereft, vanished, robbed, unwell}
        run.terminate(PRIMARY, gone)
        run.terminate(DR, standby_of(bereft))
        for one in (standby_of(robbed), standby_of(vanished), vanished):
            run.world.terminate(one)
        run.world.set_state(standby_of(unwell), "ERROR")

    def follow() -> None:
        expected.update(dict.fromkeys(run.create(USERS[0]), COVERED))
        run.scheduler.sleep(1500)
        run.terminate(DR, standby_of(gone))

    run.later(2700, depart)
    run.later(4500, follow)
    run.later(2.5 * 3600, lambda: run.world.set_state(standby_of(unwell), "AVAILABLE"))
    expected: Expected = dict.fromkeys([gone, vanished], (Status.PRIMARY_GONE,))
    expected |= dict.fromkeys([bereft, robbed], (Status.STANDBY_MISSING,)) | dict.fromkeys([unwell, rest], COVERED)
    return expected


def _is_reported(run: Simulation) -> bool:
    """Whether the ledger has the desktop that was there before: a fault of an hour may leave it to one more sweep."""
    return any(row["status"] == Status.REPORTED for row in run.audit.rows.values())


def _is_said(run: Simulation) -> bool:
    """Whether the ledger knows who has gone, and who is well again."""
    statuses = Counter(row["status"] for row in run.audit.rows.values())
    return statuses == {Status.PRIMARY_GONE: 2, Status.STANDBY_MISSING: 2, Status.PROTECTED: 3}


def _without_events(_: dict[str, Any]) -> list[float]:
    """CloudTrail tells of nobody. A named function, for the worker processes."""
    return []


def _two_unclear() -> Plan:
    return Plans(*[OneFault(CREATE, one, times=1) for one in (faults.READ_TIMEOUT_AFTER, faults.READ_TIMEOUT_BEFORE)])


DAYS = (
    Day("ordinary", _ordinary, 0.3),
    Day(
        "held",
        _held,
        1.1,
        world={"refusals": "call", "is_known": False, "trail": _without_the_fleet},
        is_over=_is_reported,
    ),
    Day(
        "unclear",
        _unclear,
        0.8,
        _two_unclear,
        {"relation_lag_seconds": 240},
        # Only so long that a fault of an hour lies within.
        {"standby_deadline": timedelta(minutes=75), "primary_deadline": timedelta(minutes=90)},
    ),
    # As long as a sweep that fails for an hour leaves all of it to the next but one.
    Day("existing", _existing, 3.3, world={"is_known": False, "trail": _without_events}),
    Day("departed", _departed, 3.5, is_over=_is_said),
)
