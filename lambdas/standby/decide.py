"""What to do with a primary, decided from what was seen, what the ledger has, and the configuration. Calls nothing."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from standby.clock import to_text
from standby.decision import Action, Decision, nothing, record, say
from standby.eligibility import is_told_whole, obstacle
from standby.gone import going
from standby.mappings import mapped_elsewhere
from standby.model import (
    DEADLINE_STANDS_STILL,
    GONE,
    READY,
    SWEEP,
    Cause,
    Related,
    Status,
    Unknown,
    Workspace,
    WorkspaceId,
)
from standby.reasons import Reason
from standby.rows import Row
from standby.selection import NOT_KNOWN, Excluded, Verdict
from standby.settings import Settings

USER_RETRY = timedelta(minutes=30)
USER_DEADLINE = timedelta(hours=24)  # directories lag behind new hires
# A WorkSpace takes ~20 minutes, one with an encrypted root volume up to an hour.
_ENCRYPTED_ROOT_FACTOR = 3

# What was refused, or has lost its standby, is not taken up again by a copy of an event. What is excluded follows the
# rules, whoever comes by.
_FOR_A_PERSON = (Status.REJECTED, Status.STANDBY_MISSING)
# Of these a person may ask for another standby: it failed, or is gone.
_ASKED_FOR_AGAIN = (Status.FAILED, Status.TIMED_OUT, Status.PROTECTED, Status.STANDBY_MISSING)
# What the service refused is tried again by the sweep after so long: somebody may have mended it.
_REFUSED_AGAIN = timedelta(hours=24)
_PLACE_TAKEN = (Reason.SECONDARY_EXISTS, Reason.USER_HAS_STANDBY)


def decide(
    primary_id: WorkspaceId, seen: Workspace | None, row: Row | None, settings: Settings, cause: Cause, now: datetime
) -> Decision:
    """What to do with a primary after an answer of DescribeWorkspaces that came whole.

    Parameters
    ----------
    seen
        The WorkSpace as the answer showed it; None if it was not in it, which does not mean that it is gone.
    row
        Its row, if it has one.
    """
    if seen is None:
        return _absent(primary_id, row, settings, now)
    if decision := _not_ours(primary_id, seen, row, settings):
        return decision
    if seen.state in GONE and (gone := going(primary_id, seen, row, settings)):
        return gone
    if row and row.status is Status.PRIMARY_GONE and seen.state not in GONE:
        return _shown_again(primary_id, seen, row, settings, cause, now)
    if row and row.reason is Reason.MAPPING_REMOVED and row.status in (Status.FAILED, Status.TIMED_OUT):
        return _left_behind(primary_id, seen, row, settings, cause, now)
    if seen.standbys:
        return with_standby(primary_id, _the_standby(seen, row), row, settings, now)
    if row and row.status is Status.CLAIMED:
        return _claimed(primary_id, row, now)
    if row and row.was_requested:
        return _standby_not_seen(primary_id, row, settings, cause, now)
    return without_standby(primary_id, seen, row, settings, cause, now)


def describe_failed(
    primary_id: WorkspaceId, row: Row | None, settings: Settings, now: datetime, why: Unknown
) -> Decision:
    """What to do when DescribeWorkspaces gave no usable answer: unknown is not gone, so no status changes.

    A primary without a row gets one: the row is the retry. Only one that the service refuses to speak of, asked alone,
    until its deadline is given up.
    """
    error = (why.code, why.message)
    if row is None:
        return record(
            primary_id,
            Status.WAITING,
            Reason.DESCRIBE_FAILED,
            due_in=settings.poll_interval,
            deadline_in=settings.primary_deadline,
            error=error,
        )
    if why.refused_alone and row.status is Status.WAITING and _past(row.deadline_at, now):
        detail = f"DescribeWorkspaces refuses it: {why.code}: {why.message}"
        return record(primary_id, Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, detail, error=error)
    return nothing(primary_id, row, Reason.DESCRIBE_FAILED, f"{why.code}: {why.message}")


def _absent(primary_id: WorkspaceId, row: Row | None, settings: Settings, now: datetime) -> Decision:
    """Absence is not a state: a row gives up only what was absent from every answer for a whole deadline."""
    if row is None:
        return _wait(primary_id, row, Reason.NOT_VISIBLE_YET, settings)
    if row.status is Status.CLAIMED and (decision := _claimed(primary_id, row, now)).action is Action.LOOK:
        return decision
    if not (row.status.is_open or row.status is Status.HELD):
        return nothing(primary_id, row, Reason.NOT_VISIBLE_YET)
    requested = row.status is Status.REQUESTED
    patience = settings.standby_deadline if requested else settings.primary_deadline
    if row.status is not Status.CLAIMED and _past(row.absent_since, now - patience):
        reason = Reason.STANDBY_NOT_READY if requested else Reason.PRIMARY_NOT_READY
        detail = f"No answer of DescribeWorkspaces has shown the primary since {to_text(row.absent_since or now)}."
        return record(primary_id, Status.TIMED_OUT, reason, detail)
    return record(primary_id, row.status, Reason.NOT_VISIBLE_YET)


def _not_ours(primary_id: WorkspaceId, seen: Workspace, row: Row | None, settings: Settings) -> Decision | None:
    """What is said of what is no primary of this pair; None of its own."""
    if seen.primary is not None:
        return _is_standby(primary_id, row, seen.primary)
    if row and row.reason is Reason.IS_STANDBY:
        # Once shown as a standby: an answer without its relation, or without its primary, makes it no primary.
        return nothing(primary_id, row, row.reason)
    return _of_another_pair(primary_id, seen, row, settings)


def _is_standby(primary_id: WorkspaceId, row: Row | None, other: Related) -> Decision:
    detail = f"Its primary is {other.id} in {other.region}."
    if row is None or row.reason is Reason.IS_STANDBY:
        return nothing(primary_id, row, Reason.IS_STANDBY, detail)
    # Taken for a primary while its RelatedWorkspaces was still empty.
    return record(primary_id, Status.INELIGIBLE, Reason.IS_STANDBY, detail)


def _of_another_pair(primary_id: WorkspaceId, seen: Workspace, row: Row | None, settings: Settings) -> Decision | None:
    """What is said of a desktop whose directory another pair maps, unless it has, or may have, a standby from here."""
    if row and (row.was_requested or row.claim_key):
        return None
    if seen.directory_id is None or (detail := mapped_elsewhere(seen.directory_id, settings)) is None:
        return None
    if row is None or row.reason is Reason.MAPPED_ELSEWHERE:
        return nothing(primary_id, row, Reason.MAPPED_ELSEWHERE, detail)
    return record(primary_id, Status.INELIGIBLE, Reason.MAPPED_ELSEWHERE, detail)


def _shown_again(
    primary_id: WorkspaceId, seen: Workspace, row: Row, settings: Settings, cause: Cause, now: datetime
) -> Decision:
    """What becomes of a primary that was taken for gone: what it was, or what it would have become since."""
    if seen.standbys:
        return with_standby(primary_id, _the_standby(seen, row), row, settings, now)
    if row.was_requested:
        return Decision(primary_id, Action.LOOK, row.status, row.reason, "It is shown again: is there still a standby?")
    was = row.status_before and dataclasses.replace(
        row, status=row.status_before, reason=row.reason_before or row.reason
    )
    decision = decide(primary_id, seen, was or None, settings, cause, now)
    if was and decision.action is Action.NONE:
        return record(primary_id, was.status, was.reason, "It is shown again.")
    return decision


def _left_behind(
    primary_id: WorkspaceId, seen: Workspace, row: Row, settings: Settings, cause: Cause, now: datetime
) -> Decision:
    """What becomes of one that had failed when its directory was taken out: what it was, once it is mapped again."""
    is_back = changed_mapping(row, settings) is not Reason.MAPPING_REMOVED
    was = dataclasses.replace(row, reason=_reason_of_failure(row))
    decision = decide(primary_id, seen, was, settings, cause, now)
    is_same = (decision.status, decision.reason) == (was.status, was.reason)
    if is_back and decision.action is Action.NONE:
        return record(primary_id, was.status, was.reason, "Its directory is mapped again.")
    if not is_back and is_same:
        return nothing(primary_id, row, row.reason)
    return decision


def _reason_of_failure(row: Row) -> Reason:
    if row.reason_before in (None, Reason.MAPPING_REMOVED):
        return Reason.STANDBY_NOT_READY if row.status is Status.TIMED_OUT else Reason.STANDBY_IN_ERROR
    return row.reason_before


def _the_standby(seen: Workspace, row: Row | None) -> Related:
    """The one that the row knows, as long as it is shown; else the healthiest."""
    known = [one for one in seen.standbys if row and one.id == row.standby_id and one.state not in GONE]
    return known[0] if known else seen.standbys[0]


def with_standby(
    primary_id: WorkspaceId, standby: Related, row: Row | None, settings: Settings, now: datetime
) -> Decision:
    """What a primary's standby, seen in a state, makes of its row."""
    ours = row is not None and (row.was_requested or row.status is Status.CLAIMED)
    where = f"{standby.id} in {standby.region} is {standby.state}."
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
        if ours and row and row.status is Status.REQUESTED and _past(row.deadline_at, now):
            return record(primary_id, Status.TIMED_OUT, Reason.STANDBY_NOT_READY, where)
        if ours:
            return nothing(primary_id, row, Reason.STANDBY_TERMINATING, where)
        return _wait(primary_id, row, Reason.STANDBY_TERMINATING, settings, where)
    if ours and row and row.status is not Status.CLAIMED and _past(row.deadline_at, now):
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


