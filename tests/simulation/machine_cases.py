"""Small state machines, each with what its function answers and how its execution has to end: at AWS, here and there.

`${Function}` stands for the function's ARN. Where the embedded cloud is known to do otherwise than AWS documents, a
case says so, and holds for the interpreter alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WATCH = Path(__file__).resolve().parents[2] / "infra" / "watch.asl.json"
EVALUATION = "States.QueryEvaluationError"
TOO_MUCH = "States.DataLimitExceeded"
BIG = "x" * 300_000
MANY = [f"ws-{number:09x}" for number in range(500)]


@dataclass(frozen=True)
class Case:
    """A definition's states, and how an execution of it ends.

    Attributes
    ----------
    states : dict
        By name; the first is where it starts.
    answers : tuple
        What the function does at each invocation: see :func:`answers`, :func:`fails` and :func:`takes`.
    output : Any
        Of an execution that succeeds.
    error, cause : str or None
        Of one that fails; the cause of a failed evaluation is worded differently everywhere and is not compared.
    path : tuple of str
        The states entered, if it is not each of them in turn.
    payloads : list or None
        What the function got, if that matters.
    but : str
        Why the embedded cloud does otherwise.
    """

    name: str
    states: dict[str, Any]
    given: Any = None
    answers: tuple[dict[str, Any], ...] = ()
    output: Any = None
    error: str | None = None
    cause: str | None = None
    path: tuple[str, ...] = ()
    payloads: list[Any] | None = None
    but: str = ""
    top: tuple[tuple[str, Any], ...] = ()

    @property
    def definition(self) -> dict[str, Any]:
        """The whole definition."""
        start = next(iter(self.states))
        return {"QueryLanguage": "JSONata", **dict(self.top), "StartAt": start, "States": self.states}


def answers(*values: Any) -> tuple[dict[str, Any], ...]:
    return tuple({"answer": value} for value in values)


def fails(*errors: str) -> tuple[dict[str, Any], ...]:
    return tuple({"error": error} for error in errors)


def takes(seconds: float) -> tuple[dict[str, Any], ...]:
    return ({"seconds": seconds, "answer": "late"},)


# States


def passes(output: Any = "{% $states.input %}", **more: Any) -> dict[str, Any]:
    return {"Type": "Pass", "Output": output, **_going(more)}


def invokes(payload: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "${Function}", "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        **_going(more),
    }


def waits(seconds: Any, **more: Any) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": seconds, **_going(more)}


def chooses(*rules: tuple[Any, str], **more: Any) -> dict[str, Any]:
    return {"Type": "Choice", "Choices": [{"Condition": holds, "Next": state} for holds, state in rules], **more}


def retries(*errors: str, attempts: int = 2, **more: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), "MaxAttempts": attempts, "IntervalSeconds": 1, **more}


def catches(*errors: str, then: str = "Caught", output: Any = "{% $states.errorOutput.Error %}") -> dict[str, Any]:
    return {"ErrorEquals": list(errors), "Output": output, "Next": then}


def _going(more: dict[str, Any]) -> dict[str, Any]:
    return more if "Next" in more else {**more, "End": True}


SUCCEED = {"Type": "Succeed"}
SEQUENCE = "MiniStack evaluates Assign one variable after the other; at AWS all see the values of the state's entry"
TRUTHY = "MiniStack takes any truthy condition; at AWS it has to be a boolean"
NO_LIMIT = "MiniStack knows no limit of size"
WILD = "MiniStack's States.ALL catches whatever comes; at AWS not States.DataLimitExceeded"
OPEN_END = "MiniStack does not evaluate a Succeed state's Output"

CASES = [
    # Data
    Case(
        "literals stand for themselves",
        {"A": passes({"a": [1, "x", None, {"b": False}]})},
        output={"a": [1, "x", None, {"b": False}]},
    ),
    Case(
        "expressions nest in literals",
        {"A": passes({"a": ["{% $states.input.n + 1 %}", 2.5]})},
        {"n": 1},
        output={"a": [2, 2.5]},
    ),
    Case("no output passes the input on", {"A": {"Type": "Pass", "End": True}}, {"n": [1]}, output={"n": [1]}),
    Case("a list of one in the input stays a list", {"A": passes("{% $states.input.n %}")}, {"n": [1]}, output=[1]),
    Case(
        "a filter that leaves one gives no list", {"A": passes("{% $states.input.n[$ > 1] %}")}, {"n": [1, 2]}, output=2
    ),
    Case("brackets make it a list", {"A": passes("{% [$states.input.n[$ > 1]] %}")}, {"n": [1, 2]}, output=[2]),
    Case(
        "brackets make nothing an empty list", {"A": passes("{% [$states.input.n[$ > 5]] %}")}, {"n": [1, 2]}, output=[]
    ),
    Case(
        "a map over one gives no list",
        {"A": passes("{% $map($states.input.n, function($v) { $v * 2 }) %}")},
        {"n": [4]},
        output=8,
    ),
    Case("what is divided evenly is an integer", {"A": passes("{% $states.input.n / 2 %}")}, {"n": 6}, output=3),
    Case("null is a value", {"A": passes("{% $states.input.n %}")}, {"n": None}, output=None),
    Case("nothing is none", {"A": passes("{% $states.input.missing %}")}, {"n": 1}, error=EVALUATION),
    Case(
        "nothing in an object of an expression is left out",
        {"A": passes("{% {'a': $states.input.missing, 'b': 1} %}")},
        {},
        output={"b": 1},
    ),
    Case(
        "nothing in an object of the definition is an error",
        {"A": passes({"a": "{% $states.input.missing %}"})},
        {},
        error=EVALUATION,
    ),
    Case("an unknown variable is an error", {"A": passes("{% $missing %}")}, error=EVALUATION),
    Case("a wrong type is an error", {"A": passes("{% 'a' + 1 %}")}, error=EVALUATION),
    Case("a division by zero is an error", {"A": passes("{% 1 / 0 %}")}, error=EVALUATION),
    Case("an unknown function is an error", {"A": passes("{% $nosuch(1) %}")}, error=EVALUATION),
    Case("the input is not the document", {"A": passes("{% n %}")}, {"n": 1}, error=EVALUATION),
    Case(
        "a pass state has no result",
        {"A": passes("{% $states.result %}")},
        error=EVALUATION,
        but="MiniStack binds null, which AWS does not have",
    ),
    # Variables
    Case(
        "a null variable is null",
        {"A": {"Type": "Pass", "Assign": {"v": None}, "Next": "B"}, "B": invokes({"v": "{% $v %}"})},
        answers=answers("seen"),
        output="seen",
        payloads=[{"v": None}],
    ),
    Case(
        "a null variable can be compared",
        {
            "A": passes(None, Assign={"v": "{% $states.input.v %}"}, Next="B"),
            "B": chooses(("{% $v = null %}", "Yes"), Default="No"),
            "Yes": SUCCEED,
            "No": {"Type": "Fail"},
        },
        {"v": None},
        path=("A", "B", "Yes"),
    ),
    Case(
        "output sees the variables of the state's entry",
        {
            "A": {"Type": "Pass", "Assign": {"v": 1}, "Next": "B"},
            "B": passes("{% $v %}", Assign={"v": "{% $v + 1 %}"}, Next="C"),
            "C": passes(["{% $states.input %}", "{% $v %}"]),
        },
        output=[1, 2],
    ),
    Case(
        "assigned variables see those of the state's entry",
        {
            "A": {"Type": "Pass", "Assign": {"x": 3, "a": 6}, "Next": "B"},
            "B": {"Type": "Pass", "Assign": {"x": "{% $a %}", "next": "{% $x %}"}, "Next": "C"},
            "C": passes(["{% $x %}", "{% $next %}"]),
        },
        output=[6, 3],
        but=SEQUENCE,
    ),
    Case(
        "a variable that this very state assigns is not there yet",
        {"A": {"Type": "Pass", "Assign": {"x": 1, "y": "{% $x %}"}, "End": True}},
        error=EVALUATION,
        but=SEQUENCE,
    ),
    Case(
        "a batch of one stays a list on its way through a variable",
        {
            "A": invokes("first", Assign={"ready": "{% [$states.result.Payload.ready] %}"}, Next="B"),
            "B": invokes({"ids": "{% [$ready] %}", "count": "{% $count($ready) %}"}),
        },
        answers=answers({"ready": ["ws-1"]}, "done"),
        output="done",
        payloads=["first", {"ids": ["ws-1"], "count": 1}],
    ),
    Case(
        "a batch of five hundred does not change",
        {
            "A": invokes("first", Assign={"ready": "{% [$states.result.Payload.ready] %}"}, Next="B"),
            "B": invokes({"ids": "{% [$ready] %}", "count": "{% $count($ready) %}"}),
        },
        answers=answers({"ready": MANY}, "done"),
        output="done",
        payloads=["first", {"ids": MANY, "count": 500}],
    ),
    Case(
        "an empty batch stays one",
        {
            "A": invokes("first", Assign={"ready": "{% [$states.result.Payload.ready] %}"}, Next="B"),
            "B": invokes({"ids": "{% [$ready] %}", "count": "{% $count($ready) %}"}),
        },
        answers=answers({"ready": []}, "done"),
        output="done",
        payloads=["first", {"ids": [], "count": 0}],
    ),
    # Context
    Case(
        "the context names execution, machine and state",
        {
            "A": passes("{% $states.context.State.Name %}", Next="B"),
            "B": passes(
                {
                    "before": "{% $states.input %}",
                    "given": "{% $states.context.Execution.Input %}",
                    "same": "{% $contains($states.context.Execution.Id, $states.context.Execution.Name) %}",
                    "machine": "{% $contains($states.context.Execution.Id, $states.context.StateMachine.Name) %}",
                    "its arn": "{% $contains($states.context.StateMachine.Id, ':stateMachine:') %}",
                    "began": "{% $toMillis($states.context.Execution.StartTime) > 0 %}",
                    "entered": "{% $toMillis($states.context.State.EnteredTime) > 0 %}",
                }
            ),
        },
        {"n": 1},
        output={
            "before": "A",
            "given": {"n": 1},
            "same": True,
            "machine": True,
            "its arn": True,
            "began": True,
            "entered": True,
        },
    ),
    # Wait
    Case("a wait takes seconds", {"A": waits(3)}, {"n": 1}, output={"n": 1}),
    Case("a wait takes an expression", {"A": waits("{% $states.input.n %}", Output="after")}, {"n": 4}, output="after"),
    Case("a wait can be none", {"A": waits("{% $states.input.n %}")}, {"n": 0}, output={"n": 0}),
    Case("a wait is not negative", {"A": waits("{% $states.input.n %}")}, {"n": -1}, error=EVALUATION),
    Case("a wait is a whole number", {"A": waits("{% $states.input.n %}")}, {"n": 1.5}, error=EVALUATION),
    Case("a wait is no text", {"A": waits("{% $states.input.n %}")}, {"n": "1"}, error=EVALUATION),
    Case("a wait is not null", {"A": waits("{% $states.input.n %}")}, {"n": None}, error=EVALUATION),
    Case("a wait assigns", {"A": waits(1, Assign={"v": 7}, Output="x", Next="B"), "B": passes("{% $v %}")}, output=7),
    # Choice
    Case(
        "the first true condition decides",
        {
            "A": chooses(
                ("{% $states.input > 5 %}", "No"), ("{% $states.input > 3 %}", "B"), ("{% true %}", "No"), Default="No"
            ),
            "B": SUCCEED,
            "No": {"Type": "Fail"},
        },
        4,
        output=4,
        path=("A", "B"),
    ),
    Case(
        "no condition goes to the default",
        {"A": chooses(("{% $states.input > 5 %}", "No"), Default="B"), "B": SUCCEED, "No": {"Type": "Fail"}},
        4,
        output=4,
        path=("A", "B"),
    ),
    Case(
        "no condition and no default fail",
        {"A": chooses(("{% $states.input > 5 %}", "B")), "B": SUCCEED},
        4,
        error="States.NoChoiceMatched",
        path=("A",),
    ),
    Case(
        "the rule that is taken assigns and puts out",
        {
            "A": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": False, "Assign": {"v": "no"}, "Next": "B"},
                    {"Condition": True, "Assign": {"v": "{% $states.input %}"}, "Output": "out", "Next": "B"},
                ],
                "Assign": {"v": "default"},
                "Default": "B",
            },
            "B": passes(["{% $states.input %}", "{% $v %}"]),
        },
        4,
        output=["out", 4],
    ),
    Case(
        "the default assigns what the state does",
        {
            "A": chooses((False, "B"), Assign={"v": "default"}, Default="B"),
            "B": passes(["{% $states.input %}", "{% $v %}"]),
        },
        4,
        output=[4, "default"],
    ),
    Case(
        "a condition without a value is an error",
        {"A": chooses(("{% $states.input.missing %}", "B"), Default="B"), "B": SUCCEED},
        {},
        error=EVALUATION,
        path=("A",),
    ),
    Case(
        "a condition that is no boolean is an error",
        {"A": chooses(("{% $states.input %}", "B"), Default="B"), "B": SUCCEED},
        "true",
        error=EVALUATION,
        path=("A",),
        but=TRUTHY,
    ),
    Case(
        "null is no false",
        {"A": chooses(("{% $states.input %}", "B"), Default="B"), "B": SUCCEED},
        error=EVALUATION,
        path=("A",),
        but=TRUTHY,
    ),
    # Succeed and Fail
    Case(
        "a succeed state puts out",
        {"A": {"Type": "Succeed", "Output": "{% $states.input.n %}"}},
        {"n": 1},
        output=1,
        but=OPEN_END,
    ),
    Case(
        "a fail state says why",
        {"A": {"Type": "Fail", "Error": "Broken", "Cause": "a tyre"}},
        error="Broken",
        cause="a tyre",
    ),
    Case(
        "a fail state says why in JSONata",
        {
            "A": {
                "Type": "Fail",
                "Error": "{% $states.input.e %}",
                "Cause": "{% 'it was ' & $substring($states.input.c, 0, 4) %}",
            }
        },
        {"e": "Broken", "c": "glasses"},
        error="Broken",
        cause="it was glas",
    ),
    Case(
        "an error is a text", {"A": {"Type": "Fail", "Error": "{% $states.input %}", "Cause": "c"}}, 7, error=EVALUATION
    ),
    Case(
        "a cause is a text",
        {"A": {"Type": "Fail", "Error": "E", "Cause": "{% $states.input %}"}},
        {"n": 1},
        error=EVALUATION,
    ),
    # Task
    Case(
        "an answer can be null",
        {"A": invokes({"n": "{% $states.input.n %}"})},
        {"n": 1},
        answers(None),
        payloads=[{"n": 1}],
    ),
    Case(
        "a task without output puts out its whole result",
        {
            "A": {key: value for key, value in invokes("x", Next="B").items() if key != "Output"},
            "B": passes(["{% $states.input.Payload %}", "{% $states.input.StatusCode %}"]),
        },
        answers=answers([1]),
        output=[[1], 200],
    ),
    Case(
        "a result says which version answered",
        {"A": invokes("x", Output="{% $states.result.ExecutedVersion %}")},
        answers=answers(1),
        output="$LATEST",
        but="MiniStack's result has a StatusCode and a Payload only",
    ),
    Case(
        "arguments that fail invoke nothing",
        {"A": invokes("{% $states.input.missing %}", Catch=[catches(EVALUATION)]), "Caught": SUCCEED},
        {},
        output=EVALUATION,
        payloads=[],
    ),
    Case(
        "an output that fails is caught",
        {
            "A": invokes("x", Output="{% $states.result.Payload.missing %}", Catch=[catches("States.ALL")]),
            "Caught": SUCCEED,
        },
        answers=answers({}),
        output=EVALUATION,
        payloads=["x"],
    ),
    Case(
        "an output that fails is retried with its invocation",
        {"A": invokes("x", Output="{% $states.result.Payload.n %}", Retry=[retries("States.ALL")])},
        answers=answers({}, {"n": 5}),
        output=5,
        payloads=["x", "x"],
    ),
    Case(
        "what is assigned fails with the state",
        {"A": invokes("x", Assign={"v": "{% $states.result.Payload.missing %}"})},
        answers=answers({}),
        error=EVALUATION,
    ),
    # Retry
    Case(
        "a retry succeeds",
        {"A": invokes("{% $states.context.State.RetryCount %}", Retry=[retries("Broken")])},
        answers=(*fails("Broken", "Broken"), *answers("fine")),
        output="fine",
        payloads=[0, 1, 2],
    ),
    Case(
        "no retry is for another error",
        {"A": invokes("x", Retry=[retries("Broken")])},
        answers=fails("Bent"),
        error="Bent",
        payloads=["x"],
    ),
    Case("without a catcher it fails", {"A": invokes("x")}, answers=fails("Broken"), error="Broken", payloads=["x"]),
    Case(
        "three attempts are the usual",
        {"A": invokes("x", Retry=[{"ErrorEquals": ["Broken"]}])},
        answers=fails("Broken", "Broken", "Broken", "Broken"),
        error="Broken",
        payloads=["x"] * 4,
    ),
    Case(
        "no attempts are no retry",
        {"A": invokes("x", Retry=[retries("Broken", attempts=0), retries("States.ALL")])},
        answers=fails("Broken"),
        error="Broken",
        payloads=["x"],
    ),
    Case(
        # The example in AWS's guide.
        "each retrier has its own count",
        {
            "A": invokes(
                "x",
                Retry=[retries("ErrorA", "ErrorB", BackoffRate=2), retries("ErrorC", IntervalSeconds=5)],
                Catch=[catches("States.ALL")],
            ),
            "Caught": SUCCEED,
        },
        answers=fails("ErrorA", "ErrorB", "ErrorC", "ErrorB"),
        output="ErrorB",
        payloads=["x"] * 4,
    ),
    Case(
        "the first retrier that matches decides, used up or not",
        {"A": invokes("x", Retry=[retries("Broken", attempts=1), retries("States.ALL", attempts=5)])},
        answers=fails("Broken", "Bent", "Broken"),
        error="Broken",
        payloads=["x"] * 3,
    ),
    Case(
        "a state that is entered again has its attempts again",
        {
            "A": invokes("x", Retry=[retries("Broken", attempts=1)], Next="B"),
            "B": chooses(("{% $states.input = 'again' %}", "A"), Default="C"),
            "C": SUCCEED,
        },
        answers=(*fails("Broken"), *answers("again"), *fails("Broken"), *answers("done")),
        output="done",
        path=("A", "B", "A", "B", "C"),
        payloads=["x"] * 4,
    ),
    # Catch
    Case(
        "a catcher assigns and puts out",
        {
            "A": invokes(
                "x",
                Retry=[retries("Broken", attempts=1)],
                Catch=[
                    catches("Bent"),
                    {
                        "ErrorEquals": ["Broken"],
                        "Assign": {"v": "{% $states.errorOutput.Error %}"},
                        "Output": ["{% $states.input.n %}"],
                        "Next": "Caught",
                    },
                ],
                Next="Caught",
            ),
            "Caught": passes(["{% $states.input %}", "{% $v %}"]),
        },
        {"n": 1},
        answers=fails("Broken", "Broken"),
        output=[[1], "Broken"],
        payloads=["x", "x"],
    ),
    Case(
        "a catcher without output hands on error and cause",
        {
            "A": invokes("x", Catch=[{"ErrorEquals": ["Broken"], "Next": "Caught"}]),
            "Caught": passes(["{% $states.input.Error %}", "{% $contains($states.input.Cause, 'Broken') %}"]),
        },
        answers=fails("Broken"),
        output=["Broken", True],
    ),
    Case(
        "a catcher that fails is not caught",
        {
            "A": invokes("x", Catch=[catches("Broken", output="{% $states.result %}"), catches("States.ALL")]),
            "Caught": SUCCEED,
        },
        answers=fails("Broken"),
        error=EVALUATION,
        path=("A",),
        but="MiniStack binds null, which AWS does not have",
    ),
    Case(
        "States.TaskFailed stands for a function's error",
        {
            "A": invokes("x", Retry=[retries("States.TaskFailed", attempts=1)], Catch=[catches("States.TaskFailed")]),
            "Caught": SUCCEED,
        },
        answers=fails("Broken", "Bent"),
        output="Bent",
        payloads=["x", "x"],
    ),
    Case(
        "a function that is not there is an error by name",
        {
            "A": invokes("x", Arguments={"FunctionName": "nosuch", "Payload": "x"}, Catch=[catches("States.ALL")]),
            "Caught": SUCCEED,
        },
        output="Lambda.ResourceNotFoundException",
        payloads=[],
    ),
    # Time
    Case(
        "a task that takes too long is States.Timeout",
        {"A": invokes("x", TimeoutSeconds=3, Catch=[catches("States.Timeout")]), "Caught": SUCCEED},
        answers=takes(6),
        output="States.Timeout",
        payloads=["x"],
    ),
    Case(
        "States.TaskFailed does not stand for States.Timeout",
        {"A": invokes("x", TimeoutSeconds=3, Catch=[catches("States.TaskFailed")]), "Caught": SUCCEED},
        answers=takes(6),
        error="States.Timeout",
        path=("A",),
        payloads=["x"],
    ),
    Case(
        "a machine's own time-out ends it, and nothing catches that",
        {"A": waits(5, Next="B"), "B": invokes("x", Catch=[catches("States.ALL")]), "Caught": SUCCEED},
        answers=answers("late"),
        error="States.Timeout",
        path=("A",),
        payloads=[],
        top=(("TimeoutSeconds", 5),),
        but="MiniStack ignores the time-out of a machine",
    ),
    # Size
    Case("an answer has a largest size", {"A": invokes("x")}, answers=answers(BIG), error=TOO_MUCH, payloads=["x"]),
    Case(
        "States.ALL neither retries nor catches what is too large",
        {"A": invokes("x", Retry=[retries("States.ALL")], Catch=[catches("States.ALL")]), "Caught": SUCCEED},
        answers=answers(BIG, BIG, BIG),
        error=TOO_MUCH,
        path=("A",),
        payloads=["x"],
        but=WILD,
    ),
    Case(
        "an output has a largest size",
        {"A": passes("{% $pad('x', 300000) %}", Next="B"), "B": SUCCEED},
        error=TOO_MUCH,
        path=("A",),
        but=NO_LIMIT,
    ),
    Case(
        "a payload has a largest size",
        {"A": invokes("{% $pad('x', 300000) %}")},
        answers=answers(1),
        error=TOO_MUCH,
        payloads=[],
        but=NO_LIMIT,
    ),
    Case(
        "variables of one state have a largest size together",
        {
            "A": {
                "Type": "Pass",
                "Assign": {"a": "{% $pad('x', 150000) %}", "b": "{% $pad('x', 150000) %}"},
                "End": True,
            }
        },
        error=TOO_MUCH,
        but=NO_LIMIT,
    ),
]


def watching() -> Case:
    """The product's own watcher, over a failure that passes, a batch of one, a failure that does not, and the end."""
    text = WATCH.read_text()
    for function in ("Watch", "Protect"):
        text = text.replace(f"${{{function}FunctionArn}}", "${Function}")
    definition = json.loads(text)
    found = {"done": False, "outcome": "watching", "open": 2, "interval_seconds": 60, "wait_seconds": 60}
    return Case(
        "the product's watcher",
        {name: definition["States"][name] for name in sorted(definition["States"], key=lambda name: name != "Start")},
        answers=(
            *fails("Broken"),
            *answers({**found, "ready": ["ws-1"], "cursor": {"looked_at": None}}, {"decisions": []}),
            *answers({**found, "ready": [], "cursor": None}),
            *answers({**found, "ready": MANY, "cursor": None}),
            *fails("Broken"),
            *answers({**found, "done": True, "outcome": "nothing open", "ready": [], "open": 0, "cursor": None}),
        ),
        output={"outcome": "nothing open", "open": 0, "interval_seconds": 60},
        path=(
            *("Start", "Observe", "Anything to do", "Protect", "Wait"),
            *("Observe", "Anything to do", "Wait"),
            *("Observe", "Anything to do", "Protect", "Wait"),
            *("Observe", "Anything to do", "Nothing open"),
        ),
    )


CASES.append(watching())
