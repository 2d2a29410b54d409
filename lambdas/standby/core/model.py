"""What WorkSpaces are to us: ids, states, a WorkSpace as DescribeWorkspaces returned it, or why it is not known.

Besides, what caused a run, and how text and times are kept."""

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
    """Whether `text` has the form of a WorkSpace id (`ws-` and 8 to 63 digits or small letters)."""
    return isinstance(text, str) and _WORKSPACE_ID.fullmatch(text) is not None


def user_key(user_name: str) -> str:
    """The form in which user names are compared: AWS says that their case does not count."""
    return user_name.casefold()


def is_unassigned(user_name: str | None) -> bool:
    """Whether a WorkSpace is nobody's: several in a directory have this reserved name (API reference, Workspace)."""
    return user_name is not None and user_key(user_name) == "[undefined]"


class Status(StrEnum):
    """Where a primary stands on its way to a standby."""

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
        """Whether the watcher still has work with it."""
        return self in OPEN

    @property
    def is_pending(self) -> bool:
        """Whether its turn is still to come, or under way."""
        return self in OPEN or self is Status.HELD


OPEN = (Status.WAITING, Status.CLAIMED, Status.REQUESTED)
# Settled rows: of these a sweep may conclude that the primary, or the standby, is gone. Open ones have deadlines.
SETTLED = tuple(status for status in Status if status not in OPEN)
# Of these a standby that goes makes STANDBY_MISSING.
HAD_ONE = (Status.PROTECTED, Status.FAILED, Status.TIMED_OUT)
# These are not to have one: they are without cover, and not counted as eligible.
NOT_ELIGIBLE = (Status.INELIGIBLE, Status.EXCLUDED, Status.REPORTED)

# The service's states are strings here, not an enum: next year's value must pass through unharmed.
READY = frozenset({"AVAILABLE", "STOPPED"})  # an AUTO_STOP fleet is STOPPED at night
HEALTHY_STANDBY = frozenset({"AVAILABLE", "STOPPED", "STOPPING", "STARTING"})
UNWELL_STANDBY = frozenset({"ERROR", "UNHEALTHY", "IMPAIRED"})
GONE = frozenset({"TERMINATING", "TERMINATED"})
DEADLINE_STANDS_STILL = frozenset({"SUSPENDED", "ADMIN_MAINTENANCE"})
NO_REPLICATION = "NO_REPLICATION"  # of a standby's data
REPLICATED = "PRIMARY_AS_SOURCE"

_PRIMARY, _STANDBY = "PRIMARY", "STANDBY"  # the types of relations


@dataclass(frozen=True)
class Related:
    """An entry of RelatedWorkspaces."""

    id: WorkspaceId
    region: Region | None
    state: str | None
    kind: str | None  # PRIMARY, STANDBY, or what the service thinks of next

    @property
    def is_healthy(self) -> bool:
        """Whether a user could be sent to it, as far as its state says."""
        return self.state in HEALTHY_STANDBY

    @property
    def is_known(self) -> bool:
        """Whether it is known what the relation means."""
        return self.kind in (_PRIMARY, _STANDBY)

    @property
    def described(self) -> str:
        """Where it is, and in which state, in a sentence."""
        return f"{self.id} in {self.region or 'a Region not told'} is {self.state or 'in a state not told'}."


def as_standby(standby_id: WorkspaceId, region: Region, state: str | None) -> Related:
    """A WorkSpace of the DR Region as its primary's relation."""
    return Related(standby_id, region, state, _STANDBY)


@dataclass(frozen=True)
class Workspace:
    """A WorkSpace as DescribeWorkspaces returned it; None where the answer did not say.

    `tags` come from a call of their own, where the selection asks for them; None where they are not known.
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
    copied_at: datetime | None = None  # when the data on it was taken, of a standby
    name: str | None = None  # WorkspaceName, which tells desktops without a user apart
    error: tuple[str, str] | None = None  # AWS's code and words for its being in ERROR, UNHEALTHY or IMPAIRED

    @property
    def primary(self) -> Related | None:
        """The primary this WorkSpace is the standby of; None for a primary, or while the service does not say yet."""
        return next((other for other in self.related if other.kind == _PRIMARY), None)

    @property
    def standbys(self) -> tuple[Related, ...]:
        """Its standbys, the healthiest first. More than one is a fault of somebody's, and it is seen."""
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
        """When the data on one of its standbys was taken; None before the first copy, or where it is not told."""
        return dict(self.snapshots).get(standby_id)


