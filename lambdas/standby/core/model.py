"""The basic types: ids, statuses, a WorkSpace as DescribeWorkspaces returned it, or why it is unknown, and causes.

How text and times are stored is here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NewType, TypeVar

WorkspaceId = NewType("WorkspaceId", str)
DirectoryId = NewType("DirectoryId", str)
Region = NewType("Region", str)

T = TypeVar("T")

BATCH = 25  # ids of one DescribeWorkspaces, items of one CreateStandbyWorkspaces
# As in botocore's model of the service; an id that does not match would fail the whole call it is in.
_WORKSPACE_ID = re.compile(r"ws-[0-9a-z]{8,63}")


def is_workspace_id(text: object) -> bool:
    """Whether `text` has the form of a WorkSpace id (`ws-` and 8 to 63 digits or lower-case letters)."""
    return isinstance(text, str) and _WORKSPACE_ID.fullmatch(text) is not None


def user_key(user_name: str) -> str:
    """The form in which user names are compared: AWS documents that they are not case-sensitive."""
    return user_name.casefold()


def is_unassigned(user_name: str | None) -> bool:
    """Whether a WorkSpace has no user: then its user name is this reserved word (API reference, Workspace)."""
    return user_name is not None and user_key(user_name) == "[undefined]"


class Status(StrEnum):
    """The status of a primary on its way to a standby."""

    WAITING = "WAITING"
    CLAIMED = "CLAIMED"
    REQUESTED = "REQUESTED"
    PROTECTED = "PROTECTED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    INELIGIBLE = "INELIGIBLE"
    EXCLUDED = "EXCLUDED"
    HELD = "HELD"
    REPORTED = "REPORTED"
    STANDBY_MISSING = "STANDBY_MISSING"
    PRIMARY_GONE = "PRIMARY_GONE"

    @property
    def is_open(self) -> bool:
        """Whether the watcher continues with the row."""
        return self in OPEN

    @property
    def is_pending(self) -> bool:
        """Whether the row is open, or held until its turn comes."""
        return self in OPEN or self is Status.HELD


OPEN = (Status.WAITING, Status.CLAIMED, Status.REQUESTED)
# Settled rows: a sweep may conclude that their primary or standby is gone. Open rows have deadlines instead.
SETTLED = tuple(status for status in Status if status not in OPEN)
# A row with one of these becomes STANDBY_MISSING if its standby is gone.
HAD_ONE = (Status.PROTECTED, Status.FAILED, Status.TIMED_OUT)
# Desktops that cannot have or should not have a standby: they are not covered, and not counted as eligible.
NOT_ELIGIBLE = (Status.INELIGIBLE, Status.EXCLUDED, Status.REPORTED)

# The service's states are strings here, not an enum: a new value must pass through unchanged.
READY = frozenset({"AVAILABLE", "STOPPED"})  # an AUTO_STOP fleet is STOPPED at night
HEALTHY_STANDBY = frozenset({"AVAILABLE", "STOPPED", "STOPPING", "STARTING"})
UNWELL_STANDBY = frozenset({"ERROR", "UNHEALTHY", "IMPAIRED"})
GONE = frozenset({"TERMINATING", "TERMINATED"})
DEADLINE_PAUSED = frozenset({"SUSPENDED", "ADMIN_MAINTENANCE"})
NO_REPLICATION = "NO_REPLICATION"  # of a standby's data
REPLICATED = "PRIMARY_AS_SOURCE"

_PRIMARY, _STANDBY = "PRIMARY", "STANDBY"  # the types of relations


@dataclass(frozen=True)
class Related:
    """An entry of RelatedWorkspaces."""

    id: WorkspaceId
    region: Region | None
    state: str | None
    kind: str | None  # PRIMARY, STANDBY, or a future value

    @property
    def is_healthy(self) -> bool:
        """Whether its state allows sending a user to it."""
        return self.state in HEALTHY_STANDBY

    @property
    def is_known(self) -> bool:
        """Whether this version knows the type of the relation."""
        return self.kind in (_PRIMARY, _STANDBY)

    @property
    def described(self) -> str:
        """Its id, Region and state, in a sentence."""
        return f"{self.id} in {self.region or 'an unknown Region'} is {self.state or 'in an unknown state'}."


def as_standby(standby_id: WorkspaceId, region: Region, state: str | None) -> Related:
    """A WorkSpace of the DR Region as an entry of its primary's RelatedWorkspaces."""
    return Related(standby_id, region, state, _STANDBY)


@dataclass(frozen=True)
class Workspace:
    """A WorkSpace as DescribeWorkspaces returned it. None stands for what the answer did not contain.

    `tags` come from another call, if a selection rule needs them; None if they are unknown.
    """

    id: WorkspaceId
    directory_id: DirectoryId | None = None
    user_name: str | None = None
    state: str | None = None
    compute_type: str | None = None
    operating_system: str | None = None
    root_gib: int | None = None
    user_gib: int | None = None
    protocols: tuple[str, ...] = ()
    root_encrypted: bool = False
    user_encrypted: bool = False
    volume_encryption_key: str | None = None
    nested_virtualization: bool = False
    related: tuple[Related, ...] = ()
    replication: tuple[tuple[WorkspaceId, str], ...] = ()  # standby id -> its DataReplication
    tags: tuple[tuple[str, str], ...] | None = None
    snapshots: tuple[tuple[WorkspaceId, datetime], ...] = ()  # standby id -> its RecoverySnapshotTime
    data_replication: str | None = None  # a standby's own
    copied_at: datetime | None = None  # of a standby: when its data was copied
    name: str | None = None  # WorkspaceName, which distinguishes desktops without a user
    error: tuple[str, str] | None = None  # AWS's code and message if it is in ERROR, UNHEALTHY or IMPAIRED

    @property
    def primary(self) -> Related | None:
        """The primary whose standby this WorkSpace is; None for a primary, or if the service does not return it yet."""
        return next((other for other in self.related if other.kind == _PRIMARY), None)

    @property
    def standbys(self) -> tuple[Related, ...]:
        """Its standbys, the healthiest first. There can be more than one, if somebody created another."""
        found = [other for other in self.related if other.kind == _STANDBY]
        return tuple(sorted(found, key=lambda other: (not other.is_healthy, other.state in GONE, other.id)))

    @property
    def is_encrypted(self) -> bool:
        """Whether any of its volumes is encrypted."""
        return self.root_encrypted or self.user_encrypted

    def replication_of(self, standby_id: WorkspaceId) -> str | None:
        """The DataReplication that the service returns for one of its standbys."""
        return dict(self.replication).get(standby_id) or None

    def recovery_snapshot_of(self, standby_id: WorkspaceId) -> datetime | None:
        """When the data on one of its standbys was copied; None before the first copy, or if the answer has no time."""
        return dict(self.snapshots).get(standby_id)


