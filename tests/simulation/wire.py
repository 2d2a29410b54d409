"""The wire between a process's AWS clients and the services: latency, faults, and where others get their turn."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from unittest import mock

import botocore
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.retries.quota import RetryQuota
from urllib3 import HTTPResponse

from standby.core.model import Region
from standby.wiring import make_client
from tests import short_way
from tests.short_way import WholeWay
from tests.simulation import faults
from tests.simulation.faults import NAMED_BY_REQUEST, Call, Plan, call_of
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import Answer, Service, refusal

# How long after its caller gave up a request may still take effect: longer than a claim's lease.
LATE_SECONDS = 300.0
# How long a stalled process stands still: longer than a claim's lease, and shorter than the function's time-out.
STALL_SECONDS = 200.0
_THROTTLES = {"sns": "Throttled", "sqs": "RequestThrottled", "dynamodb": "ProvisionedThroughputExceededException"}


class Wire:
    """Carries the calls of all processes.

    `services` go by botocore's names for them; `plan` is what goes wrong. `seen` is told of each call as it is made,
    with the fault that it has. `latency` is the longest time, in seconds, that a request or an answer is on its way.
    """

    # That of the simulation that runs: there is one at a time.
    present: ClassVar[Wire]
    _clients: ClassVar[dict[tuple[str, str], Any]] = {}
    _quotas: ClassVar[list[RetryQuota]] = []

    def __init__(
        self,
        scheduler: Scheduler,
        services: Mapping[str, Service],
        plan: Plan,
        dice: random.Random,
        seen: Callable[[Call, bytes, str | None], None],
        latency: float = 0.05,
    ) -> None:
        self.plan = plan
        self.latency = latency
        self._scheduler = scheduler
        self._services = services
        self._dice = dice
        self._seen = seen
        Wire.present = self
        for quota in Wire._quotas:
            quota.release(RetryQuota.INITIAL_CAPACITY)
        self._cancels = True
        # The fault of the call that is being sent, and its answer, if they are known.
        self._decided: list[str] = []
        self._answered: list[Answer] = []

    def client(self, service: str, region: Region) -> Any:
        """A client of the product's that calls these services in place of AWS.

        All processes share it, and so does the next simulation: to make one takes longer than all of its calls. Its
        count of retries only runs out the sooner, and begins anew with each simulation.
        """
        if (service, region) not in Wire._clients:
            with mock.patch("botocore.retries.quota.RetryQuota", _kept_quota):
                Wire._clients[service, region] = made = make_client(service, region)
            _connect(made)
        return Wire._clients[service, region]

    def send(self, client: Any, operation: str, request: AWSPreparedRequest) -> AWSResponse:
        """Carry what botocore sends."""
        content: Any = request.body or b""
        body: bytes = content.encode() if isinstance(content, str) else content
        if self._answered:
            status, answer = self._answered.pop()
        else:
            parameters = json.loads(body) if client.meta.service_model.service_name in NAMED_BY_REQUEST else {}
            call = self._call_of(client, operation, parameters)
            status, answer = self._carry(call, body, client.meta.config, self._fault(call))
        headers: Any = {"x-amzn-RequestId": "1"}
        return AWSResponse(request.url, status, headers, HTTPResponse(io.BytesIO(answer), preload_content=False))

    def send_plain(self, client: Any, operation: str, parameters: dict[str, Any], whole_way: WholeWay) -> Any:
        """Carry a call of the ledger the short way if it goes well.

        Only on the whole way is a call repeated, and the token that botocore adds to a transaction of any use.
        """
        call = self._call_of(client, operation, parameters)
        kind = self._fault(call)
        if kind is not None:
            self._decided.append(kind)
            return whole_way(operation, parameters)
        status, answer = self._carry(call, parameters, client.meta.config, None)
        if status != 200:
            self._answered.append((status, answer))
            return whole_way(operation, parameters)
        return answer

    @property
    def _process(self) -> Process:
        found: Process = self._scheduler.current.owner.process
        return found

    def _call_of(self, client: Any, operation: str, request: dict[str, Any]) -> Call:
        service, region = client.meta.service_model.service_name, client.meta.region_name
        return call_of(self._process.function, service, region, operation, request)

    def _fault(self, call: Call) -> str | None:
        if self._decided:
            return self._decided.pop()
        kind = self.plan.fault(call, self._scheduler.now())
        return kind if kind is not None and call.can_meet(kind) else None

    def _carry(self, call: Call, body: Any, config: Any, kind: str | None) -> tuple[int, Any]:
        self._seen(call, body, kind)
        self._wait()
        if kind is not None and (answer := self._fail_before(kind, call, body, config)):
            return answer
        if kind == faults.READ_TIMEOUT_LATE:
            self._scheduler.spawn(lambda: self._serve(call, body), delay=config.read_timeout + LATE_SECONDS)
        else:
            answer = self._serve(call, body)
        self._wait()
        if kind is not None:
            answer = self._fail_after(kind, call, answer or (200, b"{}"), config)
        assert answer is not None
        return answer

    def _serve(self, call: Call, body: Any) -> tuple[int, Any]:
        return self._services[call.service](call.region, call.operation, body)

    def _wait(self) -> None:
        self._scheduler.sleep(self._dice.uniform(0.0, self.latency))

    def _fail_before(self, kind: str, call: Call, body: bytes, config: Any) -> Answer | None:
        match kind:
            case faults.CONTENDED:
                return _contended(json.loads(body))
            case faults.STALLED:
                self._scheduler.sleep(STALL_SECONDS)
            case faults.KILLED_BEFORE:
                self._process.die()
            case faults.THROTTLED:
                return self._throttle(call, body)
            case faults.REFUSED:
                return _error(call, "AccessDeniedException", f"not authorized to perform {call.operation}", 400)
            case faults.ERROR_BEFORE:
                return _error(call, "InternalServerError", "The service failed.", 500)
            case faults.CONNECTION_REFUSED:
                raise EndpointConnectionError(endpoint_url=_url(call), error=kind)
            case faults.CONNECT_TIMEOUT:
                self._scheduler.sleep(config.connect_timeout)
                raise ConnectTimeoutError(endpoint_url=_url(call), error=kind)
            case faults.READ_TIMEOUT_BEFORE:
                self._scheduler.sleep(config.read_timeout)
                raise ReadTimeoutError(endpoint_url=_url(call), error=kind)
        return None

    def _throttle(self, call: Call, body: bytes) -> Answer:
        """A transaction is refused in two forms, in turn: botocore repeats only one of them."""
        if call.operation == "TransactWriteItems":
            self._cancels = not self._cancels
            if not self._cancels:
                return _cancelled(json.loads(body), "ThrottlingError")
        return _error(call, _THROTTLES.get(call.service, "ThrottlingException"), "Rate exceeded", 400)

    def _fail_after(self, kind: str, call: Call, answer: Answer, config: Any) -> Answer:
        match kind:
            case faults.KILLED_AFTER:
                self._process.die()
            case faults.THROTTLED_AFTER:
                return _error(call, "ThrottlingException", "Rate exceeded", 400)
            case faults.ERROR_AFTER:
                return 500, b"The service failed."
            case faults.READ_TIMEOUT_AFTER | faults.READ_TIMEOUT_LATE:
                self._scheduler.sleep(config.read_timeout)
                raise ReadTimeoutError(endpoint_url=_url(call), error=kind)
            case faults.CLOSED_AFTER:
                raise ConnectionClosedError(endpoint_url=_url(call), error=kind)
            case faults.MALFORMED:
                return 200, b"<html>Service Unavailable</html>"
            case faults.EMPTY:
                return 200, b""
        return answer


def _kept_quota() -> RetryQuota:
    quota = RetryQuota()
    Wire._quotas.append(quota)
    return quota


def _connect(client: Any) -> None:
    """Let a client's calls go over the wire of the simulation that runs."""

    def send(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        return Wire.present.send(client, event_name.rpartition(".")[2], request)

    # A third of a call's time would go into a signature that nobody reads.
    client.meta.events.register("choose-signer", lambda **_: botocore.UNSIGNED)
    client.meta.events.register(f"before-send.{client.meta.service_model.service_id.hyphenize()}", send)
    if client.meta.service_model.service_name == "dynamodb":
        short_way.let_take(client, lambda *given: Wire.present.send_plain(client, *given))


def _url(call: Call) -> str:
    return f"https://{call.service}.{call.region}.amazonaws.com/"


def _error(call: Call, code: str, message: str, status: int) -> Answer:
    if call.service == "sns":
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return status, text.encode()
    return refusal(code, message, status)


def _contended(request: dict[str, Any]) -> Answer:
    """As DynamoDB answers when others are at the same items: nothing is done."""
    if "RequestItems" in request:
        return 200, json.dumps({"Responses": {}, "UnprocessedKeys": request["RequestItems"]}).encode()
    return _cancelled(request, "TransactionConflict")


def _cancelled(request: dict[str, Any], code: str) -> Answer:
    reasons = [{"Code": code, "Message": "x"}, *[{"Code": "None"} for _ in request["TransactItems"][1:]]]
    error = {"__type": "TransactionCanceledException", "Message": "cancelled", "CancellationReasons": reasons}
    return 400, json.dumps(error).encode()
