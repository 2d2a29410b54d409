"""What follows when somebody calls TerminateWorkspaces for a primary, or for a standby: it is told who did.

The event is a hint. What the row says of the call is that it was made; what became of it is described afresh: a
WorkSpace that is shown on its way out is gone, and of any other the sweep says what it sees.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from standby.clock import to_text
from standby.decisions.decide import decide
from standby.decisions.decision import Decision, nothing, record
from standby.ledger.recorder import Recorder
from standby.ledger.remarks import Remark, Remarks
from standby.ledger.table import Write
from standby.model import GONE, HAD_ONE, Status, Workspace, WorkspaceId
from standby.reasons import NOT_OURS, Reason
from standby.rows import Row
from standby.service.describe import Primaries
from standby.settings import Settings

TERMINATED = "TERMINATED"


class Terminations:
    """Records them, and what can be seen of them."""

    def __init__(self, recorder: Recorder, primaries: Primaries, partners: Primaries, settings: Settings) -> None:
        self._recorder = recorder
        self._remarks = Remarks(recorder)
        self._primaries = primaries
        self._partners = partners
        self._settings = settings
        self._cause = recorder.context.cause

    def follow(self, ids: Sequence[WorkspaceId]) -> list[Decision]:
        """Record who terminated each, and what is seen of it; a decision for each, under the id that was given.

        What the ledger does not know is nobody's of ours, and leaves no trace. No role of the stack may make the call.

        Raises
        ------
        LedgerUnavailable
            The ledger could not be read or written: the event has to come again.
        """
        known = self._known(ids)
        news = {one for one, primary in known.items() if self._remark(one, primary)}
        rows = self._rows(known.values())
        done = self._conclude(rows, known, news)
        return [self._answer(one, known.get(one), rows, done) for one in ids]

    def _known(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, WorkspaceId]:
        """The primaries that the ids are, or are the standbys of; which Region's endpoint was called says neither.

        A primary may have a row that this version cannot read.
        """
        found = self._recorder.ledger.load(dict.fromkeys(ids))
        strangers = {one for one, row in found.items() if isinstance(row, Row) and row.reason in NOT_OURS}
        primaries = {one: one for one in found if one not in strangers}
        return self._recorder.ledger.primaries_of(ids) | primaries

    def _rows(self, ids: Iterable[WorkspaceId]) -> dict[WorkspaceId, Row]:
        found = self._recorder.ledger.load(dict.fromkeys(ids))
        return {one: row for one, row in found.items() if isinstance(row, Row)}

    def _remark(self, ended: WorkspaceId, primary_id: WorkspaceId) -> bool:
        """Record the call, once however often its event comes; whether it is news."""
        who = self._cause.principal or "somebody whom CloudTrail does not name"
        at = to_text(self._recorder.clock.now())
        what = "the primary" if ended == primary_id else f"its standby {ended}"
        once = Write(
            item={"pk": f"{TERMINATED}#{ended}", "sk": TERMINATED, "primary_id": primary_id, "by": who, "noted_at": at},
            condition="attribute_not_exists(pk)",
        )

        def remark(row: Row) -> Remark:
            return Remark(
                Reason.TERMINATED_BY_SOMEBODY,
                f"TerminateWorkspaces was called for {what}, by {who}. Until then: {row.message}",
                {"terminated_id": ended, "terminated_by": who},
            )

        return self._remarks.make(primary_id, remark, beside=[once]) is not None

    def _conclude(
        self, rows: Mapping[WorkspaceId, Row], known: Mapping[WorkspaceId, WorkspaceId], news: set[WorkspaceId]
    ) -> dict[WorkspaceId, Decision]:
        """Describe all of them, and record of each primary what follows from what is shown, if anything does."""
        primaries = self._primaries.describe(list(rows)).found
        ended = [one for row in rows.values() if (one := row.standby_id) and one in known]
        standbys = self._partners.describe(ended).found
        done = {}
        for one, row in rows.items():
            seen = primaries.get(one)
            standby = standbys.get(row.standby_id) if row.standby_id else None
            if seen is None:
                continue
            if decision := self._primary_gone(row, seen):
                done[one] = self._recorder.carry_out(decision, row, seen)
            elif standby is not None and _is_missing(row, seen, standby):
                detail = f"{standby.id} is {standby.state}."
                decision = record(one, Status.STANDBY_MISSING, Reason.STANDBY_GONE, detail)
                # Who terminated it has just been told: that it goes is no further news.
                done[one] = dataclasses.replace(decision, quiet=standby.id in news)
                self._recorder.release(done[one], row, seen)
        return done

    def _primary_gone(self, row: Row, seen: Workspace) -> Decision | None:
        """What `decide` says, as far as it is that the primary goes: nothing is created because of this event."""
        now = self._recorder.clock.now()
        decision = decide(row.primary_id, seen, row, self._settings, self._cause, now)
        return decision if decision.status is Status.PRIMARY_GONE and seen.state in GONE else None

    def _answer(
        self,
        one: WorkspaceId,
        primary_id: WorkspaceId | None,
        rows: Mapping[WorkspaceId, Row],
        done: Mapping[WorkspaceId, Decision],
    ) -> Decision:
        if primary_id is None:
            return nothing(one, None, Reason.NOT_IN_LEDGER)
        if (row := rows.get(primary_id)) is None:
            return nothing(one, None, Reason.ROW_UNREADABLE, f"It is that of {primary_id}.")
        found = done.get(primary_id) or nothing(primary_id, row, row.reason, row.message)
        return dataclasses.replace(found, primary_id=one)


def _is_missing(row: Row, seen: Workspace, standby: Workspace) -> bool:
    """Whether a primary that lives is without a standby, its own being shown on its way out."""
    others = [one for one in seen.standbys if one.id != standby.id and one.state not in GONE]
    # An open row's standby is the watcher's, with a deadline.
    return row.status in HAD_ONE and seen.state not in GONE and standby.state in GONE and not others
