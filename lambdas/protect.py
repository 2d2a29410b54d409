"""protect: gives primaries their standbys. Invoked for CreateWorkspaces events, by the watcher, and by hand."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from standby.protect.dead_letters import DeadLetters
from standby.protect_function import ProtectFunction
from standby.settings import require
from standby.wiring import LambdaContext, account_of, make_client, parts_of, time_left

logger = Logger()
metrics = Metrics()
warnings.filterwarnings("ignore", "No application metrics to publish")  # often there are none; a log line is JSON


@functools.cache
def function() -> ProtectFunction:
    """The function's parts, once a process."""
    parts = parts_of(os.environ, logger, metrics)
    queue = make_client("sqs", parts.settings.primary_region)
    return ProtectFunction(parts, DeadLetters(queue, require(os.environ, "DEAD_LETTER_QUEUE_URL")))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Reconcile the primaries that `event` names; the answer has a decision for each."""
    return function().respond(
        event, account=account_of(context), request_id=context.aws_request_id, has_time=time_left(context)
    )