@dataclass(frozen=True)
class Unknown:
    """Why there is no usable answer about a WorkSpace.

    `refused_alone`: the service refused to describe it in a call for this id alone.
    """

    code: str
    message: str
    refused_alone: bool = False


@dataclass(frozen=True)
class Lookup:
    """The desktops of a user in the DR directory. If not every page was read (`complete`), `problem` says why."""

    desktops: tuple[Workspace, ...]
    complete: bool
    problem: str = ""

    @property
    def live(self) -> tuple[Workspace, ...]:
        """The desktops that are not being terminated."""
        return tuple(one for one in self.desktops if one.state not in GONE)


EVENT, WATCH, SWEEP = "event", "watch", "sweep"


class Override(StrEnum):
    """A limit or rule that a person may set aside for the primaries of one call."""

    EXCLUDED = "EXCLUDED"  # the selection's rules
    DAILY_CAP = "DAILY_CAP"
    CEILING = "CEILING"


@dataclass(frozen=True)
class Cause:
    """Why a WorkSpace is reconciled: the type of trigger, its id, and who caused it.

    `succeeds`: the WorkSpace is the result of a migration, and the previous id may have a standby. `migrated_from`: the
    previous id, if known. `continues_fleet`: the previous id was only reported, so this is not a new desktop.
    `created_by`: who called CreateWorkspaces or MigrateWorkspace, and so caused the cost. `names_new`: the trigger is a
    CreateWorkspaces event, so the WorkSpace is new even if a sweep found it first. `overrides`: the limits and rules
    that a person sets aside.
    """

    type: str  # event, watch, sweep, or what a person's call says
    id: str
    principal: str | None = None  # who made the call: as `events.caller` names them, or as a person's call says
    execution_arn: str | None = None
    succeeds: bool = False
    migrated_from: WorkspaceId | None = None
    continues_fleet: bool = False
    created_by: str | None = None
    names_new: bool = False
    overrides: frozenset[Override] = frozenset()

    @property
    def id_in_row(self) -> str:
        """The `id` as rows store it: if it is the execution's ARN, only the execution's name.

        The ARN a second time would take many rows above 1 KB, and each write would cost one more unit in both Regions.
        """
        return self.id.rpartition(":")[2] if self.id == self.execution_arn else self.id

    @property
    def reopens(self) -> bool:
        """Whether the cause may reopen settled rows: a person's call may; events, the watcher and sweeps may not."""
        return self.type not in (EVENT, WATCH, SWEEP)


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in batches of at most 25."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def halves(items: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Both halves of two or more items."""
    middle = len(items) // 2
    return items[:middle], items[middle:]


# Characters that SQS refuses. SQS accepts tab, line ends, and all other characters but halves of surrogate pairs; every
# other service here accepts these too. A pattern of the accepted characters would take ten times as long to compile.
_ILLEGIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def legible(value: object, most: int) -> str:
    """`value` as text of at most `most` characters, all of which every AWS service accepts."""
    return _ILLEGIBLE.sub("\N{REPLACEMENT CHARACTER}", str(value)[:most])


_OF_JSON = (str, bool, int, float, type(None))


def plain(value: Any) -> Any:
    """A value in JSON's types. boto3 and the stream's events return numbers as Decimal; other types become text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value if isinstance(value, _OF_JSON) else str(value)


def by_whom(item: Mapping[str, Any], done: str) -> str:
    """Who did something (`done` is for example `accepted` or `paused`), when and why, as far as the ledger's row says.

    For example ` by arn:aws:iam::123456789012:user/al at 2026-03-03T09:26:54.000Z (CHG-4711)`.
    """
    parts = ((" by {}", f"{done}_by"), (" at {}", f"{done}_at"), (" ({})", "because"))
    return "".join(form.format(legible(item[name], 500)) for form, name in parts if item.get(name))


def to_text(moment: datetime) -> str:
    """`moment` as the ledger stores it: UTC, ISO 8601, milliseconds, `Z`. Such texts sort like the times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: object) -> datetime:
    """The moment in a text that `to_text` wrote; ValueError if the text has another form."""
    moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    # In the first and the last year, a conversion to another time zone or an addition can be out of range.
    if moment is None or moment.tzinfo is None or not MINYEAR < moment.year < MAXYEAR:
        raise ValueError(f"{text!r} is not a time like 2026-03-03T09:26:54.000Z")
    return moment


def day_of(moment: datetime) -> str:
    """The UTC day of a moment, for example `2026-03-03`."""
    return to_text(moment)[:10]


def past(moment: datetime | None, now: datetime) -> bool:
    """Whether a moment has come; False if it is None."""
    return moment is not None and now >= moment
