"""The alarms. The description of each says what has happened and what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from infra.config_rules import SWEEPS_SHARE
from infra.functions import METRICS_NAMESPACE, dimensions
from infra.purposes import ALARMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_events as events
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from infra.config import Pair
    from infra.functions import StandbyFunction

FIVE_MINUTES = Duration.minutes(5)
QUARTER = Duration.minutes(15)
MINUTES_A_DAY = 1440


class _Alarms(Construct):
    """Alarms that publish to one topic and are named after their stack."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self._action = actions.SnsAction(topic)
        self.alarms: list[cloudwatch.Alarm] = []

    def _add(
        self,
        name: str,
        description: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float = 1,
        periods: int = 1,
        of_them: int | None = None,
        below: bool = False,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        """Add an alarm that fires if the metric reaches the threshold, or falls `below` it, in all `periods`.

        With `of_them`, that many of the periods are enough.

        Raises
        ------
        ValueError
            infra/purposes.py does not have the alarm.
        """
        if name not in ALARMS:
            raise ValueError(f"add the alarm {name} to infra/purposes.py, and say what only it detects")
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in name.split("-")),
            alarm_name=f"{Stack.of(self).stack_name}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            datapoints_to_alarm=of_them,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
            if below
            else cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._action)
        self.alarms.append(alarm)

    def _undelivered(self, rules: Sequence[events.IRule], advice: str) -> None:
        """Add an alarm that fires if EventBridge gives up an event of one of the rules.

        CloudWatch bills an alarm by its metrics. There is one for each rule: `FailedInvocations`, which counts events
        that failed after all retries. The alarm dead-letters covers those that the queue accepted.
        """
        self._add(
            "events-undelivered",
            f"EventBridge could not deliver an event of one of the stack's rules after all retries. {advice}",
            _sum(
                "Undelivered",
                [_metric("AWS/Events", "FailedInvocations", {"RuleName": rule.rule_name}, "sum") for rule in rules],
            ),
        )

    def _no_sweep(self, pair: Pair, advice: str) -> None:
        """Add an alarm that fires if three intervals in a row have no complete sweep.

        CloudWatch accepts periods of whole minutes. It evaluates at most seven days, or one day if a period is shorter
        than an hour (PutMetricAlarm). Three intervals of 15 minutes to a day fit.
        """
        minutes = sweep_minutes(pair)
        self._add(
            "sweep-silent",
            f"No sweep of {pair.primary_region} has scanned the whole fleet for three intervals of {minutes} minutes. "
            f"New desktops whose events were lost are not found, and missing desktops are not detected. {advice}",
            _metric(
                METRICS_NAMESPACE,
                "SweepCompleted",
                {"Stack": pair.stack_name},
                "sum",
                Duration.minutes(minutes),
            ),
            periods=3,
            below=True,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )


