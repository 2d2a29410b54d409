"""Walks through a JSONata state machine definition with Python functions as its Lambda functions, in no time.

Knows what the definitions here use: Pass, Task (lambda:invoke), Choice, Wait, Succeed and Fail; Assign, Arguments,
Output, Retry and Catch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.utils import Utils  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:Standby-us-east-1-us-west-2-watch:one"


class StateError(Exception):
    """What a state fails with: an error name as Step Functions knows it, and a cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


@dataclass
class Run:
    """An execution: the states it passed through, the waits, the payloads of each function."""

    definition: dict[str, Any]
    functions: dict[str, Callable[[dict[str, Any]], Any]]
    path: list[str] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    status: str = "RUNNING"
    output: Any = None

    def start(self, given: Any) -> Run:
        name, value = self.definition["StartAt"], given
        while self.status == "RUNNING":
            assert len(self.path) < 100, "the machine does not come to an end"
            self.path.append(name)
            name, value = self._state(self.definition["States"][name], value)
        self.output = value
        return self

    def _state(self, state: dict[str, Any], value: Any) -> tuple[str, Any]:
        match state["Type"]:
            case "Pass":
                return self._leave(state, value)
            case "Task":
                return self._task(state, value)
            case "Choice":
                for choice in state["Choices"]:
                    if self._render(choice["Condition"], input=value) is True:
                        return choice["Next"], value
                return state["Default"], value
            case "Wait":
                seconds = self._render(state["Seconds"], input=value)
                assert isinstance(seconds, int), "Step Functions wants an integer"
                self.waits.append(seconds)
                return self._leave(state, value)
            case "Succeed":
                self.status = "SUCCEEDED"
                return "", value
            case "Fail":
                self.status = "FAILED"
                return "", {key: self._render(state[key], input=value) for key in ("Error", "Cause")}
        raise AssertionError(state["Type"])

    def _task(self, state: dict[str, Any], value: Any) -> tuple[str, Any]:
        arguments = self._render(state["Arguments"], input=value)
        retries = [dict(retrier, left=retrier["MaxAttempts"]) for retrier in state.get("Retry", ())]
        while True:
            self.attempts.append(arguments["FunctionName"])
            try:
                payload = self.functions[arguments["FunctionName"]](arguments["Payload"])
                return self._leave(state, value, result={"StatusCode": 200, "Payload": payload})
            except StateError as failure:
                retrier = next((r for r in retries if _matches(r["ErrorEquals"], failure.error)), None)
                if retrier and retrier["left"]:
                    retrier["left"] -= 1
                    continue
                for catcher in state.get("Catch", ()):
                    if _matches(catcher["ErrorEquals"], failure.error):
                        told = {"Error": failure.error, "Cause": failure.cause}
                        return self._leave(catcher, value, errorOutput=told)
                raise

    def _leave(self, state: dict[str, Any], value: Any, **states: Any) -> tuple[str, Any]:
        # Assign and Output both see the variables as they were when the state was entered.
        assigned = self._render(state.get("Assign", {}), input=value, **states)
        default = states.get("result", value)
        output = self._render(state["Output"], input=value, **states) if "Output" in state else default
        self.variables.update(assigned)
        return state["Next"], output

    def _render(self, template: Any, **states: Any) -> Any:
        if isinstance(template, dict):
            return {key: self._render(item, **states) for key, item in template.items()}
        if isinstance(template, list):
            return [self._render(item, **states) for item in template]
        if not (isinstance(template, str) and template.startswith("{%")):
            return template
        bindings = {name: Utils.NULL_VALUE if item is None else item for name, item in self.variables.items()}
        bindings["states"] = {**states, "context": {"Execution": {"Id": EXECUTION}}}
        return Jsonata.jsonata(template.removeprefix("{%").removesuffix("%}")).evaluate(None, bindings)


def _matches(names: list[str], error: str) -> bool:
    return error in names or names == ["States.ALL"]
