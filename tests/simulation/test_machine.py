"""Executions end as AWS documents, and as in the embedded cloud where that is not too kind."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import greenlet
import pytest

from local.cloud import Cloud
from tests.simulation.machine import MOST_EVENTS, Execution, StateError
from tests.simulation.machine_cases import (
    CASES,
    EVALUATION,
    SUCCEED,
    TOO_MUCH,
    Case,
    answers,
    catches,
    chooses,
    fails,
    invokes,
    passes,
    retries,
    takes,
    waits,
)

REGION = "us-east-1"
PATIENCE = 60.0
ARN = f"arn:aws:states:{REGION}:123456789012:execution:machine:one"
# Does at its n-th invocation what the n-th answer says, and writes down what it got.
FUNCTION = """
import json, os, pathlib, time

def handler(event, context):
    got = pathlib.Path(os.environ["GOT"])
    with got.open("a") as log:
        log.write(json.dumps(event) + "\\n")
    number = len(got.read_text().splitlines()) - 1
    answers = json.loads(pathlib.Path(os.environ["ANSWERS"]).read_text())
    told = answers[number] if number < len(answers) else {"error": "NoMoreAnswers"}
    time.sleep(told.get("seconds", 0))
    if "error" in told:
        raise type(told["error"], (Exception,), {})("because")
    return told["answer"]
"""


@dataclass
class Outcome:
    """What can be told of an execution from outside."""

    status: str
    output: Any
    error: str | None
    cause: str | None
    path: list[str]
    payloads: list[Any]


@dataclass
class Virtual:
    """Functions that do as a case says, under a clock that is set forward."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    time: datetime = datetime(2026, 3, 3, 9, tzinfo=UTC)
    sleeps: list[float] = field(default_factory=list)
    payloads: list[Any] = field(default_factory=list)
    limits: list[float | None] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += timedelta(seconds=seconds)

    def jitter(self, most: float) -> float:
        return most / 4

    def invoke(self, function_arn: str, payload: Any, timeout_seconds: float | None) -> Any:
        if function_arn != "${Function}":
            raise StateError("Lambda.ResourceNotFoundException", function_arn)
        self.payloads.append(payload)
        self.limits.append(timeout_seconds)
        told: dict[str, Any] = self.answers.pop(0) if self.answers else {"error": "NoMoreAnswers"}
        seconds = float(told.get("seconds", 0))
        if timeout_seconds is not None and seconds >= timeout_seconds:
            self.time += timedelta(seconds=timeout_seconds)
            raise StateError("States.Timeout", "")
        self.time += timedelta(seconds=seconds)
        if "error" in told:
            raise StateError(told["error"], json.dumps({"errorType": told["error"], "errorMessage": "because"}))
        return told["answer"]


def run(states: dict[str, Any], *told: dict[str, Any], given: Any = None, **top: Any) -> tuple[Execution, Virtual]:
    """Run a definition of these states in the interpreter, with a function that does as told."""
    around = Virtual(list(told))
    execution = Execution(Case("", states, top=tuple(top.items())).definition, ARN, around)
    execution.run(given)
    return execution, around


# The interpreter and the embedded cloud


