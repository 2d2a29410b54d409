"""The one way AWS is called: whatever botocore does is an answer, a refusal, or unclear."""

from typing import Any

import pytest
from botocore import exceptions as botocore

from standby.aws.call import MALFORMED, call, kind_of
from standby.core.outcomes import Answer, Outcome, Refusal, Refused, Unclear
from tests.component.wire import ONE, Wire, error

UNREADABLE = Unclear(MALFORMED, "DescribeWorkspaces gave an answer that cannot be read", answered=True)


def described(*answers: object) -> Outcome:
    return call(Wire("workspaces", *answers).client.describe_workspaces, WorkspaceIds=[ONE])


def workspace(**entry: object) -> object:
    return {"Workspaces": [{"WorkspaceId": ONE, **entry}]}


NEVER_SENT: list[Exception] = [
    *(of(endpoint_url="x") for of in (botocore.EndpointConnectionError, botocore.ConnectTimeoutError)),
    botocore.ProxyConnectionError(proxy_url="x"),
    botocore.NoCredentialsError(),
]
PERHAPS_SENT: list[Exception] = [
    *(of(endpoint_url="x") for of in (botocore.ReadTimeoutError, botocore.ConnectionClosedError)),
    botocore.HTTPClientError(error="x"),
    botocore.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    botocore.SSLError(endpoint_url="x", error=OSError("x")),
    OSError("reset"),
]
BY_STATUS = {401: Refusal.DENIED, 403: Refusal.DENIED, 429: Refusal.THROTTLED, 418: Refusal.OTHER}
# What botocore does, what it is taken for, and the code, or the kind, that it has.
OUTCOMES: list[tuple[object, type, str | Refusal | None]] = [
    (workspace(), Answer, None),
    *((body, Answer, None) for body in (b"<html>", b"", {}, {"Workspaces": None})),
    *((one, Refused, Refusal.UNREACHABLE) for one in NEVER_SENT),
    *((one, Unclear, type(one).__name__) for one in PERHAPS_SENT),
    *((error("InternalServerException", status=each), Unclear, "InternalServerException") for each in (400, 500)),
    (error("RequestTimeout"), Unclear, "RequestTimeout"),
    (error("AccessDeniedException", status=503), Unclear, "AccessDeniedException"),
    ((502, b"<html>Bad Gateway</html>"), Unclear, "502"),
    ((408, {}), Unclear, "408"),
    ((302, {"__type": "Quantum"}), Unclear, "Quantum"),
    *((error("ThrottlingException", status=each), Refused, Refusal.THROTTLED) for each in (400, 503)),
    (error("ExpiredTokenException", status=403), Refused, Refusal.UNREACHABLE),
    (error("AccessDeniedException"), Refused, Refusal.DENIED),
    (error("ResourceNotFoundException", "The user al could not be found"), Refused, Refusal.USER_MISSING),
    *(
        ((status, body), Refused, kind)
        for body in ({}, b"<html>", {"__type": "Quantum"})
        for status, kind in BY_STATUS.items()
    ),
]


@pytest.mark.parametrize(("does", "outcome", "says"), OUTCOMES, ids=repr)
def test_what_botocore_does_is_one_of_three(does: object, outcome: type, says: str | Refusal | None) -> None:
    found = described(does)
    assert type(found) is outcome
    if not isinstance(found, Answer):
        assert (found.kind if isinstance(found, Refused) else found.code) == says
        assert not isinstance(found, Unclear) or not found.answered


UNPARSED: list[object] = [
    *({"Workspaces": junk} for junk in (["junk"], "junk")),
    workspace(WorkspaceProperties="junk"),
    workspace(RelatedWorkspaces=["junk"]),
    workspace(DataReplicationSettings={"RecoverySnapshotTime": "next Tuesday"}),
    None,
    [],
]


@pytest.mark.parametrize("body", UNPARSED, ids=repr)
def test_what_botocores_parser_gives_up_was_answered_and_is_unclear(body: object) -> None:
    assert described(body) == UNREADABLE


def test_what_is_called_wrongly_or_answers_strangely_is_said_to_be() -> None:
    wire = Wire("workspaces", {})
    found = call(wire.client.describe_workspaces, WorkspaceIds=7)
    assert isinstance(found, Refused)
    assert (found.kind, found.code, wire.sent) == (Refusal.OTHER, "ParamValidationError", [])

    def list_things(**_: Any) -> Any:
        return ["junk"]

    def send() -> Any:
        raise botocore.ClientError({"Error": {"Code": "Strange", "Message": "x"}}, "Send")

    assert call(list_things) == Unclear(MALFORMED, "ListThings gave an answer that cannot be read", answered=True)
    assert call(send) == Unclear("Strange", "x")  # with a status that is not told


