"""Sends TerminateWorkspaces events of the DR Region to the primary Region, where the ledger is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.dead_letters import DeadLetters
from infra.triggers import successful_calls

if TYPE_CHECKING:
    from infra.config import Pair
    from infra.encryption import Encryption


class Forwarding(Construct):
    """A rule that sends TerminateWorkspaces events of this Region to the default event bus of the primary Region.

    EventBridge cannot invoke a function in another Region, but can send to a bus there. A forwarded event keeps its own
    Region. The pattern only matches this Region, so nothing is sent back if two pairs point at each other.
    """

    def __init__(self, scope: Construct, construct_id: str, *, pair: Pair, encryption: Encryption) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self.dead_letters = DeadLetters(self, "DeadLetters", encryption=encryption)
        bus = f"arn:{stack.partition}:events:{pair.primary_region}:{stack.account}:event-bus/default"
        self.rule = events.Rule(
            self,
            "EndedWorkspaces",
            rule_name=f"{stack.stack_name}-ended-workspaces",
            description=f"CloudTrail's records of TerminateWorkspaces in this Region, for {pair.primary_region}",
            event_pattern=successful_calls("TerminateWorkspaces", regions=[pair.dr_region]),
            targets=[
                targets.EventBus(
                    events.EventBus.from_event_bus_arn(self, "Bus", bus),
                    dead_letter_queue=self.dead_letters.queue,
                )
            ],
        )