def _claimed(primary_id: WorkspaceId, row: Row, now: datetime) -> Decision:
    if row.claim_expires_at is not None and now < row.claim_expires_at:
        return nothing(primary_id, row, row.reason, "Its claim is still held.")
    if row.due_at is not None and now < row.due_at:
        return nothing(primary_id, row, row.reason)
    return Decision(
        primary_id, Action.LOOK, row.status, row.reason, "The claim ended without a clear answer: is there a standby?"
    )


def _standby_not_seen(primary_id: WorkspaceId, row: Row, settings: Settings, cause: Cause, now: datetime) -> Decision:
    if row.status is Status.REQUESTED and _past(row.deadline_at, now):
        return record(
            primary_id, Status.TIMED_OUT, Reason.STANDBY_NOT_READY, "The primary shows no standby in RelatedWorkspaces."
        )
    if (cause.reopens and row.status in _ASKED_FOR_AGAIN) or _is_made_again(row, settings, cause):
        # A person asks again, or said so once for all: two looks decide, as after any request.
        return Decision(primary_id, Action.LOOK, row.status, row.reason, "Is there still a standby?")
    return nothing(primary_id, row, row.reason, "The primary shows no standby in RelatedWorkspaces now.")


def _is_made_again(row: Row, settings: Settings, cause: Cause) -> bool:
    """Whether a sweep is to have a standby that is gone made again: whoever terminated it, if that is configured."""
    is_wanted = settings.recreate_missing and cause.type == SWEEP and row.status is Status.STANDBY_MISSING
    return is_wanted and changed_mapping(row, settings) is None


