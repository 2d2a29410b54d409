"""Runs state machine definitions under any clock, as strictly as Step Functions or more so.

Where AWS's documentation leaves something open, the harsher reading is taken. Error names, limits and wildcards:
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html and …/service-quotas.html; variables
and the order of evaluation: …/workflow-variables.html.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from tests.simulation import expressions
from tests.simulation.definition import (
    MOST_SECONDS,
    TIMEOUT,
    Choice,
    Fail,
    Leaving,
    Machine,
    Pass,
    Succeed,
    Task,
    Wait,
)

if TYPE_CHECKING:
    from datetime import datetime

MOST_BYTES = 256 * 1024  # of an input, an output, arguments, a result, and what one Assign assigns
MOST_BYTES_OF_VARIABLES = 10 * 1024 * 1024
MOST_EVENTS = 25_000


class StateError(Exception):
    """What a state fails with: an error name as Step Functions knows it, and a cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


class Surroundings(Protocol):
    """What an execution reaches. `sleep` and `invoke` may let others go on meanwhile."""

    def now(self) -> datetime:
        """Return the time, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def invoke(self, function_arn: str, payload: Any, timeout_seconds: float | None) -> Any:
        """Return a function's answer; raise :class:`StateError`, `States.Timeout` when it takes longer."""

    def jitter(self, most: float) -> float:
        """Return the delay of JitterStrategy FULL, between 0 and `most` seconds."""


class _TimedOut(Exception):
    """The machine's own time is over, which nothing catches."""


@dataclass
class _Visit:
    """A state being gone through."""

    name: str
    given: Any
    entered_at: datetime
    retries: int = 0


