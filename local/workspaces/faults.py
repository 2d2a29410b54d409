"""Faults that can be injected into calls.

Kinds that the service answers with
    ``throttle`` (ThrottlingException), ``refuse`` (AccessDeniedException), ``error_before`` (5xx, without effect),
    ``error_after`` (5xx, with effect), ``empty`` (an empty object, with effect), ``fail_item`` (failed items), ``hide``
    (DescribeWorkspaces leaves WorkSpaces out).
Kinds of the transport
    ``connection_refused``, ``connect_timeout``, ``read_timeout_before`` (all without effect), ``read_timeout_after``,
    ``connection_closed_after`` (as a truncated answer shows, too), ``malformed`` (not JSON, which botocore takes for an
    empty answer), all with effect; ``read_timeout_late``, whose effect comes ``delay_seconds`` after the call.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LATE = "read_timeout_late"
UNREACHED = frozenset({"connection_refused", "connect_timeout", "read_timeout_before", LATE})
UNREADABLE = frozenset({"read_timeout_after", "connection_closed_after", "malformed"})
OF_ITEMS = frozenset({"fail_item", "hide"})
KINDS = UNREACHED | UNREADABLE | OF_ITEMS | {"throttle", "refuse", "error_before", "error_after", "empty"}


@dataclass
class Fault:
    """Something that will go wrong.

    Attributes
    ----------
    operation : str
        The operation's name, or ``*``.
    kind : str
        One of :data:`KINDS`.
    region : str or None
        Only in this Region.
    times : int or None
        How many calls (for ``fail_item`` and ``hide``: items) it hits; ``None`` is as many as come.
    until : datetime or None
        When it passes; with neither ``times`` nor ``until`` it lasts until it is cleared.
    skip : int
        How many matching calls pass before it begins.
    when : callable or None
        Only calls whose parameters it accepts.
    user, primary_id : str or None
        Only calls, or items, that name this user or this WorkSpace. CreateStandbyWorkspaces names no user in its
        request: there, ``user`` is for item faults only.
    principal : str or None
        Only callers whose ARN contains this.
    code, message, status
        The error, where the kind has one.
    delay_seconds : float
        How late the effect of ``read_timeout_late`` is.
    """

    operation: str
    kind: str
    region: str | None = None
    times: int | None = None
    until: datetime | None = None
    skip: int = 0
    when: Callable[[dict[str, Any]], bool] | None = None
    user: str | None = None
    primary_id: str | None = None
    principal: str | None = None
    code: str | None = None
    message: str | None = None
    status: int | None = None
    delay_seconds: float = 60
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist."""
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault {self.kind!r}; there are {', '.join(sorted(KINDS))}")

    def is_over(self, now: datetime) -> bool:
        """Return whether the fault has ended."""
        return (self.times is not None and self.hits >= self.times) or (self.until is not None and now >= self.until)


class Faults:
    """The injected faults, in the order they were injected; the first that matches is taken."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def inject(self, fault: Fault) -> None:
        """Add a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Take back all faults."""
        self._faults.clear()

    def present(self, now: datetime) -> list[Fault]:
        """Return the faults that may still hit."""
        self._faults = [fault for fault in self._faults if not fault.is_over(now)]
        return list(self._faults)

    def of_call(
        self, region: str, operation: str, params: dict[str, Any], principal: str, now: datetime
    ) -> Fault | None:
        """Return the fault that a whole call meets, not yet counted as a hit."""
        for fault in self._matching(region, operation, principal, now):
            if fault.kind in OF_ITEMS or not _names(fault, params) or not (fault.when is None or fault.when(params)):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            return fault
        return None

    def of_item(
        self, kind: str, region: str, operation: str, principal: str, now: datetime, user: str, primary_id: str | None
    ) -> Fault | None:
        """Return the fault of ``kind`` that one item of a call meets, counted as a hit."""
        for fault in self._matching(region, operation, principal, now):
            if (
                fault.kind == kind
                and (fault.user is None or fault.user.casefold() == user.casefold())
                and (fault.primary_id is None or fault.primary_id == primary_id)
            ):
                fault.hits += 1
                return fault
        return None

    def _matching(self, region: str, operation: str, principal: str, now: datetime) -> Iterable[Fault]:
        for fault in self.present(now):
            if (
                fault.operation in ("*", operation)
                and fault.region in (None, region)
                and (fault.principal is None or fault.principal in principal)
            ):
                yield fault


def _names(fault: Fault, params: dict[str, Any]) -> bool:
    values = set(_strings(params))
    return (fault.primary_id is None or fault.primary_id in values) and (
        fault.user is None or fault.user.casefold() in {value.casefold() for value in values}
    )


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
