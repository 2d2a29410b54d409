"""The functions as Lambda runs them, over an estate in virtual time, with AWS's other services as strict as they are.

What is altered is altered on the wire, so that botocore's own parser reads it. Clients are made once a process, for
they cost more than a case; each case has a world and a table of its own.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import io
import itertools
import json
import os
import sys
import threading
import urllib.parse
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn
from unittest import mock

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from local import dynamodb_adapter, service_quotas
from local.botocore_adapter import CONTENT_TYPE, answer, read_request
from local.workspaces import ManualClock, World
from standby import wiring
from standby.model import WorkspaceId
from standby.rows import Row
from standby.settings import Settings
from standby.sweep.place import Part, Place
from standby.watch.observe import Round
from tests import short_way
from tests.short_way import WholeWay
from tests.unit.estate import (
    ACCOUNT,
    AWAY,
    DR,
    EXECUTION,
    HOME,
    PRIMARY,
    TABLE,
    USERS,
    Estate,
    Notes,
    VirtualClock,
    Watchers,
    make_table,
    settings,
)

QUEUE_URL, TOPIC, BUS = "https://queue", f"arn:aws:sns:{PRIMARY}:{ACCOUNT}:topic", "default"
TIME_OUT = timedelta(seconds=300)
MOST_OF_AN_ANSWER = 6 * 1024 * 1024  # of Lambda
MOST_OF_A_MESSAGE = 256 * 1024  # of SQS, SNS and EventBridge, as long as they have been there
_ENVIRONMENT = {
    "LEDGER_TABLE": TABLE,
    "WATCH_STATE_MACHINE_ARN": EXECUTION.replace("execution", "stateMachine").removesuffix(":one"),
    "DEAD_LETTER_QUEUE_URL": QUEUE_URL,
    "NOTIFICATION_TOPIC_ARN": TOPIC,
    "EVENT_BUS_NAME": BUS,
    "POWERTOOLS_METRICS_NAMESPACE": "WorkspacesStandby",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}
# Operation, Region and the answer's body in; the body that is sent instead out.
Alter = Callable[[str, str, Any], Any]
_Serve = Callable[[AWSPreparedRequest, str], tuple[int, bytes]]


class KilledError(BaseException):
    """Lambda ends a function that is past its time-out."""


@dataclass(frozen=True)
class Letter:
    """A message in the dead-letter queue."""

    body: str
    reason: str


@dataclass
class Sent:
    """What went out."""

    letters: list[Letter] = field(default_factory=list)
    notices: list[dict[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Saved:
    """A stage at some moment, to begin from as often as wanted: what led there is done once."""

    world: World
    items: list[Any]


class Context:
    """What Lambda hands to a handler."""

    memory_limit_in_mb = 256

    def __init__(self, name: str, request_id: str, time_left: Callable[[], timedelta]) -> None:
        self.function_name = name
        self.aws_request_id = request_id
        self.invoked_function_arn = f"arn:aws:lambda:{PRIMARY}:{ACCOUNT}:function:{name}"
        self._time_left = time_left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._time_left().total_seconds() * 1000)


class Stage(Estate):
    """An estate behind the deployed functions. Use `stage()`."""

    def __init__(self, configured: Settings, world: World) -> None:
        self.world = world
        self.clock = VirtualClock(self.world)
        self.watchers = Watchers()
        self.sent = Sent()
        self.logs: list[dict[str, Any]] = []
        self.alter: Alter | None = None
        self.asked: dict[str, Any] = {}  # the request whose answer is altered
        self.takes_any_token = False
        self.ends_at = self.clock.now() + TIME_OUT
        self.dynamodb = _wires().dynamodb
        self._ids = itertools.count()
        clients = {region: _wires().client("workspaces", region_name=region) for region in (PRIMARY, DR)}
        self.parts = wiring.Parts(
            settings=configured,
            clients=wiring.Clients(clients[PRIMARY], clients[DR], _wires().dynamodb, self.watchers),  # type: ignore[arg-type]
            table_name=TABLE,
            watch_arn=_ENVIRONMENT["WATCH_STATE_MACHINE_ARN"],
            clock=self.clock,
            telemetry=Notes(),  # the handlers have their own
        )

    def save(self) -> Saved:
        """The world and the ledger as they stand, when nothing is on its way."""
        assert self.world.next_happening() is None
        return Saved(self.world, _ask("Scan", {"TableName": TABLE})["Items"])

    def send(self, event: Any) -> dict[str, Any]:
        """Invoke protect."""
        found: dict[str, Any] = self.invoke("protect", event)
        return found

    def observe(self, number: int = 0, cursor: dict[str, Any] | None = None, execution: str = EXECUTION) -> Round:
        """Invoke watch."""
        self.watchers.running.add(execution)
        event = {"execution_arn": execution, "round": number, "cursor": cursor}
        return Round(**self.invoke("watch", event))

    def watch(self, *, hours: float = 12, until: Callable[[], bool] = lambda: False) -> list[Round]:
        """Run the watcher until it ends, `until` holds, or at most so long."""
        end, rounds, cursor = self.clock.now() + timedelta(hours=hours), list[Round](), None
        while self.clock.now() < end and not until():
            rounds.append(self.observe(len(rounds), cursor))
            if rounds[-1].done:
                break
            cursor = rounds[-1].cursor
            if rounds[-1].ready:
                self.protect(*rounds[-1].ready, cause="watch")
            self.clock.sleep(rounds[-1].wait_seconds)
        return rounds

    def sweep_part(self, execution: str, cursor: dict[str, Any] | None, *, pages: int = 1000) -> Part:
        """Invoke sweep, which has its time, and no number of pages."""
        self.watchers.running.add(execution)
        answered = self.invoke("sweep", {"execution_arn": execution, "round": 0, "cursor": cursor})
        place = Place(**answered["cursor"]) if answered["cursor"] else None
        found = Part(answered["outcome"], place, tuple(answered["ready"]), answered["scanned"])
        assert found.answer() == answered  # what the state machine goes by
        return found

    def find(self, primary_id: str) -> Row | None:
        """The row of a primary, if it has one that can be read."""
        ledger = self.parts.recorder(None).ledger  # type: ignore[arg-type]
        found = ledger.load([WorkspaceId(primary_id)]).get(WorkspaceId(primary_id))
        return found if isinstance(found, Row) else None

    def invoke(self, name: str, event: Any) -> Any:
        """Invoke a function as Lambda does: JSON in, JSON out, a log of JSON lines, and not for ever."""
        module = _handlers()[name]
        lines = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        handler = module.logger.registered_handler
        handler.setStream(lines)
        handler.handleError = _raise
        self.ends_at = self.clock.now() + TIME_OUT
        context = Context(name, f"request-{next(self._ids)}", lambda: self.ends_at - self.clock.now())
        try:
            with contextlib.redirect_stdout(lines), warnings.catch_warnings():
                # As the handlers' modules have it when they are imported, which here is in another test.
                warnings.filterwarnings("ignore", "No application metrics to publish")
                answered = module.handler(json.loads(json.dumps(event)), context)
            # As Lambda's runtime for Python 3.13 writes an answer.
            body = json.dumps(answered, ensure_ascii=False).encode()
        finally:
            lines.seek(0)
            self.logs = [json.loads(line) for line in lines if line.strip()]
        assert len(body) <= MOST_OF_AN_ANSWER, f"an answer of {len(body)} bytes"
        return json.loads(body)

    def receive(self, request: AWSPreparedRequest, region: str) -> tuple[int, bytes]:
        """The answer of WorkSpaces, or of the Tagging API, altered."""
        if self.clock.now() > self.ends_at:
            raise KilledError
        operation, params = read_request(dict(request.headers.items()), request.body or b"{}")
        self.asked = params
        if self.takes_any_token:
            params.pop("NextToken", None)
        status, _, body = answer(self.world, region, operation, params, None)
        return self._altered(operation, region, status, body)

    def quota(self, request: AWSPreparedRequest, region: str) -> tuple[int, bytes]:
        """The answer of Service Quotas, altered."""
        operation = service_quotas.operation_of({name.lower(): _text(one) for name, one in request.headers.items()})
        status, body = service_quotas.answer(self.world, operation, json.loads(_text(request.body)))
        return self._altered(operation, region, status, body)

    def _altered(self, operation: str, region: str, status: int, body: bytes) -> tuple[int, bytes]:
        if status == 200 and self.alter is not None:
            altered = self.alter(operation, region, json.loads(body))
            return status, altered if isinstance(altered, bytes) else json.dumps(altered).encode()
        return status, body

    def assert_one_standby_at_most(self) -> None:
        """Rule 1, by the model, and nothing was asked for what cannot have one."""
        assert self.world.duplicates() == []
        for call in self.creates():
            for item in call.params["StandbyWorkspaces"]:
                primary = self.world.workspace(item["PrimaryWorkspaceId"])
                assert not primary.is_standby
                assert primary.properties["OperatingSystemName"].startswith("WINDOWS")


@contextmanager
def stage(configured: Settings | None = None, saved: Saved | None = None, **world_settings: Any) -> Iterator[Stage]:
    """The functions, deployed afresh."""
    dynamodb_adapter.reset()
    wires, configured = _wires(), configured or settings()
    dynamodb_adapter.reset()
    _ask("CreateTable", wires.table)
    if saved is not None:
        puts = [{"Put": {"TableName": TABLE, "Item": one}} for one in saved.items]
        assert _ask("TransactWriteItems", {"TransactItems": puts}) is not None
    found = wires.stage = Stage(configured, _copy(saved.world) if saved else _new_world(**world_settings))
    with (
        mock.patch.object(boto3, "client", wires.client),
        mock.patch.object(Settings, "load", lambda _: configured),  # noqa: PT008 (a Mock costs a case's tenth)
        mock.patch.object(wiring, "SystemClock", lambda: found.clock),  # noqa: PT008
        mock.patch.dict(os.environ, _ENVIRONMENT),
    ):
        for module in _handlers().values():
            module.function.cache_clear()
        yield found


def _new_world(**world_settings: Any) -> World:
    world = World(ManualClock(), account=ACCOUNT, **{"throttling": False, **world_settings})
    world.add_directory(PRIMARY, HOME, USERS[:9])
    world.add_directory(DR, AWAY, USERS[:9])
    return world


def _copy(world: World) -> World:
    return copy.deepcopy(world, {id(world._lock): threading.RLock()})  # a lock cannot be copied


class _Wires:
    """boto3 clients, whose requests go to the present stage."""

    def __init__(self) -> None:
        self.stage: Stage
        self._clients: dict[tuple[str, str], Any] = {}
        for region in (PRIMARY, DR):
            self._make("workspaces", region, lambda request, region: self.stage.receive(request, region))
        self._make("sqs", PRIMARY, lambda request, _: _sqs(self.stage.sent, request))
        self._make("sns", PRIMARY, lambda request, _: _sns(self.stage.sent, request))
        self._make("events", PRIMARY, lambda request, _: _events(self.stage.sent, request))
        self._make("resourcegroupstaggingapi", PRIMARY, lambda request, region: self.stage.receive(request, region))
        self._make("service-quotas", DR, lambda request, region: self.stage.quota(request, region))
        for region in (PRIMARY, DR):
            self._make("cloudwatch", region, lambda *_: (200, b"{}"))
        self.dynamodb = make_table()
        short_way.let_take(self.dynamodb, _ask_ledger)
        made = self.dynamodb.describe_table(TableName=TABLE)["Table"]
        parts = ("IndexName", "KeySchema", "Projection")
        self.table = {name: made[name] for name in ("TableName", "AttributeDefinitions", "KeySchema")} | {
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [
                {name: index[name] for name in parts} for index in made["GlobalSecondaryIndexes"]
            ],
        }

    def client(self, service: str, *, region_name: str, **_: Any) -> Any:
        """boto3.client."""
        if service == "dynamodb":
            return self.dynamodb
        return self.stage.watchers if service == "stepfunctions" else self._clients[service, region_name]

    def _make(self, service: str, region: str, serve: _Serve) -> None:
        client: Any = boto3.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED),
        )

        def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
            status, body = serve(request, region)
            return AWSResponse(request.url, status, {"Content-Type": CONTENT_TYPE}, _Raw(body))  # type: ignore[arg-type]

        client.meta.events.register("before-send", before_send)
        self._clients[service, region] = client


def _ask_ledger(operation: str, parameters: dict[str, Any], whole_way: WholeWay) -> Any:
    found = _ask(operation, parameters)
    # Refused, it has changed nothing.
    return whole_way(operation, parameters) if found is None else found


def _ask(operation: str, parameters: dict[str, Any]) -> Any:
    """DynamoDB's answer; None if it refuses."""
    status, found = dynamodb_adapter.answer(ACCOUNT, PRIMARY, operation, json.dumps(parameters).encode())
    return json.loads(found) if status == 200 else None