class PrimaryAlarms(_Alarms):
    """The alarms of the primary Region's stack."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pair: Pair,
        topic: sns.ITopic,
        protect: StandbyFunction,
        announce: StandbyFunction,
        dead_letters: sqs.IQueue,
        rules: Sequence[events.IRule],
    ) -> None:
        super().__init__(scope, construct_id, topic=topic)
        self._add(
            "dead-letters",
            "The dead-letter queue has a message: an event or a change could not be delivered or processed after all "
            "retries. Run `standby redrive --list`, correct the cause, then run `standby redrive` "
            "(docs/operate/dead-letters.md).",
            dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="max"),
        )
        self._add(
            "protect-errors",
            "The function protect failed. Its callers retry. If it fails again, read its log group "
            f"/aws/lambda/{protect.name}.",
            protect.function.metric_errors(period=FIVE_MINUTES),
        )
        # If watch or sweep is throttled or fails, its execution fails, and a rule sends a message about it.
        self._add(
            "functions-throttled",
            "Lambda throttles the function protect or announce: the account's concurrent executions are used up. Their "
            "callers retry for six hours. Find the function that uses the concurrency, or request a higher quota of "
            "concurrent executions.",
            _sum("Throttled", [one.function.metric_throttles(period=FIVE_MINUTES) for one in (protect, announce)]),
            periods=3,
        )
        self._no_sweep(
            pair,
            "Check the sweep's last execution in the Step Functions console, and the log of the function sweep. If a "
            "sweep takes longer than the interval, raise sweep_interval_minutes.",
        )
        self._coverage(pair)
        self._unknown(pair)
        self._add(
            "notices-late",
            "Notices and events are more than 10 minutes late. Read the log of the function announce.",
            announce.function.metric("IteratorAge", period=FIVE_MINUTES, statistic="max"),
            threshold=Duration.minutes(10).to_milliseconds(),
            periods=3,
        )
        self._undelivered(
            rules,
            "Run `standby redrive --list` (docs/operate/dead-letters.md). If the event is not in the queue, it is "
            "lost. The next sweep finds new desktops and missing ones. CloudTrail's event history has the callers.",
        )
        self._add(
            "replica-late",
            f"The ledger's replica in {pair.dr_region} is more than 15 minutes behind. In a failover, it would show an "
            "older state. Check DynamoDB and the replica's KMS key in the DR Region.",
            _metric(
                "AWS/DynamoDB",
                "ReplicationLatency",
                {"TableName": pair.stack_name, "ReceivingRegion": pair.dr_region},
                "avg",
            ),
            threshold=QUARTER.to_milliseconds(),
            periods=3,
        )

    def _coverage(self, pair: Pair) -> None:
        """Add the alarm on coverage and, if data is replicated, the alarm on the age of copies."""
        period = max(Duration.hours(1).to_minutes(), sweep_minutes(pair))
        self._add(
            "coverage-low",
            f"For {pair.coverage_grace_hours:g} hours, fewer than {pair.coverage_target:g} % of the eligible desktops "
            f"have had a standby in {pair.dr_region}. Run `standby list --uncovered` to see which ones, and why.",
            _of_fleet(pair, "CoveragePercent", period),
            threshold=pair.coverage_target,
            periods=math.ceil(pair.coverage_grace_hours * 60 / period),
            below=True,
            missing=cloudwatch.TreatMissingData.IGNORE,
        )
        if any(mapping.data_replication != "NO_REPLICATION" for mapping in pair.directories.values()):
            self._add(
                "replication-old",
                f"The data on a standby in {pair.dr_region} is older than {pair.rpo_hours:g} hours, or no copy has "
                "arrived for that time. Run `standby list --stale` (docs/operate/data-copies.md).",
                _of_fleet(pair, "ReplicationAgeOldestSeconds", period),
                threshold=pair.rpo_hours * 3600,
                missing=cloudwatch.TreatMissingData.IGNORE,
            )

    def _unknown(self, pair: Pair) -> None:
        """Add an alarm that fires if facts that a selection rule needs cannot be read, so that desktops wait.

        A throttled call is retried in the next round, so the alarm needs two of three periods, each at least as long as
        the sweep interval. protect reads tags for open rows, sweep for all others.
        """
        period = max(Duration.hours(1).to_minutes(), sweep_minutes(pair))
        for name, metric, functions, is_asked, what in (
            ("tags-unknown", "TagsUnknown", ("protect", "sweep"), pair.has_tag_rules, "tags"),
        ):
            if is_asked:
                self._add(
                    name,
                    f"The {what} of desktops could not be read in two of three periods, but a selection rule needs "
                    "them. No standby is created for these desktops until they can be read. Read the error in the logs "
                    "of the functions protect and sweep. A policy can deny tag:GetResources "
                    "(docs/operate/selection.md).",
                    _sum("Unknown", [_of_function(pair, one, metric, "sum", period) for one in functions]),
                    periods=3,
                    of_them=2,
                )


class DrAlarms(_Alarms):
    """The alarms of the DR Region's stack: they detect the loss of the primary side."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pair: Pair,
        topic: sns.ITopic,
        dead_letters: sqs.IQueue,
        rules: Sequence[events.IRule],
    ) -> None:
        super().__init__(scope, construct_id, topic=topic)
        self._add(
            "dead-letters",
            f"A TerminateWorkspaces event of this Region could not be delivered to {pair.primary_region} within a day. "
            "Each message in this stack's queue is CloudTrail's record of such a call. The sweep finds the missing "
            "WorkSpaces. Read who made the call, then delete the message (docs/operate/dead-letters.md).",
            dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="max"),
        )
        self._undelivered(
            rules,
            f"It is a TerminateWorkspaces event for {pair.primary_region}. Read the caller in this stack's queue. "
            "If it is not there, read it in CloudTrail's event history.",
        )
        self._add(
            "primary-silent",
            f"No watcher has run in {pair.primary_region} for 45 minutes. If the Region is down, run `standby "
            "failover-list` to see who has a standby (docs/operate/failover.md). If it is not, check the watcher's "
            "schedule and the function watch there.",
            _metric(METRICS_NAMESPACE, "Heartbeat", {"Stack": pair.stack_name}, "sum", QUARTER),
            periods=3,
            below=True,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        self._no_sweep(
            pair,
            f"If {pair.primary_region} is down, this alarm is expected. If it is not, check the sweep's last execution "
            "there in the Step Functions console.",
        )


def sweep_minutes(pair: Pair) -> int:
    """Minutes between two complete sweeps: the interval, or the time for a fleet of max_standbys if that is longer.

    It assumes 25 WorkSpaces a call, on both sides, at the sweep's rate. More than a day counts as a day.
    """
    takes = math.ceil(2 * pair.max_standbys / 25 / (SWEEPS_SHARE * pair.calls_per_second) / 60)
    return min(max(pair.sweep_interval_minutes, takes), MINUTES_A_DAY)


def _of_fleet(pair: Pair, name: str, period_minutes: float) -> cloudwatch.Metric:
    """A metric that the sweep publishes about the pair's whole fleet."""
    return _of_function(pair, "sweep", name, "max", period_minutes)


def _of_function(pair: Pair, function: str, name: str, statistic: str, period_minutes: float) -> cloudwatch.Metric:
    """A metric that a function publishes."""
    of_function = dimensions(function, pair.stack_name)
    return _metric(METRICS_NAMESPACE, name, of_function, statistic, Duration.minutes(period_minutes))


def _sum(label: str, metrics: Sequence[cloudwatch.Metric]) -> cloudwatch.IMetric:
    """The sum of metrics, in the period of the first. A metric without data counts as 0."""
    if len(metrics) == 1:
        return metrics[0]
    named = {f"m{number}": metric for number, metric in enumerate(metrics)}
    expression = " + ".join(f"FILL({name}, 0)" for name in named)
    return cloudwatch.MathExpression(expression=expression, label=label, period=metrics[0].period, using_metrics=named)


def _metric(
    namespace: str, name: str, dimensions: Mapping[str, str], statistic: str, period: Duration = FIVE_MINUTES
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace, metric_name=name, dimensions_map=dict(dimensions), statistic=statistic, period=period
    )
