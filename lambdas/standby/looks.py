"""Looks into the DR directory: what stands there for a user, and what that says about a request without an answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from standby.clock import Clock
from standby.decisions import Decision, nothing, record, with_standby, without_standby
from standby.model import GONE, Cause, DirectoryId, Related, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings
from standby.workspaces import DrLook, Standbys

# Two looks that find nothing stand at least this far apart, however short the poll interval is: longer than a call
# that is still under way when its caller's lease ends by a clock that runs ahead.
LEAST_GAP = timedelta(seconds=60)


class Looks:
    """Looks at users in the DR directory. `trouble` is set once the DR Region did not answer, by whoever noticed."""

    def __init__(self, standbys: Standbys, settings: Settings, clock: Clock, cause: Cause) -> None:
        self._standbys = standbys
        self._settings = settings
        self._clock = clock
        self._cause = cause
        self.trouble = False

    def after_lease(self, primary_id: WorkspaceId, seen: Workspace | None, row: Row) -> Decision:
        """What to do with a row whose claim ended without a clear answer.

        Only two complete looks, at the primary's RelatedWorkspaces and at the DR directory, that find nothing, a poll
        apart, show that nothing was created; then it is decided like any primary without a standby.
        """
        if seen is None or row.dr_directory_id is None or row.user_name is None:
            return nothing(primary_id, row, row.reason, "The primary itself was not seen, so this look says nothing.")
        look = self._look(row.dr_directory_id, row.user_name)
        if ours := _standby_of(primary_id, look):
            return self._adopt(primary_id, ours, row)
        if not look.complete:
            return nothing(primary_id, row, row.reason, f"The look was not complete: {look.problem}")
        now = self._clock.now()
        if any(desktop.state in GONE for desktop in look.desktops):
            return nothing(primary_id, row, row.reason, "A desktop of the user is being terminated there.")
        if _unrelated(look) and not _claim_ended_before(row, now - self._settings.standby_deadline):
            return record(primary_id, Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR, due_in=self._settings.poll_interval)
        gap = max(self._settings.poll_interval, LEAST_GAP)
        if row.looked_at is None or now - row.looked_at < gap:
            return record(primary_id, Status.CLAIMED, Reason.NOTHING_SEEN_ONCE, due_in=gap)
        if look.desktops:
            return self._secondary(primary_id, look)
        return without_standby(primary_id, seen, row, self._settings, self._cause, now)

    def after_exists(self, seen: Workspace, row: Row | None, error: tuple[str, str]) -> Decision:
        """What to do after the service said that the user has a WorkSpace in the DR directory."""
        directory = self._settings.directories[seen.directory_id] if seen.directory_id else None
        if directory is None or seen.user_name is None:
            raise ValueError(f"a standby of {seen.id} was requested without its directory and user")
        look = self._look(directory.dr_directory, seen.user_name)
        if ours := _standby_of(seen.id, look):
            return self._adopt(seen.id, ours, row)
        if not look.complete or not look.desktops:
            return record(
                seen.id,
                Status.WAITING,
                Reason.DR_DESKTOP_UNCLEAR,
                look.problem,
                due_in=self._settings.poll_interval,
                error=error,
            )
        return self._secondary(seen.id, look, error)

    def before_creating(self, seen: Workspace, row: Row | None) -> Decision | None:
        """Why nothing may be created for what looks like a primary in a directory that also holds standbys.

        Such a directory belongs to two pairs that point at each other, and a standby of the other pair looks like a
        primary for as long as its RelatedWorkspaces is empty. Its own primary then stands in our DR directory.
        None if nothing speaks against it.
        """
        directory = self._settings.directories[seen.directory_id] if seen.directory_id else None
        if directory is None or not directory.mutual or seen.user_name is None:
            return None
        look = self._look(directory.dr_directory, seen.user_name)
        if ours := _standby_of(seen.id, look):
            return self._adopt(seen.id, ours, row)
        for desktop in look.desktops:
            if any(other.id == seen.id for other in desktop.standbys):
                return record(seen.id, Status.INELIGIBLE, Reason.IS_STANDBY, f"Its primary is {desktop.id}.")
        if look.complete and not look.desktops:
            return None
        now = self._clock.now()
        if look.complete and row and row.status is Status.WAITING and row.deadline_at and now >= row.deadline_at:
            return self._secondary(seen.id, look)
        fresh = row is None or row.status is not Status.WAITING
        return record(
            seen.id,
            Status.WAITING,
            Reason.DR_DESKTOP_UNCLEAR,
            look.problem,
            due_in=self._settings.poll_interval,
            deadline_in=self._settings.primary_deadline if fresh else None,
        )

    def _look(self, directory: DirectoryId, user_name: str) -> DrLook:
        look = self._standbys.look_for_user(directory, user_name)
        self.trouble = self.trouble or not look.complete
        return look

    def _adopt(self, primary_id: WorkspaceId, desktop: Workspace, row: Row | None) -> Decision:
        standby = Related(desktop.id, self._settings.dr_region, desktop.state, "STANDBY")
        return with_standby(primary_id, standby, row, self._settings, self._clock.now())

    def _secondary(self, primary_id: WorkspaceId, look: DrLook, error: tuple[str, str] | None = None) -> Decision:
        desktop = look.desktops[0]
        whose = f", the standby of {desktop.primary.id}" if desktop.primary else ""
        return record(
            primary_id, Status.INELIGIBLE, Reason.SECONDARY_EXISTS, f"It is {desktop.id}{whose}.", error=error
        )


def _standby_of(primary_id: WorkspaceId, look: DrLook) -> Workspace | None:
    return next(
        (one for one in look.desktops if one.primary and one.primary.id == primary_id and one.state not in GONE), None
    )


def _unrelated(look: DrLook) -> bool:
    return any(not desktop.related for desktop in look.desktops)


def _claim_ended_before(row: Row, moment: datetime) -> bool:
    return row.claim_expires_at is not None and row.claim_expires_at <= moment
