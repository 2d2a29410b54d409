"""What is deployed, read from a synthesised template: nothing that a simulation rests on is written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from moto.events.models import EventPattern

from infra.synth import synthesise
from local.stream_delivery import Policy
from standby.settings import Settings

CONFIGURATION = Path(__file__).with_name("simulated.yaml")
TERMINATING = Path(__file__).with_name("terminating.yaml")
STACK = "Standby-us-east-1-us-west-2"
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
_RETRIES_BY_DEFAULT = 2


@dataclass(frozen=True)
class Function:
    """A function of the template: seconds until its time-out, and its environment as far as it is plain text."""

    timeout_seconds: float
    environment: dict[str, str]


class Deployment:
    """The templates of both Regions, and the settings in the zip beside them."""

    def __init__(self, template: dict[str, Any], dr_template: dict[str, Any], settings: Settings) -> None:
        self._template = template
        self._dr_template = dr_template
        self.settings = settings

    @classmethod
    def synthesise(cls, configuration: Path = CONFIGURATION) -> Deployment:
        """Synthesise a configuration beside this file. Takes seconds."""
        with TemporaryDirectory() as directory:
            out = Path(directory)
            synthesise(configuration, out)
            template, dr_template = (
                json.loads((out / f"{name}.template.json").read_text(encoding="utf-8"))
                for name in (STACK, f"{STACK}-dr")
            )
            (bundled,) = out.glob("asset.*/settings.json")
            return cls(template, dr_template, Settings.load(bundled))

    @cached_property
    def watcher(self) -> dict[str, Any]:
        """The watcher's definition."""
        return self._definition("watch")

    @cached_property
    def sweeper(self) -> dict[str, Any]:
        """The sweep's definition."""
        return self._definition("sweep")

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions by their short names."""
        found = {}
        for properties in self._all("AWS::Lambda::Function"):
            name = str(properties["FunctionName"]).removeprefix(f"{STACK}-")
            variables = properties["Environment"]["Variables"]
            plain = {key: value for key, value in variables.items() if isinstance(value, str)}
            found[name] = Function(float(properties["Timeout"]), plain)
        return found

    @cached_property
    def permitted(self) -> dict[str, set[tuple[str, str]]]:
        """Service and operation of what each function's role allows."""
        found: dict[str, set[tuple[str, str]]] = {name: set() for name in self.functions}
        for properties in self._all("AWS::IAM::Policy"):
            roles = json.dumps(properties["Roles"])
            for name in self.functions:
                if f'"{name.capitalize()}Role' in roles:
                    found[name] |= set(_allowed(properties["PolicyDocument"]))
        return found

    def asynchronous(self, function: str) -> tuple[int, bool]:
        """How often Lambda repeats a function's asynchronous event, and whether what failed in the end is kept."""
        for config in self._all("AWS::Lambda::EventInvokeConfig"):
            if config["FunctionName"]["Ref"].startswith(f"{function.capitalize()}Function"):
                return int(config["MaximumRetryAttempts"]), "OnFailure" in config["DestinationConfig"]
        return _RETRIES_BY_DEFAULT, False

    @cached_property
    def rules(self) -> list[EventPattern]:
        """What EventBridge lets through to protect: what matches one of these."""
        return _patterns(self._all("AWS::Events::Rule"))

    @cached_property
    def forwarded(self) -> list[EventPattern]:
        """What the DR Region hands over to the primary one's bus."""
        return _patterns(_of_type(self._dr_template, "AWS::Events::Rule"))

    @cached_property
    def outbox(self) -> Policy:
        """How the ledger's stream is delivered to announce."""
        return Policy.of(self._only("AWS::Lambda::EventSourceMapping"))

    @cached_property
    def outbox_filters(self) -> list[EventPattern]:
        """Which records of the stream announce gets: those that match one of these."""
        filters = self._only("AWS::Lambda::EventSourceMapping")["FilterCriteria"]["Filters"]
        return [EventPattern.load(one["Pattern"]) for one in filters]

    @cached_property
    def outbox_batch(self) -> int:
        """Records of one invocation of announce, at most."""
        return int(self._only("AWS::Lambda::EventSourceMapping")["BatchSize"])

    @cached_property
    def watch_every(self) -> timedelta:
        """The period of the schedule that starts the watcher."""
        return self._period("watch")

    @cached_property
    def sweep_every(self) -> timedelta:
        """The period of the schedule that starts the sweep."""
        return self._period("sweep")

    @cached_property
    def retire_every(self) -> timedelta | None:
        """The period of the schedule that starts retire; None where nothing is terminated."""
        return self._period("retire") if "retire" in self.functions else None

    @cached_property
    def table(self) -> dict[str, Any]:
        """The ledger, as CreateTable takes it."""
        properties = self._only("AWS::DynamoDB::GlobalTable")
        names = ("TableName", "BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
        stream = properties["StreamSpecification"]
        return {name: properties[name] for name in names} | {"StreamSpecification": stream | {"StreamEnabled": True}}

    def _definition(self, name: str) -> dict[str, Any]:
        """A state machine's definition, with substitutions made; a function's ARN is its short name here."""
        machine = self._named("AWS::StepFunctions::StateMachine", "StateMachineName", name)
        text = machine["DefinitionString"]
        for placeholder, value in machine["DefinitionSubstitutions"].items():
            if isinstance(value, dict):
                function = self._template["Resources"][value["Fn::GetAtt"][0]]["Properties"]["FunctionName"]
                value = function.removeprefix(f"{STACK}-")
            text = text.replace(f"${{{placeholder}}}", value)
        found: dict[str, Any] = json.loads(text)
        return found

    def _period(self, name: str) -> timedelta:
        expression = self._named("AWS::Scheduler::Schedule", "Name", name)["ScheduleExpression"]
        found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
        assert found, f"a schedule that the simulation cannot read: {expression}"
        return timedelta(**{f"{found[2]}s": int(found[1])})

    def _named(self, kind: str, key: str, name: str) -> dict[str, Any]:
        (found,) = [one for one in self._all(kind) if one[key] == f"{STACK}-{name}"]
        return found

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return _of_type(self._template, kind)

    def _only(self, kind: str) -> dict[str, Any]:
        (found,) = self._all(kind)
        return found


@cache
def terminating() -> Deployment:
    """The simulated configuration, but orphans are terminated."""
    return Deployment.synthesise(TERMINATING)


def _of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in template["Resources"].values() if one["Type"] == kind]


def _patterns(rules: list[dict[str, Any]]) -> list[EventPattern]:
    patterns = [rule["EventPattern"] for rule in rules]
    return [EventPattern.load(json.dumps(one)) for one in patterns if one["source"] == ["aws.workspaces"]]


# What IAM calls otherwise than botocore.
_NAMES = {"states": "stepfunctions", "servicequotas": "service-quotas", "tag": "resourcegroupstaggingapi"}


def _allowed(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(service, operation) of each action that a policy allows, as botocore names them."""
    for statement in document["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            service, _, operation = action.partition(":")
            yield _NAMES.get(service, service), operation
