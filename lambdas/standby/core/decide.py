"""What to do with a primary, decided from what was seen, what the ledger has, and the configuration. Calls nothing.

The one place where it is decided, whoever calls: `protect` for an event, a person or the watcher, `sweep` for a page of
the fleet. What a lookup in the DR directory, or the answer to a request, makes of a row is in `settle.py`.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from standby.core.admission import admit, changed_mapping, is_left_alone, is_shown_there, mapped_elsewhere
from standby.core.change import Case, Change, Effect, say
from standby.core.model import (
    DEADLINE_STANDS_STILL,
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
from standby.core.settings import NOT_KNOWN, not_told, obstacle
from standby.core.upkeep import annotate, fares, uses_pcoip

# While one of these lasts, a lookup in the DR directory comes before a request.
DOUBTS = (Kind.SUCCEEDS, Kind.GIVEN_UP, Kind.DESKTOP_SEEN)
# Of these a person may ask for another standby: it failed, or is gone.
_ASKED_FOR_AGAIN = (*HAD_ONE, Status.STANDBY_MISSING, Status.WAITING)


def decide(case: Case) -> Change:
    """What becomes of a primary after an answer of DescribeWorkspaces, or without a usable one."""
    row = case.row
    if case.fleet is not None and row is not None and row.status.is_open:
        return case.nothing(row.reason)  # the watcher's
    change = _unknown(case, case.seen) if isinstance(case.seen, Unknown) else _by_sight(case)
    change = annotate(case, admit(case, fares(case, change)))
    change = _doubled(case, _sighted(case, change))
    if change.effect is Effect.REQUEST and (why := doubt(case)):
        return case.nothing(row.reason, why) if row and _is_too_soon(row, case.now) else case.look(why)
    if case.fleet is None or case.shown is None:
        return change
    return change.observe(Kind.PCOIP, uses_pcoip(case.shown.protocols), case.now)


def doubt(case: Case) -> str:
    """Why the request for a standby would be in doubt, so that a lookup in the DR directory comes first; empty if not.

    A directory that also holds the standbys of another pair shows them like primaries for as long as their
    RelatedWorkspaces is empty. The rest stands in the row.
    """
    row = case.row
    if case.mapped is not None and case.mapped.mutual:
        return "Its directory holds standbys, too."
    if case.cause.succeeds:
        return "It was migrated."
    found = next((kind for kind in DOUBTS if row and row.has(kind)), None)
    return f"An earlier observation is not settled: {found}." if found else ""


def _is_too_soon(row: Row, now: datetime) -> bool:
    """Whether what came of a request may not show yet: who comes by before it is due looks in vain."""
    is_unseen = row.has(Kind.GIVEN_UP) and row.status is Status.WAITING
    return is_unseen and row.due_at is not None and now < row.due_at


def _sighted(case: Case, change: Change) -> Change:
    """The change, with what a scan of the DR directory has shown of the user: whoever requests it looks there first."""
    if not is_shown_there(case):
        return change
    if change.effect is Effect.REQUEST:
        change = case.wait(Reason.DR_DESKTOP_UNCLEAR, due_in=timedelta(0))
    is_new = change.status in (Status.WAITING, Status.HELD) and change.new is not change.old
    return change.observe(Kind.DESKTOP_SEEN, is_new or None, case.now)


def _doubled(case: Case, change: Change) -> Change:
    """The change, with whether the primary has more than one standby, whoever made them."""
    seen, new = case.shown, change.new
    if seen is None or new is None or change.effect is not Effect.NOTHING:
        return change
    live = [one for one in seen.standbys if one.state not in GONE]
    # The one to keep comes first. That none is shown does not end it, as long as there is one.
    live.sort(key=lambda one: (not one.is_healthy, one.id != new.standby_id, one.id))
    ids = [one.id for one in live]
    fact = len(ids) > 1 if seen.standbys or not new.was_requested else None
    noted = new.observe(Kind.DOUBLED, fact, case.now, note=" ".join(sorted(ids)), notified=True)
    if noted is new:
        return change
    # One notice for it and for what else is wrong, for the one to keep is the healthiest: the rest are to go first.
    message = f"{say(Reason.TWO_STANDBYS)} They are {', '.join(ids)}. {change.message}" if fact else change.message
    return change.having(noted, message)


def without_standby(case: Case) -> Change:
    """What to do with a primary that certainly has no standby."""
    row, seen, settings = case.row, case.shown, case.settings
    assert seen is not None  # noqa: S101 (nothing is certain of what was not seen)
    if found := obstacle(seen, settings):
        return case.record(Status.INELIGIBLE, *found)
    verdict = None if Override.EXCLUDED in case.overrides else settings.selection.verdict(seen)
    if isinstance(verdict, tuple):
        return case.record(Status.EXCLUDED, *verdict)
    if row and row.status is Status.EXCLUDED and verdict == NOT_KNOWN and not case.opens:
        return case.nothing(row.reason)  # what is not known leaves what is excluded as it is
    if is_unassigned(seen.user_name):
        # They share one name: nothing that CreateStandbyWorkspaces or a lookup shows would say whose it is.
        return case.record(Status.INELIGIBLE, Reason.NO_USER, f"It is {seen.name}." if seen.name else "")
    if row and is_left_alone(case):
        return case.nothing(row.reason)
    is_settled = row and not (row.status.is_open or case.cause.reopens or case.is_new_after_all)
    if row and is_settled and changed_mapping(row, settings):
        # What was accepted, or held, was so for another DR directory.
        return case.record(Status.REPORTED, Reason.DR_DIRECTORY_CHANGED)
    is_awaited = row and row.reason is Reason.USER_NOT_IN_DR_DIRECTORY and not past(row.due_at, case.now)
    if row and is_awaited and not case.cause.reopens:
        return case.nothing(row.reason)
    if seen.state not in READY or not_told(seen):
        return _not_ready(case, seen)
    if verdict == NOT_KNOWN:
        return _tags_unknown(case)
    return case.request()


def _unknown(case: Case, why: Unknown) -> Change:
    """What to do when DescribeWorkspaces gave no usable answer: unknown is not gone, so no status changes.

    A primary without a row gets one: the row is the retry. Only one that the service refuses to describe, asked alone,
    until its deadline is given up.
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
        detail = f"DescribeWorkspaces refuses it: {why.code}: {why.message}"
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
    # AWS may go on showing one that is terminated; who asks for another one is not to wait for ever.
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
    """Absence is not a state: an open row gives up only what was absent from every answer for a whole deadline.

    All others are the sweep's, a held one, too: it is asked for only when there is room, and that may be a day apart.
    """
    row, settings = case.row, case.settings
    if row is None or case.is_new_after_all:
        return case.wait(Reason.NOT_VISIBLE_YET).observe(Kind.ABSENT, True, case.now)
    if row.status is Status.CLAIMED and (change := _claimed(case, row)).effect is Effect.LOOK:
        return change
    if not row.status.is_open:
        refused = "Nothing was requested: ask again when DescribeWorkspaces returns it." if case.cause.reopens else ""
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
        detail = f"No answer of DescribeWorkspaces has shown the primary since {to_text(since or case.now)}."
        detail += f" Its standby is {row.standby_id}." if requested and row.standby_id else ""
        return case.record(Status.TIMED_OUT, reason, detail)
    return case.record(row.status, Reason.NOT_VISIBLE_YET).observe(Kind.ABSENT, True, case.now)


