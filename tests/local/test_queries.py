"""The queries of the documents, run as they are printed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from local.queries import Query, audit_queries
from standby.core.model import Status, WorkspaceId
from standby.core.reasons import Reason
from standby.core.row import Condition, Kind, Row
from standby.notices import text
from tests.component.estate import HOME, PRIMARY, TABLE, Estate, settings
from tests.core import cases

NOW = datetime(2026, 3, 3, 9, 26, 54, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(primary_id: str, user: str, state: str, **more: Any) -> Row:
    """A row as the ledger writes it."""
    whose = {"primary_id": WorkspaceId(primary_id), "user_name": user}
    return cases.row(state, **whose, message="why", version=1, first_seen_at=NOW, changed_at=NOW, **more)


@pytest.fixture
def ledger() -> Any:
    """A boto3 client of DynamoDB with the ledger's table, empty."""
    return Estate().deployed.client("dynamodb", PRIMARY)


def answers(ledger: Any, *items: dict[str, Any]) -> dict[str, list[Any]]:
    """What the queries print of a ledger with these items."""
    for item in items:
        packed = {name: TypeSerializer().serialize(value) for name, value in item.items()}
        ledger.put_item(TableName=TABLE, Item=packed)
    return {query.name: query.run(ledger, {}) for query in audit_queries()}


def test_every_query_prints_what_the_ledger_has(ledger: Any) -> None:
    alice = row("ws-1abc2def3", "Alice", "REJECTED ACCESS_DENIED", error_message="no", principal="arn:al")
    before = replace(alice, status=Status.CLAIMED, reason=Reason.CLAIM_TAKEN)
    orphan = row("ws-0rphan001", "olga", "PRIMARY_GONE ORPHANED", standby_id="ws-left00001")
    gone = row("ws-g0ne00001", "gina", "PRIMARY_GONE PRIMARY_TERMINATED")
    found = answers(
        ledger,
        *(one.to_state_item() for one in (alice, orphan, gone)),
        replace(alice, version=2).to_event_item(before, NOW + HOUR),
        replace(orphan, changed_at=NOW + 24 * HOUR).to_event_item(None, NOW + 24 * HOUR),
    )
    assert {name: rows for name, rows in found.items() if rows} == {
        "user": [["Alice", "ws-1abc2def3", "REJECTED", "ACCESS_DENIED", None]],
        "failed": [["ws-1abc2def3", "Alice", "REJECTED", "ACCESS_DENIED", "no"]],
        "day": [["2026-03-03T10:26:54.000Z", "ws-1abc2def3", "CLAIMED", "REJECTED", "ACCESS_DENIED", "event"]],
        "history": [["2026-03-03T10:26:54.000Z", "REJECTED", "ACCESS_DENIED", "why", "arn:al"]],
        "uncovered": [["ws-1abc2def3", "Alice", "REJECTED", "ACCESS_DENIED"]],
        "orphans": [
            ["ws-0rphan001", "olga", "ws-left00001", "STANDARD", "ORPHANED", "2026-03-03T09:26:54.000Z", "why"],
        ],
    }


def test_the_command_in_a_notice_of_many_lists_what_was_notified_for_its_reason_from_then_on(ledger: Any) -> None:
    told = {Kind.TROUBLE: Condition(NOW, NOW, notified=True)}
    rows = [row(f"ws-{at}", f"u{at}", "REJECTED ACCESS_DENIED", conditions=told) for at in range(8)]
    moved = {Kind.MIGRATED: Condition(NOW, NOW, note="ws-9", notified=True)}
    quiet, other = replace(rows[0], conditions={}), replace(rows[0], reason=Reason.SERVICE_REFUSED)
    events = [one.to_event_item(None, NOW + 3 * at * HOUR) for at, one in enumerate(rows)]
    others = [replace(one, version=2) for one in (quiet, other, replace(rows[1], conditions=moved))]
    answers(ledger, *events, *(one.to_event_item(None, NOW + 4 * HOUR) for one in others))
    _, _, command = text(events[1:6], settings()).partition("run in a shell:\n\n")
    found = Query("notice", command).run(ledger, {})
    assert sorted(found)[0] == ["2026-03-03T12:26:54.000Z", "u1", "ws-1", HOME, "REJECTED", "why"]
    assert sorted(one[2] for one in found) == [one.primary_id for one in rows[1:]]


def test_the_query_for_what_differs_finds_drift_and_old_data_and_nothing_else(ledger: Any) -> None:
    differs = "compute_type STANDARD≠POWER"
    fine, drifts, stale, both = (
        row(one, user, "PROTECTED STANDBY_READY", standby_id=f"ws-{standby}00000001")
        for one, user, standby in (
            ("ws-f1ne00001", "fred", "a"),
            ("ws-dr1ft0001", "dora", "b"),
            ("ws-sta1e0001", "sam", "c"),
            ("ws-b0th00001", "bob", "d"),
        )
    )
    found = answers(
        ledger,
        fine.observe(Kind.COPIED, True, NOW, note="2026-03-03T00:00:00.000Z").to_state_item(),
        drifts.observe(Kind.DRIFT, True, NOW, note=differs).to_state_item(),
        stale.observe(Kind.STALE, True, NOW).to_state_item(),
        both.observe(Kind.DRIFT, True, NOW, note=differs).observe(Kind.STALE, True, NOW + HOUR).to_state_item(),
    )
    assert sorted(found["drift"]) == [
        ["ws-b0th00001", "bob", "ws-d00000001", differs, "2026-03-03T10:26:54.000Z"],
        ["ws-dr1ft0001", "dora", "ws-b00000001", differs, None],
        ["ws-sta1e0001", "sam", "ws-c00000001", None, "2026-03-03T09:26:54.000Z"],
    ]
