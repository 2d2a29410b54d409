"""The CloudWatch dashboard of a pair."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.functions import METRICS_NAMESPACE, dimensions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_sqs as sqs

    from infra.config import Pair
    from infra.functions import StandbyFunction
    from infra.state_machines import StandbyMachine

HALF, THIRD = 12, 8
FIVE_MINUTES = Duration.minutes(5)
EXISTING_FLEET = ("ExistingReported", "BackfillWaiting", "BackfillUnderWay", "BackfillProtected")
STANDBYS = ("DriftedStandbys", "StaleStandbys")
ORPHANS = ("OrphanedStandbys", "OrphansMonthlyCost")
COVERAGE = ("CoveragePercent", "CoverageOfAllPercent")


class Dashboard(Construct):
    """The dashboard: coverage and results first, then the internals, then warnings and errors of the logs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pair: Pair,
        functions: Sequence[StandbyFunction],
        machines: Sequence[StandbyMachine],
        dead_letters: sqs.IQueue,
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, construct_id)
        sums, metric = partial(_sums, pair), partial(_metric, pair)
        dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=Stack.of(self).stack_name,
            default_interval=Duration.days(1),
        )
        dashboard.add_widgets(
            _graph("Coverage of eligible desktops and of all desktops (%)", HALF, _of_fleet(pair, *COVERAGE)),
            _graph("Eligible and protected desktops", HALF, _of_fleet(pair, "EligibleDesktops", "ProtectedDesktops")),
        )
        dashboard.add_widgets(
            _graph(
                "Standbys requested, ready and failed",
                HALF,
                sums("protect", "StandbysRequested", "Protected", "Failed"),
            ),
            _graph(
                "Desktops held, rejected, ineligible or timed out",
                HALF,
                sums("protect", "Held", "Rejected", "Ineligible", "TimedOut"),
            ),
        )
        dashboard.add_widgets(
            _graph("Due rows", THIRD, [metric("watch", "DueRows", "max")]),
            _graph("Effective poll interval (s)", THIRD, [metric("watch", "EffectiveIntervalSeconds", "max")]),
            _graph(
                "Problems with AWS calls and events",
                THIRD,
                sums("protect", "Throttled", "UnknownAnswers", "BadEvents"),
                sums("sweep", "UnknownAnswers"),
            ),
        )
        dashboard.add_widgets(
            _graph("Existing fleets: progress", THIRD, _of_fleet(pair, *EXISTING_FLEET)),
            _graph("Standbys with drift or old data", THIRD, _of_fleet(pair, *STANDBYS)),
            _graph("Age of the oldest replicated data (s)", THIRD, _of_fleet(pair, "ReplicationAgeOldestSeconds")),
        )
        dashboard.add_widgets(
            _graph("Orphaned standbys and their monthly cost (USD)", THIRD, _of_fleet(pair, *ORPHANS)),
            _graph("Directories with an incomplete scan", THIRD, sums("sweep", "DirectoriesIncomplete")),
            _graph(
                "Effective sweep interval and age of the oldest coverage figure (s)",
                THIRD,
                [metric("sweep", "SweepIntervalSeconds", "max")],
                _of_fleet(pair, "CoverageAgeSeconds"),
            ),
        )
        dashboard.add_widgets(
            _graph(
                "Functions: errors and throttles",
                THIRD,
                [f.function.metric_errors(label=f"{f.spec.name} errors") for f in functions],
                [f.function.metric_throttles(label=f"{f.spec.name} throttles") for f in functions],
            ),
            _graph(
                "Functions: duration, 99th percentile",
                THIRD,
                [f.function.metric_duration(statistic="p99", label=f.spec.name) for f in functions],
            ),
            _graph(
                "Executions and dead letters",
                THIRD,
                *(_executions(machine) for machine in machines),
                [dead_letters.metric_approximate_number_of_messages_visible(statistic="max")],
            ),
        )
        dashboard.add_widgets(
            _graph("Ledger: throttled requests", THIRD, _of_table(pair, "ReadThrottleEvents", "WriteThrottleEvents"))
        )
        dashboard.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=4))
        dashboard.add_widgets(
            cloudwatch.LogQueryWidget(
                title="Warnings and errors",
                log_group_names=[f.log_group.log_group_name for f in functions],
                query_lines=[
                    "fields @timestamp, service, level, message",
                    "filter level in ['WARNING', 'ERROR', 'CRITICAL']",
                    "sort @timestamp desc",
                    "limit 50",
                ],
                width=24,
                height=8,
            )
        )


def _graph(title: str, width: int, *metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, width=width, left=[metric for some in metrics for metric in some])


def _executions(machine: StandbyMachine) -> list[cloudwatch.IMetric]:
    title = machine.spec.title
    return [
        machine.machine.metric_started(label=f"{title} started"),
        machine.machine.metric_failed(label=f"{title} failed"),
        machine.machine.metric_timed_out(label=f"{title} timed out"),
        machine.machine.metric_aborted(label=f"{title} aborted"),
    ]


def _of_table(pair: Pair, *names: str) -> list[cloudwatch.IMetric]:
    table = {"TableName": pair.stack_name}
    return [
        cloudwatch.Metric(
            namespace="AWS/DynamoDB", metric_name=name, dimensions_map=table, statistic="sum", period=FIVE_MINUTES
        )
        for name in names
    ]


def _of_fleet(pair: Pair, *names: str) -> list[cloudwatch.IMetric]:
    """Metrics that each sweep publishes about the pair's whole fleet."""
    period = Duration.minutes(pair.sweep_interval_minutes)
    return [_metric(pair, "sweep", name, "max", period=period, label=name) for name in names]


def _sums(pair: Pair, service: str, *names: str) -> list[cloudwatch.IMetric]:
    return [_metric(pair, service, name, "sum") for name in names]


def _metric(
    pair: Pair, service: str, name: str, statistic: str, *, period: Duration = FIVE_MINUTES, label: str = ""
) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=name,
        dimensions_map=dimensions(service, pair.stack_name),
        statistic=statistic,
        period=period,
        label=label or f"{name} ({service})",
    )