def _not_ours(case: Case, seen: Workspace) -> Change | None:
    """What is said of what is no primary of this pair; None of its own."""
    row = case.row
    if seen.primary is not None:
        detail = f"Its primary is {seen.primary.id} in {seen.primary.region}."
        if row is None or row.reason is Reason.IS_STANDBY:
            return case.nothing(Reason.IS_STANDBY, detail)
        # Taken for a primary while its RelatedWorkspaces was still empty.
        return case.record(Status.INELIGIBLE, Reason.IS_STANDBY, detail)
    if row and row.reason is Reason.IS_STANDBY:
        # Once shown as a standby: an answer without its relation, or without its primary, makes it no primary.
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
    """What is said of a primary that is shown on its way out. None: it is not known yet what it leaves behind."""
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
    """What becomes of a primary that was taken for gone: what it was, or what it would have become since."""
    if seen.standbys:
        return with_standby(case, the_standby(seen, row))
    if row.was_requested:
        return case.look("It is shown again: is there still a standby?")
    status, _, reason = (row.note(Kind.GONE) or "").partition(" ")
    was = dataclasses.replace(row, status=Status(status), reason=Reason(reason)) if reason else None
    change = _by_sight(dataclasses.replace(case, row=was))
    if was and change.is_nothing:
        return case.record(was.status, was.reason, "It is shown again.")
    # Made from what it was, written over what it is.
    return dataclasses.replace(change, old=row) if was else _anew(case, change)


