"""What WorkSpaces are to us: ids, states, and a WorkSpace as DescribeWorkspaces shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

WorkspaceId = NewType("WorkspaceId", str)
DirectoryId = NewType("DirectoryId", str)
Region = NewType("Region", str)

# As in botocore's model of the service; an id that does not match would fail the whole call it is in.
_WORKSPACE_ID = re.compile(r"ws-[0-9a-z]{8,63}")


def is_workspace_id(text: object) -> bool:
    """Whether `text` has the form of a WorkSpace id (`ws-` and 8 to 63 digits or small letters)."""
    return isinstance(text, str) and _WORKSPACE_ID.fullmatch(text) is not None


def user_key(user_name: str) -> str:
    """The form in which user names are compared: AWS does not say whether their case counts, so it never does here."""
    return user_name.casefold()


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


OPEN = (Status.WAITING, Status.CLAIMED, Status.REQUESTED)
# Of these a standby that goes makes STANDBY_MISSING.
HAD_ONE = (Status.PROTECTED, Status.FAILED, Status.TIMED_OUT)

# The service's states are strings here, not an enum: next year's value must pass through unharmed.
READY = frozenset({"AVAILABLE", "STOPPED"})  # an AUTO_STOP fleet is STOPPED at night
HEALTHY_STANDBY = frozenset({"AVAILABLE", "STOPPED", "STOPPING", "STARTING"})
UNWELL = frozenset({"ERROR", "UNHEALTHY", "IMPAIRED"})
GONE = frozenset({"TERMINATING", "TERMINATED"})
NO_REPLICATION = "NO_REPLICATION"  # of a standby's data
DEADLINE_STANDS_STILL = frozenset({"SUSPENDED", "ADMIN_MAINTENANCE"})


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


@dataclass(frozen=True)
class Workspace:
    """A WorkSpace as DescribeWorkspaces showed it; None where the answer did not say.

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
    related: tuple[Related, ...] = ()
    replication: tuple[tuple[WorkspaceId, str], ...] = ()  # standby id -> its DataReplication
    tags: tuple[tuple[str, str], ...] | None = None
    snapshots: tuple[tuple[WorkspaceId, datetime], ...] = ()  # standby id -> its RecoverySnapshotTime
    data_replication: str | None = None  # a standby's own

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
        """The DataReplication the service shows for one of its standbys."""
        return dict(self.replication).get(standby_id) or None

    def recovery_snapshot_of(self, standby_id: WorkspaceId) -> datetime | None:
        """When the data on one of its standbys was taken; None before the first copy, or where it is not told."""
        return dict(self.snapshots).get(standby_id)


@dataclass(frozen=True)
class StandbyMarks:
    """What the sweep notes of a protected primary's standby.

    `drift` says in what it differs, `stale` whether its data is older than it may be, `recovery_snapshot_at` of when
    the data was when one of these changed, or the first copy came, `copies_due_since` since when its data is to be
    replicated and is not known not to be.
    """

    drift: str | None = None
    stale: bool = False
    recovery_snapshot_at: datetime | None = None
    copies_due_since: datetime | None = None


@dataclass(frozen=True)
class Unknown:
    """Why there is no usable answer about a WorkSpace.

    `refused_alone` if the service refused to describe it in a call that asked for no other.
    """

    code: str
    message: str
    refused_alone: bool = False


SWEEP = "sweep"


@dataclass(frozen=True)
class Cause:
    """Why a WorkSpace is looked at: what sort of trigger, which one, and who stood behind it."""

    type: str  # event, watch, manual, sweep
    id: str
    principal: str | None = None  # the ARN that made the call: who caused the charge, or ended it
    looks_first: bool = False  # a migrated WorkSpace: its predecessor's standby may serve the user, known or not
    migrated_from: WorkspaceId | None = None  # that predecessor
    continues_fleet: bool = False  # which is only reported: it is no new desktop

    @property
    def reopens(self) -> bool:
        """Whether it may try again what is settled: a person may, a copy of an event and the rounds may not."""
        return self.type not in ("event", "watch", SWEEP)
