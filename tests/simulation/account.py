"""The account around the functions: Lambda, Step Functions, the schedule, the rule, the stream's mapping."""

import itertools
import json
import random
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from local.stream_delivery import Delivery
from standby.aws.others import NotKept
from standby.ledger.table import LedgerUnavailable
from tests.simulation.deployment import Deployment, matches
from tests.simulation.machine import Execution, StateError
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler, Task
from tests.simulation.services import Answer, Ledger, Queue, refusal

_FIRST_RETRY_SECONDS = 60.0  # of an asynchronous event; the next is after two minutes
# What waits for functions to be started again: Lambda keeps an event for so long, tried again every few minutes.
_KEPT_SECONDS, _MOST_PAUSE = 6 * 3600.0, 300.0
# What a handler may end with: then the invocation is repeated.
_SAID = (LedgerUnavailable, NotKept)
_DIED = "Runtime.ExitError"
_TIMED_OUT = "Sandbox.Timedout"


@dataclass(eq=False)
class Invocation:
    """One run of a function: who waits for it, and what came of it."""

    function: str
    event: Any
    process: Process
    waiter: Task
    task: Task | None = None
    is_done: bool = False
    answer: Any = None
    error: tuple[str, str] | None = None


class Functions:
    """Lambda: each invocation in a process of its own, which may be used again afterwards.

    `refuses` says with which error a function is not even started, if it is not; `crashes` is what went out of handlers
    and is none of the errors that they end with on purpose.
    """

    def __init__(
        self,
        deployment: Deployment,
        scheduler: Scheduler,
        dice: random.Random,
        queue: Queue,
        make_process: Callable[[str], Process],
    ) -> None:
        self._deployment = deployment
        self._scheduler = scheduler
        self._dice = dice
        self._queue = queue
        self._make_process = make_process
        self._idle: dict[str, list[Process]] = {}
        self._numbers = itertools.count()
        self.running: list[Invocation] = []
        self.refuses: Callable[[str], str | None] = lambda _: None
        self.crashes: list[str] = []

    def invoke(self, function: str, event: Any, timeout_seconds: float | None = None) -> Any:
        """Invoke a function and wait for its answer; `StateError` if it was not started, failed, died or timed out."""
        if refusal := self.refuses(function):
            raise StateError(refusal, f"{function} was not started")
        idle = self._idle.setdefault(function, [])
        process = idle.pop() if idle else self._make_process(function)
        event = json.loads(json.dumps(event))
        invocation = Invocation(function, event, process, self._scheduler.current)
        limit = self._deployment.functions[function].timeout_seconds
        invocation.task = self._scheduler.spawn(lambda: self._run(invocation, event, limit), owner=invocation)
        self._scheduler.spawn(lambda: self.end(invocation, _TIMED_OUT), delay=limit)
        self.running.append(invocation)
        if not self._scheduler.park(timeout_seconds):
            raise StateError("States.Timeout", f"{function} did not answer in {timeout_seconds} s")
        if invocation.error is not None:
            raise StateError(*invocation.error)
        return json.loads(json.dumps(invocation.answer))

    def end(self, invocation: Invocation, error: str) -> None:
        """End an invocation from outside, where it stands; its process is gone. Nothing if it is over already."""
        if invocation.is_done or invocation.task is None:
            return
        invocation.process.is_dead = True
        self._finish(invocation, error=(error, "the process ended"))
        self._scheduler.kill(invocation.task)

    def forget_idle(self) -> None:
        """Let invocations from now on have new processes, as after a deployment."""
        self._idle.clear()
        for invocation in self.running:
            invocation.process.is_dead = True

    def die(self) -> None:
        """Let the process of the running task die here."""
        invocation = self._scheduler.current.owner
        assert isinstance(invocation, Invocation)
        self.end(invocation, _DIED)

    def deliver(self, function: str, event: Any) -> None:
        """Invoke a function asynchronously: it is repeated, and then kept in the dead-letter queue if that is set."""
        self._scheduler.spawn(lambda: self._deliver(function, event))

    def _deliver(self, function: str, event: Any) -> None:
        retries, is_kept = self._deployment.asynchronous(function)
        self._wait_for_start(function)
        for attempt in range(retries + 1):
            try:
                self.invoke(function, event)
            except StateError as failure:
                problem = failure
            else:
                return
            if attempt < retries:
                self._scheduler.sleep(_FIRST_RETRY_SECONDS * (attempt + 1) * self._dice.uniform(0.9, 1.5))
                self._wait_for_start(function)
        if not is_kept:
            return
        record = {
            "version": "1.0",
            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": retries + 1},
            "requestPayload": event,
            "responsePayload": {"errorType": problem.error, "errorMessage": problem.cause},
        }
        self._queue.messages.append({"body": record, "attributes": {}})

    def _wait_for_start(self, function: str) -> None:
        """An event whose function cannot be started is no failed attempt; it waits, longer each time."""
        waited, pause = 0.0, 1.0
        while self.refuses(function) and waited < _KEPT_SECONDS:
            self._scheduler.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _MOST_PAUSE)

    def _run(self, invocation: Invocation, event: Any, limit: float) -> None:
        try:
            answer = invocation.process.handle(event, f"request-{next(self._numbers)}", limit)
        except Exception as problem:
            if not isinstance(problem, _SAID):
                self.crashes.append(f"{invocation.function} crashed:\n{traceback.format_exc()}")
            self._finish(invocation, error=(type(problem).__name__, str(problem)))
        else:
            self._finish(invocation, answer=answer)

    def _finish(self, invocation: Invocation, answer: Any = None, error: tuple[str, str] | None = None) -> None:
        invocation.is_done, invocation.answer, invocation.error = True, answer, error
        self.running.remove(invocation)
        if not invocation.process.is_dead:
            self._idle.setdefault(invocation.function, []).append(invocation.process)
        self._scheduler.wake(invocation.waiter)


