"""What can happen to an AWS call, and which call it happens to."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from standby.core.model import Status

THROTTLED = "throttled"
# Of CreateStandbyWorkspaces alone: a throttle does not prove that nothing was created.
THROTTLED_AFTER = "throttled, after effect"
REFUSED = "refused"
ERROR_BEFORE = "5xx before effect"
ERROR_AFTER = "5xx after effect"
CONNECTION_REFUSED = "connection refused"
CONNECT_TIMEOUT = "connect time-out"
READ_TIMEOUT_BEFORE = "read time-out before effect"
READ_TIMEOUT_AFTER = "read time-out after effect"
READ_TIMEOUT_LATE = "read time-out, effect later"
CLOSED_AFTER = "connection closed after sending"
MALFORMED = "malformed answer"
EMPTY = "empty answer"
# Of DynamoDB alone: another transaction is at the same items; keys of a batch are left over.
CONTENDED = "contended"
KILLED_BEFORE = "killed before"
KILLED_AFTER = "killed after"
# The process stands still before it sends, as a frozen execution environment does; not one of the matrix.
STALLED = "stalled before sending"

KINDS = (
    THROTTLED,
    THROTTLED_AFTER,
    REFUSED,
    ERROR_BEFORE,
    ERROR_AFTER,
    CONNECTION_REFUSED,
    CONNECT_TIMEOUT,
    READ_TIMEOUT_BEFORE,
    READ_TIMEOUT_AFTER,
    READ_TIMEOUT_LATE,
    CLOSED_AFTER,
    MALFORMED,
    EMPTY,
    CONTENDED,
    KILLED_BEFORE,
    KILLED_AFTER,
)
# Those that take effect, or may have, though the caller is not told.
WITH_EFFECT = (
    THROTTLED_AFTER,
    ERROR_AFTER,
    READ_TIMEOUT_AFTER,
    READ_TIMEOUT_LATE,
    CLOSED_AFTER,
    MALFORMED,
    EMPTY,
    KILLED_AFTER,
)


@dataclass(frozen=True, order=True)
class Call:
    """A call that the program makes: by which function, of what, and to which purpose."""

    function: str
    service: str
    region: str
    operation: str
    purpose: str = ""

    def can_meet(self, kind: str) -> bool:
        """Whether a kind of fault is one of this call's: what only reads has no late effect, some are of one."""
        if kind == THROTTLED_AFTER:
            return self.operation == "CreateStandbyWorkspaces"
        if kind == CONTENDED:
            return self.operation in ("TransactWriteItems", "BatchGetItem")
        is_reading = self.operation.startswith(("BatchGet", "Query", "Describe", "Get"))
        return kind != READ_TIMEOUT_LATE or not is_reading

    def __str__(self) -> str:
        """For a person: `protect: dynamodb TransactWriteItems CLAIMED`."""
        where = f" in {self.region}" if self.service == "workspaces" else ""
        return f"{self.function}: {self.service} {self.operation}{where} {self.purpose}".strip()


# Of these services one operation serves many purposes.
NAMED_BY_REQUEST = ("dynamodb", "workspaces")


def call_of(function: str, service: str, region: str, operation: str, request: dict[str, Any]) -> Call:
    """Name a call by what is in its request: one operation of DynamoDB serves many purposes."""
    purpose = ""
    if service == "dynamodb":
        purpose = _ledger_purpose(operation, request)
    elif service == "workspaces":
        purpose = "by user" if "UserName" in request else "by id" if "WorkspaceIds" in request else ""
    return Call(function, service, region, operation, purpose)


def _ledger_purpose(operation: str, request: dict[str, Any]) -> str:
    match operation:
        case "TransactWriteItems":
            puts = [one["Put"]["Item"] for one in request["TransactItems"] if "Put" in one]
            states = [_state(item) for item in puts if item["sk"]["S"] == "STATE"]
            beside = "" if len(request["TransactItems"]) == len(puts) else " with claim"
            return "".join(states) + beside
        case "Query":
            values = [next(iter(value.values())) for value in request["ExpressionAttributeValues"].values()]
            # Which of the settled ones makes no difference to who reads them.
            kind = str(values[0]).split("#")[0]
            which = kind if request["IndexName"] == "by_due" else "settled"
            return f"{request['IndexName']} {which}"
        case "BatchGetItem":
            (asked,) = request["RequestItems"].values()
            kinds = {_kind_of_key(key["pk"]["S"]) for key in asked["Keys"]}
            return " ".join(sorted({"STATE" if kind.startswith("ws-") else kind for kind in kinds}))
        case "UpdateItem":
            return _kind_of_key(request["Key"]["pk"]["S"])
        case "PutItem":
            item = request["Item"]
            return _kind_of_key(item["pk"]["S"]) + (" EVENT" if item["sk"]["S"].startswith("EVENT") else "")
        case _:
            return ""


def _state(item: dict[str, Any]) -> str:
    """A row's status; with what is going on about an orphan, which is another matter each time."""
    status = str(item["status"]["S"])
    return f"{status} {item['reason_code']['S']}" if status == Status.PRIMARY_GONE else status


def _kind_of_key(pk: str) -> str:
    kind = pk.split("#")[0]
    # One of each directory, primary or user.
    return kind if kind in ("CLAIM", "COVERAGE", "SWEEP", "STANDBY") else "#".join(pk.split("#")[:2])


class Plan(Protocol):
    """Says which calls go wrong."""

    def fault(self, call: Call, now: datetime) -> str | None:
        """What happens to a call that is made now; None: nothing."""
        ...


class Plans:
    """Several plans, or none; the first that has something to say does."""

    def __init__(self, *plans: Plan) -> None:
        self._plans = plans

    def fault(self, call: Call, now: datetime) -> str | None:
        """What happens to a call."""
        return next((kind for plan in self._plans if (kind := plan.fault(call, now))), None)


@dataclass(frozen=True)
class During:
    """Calls that match go wrong from one moment to another, each with a probability."""

    kinds: tuple[str, ...]
    begins: datetime
    ends: datetime
    matches: Callable[[Call], bool]
    dice: random.Random
    rate: float = 1.0

    def fault(self, call: Call, now: datetime) -> str | None:
        """One of the kinds, if this call is meant."""
        if self.begins <= now < self.ends and self.matches(call) and self.dice.random() < self.rate:
            return self.dice.choice(self.kinds)
        return None


@dataclass
class OneFault:
    """A kind of fault at a kind of call: the first `times`, or all within `lasts` from the first.

    `hit` are the moments at which it struck.
    """

    call: Call
    kind: str
    times: int | None = None
    lasts: timedelta | None = None
    hit: list[datetime] = field(default_factory=list)

    def fault(self, call: Call, now: datetime) -> str | None:
        """The fault, if this is the call and it is not over."""
        if call != self.call:
            return None
        over = len(self.hit) >= self.times if self.times is not None else self.is_over(now)
        if over:
            return None
        self.hit.append(now)
        return self.kind

    def is_over(self, now: datetime) -> bool:
        """Whether it strikes no more; what has not come back for an hour is taken for over."""
        if self.times is not None:
            return len(self.hit) >= self.times or (bool(self.hit) and now > self.hit[-1] + timedelta(hours=1))
        return bool(self.hit) and self.lasts is not None and now >= self.hit[0] + self.lasts


def of_services(*services: str) -> Callable[[Call], bool]:
    """Whether a call is of one of these."""
    return lambda call: call.service in services


def of_function(function: str) -> Callable[[Call], bool]:
    """Whether a call is made by this one."""
    return lambda call: call.function == function
