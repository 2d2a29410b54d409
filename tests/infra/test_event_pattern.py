"""Which events the rule lets through, by EventBridge's matching rules on recorded shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    "describe_workspaces",
    "workspaces_access",
}


ENDS = {"terminate_workspaces", "terminate_workspaces_partly_failed"}
ENDS_IN_DR = {"terminate_workspaces_in_dr_region"}
OTHERS |= ENDS | ENDS_IN_DR | {"terminate_workspaces_refused"}


def matches(template: dict[str, Any], event: str, rule: str = "NewWorkspaces") -> bool:
    pattern = only(template, "AWS::Events::Rule", rule)["EventPattern"]
    found: bool = EventPattern.load(json.dumps(pattern)).matches_event(
        json.loads((EVENTS / f"{event}.json").read_text())
    )
    return found


@pytest.mark.parametrize("event", sorted(MATCHING))
def test_calls_that_made_workspaces_reach_protect(example: Assembly, event: str) -> None:
    assert matches(example.primary, event)


@pytest.mark.parametrize("event", sorted(OTHERS))
def test_failed_calls_and_all_else_do_not(example: Assembly, event: str) -> None:
    assert not matches(example.primary, event)


def test_each_fixture_is_one_or_the_other() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == MATCHING | OTHERS


@pytest.mark.parametrize("event", sorted(MATCHING | OTHERS))
def test_terminations_of_both_regions_reach_protect_and_nothing_else_does_so(example: Assembly, event: str) -> None:
    assert matches(example.primary, event, "EndedWorkspaces") == (event in ENDS | ENDS_IN_DR)


@pytest.mark.parametrize("event", sorted(MATCHING | OTHERS))
def test_the_dr_region_hands_over_its_own_terminations_only(example: Assembly, event: str) -> None:
    assert matches(example.dr, event, "EndedWorkspaces") == (event in ENDS_IN_DR)


def test_two_pairs_that_point_at_each_other_hand_nothing_back(everything: Assembly) -> None:
    name = "Standby-us-west-2-us-east-1-dr"
    other = json.loads((everything.directory / f"{name}.template.json").read_text())
    # What us-west-2 has handed to us-east-1, where this stack of the other pair is, too.
    assert not matches(other, "terminate_workspaces_in_dr_region", "EndedWorkspaces")
    assert matches(other, "terminate_workspaces", "EndedWorkspaces")
