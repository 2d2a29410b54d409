"""What a primary's standby makes of its row."""

from __future__ import annotations

from datetime import datetime

from standby.clock import past
from standby.decisions.decision import Decision, nothing, record, wait
from standby.decisions.mappings import changed_mapping
from standby.model import GONE, Related, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings


def the_standby(seen: Workspace, row: Row | None) -> Related:
    """The one that the row knows, as long as it is shown; else the healthiest."""
    known = [one for one in seen.standbys if row and one.id == row.standby_id and one.state not in GONE]
    return known[0] if known else seen.standbys[0]


def with_standby(
    primary_id: WorkspaceId, standby: Related, row: Row | None, settings: Settings, now: datetime
) -> Decision:
    """What a primary's standby, seen in a state, makes of its row."""
    ours = row is not None and (row.was_requested or row.status is Status.CLAIMED)
    where = standby.described
    if standby.is_healthy:
        reason = Reason.STANDBY_READY if ours and row and row.reason is not Reason.ADOPTED else Reason.ADOPTED
        reason = (row and changed_mapping(row, settings)) or reason
        return record(primary_id, Status.PROTECTED, reason, where, standby=standby)
    if row and (row.status is Status.PROTECTED or row.reason is Reason.STANDBY_UNHEALTHY):
        # It was ready once; how a standby fares afterwards is the sweep's to say, and a reboot takes no cover away.
        return nothing(primary_id, row, Reason.STANDBY_READY if row.status is Status.PROTECTED else row.reason, where)
    if standby.state == "ERROR":
        return record(primary_id, Status.FAILED, Reason.STANDBY_IN_ERROR, where, standby=standby)
    if standby.state in GONE:
        if ours and row and row.status is Status.REQUESTED and past(row.deadline_at, now):
            return record(primary_id, Status.TIMED_OUT, Reason.STANDBY_NOT_READY, where)
        if ours:
            return nothing(primary_id, row, Reason.STANDBY_TERMINATING, where)
        return wait(primary_id, row, Reason.STANDBY_TERMINATING, settings, where)
    if ours and row and row.status is not Status.CLAIMED and past(row.deadline_at, now):
        return record(primary_id, Status.TIMED_OUT, Reason.STANDBY_NOT_READY, where, standby=standby)
    if row and row.status in (Status.TIMED_OUT, Status.FAILED) and ours:
        return nothing(primary_id, row, row.reason, where)
    reason = Reason.STANDBY_STARTING if ours and row and row.reason is not Reason.ADOPTED else Reason.ADOPTED
    fresh = row is None or row.status is not Status.REQUESTED
    return record(
        primary_id,
        Status.REQUESTED,
        reason,
        where,
        standby=standby,
        due_in=settings.poll_interval if fresh else None,
        deadline_in=settings.standby_deadline if fresh else None,
    )
