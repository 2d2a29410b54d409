"""Puts the parts together for a handler: clients, settings, clock, ids. Only here is known how they are made.

What makes a part imports it: a cold start reads only the modules that its function uses.
"""

from __future__ import annotations

import functools
import os
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from standby.clock import Clock
from standby.core.model import Region
from standby.core.settings import NAMESPACE, BadSettings, Settings
from standby.telemetry import PowertoolsTelemetry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from standby.aws.call import Pacer
    from standby.aws.workspaces import Standbys, WorkSpaces
    from standby.core.model import Cause, Workspace
    from standby.ledger.leases import Executions, Lease
    from standby.ledger.ledger import Gates
    from standby.ledger.sweeps import Sweeps
    from standby.ledger.table import Table
    from standby.record import Recorder

# A polite neighbour: WorkSpaces' API gives an account 2 calls a second. protect takes half of them, unless another pace
# is configured; the sweep, which runs for longer, half as many as that.
SWEEPS_SHARE = 0.5
# Of the Resource Groups Tagging API, which has a rate of its own: 100 WorkSpaces a call.
TAG_CALLS_PER_SECOND = 1.0
# An event's describe and create, and what a lookup or a bisect adds, of the five that the service takes at once.
BURST = 4
# Time kept back for what was begun: a call (35 s) and its records.
RESERVE_SECONDS = 60.0

# Seconds for a connection and for an answer, and tries.
_PATIENCE = {
    # No retries: throttles share the budget of the whole account, and the next round is the retry.
    "workspaces": (5, 30, 1),
    # It stands between a call of WorkSpaces and the records of what both said.
    "resourcegroupstaggingapi": (2, 10, 1),
    # A sign of life is not worth a wait; nor is the quota, which the next sweep asks for again.
    "cloudwatch": (2, 3, 1),
    "service-quotas": (2, 3, 1),
}
# Retries of DynamoDB are safe: writes are conditional, and transactions carry a token.
_QUICK = (2, 5, 5)

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
warnings.filterwarnings("ignore", "No application metrics to publish")  # often there are none; a log line is JSON


def make_client(service: str, region: Region) -> Any:
    """A boto3 client; endpoints are found as botocore finds them (`AWS_ENDPOINT_URL`)."""
    connect, read, tries = _PATIENCE.get(service, _QUICK)
    retries: Any = {"total_max_attempts": tries, "mode": "standard"}
    config = Config(connect_timeout=connect, read_timeout=read, retries=retries)
    return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]


