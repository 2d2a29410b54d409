"""sweep: the whole fleet, page by page. Invoked by its state machine, part after part."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from standby.heartbeat import Heartbeat
from standby.ledger.quota import StandbyQuota
from standby.sweep.place import execution_of
from standby.wiring import LambdaContext, Parts, make_client, parts_of, time_left

logger = Logger()
metrics = Metrics()
warnings.filterwarnings("ignore", "No application metrics to publish")  # often there are none; a log line is JSON


@functools.cache
def function() -> tuple[Parts, list[Heartbeat], StandbyQuota]:
    """The function's parts, once a process."""
    parts = parts_of(os.environ, logger, metrics)
    settings = parts.settings
    regions = (settings.primary_region, settings.dr_region)
    clients = [make_client("cloudwatch", region) for region in regions]
    heartbeats = [Heartbeat(client, settings.stack, parts.telemetry) for client in clients]
    return parts, heartbeats, StandbyQuota(make_client("service-quotas", settings.dr_region))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweep on from where the last part ended: `{"execution_arn", "round", "cursor"}` in, a `Part` out.

    Raises
    ------
    BadSweepInput
        Nothing says for which execution.
    """
    execution = execution_of(event)
    parts, heartbeats, quota = function()

    def completed() -> None:
        for heartbeat in heartbeats:
            heartbeat.beat("SweepCompleted")

    sweeper = parts.sweeper(execution, context.aws_request_id, time_left(context), completed, quota)
    return sweeper.sweep(execution, event.get("cursor")).answer()
