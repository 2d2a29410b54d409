"""How a call to the service can go wrong."""

from typing import Any


class ServiceError(Exception):
    """The service answered with an error.

    Parameters
    ----------
    code : str
        The error's code as botocore shows it, such as ``ThrottlingException``.
    message : str
        The sentence beside it.
    status : int
        The HTTP status.
    fields : dict, optional
        Further members of the error's shape, such as ``ResourceId``.
    """

    def __init__(self, code: str, message: str, status: int = 400, fields: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields or {}


class TransportFault(Exception):
    """The caller got no answer that can be read; an adapter turns this into what a network would show.

    Parameters
    ----------
    kind : str
        One of the kinds of :mod:`local.workspaces.faults` that concern the transport.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def invalid(message: str) -> ServiceError:
    """Return the declared exception for parameters that are well formed and wrong."""
    return ServiceError("InvalidParameterValuesException", message)
