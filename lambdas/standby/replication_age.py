"""How old the data on a standby is, and whether that is older than it may be. Pure.

AWS copies a primary's data every 12 hours, so that what is there is 12 to 24 hours old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from standby.model import Workspace, WorkspaceId
from standby.rows import Row

REPLICATED = "PRIMARY_AS_SOURCE"


@dataclass(frozen=True)
class Copy:
    """What is known of the last copy: `made_at`, None before the first; its `age`, None where there is to be none."""

    made_at: datetime | None
    age: timedelta | None
    is_stale: bool


def last_copy(
    seen: Workspace, standby_id: WorkspaceId, row: Row | None, *, wanted: str | None, rpo: timedelta, now: datetime
) -> Copy:
    """The last copy of a primary's data on a standby.

    Before the first one, its age is counted from when the standby was requested or seen first: that is the first copy's
    grace. A standby that is not replicated as configured has drifted, and has no copy to be old.

    Parameters
    ----------
    row
        The primary's row if it is of this standby: what it says stands where the service does not tell now.
    wanted
        The data replication that is configured.
    rpo
        How old the data may be.
    """
    before = row.recovery_snapshot_at if row else None
    was_stale = row is not None and row.stale
    had = seen.replication_of(standby_id)
    if wanted is not None and (wanted != REPLICATED or had not in (REPLICATED, None)):
        return Copy(before, None, is_stale=False)
    made_at = seen.recovery_snapshot_of(standby_id)
    if wanted is None or had is None or (made_at is None and before is not None):
        return Copy(before, None, is_stale=was_stale)
    began = [moment for moment in (row.requested_at, row.protected_at) if moment] if row else []
    age = max(now - (made_at or max(began, default=now)), timedelta(0))
    return Copy(made_at, age, is_stale=age > rpo)
