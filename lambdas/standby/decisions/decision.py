"""A decision as data: what is made of a primary, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from standby.model import Related, StandbyMarks, Status, WorkspaceId
from standby.reasons import MEANING, Reason
from standby.rows import Row
from standby.settings import Settings

# Bytes of a message in an answer: 400 decisions must fit the 256 KiB of a state, and nothing in Step Functions can
# catch one that does not.
_MESSAGE_MOST = 300


class Action(StrEnum):
    """What a decision leads to."""

    NONE = "NONE"  # nothing, not even a row
    RECORD = "RECORD"  # the ledger says so
    LOOK = "LOOK"  # look into the DR directory before anything else
    REQUEST = "REQUEST"  # claim, and request a standby


@dataclass(frozen=True)
class Decision:
    """A decision as data: the log line, the metric, the ledger row and the notice are all made from it.

    `status` is the row's afterwards, None where there is to be no row. `standby` is the one it rests on, if any;
    `due_in` the time until the next look; `deadline_in` starts the deadline anew; `quiet` makes no notice of it; `rule`
    is what excludes it; `existing` says that it was there before its directory was watched; `marks` are noted of the
    standby beside it; `sighted` says that a desktop of the user was seen in the DR directory.
    """

    primary_id: WorkspaceId
    action: Action
    status: Status | None
    reason: Reason
    message: str
    standby: Related | None = None
    due_in: timedelta | None = None
    deadline_in: timedelta | None = None
    error_code: str | None = None
    error_message: str | None = None
    quiet: bool = False
    rule: str | None = None
    existing: bool = False
    marks: StandbyMarks | None = None
    sighted: bool = False

    def answer(self) -> dict[str, str | None]:
        """The form in which a caller by hand gets it."""
        return {
            "primary_id": self.primary_id,
            "action": self.action,
            "status": self.status,
            "reason_code": self.reason,
            "message": self.message.encode()[:_MESSAGE_MOST].decode(errors="ignore"),
        }


def say(reason: Reason, detail: str = "") -> str:
    """The reason's sentence, with what is particular to this case."""
    sentence = MEANING[reason].sentence
    return f"{sentence} {detail}" if detail else sentence


def record(
    primary_id: WorkspaceId,
    status: Status,
    reason: Reason,
    detail: str = "",
    *,
    standby: Related | None = None,
    due_in: timedelta | None = None,
    deadline_in: timedelta | None = None,
    error: tuple[str, str] | None = None,
) -> Decision:
    """A decision that the ledger is to hold."""
    code, message = error if error else (None, None)
    return Decision(
        primary_id, Action.RECORD, status, reason, say(reason, detail), standby, due_in, deadline_in, code, message
    )


def nothing(primary_id: WorkspaceId, row: Row | None, reason: Reason, detail: str = "") -> Decision:
    """A decision to leave everything as it is."""
    return Decision(primary_id, Action.NONE, row.status if row else None, reason, say(reason, detail))


def wait(
    primary_id: WorkspaceId,
    row: Row | None,
    reason: Reason,
    settings: Settings,
    detail: str = "",
    *,
    due_in: timedelta | None = None,
    deadline_in: timedelta | None = None,
) -> Decision:
    """A decision that a primary waits; one that waits already keeps its next look, and its deadline unless told."""
    waiting = row is not None and row.status is Status.WAITING
    return record(
        primary_id,
        Status.WAITING,
        reason,
        detail,
        due_in=None if waiting else (due_in or settings.first_look),
        deadline_in=deadline_in or (None if waiting else settings.primary_deadline),
    )
