"""Connects boto3 clients of DynamoDB to the embedded cloud's own DynamoDB, in this process and without a socket.

It is the code that serves `make demo`: conditions, transactions and indexes are the same. Unit tests and simulations
reach it this way because time is theirs, and because it is fast.
"""

import pickle
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
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body: Any = request.body or b"{}"
        status, answered, content = _ask(account, region, headers, body.encode() if isinstance(body, str) else body)
        return AWSResponse(request.url, status, answered, _Raw(content))  # any mapping will do

    client.meta.events.register("before-send.dynamodb", before_send)


def answer(account: str, region: str, operation: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to a request's body."""
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
    status, _, content = _ask(account, region, headers, body)
    return status, content


def _ask(account: str, region: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
    set_request_account_id(account)
    set_request_region(region)
    status, answered, content = _run(dynamodb.handle_request("POST", "/", headers, body, {}))
    return status, answered, content.encode() if isinstance(content, str) else content


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what never waits, without the event loop that would cost more than the call."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    raise AssertionError("the embedded DynamoDB waits for something")


def reset() -> None:
    """Forget all tables."""
    dynamodb.reset()


def tables() -> bytes:
    """What all tables hold now, for :func:`restore`."""
    return pickle.dumps(dict(dynamodb._tables.all_items()))


def restore(kept: bytes) -> None:
    """Let there be the tables of :func:`tables` and no other."""
    reset()
    for (account, region, name), table in pickle.loads(kept).items():  # noqa: S301 - ours
        dynamodb._tables.set_scoped(account, region, name, table)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Raw:
    """What botocore reads a body from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content

    def read(self, *_: Any) -> bytes:
        return self._content