class Embedded:
    """The embedded cloud's Step Functions and Lambda, with each case running in it at once."""

    def __init__(self, cloud: Cloud, home: Path) -> None:
        self.home = home
        self.states = cloud.client("stepfunctions", REGION)
        self.functions = cloud.client("lambda", REGION)
        self.role = self._make_role(cloud.client("iam", REGION))
        self.code = io.BytesIO()
        with zipfile.ZipFile(self.code, "w") as archive:
            archive.writestr("index.py", FUNCTION)
        self.running = {case.name: self._start(number, case) for number, case in enumerate(CASES)}

    def outcome(self, case: Case) -> Outcome:
        """Wait until a case's execution has ended; how it has."""
        arn = self.running[case.name]
        deadline = time.monotonic() + PATIENCE
        while (found := self.states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"still running: {case.name}"
            time.sleep(0.05)
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=arn)
        entered = [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if event["type"].endswith("StateEntered")
        ]
        got = self.home / f"{CASES.index(case)}.got"
        return Outcome(
            found["status"],
            json.loads(found["output"]) if found["status"] == "SUCCEEDED" else None,
            found.get("error"),
            found.get("cause"),
            entered,
            [json.loads(line) for line in got.read_text().splitlines()] if got.exists() else [],
        )

    def _start(self, number: int, case: Case) -> str:
        definition = json.dumps(case.definition)
        if "${Function}" in definition:
            definition = definition.replace("${Function}", self._make_function(number, case))
        machine = self.states.create_state_machine(name=f"case{number}", definition=definition, roleArn=self.role)
        started = self.states.start_execution(
            stateMachineArn=machine["stateMachineArn"], name=f"run{number}", input=json.dumps(case.given)
        )
        return str(started["executionArn"])

    def _make_function(self, number: int, case: Case) -> str:
        script, got = self.home / f"{number}.json", self.home / f"{number}.got"
        script.write_text(json.dumps(case.answers))
        made = self.functions.create_function(
            FunctionName=f"case{number}",
            Runtime="python3.11",
            Role=self.role,
            Handler="index.handler",
            Code={"ZipFile": self.code.getvalue()},
            Timeout=30,
            Environment={"Variables": {"ANSWERS": str(script), "GOT": str(got)}},
        )
        return str(made["FunctionArn"])

    @staticmethod
    def _make_role(iam: Any) -> str:
        services = {"Service": ["states.amazonaws.com", "lambda.amazonaws.com"]}
        trust = {"Statement": [{"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName="cases", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        allow = {"Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]}
        iam.put_role_policy(RoleName="cases", PolicyName="invoke", PolicyDocument=json.dumps(allow))
        return str(role)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Cloud.start(wait_scale=0) as cloud:
        yield Embedded(cloud, tmp_path_factory.mktemp("cases"))


def interpreted(case: Case, arn: str = ARN) -> Outcome:
    around = Virtual(list(case.answers))
    execution = Execution(case.definition, arn, around)
    execution.run(case.given)
    return Outcome(
        execution.status, execution.output, execution.error, execution.cause, execution.path, around.payloads
    )


def told(outcome: Outcome, case: Case) -> Outcome:
    """An outcome without a cause that is not the definition's own words."""
    return outcome if case.cause else replace(outcome, cause=None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_ends_as_aws_documents(case: Case) -> None:
    found = interpreted(case)
    timed_out = "TimeoutSeconds" in dict(case.top)
    assert found.status == ("TIMED_OUT" if timed_out else "FAILED" if case.error else "SUCCEEDED"), found.cause
    assert (found.output, found.error) == (case.output, case.error)
    assert found.cause == case.cause or case.cause is None
    assert found.path == list(case.path or case.states)
    assert case.payloads is None or found.payloads == case.payloads


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_ends_as_in_the_embedded_cloud(case: Case, embedded: Embedded) -> None:
    there = told(embedded.outcome(case), case)
    here = told(interpreted(case, embedded.running[case.name]), case)
    if case.but:
        assert here != there, f"the embedded cloud does as AWS now: take away {case.but!r}"
    else:
        assert here == there


# Under a virtual clock


def test_waits_and_invocations_take_their_time() -> None:
    execution, around = run(
        {"A": waits(30, Next="B"), "B": invokes("x", Next="C"), "C": waits("{% $states.input %}")},
        {"seconds": 7, "answer": 60},
    )
    assert execution.waits == [30, 60]
    assert around.now() == Virtual().now() + timedelta(seconds=97)


@pytest.mark.parametrize(
    ("retrier", "sleeps"),
    [
        ({}, [1, 2, 4, 8]),
        ({"IntervalSeconds": 5, "BackoffRate": 3}, [5, 15, 45, 135]),
        ({"IntervalSeconds": 5, "BackoffRate": 1.5, "MaxDelaySeconds": 10}, [5, 7.5, 10, 10]),
        ({"IntervalSeconds": 4, "MaxDelaySeconds": 8, "JitterStrategy": "NONE"}, [4, 8, 8, 8]),
        ({"IntervalSeconds": 4, "MaxDelaySeconds": 8, "JitterStrategy": "FULL"}, [1, 2, 2, 2]),
    ],
)
def test_retries_pause_as_their_retrier_says(retrier: dict[str, Any], sleeps: list[float]) -> None:
    states = {"A": invokes("x", Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 4, **retrier}])}
    execution, around = run(states, *fails("A", "B", "C", "D"), *answers("fine"))
    assert execution.output == "fine"
    assert around.sleeps == sleeps