class Execution:
    """One execution of a state machine.

    Parameters
    ----------
    definition : dict
        In the Amazon States Language. A function's name is passed on as it stands.
    arn : str
        The execution's, as `arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME`.
    surroundings : Surroundings
        The time, and the functions.

    Attributes
    ----------
    status : str
        RUNNING, SUCCEEDED, FAILED or TIMED_OUT. Somebody else may set ABORTED and never resume :meth:`run`.
    output : Any
        Of an execution that succeeded.
    error, cause : str or None
        Of one that failed or timed out.
    path : list of str
        The states entered.
    waits : list of int
        The seconds of each Wait state gone through.
    events : int
        The events of its history.
    variables : dict
        As assigned.

    Raises
    ------
    ValueError
        When the definition says something that Step Functions refuses or that is not known here.
    TypeError
        When it is not JSON.
    """

    def __init__(self, definition: dict[str, Any], arn: str, surroundings: Surroundings) -> None:
        self._machine = Machine.of(_through_json(definition, "the definition"))
        self._arn = arn
        self._surroundings = surroundings
        self._deadline: datetime | None = None
        self._constant_context: dict[str, Any] = {}
        self.status = "RUNNING"
        self.output: Any = None
        self.error: str | None = None
        self.cause: str | None = None
        self.path: list[str] = []
        self.waits: list[int] = []
        self.events = 0
        self.variables: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}

    def run(self, given: Any) -> None:
        """Go through the states until the execution has ended.

        Raises
        ------
        TypeError
            When the input or a function's answer is not JSON: a mistake of the caller, not of the machine.
        """
        began = self._surroundings.now()
        if self._machine.timeout_seconds is not None:
            self._deadline = began + timedelta(seconds=self._machine.timeout_seconds)
        value = _through_json(given, "the input")
        *place, machine, name = self._arn.split(":")
        self._constant_context = {
            "Execution": {"Id": self._arn, "Input": value, "Name": name, "StartTime": _stamp(began)},
            "StateMachine": {"Id": ":".join([*place[:-1], "stateMachine", machine]), "Name": machine},
        }
        try:
            self._record("ExecutionStarted")
            _limit(_size(value), "The input")
            state: str | None = self._machine.start_at
            while state is not None:
                state, value = self._go_through(state, value)
            self.status, self.output = "SUCCEEDED", value
        except StateError as failure:
            self.status, self.error, self.cause = "FAILED", failure.error or None, failure.cause or None
        except _TimedOut:
            self.status, self.error = "TIMED_OUT", TIMEOUT
        self.events += 1

    def _go_through(self, name: str, given: Any) -> tuple[str | None, Any]:
        self._record("StateEntered")
        self.path.append(name)
        visit = _Visit(name, given, self._surroundings.now())
        state = self._machine.states[name]
        match state:
            case Pass():
                return self._leave(visit, state, default=given)
            case Wait():
                self._wait(visit, state)
                return self._leave(visit, state, default=given)
            case Task():
                return self._task(visit, state)
            case Choice():
                return self._choose(visit, state)
            case Succeed():
                return self._leave(visit, state.way, default=given)
            case Fail():
                raise StateError(self._text(visit, state.error), self._text(visit, state.cause))

    def _wait(self, visit: _Visit, state: Wait) -> None:
        seconds = self._render(visit, state.seconds)
        if type(seconds) is not int or not 0 <= seconds <= MOST_SECONDS:
            raise self._unfit("Seconds", f"an integer from 0 to {MOST_SECONDS}", seconds)
        self.waits.append(seconds)
        self._sleep(seconds)

    def _choose(self, visit: _Visit, state: Choice) -> tuple[str | None, Any]:
        for rule in state.choices:
            holds = self._render(visit, rule.condition)
            if not isinstance(holds, bool):
                raise self._unfit("Condition", "a boolean", holds)
            if holds:
                return self._leave(visit, rule, default=visit.given)
        if state.default is None:
            raise StateError("States.NoChoiceMatched", f"No rule of '{visit.name}' matched, and it has no Default.")
        return self._leave(visit, state.otherwise, default=visit.given)

    def _task(self, visit: _Visit, state: Task) -> tuple[str | None, Any]:
        used = [0] * len(state.retry)
        while True:
            try:
                result = self._attempt(visit, state)
                return self._leave(visit, state, default=result, result=result)
            except StateError as failure:
                # The first retrier that matches decides, even when it has no attempt left.
                number = next((n for n, retrier in enumerate(state.retry) if retrier.matches(failure.error)), None)
                if number is None or used[number] == state.retry[number].max_attempts:
                    return self._catch(visit, state, failure)
            retrier = state.retry[number]
            delay = retrier.delay(used[number])
            self._sleep(self._surroundings.jitter(delay) if retrier.jitter_strategy == "FULL" else delay)
            used[number] += 1
            visit.retries += 1

    def _attempt(self, visit: _Visit, state: Task) -> dict[str, Any]:
        function = self._text(visit, state.arguments.function_name)
        payload = self._render(visit, state.arguments.payload)
        _limit(_size({"FunctionName": function, "Payload": payload}), f"The arguments of '{visit.name}'")
        self._record("TaskScheduled")
        self._record("TaskStarted")
        try:
            answer = self._surroundings.invoke(function, payload, self._most(state))
        except StateError as failure:
            self._record("TaskTimedOut" if failure.error == TIMEOUT else "TaskFailed")
            raise
        result = _result(_through_json(answer, f"the answer of {function}"))
        _limit(_size(result), f"The result of '{visit.name}'")
        self._record("TaskSucceeded")
        return result

    def _catch(self, visit: _Visit, state: Task, failure: StateError) -> tuple[str | None, Any]:
        for catcher in state.catch:
            if catcher.matches(failure.error):
                told = {"Error": failure.error, "Cause": failure.cause}
                return self._leave(visit, catcher, default=told, errorOutput=told)
        raise failure

    def _leave(self, visit: _Visit, way: Leaving, *, default: Any, **states: Any) -> tuple[str | None, Any]:
        # Assign and Output both see the variables as they were when the state was entered.
        assigned = self._render(visit, way.assign, **states)
        output = self._render(visit, way.output, **states) if way.has("output") else default
        _limit(_size(output), f"The output of '{visit.name}'")
        sizes = {name: _size(value) for name, value in assigned.items()}
        _limit(sum(sizes.values()), f"What '{visit.name}' assigns")
        _limit(sum((self._sizes | sizes).values()), "All variables together", MOST_BYTES_OF_VARIABLES)
        self._record("StateExited")
        self.variables |= assigned
        self._sizes |= sizes
        return way.next, output

    def _text(self, visit: _Visit, template: str | None) -> str:
        value = self._render(visit, template)
        if template is not None and not isinstance(value, str):
            raise self._unfit("text", "a string", value)
        return value or ""

    def _render(self, visit: _Visit, template: Any, **states: Any) -> Any:
        state = {"Name": visit.name, "EnteredTime": _stamp(visit.entered_at), "RetryCount": visit.retries}
        context = {**self._constant_context, "State": state}
        bindings = {**self.variables, "states": {"input": visit.given, "context": context, **states}}
        try:
            return expressions.render(template, bindings)
        except expressions.EvaluationError as error:
            self._record("EvaluationFailed")
            raise StateError("States.QueryEvaluationError", f"In state '{visit.name}': {error}") from error

    def _unfit(self, field: str, expected: str, value: Any) -> StateError:
        self._record("EvaluationFailed")
        return StateError("States.QueryEvaluationError", f"{field} has to be {expected}, and was {json.dumps(value)}.")

    def _record(self, event: str) -> None:
        """Count an event of the history, if there is time and room for it."""
        if self._deadline is not None and self._surroundings.now() >= self._deadline:
            raise _TimedOut
        if self.events == MOST_EVENTS - 1:  # the last one says how the execution ended
            raise StateError("States.Runtime", f"No room for {event}: {MOST_EVENTS} history events are the most.")
        self.events += 1

    def _sleep(self, seconds: float) -> None:
        left = self._left()
        self._surroundings.sleep(seconds if left is None else min(seconds, left))

    def _most(self, state: Task) -> float | None:
        limits = [most for most in (state.timeout_seconds, self._left()) if most is not None]
        return min(limits, default=None)

    def _left(self) -> float | None:
        return None if self._deadline is None else (self._deadline - self._surroundings.now()).total_seconds()


def _result(answer: Any) -> dict[str, Any]:
    """Return what Step Functions makes of a function's answer; headers as long as usual count for its size."""
    headers = {"Content-Length": str(len(json.dumps(answer))), "Content-Type": "application/json"}
    headers |= {"X-Amz-Executed-Version": "$LATEST", "x-amzn-Remapped-Content-Length": "0"}
    headers |= {"Connection": "keep-alive", "Date": "Tue, 03 Mar 2026 09:00:00 GMT", "x-amzn-RequestId": "0" * 36}
    headers |= {"X-Amzn-Trace-Id": "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=1"}
    return {
        "ExecutedVersion": "$LATEST",
        "Payload": answer,
        "SdkHttpMetadata": {"HttpHeaders": headers, "HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": "0" * 36},
        "StatusCode": 200,
    }


def _size(value: Any) -> int:
    """Return the bytes of a value as JSON, as wide as Python writes it."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _limit(size: int, what: str, most: int = MOST_BYTES) -> None:
    if size > most:
        raise StateError("States.DataLimitExceeded", f"{what} takes {size} bytes; {most} are the most.")


def _through_json(value: Any, what: str) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} is not JSON: {error}") from error


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
