"""The next state of a row after a claim, after the answer to its request, and after a lookup in the DR directory. Pure.

If it is known that nothing was created, the claim is released. If the answer is unclear, the claim is kept. If a
standby was created, the claim is kept permanently. After an unclear request, only two complete lookups that find
nothing (in the primary's RelatedWorkspaces and in the DR directory) prove that nothing was created.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from standby.core.change import NO_STANDBY, Case, Change
from standby.core.decide import with_standby, without_standby
from standby.core.model import GONE, Lookup, Status, WorkspaceId, as_standby, day_of, past
from standby.core.outcomes import Created, Pending, Refusal, Refused, Unclear
from standby.core.reasons import Reason
from standby.core.row import OF_A_STANDBY, Kind, Row, claim_key

# Longer than the slowest call that may be under way (connect 5 s, answer 30 s), with room for a batch of claims.
LEASE = timedelta(seconds=120)
# The minimum time between two lookups that find nothing, however short the poll interval is. It is longer than a call
# that is still in progress when its caller's lease ends by a clock that runs ahead.
LEAST_GAP = timedelta(seconds=60)
# Complete lookups that must find nothing before it counts as proven that nothing was created.
LOOKUPS_NEEDED = 2
# The deciding lookup counts this many times `first_look` after the request: a new WorkSpace needs time to be listed.
SHOWS_AFTER = 1
# After this time without a clear answer, a person has to act.
UNCLEAR_AT_MOST = timedelta(hours=24)
# A desktop that was seen is noted again only after this time, so that a long wait does not make a long history.
SIGHTING_COUNTS_ANEW = timedelta(minutes=30)
# A Region that is down is called again after this many polls: each try writes two events for a row.
UNREACHABLE_POLLS = 3
# Refusals that apply to a directory, or to the whole pair, and not to one desktop.
OF_A_DIRECTORY = {Refusal.DIRECTORY: Reason.DIRECTORY_REFUSED, Refusal.DENIED: Reason.ACCESS_DENIED}
HOLDS = {Refusal.QUOTA: Reason.QUOTA_REACHED, **OF_A_DIRECTORY}
USER_RETRY = timedelta(minutes=30)
USER_DEADLINE = timedelta(hours=24)  # directories lag behind new hires


def claim(case: Case) -> Row:
    """The row of a primary whose standby is about to be requested: claimed, and counted for today.

    Raises
    ------
    ValueError
        The directory or the user of the primary is not known.
    """
    new = case.record(Status.CLAIMED, Reason.CLAIM_TAKEN, due_in=LEASE, deadline_in=_deadline_if_none(case)).new
    mapped = case.settings.directories.get(new.primary_directory_id) if new and new.primary_directory_id else None
    if new is None or mapped is None or new.user_name is None:
        raise ValueError(f"{case.id} cannot be claimed without its directory and user")
    claimed = dataclasses.replace(
        new,
        dr_directory_id=mapped.dr_directory,  # where the new standby will be, wherever the last one was
        claim_key=claim_key(mapped.dr_directory, new.user_name),
        claim_expires_at=case.now + LEASE,
        counted_day=day_of(case.now),
        changed_at=case.now,
        **NO_STANDBY,
    )
    return claimed.without(Kind.NOTHING_SEEN, Kind.GIVEN_UP, *OF_A_STANDBY)


def give_back(case: Case, reason: Reason, *, error: tuple[str, str] | None = None, polls: int = 1) -> Change:
    """Nothing was created: the claim is released, and the primary waits `polls` poll intervals for the next try."""
    due_in = case.settings.poll_interval * polls
    return case.record(Status.WAITING, reason, due_in=due_in, deadline_in=_deadline_if_none(case), error=error)


def give_up(case: Case, reason: Reason, *, error: tuple[str, str] | None = None) -> Change:
    """The claim is released although the request may have taken effect: a throttle does not prove that it had none.

    A lookup comes before the next request, after a new WorkSpace has had time to be listed.
    """
    due_in = max(case.settings.poll_interval, case.settings.first_look * SHOWS_AFTER)
    change = case.record(Status.WAITING, reason, due_in=due_in, deadline_in=_deadline_if_none(case), error=error)
    return change.observe(Kind.GIVEN_UP, True, case.now)


def leave(case: Case, *, is_unreachable: bool) -> Change:
    """Leave the primary to the next round, because time is up or the DR Region did not answer. The row is the retry."""
    row = case.row
    if row is not None and (row.status.is_open or (row.was_requested and not case.opens)):
        return case.nothing(row.reason, "It is left to the next round.")
    return give_back(case, Reason.CREATE_UNREACHABLE if is_unreachable else Reason.READY)


def settle(case: Case, outcome: Created) -> Change:
    """The next state of a claimed primary after the answer to its request; a lookup if the user already has one."""
    match outcome:
        case Pending(standby_id, state):
            return _created(case, standby_id, state)
        case Unclear(code, message):
            # Due from the next poll on: a standby that appears is adopted at once. That there is none is not concluded
            # before the lease has ended.
            poll = case.settings.poll_interval
            change = case.record(Status.CLAIMED, Reason.REQUEST_UNCERTAIN, due_in=poll, error=(code, message))
            return change.observe(Kind.UNCLEAR, True, case.now)
        case Refused():
            return _refused(case, outcome)


def _created(case: Case, standby_id: WorkspaceId, state: str | None) -> Change:
    change = case.record(
        Status.REQUESTED,
        Reason.CREATE_ACCEPTED,
        f"The standby is {standby_id}.",
        standby=as_standby(standby_id, case.settings.dr_region, state),
        due_in=case.settings.first_look,
        deadline_in=case.settings.standby_deadline,
    )
    return change.having(dataclasses.replace(change.new, requested_at=case.now)) if change.new else change


def _refused(case: Case, refused: Refused) -> Change:
    error = (refused.code, refused.message)
    match refused.kind:
        case Refusal.THROTTLED:
            return give_up(case, Reason.CREATE_THROTTLED, error=error)
        case Refusal.UNREACHABLE:
            return give_back(case, Reason.CREATE_UNREACHABLE, error=error, polls=UNREACHABLE_POLLS)
        case Refusal.STATE:
            if case.row and past(case.row.deadline_at, case.now):
                return case.record(Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, error[1], error=error)
            return give_back(case, Reason.STATE_REFUSED, error=error)
        case Refusal.QUOTA | Refusal.DIRECTORY | Refusal.DENIED:
            return case.record(Status.HELD, HOLDS[refused.kind], refused.message, error=error)
        case Refusal.USER_MISSING:
            return _user_missing(case, error)
        case Refusal.EXISTS:
            return case.lookup("The user has a desktop in the DR directory. A lookup checks whether it is the standby.")
        case Refusal.OTHER | Refusal.INTERNAL:
            detail = f"{refused.code}: {refused.message}{_key_named(case)}"
            return case.record(Status.REJECTED, Reason.SERVICE_REFUSED, detail, error=error)


def _key_named(case: Case) -> str:
    """The key of an encrypted primary: it may be the cause of a refusal, and only a person can check who manages it."""
    key = case.shown.volume_encryption_key if case.shown and case.shown.is_encrypted else None
    may_be = "If this is the AWS managed key (alias aws/workspaces), AWS cannot create a standby."
    return f" The primary's volumes are encrypted with {key}. {may_be}" if key else ""


def _user_missing(case: Case, error: tuple[str, str]) -> Change:
    first = case.row.since(Kind.USER_MISSING) if case.row else None
    if first is not None and case.now - first >= USER_DEADLINE:
        return case.record(Status.REJECTED, Reason.USER_NOT_FOUND, error=error)
    change = case.record(
        Status.WAITING,
        Reason.USER_NOT_IN_DR_DIRECTORY,
        due_in=USER_RETRY,
        deadline_in=None if first is not None else USER_DEADLINE,
        error=error,
    )
    return change.observe(Kind.USER_MISSING, True, case.now)


def after_exists(case: Case, lookup: Lookup, refused: Refused) -> Change:
    """The next state after the service answered that the user already has a WorkSpace there, and after a lookup."""
    error, poll, row = (refused.code, refused.message), case.settings.poll_interval, case.row
    if ours := _standby_in(case, lookup):
        return ours
    if lookup.complete and lookup.desktops and not lookup.live:
        going = f"The desktop is {lookup.desktops[0].id}."
        change = case.record(Status.WAITING, Reason.STANDBY_TERMINATING, going, due_in=poll, error=error)
        return change.observe(Kind.DESKTOP_SEEN, False, case.now)
    if row and row.has(Kind.UNCLEAR) and not _unclear_for(case, row, case.settings.standby_deadline):
        # An earlier request of ours had no clear answer: what exists may be its standby, not related yet.
        change = case.record(Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR, lookup.problem, due_in=poll, error=error)
        return _sighted(case, change)
    if lookup.live and lookup.complete:
        return _secondary(case, lookup, error)
    if row and past(row.deadline_at, case.now) and lookup.complete:
        detail = f"{error[0]}: {error[1]} The DR directory has no WorkSpace of the user."
        return case.record(Status.REJECTED, Reason.SERVICE_REFUSED, detail, error=error)
    return case.record(Status.WAITING, Reason.DR_DESKTOP_UNCLEAR, lookup.problem, due_in=poll, error=error)


def after_lookup(case: Case, lookup: Lookup) -> Change:
    """The next state of a row after the lookup in the DR directory that it asked for."""
    row = case.row
    if ours := _standby_in(case, lookup):
        return ours
    if row is not None and row.may_have_standby:
        return _after_request(case, row, lookup)
    return _before_request(case, lookup)


def _after_request(case: Case, row: Row, lookup: Lookup) -> Change:
    """The next state of a row whose claim ended without a clear answer, or whose standby is no longer returned.

    Listings lag, so the second lookup counts only after a new WorkSpace has had time to be listed (`first_look`, from
    the last request on). If a desktop was seen that may be the result of the request, the lookup counts only after a
    standby's whole deadline: one answer without the desktop does not prove that it is gone.
    """
    settings = case.settings
    if not lookup.complete and case.opens:
        return case.wait(Reason.DR_DESKTOP_UNCLEAR, lookup.problem)
    if not lookup.complete:
        return case.nothing(row.reason, f"The lookup was not complete: {lookup.problem}")
    if case.shown is None:
        return _nothing_anywhere(case, row, lookup)
    if _may_be_ours(lookup) and not _was_sent(case, row, settings.standby_deadline):
        change = case.record(Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR, due_in=settings.poll_interval)
        return _unclear(case, _sighted(case, change), row)
    gap, before = _gap(case), row.conditions.get(Kind.NOTHING_SEEN)
    is_enough = (
        1 + (before.times if before else 0) >= LOOKUPS_NEEDED
        and (before is None or case.now - before.last >= gap)
        and _was_sent(case, row, settings.first_look * SHOWS_AFTER)
        and not _was_sighted(case, row)
    )
    if not is_enough:
        change = case.record(Status.CLAIMED, Reason.NOTHING_SEEN_ONCE, due_in=gap)
        change = change.observe(Kind.NOTHING_SEEN, True, case.now, apart=timedelta(0))
        return _unclear(case, change, row)
    if lookup.live:
        return _secondary(case, lookup)
    if _unclear_for(case, row, UNCLEAR_AT_MOST):
        error = (row.error_code or "Unknown", row.error_message or "no answer")
        return case.record(Status.REJECTED, Reason.NO_CLEAR_ANSWER, error=error)
    return without_standby(case)


def _nothing_anywhere(case: Case, row: Row, lookup: Lookup) -> Change:
    """The next state if the primary is not returned either: the lookup does not count, and the deadline ends the wait.

    The wait does not end while a desktop is, or recently was, returned that may be the result of the request. Until
    then the user's claim is kept, so that no other standby is requested, not even for a successor. A case that stays
    unclear for a day is given up.
    """
    poll = case.settings.poll_interval
    is_given_up = _unclear_for(case, row, UNCLEAR_AT_MOST)
    if _may_be_ours(lookup) and not is_given_up:
        change = case.record(Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR, due_in=poll)
        return _unclear(case, _sighted(case, change), row)
    absent = row.since(Kind.ABSENT)
    is_long = absent is not None and case.now - absent >= case.settings.primary_deadline
    if is_long and (is_given_up or not _was_sighted(case, row)):
        return case.record(
            Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, "DescribeWorkspaces no longer returns the primary."
        )
    change = case.record(Status.CLAIMED, Reason.NOT_VISIBLE_YET, due_in=poll)
    return change.observe(Kind.ABSENT, True, case.now)


def _before_request(case: Case, lookup: Lookup) -> Change:
    """Why nothing may be created yet for a primary whose request is in doubt; a request if the lookup finds nothing."""
    row = case.row
    is_fresh = row is None or row.status is not Status.WAITING
    # A desktop that has existed for as long as a standby may take to be ready, and has no relation, is the user's own.
    is_own = past(row.since(Kind.DESKTOP_SEEN), case.now - case.settings.standby_deadline) if row else False

    def wait(reason: Reason, detail: str = "") -> Change:
        # A desktop that exists is checked less often than a Region that did not answer.
        due_in = _gap(case) if lookup.complete and lookup.live else case.settings.poll_interval
        deadline_in = case.settings.primary_deadline if is_fresh else None
        return case.record(Status.WAITING, reason, detail, due_in=due_in, deadline_in=deadline_in)

    if theirs := _of_others(case, lookup):
        return theirs
    if lookup.complete and not lookup.desktops:
        if row and _was_sighted(case, row):
            return case.nothing(row.reason, "The DR directory recently had a desktop of this user.")
        return case.request()
    if lookup.complete and not lookup.live:
        going = wait(Reason.STANDBY_TERMINATING, f"The desktop is {lookup.desktops[0].id}.")
        return going.observe(Kind.DESKTOP_SEEN, False, case.now)
    if lookup.complete and row and (is_own or (not is_fresh and past(row.deadline_at, case.now))):
        return _secondary(case, lookup)
    change = wait(Reason.DR_DESKTOP_UNCLEAR, lookup.problem)
    return _sighted(case, change) if lookup.live else change


def _standby_in(case: Case, lookup: Lookup) -> Change | None:
    """The primary's standby, if the lookup found it: it is adopted."""
    found = next((one for one in lookup.live if one.primary and one.primary.id == case.id), None)
    return with_standby(case, as_standby(found.id, case.settings.dr_region, found.state)) if found else None


