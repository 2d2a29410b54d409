"""Writes changes to the ledger, and reports each with one log line and one metric."""

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
    """Writes the decisions of one invocation, and holds what all its work shares.

    `has_time` says whether there is time for another batch. `unrecorded` has the primaries that should have a row but
    have none, and why. `raced` has the primaries that an event names as new, and whose row another invocation wrote in
    the meantime.
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
        """The case of a primary at this moment: everything that a decision is based on."""
        return Case(one, row, seen, self.cause, self.clock.now(), self.settings, fleet)

    def record(self, change: Change) -> Change:
        """Write a change if it has anything new; return it, or why it could not be written.

        A change that could not be written is decided again when the primary is reconciled next.
        """
        try:
            return self._write(change)
        except (LostRace, Taken, LedgerUnavailable) as problem:
            return self.left_alone(change, problem)

    def record_all(self, changes: Sequence[Change], standbys: WorkSpaces) -> list[Change]:
        """Write changes. Those whose standby failed get AWS's error for it, in one DescribeWorkspaces call for all.

        The primary shows the state of its standby, but not the error. If the call fails, the changes are written
        without.
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
        """Write a change that only this invocation knows and that must not be lost: a standby was just created.

        If another invocation changed the row, or the ledger did not answer, the row is read again and the change made
        again.
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
        """Write a change that is made from the current row; None if there is no row, or no change."""
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
        raise LedgerUnavailable(f"the row of {one} was changed by other invocations {_TRIES_TO_AMEND} times in a row")

    def notify(self, reason: Reason, message: str, **more: Any) -> None:
        """Send a notice about the whole pair or a directory, by an event of the ledger (`Ledger.write_event`)."""
        self.ledger.write_event(reason, self.cause, message, **more)

    def left_alone(self, change: Change, problem: Exception) -> Change:
        """The change if nothing could be written; the next invocation continues from the ledger's row."""
        row, new = change.old, change.new
        is_news = new is not None and new.standby_id is not None and (row is None or row.standby_id != new.standby_id)
        known = {"standby_id": new.standby_id} if new is not None and is_news else {}
        self.telemetry.problem(str(problem), primary_id=change.primary_id, **known)
        # Only this event says that a desktop which a sweep counted as part of an existing fleet is new.
        is_new = self.cause.names_new and (row is None or row.existing or row.status is Status.REPORTED)
        if isinstance(problem, LostRace):
            self.raced += [change.primary_id] * is_new
        elif row is None or is_new:
            self.unrecorded[change.primary_id] = str(problem)
        reason = row.reason if row else Reason.NOT_VISIBLE_YET
        return Change(change.primary_id, row, row, reason, f"Not recorded: {problem}")

    def unreadable(self, row: Unreadable) -> Change:
        """The change for a row that cannot be read: none."""
        self.telemetry.count("UnreadableRows")
        problem = f"This version cannot read the primary's row in the ledger and does not change it: {row.problem}"
        self.telemetry.problem(problem, primary_id=row.primary_id)
        return Change(row.primary_id, None, None, Reason.ROW_UNREADABLE, problem)

    def try_to(self, write: Callable[[], object]) -> None:
        """Do a write whose failure must not stop the other work; the failure is logged."""
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
        """Write the next version of a row, with its cause and the caller if there is one; errors as `Ledger.write`.

        A standby that exists is recorded even if another primary holds the user's claim.
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