def changed_mapping(row: Row, settings: Settings) -> Reason | None:
    """What has become of the mapping that a row was last written under; None if it stands."""
    if row.primary_directory_id is None:
        return None
    mapped = settings.directories.get(row.primary_directory_id)
    if mapped is None:
        return Reason.MAPPING_REMOVED
    if row.dr_directory_id is not None and row.dr_directory_id != mapped.dr_directory:
        return Reason.PARTNER_CHANGED
    return None


def without_standby(
    primary_id: WorkspaceId, seen: Workspace, row: Row | None, settings: Settings, cause: Cause, now: datetime
) -> Decision:
    """What to do with a primary that certainly has no standby."""
    if found := obstacle(seen, settings):
        return record(primary_id, Status.INELIGIBLE, *found)
    verdict = settings.selection.verdict(seen, row.first_seen_at if row else now, now)
    if (excluded := _excluded(primary_id, seen, row, verdict, settings)) is not None:
        return excluded
    if row and _is_left_alone(row, cause, now):
        return nothing(primary_id, row, row.reason)
    if row and not row.status.is_open and not cause.reopens and changed_mapping(row, settings):
        # What was accepted, or held, was so for another partner.
        return record(primary_id, Status.REPORTED, Reason.PARTNER_CHANGED)
    if row and row.reason is Reason.USER_NOT_IN_DR_DIRECTORY and not cause.reopens and not _past(row.due_at, now):
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
    return _wait(primary_id, row, Reason.TAGS_UNKNOWN, settings, due_in=settings.poll_interval, deadline_in=deadline)


