"""What an edited configuration would change, and for which desktops, by the rules that the functions use. Pure.

A row of the ledger has the directory, the user and the status of a desktop, but no tags. The effect of a rule for tags
is known only with the tags that AWS has now.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from standby.core.admission import changed_mapping, mapped_elsewhere
from standby.core.model import NO_REPLICATION, Status, Workspace, WorkspaceId
from standby.core.plan import UNKNOWN_TYPE, monthly_cost
from standby.core.reasons import NOT_OURS, Reason
from standby.core.row import Row
from standby.core.settings import NOT_KNOWN, Rules, Settings, Verdict

# Keys whose name in the file differs from the settings' name, with their unit in seconds.
_IN_FILE: Final = {
    "first_look": ("first_look_minutes", 60),
    "poll_interval": ("poll_interval_seconds", 1),
    "primary_deadline": ("primary_deadline_minutes", 60),
    "standby_deadline": ("standby_deadline_minutes", 60),
    "sweep_interval": ("sweep_interval_minutes", 60),
    "rpo": ("rpo_hours", 3600),
}
_EFFECTS: Final = {
    "version": "The functions are replaced by those of this version.",
    "mode": "protect creates standbys. observe decides and records, but creates none. Existing standbys remain.",
    "tags": "New standbys get these tags. Existing standbys keep theirs.",
    "first_look": "A new desktop is first checked after this time.",
    "poll_interval": "A desktop with an open status is checked at this interval.",
    "primary_deadline": "A new desktop has this long to become ready.",
    "standby_deadline": "A requested standby has this long to become ready.",
    "max_new_standbys_per_day": "At most this many standbys are created a day. The others are held until later days.",
    "max_standbys": "At most this many standbys exist. The others are held. None is terminated.",
    "sweep_interval": "The whole fleet is checked at this interval.",
    "rpo": "Standbys with older data are reported as stale.",
    "existing_fleet": "report: existing desktops wait until their directory is accepted. protect: they do not wait.",
    "recreate_missing": "true: sweeps create a missing standby again, whoever terminated it.",
    "backfill_in_flight": "At most this many standbys for accepted fleets are in progress at the same time.",
    "calls_per_second": "protect and sweeps call WorkSpaces at this rate; a sweep beside protect at half of it.",
    "prices": "Costs are computed with these prices.",
    "include": "Only desktops that match one of these rules get a standby.",
    "exclude": "Desktops that match one of these rules get no standby.",
    "elsewhere": "The other pair creates the standbys of these directories.",
}
_OF_DIRECTORY: Final = {
    "volume_encryption_key": "New standbys of encrypted desktops use this key. Existing standbys keep theirs.",
    "data_replication": "Applies to new standbys. For existing standbys, change it in place, from the primary.",
    "dr_directory": "Existing standbys stay in the old DR directory. The fleet is reported again until it is accepted.",
}
# Obstacles in the desktop itself: the selection's rules do not matter.
_OBSTACLES: Final = frozenset(
    {
        *NOT_OURS,
        Reason.DIRECTORY_NOT_MAPPED,
        Reason.OPERATING_SYSTEM,
        Reason.COMPUTE_TYPE,
        Reason.NESTED_VIRTUALIZATION,
        Reason.AWS_MANAGED_KEY,
        Reason.NO_DR_KEY,
        Reason.NO_USER,
    }
)


class Group(StrEnum):
    """What changes for a desktop, each with its sentence."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Group:
        """A group whose value is its code."""
        one = str.__new__(cls, code)
        one._value_, one.sentence = code, sentence
        return one

    INCLUDED = "INCLUDED", "get a standby that the deployed rules deny them"
    KEY_ADDED = "KEY_ADDED", "get a standby, because a key in the DR Region is configured"
    MAPPING_ADDED = "MAPPING_ADDED", "are in a newly mapped directory; they are reported until it is accepted"
    OBSERVED = "OBSERVED", "are held only by observe mode, and get a standby"
    EXCLUDED = "EXCLUDED", "are excluded; they have no standby and get none"
    EXCLUDED_WITH_STANDBY = "EXCLUDED_WITH_STANDBY", "are excluded, but keep their existing standby"
    MAPPING_REMOVED = "MAPPING_REMOVED", "are in a directory that is no longer mapped; their standbys remain"
    DR_DIRECTORY_CHANGED = (
        "DR_DIRECTORY_CHANGED",
        "are in a directory with a new DR directory; their standbys stay in the old one",
    )
    REPLICATION = "REPLICATION", "have a standby whose data replication differs from the configuration"
    TAGS_NOT_KNOWN = "TAGS_NOT_KNOWN", "depend on tags that are not in the ledger; add --tags to read them from AWS"


_NO_MORE = (Group.EXCLUDED_WITH_STANDBY, Group.MAPPING_REMOVED, Group.DR_DIRECTORY_CHANGED)


@dataclass(frozen=True)
class Edited:
    """A key that differs: its values in both configurations as in the file, and its effect."""

    key: str
    deployed: str
    edited: str
    effect: str


