"""Faults of the connection to any service: a request is held or cut, before or after its effect, or denied.

The faults in :mod:`local.workspaces` belong to the service. These faults are between a caller and the embedded cloud,
for every service, and they are real: a held caller waits at an open socket and can be killed there, and a cut caller
receives a TCP reset. A held request continues when it is released. If its caller no longer exists, a request that was
held before its effect never takes effect. A retry that botocore sends after its own time-out is held again. A denial
simulates a service control policy, which applies to every user and role.
"""

import asyncio
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

DENIED = "denied"
KINDS = frozenset({"hold_before", "hold_after", "cut_before", "cut_after", DENIED})
_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/")


@dataclass
class ConnectionFault:
    """Something that will happen to a connection.

    Attributes
    ----------
    service : str
        As requests are signed for it, such as ``dynamodb``, ``sns``, ``events`` or ``workspaces``; of what is denied,
        the prefix of the action, such as ``cloudwatch`` where requests are signed for ``monitoring``; or ``*``.
    operation : str
        The operation's name, or ``*``; of what is denied, that of the action.
    kind : str
        One of :data:`KINDS`.
    region : str or None
        Only in this Region.
    function : str or None
        Only requests of the Lambda function of this name; the end of its name will do.
    containing : str or None
        Only requests with this text in their body.
    times : int or None
        How many requests it hits; ``None`` is as many as come until it is cleared. A request needs one action or more:
        of what is denied, each counts.
    skip : int
        How many matching requests pass before it begins.
    """

    service: str
    operation: str
    kind: str
    region: str | None = None
    function: str | None = None
    containing: str | None = None
    times: int | None = 1
    skip: int = 0
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist."""
        if self.kind not in KINDS:
            raise ValueError(f"there is no connection fault {self.kind!r}; there are {', '.join(sorted(KINDS))}")
        if self.kind == DENIED and self.containing is not None:
            raise ValueError("a service control policy does not know the body of a request")

    @property
    def is_over(self) -> bool:
        """Whether it will hit nothing more."""
        return self.times is not None and self.hits >= self.times

    def is_for(self, request: "Request") -> bool:
        """Return whether the fault applies to a request."""
        return (
            self.service in ("*", request.service)
            and self.operation in ("*", request.operation)
            and self.region in (None, request.region)
            and (self.function is None or request.function.endswith(self.function))
            and (self.containing is None or self.containing.encode() in request.body)
        )


@dataclass(frozen=True)
class Request:
    """The parts of a request that decide which faults apply; ``function`` is empty if the caller is not a function.

    ``invocation`` is the same for all attempts of a botocore client at one call, and empty for other callers.
    """

    service: str
    region: str
    operation: str
    access_key: str
    function: str
    body: bytes
    invocation: str = ""


def read_request(method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Request:
    """Read a signed request, in whichever of AWS's protocols, still without its function."""
    named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    scope = _SCOPE.search(named.get("authorization", ""))
    key, region, service = scope.group("key", "region", "service") if scope else ("", "", "")
    invocation = named.get("amz-sdk-invocation-id", "")
    return Request(service, region, _operation(method, path, named, body), key, "", body, invocation)


def region_signed_for(headers: list[tuple[bytes, bytes]]) -> str:
    """Return the Region that a request is signed for; empty if it is not signed."""
    return read_request("", "", headers, b"").region


def _operation(method: str, path: str, headers: dict[str, str], body: bytes) -> str:
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if "/operation/" in path:  # RPC v2
        return path.rpartition("/")[2]
    action = parse_qs(body.decode("latin-1")).get("Action") if b"Action=" in body else None
    return action[0] if action else f"{method} {path}"


@dataclass(frozen=True)
class Held:
    """A request that is being held."""

    request: Request
    kind: str
    loop: asyncio.AbstractEventLoop
    released: asyncio.Event


class Connections:
    """The faults of connections, and who is held. It may be called from several threads."""

    def __init__(self) -> None:
        self._faults: list[ConnectionFault] = []
        self._held: list[Held] = []
        self._kept: dict[str, str] = {}
        self._lock = threading.Lock()

    def inject(self, fault: ConnectionFault) -> None:
        """Add a fault; the first that matches a request is the one it meets."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults, and release all held requests."""
        with self._lock:
            self._faults.clear()
            self._kept.clear()
        self.release()

    def faults(self) -> list[ConnectionFault]:
        """Return the faults that may still hit."""
        with self._lock:
            self._faults = [fault for fault in self._faults if not fault.is_over]
            return list(self._faults)

    @property
    def are_sound(self) -> bool:
        """Whether no request can meet a fault."""
        return not (self._kept or any(fault.kind != DENIED for fault in self.faults()))

    def meet(self, request: Request) -> str | None:
        """Return the kind of the fault that a request meets, counted as a hit unless it meets it again."""
        if request.invocation in self._kept:
            return self._kept[request.invocation]
        fault = self._first(request, denied=False)
        if fault is None:
            return None
        if fault.kind.startswith("hold") and request.invocation:
            self._kept[request.invocation] = fault.kind
        return fault.kind

    def denies(self, request: Request) -> bool:
        """Return whether a service control policy denies a request, counted as a hit; its operation is an action's."""
        return self._first(request, denied=True) is not None

    def _first(self, request: Request, *, denied: bool) -> ConnectionFault | None:
        for fault in self.faults():
            if (fault.kind == DENIED) != denied or not fault.is_for(request):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.hits += 1
            return fault
        return None

    def held(self) -> list[Held]:
        """Return who is held now."""
        with self._lock:
            return list(self._held)

    def release(self) -> int:
        """Release all held requests, and return their number."""
        held = self.held()
        for one in held:
            self._kept.pop(one.request.invocation, None)
            one.loop.call_soon_threadsafe(one.released.set)
        return len(held)

    async def hold(self, request: Request, kind: str, receive: Any) -> bool:
        """Wait until a request is released; false if its caller went away before."""
        held = Held(request, kind, asyncio.get_running_loop(), asyncio.Event())
        released, gone = asyncio.create_task(held.released.wait()), asyncio.create_task(disconnected(receive))
        with self._lock:
            self._held.append(held)
        try:
            await asyncio.wait((released, gone), return_when=asyncio.FIRST_COMPLETED)
            return not gone.done()
        finally:
            with self._lock:
                self._held.remove(held)
            released.cancel()
            gone.cancel()


async def disconnected(receive: Any) -> None:
    """Wait until the caller of an ASGI application has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def reset(caller: tuple[str, int]) -> bool:
    """Send a TCP reset to the caller at the other end of one of this loop's connections; false if there is none."""
    # An ASGI server keeps its sockets to itself, and asyncio knows them only under a private name.
    transports: Any = getattr(asyncio.get_running_loop(), "_transports", {})
    for transport in list(transports.values()):
        if transport.get_extra_info("peername") == caller:
            linger = struct.pack("ii", 1, 0)  # closed at once, with a reset in place of the handshake
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
            return True
    return False
