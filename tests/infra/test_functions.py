"""The functions: runtime, time-outs, tracing, environment, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.infra.templates import STACK, only, resources, text

if TYPE_CHECKING:
    from tests.infra.templates import Assembly

FUNCTION = "AWS::Lambda::Function"
FUNCTIONS = {"protect": 300, "watch": 300, "sweep": 300, "announce": 60}


def test_these_are_all_so_no_custom_resource_brings_its_own(example: Assembly) -> None:
    names = {function["Properties"]["FunctionName"] for function in resources(example.primary, FUNCTION).values()}
    assert names == {f"{STACK}-{name}" for name in FUNCTIONS}
    assert not resources(example.dr, FUNCTION)
    for template in (example.primary, example.dr):
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert not [kind for kind in kinds if kind.startswith("Custom::") or kind.endswith("::CustomResource")]


@pytest.mark.parametrize(("name", "seconds"), FUNCTIONS.items())
def test_runtime_architecture_timeout_tracing(example: Assembly, name: str, seconds: int) -> None:
    function = only(example.primary, FUNCTION, name.capitalize())
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["Handler"] == f"{name}.handler"
    assert function["Timeout"] == seconds
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert "ReservedConcurrentExecutions" not in function


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("protect", {"WATCH_STATE_MACHINE_ARN", "DEAD_LETTER_QUEUE_URL"}),
        ("watch", {"WATCH_STATE_MACHINE_ARN"}),
        ("sweep", {"SWEEP_STATE_MACHINE_ARN", "WATCH_STATE_MACHINE_ARN"}),
        ("announce", {"NOTIFICATION_TOPIC_ARN", "EVENT_BUS_NAME"}),
    ],
)
def test_the_environment_holds_only_what_the_function_reads(example: Assembly, name: str, own: set[str]) -> None:
    variables = only(example.primary, FUNCTION, name.capitalize())["Environment"]["Variables"]
    powertools = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
    assert set(variables) == powertools | {"LEDGER_TABLE"} | own
    assert variables["POWERTOOLS_SERVICE_NAME"] == name
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "WorkspacesStandby"


@pytest.mark.parametrize(
    ("function", "variable", "machine"),
    [
        ("Protect", "WATCH_STATE_MACHINE_ARN", "Watcher"),
        ("Watch", "WATCH_STATE_MACHINE_ARN", "Watcher"),
        ("Sweep", "WATCH_STATE_MACHINE_ARN", "Watcher"),
        ("Sweep", "SWEEP_STATE_MACHINE_ARN", "Sweeper"),
    ],
)
def test_the_machines_arn_that_functions_are_told_is_the_machines(
    example: Assembly, function: str, variable: str, machine: str
) -> None:
    name = only(example.primary, "AWS::StepFunctions::StateMachine", machine)["StateMachineName"]
    told = only(example.primary, FUNCTION, function)["Environment"]["Variables"][variable]
    assert text(told).endswith(f":us-east-1:${{AWS::AccountId}}:stateMachine:{name}")


def test_every_log_group_is_ours_and_keeps_thirteen_months(example: Assembly) -> None:
    groups = {
        group["Properties"]["LogGroupName"]: group["Properties"]["RetentionInDays"]
        for group in resources(example.primary, "AWS::Logs::LogGroup").values()
    }
    assert groups == {
        **{f"/aws/lambda/{STACK}-{name}": 400 for name in FUNCTIONS},
        **{f"/aws/vendedlogs/states/{STACK}-{name}": 400 for name in ("watch", "sweep")},
    }
    for function in resources(example.primary, FUNCTION).values():
        logged = text(function["Properties"]["LoggingConfig"]["LogGroup"])
        assert logged.strip("${}") in resources(example.primary, "AWS::Logs::LogGroup")
