"""Runs of the deployed product in virtual time, with fleets that are large, and what is counted of them.

The world's calls are throttled as AWS documents it, 2 a second with a burst of 5 in each Region, and a neighbour uses a
steady half call a second of that. WorkSpaces take 15 to 60 minutes to become AVAILABLE, drawn for each. What is drawn
depends on the seed and on what it is drawn for, not on what was drawn before: a change that makes one call more leaves
the other latencies and boot times as they were, so that counts before and after it can be compared.
"""

from __future__ import annotations

import dataclasses
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from local.workspaces import ServiceError
from standby import wiring
from standby.core.model import DirectoryId
from standby.telemetry import PowertoolsTelemetry
from tests.bench.store import Billed, FastLedger
from tests.simulation.audit import Auditor
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call
from tests.simulation.process import Process, ProcessClock
from tests.simulation.services import Ledger
from tests.simulation.simulation import DR, HOME, PRIMARY, ROLE, Simulation, Violated
from tests.simulation.wire import Wire

ITEMS = 25  # of a call
BOOT: dict[str, Any] = {"boot_seconds": 900, "standby_boot_seconds": 900, "boot_spread_seconds": 2700}
# How many seconds a call takes in the middle. AWS names no figure for WorkSpaces' API: a fleet is measured with the
# second value, too. DynamoDB's is documented as single-digit milliseconds (Introduction.html of its guide).
LATENCY, OTHER_LATENCY = 0.2, 0.02
LATENCY_OF_OTHERS = 0.01
# Lambda does not say how long it keeps an idle environment.
KEPT_SECONDS = 300
# The neighbour's calls, a second.
NEIGHBOUR = 0.5
OTHERS_OWN = "arn:aws:iam::123456789012:user/neighbour"
_OPEN = ("WAITING", "CLAIMED", "REQUESTED")
# Out of the way: what is measured is the rate's bound, and not the caps'.
NO_CAPS: dict[str, Any] = {"max_new_standbys_per_day": 1_000_000, "max_standbys": 1_000_000}


def neighbours_pauses(region: str) -> Iterator[float]:
    """The seconds between the neighbour's calls, the same beside the product and beside the script.

    They vary: exactly every two seconds, the neighbour would be there each time that a place becomes free, and first.
    """
    dice = random.Random(region)  # noqa: S311 (repeatable, not secret)
    while True:
        yield dice.uniform(0.5, 1.5) / NEIGHBOUR


@dataclass
class Work:
    """What a function was invoked for: how often, how long it took in virtual time, and its own CPU time.

    `starts` counts cold starts: a process's first invocation, and each one after it was idle for `KEPT_SECONDS`.
    """

    invocations: int = 0
    waited: float = 0.0
    cpu: float = 0.0
    calls: int = 0
    ready: int = 0  # ids that it has handed over to protect
    starts: int = 0

    def __sub__(self, before: Work) -> Work:
        return Work(*(now - then for now, then in zip(vars(self).values(), vars(before).values(), strict=True)))


