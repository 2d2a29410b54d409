"""What stands before the emulator: the control URL, and the faults that only a connection can show."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from local.control import PREFIX, BadRequestError, Control
from local.workspaces_service import transport_fault

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_SILENT = ("read_timeout_before", "read_timeout_after")


class Gateway:
    """An ASGI application around the emulator's.

    Over a connection that is already there, ``connection_refused`` and ``connect_timeout`` show as a connection that
    closes without an answer: a caller cannot know that nothing happened, which is the harder case.
    """

    def __init__(self, emulator: Application, control: Control, silent_seconds: float) -> None:
        self._emulator = emulator
        self._control = control
        self._silent_seconds = silent_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._answer_control(scope, receive, send)
            return
        if scope["type"] == "http":
            # Policies that refuse plain HTTP, as queues' and topics' do, take loopback for the TLS it stands for.
            scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
        faults: list[str] = []
        transport_fault.set(faults)

        async def send_unless_faulty(message: dict[str, Any]) -> None:
            if not faults:
                await send(message)

        await self._emulator(scope, receive, send_unless_faulty)
        if faults:
            await self._show(faults[0], receive, send)

    async def _show(self, fault: str, receive: Receive, send: Send) -> None:
        if fault in _SILENT:
            try:
                async with asyncio.timeout(self._silent_seconds):
                    while (await receive())["type"] != "http.disconnect":
                        pass
            except TimeoutError:
                pass
        # A length that is not kept: the server closes the connection, and the caller's read ends in the middle.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4096")]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer_control(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = scope["path"].removeprefix(PREFIX) + "?" + scope["query_string"].decode()
        try:
            status, answer = (
                200,
                await asyncio.to_thread(self._control.answer, scope["method"], target, json.loads(body or b"{}")),
            )
        except (BadRequestError, json.JSONDecodeError) as error:
            status, answer = 400, {"error": str(error)}
        payload = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload, "more_body": False})
