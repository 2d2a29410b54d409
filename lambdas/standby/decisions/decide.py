"""What to do with a primary, decided from what was seen, what the ledger has, and the configuration. Calls nothing."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from standby.clock import past, to_text
from standby.decisions.covered import the_standby, with_standby
from standby.decisions.decision import Action, Decision, nothing, record, wait
from standby.decisions.gone import going
from standby.decisions.mappings import changed_mapping, mapped_elsewhere
from standby.decisions.uncovered import without_standby
from standby.model import GONE, SWEEP, Cause, Related, Status, Unknown, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings

# Of these a person may ask for another standby: it failed, or is gone.
_ASKED_FOR_AGAIN = (Status.FAILED, Status.TIMED_OUT, Status.PROTECTED, Status.STANDBY_MISSING)


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
        return with_standby(primary_id, the_standby(seen, row), row, settings, now)
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
    if why.refused_alone and row.status is Status.WAITING and past(row.deadline_at, now):
        detail = f"DescribeWorkspaces refuses it: {why.code}: {why.message}"
        return record(primary_id, Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, detail, error=error)
    return nothing(primary_id, row, Reason.DESCRIBE_FAILED, f"{why.code}: {why.message}")


def continued(decision: Decision, row: Row | None, cause: Cause) -> Decision:
    """What a migrated WorkSpace gets if its predecessor was only reported: neither is it new before it is accepted."""
    is_undecided = row is None or row.status in (Status.WAITING, Status.REPORTED)
    wants_one = decision.action is Action.REQUEST or decision.status is Status.WAITING
    if not (cause.continues_fleet and is_undecided and wants_one):
        return decision
    if row and row.status is Status.REPORTED:
        return nothing(row.primary_id, row, row.reason)
    detail = f"It was migrated from {cause.migrated_from}."
    return record(decision.primary_id, Status.REPORTED, Reason.EXISTING_FLEET, detail)


def _absent(primary_id: WorkspaceId, row: Row | None, settings: Settings, now: datetime) -> Decision:
    """Absence is not a state: an open row gives up only what was absent from every answer for a whole deadline.

    All others are the sweep's, a held one, too: it is asked for only when there is room, and that may be a day apart.
    """
    if row is None:
        return wait(primary_id, row, Reason.NOT_VISIBLE_YET, settings)
    if row.status is Status.CLAIMED and (decision := _claimed(primary_id, row, now)).action is Action.LOOK:
        return decision
    if not row.status.is_open:
        return nothing(primary_id, row, Reason.NOT_VISIBLE_YET)
    requested = row.status is Status.REQUESTED
    patience = settings.standby_deadline if requested else settings.primary_deadline
    if row.status is not Status.CLAIMED and past(row.absent_since, now - patience):
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
        return with_standby(primary_id, the_standby(seen, row), row, settings, now)
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


def _claimed(primary_id: WorkspaceId, row: Row, now: datetime) -> Decision:
    if row.claim_expires_at is not None and now < row.claim_expires_at:
        return nothing(primary_id, row, row.reason, "Its claim is still held.")
    if row.due_at is not None and now < row.due_at:
        return nothing(primary_id, row, row.reason)
    return Decision(
        primary_id, Action.LOOK, row.status, row.reason, "The claim ended without a clear answer: is there a standby?"
    )


def _standby_not_seen(primary_id: WorkspaceId, row: Row, settings: Settings, cause: Cause, now: datetime) -> Decision:
    if row.status is Status.REQUESTED and past(row.deadline_at, now):
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