class _Raw(io.BytesIO):
    """A body that botocore reads."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@functools.cache
def _wires() -> _Wires:
    return _Wires()


@functools.cache
def _handlers() -> dict[str, Any]:
    """The handlers' modules; Powertools reads its environment when they are imported."""
    names = ("protect", "watch", "sweep", "announce")
    with mock.patch.dict(os.environ, _ENVIRONMENT):
        fresh = {name: sys.modules.pop(name, None) for name in names}
        try:
            return {name: importlib.import_module(name) for name in names}
        finally:
            sys.modules.update({name: module for name, module in fresh.items() if module is not None})


def _raise(_: object) -> None:
    """A log line that cannot be written is lost on Lambda; here it is seen."""
    problem = sys.exc_info()[1]
    assert problem is not None
    raise problem


def _refuse(operation: str, code: str, message: str) -> NoReturn:
    error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    raise ClientError(error, operation)  # type: ignore[arg-type]


def _sqs(sent: Sent, request: AWSPreparedRequest) -> tuple[int, bytes]:
    message = json.loads(_text(request.body))
    reason = message["MessageAttributes"]["reason"]["StringValue"]
    if not message["MessageBody"] or not reason:
        _refuse("SendMessage", "InvalidParameterValue", "empty")
    if not all(_is_text_of_sqs(one) for one in message["MessageBody"] + reason):
        _refuse("SendMessage", "InvalidMessageContents", "a character that is not allowed")
    if len((message["MessageBody"] + reason).encode()) > MOST_OF_A_MESSAGE:
        _refuse("SendMessage", "InvalidParameterValue", "too long")
    sent.letters.append(Letter(message["MessageBody"], reason))
    return 200, b'{"MessageId": "one"}'


