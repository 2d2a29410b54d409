"""Clients whose service answers what a test says, below botocore's parsing; a clock that goes as far as it is told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from standby.aws.call import Pacer
from standby.clock import Clock
from standby.core.model import WorkspaceId
from tests.component.estate import PRIMARY, make_client

ONE, TWO, THREE = (WorkspaceId(f"ws-{number}00000000") for number in (1, 2, 3))
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


class Ticks(Clock):
    """A clock that only sleeping moves on."""

    at = NOON

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Wire:
    """Answers a client's requests in turn; the last answer repeats.

    An answer is an exception to raise, a body, or a pair of HTTP status and body; a body is bytes, or becomes JSON.
    """

    def __init__(self, service: str, *answers: object, region: str = PRIMARY) -> None:
        self.client = make_client(service, region)
        self.client.meta.events.register_first(f"before-send.{service}", self._answer)
        self.sent: list[dict[str, Any]] = []
        self._answers = list(answers)

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.sent.append(json.loads(request.body or "{}"))  # type: ignore[arg-type] # never a stream
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, Exception):
            raise given
        status, content = given if isinstance(given, tuple) else (200, given)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return AWSResponse(request.url, status, {}, _Body(body))  # type: ignore[arg-type] # any mapping will do


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content


def error(code: str, message: str = "no", status: int = 400) -> tuple[int, dict[str, str]]:
    """A declared exception of the service."""
    return status, {"__type": code, "message": message}


def unpaced() -> Pacer:
    """A pace that no test waits for."""
    return Pacer(Ticks(), 1.0)
