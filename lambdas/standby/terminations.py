"""What follows a call of TerminateWorkspaces or MigrateWorkspace: the caller is noted, and the result is recorded.

The event is a hint. The row notes that the call was made; its result comes from a new DescribeWorkspaces. A WorkSpace
that is returned as TERMINATING or TERMINATED is gone; for any other, the sweep decides. When an orphan's standby is
terminated, its user's place is free at once.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from standby.aws.workspaces import WorkSpaces
from standby.core.admission import finds_place_taken
from standby.core.change import PREVIOUS, Case, Change, say
from standby.core.decide import decide
from standby.core.model import GONE, HAD_ONE, READY, Status, Workspace, WorkspaceId
from standby.core.orphans import succeeded
from standby.core.reasons import NOT_OURS, Reason
from standby.core.row import Condition, Kind, Row, Unreadable
from standby.events import UNNAMED
from standby.ledger.ledger import Ledger
from standby.record import Recorder


def note_migration(recorder: Recorder, old: WorkspaceId, new: WorkspaceId) -> None:
    """Note in the old row, if there is one, that a migration to a new id was requested. It may still fail."""

    def make(case: Case, row: Row) -> Change | None:
        if row.note(Kind.MIGRATED) == new:
            return None
        message = f"MigrateWorkspace was called for the primary. The new id will be {new}. {PREVIOUS}{row.message}"
        return case.noting(Reason.MIGRATED, message, Kind.MIGRATED, note=new)

    recorder.amend(old, make)


def follow_migrations(recorder: Recorder, changes: Iterable[Change]) -> None:
    """Conclude the migrations whose new id is ready, with a notice if the old id had a standby.

    If the new id never became ready, the note is removed: a failed migration leaves the original unchanged.
    """
    for new in [change.new for change in changes if change.new]:
        is_there = new.primary_state in READY
        if new.migrated_from and (is_there or new.status in (Status.PRIMARY_GONE, Status.TIMED_OUT)):
            recorder.amend(new.migrated_from, functools.partial(_concluded, new.primary_id, is_there))


def _concluded(new: WorkspaceId, is_there: bool, case: Case, row: Row) -> Change | None:  # noqa: FBT001 (of a partial)
    known = row.conditions.get(Kind.MIGRATED)
    if known and (known.notified or known.note != new):
        return None
    if not is_there:
        message = f"{say(Reason.MIGRATION_FAILED)} The new id was {new}."
        return case.noting(Reason.MIGRATION_FAILED, message, Kind.MIGRATED, lasts=False) if known else None
    if not row.was_requested:
        return None
    # A migration that took longer than the deadline had its note removed, and may still have succeeded.
    standby = f"Standby {row.standby_id}" if row.standby_id else "The standby that was requested"
    message = succeeded(new, standby)
    return case.noting(Reason.MIGRATED, message, Kind.MIGRATED, note=new, notified=True)


@dataclass
class Terminations:
    """Records who terminated WorkSpaces, and with what result."""

    recorder: Recorder
    primaries: WorkSpaces
    standbys: WorkSpaces

    def follow(self, ids: Sequence[WorkspaceId]) -> list[Change]:
        """Record who terminated each WorkSpace, and with what result; returns a change for each, under the given id.

        WorkSpaces that the ledger does not know are not recorded.
        """
        known = self._known(ids)
        for one, primary in known.items():
            self._note(one, primary)
        loaded = self.recorder.ledger.load(dict.fromkeys(known.values()))
        rows = {one: row for one, row in loaded.items() if isinstance(row, Row)}
        done = self._conclude(rows, known)
        return [self._answer(one, loaded.get(at := known.get(one, one)), done.get(at)) for one in ids]

    def _known(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, WorkspaceId]:
        """The primary of each id: the id itself, or the primary whose standby it is. The event's Region does not say.

        A primary may have a row that this version cannot read.
        """
        found = self.recorder.ledger.load(dict.fromkeys(ids))
        strangers = {one for one, row in found.items() if isinstance(row, Row) and row.reason in NOT_OURS}
        primaries = {one: one for one in found if one not in strangers}
        return self.recorder.ledger.primaries_of(ids) | primaries

    def _note(self, ended: WorkspaceId, primary_id: WorkspaceId) -> None:
        """Note the call, once even if its event comes again.

        Nothing is noted for a former standby that was replaced by another.
        """
        who = self.recorder.cause.principal or UNNAMED
        what = f"the primary {ended}" if ended == primary_id else f"the standby {ended}"

        def make(case: Case, row: Row) -> Change | None:
            if ended not in (row.primary_id, row.standby_id):
                return None
            message = f"TerminateWorkspaces was called for {what}, by {who}. {PREVIOUS}{row.message}"
            return note_call(case, row, ended, who, message, notified=True)

        self.recorder.amend(primary_id, make)

    def _conclude(
        self, rows: Mapping[WorkspaceId, Row], known: Mapping[WorkspaceId, WorkspaceId]
    ) -> dict[WorkspaceId, Change]:
        """Describe the WorkSpaces, and record for each primary what follows from the answers, if anything does."""
        primaries = _shown(self.primaries, rows)
        standbys = _shown(self.standbys, [one for row in rows.values() if (one := row.standby_id) and one in known])
        done = {}
        for one, row in rows.items():
            standby = standbys.get(row.standby_id) if row.standby_id else None
            if row.is_orphan and standby is not None and standby.state in GONE:
                done[one] = self.recorder.record(freed(self.recorder.case(one, row), standby))
            if row.is_orphan or (seen := primaries.get(one)) is None:
                continue
            case = self.recorder.case(one, row, seen)
            change = decide(case)
            if change.status is Status.PRIMARY_GONE and seen.state in GONE:
                done[one] = self.recorder.record(change)
            elif standby is not None and _is_missing(row, seen, standby):
                # If a notice already named the caller, the missing standby sends no further notice.
                noted = about(row, standby.id)
                detail, quiet = f"{standby.id} is {standby.state}.", noted is not None and noted.notified
                change = case.record(Status.STANDBY_MISSING, Reason.STANDBY_GONE, detail, quiet=quiet)
                done[one] = self.recorder.record(change)
        return done

    def _answer(self, one: WorkspaceId, row: Row | Unreadable | None, done: Change | None) -> Change:
        if row is None:
            return self.recorder.case(one, None).nothing(Reason.NOT_IN_LEDGER)
        if isinstance(row, Unreadable):
            return self.recorder.case(one, None).nothing(Reason.ROW_UNREADABLE, f"The row is that of {row.primary_id}.")
        return dataclasses.replace(done or Change(one, row, row, row.reason, row.message), primary_id=one)


def _shown(where: WorkSpaces, ids: Iterable[WorkspaceId]) -> dict[WorkspaceId, Workspace]:
    found = where.describe(list(ids))
    return {one: seen for one, seen in found.items() if isinstance(seen, Workspace)}


def about(row: Row, ended: WorkspaceId | None) -> Condition | None:
    """The condition that notes who terminated the primary or the standby of a row; None if there is none."""
    known = row.conditions.get(_kind(row, ended))
    return known if known and (known.note or "").partition(" ")[0] == ended else None


def note_call(
    case: Case, row: Row, ended: WorkspaceId, who: str, message: str, *, notified: bool = False
) -> Change | None:
    """A change that notes who calls TerminateWorkspaces; None if it is noted already, or a notice was sent.

    If the caller announced the call to protect, no notice is sent.
    """
    known, note = about(row, ended), f"{ended} {who}"
    if known is not None and (known.notified or known.note == note):
        return None
    return case.noting(Reason.TERMINATED_BY_SOMEBODY, message, _kind(row, ended), note=note, notified=notified)


def _kind(row: Row, ended: WorkspaceId | None) -> Kind:
    return Kind.PRIMARY_TERMINATED if ended == row.primary_id else Kind.STANDBY_TERMINATED


def freed(case: Case, standby: Workspace | None) -> Change:
    """The change if an orphan's standby is being or was terminated: a lookup precedes the next claim of its place."""
    shown = f"{standby.id} is {standby.state}." if standby else "DescribeWorkspaces does not return its standby."
    change = case.record(Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED, shown)
    return change.observe(Kind.GIVEN_UP, True, case.now)


def waiting(ledger: Ledger, changes: Iterable[Change]) -> list[WorkspaceId]:
    """The desktops whose places were taken by orphans' standbys that are gone now."""
    found: dict[WorkspaceId, None] = {}
    for row in [change.new for change in changes if change.new]:
        if row.reason is Reason.PRIMARY_TERMINATED and row.standby_id and row.user_name:
            others = [one for one in ledger.rows_of_user(row.user_name) if finds_place_taken(one)]
            found |= dict.fromkeys(one.primary_id for one in others if one.dr_directory_id == row.dr_directory_id)
    return list(found)


def _is_missing(row: Row, seen: Workspace, standby: Workspace) -> bool:
    """Whether an existing primary has no standby, because its standby is being terminated and it has no other."""
    others = [one for one in seen.standbys if one.id != standby.id and one.state not in GONE]
    # The watcher follows the standby of an open row, with a deadline.
    return row.status in HAD_ONE and seen.state not in GONE and standby.state in GONE and not others