def _anew(case: Case, change: Change) -> Change:
    """A change that was decided as if there were no row, for the row that there is."""
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
    """What becomes of one that had failed when its directory was taken out: what it was, once it is mapped again."""
    is_back = changed_mapping(row, case.settings) is not Reason.MAPPING_REMOVED
    ended = Reason.STANDBY_NOT_READY if row.status is Status.TIMED_OUT else Reason.STANDBY_IN_ERROR
    was = dataclasses.replace(row, reason=Reason(row.note(Kind.UNMAPPED) or ended))
    change = _by_sight(dataclasses.replace(case, row=was))
    if is_back and change.is_nothing:
        return case.record(was.status, was.reason, "Its directory is mapped again.")
    if not is_back and (change.is_nothing or (change.status, change.reason) == (was.status, was.reason)):
        return case.nothing(row.reason)
    return dataclasses.replace(change, old=row)


# It has a standby, or a request is under way


def the_standby(seen: Workspace, row: Row | None) -> Related:
    """The one that the row knows, as long as it is shown; else the healthiest."""
    known = [one for one in seen.standbys if row and one.id == row.standby_id and one.state not in GONE]
    return known[0] if known else seen.standbys[0]


def with_standby(case: Case, standby: Related) -> Change:
    """What a primary's standby, seen in a state, makes of its row."""
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
        # It was ready once; how a standby fares afterwards is the sweep's to say, and a reboot takes no cover away.
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
        return case.nothing(row.reason, "Its claim is still held.")
    if row.due_at is not None and case.now < row.due_at:
        return case.nothing(row.reason)
    return case.look("The claim ended without a clear answer: is there a standby?")


def _standby_not_seen(case: Case, row: Row) -> Change:
    is_late = row.status is Status.REQUESTED and past(row.deadline_at, case.now)
    if is_late and not case.is_asked:
        detail = f"The primary shows no standby in RelatedWorkspaces; it is {row.standby_id or 'of unknown id'}."
        return case.record(Status.TIMED_OUT, Reason.STANDBY_NOT_READY, detail)
    # Whoever terminated it, if that is configured.
    is_wanted = case.settings.recreate_missing and case.cause.type == SWEEP and row.status is Status.STANDBY_MISSING
    is_made_again = is_wanted and changed_mapping(row, case.settings) is None
    if (case.is_asked and (is_late or row.status in _ASKED_FOR_AGAIN)) or is_made_again:
        # A person asks again, or said so once for all: two lookups decide, as after any request.
        return case.look("Is there still a standby?")
    return case.nothing(row.reason, "The primary shows no standby in RelatedWorkspaces now.")


# It has none


def _tags_unknown(case: Case) -> Change:
    """What is open waits, however long it takes; all else stays as it is."""
    if case.row and not (case.row.status.is_open or case.opens):
        return case.nothing(Reason.TAGS_UNKNOWN)
    return case.wait(Reason.TAGS_UNKNOWN, due_in=case.settings.poll_interval, deadline_in=_standing_still(case))


def _standing_still(case: Case) -> timedelta | None:
    """The deadline of what does not come nearer to it: None while enough is left.

    It is written again only when half of the time has passed, so that a long wait is not a long history.
    """
    row, patience = case.row, case.settings.primary_deadline
    if row is None or row.status is not Status.WAITING or row.deadline_at is None:
        return patience
    return patience if row.deadline_at - case.now < patience / 2 else None


def _not_ready(case: Case, seen: Workspace) -> Change:
    row, settings = case.row, case.settings
    state = f"Its state is {seen.state or 'not told'}."
    if seen.state in READY:
        state = f"{state} {not_told(seen)}"
    if seen.state in DEADLINE_STANDS_STILL:
        return case.wait(Reason.PRIMARY_PAUSED_BY_SERVICE, state, deadline_in=_standing_still(case))
    if row and row.status is Status.WAITING and past(row.deadline_at, case.now):
        return case.record(Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, state)
    if row and row.status is Status.TIMED_OUT and row.reason is Reason.PRIMARY_NOT_READY:
        return case.nothing(row.reason, state)
    is_awaited = row is None or row.status.is_pending or case.opens
    if row and seen.state in READY and not is_awaited:
        return case.nothing(row.reason, not_told(seen))
    # A WorkSpace takes ~20 minutes, one with an encrypted root volume up to an hour.
    factor = 3 if seen.root_encrypted else 1
    reason = Reason.PRIMARY_PENDING if seen.state not in READY and seen.state else Reason.NOT_VISIBLE_YET
    return case.wait(reason, state, due_in=settings.first_look * factor)
