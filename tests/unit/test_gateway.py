"""The gateway to WorkSpaces, through botocore: pages, answers of any form, and what a create call's answer means."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
)

from local.workspaces import Fault
from standby.clock import Pacer
from standby.model import DirectoryId, Region, Unknown, WorkspaceId
from standby.service.answers import read_workspace
from standby.service.create import CallRefused, Pending, Refusal, StandbyRequest, Standbys, Uncertain
from standby.service.describe import Page, Primaries, batches, halves
from standby.service.refusals import Kind
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, USERS, WINDOWS, Estate, estate

ONE, TWO, THREE = (WorkspaceId(f"ws-{number}00000000") for number in (1, 2, 3))
AWAY_ID = DirectoryId(AWAY)


class Wire:
    """Answers the requests of a client in turn, below botocore's parsing; the last answer repeats."""

    def __init__(self, client: Any, *answers: object) -> None:
        self.sent: list[dict[str, Any]] = []
        self._answers = list(answers)
        client.meta.events.register_first("before-send.workspaces", self._answer)

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.sent.append(json.loads(request.body or "{}"))  # type: ignore[arg-type] # never a stream
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, Exception):
            raise given
        status, content = given if isinstance(given, tuple) else (200, given)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        return AWSResponse(request.url, status, headers, _Body(body))  # type: ignore[arg-type] # any mapping will do


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content

    def read(self, *_: Any) -> bytes:
        return self._content


def primaries(found: Estate, *answers: object) -> tuple[Primaries, Wire]:
    client = found.parts.clients.primary
    return Primaries(client), Wire(client, *answers)


def standbys(found: Estate, *answers: object) -> tuple[Standbys, Wire]:
    client = found.parts.clients.dr
    return Standbys(client, Region(PRIMARY)), Wire(client, *answers)


def error(code: str, message: str = "no", status: int = 400) -> tuple[int, dict[str, str]]:
    return status, {"__type": code, "message": message}


def asked(*ids: WorkspaceId, user: Callable[[int], str] = lambda number: f"user{number}") -> list[StandbyRequest]:
    return [
        StandbyRequest(one, user(number), AWAY_ID, None, "NO_REPLICATION", {"b": "2", "a": "1"})
        for number, one in enumerate(ids, 1)
    ]


def pending(user: str, standby: str = "ws-s00000001", directory: str = AWAY, **more: str) -> dict[str, str]:
    return {"UserName": user, "DirectoryId": directory, "State": "PENDING", "WorkspaceId": standby, **more}


# Describing by id


def test_ids_are_asked_for_twenty_five_a_call() -> None:
    with estate() as found:
        ids = [WorkspaceId(one) for one in found.create(*USERS[:60])]
        calls = len(found.world.calls)
        described = Primaries(found.parts.clients.primary).describe(ids)
        assert set(described.found) == set(ids)
        assert [len(call.params["WorkspaceIds"]) for call in found.world.calls[calls:]] == [25, 25, 10]
        assert described.unknown == {}


def test_an_id_that_is_given_twice_is_asked_for_once() -> None:
    with estate() as found:
        (one,) = (WorkspaceId(one) for one in found.create(USERS[0]))
        Primaries(found.parts.clients.primary).describe([one, one])
        assert found.world.calls[-1].params["WorkspaceIds"] == [one]


def test_nothing_is_asked_for_nothing() -> None:
    with estate() as found:
        assert Primaries(found.parts.clients.primary).describe([]).found == {}
        assert found.world.calls == []


def test_every_page_is_read_with_the_token_of_the_one_before() -> None:
    with estate() as found:
        gateway, wire = primaries(
            found,
            {"Workspaces": [{"WorkspaceId": ONE}], "NextToken": "a"},
            {"Workspaces": [], "NextToken": "b"},
            {"Workspaces": [{"WorkspaceId": TWO}]},
        )
        described = gateway.describe([ONE, TWO, THREE])
        assert set(described.found) == {ONE, TWO}
        assert described.unknown == {}
        assert [request.get("NextToken") for request in wire.sent] == [None, "a", "b"]
        assert all(request["WorkspaceIds"] == [ONE, TWO, THREE] for request in wire.sent)


def test_a_token_that_repeats_ends_and_leaves_the_rest_unknown() -> None:
    with estate() as found:
        gateway, wire = primaries(found, {"Workspaces": [{"WorkspaceId": ONE}], "NextToken": "a"})
        described = gateway.describe([ONE, TWO])
        assert set(described.found) == {ONE}
        assert set(described.unknown) == {TWO}
        assert len(wire.sent) == 2


