"""What words name, and what is said of those that name nothing."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, cast

import pytest

from cli import finding
from cli.ledger import Ledger
from cli.problems import Problem
from standby.core.model import Status, is_workspace_id, user_key
from standby.core.reasons import Reason

HOME, AWAY = "d-906732325d", "d-926722edaf"


def row(one: str, user: str, status: str = "PROTECTED", **more: Any) -> dict[str, Any]:
    shown = {"pk": one, "primary_id": one, "user_name": user, "status": status, "reason_code": "STANDBY_READY"}
    return shown | {"primary_directory_id": HOME, "dr_directory_id": AWAY} | more


ROWS = [
    row("ws-1abc2def3", "Alice", standby_id="ws-9standby1"),
    row("ws-2abc2def3", "bob", "PRIMARY_GONE", reason_code="ORPHANED", standby_id="ws-9standby2"),
    row("ws-3abc2def3", "bob"),
    row("ws-4abc2def3", "carol", "WAITING"),
    row("ws-5abc2def3", "carol", "PROTECTED"),
    row("ws-9standby3", "dave", "INELIGIBLE", reason_code="IS_STANDBY"),
    row("ws-6abc2def3", "dave", standby_id="ws-9standby3"),
]


class Rows:
    """A ledger of some rows."""

    def states(self, ids: Sequence[str]) -> dict[str, Any]:
        return {one["pk"]: one for one in ROWS if one["pk"] in ids}

    def primaries_of(self, ids: Sequence[str]) -> dict[str, str]:
        return {one["standby_id"]: one["pk"] for one in ROWS if one.get("standby_id") in ids}

    def find(self, word: str) -> list[Any]:
        if not is_workspace_id(word):
            return [one for one in ROWS if user_key(one["user_name"]) == user_key(word)]
        return list((self.states([word]) or self.states(list(self.primaries_of([word]).values()))).values())

    def uncovered(self) -> list[Any]:
        return [one for one in ROWS if one["status"] not in ("PROTECTED", "PRIMARY_GONE")]

    def by_status(self, *statuses: Status) -> list[Any]:
        return [one for one in ROWS if one["status"] in statuses]

    def get(self, keys: Sequence[tuple[str, str]]) -> list[Any]:
        return [{"pk": pk, "sk": sk, "accepted": False} for pk, sk in keys if pk == f"SWEEP#{HOME}"]


LEDGER = cast(Ledger, Rows())


@pytest.mark.parametrize(
    ("word", "primary"),
    [
        ("ws-1abc2def3", "ws-1abc2def3"),
        ("ws-9standby1", "ws-1abc2def3"),
        ("ALICE", "ws-1abc2def3"),
        (" alice ", "ws-1abc2def3"),
        ("bob", "ws-3abc2def3"),  # the other one is a former desktop
        ("ws-9standby3", "ws-6abc2def3"),  # it was once taken for a primary
    ],
)
def test_either_id_of_a_desktop_or_its_user_in_any_case(word: str, primary: str) -> None:
    found = finding.desktops(LEDGER, [word, primary])
    assert [one["pk"] for one in found.rows] == [primary]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("alcie", "The ledger has no desktop alcie. Did you mean Alice?"),
        ("CORP\\alice", "Did you mean Alice?"),
        ("alice@corp.example", "Did you mean Alice?"),
        ("WS-1ABC2DEF3", "Did you mean ws-1abc2def3?"),
        ("ws-9stanbdy1", "Did you mean ws-9standby1?"),
        ("ws-8abcxyz99", "The ledger has no desktop ws-8abcxyz99. Nothing"),
        ("zzzzzzzz", "The ledger has no desktop zzzzzzzz. Nothing was changed."),
        ("", "An empty argument names no desktop"),
        ("carol", "carol has 2 desktops: ws-4abc2def3 is WAITING (STANDBY_READY), ws-5abc2def3 is PROTECTED"),
    ],
)
def test_what_names_nothing_is_refused_with_the_nearest_match(word: str, said: str) -> None:
    with pytest.raises(Problem) as refused:
        finding.desktops(LEDGER, ["ws-1abc2def3", word])
    assert said in str(refused.value)


def test_what_is_no_orphan_is_refused_as_such() -> None:
    is_orphan = lambda one: one["reason_code"] == "ORPHANED"  # noqa: E731
    assert [one["pk"] for one in finding.desktops(LEDGER, ["bob"], fits=is_orphan).rows] == ["ws-2abc2def3"]
    with pytest.raises(Problem, match="alice is not an orphan: ws-1abc2def3 is PROTECTED"):
        finding.desktops(LEDGER, ["alice"], fits=is_orphan, what="orphan")


def test_an_id_that_the_ledger_does_not_know_can_be_asked_about_where_that_makes_sense() -> None:
    assert finding.desktops(LEDGER, ["ws-7abc2def3"], takes_unknown=True).unknown == ["ws-7abc2def3"]
    with pytest.raises(Problem, match="The ledger has no desktop nobody"):
        finding.desktops(LEDGER, ["nobody"], takes_unknown=True)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (AWAY, f"{AWAY} is the DR directory of {HOME}. Use {HOME} instead."),
        ("d-906732325e", f"No sweep has seen directory d-906732325e. Did you mean {HOME}?"),
    ],
)
def test_a_directory_that_no_sweep_has_seen(word: str, said: str) -> None:
    assert list(finding.baselines(LEDGER, [HOME.upper()])) == [HOME]
    with pytest.raises(Problem) as refused:
        finding.baselines(LEDGER, [HOME, word])
    assert said in str(refused.value)


class Letters(StrEnum):
    ALPHA = "ALPHA"
    BETA = "BETA"


def test_codes_in_any_case_and_the_nearest_of_others() -> None:
    assert finding.code_of(Reason, "user-not-found", "reason code") is Reason.USER_NOT_FOUND
    with pytest.raises(Problem, match="There is no letter gamma"):
        finding.code_of(Letters, "gamma", "letter")
    with pytest.raises(Problem, match="Did you mean USER_NOT_FOUND"):
        finding.code_of(Reason, "USER_NOT_FUOND", "reason code")
