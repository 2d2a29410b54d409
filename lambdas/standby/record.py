"""Carries changes into the ledger, and reports what became of them: one log line, and one metric, for each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from standby.clock import Clock
from standby.core.change import Case, Change, Fleet
from standby.core.model import Cause, Status, Unknown, Workspace, WorkspaceId
from standby.core.reasons import Reason
from standby.core.row import Row, Unreadable
from standby.core.settings import Settings
from standby.ledger.ledger import Gates, Ledger, LostRace, Taken
from standby.ledger.table import LedgerUnavailable
from standby.telemetry import PowertoolsTelemetry

if TYPE_CHECKING:
    from standby.aws.workspaces import WorkSpaces

_TRIES = 3
_TRIES_TO_AMEND = 5
_FAILED = (Reason.STANDBY_IN_ERROR, Reason.STANDBY_UNHEALTHY)


@dataclass
class Recorder:
    """Writes what one invocation decides, and has what all its work has in common.

    `has_time` says whether there is time for another batch; `unrecorded` has the primaries that have no row though they
    should; `raced` those that an event names as new, and of which somebody else has written meanwhile.
    """

    ledger: Ledger
    gates: Gates
    settings: Settings
    clock: Clock
    telemetry: PowertoolsTelemetry
    cause: Cause
    has_time: Callable[[], bool] = lambda: True
    unrecorded: dict[WorkspaceId, str] = field(default_factory=dict)
    raced: list[WorkspaceId] = field(default_factory=list)

    def case(
        self, one: WorkspaceId, row: Row | None, seen: Workspace | Unknown | None = None, fleet: Fleet | None = None
    ) -> Case:
        """What a decision about a primary rests on, now."""
        return Case(one, row, seen, self.cause, self.clock.now(), self.settings, fleet)

    def record(self, change: Change) -> Change:
        """Write a change if it says anything new; return it, or why it could not be written.

        What could not is found again by whoever reconciles the primary next.
        """
        try:
            return self._write(change)
        except (LostRace, Taken, LedgerUnavailable) as problem:
            return self.left_alone(change, problem)

    def record_all(self, changes: Sequence[Change], standbys: WorkSpaces) -> list[Change]:
        """Write changes, and with those to whom a standby failed what AWS says of it: one call for all of these.

        A standby's state is its primary's to show, the reason for it is not. A lookup that fails changes nothing.
        """
        news = [one.new for one in changes if one.reason in _FAILED and not (one.old and one.old.reason is one.reason)]
        failed = [new.standby_id for new in news if new and new.standby_id]
        seen = standbys.describe(failed) if failed and self.has_time() else {}
        done = []
        for change in changes:
            standby = seen.get(change.new.standby_id) if change.new and change.new.standby_id else None
            if change.new and isinstance(standby, Workspace) and standby.error:
                code, words = standby.error
                change = change.having(dataclasses.replace(change.new, error_code=code, error_message=words))
            done.append(self.record(change))
        return done

    def must(self, make: Callable[[Row | None], Change], row: Row | None) -> Change:
        """Write what only this invocation knows, and must not be lost: a standby was just created.

        The row is read again, and the change made again from it, if somebody else changed it or the ledger did not
        answer.
        """
        for attempt in range(1, _TRIES):
            change = make(row)
            try:
                return self._write(change)
            except (LostRace, Taken, LedgerUnavailable):
                self.clock.sleep(attempt)
                row = self._again(change.primary_id, row)
        return self.record(make(row))

    def amend(self, one: WorkspaceId, make: Callable[[Case, Row], Change | None]) -> Change | None:
        """Write a change that is made from the row as it is found; None if there is no row, or nothing to be said."""
        for _ in range(_TRIES_TO_AMEND):
            row = self.ledger.load([one]).get(one)
            if isinstance(row, Unreadable):
                self.unreadable(row)
                return None
            if row is None or (change := make(self.case(one, row), row)) is None:
                return None
            try:
                return self._write(change)
            except LostRace:
                continue
        raise LedgerUnavailable(f"the row of {one} was changed by somebody else, {_TRIES_TO_AMEND} times running")

    def tell(self, reason: Reason, message: str, **more: Any) -> None:
        """Notify of what is true of the whole pair, or of a directory, as `Ledger.tell` says."""
        self.ledger.tell(reason, self.cause, message, **more)

    def left_alone(self, change: Change, problem: Exception) -> Change:
        """The change that nothing could be written; whoever comes next goes on from what the ledger has."""
        row, new = change.old, change.new
        is_news = new is not None and new.standby_id is not None and (row is None or row.standby_id != new.standby_id)
        known = {"standby_id": new.standby_id} if new is not None and is_news else {}
        self.telemetry.problem(str(problem), primary_id=change.primary_id, **known)
        # Nobody else will say of what a sweep takes for one of an existing fleet that it is new.
        is_new = self.cause.names_new and (row is None or row.existing or row.status is Status.REPORTED)
        if isinstance(problem, LostRace):
            self.raced += [change.primary_id] * is_new
        elif row is None or is_new:
            self.unrecorded[change.primary_id] = str(problem)
        reason = row.reason if row else Reason.NOT_VISIBLE_YET
        return Change(change.primary_id, row, row, reason, f"Not recorded: {problem}")

    def unreadable(self, row: Unreadable) -> Change:
        """The change that a row which cannot be read is left alone."""
        self.telemetry.count("UnreadableRows")
        problem = f"Its row in the ledger cannot be read by this version and is left alone: {row.problem}"
        self.telemetry.problem(problem, primary_id=row.primary_id)
        return Change(row.primary_id, None, None, Reason.ROW_UNREADABLE, problem)

    def try_to(self, write: Callable[[], object]) -> None:
        """Do a write whose failure must not stop the rest."""
        try:
            write()
        except LedgerUnavailable as problem:
            self.telemetry.problem(str(problem))

    def _write(self, change: Change) -> Change:
        new, old = change.new, change.old
        is_written = new is not None and new is not old and new.differs_from(old)
        if new is not None and is_written:
            change = dataclasses.replace(change, new=self.write(new, old))
        elif old is not None:
            change = dataclasses.replace(change, new=old)
        self.telemetry.decided(change, self.cause, written=is_written)
        return change

    def write(self, new: Row, old: Row | None) -> Row:
        """Write the next version of a row, with what caused it, and who, where somebody did; as the ledger does.

        A standby that is there is recorded all the same where the user's claim is another primary's.
        """
        stamped = dataclasses.replace(
            new,
            cause_type=self.cause.type,
            cause_id=self.cause.id_in_row,
            execution_arn=self.cause.execution_arn,
            principal=self.cause.principal,
        )
        try:
            return self.ledger.write(stamped, old)
        except Taken:
            if new.standby_id is None:
                raise
            return self.ledger.write(dataclasses.replace(stamped, claim_key=old.claim_key if old else None), old)

    def _again(self, one: WorkspaceId, row: Row | None) -> Row | None:
        try:
            found = self.ledger.load([one]).get(one)
        except LedgerUnavailable:
            return row
        return found if isinstance(found, Row) else row
