"""What to do with a primary that certainly has no standby."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from standby.clock import past
from standby.decisions.decision import Action, Decision, nothing, record, say, wait
from standby.decisions.eligibility import is_told_whole, not_told, obstacle
from standby.decisions.mappings import changed_mapping
from standby.model import DEADLINE_STANDS_STILL, READY, SWEEP, Cause, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.selection import NOT_KNOWN, Excluded, Verdict
from standby.settings import Settings

# A WorkSpace takes ~20 minutes, one with an encrypted root volume up to an hour.
_ENCRYPTED_ROOT_FACTOR = 3

# What was refused, or has lost its standby, is not taken up again by a copy of an event. What is excluded follows the
# rules, whoever comes by.
_FOR_A_PERSON = (Status.REJECTED, Status.STANDBY_MISSING)
# What the service refused is tried again by the sweep after so long: somebody may have mended it.
_REFUSED_AGAIN = timedelta(hours=24)
_PLACE_TAKEN = (Reason.SECONDARY_EXISTS, Reason.USER_HAS_STANDBY)


def without_standby(
    primary_id: WorkspaceId, seen: Workspace, row: Row | None, settings: Settings, cause: Cause, now: datetime
) -> Decision:
    """What to do with a primary that certainly has no standby."""
    if found := obstacle(seen, settings):
        return record(primary_id, Status.INELIGIBLE, *found)
    verdict = settings.selection.verdict(seen)
    if (excluded := _excluded(primary_id, row, verdict)) is not None:
        return excluded
    if row and _is_left_alone(row, cause, now):
        return nothing(primary_id, row, row.reason)
    if row and not row.status.is_open and not cause.reopens and changed_mapping(row, settings):
        # What was accepted, or held, was so for another partner.
        return record(primary_id, Status.REPORTED, Reason.PARTNER_CHANGED)
    if row and row.reason is Reason.USER_NOT_IN_DR_DIRECTORY and not cause.reopens and not past(row.due_at, now):
        return nothing(primary_id, row, row.reason)
    if seen.state not in READY or not is_told_whole(seen):
        return _not_ready(primary_id, seen, row, settings, now)
    if verdict == NOT_KNOWN:
        return _tags_unknown(primary_id, row, settings, now)
    return Decision(primary_id, Action.REQUEST, Status.CLAIMED, Reason.READY, say(Reason.READY))


def _tags_unknown(primary_id: WorkspaceId, row: Row | None, settings: Settings, now: datetime) -> Decision:
    """What is open waits, however long it takes; all else stays as it is."""
    if row and not row.status.is_open:
        return nothing(primary_id, row, Reason.TAGS_UNKNOWN)
    deadline = _standing_still(row, settings, now)
    return wait(primary_id, row, Reason.TAGS_UNKNOWN, settings, due_in=settings.poll_interval, deadline_in=deadline)


def _standing_still(row: Row | None, settings: Settings, now: datetime) -> timedelta | None:
    """The deadline of what does not come nearer to it: None while enough is left.

    It is written again only when half of the time has passed, so that a long wait is not a long history.
    """
    waiting = row is not None and row.status is Status.WAITING and row.deadline_at is not None
    runs_low = not waiting or (row and row.deadline_at and row.deadline_at - now < settings.primary_deadline / 2)
    return settings.primary_deadline if runs_low else None


def _excluded(primary_id: WorkspaceId, row: Row | None, verdict: Verdict) -> Decision | None:
    """What the selection decides; None if nothing excludes it. What is not known leaves what is excluded as it is."""
    if isinstance(verdict, Excluded):
        return dataclasses.replace(
            record(primary_id, Status.EXCLUDED, verdict.reason, verdict.detail), rule=verdict.rule
        )
    if verdict == NOT_KNOWN and row and row.status is Status.EXCLUDED:
        return Decision(primary_id, Action.NONE, row.status, row.reason, row.message)
    return None


def finds_place_taken(row: Row) -> bool:
    """Whether the last try found that the user has another desktop, or another standby, in the DR directory.

    Only another try can tell that it has gone.
    """
    return row.status is Status.INELIGIBLE and row.reason in _PLACE_TAKEN


def _tries_are_dear(row: Row) -> bool:
    """Whether a try is a request to the service, or a turn in the line, and makes a history.

    A claim that another primary holds refuses without either, and lets its successor follow as soon as it is free; so
    does a look that comes first.
    """
    return row.existing or (row.reason is Reason.SECONDARY_EXISTS and not row.look_first)


def _is_left_alone(row: Row, cause: Cause, now: datetime) -> bool:
    """Whether a settled row waits for a person: whoever else comes by does not take it up again."""
    if cause.reopens:
        return False
    if row.status is Status.REPORTED:
        # An event that names it says that it is new: the first sweep was only faster.
        return cause.type != "event"
    if cause.type == SWEEP and (row.status is Status.REJECTED or (finds_place_taken(row) and _tries_are_dear(row))):
        return now - row.changed_at < _REFUSED_AGAIN
    return row.status in _FOR_A_PERSON


def _not_ready(
    primary_id: WorkspaceId, seen: Workspace, row: Row | None, settings: Settings, now: datetime
) -> Decision:
    state = f"Its state is {seen.state or 'not told'}."
    if seen.state in READY:
        state = f"{state} {not_told(seen)}"
    if seen.state in DEADLINE_STANDS_STILL:
        deadline = _standing_still(row, settings, now)
        return wait(primary_id, row, Reason.PRIMARY_PAUSED_BY_SERVICE, settings, state, deadline_in=deadline)
    if row and row.status is Status.WAITING and past(row.deadline_at, now):
        return record(primary_id, Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, state)
    if row and row.status is Status.TIMED_OUT and row.reason is Reason.PRIMARY_NOT_READY:
        return nothing(primary_id, row, row.reason, state)
    if row and seen.state in READY and not (row.status.is_open or row.status is Status.HELD):
        return nothing(primary_id, row, row.reason, not_told(seen))
    factor = _ENCRYPTED_ROOT_FACTOR if seen.root_encrypted else 1
    reason = Reason.PRIMARY_PENDING if seen.state not in READY and seen.state else Reason.NOT_VISIBLE_YET
    return wait(primary_id, row, reason, settings, state, due_in=settings.first_look * factor)