@dataclass(frozen=True)
class Unknown:
    """Why there is no usable answer about a WorkSpace.

    `refused_alone` if the service refused to describe it in a call that asked for no other.
    """

    code: str
    message: str
    refused_alone: bool = False


@dataclass(frozen=True)
class Lookup:
    """The desktops of a user in the DR directory; `complete` if every page was read, else `problem` says why not."""

    desktops: tuple[Workspace, ...]
    complete: bool
    problem: str = ""

    @property
    def live(self) -> tuple[Workspace, ...]:
        """Those that are not on their way out."""
        return tuple(one for one in self.desktops if one.state not in GONE)


EVENT, WATCH, SWEEP = "event", "watch", "sweep"


class Override(StrEnum):
    """What a person may set aside for the primaries of one call."""

    EXCLUDED = "EXCLUDED"  # the selection's rules
    DAILY_CAP = "DAILY_CAP"
    CEILING = "CEILING"


@dataclass(frozen=True)
class Cause:
    """Why a WorkSpace is reconciled: what sort of trigger, which one, and who stood behind it.

    `succeeds` says that it is a migrated WorkSpace, whose predecessor's standby may serve the user; `migrated_from` is
    the predecessor where that is known, and `continues_fleet` whether it was only reported: then it is no new desktop.
    `created_by` is who called CreateWorkspaces or MigrateWorkspace for it, and so caused the charge. `names_new` says
    that it is the event of a CreateWorkspaces: what it names is new, whatever a sweep has taken it for. `overrides` is
    what a person sets aside.
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
        """What a row says for `id`: of an execution whose ARN stands beside it, the name.

        The ARN once more takes many rows above 1 KB, and each of their writes another unit in both Regions.
        """
        return self.id.rpartition(":")[2] if self.id == self.execution_arn else self.id

    @property
    def reopens(self) -> bool:
        """Whether it may try again what is settled: a person may, a copy of an event and the rounds may not."""
        return self.type not in (EVENT, WATCH, SWEEP)


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Lists of at most 25."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def halves(items: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Both halves of two or more items."""
    middle = len(items) // 2
    return items[:middle], items[middle:]


# What SQS takes, and with it every other service here: tab, line ends, and all characters but surrogates' halves.
# Named by what is not in it: the pattern of what is takes ten times as long to compile, at each cold start.
_ILLEGIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def legible(value: object, most: int) -> str:
    """`value` as text of at most so many characters, each of which every service takes."""
    return _ILLEGIBLE.sub("\N{REPLACEMENT CHARACTER}", str(value)[:most])


def plain(value: Any) -> Any:
    """A value as JSON knows it: boto3 and the stream's events make numbers Decimal, and anything else is text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value if isinstance(value, str | bool | int | float | None) else str(value)


def by_whom(item: Mapping[str, Any], done: str) -> str:
    """Who has `accepted` something, or `paused` it, and when and why, as far as its row of the ledger says.

    E.g. ` by arn:aws:iam::123456789012:user/al at 2026-03-03T09:26:54.000Z (CHG-4711)`.
    """
    parts = ((" by {}", f"{done}_by"), (" at {}", f"{done}_at"), (" ({})", "because"))
    return "".join(form.format(legible(item[name], 500)) for form, name in parts if item.get(name))


def to_text(moment: datetime) -> str:
    """`moment` as the ledger writes it: UTC, ISO 8601, milliseconds, `Z`. Such texts sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: object) -> datetime:
    """The moment that `to_text` wrote; ValueError if the text is no such time."""
    moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    # In the first and the last year, another time zone or a duration more can be out of range.
    if moment is None or moment.tzinfo is None or not MINYEAR < moment.year < MAXYEAR:
        raise ValueError(f"{text!r} is no time like 2026-03-03T09:26:54.000Z")
    return moment


def day_of(moment: datetime) -> str:
    """The UTC day of a moment, e.g. `2026-03-03`."""
    return to_text(moment)[:10]


def past(moment: datetime | None, now: datetime) -> bool:
    """Whether a moment has come; one that is not set has not."""
    return moment is not None and now >= moment
