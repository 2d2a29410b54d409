"""A whole small estate for tests: the WorkSpaces model, the embedded cloud's DynamoDB, and the functions between them.

Time is the model's clock: nothing here waits. `watch()` drives rounds as the state machine does, without one.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from local import dynamodb_adapter, service_quotas
from local.botocore_adapter import attach
from local.workspaces import ManualClock, World
from standby.decisions.decision import Decision
from standby.ledger.ledger import Context
from standby.ledger.quota import StandbyQuota
from standby.ledger.remarks import Remark
from standby.model import DirectoryId, Region, Status, WorkspaceId
from standby.protect_function import ProtectFunction
from standby.rows import Row
from standby.settings import Directory, Settings
from standby.sweep.place import Part
from standby.watch.observe import Round
from standby.wiring import Clients, Parts

PRIMARY, DR = "us-east-1", "us-west-2"
HOME, AWAY = "d-906732325d", "d-926722edaf"
ACCOUNT = "123456789012"
TABLE = "Standby-us-east-1-us-west-2"
EXECUTION = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:{TABLE}-watch:one"
SWEEP = EXECUTION.replace("-watch:one", "-sweep:one")
USERS = [f"user{number:03}" for number in range(300)]
WINDOWS = "wsb-windowsstandard"
# A third of a call's time in this process went into its signature and its user agent, which nobody reads here.
_FAST = Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED, user_agent="tests")


def settings(**changes: Any) -> Settings:
    """The default configuration, with one directory mapped."""
    given: dict[str, Any] = {
        "stack": TABLE,
        "primary_region": Region(PRIMARY),
        "dr_region": Region(DR),
        "directories": {DirectoryId(HOME): Directory(DirectoryId(AWAY))},
    }
    return Settings(**(given | changes))


class VirtualClock:
    """The world's clock, as the logic sees it; `ahead` is how far this process's own clock is off."""

    def __init__(self, world: World, ahead: timedelta = timedelta(0)) -> None:
        self._world = world
        self.ahead = ahead

    def now(self) -> datetime:
        return self._world.clock.now() + self.ahead

    def sleep(self, seconds: float) -> None:
        assert isinstance(self._world.clock, ManualClock)
        self._world.clock.advance(seconds)
        self._world.settle()


@dataclass
class Notes:
    """Telemetry that remembers."""

    decided_: list[tuple[Decision, bool]] = field(default_factory=list)
    remarks: list[tuple[str, Remark]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, float] = field(default_factory=dict)

    def decided(self, decision: Decision, context: Context, *, changed: bool) -> None:
        self.decided_.append((decision, changed))

    def remarked(self, primary_id: WorkspaceId, remark: Remark, context: Context) -> None:
        self.remarks.append((primary_id, remark))

    def problem(self, message: str, **fields: object) -> None:
        self.problems.append(message)

    def count(self, metric: str, value: float = 1) -> None:
        self.counts[metric] += int(value)

    def gauge(self, metric: str, value: float) -> None:
        self.gauges[metric] = value


class Queue:
    """A dead-letter queue that remembers."""

    def __init__(self) -> None:
        self.put_: list[tuple[Any, str]] = []

    def put(self, event: Any, reason: str) -> None:
        self.put_.append((event, reason))


class Watchers:
    """Stands in for Step Functions: which executions run, and what was started."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.started: list[str] = []

    def describe_execution(self, executionArn: str) -> dict[str, str]:  # noqa: N803 (boto3's spelling)
        return {"status": "RUNNING" if executionArn in self.running else "ABORTED"}

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> dict[str, str]:  # noqa: A002, N803
        self.started.append(name)
        return {"executionArn": name}