def test_a_retriers_pauses_grow_with_its_own_retries() -> None:
    retry = [retries("A", attempts=3), retries("B", attempts=3, IntervalSeconds=10)]
    _, around = run({"A": invokes("x", Retry=retry)}, *fails("A", "B", "A", "B"), *answers("fine"))
    assert around.sleeps == [1, 10, 2, 20]


def test_thousands_of_retries_pause_for_the_longest_time_at_most() -> None:
    retry = [retries("A", attempts=1100, MaxDelaySeconds=9)]
    execution, around = run({"A": invokes("x", Retry=retry)}, *fails(*["A"] * 1100), *answers("fine"))
    assert execution.status == "SUCCEEDED"
    assert around.sleeps == [1, 2, 4, 8] + [9] * 1096


def test_a_task_is_given_its_time_or_what_is_left_of_the_machines() -> None:
    states = {
        "A": invokes("x", TimeoutSeconds=60, Next="B"),
        "B": waits(50, Next="C"),
        "C": invokes("y", TimeoutSeconds=60),
    }
    execution, around = run(states, *answers(1, 2), TimeoutSeconds=100)
    assert execution.status == "SUCCEEDED"
    assert around.limits == [60, 50]
    assert run({"A": invokes("x")}, *answers(1))[1].limits == [None]


NOTHING_HELPS: dict[str, Any] = {"Retry": [retries("States.ALL", attempts=9)], "Catch": [catches("States.ALL")]}


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ({"A": waits(100, Next="B"), "B": SUCCEED}, ()),
        ({"A": waits(1000, Next="B"), "B": SUCCEED}, ()),
        ({"A": invokes("x", **NOTHING_HELPS), "Caught": SUCCEED}, takes(100)),
        ({"A": invokes("x", TimeoutSeconds=600, **NOTHING_HELPS), "Caught": SUCCEED}, takes(500)),
        ({"A": invokes("x", TimeoutSeconds=60, **NOTHING_HELPS), "Caught": SUCCEED}, (*takes(70), *takes(70))),
        ({"A": invokes("x", Retry=[retries("E", IntervalSeconds=300)])}, (*fails("E"), *answers("fine"))),
    ],
    ids=["at once", "in a wait", "as the answer comes", "in a task", "in a second attempt", "in a pause"],
)
def test_a_machines_time_ends_to_the_second_wherever_it_is(states: dict[str, Any], told: tuple[Any, ...]) -> None:
    execution, around = run(states, *told, TimeoutSeconds=100)
    assert (execution.status, execution.error, execution.output) == ("TIMED_OUT", "States.Timeout", None)
    assert execution.path == ["A"]
    assert around.now() == Virtual().now() + timedelta(seconds=100)


@pytest.mark.parametrize(
    ("states", "told", "events"),
    [
        ({"A": SUCCEED}, (), 4),
        ({"A": {"Type": "Fail"}}, (), 3),
        ({"A": passes(1, Next="B"), "B": waits(1)}, (), 6),
        ({"A": invokes("x")}, answers(1), 7),
        ({"A": invokes("x", Retry=[retries("E")])}, (*fails("E", "E"), *answers(1)), 13),
        ({"A": invokes("x", Catch=[catches("E")]), "Caught": SUCCEED}, fails("E"), 9),
        ({"A": passes("{% $missing %}")}, (), 4),
    ],
)
def test_events_are_counted_as_in_a_history(states: dict[str, Any], told: tuple[Any, ...], events: int) -> None:
    execution, _ = run(states, *told)
    assert execution.events == events


def test_an_execution_with_a_full_history_fails() -> None:
    execution, _ = run({"A": passes(1, Next="B"), "B": waits(60, Next="A")})
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert execution.events == MOST_EVENTS
    assert len(execution.path) == (MOST_EVENTS - 2) // 2


def test_nothing_catches_a_full_history() -> None:
    retry, catch = [retries("States.ALL", attempts=1)], [catches("States.ALL", then="A")]
    execution, around = run({"A": invokes("x", Retry=retry, Catch=catch, Next="A")}, *fails(*["E"] * 9000))
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert execution.events == MOST_EVENTS
    assert len(around.payloads) == 6250  # 3,124 rounds of 8 events and two invocations, and one of 6 events


