"""One transition as data: what is known of a primary, and the next state of its row that is made from it.

The log line, the metric, the ledger's row, its event and the notice are all made from a `Change`.
"""

from __future__ import annotations

import dataclasses
import re
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
# Of what a sentence speaks, the message gives the name: an attribute of the row.
_NAMED = {"user": "user_name", "directory": "primary_directory_id"}
_NAMED |= {"DR directory": "dr_directory_id", "DR Region": "dr_region"}
# No request was made for what stands so.
_UNTRIED = (Status.HELD, Status.INELIGIBLE, Status.EXCLUDED)
# Of these a person's request is noted though nothing can be done now. An answer that shows the standby ends it. A row
# that is CLAIMED is not written while somebody may be about to send its request, and what comes of it is the answer.
_KEEPS_ASKED = (Status.HELD, Status.WAITING, Status.REQUESTED, Status.PROTECTED)
# Doubts that end where a standby is known.
_DOUBTS = (*OF_A_REQUEST, Kind.SUCCEEDS, Kind.GIVEN_UP, Kind.USER_MISSING)
# Of a row of which it is certain that no standby stands behind it; its history keeps what there was.
NO_STANDBY: Mapping[str, Any] = dict.fromkeys(("standby_id", "standby_state", "replication", "requested_at"))
_NO_CLAIM: Mapping[str, Any] = dict.fromkeys(("claim_key", "claim_expires_at", "counted_day"))


class Effect(StrEnum):
    """What is to follow a change."""

    NOTHING = "NOTHING"
    LOOK = "LOOK"  # look into the DR directory, and decide again
    REQUEST = "REQUEST"  # claim, and request a standby


@dataclass(frozen=True)
class Change:
    """What becomes of a primary: its row before and after, and what is to follow.

    `new` is `old` where nothing changes, and None where there is to be no row. `reason` and `message` say why, also
    where nothing changes.
    """

    primary_id: WorkspaceId
    old: Row | None
    new: Row | None
    reason: Reason
    message: str
    effect: Effect = Effect.NOTHING

    @property
    def status(self) -> Status | None:
        """The row's status afterwards; None where there is to be no row."""
        if self.effect is Effect.REQUEST:
            return Status.CLAIMED
        return self.new.status if self.new else None

    @property
    def is_nothing(self) -> bool:
        """Whether it leaves the row's status and reason as they are, and nothing is to follow."""
        old, new = self.old, self.new
        is_same = new is old or (new is not None and old is not None and not new.is_another_state(old))
        return self.effect is Effect.NOTHING and is_same

    def observe(self, kind: Kind, fact: bool | None, now: datetime, **more: Any) -> Self:  # noqa: FBT001 (as it was seen)
        """The change with another observation, where there is a row."""
        return self.having(self.new.observe(kind, fact, now, **more)) if self.new else self

    def having(self, new: Row, message: str | None = None) -> Self:
        """The change with another next row, and another message if one is given."""
        if new is self.new and message in (None, self.message):
            return self
        if message is None:
            return dataclasses.replace(self, new=new)
        return dataclasses.replace(self, new=dataclasses.replace(new, message=message), message=message)

    def answer(self) -> dict[str, str | None]:
        """The form in which a caller gets it."""
        action = self.effect if self.effect is not Effect.NOTHING else ("NONE" if self.is_nothing else "RECORD")
        return {
            "primary_id": self.primary_id,
            "action": str(action),
            "status": self.status,
            "reason_code": self.reason,
            "message": self.message.encode()[:_MESSAGE_MOST].decode(errors="ignore"),
        }


def say(reason: Reason, detail: str = "", row: Row | None = None) -> str:
    """The reason's sentence, with whom and what of the row it speaks of, and what is particular to this case."""
    sentence = reason.meaning.sentence
    spoken = [label for label in _NAMED if re.search(rf"(?<!DR )\b{label}\b", sentence)]
    found = [(label, getattr(row, _NAMED[label], None)) for label in spoken]
    named = [f"{label} {value}" for label, value in found if value and (label == "user" or value not in detail)]
    subject = f"It is about {', '.join(named)}." if named else ""
    return " ".join(words for words in (sentence, subject, detail) if words)


