"""A row of the ledger: the status and the conditions of one primary, and their form in DynamoDB.

A row has one status and some conditions. A condition says since when something is so, when it was last confirmed, how
often, and whether a person was notified. Rules like "only the second time", "only after an hour" and "notify once" read
it from a condition. An unknown answer leaves a condition as it is: unknown is not gone.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self, get_args, get_type_hints

from standby.core.model import DirectoryId, Override, Region, Status, WorkspaceId, from_text, to_text, user_key
from standby.core.reasons import NOT_OURS, Reason


class Kind(StrEnum):
    """The kinds of conditions. The comments say what each means and, after a colon, what its `note` holds."""

    # the primary
    ABSENT = "ABSENT"  # DescribeWorkspaces, called with its id, does not return it
    MISSED = "MISSED"  # a complete scan did not find it: the run
    GONE = "GONE"  # it is gone: the status and reason it had before
    UNMAPPED = "UNMAPPED"  # its directory is no longer in the configuration: the reason it had before
    PRIMARY_TERMINATED = "PRIMARY_TERMINATED"  # somebody called TerminateWorkspaces for it: its id, and who
    MIGRATED = "MIGRATED"  # its migration was requested: the new id. Notified when the new id is ready.
    PCOIP = "PCOIP"  # it uses PCoIP
    # what makes a request doubtful: another lookup comes first
    UNCLEAR = "UNCLEAR"  # a request had no clear answer
    SUCCEEDS = "SUCCEEDS"  # it is the new id of a migrated WorkSpace
    GIVEN_UP = "GIVEN_UP"  # a claim was given up, and the DR directory may have a desktop of the user that was not seen
    DESKTOP_SEEN = "DESKTOP_SEEN"  # the DR directory has a desktop of its user that may be a standby
    NOTHING_SEEN = "NOTHING_SEEN"  # a complete lookup after an unclear request found no standby
    USER_MISSING = "USER_MISSING"  # the DR directory does not know the user
    # the standby
    STANDBY_MISSED = "STANDBY_MISSED"  # a complete scan did not find it: the run
    STANDBY_TERMINATED = "STANDBY_TERMINATED"  # somebody called TerminateWorkspaces for it: its id, and who
    DOUBLED = "DOUBLED"  # the primary has more than one standby: their ids
    UNWELL = "UNWELL"  # it is in ERROR, UNHEALTHY or IMPAIRED
    DRIFT = "DRIFT"  # it differs from its primary or from the configuration: how
    COPIED = "COPIED"  # its data is replicated, since a sweep first found it so: the time of the last noted copy
    STALE = "STALE"  # its data is older than rpo_hours
    STANDBY_PCOIP = "STANDBY_PCOIP"  # it uses PCoIP
    # people
    ASKED = "ASKED"  # a person asked for a standby that could not be requested yet: what the person overrides
    KEPT = "KEPT"  # a person keeps the orphan: who, and why
    TROUBLE = "TROUBLE"  # a person was notified of the row's reason: that reason


# Conditions of one standby, which a next standby does not inherit.
_SEEN_OF_IT = (Kind.UNWELL, Kind.DRIFT, Kind.COPIED, Kind.STALE, Kind.STANDBY_PCOIP)
OF_A_STANDBY = (Kind.STANDBY_MISSED, Kind.STANDBY_TERMINATED, *_SEEN_OF_IT)
# Conditions of a request, until its result is known.
OF_A_REQUEST = (Kind.UNCLEAR, Kind.NOTHING_SEEN, Kind.DESKTOP_SEEN)
# Conditions that send notices. If a change begins two of them, the last one is sent, and its message covers both.
NOTIFYING = (Kind.TROUBLE, Kind.DOUBLED, Kind.MIGRATED, Kind.STANDBY_TERMINATED, Kind.PRIMARY_TERMINATED)

ONCE = timedelta.max
"""Confirming the condition again changes nothing: only `since` counts."""


@dataclass(frozen=True)
class Condition:
    """A condition that holds `since` a moment, confirmed by `times` independent observations, the latest at `last`."""

    since: datetime
    last: datetime
    times: int = 1
    note: str | None = None
    notified: bool = False

    def to_item(self) -> dict[str, Any]:
        """The condition's form in DynamoDB."""
        found: dict[str, Any] = {"since": to_text(self.since), "last": to_text(self.last), "times": self.times}
        return found | ({"note": self.note} if self.note else {}) | ({"notified": True} if self.notified else {})

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Condition:
        """The condition in an item; KeyError, TypeError or ValueError if this version would not write it."""
        note, times = item.get("note"), item["times"]
        if not isinstance(note, str | None) or not isinstance(times, int):
            raise TypeError(f"note must be text and is {note!r}; times must be a whole number and is {times!r}")
        return cls(from_text(item["since"]), from_text(item["last"]), times, note, item.get("notified") is True)


