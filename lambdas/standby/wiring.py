"""Puts the parts together for a handler: clients, settings, clock, ids. Only here is known how they are made."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from standby.clock import Clock, Pacer, SystemClock
from standby.ledger.claims import Claims
from standby.ledger.gates import Gates
from standby.ledger.lease import HELD_EVERY, SWEEP_LEASE, Executions, WatchLease
from standby.ledger.ledger import Context, Ledger
from standby.ledger.quota import StandbyQuota
from standby.ledger.recorder import Recorder, Telemetry
from standby.ledger.table import Table
from standby.model import SWEEP, Cause, Region, Workspace
from standby.protect.reconcile import Reconciler
from standby.protect.terminations import Terminations
from standby.service.create import Standbys
from standby.service.describe import Primaries
from standby.service.tags import TaggingClient, TagReader
from standby.settings import Settings, require
from standby.sweep.baseline import BaselineMemory
from standby.sweep.coverage import CoverageBook
from standby.sweep.memory import SweepMemory
from standby.sweep.orphan_figures import OrphanFigures
from standby.sweep.planner import Planner
from standby.sweep.sweep import Sweeper
from standby.telemetry import PowertoolsTelemetry
from standby.watch.observe import Observer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_workspaces import WorkSpacesClient

# A polite neighbour: WorkSpaces' API gives an account 2 calls a second. The watcher takes half of them, unless another
# pace is configured; the sweep, which runs for longer, half as many as the watcher.
SWEEPS_SHARE = 0.5
# Of the Resource Groups Tagging API, which has a rate of its own: 100 WorkSpaces a call.
TAG_CALLS_PER_SECOND = 1.0
# An event's describe and create, and what a look or a bisect adds, of the five that the service takes at once.
BURST = 4
# Time kept back for what was begun: a call (35 s) and its records.
RESERVE_SECONDS = 60.0

# No retries: throttles share the budget of the whole account, and the next look is the retry.
WORKSPACES_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1, "mode": "standard"})
# It stands between a call of WorkSpaces and the records of what both said.
TAGGING_CONFIG = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1, "mode": "standard"})
# A sign of life is not worth a wait; nor is the quota, which the next sweep asks for again.
HEARTBEAT_CONFIG = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1, "mode": "standard"})
# Retries of DynamoDB are safe: writes are conditional, and transactions carry a token.
QUICK_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 5, "mode": "standard"})
_CONFIGS = {
    "workspaces": WORKSPACES_CONFIG,
    "resourcegroupstaggingapi": TAGGING_CONFIG,
    "cloudwatch": HEARTBEAT_CONFIG,
    "service-quotas": HEARTBEAT_CONFIG,
}


class LambdaContext(Protocol):
    """What is used of the context that Lambda hands to a handler."""

    aws_request_id: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the time-out."""
        ...


@dataclass(frozen=True)
class Clients:
    """The AWS clients of protect, watch and sweep; `tagging` only where a rule asks for tags."""

    primary: WorkSpacesClient
    dr: WorkSpacesClient
    dynamodb: DynamoDBClient
    sfn: SFNClient
    tagging: TaggingClient | None = None


def make_client(service: str, region: Region) -> Any:
    """A boto3 client; endpoints are found as botocore finds them (`AWS_ENDPOINT_URL`)."""
    config = _CONFIGS.get(service, QUICK_CONFIG)
    return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]


def make_clients(settings: Settings, make: Callable[[str, Region], Any] = make_client) -> Clients:
    """The clients for a pair of Regions. All but the WorkSpaces of the DR Region are of the primary one (rule 7)."""
    needs_tags = settings.selection.needs_tags
    return Clients(
        primary=make("workspaces", settings.primary_region),
        dr=make("workspaces", settings.dr_region),
        dynamodb=make("dynamodb", settings.primary_region),
        sfn=make("stepfunctions", settings.primary_region),
        tagging=make("resourcegroupstaggingapi", settings.primary_region) if needs_tags else None,
    )