def edited_keys(old: Settings, new: Settings) -> Iterator[Edited]:
    """The keys that differ, among those that the functions use."""
    for each in dataclasses.fields(Settings):
        name, before, after = each.name, getattr(old, each.name), getattr(new, each.name)
        if name in ("selection", "directories", "config_digest") or before == after:
            continue
        key, seconds = _IN_FILE.get(name, (name, 0))
        shown = [f"{one.total_seconds() / seconds:g}" if seconds else _shown(one) for one in (before, after)]
        yield Edited(key, shown[0], shown[1], _EFFECTS.get(name, ""))
    for section in ("include", "exclude"):
        rules = [_rules(getattr(one.selection, section)) for one in (old, new)]
        if rules[0] != rules[1]:
            yield Edited(section, _less(rules[0], rules[1]), _less(rules[1], rules[0]), _EFFECTS[section])
    yield from _edited_directories(old, new)


def _edited_directories(old: Settings, new: Settings) -> Iterator[Edited]:
    for name in sorted({*old.directories, *new.directories}):
        before, after = old.directories.get(name), new.directories.get(name)
        if before is None and after is not None:
            effect = "Existing desktops are reported until the directory is accepted. New desktops get a standby."
            yield Edited(f"directories.{name}", "not mapped", after.dr_directory, effect)
        elif after is None and before is not None:
            effect = "No more standbys are created for it. Its existing standbys remain and are still billed."
            yield Edited(f"directories.{name}", before.dr_directory, "not mapped", effect)
        elif before is not None and after is not None:
            for key, effect in _OF_DIRECTORY.items():
                values = getattr(before, key), getattr(after, key)
                if values[0] != values[1]:
                    yield Edited(f"directories.{name}.{key}", _shown(values[0]), _shown(values[1]), effect)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {one}" for key, one in sorted(value.items())) or "none"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rules(rules: Rules) -> list[str]:
    tags = [f"tags: {key}: {glob}" for key, glob in rules.tags.items()]
    return [f"directories: {one}" for one in rules.directories] + [f"users: {one}" for one in rules.users] + tags


def _less(rules: list[str], others: list[str]) -> str:
    """The rules that are missing from the others, the first few by name."""
    own = [one for one in rules if one not in others]
    more = f" and {len(own) - _MOST_NAMED} more" if len(own) > _MOST_NAMED else ""
    return ("; ".join(own[:_MOST_NAMED]) + more) if own else ("the same" if rules else "no rule")


_MOST_NAMED: Final = 10


def needs_tags(old: Settings, new: Settings) -> bool:
    """Whether the changes can depend on tags."""
    return old.selection != new.selection and (old.selection.needs_tags or new.selection.needs_tags)


Tags = Mapping[WorkspaceId, tuple[tuple[str, str], ...]]


