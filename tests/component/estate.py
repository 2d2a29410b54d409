"""A small estate for tests of protocols: the WorkSpaces model, the embedded cloud's DynamoDB, and the work in between.

Time is the model's clock: nothing here waits. Clients are made once a process, for they cost more than a test; calls of
the ledger take the short way (tests/short_way.py). Each estate has a world and a table of its own, one at a time.
"""

import copy
import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from local import botocore_adapter, dynamodb_adapter, service_quotas
from local.workspaces import ManualClock, World
from protect import protect
from standby.clock import Clock
from standby.core.change import Change
from standby.core.model import Cause, DirectoryId, Region, Status, WorkspaceId, batches
from standby.core.row import Row
from standby.core.settings import Directory, Settings
from standby.ledger.leases import WATCH_LEASE
from standby.ledger.ledger import Ledger
from standby.ledger.sweeps import Sweeps
from standby.ledger.table import Item, unpack
from standby.record import Recorder
from standby.schedule import Round, Schedule
from standby.sweep import sweep
from standby.wiring import Deployed, Invoked
from tests import ledger_table, short_way

PRIMARY, DR = Region("us-east-1"), Region("us-west-2")
HOME, AWAY = DirectoryId("d-906732325d"), DirectoryId("d-926722edaf")
ACCOUNT = "123456789012"
TABLE = "Standby-us-east-1-us-west-2"
EXECUTION = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:{TABLE}-watch:one"
OTHER_EXECUTION = EXECUTION.replace(":one", ":two")
SWEEP = EXECUTION.replace("-watch:one", "-sweep:one")
USERS = [f"user{number:03}" for number in range(100)]
CREATE, DESCRIBE = "CreateStandbyWorkspaces", "DescribeWorkspaces"
EVENT = Cause("event", "e-1", "arn:aws:iam::123456789012:user/al")
ENVIRONMENT = {
    "LEDGER_TABLE": TABLE,
    "WATCH_STATE_MACHINE_ARN": EXECUTION.replace("execution", "stateMachine").removesuffix(":one"),
    "DEAD_LETTER_QUEUE_URL": "https://queue",
    "NOTIFICATION_TOPIC_ARN": f"arn:aws:sns:{PRIMARY}:{ACCOUNT}:topic",
    "EVENT_BUS_NAME": "default",
}
T = TypeVar("T")
UNREACHABLE = EndpointConnectionError(endpoint_url="x")
# An operation and its parameters, and what sends it; what the client's method shall return.
Between = Callable[[str, dict[str, Any], Callable[[], Any]], Any]
Trouble = Exception | Callable[[], object]
When = Callable[[dict[str, Any]], bool]
_ALWAYS: When = lambda _: True  # noqa: E731


def settings(**changes: Any) -> Settings:
    """The default configuration, with one directory mapped."""
    given: dict[str, Any] = {"stack": TABLE, "primary_region": PRIMARY, "dr_region": DR}
    return Settings(**(given | {"directories": {HOME: Directory(AWAY)}} | changes))


def refusal(code: str, *reasons: str, status: int = 400, message: str = "x") -> ClientError:
    """What botocore raises for an error of a service; with the reasons for which a transaction was cancelled."""
    told: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    if reasons:
        told["CancellationReasons"] = [{"Code": one} for one in reasons]
    return ClientError(told, "x")


def make_world(users: list[str], **world_settings: Any) -> World:
    """One directory of the same users in each Region, without throttling unless asked for."""
    world = World(ManualClock(), account=ACCOUNT, **{"throttling": False, **world_settings})
    world.add_directory(PRIMARY, HOME, users)
    world.add_directory(DR, AWAY, users)
    return world