@dataclass(frozen=True)
class Fleet:
    """What a sweep knows of the directory whose page shows a WorkSpace.

    `is_known` is whether its baseline is taken: what is not in the ledger then is new. `is_accepted` is whether a
    person has accepted what was there before. `shapes` are what the sweep has seen of the standbys in the DR directory,
    by id, and `users` the marks of users who have a desktop there that is not known to be a standby.
    """

    is_known: bool
    is_accepted: bool
    shapes: Mapping[WorkspaceId, str] = dataclasses.field(default_factory=dict)
    users: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """All that a decision about one primary rests on.

    `row` is its row, if it has one. `seen` is the WorkSpace as an answer showed it; None if an answer that came whole
    did not have it, which does not mean that it is gone; `Unknown` if there was no usable answer. `fleet` is known
    where a sweep decides.
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
        """The WorkSpace, if an answer showed it."""
        return self.seen if isinstance(self.seen, Workspace) else None

    @property
    def mapped(self) -> Directory | None:
        """What is configured for the directory that an answer shows it in."""
        seen = self.shown
        return self.settings.directories.get(seen.directory_id) if seen and seen.directory_id else None

    @property
    def is_new_after_all(self) -> bool:
        """Whether the event of its creation finds a row of an existing fleet: the first sweep was only faster."""
        row = self.row
        if row is None or not self.cause.names_new or row.was_requested or row.reason in NOT_OURS:
            return False
        return row.status is Status.REPORTED or (row.existing and row.status in (*_UNTRIED, Status.WAITING))

    @property
    def is_asked(self) -> bool:
        """Whether somebody asks for a standby, or a person has asked for one that could not be requested yet."""
        return self.cause.reopens or self.is_new_after_all or (self.row is not None and self.row.has(Kind.ASKED))

    @property
    def overrides(self) -> frozenset[Override]:
        """What a person sets aside for it, now or when it was asked for."""
        return self.cause.overrides | (self.row.overrides if self.row else frozenset())

    @property
    def opens(self) -> bool:
        """Whether the cause opens a settled row whatever the answer: an event, or a person, is not heard twice."""
        is_settled = self.row is not None and self.row.is_uncovered and not self.row.status.is_pending
        return self.is_new_after_all or (is_settled and self.cause.reopens)

    def remark(self, reason: Reason, message: str, kind: Kind, *, lasts: bool = True, **more: Any) -> Change:
        """The row stays as it is, but for a condition, and for what it says."""
        noted = self.row and self.row.observe(kind, lasts, self.now, **more)
        return Change(self.id, self.row, noted and dataclasses.replace(noted, message=message), reason, message)

    def nothing(self, reason: Reason, detail: str = "") -> Change:
        """Everything stays as it is, but for what the cause says, and what ends because an answer shows the primary.

        What a person asks for while it cannot be told whether anything is to be done stays asked for, until an answer
        shows the standby.
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
            return change.having(dataclasses.replace(new, message="DescribeWorkspaces shows the WorkSpace again."))
        return change.having(new)

    def look(self, detail: str) -> Change:
        """Look into the DR directory first; for the row as it stands."""
        reason = self.row.reason if self.row else Reason.READY
        return Change(self.id, self.row, self.row, reason, detail, Effect.LOOK)

    def request(self) -> Change:
        """Its standby is to be requested."""
        return Change(self.id, self.row, self.row, Reason.READY, say(Reason.READY), Effect.REQUEST)

    def wait(
        self,
        reason: Reason,
        detail: str = "",
        *,
        due_in: timedelta | None = None,
        deadline_in: timedelta | None = None,
    ) -> Change:
        """It waits; one that waits already keeps when it is due, and its deadline unless told."""
        waiting = self.row is not None and self.row.status is Status.WAITING
        return self.record(
            Status.WAITING,
            reason,
            detail,
            due_in=None if waiting else self.settings.first_look if due_in is None else due_in,
            deadline_in=deadline_in or (None if waiting else self.settings.primary_deadline),
        )

    def place_taken(self, holder: str) -> Change:
        """Another primary holds the claim of its user."""
        return self.record(Status.INELIGIBLE, Reason.USER_HAS_STANDBY, f"It is {holder} that holds the user's claim.")

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

        `standby` is the one it rests on; `due_in` the time until it is due again; `deadline_in` starts the deadline
        anew; `error` has AWS's code and words, if not what it says of a primary in ERROR. `quiet` makes no notice of
        it: one was sent already.
        """
        base = self.row or self._blank(status, reason)
        if error is None and standby is None:
            error = self.shown.error if self.shown else None
        elif error is None and base.reason is reason and base.error_code:
            error = base.error_code, base.error_message or ""  # asked for once, when it failed
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
            # No standby stands behind it. It goes on naming it: should it be shown again, it is looked for first.
            new = dataclasses.replace(new, **_NO_CLAIM).without(*OF_A_REQUEST, Kind.DOUBLED)
        if reason is Reason.DR_DIRECTORY_CHANGED and (mapped := self.mapped):
            detail = f"Its dr_directory is {mapped.dr_directory}, and was {base.dr_directory_id}. {detail}".rstrip()
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
        """What the WorkSpace itself told; a fact once known is not forgotten because an answer was partial."""
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
        """The row that names a standby: whatever was doubtful before is over, and its user's claim is kept, or taken.

        It costs money like any other, whoever made it.
        """
        seen, replication = self.shown, base.replication
        if seen is not None:
            is_going = new.status is Status.PRIMARY_GONE or seen.state in GONE
            # One whose primary goes has lost its source, and not the data.
            if not (is_going and base.replication not in (None, NO_REPLICATION)):
                replication = seen.replication_of(standby.id) or base.replication
        key, where = base.claim_key, new.dr_directory_id
        if where and new.user_name and key in (None, claim_key(where, self.id)):
            # One that is nobody's holds a place of its own, until it is assigned to a user.
            key = claim_key(where, self.id if is_unassigned(new.user_name) else new.user_name)
        # What a request made that was given up is one of that day's new standbys all the same.
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
        """The conditions that follow from what the row was and is."""
        if self.shown is not None:
            new = new.without(Kind.ABSENT, Kind.MISSED)
        is_asked = (self.cause.reopens or None) if new.status.is_pending and not has_one else False
        new = new.observe(Kind.ASKED, is_asked, self.now, note=self._overridden)
        if not new.is_orphan:
            new = new.without(Kind.KEPT)
        if self.cause.succeeds and new.standby_id is None:
            new = new.observe(Kind.SUCCEEDS, True, self.now, note=self.cause.migrated_from)
        if self.cause.reopens and base.status is Status.REJECTED:
            new = new.without(Kind.USER_MISSING)  # a person asks again: the next time has a day of its own
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
            return new.without(Kind.TROUBLE)  # its next trouble is news
        notifies = new.reason.meaning.notify and new.status is not Status.HELD and not quiet
        return new.observe(Kind.TROUBLE, notifies or None, self.now, note=new.reason, notified=True)
