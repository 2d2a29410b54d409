"""Connects boto3 clients of WorkSpaces, and of the Resource Groups Tagging API, to a world without a socket.

The request is serialised and the answer parsed by botocore itself; the client's own retries run too, and really sleep.
With a ``ManualClock``, create clients with ``Config(retries={"total_max_attempts": 1})``.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from local.workspaces import ServiceError, TransportFault, World

CONTENT_TYPE = "application/x-amz-json-1.1"
_TARGETS = ("WorkspacesService.", "ResourceGroupsTaggingAPI_20170126.")
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/(workspaces|tagging)/")
_NETWORK_ERRORS: dict[str, Callable[..., Exception]] = {
    "connection_refused": EndpointConnectionError,
    "connect_timeout": ConnectTimeoutError,
    "read_timeout_before": ReadTimeoutError,
    "read_timeout_after": ReadTimeoutError,
    "read_timeout_late": ReadTimeoutError,
    "connection_closed_after": ConnectionClosedError,
}


class NotJsonError(AssertionError):
    """The installed boto3 does not speak JSON 1.1 to WorkSpaces, which is all the embedded cloud understands."""


def attach(client: Any, world: World, principal: str | None = None) -> None:
    """Let ``client``, of ``workspaces`` or of ``resourcegroupstaggingapi``, call ``world`` in place of AWS.

    Parameters
    ----------
    client
        Made for a Region, with any credentials.
    world : World
        What answers.
    principal : str, optional
        The ARN that the world takes as the caller's.

    Raises
    ------
    NotJsonError
        When the client would not speak JSON 1.1.
    """
    metadata = client.meta.service_model.metadata
    if client.meta.service_model.resolved_protocol != "json" or metadata.get("jsonVersion") != "1.1":
        raise NotJsonError(f"boto3 speaks {client.meta.service_model.resolved_protocol} to WorkSpaces")

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return _send(world, request, client.meta.region_name, principal)

    client.meta.events.register(f"before-send.{client.meta.service_model.service_id.hyphenize()}", before_send)


def _send(world: World, request: AWSPreparedRequest, default_region: str, principal: str | None) -> AWSResponse:
    operation, params = read_request(dict(request.headers.items()), request.body or b"{}")
    scope = _SCOPE.search(_text(request.headers.get("Authorization", "")))
    region = scope["region"] if scope else default_region
    try:
        status, headers, body = answer(world, region, operation, params, principal)
    except TransportFault as fault:
        error = _NETWORK_ERRORS[fault.kind]
        raise error(endpoint_url=request.url, error=fault.kind) from fault
    return AWSResponse(request.url, status, headers, _Raw(body))  # type: ignore[arg-type] # any mapping will do


def read_request(headers: dict[str, Any], body: Any) -> tuple[str, dict[str, Any]]:
    """Return operation and parameters of a request; raise :class:`NotJsonError` for another protocol."""
    named = {name.lower(): _text(value) for name, value in headers.items()}
    target = named.get("x-amz-target", "")
    if not target.startswith(_TARGETS) or not named.get("content-type", "").startswith(CONTENT_TYPE):
        raise NotJsonError(f"a request to WorkSpaces came as {named.get('content-type')}, target {target!r}")
    return target.rpartition(".")[2], json.loads(body or b"{}")


def answer(
    world: World, region: str, operation: str, params: dict[str, Any], principal: str | None
) -> tuple[int, dict[str, str], bytes]:
    """Call the world and return status, headers and body of the answer on the wire.

    Raises
    ------
    TransportFault
        For every fault of the transport but ``malformed``, which has a body.
    """
    headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": "00000000-0000-4000-8000-000000000000"}
    try:
        body = world.call(region, operation, params, principal)
    except ServiceError as error:
        wire = {"__type": error.code, "message": error.message, **error.fields}
        return error.status, headers, json.dumps(wire).encode()
    except TransportFault as fault:
        if fault.kind == "malformed":
            return 200, headers, b"<html>Service Unavailable</html>"
        raise

    def timestamp(value: object) -> float:
        if isinstance(value, datetime):
            return world.seen(value).timestamp()
        raise TypeError(f"{value!r} has no place in an answer")

    return 200, headers, json.dumps(body, default=timestamp).encode()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Raw:
    """A body that can be read like a connection's."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Any:
        """Yield the body."""
        yield self._body

    def read(self, *_: Any) -> bytes:
        """Return the body."""
        return self._body
