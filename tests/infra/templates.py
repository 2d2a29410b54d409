"""Reads synthesised templates: resources by type, intrinsic functions as text, what a role may do."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

STACK = "Standby-us-east-1-us-west-2"
FUNCTION = "AWS::Lambda::Function"


def each_of(*names: str) -> pytest.MarkDecorator:
    """Run a test with each of these assemblies as its `assembly`."""
    return pytest.mark.parametrize("assembly", names, indirect=True)


@dataclass(frozen=True)
class Assembly:
    """A cloud assembly, and the two templates of its first pair."""

    directory: Path
    stack: str = STACK

    @cached_property
    def primary(self) -> dict[str, Any]:
        return self.template(self.stack)

    @cached_property
    def dr(self) -> dict[str, Any]:
        return self.template(f"{self.stack}-dr")

    def template(self, stack: str) -> dict[str, Any]:
        """The template of any stack."""
        found: dict[str, Any] = json.loads((self.directory / f"{stack}.template.json").read_text(encoding="utf-8"))
        return found

    def function(self, name: str) -> str:
        """The ARN of the first pair's function whose logical id begins so."""
        (found,) = [each for each in resources(self.primary, FUNCTION) if each.startswith(name)]
        return f"${{{found}.Arn}}"

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings that are zipped with each pair's functions, by its stack's name."""
        found = [json.loads(file.read_text(encoding="utf-8")) for file in self.directory.glob("asset.*/settings.json")]
        return {one["stack"]: one for one in found}

    @cached_property
    def artifacts(self) -> dict[str, Any]:
        """What its manifest lists."""
        found: dict[str, Any] = json.loads((self.directory / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
        return found


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


def only(template: dict[str, Any], kind: str, containing: str = "") -> dict[str, Any]:
    """The properties of the one resource of a type, or of the one whose logical id contains a text."""
    found = [resource for name, resource in resources(template, kind).items() if containing in name]
    assert len(found) == 1, f"{len(found)} of {kind} with {containing!r}"
    properties: dict[str, Any] = found[0]["Properties"]
    return properties


def text(value: Any) -> str:
    """A value with its intrinsic functions written out: `${Name}`, `${Name.Arn}`."""
    if isinstance(value, dict):
        ((function, argument),) = value.items()
        if function == "Fn::Join":
            return str(argument[0]).join(text(part) for part in argument[1])
        return f"${{{'.'.join(argument) if isinstance(argument, list) else argument}}}"
    return str(value)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Grant:
    """One statement of a role's policies."""

    effect: str
    actions: list[str]
    resources: list[str]
    conditions: dict[str, Any]


def grants(template: dict[str, Any], role: str) -> list[Grant]:
    """What the role whose logical id begins with a text may do, by its own and its managed policies."""
    return [
        Grant(
            statement["Effect"],
            as_list(statement["Action"]),
            [text(resource) for resource in as_list(statement["Resource"])],
            statement.get("Condition", {}),
        )
        for name, policy in _policies(template)
        if name.startswith(role) or any(text(r).startswith(f"${{{role}") for r in policy.get("Roles", ()))
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def actions(template: dict[str, Any], role: str) -> set[str]:
    return {action for grant in grants(template, role) if grant.effect == "Allow" for action in grant.actions}


def _policies(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for name, resource in resources(template, kind).items():
            yield name, resource["Properties"]


def granting(template: dict[str, Any], role: str, action: str) -> Grant:
    """The one statement that gives a role an action."""
    (grant,) = [grant for grant in grants(template, role) if action in grant.actions]
    return grant
