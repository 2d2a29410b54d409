"""What a state machine definition may say, and nothing else: whatever is not known here is refused.

An interpreter that passed over a field would be kinder than Step Functions. Rules are those of the Amazon States
Language with JSONata, and of CreateStateMachine, which also refuses states that nothing leads to.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_pascal

from tests.simulation import expressions

# No wildcard matches these; that they could be caught by their own names is said nowhere, so nobody may build on it.
UNCATCHABLE = frozenset({"States.DataLimitExceeded", "States.Runtime"})
WILDCARD = "States.ALL"
TIMEOUT = "States.Timeout"
MAY_BE_NULL = {"output", "payload"}
MOST_SECONDS = 99_999_999

Template = Annotated[Any, AfterValidator(expressions.check)]
Text = Annotated[str, AfterValidator(expressions.check)]


def _is_variable(name: str) -> str:
    if name == "states" or not name.isidentifier() or len(name) > 80:
        raise ValueError(f"{name!r} cannot be a variable's name")
    return name


Variable = Annotated[str, AfterValidator(_is_variable)]
Assignments = dict[Variable, Template]
Seconds = Annotated[int, Field(ge=1, le=MOST_SECONDS)]


def _is_expression(text: str) -> str:
    if not expressions.is_expression(text):
        raise ValueError(f"{text!r} has to be an expression")
    return text


Expression = Annotated[Text, AfterValidator(_is_expression)]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", frozen=True, strict=True)

    comment: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if empty := [name for name in self.model_fields_set - MAY_BE_NULL if getattr(self, name) is None]:
            raise ValueError(f"null is given for {', '.join(sorted(empty))}")
        return self

    def has(self, field: str) -> bool:
        """Tell whether the definition names a field, be it as null."""
        return field in self.model_fields_set


class Leaving(_Part):
    """A way out of a state: what is remembered, and what the next state gets."""

    assign: Assignments = {}
    output: Template = None
    next: str | None = None


class Step(Leaving):
    """A state that goes on, or ends the execution."""

    end: bool = False

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if (self.next is not None) == self.end:
            raise ValueError("a state has either Next or End")
        return self


class Rule(Leaving):
    """A choice, taken when its condition is true."""

    condition: bool | Expression
    next: str


class _Handler(_Part):
    error_equals: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if WILDCARD in self.error_equals and len(self.error_equals) > 1:
            raise ValueError(f"{WILDCARD} has to stand alone")
        if found := UNCATCHABLE.intersection(self.error_equals):
            raise ValueError(f"{', '.join(found)} ends an execution; nothing may wait for it")
        return self

    def matches(self, error: str) -> bool:
        """Tell whether this is for an error. States.TaskFailed stands for all but States.Timeout."""
        if error in UNCATCHABLE:
            return False
        wildcard = WILDCARD in self.error_equals or ("States.TaskFailed" in self.error_equals and error != TIMEOUT)
        return wildcard or error in self.error_equals


class Retrier(_Handler):
    """How often, and after which delays, a task is tried again."""

    interval_seconds: Seconds = 1
    backoff_rate: Annotated[float, Field(ge=1)] = 2.0
    max_delay_seconds: Annotated[int, Field(ge=1, lt=31_622_400)] | None = None
    max_attempts: Annotated[int, Field(ge=0, le=MOST_SECONDS)] = 3
    jitter_strategy: Literal["FULL", "NONE"] = "NONE"

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.max_delay_seconds is not None and self.max_delay_seconds <= self.interval_seconds:
            raise ValueError("MaxDelaySeconds has to be more than IntervalSeconds")
        return self

    def delay(self, retries: int) -> float:
        """Return the most seconds to wait after so many retries by this retrier."""
        try:
            delay = self.interval_seconds * self.backoff_rate**retries
        except OverflowError:
            delay = float(MOST_SECONDS)
        return min(delay, self.max_delay_seconds or MOST_SECONDS)


class Catcher(_Handler, Leaving):
    """Where a task goes that has failed for good."""

    next: str


class Pass(Step):
    """Goes on at once."""

    type: Literal["Pass"]


class Wait(Step):
    """Goes on after a time."""

    type: Literal["Wait"]
    seconds: Annotated[int, Field(ge=0, le=MOST_SECONDS)] | Expression


class Arguments(_Part):
    """What is sent to Lambda."""

    function_name: Text
    payload: Template


class Task(Step):
    """Invokes a function and waits for its answer."""

    type: Literal["Task"]
    resource: Literal["arn:aws:states:::lambda:invoke"]
    arguments: Arguments
    timeout_seconds: Seconds | None = None
    retry: list[Retrier] = []
    catch: list[Catcher] = []

    @model_validator(mode="after")
    def _wildcard_last(self) -> Self:
        handlers: tuple[list[Retrier], list[Catcher]] = (self.retry, self.catch)
        if any(WILDCARD in handler.error_equals for each in handlers for handler in each[:-1]):
            raise ValueError(f"{WILDCARD} has to be in the last of its list")
        return self


class Choice(_Part):
    """Goes where the first true condition leads. What is assigned here is for the default."""

    type: Literal["Choice"]
    choices: Annotated[list[Rule], Field(min_length=1)]
    default: str | None = None
    assign: Assignments = {}

    @cached_property
    def otherwise(self) -> Leaving:
        """The way when no condition is true."""
        return Leaving.model_validate({"Assign": self.assign, "Next": self.default})


class Succeed(_Part):
    """Ends well."""

    type: Literal["Succeed"]
    output: Template = None

    @cached_property
    def way(self) -> Leaving:
        """The way out, to nowhere."""
        return Leaving.model_validate({"Output": self.output} if self.has("output") else {})


class Fail(_Part):
    """Ends badly."""

    type: Literal["Fail"]
    error: Text | None = None
    cause: Text | None = None


State = Annotated[Pass | Wait | Task | Choice | Succeed | Fail, Field(discriminator="type")]
Name = Annotated[str, Field(min_length=1, max_length=80)]


class Machine(_Part):
    """A whole definition. Made by :meth:`of`."""

    query_language: Literal["JSONata"]
    start_at: str
    states: dict[Name, State]
    timeout_seconds: Seconds | None = None
    version: Literal["1.0"] = "1.0"

    @classmethod
    def of(cls, definition: dict[str, Any]) -> Self:
        """Read a definition; raises ValueError (pydantic's) with all that is wrong or unknown in it."""
        return cls.model_validate(definition)

    @model_validator(mode="after")
    def _leads_everywhere(self) -> Self:
        reached: set[str] = set()
        ahead = [self.start_at]
        while ahead:
            name = ahead.pop()
            if name not in self.states:
                raise ValueError(f"there is no state {name!r}")
            if name not in reached:
                reached.add(name)
                ahead += _next_of(self.states[name])
        if unreached := self.states.keys() - reached:
            raise ValueError(f"nothing leads to {sorted(unreached)}")
        return self


def _next_of(state: Pass | Wait | Task | Choice | Succeed | Fail) -> list[str]:
    match state:
        case Choice():
            return [rule.next for rule in state.choices] + ([state.default] if state.default else [])
        case Step():
            catchers = state.catch if isinstance(state, Task) else []
            return [catcher.next for catcher in catchers] + ([state.next] if state.next else [])
        case _:
            return []
