"""How old the data on a standby is, and whether that is older than it may be. Pure.

AWS copies a primary's data every 12 hours, so that what is there is 12 to 24 hours old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from standby.model import StandbyMarks

REPLICATED = "PRIMARY_AS_SOURCE"


@dataclass(frozen=True)
class Copy:
    """What is known of the last copy: `made_at`, None before the first; its `age`, None where there is to be none.

    `due_since` is since when there is to be one; None where there is to be none.
    """

    made_at: datetime | None
    age: timedelta | None
    is_stale: bool
    due_since: datetime | None


def last_copy(
    made_at: datetime | None,
    before: StandbyMarks,
    *,
    wanted: str | None,
    differs: bool,
    rpo: timedelta,
    now: datetime,
) -> Copy:
    """The last copy of a primary's data on a standby.

    Before the first one, its age is counted from when a sweep first found the standby protected and replication
    configured, and not shown as anything else: that is the first copy's grace, whenever replication is turned on. What
    is not told at all is awaited like a copy: AWS may show nothing where nothing is replicated.

    Parameters
    ----------
    made_at
        The time of the last copy that the service shows now.
    before
        What was noted of the standby: it stands where the service does not tell now.
    wanted
        The data replication that is configured; None if that is not known.
    differs
        Whether the standby is known not to be replicated as configured: it has drifted, and has no copy to be old.
    rpo
        How old the data may be.
    """
    noted = before.recovery_snapshot_at
    if differs or wanted not in (REPLICATED, None):
        return Copy(noted, None, is_stale=False, due_since=None)
    if wanted is None or (made_at is None and noted is not None):
        return Copy(noted, None, is_stale=before.stale, due_since=before.copies_due_since)
    due_since = before.copies_due_since or now
    age = max(now - (made_at or due_since), timedelta(0))
    return Copy(made_at, age, is_stale=age > rpo, due_since=due_since)
