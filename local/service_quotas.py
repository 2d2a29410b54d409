"""Service Quotas, as far as it knows WorkSpaces: a model of three of its calls, and a way to it without a socket.

The quotas are the world's own settings. Where one has none, nobody ever asked for another one: the service then says
that there is no such resource, and knows only the default, which here is beyond any fleet.
"""

import json
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from local.botocore_adapter import CONTENT_TYPE
from local.workspaces import World

TARGET_PREFIX = "ServiceQuotasV20190624"
QUOTA_CODE = "L-9A67B5CB"
UNLIMITED = 1_000_000
# By code: the name, the world's setting, and the default. What has no setting cannot be raised.
_QUOTAS: dict[str, tuple[str, str, float]] = {
    QUOTA_CODE: ("Standby WorkSpaces", "standby_quota", UNLIMITED),
    "L-34278094": ("WorkSpaces", "workspace_quota", UNLIMITED),
    "L-0798A2C9": ("Connection aliases", "", 20),
}
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
    if operation == "ListServiceQuotas":
        applied = [_quota(world, code) for code in _QUOTAS if params.get("ServiceCode") == "workspaces"]
        return 200, _body({"Quotas": [quota for quota in applied if quota]})
    code = str(params.get("QuotaCode"))
    if params.get("ServiceCode") == "workspaces" and code in _QUOTAS:
        if operation == "GetServiceQuota" and (quota := _quota(world, code)):
            return 200, _body({"Quota": quota})
        if operation == "GetAWSDefaultServiceQuota" and way == "value":
            return 200, _body({"Quota": _shown(code, _QUOTAS[code][2])})
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


def _quota(world: World, code: str) -> dict[str, Any] | None:
    """Return the applied quota; ``None`` where nobody asked for another than the default."""
    _, setting, default = _QUOTAS[code]
    applied = getattr(world.settings, setting) if setting else default
    return None if applied is None else _shown(code, applied)


def _shown(code: str, value: float) -> dict[str, Any]:
    name, setting, _ = _QUOTAS[code]
    return {
        "ServiceCode": "workspaces",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(value),
        "Adjustable": bool(setting),
    }


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
