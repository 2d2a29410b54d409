"""One transition as data: what is known about a primary, and the next state of its row.

The log line, the metric, the ledger's row, its event and the notice are all made from a `Change`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from standby.core.model import (
    GONE,
    NO_REPLICATION,
    Cause,
    Override,
    Region,
    Related,
    Status,
    Unknown,
    Workspace,
    WorkspaceId,
    day_of,
    is_unassigned,
)
from standby.core.reasons import NOT_OURS, Reason
from standby.core.row import OF_A_REQUEST, OF_A_STANDBY, Kind, Row, claim_key
from standby.core.settings import Directory, Settings

# Bytes of a message in an answer: 400 decisions must fit the 256 KiB of a state, and nothing in Step Functions can
# catch one that does not.
_MESSAGE_MOST = 300
_OF_A_FLEET = (Reason.EXISTING_FLEET, Reason.BACKFILL)
# What a reason is about, as a message names it: by the attribute of the row (`Meaning.about`).
_LABELS = {"user_name": "User", "primary_directory_id": "Directory"}
_LABELS |= {"dr_directory_id": "DR directory", "dr_region": "DR Region"}
# No request was made for rows with these statuses.
_UNTRIED = (Status.HELD, Status.INELIGIBLE, Status.EXCLUDED)
# In these statuses a person's request is noted even if nothing can be done now. The note ends when an answer returns
# the standby. A CLAIMED row is not written while its request may be about to be sent: the result is the answer.
_KEEPS_ASKED = (Status.HELD, Status.WAITING, Status.REQUESTED, Status.PROTECTED)
# Doubts that end when a standby is known.
_DOUBTS = (*OF_A_REQUEST, Kind.SUCCEEDS, Kind.GIVEN_UP, Kind.USER_MISSING)
# The attributes of a row that certainly has no standby. Its history keeps the former values.
NO_STANDBY: Mapping[str, Any] = dict.fromkeys(("standby_id", "standby_state", "replication", "requested_at"))
_NO_CLAIM: Mapping[str, Any] = dict.fromkeys(("claim_key", "claim_expires_at", "counted_day"))


PREVIOUS = "Previous message: "
"""A message that a note adds to a row ends with this and the row's message before it."""


class Effect(StrEnum):
    """What follows a change."""

    NOTHING = "NOTHING"
    LOOKUP = "LOOK"  # look up the user in the DR directory, then decide again
    REQUEST = "REQUEST"  # claim, and request a standby


@dataclass(frozen=True)
class Change:
    """The result of a decision: a primary's row before and after, and what follows.

    `new` is `old` if nothing changes, and None if there is to be no row. `reason` and `message` say why, even if
    nothing changes.
    """

    primary_id: WorkspaceId
    old: Row | None
    new: Row | None
    reason: Reason
    message: str
    effect: Effect = Effect.NOTHING

    @property
    def status(self) -> Status | None:
        """The row's status after the change; None if there is to be no row."""
        if self.effect is Effect.REQUEST:
            return Status.CLAIMED
        return self.new.status if self.new else None

    @property
    def is_nothing(self) -> bool:
        """Whether the row keeps its status and reason, and nothing follows."""
        old, new = self.old, self.new
        is_same = new is old or (new is not None and old is not None and not new.is_another_state(old))
        return self.effect is Effect.NOTHING and is_same

    def observe(self, kind: Kind, fact: bool | None, now: datetime, **more: Any) -> Self:  # noqa: FBT001 (as it was seen)
        """The change with one more observation of a condition; unchanged if there is no row."""
        return self.having(self.new.observe(kind, fact, now, **more)) if self.new else self

    def having(self, new: Row, message: str | None = None) -> Self:
        """The change with a different next row, and a different message if one is given."""
        if new is self.new and message in (None, self.message):
            return self
        if message is None:
            return dataclasses.replace(self, new=new)
        return dataclasses.replace(self, new=dataclasses.replace(new, message=message), message=message)

    def answer(self) -> dict[str, str | None]:
        """The form in which a caller of protect receives it."""
        action = self.effect if self.effect is not Effect.NOTHING else ("NONE" if self.is_nothing else "RECORD")
        return {
            "primary_id": self.primary_id,
            "action": str(action),
            "status": self.status,
            "reason_code": self.reason,
            "message": self.message.encode()[:_MESSAGE_MOST].decode(errors="ignore"),
        }