def test_all_variables_together_have_a_largest_size() -> None:
    states = {
        f"A{number}": {"Type": "Pass", "Assign": {f"v{number}": "{% $pad('x', 262142) %}"}, "Next": f"A{number + 1}"}
        for number in range(41)
    }
    execution, _ = run({**states, "A41": SUCCEED})
    assert (execution.status, execution.error) == ("FAILED", TOO_MUCH)
    assert len(execution.path) == 41
    again = {
        f"A{number}": {**state, "Assign": {"v": "{% $pad('x', 262142) %}"}}
        for number, state in enumerate(states.values())
    }
    execution, _ = run({**again, "A41": SUCCEED})
    assert execution.status == "SUCCEEDED"


def test_sizes_are_of_utf8_and_end_at_256_kib() -> None:
    full, error = "ü" * 131_071, (TOO_MUCH, "FAILED")
    execution, _ = run({"A": passes()}, given=full)
    assert execution.status == "SUCCEEDED"
    execution, _ = run({"A": passes()}, given=full + "x")
    assert (execution.error, execution.status) == error
    execution, _ = run({"A": invokes("x", Output=None)}, *answers(full))
    assert (execution.error, execution.status) == error  # what Step Functions adds to an answer counts


def test_a_failed_catcher_does_not_try_the_next_and_context_counts_retries() -> None:
    catch = [catches("E", output="{% $states.context.State.RetryCount & 'x' + 1 %}"), catches("States.ALL")]
    execution, _ = run({"A": invokes("x", Catch=catch), "Caught": SUCCEED}, *fails("E"))
    assert (execution.status, execution.error) == ("FAILED", EVALUATION)


def test_the_context_has_nothing_that_aws_may_not_have() -> None:
    execution, _ = run({"A": passes("{% $states.context %}")}, given={"n": 1})
    assert execution.output == {
        "Execution": {"Id": ARN, "Input": {"n": 1}, "Name": "one", "StartTime": "2026-03-03T09:00:00.000Z"},
        "State": {"EnteredTime": "2026-03-03T09:00:00.000Z", "Name": "A", "RetryCount": 0},
        "StateMachine": {"Id": f"arn:aws:states:{REGION}:123456789012:stateMachine:machine", "Name": "machine"},
    }


def test_what_is_not_json_is_told_loudly() -> None:
    with pytest.raises(TypeError, match=r"answer of \$\{Function\} is not JSON.*datetime"):
        run({"A": invokes("x", Catch=[catches("States.ALL")]), "Caught": SUCCEED}, *answers(datetime.now(UTC)))
    with pytest.raises(TypeError, match="the definition is not JSON"):
        run({"A": invokes(datetime.now(UTC))})
    with pytest.raises(TypeError, match="the input is not JSON"):
        run({"A": SUCCEED}, given=float("nan"))


def test_executions_and_functions_share_no_data() -> None:
    given: dict[str, list[Any]] = {"n": [1]}
    answer: dict[str, list[Any]] = {"m": [2]}
    execution, around = run(
        {"A": invokes("{% $states.input %}", Assign={"v": "{% $states.result.Payload %}"})},
        *answers(answer),
        given=given,
    )
    around.payloads[0]["n"].append("changed")
    answer["m"].append("changed")
    assert (given, execution.variables, execution.output) == ({"n": [1]}, {"v": {"m": [2]}}, {"m": [2]})


def test_executions_take_turns_where_they_wait() -> None:
    turns: list[str] = []
    main = greenlet.getcurrent()

    class Turns(Virtual):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            turns.append(str(seconds))
            main.switch()

    def loop(seconds: int) -> Execution:
        count = {"n": "{% $n + 1 %}"}
        states = {
            "Start": {"Type": "Pass", "Assign": {"n": 0}, "Next": "A"},
            "A": waits(seconds, Assign=count, Next="B"),
            "B": chooses(("{% $n < 3 %}", "A"), Default="C"),
            "C": passes("{% $n %}"),
        }
        return Execution(Case("", states).definition, ARN, Turns())

    executions = [loop(1), loop(2)]
    lets = [greenlet.greenlet(execution.run) for execution in executions]
    for _ in range(3):
        for let in lets:
            let.switch(None)
    assert turns == ["1", "2"] * 3
    lets[0].switch()
    assert [(execution.status, execution.output) for execution in executions] == [("SUCCEEDED", 3), ("RUNNING", None)]


