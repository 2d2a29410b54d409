"""watch: one round of the watcher over the ledger's open rows. Invoked by the state machine."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from standby.heartbeat import Heartbeat
from standby.wiring import LambdaContext, Parts, make_client, parts_of, time_left

logger = Logger()
metrics = Metrics()
warnings.filterwarnings("ignore", "No application metrics to publish")  # often there are none; a log line is JSON


@functools.cache
def function() -> tuple[Parts, Heartbeat]:
    """The function's parts, once a process."""
    parts = parts_of(os.environ, logger, metrics)
    cloudwatch = make_client("cloudwatch", parts.settings.dr_region)
    return parts, Heartbeat(cloudwatch, parts.settings.stack, parts.telemetry)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look at the open rows that are due: `{"execution_arn", "round", "cursor"}` in, a `Round` out."""
    parts, heartbeat = function()
    heartbeat.beat()
    observer = parts.observer(event["execution_arn"], context.aws_request_id, time_left(context))
    return observer.observe(event["execution_arn"], int(event["round"]), event.get("cursor")).answer()
