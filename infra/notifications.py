"""Who is told: an encrypted topic with its e-mail subscriptions, or a topic that exists already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence


class Notifications(Construct):
    """A topic that people, alarms, rules and functions of one Region share.

    An existing topic keeps its own policy: it has to let CloudWatch and EventBridge publish, and its key has to let
    them and the announce function use it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, addresses: Sequence[str], existing_topic_arn: str | None = None
    ) -> None:
        super().__init__(scope, construct_id)
        self.key: kms.Key | None = None
        self.topic: sns.ITopic
        if existing_topic_arn:
            self.topic = sns.Topic.from_topic_arn(self, "Topic", existing_topic_arn)
        else:
            self.topic = self._build_topic(addresses)

    def _build_topic(self, addresses: Sequence[str]) -> sns.Topic:
        # CloudWatch cannot publish to a topic under SNS's own key: nobody can change that key's policy.
        self.key = kms.Key(
            self,
            "Key",
            description=f"Notices of {Stack.of(self).stack_name}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
            pending_window=Duration.days(7),
        )
        alarms = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        )
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[alarms],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's policy: the key itself
            )
        )
        topic = sns.Topic(self, "Topic", master_key=self.key, enforce_ssl=True, display_name="WorkSpaces Standby")
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[alarms],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
            )
        )
        for address in addresses:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic

    def grant_publish(self, role: iam.Role) -> None:
        """Let a role publish to the topic, and use its key if it is ours."""
        role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], resources=[self.topic.topic_arn]))
        if self.key:
            role.add_to_policy(
                iam.PolicyStatement(actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[self.key.key_arn])
            )
