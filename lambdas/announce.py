"""announce: the outbox. Invoked by the ledger's stream; sends each change to the bus, and notices to the topic."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent

from standby.announce.notices import Announcer, row_in
from standby.settings import require
from standby.telemetry import PowertoolsTelemetry
from standby.wiring import LambdaContext, load_settings, make_client

logger = Logger()
metrics = Metrics()
warnings.filterwarnings("ignore", "No application metrics to publish")  # often there are none; a log line is JSON


@functools.cache
def function() -> tuple[Announcer, PowertoolsTelemetry]:
    """The function's parts, once a process."""
    settings = load_settings()
    announcer = Announcer(
        make_client("events", settings.primary_region),
        make_client("sns", settings.primary_region),
        bus_name=require(os.environ, "EVENT_BUS_NAME"),
        topic_arn=require(os.environ, "NOTIFICATION_TOPIC_ARN"),
    )
    return announcer, PowertoolsTelemetry(logger, metrics, settings.stack)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Announce the EVENT rows of a batch, in order; the first that fails is where the stream goes on."""
    for entry in DynamoDBStreamEvent(event).records:
        change = entry.dynamodb
        row = row_in(change.get("NewImage") if change else None)
        if not str(row.get("sk")).startswith("EVENT#"):
            continue
        try:
            announcer, telemetry = function()
            if announcer.announce(row):
                telemetry.count("NoticesSent")
        except Exception as problem:
            logger.warning(f"{row.get('pk')} {row['sk']} is announced again later: {problem}")
            return {"batchItemFailures": [{"itemIdentifier": change.sequence_number if change else ""}]}
    return {"batchItemFailures": []}
