"""Seeded runs: a fleet, a world, and everything that may go wrong, all drawn from one number."""

import random
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from standby.core.model import Status
from tests.simulation import faults
from tests.simulation.convergence import COVERED, Expected, check_end, lost
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, During, Plans
from tests.simulation.machine import StateError
from tests.simulation.simulation import AWAY, DR, PRIMARY, USERS, WINDOWS, Simulation, Violated

TROUBLE_HOURS = 4.0
_HOURS = 72.0
# What an answer may get wrong, each with a probability.
_FLAWS = ("flicker", "relation_flicker", "stray", "omission", "false_failure", "page_throttling")
_KINDS = (*faults.KINDS, *faults.WITH_EFFECT, faults.STALLED)


@dataclass(frozen=True)
class Outcome:
    """What came of a seed."""

    problem: str | None
    virtual_hours: float
    duplicates: int
    lost: int
    calls: int
    struck: int


def run_seed(deployment: Deployment, seed: int) -> Outcome:
    """Run a seed."""
    return live(deployment, seed)[0]


def live(deployment: Deployment, seed: int) -> tuple[Outcome, Simulation]:
    """Run a seed: what came of it, and its run."""
    run = Seeded(deployment, random.Random(seed), seed)  # noqa: S311 (repeatable, not secret)
    problem = None
    try:
        run.go()
    except Violated as violated:
        problem = f"{violated}\n{run.simulation.story()}"
    except Exception:
        # Whatever it is: who reads it gets the seed, and the command.
        problem = f"{traceback.format_exc()}\n{run.simulation.story()}"
    audit = run.simulation.audit
    outcome = Outcome(
        problem,
        run.simulation.hours,
        len(run.simulation.world.duplicates()),
        lost(run.simulation, run.expected),
        sum(audit.calls.values()),
        len(audit.struck),
    )
    return outcome, run.simulation


