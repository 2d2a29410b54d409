"""The alarms of both Regions, and the dashboard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.templates import STACK, only, resources, text

if TYPE_CHECKING:
    from tests.infra.templates import Assembly

# name → namespace, metric, threshold, periods
PRIMARY = {
    "dead-letters": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1, 1),
    "protect-errors": ("AWS/Lambda", "Errors", 1, 1),
    "protect-throttles": ("AWS/Lambda", "Throttles", 1, 3),
    "watch-errors": ("AWS/Lambda", "Errors", 1, 1),
    "watch-throttles": ("AWS/Lambda", "Throttles", 1, 3),
    "sweep-errors": ("AWS/Lambda", "Errors", 1, 1),
    "sweep-throttles": ("AWS/Lambda", "Throttles", 1, 3),
    "announce-errors": ("AWS/Lambda", "Errors", 1, 1),
    "announce-throttles": ("AWS/Lambda", "Throttles", 1, 3),
    "watch-failed": ("AWS/States", "ExecutionsFailed", 1, 1),
    "watch-timed-out": ("AWS/States", "ExecutionsTimedOut", 1, 1),
    "watch-aborted": ("AWS/States", "ExecutionsAborted", 1, 1),
    "sweep-failed": ("AWS/States", "ExecutionsFailed", 1, 1),
    "sweep-timed-out": ("AWS/States", "ExecutionsTimedOut", 1, 1),
    "sweep-aborted": ("AWS/States", "ExecutionsAborted", 1, 1),
    "notices-late": ("AWS/Lambda", "IteratorAge", 600_000, 3),
    "events-undelivered": ("AWS/Events", "FailedInvocations", 1, 1),
    "replica-late": ("AWS/DynamoDB", "ReplicationLatency", 900_000, 3),
    "ledger-throttled": ("AWS/DynamoDB", "ReadThrottleEvents", 1, 3),
}


def alarms(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        alarm["Properties"]["AlarmName"].removeprefix(f"{STACK}-").removeprefix("dr-"): alarm["Properties"]
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
    }


def test_these_are_all_of_the_primary_region(example: Assembly) -> None:
    assert set(alarms(example.primary)) == {*PRIMARY, "sweep-silent"}


@pytest.mark.parametrize(("name", "expected"), PRIMARY.items())
def test_each_watches_its_metric_and_tells_the_topic(
    example: Assembly, name: str, expected: tuple[str, str, int, int]
) -> None:
    alarm = alarms(example.primary)[name]
    namespace, metric, threshold, periods = expected
    watched = alarm if "MetricName" in alarm else alarm["Metrics"][1]["MetricStat"]["Metric"]
    assert (watched["Namespace"], watched["MetricName"]) == (namespace, metric)
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (threshold, periods)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert [text(action) for action in alarm["AlarmActions"]] == [
        f"${{{topic}}}" for topic in resources(example.primary, "AWS::SNS::Topic")
    ]
    assert len(alarm["AlarmDescription"]) > 40


def test_silence_of_the_primary_side_is_alarmed_in_the_dr_region(example: Assembly) -> None:
    alarm = alarms(example.dr)["primary-silent"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("WorkspacesStandby", "Heartbeat")
    assert alarm["Dimensions"] == [{"Name": "Stack", "Value": STACK}]
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Sum", 900, 3)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"


@pytest.mark.parametrize(
    ("fixture", "stack", "minutes"),
    [
        ("everything", STACK, 15),
        ("example", STACK, 60),
        ("everything", "Standby-us-west-2-us-east-1", 1_440),
    ],
)
def test_three_intervals_without_a_complete_sweep_are_alarmed_in_both_regions(
    fixture: str, stack: str, minutes: int, request: pytest.FixtureRequest
) -> None:
    """Whatever the interval, CloudWatch takes it: see PutMetricAlarm's Period."""
    assembly: Assembly = request.getfixturevalue(fixture)
    seconds = minutes * 60
    for name in (stack, f"{stack}-dr"):
        (alarm,) = [
            one["Properties"]
            for one in resources(assembly.template(name), "AWS::CloudWatch::Alarm").values()
            if one["Properties"]["AlarmName"] == f"{name}-sweep-silent"
        ]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("WorkspacesStandby", "SweepCompleted")
        assert alarm["Dimensions"] == [{"Name": "Stack", "Value": stack}]
        assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Sum", seconds, 3)
        assert seconds % 60 == 0
        assert 3 * seconds <= (86_400 if seconds < 3_600 else 604_800)
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
        assert alarm["TreatMissingData"] == "breaching"
        assert f"three intervals of {minutes} minutes" in alarm["AlarmDescription"]
        assert len(alarm["AlarmActions"]) == 1


def test_the_dr_region_watches_the_replica_too_and_tells_its_own_topic(example: Assembly) -> None:
    found = alarms(example.dr)
    assert set(found) == {"primary-silent", "sweep-silent", "replica-throttled", "replica-errors"}
    (topic,) = resources(example.dr, "AWS::SNS::Topic")
    for alarm in found.values():
        assert [text(action) for action in alarm["AlarmActions"]] == [f"${{{topic}}}"]
    for name in ("replica-throttled", "replica-errors"):
        assert f'"Value": "{STACK}"' in json.dumps(found[name])


def test_the_dashboard_shows_outcomes_machinery_alarms_and_logs(example: Assembly) -> None:
    dashboard = only(example.primary, "AWS::CloudWatch::Dashboard")
    assert dashboard["DashboardName"] == STACK
    body = text(dashboard["DashboardBody"])
    for shown in (
        "StandbysRequested",
        "Protected",
        "Held",
        "OpenRows",
        "EffectiveIntervalSeconds",
        "SweepIntervalSeconds",
    ):
        assert f'"{shown}"' in body
    assert '"type":"alarm"' in body
    assert '"type":"log"' in body
