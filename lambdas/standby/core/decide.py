"""Decides what to do with a primary, from what AWS returned, the ledger's row and the configuration. Calls nothing.

This is the only place for these decisions: `protect` uses it for an event, a person or the watcher, `sweep` for a page
of the fleet. What follows a lookup in the DR directory, or the answer to a request, is in `settle.py`.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from standby.core.admission import admit, changed_mapping, is_left_alone, is_shown_there, mapped_elsewhere
from standby.core.change import Case, Change, Effect, say
from standby.core.model import (
    DEADLINE_PAUSED,
    GONE,
    HAD_ONE,
    READY,
    SWEEP,
    UNWELL_STANDBY,
    Override,
    Related,
    Status,
    Unknown,
    Workspace,
    is_unassigned,
    past,
    to_text,
)
from standby.core.orphans import orphaned
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.core.settings import NOT_KNOWN, not_returned, obstacle
from standby.core.upkeep import annotate, fares, uses_pcoip

# While one of these lasts, a lookup in the DR directory comes before a request.
DOUBTS = (Kind.SUCCEEDS, Kind.GIVEN_UP, Kind.DESKTOP_SEEN)
# In these statuses a person may ask for another standby: the last one failed, or is gone.
_ASKED_FOR_AGAIN = (*HAD_ONE, Status.STANDBY_MISSING, Status.WAITING)


def decide(case: Case) -> Change:
    """The change of a primary after an answer of DescribeWorkspaces, or without a usable answer."""
    row = case.row
    if case.fleet is not None and row is not None and row.status.is_open:
        return case.nothing(row.reason)  # open rows are the watcher's
    change = _unknown(case, case.seen) if isinstance(case.seen, Unknown) else _by_sight(case)
    change = annotate(case, admit(case, fares(case, change)))
    change = _doubled(case, _sighted(case, change))
    if change.effect is Effect.REQUEST and (why := doubt(case)):
        return case.nothing(row.reason, why) if row and _is_too_soon(row, case.now) else case.lookup(why)
    if case.fleet is None or case.shown is None:
        return change
    return change.observe(Kind.PCOIP, uses_pcoip(case.shown.protocols), case.now)


def doubt(case: Case) -> str:
    """Why a request for a standby is in doubt, so that a lookup in the DR directory comes first; empty if it is not.

    A directory that also holds the standbys of another pair returns them like primaries while their RelatedWorkspaces
    is empty. Other doubts are conditions of the row.
    """
    row = case.row
    if case.mapped is not None and case.mapped.mutual:
        return "The directory also holds standbys of another pair. A lookup comes before the request."
    if case.cause.succeeds:
        return "The WorkSpace was migrated. A lookup comes before the request."
    found = next((kind for kind in DOUBTS if row and row.has(kind)), None)
    return f"The condition {found} lasts. A lookup comes before the request." if found else ""


def _is_too_soon(row: Row, now: datetime) -> bool:
    """Whether the result of an earlier request may not be listed yet: a lookup before the row is due finds nothing."""
    is_unseen = row.has(Kind.GIVEN_UP) and row.status is Status.WAITING
    return is_unseen and row.due_at is not None and now < row.due_at


def _sighted(case: Case, change: Change) -> Change:
    """The change, with DESKTOP_SEEN if a scan found a desktop of the user in the DR directory: a lookup comes first."""
    if not is_shown_there(case):
        return change
    if change.effect is Effect.REQUEST:
        change = case.wait(Reason.DR_DESKTOP_UNCLEAR, due_in=timedelta(0))
    is_new = change.status in (Status.WAITING, Status.HELD) and change.new is not change.old
    return change.observe(Kind.DESKTOP_SEEN, is_new or None, case.now)


def _doubled(case: Case, change: Change) -> Change:
    """The change, with the condition whether the primary has more than one standby, whoever created them."""
    seen, new = case.shown, change.new
    if seen is None or new is None or change.effect is not Effect.NOTHING:
        return change
    live = [one for one in seen.standbys if one.state not in GONE]
    # The standby to keep comes first. An answer without standbys does not end the condition while there is one.
    live.sort(key=lambda one: (not one.is_healthy, one.id != new.standby_id, one.id))
    ids = [one.id for one in live]
    fact = len(ids) > 1 if seen.standbys or not new.was_requested else None
    noted = new.observe(Kind.DOUBLED, fact, case.now, note=" ".join(sorted(ids)), notified=True)
    if noted is new:
        return change
    # One notice for this and for any other problem: the standby to keep is the healthiest, the others go first.
    message = f"{say(Reason.TWO_STANDBYS)} Standbys: {', '.join(ids)}. {change.message}" if fact else change.message
    return change.having(noted, message)


def without_standby(case: Case) -> Change:
    """The change of a primary that certainly has no standby."""
    row, seen, settings = case.row, case.shown, case.settings
    assert seen is not None  # noqa: S101 (only a WorkSpace that was returned is certain)
    if found := obstacle(seen, settings):
        return case.record(Status.INELIGIBLE, *found)
    verdict = None if Override.EXCLUDED in case.overrides else settings.selection.verdict(seen)
    if isinstance(verdict, tuple):
        return case.record(Status.EXCLUDED, *verdict)
    if row and row.status is Status.EXCLUDED and verdict == NOT_KNOWN and not case.opens:
        return case.nothing(row.reason)  # unknown tags leave an excluded primary as it is
    if is_unassigned(seen.user_name):
        # They share one user name: no answer of CreateStandbyWorkspaces or of a lookup would say whose standby it is.
        return case.record(Status.INELIGIBLE, Reason.NO_USER, f"Its name is {seen.name}." if seen.name else "")
    if row and is_left_alone(case):
        return case.nothing(row.reason)
    is_settled = row and not (row.status.is_open or case.cause.reopens or case.is_new_after_all)
    if row and is_settled and changed_mapping(row, settings):
        # The acceptance, or the hold, was for another DR directory.
        return case.record(Status.REPORTED, Reason.DR_DIRECTORY_CHANGED)
    is_awaited = row and row.reason is Reason.USER_NOT_IN_DR_DIRECTORY and not past(row.due_at, case.now)
    if row and is_awaited and not case.cause.reopens:
        return case.nothing(row.reason)
    if seen.state not in READY or not_returned(seen):
        return _not_ready(case, seen)
    if verdict == NOT_KNOWN:
        return _tags_unknown(case)
    return case.request()


def _unknown(case: Case, why: Unknown) -> Change:
    """The change if DescribeWorkspaces gave no usable answer: unknown is not gone, so no status changes.

    A primary without a row gets one: the row is the retry. A primary is given up only if the service refuses to
    describe it, in a call for it alone, until its deadline.
    """
    row, error = case.row, (why.code, why.message)
    if row is None or case.opens:
        return case.record(
            Status.WAITING,
            Reason.DESCRIBE_FAILED,
            due_in=case.settings.poll_interval,
            deadline_in=case.settings.primary_deadline,
            error=error,
        )
    if why.refused_alone and row.status is Status.WAITING and past(row.deadline_at, case.now):
        detail = f"DescribeWorkspaces refused the id: {why.code}: {why.message}"
        if row.primary_state is None and not row.was_requested:
            return case.record(Status.PRIMARY_GONE, Reason.NEVER_RETURNED, detail, error=error)
        return case.record(Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, detail, error=error)
    return case.nothing(Reason.DESCRIBE_FAILED, f"{why.code}: {why.message}")


def _by_sight(case: Case) -> Change:
    row, seen = case.row, case.shown
    if seen is None:
        return _absent(case)
    if change := _not_ours(case, seen):
        return change
    if seen.state in GONE and (gone := _going(case, seen)):
        return gone
    if row and row.status is Status.PRIMARY_GONE and seen.state not in GONE:
        return _shown_again(case, seen, row)
    if row and row.reason is Reason.MAPPING_REMOVED and row.status in (Status.FAILED, Status.TIMED_OUT):
        return _left_behind(case, row)
    # AWS may continue to return a terminated standby; a person who asks for another one must not wait forever.
    is_over = case.is_asked and all(one.state == "TERMINATED" for one in seen.standbys)
    if seen.standbys and not (row and is_over):
        return with_standby(case, the_standby(seen, row))
    if row and row.status is Status.CLAIMED:
        return _claimed(case, row)
    if row and row.was_requested:
        return _standby_not_seen(case, row)
    return without_standby(case)


# The primary is not there, or is not one of ours


def _absent(case: Case) -> Change:
    """The change if the primary was not returned. An open row ends only if it was absent for a whole deadline.

    All other rows are left to the sweep. That includes held rows: they are described only when there is room, which can
    be a day apart.
    """
    row, settings = case.row, case.settings
    if row is None or case.is_new_after_all:
        return case.wait(Reason.NOT_VISIBLE_YET).observe(Kind.ABSENT, True, case.now)
    if row.status is Status.CLAIMED and (change := _claimed(case, row)).effect is Effect.LOOKUP:
        return change
    if not row.status.is_open:
        refused = (
            "No standby was requested. Ask again when DescribeWorkspaces returns the WorkSpace."
            if case.cause.reopens
            else ""
        )
        return case.nothing(Reason.NOT_VISIBLE_YET, refused)
    requested = row.status is Status.REQUESTED
    patience = settings.standby_deadline if requested else settings.primary_deadline
    since = row.since(Kind.ABSENT)
    if row.status is not Status.CLAIMED and past(since, case.now - patience):
        if row.migrated_from and row.primary_state not in READY:
            return case.record(Status.PRIMARY_GONE, Reason.MIGRATION_FAILED, f"The original is {row.migrated_from}.")
        if row.primary_state is None and not requested:
            return case.record(Status.PRIMARY_GONE, Reason.NEVER_RETURNED)
        reason = Reason.STANDBY_NOT_READY if requested else Reason.PRIMARY_NOT_READY
        detail = f"DescribeWorkspaces has not returned the primary since {to_text(since or case.now)}."
        detail += f" Its standby is {row.standby_id}." if requested and row.standby_id else ""
        return case.record(Status.TIMED_OUT, reason, detail)
    return case.record(row.status, Reason.NOT_VISIBLE_YET).observe(Kind.ABSENT, True, case.now)


def _not_ours(case: Case, seen: Workspace) -> Change | None:
    """The change of a WorkSpace that is not a primary of this pair; None if it is one."""
    row = case.row
    if seen.primary is not None:
        detail = f"Its primary is {seen.primary.id} in {seen.primary.region}."
        if row is None or row.reason is Reason.IS_STANDBY:
            return case.nothing(Reason.IS_STANDBY, detail)
        # It counted as a primary while its RelatedWorkspaces was still empty.
        return case.record(Status.INELIGIBLE, Reason.IS_STANDBY, detail)
    if row and row.reason is Reason.IS_STANDBY:
        # It was returned as a standby once: an answer without the relation does not make it a primary.
        return case.nothing(row.reason)
    if row and (row.was_requested or row.claim_key):
        return None
    where = mapped_elsewhere(seen.directory_id, case.settings) if seen.directory_id else None
    if where is None:
        return None
    if row is None or row.reason is Reason.MAPPED_ELSEWHERE:
        return case.nothing(Reason.MAPPED_ELSEWHERE, where)
    return case.record(Status.INELIGIBLE, Reason.MAPPED_ELSEWHERE, where)


def _going(case: Case, seen: Workspace) -> Change | None:
    """The change of a primary that is being terminated; None if it is not known yet whether it leaves a standby."""
    row = case.row
    standby = next((one for one in seen.standbys if one.state not in GONE), None)
    if standby is None and row and row.status is Status.PRIMARY_GONE:
        return case.nothing(row.reason)
    if standby or (row and row.standby_id):
        return orphaned(case, standby, seen.compute_type)
    if seen.standbys or (row and row.may_have_standby):
        return None
    return case.record(Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED, f"Its state is {seen.state}.")


def _shown_again(case: Case, seen: Workspace, row: Row) -> Change:
    """The change of a primary that counted as gone and reappears: its previous status, or what follows from it."""
    if seen.standbys:
        return with_standby(case, the_standby(seen, row))
    if row.was_requested:
        return case.lookup(
            "DescribeWorkspaces returns the primary again. A lookup checks whether there is still a standby."
        )
    status, _, reason = (row.note(Kind.GONE) or "").partition(" ")
    was = dataclasses.replace(row, status=Status(status), reason=Reason(reason)) if reason else None
    change = _by_sight(dataclasses.replace(case, row=was))
    if was and change.is_nothing:
        return case.record(was.status, was.reason, "DescribeWorkspaces returns the primary again.")
    # The change is made from the previous state and written over the present one.
    return dataclasses.replace(change, old=row) if was else _anew(case, change)


def _anew(case: Case, change: Change) -> Change:
    """A change that was decided as if there were no row, applied to the row that exists."""
    if change.new is None or case.row is None:
        return dataclasses.replace(change, old=case.row, new=case.row)
    row = case.row
    new = dataclasses.replace(
        change.new,
        first_seen_at=row.first_seen_at,
        protected_at=row.protected_at or change.new.protected_at,
        existing=row.existing or change.new.existing,
    )
    return dataclasses.replace(change, old=case.row, new=new)


def _left_behind(case: Case, row: Row) -> Change:
    """The change of a failed primary whose directory was removed: its previous reason if it is mapped again."""
    is_back = changed_mapping(row, case.settings) is not Reason.MAPPING_REMOVED
    ended = Reason.STANDBY_NOT_READY if row.status is Status.TIMED_OUT else Reason.STANDBY_IN_ERROR
    was = dataclasses.replace(row, reason=Reason(row.note(Kind.UNMAPPED) or ended))
    change = _by_sight(dataclasses.replace(case, row=was))
    if is_back and change.is_nothing:
        return case.record(was.status, was.reason, "The directory is mapped again.")
    if not is_back and (change.is_nothing or (change.status, change.reason) == (was.status, was.reason)):
        return case.nothing(row.reason)
    return dataclasses.replace(change, old=row)


# It has a standby, or a request is under way


def the_standby(seen: Workspace, row: Row | None) -> Related:
    """The standby that the row names, if it is returned; else the healthiest."""
    known = [one for one in seen.standbys if row and one.id == row.standby_id and one.state not in GONE]
    return known[0] if known else seen.standbys[0]


def with_standby(case: Case, standby: Related) -> Change:
    """The next state of a primary whose standby was returned in some state."""
    row, settings, where = case.row, case.settings, standby.described
    ours = row is not None and row.may_have_standby
    is_made_here = row is not None and (ours or row.has(Kind.GIVEN_UP)) and row.reason is not Reason.ADOPTED
    is_late = ours and row is not None and past(row.deadline_at, case.now)
    if standby.is_healthy:
        reason = Reason.STANDBY_READY if is_made_here else Reason.ADOPTED
        reason = (row and changed_mapping(row, settings)) or reason
        return case.record(Status.PROTECTED, reason, where, standby=standby).observe(Kind.UNWELL, False, case.now)
    is_asked_again = case.is_asked and row is not None and row.status in (*_ASKED_FOR_AGAIN, Status.REQUESTED)
    if standby.state in GONE and ours and is_asked_again:
        return case.wait(Reason.STANDBY_TERMINATING, where)
    if row and (row.status is Status.PROTECTED or row.reason is Reason.STANDBY_UNHEALTHY):
        # It was ready once. The sweep judges a standby's health afterwards, and a reboot does not end the protection.
        return case.nothing(Reason.STANDBY_READY if row.status is Status.PROTECTED else row.reason, where)
    was_unwell = row is not None and row.status is Status.WAITING and row.has(Kind.UNWELL)
    if standby.state == "ERROR" or (was_unwell and standby.state in UNWELL_STANDBY):
        reason = Reason.STANDBY_UNHEALTHY if was_unwell else Reason.STANDBY_IN_ERROR
        return case.record(Status.FAILED, reason, where, standby=standby)
    if standby.state in GONE:
        if row and row.status is Status.REQUESTED and is_late:
            return case.record(Status.TIMED_OUT, Reason.STANDBY_NOT_READY, where)
        if ours:
            return case.nothing(Reason.STANDBY_TERMINATING, where)
        return case.wait(Reason.STANDBY_TERMINATING, where).observe(Kind.DESKTOP_SEEN, False, case.now)
    if row and row.status is not Status.CLAIMED and is_late:
        return case.record(Status.TIMED_OUT, Reason.STANDBY_NOT_READY, where, standby=standby)
    if row and row.status in (Status.TIMED_OUT, Status.FAILED) and ours:
        return case.nothing(row.reason, where)
    fresh = row is None or row.status is not Status.REQUESTED
    return case.record(
        Status.REQUESTED,
        Reason.STANDBY_STARTING if is_made_here else Reason.ADOPTED,
        where,
        standby=standby,
        due_in=settings.poll_interval if fresh else None,
        deadline_in=settings.standby_deadline if fresh else None,
    )


def _claimed(case: Case, row: Row) -> Change:
    if row.claim_expires_at is not None and case.now < row.claim_expires_at:
        return case.nothing(row.reason, "The claim is still held.")
    if row.due_at is not None and case.now < row.due_at:
        return case.nothing(row.reason)
    return case.lookup("The claim ended without a clear answer. A lookup checks whether there is a standby.")


def _standby_not_seen(case: Case, row: Row) -> Change:
    is_late = row.status is Status.REQUESTED and past(row.deadline_at, case.now)
    if is_late and not case.is_asked:
        detail = f"The primary's RelatedWorkspaces has no standby. The standby is {row.standby_id or 'of unknown id'}."
        return case.record(Status.TIMED_OUT, Reason.STANDBY_NOT_READY, detail)
    # If recreate_missing is set, it does not matter who terminated the standby.
    is_wanted = case.settings.recreate_missing and case.cause.type == SWEEP and row.status is Status.STANDBY_MISSING
    is_made_again = is_wanted and changed_mapping(row, case.settings) is None
    if (case.is_asked and (is_late or row.status in _ASKED_FOR_AGAIN)) or is_made_again:
        # A person asks again, or has configured it: two lookups decide, as after any request.
        return case.lookup("A lookup checks whether there is still a standby.")
    return case.nothing(row.reason, "The primary's RelatedWorkspaces has no standby now.")


# It has none


def _tags_unknown(case: Case) -> Change:
    """An open row waits for as long as it takes; any other row stays as it is."""
    if case.row and not (case.row.status.is_open or case.opens):
        return case.nothing(Reason.TAGS_UNKNOWN)
    return case.wait(Reason.TAGS_UNKNOWN, due_in=case.settings.poll_interval, deadline_in=_paused_deadline(case))


def _paused_deadline(case: Case) -> timedelta | None:
    """The deadline of a row whose deadline is paused; None while enough of it is left.

    It is written again only when half of the time has passed, so that a long wait does not make a long history.
    """
    row, patience = case.row, case.settings.primary_deadline
    if row is None or row.status is not Status.WAITING or row.deadline_at is None:
        return patience
    return patience if row.deadline_at - case.now < patience / 2 else None


def _not_ready(case: Case, seen: Workspace) -> Change:
    row, settings = case.row, case.settings
    state = f"Its state is {seen.state or 'not known'}."
    if seen.state in READY:
        state = f"{state} {not_returned(seen)}"
    if seen.state in DEADLINE_PAUSED:
        return case.wait(Reason.PRIMARY_PAUSED_BY_SERVICE, state, deadline_in=_paused_deadline(case))
    if row and row.status is Status.WAITING and past(row.deadline_at, case.now):
        return case.record(Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, state)
    if row and row.status is Status.TIMED_OUT and row.reason is Reason.PRIMARY_NOT_READY:
        return case.nothing(row.reason, state)
    is_awaited = row is None or row.status.is_pending or case.opens
    if row and seen.state in READY and not is_awaited:
        return case.nothing(row.reason, not_returned(seen))
    # A WorkSpace takes ~20 minutes, one with an encrypted root volume up to an hour.
    factor = 3 if seen.root_encrypted else 1
    reason = Reason.PRIMARY_PENDING if seen.state not in READY and seen.state else Reason.NOT_VISIBLE_YET
    return case.wait(reason, state, due_in=settings.first_look * factor)