@pytest.mark.parametrize(
    "failure",
    [
        error("ThrottlingException"),
        error("InternalServerException", status=500),
        ReadTimeoutError(endpoint_url="x", error="x"),
        {},
        {"Workspaces": None},
        b"",
        b"<html>",
    ],
)
def test_a_later_page_that_fails_leaves_what_was_not_seen_unknown(failure: object) -> None:
    with estate() as found:
        gateway, _ = primaries(found, {"Workspaces": [{"WorkspaceId": ONE}], "NextToken": "a"}, failure)
        described = gateway.describe([ONE, TWO])
        assert set(described.found) == {ONE}
        assert set(described.unknown) == {TWO}


@pytest.mark.parametrize(
    "answer",
    [
        {"Workspaces": "WorkSpaces"},
        {"Workspaces": {"WorkspaceId": ONE}},
        {"Workspaces": [None]},
        {"Workspaces": ["junk"]},
        {"Workspaces": [{"UserName": "somebody"}]},
        {"Workspaces": [{"WorkspaceId": None, "UserName": "somebody"}]},
        {"Workspaces": [{"WorkspaceId": ONE, "RelatedWorkspaces": "junk"}]},
        [],
        None,
    ],
    ids=repr,
)
def test_an_answer_that_is_not_of_the_services_form_is_unknown_and_spoils_no_other_batch(answer: object) -> None:
    with estate() as found:
        good = [WorkspaceId(f"ws-good{number:05}") for number in range(25)]
        gateway, _ = primaries(found, {"Workspaces": [{"WorkspaceId": one} for one in good]}, answer)
        described = gateway.describe([*good, ONE])
        assert set(described.found) == set(good)
        assert set(described.unknown) == {ONE}
        assert described.unknown[ONE].code
        assert described.unknown[ONE].message


def test_one_failed_batch_leaves_the_others_known_and_its_own_with_the_services_words() -> None:
    with estate() as found:
        ids = [WorkspaceId(one) for one in found.create(*USERS[:60])]
        found.world.inject(Fault(operation="DescribeWorkspaces", kind="throttle", skip=1, times=1))
        described = Primaries(found.parts.clients.primary).describe(ids)
        assert set(described.found) == {*ids[:25], *ids[50:]}
        assert described.unknown == dict.fromkeys(ids[25:50], Unknown("ThrottlingException", "Rate exceeded"))


@pytest.mark.parametrize("code", ["InvalidParameterValuesException", "ValidationException"])
@pytest.mark.parametrize("at", [0, 12, 24])
def test_an_id_that_the_service_does_not_like_hides_no_other(code: str, at: int) -> None:
    with estate() as found:
        ids = [WorkspaceId(one) for one in found.create(*USERS[:25])]
        found.world.inject(
            Fault(operation="DescribeWorkspaces", kind="refuse", code=code, message="bad", primary_id=ids[at])
        )
        described = Primaries(found.parts.clients.primary).describe(ids)
        assert described.unknown == {ids[at]: Unknown(code, "bad", refused_alone=True)}
        assert set(described.found) == {*ids} - {ids[at]}


def test_an_error_that_no_id_is_guilty_of_is_not_bisected() -> None:
    with estate() as found:
        gateway, wire = primaries(found, error("AccessDeniedException"))
        described = gateway.describe([ONE, TWO, THREE])
        assert set(described.unknown) == {ONE, TWO, THREE}
        assert len(wire.sent) == 1


@pytest.mark.parametrize("status", [401, 403, 408, 429])
@pytest.mark.parametrize("body", [{}, b"<html>", {"__type": "Quantum"}], ids=repr)
def test_a_status_that_is_about_no_id_is_not_bisected(status: int, body: object) -> None:
    with estate() as found:
        gateway, wire = primaries(found, (status, body))
        described = gateway.describe([ONE, TWO, THREE])
        assert set(described.unknown) == {ONE, TWO, THREE}
        assert not any(why.refused_alone for why in described.unknown.values())
        assert len(wire.sent) == 1


# Each of these makes botocore's parser give up the whole answer.
UNPARSED = [
    {"WorkspaceId": TWO, "WorkspaceProperties": "junk"},
    {"WorkspaceId": TWO, "RelatedWorkspaces": ["junk"]},
    {"WorkspaceId": TWO, "DataReplicationSettings": {"RecoverySnapshotTime": "next Tuesday"}},
    "junk",
]


@pytest.mark.parametrize("entry", UNPARSED, ids=repr)
def test_an_entry_that_botocore_itself_cannot_read_hides_no_other(entry: object) -> None:
    with estate() as found:
        gateway, wire = primaries(
            found,
            {"Workspaces": [{"WorkspaceId": ONE}, entry, {"WorkspaceId": THREE}]},
            {"Workspaces": [{"WorkspaceId": ONE}]},
            {"Workspaces": [entry, {"WorkspaceId": THREE}]},
            {"Workspaces": [entry]},
            {"Workspaces": [{"WorkspaceId": THREE}]},
        )
        described = gateway.describe([ONE, TWO, THREE])
        assert set(described.found) == {ONE, THREE}
        assert described.unknown.keys() == {TWO}
        assert described.unknown[TWO].code == "MalformedAnswer"
        assert "object has no attribute" not in described.unknown[TWO].message
        assert [request["WorkspaceIds"] for request in wire.sent][-2:] == [[TWO], [THREE]]


