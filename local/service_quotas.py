"""Service Quotas, as far as it tells of standby WorkSpaces: a model of two of its calls, and its ways to a caller.

The quota is the world's own setting. Where it has none, nobody ever asked for another one: the service then says that
there is no such resource, and tells only the default, which here is beyond any fleet.
"""

import json
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from local.botocore_adapter import CONTENT_TYPE
from local.workspaces import World

TARGET_PREFIX = "ServiceQuotasV20190624"
QUOTA_CODE = "L-9A67B5CB"
UNLIMITED = 1_000_000
_ERRORS = {
    "throttle": (400, "TooManyRequestsException", "Rate exceeded"),
    "refuse": (400, "AccessDeniedException", "User is not authorized to perform: servicequotas:GetServiceQuota"),
    "error": (500, "ServiceException", "The service failed."),
}


def answer(world: World, operation: str, params: dict[str, Any]) -> tuple[int, bytes]:
    """Return status and body of the answer to a call, as the world's setting ``quota_answers`` wants it."""
    way = world.settings.quota_answers
    if way in _ERRORS:
        status, code, message = _ERRORS[way]
        return status, _body({"__type": code, "message": message})
    if way == "empty":
        return 200, b""
    known = params.get("ServiceCode") == "workspaces" and params.get("QuotaCode") == QUOTA_CODE
    applied = world.settings.standby_quota
    if operation == "GetServiceQuota" and known and applied is not None:
        return 200, _quota(applied)
    if operation == "GetAWSDefaultServiceQuota" and known and way == "value":
        return 200, _quota(UNLIMITED)
    return 400, _body({"__type": "NoSuchResourceException", "message": "The request failed: no such quota."})


def attach(client: Any, world: World) -> None:
    """Let a boto3 client of ``service-quotas`` call this in place of AWS."""

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        status, body = answer(world, operation_of(headers), json.loads(_text(request.body or b"{}")))
        return AWSResponse(request.url, status, {"Content-Type": CONTENT_TYPE}, _Raw(body))  # type: ignore[arg-type]

    client.meta.events.register("before-send.service-quotas", before_send)


def operation_of(headers: dict[str, str]) -> str:
    """Return the operation that a request's headers, with names in lower case, ask for."""
    return headers.get("x-amz-target", "").partition(".")[2]


def _quota(value: float) -> bytes:
    quota = {"ServiceCode": "workspaces", "QuotaCode": QUOTA_CODE, "Value": float(value), "Adjustable": True}
    return _body({"Quota": quota})


def _body(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Raw:
    """A body that can be read like a connection's."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Any:
        """Yield the body."""
        yield self._body

    def read(self, *_: Any) -> bytes:
        """Return the body."""
        return self._body
