"""Service Quotas as a service of the emulator: authorised as AWS authorises it, and answered by the model."""

import json

from local import ministack_patches as emulator
from local.botocore_adapter import CONTENT_TYPE
from local.service_quotas import answer, operation_of
from local.workspaces import World


class ServiceQuotasService:
    """What the emulator calls for each request to Service Quotas."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_request(
        self, _method: str, _path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> emulator.Response:
        """Authorise a request and return the model's answer. No ARN can be named for these calls."""
        operation = operation_of({name.lower(): value for name, value in headers.items()})
        region = emulator.region_of(headers, query)
        denied = emulator.denial(headers, query, region, [(f"servicequotas:{operation}", "*", {})])
        if denied is not None:
            code, message, _ = denied
            status, content = 400, json.dumps({"__type": code, "message": message}).encode()
        else:
            status, content = answer(self._world, operation, json.loads(body or b"{}"))
        return status, {"Content-Type": CONTENT_TYPE}, content
