"""A migrated WorkSpace has a new id: the row of the old one points to it, and says what its standby is worth now."""

from __future__ import annotations

from standby.decisions.gone import left_to, migrated
from standby.ledger.recorder import Recorder
from standby.ledger.remarks import Remark, Remarks
from standby.model import Status, WorkspaceId
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