def _is_text_of_sqs(one: str) -> bool:
    return one in "\t\n\r" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one >= "\U00010000"


def _sns(sent: Sent, request: AWSPreparedRequest) -> tuple[int, bytes]:
    notice = dict(urllib.parse.parse_qsl(_text(request.body), keep_blank_values=True, strict_parsing=True))
    subject, message = notice["Subject"], notice["Message"]
    if not (0 < len(subject) < 100 and subject.isascii() and subject.isprintable()):
        _refuse("Publish", "InvalidParameter", "Invalid parameter: Subject")
    if not message or len(message.encode()) > MOST_OF_A_MESSAGE:
        _refuse("Publish", "InvalidParameter", "Invalid parameter: Message")
    sent.notices.append(notice)
    answer = "<PublishResult><MessageId>one</MessageId></PublishResult>"
    return 200, f'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{answer}</PublishResponse>'.encode()


def _events(sent: Sent, request: AWSPreparedRequest) -> tuple[int, bytes]:
    (entry,) = json.loads(_text(request.body))["Entries"]
    if len(entry["Detail"].encode()) > MOST_OF_A_MESSAGE:
        _refuse("PutEvents", "ValidationException", "Total size of the entries in the request is over the limit")
    detail = json.loads(entry["Detail"])
    if not isinstance(detail, dict):
        failed = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        return 200, json.dumps({"FailedEntryCount": 1, "Entries": [failed]}).encode()
    sent.events.append(detail)
    return 200, b'{"FailedEntryCount": 0, "Entries": [{"EventId": "one"}]}'


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes) else str(body)