class Estate:
    """Everything together. Use `estate()`."""

    def __init__(self, world: World, configured: Settings) -> None:
        self.world = world
        self.clock = VirtualClock(world)
        self.notes = Notes()
        self.queue = Queue()
        self.watchers = Watchers()
        self.dynamodb = make_table()
        self.quotas = quotas_client(world, configured.dr_region)
        self._ids = itertools.count()
        self.parts = Parts(
            settings=configured,
            clients=Clients(
                primary=workspaces_client(world, configured.primary_region),
                dr=workspaces_client(world, configured.dr_region),
                dynamodb=self.dynamodb,
                sfn=self.watchers,  # type: ignore[arg-type]
                tagging=tagging_client(world) if configured.selection.needs_tags else None,
            ),
            table_name=TABLE,
            watch_arn=EXECUTION.replace("execution", "stateMachine").removesuffix(":one"),
            clock=self.clock,
            telemetry=self.notes,
            new_id=lambda: f"id-{next(self._ids)}",
        )

    def configure(self, **changes: Any) -> None:
        """Deploy with other settings."""
        configured = replace(self.parts.settings, **changes)
        tagging = tagging_client(self.world) if configured.selection.needs_tags else None
        self.parts = replace(self.parts, settings=configured, clients=replace(self.parts.clients, tagging=tagging))

    # What people and AWS do

    def create(self, *users: str, directory: str = HOME, **item: Any) -> list[str]:
        """Create primaries; nobody is told."""
        request = [{"DirectoryId": directory, "UserName": user, "BundleId": WINDOWS, **item} for user in users]
        answer: dict[str, Any] = {"PendingRequests": []}
        for start in range(0, len(request), 25):
            part = self.world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": request[start : start + 25]})
            assert not part["FailedRequests"]
            answer["PendingRequests"] += part["PendingRequests"]
        return [pending["WorkspaceId"] for pending in answer["PendingRequests"]]

    def create_ready(self, *users: str, **item: Any) -> list[str]:
        """Create primaries and let them become AVAILABLE."""
        ids = self.create(*users, **item)
        self.pass_time(hours=1, minutes=5)
        return ids

    def take_baselines(self) -> None:
        """Let all mapped directories be swept long ago: what comes is new."""
        for directory, mapped in self.parts.settings.directories.items():
            row = {"pk": f"SWEEP#{directory}", "sk": "BASELINE", "partner": mapped.dr_directory}
            self.parts.table().put(row | {"taken_at": "2026-01-01T00:00:00.000Z"})

    def pass_time(self, **amount: float) -> None:
        """Let time pass."""
        self.clock.sleep(timedelta(**amount).total_seconds())

    # What the functions do

    def protect(self, *ids: str, cause: str = "manual") -> list[dict[str, Any]]:
        """Call protect by hand."""
        call = {"mode": "reconcile", "workspace_ids": list(ids), "cause": {"type": cause, "id": EXECUTION}}
        found: list[dict[str, Any]] = self.send(call)["decisions"]
        return found

    def send(self, event: Any) -> dict[str, Any]:
        """Invoke protect with an event."""
        function = ProtectFunction(self.parts, self.queue)  # type: ignore[arg-type]
        owner = f"request-{next(self._ids)}"
        return function.respond(event, account=ACCOUNT, request_id=owner, has_time=lambda: True)

    def observe(self, number: int = 0, cursor: dict[str, Any] | None = None, execution: str = EXECUTION) -> Round:
        """Invoke watch."""
        self.watchers.running.add(execution)
        return self.parts.observer(execution, "request", lambda: True).observe(execution, number, cursor)

    def watch(self, *, hours: float = 12) -> list[Round]:
        """Run the watcher until it ends, at most so long."""
        until = self.clock.now() + timedelta(hours=hours)
        rounds: list[Round] = []
        cursor: dict[str, Any] | None = None
        while self.clock.now() < until:
            found = self.observe(len(rounds), cursor)
            rounds.append(found)
            if found.done:
                break
            cursor = found.cursor
            if found.ready:
                self.protect(*found.ready, cause="watch")
            self.clock.sleep(found.wait_seconds)
        return rounds

    def sweep(self, execution: str | None = None, *, parts: int = 100, pages: int = 1000) -> list[Part]:
        """Run a sweep until it ends, or so many parts of it, each with time for so many pages."""
        execution = execution or f"{SWEEP}-{next(self._ids)}"
        self.watchers.running.add(execution)
        found: list[Part] = []
        cursor: dict[str, Any] | None = None
        while len(found) < parts:
            part = self.sweep_part(execution, cursor, pages=pages)
            found.append(part)
            if part.ready:
                self.protect(*part.ready, cause="sweep")
            cursor = json.loads(json.dumps(part.answer()))["cursor"]
            if cursor is None:
                break
        self.watchers.running.discard(execution)
        return found

    def sweep_part(self, execution: str, cursor: dict[str, Any] | None, *, pages: int = 1000) -> Part:
        """Invoke sweep."""
        self.watchers.running.add(execution)
        left = iter(range(pages))
        sweeper = self.parts.sweeper(
            execution,
            "request",
            lambda: next(left, None) is not None,
            lambda: self.notes.count("beat"),
            StandbyQuota(self.quotas),
        )
        return sweeper.sweep(execution, cursor)

    # What is seen afterwards

    def row(self, primary_id: str) -> Row:
        """The row of a primary."""
        found = self.parts.recorder(None).ledger.load([WorkspaceId(primary_id)])  # type: ignore[arg-type]
        row = found[WorkspaceId(primary_id)]
        assert isinstance(row, Row)
        return row

    def status(self, primary_id: str) -> tuple[Status, str]:
        """Status and reason of a primary."""
        row = self.row(primary_id)
        return row.status, row.reason

    def history(self, primary_id: str) -> list[dict[str, Any]]:
        """The EVENT rows of a primary."""
        return self.parts.recorder(None).ledger.history(primary_id)  # type: ignore[arg-type]

    def item(self, pk: str, sk: str) -> dict[str, Any]:
        """Any item of the table."""
        return self.parts.table().get(pk, sk) or {}

    def creates(self) -> list[Any]:
        """The calls of CreateStandbyWorkspaces that reached the service."""
        return [call for call in self.world.calls if call.operation == "CreateStandbyWorkspaces"]