def test_an_id_that_is_told_of_twice_and_differently_is_not_told_of() -> None:
    with estate() as found:
        same = {"WorkspaceId": TWO, "State": "AVAILABLE"}
        entries = [{"WorkspaceId": ONE, "State": state} for state in ("AVAILABLE", "PENDING", "AVAILABLE")]
        gateway, _ = primaries(found, {"Workspaces": [*entries, same, same]})
        described = gateway.describe([ONE, TWO])
        assert set(described.found) == {TWO}
        assert set(described.unknown) == {ONE}


def test_an_answer_about_another_id_than_was_asked_for_says_of_none_that_it_is_not_there() -> None:
    with estate() as found:
        gateway, _ = primaries(found, {"Workspaces": [{"WorkspaceId": ONE}, {"WorkspaceId": THREE}]})
        described = gateway.describe([ONE, TWO])
        assert (set(described.found), set(described.unknown)) == ({ONE}, {TWO})


def test_pages_that_never_end_are_given_up_and_what_was_seen_of_them_counts() -> None:
    with estate() as found:
        pages = [{"Workspaces": [], "NextToken": f"page {number}"} for number in range(100)]
        gateway, wire = primaries(found, {"Workspaces": [{"WorkspaceId": ONE}], "NextToken": "first"}, *pages)
        described = gateway.describe([ONE, TWO])
        assert set(described.found) == {ONE}
        assert "pages" in described.unknown[TWO].message
        assert len(wire.sent) == 50


@pytest.mark.parametrize("token", [7, ["x" * 500_000], {"a": "b"}, True], ids=["number", "list", "map", "yes"])
def test_a_token_that_is_none_ends_the_answer_in_few_words(token: object) -> None:
    with estate() as found:
        gateway, wire = primaries(found, {"Workspaces": [{"WorkspaceId": ONE}], "NextToken": token})
        described = gateway.describe([ONE, TWO])
        assert set(described.found) == {ONE}
        assert len(described.unknown[TWO].message) < 200
        assert len(wire.sent) == 1


def test_nothing_is_asked_for_again_when_all_were_seen_before_a_page_that_cannot_be_read() -> None:
    with estate() as found:
        pages = [
            {"Workspaces": [{"WorkspaceId": ONE}, {"WorkspaceId": TWO}], "NextToken": "a"},
            {"Workspaces": ["junk"]},
        ]
        gateway, wire = primaries(found, *pages)
        described = gateway.describe([ONE, TWO])
        assert (set(described.found), described.unknown) == ({ONE, TWO}, {})
        assert len(wire.sent) == 2


def test_the_words_of_botocore_are_kept_as_far_as_a_row_should_hold_them() -> None:
    with estate() as found:
        gateway, _ = standbys(found, ReadTimeoutError(endpoint_url="x" * 500_000, error="x"))
        outcome = gateway.create(asked(ONE))
        assert isinstance(outcome, dict)
        uncertain = outcome[ONE]
        assert isinstance(uncertain, Uncertain)
        assert len(uncertain.message) == 1000


def test_no_further_page_is_begun_without_the_time_for_it() -> None:
    with estate() as found:
        client, left = found.parts.clients.primary, iter([True, True, False])
        wire = Wire(client, *({"Workspaces": [], "NextToken": f"page {number}"} for number in range(9)))
        described = Primaries(client, has_time=lambda: next(left)).describe([ONE])
        assert "time" in described.unknown[ONE].message
        assert len(wire.sent) == 2


def test_calls_are_paced_pages_and_halves_too() -> None:
    with estate() as found:
        client = found.parts.clients.primary
        Wire(client, error("InvalidParameterValuesException"))
        began = found.clock.now()
        Primaries(client, Pacer(found.clock, 1.0)).describe([ONE, TWO])
        assert (found.clock.now() - began).total_seconds() == 2


# A WorkSpace of an answer


