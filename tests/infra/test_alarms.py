"""The alarms of both Regions, and the dashboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from infra.alarms import sweep_minutes
from infra.config import Pair
from infra.config_rules import SWEEPS_SHARE as ALARMS_SHARE
from infra.stack import PrimaryStack
from standby.wiring import SWEEPS_SHARE
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
    assert set(alarms(example.primary)) == {*PRIMARY, "sweep-silent", "coverage-low"}


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


def test_every_rule_of_both_regions_is_listened_to_for_events_that_it_could_not_deliver(example: Assembly) -> None:
    for template in (example.primary, example.dr):
        (alarm,) = [one for name, one in alarms(template).items() if name == "events-undelivered"]
        watched = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one] or [alarm]
        assert {(one["Namespace"], one["MetricName"]) for one in watched} == {("AWS/Events", "FailedInvocations")}
        dimensions = [(one["Name"], text(one["Value"])) for metric in watched for one in metric["Dimensions"]]
        rules = resources(template, "AWS::Events::Rule")
        assert sorted(dimensions) == [("RuleName", f"${{{name}}}") for name in sorted(rules)]
        assert not any("EventBusName" in rule["Properties"] for rule in rules.values())  # or it had a dimension more
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    (sum_of_them,) = [one for one in alarms(example.primary)["events-undelivered"]["Metrics"] if "Expression" in one]
    assert sum_of_them["Expression"] == "FILL(m0, 0) + FILL(m1, 0) + FILL(m2, 0) + FILL(m3, 0)"


@pytest.mark.parametrize(
    ("keys", "name", "watched"),
    [
        (
            {"exclude": {"tags": {"Standby": "no"}}},
            "tags-unknown",
            [("TagsUnknown", "watch"), ("TagsUnknown", "sweep")],
        ),
        (
            {"include": {"tags": {"Standby": "yes"}}},
            "tags-unknown",
            [("TagsUnknown", "watch"), ("TagsUnknown", "sweep")],
        ),
    ],
)
@pytest.mark.parametrize(("minutes", "period"), [(15, 3_600), (1440, 86_400)])
def test_what_a_rule_asks_for_and_cannot_be_read_is_alarmed_when_it_has_lasted(
    keys: dict[str, Any], name: str, watched: list[tuple[str, str]], minutes: int, period: int
) -> None:
    found = alarms_of(pair_of(**keys, sweep_interval_minutes=minutes))
    assert {one for one in found if one.endswith("-unknown")} == {name}
    alarm = found[name]
    metrics = [one["MetricStat"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    if not metrics:
        metrics = [{"Metric": alarm, "Period": alarm["Period"], "Stat": alarm["Statistic"]}]
    assert [
        (
            one["Metric"]["Namespace"],
            one["Metric"]["MetricName"],
            one["Metric"]["Dimensions"],
            one["Period"],
            one["Stat"],
        )
        for one in metrics
    ] == [
        (
            "WorkspacesStandby",
            metric,
            [{"Name": "Stack", "Value": STACK}, {"Name": "service", "Value": function}],
            period,
            "Sum",
        )
        for metric, function in watched
    ]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3, 2)
    assert 3 * period <= 604_800  # what CloudWatch looks back over
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert alarm["TreatMissingData"] == "notBreaching"


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


def alarms_of(given: Pair) -> dict[str, dict[str, Any]]:
    """The alarms that a configuration gets in its primary Region."""
    stack = PrimaryStack(App(), pair=given, account="123456789012", bundle=Path(__file__).parent)
    return alarms(dict(Template.from_stack(stack).to_json()))


@pytest.mark.parametrize(
    ("keys", "period", "periods"),
    [
        ({}, 3_600, 4),
        ({"sweep_interval_minutes": 15}, 3_600, 4),
        ({"sweep_interval_minutes": 1440}, 86_400, 1),
        ({"sweep_interval_minutes": 90, "coverage_grace_hours": 4}, 5_400, 3),
        ({"coverage_grace_hours": 0.5}, 3_600, 1),
        ({"sweep_interval_minutes": 1440, "coverage_grace_hours": 144}, 86_400, 6),
        ({"sweep_interval_minutes": 1430, "coverage_grace_hours": 144}, 85_800, 7),
        ({"max_standbys": 50_000}, 8_040, 2),
        ({"max_standbys": 20_000, "calls_per_second": 0.25}, 12_840, 2),
    ],
)
def test_low_coverage_is_alarmed_when_it_has_lasted(keys: dict[str, Any], period: int, periods: int) -> None:
    """Whatever is configured, CloudWatch takes it: it looks back seven days at most."""
    alarm = alarms_of(pair_of(**keys, coverage_target=90))["coverage-low"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("WorkspacesStandby", "CoveragePercent")
    assert alarm["Dimensions"] == [{"Name": "Stack", "Value": STACK}, {"Name": "service", "Value": "sweep"}]
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Maximum", period, periods)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 90)
    assert alarm["TreatMissingData"] == "ignore"
    assert period * periods <= 604_800
    assert "fewer than 90 %" in alarm["AlarmDescription"]


def test_old_data_is_alarmed_where_data_is_to_be_replicated(example: Assembly, everything: Assembly) -> None:
    assert "replication-old" not in alarms(example.primary)
    alarm = alarms(everything.primary)["replication-old"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("WorkspacesStandby", "ReplicationAgeOldestSeconds")
    assert alarm["Dimensions"] == [{"Name": "Stack", "Value": STACK}, {"Name": "service", "Value": "sweep"}]
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Maximum", 3_600, 1)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 129_600)
    assert alarm["TreatMissingData"] == "ignore"
    assert "36 hours" in alarm["AlarmDescription"]


@pytest.mark.parametrize(
    ("keys", "minutes"),
    [
        ({}, 60),
        ({"sweep_interval_minutes": 15, "max_standbys": 20_000}, 54),
        ({"max_standbys": 20_000}, 60),
        ({"max_standbys": 100_000}, 267),
        ({"max_standbys": 20_000, "calls_per_second": 0.25}, 214),
        ({"max_standbys": 100_000, "calls_per_second": 8}, 60),
        ({"max_standbys": 5_000, "calls_per_second": 0.1}, 134),
        ({"max_standbys": 10_000_000}, 1440),
    ],
)
def test_an_interval_is_as_long_as_a_sweep_of_the_largest_fleet_takes(keys: dict[str, Any], minutes: int) -> None:
    """Else no sweep of a large fleet would be in time, and the alarm would never end."""
    assert sweep_minutes(pair_of(**keys)) == minutes
    assert ALARMS_SHARE == SWEEPS_SHARE


def pair_of(**keys: Any) -> Pair:
    directories = {"d-906732325d": {"dr_directory": "d-926722edaf"}}
    return Pair.model_validate(
        {"primary_region": "us-east-1", "dr_region": "us-west-2", "directories": directories, **keys}
    )


def test_the_dr_region_watches_the_replica_too_and_tells_its_own_topic(example: Assembly) -> None:
    found = alarms(example.dr)
    assert set(found) == {
        "primary-silent",
        "sweep-silent",
        "replica-throttled",
        "replica-errors",
        "dead-letters",
        "events-undelivered",
    }
    (topic,) = resources(example.dr, "AWS::SNS::Topic")
    for alarm in found.values():
        assert [text(action) for action in alarm["AlarmActions"]] == [f"${{{topic}}}"]
    for name in ("replica-throttled", "replica-errors"):
        assert f'"Value": "{STACK}"' in json.dumps(found[name])


def test_the_dashboards_first_row_is_coverage(example: Assembly) -> None:
    body = json.loads(text(only(example.primary, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    first = [widget for widget in body["widgets"] if widget["y"] == 0]
    assert len(first) == 2
    whole, counts = (json.dumps(widget["properties"]) for widget in first)
    for metric, widget in (
        ("CoveragePercent", whole),
        ("CoverageOfAllPercent", whole),
        ("EligibleDesktops", counts),
        ("ProtectedDesktops", counts),
    ):
        dimensions = ["WorkspacesStandby", metric, "Stack", STACK, "service", "sweep"]
        assert json.dumps(dimensions)[:-1] in widget


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
        "CoverageAgeSeconds",
        "DriftedStandbys",
        "StaleStandbys",
        "OrphanedStandbys",
        "OrphansMonthlyCost",
        "ReplicationAgeOldestSeconds",
    ):
        assert f'"{shown}"' in body
    assert '"type":"alarm"' in body
    assert '"type":"log"' in body
