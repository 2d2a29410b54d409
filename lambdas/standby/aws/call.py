"""The one way to call AWS: the outcome is Answer, Refused or Unclear, whatever botocore does. `Pacer` limits the rate.

The error codes of CreateStandbyWorkspaces' failed items are not documented. Some are known from CreateWorkspaces;
others are recognised by words in the code or the message. Any other refusal is OTHER, with the service's own message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from standby.core.model import legible
from standby.core.outcomes import Answer, Outcome, Refusal, Refused, Unclear

if TYPE_CHECKING:
    from standby.clock import Clock

# With these, nothing was sent, so the call had no effect.
NEVER_SENT = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, NoCredentialsError)
# Characters. Longer than any name of a service, and short enough to fit a key of the ledger in any script.
MOST_OF_A_NAME = 256
MOST_OF_A_MESSAGE = 1000
MALFORMED = "MalformedAnswer"
# How long a pacer uses a share before it asks for it again: the time of about ten calls.
SHARE_LASTS = timedelta(seconds=10)
# HTTP statuses that mean the service did nothing.
REFUSES = range(400, 500)


def call(send: Callable[..., Any], **arguments: Any) -> Outcome:
    """Call AWS once; botocore retries only as its client is configured to.

    If it is not certain that nothing was done, the outcome is Unclear: a time-out after sending, a broken connection, a
    5xx, an answer that cannot be read. A throttle is Refused, whatever its HTTP status.
    """
    try:
        answer = send(**arguments)
    except ClientError as problem:
        return _refused(problem)
    except ParamValidationError as problem:
        return Refused(Refusal.OTHER, *_named(problem))
    except NEVER_SENT as problem:
        return Refused(Refusal.UNREACHABLE, *_named(problem))
    except (BotoCoreError, OSError) as problem:
        return Unclear(*_named(problem))
    except Exception:
        # botocore's parser rejects the whole answer if one entry does not have the documented form.
        return _unreadable(send)
    return Answer(answer) if isinstance(answer, Mapping) else _unreadable(send)


def _unreadable(send: Callable[..., Any]) -> Unclear:
    operation = getattr(send, "__name__", "aws").title().replace("_", "")
    return Unclear(MALFORMED, f"{operation} gave an answer that cannot be read", answered=True)


def _refused(problem: ClientError) -> Refused | Unclear:
    code, message = error_of(problem)
    status = int(
        problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    )  # missing: the effect is not known
    kind = kind_of(code, message, status)
    if kind is Refusal.INTERNAL or (kind is not Refusal.THROTTLED and status not in REFUSES):
        return Unclear(code, message)
    return Refused(kind, code, message, problem.response)


def error_of(problem: ClientError) -> tuple[str, str]:
    """The service's error code and message."""
    error = problem.response.get("Error", {})
    message = error.get("Message")
    return (
        legible(error.get("Code") or "Unknown", MOST_OF_A_NAME),
        legible(message if isinstance(message, str) and message else problem, MOST_OF_A_MESSAGE),
    )


def _named(problem: Exception) -> tuple[str, str]:
    """Name and message of an exception without an answer. botocore quotes its input in it, however long."""
    return type(problem).__name__, legible(problem, MOST_OF_A_MESSAGE)


# Declared exceptions with several meanings.
_GENERAL = "^(ResourceNotFound|InvalidParameterValues|OperationNotSupported)"
# Patterns for the code and the message, not case-sensitive; the first match counts. An internal error is recognised by
# its code alone: its message is about what the service was doing.
_SIGNS = (
    (Refusal.THROTTLED, "Throttl|TooManyRequests|RequestLimitExceeded|RateExceeded|SlowDown", ""),
    (Refusal.QUOTA, "LimitExceeded|Quota", ""),
    (Refusal.USER_MISSING, r"NotFound\.?User|User.*NotFound", ""),
    (Refusal.EXISTS, "^ResourceExists|AlreadyExists|ResourceAlready", ""),
    (Refusal.DENIED, "AccessDenied|Unauthorized|NotAuthorized|Forbidden|OptInRequired|SubscriptionRequired", ""),
    (Refusal.INTERNAL, "^Internal|ServiceUnavailable|ServiceFault|ServerError|RequestTimeout$", ""),
    (Refusal.UNREACHABLE, "Expired|UnrecognizedClient|InvalidClientToken|Signature|TimeTooSkewed|InvalidSecurity", ""),
    (Refusal.THROTTLED, "", r"\brate exceeded\b|\btoo many requests\b|\bthrottl"),
    (Refusal.USER_MISSING, _GENERAL, r"\buser\b.*\b(not found|could not be found|does not exist|cannot be found)"),
    (Refusal.EXISTS, _GENERAL, r"\balready (exists|has|assigned)\b"),
    # The directory must be the subject of the sentence: elsewhere it may only be where something was looked for.
    (Refusal.DIRECTORY, "", r"^(the )?(specified |dr )?directory\b.*\b(state|status|active|registered|found|exist)"),
    (Refusal.DIRECTORY, r"NotFound\.?Directory|Directory.*(NotFound|InvalidState|Unavailable)", ""),
    (Refusal.STATE, r"InvalidResourceState|ResourceUnavailable|State$|\.WorkspaceState|OperationInProgress", ""),
    (Refusal.STATE, "", r"\b(in|its|current|invalid|valid) state\b|\bstate of the workspace\b"),
)
# The kind by HTTP status, if the code has no meaning here: a front end refuses without a code of the service.
_BY_STATUS = {401: Refusal.DENIED, 403: Refusal.DENIED, 408: Refusal.INTERNAL, 429: Refusal.THROTTLED}


def kind_of(code: str, message: str, status: int | None = None) -> Refusal:
    """The kind of a refusal, by the service's error code, and by its message if the code is not specific.

    If neither matches, the HTTP `status` of a refused call decides. A failed item has no status.
    """
    for kind, codes, words in _SIGNS:
        if re.search(codes, code, re.IGNORECASE) and re.search(words, message, re.IGNORECASE):
            return kind
    return _BY_STATUS.get(status or 0, Refusal.OTHER)


class Pacer:
    """Limits calls to one a period, so that others can use the account's shared budget (2 a second, burst 5) too.

    The first `burst` calls are sent at once: the few calls of an event need not wait. `share` returns the part of the
    rate that this pacer may use, more than 0 and at most 1. It is asked again after `SHARE_LASTS`.
    """

    def __init__(
        self, clock: Clock, calls_per_second: float, burst: int = 1, share: Callable[[], float] = lambda: 1.0
    ) -> None:
        self._clock = clock
        self._period = 1.0 / calls_per_second
        self._burst = burst
        self._ask_share = share
        self._share, self._share_ends_at = 1.0, datetime.min.replace(tzinfo=UTC)
        self._last: datetime | None = None

    def wait(self) -> None:
        """Wait until the next call may be sent."""
        if self._burst > 0:
            self._burst -= 1
        elif self._last is not None:
            now = self._clock.now()
            if now >= self._share_ends_at:
                self._share, self._share_ends_at = self._ask_share(), now + SHARE_LASTS
            elapsed = (now - self._last).total_seconds()
            # A clock set back must not make the wait longer than a period.
            remainder = self._period / self._share - max(elapsed, 0.0)
            if remainder > 0:
                self._clock.sleep(remainder)
        self._last = self._clock.now()
