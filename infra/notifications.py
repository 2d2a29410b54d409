"""The SNS topic for notices and alarms: an encrypted one with e-mail subscriptions, or an existing topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.encryption import USE_KEY, Encryption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_events as events

    from infra.functions import StandbyFunction


class Notifications(Construct):
    """The topic of the alarms, rules and functions of one Region.

    An existing topic keeps its policy, and so does its key (docs/configuration.md, An existing topic).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        addresses: Sequence[str],
        encrypts_all: bool,
        existing_topic_arn: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = self._build_key() if encrypts_all or not existing_topic_arn else None
        self.encryption = Encryption(self.key if encrypts_all else None)
        self._own: sns.Topic | None = None
        if self.key and not existing_topic_arn:
            self._own = self._build_topic(addresses, self.key)
        self.topic = self._own or sns.Topic.from_topic_arn(self, "Topic", existing_topic_arn or "")

    @property
    def is_own(self) -> bool:
        """Whether the topic belongs to the stack."""
        return self._own is not None

    def _build_key(self) -> kms.Key:
        # CloudWatch cannot publish to a topic with the AWS managed key of SNS: that key's policy cannot be changed.
        return kms.Key(
            self,
            "Key",
            description=f"Notices of {Stack.of(self).stack_name}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
            pending_window=Duration.days(7),
        )

    def _build_topic(self, addresses: Sequence[str], key: kms.Key) -> sns.Topic:
        alarms = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[alarms],
                actions=list(USE_KEY),
                resources=["*"],  # in a key's policy: the key itself
            )
        )
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True, display_name="WorkSpaces Standby")
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

    def let_rules_publish(self, rules: Sequence[events.IRule]) -> None:
        """Let EventBridge publish to the topic for these rules and use its key, if both belong to the stack."""
        if self._own is None or self.key is None:
            return
        stack = Stack.of(self)
        by_rule = iam.ServicePrincipal(
            "events.amazonaws.com", conditions={"ArnEquals": {"aws:SourceArn": [rule.rule_arn for rule in rules]}}
        )
        self._own.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RulesOfThisStack",
                principals=[by_rule],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
            )
        )
        # A key's policy must not name the source here: AWS does not support that for EventBridge and encrypted topics
        # (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html). The topic is named instead, by what its
        # generated name begins with: the topic names the key.
        topics = f"arn:{stack.partition}:sns:{stack.region}:{stack.account}:{stack.stack_name}-*"
        by_topic = iam.ServicePrincipal(
            "events.amazonaws.com", conditions={"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": topics}}
        )
        self.key.add_to_resource_policy(
            iam.PolicyStatement(sid="RulesForTheTopic", principals=[by_topic], actions=list(USE_KEY), resources=["*"])
        )

    def grant_publish(self, function: StandbyFunction) -> None:
        """Let a function publish to the topic and use its key: the stack's, or that of an existing topic."""
        function.allow("Notices", ["sns:Publish"], [self.topic.topic_arn])
        if self.key and self._own:
            function.allow("NoticesKey", USE_KEY, [self.key.key_arn])
            return
        stack = Stack.of(self)
        # An existing topic's key is not known, but its use can be limited.
        of_topic = {
            "kms:ViaService": f"sns.{stack.region}.{stack.url_suffix}",
            "kms:EncryptionContext:aws:sns:topicArn": self.topic.topic_arn,
        }
        function.allow("NoticesKey", USE_KEY, [topic_keys(stack)], {"StringEquals": of_topic})


def topic_keys(stack: Stack) -> str:
    """The ARN pattern of the keys of an existing topic; they may belong to another account."""
    return f"arn:{stack.partition}:kms:{stack.region}:*:key/*"
