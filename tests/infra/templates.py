"""Reads synthesised templates: resources by type, intrinsic functions as text, what a role may do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STACK = "Standby-us-east-1-us-west-2"


@dataclass(frozen=True)
class Assembly:
    """A cloud assembly and the two templates of its first pair."""

    directory: Path
    primary: dict[str, Any]
    dr: dict[str, Any]

    def template(self, stack: str) -> dict[str, Any]:
        """The template of any stack."""
        found: dict[str, Any] = json.loads((self.directory / f"{stack}.template.json").read_text(encoding="utf-8"))
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
