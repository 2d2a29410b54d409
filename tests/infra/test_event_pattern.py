"""Which events the rules let through, by EventBridge's matching rules on recorded shapes."""

import json
from pathlib import Path

import pytest
from moto.events.models import EventPattern

from tests.infra.templates import STACK, Assembly, only

EVENTS = {path.stem: path.read_text() for path in (Path(__file__).parents[1] / "events").glob("*.json")}
NEW = {
    "create_workspaces_one",
    "create_workspaces_twenty_five",
    "create_workspaces_partly_failed",
    # The call succeeded; that each item failed only its answer tells, and an event without an id is handled.
    "create_workspaces_all_items_failed",
    "migrate_workspace",
}
ENDS, ENDS_IN_DR = {"terminate_workspaces", "terminate_workspaces_partly_failed"}, {"terminate_workspaces_in_dr_region"}


@pytest.mark.parametrize(
    ("stack", "rule", "matching"),
    [(STACK, "New", NEW), (STACK, "Ended", ENDS | ENDS_IN_DR), (f"{STACK}-dr", "Ended", ENDS_IN_DR)],
)
def test_a_rule_lets_these_events_through_and_no_others(
    example: Assembly, stack: str, rule: str, matching: set[str]
) -> None:
    assert passed(example, stack, rule) == matching


def test_two_pairs_that_point_at_each_other_hand_nothing_back(everything: Assembly) -> None:
    # What us-west-2 has handed to us-east-1, where this stack of the other pair is, too, is not among them.
    assert passed(everything, "Standby-us-west-2-us-east-1-dr", "Ended") == ENDS


def passed(assembly: Assembly, stack: str, rule: str) -> set[str]:
    """The recorded events that a stack's rule matches."""
    pattern = EventPattern.load(
        json.dumps(only(assembly.template(stack), "AWS::Events::Rule", f"{rule}Workspaces")["EventPattern"])
    )
    return {name for name, event in EVENTS.items() if pattern.matches_event(json.loads(event))}
