"""Encrypts a Region's resources, with AWS's own keys or with the key of the topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

if TYPE_CHECKING:
    from infra.functions import StandbyFunction

# What a principal needs to read and write data that is encrypted with a symmetric key.
USE_DATA: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
USE_KEY: Final = ("kms:Decrypt", "kms:GenerateDataKey")


def alias_of(stack_name: str) -> str:
    """The alias of a stack's key. It is fixed, so that the table can name the key of its replica."""
    return f"alias/{stack_name}"


class Encryption:
    """Encrypts resources of a stack with a key, or leaves them to AWS's own keys if there is none.

    The CDK's grants on a key are wider than needed, so properties are set on the resources themselves.
    """

    def __init__(self, key: kms.Key | None) -> None:
        self.key = key
        if key is None:
            return
        stack = Stack.of(key)
        # The ledger outlives its stack, and cannot be read without the key.
        key.apply_removal_policy(RemovalPolicy.RETAIN)
        kms.Alias(key, "Alias", alias_name=alias_of(stack.stack_name), target_key=key)
        here = f"{stack.region}:{stack.account}"
        groups = f"arn:{stack.partition}:logs:{here}:log-group:/aws/*/{stack.stack_name}-*"
        rules = f"arn:{stack.partition}:events:{here}:rule/{stack.stack_name}-*"
        self._let(
            key,
            "LogGroupsOfThisStack",
            f"logs.{stack.region}.{stack.url_suffix}",
            {"kms:EncryptionContext:aws:logs:arn": groups},
            USE_DATA,
        )
        self._let(key, "DeadLettersOfRules", "events.amazonaws.com", {"aws:SourceArn": rules}, USE_KEY)

    @staticmethod
    def _let(key: kms.Key, sid: str, service: str, alike: dict[str, str], actions: tuple[str, ...]) -> None:
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ServicePrincipal(service, conditions={"ArnLike": alike})],
                actions=list(actions),
                resources=["*"],  # in a key's policy: the key itself
            )
        )

    def of_logs(self, group: logs.LogGroup) -> None:
        """Encrypt a log group."""
        cfn = group.node.default_child
        if self.key and isinstance(cfn, logs.CfnLogGroup):
            cfn.kms_key_id = self.key.key_arn

    def of_queue(self, queue: sqs.Queue) -> None:
        """Encrypt a queue. Senders need the key too."""
        cfn = queue.node.default_child
        if self.key and isinstance(cfn, sqs.CfnQueue):
            cfn.kms_master_key_id = self.key.key_arn
            cfn.sqs_managed_sse_enabled = None

    def of_environment(self, function: StandbyFunction) -> None:
        """Encrypt a function's environment, and let the function use the key, also for ledger, stream and queue."""
        cfn = function.function.node.default_child
        if self.key and isinstance(cfn, lambda_.CfnFunction):
            cfn.kms_key_arn = self.key.key_arn
            function.allow("UseKey", USE_DATA, [self.key.key_arn])

    def of_senders(self, stack: Stack, service: str) -> None:
        """Let the roles that a service assumes in this stack send to the encrypted queue."""
        if self.key is None:
            return
        for found in stack.node.find_all():
            if isinstance(found, iam.Role) and found.node.id.startswith(service):
                found.add_to_policy(
                    iam.PolicyStatement(sid="UseKey", actions=list(USE_KEY), resources=[self.key.key_arn])
                )
