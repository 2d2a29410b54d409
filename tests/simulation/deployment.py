"""What is deployed, read from a synthesised template: nothing that a simulation rests on is written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from moto.events.models import EventPattern

from local.stream_delivery import Policy
from standby.core.settings import Settings

CONFIGURATION = Path(__file__).with_name("simulated.yaml")
STACK = "Standby-us-east-1-us-west-2"
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
_RETRIES_BY_DEFAULT = 2


@dataclass(frozen=True)
class Function:
    """A function of the template: seconds until its time-out, and its environment as far as it is plain text."""

    timeout_seconds: float
    environment: dict[str, str]


class Deployment:
    """The templates of both Regions, and the settings in the zip beside them.

    `watcher` and `sweeper` are the state machines' definitions, `functions` and `permitted` (service and operation of
    what a role allows) go by short names; what matches one of `rules` EventBridge lets through to protect, what
    matches one of `forwarded` the DR Region hands over to the primary one's bus, and what matches one of
    `outbox_filters` goes from the ledger's stream to announce, as `outbox` says.
    """

    def __init__(self, template: dict[str, Any], dr_template: dict[str, Any], settings: Settings) -> None:
        self._template = template
        self.settings = settings
        self.watcher, self.sweeper = self._definition("watch"), self._definition("sweep")
        self.watch_every, self.sweep_every = self._period("watch"), self._period("sweep")
        self.functions = dict(map(_function, self._all("AWS::Lambda::Function")))
        self.permitted = {name: set(self._allowed(name)) for name in self.functions}
        self.rules = _patterns(self._all("AWS::Events::Rule"))
        self.forwarded = _patterns(_of_type(dr_template, "AWS::Events::Rule"))
        (mapping,) = self._all("AWS::Lambda::EventSourceMapping")
        self.outbox = Policy.of(mapping)
        self.outbox_filters = [EventPattern.load(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]
        (table,) = self._all("AWS::DynamoDB::GlobalTable")
        names = ("TableName", "BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
        stream = {**table["StreamSpecification"], "StreamEnabled": True}
        # As CreateTable takes it.
        self.table = {name: table[name] for name in names} | {"StreamSpecification": stream}

    @classmethod
    def synthesise(cls) -> Deployment:
        """Synthesise the configuration beside this file. Takes seconds."""
        from infra.synth import synthesise  # starts Node.js, which a process that only collects tests does not need

        with TemporaryDirectory() as directory:
            synthesise(CONFIGURATION, Path(directory))
            return cls.read(Path(directory))

    @classmethod
    def read(cls, assembly: Path) -> Deployment:
        """Read it from its cloud assembly."""
        template, dr_template = (
            json.loads((assembly / f"{name}.template.json").read_text(encoding="utf-8"))
            for name in (STACK, f"{STACK}-dr")
        )
        (bundled,) = assembly.glob("asset.*/settings.json")
        return cls(template, dr_template, Settings.load(bundled))

    def asynchronous(self, function: str) -> tuple[int, bool]:
        """How often Lambda repeats a function's asynchronous event, and whether what failed in the end is kept."""
        for config in self._all("AWS::Lambda::EventInvokeConfig"):
            if config["FunctionName"]["Ref"].startswith(f"{function.capitalize()}Function"):
                return int(config["MaximumRetryAttempts"]), "OnFailure" in config["DestinationConfig"]
        return _RETRIES_BY_DEFAULT, False

    def _allowed(self, function: str) -> Iterator[tuple[str, str]]:
        for policy in self._all("AWS::IAM::Policy"):
            if f'"{function.capitalize()}Role' in json.dumps(policy["Roles"]):
                yield from _allowed(policy["PolicyDocument"])

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


def _function(properties: dict[str, Any]) -> tuple[str, Function]:
    variables = properties["Environment"]["Variables"]
    plain = {key: value for key, value in variables.items() if isinstance(value, str)}
    return properties["FunctionName"].removeprefix(f"{STACK}-"), Function(float(properties["Timeout"]), plain)


def _of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in template["Resources"].values() if one["Type"] == kind]


def _patterns(rules: list[dict[str, Any]]) -> list[EventPattern]:
    patterns = [rule["EventPattern"] for rule in rules]
    return [EventPattern.load(json.dumps(one)) for one in patterns if one["source"] == ["aws.workspaces"]]


def matches(patterns: list[EventPattern], event: Mapping[str, Any]) -> bool:
    """Whether one of some patterns matches an event. Each is shown what it names: moto copies all that it is shown."""
    return any(one.matches_event(_named_by(one.get_pattern(), event)) for one in patterns)


def _named_by(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    found = {name: event[name] for name in pattern if name in event}
    deeper = {name for name, value in found.items() if isinstance(value, dict) and isinstance(pattern[name], dict)}
    return found | {name: _named_by(pattern[name], found[name]) for name in deeper}


# What IAM calls otherwise than botocore.
_NAMES = {"states": "stepfunctions", "servicequotas": "service-quotas", "tag": "resourcegroupstaggingapi"}


def _allowed(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(service, operation) of each action that a policy allows, as botocore names them."""
    for statement in document["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            service, _, operation = action.partition(":")
            yield _NAMES.get(service, service), operation
