"""Alarms: each says in its description what has happened and what to do."""

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
    """Alarms that all go to one topic, and are named after their stack."""

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
        """Alarm when the metric reaches the threshold, or falls below it, in all periods, or in so many `of_them`."""
        if name not in ALARMS:
            raise ValueError(f"say in infra/purposes.py what only the alarm {name} notices")
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
        """Alarm when EventBridge has given up an event of one of the rules.

        CloudWatch bills an alarm by its metrics, so there is one a rule: `FailedInvocations`, of what failed for good.
        What the queue could take of that has an alarm of its own, dead-letters.
        """
        self._add(
            "events-undelivered",
            f"EventBridge has given up an event of one of the stack's rules, after all its tries. {advice}",
            _sum(
                "Undelivered",
                [_metric("AWS/Events", "FailedInvocations", {"RuleName": rule.rule_name}, "sum") for rule in rules],
            ),
        )

    def _no_sweep(self, pair: Pair, advice: str) -> None:
        """Alarm when three intervals in a row brought no complete sweep.

        CloudWatch takes periods of whole minutes, looks back seven days at most, and one day if a period is shorter
        than an hour (PutMetricAlarm): three intervals of 15 minutes to a day fit.
        """
        minutes = sweep_minutes(pair)
        self._add(
            "sweep-silent",
            f"No sweep of {pair.primary_region} has seen the whole fleet for three intervals of "
            f"{minutes} minutes: what no event told is not found, and what is gone is not noticed. "
            f"{advice}",
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
    """What can go wrong in the primary Region."""

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
            "Something could not be delivered or handled, and waits in the dead-letter queue. "
            "Read a message there, mend its cause, and ask by hand for the WorkSpaces that it is about "
            "(README, Dead letters).",
            dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="max"),
        )
        self._add(
            "protect-errors",
            f"The protect function failed. Its callers retry; read its log group /aws/lambda/{protect.name}.",
            protect.function.metric_errors(period=FIVE_MINUTES),
        )
        # A watcher or a sweep that is throttled, or fails, is told as a failed execution.
        self._add(
            "functions-throttled",
            "Lambda throttles the functions protect or announce: the account's concurrency is used up. Their callers "
            "retry for hours. Raise the account's quota of concurrent executions, or find what uses it up.",
            _sum("Throttled", [one.function.metric_throttles(period=FIVE_MINUTES) for one in (protect, announce)]),
            periods=3,
        )
        self._no_sweep(
            pair,
            "Look at the sweep's last execution in the Step Functions console, and at the sweep function's log; if a "
            "sweep takes longer than the interval, raise sweep_interval_minutes.",
        )
        self._coverage(pair)
        self._unknown(pair)
        self._add(
            "notices-late",
            "Notices leave the ledger's stream more than 10 minutes late: look at the announce function's log.",
            announce.function.metric("IteratorAge", period=FIVE_MINUTES, statistic="max"),
            threshold=Duration.minutes(10).to_milliseconds(),
            periods=3,
        )
        self._undelivered(
            rules,
            "Look for it among the dead letters (README, Dead letters); if it is not there, the queue could not take "
            "it either: the next sweep finds a new desktop, and CloudTrail's event history says who ended one.",
        )
        self._add(
            "replica-late",
            f"The ledger's replica in {pair.dr_region} is more than 15 minutes behind: in a failover it would show an "
            "older state.",
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
        """Alarm when each sweep in so many hours has found too few covered."""
        period = max(Duration.hours(1).to_minutes(), sweep_minutes(pair))
        self._add(
            "coverage-low",
            f"For {pair.coverage_grace_hours:g} hours fewer than {pair.coverage_target:g} % of the desktops that are "
            f"to have a standby in {pair.dr_region} have had one. `standby list --uncovered` says which, and why.",
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
                "come for so long. Look at the rows with the condition STALE (README, Replication age).",
                _of_fleet(pair, "ReplicationAgeOldestSeconds", period),
                threshold=pair.rpo_hours * 3600,
                missing=cloudwatch.TreatMissingData.IGNORE,
            )

    def _unknown(self, pair: Pair) -> None:
        """Alarm when what a rule of the selection asks for can still not be read: desktops wait for it.

        A call that was throttled once is made again with the next round, so it takes two of three periods, each at
        least as long as the interval of the sweep. protect reads tags for open rows, the sweep for all others.
        """
        period = max(Duration.hours(1).to_minutes(), sweep_minutes(pair))
        for name, metric, functions, is_asked, what in (
            ("tags-unknown", "TagsUnknown", ("protect", "sweep"), pair.has_tag_rules, "tags"),
        ):
            if is_asked:
                self._add(
                    name,
                    f"The {what} of desktops could not be read for hours, and a rule of the selection asks for them: "
                    "no standby is made for these until they can be. The logs of the functions protect and sweep say "
                    "why; perhaps a policy denies it (README, Selection).",
                    _sum("Unknown", [_of_function(pair, one, metric, "sum", period) for one in functions]),
                    periods=3,
                    of_them=2,
                )


class DrAlarms(_Alarms):
    """What the DR Region can see: its replica, and whether the primary side still lives."""

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
            f"Who terminated WorkSpaces here could not be told to {pair.primary_region} within a day: each message of "
            "the stack's queue is CloudTrail's record of such a call. What is gone is found by the sweep; read who it "
            "was, and delete the message.",
            dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="max"),
        )
        self._undelivered(
            rules,
            f"Who terminated WorkSpaces here was not told to {pair.primary_region}: look into the stack's queue, or, "
            "if it could not take it either, into CloudTrail's event history.",
        )
        self._add(
            "primary-silent",
            f"Nothing has been heard from {pair.primary_region} for 45 minutes: no watcher ran there. If the Region is "
            "down, the ledger's replica here says who has a standby; else look at the schedule and the watch function.",
            _metric(METRICS_NAMESPACE, "Heartbeat", {"Stack": pair.stack_name}, "sum", QUARTER),
            periods=3,
            below=True,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        self._no_sweep(
            pair,
            f"If {pair.primary_region} is down, this is to be expected; else look there at the sweep's last execution "
            "in the Step Functions console.",
        )


def sweep_minutes(pair: Pair) -> int:
    """Minutes between two complete sweeps: the interval, or what a fleet of max_standbys takes if that is longer.

    25 WorkSpaces a call, on both sides, at the sweep's pace. What lasts longer than a day counts as a day.
    """
    takes = math.ceil(2 * pair.max_standbys / 25 / (SWEEPS_SHARE * pair.calls_per_second) / 60)
    return min(max(pair.sweep_interval_minutes, takes), MINUTES_A_DAY)


def _of_fleet(pair: Pair, name: str, period_minutes: float) -> cloudwatch.Metric:
    """What a sweep tells of the pair's whole fleet."""
    return _of_function(pair, "sweep", name, "max", period_minutes)


def _of_function(pair: Pair, function: str, name: str, statistic: str, period_minutes: float) -> cloudwatch.Metric:
    """What a function tells."""
    of_function = dimensions(function, pair.stack_name)
    return _metric(METRICS_NAMESPACE, name, of_function, statistic, Duration.minutes(period_minutes))


def _sum(label: str, metrics: Sequence[cloudwatch.Metric]) -> cloudwatch.IMetric:
    """All of them together, in their own period. What told nothing counts as 0."""
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
