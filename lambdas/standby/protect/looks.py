"""Looks into the DR directory: what stands there for a user, and what that says about a request without an answer."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from functools import partial

from standby.clock import Clock
from standby.decisions.covered import with_standby
from standby.decisions.decision import Decision, nothing, record
from standby.decisions.uncovered import without_standby
from standby.ledger.claims import LEASE
from standby.model import GONE, Cause, DirectoryId, Related, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.service.create import Standbys
from standby.service.describe import DrLook
from standby.settings import Settings

# Two looks that find nothing stand at least this far apart, however short the poll interval is: longer than a call
# that is still under way when its caller's lease ends by a clock that runs ahead.
LEAST_GAP = timedelta(seconds=60)
# What never gets a clear answer is a person's after so long.
UNCLEAR_AT_MOST = timedelta(hours=24)


class Looks:
    """Looks at users in the DR directory. `trouble` is set once the DR Region did not answer, by whoever noticed."""

    def __init__(self, standbys: Standbys, settings: Settings, clock: Clock, cause: Cause) -> None:
        self._standbys = standbys
        self._settings = settings
        self._clock = clock
        self._cause = cause
        self.trouble = False
        self._gap = max(settings.poll_interval, LEAST_GAP, settings.first_look / 3)

    def after_lease(self, primary_id: WorkspaceId, seen: Workspace | None, row: Row) -> Decision:
        """What to do with a row whose claim ended without a clear answer.

        Only two complete looks, at the primary's RelatedWorkspaces and at the DR directory, that find nothing show
        that nothing was created; then it is decided like any primary without a standby. The second one counts when a
        new WorkSpace has had the time to show (`first_look`), for listings lag, after the last request, whatever became
        of those before it; and where a desktop was seen that may be what came of the request, not before a standby's
        whole deadline: an answer without it does not undo it.
        """
        now = self._clock.now()
        if row.dr_directory_id is None or row.user_name is None:
            return nothing(primary_id, row, row.reason, "Its row does not say where to look.")
        look = self._look(row.dr_directory_id, row.user_name)
        if ours := _standby_of(primary_id, look):
            return self._adopt(primary_id, ours, row)
        if not look.complete:
            return nothing(primary_id, row, row.reason, f"The look was not complete: {look.problem}")
        if seen is None:
            return self._nothing_anywhere(primary_id, row, look)
        if _may_be_ours(look) and not self._was_sent(row, self._settings.standby_deadline):
            return record(primary_id, Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR, due_in=self._settings.poll_interval)
        if (
            row.looked_at is None
            or now - row.looked_at < self._gap
            or not self._was_sent(row, self._settings.first_look)
            or self._was_sighted(row)
        ):
            return record(primary_id, Status.CLAIMED, Reason.NOTHING_SEEN_ONCE, due_in=self._gap)
        if _live(look):
            return self._secondary(primary_id, look)
        if self._unclear_for(row, UNCLEAR_AT_MOST):
            error = (row.error_code or "Unknown", row.error_message or "no answer")
            return record(primary_id, Status.REJECTED, Reason.NO_CLEAR_ANSWER, error=error)
        return without_standby(primary_id, seen, row, self._settings, self._cause, now)

    def _nothing_anywhere(self, primary_id: WorkspaceId, row: Row, look: DrLook) -> Decision:
        """The primary is not shown either: not a look that counts, and after a whole deadline of it the end.

        Not while a desktop shows, or has lately shown, that may be what came of the request: as long as its user's
        claim is kept, nobody asks for another one, be it for a successor. What is not clear in a day is given up.
        """
        poll = self._settings.poll_interval
        is_given_up = self._unclear_for(row, UNCLEAR_AT_MOST)
        if _may_be_ours(look) and not is_given_up:
            return record(primary_id, Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR, due_in=poll)
        is_long = row.absent_since and self._clock.now() - row.absent_since >= self._settings.primary_deadline
        if is_long and (is_given_up or not self._was_sighted(row)):
            return record(primary_id, Status.TIMED_OUT, Reason.PRIMARY_NOT_READY, "The primary is not shown any more.")
        return record(primary_id, Status.CLAIMED, Reason.NOT_VISIBLE_YET, due_in=poll)

    def _was_sighted(self, row: Row) -> bool:
        """Whether a desktop of the user was seen lately: an answer without it does not undo it."""
        seen_at = row.desktop_seen_at
        return seen_at is not None and self._clock.now() - seen_at < self._settings.standby_deadline

    def _unclear_for(self, row: Row, duration: timedelta) -> bool:
        since = row.unclear_since or row.changed_at
        return self._clock.now() - since >= duration

    def _was_sent(self, row: Row, ago: timedelta) -> bool:
        """Whether the last request was sent so long ago, or before. A claim is taken anew for each."""
        sent = row.unclear_since or row.changed_at
        if row.claim_expires_at is not None:
            sent = max(sent, row.claim_expires_at - LEASE)
        return self._clock.now() - sent >= ago

    def after_exists(self, seen: Workspace, row: Row | None, error: tuple[str, str]) -> Decision:
        """What to do after the service said that the user has a WorkSpace in the DR directory."""
        directory = self._settings.directories[seen.directory_id] if seen.directory_id else None
        if directory is None or seen.user_name is None:
            raise ValueError(f"a standby of {seen.id} was requested without its directory and user")
        look = self._look(directory.dr_directory, seen.user_name)
        if ours := _standby_of(seen.id, look):
            return self._adopt(seen.id, ours, row)
        poll = self._settings.poll_interval
        if look.complete and look.desktops and not _live(look):
            return record(seen.id, Status.WAITING, Reason.STANDBY_TERMINATING, due_in=poll, error=error)
        if row and row.unclear_since and not self._unclear_for(row, self._settings.standby_deadline):
            # An earlier request of ours had no clear answer: what exists may be its standby, not related yet.
            return record(seen.id, Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR, look.problem, due_in=poll, error=error)
        if _live(look) and look.complete:
            return self._secondary(seen.id, look, error)
        if row and row.deadline_at and self._clock.now() >= row.deadline_at and look.complete:
            detail = f"{error[0]}: {error[1]} The DR directory shows no WorkSpace of the user."
            return record(seen.id, Status.REJECTED, Reason.SERVICE_REFUSED, detail, error=error)
        return record(seen.id, Status.WAITING, Reason.DR_DESKTOP_UNCLEAR, look.problem, due_in=poll, error=error)

    def before_creating(self, seen: Workspace, row: Row | None) -> Decision | None:
        """Why nothing may be created for what looks like a primary in a directory that also holds standbys.

        Such a directory belongs to two pairs that point at each other, and a standby of the other pair looks like a
        primary for as long as its RelatedWorkspaces is empty. Its own primary then stands in our DR directory.
        None if nothing speaks against it.
        """
        directory = self._settings.directories[seen.directory_id] if seen.directory_id else None
        looks_first = self._cause.looks_first or (row is not None and row.look_first)
        if directory is None or seen.user_name is None or not (directory.mutual or looks_first):
            return None
        fresh = row is None or row.status is not Status.WAITING
        wait = partial(
            record,
            seen.id,
            Status.WAITING,
            due_in=self._settings.poll_interval,
            deadline_in=self._settings.primary_deadline if fresh else None,
        )
        if self.trouble:
            return wait(Reason.DR_DESKTOP_UNCLEAR, "The DR Region did not answer.")
        look = self._look(directory.dr_directory, seen.user_name)
        if ours := _standby_of(seen.id, look):
            return self._adopt(seen.id, ours, row)
        if other := _of_others(seen.id, look):
            return other
        if look.complete and not look.desktops:
            if row and self._was_sighted(row):
                return nothing(seen.id, row, row.reason, "The DR directory has shown a desktop of this user lately.")
            return None
        if look.complete and not _live(look):
            return wait(Reason.STANDBY_TERMINATING)
        if (
            look.complete
            and _live(look)
            and not fresh
            and row
            and row.deadline_at
            and self._clock.now() >= row.deadline_at
        ):
            return self._secondary(seen.id, look)
        return dataclasses.replace(wait(Reason.DR_DESKTOP_UNCLEAR, look.problem), sighted=bool(_live(look)))

    def _look(self, directory: DirectoryId, user_name: str) -> DrLook:
        look = self._standbys.look_for_user(directory, user_name)
        self.trouble = self.trouble or look.trouble
        return look

    def _adopt(self, primary_id: WorkspaceId, desktop: Workspace, row: Row | None) -> Decision:
        standby = Related(desktop.id, self._settings.dr_region, desktop.state, "STANDBY")
        return with_standby(primary_id, standby, row, self._settings, self._clock.now())

    def _secondary(self, primary_id: WorkspaceId, look: DrLook, error: tuple[str, str] | None = None) -> Decision:
        desktop = _live(look)[0]
        whose = f", the standby of {desktop.primary.id}" if desktop.primary else ""
        return record(
            primary_id, Status.INELIGIBLE, Reason.SECONDARY_EXISTS, f"It is {desktop.id}{whose}.", error=error
        )


def _live(look: DrLook) -> list[Workspace]:
    return [desktop for desktop in look.desktops if desktop.state not in GONE]


def _standby_of(primary_id: WorkspaceId, look: DrLook) -> Workspace | None:
    return next((one for one in _live(look) if one.primary and one.primary.id == primary_id), None)


def _of_others(primary_id: WorkspaceId, look: DrLook) -> Decision | None:
    """What follows for a primary if a desktop there is another's standby, or it is the standby of one."""
    for desktop in look.desktops:
        if any(other.id == primary_id for other in desktop.standbys):
            return record(primary_id, Status.INELIGIBLE, Reason.IS_STANDBY, f"Its primary is {desktop.id}.")
        if desktop.primary and desktop.state not in GONE:
            detail = f"It is {desktop.primary.id}; the standby is {desktop.id}."
            return record(primary_id, Status.INELIGIBLE, Reason.USER_HAS_STANDBY, detail)
    return None


def _may_be_ours(look: DrLook) -> bool:
    """Whether a desktop there may be what an unclear request made: one without a relation that is known, or going."""
    return any(not (desktop.primary or desktop.standbys) or desktop.state in GONE for desktop in look.desktops)
