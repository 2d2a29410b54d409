"""A standby that was ready once and is unwell: told when two sweeps have seen it so, with none in between that did not.

Until then the row stays PROTECTED, for a standby that is being mended by the service is not lost. After that nobody
could be sent to it, so its primary counts as one without: FAILED, until a look finds it well again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from standby.decisions.decision import Decision, record
from standby.model import UNWELL, Status, Workspace
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings

# Two sweeps that somebody starts within minutes are one look.
_LEAST = timedelta(minutes=30)


def unwell(seen: Workspace, row: Row | None, settings: Settings, now: datetime) -> Decision | None:
    """What a sweep says of a protected primary whose standby is unwell; None if there is nothing to be said."""
    if row is None or row.status is not Status.PROTECTED or any(one.is_healthy for one in seen.standbys):
        return None
    standby = next((one for one in seen.standbys if one.id == row.standby_id and one.state in UNWELL), None)
    if standby is None:
        return None
    where = standby.described
    if row.reason is not Reason.STANDBY_UNWELL:
        return record(seen.id, Status.PROTECTED, Reason.STANDBY_UNWELL, where, standby=standby)
    if now - row.changed_at < min(_LEAST, settings.sweep_interval / 2):
        return None
    return record(seen.id, Status.FAILED, Reason.STANDBY_UNHEALTHY, where, standby=standby)
