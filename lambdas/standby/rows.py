"""A row of the ledger: where one primary stands, and its form in DynamoDB."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from standby.clock import from_text, to_text
from standby.model import DirectoryId, Region, StandbyMarks, Status, WorkspaceId, user_key
from standby.reasons import NOT_OURS, Reason

SCHEMA_VERSION = 1
STATE = "STATE"
# A partition key of an index takes 1,000 writes a second. Four share a status or a day: together what a new
# on-demand table takes in all (4,000), and 100,000 rows never stand behind one key. Changing it re-keys the ledger.
SHARDS = 4
_AFTER_ALL_TIMES = "~"

_MOMENTS = (
    "first_seen_at",
    "changed_at",
    "due_at",
    "deadline_at",
    "requested_at",
    "protected_at",
    "claim_expires_at",
    "looked_at",
    "user_missing_since",
    "absent_since",
    "unclear_since",
    "desktop_seen_at",
    "recovery_snapshot_at",
    "copies_due_since",
)
# What makes a row worth writing again: that somebody looked and found the same is not history.
_SIGNIFICANT = (
    "status",
    "reason",
    "user_name",
    "primary_directory_id",
    "dr_directory_id",
    "standby_id",
    "replication",
    "deadline_at",
    "looked_at",
    "absent_since",
    "desktop_seen_at",
    "rule",
    "drift",
    "stale",
    "recovery_snapshot_at",
    "copies_due_since",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """The present state of one primary, as the ledger has it.

    `due_at` is when an open row may be looked at next; `deadline_at` when it stops being waited for; `claim_key` the
    key of the user's claim it holds, if it holds one. Since when: `unclear_since` a request is without a clear answer,
    `looked_at` the last complete look that found no standby after it, `user_missing_since` the DR directory has been
    said not to know the user, `absent_since` DescribeWorkspaces has not shown the primary. `desktop_seen_at` is when,
    after an unclear request or before the first, a desktop of the user was last seen in the DR directory that may be a
    standby. `look_first` asks for a look into the DR directory before anything is created; `existing` says that it was
    there before its directory was watched; `told` is the reason of the last notice, so that finding the same again
    tells nobody twice. `status_before` and `reason_before` are what a primary was before it was gone, or its directory
    not mapped any more. `rule` is what excludes it.
    `terminated_id` is the primary, or its standby, for which somebody (`terminated_by`) last called
    TerminateWorkspaces. `notice_code` is that of a remark (`ledger/remarks.py`), while the row stands as it left it.
    `drift`, `stale`, `recovery_snapshot_at` and `copies_due_since` are the standby's `StandbyMarks`.
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
    standby_id: WorkspaceId | None = None
    standby_state: str | None = None
    replication: str | None = None
    drift: str | None = None
    stale: bool = False
    recovery_snapshot_at: datetime | None = None
    copies_due_since: datetime | None = None
    requested_at: datetime | None = None
    protected_at: datetime | None = None
    claim_owner: str | None = None
    claim_expires_at: datetime | None = None
    claim_key: str | None = None
    counted_day: str | None = None
    looked_at: datetime | None = None
    user_missing_since: datetime | None = None
    absent_since: datetime | None = None
    unclear_since: datetime | None = None
    desktop_seen_at: datetime | None = None
    compute_type: str | None = None
    look_first: bool = False
    status_before: Status | None = None
    reason_before: Reason | None = None
    existing: bool = False
    told: Reason | None = None
    migrated_from: WorkspaceId | None = None
    migrated_to: WorkspaceId | None = None
    terminated_id: WorkspaceId | None = None
    terminated_by: str | None = None
    notice_code: str | None = None
    rule: str | None = None
    principal: str | None = None
    execution_arn: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    change_id: str = ""

    def differs_from(self, other: Row | None) -> bool:
        """Whether writing this row over `other` would tell anybody anything."""
        return other is None or any(getattr(self, name) != getattr(other, name) for name in _SIGNIFICANT)

    @property
    def marks(self) -> StandbyMarks:
        """What was noted of its standby."""
        return StandbyMarks(self.drift, self.stale, self.recovery_snapshot_at, self.copies_due_since)

    @property
    def was_requested(self) -> bool:
        """Whether a standby was asked for, or seen: then none may be asked for again while it may exist."""
        return self.standby_id is not None or self.requested_at is not None

    @property
    def is_orphan(self) -> bool:
        """Whether its primary is gone and its standby, as far as is known, is not."""
        return self.status is Status.PRIMARY_GONE and self.reason is Reason.ORPHANED

    def to_attributes(self) -> dict[str, Any]:
        """The fixed attributes, without keys of table and indexes; absent where there is no value."""
        found: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or value is False:
                continue
            name = "reason_code" if field.name == "reason" else field.name
            found[name] = to_text(value) if isinstance(value, datetime) else value
        if self.user_name is not None:
            found["user_key"] = user_key(self.user_name)
        return found

    def to_state_item(self) -> dict[str, Any]:
        """The STATE row, with the key attributes of its indexes."""
        changed = to_text(self.changed_at)
        # Open rows stand in the order in which they are due, so that the watcher reads a prefix.
        order = to_text(self.due_at) if self.status.is_open and self.due_at else changed
        if self.status is Status.HELD and self.existing:
            # Behind the new ones: a fleet's backfill takes days, and its rows need not be read to find them.
            order = f"{_AFTER_ALL_TIMES}{changed}"
        item = self.to_attributes() | {
            "pk": self.primary_id,
            "sk": STATE,
            "ix_status": status_partition(self.status, shard_of(self.primary_id)),
            "ix_status_at": order,
        }
        if self.user_name is not None:
            item |= {"ix_user": user_key(self.user_name), "ix_user_at": changed}
        if self.is_uncovered:
            item |= {"ix_uncovered": self.primary_region, "ix_uncovered_at": changed}
        return item

    @property
    def is_uncovered(self) -> bool:
        """Whether a desktop stands here without a standby that a user could be sent to."""
        return self.status not in (Status.PROTECTED, Status.PRIMARY_GONE) and self.reason not in NOT_OURS

    def to_event_item(self, previous: Row | None) -> dict[str, Any]:
        """The EVENT row of the change that led from `previous` to this."""
        at = to_text(self.changed_at)
        return self.to_attributes() | {
            "pk": self.primary_id,
            "sk": f"EVENT#{self.version:06d}",
            "at": at,
            "day": at[:10],
            "ix_day": day_partition(at[:10], shard_of(self.primary_id)),
            "ix_day_at": at,
            **({"from_status": previous.status} if previous else {}),
            **({"notice": True} if self.notice_code or self._tells_more_than(previous) else {}),
        }

    def _tells_more_than(self, previous: Row | None) -> bool:
        return self.told is not None and (previous is None or previous.told != self.told)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Row:
        """The row in a STATE item.

        Raises
        ------
        ValueError, KeyError
            The item is not one that this version writes.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {name: value for name, value in item.items() if name in known}
        values["reason"] = Reason(item["reason_code"])
        values["status"] = Status(item["status"])
        for name in ("told", "reason_before"):
            values[name] = Reason(item[name]) if item.get(name) else None
        values["status_before"] = Status(item["status_before"]) if item.get("status_before") else None
        values["version"] = int(item["version"])
        for name in _MOMENTS:
            if name in values:
                values[name] = _moment(name, values[name])
        row = cls(**values)
        for field in dataclasses.fields(cls):
            _check(field.name, getattr(row, field.name), default=field.default)
        return row


def _moment(name: str, text: object) -> datetime:
    try:
        moment = from_text(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{name} is {text!r}, which is no time like 2026-03-03T09:26:54.000Z")
    return moment


def _check(name: str, value: object, *, default: object) -> None:
    """Raise ValueError unless a value has the type that is written here: a row by hand may have any."""
    wanted = (
        (datetime,) if name in _MOMENTS else (bool,) if default is False else (int,) if name == "version" else (str,)
    )
    if not isinstance(value, wanted) and (value is not None or default is not None):
        raise ValueError(f"{name} is {value!r}, which is not of its type")


def shard_of(primary_id: str) -> int:
    """The shard, 0 to `SHARDS` - 1, of a primary: the same for ever."""
    return zlib.crc32(primary_id.encode()) % SHARDS


def status_partition(status: Status, shard: int) -> str:
    """Key of index by_status, e.g. `FAILED#2`."""
    return f"{status}#{shard}"


def day_partition(day: str, shard: int) -> str:
    """Key of index by_day, e.g. `2026-03-03#0`."""
    return f"{day}#{shard}"
