"""retire: terminates orphans, where that is configured. Invoked by its schedule."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from standby.wiring import LambdaContext, Parts, parts_of, time_left

logger = Logger()
metrics = Metrics()
warnings.filterwarnings("ignore", "No application metrics to publish")  # often there are none; a log line is JSON


@functools.cache
def function() -> Parts:
    """The function's parts, once a process."""
    return parts_of(os.environ, logger, metrics)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Announce and terminate orphans, as many as are due: `{"outcome", …}` out; what `event` has does not matter."""
    answer = function().retirement(context.aws_request_id, time_left(context)).retire()
    logger.info(answer["outcome"], extra={name: count for name, count in answer.items() if name != "outcome"})
    return answer
