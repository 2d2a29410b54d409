"""Walks the definition of both state machines in virtual time, as strictly as Step Functions.

States, retries, time-outs and failure paths are read from it. A field that `loop.asl.json` does not use is refused: to
pass over it would be kinder than Step Functions. https://docs.aws.amazon.com/step-functions/latest/dg/: error names and
wildcards in concepts-error-handling.html, variables in workflow-variables.html, limits in service-quotas.html.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Protocol

from tests.simulation import expressions

MOST_BYTES = 256 * 1024  # of a function's answer
MOST_EVENTS = 25_000  # of an execution's history
_INVOKE = ":states:::lambda:invoke"
_FIELDS: dict[str, set[str]] = {
    "Pass": {"Assign", "Next"},
    "Task": {"Resource", "Arguments", "TimeoutSeconds", "Assign", "Output", "Retry", "Catch", "Next"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "Next"},
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
    # The parts of lists
    "Choices": {"Condition", "Next"},
    "Retry": {"ErrorEquals", "IntervalSeconds", "MaxDelaySeconds", "MaxAttempts", "JitterStrategy"},
    "Catch": {"ErrorEquals", "Output", "Next"},
}
_OVER = "the machine's own time-out"
_UNCATCHABLE = ("States.DataLimitExceeded", "States.Runtime", _OVER)


class StateError(Exception):
    """What a state fails with: an error name as Step Functions knows it, and a cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error)
        self.error, self.cause = error, cause


class Surroundings(Protocol):
    """What an execution reaches. `sleep` and `invoke` may let others run; `invoke` raises :class:`StateError`."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...
    def invoke(self, function: str, payload: Any, timeout_seconds: float) -> Any: ...
    def jitter(self, most: float) -> float: ...


class Execution:
    """One execution: its `status` (RUNNING, SUCCEEDED, FAILED, TIMED_OUT), the states it entered, and how it ended."""

    def __init__(self, definition: dict[str, Any], arn: str, surroundings: Surroundings) -> None:
        for name, state in definition["States"].items():
            _check(name, state)
        self._definition, self._arn, self._surroundings = definition, arn, surroundings
        self._ends_at = surroundings.now() + timedelta(seconds=definition["TimeoutSeconds"])
        self._events = 0
        self.status, self.output, self.error, self.cause = "RUNNING", None, "", ""
        self.path: list[str] = []
        self.waits: list[int] = []
        self.variables: dict[str, Any] = {}

    def run(self, given: Any) -> None:
        """Walk from state to state until the execution has ended."""
        name, value = self._definition["StartAt"], given
        try:
            while name is not None:
                self._record(2)
                self.path.append(name)
                name, value = self._walk(self._definition["States"][name], value)
            self.status, self.output = "SUCCEEDED", value
        except StateError as failure:
            self.status = "TIMED_OUT" if failure.error == _OVER else "FAILED"
            self.error, self.cause = failure.error, failure.cause

    def _walk(self, state: dict[str, Any], given: Any) -> tuple[str | None, Any]:
        match state["Type"]:
            case "Pass":
                return self._leave(state, given, given)
            case "Task":
                return self._task(state, given)
            case "Choice":
                ways = [rule for rule in state["Choices"] if self._render(rule["Condition"], bool, input=given)]
                return ways[0]["Next"] if ways else state["Default"], given
            case "Wait":
                self.waits.append(self._render(state["Seconds"], int, input=given))
                self._sleep(self.waits[-1])
                return state["Next"], given
            case "Succeed":
                return None, given
        raise StateError(*(self._render(state[field], str, input=given) for field in ("Error", "Cause")))

    def _task(self, state: dict[str, Any], given: Any) -> tuple[str | None, Any]:
        used: Counter[int] = Counter()
        while True:
            try:
                answer = self._invoke(state, given)
                return self._leave(state, given, answer, result={"Payload": answer})
            except StateError as failure:
                # The first retrier that matches decides, even when it has no attempt left.
                number, retrier = _matching(state["Retry"], failure)
                if not retrier or used[number] == retrier["MaxAttempts"]:
                    _, catcher = _matching(state["Catch"], failure)
                    if not catcher:
                        raise
                    told = {"Error": failure.error, "Cause": failure.cause}
                    return self._leave(catcher, given, told, errorOutput=told)
            delay = min(retrier["IntervalSeconds"] * 2.0 ** used[number], retrier["MaxDelaySeconds"])
            self._sleep(self._surroundings.jitter(delay) if retrier["JitterStrategy"] == "FULL" else delay)
            used[number] += 1

    def _invoke(self, state: dict[str, Any], given: Any) -> Any:
        call = self._render(state["Arguments"], dict, input=given)
        self._record(3)
        most = min(state["TimeoutSeconds"], self._left())
        answer = self._surroundings.invoke(call["FunctionName"], call["Payload"], most)
        if len(json.dumps(answer, ensure_ascii=False).encode()) > MOST_BYTES:
            raise StateError("States.DataLimitExceeded", f"The answer has more than {MOST_BYTES} bytes.")
        return answer

    def _leave(self, way: dict[str, Any], given: Any, default: Any, **states: Any) -> tuple[str | None, Any]:
        # Assign and Output both see the variables as they were when the state was entered.
        assigned = self._render(way.get("Assign", {}), dict, input=given, **states)
        output = self._render(way["Output"], object, input=given, **states) if "Output" in way else default
        self.variables |= assigned
        return way["Next"], output

    def _render(self, template: Any, kind: type, **states: Any) -> Any:
        states["context"] = {"Execution": {"Id": self._arn}}
        try:
            value = expressions.render(template, {**self.variables, "states": states})
        except expressions.EvaluationError as error:
            raise StateError("States.QueryEvaluationError", str(error)) from error
        if kind is not object and (type(value) is not kind or (type(value) is int and value < 0)):
            raise StateError("States.QueryEvaluationError", f"{template} is {value!r}, not {kind.__name__}")
        return value

    def _record(self, events: int) -> None:
        """Count events of the history, if there is time and room for them."""
        self._events += events
        if self._left() <= 0:
            raise StateError(_OVER)
        if self._events > MOST_EVENTS:
            raise StateError("States.Runtime", f"{MOST_EVENTS} history events are the most")

    def _sleep(self, seconds: float) -> None:
        self._surroundings.sleep(min(seconds, self._left()))

    def _left(self) -> float:
        return (self._ends_at - self._surroundings.now()).total_seconds()


def _matching(handlers: list[dict[str, Any]], failure: StateError) -> tuple[int, dict[str, Any]]:
    for number, handler in enumerate(handlers):
        if failure.error not in _UNCATCHABLE and {failure.error, "States.ALL"} & set(handler["ErrorEquals"]):
            return number, handler
    return -1, {}


def _check(name: str, state: dict[str, Any]) -> None:
    unknown = state.keys() - _FIELDS[state["Type"]] - {"Type", "Comment"}
    for field in ("Choices", "Retry", "Catch"):
        unknown |= {one for part in state.get(field, ()) for one in part.keys() - _FIELDS[field]}
    if unknown or not state.get("Resource", _INVOKE).endswith(_INVOKE):
        raise ValueError(f"the simulation does not know all that {name} says: {sorted(unknown)}")
