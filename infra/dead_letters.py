"""Where everything ends that could not be delivered or handled: one encrypted queue a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

if TYPE_CHECKING:
    from infra.encryption import Encryption


class DeadLetters(Construct):
    """The dead-letter queue of rules, schedules, stream and functions. An alarm tells of the first message in it."""

    def __init__(self, scope: Construct, construct_id: str, *, encryption: Encryption) -> None:
        super().__init__(scope, construct_id)
        # With a key of SQS's own, EventBridge and Lambda can send without a grant on a customer's key.
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        encryption.of_queue(self.queue)
