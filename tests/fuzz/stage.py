"""The functions as Lambda runs them, over an estate in virtual time, with AWS's other services as strict as they are.

What is altered is altered on the wire, so that botocore's own parser reads it. Clients are made once a process, for
they cost more than a case; each case has a world and a table of its own.
"""

import copy
import functools
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from local import service_quotas
from local.botocore_adapter import CONTENT_TYPE, answer, read_request
from local.workspaces import World
from standby.core.model import WorkspaceId
from standby.core.row import Row
from standby.core.settings import Settings
from standby.schedule import Round
from tests.component.estate import DR, EXECUTION, PRIMARY, SWEEP, USERS, make_client, make_world, settings
from tests.component.functions import Functions, in_lambda
from tests.simulation.services import Bus, Queue, Topic

# Operation, Region and the answer's body in; the body that is sent instead out.
Alter = Callable[[str, str, Any], Any]
_Serve = Callable[[AWSPreparedRequest, str], tuple[int, bytes]]


class KilledError(BaseException):
    """Lambda ends a function that is past its time-out."""


@dataclass(frozen=True)
class Saved:
    """A stage at some moment, to begin from as often as wanted: what led there is done once."""

    world: World
    items: list[Any]


class Stage(Functions):
    """The deployed functions, whose answers can be altered. Use `stage()`."""

    def __init__(self, configured: Settings, world: World) -> None:
        super().__init__(configured, world)
        self.queue, self.topic, self.bus = Queue(), Topic(), Bus()
        self.alter: Alter | None = None
        self.asked: dict[str, Any] = {}  # the request whose answer is altered
        self.takes_any_token = False
        self.dynamodb = self.client("dynamodb", PRIMARY)

    def client(self, service: str, region: str) -> Any:
        """A client whose answers are altered, if it is of one of these services."""
        return _wires().clients.get((service, region)) or super().client(service, region)

    def save(self) -> Saved:
        """The world and the ledger as they stand, when nothing is on its way."""
        assert self.world.next_happening() is None
        return Saved(self.world, self.items())

    def send(self, event: Any, *, calls: int | None = None) -> dict[str, Any]:
        """Invoke protect."""
        found: dict[str, Any] = self.invoke("protect", event)
        return found

    def observe(self, number: int = 0, execution: str = EXECUTION) -> Round:
        """Invoke watch."""
        return self._round("watch", execution, number)

    def sweep_part(self, execution: str = SWEEP, number: int = 0, *, calls: int | None = None) -> Round:
        """Invoke sweep, which has its time."""
        return self._round("sweep", execution, number)

    def _round(self, name: str, execution: str, number: int) -> Round:
        self.others.running.add(execution)
        answered = self.invoke(name, {"execution_arn": execution, "round": number})
        found = Round(**{**answered, "ready": tuple(answered["ready"])})
        assert found.answer() == answered  # what the state machine goes by
        return found

    def find(self, primary_id: str) -> Row | None:
        """The row of a primary, if it has one that can be read."""
        found = self.ledger().load([WorkspaceId(primary_id)]).get(WorkspaceId(primary_id))
        return found if isinstance(found, Row) else None

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
        for call in self.calls():
            for item in call.params["StandbyWorkspaces"]:
                primary = self.world.workspace(item["PrimaryWorkspaceId"])
                assert not primary.is_standby
                assert primary.properties["OperatingSystemName"].startswith("WINDOWS")


@contextmanager
def stage(configured: Settings | None = None, saved: Saved | None = None, **world_settings: Any) -> Iterator[Stage]:
    """The functions, deployed afresh."""
    world = _copy(saved.world) if saved else make_world(USERS[:9], **world_settings)
    found = _wires().stage = Stage(configured or settings(), world)
    for item in saved.items if saved else ():
        found.table.put(item)
    with in_lambda(found):
        yield found


def _copy(world: World) -> World:
    return copy.deepcopy(world, {id(world._lock): threading.RLock()})  # a lock cannot be copied


class _Wires:
    """boto3 clients, whose requests go to the present stage."""

    def __init__(self) -> None:
        self.stage: Stage
        self.clients: dict[tuple[str, str], Any] = {}
        for region in (PRIMARY, DR):
            self._make("workspaces", region, lambda request, region: self.stage.receive(request, region))
            self._make("cloudwatch", region, lambda *_: (200, b"{}"))
        self._make("sqs", PRIMARY, lambda request, _: _call(self.stage.queue, "SendMessage", request))
        self._make("sns", PRIMARY, lambda request, _: _call(self.stage.topic, "Publish", request))
        self._make("events", PRIMARY, lambda request, _: _call(self.stage.bus, "PutEvents", request))
        self._make("resourcegroupstaggingapi", PRIMARY, lambda request, region: self.stage.receive(request, region))
        self._make("service-quotas", DR, lambda request, region: self.stage.quota(request, region))

    def _make(self, service: str, region: str, serve: _Serve) -> None:
        def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
            status, body = serve(request, region)
            return AWSResponse(request.url, status, {"Content-Type": CONTENT_TYPE}, _Raw(body))  # type: ignore[arg-type]

        client = self.clients[service, region] = make_client(service, region)
        client.meta.events.register("before-send", before_send)


class _Raw(io.BytesIO):
    """A body that botocore reads."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@functools.cache
def _wires() -> _Wires:
    return _Wires()


def _call(service: Queue | Topic | Bus, operation: str, request: AWSPreparedRequest) -> tuple[int, bytes]:
    return service.call(PRIMARY, operation, _text(request.body).encode())


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes) else str(body)