def _of_others(case: Case, lookup: Lookup) -> Change | None:
    """What follows if a desktop in the DR directory is another primary's standby, or the primary is a standby."""
    for desktop in lookup.desktops:
        if any(other.id == case.id for other in desktop.standbys):
            return case.record(Status.INELIGIBLE, Reason.IS_STANDBY, f"Its primary is {desktop.id}.")
        if desktop.primary and desktop.state not in GONE:
            detail = f"The other primary is {desktop.primary.id}. Its standby is {desktop.id}."
            return case.record(Status.INELIGIBLE, Reason.USER_HAS_STANDBY, detail)
    return None


def _secondary(case: Case, lookup: Lookup, error: tuple[str, str] | None = None) -> Change:
    desktop = lookup.live[0]
    whose = f", the standby of {desktop.primary.id}" if desktop.primary else ""
    return case.record(Status.INELIGIBLE, Reason.SECONDARY_EXISTS, f"The desktop is {desktop.id}{whose}.", error=error)


def _sighted(case: Case, change: Change) -> Change:
    """A desktop that appears between two lookups makes the first one invalid: it may be the standby."""
    change = change.observe(Kind.NOTHING_SEEN, False, case.now)
    return change.observe(Kind.DESKTOP_SEEN, True, case.now, apart=SIGHTING_COUNTS_ANEW)