@contextmanager
def estate(configured: Settings | None = None, **world_settings: Any) -> Iterator[Estate]:
    """An estate with a directory of the same users in each Region, without throttling unless asked for."""
    world = World(ManualClock(), account=ACCOUNT, **{"throttling": False, **world_settings})
    world.add_directory(PRIMARY, HOME, USERS)
    world.add_directory(DR, AWAY, USERS)
    dynamodb_adapter.reset()
    yield Estate(world, configured or settings())


def tagging_client(world: World) -> Any:
    """A boto3 client of the Tagging API in the primary Region."""
    return workspaces_client(world, PRIMARY, "resourcegroupstaggingapi")


def workspaces_client(world: World, region: str, service: str = "workspaces") -> Any:
    """A boto3 client of the model."""
    client: Any = boto3.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=_FAST,
    )
    attach(client, world)
    return client


def quotas_client(world: World, region: str) -> Any:
    """A boto3 client of Service Quotas."""
    client = boto3.client(
        "service-quotas", region_name=region, aws_access_key_id="test", aws_secret_access_key="test", config=_FAST
    )
    service_quotas.attach(client, world)
    return client


def make_table() -> Any:
    """The ledger's table, as infra/ledger.py defines it."""
    client = boto3.client(
        "dynamodb",
        region_name=PRIMARY,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=_FAST,
    )
    dynamodb_adapter.attach(client, ACCOUNT)
    indexes = ("status", "user", "uncovered", "day")
    names = ["pk", "sk", *(f"ix_{name}{end}" for name in indexes for end in ("", "_at"))]
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=_keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": f"by_{name}",
                "KeySchema": _keys(f"ix_{name}", f"ix_{name}_at"),
                "Projection": {"ProjectionType": "ALL"},
            }
            for name in indexes
        ],
    )
    return client


def _keys(partition: str, sort: str) -> Any:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
