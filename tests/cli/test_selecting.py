"""Which rows are meant, and how they are read."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cli.selecting import Selection
from standby.core.model import Status
from standby.core.reasons import Reason
from tests.component.estate import HOME

AT = datetime(2026, 3, 3, 12, tzinfo=UTC)


def row(what: str, user: str = "Alice", *, conditions: str = "", **more: Any) -> dict[str, Any]:
    status, reason = what.split(" ")
    lasting = {kind: {"since": "2026-03-03T09:00:00.000Z"} for kind in conditions.split()}
    found = {"status": status, "reason_code": reason, "user_name": user, "primary_directory_id": HOME}
    if status not in ("PROTECTED", "PRIMARY_GONE"):
        found["ix_uncovered"] = "us-east-1"
    return found | {"changed_at": "2026-03-03T10:00:00.000Z", "conditions": lasting} | more


PROTECTED, FAILED = row("PROTECTED STANDBY_READY"), row("FAILED STANDBY_IN_ERROR", "bob")
DRIFTS = row("PROTECTED STANDBY_READY", conditions="DRIFT COPIED")
IS_STANDBY = row("INELIGIBLE IS_STANDBY")


@pytest.mark.parametrize(
    ("asked", "item", "expected"),
    [
        ({}, PROTECTED, True),
        ({}, IS_STANDBY, False),
        ({"reasons": (Reason.IS_STANDBY,)}, IS_STANDBY, True),
        ({"statuses": (Status.FAILED, Status.HELD)}, FAILED, True),
        ({"statuses": (Status.HELD,)}, FAILED, False),
        ({"statuses": (Status.FAILED,), "users": ("alice",)}, FAILED, False),
        ({"users": ("BOB",)}, FAILED, True),
        ({"users": ("b?b",)}, FAILED, True),
        ({"users": ("alice", "bob")}, FAILED, True),
        ({"users": ("ws-1abc2def3",)}, {**FAILED, "pk": "ws-1abc2def3"}, True),
        ({"users": ("ws-2abc2def3",)}, {**FAILED, "standby_id": "ws-2abc2def3"}, True),
        ({"users": ("ws-2abc2def3",)}, {**FAILED, "pk": "ws-1abc2def3"}, False),
        ({"users": ("b*",)}, PROTECTED, False),
        ({"users": ("[undefined]",)}, row("INELIGIBLE NO_USER", "[UNDEFINED]"), True),
        ({"users": ("*",)}, {**PROTECTED, "user_name": None}, True),
        ({"directories": (HOME,)}, PROTECTED, True),
        ({"directories": ("d-9067000000",)}, PROTECTED, False),
        ({"uncovered": True}, FAILED, True),
        ({"uncovered": True}, PROTECTED, False),
        ({"needs_action": True}, FAILED, True),
        ({"needs_action": True}, DRIFTS, True),
        ({"needs_action": True}, PROTECTED, False),
        ({"drift": True}, DRIFTS, True),
        ({"stale": True}, DRIFTS, False),
        ({"until": AT}, PROTECTED, True),
        ({"until": AT.replace(hour=9)}, PROTECTED, False),
    ],
)
def test_a_row_is_meant_if_all_that_is_asked_for_holds(asked: Any, item: Any, expected: bool) -> None:
    assert Selection(**asked).takes(item) is expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"statuses": (Status.HELD, Status.FAILED)}, "FAILED HELD"),
        ({"drift": True}, "PROTECTED"),
        ({"drift": True, "statuses": (Status.FAILED,)}, ""),
        (
            {"needs_action": True},
            "FAILED REJECTED TIMED_OUT STANDBY_MISSING HELD INELIGIBLE PROTECTED PRIMARY_GONE",
        ),
        ({"needs_action": True, "statuses": (Status.WAITING, Status.HELD)}, "HELD"),
    ],
)
def test_no_more_statuses_are_read_than_can_be_meant(asked: Any, expected: str) -> None:
    assert " ".join(Selection(**asked).read_statuses) == expected


def test_desktops_that_are_gone_are_meant_where_they_are_asked_for() -> None:
    assert Status.PRIMARY_GONE not in Selection().read_statuses
    assert Status.PRIMARY_GONE in Selection(reasons=(Reason.ORPHANED,)).read_statuses
    assert set(Selection(users=("a*",)).read_statuses) == set(Status)
