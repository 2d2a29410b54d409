"""The sweep's pages: asked for again as far as there is time, and each WorkSpace counted once, whenever it was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from local.workspaces import Fault
from standby.ledger.quota import StandbyQuota
from standby.model import DirectoryId, WorkspaceId
from standby.settings import Directory
from standby.sweep.memory import MOST_IDS, PARTNER, SweepMemory
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, SWEEP, USERS, Estate, estate
from tests.unit.sweeping import DESCRIBE, kept, swept

OTHERS = [(f"d-90673{number:05}", f"d-92672{number:05}") for number in range(3)]
HANGS = 35  # seconds until a call that hangs is given up


@contextmanager
def answering(found: Estate, change: Callable[[str, dict[str, Any], dict[str, Any]], None]) -> Iterator[None]:
    """Pages of directories, changed: given are the Region, the parameters and the answer."""
    real = found.world.call

    def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
        answer = real(where, operation, params, principal)
        if operation == DESCRIBE and "DirectoryId" in params:
            change(where, params, answer)
        return answer

    found.world.call = call  # type: ignore[method-assign, assignment]
    yield
    found.world.call = real  # type: ignore[method-assign]


def four_directories(found: Estate) -> None:
    """Map three directories more."""
    for home, away in OTHERS:
        found.world.add_directory(PRIMARY, home, USERS)
        found.world.add_directory(DR, away, USERS)
    mapped = [(HOME, AWAY), *OTHERS]
    found.configure(directories={DirectoryId(home): Directory(DirectoryId(away)) for home, away in mapped})


def hang(found: Estate) -> list[str]:
    """Let the DR Region's WorkSpaces not answer any more; the directories that it was asked for."""
    asked: list[str] = []

    def describe(**request: Any) -> Any:
        asked.append(request["DirectoryId"])
        found.pass_time(seconds=HANGS)
        raise ReadTimeoutError(endpoint_url="https://workspaces.us-west-2.amazonaws.com")

    found.parts.clients.dr.describe_workspaces = describe  # type: ignore[method-assign]
    return asked


def sweep_in_time(found: Estate, first: float = 240) -> list[float]:
    """Sweep, with 240 s for an invocation to begin something in, but for the first; how long each took."""
    took: list[float] = []
    cursor: Any = None
    while cursor is not None or not took:
        began, seconds = found.clock.now(), 240 if took else first

        def passed(began: Any = began) -> float:
            return (found.clock.now() - began).total_seconds()  # type: ignore[no-any-return]

        sweeper = found.parts.sweeper(
            SWEEP,
            "request",
            lambda passed=passed, seconds=seconds: passed() < seconds,  # type: ignore[misc]
            lambda: None,
            StandbyQuota(found.quotas),
        )
        cursor = sweeper.sweep(SWEEP, cursor).answer()["cursor"]
        took.append(passed())
    return took


# A Region that hangs


def test_a_region_that_hangs_is_waited_for_once_and_keeps_no_directory_from_being_scanned() -> None:
    with estate() as found:
        four_directories(found)
        ids = [found.create(USERS[0], directory=home)[0] for home, _ in [(HOME, ""), *OTHERS]]
        found.pass_time(hours=2)
        asked = hang(found)
        took = sweep_in_time(found)
        assert max(took) < 300
        first, *others = sorted(found.parts.settings.directories)
        partners = [found.parts.settings.directories[one].dr_directory for one in (first, *others)]
        assert asked == [partners[0]] * 4 + partners[1:]
        assert all(found.row(one) for one in ids)
        assert "partner side: ReadTimeoutError" in kept(found, "LAST")["problem"]


def test_a_page_that_hangs_is_asked_for_in_the_next_invocation_when_the_time_is_over() -> None:
    with estate() as found:
        swept(found)
        found.create_ready(USERS[0])
        asked = hang(found)
        took = sweep_in_time(found, first=130)
        # Three times in vain, then the time was over; from the beginning in the next one.
        assert len(asked) == 7
        assert took[0] < 130 + HANGS


def test_a_region_that_answers_again_is_asked_as_often_as_ever() -> None:
    with estate() as found:
        four_directories(found)
        homes = sorted(found.parts.settings.directories)
        second = found.parts.settings.directories[homes[1]].dr_directory
        real = found.parts.clients.dr.describe_workspaces
        asked = hang(found)
        broken = found.parts.clients.dr.describe_workspaces

        def describe(**request: Any) -> Any:
            if request["DirectoryId"] == second:
                return real(**request)
            return broken(**request)

        found.parts.clients.dr.describe_workspaces = describe  # type: ignore[method-assign]
        sweep_in_time(found, first=3600)
        times = [asked.count(found.parts.settings.directories[one].dr_directory) for one in homes]
        assert times == [4, 0, 4, 1]


def test_a_region_that_throttles_does_not_hang() -> None:
    with estate() as found:
        four_directories(found)
        found.world.inject(Fault(DESCRIBE, "throttle", DR))
        found.world.calls.clear()
        found.sweep()
        assert len([call for call in found.world.calls if call.region == DR]) == 16


# What is shown again


