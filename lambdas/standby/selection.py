"""Which WorkSpaces are to have a standby, by the operator's choice: `include` and `exclude`. Pure.

An exclude rule wins over every include rule; one include rule that matches is enough; without any, everything is
included. What a rule needs and is not known (tags that could not be read) is no answer: then it is not known yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from standby.model import DirectoryId, Workspace, user_key
from standby.reasons import Reason

NOT_KNOWN: Literal["not known yet"] = "not known yet"
# Rules of a long list that a message names.
_MOST_NAMED = 5


@dataclass(frozen=True)
class Rules:
    """The rules under `include` or under `exclude`; each entry is a rule of its own.

    `tags` are keys with a glob for the value, both as they are spelled; `users` globs for the user name, in any case.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    directories: tuple[DirectoryId, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Rules:
        """Build from a section of settings.json."""
        return cls(
            tags=dict(document.get("tags", {})),
            users=tuple(document.get("users", ())),
            directories=tuple(DirectoryId(one) for one in document.get("directories", ())),
        )

    def __bool__(self) -> bool:
        """Whether there is any rule."""
        return bool(self.tags or self.users or self.directories)

    def results(self, seen: Workspace) -> Iterator[tuple[str, bool | None]]:
        """Each rule as it stands in the configuration, below its section, and whether it matches; None: not known."""
        for directory in self.directories:
            yield f"directories: {directory}", None if seen.directory_id is None else seen.directory_id == directory
        for glob in self.users:
            name = seen.user_name
            yield f"users: {glob}", None if name is None else fnmatchcase(user_key(name), user_key(glob))
        for key, glob in self.tags.items():
            tags = None if seen.tags is None else dict(seen.tags)
            yield f"tags: {key}: {glob}", None if tags is None else key in tags and fnmatchcase(tags[key], glob)


@dataclass(frozen=True)
class Excluded:
    """A WorkSpace is not to have a standby; `rule` is what says so, as it stands in the configuration."""

    reason: Reason
    rule: str
    detail: str


Verdict = Excluded | None | Literal["not known yet"]


@dataclass(frozen=True)
class Selection:
    """The operator's choice. The default is everything."""

    include: Rules = Rules()
    exclude: Rules = Rules()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Selection:
        """Build from settings.json."""
        return cls(
            include=Rules.from_document(document.get("include") or {}),
            exclude=Rules.from_document(document.get("exclude") or {}),
        )

    @property
    def needs_tags(self) -> bool:
        """Whether any rule asks for tags."""
        return bool(self.include.tags or self.exclude.tags)

    def verdict(self, seen: Workspace) -> Verdict:
        """What excludes a WorkSpace; None if nothing does, `NOT_KNOWN` if that cannot be told from what is known."""
        excluded = dict(self.exclude.results(seen))
        included = dict(self.include.results(seen))
        for rule, matches in excluded.items():
            if matches:
                return Excluded(Reason.EXCLUDED_BY_RULE, f"exclude.{rule}", f"The rule is exclude.{rule}.")
        if included and not any(matches is not False for matches in included.values()):
            named = [f"include.{rule}" for rule in included]
            more = f"; and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
            return Excluded(Reason.NOT_INCLUDED, "include", f"There is {'; '.join(named[:_MOST_NAMED])}{more}.")
        is_included = not included or any(included.values())
        return NOT_KNOWN if not is_included or None in excluded.values() else None