def new_id() -> str:
    """An id that nobody else makes."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Invoked:
    """What an invocation is told by Lambda: its id, its account, and whether there is time for another batch."""

    request_id: str
    account: str
    has_time: Callable[[], bool] = lambda: True

    @classmethod
    def of(cls, context: LambdaContext) -> Invoked:
        """What a context says."""
        return cls(
            request_id=context.aws_request_id,
            account=context.invoked_function_arn.split(":")[4],
            has_time=lambda: context.get_remaining_time_in_millis() / 1000 > RESERVE_SECONDS,
        )


@dataclass(frozen=True)
class Deployed:
    """What a function's process is made of; tests hand in their own."""

    settings: Settings
    make_client: Callable[[str, Region], Any]
    clock: Clock
    telemetry: PowertoolsTelemetry
    environment: Mapping[str, str] = field(default_factory=dict)
    new_id: Callable[[], str] = new_id
    _clients: dict[tuple[str, Region], Any] = field(default_factory=dict)

    def client(self, service: str, region: Region | None = None) -> Any:
        """The process's client of a service, made when it is first used.

        All but those that ask about the DR Region, or give it a sign of life, are of the primary Region.
        """
        key = service, region or self.settings.primary_region
        if key not in self._clients:
            self._clients[key] = self.make_client(*key)
        return self._clients[key]

    def variable(self, name: str) -> str:
        """The value of an environment variable; `BadSettings` if it is not set."""
        value = self.environment.get(name)
        if not value:
            raise BadSettings(f"the environment variable {name} is not set; deploy the stack again")
        return value

    def table(self) -> Table:
        """The ledger's table."""
        from standby.ledger.table import Table

        return Table(self.client("dynamodb"), self.variable("LEDGER_TABLE"), self.clock.sleep)

    def gates(self) -> Gates:
        """What may hold creations back."""
        from standby.ledger.ledger import Gates

        return Gates(self.table(), self.settings, self.clock)

    def sweeps(self) -> Sweeps:
        """What sweeps keep of the mapped directories."""
        from standby.ledger.sweeps import Sweeps

        mapped = self.settings.directories
        return Sweeps(self.table(), {one: mapped[one].dr_directory for one in sorted(mapped)})

    def executions(self) -> Executions:
        """The executions of both state machines, and the start of the watcher's."""
        from standby.ledger.leases import Executions

        return Executions(self.client("stepfunctions"), self.variable("WATCH_STATE_MACHINE_ARN"))

    def lease(self, key: str) -> Lease:
        """The watcher's lease, or the sweep's."""
        from standby.ledger.leases import HELD_EVERY, Lease

        # No more seldom than a new standby is looked at: as one batch is done, there is room for the next.
        held_every = min(HELD_EVERY, self.settings.first_look)
        return Lease(self.table(), self.executions(), self.clock, key, held_every)

    def recorder(self, cause: Cause, has_time: Callable[[], bool]) -> Recorder:
        """The writer of one invocation."""
        from standby.ledger.ledger import Ledger
        from standby.record import Recorder

        ledger = Ledger(self.table(), self.settings, self.clock, self.new_id)
        return Recorder(ledger, self.gates(), self.settings, self.clock, self.telemetry, cause, has_time)

    def pacer(self, share: float = 1.0, burst: int = 1) -> Pacer:
        """The pace of the calls of one invocation."""
        from standby.aws.call import Pacer

        return Pacer(self.clock, self.settings.calls_per_second * share, burst)

    def primaries(self, pacer: Pacer, has_time: Callable[[], bool] = lambda: True) -> WorkSpaces:
        """WorkSpaces of the primary Region, with their tags where a rule asks for them."""
        from standby.aws.workspaces import WorkSpaces

        return WorkSpaces(self.client("workspaces"), pacer, has_time, self._tagged(has_time))

    def standbys(self, pacer: Pacer, has_time: Callable[[], bool] = lambda: True) -> Standbys:
        """WorkSpaces of the DR Region."""
        from standby.aws.workspaces import Standbys

        client = self.client("workspaces", self.settings.dr_region)
        return Standbys(client, pacer, has_time, primary_region=self.settings.primary_region)

    def _tagged(self, has_time: Callable[[], bool]) -> Callable[[Sequence[Workspace]], Sequence[Workspace]]:
        if not self.settings.selection.needs_tags:
            return lambda found: found
        from standby.aws.call import Pacer
        from standby.aws.others import TagReader

        # arn:aws:states:us-east-1:123456789012:stateMachine:… is of the same partition, Region and account.
        _, partition, _, region, account, *_ = self.variable("WATCH_STATE_MACHINE_ARN").split(":")
        prefix = f"arn:{partition}:workspaces:{region}:{account}:workspace/"
        pacer = Pacer(self.clock, TAG_CALLS_PER_SECOND, BURST)
        return TagReader(
            self.client("resourcegroupstaggingapi"), prefix, self.settings, pacer, has_time, self.telemetry
        ).tagged


@functools.cache
def deployed() -> Deployed:
    """What this process is made of."""
    settings = Settings.load(Path(__file__).resolve().parents[1] / "settings.json")
    telemetry = PowertoolsTelemetry(logger, metrics, settings.stack)
    return Deployed(settings, make_client, Clock(), telemetry, os.environ)


Work = Callable[[Deployed, Any, Invoked], dict[str, Any]]


def handler(work: Work) -> Callable[[Any, LambdaContext], dict[str, Any]]:
    """The handler of a function that does some work: its log lines have the request's id, its metrics are published."""

    def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
        return work(deployed(), event, Invoked.of(context))

    wrapped: Any = logger.inject_lambda_context(clear_state=True)(metrics.log_metrics(handle))
    return wrapped  # type: ignore[no-any-return]