class Tally(Auditor):
    """Counts; its checks are those that do not grow with the fleet. The rest is checked at the end."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.open: set[str] = set()
        self.protected_at: dict[str, datetime] = {}
        self.requested_at: dict[str, datetime] = {}
        self.standby_of: dict[str, str] = {}
        self.service_calls: Counter[tuple[str, str, str]] = Counter()  # Region, operation, outcome: ours
        self.neighbours: Counter[str] = Counter()
        self.events = 0

    def saw_call(self, call: Call, request: dict[str, Any], fault: str | None, invocation: Any) -> None:
        self.calls[call] += 1
        invocation.process.work.calls += 1

    def saw_records(self, records: Iterable[dict[str, Any]]) -> None:
        for record in records:
            new = record["dynamodb"]["NewImage"]
            self.events += new["sk"]["S"].startswith("EVENT#")
            if new["sk"]["S"] != "STATE":
                continue
            one, status = new["pk"]["S"], new["status"]["S"]
            self.rows[one] = {"status": status, "reason_code": new["reason_code"]["S"]}
            (self.open.add if status in _OPEN else self.open.discard)(one)
            if status == "PROTECTED" and one not in self.protected_at:
                self.protected_at[one] = self._now()
                self.standby_of[one] = new["standby_id"]["S"]

    def after_step(self) -> None:
        for call in self._world.calls:
            if call.principal == ROLE:
                self.service_calls[call.region, call.operation, call.outcome] += 1
                for item in call.params.get("StandbyWorkspaces", ()) if call.outcome == "ok" else ():
                    self.requested_at[item["PrimaryWorkspaceId"]] = call.at
            elif call.principal == OTHERS_OWN:
                self.neighbours[call.outcome] += 1
        self._world.calls.clear()

    def check_rows(self) -> None:
        pass

    @property
    def open_rows(self) -> list[str]:
        return [*self.open]


@dataclass(eq=False)
class TimedProcess(Process):
    """A process that takes the CPU time of its handler: what passes between its calls."""

    work: Work = field(default_factory=Work)
    mark: float = 0.0
    latency: float = 0.0  # of the call that it waits for
    idle_since: datetime | None = None
    dice: random.Random = field(default_factory=random.Random)  # of calls like it

    def handle(self, event: Any, request_id: str, limit_seconds: float) -> Any:
        began, self.mark = self.scheduler.now(), time.process_time()
        if self.idle_since is None or (began - self.idle_since).total_seconds() > KEPT_SECONDS:
            self.work.starts += 1
        try:
            # As long as Lambda's own: executions are named by it.
            answer = super().handle(event, f"{request_id:0>36}", limit_seconds)
            self.work.ready += len(answer.get("ready", ()))
            return answer
        finally:
            self.pause()
            self.work.invocations += 1
            self.idle_since = self.scheduler.now()
            self.work.waited += (self.idle_since - began).total_seconds()

    def pause(self) -> None:
        """It gives way."""
        self.work.cpu += time.process_time() - self.mark

    def resume(self) -> None:
        """It goes on."""
        self.mark = time.process_time()


class TimedWire(Wire):
    """The wire; what its harness does is none of the product's time. Each kind of call has latencies of its own."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._seed = self._dice.random()
        self._dice_of: dict[Call, random.Random] = {}

    def _carry(self, call: Call, body: Any, config: Any, kind: str | None) -> tuple[int, Any]:
        process = self._process
        assert isinstance(process, TimedProcess)
        process.pause()
        process.latency = self.latency if call.service == "workspaces" else LATENCY_OF_OTHERS
        if call not in self._dice_of:
            self._dice_of[call] = random.Random(f"{self._seed} {call}")  # noqa: S311 (repeatable, not secret)
        process.dice = self._dice_of[call]
        try:
            return super()._carry(call, body, config, kind)
        finally:
            process.resume()

    def _wait(self) -> None:
        process = self._process
        assert isinstance(process, TimedProcess)
        self._scheduler.sleep(process.dice.uniform(0.0, process.latency))


@dataclass(frozen=True)
class TimedClock(ProcessClock):
    """A clock that counts no CPU time while its process sleeps."""

    def sleep(self, seconds: float) -> None:
        process = self.scheduler.current.owner.process
        process.pause()
        super().sleep(seconds)
        process.resume()


