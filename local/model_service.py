"""Models of services beside WorkSpaces, as services of the emulator: authorised as at AWS, answered by the model."""

import json
from collections.abc import Callable
from typing import Any

from local import ministack_patches as emulator
from local.botocore_adapter import CONTENT_TYPE

# Given the Region, the operation and its parameters: status and body of the answer.
Answer = Callable[[str, str, dict[str, Any]], tuple[int, bytes]]


class ModelService:
    """What the emulator calls for each request to a service that speaks JSON 1.1 and whose calls name no ARN.

    Parameters
    ----------
    prefix : str
        Of its actions, such as ``ds``.
    answer : callable
        The model.
    """

    def __init__(self, prefix: str, answer: Answer) -> None:
        self._prefix = prefix
        self._answer = answer

    async def handle_request(
        self, _method: str, _path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> emulator.Response:
        """Authorise a request and return the model's answer."""
        named = {name.lower(): value for name, value in headers.items()}
        operation = named.get("x-amz-target", "").rpartition(".")[2]
        region = emulator.region_of(headers, query)
        denied = emulator.denial(headers, query, region, [(f"{self._prefix}:{operation}", "*", {})])
        if denied is not None:
            code, message, _ = denied
            status, content = 400, json.dumps({"__type": code, "message": message}).encode()
        else:
            status, content = self._answer(region, operation, json.loads(body or b"{}"))
        return status, {"Content-Type": CONTENT_TYPE}, content