def say(reason: Reason, detail: str = "", row: Row | None = None) -> str:
    """The message of a reason: its sentence, the attributes of the row that it is about, and the details of this case.

    A directory or a Region that the details name is not named twice.
    """
    found = [(name, getattr(row, name, None)) for name in reason.meaning.about]
    named = [(name, value) for name, value in found if value and (name == "user_name" or value not in detail)]
    subject = ", ".join(f"{_LABELS[name]}: {value}" for name, value in named)
    return " ".join(words for words in (reason.meaning.sentence, subject and f"{subject}.", detail) if words)


@dataclass(frozen=True)
class Fleet:
    """What a sweep knows about the directory whose page contains a WorkSpace.

    `is_known`: the directory's baseline is taken, so a WorkSpace that is not in the ledger is new. `is_accepted`: a
    person accepted the existing fleet. `shapes`: the digests of the standbys that the sweep found in the DR directory,
    by id. `users`: the marks of users who have a desktop there that is not known to be a standby.
    """

    is_known: bool
    is_accepted: bool
    shapes: Mapping[WorkspaceId, str] = dataclasses.field(default_factory=dict)
    users: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """Everything that a decision about one primary is based on.

    `row` is the primary's row, if it has one. `seen` is the WorkSpace as DescribeWorkspaces returned it; None if a
    complete answer did not contain it, which does not mean that it is gone; `Unknown` if there was no usable answer.
    `fleet` is set if a sweep decides.
    """

    id: WorkspaceId
    row: Row | None
    seen: Workspace | Unknown | None
    cause: Cause
    now: datetime
    settings: Settings
    fleet: Fleet | None = None

    @property
    def shown(self) -> Workspace | None:
        """The WorkSpace, if an answer contained it."""
        return self.seen if isinstance(self.seen, Workspace) else None

    @property
    def mapped(self) -> Directory | None:
        """The configuration of the directory that the WorkSpace is in; None if unknown or not mapped."""
        seen = self.shown
        return self.settings.directories.get(seen.directory_id) if seen and seen.directory_id else None

    @property
    def is_new_after_all(self) -> bool:
        """Whether a creation event meets a row of an existing fleet: a sweep found the new desktop before its event."""
        row = self.row
        if row is None or not self.cause.names_new or row.was_requested or row.reason in NOT_OURS:
            return False
        return row.status is Status.REPORTED or (row.existing and row.status in (*_UNTRIED, Status.WAITING))

    @property
    def is_asked(self) -> bool:
        """Whether the cause asks for a standby, or a person asked earlier and it could not be requested yet."""
        return self.cause.reopens or self.is_new_after_all or (self.row is not None and self.row.has(Kind.ASKED))

    @property
    def overrides(self) -> frozenset[Override]:
        """The limits and rules that a person sets aside for the primary, now or when the standby was asked for."""
        return self.cause.overrides | (self.row.overrides if self.row else frozenset())

    @property
    def opens(self) -> bool:
        """Whether the cause opens a settled row whatever DescribeWorkspaces answers, because it is not repeated."""
        is_settled = self.row is not None and self.row.is_uncovered and not self.row.status.is_pending
        return self.is_new_after_all or (is_settled and self.cause.reopens)

    def noting(self, reason: Reason, message: str, kind: Kind, *, lasts: bool = True, **more: Any) -> Change:
        """A change of one condition and of the message; the status and reason of the row stay."""
        noted = self.row and self.row.observe(kind, lasts, self.now, **more)
        return Change(self.id, self.row, noted and dataclasses.replace(noted, message=message), reason, message)

    def nothing(self, reason: Reason, detail: str = "") -> Change:
        """No change of status or reason; only conditions that the cause or the answer begins or ends.

        If a person asks for a standby and it is not known whether there is one, the request (condition ASKED) stays
        until an answer returns the standby.
        """
        row = self.row
        change = Change(self.id, row, row, reason, say(reason, detail, row))
        if row is None:
            return change
        new = dataclasses.replace(row, existing=False) if self.is_new_after_all else row
        is_asked = (self.cause.reopens and row.status in _KEEPS_ASKED) or None
        new = new.observe(Kind.ASKED, is_asked, self.now, note=self._overridden)
        if self.shown is not None and (row.has(Kind.ABSENT) or row.has(Kind.MISSED)):
            new = new.without(Kind.ABSENT, Kind.MISSED)
            return change.having(dataclasses.replace(new, message="DescribeWorkspaces returns the WorkSpace again."))
        return change.having(new)

    def lookup(self, detail: str) -> Change:
        """A lookup in the DR directory comes first; the row stays as it is. `detail` says why."""
        reason = self.row.reason if self.row else Reason.READY
        return Change(self.id, self.row, self.row, reason, detail, Effect.LOOKUP)

    def request(self) -> Change:
        """The primary's standby is to be requested."""
        return Change(self.id, self.row, self.row, Reason.READY, say(Reason.READY), Effect.REQUEST)

    def wait(
        self,
        reason: Reason,
        detail: str = "",
        *,
        due_in: timedelta | None = None,
        deadline_in: timedelta | None = None,
    ) -> Change:
        """The primary waits. If it waits already, its due time stays, and its deadline too unless one is given."""
        waiting = self.row is not None and self.row.status is Status.WAITING
        return self.record(
            Status.WAITING,
            reason,
            detail,
            due_in=None if waiting else self.settings.first_look if due_in is None else due_in,
            deadline_in=deadline_in or (None if waiting else self.settings.primary_deadline),
        )

    def place_taken(self, holder: str) -> Change:
        """Another primary (`holder`) holds the claim of the user."""
        return self.record(Status.INELIGIBLE, Reason.USER_HAS_STANDBY, f"Primary {holder} holds the user's claim.")

    def record(
        self,
        status: Status,
        reason: Reason,
        detail: str = "",
        *,
        standby: Related | None = None,
        due_in: timedelta | None = None,
        deadline_in: timedelta | None = None,
        error: tuple[str, str] | None = None,
        quiet: bool = False,
    ) -> Change:
        """The row's next state.

        `standby` is the standby that the state is based on. `due_in` is the time until the row is due again;
        `deadline_in` restarts the deadline. `error` is AWS's code and message; by default, those of a primary in
        ERROR. `quiet` suppresses the notice, because one was already sent.
        """
        base = self.row or self._blank(status, reason)
        if error is None and standby is None:
            error = self.shown.error if self.shown else None
        elif error is None and base.reason is reason and base.error_code:
            error = base.error_code, base.error_message or ""  # read once, when it failed
        new = dataclasses.replace(
            base,
            status=status,
            reason=reason,
            changed_at=self.now,
            created_by=base.created_by or self.cause.created_by,
            error_code=error[0] if error else None,
            error_message=error[1] if error else None,
            existing=not self.is_new_after_all and (base.existing or reason in _OF_A_FLEET),
            migrated_from=base.migrated_from or self.cause.migrated_from,
            **self._facts(base),
            **self._times(base, status, due_in, deadline_in),
        )
        if standby is not None:
            new = self._with_standby(base, new, standby)
        elif base.status is Status.CLAIMED and status is not Status.CLAIMED:
            # Nothing was created for the claim.
            new = dataclasses.replace(new, **NO_STANDBY, **_NO_CLAIM).without(*OF_A_REQUEST, *OF_A_STANDBY)
            new = new.observe(Kind.GIVEN_UP, (status is Status.TIMED_OUT) or None, self.now)
        elif status is Status.STANDBY_MISSING or reason is Reason.PRIMARY_TERMINATED:
            # There is no standby, but the row still names the last one. If it reappears, a lookup comes first.
            new = dataclasses.replace(new, **_NO_CLAIM).without(*OF_A_REQUEST, Kind.DOUBLED)
        if reason is Reason.DR_DIRECTORY_CHANGED and (mapped := self.mapped):
            detail = f"The dr_directory is now {mapped.dr_directory} and was {base.dr_directory_id}. {detail}".rstrip()
        new = dataclasses.replace(new, message=say(reason, detail, new))
        new = self._lasting(base, new, has_one=standby is not None, quiet=quiet)
        if self.row is not None and not new.is_another_state(base):
            new = dataclasses.replace(new, changed_at=base.changed_at)
        return Change(self.id, self.row, new, reason, new.message)

    # How the next row is made

    @property
    def _overridden(self) -> str | None:
        return " ".join(sorted(self.overrides)) or None

    def _blank(self, status: Status, reason: Reason) -> Row:
        return Row(
            primary_id=self.id,
            primary_region=self.settings.primary_region,
            dr_region=self.settings.dr_region,
            status=status,
            reason=reason,
            message="",
            version=0,
            first_seen_at=self.now,
            changed_at=self.now,
            cause_type=self.cause.type,
            cause_id=self.cause.id_in_row,
        )

    def _facts(self, base: Row) -> dict[str, Any]:
        """Attributes of the WorkSpace itself. A known value is kept if an answer is partial."""
        seen = self.shown
        if seen is None:
            return {}
        directory_id = seen.directory_id or base.primary_directory_id
        mapped = self.settings.directories.get(directory_id) if directory_id else None
        # A standby, and a claim, stay where they are, whatever DR directory is configured by now.
        stays = base.dr_directory_id is not None and (base.was_requested or base.claim_key is not None)
        return {
            "primary_state": seen.state or base.primary_state,
            "primary_directory_id": directory_id,
            "dr_directory_id": mapped.dr_directory if mapped and not stays else base.dr_directory_id,
            "user_name": seen.user_name or base.user_name,
            "compute_type": seen.compute_type or base.compute_type,
        }

    def _times(
        self, base: Row, status: Status, due_in: timedelta | None, deadline_in: timedelta | None
    ) -> dict[str, Any]:
        if not status.is_open:
            is_first = status is Status.PROTECTED and base.protected_at is None
            return {"due_at": None, "deadline_at": None} | ({"protected_at": self.now} if is_first else {})
        due = {} if due_in is None else {"due_at": self.now + due_in}
        return due | ({} if deadline_in is None else {"deadline_at": self.now + deadline_in})

    def _with_standby(self, base: Row, new: Row, standby: Related) -> Row:
        """The row with its standby. All earlier doubts end, and the user's claim is kept or taken.

        A standby counts against the limits whoever created it, because it is billed.
        """
        seen, replication = self.shown, base.replication
        if seen is not None:
            is_going = new.status is Status.PRIMARY_GONE or seen.state in GONE
            # If the primary is being terminated, the standby has lost its source but not its data.
            if not (is_going and base.replication not in (None, NO_REPLICATION)):
                replication = seen.replication_of(standby.id) or base.replication
        key, where = base.claim_key, new.dr_directory_id
        if where and new.user_name and key in (None, claim_key(where, self.id)):
            # An unassigned WorkSpace holds a claim of its own until it is assigned to a user.
            key = claim_key(where, self.id if is_unassigned(new.user_name) else new.user_name)
        # A standby that came of a request that was given up still counts as new on that day.
        given_up = base.since(Kind.GIVEN_UP)
        new = dataclasses.replace(
            new,
            standby_id=standby.id,
            standby_state=standby.state,
            dr_region=Region(standby.region or base.dr_region),
            replication=replication,
            claim_key=key,
            claim_expires_at=None,
            counted_day=base.counted_day or (day_of(given_up) if given_up else None),
        )
        return new.without(*_DOUBTS, *(OF_A_STANDBY if standby.id != base.standby_id else ()))

    def _lasting(self, base: Row, new: Row, *, has_one: bool, quiet: bool) -> Row:
        """The row with the conditions that follow from its former and its new state."""
        if self.shown is not None:
            new = new.without(Kind.ABSENT, Kind.MISSED)
        is_asked = (self.cause.reopens or None) if new.status.is_pending and not has_one else False
        new = new.observe(Kind.ASKED, is_asked, self.now, note=self._overridden)
        if not new.is_orphan:
            new = new.without(Kind.KEPT)
        if self.cause.succeeds and new.standby_id is None:
            new = new.observe(Kind.SUCCEEDS, True, self.now, note=self.cause.migrated_from)
        if self.cause.reopens and base.status is Status.REJECTED:
            new = new.without(Kind.USER_MISSING)  # a person asks again: the 24 hours start again
        if new.status is Status.PRIMARY_GONE:
            if base.status is not Status.PRIMARY_GONE:
                new = new.observe(Kind.GONE, True, self.now, note=f"{base.status} {base.reason}")
        else:
            new = new.without(Kind.GONE)
            if new.reason is not Reason.MAPPING_REMOVED:
                new = new.without(Kind.UNMAPPED)
            elif base.reason is not Reason.MAPPING_REMOVED:
                new = new.observe(Kind.UNMAPPED, True, self.now, note=base.reason)
        if new.status is Status.PROTECTED:
            return new.without(Kind.TROUBLE)  # the next trouble is notified again
        notifies = new.reason.meaning.notify and new.status is not Status.HELD and not quiet
        return new.observe(Kind.TROUBLE, notifies or None, self.now, note=new.reason, notified=True)