def test_all_that_counts_is_read() -> None:
    workspace = read_workspace(
        {
            "WorkspaceId": ONE,
            "DirectoryId": HOME,
            "UserName": "Alex",
            "State": "AVAILABLE",
            "WorkspaceProperties": {
                "ComputeTypeName": "POWER",
                "OperatingSystemName": "WINDOWS_11",
                "RootVolumeSizeGib": 80,
                "UserVolumeSizeGib": 50,
                "Protocols": ["PCOIP", "WSP"],
            },
            "RootVolumeEncryptionEnabled": True,
            "RelatedWorkspaces": [
                {"WorkspaceId": TWO, "Region": DR, "State": "AVAILABLE", "Type": "STANDBY"},
                {"Region": DR},
            ],
            "StandbyWorkspacesProperties": [
                {
                    "StandbyWorkspaceId": TWO,
                    "DataReplication": "PRIMARY_AS_SOURCE",
                    "RecoverySnapshotTime": datetime(2026, 3, 3, 9, tzinfo=UTC),
                },
                {"DataReplication": "NO_REPLICATION", "RecoverySnapshotTime": datetime(2026, 3, 3, 9, tzinfo=UTC)},
            ],
        }
    )
    assert workspace
    assert (workspace.id, workspace.directory_id, workspace.user_name, workspace.state) == (
        ONE,
        HOME,
        "Alex",
        "AVAILABLE",
    )
    assert (workspace.compute_type, workspace.operating_system) == ("POWER", "WINDOWS_11")
    assert (workspace.root_encrypted, workspace.user_encrypted, workspace.is_encrypted) == (True, False, True)
    (standby,) = workspace.standbys
    assert (standby.id, standby.region, standby.is_healthy) == (TWO, DR, True)
    assert workspace.primary is None
    assert workspace.replication_of(TWO) == "PRIMARY_AS_SOURCE"
    assert workspace.replication_of(THREE) is None
    assert (workspace.root_gib, workspace.user_gib, workspace.protocols) == (80, 50, ("PCOIP", "WSP"))
    assert workspace.recovery_snapshot_of(TWO) == datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert workspace.recovery_snapshot_of(THREE) is None


@pytest.mark.parametrize("odd", [None, True, "80", 0, -1, 80.5, ["80"]])
def test_a_volume_size_of_another_form_is_not_told(odd: object) -> None:
    found = read_workspace({"WorkspaceId": ONE, "WorkspaceProperties": {"RootVolumeSizeGib": odd}})
    assert found
    assert found.root_gib is None


@pytest.mark.parametrize("odd", [None, "PCOIP", ["PCOIP", 7], {"PCOIP": 1}])
def test_protocols_of_another_form_are_not_told(odd: object) -> None:
    found = read_workspace({"WorkspaceId": ONE, "WorkspaceProperties": {"Protocols": odd}})
    assert found
    assert found.protocols == ()


@pytest.mark.parametrize("odd", [None, 1772528400, "2026-03-03", datetime(2026, 3, 3, 9)])  # noqa: DTZ001
def test_a_snapshots_time_of_another_form_is_not_told(odd: object) -> None:
    properties = [{"StandbyWorkspaceId": TWO, "RecoverySnapshotTime": odd}]
    found = read_workspace({"WorkspaceId": ONE, "StandbyWorkspacesProperties": properties})
    assert found
    assert found.recovery_snapshot_of(WorkspaceId(TWO)) is None


@pytest.mark.parametrize("nothing", [{}, {"WorkspaceProperties": None, "RelatedWorkspaces": None, "UserName": None}])
def test_what_an_answer_does_not_say_is_none(nothing: dict[str, Any]) -> None:
    workspace = read_workspace({"WorkspaceId": ONE, **nothing})
    assert workspace
    assert (workspace.directory_id, workspace.user_name, workspace.state) == (None, None, None)
    assert not workspace.is_encrypted
    assert (workspace.related, workspace.standbys, workspace.replication) == ((), (), ())


def test_an_entry_without_an_id_is_no_workspace() -> None:
    assert read_workspace({}) is None
    assert read_workspace({"WorkspaceId": "", "UserName": "x"}) is None
    assert read_workspace({"WorkspaceId": f"{ONE}\n", "UserName": "x"}) is None


@pytest.mark.parametrize(
    "relation",
    [
        None,
        "junk",
        {"WorkspaceId": None, "Type": "STANDBY"},
        {"WorkspaceId": "junk", "Type": "STANDBY", "State": "AVAILABLE"},
        {"WorkspaceId": TWO, "Type": None},
        {"WorkspaceId": TWO, "Type": 7},
    ],
    ids=repr,
)
def test_relations_that_cannot_be_read_are_not_taken_for_none(relation: object) -> None:
    assert read_workspace({"WorkspaceId": ONE, "RelatedWorkspaces": [relation]}) is None
    # Nor does a relation of a type that is new say what the other one is.
    of_new_type = {"WorkspaceId": THREE, "Type": "COUSIN"}
    assert read_workspace({"WorkspaceId": ONE, "RelatedWorkspaces": [relation, of_new_type]}) is None
    workspace = read_workspace(
        {"WorkspaceId": ONE, "RelatedWorkspaces": [relation, {"WorkspaceId": THREE, "Type": "STANDBY"}]}
    )
    assert workspace
    assert [one.id for one in workspace.standbys] == [THREE]


@pytest.mark.parametrize("told", ["junk", 7, True, {"WorkspaceId": TWO, "Type": "STANDBY"}], ids=repr)
def test_relations_that_are_no_list_are_not_taken_for_none(told: object) -> None:
    assert read_workspace({"WorkspaceId": ONE, "RelatedWorkspaces": told}) is None


