"""The outbox: from the ledger's stream to the announce function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_sqs as sqs

    from infra.functions import StandbyFunction
    from infra.ledger import Ledger

# Rows that announce: transitions, and what the pair as a whole is held by. Everything else never wakes the function.
ANNOUNCED: Final = ("EVENT#", "HOLD#")


class Outbox(Construct):
    """Every announced row reaches announce at least once, in order for each WorkSpace, or ends in the dead letters."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        ledger: Ledger,
        announce: StandbyFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        stream = ledger.table.table_stream_arn or ""
        announce.allow(
            "ReadStream",
            [
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
            ],
            [stream],
        )
        self.mapping = lambda_.EventSourceMapping(
            self,
            "Stream",
            target=announce.function,
            event_source_arn=stream,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            # Notices of one reason in one batch are one message. A minute, so that a lone one that waits for the batch
            # before it, too, leaves within two; and as many rows as announce sends within its time-out.
            batch_size=1000,
            max_batching_window=Duration.minutes(1),
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            # Tried for so long, and not so many times: how fast Lambda repeats a batch is not documented, and a topic
            # that is away for an hour must cost no notice.
            max_record_age=Duration.hours(6),
            on_failure=sources.SqsDlq(dead_letters),
            filters=[
                lambda_.FilterCriteria.filter(
                    {
                        "eventName": lambda_.FilterRule.or_("INSERT", "MODIFY"),
                        "dynamodb": {"Keys": {"sk": {"S": lambda_.FilterRule.begins_with(prefix)}}},
                    }
                )
                for prefix in ANNOUNCED
            ],
        )
