"""What stands before the emulator: the control URL, and the faults that only a connection can show."""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any

from local.connections import Connections, Request, disconnected, read_request, region_signed_for, reset
from local.control import PREFIX, BadRequestError, Control
from local.outages import Outages
from local.workspaces_service import transport_fault

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_SILENT = ("read_timeout_before", "read_timeout_after", "read_timeout_late")


class Gateway:
    """An ASGI application around the emulator's.

    Over a connection that is already there, ``connection_refused`` and ``connect_timeout`` show as a connection that
    closes without an answer: a caller cannot know that nothing happened, which is the harder case.

    Parameters
    ----------
    function_of : callable
        Given an access key, returns the name of the Lambda function whose it is; empty for none.
    silent_seconds : float
        How long a time-out is, for a caller that has none of its own.
    """

    def __init__(
        self,
        emulator: Application,
        control: Control,
        connections: Connections,
        outages: Outages,
        function_of: Callable[[str], str],
        silent_seconds: float,
    ) -> None:
        self._emulator = emulator
        self._control = control
        self._connections = connections
        self._outages = outages
        self._function_of = function_of
        self._silent_seconds = silent_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._emulator(scope, receive, send)
        elif scope["path"].startswith(PREFIX):
            await self._answer_control(scope, receive, send)
        else:
            # Policies that refuse plain HTTP, as queues' and topics' do, take loopback for the TLS it stands for.
            scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
            await self._connect(scope, receive, send)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the emulator, over a connection that may be faulty."""
        lost = self._outages.lost()
        if lost and (region := region_signed_for(scope["headers"])) in lost:
            await (self._stay_silent(receive, send) if lost[region] else _reset(scope, receive, send))
            return
        if self._connections.are_sound:
            await self._serve(scope, receive, send)
            return
        body = await _read_body(receive)
        request = read_request(scope["method"], scope["path"], scope["headers"], body)
        request = dataclasses.replace(request, function=self._function_of(request.access_key))
        kind = self._connections.meet(request) or ""
        if not await self._lets_through(kind, "before", request, scope, receive, send):
            return
        answer: list[dict[str, Any]] = []

        async def keep(message: dict[str, Any]) -> None:
            answer.append(message)

        await self._serve(scope, _again(body, receive), keep if kind.endswith("_after") else send)
        if await self._lets_through(kind, "after", request, scope, receive, send):
            for message in answer:
                await send(message)

    async def _lets_through(
        self, kind: str, when: str, request: Request, scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Return whether a request, or its answer, passes; a held request waits until it is released."""
        if kind == f"hold_{when}":
            return await self._connections.hold(request, kind, receive)
        if kind != f"cut_{when}":
            return True
        await _reset(scope, receive, send)
        return False

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the emulator, and show what the model of WorkSpaces has of faults of the transport."""
        faults: list[str] = []
        transport_fault.set(faults)

        async def send_unless_faulty(message: dict[str, Any]) -> None:
            if not faults:
                await send(message)

        await self._emulator(scope, receive, send_unless_faulty)
        if not faults:
            return
        if faults[0] in _SILENT:
            await self._stay_silent(receive, send)
        else:
            await _close(send)

    async def _stay_silent(self, receive: Receive, send: Send) -> None:
        """Answer nothing until the caller has gone."""
        try:
            async with asyncio.timeout(self._silent_seconds):
                await disconnected(receive)
        except TimeoutError:
            pass
        await _close(send)

    async def _answer_control(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        target = scope["path"].removeprefix(PREFIX) + "?" + scope["query_string"].decode()
        try:
            status, answer = (
                200,
                await asyncio.to_thread(self._control.answer, scope["method"], target, json.loads(body or b"{}")),
            )
        except (BadRequestError, json.JSONDecodeError) as error:
            status, answer = 400, {"error": str(error)}
        # What is to be read by people, the list of all, has a line for each.
        payload = json.dumps(answer, indent=2 if scope["path"] == PREFIX else None).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload, "more_body": False})


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that begins with a body that has been read already."""
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> dict[str, Any]:
        return first.pop() if first else await receive()

    return receive_again


async def _reset(scope: Scope, receive: Receive, send: Send) -> None:
    """Reset the caller's connection."""
    if reset(tuple(scope["client"])):
        await disconnected(receive)
    else:
        await _close(send)


async def _close(send: Send) -> None:
    """Answer with a length that is not kept: the server closes the connection, in the middle of the caller's read."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4096")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
