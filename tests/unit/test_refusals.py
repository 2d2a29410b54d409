"""The service's codes and words, and what each is taken for."""

from __future__ import annotations

import pytest

from standby.service.refusals import Kind, kind_of

CODES = {
    Kind.THROTTLED: [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
    ],
    Kind.QUOTA: [
        "ResourceLimitExceeded",
        "ResourceLimitExceededException",
        "ResourceLimitExceeded.StandbyWorkSpaces",
        "LimitExceededException",
        "ServiceQuotaExceededException",
    ],
    Kind.USER_MISSING: ["ResourceNotFound.User", "ResourceNotFoundUser", "UserNotFoundException", "User.NotFound"],
    Kind.EXISTS: [
        "ResourceExists.WorkSpace",
        "ResourceExists",
        "ResourceAlreadyExistsException",
        "WorkspaceAlreadyExists",
    ],
    Kind.INTERNAL: [
        "InternalServerError",
        "InternalFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ServiceFault",
        "RequestTimeout",
    ],
    Kind.DENIED: [
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "NotAuthorizedException",
        "Forbidden",
    ],
    Kind.STATE: [
        "InvalidResourceStateException",
        "ResourceUnavailableException",
        "OperationNotSupported.State",
        "Unsupported.WorkspaceState",
    ],
    Kind.UNREACHABLE: [
        "ExpiredTokenException",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
    ],
    Kind.OTHER: [
        "OperationNotSupportedException",
        "InvalidParameterValuesException",
        "ResourceNotFoundException",
        "ResourceNotFound.Directory",
        "ValidationException",
        "Unknown",
        "",
        "Quantum.Entangled",
    ],
}


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in CODES.items() for code in codes])
def test_a_code_has_its_kind(kind: Kind, code: str) -> None:
    assert kind_of(code, "") is kind


def test_every_kind_has_a_code_here() -> None:
    assert set(CODES) == set(Kind)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Kind.DENIED), (403, Kind.DENIED), (408, Kind.INTERNAL), (429, Kind.THROTTLED), (418, Kind.OTHER)],
)
def test_the_http_status_decides_where_neither_code_nor_words_do(status: int, kind: Kind) -> None:
    assert kind_of(str(status), "", status) is kind
    assert kind_of("Quantum.Entangled", "", status) is kind
    assert kind_of("ResourceLimitExceeded", "", status) is Kind.QUOTA
    assert kind_of("OperationNotSupportedException", "Not in its current state.", status) is Kind.STATE


@pytest.mark.parametrize("code", CODES[Kind.THROTTLED] + CODES[Kind.QUOTA] + CODES[Kind.USER_MISSING])
def test_the_case_of_a_code_does_not_count(code: str) -> None:
    assert kind_of(code.lower(), "") is kind_of(code, "") is kind_of(code.upper(), "")


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("ResourceNotFoundException", "The user alice could not be found in directory d-1.", Kind.USER_MISSING),
        ("ResourceNotFoundException", "User alice does not exist", Kind.USER_MISSING),
        ("InvalidParameterValuesException", "The user 'a b' was not found.", Kind.USER_MISSING),
        ("ResourceNotFoundException", "The directory d-1 could not be found.", Kind.OTHER),
        ("Quantum", "The user alice could not be found.", Kind.OTHER),
        ("OperationNotSupportedException", "A WorkSpace already exists for alice in d-1.", Kind.EXISTS),
        ("InvalidParameterValuesException", "The user alice already has a WorkSpace.", Kind.EXISTS),
        ("Quantum", "A WorkSpace already exists for alice in d-1.", Kind.OTHER),
        ("OperationNotSupportedException", "Not allowed while the WorkSpace is in state REBOOTING.", Kind.STATE),
        ("OperationNotSupportedException", "Not allowed in its current state.", Kind.STATE),
        ("InvalidParameterValuesException", "Invalid state of the WorkSpace.", Kind.STATE),
        ("OperationNotSupportedException", "Not offered in the United States or this Region.", Kind.OTHER),
        ("AccessDeniedException", "The user alice could not be found in its current state.", Kind.DENIED),
    ],
)
def test_words_decide_where_the_code_is_about_many_things(code: str, message: str, kind: Kind) -> None:
    assert kind_of(code, message) is kind