def test_the_words_of_a_problem_are_kept_as_far_as_a_row_should_hold_them() -> None:
    refused = described(error("C" * 5000, "half: \ud800 " + "x" * 500_000))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.message) == ("C" * 256, "half: \N{REPLACEMENT CHARACTER} " + "x" * 992)
    unclear = described(botocore.ReadTimeoutError(endpoint_url="x" * 500_000))
    assert isinstance(unclear, Unclear)
    assert len(unclear.message) == 1000


CODES = {
    Refusal.THROTTLED: "Throttling ThrottlingException ThrottledException TooManyRequestsException RateExceeded"
    " RequestLimitExceeded RequestThrottled SlowDown throttling SLOWDOWN",
    Refusal.QUOTA: "ResourceLimitExceeded ResourceLimitExceededException ResourceLimitExceeded.StandbyWorkSpaces"
    " LimitExceededException ServiceQuotaExceededException resourcelimitexceeded",
    Refusal.USER_MISSING: "ResourceNotFound.User ResourceNotFoundUser UserNotFoundException User.NotFound usernotfound",
    Refusal.EXISTS: "ResourceExists.WorkSpace ResourceExists ResourceAlreadyExistsException WorkspaceAlreadyExists",
    Refusal.DENIED: "AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorizedException Forbidden",
    Refusal.STATE: "InvalidResourceStateException ResourceUnavailableException OperationNotSupported.State"
    " Unsupported.WorkspaceState OperationInProgressException",
    Refusal.INTERNAL: "InternalServerError InternalFailure ServiceUnavailable ServiceFault AServerError RequestTimeout",
    Refusal.UNREACHABLE: "ExpiredTokenException UnrecognizedClientException InvalidClientTokenId SignatureDoesNotMatch"
    " RequestTimeTooSkewed InvalidSecurityToken",
    Refusal.OTHER: "OperationNotSupportedException InvalidParameterValuesException ResourceNotFoundException Unknown"
    " ValidationException Quantum.Entangled StateMachine",
    Refusal.DIRECTORY: "ResourceNotFound.Directory DirectoryUnavailableException",
}


@pytest.mark.parametrize("kind", Refusal)
def test_a_code_has_its_kind(kind: Refusal) -> None:
    assert {code: kind_of(code, "") for code in CODES[kind].split()} == dict.fromkeys(CODES[kind].split(), kind)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("", "", Refusal.OTHER),
        ("ResourceNotFoundException", "The user alice could not be found in directory d-1.", Refusal.USER_MISSING),
        ("ResourceNotFoundException", "User alice does not exist", Refusal.USER_MISSING),
        ("InvalidParameterValuesException", "The user 'a b' was not found.", Refusal.USER_MISSING),
        ("ResourceNotFoundException", "The directory d-1 could not be found.", Refusal.DIRECTORY),
        ("Quantum", "The user alice could not be found.", Refusal.OTHER),
        ("OperationNotSupportedException", "A WorkSpace already exists for alice in d-1.", Refusal.EXISTS),
        ("InvalidParameterValuesException", "The user alice already has a WorkSpace.", Refusal.EXISTS),
        ("Quantum", "A WorkSpace already exists for alice in d-1.", Refusal.OTHER),
        ("OperationNotSupportedException", "Not allowed while the WorkSpace is in state REBOOTING.", Refusal.STATE),
        ("OperationNotSupportedException", "Not allowed in its current state.", Refusal.STATE),
        ("InvalidParameterValuesException", "Invalid state of the WorkSpace.", Refusal.STATE),
        ("OperationNotSupportedException", "Not offered in the United States or this Region.", Refusal.OTHER),
        (
            "InvalidResourceStateException",
            "The specified directory is not in a valid state. Confirm that it has a status of Active, and try again.",
            Refusal.DIRECTORY,
        ),
        ("InvalidResourceStateException", "The WorkSpace is not in a valid state.", Refusal.STATE),
        ("ResourceNotFoundException", "The user al is not in the directory.", Refusal.OTHER),
        ("ValidationException", "Rate exceeded", Refusal.THROTTLED),
        ("InvalidParameterValuesException", "Too many requests. Try again later.", Refusal.THROTTLED),
        ("InternalServerException", "Rate exceeded", Refusal.INTERNAL),
        ("AccessDeniedException", "The user alice could not be found in its current state.", Refusal.DENIED),
    ],
)
def test_words_decide_where_the_code_is_about_many_things(code: str, message: str, kind: Refusal) -> None:
    assert kind_of(code, message) is kind


def test_the_http_status_decides_where_neither_code_nor_words_do() -> None:
    assert kind_of("Quantum", "", 429) is Refusal.THROTTLED
    assert kind_of("Quantum", "", 408) is Refusal.INTERNAL
    assert kind_of("ResourceLimitExceeded", "", 429) is Refusal.QUOTA
    assert kind_of("OperationNotSupportedException", "Not in its current state.", 403) is Refusal.STATE
