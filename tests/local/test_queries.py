"""README's commands, run as they are printed."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from boto3.dynamodb.types import TypeSerializer

from local.queries import NotAQueryError, readme_queries, run_readme_command
from standby.core.model import Status, WorkspaceId
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from tests.component.estate import PRIMARY, TABLE, Estate
from tests.core import cases

NOW = datetime(2026, 3, 3, 9, 26, 54, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "replaced", "operation", "arguments"),
    [
        ("pause", {}, "put_item", {"Item": {"pk": {"S": "PAUSE"}, "sk": {"S": "PAUSE"}}}),
        (
            "accept",
            {"d-906732325d": "d-000000001"},
            "update_item",
            {
                "Key": {"pk": {"S": "SWEEP#d-000000001"}, "sk": {"S": "BASELINE"}},
                "UpdateExpression": "SET accepted = :yes",
                "ExpressionAttributeValues": {":yes": {"BOOL": True}},
            },
        ),
    ],
)
def test_a_command_of_readmes_is_one_call(
    name: str, replaced: dict[str, str], operation: str, arguments: dict[str, Any]
) -> None:
    dynamodb = Mock()
    run_readme_command(name, dynamodb, replaced)
    (call,) = dynamodb.method_calls
    assert (call[0], call.args, call.kwargs) == (operation, (), {"TableName": TABLE, **arguments})


@pytest.mark.parametrize(
    ("name", "problem"),
    [("redrive", "not an `aws dynamodb` command: .venv/bin/standby"), ("nothing", "README has no command nothing")],
)
def test_what_is_not_one_is_said(name: str, problem: str) -> None:
    with pytest.raises(NotAQueryError, match=re.escape(problem)):
        run_readme_command(name, Mock())


def row(primary_id: str, user: str, state: str, **more: Any) -> Row:
    """A row as the ledger writes it."""
    whose = {"primary_id": WorkspaceId(primary_id), "user_name": user}
    return cases.row(state, **whose, message="why", version=1, first_seen_at=NOW, changed_at=NOW, **more)


@pytest.fixture
def ledger() -> Any:
    """A boto3 client of DynamoDB with the ledger's table, empty."""
    return Estate().deployed.client("dynamodb", PRIMARY)


def answers(ledger: Any, *items: dict[str, Any]) -> dict[str, list[Any]]:
    """What README's queries print of a ledger with these items."""
    for item in items:
        packed = {name: TypeSerializer().serialize(value) for name, value in item.items()}
        ledger.put_item(TableName=TABLE, Item=packed)
    return {query.name: query.run(ledger, {}) for query in readme_queries()}


def test_every_query_of_readmes_prints_what_the_ledger_has(ledger: Any) -> None:
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
