"""The functions: runtime, time-outs, tracing, environment, logs."""

import pytest

from tests.infra.templates import FUNCTION, STACK, Assembly, only, resources, text

MACHINE = "WATCH_STATE_MACHINE_ARN"
# name → seconds, and what its environment has beside what is there for all
FUNCTIONS = {
    "protect": (300, {MACHINE, "DEAD_LETTER_QUEUE_URL"}),
    "watch": (300, {MACHINE}),
    "sweep": (300, {MACHINE}),
    "announce": (60, {"NOTIFICATION_TOPIC_ARN", "EVENT_BUS_NAME"}),
}


def test_these_are_all_so_no_custom_resource_brings_its_own(example: Assembly) -> None:
    names = {function["Properties"]["FunctionName"] for function in resources(example.primary, FUNCTION).values()}
    assert names == {f"{STACK}-{name}" for name in FUNCTIONS}
    assert not resources(example.dr, FUNCTION)
    for template in (example.primary, example.dr):
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert not [kind for kind in kinds if kind.startswith("Custom::") or kind.endswith("::CustomResource")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_runtime_timeout_tracing_and_an_environment_of_only_what_the_function_reads(
    example: Assembly, name: str
) -> None:
    function, (seconds, own) = only(example.primary, FUNCTION, name.capitalize()), FUNCTIONS[name]
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert (function["Handler"], function["Timeout"]) == (f"{name}.handler", seconds)
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert "ReservedConcurrentExecutions" not in function
    variables = function["Environment"]["Variables"]
    powertools = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
    assert set(variables) == powertools | {"LEDGER_TABLE"} | own
    assert variables["POWERTOOLS_SERVICE_NAME"] == name
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "WorkspacesStandby"
    if MACHINE in own:
        watcher = only(example.primary, "AWS::StepFunctions::StateMachine", "Watcher")["StateMachineName"]
        assert text(variables[MACHINE]).endswith(f":us-east-1:${{AWS::AccountId}}:stateMachine:{watcher}")


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
