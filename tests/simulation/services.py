"""The services behind the wire: each takes an operation and its body, and answers as on the wire.

What AWS would refuse is an `AssertionError`: the product sends no such message.
"""

import json
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from ministack.core.responses import (  # type: ignore[import-untyped]
    set_request_account_id,
    set_request_region,
)
from ministack.services import dynamodb  # type: ignore[import-untyped]

from local import botocore_adapter, dynamodb_adapter
from local.workspaces import World

# Status and body of the answer to a Region, an operation and a body.
Answer = tuple[int, bytes]
Service = Callable[[str, str, bytes], Answer]
MOST_OF_A_MESSAGE = 256 * 1024  # of SQS, SNS and EventBridge, as long as they have been there
# A Region that nobody calls: the indexes of the ledger as they were a moment ago.
_INDEXES = "indexes"
_INDEXED = "ix_"


def _bytes(request: dict[str, Any]) -> bytes:
    return json.dumps(request).encode()


def refusal(code: str, message: str, status: int = 400) -> Answer:
    """An error as the JSON protocols have it."""
    return status, json.dumps({"__type": code, "message": message}).encode()


def workspaces(world: World, principal: str) -> Service:
    """The model of WorkSpaces and their tags, as the product's role calls it."""

    def call(region: str, operation: str, body: bytes) -> Answer:
        status, _, content = botocore_adapter.answer(world, region, operation, json.loads(body), principal)
        return status, content

    return call


class Ledger:
    """The embedded cloud's DynamoDB, in this process, with indexes that follow the table late.

    `table` is as CreateTable takes it; `lag` is how far the indexes are behind: AWS promises nothing but "eventually".
    """

    def __init__(self, table: dict[str, Any], account: str, region: str, now: Callable[[], datetime]) -> None:
        self.name: str = table["TableName"]
        self.lag = timedelta(0)
        self._account = account
        self._region = region
        self._now = now
        self._unindexed: deque[tuple[datetime, dict[str, Any]]] = deque()
        self._read = 0
        # Whether all of the stream has been read.
        self._is_read = False
        self._queried: dict[bytes, Answer] = {}
        dynamodb_adapter.reset()
        for where in (region, _INDEXES):
            self._run(where, "CreateTable", _bytes(table))

    def call(self, region: str, operation: str, body: bytes | dict[str, Any]) -> tuple[int, Any]:
        """Answer a request: in JSON, unless it is none itself and is not refused."""
        if not isinstance(body, bytes):
            status, answer = self.call(region, operation, _bytes(body))
            return status, json.loads(answer) if status == 200 else answer
        if operation == "Query" and b'"IndexName"' in body:
            return self._query(body)
        self._is_read = False
        return self._run(region, operation, body)

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call it as an operator, without a fault; it must not refuse."""
        status, body = self._run(self._region, operation, _bytes({"TableName": self.name, **request}))
        assert status == 200, f"{operation}: {body!r}"
        self._is_read = False
        found: dict[str, Any] = json.loads(body)
        return found

    def new_records(self) -> list[dict[str, Any]]:
        """The stream's records since the last time this was asked."""
        if self._is_read:
            return []
        self._is_read = True
        set_request_account_id(self._account)
        set_request_region(self._region)
        found: list[dict[str, Any]] = dynamodb.stream_records_since(self.name, self._read, 10_000)
        self._read += len(found)
        self._unindexed.extend((self._now(), record) for record in found)
        return found

    def _query(self, body: bytes) -> Answer:
        """An index's answer: as before, as long as nothing in the indexes has changed."""
        self._index()
        if body not in self._queried:
            self._queried[body] = self._run(_INDEXES, "Query", body)
        return self._queried[body]

    def _index(self) -> None:
        until = self._now() - self.lag
        while self._unindexed and self._unindexed[0][0] <= until:
            _, record = self._unindexed.popleft()
            image = record["dynamodb"]["NewImage"]
            # Most are leases and the like, which no index has.
            if any(name.startswith(_INDEXED) for name in image):
                self._queried.clear()
                self._run(_INDEXES, "PutItem", _bytes({"TableName": self.name, "Item": image}))

    def _run(self, region: str, operation: str, body: bytes) -> Answer:
        return dynamodb_adapter.answer(self._account, region, operation, body)


def _fits(*texts: str) -> bool:
    """Whether texts are not empty, and together no more than a message may be."""
    return all(texts) and len("".join(texts).encode()) <= MOST_OF_A_MESSAGE


class Queue:
    """The dead-letter queue; `text` is a message's body as it came, which may be cut."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def call(self, region: str, operation: str, body: bytes) -> Answer:
        request = json.loads(body)
        assert operation == "SendMessage", operation
        text = request["MessageBody"]
        attributes = {name: one["StringValue"] for name, one in request.get("MessageAttributes", {}).items()}
        assert _fits(text, *attributes.values())
        assert all(map(_is_text_of_sqs, "".join([text, *attributes.values()])))
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        self.messages.append({"body": parsed, "attributes": attributes, "text": text})
        return 200, json.dumps({"MessageId": str(len(self.messages))}).encode()


def _is_text_of_sqs(one: str) -> bool:
    return one in "\t\n\r" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one >= "\U00010000"


class Topic:
    """The notices' topic. SNS alone speaks the old query protocol."""

    def __init__(self) -> None:
        self.notices: list[dict[str, str]] = []

    def call(self, region: str, operation: str, body: bytes) -> Answer:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        assert form["Action"] == operation == "Publish"
        subject = form["Subject"]
        assert 0 < len(subject) < 100
        assert (subject.isascii(), subject.isprintable(), _fits(form["Message"])) == (True, True, True)
        self.notices.append(form)
        return 200, b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"


class Bus:
    """The event bus."""

    def __init__(self) -> None:
        self.details: list[dict[str, Any]] = []

    def call(self, region: str, operation: str, body: bytes) -> Answer:
        assert operation == "PutEvents", operation
        entries = json.loads(body)["Entries"]
        assert _fits(*(entry["Detail"] for entry in entries))
        details = [json.loads(entry["Detail"]) for entry in entries]
        assert all(isinstance(one, dict) for one in details)
        self.details += details
        answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in entries]}
        return 200, json.dumps(answer).encode()
