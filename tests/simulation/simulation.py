"""A run of the whole product in virtual time: functions, watcher, outbox, the people, and WorkSpaces behind them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from local import service_quotas
from local.workspaces import Fault, ManualClock, World
from standby import wiring
from standby.core.model import Status
from standby.core.reasons import Reason
from standby.telemetry import PowertoolsTelemetry
from standby.wiring import Deployed
from tests.simulation.account import Functions, Machines, Outbox, StepFunctions
from tests.simulation.audit import Auditor, plain
from tests.simulation.deployment import STACK, Deployment, matches
from tests.simulation.faults import Call, During, Plan, Plans
from tests.simulation.machine import StateError
from tests.simulation.process import Handlers, Process, ProcessClock
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import Bus, Ledger, Queue, Service, Topic, workspaces
from tests.simulation.wire import Wire

ACCOUNT = "123456789012"
PRIMARY, DR = "us-east-1", "us-west-2"
HOME, AWAY = "d-906732325d", "d-926722edaf"
WINDOWS = "wsb-windowsstandard"
USERS = [f"user{number:04}" for number in range(600)]
# As a function of the stack is named in CloudTrail.
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/{STACK}-Role/{STACK}-function"
_LOOK_EVERY = 300.0
_PEOPLE_EVERY = 1800.0
_AFTERWARDS_HOURS = 0.1
_TAKEN_UP_AGAIN = 5
# What a person is asked to put right, and then to ask for by hand.
_ASKS_FOR_A_PERSON = (Status.REJECTED, Status.TIMED_OUT, Status.FAILED)


class Violated(AssertionError):
    """Something that must hold does not."""


class Simulation:
    """One run. Everything that chance decides is decided by `seed`.

    Parameters
    ----------
    plan
        What goes wrong, and when.
    skew
        How far, in seconds, a process's clock may be off, either way; half of them are so far off.
    trail
        The seconds after which each copy of an event is delivered; none loses it.
    settings
        Changes to the deployed settings.
    is_known
        Whether the product has swept the directories before; else what is there at the beginning is an existing fleet.
    world
        Settings of the model of WorkSpaces.
    """

    # Another number draws other latencies and another order of what is due at once, in the same world.
    variation: ClassVar[int] = 0
    # The ledger is the process's, so there is one simulation at a time: the next ends the one before.
    present: ClassVar[Simulation | None] = None
    # What a benchmark replaces: some of it would take as long as all else, with fleets that are large.
    ledger_type: ClassVar[type[Ledger]] = Ledger
    auditor_type: ClassVar[type[Auditor]] = Auditor
    wire_type: ClassVar[type[Wire]] = Wire

    def __init__(
        self,
        deployment: Deployment,
        seed: int = 0,
        *,
        plan: Plan | None = None,
        skew: float = 0.0,
        latency: float = 0.05,
        index_lag: float = 0.0,
        trail: Callable[[dict[str, Any]], list[float]] = lambda _: [90.0],
        settings: dict[str, Any] | None = None,
        is_known: bool = True,
        **world: Any,
    ) -> None:
        if Simulation.present is not None:
            Simulation.present.close()
        Simulation.present = self
        drawn = seed + 1_000_003 * Simulation.variation
        random.seed(drawn)  # botocore's and the product's jitter
        self.dice = random.Random(drawn)  # noqa: S311 (repeatable, not secret)
        watch_every, sweep_every = deployment.watch_every, deployment.sweep_every
        self.settings = dataclasses.replace(deployment.settings, **{"sweep_interval": sweep_every} | (settings or {}))
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock, random.Random(drawn + 1), self._after_step)  # noqa: S311
        self.world = World(self.clock, account=ACCOUNT, seed=seed, **world)
        for directory, settings_of_it in self.settings.directories.items():
            self.world.add_directory(PRIMARY, directory, USERS)
            self.world.add_directory(DR, settings_of_it.dr_directory, USERS)
        self.queue, self.topic, self.bus = Queue(), Topic(), Bus()
        self.ledger = self.ledger_type(deployment.table, ACCOUNT, PRIMARY, self.scheduler.now)
        self.ledger.lag = timedelta(seconds=index_lag)
        self.audit = self.auditor_type(self.world, self.settings, watch_every, self.scheduler.now)
        self.audit.clocks_off = timedelta(seconds=skew)
        self.plan: Plan = plan or Plans()
        self.functions = Functions(deployment, self.scheduler, self.dice, self.queue, self._process)
        machine_arn = deployment.functions["protect"].environment["WATCH_STATE_MACHINE_ARN"]
        self.machines, self.sweeps = (
            Machines(definition, arn, self.scheduler, self.dice, self.functions)
            for definition, arn in (
                (deployment.watcher, machine_arn),
                (deployment.sweeper, machine_arn.replace("-watch", "-sweep")),
            )
        )
        self.outbox = Outbox(deployment, self.scheduler, self.functions, self.ledger, self.queue)
        services: dict[str, Service] = {
            "workspaces": workspaces(self.world, ROLE),
            "resourcegroupstaggingapi": workspaces(self.world, ROLE),
            "dynamodb": self.ledger.call,
            "stepfunctions": StepFunctions([self.machines, self.sweeps]).call,
            "sqs": self.queue.call,
            "sns": self.topic.call,
            "events": self.bus.call,
            "cloudwatch": lambda *_: (200, b"{}"),
            "service-quotas": lambda _, operation, body: service_quotas.answer(self.world, operation, json.loads(body)),
        }
        self.wire = self.wire_type(self.scheduler, services, self.plan, self.dice, self._saw_call, latency)
        self.began = self.scheduler.now()
        self._deployment = deployment
        self._handlers = Handlers(deployment)
        self._skew = skew
        # How far the clock of each process is ahead.
        self.ahead: list[timedelta] = []
        self._trail = trail
        self._ids = itertools.count()
        self._undelivered = 0
        self._is_helped = False
        self._helped: set[tuple[str, int]] = set()
        self.redriven = self.asked = 0
        self.world.subscribe(self._event)
        if is_known:
            self._have_swept()
        # Deployed long ago, it sweeps at its own hours: events come first, as they do.
        first_sweep = sweep_every.total_seconds() * 0.75 if is_known else 0.0
        for machine, every, first in ((self.machines, watch_every, 0.0), (self.sweeps, sweep_every, first_sweep)):
            self.scheduler.spawn(partial(self._schedule, machine, every), delay=first)
        self.scheduler.spawn(self._look)

    def _process(self, function: str) -> Process:
        drawn = 2 * self.dice.uniform(-self._skew, self._skew)
        # The first two are as far apart as any two may be.
        extremes = (-self._skew, self._skew)
        at = extremes[len(self.ahead)] if len(self.ahead) < len(extremes) else min(max(drawn, extremes[0]), extremes[1])
        ahead = timedelta(seconds=at)
        self.ahead.append(ahead)
        kept = Deployed(
            settings=self.settings,
            make_client=self.wire.client,
            clock=ProcessClock(self.scheduler, ahead),
            telemetry=PowertoolsTelemetry(wiring.logger, wiring.metrics, self.settings.stack),
            environment={
                "LEDGER_TABLE": self.settings.stack,
                "WATCH_STATE_MACHINE_ARN": self.machines.arn,
                "DEAD_LETTER_QUEUE_URL": f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/dead-letters",
                "NOTIFICATION_TOPIC_ARN": f"arn:aws:sns:us-east-1:{ACCOUNT}:notices",
                "EVENT_BUS_NAME": "default",
            },
            new_id=self._new_id,
        )
        return Process(function, kept, self._handlers, self.scheduler, self.functions.die)

    def _new_id(self) -> str:
        return f"id-{next(self._ids)}"

    # What goes on by itself

    def _event(self, event: Any) -> None:
        if event["region"] != PRIMARY and not matches(self._deployment.forwarded, event):
            return
        if not matches(self._deployment.rules, event):
            return
        for delay in self._trail(event):
            self._undelivered += 1
            self.scheduler.spawn(lambda: self._deliver(event), delay=delay)

    def _deliver(self, event: dict[str, Any]) -> None:
        self._undelivered -= 1
        self.functions.deliver("protect", event)

    def _schedule(self, machine: Machines, every: timedelta) -> None:
        while True:
            machine.start(f"schedule-{next(self._ids)}", {})
            self.scheduler.sleep(every.total_seconds())

    def _have_swept(self) -> None:
        """The product has been there for long: the directories' existing fleets are known."""
        for directory in self.settings.directories:
            taken = {"taken_at": {"S": "2026-01-01T00:00:00.000Z"}}
            self.ledger.ask("PutItem", Item=_baseline_of(directory) | taken)

    def _look(self) -> None:
        while True:
            self.scheduler.sleep(_LOOK_EVERY)
            self.audit.check_rows()

    def _saw_call(self, call: Call, body: bytes, fault: str | None) -> None:
        request = json.loads(body) if call.service == "workspaces" else {}
        self.audit.saw_call(call, request, fault, self.scheduler.current.owner)

    def _after_step(self) -> None:
        records = self.ledger.new_records()
        if records:
            self.audit.saw_records(records)
            self.outbox.take(records)
        self.audit.after_step()
        self.audit.crashed(self.functions.crashes)
        if self.audit.violations:
            raise Violated("\n".join(self.audit.violations))

    # What people do

    def create(self, *users: str, directory: str = HOME, region: str = PRIMARY, **item: Any) -> list[str]:
        """Create desktops, 25 in a call; the ids of those that come of it."""
        items = [{"DirectoryId": directory, "UserName": user, "BundleId": WINDOWS, **item} for user in users]
        calls = [{"Workspaces": items[start : start + 25]} for start in range(0, len(items), 25)]
        answers = [self.world.call(region, "CreateWorkspaces", one) for one in calls]
        return [pending["WorkspaceId"] for answer in answers for pending in answer["PendingRequests"]]

    def migrate(self, primary_id: str, bundle: str = "wsb-windowsperformance") -> str:
        """Migrate a primary; its new id."""
        order = {"SourceWorkspaceId": primary_id, "BundleId": bundle}
        return str(self.world.call(PRIMARY, "MigrateWorkspace", order)["TargetWorkspaceId"])

    def terminate(self, region: str, *ids: str) -> None:
        """Terminate primaries or standbys; CloudTrail has it."""
        items = [{"WorkspaceId": one} for one in ids]
        self.world.call(region, "TerminateWorkspaces", {"TerminateWorkspaceRequests": items})

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Let somebody do something after a while."""
        self.scheduler.spawn(work, delay=seconds)

    def by_hand(self, *ids: str) -> Any:
        """Ask protect for primaries, in a task of one's own."""
        call = {"mode": "reconcile", "workspace_ids": list(ids), "cause": {"type": "manual", "id": "ticket"}}
        return self.functions.invoke("protect", call)

    def accept(self) -> None:
        """Accept the existing fleet of every directory, as README tells."""
        for directory in self.settings.directories:
            self.ledger.ask(
                "UpdateItem",
                Key=_baseline_of(directory),
                UpdateExpression="SET accepted = :yes",
                ExpressionAttributeValues={":yes": {"BOOL": True}},
            )

    def pause(self, *, on: bool) -> None:
        """Switch the pause on or off, as README tells."""
        self.ledger.ask("PutItem", Item={"pk": {"S": "PAUSE"}, "sk": {"S": "PAUSE"}, "paused": {"BOOL": on}})
        self.audit.paused_since = self.scheduler.now() if on else None

    def baseline(self, directory: str = HOME) -> dict[str, Any]:
        """What the ledger says of a directory's existing fleet."""
        item: dict[str, Any] = self.ledger.ask("GetItem", Key=_baseline_of(directory)).get("Item", {})
        return plain(item)

    def steal(self) -> None:
        """Take the watcher's lease from its living owner, for an execution that begins now."""
        row = {"pk": {"S": "LEASE#WATCH"}, "sk": {"S": "LEASE#WATCH"}, "holder": {"S": "-"}}
        moments = {name: {"S": "2026-01-05T09:00:00.000Z"} for name in ("expires_at", "round_began_at")}
        self.ledger.ask("PutItem", Item=row | moments)
        self.machines.start(f"thief-{self.scheduler.steps}", {})

    def abort(self) -> None:
        """Abort the executions that run."""
        for arn in self.machines.running:
            self.machines.abort(arn)
            self.audit.struck.append((self.scheduler.now(), Call("somebody", "stepfunctions", PRIMARY, ""), "aborted"))

    def deploy(self, **changes: Any) -> None:
        """Deploy other settings: invocations from now on have them."""
        self.settings = dataclasses.replace(self.settings, **changes)
        self.functions.forget_idle()
        self.audit.allow(self.settings)

    # What AWS does

    def disturb(
        self, *kinds: str, minutes: tuple[float, float], matches: Callable[[Call], bool], rate: float = 1.0
    ) -> None:
        """From one minute to another, counted from the beginning, such calls go wrong, `rate` of them."""
        begins, ends = (self.began + timedelta(minutes=minute) for minute in minutes)
        self.wire.plan = During(kinds, begins, ends, matches, self.dice, rate)

    def hide(self, region: str, hours: float, user: str | None = None) -> None:
        """No answer of a Region shows its desktops, or a user's, for so long."""
        self.world.inject(Fault("DescribeWorkspaces", "hide", region, until=self.in_hours(hours), user=user))

    def in_hours(self, hours: float) -> datetime:
        """A moment to come."""
        return self.scheduler.now() + timedelta(hours=hours)

    def help_out(self, *, when: Callable[[], bool] = lambda: True) -> None:
        """Let a person come by every half hour, redrive the dead letters, and do what notices ask for."""

        def work() -> None:
            while True:
                self.scheduler.sleep(_PEOPLE_EVERY)
                if when():
                    self._redrive()
                    self._act_on_notices()

        self._is_helped = True
        self.scheduler.spawn(work)

    def _redrive(self) -> None:
        for message in list(self.queue.messages):
            payload = message["body"].get("requestPayload") if isinstance(message["body"], dict) else None
            if payload is None:
                continue
            try:
                self.functions.invoke("protect", payload)
            except StateError:
                continue
            self.queue.messages.remove(message)
            self.redriven += 1

    def _to_help(self) -> list[tuple[str, int]]:
        return [
            (one, row["version"])
            for one, row in self.audit.rows.items()
            if Status(row["status"]) in _ASKS_FOR_A_PERSON and (one, row["version"]) not in self._helped
        ]

    def _act_on_notices(self) -> None:
        for one, version in self._to_help():
            self._helped.add((one, version))
            self.asked += 1
            with suppress(StateError):
                (decision,) = self.by_hand(one)["decisions"]
                if decision["reason_code"] == Reason.DESCRIBE_FAILED:
                    # Who is answered that nothing is known asks again.
                    self._helped.discard((one, version))

    # Running it

    def close(self) -> None:
        """End it: what it has come to can still be read, but nothing goes on."""
        with self._handlers.in_use(self.scheduler):
            self.scheduler.close()

    def run(self, hours: float, enough: Callable[[], bool] | None = None) -> None:
        """Let time pass, until there is enough if that is said; `Violated` if an invariant does not hold."""
        with self._handlers.in_use(self.scheduler):
            self.scheduler.run(self.scheduler.now() + timedelta(hours=hours), enough or (lambda: False))

    def run_until_settled(self, hours: float, is_over: Callable[[], bool] = lambda: True) -> None:
        """Let time pass until nothing is open, under way or undelivered any more, at most so many hours; and a bit.

        A sweep of that bit may take something up again: then that, too.
        """
        last = self.hours + hours
        for _ in range(_TAKEN_UP_AGAIN):
            self.run(last - self.hours, lambda: is_over() and self.is_settled())
            self.run(_AFTERWARDS_HOURS)
            if self.is_settled() or self.hours >= last:
                break

    def is_settled(self) -> bool:
        """Whether nothing is left to be done, by anybody."""
        return (
            bool(self.audit.rows)
            and not self.audit.open_rows
            and not [row for row in self.audit.rows.values() if row["status"] == Status.HELD]
            and self._undelivered == 0
            and self.outbox.is_idle
            and not self.functions.running
            and not [one for one in self.queue.messages if "requestPayload" in one["body"]]
            and not (self._is_helped and self._to_help())
        )

    @property
    def hours(self) -> float:
        """Virtual hours that have passed."""
        return (self.scheduler.now() - self.began).total_seconds() / 3600

    def story(self, most: int = 60) -> str:
        """What is known of a run that failed."""
        lines = [f"{at} {kind} at {call}" for at, call, kind in self.audit.struck[-most:]]
        for one, events in self.audit.stories.items():
            lines += [f"{one} {e['at']} {e['status']} {e['reason_code']} {e['message'][:120]}" for e in events]
        return "\n".join([*lines, "the last log lines:", *self._handlers.lines(most // 2)])

    def status(self, primary_id: str) -> tuple[Status, str]:
        """Status and reason of a primary's row."""
        row = self.audit.rows[primary_id]
        return Status(row["status"]), str(row["reason_code"])


def _baseline_of(directory: str) -> dict[str, Any]:
    return {"pk": {"S": f"SWEEP#{directory}"}, "sk": {"S": "BASELINE"}}
