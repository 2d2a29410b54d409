"""What the service says when it does not create: sorted by what is to be done about it.

The codes of CreateStandbyWorkspaces' failed items are not documented. Those of its sibling CreateWorkspaces are known
in part; the rest is told by the words in the code, and what cannot be told is REJECTED with the service's own words.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """What a refusal asks for."""

    THROTTLED = "THROTTLED"  # again later
    UNREACHABLE = "UNREACHABLE"  # refused before any work, and not because of the WorkSpace: again later
    INTERNAL = "INTERNAL"  # the service failed, and may have created all the same
    QUOTA = "QUOTA"  # the pair waits
    USER_MISSING = "USER_MISSING"  # again for a day
    EXISTS = "EXISTS"  # look into the DR directory
    STATE = "STATE"  # again when the primary's state has changed
    DENIED = "DENIED"
    OTHER = "OTHER"


_BY_CODE: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|RateExceeded|SlowDown", re.IGNORECASE), Kind.THROTTLED),
    (re.compile(r"LimitExceeded|Quota", re.IGNORECASE), Kind.QUOTA),
    (re.compile(r"NotFound\.?User|User.*NotFound", re.IGNORECASE), Kind.USER_MISSING),
    (re.compile(r"^ResourceExists|AlreadyExists|ResourceAlready", re.IGNORECASE), Kind.EXISTS),
    (re.compile(r"AccessDenied|Unauthorized|NotAuthorized|Forbidden", re.IGNORECASE), Kind.DENIED),
    (re.compile(r"InvalidResourceState|ResourceUnavailable|State$|\.WorkspaceState", re.IGNORECASE), Kind.STATE),
    (
        re.compile(r"^Internal|ServiceUnavailable|ServiceFault|ServerError|RequestTimeout$", re.IGNORECASE),
        Kind.INTERNAL,
    ),
    (
        re.compile(
            r"Expired|UnrecognizedClient|InvalidClientToken|Signature|RequestTimeTooSkewed|InvalidSecurity",
            re.IGNORECASE,
        ),
        Kind.UNREACHABLE,
    ),
)
# What the HTTP status alone tells of an error whose code does not: a front end refuses without a code of the service's.
_BY_STATUS = {401: Kind.DENIED, 403: Kind.DENIED, 408: Kind.INTERNAL, 429: Kind.THROTTLED}
_STATE_WORDS = re.compile(r"\b(in|its|current|invalid|valid) state\b|\bstate of the workspace\b", re.IGNORECASE)
_USER_WORDS = re.compile(r"\buser\b.*\b(not found|could not be found|does not exist|cannot be found)", re.IGNORECASE)

_EXISTS_WORDS = re.compile(r"\balready (exists|has|assigned)\b", re.IGNORECASE)
# Declared exceptions that are about many things.
_GENERAL = ("ResourceNotFound", "InvalidParameterValues", "OperationNotSupported")


def kind_of(code: str, message: str, status: int | None = None) -> Kind:
    """The kind of a refusal by the service's error code, and by its words where the code is about many things.

    What neither tells, the HTTP `status` of a refused call may; a failed item has none.
    """
    for pattern, kind in _BY_CODE:
        if pattern.search(code):
            return kind
    if code.startswith(_GENERAL) and _USER_WORDS.search(message):
        return Kind.USER_MISSING
    if code.startswith(_GENERAL) and _EXISTS_WORDS.search(message):
        return Kind.EXISTS
    if _STATE_WORDS.search(message):
        return Kind.STATE
    return _BY_STATUS.get(status or 0, Kind.OTHER)