def new_id() -> str:
    """An id that nobody else makes."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Parts:
    """What the functions are built from; tests hand in their own."""

    settings: Settings
    clients: Clients
    table_name: str
    watch_arn: str
    clock: Clock
    telemetry: Telemetry
    new_id: Callable[[], str] = new_id

    def table(self) -> Table:
        """The ledger's table."""
        return Table(self.clients.dynamodb, self.table_name, self.clock.sleep)

    def gates(self) -> Gates:
        """What may hold creations back."""
        return Gates(self.table(), self.settings, self.clock, self.new_id)

    def lease(self) -> WatchLease:
        """The watcher's lease."""
        # No more seldom than a new standby is looked at: as one batch is done, there is room for the next.
        held_every = min(HELD_EVERY, self.settings.first_look)
        return WatchLease(self.table(), self.executions(), self.clock, held_every=held_every)

    def executions(self) -> Executions:
        """The watcher's executions."""
        return Executions(self.clients.sfn, self.watch_arn)

    def recorder(self, context: Context) -> Recorder:
        """The writer of one invocation."""
        ledger = Ledger(self.table(), self.settings, self.clock, self.new_id)
        return Recorder(ledger, Claims(ledger, self.settings, self.clock), self.clock, self.telemetry, context)

    def tagged(
        self, has_time: Callable[[], bool] = lambda: True
    ) -> Callable[[Sequence[Workspace]], Sequence[Workspace]]:
        """What adds tags to primaries, if a rule asks for them."""
        if self.clients.tagging is None:
            return lambda found: found
        # arn:aws:states:us-east-1:123456789012:stateMachine:… is of the same partition, Region and account.
        partition, region, account = itemgetter(1, 3, 4)(self.watch_arn.split(":"))
        prefix = f"arn:{partition}:workspaces:{region}:{account}:workspace/"
        pacer = Pacer(self.clock, TAG_CALLS_PER_SECOND, BURST)
        return TagReader(self.clients.tagging, prefix, self.settings, pacer, has_time, self.telemetry).tagged

    def reconciler(self, context: Context, has_time: Callable[[], bool], *, paced: bool) -> Reconciler:
        """protect's work, for one invocation."""
        pacer = Pacer(self.clock, self.settings.calls_per_second, BURST if not paced else 1)
        return Reconciler(
            recorder=self.recorder(context),
            primaries=Primaries(self.clients.primary, pacer, has_time, self.tagged(has_time)),
            standbys=Standbys(self.clients.dr, self.settings.primary_region, pacer, has_time),
            gates=self.gates(),
            settings=self.settings,
            has_time=has_time,
        )

    def terminations(self, context: Context, has_time: Callable[[], bool]) -> Terminations:
        """protect's work on what somebody terminated, for one invocation."""
        pacer = Pacer(self.clock, self.settings.calls_per_second, BURST)
        return Terminations(
            self.recorder(context),
            Primaries(self.clients.primary, pacer, has_time),
            Primaries(self.clients.dr, pacer, has_time),
            self.settings,
        )

    def sweeper(
        self,
        execution_arn: str,
        request_id: str,
        has_time: Callable[[], bool],
        completed: Callable[[], None],
        quota: StandbyQuota,
    ) -> Sweeper:
        """sweep's work, for one invocation. Pages and looks of both Regions share one pace."""
        context = Context(Cause(SWEEP, execution_arn), owner=request_id, execution_arn=execution_arn)
        pacer = Pacer(self.clock, self.settings.calls_per_second * SWEEPS_SHARE)
        recorder = self.recorder(context)
        return Sweeper(
            recorder=recorder,
            primaries=Primaries(self.clients.primary, pacer, tagged=self.tagged(has_time)),
            partners=Primaries(self.clients.dr, pacer),
            memory=SweepMemory(self.table()),
            baselines=BaselineMemory(self.table()),
            coverage=CoverageBook(self.table(), self.settings, self.telemetry, self.gates()),
            planner=Planner(recorder, quota, self.settings, self.new_id),
            orphan_figures=OrphanFigures(self.table(), self.settings, self.telemetry),
            lease=WatchLease(self.table(), Executions(self.clients.sfn, self.watch_arn), self.clock, SWEEP_LEASE),
            settings=self.settings,
            has_time=has_time,
            completed=completed,
        )

    def observer(self, execution_arn: str, request_id: str, has_time: Callable[[], bool]) -> Observer:
        """watch's work, for one invocation."""
        context = Context(Cause("watch", execution_arn), owner=request_id, execution_arn=execution_arn)
        return Observer(
            recorder=self.recorder(context),
            primaries=Primaries(
                self.clients.primary, Pacer(self.clock, self.settings.calls_per_second), tagged=self.tagged(has_time)
            ),
            gates=self.gates(),
            lease=self.lease(),
            settings=self.settings,
            has_time=has_time,
        )


def load_settings() -> Settings:
    """The settings beside the code, in the zip.

    Raises
    ------
    BadSettings
        They are missing.
    """
    return Settings.load(Path(__file__).resolve().parents[1] / "settings.json")


def parts_of(environment: Mapping[str, str], logger: Logger, metrics: Metrics) -> Parts:
    """What a deployed function is made of.

    Raises
    ------
    BadSettings
        The deployment is not whole.
    """
    settings = load_settings()
    return Parts(
        settings=settings,
        clients=make_clients(settings),
        table_name=require(environment, "LEDGER_TABLE"),
        watch_arn=require(environment, "WATCH_STATE_MACHINE_ARN"),
        clock=SystemClock(),
        telemetry=PowertoolsTelemetry(logger, metrics, settings.stack),
    )


def time_left(context: LambdaContext) -> Callable[[], bool]:
    """Whether an invocation has time for another batch."""
    return lambda: context.get_remaining_time_in_millis() / 1000 > RESERVE_SECONDS


def account_of(context: LambdaContext) -> str:
    """The account that a function runs in."""
    return context.invoked_function_arn.split(":")[4]
