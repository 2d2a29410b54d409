"""sweep: the whole fleet, page by page. Invoked by its state machine, part after part."""

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
    """Sweep on from where the last part ended: `{"execution_arn", "round", "cursor"}` in, a `Part` out."""
    parts, heartbeat = function()
    sweeper = parts.sweeper(
        event["execution_arn"], context.aws_request_id, time_left(context), lambda: heartbeat.beat("SweepCompleted")
    )
    return sweeper.sweep(event["execution_arn"], event.get("cursor")).answer()
