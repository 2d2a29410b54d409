"""Builds the parts of a handler: clients, settings, clock, ids. Only this module knows how they are made.

Each method imports what it builds, so that a cold start reads only the modules that its function uses.
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

# The WorkSpaces API allows an account 2 calls a second in a Region. protect uses half of them, unless
# `calls_per_second` says otherwise. So does the sweep, or half of that rate while a watcher works.
SWEEPS_SHARE = 0.5
# The rate for the Resource Groups Tagging API, which has a limit of its own; 100 WorkSpaces a call.
TAG_CALLS_PER_SECOND = 1.0
# Calls that may be sent at once: an event's describe and create, and a lookup or a bisect. The service allows five.
BURST = 4
# Time that is reserved for a call that was begun (35 s) and its records.
RESERVE_SECONDS = 60.0

# Seconds for a connection and for an answer, and tries.
_PATIENCE = {
    # No retries: they would use up the budget of the whole account, and the next round is the retry.
    "workspaces": (5, 30, 1),
    # Short, because the result of a WorkSpaces call is recorded only afterwards.
    "resourcegroupstaggingapi": (2, 10, 1),
    # Short, because a heartbeat is not worth a wait, and the next sweep reads the quota again.
    "cloudwatch": (2, 3, 1),
    "service-quotas": (2, 3, 1),
}
# Retries of DynamoDB are safe: writes are conditional, and transactions carry a token.
_QUICK = (2, 5, 5)

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
warnings.filterwarnings(
    "ignore", "No application metrics to publish"
)  # often there are none, and the warning is not JSON as log lines are


def make_client(service: str, region: Region) -> Any:
    """A boto3 client with the time-outs of its service. botocore finds the endpoint (`AWS_ENDPOINT_URL`)."""
    connect, read, tries = _PATIENCE.get(service, _QUICK)
    retries: Any = {"total_max_attempts": tries, "mode": "standard"}
    config = Config(connect_timeout=connect, read_timeout=read, retries=retries)
    return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]


def new_id() -> str:
    """A unique id."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Invoked:
    """What Lambda says about an invocation: its id, its account, and whether there is time for another batch."""

    request_id: str
    account: str
    has_time: Callable[[], bool] = lambda: True

    @classmethod
    def of(cls, context: LambdaContext) -> Invoked:
        """The invocation of a Lambda context."""
        return cls(
            request_id=context.aws_request_id,
            account=context.invoked_function_arn.split(":")[4],
            has_time=lambda: context.get_remaining_time_in_millis() / 1000 > RESERVE_SECONDS,
        )


@dataclass(frozen=True)
class Deployed:
    """The parts of a function's process. Tests pass their own."""

    settings: Settings
    make_client: Callable[[str, Region], Any]
    clock: Clock
    telemetry: PowertoolsTelemetry
    environment: Mapping[str, str] = field(default_factory=dict)
    new_id: Callable[[], str] = new_id
    _clients: dict[tuple[str, Region], Any] = field(default_factory=dict)

    def client(self, service: str, region: Region | None = None) -> Any:
        """The process's client of a service, made when it is first used.

        It is of the primary Region unless another `region` is given.
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
        """The gates that can hold creation."""
        from standby.ledger.ledger import Gates

        return Gates(self.table(), self.settings, self.clock)

    def sweeps(self) -> Sweeps:
        """The rows that sweeps keep about the mapped directories."""
        from standby.ledger.sweeps import Sweeps

        mapped = self.settings.directories
        return Sweeps(self.table(), {one: mapped[one].dr_directory for one in sorted(mapped)})

    def executions(self) -> Executions:
        """Access to the executions of both state machines, and the start of the watcher."""
        from standby.ledger.leases import Executions

        return Executions(self.client("stepfunctions"), self.variable("WATCH_STATE_MACHINE_ARN"))

    def lease(self, key: str) -> Lease:
        """The lock of the watcher or of the sweep."""
        from standby.ledger.leases import HELD_EVERY, Lease

        # At least as often as a new standby is checked: when one batch is done, there is room for the next.
        held_every = min(HELD_EVERY, self.settings.first_look)
        return Lease(self.table(), self.executions(), self.clock, key, held_every)

    def recorder(self, cause: Cause, has_time: Callable[[], bool]) -> Recorder:
        """The writer of one invocation."""
        from standby.ledger.ledger import Ledger
        from standby.record import Recorder

        ledger = Ledger(self.table(), self.settings, self.clock, self.new_id)
        return Recorder(ledger, self.gates(), self.settings, self.clock, self.telemetry, cause, has_time)

    def pacer(self, burst: int = 1, share: Callable[[], float] = lambda: 1.0) -> Pacer:
        """The pacer for the calls of one invocation; `share` is the part of `calls_per_second` that it uses."""
        from standby.aws.call import Pacer

        return Pacer(self.clock, self.settings.calls_per_second, burst, share)

    def sweeps_pacer(self) -> Pacer:
        """The pace of a sweep: it waits at what it pays for, so it takes the calls that no watcher needs."""
        from standby.ledger.leases import WATCH_LEASE

        watcher = self.lease(WATCH_LEASE)
        return self.pacer(share=lambda: SWEEPS_SHARE if watcher.may_be_held() else 1.0)

    def primaries(self, pacer: Pacer, has_time: Callable[[], bool] = lambda: True) -> WorkSpaces:
        """Access to the primary Region's WorkSpaces, with their tags if a rule needs them."""
        from standby.aws.workspaces import WorkSpaces

        return WorkSpaces(self.client("workspaces"), pacer, has_time, self._tagged(has_time))

    def standbys(self, pacer: Pacer, has_time: Callable[[], bool] = lambda: True) -> Standbys:
        """Access to the DR Region's WorkSpaces."""
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
    """The parts of this process, from settings.json and the environment."""
    settings = Settings.load(Path(__file__).resolve().parents[1] / "settings.json")
    telemetry = PowertoolsTelemetry(logger, metrics, settings.stack)
    return Deployed(settings, make_client, Clock(), telemetry, os.environ)


Work = Callable[[Deployed, Any, Invoked], dict[str, Any]]


def handler(work: Work) -> Callable[[Any, LambdaContext], dict[str, Any]]:
    """The Lambda handler for some work: it adds the request's id to log lines, and publishes the metrics."""

    def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
        return work(deployed(), event, Invoked.of(context))

    wrapped: Any = logger.inject_lambda_context(clear_state=True)(metrics.log_metrics(handle))
    return wrapped  # type: ignore[no-any-return]
