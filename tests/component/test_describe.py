"""DescribeWorkspaces: by id, by user, page by page, and what an entry says; what is unknown is said to be, and why."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from standby.aws.call import Pacer
from standby.aws.workspaces import Page, WorkSpaces, read_workspace
from standby.core.model import Region, Related, Unknown, Workspace, WorkspaceId
from tests.component.estate import AWAY, DR, HOME
from tests.component.wire import NOON, ONE, THREE, TWO, Ticks, Wire, error, unpaced

MANY = [WorkspaceId(f"ws-{number:09}") for number in range(60)]
TIME_OUT = ReadTimeoutError(endpoint_url="x")
# botocore's parser gives up the whole answer for one of these; the reader cannot read the others.
UNPARSED: list[object] = ["junk", {"WorkspaceId": TWO, "WorkspaceProperties": "junk"}]
UNREAD: list[object] = [{"UserName": "al"}, {"WorkspaceId": ONE, "RelatedWorkspaces": [{"Region": "x"}]}]
# About nothing that was asked for.
OF_ALL: list[object] = [error("ThrottlingException"), error("InternalServerException", status=500), TIME_OUT]
OF_ALL += [error("AccessDeniedException"), error("ExpiredTokenException"), OSError("reset"), {}]
OF_ALL += [(status, body) for status in (401, 403, 408, 429) for body in ({}, b"<html>", {"__type": "Quantum"})]


def listed(*entries: object, token: object = None) -> dict[str, object]:
    """An answer that shows some WorkSpaces, ids or whole entries."""
    shown = [{"WorkspaceId": one} if isinstance(one, str) and one.startswith("ws-") else one for one in entries]
    return {"Workspaces": shown} | ({"NextToken": token} if token is not None else {})


def reading(*answers: object) -> tuple[WorkSpaces, Wire]:
    wire = Wire("workspaces", *answers)
    return WorkSpaces(wire.client, unpaced()), wire


def told(found: dict[WorkspaceId, Workspace | Unknown]) -> tuple[set[WorkspaceId], set[WorkspaceId]]:
    """What is found, and what is unknown."""
    unknown = {one for one, answer in found.items() if isinstance(answer, Unknown)}
    return found.keys() - unknown, unknown


# By id


def test_ids_are_asked_for_twenty_five_a_call_and_each_once() -> None:
    workspaces, wire = reading(listed(*MANY[:25]), listed(*MANY[25:50]), listed(*MANY[50:]))
    assert told(workspaces.describe([*MANY, *MANY[:3]])) == (set(MANY), set())
    assert [request["WorkspaceIds"] for request in wire.sent] == [MANY[:25], MANY[25:50], MANY[50:]]
    assert workspaces.describe([]) == {}
    assert len(wire.sent) == 3


def test_every_page_is_read_with_the_token_of_the_one_before_and_what_none_shows_is_absent() -> None:
    workspaces, wire = reading(listed(ONE, token="a"), listed(token="b"), listed(TWO))
    assert told(workspaces.describe([ONE, TWO, THREE])) == ({ONE, TWO}, set())
    assert [request.get("NextToken") for request in wire.sent] == [None, "a", "b"]
    assert all(request["WorkspaceIds"] == [ONE, TWO, THREE] for request in wire.sent)


A_THEN_ONE: object = listed(ONE, token="a")
ENTRIES = [{"WorkspaceId": ONE, "State": state} for state in ("AVAILABLE", "PENDING", "AVAILABLE")]
ENDLESS: list[object] = [A_THEN_ONE, *(listed(token=f"page {number}") for number in range(100))]
# Of ONE and TWO: the answers, what is found, what is unknown, and how many calls that takes.
PAGES: dict[str, tuple[list[object], str, str, int]] = {
    "the token repeats": ([A_THEN_ONE], "1", "2", 2),
    "pages never end": (ENDLESS, "1", "2", 50),
    **{f"then {failure!r}": ([A_THEN_ONE, failure], "1", "2", 2) for failure in [*OF_ALL, {"Workspaces": None}, b""]},
    **{f"a token {token!r}": ([listed(ONE, token=token)], "", "12", 1) for token in (7, ["x"], {"a": "b"}, True)},
    "all were seen before junk": ([listed(ONE, TWO, token="a"), listed("junk")], "12", "", 2),
    "told of twice, and differently": ([listed(*ENTRIES, TWO, TWO)], "2", "1", 1),
    "told of another": ([listed(ONE, THREE)], "1", "2", 1),
    **{f"{failure!r}": ([failure], "", "12", 1) for failure in OF_ALL},
}


@pytest.mark.parametrize(("answers", "found", "unknown", "calls"), PAGES.values(), ids=PAGES.keys())
def test_what_pages_say_of_two(answers: list[object], found: str, unknown: str, calls: int) -> None:
    workspaces, wire = reading(*answers)
    described, ids = workspaces.describe([ONE, TWO]), {"1": ONE, "2": TWO}
    assert told(described) == ({ids[one] for one in found}, {ids[one] for one in unknown})
    assert len(wire.sent) == calls
    for one in described.values():
        assert isinstance(one, Workspace) or (not one.refused_alone and len(one.message) < 200)


@pytest.mark.parametrize("answer", [None, [], {"Workspaces": "junk"}, *map(listed, UNPARSED + UNREAD)], ids=repr)
def test_an_answer_that_is_not_of_the_services_form_spoils_no_other_batch(answer: object) -> None:
    workspaces, _ = reading(listed(*MANY[:25]), answer)
    described = workspaces.describe([*MANY[:25], ONE])
    assert told(described) == (set(MANY[:25]), {ONE})
    problem = described[ONE]
    assert isinstance(problem, Unknown)
    assert (problem.code, problem.refused_alone) == ("MalformedAnswer", False)


class Picky:
    """A service that refuses each call with a certain id in it."""

    def __init__(self, bad: str, answer: object) -> None:
        self.calls: list[list[str]] = []
        self._bad, self._refuses = bad, Wire("workspaces", answer).client.describe_workspaces

    def describe_workspaces(self, WorkspaceIds: list[str]) -> object:  # noqa: N803 (boto3's spelling)
        self.calls.append(WorkspaceIds)
        return self._refuses(WorkspaceIds=WorkspaceIds) if self._bad in WorkspaceIds else listed(*WorkspaceIds)


@pytest.mark.parametrize("answer", [error("ValidationException", "bad"), *map(listed, UNPARSED)], ids=repr)
@pytest.mark.parametrize("at", [0, 12, 24])
def test_one_that_the_service_does_not_like_or_that_cannot_be_read_hides_no_other(answer: object, at: int) -> None:
    picky = Picky(MANY[at], answer)
    described = WorkSpaces(picky, unpaced()).describe(MANY[:25])  # type: ignore[arg-type]
    assert told(described) == ({*MANY[:25]} - {MANY[at]}, {MANY[at]})
    assert len(picky.calls) <= 11  # 1 + 2 for each halving of 25
    if isinstance(answer, tuple):
        assert described[MANY[at]] == Unknown("ValidationException", "bad", refused_alone=True)


def test_no_further_page_and_no_further_batch_is_begun_without_the_time_for_it() -> None:
    wire, left = Wire("workspaces", *(listed(token=f"page {number}") for number in range(9))), iter([True, True])
    described = WorkSpaces(wire.client, unpaced(), has_time=lambda: next(left, False)).describe([*MANY[:25], ONE])
    assert len(wire.sent) == 2
    assert described[MANY[0]] == Unknown("MalformedAnswer", "there was no time left for the next page")
    assert described[ONE] == Unknown("NoTime", "there was no time left for the call")


def test_calls_are_paced_halves_too() -> None:
    wire, clock = Wire("workspaces", error("InvalidParameterValuesException")), Ticks()
    WorkSpaces(wire.client, Pacer(clock, 1.0)).describe([ONE, TWO])
    assert (clock.now() - NOON).total_seconds() == 2


# By user


def test_a_user_is_looked_for_in_the_usual_spellings_and_counts_once() -> None:
    named = [{"WorkspaceId": ONE, "UserName": "ALEX"}, {"WorkspaceId": TWO, "UserName": "alexandra"}, THREE]
    elsewhere = {"WorkspaceId": MANY[0], "UserName": "alex", "DirectoryId": HOME}
    workspaces, wire = reading(listed(*named, elsewhere))
    look = workspaces.lookup_user(AWAY, "aLEX")
    assert (look.complete, look.problem, [one.id for one in look.desktops]) == (True, "", [ONE, THREE])
    assert wire.sent == [{"DirectoryId": AWAY, "UserName": name} for name in ("aLEX", "alex", "ALEX", "Alex")]
    assert workspaces.lookup_user(AWAY, "4711").complete
    assert len(wire.sent) == 5


OF_AN_ITEM = [error("InvalidParameterValuesException"), {"Workspaces": "junk"}, *map(listed, UNPARSED + UNREAD)]


@pytest.mark.parametrize(
    ("failure", "trouble"), [*((one, True) for one in OF_ALL), *((one, False) for one in OF_AN_ITEM)], ids=repr
)
@pytest.mark.parametrize("after", [0, 1])
def test_a_lookup_of_which_any_page_fails_is_not_complete(failure: object, after: int, *, trouble: bool) -> None:
    workspaces, wire = reading(*[listed({"WorkspaceId": MANY[0], "UserName": "alex"})] * after, failure)
    look = workspaces.lookup_user(AWAY, "alex")
    assert not look.complete
    assert look.problem
    assert "object has no attribute" not in look.problem
    assert MANY[0] in [one.id for one in look.desktops] or not after
    # What is about one user is no trouble of the Region's; after trouble, nobody is asked for any more.
    assert workspaces.trouble is trouble
    calls = len(wire.sent)
    again = workspaces.lookup_user(AWAY, "4711")
    assert (again.complete, again.problem == "The DR Region did not answer.") == (False, trouble)
    assert (len(wire.sent) > calls) is not trouble


# Page by page


def test_a_page_has_what_is_in_its_directory_or_does_not_say_where_it_is() -> None:
    entries = [{"WorkspaceId": ONE, "DirectoryId": HOME}, TWO, {"WorkspaceId": THREE, "DirectoryId": "d-0000000000"}]
    workspaces, wire = reading(listed(*entries, token="more"), listed(*entries, {}))
    shown = Workspace(ONE, HOME), Workspace(TWO)
    assert workspaces.page(HOME, None) == Page(shown, "more", is_whole=True)
    assert workspaces.page(HOME, "more") == Page(shown, None, is_whole=False)
    assert wire.sent == [{"DirectoryId": HOME}, {"DirectoryId": HOME, "NextToken": "more"}]


@pytest.mark.parametrize("answer", [*OF_ALL, listed("junk"), listed(ONE, token="same"), listed(ONE, token=7)], ids=repr)
def test_a_page_that_fails_is_unknown_and_says_why(answer: object) -> None:
    page = reading(answer)[0].page(HOME, "same")
    assert isinstance(page, Unknown)
    assert page.code
    assert page.message


def test_what_a_page_and_a_description_show_gets_its_tags() -> None:
    tagged: Callable[[Sequence[Workspace]], Sequence[Workspace]]
    tagged = lambda shown: [Workspace(one.id, tags=(("a", "1"),)) for one in shown]  # noqa: E731
    workspaces = WorkSpaces(Wire("workspaces", listed(ONE)).client, unpaced(), tagged=tagged)
    expected = Workspace(ONE, tags=(("a", "1"),))
    assert workspaces.page(HOME, None) == Page((expected,), None, is_whole=True)
    assert workspaces.describe([ONE]) == {ONE: expected}


# One entry

NINE = datetime(2026, 3, 3, 9, tzinfo=UTC)
STANDBY: dict[str, Any] = {"WorkspaceId": TWO, "Region": DR, "State": "AVAILABLE", "Type": "STANDBY"}
NESTED = {"NestedVirtualizationEnabled": True}
RELATED = Related(TWO, Region(DR), "AVAILABLE", "STANDBY")


def read(**entry: Any) -> Workspace | None:
    return read_workspace({"WorkspaceId": ONE, **entry})


def test_all_that_counts_is_read() -> None:
    properties = {"ComputeTypeName": "POWER", "OperatingSystemName": "WINDOWS_11", "RootVolumeSizeGib": 80}
    found = read(
        DirectoryId=HOME,
        UserName="Alex",
        State="AVAILABLE",
        WorkspaceProperties={**properties, "UserVolumeSizeGib": 50, "Protocols": ["PCOIP", "WSP"], **NESTED},
        RootVolumeEncryptionEnabled=True,
        VolumeEncryptionKey="arn:key/1",
        RelatedWorkspaces=[STANDBY, {"Region": DR}],
        StandbyWorkspacesProperties=[
            {"StandbyWorkspaceId": TWO, "DataReplication": "PRIMARY_AS_SOURCE", "RecoverySnapshotTime": NINE},
            {"DataReplication": "NO_REPLICATION", "RecoverySnapshotTime": NINE},
        ],
        DataReplicationSettings={"DataReplication": "NO_REPLICATION"},
    )
    assert found == Workspace(
        ONE,
        directory_id=HOME,
        user_name="Alex",
        state="AVAILABLE",
        compute_type="POWER",
        operating_system="WINDOWS_11",
        root_gib=80,
        user_gib=50,
        protocols=("PCOIP", "WSP"),
        root_encrypted=True,
        volume_encryption_key="arn:key/1",
        nested_virtualization=True,
        related=(RELATED,),
        replication=((TWO, "PRIMARY_AS_SOURCE"),),
        snapshots=((TWO, NINE),),
        data_replication="NO_REPLICATION",
    )


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"State": "ERROR", "ErrorCode": "E", "ErrorMessage": "so"}, ("E", "so")),
        ({"State": "UNHEALTHY", "ErrorCode": "E"}, ("E", "")),
        ({"State": "IMPAIRED", "ErrorMessage": "x" * 2000}, ("Unknown", "x" * 1000)),
        ({"State": "AVAILABLE", "ErrorCode": "E", "ErrorMessage": "of last week"}, None),
        ({"State": "ERROR", "ErrorCode": 7, "ErrorMessage": ["so"]}, None),
        ({"State": "ERROR"}, None),
    ],
)
def test_awss_reason_is_read_of_what_is_unwell(entry: dict[str, object], error: tuple[str, str] | None) -> None:
    found = read(**entry)
    assert found is not None
    assert found.error == error


NAMES: list[object] = ["x" * 257, "half a character: \ud800", "nul \x00", 7, ["al"], "", None]
NOT_TOLD: list[dict[str, Any]] = [
    {},
    {"WorkspaceProperties": None, "RelatedWorkspaces": None, "StandbyWorkspacesProperties": "junk"},
    *({"UserName": odd, "DirectoryId": odd, "State": odd, "VolumeEncryptionKey": odd} for odd in NAMES),
    *({"WorkspaceProperties": {"NestedVirtualizationEnabled": odd}} for odd in (None, False, "true", 1)),
    *({"WorkspaceProperties": {"RootVolumeSizeGib": odd}} for odd in (None, True, "80", 0, -1, 80.5, ["80"])),
    *({"WorkspaceProperties": {"Protocols": odd}} for odd in (None, "PCOIP", ["PCOIP", 7], {"PCOIP": 1})),
]


@pytest.mark.parametrize("entry", NOT_TOLD, ids=repr)
def test_what_is_not_told_or_of_another_form_is_none(entry: dict[str, Any]) -> None:
    assert read(**entry) == Workspace(ONE)


@pytest.mark.parametrize("odd", [None, 1772528400, "2026-03-03", datetime(2026, 3, 3, 9)])  # noqa: DTZ001
def test_a_snapshots_time_of_another_form_is_not_told(odd: object) -> None:
    found = read(StandbyWorkspacesProperties=[{"StandbyWorkspaceId": TWO, "RecoverySnapshotTime": odd}])
    assert found == Workspace(ONE, replication=((TWO, ""),))


BROKEN: list[Any] = [None, "junk", *(STANDBY | {"WorkspaceId": odd} for odd in (None, "junk")), STANDBY | {"Type": 7}]
NO_WORKSPACE: list[object] = [
    None,
    "junk",
    {},
    *({"WorkspaceId": odd} for odd in ("", f"{ONE}\n", None)),
    *({"WorkspaceId": ONE, "RelatedWorkspaces": odd} for odd in ("junk", 7, True, STANDBY)),
    *({"WorkspaceId": ONE, "RelatedWorkspaces": [odd]} for odd in BROKEN),
    *({"WorkspaceId": ONE, "RelatedWorkspaces": [odd, STANDBY | {"Type": "COUSIN"}]} for odd in BROKEN),
    *({"WorkspaceId": ONE, f"{volume}VolumeEncryptionEnabled": "false"} for volume in ("Root", "User")),
]


@pytest.mark.parametrize("entry", NO_WORKSPACE, ids=repr)
def test_without_an_id_its_relations_and_its_encryption_it_is_no_workspace(entry: object) -> None:
    assert read_workspace(entry) is None


@pytest.mark.parametrize("relation", BROKEN, ids=repr)
def test_a_broken_relation_beside_a_known_one_is_left_out(relation: object) -> None:
    assert read(RelatedWorkspaces=[relation, STANDBY]) == Workspace(ONE, related=(RELATED,))


def test_a_relation_of_a_new_type_is_neither_primary_nor_standby() -> None:
    found = read(RelatedWorkspaces=[STANDBY | {"WorkspaceId": THREE, "Type": "CLONE"}])
    assert found
    assert (found.standbys, found.primary, len(found.related)) == ((), None, 1)


# Directories


def registered(*found: tuple[object, object], **more: object) -> dict[str, object]:
    return {"Directories": [{"DirectoryId": one, "State": state} for one, state in found], **more}


SHOWN = registered((HOME, "REGISTERED"), (AWAY, "ERROR"))
REGISTRATIONS: dict[str, tuple[object, dict[str, str | None] | str]] = {
    "both": (SHOWN, {HOME: "REGISTERED", AWAY: "ERROR"}),
    "one": (registered((HOME, "DEREGISTERING")), {HOME: "DEREGISTERING", AWAY: None}),
    "none": (registered(), {HOME: None, AWAY: None}),
    "there is more": (registered((HOME, "REGISTERED"), NextToken="a"), "MalformedAnswer"),
    "another": (registered((HOME, "REGISTERED"), ("d-90strange00", "REGISTERED")), "MalformedAnswer"),
    **{f"state {odd!r}": (registered((HOME, odd)), "MalformedAnswer") for odd in (None, 7, "")},
    **{f"{odd!r}": (odd, "MalformedAnswer") for odd in (None, {}, {"Directories": None}, {"Directories": "junk"})},
    **{f"entry {odd!r}": ({"Directories": [odd]}, "MalformedAnswer") for odd in ("junk", {}, {"State": "REGISTERED"})},
    "refused": (error("AccessDeniedException"), "AccessDeniedException"),
    "no answer": (TIME_OUT, "ReadTimeoutError"),
}


@pytest.mark.parametrize(("answer", "expected"), REGISTRATIONS.values(), ids=REGISTRATIONS.keys())
def test_which_directories_are_registered_is_known_from_whole_answers_alone(answer: object, expected: Any) -> None:
    workspaces, wire = reading(answer)
    found = workspaces.registrations([HOME, AWAY])
    assert (found.code if isinstance(found, Unknown) else found) == expected
    assert wire.sent == [{"DirectoryIds": [HOME, AWAY]}]
