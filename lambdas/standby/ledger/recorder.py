"""Carries a decision into the ledger, and tells what became of it: one log line and one metric for each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from standby.clock import Clock
from standby.decisions.decision import Action, Decision
from standby.ledger.claims import Claims
from standby.ledger.ledger import Context, Ledger, LostRace
from standby.ledger.table import ConditionFailed, LedgerUnavailable
from standby.model import Related, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row

if TYPE_CHECKING:
    from standby.ledger.remarks import Remark

_TRIES = 3


class Telemetry(Protocol):
    """Where log lines and metrics go."""

    def decided(self, decision: Decision, context: Context, *, changed: bool) -> None:
        """A decision was made; `changed` if the ledger now tells something new."""
        ...

    def remarked(self, primary_id: WorkspaceId, remark: Remark, context: Context) -> None:
        """A remark was written on a primary's row."""
        ...

    def problem(self, message: str, **fields: object) -> None:
        """Something went wrong that the next look makes good."""
        ...

    def count(self, metric: str, value: float = 1) -> None:
        """Add to a metric."""
        ...

    def gauge(self, metric: str, value: float) -> None:
        """Publish how much of something there is, by dimensions of its own."""
        ...


class Recorder:
    """Writes what one invocation decides. `unrecorded` has the primaries that have no row though they should."""

    def __init__(self, ledger: Ledger, claims: Claims, clock: Clock, telemetry: Telemetry, context: Context) -> None:
        self.ledger = ledger
        self.claims = claims
        self.clock = clock
        self.telemetry = telemetry
        self.context = context
        self.unrecorded: dict[WorkspaceId, str] = {}

    def carry_out(
        self, decision: Decision, row: Row | None, seen: Workspace | None, *, requested: bool = False
    ) -> Decision:
        """Write a decision's row; return the decision, or why it could not be written.

        With `requested` (a standby was just created), the row is read again and written once more if somebody else
        changed it, or the ledger did not answer: what only this invocation knows must not be lost. All else the next
        look finds again.
        """
        if decision.action is Action.NONE:
            if row is not None and row.absent_since is not None and seen is not None:
                self._note_shown(row)
            self.telemetry.decided(decision, self.context, changed=False)
            return decision
        changed = False
        for attempt in range(1, _TRIES + 1):
            try:
                changed = self._write(decision, row, seen, requested=requested) is not row
            except (LostRace, ConditionFailed, LedgerUnavailable) as problem:
                if not requested or attempt == _TRIES:
                    return self.left_alone(decision.primary_id, row, problem, standby=decision.standby)
                self.clock.sleep(attempt)
                row = self._again(decision.primary_id, row)
            else:
                break
        self.telemetry.decided(decision, self.context, changed=changed)
        return decision

    def release(self, decision: Decision, row: Row, seen: Workspace | None) -> None:
        """Record that no standby stands behind a row any more; its user's claim and its place are free."""
        try:
            self.claims.release(decision, row, seen, self.context)
        except (LostRace, ConditionFailed, LedgerUnavailable) as problem:
            self.left_alone(decision.primary_id, row, problem)
        else:
            self.telemetry.decided(decision, self.context, changed=True)

    def left_alone(
        self, primary_id: WorkspaceId, row: Row | None, problem: Exception, standby: Related | None = None
    ) -> Decision:
        """The decision that nothing could be written; whoever looks next goes on from what the ledger has."""
        known = {"standby_id": standby.id} if standby else {}
        self.telemetry.problem(str(problem), primary_id=primary_id, **known)
        if row is None and not isinstance(problem, LostRace):
            self.unrecorded[primary_id] = str(problem)
        reason = row.reason if row else Reason.NOT_VISIBLE_YET
        return Decision(primary_id, Action.NONE, row.status if row else None, reason, f"Not recorded: {problem}")

    def try_to(self, write: Callable[[], None]) -> None:
        """Do a write whose failure must not stop what is going on."""
        try:
            write()
        except LedgerUnavailable as problem:
            self.telemetry.problem(str(problem))

    def _note_shown(self, row: Row) -> None:
        """Note that an answer shows a primary again: what two miss, and one between shows, was not missed for long."""
        said = "DescribeWorkspaces shows the WorkSpace again."
        new = dataclasses.replace(
            self.ledger.next_of(row, self.context), absent_since=None, message=said, notice_code=None
        )
        try:
            self.ledger.write(new, row)
        except (LostRace, LedgerUnavailable) as problem:
            self.telemetry.problem(str(problem), primary_id=row.primary_id)

    def _again(self, primary_id: WorkspaceId, row: Row | None) -> Row | None:
        try:
            found = self.ledger.load([primary_id]).get(primary_id)
        except LedgerUnavailable:
            return row
        return found if isinstance(found, Row) else row

    def _write(self, decision: Decision, row: Row | None, seen: Workspace | None, *, requested: bool) -> Row | None:
        if decision.standby is not None:
            return self.claims.adopt(decision, row, seen, self.context, requested=requested)
        if row is not None and row.status is Status.CLAIMED and decision.status is not Status.CLAIMED:
            return self.claims.give_back(decision, row, seen, self.context)
        return self.ledger.record(decision, row, seen, self.context)
