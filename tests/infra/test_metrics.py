"""What alarms and dashboards ask for is what the functions of their own pair tell, by the same dimensions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aws_lambda_powertools import Logger, Metrics

from infra.purposes import METRICS
from standby.aws.others import beat
from standby.telemetry import PowertoolsTelemetry
from tests.infra.templates import FUNCTION, Assembly, only, resources, text

PAIRS = ("Standby-us-east-1-us-west-2", "Standby-us-east-1-eu-west-1", "Standby-us-west-2-us-east-1")
NAMESPACE = "WorkspacesStandby"
# A metric's name and its dimensions: what CloudWatch knows it by.
Told = tuple[str, frozenset[tuple[str, str]]]
# Of a name that no handler has: loggers of one name share their stream.
LOGGER = Logger(service="tests of metrics")
LAMBDAS = Path(__file__).parents[2] / "lambdas"


@pytest.fixture(autouse=True)
def dimensions_of_its_own() -> Iterator[None]:
    """Powertools keeps default dimensions for a process's life."""
    yield
    metrics = Metrics()
    metrics.clear_default_dimensions()
    metrics.clear_metrics()


def told(name: str, **dimensions: str) -> Told:
    return name, frozenset(dimensions.items())


def of_alarms(template: dict[str, Any]) -> Iterator[Told]:
    for alarm in resources(template, "AWS::CloudWatch::Alarm").values():
        found = alarm["Properties"]
        several = [one["MetricStat"]["Metric"] for one in found.get("Metrics", ()) if "MetricStat" in one]
        for metric in [found] if "MetricName" in found else several:
            if metric["Namespace"] == NAMESPACE:
                yield told(metric["MetricName"], **{one["Name"]: one["Value"] for one in metric["Dimensions"]})


def of_dashboard(template: dict[str, Any]) -> Iterator[Told]:
    body = json.loads(text(only(template, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    for widget in body["widgets"]:
        for metric in widget["properties"].get("metrics", ()):
            match metric:
                case [namespace, name, *dimensions, dict()] if namespace == NAMESPACE:
                    yield told(name, **dict(zip(dimensions[::2], dimensions[1::2], strict=True)))


def asked(assembly: Assembly, stack: str) -> set[Told]:
    """All that a pair's alarms, in both Regions, and its dashboard ask for of our own metrics."""
    primary, dr = assembly.template(stack), assembly.template(f"{stack}-dr")
    return {*of_alarms(primary), *of_alarms(dr), *of_dashboard(primary)}


def emitted(line: str) -> Told:
    """The one metric of a line in embedded format."""
    found = json.loads(line)
    ((directive,), (names,)) = (found["_aws"]["CloudWatchMetrics"], found["_aws"]["CloudWatchMetrics"][0]["Dimensions"])
    (metric,) = directive["Metrics"]
    assert directive["Namespace"] == NAMESPACE
    return told(metric["Name"], **{name: found[name] for name in names})


@pytest.mark.parametrize("stack", PAIRS)
def test_what_is_asked_for_is_told_by_the_pairs_own_functions_with_exactly_these_dimensions(
    neighbours: Assembly, stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    template = neighbours.template(stack)
    wanted = asked(neighbours, stack)
    beats = {name for name, dimensions in wanted if "service" not in dict(dimensions)}
    assert beats == {"Heartbeat", "SweepCompleted"}
    cloudwatch = Mock()
    for function in resources(template, FUNCTION).values():
        variables = function["Properties"]["Environment"]["Variables"]
        service = variables["POWERTOOLS_SERVICE_NAME"]
        metrics = Metrics(namespace=variables["POWERTOOLS_METRICS_NAMESPACE"], service=service)
        telemetry = PowertoolsTelemetry(LOGGER, metrics, stack)
        for name in sorted(name for name, dimensions in wanted if ("service", service) in dimensions):
            telemetry.count(name)
            metrics.flush_metrics()
            telemetry.gauge(name, 1)
        for name in sorted(beats):
            beat(cloudwatch, name, stack, telemetry)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2 * 20
    put = [call.kwargs for call in cloudwatch.put_metric_data.call_args_list]
    assert {one["Namespace"] for one in put} == {NAMESPACE}
    data = [one for each in put for one in each["MetricData"]]
    beaten = {told(one["MetricName"], **{each["Name"]: each["Value"] for each in one["Dimensions"]}) for one in data}
    assert wanted == {emitted(line) for line in lines} | beaten


def test_what_is_asked_for_stands_in_the_functions_code(neighbours: Assembly) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in sorted(LAMBDAS.rglob("*.py")))
    assert [name for name, _ in asked(neighbours, PAIRS[0]) if f'"{name}"' not in code] == []
    explained = {name for metric in METRICS for name in metric.names}
    assert {name for name, _ in asked(neighbours, PAIRS[0])} <= explained
    assert [name for name in explained if f'"{name}"' not in code] == []


def test_each_function_is_asked_for_what_it_publishes_itself(everything: Assembly) -> None:
    """protect alone reconciles: outcomes, throttles and tags of open rows are its own; watch publishes its rounds."""
    found: dict[str, list[str]] = {}
    for name, dimensions in asked(everything, PAIRS[0]):
        found.setdefault(dict(dimensions).get("service", ""), []).append(name)
    assert {function: " ".join(sorted(names)) for function, names in found.items()} == {
        "protect": "BadEvents Failed Held Ineligible Protected Rejected StandbysRequested TagsUnknown Throttled "
        "TimedOut UnknownAnswers",
        "watch": "DueRows EffectiveIntervalSeconds",
        "sweep": "BackfillProtected BackfillUnderWay BackfillWaiting CoverageAgeSeconds CoverageOfAllPercent "
        "CoveragePercent DirectoriesIncomplete DriftedStandbys EligibleDesktops ExistingReported OrphanedStandbys "
        "OrphansMonthlyCost ProtectedDesktops ReplicationAgeOldestSeconds StaleStandbys SweepIntervalSeconds "
        "TagsUnknown UnknownAnswers",
        "": "Heartbeat SweepCompleted",
    }