def _unclear(case: Case, change: Change, row: Row) -> Change:
    """The change with UNCLEAR. If a crash prevented the note, it counts from the claim on, or else from now on."""
    since = row.changed_at if row.status is Status.CLAIMED else case.now
    return change.observe(Kind.UNCLEAR, True, since)


def _may_be_ours(lookup: Lookup) -> bool:
    """Whether a desktop may be the result of an unclear request: it has no known relation, or is being terminated."""
    return any(not (desktop.primary or desktop.standbys) or desktop.state in GONE for desktop in lookup.desktops)


def _was_sighted(case: Case, row: Row) -> bool:
    """Whether a desktop of the user was seen recently: one answer without it does not prove that it is gone."""
    seen_at = row.last(Kind.DESKTOP_SEEN)
    return seen_at is not None and case.now - seen_at < case.settings.standby_deadline


def _unclear_for(case: Case, row: Row, duration: timedelta) -> bool:
    return case.now - (row.since(Kind.UNCLEAR) or row.changed_at) >= duration


def _was_sent(case: Case, row: Row, ago: timedelta) -> bool:
    """Whether the last request was sent at least this long ago. Each request has a new claim."""
    sent = row.since(Kind.UNCLEAR) or row.changed_at
    if row.claim_expires_at is not None:
        sent = max(sent, row.claim_expires_at - LEASE)
    return case.now - sent >= ago


def _gap(case: Case) -> timedelta:
    """The minimum time between two lookups for one user."""
    return max(case.settings.poll_interval, LEAST_GAP, case.settings.first_look / 3)


def _deadline_if_none(case: Case) -> timedelta | None:
    """The primary's deadline if the row has none; else None."""
    return None if case.row and case.row.deadline_at else case.settings.primary_deadline
