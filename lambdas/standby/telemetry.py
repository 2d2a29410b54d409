"""Log lines and metrics, with Powertools. Only this module knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from standby.core.model import Status
from standby.core.row import Kind

if TYPE_CHECKING:
    from standby.core.change import Change
    from standby.core.model import Cause
    from standby.core.row import Row

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
_METRIC_OF_CONDITION = {
    Kind.DOUBLED: "TwoStandbys",
    Kind.MIGRATED: "Migrated",
    Kind.PRIMARY_TERMINATED: "TerminatedBySomebody",
    Kind.STANDBY_TERMINATED: "TerminatedBySomebody",
}


class PowertoolsTelemetry:
    """Structured log lines, and metrics in embedded metric format.

    Every metric has the dimensions `service` (the function) and `Stack`: two pairs may share an account and a Region.
    """

    def __init__(self, logger: Logger, metrics: Metrics, stack: str) -> None:
        self._logger = logger
        self._metrics = metrics
        metrics.set_default_dimensions(Stack=stack)

    def decided(self, change: Change, cause: Cause, *, written: bool) -> None:
        """Log a change, and count it if it was written to the ledger."""
        new = change.new
        fields: dict[str, Any] = {
            **change.answer(),
            "cause_type": cause.type,
            "cause_id": cause.id,
            "error_code": new.error_code if new else None,
            "error_message": new.error_message if new else None,
        }
        del fields["message"]
        log = self._logger.info if written else self._logger.debug
        log(change.message, extra={name: value for name, value in fields.items() if value is not None})
        if not written or new is None:
            return
        if change.status in _METRIC and not change.is_nothing:
            self.count(_METRIC[change.status])
        for kind, metric in _METRIC_OF_CONDITION.items():
            if _note(new, kind) not in (None, _note(change.old, kind)):
                self.count(metric)

    def problem(self, message: str, **fields: object) -> None:
        """Log a problem that the next round corrects, as a warning."""
        self._logger.warning(message, extra=dict(fields))

    def count(self, metric: str, value: float = 1) -> None:
        """Add to a metric."""
        self._metrics.add_metric(name=metric, unit=_unit(metric), value=value)

    def gauge(self, metric: str, value: float) -> None:
        """Publish a value at once. It is not added to the counts of this invocation."""
        provider = self._metrics.provider
        service = {"service": provider.service} if provider.service else {}
        given = {**service, **provider.default_dimensions}
        with single_metric(metric, _unit(metric), value, namespace=provider.namespace, default_dimensions=given):
            pass  # it is published on leaving


def _note(row: Row | None, kind: Kind) -> str | None:
    condition = row.conditions.get(kind) if row else None
    return condition.note if condition else None


def _unit(metric: str) -> MetricUnit:
    units = {"Seconds": MetricUnit.Seconds, "Percent": MetricUnit.Percent}
    return next((unit for ending, unit in units.items() if metric.endswith(ending)), MetricUnit.Count)
