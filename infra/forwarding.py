"""What the DR Region tells the primary one, where alone the ledger is written: who terminates WorkSpaces here."""

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
    """A rule that hands TerminateWorkspaces of this Region to the default event bus of the primary one.

    EventBridge reaches no function in another Region, but a bus. What was handed over names its own Region, so that the
    pattern, which asks for this one, sends nothing back where two pairs point at each other.
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
            description=f"TerminateWorkspaces of this Region, for {pair.primary_region}: who ended a standby",
            event_pattern=successful_calls("TerminateWorkspaces", regions=[pair.dr_region]),
            targets=[
                targets.EventBus(
                    events.EventBus.from_event_bus_arn(self, "Bus", bus),
                    dead_letter_queue=self.dead_letters.queue,
                )
            ],
        )
