"""Each branch of the definition of both state machines, as it stands in the synthesised template."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from standby.core.model import Region, WorkspaceId
from standby.core.settings import Settings
from standby.schedule import Round
from tests.infra.templates import FUNCTION, STACK, Assembly, only, text
from tests.simulation.deployment import Deployment
from tests.simulation.machine import Execution, StateError

MACHINE = "AWS::StepFunctions::StateMachine"
# Failures of an invocation as AWS documents them for Lambda's Invoke and for Step Functions.
DOCUMENTED = [f"Lambda.{name}Exception" for name in ("TooManyRequests", "Service", "AWSLambda", "SdkClient")]
DOCUMENTED += [f"Lambda.{name}Exception" for name in ("ClientExecutionTimeout", "ResourceNotReady", "ResourceConflict")]
DOCUMENTED += ["Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"]


class Functions:
    """The two functions and a virtual clock: each returns its answers, or raises its errors, in turn."""

    def __init__(self, rounds: list[Any], protect: list[Any] | None = None) -> None:
        self.answers = {"round": rounds, "protect": protect or []}
        self.payloads: dict[str, list[Any]] = {"round": [], "protect": []}
        self.time = datetime(2026, 3, 3, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def jitter(self, most: float) -> float:
        return most

    def invoke(self, function: str, payload: Any, timeout_seconds: float) -> Any:
        name = {"watch": "round", "sweep": "round", "protect": "protect"}[function]
        assert timeout_seconds == 330
        self.payloads[name].append(payload)
        given = self.answers[name].pop(0)
        if isinstance(given, str):
            raise StateError(given, "because")
        return given


@dataclass(frozen=True)
class Loop:
    """A state machine: `name` is that of the function that it invokes round after round, and protect in between."""

    name: str
    definition: dict[str, Any]

    @property
    def execution(self) -> str:
        return f"arn:aws:states:us-east-1:123456789012:execution:{STACK}-{self.name}:one"

    def run(self, functions: Functions, given: Any = None) -> Execution:
        execution = Execution(self.definition, self.execution, functions)
        execution.run(given or {})
        return execution


@pytest.fixture(params=["watch", "sweep"])
def loop(request: pytest.FixtureRequest, example: Assembly) -> Loop:
    found = deployed(example)
    return Loop(request.param, {"watch": found.watcher, "sweep": found.sweeper}[request.param])


def deployed(assembly: Assembly) -> Deployment:
    settings = Settings(stack=STACK, primary_region=Region("us-east-1"), dr_region=Region("us-west-2"))
    return Deployment(assembly.primary, assembly.dr, settings)


def machine(assembly: Assembly, name: str) -> dict[str, Any]:
    """The properties of a state machine."""
    return only(assembly.primary, MACHINE, {"watch": "Watcher", "sweep": "Sweeper"}[name])


def answer(*ready: str, wait: int = 120, outcome: str = "looked", done: bool = False) -> dict[str, Any]:
    """What watch and sweep return."""
    return Round(done, outcome, wait, tuple(WorkspaceId(one) for one in ready)).answer()


DONE = answer(outcome="all done", wait=0, done=True)


def test_when_it_is_done_it_ends_after_one_call(loop: Loop) -> None:
    functions = Functions([DONE])
    run = loop.run(functions)
    assert run.status == "SUCCEEDED"
    assert run.path == ["Start", "Work", "Anything ready", "Done", "Finished"]
    assert run.output == {"outcome": "all done"}
    assert functions.payloads["round"] == [{"execution_arn": loop.execution, "round": 0}]


@pytest.mark.parametrize("wait", [0, 77])
def test_with_nothing_ready_it_waits_and_says_which_round_comes_next(loop: Loop, wait: int) -> None:
    functions = Functions([answer(wait=wait), DONE])
    run = loop.run(functions)
    once = ["Work", "Anything ready", "Done"]
    assert run.path == ["Start", *once, "Wait", *once, "Finished"]
    assert run.waits == [wait]
    assert functions.payloads["round"][1] == {"execution_arn": loop.execution, "round": 1}
    assert functions.payloads["protect"] == []


@pytest.mark.parametrize(
    "ready", [["ws-1c0ffee01"], ["ws-1c0ffee01", "ws-1c0ffee02"], [f"ws-{n:09x}" for n in range(500)]]
)
def test_what_is_ready_is_handed_to_protect_as_a_list(loop: Loop, ready: list[str]) -> None:
    functions = Functions([answer(*ready), DONE], [{"decisions": ["anything"] * len(ready)}])
    run = loop.run(functions)
    assert functions.payloads["protect"] == [
        {"mode": "reconcile", "workspace_ids": ready, "cause": {"type": loop.name, "id": loop.execution}}
    ]
    protected = ["Work", "Anything ready", "Protect", "Done", "Wait"]
    assert run.path == ["Start", *protected, "Work", "Anything ready", "Done", "Finished"]


@pytest.mark.parametrize("error", [None, "Runtime.ExitError"])
def test_what_the_last_round_found_is_handed_to_protect_too(loop: Loop, error: str | None) -> None:
    functions = Functions([{**DONE, "ready": ["ws-1c0ffee01"]}], [error or {}])
    run = loop.run(functions)
    assert run.status == "SUCCEEDED"
    assert run.path == ["Start", "Work", "Anything ready", "Protect", "Done", "Finished"]
    assert functions.payloads["protect"][0]["workspace_ids"] == ["ws-1c0ffee01"]
    assert run.output == {"outcome": "all done"}


def test_the_answer_of_protect_goes_no_further(loop: Loop) -> None:
    run = loop.run(Functions([answer("ws-1c0ffee01"), DONE], [{"decisions": ["x" * 200_000]}]))
    assert "x" not in json.dumps(run.output)
    assert set(run.variables) == {"round_number", "done", "wait_seconds", "ready"}


def test_rounds_are_counted_and_forgotten_by_the_next_execution(loop: Loop) -> None:
    functions = Functions([answer(), answer(), answer(), DONE])
    loop.run(functions, {"round": 9, "anything": "else"})
    assert [payload["round"] for payload in functions.payloads["round"]] == [0, 1, 2, 3]


@pytest.mark.parametrize("error", DOCUMENTED)
@pytest.mark.parametrize("function", ["round", "protect"])
def test_each_documented_failure_is_retried(loop: Loop, function: str, error: str) -> None:
    if function == "round":
        functions = Functions([error, error, DONE])
    else:
        functions = Functions([answer("ws-1c0ffee01"), DONE], [error, error, {}])
    assert loop.run(functions).status == "SUCCEEDED"
    assert len(functions.payloads[function]) == 3


@pytest.mark.parametrize("error", [*DOCUMENTED, "KeyError", "Runtime.ExitError", "States.QueryEvaluationError"])
def test_when_its_function_fails_for_good_the_execution_fails_and_says_why(loop: Loop, error: str) -> None:
    run = loop.run(Functions([error] * 50))
    assert run.status == "FAILED"
    assert run.path == ["Start", "Work", "WorkFailed"]
    assert (run.error, run.cause) == ("WorkFailed", f"{loop.name} failed: {error}: because")


@pytest.mark.parametrize("error", [*DOCUMENTED, "KeyError", "Runtime.ExitError"])
def test_when_protect_fails_for_good_the_loop_goes_on(loop: Loop, error: str) -> None:
    functions = Functions([answer("ws-1c0ffee01", wait=60), DONE], [error] * 50)
    run = loop.run(functions)
    assert run.status == "SUCCEEDED"
    assert run.waits == [60]


@pytest.mark.parametrize("state", ["Work", "Protect"])
def test_retries_back_off_with_full_jitter_and_a_ceiling(loop: Loop, state: str) -> None:
    task = loop.definition["States"][state]
    for retrier in task["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier.get("BackoffRate", 2) > 1
        assert retrier["MaxDelaySeconds"] <= 120
    throttled = task["Retry"][0]
    assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert throttled["MaxAttempts"] > 10


def test_a_task_waits_a_little_longer_than_its_function_may_run(example: Assembly, loop: Loop) -> None:
    for state, name in (("Work", loop.name), ("Protect", "protect")):
        function = only(example.primary, FUNCTION, name.capitalize())
        assert function["Timeout"] < loop.definition["States"][state]["TimeoutSeconds"] <= function["Timeout"] + 60


def test_the_machine_is_standard_traced_and_logs_errors_without_data(example: Assembly, loop: Loop) -> None:
    properties = machine(example, loop.name)
    assert properties["StateMachineName"] == f"{STACK}-{loop.name}"
    assert properties["StateMachineType"] == "STANDARD"
    assert (loop.definition["QueryLanguage"], loop.definition["TimeoutSeconds"]) == ("JSONata", 7 * 86_400)
    assert properties["TracingConfiguration"] == {"Enabled": True}
    assert properties["LoggingConfiguration"]["Level"] == "ERROR"
    assert properties["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_both_machines_have_one_definition_and_differ_in_what_is_substituted(example: Assembly, loop: Loop) -> None:
    assert machine(example, "watch")["DefinitionString"] == machine(example, "sweep")["DefinitionString"]
    named = machine(example, loop.name)["DefinitionSubstitutions"]
    assert set(named) == {"LambdaInvoke", "WorkFunctionArn", "ProtectFunctionArn", "CauseType"}
    assert named["LambdaInvoke"] == "arn:aws:states:::lambda:invoke"
    assert named["CauseType"] == loop.name
    for role, name in (("Work", loop.name), ("Protect", "protect")):
        assert text(named[f"{role}FunctionArn"]) == example.function(name.capitalize())


def test_the_simulation_finds_both_periods(example: Assembly) -> None:
    found = deployed(example)
    assert (found.watch_every, found.sweep_every) == (timedelta(minutes=15), timedelta(minutes=60))
