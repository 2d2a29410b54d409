"""Each branch of the watcher's definition, as it stands in the synthesised template."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.templates import STACK, only, resources, text
from tests.simulation.machine import Execution, StateError

if TYPE_CHECKING:
    from tests.infra.templates import Assembly

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:Standby-us-east-1-us-west-2-watch:one"
MACHINE = "AWS::StepFunctions::StateMachine"
# Failures of an invocation as AWS documents them for Lambda's Invoke and for Step Functions.
DOCUMENTED = [
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ResourceNotReadyException",
    "Lambda.ResourceConflictException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "States.Timeout",
]


@pytest.fixture
def definition(example: Assembly) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(only(example.primary, MACHINE)["DefinitionString"])
    return parsed


def answer(*ready: str, wait: int = 120, outcome: str = "watching", cursor: Any = None) -> dict[str, Any]:
    return {
        "done": False,
        "outcome": outcome,
        "wait_seconds": wait,
        "ready": list(ready),
        "cursor": cursor,
        "open": 3,
        "interval_seconds": wait,
    }


DONE = {**answer(outcome="nothing open", wait=0), "done": True, "open": 0}


class Functions:
    """The two functions, and a clock that is set forward: each gives its answers, or raises its errors, in turn."""

    def __init__(self, watch: list[Any], protect: list[Any] | None = None) -> None:
        self.answers = {"watch": watch, "protect": protect or []}
        self.payloads: dict[str, list[Any]] = {"watch": [], "protect": []}
        self.time = datetime(2026, 3, 3, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def jitter(self, most: float) -> float:
        return most

    def invoke(self, function_arn: str, payload: Any, timeout_seconds: float | None) -> Any:
        name = {"${WatchFunctionArn}": "watch", "${ProtectFunctionArn}": "protect"}[function_arn]
        assert timeout_seconds == 330
        self.payloads[name].append(payload)
        given = self.answers[name].pop(0)
        if isinstance(given, str):
            raise StateError(given, "because")
        return given

    def run(self, definition: dict[str, Any], given: Any = None) -> Execution:
        execution = Execution(definition, EXECUTION, self)
        execution.run(given or {})
        return execution


def test_with_nothing_open_it_ends_after_one_call(definition: dict[str, Any]) -> None:
    functions = Functions([DONE])
    run = functions.run(definition)
    assert run.status == "SUCCEEDED"
    assert run.path == ["Start", "Observe", "Anything to do", "Nothing open"]
    assert run.output == {"outcome": "nothing open", "open": 0, "interval_seconds": 0}
    assert functions.payloads["watch"] == [{"execution_arn": EXECUTION, "round": 0, "cursor": None}]


def test_with_nothing_ready_it_waits_and_looks_again(definition: dict[str, Any]) -> None:
    cursor = {"looked_at": "2026-03-03T09:00:00.000Z"}
    functions = Functions([answer(wait=77, cursor=cursor), DONE])
    run = functions.run(definition)
    assert run.path[1:6] == ["Observe", "Anything to do", "Wait", "Observe", "Anything to do"]
    assert run.waits == [77]
    assert functions.payloads["watch"][1] == {"execution_arn": EXECUTION, "round": 1, "cursor": cursor}
    assert functions.payloads["protect"] == []


@pytest.mark.parametrize(
    "ready", [["ws-1c0ffee01"], ["ws-1c0ffee01", "ws-1c0ffee02"], [f"ws-{n:09x}" for n in range(500)]]
)
def test_what_became_ready_is_handed_to_protect_as_a_list(definition: dict[str, Any], ready: list[str]) -> None:
    functions = Functions([answer(*ready), DONE], [{"decisions": ["anything"] * len(ready)}])
    run = functions.run(definition)
    assert functions.payloads["protect"] == [
        {"mode": "reconcile", "workspace_ids": ready, "cause": {"type": "watch", "id": EXECUTION}}
    ]
    assert run.path == [
        "Start", "Observe", "Anything to do", "Protect", "Wait", "Observe", "Anything to do", "Nothing open",
    ]  # fmt: skip


def test_the_answer_of_protect_goes_no_further(definition: dict[str, Any]) -> None:
    run = Functions([answer("ws-1c0ffee01"), DONE], [{"decisions": ["x" * 200_000]}]).run(definition)
    assert "x" not in json.dumps(run.output)
    assert set(run.variables) == {"round", "cursor", "done", "wait_seconds", "ready"}


def test_a_rounds_transitions_do_not_depend_on_how_many_are_ready(definition: dict[str, Any]) -> None:
    lengths = {
        len(Functions([answer(*[f"ws-{n:09x}" for n in range(count)]), DONE], [{}]).run(definition).path)
        for count in (1, 25, 500)
    }
    assert len(lengths) == 1


def test_rounds_are_counted_and_forgotten_by_the_next_execution(definition: dict[str, Any]) -> None:
    functions = Functions([answer(), answer(), answer(), DONE])
    functions.run(definition, {"round": 9, "anything": "else"})
    assert [payload["round"] for payload in functions.payloads["watch"]] == [0, 1, 2, 3]


@pytest.mark.parametrize("error", DOCUMENTED)
@pytest.mark.parametrize("function", ["watch", "protect"])
def test_each_documented_failure_is_retried(definition: dict[str, Any], function: str, error: str) -> None:
    if function == "watch":
        functions = Functions([error, error, DONE])
    else:
        functions = Functions([answer("ws-1c0ffee01"), DONE], [error, error, {}])
    assert functions.run(definition).status == "SUCCEEDED"
    assert len(functions.payloads[function]) == 3


@pytest.mark.parametrize("error", [*DOCUMENTED, "KeyError", "Runtime.ExitError", "States.QueryEvaluationError"])
def test_when_watch_fails_for_good_the_execution_fails_and_says_why(definition: dict[str, Any], error: str) -> None:
    run = Functions([error] * 50).run(definition)
    assert run.status == "FAILED"
    assert run.path[-1] == "ObserveFailed"
    assert (run.error, run.cause) == ("ObserveFailed", f"watch failed: {error}: because")


@pytest.mark.parametrize("error", [*DOCUMENTED, "KeyError", "Runtime.ExitError"])
def test_when_protect_fails_for_good_the_watcher_goes_on(definition: dict[str, Any], error: str) -> None:
    functions = Functions([answer("ws-1c0ffee01", wait=60), DONE], [error] * 50)
    run = functions.run(definition)
    assert run.status == "SUCCEEDED"
    assert run.waits == [60]


@pytest.mark.parametrize("state", ["Observe", "Protect"])
def test_retries_back_off_with_full_jitter_and_a_ceiling(definition: dict[str, Any], state: str) -> None:
    for retrier in definition["States"][state]["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier["BackoffRate"] > 1
        assert retrier["MaxDelaySeconds"] <= 120
    throttled = definition["States"][state]["Retry"][0]
    assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert throttled["MaxAttempts"] > 10


@pytest.mark.parametrize("state", ["Observe", "Protect"])
def test_a_task_waits_a_little_longer_than_its_function_may_run(
    example: Assembly, definition: dict[str, Any], state: str
) -> None:
    function = only(example.primary, "AWS::Lambda::Function", {"Observe": "Watch", "Protect": "Protect"}[state])
    assert function["Timeout"] < definition["States"][state]["TimeoutSeconds"] <= function["Timeout"] + 60


def test_an_execution_ends_long_before_its_history_is_full(definition: dict[str, Any]) -> None:
    assert definition["QueryLanguage"] == "JSONata"
    assert definition["TimeoutSeconds"] == 7 * 86_400


def test_the_machine_is_standard_traced_and_logs_errors_without_data(example: Assembly) -> None:
    machine = only(example.primary, MACHINE)
    assert machine["StateMachineName"] == f"{STACK}-watch"
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    functions = resources(example.primary, "AWS::Lambda::Function")
    for name, arn in machine["DefinitionSubstitutions"].items():
        (function,) = [each for each in functions if each.startswith(name.removesuffix("FunctionArn"))]
        assert text(arn) == f"${{{function}.Arn}}"