def test_a_page_has_what_is_in_its_directory_or_does_not_say_where_it_is() -> None:
    listed = [
        {"WorkspaceId": ONE, "DirectoryId": HOME},
        {"WorkspaceId": TWO},
        {"WorkspaceId": THREE, "DirectoryId": "d-0000000000"},
    ]
    with estate() as found:
        gateway, _ = primaries(found, {"Workspaces": listed, "NextToken": "more"}, {"Workspaces": [*listed, {}]})
        page, last = gateway.page(DirectoryId(HOME), None), gateway.page(DirectoryId(HOME), "more")
        assert isinstance(page, Page)
        assert isinstance(last, Page)
        assert [one.id for one in page.workspaces] == [one.id for one in last.workspaces] == [ONE, TWO]
        assert (page.following, page.is_whole) == ("more", True)
        assert (last.following, last.is_whole) == (None, False)


@pytest.mark.parametrize("told", ["false", 0.5, [True], "junk"], ids=repr)
def test_an_encryption_that_cannot_be_read_is_neither_yes_nor_no(told: object) -> None:
    assert read_workspace({"WorkspaceId": ONE, "RootVolumeEncryptionEnabled": told}) is None
    assert read_workspace({"WorkspaceId": ONE, "UserVolumeEncryptionEnabled": told}) is None


@pytest.mark.parametrize("name", ["x" * 257, "half a character: \ud800", "nul \x00", 7, ["al"], ""])
def test_a_name_that_no_ledger_could_hold_is_not_told(name: object) -> None:
    workspace = read_workspace({"WorkspaceId": ONE, "UserName": name, "DirectoryId": name, "State": name})
    assert workspace
    assert (workspace.user_name, workspace.directory_id, workspace.state) == (None, None, None)


def test_the_healthiest_of_several_standbys_counts_and_one_that_goes_counts_last() -> None:
    states = {"ws-d00000000": "TERMINATING", "ws-c00000000": "PENDING", "ws-b00000000": "STOPPED"}
    entries = [{"WorkspaceId": one, "State": state, "Type": "STANDBY"} for one, state in states.items()]
    workspace = read_workspace({"WorkspaceId": ONE, "RelatedWorkspaces": entries})
    assert workspace
    assert [one.state for one in workspace.standbys] == ["STOPPED", "PENDING", "TERMINATING"]


def test_a_relation_of_a_type_that_is_new_is_neither_primary_nor_standby() -> None:
    entry = {"WorkspaceId": TWO, "Type": "CLONE", "State": "AVAILABLE"}
    workspace = read_workspace({"WorkspaceId": ONE, "RelatedWorkspaces": [entry]})
    assert workspace
    assert workspace.standbys == ()
    assert workspace.primary is None


# Looking for a user


@pytest.mark.parametrize("stored", ["user007", "USER007", "User007"])
@pytest.mark.parametrize("wanted", ["user007", "USER007", "User007"])
def test_a_user_is_found_however_the_name_is_spelt(stored: str, wanted: str) -> None:
    with estate(exact_user_filter=True) as found:
        found.world.add_directory(DR, AWAY, [stored])
        order = {"DirectoryId": AWAY, "UserName": stored, "BundleId": WINDOWS}
        made = found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})["PendingRequests"][0]["WorkspaceId"]
        look = Standbys(found.parts.clients.dr, Region(PRIMARY)).look_for_user(AWAY_ID, wanted)
        assert look.complete
        if stored != "User007" or wanted == "User007":  # only the usual spellings are asked for
            assert [one.id for one in look.desktops] == [made]


def test_a_desktop_that_two_spellings_find_is_one_and_another_users_is_none() -> None:
    with estate() as found:
        entry = {"WorkspaceId": ONE, "UserName": "ALEX"}
        other = {"WorkspaceId": TWO, "UserName": "alexandra"}
        nameless = {"WorkspaceId": THREE}
        gateway, wire = standbys(found, {"Workspaces": [entry, other, nameless]})
        look = gateway.look_for_user(AWAY_ID, "Alex")
        assert [one.id for one in look.desktops] == [ONE, THREE]
        assert [request["UserName"] for request in wire.sent] == ["Alex", "alex", "ALEX"]
        assert {request["DirectoryId"] for request in wire.sent} == {AWAY}


def test_a_name_without_letters_is_asked_for_once() -> None:
    with estate() as found:
        gateway, wire = standbys(found, {"Workspaces": []})
        assert gateway.look_for_user(AWAY_ID, "4711").complete
        assert len(wire.sent) == 1


