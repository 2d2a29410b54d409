"""The outbox: sends the ledger's stream to the function announce."""

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

# The rows that are announced: changes, and holds of a pair or directory. Other rows do not invoke the function.
ANNOUNCED: Final = ("EVENT#", "HOLD#")


class Outbox(Construct):
    """Sends each announced row to announce at least once, in order for each WorkSpace, or to the dead letters."""

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
            # Notices of one reason in one batch are one message. The window is a minute, so that a single notice that
            # also waits for the batch before it is sent within two minutes. announce can send this many rows in its
            # time-out.
            batch_size=1000,
            max_batching_window=Duration.minutes(1),
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            # Limited by age and not by tries: it is not documented how fast Lambda retries a batch, and a topic that is
            # unavailable for an hour must not lose a notice.
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
