"""The DR Region's stack: a topic, alarms on the primary side, and the rule for TerminateWorkspaces events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Environment, Stack, Tags

from infra import permissions
from infra.alarms import DrAlarms
from infra.forwarding import Forwarding
from infra.notifications import Notifications
from infra.version import VERSION

if TYPE_CHECKING:
    from constructs import Construct

    from infra.config import Pair


class DrStack(Stack):
    """A topic, alarms, and the rule that sends TerminateWorkspaces events of this Region to the primary Region.

    The stack always has its own topic: an existing topic belongs to the primary Region, CloudWatch publishes only in
    its own Region, and these alarms must work while the primary Region does not.
    """

    def __init__(self, scope: Construct, *, pair: Pair, account: str | None) -> None:
        super().__init__(
            scope,
            pair.dr_stack_name,
            env=Environment(account=account, region=pair.dr_region),
            termination_protection=True,
            description=f"WorkSpaces Standby {VERSION}: monitors the stack in {pair.primary_region}",
        )
        notifications = Notifications(
            self, "Notifications", addresses=pair.notify, encrypts_all=pair.customer_managed_keys
        )
        permissions.bound_roles(self, pair)
        self.forwarding = Forwarding(self, "Forwarding", pair=pair, encryption=notifications.encryption)
        DrAlarms(
            self,
            "Alarms",
            pair=pair,
            topic=notifications.topic,
            dead_letters=self.forwarding.dead_letters.queue,
            rules=[self.forwarding.rule],
        )
        CfnOutput(self, "NotificationTopicArn", value=notifications.topic.topic_arn)
        # The replica has the table's name. In an outage, only this stack can be asked for it.
        CfnOutput(self, "LedgerTableName", value=pair.stack_name)
        permissions.move_roles(self, pair)
        for key, value in pair.resource_tags.items():
            Tags.of(self).add(key, value)