@pytest.mark.parametrize(
    "failure",
    [
        error("ThrottlingException"),
        ReadTimeoutError(endpoint_url="x", error="x"),
        {},
        {"Workspaces": [None]},
        {"Workspaces": ["junk"]},
        {"Workspaces": "junk"},
        {"Workspaces": [{"UserName": "alex"}]},
        {"Workspaces": [], "NextToken": "same"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("after", [0, 1])
def test_a_look_of_which_any_page_fails_is_not_complete(failure: object, after: int) -> None:
    with estate() as found:
        gateway, _ = standbys(found, *[{"Workspaces": [{"WorkspaceId": ONE, "UserName": "alex"}]}] * after, failure)
        look = gateway.look_for_user(AWAY_ID, "alex")
        assert not look.complete
        assert look.problem
        assert len(look.desktops) == after


@pytest.mark.parametrize(
    ("failure", "trouble"),
    [(UNPARSED[0], False), ({"UserName": "alex"}, False), (OSError("reset"), True)],
    ids=repr,
)
def test_a_look_that_meets_what_cannot_be_read_is_that_users_and_not_the_regions(
    failure: object, *, trouble: bool
) -> None:
    with estate() as found:
        gateway, _ = standbys(found, {"Workspaces": [failure]} if isinstance(failure, dict) else failure)
        look = gateway.look_for_user(AWAY_ID, "alex")
        assert (look.complete, look.trouble) == (False, trouble)
        assert "object has no attribute" not in look.problem


def test_the_words_of_a_look_that_was_refused_are_kept_as_far_as_a_row_should_hold_them() -> None:
    with estate() as found:
        gateway, _ = standbys(found, error("AccessDeniedException", "half: \ud800 " + "x" * 500_000))
        assert len(gateway.look_for_user(AWAY_ID, "alex").problem.encode()) < 1500


def test_ragged_pages_are_read_to_the_end() -> None:
    with estate(ragged_pages=True) as found:
        found.world.call(
            DR,
            "CreateWorkspaces",
            {"Workspaces": [{"DirectoryId": AWAY, "UserName": USERS[5], "BundleId": WINDOWS}]},
        )
        for _ in range(20):
            look = Standbys(found.parts.clients.dr, Region(PRIMARY)).look_for_user(AWAY_ID, USERS[5])
            assert look.complete
            assert len(look.desktops) == 1


# Creating


def test_a_request_is_sent_as_the_service_wants_it() -> None:
    with estate() as found:
        gateway, wire = standbys(found, {"PendingStandbyRequests": [pending("user1")]})
        key = "arn:aws:kms:us-west-2:123456789012:key/1"
        request = StandbyRequest(ONE, "user1", AWAY_ID, key, "PRIMARY_AS_SOURCE", {"b": "2", "a": "1"})
        outcome = gateway.create([request])
        assert outcome == {ONE: Pending(WorkspaceId("ws-s00000001"), "PENDING")}
        (sent,) = wire.sent
        assert sent == {
            "PrimaryRegion": PRIMARY,
            "StandbyWorkspaces": [
                {
                    "PrimaryWorkspaceId": ONE,
                    "DirectoryId": AWAY,
                    "VolumeEncryptionKey": key,
                    "DataReplication": "PRIMARY_AS_SOURCE",
                    "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
                }
            ],
        }


def test_what_is_pending_is_matched_by_user_and_directory_in_any_order_and_case() -> None:
    with estate() as found:
        gateway, _ = standbys(
            found,
            {
                "PendingStandbyRequests": [
                    pending("USER3", "ws-s00000003"),
                    pending("user9", "ws-s00000009"),
                    pending("user2", "ws-s00000002", directory="d-0000000000"),
                    pending("User1", "ws-s00000001"),
                ]
            },
        )
        outcome = gateway.create(asked(ONE, TWO, THREE))
        assert isinstance(outcome, dict)
        assert outcome[ONE] == Pending(WorkspaceId("ws-s00000001"), "PENDING")
        assert isinstance(outcome[TWO], Uncertain)
        assert outcome[THREE] == Pending(WorkspaceId("ws-s00000003"), "PENDING")


@pytest.mark.parametrize(("told", "named"), [("straße.al", "STRASSE.Al"), ("STRASSE.Al", "straße.al")])
def test_names_that_one_directory_spells_in_capitals_are_matched_too(told: str, named: str) -> None:
    with estate() as found:
        gateway, _ = standbys(found, {"PendingStandbyRequests": [pending(told)]})
        outcome = gateway.create(asked(ONE, user=lambda _: named))
        assert outcome == {ONE: Pending(WorkspaceId("ws-s00000001"), "PENDING")}


def test_a_failed_item_is_refused_alone_with_its_code_and_words() -> None:
    with estate() as found:
        gateway, _ = standbys(
            found,
            {
                "FailedStandbyRequests": [
                    {
                        "StandbyWorkspaceRequest": {"PrimaryWorkspaceId": TWO, "DirectoryId": AWAY},
                        "ErrorCode": "ResourceNotFound.User",
                        "ErrorMessage": "who?",
                    },
                    {"StandbyWorkspaceRequest": {"PrimaryWorkspaceId": "ws-elsewhere1"}, "ErrorCode": "x"},
                    {"ErrorCode": "x"},
                ],
                "PendingStandbyRequests": [pending("user1")],
            },
        )
        outcome = gateway.create(asked(ONE, TWO, THREE))
        assert isinstance(outcome, dict)
        assert isinstance(outcome[ONE], Pending)
        assert outcome[TWO] == Refusal(Kind.USER_MISSING, "ResourceNotFound.User", "who?")
        assert isinstance(outcome[THREE], Uncertain)
        assert set(outcome) == {ONE, TWO, THREE}


def test_an_item_that_both_failed_and_is_pending_is_taken_for_created() -> None:
    with estate() as found:
        failed = {"StandbyWorkspaceRequest": {"PrimaryWorkspaceId": ONE}, "ErrorCode": "x"}
        answer = {"FailedStandbyRequests": [failed], "PendingStandbyRequests": [pending("user1")]}
        gateway, _ = standbys(found, answer)
        outcome = gateway.create(asked(ONE))
        assert isinstance(outcome, dict)
        assert isinstance(outcome[ONE], Pending)


def test_the_words_of_a_failed_item_are_kept_as_far_as_a_row_should_hold_them() -> None:
    with estate() as found:
        failed = {
            "StandbyWorkspaceRequest": {"PrimaryWorkspaceId": ONE},
            "ErrorCode": "Quantum",
            "ErrorMessage": "half: \ud800 " + "x" * 500_000,
        }
        gateway, _ = standbys(found, {"FailedStandbyRequests": [failed]})
        outcome = gateway.create(asked(ONE))
        assert isinstance(outcome, dict)
        refusal = outcome[ONE]
        assert isinstance(refusal, Refusal)
        assert len(refusal.message) == 1000
        assert refusal.message.startswith("half: \N{REPLACEMENT CHARACTER} xx")


def test_the_words_of_a_refused_call_are_kept_as_far_as_a_row_should_hold_them() -> None:
    with estate() as found:
        gateway, _ = standbys(found, error("C" * 5000, "m" * 500_000))
        refused = gateway.create(asked(ONE))
        assert isinstance(refused, CallRefused)
        assert (len(refused.refusal.code), len(refused.refusal.message)) == (256, 1000)


@pytest.mark.parametrize("body", [{}, b"<html>", {"__type": "Quantum"}], ids=repr)
@pytest.mark.parametrize(("status", "kind"), [(429, Kind.THROTTLED), (403, Kind.DENIED), (418, Kind.OTHER)])
def test_a_refusal_without_a_known_code_is_taken_for_what_its_http_status_says(
    body: object, status: int, kind: Kind
) -> None:
    with estate() as found:
        gateway, _ = standbys(found, (status, body))
        refused = gateway.create(asked(ONE, TWO))
        assert isinstance(refused, CallRefused)
        assert (refused.refusal.kind, refused.declared) == (kind, kind is not Kind.THROTTLED)


def test_a_request_that_timed_out_by_its_http_status_may_have_had_an_effect() -> None:
    with estate() as found:
        gateway, _ = standbys(found, (408, {}))
        outcome = gateway.create(asked(ONE))
        assert isinstance(outcome, dict)
        assert isinstance(outcome[ONE], Uncertain)


def test_what_is_pending_for_a_user_that_nobody_asked_for_is_nobodys() -> None:
    with estate() as found:
        gateway, _ = standbys(
            found, {"PendingStandbyRequests": [pending("somebody"), pending("user1", directory=HOME)]}
        )
        outcome = gateway.create(asked(ONE))
        assert isinstance(outcome, dict)
        assert isinstance(outcome[ONE], Uncertain)


def test_an_error_whose_http_status_is_not_told_may_have_had_an_effect() -> None:
    with estate() as found:
        client = found.parts.clients.dr
        problem = ClientError({"Error": {"Code": "Strange", "Message": "x"}}, "CreateStandbyWorkspaces")
        client.create_standby_workspaces = raising(problem)  # type: ignore[method-assign]
        outcome = Standbys(client, Region(PRIMARY)).create(asked(ONE))
        assert outcome == {ONE: Uncertain("Strange", "x")}


def raising(problem: Exception) -> Callable[..., Any]:
    def call(**_: Any) -> Any:
        raise problem

    return call


def test_a_failed_item_without_code_or_words_is_refused_all_the_same() -> None:
    with estate() as found:
        failed = {"StandbyWorkspaceRequest": {"PrimaryWorkspaceId": ONE}}
        gateway, _ = standbys(found, {"FailedStandbyRequests": [failed]})
        assert gateway.create(asked(ONE)) == {ONE: Refusal(Kind.OTHER, "Unknown", "")}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        b"",
        b"<html>",
        None,
        [],
        {"PendingStandbyRequests": None, "FailedStandbyRequests": None},
        {"PendingStandbyRequests": "junk"},
        {"PendingStandbyRequests": [{"UserName": "user1", "DirectoryId": AWAY, "WorkspaceId": "junk"}]},
        {"PendingStandbyRequests": [None]},
        {"PendingStandbyRequests": [{"DirectoryId": AWAY}]},
        {"PendingStandbyRequests": [{"UserName": "user1", "DirectoryId": AWAY}]},
        {"FailedStandbyRequests": [None]},
        {"FailedStandbyRequests": [{"StandbyWorkspaceRequest": None}]},
        error("InternalServerException", status=500),
        error("InternalServerException", status=400),
        error("AccessDeniedException", status=503),
        (502, b"<html>Bad Gateway</html>"),
        ReadTimeoutError(endpoint_url="x", error="x"),
        ConnectionClosedError(endpoint_url="x", error="x"),
        OSError("reset"),
    ],
    ids=repr,
)
def test_an_answer_that_does_not_say_what_became_of_an_item_is_uncertain(answer: object) -> None:
    with estate() as found:
        gateway, wire = standbys(found, answer)
        outcome = gateway.create(asked(ONE, TWO))
        assert isinstance(outcome, dict)
        assert [type(outcome[one]) for one in (ONE, TWO)] == [Uncertain, Uncertain]
        assert len(wire.sent) == 1


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="x"),
        ConnectTimeoutError(endpoint_url="x"),
        ProxyConnectionError(proxy_url="x"),
        NoCredentialsError(),
    ],
)
def test_what_never_left_this_machine_created_nothing(failure: Exception) -> None:
    with estate() as found:
        gateway, _ = standbys(found, failure)
        outcome = gateway.create(asked(ONE))
        assert isinstance(outcome, CallRefused)
        assert outcome.refusal.kind is Kind.UNREACHABLE
        assert outcome.refusal.code == type(failure).__name__
        assert not outcome.declared


