"""Each branch of the two state machines' definitions, as they stand in the synthesised template.

The watcher and the sweep are the same loop around different functions, so most of what is asked here is asked of both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from standby.model import Region
from standby.settings import Settings
from tests.infra.templates import STACK, only, resources, text
from tests.simulation.deployment import Deployment
from tests.simulation.machine import Execution, StateError

if TYPE_CHECKING:
    from tests.infra.templates import Assembly

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


@dataclass(frozen=True)
class Loop:
    """A state machine that invokes a function of its own round after round, and protect in between."""

    name: str
    definition: dict[str, Any]
    first: str
    last: str
    tells: tuple[str, ...]  # of the function's answer, in the execution's output
    asks: tuple[str, ...] = ()  # before it waits or ends

    @property
    def execution(self) -> str:
        return f"arn:aws:states:us-east-1:123456789012:execution:{STACK}-{self.name}:one"

    @property
    def failed(self) -> str:
        return f"{self.first}Failed"

    def run(self, functions: Functions, given: Any = None) -> Execution:
        execution = Execution(self.definition, self.execution, functions)
        execution.run(given or {})
        return execution


@pytest.fixture(params=["watch", "sweep"])
def loop(request: pytest.FixtureRequest, example: Assembly) -> Loop:
    return loop_of(example, request.param)


def loop_of(assembly: Assembly, name: str) -> Loop:
    definition = json.loads(machine(assembly, name)["DefinitionString"])
    if name == "watch":
        return Loop("watch", definition, "Observe", "Nothing open", ("outcome", "open", "interval_seconds"))
    return Loop("sweep", definition, "Sweep", "Swept", ("outcome", "scanned"), ("All seen",))


def machine(assembly: Assembly, name: str) -> dict[str, Any]:
    """The properties of a state machine."""
    return only(assembly.primary, MACHINE, {"watch": "Watcher", "sweep": "Sweeper"}[name])


def answer(*ready: str, wait: int = 120, outcome: str = "at it", cursor: Any = None) -> dict[str, Any]:
    """What watch and sweep answer, each field of either."""
    return {
        "done": False,
        "outcome": outcome,
        "wait_seconds": wait,
        "ready": list(ready),
        "cursor": cursor,
        "open": 3,
        "interval_seconds": wait,
        "scanned": 25,
    }


DONE = {**answer(outcome="all done", wait=0), "done": True, "open": 0}


class Functions:
    """The two functions, and a clock that is set forward: each gives its answers, or raises its errors, in turn."""

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

    def invoke(self, function_arn: str, payload: Any, timeout_seconds: float | None) -> Any:
        name = {
            "${WatchFunctionArn}": "round",
            "${SweepFunctionArn}": "round",
            "${ProtectFunctionArn}": "protect",
        }[function_arn]
        assert timeout_seconds == 330
        self.payloads[name].append(payload)
        given = self.answers[name].pop(0)
        if isinstance(given, str):
            raise StateError(given, "because")
        return given


def test_when_it_is_done_it_ends_after_one_call(loop: Loop) -> None:
    functions = Functions([DONE])
    run = loop.run(functions)
    assert run.status == "SUCCEEDED"
    assert run.path == ["Start", loop.first, "Anything to do", *loop.asks, loop.last]
    assert run.output == {name: DONE[name] for name in loop.tells}
    assert functions.payloads["round"] == [{"execution_arn": loop.execution, "round": 0, "cursor": None}]


@pytest.mark.parametrize("wait", [0, 77])
def test_with_nothing_ready_it_waits_and_goes_on_where_it_was(loop: Loop, wait: int) -> None:
    cursor = {"looked_at": "2026-03-03T09:00:00.000Z"}
    functions = Functions([answer(wait=wait, cursor=cursor), DONE])
    run = loop.run(functions)
    once = [loop.first, "Anything to do", *loop.asks]
    assert run.path == ["Start", *once, "Wait", *once, loop.last]
    assert run.waits == [wait]
    assert functions.payloads["round"][1] == {"execution_arn": loop.execution, "round": 1, "cursor": cursor}
    assert functions.payloads["protect"] == []


@pytest.mark.parametrize(
    "ready", [["ws-1c0ffee01"], ["ws-1c0ffee01", "ws-1c0ffee02"], [f"ws-{n:09x}" for n in range(500)]]
)
def test_what_became_ready_is_handed_to_protect_as_a_list(loop: Loop, ready: list[str]) -> None:
    functions = Functions([answer(*ready), DONE], [{"decisions": ["anything"] * len(ready)}])
    run = loop.run(functions)
    assert functions.payloads["protect"] == [
        {"mode": "reconcile", "workspace_ids": ready, "cause": {"type": loop.name, "id": loop.execution}}
    ]
    protected = [loop.first, "Anything to do", "Protect", *loop.asks, "Wait"]
    assert run.path == ["Start", *protected, loop.first, "Anything to do", *loop.asks, loop.last]


@pytest.mark.parametrize("error", [None, "Runtime.ExitError"])
def test_what_the_last_part_of_a_sweep_found_is_handed_to_protect_too(example: Assembly, error: str | None) -> None:
    functions = Functions([{**DONE, "ready": ["ws-1c0ffee01"]}], [error or {}] * 50)
    run = loop_of(example, "sweep").run(functions)
    assert run.status == "SUCCEEDED"
    assert run.path == ["Start", "Sweep", "Anything to do", "Protect", "All seen", "Swept"]
    assert functions.payloads["protect"][0]["workspace_ids"] == ["ws-1c0ffee01"]
    assert run.output == {"outcome": "all done", "scanned": 25}


def test_the_answer_of_protect_goes_no_further(loop: Loop) -> None:
    run = loop.run(Functions([answer("ws-1c0ffee01"), DONE], [{"decisions": ["x" * 200_000]}]))
    assert "x" not in json.dumps(run.output)
    assert set(run.variables) == {"round", "cursor", "done", "wait_seconds", "ready"}


def test_a_rounds_transitions_do_not_depend_on_how_many_are_ready(loop: Loop) -> None:
    lengths = {
        len(loop.run(Functions([answer(*[f"ws-{n:09x}" for n in range(count)]), DONE], [{}])).path)
        for count in (1, 25, 500)
    }
    assert len(lengths) == 1


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
    assert run.path[-1] == loop.failed
    assert (run.error, run.cause) == (loop.failed, f"{loop.name} failed: {error}: because")


@pytest.mark.parametrize("error", [*DOCUMENTED, "KeyError", "Runtime.ExitError"])
def test_when_protect_fails_for_good_the_loop_goes_on(loop: Loop, error: str) -> None:
    functions = Functions([answer("ws-1c0ffee01", wait=60), DONE], [error] * 50)
    run = loop.run(functions)
    assert run.status == "SUCCEEDED"
    assert run.waits == [60]


@pytest.mark.parametrize("state", ["round", "Protect"])
def test_retries_back_off_with_full_jitter_and_a_ceiling(loop: Loop, state: str) -> None:
    task = loop.definition["States"][loop.first if state == "round" else state]
    for retrier in task["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier["BackoffRate"] > 1
        assert retrier["MaxDelaySeconds"] <= 120
    throttled = task["Retry"][0]
    assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert throttled["MaxAttempts"] > 10


def test_a_task_waits_a_little_longer_than_its_function_may_run(example: Assembly, loop: Loop) -> None:
    for state, name in ((loop.first, loop.name), ("Protect", "protect")):
        function = only(example.primary, "AWS::Lambda::Function", name.capitalize())
        assert function["Timeout"] < loop.definition["States"][state]["TimeoutSeconds"] <= function["Timeout"] + 60


def test_an_execution_ends_long_before_its_history_is_full(loop: Loop) -> None:
    assert loop.definition["QueryLanguage"] == "JSONata"
    assert loop.definition["TimeoutSeconds"] == {"watch": 7 * 86_400, "sweep": 86_400}[loop.name]


def test_the_machine_is_standard_traced_and_logs_errors_without_data(example: Assembly, loop: Loop) -> None:
    properties = machine(example, loop.name)
    assert properties["StateMachineName"] == f"{STACK}-{loop.name}"
    assert properties["StateMachineType"] == "STANDARD"
    assert properties["TracingConfiguration"] == {"Enabled": True}
    assert properties["LoggingConfiguration"]["Level"] == "ERROR"
    assert properties["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_a_machine_names_its_two_functions(example: Assembly, loop: Loop) -> None:
    functions = resources(example.primary, "AWS::Lambda::Function")
    named = machine(example, loop.name)["DefinitionSubstitutions"]
    assert set(named) == {f"{loop.name.capitalize()}FunctionArn", "ProtectFunctionArn"}
    for name, arn in named.items():
        (function,) = [each for each in functions if each.startswith(name.removesuffix("FunctionArn"))]
        assert text(arn) == f"${{{function}.Arn}}"


def test_the_simulation_finds_both_definitions_and_both_periods(example: Assembly, loop: Loop) -> None:
    deployment = Deployment(
        example.primary,
        example.dr,
        Settings(stack=STACK, primary_region=Region("us-east-1"), dr_region=Region("us-west-2")),
    )
    found, every = {
        "watch": (deployment.watcher, deployment.watch_every),
        "sweep": (deployment.sweeper, deployment.sweep_every),
    }[loop.name]
    assert found == loop.definition
    assert every == timedelta(minutes={"watch": 15, "sweep": 60}[loop.name])