Conditions = Mapping[Kind, Condition]
NO_CONDITIONS: Conditions = MappingProxyType({})


def news(before: Conditions, after: Conditions) -> Kind | None:
    """The condition of a change that a person is to be notified of; None if there is none."""
    found = None
    for kind in NOTIFYING:
        one, old = after.get(kind), before.get(kind)
        if one is not None and one.notified and (old is None or not old.notified or old.note != one.note):
            found = kind
    return found


SCHEMA_VERSION = 1
STATE = "STATE"
PAUSE = "PAUSE"  # both keys of the pause switch's row
# A partition key of an index takes 1,000 writes a second. Each status, each day and the due rows have four shards:
# together they take what a new on-demand table takes (4,000), and 100,000 rows never share one key. Changing the number
# re-keys the ledger.
SHARDS = 4
ALL_SHARDS = range(SHARDS)
HELD = "HELD"
# The beginning of the keys of held rows that need no room. It sorts before "0" (new desktops) and "1" (existing
# fleets).
NEEDS_NO_ROOM = "-"
LIMITS = frozenset({Override.DAILY_CAP, Override.CEILING})
# A row is written again only if one of these, or a condition, has changed: an unchanged row is not history.
_SIGNIFICANT = (
    "status",
    "reason",
    "user_name",
    "primary_directory_id",
    "dr_directory_id",
    "standby_id",
    "replication",
    "deadline_at",
    "existing",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """The present state of one primary in the ledger.

    `changed_at`: when anything but conditions last changed. `due_at`: when an open row is reconciled next.
    `deadline_at`: when the wait ends. `claim_key`: the key of the user's claim that the row holds, if any, and
    `claim_expires_at`: the end of its lease, until the request is settled. `counted_day`: the UTC day that counts its
    standby as new. `existing`: the primary existed before its directory was watched. `created_by`: who created the
    primary. `principal`: whose call caused this change.
    """

    primary_id: WorkspaceId
    primary_region: Region
    dr_region: Region
    status: Status
    reason: Reason
    message: str
    version: int
    first_seen_at: datetime
    changed_at: datetime
    cause_type: str
    cause_id: str
    due_at: datetime | None = None
    deadline_at: datetime | None = None
    primary_state: str | None = None
    primary_directory_id: DirectoryId | None = None
    dr_directory_id: DirectoryId | None = None
    user_name: str | None = None
    compute_type: str | None = None
    standby_id: WorkspaceId | None = None
    standby_state: str | None = None
    replication: str | None = None
    requested_at: datetime | None = None
    protected_at: datetime | None = None
    claim_key: str | None = None
    claim_expires_at: datetime | None = None
    counted_day: str | None = None
    existing: bool = False
    migrated_from: WorkspaceId | None = None
    created_by: str | None = None
    principal: str | None = None
    execution_arn: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    change_id: str = ""
    conditions: Conditions = dataclasses.field(default_factory=dict)

    def differs_from(self, other: Row | None) -> bool:
        """Whether this row has anything new compared with `other`."""
        return other is None or self.conditions != other.conditions or self.is_another_state(other)

    def is_another_state(self, other: Row) -> bool:
        """Whether it differs from `other` in more than conditions and in more than what each reconciliation updates."""
        # The message of an excluded row names the rule, which may have changed.
        is_by_another_rule = self.status is Status.EXCLUDED and self.message != other.message
        return is_by_another_rule or any(getattr(self, name) != getattr(other, name) for name in _SIGNIFICANT)

    # Conditions

    def has(self, kind: Kind) -> bool:
        """Whether a condition lasts."""
        return kind in self.conditions

    def since(self, kind: Kind) -> datetime | None:
        """Since when a condition lasts; None if it does not."""
        return self.conditions[kind].since if kind in self.conditions else None

    def last(self, kind: Kind) -> datetime | None:
        """When a condition was confirmed last; None if it does not last."""
        return self.conditions[kind].last if kind in self.conditions else None

    def note(self, kind: Kind) -> str | None:
        """The note of a condition; None if the condition does not last, or has no note."""
        return self.conditions[kind].note if kind in self.conditions else None

    def observe(
        self,
        kind: Kind,
        fact: bool | None,  # noqa: FBT001 (it is what was observed)
        now: datetime,
        *,
        note: str | None = None,
        apart: timedelta = ONCE,
        notified: bool = False,
    ) -> Self:
        """The row after an observation: True begins or confirms a condition, False ends it, None (unknown) leaves it.

        Observations that are less than `apart` from each other count as one, unless the note changes or the first
        notice is sent.
        """
        if not fact:
            return self if fact is None else self.without(kind)
        before = self.conditions.get(kind)
        found = Condition(now, now, note=note, notified=notified)
        if before is not None:
            is_news = (note is not None and note != before.note) or (notified and not before.notified)
            if not is_news and (apart == ONCE or now - before.last < apart):
                return self
            found = dataclasses.replace(
                before, last=now, times=before.times + 1, note=note or before.note, notified=before.notified or notified
            )
        return dataclasses.replace(self, conditions={**self.conditions, kind: found})

    def without(self, *kinds: Kind) -> Self:
        """The row without some conditions."""
        kept = {kind: found for kind, found in self.conditions.items() if kind not in kinds}
        return self if len(kept) == len(self.conditions) else dataclasses.replace(self, conditions=kept)

    # What it stands for

    @property
    def was_requested(self) -> bool:
        """Whether a standby was requested, or seen: while it may exist, no other one may be requested."""
        return self.standby_id is not None or self.requested_at is not None

    @property
    def may_have_standby(self) -> bool:
        """Whether a standby was requested, or seen, or may be requested at this moment, because the row is claimed."""
        return self.was_requested or self.status is Status.CLAIMED

    @property
    def unspent_day(self) -> str | None:
        """The day whose count includes this row although no standby was created yet; None if there is none."""
        return None if self.was_requested else self.counted_day

    @property
    def is_orphan(self) -> bool:
        """Whether its primary is gone and its standby, as far as is known, still exists."""
        return self.status is Status.PRIMARY_GONE and self.reason is Reason.ORPHANED

    @property
    def overrides(self) -> frozenset[Override]:
        """The limits and rules that the person who asked for the standby has set aside."""
        return frozenset(one for one in Override if one in (self.note(Kind.ASKED) or "").split())

    @property
    def is_under_way(self) -> bool:
        """Whether it is a desktop of an existing fleet that is in progress, so that others of the fleet wait.

        A SUSPENDED desktop waits for a person, possibly for long: others do not wait for it.
        """
        return self.existing and self.status.is_open and self.reason is not Reason.PRIMARY_PAUSED_BY_SERVICE

    @property
    def is_uncovered(self) -> bool:
        """Whether the row is of a desktop without a standby that a user could be sent to."""
        return self.status not in (Status.PROTECTED, Status.PRIMARY_GONE) and self.reason not in NOT_OURS

    # In DynamoDB

    def to_attributes(self) -> dict[str, Any]:
        """The fixed attributes, without the keys of table and indexes; an attribute without a value is left out."""
        found: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or value is False or field.name == "conditions":
                continue
            name = "reason_code" if field.name == "reason" else field.name
            found[name] = to_text(value) if isinstance(value, datetime) else value
        if self.user_name is not None:
            found["user_key"] = user_key(self.user_name)
        if self.conditions:
            found["conditions"] = {str(kind): one.to_item() for kind, one in self.conditions.items()}
        return found

    def to_state_item(self) -> dict[str, Any]:
        """The STATE row, with the key attributes of its indexes."""
        changed, shard = to_text(self.changed_at), shard_of(self.primary_id)
        item = self.to_attributes() | {
            "pk": self.primary_id,
            "sk": STATE,
            "ix_status": status_partition(self.status, shard),
            "ix_status_at": changed,
        }
        if self.status.is_open:
            item |= {"ix_due": due_partition(shard), "ix_due_at": to_text(self.due_at or self.changed_at)}
        if self.status is Status.HELD:
            # Rows that need no room come first, then new desktops and those that a person asks for: a fleet's backfill
            # takes days, and its rows need not be read to find them.
            turn = NEEDS_NO_ROOM if self.overrides & LIMITS else f"{self.existing and not self.has(Kind.ASKED):d}"
            item |= {"ix_due": HELD, "ix_due_at": f"{turn}#{changed}#{self.primary_directory_id}"}
        if self.user_name is not None:
            item |= {"ix_user": user_key(self.user_name), "ix_user_at": changed}
        if self.is_uncovered:
            item |= {"ix_uncovered": self.primary_region, "ix_uncovered_at": changed}
        return item

    def to_event_item(self, previous: Row | None, at: datetime) -> dict[str, Any]:
        """The EVENT row of the change from `previous` to this row, at a moment.

        `notice` asks for a notice. `notice_code` is the reason code of the notice if it is not the row's reason.
        """
        when = to_text(at)
        found = news(previous.conditions if previous else NO_CONDITIONS, self.conditions)
        item = self.to_attributes() | {"pk": self.primary_id, "sk": event_key(self.version)}
        item |= day_keys(when, self.primary_id)
        if previous:
            item["from_status"] = previous.status
        if found:
            item["notice"] = True
            if found is not Kind.TROUBLE:
                item["notice_code"] = _NOTICE[found]
        return item

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Row:
        """The row in a STATE item; KeyError, TypeError or ValueError if this version would not write it."""
        values = {name: _value(name, item) for name in _TYPES}
        return cls(**{name: value for name, value in values.items() if value is not None})


_NOTICE = {
    Kind.DOUBLED: Reason.TWO_STANDBYS,
    Kind.MIGRATED: Reason.MIGRATED,
    Kind.STANDBY_TERMINATED: Reason.TERMINATED_BY_SOMEBODY,
    Kind.PRIMARY_TERMINATED: Reason.TERMINATED_BY_SOMEBODY,
}


def _plain_type(hint: Any) -> Any:
    """The type that a value has at run time: that of an optional one, and of a NewType."""
    wanted = next(one for one in (*get_args(hint), hint) if one is not type(None))
    return getattr(wanted, "__supertype__", wanted)


_TYPES = {name: _plain_type(hint) for name, hint in get_type_hints(Row).items()}


def _value(name: str, item: Mapping[str, Any]) -> Any:
    """A field's value in an item, checked against its type: a person may have written the row manually."""
    value, wanted = item.get("reason_code" if name == "reason" else name), _TYPES[name]
    if name == "conditions":
        return {Kind(kind): _readable(Kind(kind), Condition.from_item(one)) for kind, one in (value or {}).items()}
    if value is None or wanted in (Status, Reason):
        return value and wanted(value)
    try:
        value = from_text(value) if wanted is datetime else value
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None
    if not isinstance(value, wanted):
        raise ValueError(f"{name} must be of type {wanted.__name__} and is {value!r}")  # noqa: TRY004 (the row is what is wrong)
    return value


def _readable(kind: Kind, condition: Condition) -> Condition:
    """The condition, after a check that its note has the form that is read later; ValueError if not."""
    note = condition.note or ""
    if kind is Kind.COPIED and note:
        from_text(note)
    if kind in (Kind.GONE, Kind.UNMAPPED) and note:
        *status, reason = note.split(" ")
        Reason(reason)
        if kind is Kind.GONE:
            Status(*status)
    return condition


@dataclass(frozen=True)
class Unreadable:
    """A STATE row that this version cannot read: a later version wrote it, or a person edited it."""

    primary_id: WorkspaceId
    problem: str


def read_row(item: Mapping[str, Any]) -> Row | Unreadable:
    """The row in a STATE item, or why it cannot be read: an unreadable row must not stop the others."""
    try:
        return Row.from_item(item)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        return Unreadable(WorkspaceId(str(item.get("pk"))), f"{type(problem).__name__}: {problem}")


def event_key(version: int) -> str:
    """The sort key of the event that made a row this version, for example `EVENT#000007`."""
    return f"EVENT#{version:06d}"


def shard_of(primary_id: str) -> int:
    """The shard of a primary, 0 to `SHARDS` - 1. It never changes."""
    return zlib.crc32(primary_id.encode()) % SHARDS


def status_partition(status: Status, shard: int) -> str:
    """The partition key of index by_status, for example `FAILED#2`."""
    return f"{status}#{shard}"


def due_partition(shard: int) -> str:
    """The partition key of index by_due for open rows, for example `OPEN#2`. Held rows have the key `HELD`."""
    return f"OPEN#{shard}"


def day_keys(at: str, pk: str) -> dict[str, str]:
    """The time of an event, and the key attributes of its index by_day, for example `2026-03-03#0`."""
    return {"at": at, "day": at[:10], "ix_day": f"{at[:10]}#{shard_of(pk)}", "ix_day_at": at}


def claim_key(dr_directory: DirectoryId, user_name: str) -> str:
    """The partition key of a user's claim in a DR directory."""
    return f"CLAIM#{dr_directory}#{user_key(user_name)}"