def _standing_still(row: Row | None, settings: Settings, now: datetime) -> timedelta | None:
    """The deadline of what does not come nearer to it: None while enough is left.

    It is written again only when half of the time has passed, so that a long wait is not a long history.
    """
    waiting = row is not None and row.status is Status.WAITING and row.deadline_at is not None
    runs_low = not waiting or (row and row.deadline_at and row.deadline_at - now < settings.primary_deadline / 2)
    return settings.primary_deadline if runs_low else None


def is_for_selection(seen: Workspace, settings: Settings) -> bool:
    """Whether a primary has come so far that the selection alone decides: then its rules' tags are asked for."""
    return (
        not (seen.standbys or seen.primary)
        and seen.state in READY
        and is_told_whole(seen)
        and obstacle(seen, settings) is None
    )


def _excluded(
    primary_id: WorkspaceId, seen: Workspace, row: Row | None, verdict: Verdict, settings: Settings
) -> Decision | None:
    """What the selection decides; None if nothing excludes it. What is not known leaves what is excluded as it is."""
    if isinstance(verdict, Excluded):
        return dataclasses.replace(
            record(primary_id, Status.EXCLUDED, verdict.reason, verdict.detail), rule=verdict.rule
        )
    if row is None or row.status is not Status.EXCLUDED:
        return None
    # Logins are asked for in the sweep alone.
    login_unknown = row.reason is Reason.UNUSED and settings.selection.unused is not None and seen.login is None
    if verdict == NOT_KNOWN or login_unknown:
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
    state = f"Its state is {seen.state}."
    if seen.state in DEADLINE_STANDS_STILL:
        deadline = _standing_still(row, settings, now)
        return _wait(primary_id, row, Reason.PRIMARY_PAUSED_BY_SERVICE, settings, state, deadline_in=deadline)
    if row and row.status is Status.WAITING and _past(row.deadline_at, now):
        return record(primary_id, Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, state)
    if row and row.status is Status.TIMED_OUT and row.reason is Reason.PRIMARY_NOT_READY:
        return nothing(primary_id, row, row.reason, state)
    if row and seen.state in READY and not (row.status.is_open or row.status is Status.HELD):
        return nothing(primary_id, row, row.reason, "The answer did not tell all of it.")
    factor = _ENCRYPTED_ROOT_FACTOR if seen.root_encrypted else 1
    reason = Reason.PRIMARY_PENDING if seen.state not in READY and seen.state else Reason.NOT_VISIBLE_YET
    return _wait(primary_id, row, reason, settings, state, due_in=settings.first_look * factor)


def _wait(
    primary_id: WorkspaceId,
    row: Row | None,
    reason: Reason,
    settings: Settings,
    detail: str = "",
    *,
    due_in: timedelta | None = None,
    deadline_in: timedelta | None = None,
) -> Decision:
    waiting = row is not None and row.status is Status.WAITING
    return record(
        primary_id,
        Status.WAITING,
        reason,
        detail,
        due_in=None if waiting else (due_in or settings.first_look),
        deadline_in=deadline_in or (None if waiting else settings.primary_deadline),
    )


def _past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now >= moment