class Seeded:
    """One seeded run."""

    def __init__(self, deployment: Deployment, dice: random.Random, seed: int) -> None:
        self._dice = dice
        self.expected: Expected = {}
        # In one of six, people terminate primaries and standbys.
        self._departs = seed % 6 == 5
        # Another one finds a fleet that was there before, and that somebody accepts.
        self._finds_a_fleet = seed % 6 == 4
        self._existing: set[str] = set()
        self._is_before = False
        self._accepted_at: datetime | None = None
        lag = dice.choice([0, 0, 60, 300, 600])
        flaws: dict[str, Any] = {name: dice.choice([0.0, 0.0, 0.05, 0.3]) for name in _FLAWS}
        if self._finds_a_fleet:
            # What both scans of the baseline leave out is new to whoever finds it later.
            flaws |= {"omission": 0.0, "flicker": 0.0}
        self.simulation = Simulation(
            deployment,
            seed,
            skew=dice.choice([0, 0, 30, 150]),
            latency=dice.choice([0.05, 0.05, 1.0, 8.0]),
            index_lag=dice.choice([0, 0, 2, 15]),
            trail=self._trail,
            is_known=not self._finds_a_fleet,
            settings={"max_new_standbys_per_day": dice.choice([200, 200, 200, 20])},
            strict=dice.random() < 0.3,
            relation_lag_seconds=dice.choice([0, lag, lag]),
            visibility_lag_seconds=dice.choice([0, 0, lag]),
            partial_seconds=dice.choice([0, 120]),
            refusals=dice.choice(["item", "call"]),
            quota_refusal=dice.choice(["item", "call"]),
            shout_user_names=dice.random() < 0.3,
            exact_user_filter=dice.random() < 0.3,
            ragged_pages=dice.random() < 0.3,
            **flaws,
        )
        self.simulation.wire.plan = Plans(*[self._window() for _ in range(dice.randrange(10))])

    def go(self) -> None:
        """Run it to its end; `Violated` if something does not hold."""
        run, dice = self.simulation, self._dice
        self._people()
        for work, most in ((run.abort, 6), (run.steal, 3), (self._pause, 2), (self._quota, 1), (self._migrate, 1)):
            for _ in range(dice.randrange(most + 1)):
                run.later(self._moment(), work)
        if self._departs:
            for depart in (self._primary_departs, self._standby_departs):
                for _ in range(dice.randrange(1, 4)):
                    run.later(dice.uniform(1800, TROUBLE_HOURS * 3600), depart)
        if self._finds_a_fleet and dice.random() < 0.5:
            run.later(self._moment(), self._accept)
        run.later(TROUBLE_HOURS * 3600, self._end_of_trouble)
        run.help_out(when=lambda: run.hours > TROUBLE_HOURS)
        run.run_until_settled(_HOURS, lambda: run.hours > TROUBLE_HOURS + 1 and not self._has_to_come())
        check_end(run, self.expected, copies=True)
        self._check_acceptance()

    def _has_to_come(self) -> bool:
        """Whether a sweep has still to undo, to take up, or to find out, what no open row speaks of.

        A desktop is taken for gone that is there, is only reported although its fleet is accepted, or is taken for
        protected although somebody has terminated it or its standby.
        """
        passing = (Status.PRIMARY_GONE, Status.STANDBY_MISSING, Status.REPORTED, Status.PROTECTED)
        rows = self.simulation.audit.rows
        statuses = {one: rows.get(one, {}).get("status") for one in self.expected}
        departed = self.simulation.audit.broken
        return any(
            statuses[one] not in allowed and (statuses[one] in passing or one in departed)
            for one, allowed in self.expected.items()
        )

    def _check_acceptance(self) -> None:
        """Nothing was made for what was there before, until somebody accepted it."""
        for call in self.simulation.world.calls:
            if call.operation == "CreateStandbyWorkspaces" and (self._accepted_at or call.at) >= call.at:
                made = {item["PrimaryWorkspaceId"] for item in call.params["StandbyWorkspaces"]}
                if early := made & self._existing:
                    raise Violated(f"{call.at}: standbys for {early}, which nobody has accepted")

    def _moment(self) -> float:
        """Seconds from the beginning, sooner rather than later."""
        return self._dice.triangular(0, TROUBLE_HOURS * 3600, 1800)

    def _trail(self, event: dict[str, Any]) -> list[float]:
        if self._is_before or self._dice.random() < 0.05:
            return []
        copies = self._dice.choice([1, 1, 1, 2, 3, 10])
        return [self._dice.expovariate(1 / self._dice.choice([60, 600, 3000])) for _ in range(copies)]

    def _window(self) -> During:
        begins = self.simulation.began + timedelta(seconds=self._moment())
        ends = begins + timedelta(minutes=self._dice.choice([1, 5, 20, 60]))
        last = self.simulation.began + timedelta(hours=TROUBLE_HOURS)
        kinds = tuple(self._dice.sample(_KINDS, self._dice.choice([1, 1, 2, 5])))
        rate = self._dice.choice([1.0, 0.5, 0.1, 0.02])
        return During(kinds, begins, min(ends, last), self._matching(), self._dice, rate)

    def _matching(self) -> Callable[[Call], bool]:
        service = self._dice.choice(["workspaces", "workspaces", "dynamodb", "dynamodb", "sns", "events", ""])
        region = self._dice.choice([DR, DR, ""])
        operation = self._dice.choice(["CreateStandby", "CreateStandby", "", "Describe", "Transact", "Query", "Batch"])
        if service == "":
            return lambda _: True
        is_of_workspaces = service == "workspaces"
        if (operation in ("CreateStandby", "Describe")) != is_of_workspaces:
            operation = ""
        where = region if is_of_workspaces else ""
        return lambda call: call.service == service and where in call.region and call.operation.startswith(operation)

    # What people do

    def _people(self) -> None:
        dice, run = self._dice, self.simulation
        users = list(USERS[: dice.choice([4, 8, 8, 30])])
        if dice.random() < 0.3:
            run.create(users[0], region=DR, directory=AWAY)
        taken = {one.user_name for one in run.world.primaries()}
        if self._finds_a_fleet:
            self._is_before = True
            many = dice.randrange(1, min(len(users), 25))
            self._create(users[:many], WINDOWS, taken)
            users, self._existing, self._is_before = users[many:], set(self.expected), False
        while users:
            size = dice.choice([1, 2, 5, 25])
            some, users = users[:size], users[size:]
            bundle = "wsb-ubuntustandard" if dice.random() < 0.1 else WINDOWS
            run.later(dice.triangular(0, 7200, 600), partial(self._create, some, bundle, taken))

    def _create(self, users: list[str], bundle: str, taken: set[str]) -> None:
        ids = self.simulation.create(*users, BundleId=bundle)
        for user, one in zip(users, ids, strict=True):
            self.expected[one] = (Status.INELIGIBLE,) if bundle != WINDOWS or user in taken else COVERED

    def _accept(self) -> None:
        """Accept the fleet, as soon as it is shown."""
        run = self.simulation
        for directory in run.settings.directories:
            while "taken_at" not in run.baseline(directory):
                run.scheduler.sleep(600)
        self._accepted_at = self._accepted_at or run.scheduler.now()
        run.accept()

    def _migrate(self) -> None:
        """Somebody migrates a desktop: its user has it under a new id, beside what its old id may have as a standby."""
        run = self.simulation
        there = {one.workspace_id for one in run.world.primaries() if one.state == "AVAILABLE"} & set(self.expected)
        if there:
            old = self._dice.choice(sorted(there))
            del self.expected[old]
            self.expected[run.migrate(old)] = (Status.PROTECTED, Status.INELIGIBLE)

    def _primary_departs(self) -> None:
        """Somebody terminates a primary, in whatever state its protection is."""
        there = {one.workspace_id for one in self.simulation.world.primaries()} & set(self.expected)
        if there:
            one = self._dice.choice(sorted(there))
            self.simulation.audit.broken.add(one)
            self.simulation.terminate(PRIMARY, one)
            # One that nobody ever saw ready again has waited in vain, and no more is to be said of it.
            self.expected[one] = (Status.PRIMARY_GONE, Status.TIMED_OUT)

    def _standby_departs(self) -> None:
        """Somebody terminates a standby, and not its primary."""
        rows = self.simulation.audit.rows
        there = {one.workspace_id for one in self.simulation.world.primaries()}
        known = [one for one in sorted(there & set(rows)) if rows[one]["status"] == Status.PROTECTED]
        if known:
            one = self._dice.choice(known)
            self.simulation.audit.broken.add(one)
            self.simulation.terminate(DR, rows[one]["standby_id"])
            self.expected[one] = (Status.STANDBY_MISSING, Status.PRIMARY_GONE)

    def _pause(self) -> None:
        self.simulation.pause(on=True)
        self.simulation.scheduler.sleep(self._dice.choice([60, 1200, 3600]))
        self.simulation.pause(on=False)

    def _quota(self) -> None:
        self.simulation.world.settings.change(standby_quota=self._dice.choice([0, 3, 10]))

    def _end_of_trouble(self) -> None:
        """The quota is raised, and somebody asks for the desktops that the ledger does not know."""
        run = self.simulation
        run.world.settings.change(standby_quota=None)
        run.scheduler.sleep(600)
        if self._finds_a_fleet:
            self._accept()
            return
        while unknown := [one for one in self.expected if one not in run.audit.rows]:
            with suppress(StateError):
                run.by_hand(*unknown)
