"""Log lines and metrics, by Powertools: the one place that knows either."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from standby.decisions.decision import Decision
from standby.ledger.ledger import Context
from standby.ledger.remarks import Remark
from standby.model import Status, WorkspaceId
from standby.reasons import Reason

_METRIC = {
    Status.WAITING: "Waiting",
    Status.REQUESTED: "StandbysRequested",
    Status.PROTECTED: "Protected",
    Status.HELD: "Held",
    Status.REJECTED: "Rejected",
    Status.FAILED: "Failed",
    Status.TIMED_OUT: "TimedOut",
    Status.INELIGIBLE: "Ineligible",
    Status.EXCLUDED: "Excluded",
}
_METRIC_OF_REMARK = {
    Reason.MIGRATED: "Migrated",
    Reason.TERMINATED_BY_SOMEBODY: "TerminatedBySomebody",
}


class PowertoolsTelemetry:
    """Structured log lines, and metrics in embedded format.

    Every metric has the dimensions `service`, the function's, and `Stack`: two pairs may share an account and a Region.
    """

    def __init__(self, logger: Logger, metrics: Metrics, stack: str) -> None:
        self._logger = logger
        self._metrics = metrics
        metrics.set_default_dimensions(Stack=stack)

    def decided(self, decision: Decision, context: Context, *, changed: bool) -> None:
        """Log a decision, and count it if it changed the ledger."""
        fields: dict[str, Any] = {
            **decision.answer(),
            "cause_type": context.cause.type,
            "cause_id": context.cause.id,
            "error_code": decision.error_code,
            "error_message": decision.error_message,
        }
        del fields["message"]
        log = self._logger.info if changed else self._logger.debug
        log(decision.message, extra={name: value for name, value in fields.items() if value is not None})
        if changed and decision.status in _METRIC:
            self.count(_METRIC[decision.status])

    def remarked(self, primary_id: WorkspaceId, remark: Remark, context: Context) -> None:
        """Log a remark, and count it."""
        fields = {
            "primary_id": primary_id,
            "reason_code": remark.reason,
            "cause_type": context.cause.type,
            "cause_id": context.cause.id,
            **remark.facts,
        }
        self._logger.info(remark.message, extra=fields)
        self.count(_METRIC_OF_REMARK[remark.reason])

    def problem(self, message: str, **fields: object) -> None:
        """Log something that the next look makes good."""
        self._logger.warning(message, extra=dict(fields))

    def count(self, metric: str, value: float = 1) -> None:
        """Add to a metric."""
        self._metrics.add_metric(name=metric, unit=_unit(metric), value=value)

    def gauge(self, metric: str, value: float) -> None:
        """Publish how much of something there is."""
        provider = self._metrics.provider
        service = {"service": provider.service} if provider.service else {}
        given = {**service, **provider.default_dimensions}
        with single_metric(metric, _unit(metric), value, namespace=provider.namespace, default_dimensions=given):
            pass  # it is published on leaving


def _unit(metric: str) -> MetricUnit:
    units = {"Seconds": MetricUnit.Seconds, "Percent": MetricUnit.Percent}
    return next((unit for ending, unit in units.items() if metric.endswith(ending)), MetricUnit.Count)