class Noting(PowertoolsTelemetry):
    """Telemetry that also notes, with the virtual time, how often the watcher comes by, and which metrics have data."""

    def __init__(self, run: Run, function: str, *given: Any) -> None:
        super().__init__(*given)
        self._run, self._function = run, function

    def gauge(self, metric: str, value: float) -> None:
        super().gauge(metric, value)
        self._note(metric)

    def _note(self, metric: str) -> None:
        self._run.metric_hours.add((self._function, metric, int(self._run.scheduler.now().timestamp() // 3600)))

    def count(self, metric: str, value: float = 1) -> None:
        super().count(metric, value)
        self._note(metric)
        if metric == "EffectiveIntervalSeconds":
            self._run.intervals.append((self._run.scheduler.now(), value, len(self._run.audit.open)))


@dataclass(frozen=True)
class Spent:
    """What a stretch of a run has used, for its price.

    `metric_hours` are the hours in which a function's metric has data, `requests` those of some services by name.
    """

    transitions: int
    work: dict[str, Work]
    billed: Billed
    log_bytes: int
    bus_events: int
    hours: float
    metric_hours: frozenset[tuple[str, str, int]]
    requests: Counter[str]

    def __sub__(self, before: Spent) -> Spent:
        work = {name: one - before.work.get(name, Work()) for name, one in self.work.items()}
        return Spent(
            self.transitions - before.transitions,
            work,
            self.billed - before.billed,
            self.log_bytes - before.log_bytes,
            self.bus_events - before.bus_events,
            self.hours - before.hours,
            self.metric_hours - before.metric_hours,
            self.requests - before.requests,
        )


class Run(Simulation):
    """The simulation, with a ledger that is fast, a neighbour, and all users that are needed."""

    ledger_type: ClassVar[type[Ledger]] = FastLedger
    auditor_type: ClassVar[type[Auditor]] = Tally
    wire_type: ClassVar[type[Wire]] = TimedWire
    ledger: FastLedger
    audit: Tally

    def __init__(
        self, deployment: Deployment, users: int, *, settings: dict[str, Any] | None = None, **given: Any
    ) -> None:
        self.work: defaultdict[str, Work] = defaultdict(Work)
        # Of each pass of the watcher: when, its interval in seconds, and how many rows were open.
        self.intervals: list[tuple[datetime, float, int]] = []
        self.metric_hours: set[tuple[str, str, int]] = set()
        super().__init__(deployment, settings=NO_CAPS | (settings or {}), **{"latency": LATENCY} | BOOT | given)
        self.users = [f"desk{number:06}" for number in range(users)]
        self.refused = 0

    def add_users(self, directories: Sequence[str], users: Sequence[str]) -> None:
        """Let both Regions' directories know them."""
        for directory in directories:
            away = self.settings.directories[DirectoryId(directory)].dr_directory
            self.world.add_directory(PRIMARY, directory, list(users))
            self.world.add_directory(DR, away, list(users))

    def _process(self, function: str) -> TimedProcess:
        made = super()._process(function)
        kept = dataclasses.replace(
            made.kept,
            clock=TimedClock(self.scheduler, self.ahead[-1]),
            telemetry=Noting(self, function, wiring.logger, wiring.metrics, self.settings.stack),
        )
        return TimedProcess(function, kept, made.handlers, self.scheduler, self.functions.die, work=self.work[function])

    def _after_step(self) -> None:
        super()._after_step()
        if problems := getattr(self.ledger, "problems", ()):
            raise Violated("\n".join(problems))

    def _new_id(self) -> str:
        """As long as those that are deployed: items are billed by the KB."""
        return f"{next(self._ids):032x}"

    def let_neighbour_in(self) -> None:
        """Let somebody else call, steadily, in both Regions."""
        for region in (PRIMARY, DR):
            self.scheduler.spawn(partial(self._call_as_neighbour, region))

    def _call_as_neighbour(self, region: str) -> None:
        for pause in neighbours_pauses(region):
            self.scheduler.sleep(pause)
            try:
                self.world.call(region, "DescribeWorkspaceDirectories", {}, OTHERS_OWN)
            except ServiceError:
                continue

    def create_paced(self, users: Sequence[str], directory: str, seconds: float) -> None:
        """Let an administrator create desktops, 25 in a call, evenly over so many seconds."""
        calls = math.ceil(len(users) / ITEMS)
        for number in range(calls):
            self.later((number + 0.5) * seconds / calls, partial(self._create, users, directory, number))

    def _create(self, users: Sequence[str], directory: str, number: int) -> None:
        while True:
            try:
                self.create(*users[number * ITEMS : (number + 1) * ITEMS], directory=directory)
            except ServiceError:
                self.refused += 1
                self.scheduler.sleep(2)
            else:
                return

    def spent(self) -> Spent:
        """What has been used until now."""
        machines = [*self.machines.executions.values(), *self.sweeps.executions.values()]
        requests = Counter[str]()
        for call, count in self.audit.calls.items():
            requests[call.service] += count
        return Spent(
            transitions=sum(len(one.execution.path) for one in machines),
            work={name: dataclasses.replace(one) for name, one in self.work.items()},
            billed=self.ledger.billed.copy(),
            log_bytes=self._handlers.log.tell(),
            bus_events=len(self.bus.details),
            hours=self.hours,
            metric_hours=frozenset(self.metric_hours),
            requests=requests,
        )

    @property
    def log_lines(self) -> int:
        """Lines that the functions have logged, those that carry metrics too."""
        return self._handlers.log.getvalue().count("\n")

    def check(self, ids: Iterable[str]) -> None:
        """Each has exactly one standby, and its row says so."""
        wanted = set(ids)
        assert not self.world.duplicates()
        assert {self.audit.rows[one]["status"] for one in wanted} == {"PROTECTED"}
        assert {one.primary_id for one in self.world.standbys()} >= wanted


def calls_of(audit: Tally) -> int:
    """The calls of WorkSpaces' API, throttled ones too."""
    return sum(audit.service_calls.values())


def throttled(audit: Tally) -> int:
    """Those that were throttled."""
    return sum(count for (*_, outcome), count in audit.service_calls.items() if outcome == "ThrottlingException")


def new_primaries(
    deployment: Deployment, count: int, progress: Callable[[str], None] = lambda _: None, latency: float = LATENCY
) -> Run:
    """So many new primaries that arrive in an hour, until all are protected."""
    run = Run(deployment, count, latency=latency)
    run.add_users([HOME], run.users)
    run.let_neighbour_in()
    run.create_paced(run.users, HOME, 3600)
    run_until(run, count, progress)
    return run


def run_until(run: Run, count: int, progress: Callable[[str], None] = lambda _: None, most_hours: float = 48) -> None:
    """Let time pass until so many are protected."""
    audit = run.audit
    while len(audit.protected_at) < count and run.hours < most_hours:
        run.run(1.0, lambda: len(audit.protected_at) >= count)
        progress(f"{len(audit.protected_at)} of {count} protected after {run.hours:.1f} h")
    assert len(audit.protected_at) >= count, f"{len(audit.protected_at)} of {count} after {run.hours:.0f} h"
    run.check(audit.protected_at)


def existing_fleet(
    deployment: Deployment,
    count: int,
    progress: Callable[[str], None] = lambda _: None,
    in_flight: int | None = None,
) -> Run:
    """A fleet that was there before, known to two sweeps, and reported. `in_flight`: all at once if it is None."""
    settings = {"backfill_in_flight": in_flight or count}
    run = Run(deployment, count, is_known=False, trail=lambda _: [], settings=settings)
    run.add_users([HOME], run.users)
    # All of it is AVAILABLE.
    run.world.settings.change(boot_seconds=0.0, boot_spread_seconds=0.0, throttling=False)
    for number in range(math.ceil(count / ITEMS)):
        run.create(*run.users[number * ITEMS : (number + 1) * ITEMS])
    run.world.settle()
    run.world.settings.change(**BOOT, throttling=True)
    run.audit.after_step()
    run.let_neighbour_in()
    while not (run.baseline().get("taken_at") and not run.sweeps.running):
        run.run(0.25)
        progress(f"{len(run.audit.rows)} of {count} reported after {run.hours:.1f} h")
    return run


@dataclass(frozen=True)
class Accepted:
    """What it took from the acceptance until all are protected."""

    hours: float
    spent: Spent
    calls: int
    throttled: int


def accept(run: Run, count: int, progress: Callable[[str], None] = lambda _: None) -> Accepted:
    """Accept the fleet, and start a sweep, until all are protected."""
    before, calls, refused = run.spent(), calls_of(run.audit), throttled(run.audit)
    run.accept()
    run.sweeps.start("accepted", {})
    run_until(run, count, progress)
    spent = run.spent() - before
    return Accepted(spent.hours, spent, calls_of(run.audit) - calls, throttled(run.audit) - refused)
