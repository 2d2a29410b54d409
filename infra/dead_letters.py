"""The dead-letter queue: one encrypted queue for each stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

if TYPE_CHECKING:
    from infra.encryption import Encryption


class DeadLetters(Construct):
    """The dead-letter queue of rules, schedules, stream and functions. An alarm fires when it has a message."""

    def __init__(self, scope: Construct, construct_id: str, *, encryption: Encryption) -> None:
        super().__init__(scope, construct_id)
        # With an SQS managed key, EventBridge and Lambda can send without a grant on a customer managed key.
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        encryption.of_queue(self.queue)
