"""A migrated WorkSpace has a new id: the row of the old one points to it, and says what its standby is worth now."""

from __future__ import annotations

from standby.model import WorkspaceId
from standby.reasons import Reason
from standby.recorder import Recorder
from standby.remarks import Remark, Remarks
from standby.rows import Row


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
        message = f"It was migrated: its user's WorkSpace is {new} now."
        if row.was_requested:
            standby = f"Its standby {row.standby_id}" if row.standby_id else "The standby that was requested for it"
            message += (
                f" {standby} belongs to the old id: it holds the data of before, nobody is redirected to it, and as"
                f" long as it is there {new} gets none."
            )
        return Remark(Reason.MIGRATED, message, {"migrated_to": new}, tells=row.was_requested)

    Remarks(recorder).make(old, remark)
