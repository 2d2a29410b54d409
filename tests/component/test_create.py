"""CreateStandbyWorkspaces: what is sent, and what its answer means for each item."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from standby.aws.call import Pacer
from standby.aws.workspaces import StandbyRequest, Standbys
from standby.core.model import DirectoryId, WorkspaceId
from standby.core.outcomes import Pending, Refusal, Refused, Unclear
from tests.component.estate import AWAY, DR, HOME, PRIMARY
from tests.component.wire import NOON, ONE, THREE, TWO, Ticks, Wire, error, unpaced

NOT_IN_ANSWER = Unclear(
    "NotInAnswer", "the answer of CreateStandbyWorkspaces does not contain this primary", answered=True
)


def creating(*answers: object) -> tuple[Standbys, Wire]:
    wire = Wire("workspaces", *answers, region=DR)
    return Standbys(wire.client, unpaced(), primary_region=PRIMARY), wire


def asked(primary: str, user: str = "user1", directory: DirectoryId = AWAY) -> StandbyRequest:
    return StandbyRequest(WorkspaceId(primary), user, directory, None, "NO_REPLICATION", {})


ALL = [asked(ONE), asked(TWO, "user2"), asked(THREE, "user3")]


def answered(pending: object = (), failed: object = ()) -> dict[str, object]:
    return {"PendingStandbyRequests": pending, "FailedStandbyRequests": failed}


def pending(user: str, number: int = 1, directory: str = AWAY) -> dict[str, str]:
    return {"UserName": user, "DirectoryId": directory, "State": "PENDING", "WorkspaceId": f"ws-s0000000{number}"}


def failed(primary: str, **problem: str) -> dict[str, Any]:
    return {"StandbyWorkspaceRequest": {"PrimaryWorkspaceId": primary, "DirectoryId": AWAY}, **problem}


def created(number: int = 1) -> Pending:
    return Pending(WorkspaceId(f"ws-s0000000{number}"), "PENDING")


def test_a_request_is_sent_as_the_service_wants_it() -> None:
    standbys, wire = creating(answered([pending("user1")]))
    key = "arn:aws:kms:us-west-2:123456789012:key/1"
    request = StandbyRequest(ONE, "user1", AWAY, key, "PRIMARY_AS_SOURCE", {"b": "2", "a": "1"})
    assert standbys.create([request]) == {ONE: created()}
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    item = {"PrimaryWorkspaceId": ONE, "DirectoryId": AWAY, "DataReplication": "PRIMARY_AS_SOURCE", "Tags": tags}
    assert wire.sent == [{"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [item | {"VolumeEncryptionKey": key}]}]
    standbys.create([asked(ONE)])
    assert "VolumeEncryptionKey" not in wire.sent[1]["StandbyWorkspaces"][0]


INTERNAL = failed(ONE, ErrorCode="InternalFailure", ErrorMessage="x")
UNKNOWN_USER = failed(TWO, ErrorCode="ResourceNotFound.User", ErrorMessage="who?")
# What an answer makes of three items; what is not named was not spoken of.
MATCHED: dict[str, tuple[object, dict[str, object]]] = {
    "in any order and case": (answered([pending("USER3", 3), pending("User1")]), {ONE: created(), THREE: created(3)}),
    "another user's, and another directory's": (answered([pending("user9"), pending("user2", 2, HOME)]), {}),
    "without a user, or an id": (
        answered([pending("") | {"UserName": None}, pending("user1") | {"WorkspaceId": "x"}]),
        {},
    ),
    "failed alone": (
        answered([pending("user1")], [UNKNOWN_USER, failed(THREE), failed("ws-elsewhere1"), {"ErrorCode": "x"}]),
        {
            ONE: created(),
            TWO: Refused(Refusal.USER_MISSING, "ResourceNotFound.User", "who?"),
            THREE: Refused(Refusal.OTHER, "Unknown", ""),
        },
    ),
    # It is no surer of it than if it had failed at the call.
    "failed inside": (answered([], [INTERNAL]), {ONE: Unclear("InternalFailure", "x", answered=True)}),
    "both failed and pending": (answered([pending("user1")], [failed(ONE)]), {ONE: created()}),
    "nothing": ({}, {}),
    "an empty body": (b"", {}),
    "null": (answered(None, None), {}),
    "entries that are none": (answered([None], [{"StandbyWorkspaceRequest": None}]), {}),
}


@pytest.mark.parametrize(("answer", "outcomes"), MATCHED.values(), ids=MATCHED.keys())
def test_items_are_matched_and_the_others_are_unclear(answer: object, outcomes: dict[WorkspaceId, object]) -> None:
    standbys, wire = creating(answer)
    assert standbys.create(ALL) == dict.fromkeys((ONE, TWO, THREE), NOT_IN_ANSWER) | outcomes
    assert (len(wire.sent), standbys.trouble) == (1, False)


def test_a_users_standbys_in_two_directories_are_two_and_spellings_in_capitals_are_one() -> None:
    standbys, _ = creating(answered([pending("STRASSE", 2, HOME), pending("straße")]))
    requests = [asked(ONE, "STRASSE"), asked(TWO, "straße", HOME)]
    assert standbys.create(requests) == {ONE: created(), TWO: created(2)}


# The kind is that of a refusal; without one nothing is known of any item.
OF_ALL: list[tuple[object, Refusal | None, bool]] = [
    ([], None, False),
    ({"PendingStandbyRequests": "junk"}, None, False),
    (error("InternalServerException", status=500), None, True),
    ((408, {}), None, True),
    (ReadTimeoutError(endpoint_url="x"), None, True),
    (error("ThrottlingException"), Refusal.THROTTLED, True),
    (EndpointConnectionError(endpoint_url="x"), Refusal.UNREACHABLE, True),
    (error("ResourceLimitExceededException"), Refusal.QUOTA, False),
    (error("AccessDeniedException"), Refusal.DENIED, False),
]


@pytest.mark.parametrize(("answer", "kind", "trouble"), OF_ALL, ids=repr)
def test_what_is_said_of_a_call_is_said_of_each_item(answer: object, kind: Refusal | None, *, trouble: bool) -> None:
    standbys, wire = creating(answer)
    outcome = standbys.create(ALL)
    if isinstance(outcome, Refused):
        assert outcome.kind is kind
    else:
        assert (kind, type(outcome[ONE])) == (None, Unclear)
        assert outcome == dict.fromkeys((ONE, TWO, THREE), outcome[ONE])
    assert (len(wire.sent), standbys.trouble) == (1, trouble)
    assert (standbys.lookup_user(AWAY, "4711").problem == "The DR Region did not answer.") is trouble


def test_a_create_is_paced_with_the_lookups_of_its_region() -> None:
    wire, clock = Wire("workspaces", {"Workspaces": []}, region=DR), Ticks()
    standbys = Standbys(wire.client, Pacer(clock, 1.0), primary_region=PRIMARY)
    standbys.lookup_user(AWAY, "4711")
    standbys.create(ALL)
    assert (clock.now() - NOON).total_seconds() == 1
