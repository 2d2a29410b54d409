"""A directory's pages: asked for again as far as there is time, and each WorkSpace counted once."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from standby.aws.workspaces import Page
from standby.core.conclusions import DR_SIDE, OWN
from standby.core.model import DirectoryId, Status, Unknown, Workspace, WorkspaceId
from standby.core.settings import Directory
from standby.pages import Pages, Seen
from tests.component.estate import AWAY, DESCRIBE, DR, EVENT, HOME, PRIMARY, USERS, Estate, refusal
from tests.component.wire import unpaced

HANGS, THROTTLED = ReadTimeoutError(endpoint_url="x"), refusal("ThrottlingException")


def last(found: Estate) -> dict[str, Any]:
    return found.item(f"SWEEP#{HOME}", "LAST")


def change_pages(found: Estate, change: Callable[[dict[str, Any], dict[str, Any]], None], *of: str) -> None:
    """Change the pages of directories: given are the parameters and the answer."""

    def between(operation: str, parameters: dict[str, Any], go: Callable[[], Any]) -> Any:
        if operation != DESCRIBE or parameters.get("DirectoryId") not in of:
            return go()
        given = dict(parameters)
        if str(parameters.get("NextToken")).startswith("made-up"):
            del parameters["NextToken"]
        answer = go()
        change(given, answer)
        return answer

    found.between = between


# One page


def pages(found: Estate, has_time: Callable[[], bool] = lambda: True) -> Pages:
    primaries, standbys = found.deployed.primaries(unpaced()), found.deployed.standbys(unpaced())
    return Pages(found.deployed.recorder(EVENT, has_time), primaries, standbys)


@pytest.mark.parametrize(
    ("problems", "times"),
    [([HANGS, HANGS, HANGS], [4, 1, 1]), ([HANGS, None, HANGS], [4, 1, 4]), ([THROTTLED, THROTTLED], [4, 4])],
)
def test_a_region_that_hangs_is_waited_for_once(found: Estate, problems: list[Any], times: list[int]) -> None:
    asking, asked = pages(found), []
    for problem in problems:
        found.between = None
        calls = found.disturb(DESCRIBE, problem or (lambda: None), times=4)
        assert isinstance(asking.ask(HOME, DR_SIDE, None), Unknown if problem else Page)
        asked.append(len(calls))
        assert {call["DirectoryId"] for call in calls} == {AWAY}
    assert asked == times
    assert found.notes.counts["UnknownAnswers"] == sum(each - 1 for each in times)


def test_a_later_invocation_knows_that_the_region_hangs(found: Estate) -> None:
    other, dr_directory = DirectoryId("d-9067328a7c"), DirectoryId("d-926722f013")
    found.world.add_directory(PRIMARY, other, USERS)
    found.world.add_directory(DR, dr_directory, USERS)
    found.configure(directories={HOME: Directory(AWAY), other: Directory(dr_directory)})
    calls = found.disturb(DESCRIBE, HANGS, times=99, when=lambda given: given["DirectoryId"] in (AWAY, dr_directory))
    assert len(found.sweep(calls=6)) > 2
    asked = [call["DirectoryId"] for call in calls]
    assert sorted(asked.count(one) for one in (AWAY, dr_directory)) == [1, 4]


def test_a_page_for_which_the_time_is_over_is_none(found: Estate) -> None:
    left = iter([True] * 3)
    calls = found.disturb(DESCRIBE, THROTTLED, times=4)
    assert pages(found, lambda: next(left, False)).ask(HOME, OWN, None) is None
    assert [call["DirectoryId"] for call in calls] == [HOME] * 3


# What pages show

FOUR = [WorkspaceId(f"ws-{number:09}") for number in range(4)]
# Of each page: which it shows, and the token of the next one.
SHOWN: dict[str, tuple[list[tuple[str, str | None]], str, bool]] = {
    "to the end": ([("01", "a"), ("23", None)], "123", False),
    "one that moves counts once": ([("01", "a"), ("12", "b"), ("23", None)], "123", False),
    "a token comes again": ([("1", "a"), ("2", "b"), ("3", "a")], "123", True),
    "nothing new, almost too often": ([("1", "a"), *[("01", f"b{number}") for number in range(19)]], "1", False),
    "nothing new, too often": ([("1", "a"), *[("01", f"b{number}") for number in range(20)]], "1", True),
    "nothing at all": ([("1", "a"), *[("", f"b{number}") for number in range(30)]], "1", False),
    "news in between": ([*[("0", f"a{number}") for number in range(19)], ("1", "b"), ("1", "c")], "1", False),
}


@pytest.mark.parametrize(("shown", "here", "goes_round"), SHOWN.values(), ids=SHOWN)
def test_what_pages_show_together(shown: list[tuple[str, str | None]], here: str, *, goes_round: bool) -> None:
    seen = Seen(OWN, {FOUR[0]: ""}, None)
    fresh = []
    for ids, following in shown:
        fresh += seen.take(Page(tuple(Workspace(FOUR[int(one)]) for one in ids), following, is_whole=True))
    assert [one.id for one in fresh] == list(seen.here) == [FOUR[int(one)] for one in here]
    assert (seen.token, seen.goes_round) == (shown[-1][1], goes_round)


def test_pages_that_go_round_through_many_invocations_are_a_problem_of_the_scan(found: Estate) -> None:
    found.create_ready(*USERS[:3])
    asked: list[Any] = []

    def never_end(given: dict[str, Any], answer: dict[str, Any]) -> None:
        asked.append(given)
        answer["NextToken"] = f"made-up-{len(asked)}"

    change_pages(found, never_end, HOME)
    assert len(found.sweep(calls=9)) > 1
    assert last(found)["problem"] == "own side: the pages repeat without an end"
    assert (len(asked), len(found.notes.changes)) == (21, 3)
    assert "taken_at" not in found.item(f"SWEEP#{HOME}", "BASELINE")


@pytest.mark.parametrize(("directory", "side"), [(HOME, "own"), (AWAY, "dr")])
def test_a_page_with_an_unreadable_entry_makes_a_scan_incomplete(found: Estate, directory: str, side: str) -> None:
    found.protect(*found.create_ready(*USERS[:30]))  # two pages
    found.pass_time(hours=1)

    def spoil(given: dict[str, Any], answer: dict[str, Any]) -> None:
        if "NextToken" not in given:
            del answer["Workspaces"][0]["WorkspaceId"]

    change_pages(found, spoil, directory)
    for _ in range(2):
        found.sweep()
    assert last(found)["problem"] == f"{side} side: a page has an entry that cannot be read"
    assert "taken_at" not in found.item(f"SWEEP#{HOME}", "BASELINE")


def test_what_no_page_shows_or_names_and_a_lookup_by_its_id_does_is_not_gone(found: Estate) -> None:
    one, other, *_ = found.protected(*USERS[:8])
    missed = (one, found.row(other).standby_id)

    def without(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [entry for entry in entries if entry["WorkspaceId"] not in missed]

    def leave_out(_: Any, answer: dict[str, Any]) -> None:
        answer["Workspaces"] = without(answer["Workspaces"])
        for entry in answer["Workspaces"]:
            entry["RelatedWorkspaces"] = without(entry.get("RelatedWorkspaces", []))

    change_pages(found, leave_out, HOME, AWAY)
    for _ in range(3):
        found.pass_time(hours=1)
        found.sweep()
    assert last(found)["complete"]
    assert {found.status(each) for each in (one, other)} == {(Status.PROTECTED, "STANDBY_READY")}