@dataclass
class Difference:
    """The difference between the deployed and the edited settings, evaluated row by row, with counts.

    Attributes
    ----------
    rows : int
        How many rows were evaluated.
    counts : Counter
        How many desktops each group has.
    standbys, added, avoided, left : Counter
        By compute type: existing standbys; desktops that would get a standby at once; desktops that would have got one
        and no longer do; existing standbys of desktops that no longer get one.
    """

    old: Settings
    new: Settings
    rows: int = 0
    counts: Counter[Group] = field(default_factory=Counter)
    standbys: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    avoided: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def of(self, row: Row, tags: Tags) -> dict[str, Any] | None:
        """What changes for a row, for data output; None if nothing changes."""
        if row.status is Status.PRIMARY_GONE or row.reason in NOT_OURS:
            return None
        self.rows += 1
        self.standbys[row.compute_type or UNKNOWN_TYPE] += row.standby_id is not None
        found = self._group(row, tags.get(row.primary_id))
        if found is None:
            return None
        group, detail = found
        self._add(group, row)
        return {
            "change": group,
            "primary_id": row.primary_id,
            "user_name": row.user_name,
            "primary_directory_id": row.primary_directory_id,
            "status": row.status,
            "reason_code": row.reason,
            "standby_id": row.standby_id,
            "detail": detail,
        }

    def _add(self, group: Group, row: Row) -> None:
        self.counts[group] += 1
        kind, has_one = row.compute_type or UNKNOWN_TYPE, row.standby_id is not None
        if group is Group.OBSERVED:
            self.added[kind] += 1
        elif group in (Group.INCLUDED, Group.KEY_ADDED) and not has_one:
            self.added[kind] += not row.existing or self.new.existing_fleet == "protect"
        elif group is Group.EXCLUDED or (group is Group.MAPPING_REMOVED and not has_one):
            self.avoided[kind] += row.status.is_pending
        elif group in _NO_MORE and has_one:
            self.left[kind] += 1

    def _group(self, row: Row, tags: tuple[tuple[str, str], ...] | None) -> tuple[Group, str] | None:
        return self._mapping(row) or self._selection(row, tags) or self._mode(row) or self._details(row)

    def _mapping(self, row: Row) -> tuple[Group, str] | None:
        directory = row.primary_directory_id
        if directory is None:
            return None
        before, after = self.old.directories.get(directory), self.new.directories.get(directory)
        if before is None:
            return (Group.MAPPING_ADDED, f"Its DR directory is {after.dr_directory}.") if after else None
        changed = changed_mapping(row, self.new)
        if changed is None or changed is changed_mapping(row, self.old):
            return None
        if changed is Reason.MAPPING_REMOVED:
            return Group.MAPPING_REMOVED, mapped_elsewhere(directory, self.new) or ""
        return Group.DR_DIRECTORY_CHANGED, f"Its dr_directory would be {after.dr_directory}." if after else ""

    def _selection(self, row: Row, tags: tuple[tuple[str, str], ...] | None) -> tuple[Group, str] | None:
        if self.old.selection == self.new.selection or row.reason in _OBSTACLES:
            return None
        seen = Workspace(row.primary_id, row.primary_directory_id, row.user_name, tags=tags)
        before, after = self.old.selection.verdict(seen), self.new.selection.verdict(seen)
        if before == NOT_KNOWN:
            # The row's status shows how it was decided.
            before = (row.reason, row.message) if row.status is Status.EXCLUDED else None
        if after == NOT_KNOWN:
            return Group.TAGS_NOT_KNOWN, ""
        return _moved(row, before, after)

    def _mode(self, row: Row) -> tuple[Group, str] | None:
        is_started = self.old.mode != "protect" and self.new.mode == "protect"
        return (Group.OBSERVED, "") if is_started and row.reason is Reason.OBSERVE_MODE else None

    def _details(self, row: Row) -> tuple[Group, str] | None:
        """What the directory's other keys change for a desktop."""
        directory = row.primary_directory_id
        before, after = (one.directories.get(directory) if directory else None for one in (self.old, self.new))
        if before is None or after is None:
            return None
        if row.reason is Reason.NO_DR_KEY and before.volume_encryption_key is None and after.volume_encryption_key:
            return Group.KEY_ADDED, f"The key is {after.volume_encryption_key}."
        differs = row.standby_id is not None and (row.replication or NO_REPLICATION) != after.data_replication
        if differs and before.data_replication != after.data_replication:
            return Group.REPLICATION, f"It has {row.replication or NO_REPLICATION}."
        return None

    # The whole difference

    def costs(self) -> list[str]:
        """The changes of the monthly cost, in sentences; the cost of future desktops is not included."""
        said = []
        if self.old.prices != self.new.prices and self.standbys.total():
            before, after = (monthly_cost(one.prices, +self.standbys) for one in (self.old, self.new))
            said.append(f"Existing standbys ({self.standbys.total()}) at the deployed prices: {before}")
            said.append(f"The same standbys at the edited prices: {after}")
        for kinds, what in (
            (self.added, "More standbys that would be created"),
            (self.avoided, "Standbys that would no longer be created"),
            (self.left, "Standbys that remain and are billed until a person terminates them"),
        ):
            if count := kinds.total():
                said.append(f"{what}: {count}. {monthly_cost(self.new.prices, +kinds)}")
        return said


def _moved(row: Row, before: Verdict, after: Verdict) -> tuple[Group, str] | None:
    """What changes for a desktop when the selection's verdict changes."""
    if isinstance(after, tuple) == isinstance(before, tuple):
        return None
    if isinstance(after, tuple):
        group = Group.EXCLUDED_WITH_STANDBY if row.standby_id is not None else Group.EXCLUDED
        return group, ": ".join(after)
    if row.standby_id is not None:
        return None  # it already has a standby
    is_fleet = "It is in an existing fleet, and is reported until its directory is accepted." if row.existing else ""
    return Group.INCLUDED, is_fleet


def caps(old: Settings, new: Settings, standbys: int, today: int, quota: int | None) -> list[str]:
    """The edited limits that are below what exists, in sentences."""
    said = []
    if new.max_standbys < standbys and new.max_standbys != old.max_standbys:
        said.append(
            f"max_standbys is {new.max_standbys}, but {standbys} standbys exist. None is terminated. None is created"
            " until fewer exist."
        )
    is_lower = new.max_new_standbys_per_day < old.max_new_standbys_per_day
    if is_lower and new.max_new_standbys_per_day <= today:
        said.append(
            f"max_new_standbys_per_day is {new.max_new_standbys_per_day}, and {today} were already created today (UTC)."
            " The next one is created tomorrow."
        )
    if quota is not None and quota < new.max_standbys and new.max_standbys > old.max_standbys:
        said.append(f"max_standbys is {new.max_standbys}, but the quota allows only {quota}.")
    return said


def first_of_each(rows: Iterable[Mapping[str, Any]], most: int, key: Callable[[Mapping[str, Any]], str]) -> list[Any]:
    """The first `most` rows of each kind; all rows are read."""
    kept: list[Any] = []
    counts: Counter[str] = Counter()
    for row in rows:
        counts[key(row)] += 1
        if counts[key(row)] <= most:
            kept.append(row)
    return kept