class VirtualClock(Clock):
    """The world's clock, as the logic sees it; `ahead` is how far this process's own clock is off."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ahead = timedelta(0)

    def now(self) -> Any:
        return self._world.clock.now() + self.ahead

    def sleep(self, seconds: float) -> None:
        assert isinstance(self._world.clock, ManualClock)
        self._world.clock.advance(seconds)
        self._world.settle()


@dataclass
class Notes:
    """Telemetry that remembers."""

    changes: list[tuple[Change, bool]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    fields: list[dict[str, object]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, float] = field(default_factory=dict)

    def decided(self, change: Change, cause: Cause, *, written: bool) -> None:
        self.changes.append((change, written))

    def problem(self, message: str, **fields: object) -> None:
        self.problems.append(message)
        self.fields.append(fields)

    def count(self, metric: str, value: float = 1) -> None:
        self.counts[metric] += int(value)

    def gauge(self, metric: str, value: float) -> None:
        self.gauges[metric] = value


class Others:
    """Stands in for Step Functions, SQS, SNS, EventBridge and CloudWatch: which executions run, and what was sent.

    `problems` has what a method raises, by its name.
    """

    exceptions = SimpleNamespace(InvalidParameterException=type("InvalidParameter", (Exception,), {}))

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.problems: dict[str, Exception] = {}

    def of(self, method: str) -> list[dict[str, Any]]:
        """The arguments of each call of a method."""
        return [arguments for name, arguments in self.sent if name == method]

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        if method.startswith("__"):
            raise AttributeError(method)  # no call, but what Python asks an object for

        def send(**arguments: Any) -> dict[str, Any]:
            if method in self.problems:
                raise self.problems[method]
            self.sent.append((method, arguments))
            if method == "describe_execution":
                return {"status": "RUNNING" if arguments["executionArn"] in self.running else "ABORTED"}
            if method == "put_events":
                return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in arguments["Entries"]]}
            return {}

        return send


class Estate:
    """Everything together, around a world.

    `between`, if it is set, has each call of the ledger and of WorkSpaces before it is sent.
    """

    def __init__(self, configured: Settings | None = None, world: World | None = None, **world_settings: Any) -> None:
        self.world = world or make_world(USERS, **world_settings)
        self.clock = VirtualClock(self.world)
        self.notes = Notes()
        self.others = Others()
        self.between: Between | None = None
        self._last_id = 0
        _PRESENT.estate = self
        dynamodb_adapter.reset()
        _ask("CreateTable", ledger_table.definition(TABLE))
        self.deployed = Deployed(
            settings=configured or settings(),
            make_client=self.client,
            clock=self.clock,
            telemetry=self.notes,  # type: ignore[arg-type]
            environment=ENVIRONMENT,
            new_id=self.new_id,
        )
        self.table = self.deployed.table()
        self.sweeps = Sweeps(self.table, {HOME: AWAY})

    def client(self, service: str, region: str) -> Any:
        """What stands for AWS's client of a service."""
        return _clients().get((service, region), self.others)

    def new_id(self) -> str:
        self._last_id += 1
        return f"id-{self._last_id}"

    def configure(self, **changes: Any) -> None:
        """Deploy with other settings."""
        self.deployed = replace(self.deployed, settings=replace(self.deployed.settings, **changes))

    # What people and AWS do

    def create(self, *users: str, directory: str = HOME, **item: Any) -> list[WorkspaceId]:
        """Create primaries; nobody is told."""
        found: list[WorkspaceId] = []
        bundle = {"BundleId": "wsb-windowsstandard"}
        for batch in batches(users):
            order = [{"DirectoryId": directory, "UserName": user, **bundle, **item} for user in batch]
            answer = self.world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": order})
            assert not answer["FailedRequests"]
            found += [WorkspaceId(pending["WorkspaceId"]) for pending in answer["PendingRequests"]]
        return found

    def create_ready(self, *users: str, **item: Any) -> list[WorkspaceId]:
        """Create primaries and let them become AVAILABLE."""
        ids = self.create(*users, **item)
        self.pass_time(hours=1, minutes=5)
        return ids

    def create_standby(self, primary_id: str, directory: str = AWAY) -> None:
        """Create a standby, as a person does."""
        item = {"PrimaryWorkspaceId": primary_id, "DirectoryId": directory}
        self.world.call(DR, CREATE, {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [item]})

    def create_desktop(self, user: str) -> None:
        """Create a desktop in the DR Region that is no standby."""
        order = {"DirectoryId": AWAY, "UserName": user, "BundleId": "wsb-windowsstandard"}
        self.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})

    def take_baselines(self) -> None:
        """Let all mapped directories be swept long ago: what comes is new."""
        for directory, mapped in self.deployed.settings.directories.items():
            row = {"pk": f"SWEEP#{directory}", "sk": "BASELINE", "dr_directory_id": mapped.dr_directory}
            self.table.put(row | {"taken_at": "2026-01-01T00:00:00.000Z"})

    def accept(self, value: Any = True, directory: str = HOME, by: str | None = None) -> None:
        """Let a directory's existing fleet be accepted."""
        self.table.set(f"SWEEP#{directory}", "BASELINE", {"accepted": value} | ({"accepted_by": by} if by else {}))

    def put(self, pk: str, sk: str, **attributes: Any) -> None:
        """Put any item into the table."""
        self.table.put({"pk": pk, "sk": sk, **attributes})

    def pass_time(self, **amount: float) -> None:
        """Let time pass."""
        self.clock.sleep(timedelta(**amount).total_seconds())

    def disturb(
        self, operation: str, what: Trouble, *, times: int = 1, skip: int = 0, after: bool = False, when: When = _ALWAYS
    ) -> list[dict[str, Any]]:
        """Let calls of an operation fail, or something happen before them; or `after` they have taken effect.

        Returns the parameters of all its calls from now on.
        """
        calls: list[dict[str, Any]] = []
        met, before = itertools.count(), self.between

        def between(sent: str, parameters: dict[str, Any], go: Callable[[], Any]) -> Any:
            send = go if before is None else lambda: before(sent, parameters, go)
            if sent != operation:
                return send()
            calls.append(parameters)
            if not when(parameters) or not skip <= next(met) < skip + times:
                return send()
            answer = send() if after else None
            if isinstance(what, Exception):
                raise what
            what()
            return answer if after else send()

        self.between = between
        return calls

    # What the functions do

    def protect(self, *ids: str, cause: str = "manual", calls: int | None = None) -> list[dict[str, Any]]:
        """Call protect by hand."""
        call = {"mode": "reconcile", "workspace_ids": list(ids), "cause": {"type": cause, "id": EXECUTION}}
        found: list[dict[str, Any]] = self.send(call, calls=calls)["decisions"]
        return found

    def send(self, event: Any, *, calls: int | None = None) -> dict[str, Any]:
        """Invoke protect with an event; with `calls`, it is asked so often whether there is time, and there is."""
        return protect(self.deployed, event, Invoked(f"request-{self.new_id()}", ACCOUNT, _time(calls)))

    def observe(self, number: int = 0, execution: str = EXECUTION) -> Round:
        """Invoke watch."""
        self.others.running.add(execution)
        recorder = self.recorder(Cause("watch", execution, execution_arn=execution))
        lease = self.deployed.lease(WATCH_LEASE)
        return Schedule(recorder, lease).observe(execution, number)

    def protected(self, *users: str, **item: Any) -> list[WorkspaceId]:
        """Create primaries in directories that were swept before, and let them be PROTECTED."""
        self.take_baselines()
        ids = self.create_ready(*users, **item)
        self.protect(*ids)
        self.watch()
        assert {self.status(one) for one in ids} == {(Status.PROTECTED, "STANDBY_READY")}
        self.pass_time(minutes=5)
        return ids

    def watch(self, *, hours: float = 12, until: Callable[[], bool] = lambda: False) -> list[Round]:
        """Run the watcher until it ends, `until` holds, or at most so long."""
        end, rounds = self.clock.now() + timedelta(hours=hours), list[Round]()
        while self.clock.now() < end and not until():
            rounds.append(self.observe(len(rounds)))
            if rounds[-1].done:
                break
            if rounds[-1].ready:
                self.protect(*rounds[-1].ready, cause="watch")
            self.clock.sleep(rounds[-1].wait_seconds)
        self.others.running.discard(EXECUTION)
        return rounds

    def sweep(self, execution: str | None = None, *, parts: int = 100, calls: int | None = None) -> list[Round]:
        """Run a sweep until it ends, or so many parts of it, each asked `calls` times whether there is time."""
        execution, found = execution or f"{SWEEP}-{self.new_id()}", list[Round]()
        while len(found) < parts and not (found and found[-1].done):
            found.append(self.sweep_part(execution, len(found), calls=calls))
            if found[-1].ready:
                self.protect(*found[-1].ready, cause="sweep")
        self.others.running.discard(execution)
        return found

    def sweep_part(self, execution: str = SWEEP, number: int = 0, *, calls: int | None = None) -> Round:
        """Invoke sweep."""
        self.others.running.add(execution)
        return sweep(self.deployed, execution, number, _time(calls))

    # What is seen afterwards

    def recorder(self, cause: Cause = EVENT) -> Recorder:
        """The writer of one invocation."""
        return self.deployed.recorder(cause, lambda: True)

    def ledger(self) -> Ledger:
        """The ledger."""
        return self.recorder().ledger

    def row(self, primary_id: str) -> Row:
        """The row of a primary."""
        row = self.ledger().load([WorkspaceId(primary_id)])[WorkspaceId(primary_id)]
        assert isinstance(row, Row)
        return row

    def status(self, primary_id: str) -> tuple[Status, str]:
        """Status and reason of a primary."""
        row = self.row(primary_id)
        return row.status, row.reason

    def history(self, pk: str) -> list[Item]:
        """The EVENT rows of a primary."""
        values = {":pk": pk, ":event": "EVENT#"}
        pages = self.table.query(None, "pk = :pk AND begins_with(sk, :event)", values)
        return [item for items, _ in pages for item in items]

    def reasons(self, pk: str) -> list[str]:
        """The reason codes of a primary's events."""
        return [event["reason_code"] for event in self.history(pk)]

    def item(self, pk: str, sk: str | None = None) -> Item:
        """Any item of the table; empty if there is none. The sort key of most is the first word of the other."""
        return self.table.get(pk, sk or pk.partition("#")[0]) or {}

    def items(self) -> list[Item]:
        """The whole table, in the order of its keys."""
        found = [unpack(item) for item in _ask("Scan", {"TableName": TABLE})["Items"]]
        return sorted(found, key=lambda item: (item["pk"], item["sk"]))

    def taken(self, counter: str = "TOTAL") -> int:
        """What a counter counts: of all, UNDER_WAY, or of a day as in 2026-01-05."""
        name = counter if counter.isupper() else f"DAY#{counter}"
        return int(self.item(f"COUNTER#{name}").get("taken", 0))

    def calls(self, operation: str = CREATE, region: str = DR) -> list[Any]:
        """The calls of an operation that reached WorkSpaces in a Region."""
        return [call for call in self.world.calls if (call.operation, call.region) == (operation, region)]