def test_what_an_earlier_invocation_has_seen_is_not_counted_again() -> None:
    with estate() as found:
        swept(found)
        found.create_ready(*USERS[:60])
        shown: list[Any] = []

        def repeat_the_first(where: str, _: Any, answer: dict[str, Any]) -> None:
            if where == PRIMARY:
                shown.append(answer["Workspaces"][0])
                answer["Workspaces"] = [shown[0], *answer["Workspaces"]]

        with answering(found, repeat_the_first):
            parts = found.sweep(pages=3)
        assert len(parts) > 1
        assert kept(found, "LAST")["sizes"] == {"own": 60, "partner": 0}
        assert parts[-1].scanned == 60
        day = found.item(f"COVERAGE#{HOME}", f"DAY#{found.clock.now().date().isoformat()}")
        assert (day["primaries"], sum(day["by_status"].values())) == (60, 60)


@pytest.mark.parametrize("pages", [1000, 4])
def test_pages_that_go_round_are_a_problem_of_the_scan(pages: int) -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        tokens: list[Any] = []

        def go_round(where: str, params: dict[str, Any], answer: dict[str, Any]) -> None:
            tokens.append(answer.get("NextToken"))
            if where == PRIMARY and tokens[-1] is None:
                answer["NextToken"] = next(one for one in tokens if one)  # that of the second page

        with answering(found, go_round):
            found.sweep(pages=pages)
        assert kept(found, "LAST")["problem"] == "own side: the pages go round in a circle"
        assert "taken_at" not in kept(found, "BASELINE")


@pytest.mark.parametrize(("region", "side"), [(PRIMARY, "own"), (DR, "partner")])
def test_a_page_with_an_entry_that_cannot_be_read_is_a_problem_of_the_scan_though_the_next_ones_can(
    region: str, side: str
) -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:30])  # two pages
        found.protect(*ids)
        found.pass_time(hours=1)

        def spoil(where: str, params: dict[str, Any], answer: dict[str, Any]) -> None:
            if where == region and "NextToken" not in params:
                answer["Workspaces"][0] = {"UserName": answer["Workspaces"][0]["UserName"]}

        with answering(found, spoil):
            for _ in range(2):
                found.sweep()
        assert kept(found, "LAST")["problem"] == f"{side} side: a page had an entry that cannot be read"
        assert "taken_at" not in kept(found, "BASELINE")


def test_pages_that_go_round_under_ever_new_tokens_are_noticed_by_what_they_show() -> None:
    with estate() as found:
        found.create_ready(*USERS[:3])
        pages: list[Any] = []

        def never_end(where: str, params: dict[str, Any], answer: dict[str, Any]) -> None:
            if where == PRIMARY:
                pages.append(answer)
                answer["NextToken"] = f"token-{len(pages)}"

        real = found.parts.clients.primary.describe_workspaces

        def describe(**request: Any) -> Any:
            return real(DirectoryId=request["DirectoryId"])

        found.parts.clients.primary.describe_workspaces = describe  # type: ignore[method-assign]
        with answering(found, never_end):
            parts = found.sweep(pages=9)
        assert kept(found, "LAST")["problem"] == "own side: the pages go round in a circle"
        assert len(pages) == 21
        assert parts[-1].scanned == 3


def test_pages_without_anything_are_no_circle() -> None:
    with estate() as found:
        found.create_ready(*USERS[:20])
        real = found.parts.clients.primary.describe_workspaces
        empty = iter(range(30))

        def describe(**request: Any) -> Any:
            number = next(empty, None)
            if number is not None:
                return {"Workspaces": [], "NextToken": f"token-{number}"}
            return real(DirectoryId=request["DirectoryId"])

        found.parts.clients.primary.describe_workspaces = describe  # type: ignore[method-assign]
        part = found.sweep()[-1]
        assert (part.outcome, part.scanned) == ("1 of 1 directories were scanned completely", 20)


# What is kept


def test_a_part_that_is_too_much_for_an_item_is_kept_in_several() -> None:
    with estate() as found:
        memory = SweepMemory(found.parts.table())
        seen = {WorkspaceId(f"ws-{number:09}"): "" for number in range(3 * MOST_IDS + 1)}
        assert memory.keep(DirectoryId(HOME), PARTNER, 2, "run", seen) == 4
        assert memory.keep(DirectoryId(HOME), PARTNER, 0, "run", {}) == 1
        assert memory.keep(DirectoryId(HOME), PARTNER, 1, "run", {}) == 1
        assert memory.recall(DirectoryId(HOME), PARTNER, 6, "run") == seen
        sizes = [len(found.item(f"SWEEP#{HOME}", f"partner#{number:05}")["seen"]) for number in range(2, 6)]
        assert max(sizes) < 400_000 // 5


def test_a_scan_that_takes_several_items_a_part_is_concluded_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standby.sweep.memory.MOST_IDS", 10)
    with estate() as found:
        found.create_ready(*USERS[:60])
        found.sweep()
        found.sweep(pages=2)
        assert kept(found, "LAST")["parts"] == {"partner": 1, "own": 7}
        assert kept(found, "LAST")["sizes"] == {"partner": 0, "own": 60}
        assert not found.notes.problems


def test_a_scan_of_which_a_part_is_missing_has_seen_nothing_that_could_be_told() -> None:
    with estate() as found:
        memory = SweepMemory(found.parts.table())
        seen = {WorkspaceId("ws-000000001"): "", WorkspaceId("ws-000000002"): "word"}
        memory.keep(DirectoryId(HOME), PARTNER, 0, "run", seen)
        assert memory.recall(DirectoryId(HOME), PARTNER, 1, "run") == seen
        assert memory.recall(DirectoryId(HOME), PARTNER, 2, "run") is None
        assert memory.recall(DirectoryId(HOME), PARTNER, 1, "another run") is None
