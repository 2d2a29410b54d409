"""A migrated WorkSpace has a new id: the row of the old one points to it, and says what its standby is worth now."""

from __future__ import annotations

from standby.decisions.gone import left_to, migrated, succeeded
from standby.ledger.recorder import Recorder
from standby.ledger.remarks import Remark, Remarks
from standby.model import DirectoryId, Status, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row

# Of an existing fleet these were found, too, and have nothing.
_LEFT_OUT = (Status.EXCLUDED, Status.INELIGIBLE)


def note_migration(recorder: Recorder, old: WorkspaceId, new: WorkspaceId) -> None:
    """Let the old row, if there is one, point to the new id: once, and told if it had a standby.

    Raises
    ------
    LedgerUnavailable
        It is not written, so the event has to come again.
    """

    def remark(row: Row) -> Remark | None:
        if row.migrated_to == new:
            return None
        message = migrated(new)
        if row.was_requested:
            standby = f"Its standby {row.standby_id}" if row.standby_id else "The standby that was requested for it"
            message += f" {left_to(new, standby)}"
        return Remark(Reason.MIGRATED, message, {"migrated_to": new}, tells=row.was_requested)

    Remarks(recorder).make(old, remark)


def continues_fleet(recorder: Recorder, old: WorkspaceId) -> bool:
    """Whether a migrated WorkSpace is of an existing fleet that is only reported: then its new id is no new desktop.

    Raises
    ------
    LedgerUnavailable
        It is not known, so the event has to come again.
    """
    row = recorder.ledger.load([old]).get(old)
    if not isinstance(row, Row):
        return False
    status = row.status_before if row.status is Status.PRIMARY_GONE else row.status
    return status is Status.REPORTED or (row.existing and status in _LEFT_OUT)


def note_successor(recorder: Recorder, old: WorkspaceId, new: WorkspaceId, directory: DirectoryId | None) -> Row | None:
    """Let the row of an orphan point to its user's next desktop in the same directory, once: no event told of it.

    Nobody is told: the next desktop has a notice of its own, which names the old one.

    Raises
    ------
    LedgerUnavailable
        It is not written; the next look at the new one does it.
    """

    def remark(row: Row) -> Remark | None:
        if not row.is_orphan or row.primary_directory_id != directory or new in (row.migrated_to, row.succeeded_by):
            return None
        standby = f"The standby {row.standby_id}"
        message = f"{row.message} {succeeded(new)} {left_to(new, standby)}"
        return Remark(Reason.SUCCESSOR_FOUND, message, {"succeeded_by": new}, tells=False)

    return Remarks(recorder).make(old, remark)