def _time(calls: int | None) -> Callable[[], bool]:
    left = itertools.count() if calls is None else iter(range(calls))
    return lambda: next(left, None) is not None


class _Present:
    """The world of the present estate, to clients that outlive it."""

    estate: Estate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.estate.world, name)


_PRESENT = _Present()


def made_once(make: Callable[[], T]) -> Callable[[], T]:
    """Make something around an estate once a process; each call returns a copy, whose estate is the present one."""

    @functools.cache
    def original() -> tuple[T, Estate, bytes]:
        made, estate = make(), _PRESENT.estate
        assert estate.world.next_happening() is None, "it would happen to the original"
        return made, estate, dynamodb_adapter.tables()

    @functools.wraps(make)
    def copied() -> T:
        made, estate, tables = original()
        memo: dict[int, Any] = {id(one): one for one in (*_clients().values(), estate.world._lock)}
        copied = copy.deepcopy(made, memo)
        dynamodb_adapter.restore(tables)
        _PRESENT.estate = memo[id(estate)]
        return copied

    return copied


def make_client(service: str, region: str) -> Any:
    """A client of boto3 that repeats nothing."""
    config = Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED, user_agent="tests")
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, region_name=region, config=config, **keys)  # type: ignore[call-overload]


@functools.cache
def _clients() -> dict[tuple[str, str], Any]:
    """Clients whose calls go to the present estate."""
    world = cast(World, _PRESENT)
    quotas, dynamodb = make_client("service-quotas", DR), make_client("dynamodb", PRIMARY)
    service_quotas.attach(quotas, world)
    dynamodb_adapter.attach(dynamodb, ACCOUNT)
    short_way.let_take(dynamodb, _ask)
    found: dict[tuple[str, str], Any] = {("service-quotas", DR): quotas, ("dynamodb", PRIMARY): dynamodb}
    for service, region in itertools.product(("workspaces", "resourcegroupstaggingapi"), (PRIMARY, DR)):
        found[service, region] = make_client(service, region)
        botocore_adapter.attach(found[service, region], world)
    for client in found.values():
        client._make_api_call = functools.partial(_send, client._make_api_call)
    return found


def _send(send: Callable[[str, dict[str, Any]], Any], operation: str, parameters: dict[str, Any]) -> Any:
    go, between = functools.partial(send, operation, parameters), _PRESENT.estate.between
    return go() if between is None else between(operation, parameters, go)


def _ask(operation: str, parameters: Mapping[str, Any], whole_way: short_way.WholeWay | None = None) -> Any:
    status, found = dynamodb_adapter.answer(ACCOUNT, PRIMARY, operation, json.dumps(parameters).encode())
    if status != 200 and whole_way is not None:
        return whole_way(operation, dict(parameters))  # refused, it has changed nothing
    assert status == 200, found
    return json.loads(found)