@pytest.mark.parametrize(
    ("answer", "kind", "declared"),
    [
        (error("ThrottlingException"), Kind.THROTTLED, False),
        (error("ThrottlingException", status=503), Kind.THROTTLED, False),
        (error("TooManyRequestsException", status=429), Kind.THROTTLED, False),
        (error("ExpiredTokenException", status=403), Kind.UNREACHABLE, False),
        (error("AccessDeniedException"), Kind.DENIED, True),
        (error("ResourceLimitExceededException"), Kind.QUOTA, True),
        (error("InvalidParameterValuesException"), Kind.OTHER, True),
        (error("OperationNotSupportedException"), Kind.OTHER, True),
        (error("ResourceNotFoundException", "The user al could not be found"), Kind.USER_MISSING, True),
    ],
)
def test_an_error_of_the_call_tells_whether_one_item_may_be_guilty(
    answer: object, kind: Kind, *, declared: bool
) -> None:
    with estate() as found:
        gateway, _ = standbys(found, answer)
        outcome = gateway.create(asked(ONE, TWO))
        assert isinstance(outcome, CallRefused)
        assert (outcome.refusal.kind, outcome.declared) == (kind, declared)


def test_a_request_that_botocore_itself_refuses_was_not_sent_and_one_item_may_be_guilty() -> None:
    with estate() as found:
        gateway, wire = standbys(found, {})
        (broken,) = asked(ONE)
        object.__setattr__(broken, "dr_directory", 7)
        outcome = gateway.create([broken])
        assert isinstance(outcome, CallRefused)
        assert (outcome.refusal.kind, outcome.refusal.code, outcome.declared) == (
            Kind.OTHER,
            "ParamValidationError",
            True,
        )
        assert wire.sent == []


def test_a_create_is_paced_with_the_looks_of_its_region() -> None:
    with estate() as found:
        client = found.parts.clients.dr
        Wire(client, {"Workspaces": []})
        began = found.clock.now()
        gateway = Standbys(client, Region(PRIMARY), Pacer(found.clock, 1.0))
        gateway.look_for_user(AWAY_ID, "4711")
        gateway.create(asked(ONE))
        assert (found.clock.now() - began).total_seconds() == 1


# Lists


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (25, [25]), (26, [25, 1]), (60, [25, 25, 10])])
def test_batches_hold_twenty_five_and_lose_nothing(count: int, sizes: list[int]) -> None:
    ids = [WorkspaceId(f"ws-{number:09}") for number in range(count)]
    found = list(batches(ids))
    assert [len(batch) for batch in found] == sizes
    assert [one for batch in found for one in batch] == ids


@pytest.mark.parametrize("items", [[1, 2], [1, 2, 3], list(range(25))])
def test_halves_are_both_shorter_and_lose_nothing(items: Sequence[int]) -> None:
    first, second = halves(items)
    assert [*first, *second] == list(items)
    assert 0 < len(first) < len(items)
