"""The alarms of both Regions, and the dashboard."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.config import Pair
from infra.config_rules import SWEEPS_SHARE as ALARMS_SHARE
from infra.purposes import ALARMS
from standby.wiring import SWEEPS_SHARE
from tests.infra.templates import STACK, Assembly, each_of, only, resources, text

OURS = "WorkspacesStandby"
EXISTING_TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"
SIGNS = {"<": "LessThanThreshold", ">=": "GreaterThanOrEqualToThreshold"}
# name → namespace, metric, threshold, periods
PRIMARY = {
    "dead-letters": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1, 1),
    "protect-errors": ("AWS/Lambda", "Errors", 1, 1),
    "functions-throttled": ("AWS/Lambda", "Throttles", 1, 3),
    "notices-late": ("AWS/Lambda", "IteratorAge", 600_000, 3),
    "events-undelivered": ("AWS/Events", "FailedInvocations", 1, 1),
    "replica-late": ("AWS/DynamoDB", "ReplicationLatency", 900_000, 3),
}


def alarms(template: dict[str, Any], stack: str = STACK) -> dict[str, dict[str, Any]]:
    return {
        alarm["Properties"]["AlarmName"].removeprefix(f"{stack}-").removeprefix("dr-"): alarm["Properties"]
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
    }


def metrics(alarm: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What an alarm sums up: namespace, name, dimensions, statistic and period of each metric."""
    several = [one["MetricStat"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    found = several or [{"Metric": alarm, "Stat": alarm["Statistic"], "Period": alarm["Period"]}]
    return [
        (
            one["Metric"]["Namespace"],
            one["Metric"]["MetricName"],
            {each["Name"]: text(each["Value"]) for each in one["Metric"]["Dimensions"]},
            one["Stat"],
            one["Period"],
        )
        for one in found
    ]


def assert_alarms(alarm: dict[str, Any], sign: str, threshold: float, periods: int, missing: str) -> None:
    """It alarms so; and whatever its period, CloudWatch takes it: see PutMetricAlarm's Period."""
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (SIGNS[sign], threshold)
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (periods, missing)
    for *_, period in metrics(alarm):
        assert period % 60 == 0
        assert period * periods <= (86_400 if period < 3_600 else 604_800)


@each_of("example", "everything")
@pytest.mark.parametrize("region", ["primary", "dr"])
def test_these_are_all_and_each_notifies_its_regions_topic(assembly: Assembly, region: str) -> None:
    """Only those that notice something of their own, and as many metrics, which are billed, as the documents say."""
    template = getattr(assembly, region)
    found = alarms(template)
    has_conditions = "replication-old" in alarms(assembly.primary)
    expected = {name: getattr(one, region) for name, one in ALARMS.items() if has_conditions or not one.condition}
    assert {name: len(metrics(alarm)) for name, alarm in found.items()} == {n: m for n, m in expected.items() if m}
    topics = [f"${{{one}}}" for one in resources(template, "AWS::SNS::Topic")]
    for alarm in found.values():
        assert [text(action) for action in alarm["AlarmActions"]] == (topics or [EXISTING_TOPIC])
        assert len(alarm["AlarmDescription"]) > 40


@pytest.mark.parametrize(("name", "expected"), PRIMARY.items())
def test_each_watches_its_metric(example: Assembly, name: str, expected: tuple[str, str, int, int]) -> None:
    alarm = alarms(example.primary)[name]
    namespace, metric, threshold, periods = expected
    assert metrics(alarm)[0][:2] == (namespace, metric)
    assert_alarms(alarm, ">=", threshold, periods, "notBreaching")


def test_every_rule_of_both_regions_is_listened_to_for_events_that_it_could_not_deliver(example: Assembly) -> None:
    for template in (example.primary, example.dr):
        alarm = alarms(template)["events-undelivered"]
        rules = resources(template, "AWS::Events::Rule")
        expected = [("AWS/Events", "FailedInvocations", {"RuleName": f"${{{name}}}"}, "Sum", 300) for name in rules]
        assert sorted(map(repr, metrics(alarm))) == sorted(map(repr, expected))
        assert not any("EventBusName" in rule["Properties"] for rule in rules.values())  # or it had a dimension more
        assert_alarms(alarm, ">=", 1, 1, "notBreaching")
    (sum_of_them,) = [one for one in alarms(example.primary)["events-undelivered"]["Metrics"] if "Expression" in one]
    assert sum_of_them["Expression"] == "FILL(m0, 0) + FILL(m1, 0) + FILL(m2, 0) + FILL(m3, 0)"


@pytest.mark.parametrize(
    ("keys", "minutes", "period"),
    [
        ({"exclude": {"tags": {"Standby": "no"}}}, 15, 3_600),
        ({"include": {"tags": {"Standby": "yes"}}}, 1440, 86_400),
    ],
    ids=str,
)
def test_tags_that_a_rule_asks_for_and_that_cannot_be_read_are_alarmed_when_it_has_lasted(
    keys: dict[str, Any], minutes: int, period: int
) -> None:
    found = alarms_of(**keys, sweep_interval_minutes=minutes)
    alarm = found["tags-unknown"]
    assert metrics(alarm) == [
        (OURS, "TagsUnknown", {"Stack": STACK, "service": function}, "Sum", period) for function in ("protect", "sweep")
    ]
    assert_alarms(alarm, ">=", 1, 3, "notBreaching")
    assert alarm["DatapointsToAlarm"] == 2


def test_silence_of_the_primary_side_is_alarmed_in_the_dr_region(example: Assembly) -> None:
    alarm = alarms(example.dr)["primary-silent"]
    assert metrics(alarm) == [(OURS, "Heartbeat", {"Stack": STACK}, "Sum", 900)]
    assert_alarms(alarm, "<", 1, 3, "breaching")


@pytest.mark.parametrize(
    ("assembly", "stack", "minutes"),
    [("everything", STACK, 15), ("example", STACK, 60), ("everything", "Standby-us-west-2-us-east-1", 1_440)],
    indirect=["assembly"],
)
def test_three_intervals_without_a_complete_sweep_are_alarmed_in_both_regions(
    assembly: Assembly, stack: str, minutes: int
) -> None:
    for name in (stack, f"{stack}-dr"):
        alarm = alarms(assembly.template(name), stack)["sweep-silent"]
        assert metrics(alarm) == [(OURS, "SweepCompleted", {"Stack": stack}, "Sum", minutes * 60)]
        assert_alarms(alarm, "<", 1, 3, "breaching")
        assert f"three intervals of {minutes} minutes" in alarm["AlarmDescription"]


@pytest.mark.parametrize(
    ("keys", "period", "periods"),
    [
        ({}, 3_600, 4),
        ({"coverage_grace_hours": 0.5}, 3_600, 1),
        ({"sweep_interval_minutes": 1440}, 86_400, 1),
        ({"sweep_interval_minutes": 90, "coverage_grace_hours": 4}, 5_400, 3),
        ({"sweep_interval_minutes": 1430, "coverage_grace_hours": 144}, 85_800, 7),
        ({"max_standbys": 20_000, "calls_per_second": 0.25}, 12_840, 2),
    ],
    ids=str,
)
def test_low_coverage_is_alarmed_when_it_has_lasted(keys: dict[str, Any], period: int, periods: int) -> None:
    alarm = alarms_of(**keys, coverage_target=90)["coverage-low"]
    assert metrics(alarm) == [(OURS, "CoveragePercent", {"Stack": STACK, "service": "sweep"}, "Maximum", period)]
    assert_alarms(alarm, "<", 90, periods, "ignore")
    assert "fewer than 90 %" in alarm["AlarmDescription"]


def test_old_data_is_alarmed_where_data_is_to_be_replicated(everything: Assembly) -> None:
    alarm = alarms(everything.primary)["replication-old"]
    of_sweep = {"Stack": STACK, "service": "sweep"}
    assert metrics(alarm) == [(OURS, "ReplicationAgeOldestSeconds", of_sweep, "Maximum", 3_600)]
    assert_alarms(alarm, ">=", 129_600, 1, "ignore")
    assert "36 hours" in alarm["AlarmDescription"]


def alarms_of(**keys: Any) -> dict[str, dict[str, Any]]:
    """The alarms that a configuration gets in its primary Region."""
    from aws_cdk import App  # starts Node.js, which a process that only collects does not need
    from aws_cdk.assertions import Template

    from infra.stack import PrimaryStack

    stack = PrimaryStack(App(), pair=pair_of(**keys), account="123456789012", bundle=Path(__file__).parent)
    return alarms(dict(Template.from_stack(stack).to_json()))


@pytest.mark.parametrize(
    ("keys", "minutes"),
    [
        ({}, 60),
        ({"sweep_interval_minutes": 15, "max_standbys": 20_000}, 54),
        ({"max_standbys": 20_000}, 60),
        ({"max_standbys": 100_000}, 267),
        ({"max_standbys": 20_000, "calls_per_second": 0.25}, 214),
        ({"max_standbys": 100_000, "calls_per_second": 8}, 60),
        ({"max_standbys": 10_000_000}, 1440),
    ],
    ids=str,
)
def test_an_interval_is_as_long_as_a_sweep_of_the_largest_fleet_takes(keys: dict[str, Any], minutes: int) -> None:
    """Else no sweep of a large fleet would be in time, and the alarm would never end."""
    from infra.alarms import sweep_minutes  # as in `alarms_of`

    assert sweep_minutes(pair_of(**keys)) == minutes
    assert ALARMS_SHARE == SWEEPS_SHARE


def pair_of(**keys: Any) -> Pair:
    regions = {"primary_region": "us-east-1", "dr_region": "us-west-2"}
    return Pair.model_validate({**regions, "directories": {"d-906732325d": {"dr_directory": "d-926722edaf"}}, **keys})


def test_the_dashboards_first_row_is_coverage(example: Assembly) -> None:
    body = json.loads(text(only(example.primary, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    whole, counts = ({one[1] for one in widget["properties"]["metrics"]} for widget in body["widgets"][:2])
    assert [widget["y"] for widget in body["widgets"]].count(0) == 2
    assert {"CoveragePercent", "CoverageOfAllPercent"} <= whole
    assert {"EligibleDesktops", "ProtectedDesktops"} <= counts


def test_the_dashboard_shows_alarms_and_logs_too(example: Assembly) -> None:
    dashboard = only(example.primary, "AWS::CloudWatch::Dashboard")
    assert dashboard["DashboardName"] == STACK
    kinds = {widget["type"] for widget in json.loads(text(dashboard["DashboardBody"]))["widgets"]}
    assert {"metric", "alarm", "log"} <= kinds