# Definitions

TASK = invokes("x")
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a field it does not know": ({"A": passes(InputPath="$.x")}, "InputPath"),
    "a field of another type": ({"A": passes(Seconds=1)}, "Seconds"),
    "a field in small letters": ({"A": {"Type": "Pass", "End": True, "assign": {"v": 1}}}, "assign"),
    "a type it does not know": ({"A": {"Type": "Map", "End": True}}, "Map"),
    "another service": ({"A": {**TASK, "Resource": "arn:aws:states:::sns:publish"}}, "Resource"),
    "more to tell Lambda": ({"A": {**TASK, "Arguments": {**TASK["Arguments"], "Qualifier": "1"}}}, "Qualifier"),
    "heartbeats": ({"A": {**TASK, "HeartbeatSeconds": 5}}, "HeartbeatSeconds"),
    "a time-out in JSONata": ({"A": {**TASK, "TimeoutSeconds": "{% 5 %}"}}, "TimeoutSeconds"),
    "a wait until a time": ({"A": {"Type": "Wait", "Timestamp": "2026-03-03T09:00:00Z", "End": True}}, "Timestamp"),
    "a wait below zero": ({"A": waits(-1)}, "Seconds"),
    "a wait in text": ({"A": waits("5")}, "expression"),
    "no way on": ({"A": {"Type": "Pass"}}, "Next or End"),
    "two ways on": ({"A": {"Type": "Pass", "Next": "A", "End": True}}, "Next or End"),
    "a way on to null": ({"A": {"Type": "Pass", "Next": None}}, "null"),
    "an unknown way on": ({"A": passes(Next="B")}, "no state 'B'"),
    "a state that nothing leads to": ({"A": SUCCEED, "B": SUCCEED}, "nothing leads to"),
    "an output of a choice's default": ({"A": chooses((True, "B"), Output=1), "B": SUCCEED}, "Output"),
    "a condition that is text": ({"A": chooses(("true", "B")), "B": SUCCEED}, "expression"),
    "assignments where a machine ends": ({"A": {**SUCCEED, "Assign": {"v": 1}}}, "Assign"),
    "broken JSONata": ({"A": passes("{% $states.input. %}")}, "not JSONata"),
    "half an expression": ({"A": passes("{% $states.input")}, "has to begin with"),
    "real time": ({"A": passes("{% $now() %}")}, "does not have"),
    "chance": ({"A": passes("{% $random() > 0.5 %}")}, "does not have"),
    "an assignment to the reserved name": ({"A": passes(Assign={"states": 1})}, "states"),
    "an assignment to a part": ({"A": passes(Assign={"v.x": 1})}, "v.x"),
    "a wildcard with others": ({"A": {**TASK, "Retry": [retries("States.ALL", "E")]}}, "alone"),
    "a wildcard before others": ({"A": {**TASK, "Retry": [retries("States.ALL"), retries("E")]}}, "last"),
    "a retrier for what ends an execution": ({"A": {**TASK, "Retry": [retries(TOO_MUCH)]}}, "ends an execution"),
    "a backoff that shrinks": ({"A": {**TASK, "Retry": [retries("E", BackoffRate=0.5)]}}, "BackoffRate"),
    "a ceiling below the first pause": (
        {"A": {**TASK, "Retry": [retries("E", IntervalSeconds=5, MaxDelaySeconds=5)]}},
        "MaxDelaySeconds",
    ),
    "a jitter it does not know": ({"A": {**TASK, "Retry": [retries("E", JitterStrategy="SOME")]}}, "JitterStrategy"),
}  # fmt: skip


@pytest.mark.parametrize(("states", "text"), REFUSED.values(), ids=REFUSED)
def test_a_definition_is_refused_that_has(states: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        run(states)


def test_a_definition_in_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="QueryLanguage"):
        run({"A": SUCCEED}, QueryLanguage="JSONPath")