@dataclass(eq=False)
class _Started:
    execution: Execution
    task: Task
    aborted: bool = False

    @property
    def status(self) -> str:
        return "ABORTED" if self.aborted else self.execution.status


class Machines:
    """A state machine and its executions, each a task."""

    def __init__(
        self, definition: dict[str, Any], arn: str, scheduler: Scheduler, dice: random.Random, functions: Functions
    ) -> None:
        self.arn = arn
        self.executions: dict[str, _Started] = {}
        self._definition = definition
        self._scheduler = scheduler
        self._dice = dice
        self._functions = functions

    def start(self, name: str, given: Any) -> str:
        """Start an execution; its ARN."""
        arn = self.arn_of(name)
        execution = Execution(self._definition, arn, self)
        task = self._scheduler.spawn(lambda: execution.run(given))
        self.executions[arn] = _Started(execution, task)
        return arn

    def abort(self, arn: str) -> None:
        """Abort an execution. The function that it waits for runs on, as at AWS."""
        started = self.executions[arn]
        started.aborted = True
        self._scheduler.kill(started.task)

    @property
    def running(self) -> list[str]:
        """ARNs of the executions that run."""
        return [arn for arn, one in self.executions.items() if one.status == "RUNNING"]

    def arn_of(self, name: str) -> str:
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"

    # What an execution needs of the world around it.

    def now(self) -> Any:
        return self._scheduler.now()

    def sleep(self, seconds: float) -> None:
        self._scheduler.sleep(seconds)

    def invoke(self, function: str, payload: Any, timeout_seconds: float) -> Any:
        return self._functions.invoke(function, payload, timeout_seconds)

    def jitter(self, most: float) -> float:
        return self._dice.uniform(0.0, most)


class StepFunctions:
    """The service: machines by their ARNs."""

    def __init__(self, machines: Sequence[Machines]) -> None:
        self._machines = machines

    def call(self, region: str, operation: str, body: bytes) -> Answer:
        request = json.loads(body)
        if operation == "DescribeExecution":
            found = [
                one.executions[arn] for one in self._machines if (arn := request["executionArn"]) in one.executions
            ]
            if not found:
                return refusal("ExecutionDoesNotExist", "there is no such execution")
            return 200, json.dumps({"executionArn": request["executionArn"], "status": found[0].status}).encode()
        assert operation == "StartExecution", operation
        (machine,) = [one for one in self._machines if one.arn == request["stateMachineArn"]]
        before = machine.executions.get(machine.arn_of(request["name"]))
        if before is not None and before.status != "RUNNING":
            return refusal("ExecutionAlreadyExists", "there is an execution of this name")
        if before is None:
            machine.start(request["name"], json.loads(request["input"]))
        return 200, json.dumps({"executionArn": machine.arn_of(request["name"]), "startDate": 1}).encode()


class Outbox:
    """The mapping that hands the ledger's stream to announce, as the template has it set."""

    def __init__(
        self, deployment: Deployment, scheduler: Scheduler, functions: Functions, ledger: Ledger, queue: Queue
    ) -> None:
        self._deployment = deployment
        self._scheduler = scheduler
        self._functions = functions
        self._queue = queue
        self._delivery = Delivery(deployment.outbox)
        self._task = scheduler.spawn(self._work)
        self._is_parked = False

    @property
    def is_idle(self) -> bool:
        """Whether everything has been delivered, or given up."""
        return self._delivery.is_idle

    def take(self, records: list[dict[str, Any]]) -> None:
        at = self._scheduler.now().timestamp()
        for given in records:
            record: Any = {**given, "dynamodb": {**given["dynamodb"], "ApproximateCreationDateTime": at}}
            if matches(self._deployment.outbox_filters, record):
                self._delivery.take_in([record])
        if self._is_parked and not self._delivery.is_idle:
            self._is_parked = False
            self._scheduler.wake(self._task)

    def _work(self) -> None:
        while True:
            now = self._scheduler.now().timestamp()
            records = self._delivery.due(now)
            if records is None:
                self._is_parked = self._delivery.is_idle
                if self._is_parked:
                    self._scheduler.park()
                else:
                    self._scheduler.sleep(max(self._delivery.pause(now), 0.5))
                continue
            answer, failed = None, False
            try:
                answer = self._functions.invoke("announce", {"Records": records})
            except StateError:
                failed = True
            given_up = self._delivery.settle(failed=failed, answer=answer, now=self._scheduler.now().timestamp())
            if given_up is not None:
                self._queue.messages.append({"body": {"DDBStreamBatchInfo": len(given_up.records)}, "attributes": {}})
