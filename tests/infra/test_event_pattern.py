"""Which events the rule lets through, by EventBridge's matching rules on recorded shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from moto.events.models import EventPattern

from tests.infra.templates import only

if TYPE_CHECKING:
    from tests.infra.templates import Assembly

EVENTS = Path(__file__).parents[1] / "events"
MATCHING = {
    "create_workspaces_one",
    "create_workspaces_twenty_five",
    "create_workspaces_partly_failed",
    # The call succeeded; that each item failed only its answer tells, and an event without an id is handled.
    "create_workspaces_all_items_failed",
    "migrate_workspace",
}
OTHERS = {
    "create_workspaces_refused",
    "create_workspaces_throttled",
    "create_workspaces_of_another_source",
    "create_standby_workspaces",
    "terminate_workspaces",
    "describe_workspaces",
    "workspaces_access",
}


def matches(assembly: Assembly, event: str) -> bool:
    pattern = only(assembly.primary, "AWS::Events::Rule", "NewWorkspaces")["EventPattern"]
    found: bool = EventPattern.load(json.dumps(pattern)).matches_event(
        json.loads((EVENTS / f"{event}.json").read_text())
    )
    return found


@pytest.mark.parametrize("event", sorted(MATCHING))
def test_calls_that_made_workspaces_reach_protect(example: Assembly, event: str) -> None:
    assert matches(example, event)


@pytest.mark.parametrize("event", sorted(OTHERS))
def test_failed_calls_and_all_else_do_not(example: Assembly, event: str) -> None:
    assert not matches(example, event)


def test_each_fixture_is_one_or_the_other() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == MATCHING | OTHERS
