"""The configuration of a pair, and which WorkSpaces get a standby: by the configuration and by AWS's rules.

An exclude rule wins over every include rule. One include rule that matches is enough; without include rules, every
WorkSpace is included. If a rule needs tags that could not be read, the result is not known yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from standby.core.model import NO_REPLICATION, READY, DirectoryId, Region, Workspace, WorkspaceId, user_key
from standby.core.reasons import Reason

NAMESPACE = "WorkspacesStandby"  # of all metrics
NOT_KNOWN: Literal["not known yet"] = "not known yet"
# The number of rules of a long list that a message names.
_MOST_NAMED = 5


@dataclass(frozen=True)
class Rules:
    """The rules under `include` or under `exclude`; each entry is one rule.

    `tags` are keys with a glob for the value, both case-sensitive. `users` are globs for the user name, not
    case-sensitive.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    directories: tuple[DirectoryId, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Rules:
        """Build from a section of settings.json."""
        return cls(document.get("tags", {}), tuple(document.get("users", ())), tuple(document.get("directories", ())))

    def to_document(self) -> dict[str, Any] | None:
        """The section of settings.json; None if there are no rules."""
        found = {"tags": dict(self.tags), "users": list(self.users), "directories": list(self.directories)}
        return found if any(found.values()) else None

    def results(self, seen: Workspace) -> Iterator[tuple[str, bool | None]]:
        """Each rule as it is written in its section, and whether it matches; None if that is not known."""
        for directory in self.directories:
            yield f"directories: {directory}", None if seen.directory_id is None else seen.directory_id == directory
        for glob in self.users:
            name = seen.user_name
            # The name of WorkSpaces without a user is meant literally, and not as a class of characters.
            pattern = user_key(glob).replace("[undefined]", "[[]undefined]")
            yield f"users: {glob}", None if name is None else fnmatchcase(user_key(name), pattern)
        for key, glob in self.tags.items():
            tags = None if seen.tags is None else dict(seen.tags)
            yield f"tags: {key}: {glob}", None if tags is None else key in tags and fnmatchcase(tags[key], glob)


Obstacle = tuple[Reason, str]
"""Why a WorkSpace gets no standby, and the details as a sentence, for example the rule."""
Verdict = Obstacle | None | Literal["not known yet"]


@dataclass(frozen=True)
class Selection:
    """The include and exclude rules. By default, every WorkSpace is selected."""

    include: Rules = Rules()
    exclude: Rules = Rules()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Selection:
        """Build from settings.json."""
        return cls(*(Rules.from_document(document.get(section) or {}) for section in ("include", "exclude")))

    @property
    def needs_tags(self) -> bool:
        """Whether any rule needs tags."""
        return bool(self.include.tags or self.exclude.tags)

    def verdict(self, seen: Workspace) -> Verdict:
        """Why a WorkSpace is excluded; None if it is not, `NOT_KNOWN` if a fact that decides it is unknown."""
        excluded = dict(self.exclude.results(seen))
        included = dict(self.include.results(seen))
        for rule, matches in excluded.items():
            if matches:
                return Reason.EXCLUDED_BY_RULE, f"The rule is exclude.{rule}."
        if included and not any(matches is not False for matches in included.values()):
            named = [f"include.{rule}" for rule in included]
            more = f"; and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
            return Reason.NOT_INCLUDED, f"Rules: {'; '.join(named[:_MOST_NAMED])}{more}."
        is_included = not included or any(included.values())
        return NOT_KNOWN if not is_included or None in excluded.values() else None


# Prefixes, because the enums grow (RHEL_9, GRAPHICS_G8). The service decides about unknown values.
LINUX = ("AMAZON_LINUX", "UBUNTU", "RHEL", "ROCKY")
COMPUTE_REFUSED = ("GRAPHICS", "GENERALPURPOSE_4XLARGE", "GENERALPURPOSE_8XLARGE")
# The ARN of a key does not say whether AWS manages it, and no function may call KMS. An alias says it.
_AWS_MANAGED_KEY = "alias/aws/workspaces"


def obstacle(seen: Workspace, settings: Settings) -> Obstacle | None:
    """Why a WorkSpace cannot have a standby; None if it can. A fact that the service did not return is no obstacle."""
    if seen.directory_id is not None and seen.directory_id not in settings.directories:
        return Reason.DIRECTORY_NOT_MAPPED, f"The directory is {seen.directory_id}."
    if seen.operating_system and seen.operating_system.startswith(LINUX):
        return Reason.OPERATING_SYSTEM, f"The operating system is {seen.operating_system}."
    if seen.compute_type and seen.compute_type.startswith(COMPUTE_REFUSED):
        return Reason.COMPUTE_TYPE, f"The compute type is {seen.compute_type}."
    if seen.nested_virtualization:
        return Reason.NESTED_VIRTUALIZATION, ""
    if seen.is_encrypted and (seen.volume_encryption_key or "").rpartition(":")[2] == _AWS_MANAGED_KEY:
        return Reason.AWS_MANAGED_KEY, f"The key is {seen.volume_encryption_key}."
    mapped = settings.directories[seen.directory_id] if seen.directory_id else None
    if seen.is_encrypted and mapped and mapped.volume_encryption_key is None:
        return Reason.NO_DR_KEY, f"The directory is {seen.directory_id}."
    return None


def not_returned(seen: Workspace) -> str:
    """What an answer lacks of the facts that a request needs, as a sentence; empty if it lacks nothing.

    A new WorkSpace may be returned without them. A relation of an unknown type may be to a standby, so nothing is
    created while there is one.
    """
    rests_on = {"directory": seen.directory_id, "user": seen.user_name, "compute type": seen.compute_type}
    if missing := [name for name, value in rests_on.items() if not value]:
        return f"DescribeWorkspaces does not return its {' and '.join(missing)}."
    if seen.related and not any(other.is_known for other in seen.related):
        other = seen.related[0]
        return f"It has a relation to {other.id} of type {other.kind}, which this version does not know."
    return ""


def is_for_selection(seen: Workspace, settings: Settings) -> bool:
    """Whether only the selection is left to decide about a primary, so that its tags are read if a rule needs them."""
    is_ready = seen.state in READY and not not_returned(seen)
    return not (seen.standbys or seen.primary) and is_ready and obstacle(seen, settings) is None


STACK_TAG = "workspaces-standby:stack"
PRIMARY_TAG = "workspaces-standby:primary"


class BadSettings(Exception):
    """The deployment is incomplete: a variable or a settings key is missing. The message names it."""


@dataclass(frozen=True)
class Directory:
    """The DR directory of a directory in the primary Region, and the properties of its standbys."""

    dr_directory: DirectoryId
    volume_encryption_key: str | None = None
    data_replication: str = NO_REPLICATION
    mutual: bool = False  # it also holds another pair's standbys: a lookup comes before a request


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration of one pair of Regions."""

    stack: str
    primary_region: Region
    dr_region: Region
    version: str = "0"
    config_digest: str = ""
    mode: str = "protect"
    tags: Mapping[str, str] = field(default_factory=dict)
    first_look: timedelta = timedelta(minutes=15)
    poll_interval: timedelta = timedelta(seconds=120)
    primary_deadline: timedelta = timedelta(minutes=240)
    standby_deadline: timedelta = timedelta(minutes=120)
    max_new_standbys_per_day: int = 200
    max_standbys: int = 5000
    sweep_interval: timedelta = timedelta(minutes=60)
    rpo: timedelta = timedelta(hours=36)
    existing_fleet: str = "report"
    recreate_missing: bool = False
    backfill_in_flight: int = 100
    calls_per_second: float = 1.0
    prices: Mapping[str, Decimal] = field(default_factory=dict)  # monthly fees in USD by compute type
    selection: Selection = field(default_factory=Selection)
    directories: Mapping[DirectoryId, Directory] = field(default_factory=dict)
    elsewhere: Mapping[DirectoryId, str] = field(
        default_factory=dict
    )  # directories of other pairs in the primary Region: their stack

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Settings:
        """Build from the content of settings.json; `BadSettings` if a key is missing."""
        special: dict[str, Callable[[Any], Any]] = {
            "prices": lambda prices: {kind: Decimal(amount) for kind, amount in prices.items()},
            "directories": lambda mapped: {name: Directory(**entry) for name, entry in mapped.items()},
        }
        values: dict[str, Any] = {"selection": Selection.from_document(document)}
        try:
            for each in fields(cls):
                if each.type == "timedelta":
                    values[each.name] = timedelta(seconds=document[f"{each.name}_seconds"])
                elif each.name not in values:
                    values[each.name] = special.get(each.name, lambda value: value)(document[each.name])
            return cls(**values)
        except (KeyError, TypeError) as problem:
            raise BadSettings(f"settings.json lacks {problem}; deploy the stack again") from None

    def to_document(self) -> dict[str, Any]:
        """The content of settings.json for these settings."""
        found: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.type == "timedelta":
                found[f"{each.name}_seconds"] = value.total_seconds()
            elif each.name == "selection":
                found |= {"include": value.include.to_document(), "exclude": value.exclude.to_document()}
            else:
                found[each.name] = dict(value) if isinstance(value, Mapping) else value
        found["prices"] = {kind: str(amount) for kind, amount in self.prices.items()}
        found["directories"] = {name: asdict(mapped) for name, mapped in self.directories.items()}
        return found

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read settings.json; `BadSettings` if it is missing or incomplete."""
        try:
            return cls.from_document(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            raise BadSettings(f"{path.name} cannot be read ({problem}); deploy the stack again") from None

    def standby_tags(self, primary_id: WorkspaceId) -> dict[str, str]:
        """The tags of the standby that this stack creates for a primary."""
        return {**self.tags, STACK_TAG: self.stack, PRIMARY_TAG: primary_id}
