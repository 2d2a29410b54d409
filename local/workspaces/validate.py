"""Requests checked against botocore's service model, as the service does and the client does not.

botocore checks what is required, types and minima. Maxima, patterns and enums pass it and fail at the service.
"""

import functools
import re
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from local.workspaces.errors import ServiceError


@functools.cache
def service_model() -> ServiceModel:
    """Return botocore's model of WorkSpaces."""
    return botocore.session.get_session().get_service_model("workspaces")


# Operations that are the Resource Groups Tagging API's.
OF_TAGGING = frozenset({"GetResources"})


@functools.cache
def _operation(name: str) -> OperationModel:
    if name in OF_TAGGING:
        return botocore.session.get_session().get_service_model("resourcegroupstaggingapi").operation_model(name)
    if name not in service_model().operation_names:
        raise ServiceError("UnknownOperationException", f"WorkSpaces has no operation {name}")
    return service_model().operation_model(name)


def check(operation: str, params: dict[str, Any]) -> None:
    """Check a request.

    Raises
    ------
    ServiceError
        ``ValidationException`` with every constraint it breaks, ``SerializationException`` for a wrong type, or
        ``UnknownOperationException``.
    """
    if problems := broken(_operation(operation), params):
        plural = "" if len(problems) == 1 else "s"
        message = f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}"
        raise ServiceError("ValidationException", message)


def broken(operation: OperationModel, params: dict[str, Any]) -> list[str]:
    """Return a sentence for each constraint that the parameters of an operation of any service break.

    Raises
    ------
    ServiceError
        ``SerializationException`` for a wrong type.
    """
    found: list[str] = []
    if operation.input_shape is not None:
        _check(operation.input_shape, params, "", found)
    return found


def broken_shape(name: str, value: dict[str, Any]) -> list[str]:
    """Return a sentence for each constraint that the value of a shape of WorkSpaces breaks.

    Raises
    ------
    ServiceError
        ``SerializationException`` for a wrong type.
    """
    found: list[str] = []
    _check(service_model().shape_for(name), value, "", found)
    return found


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
}


def _check(shape: Shape, value: Any, path: str, broken: list[str]) -> None:
    wanted = _PYTHON_TYPES.get(shape.type_name)
    if wanted is not None and (
        not isinstance(value, wanted) or (shape.type_name == "integer" and isinstance(value, bool))
    ):
        raise ServiceError("SerializationException", f"{path or 'the request'} cannot be read as {shape.type_name}")
    match shape.type_name:
        case "structure":
            _check_structure(shape, value, path, broken)
        case "list":
            _check_size(shape, len(value), "have length", value, path, broken)
            for index, item in enumerate(value, 1):
                _check(shape.member, item, f"{path}.{index}.member", broken)  # type: ignore[attr-defined]
        case "string":
            _check_size(shape, len(value), "have length", value, path, broken)
            _check_string(shape, value, path, broken)
        case "integer":
            _check_size(shape, value, "have value", value, path, broken)


def _check_structure(shape: Shape, value: dict[str, Any], path: str, broken: list[str]) -> None:
    members: dict[str, Shape] = shape.members  # type: ignore[attr-defined]
    for name in shape.required_members:
        if value.get(name) is None:
            broken.append(_sentence(None, _join(path, name), "Member must not be null"))
    for name, member in members.items():
        if value.get(name) is not None:
            _check(member, value[name], _join(path, name), broken)


def _check_size(shape: Shape, size: int, what: str, value: Any, path: str, broken: list[str]) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        broken.append(_sentence(value, path, f"Member must {what} greater than or equal to {low}"))
    if high is not None and size > high:
        broken.append(_sentence(value, path, f"Member must {what} less than or equal to {high}"))


def _check_string(shape: Shape, value: str, path: str, broken: list[str]) -> None:
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        broken.append(_sentence(value, path, f"Member must satisfy regular expression pattern: {pattern}"))
    enum = shape.metadata.get("enum")
    if enum and value not in enum:
        broken.append(_sentence(value, path, f"Member must satisfy enum value set: [{', '.join(enum)}]"))


def _join(path: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{path}.{lowered}" if path else lowered


def _sentence(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
