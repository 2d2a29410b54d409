"""Connects boto3 clients of DynamoDB to the embedded cloud's own DynamoDB, in this process and without a socket.

It is the code that serves `make demo`: conditions, transactions and indexes are the same. Unit tests and simulations
reach it this way because time is theirs, and because it is fast.
"""

from collections.abc import Coroutine
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from ministack.core.responses import (  # type: ignore[import-untyped]
    set_request_account_id,
    set_request_region,
)
from ministack.services import dynamodb  # type: ignore[import-untyped]


def attach(client: Any, account: str) -> None:
    """Let ``client``, a boto3 client of ``dynamodb``, call this process's DynamoDB in place of AWS."""
    region = client.meta.region_name

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        set_request_account_id(account)
        set_request_region(region)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body = request.body or b"{}"
        body = body.encode() if isinstance(body, str) else body
        status, answered, content = run(dynamodb.handle_request("POST", "/", headers, body, {}))
        return AWSResponse(request.url, status, answered, _Raw(content))  # any mapping will do

    client.meta.events.register("before-send.dynamodb", before_send)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what never waits, without the event loop that would cost more than the call."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    raise AssertionError("the embedded DynamoDB waits for something")


def reset() -> None:
    """Forget all tables."""
    dynamodb.reset()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Raw:
    """What botocore reads a body from."""

    def __init__(self, content: bytes | str) -> None:
        self._content = content.encode() if isinstance(content, str) else content

    def stream(self, **_: Any) -> Any:
        yield self._content

    def read(self, *_: Any) -> bytes:
        return self._content
