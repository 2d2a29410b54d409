"""Signs of life that alarms listen for: they fire when the watcher falls silent, or no sweep is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from standby.ledger.recorder import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

NAMESPACE = "WorkspacesStandby"


class Heartbeat:
    """Puts a metric into one Region."""

    def __init__(self, cloudwatch: CloudWatchClient, stack: str, telemetry: Telemetry) -> None:
        self._cloudwatch = cloudwatch
        self._stack = stack
        self._telemetry = telemetry

    def beat(self, metric: str = "Heartbeat") -> None:
        """Say that this side lives. A Region that does not listen stops nothing here."""
        try:
            self._cloudwatch.put_metric_data(
                Namespace=NAMESPACE,
                MetricData=[
                    {
                        "MetricName": metric,
                        "Dimensions": [{"Name": "Stack", "Value": self._stack}],
                        "Value": 1,
                        "Unit": "Count",
                    }
                ],
            )
        except (ClientError, BotoCoreError) as problem:
            self._telemetry.problem(f"No sign of life ({metric}) was taken: {problem}")
