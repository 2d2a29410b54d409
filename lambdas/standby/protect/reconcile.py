"""protect's work: ids -> described WorkSpaces -> decisions -> calls -> ledger. Running it again is always harmless."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from standby.decisions.decide import continued, decide, describe_failed
from standby.decisions.decision import Action, Decision
from standby.ledger.gates import Gates
from standby.ledger.ledger import Unreadable
from standby.ledger.recorder import Recorder
from standby.ledger.table import LedgerUnavailable
from standby.model import WorkspaceId
from standby.protect.looks import Looks
from standby.protect.request import Requester
from standby.protect.settle import Candidate
from standby.reasons import Reason
from standby.rows import Row
from standby.service.create import Standbys
from standby.service.describe import Described, Primaries
from standby.settings import Settings


class Reconciler:
    """Brings primaries to a standby, as far as they are ready for one.

    Parameters
    ----------
    has_time
        Whether there is time for another batch of calls; what is left over stays open, and is the next look's.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        primaries: Primaries,
        standbys: Standbys,
        gates: Gates,
        settings: Settings,
        has_time: Callable[[], bool],
    ) -> None:
        self._recorder = recorder
        self._primaries = primaries
        self._settings = settings
        self._cause = recorder.context.cause
        self._looks = Looks(standbys, settings, recorder.clock, self._cause)
        self._requester = Requester(recorder, standbys, gates, self._looks, settings, has_time)
        self._has_time = has_time

    def reconcile(self, ids: Sequence[WorkspaceId]) -> list[Decision]:
        """Decide and act for each of the primaries; a decision for each, in the order of `ids`.

        Raises
        ------
        LedgerUnavailable
            The ledger could not be read, or a primary that it does not know could not be written: whoever called has
            to call again. What could be done for the others is done.
        """
        loaded = self._recorder.ledger.load(ids)
        unreadable = {one: found for one, found in loaded.items() if isinstance(found, Unreadable)}
        rows = {one: found for one, found in loaded.items() if isinstance(found, Row)}
        readable = [one for one in ids if one not in unreadable]
        described = self._primaries.describe(readable)
        decisions = [self._decide(one, described, rows.get(one)) for one in readable]
        # Looks come first: one that finds the DR Region in trouble keeps this run from creating there.
        decisions = [self._look(one, described, rows) for one in decisions]
        done = [
            self._recorder.carry_out(one, rows.get(one.primary_id), described.found.get(one.primary_id))
            for one in decisions
            if one.action is not Action.REQUEST
        ]
        to_request = [
            Candidate(described.found[one.primary_id], rows.get(one.primary_id))
            for one in decisions
            if one.action is Action.REQUEST
        ]
        done += self._requester.request(to_request)
        if self._recorder.unrecorded:
            lost = ", ".join(sorted(self._recorder.unrecorded))
            why = next(iter(self._recorder.unrecorded.values()))
            raise LedgerUnavailable(f"not in the ledger yet, so to be called again: {lost} ({why})")
        done += [self._unreadable(one) for one in unreadable.values()]
        by_id = {decision.primary_id: decision for decision in done}
        return [by_id[one] for one in ids]

    def _decide(self, primary_id: WorkspaceId, described: Described, row: Row | None) -> Decision:
        now = self._recorder.clock.now()
        if why := described.unknown.get(primary_id):
            self._recorder.telemetry.count("UnknownAnswers")
            decision = describe_failed(primary_id, row, self._settings, now, why)
        else:
            decision = decide(primary_id, described.found.get(primary_id), row, self._settings, self._cause, now)
        return continued(decision, row, self._cause)

    def _unreadable(self, row: Unreadable) -> Decision:
        self._recorder.telemetry.count("UnreadableRows")
        problem = f"Its row in the ledger cannot be read by this version and is left alone: {row.problem}"
        self._recorder.telemetry.problem(problem, primary_id=row.primary_id)
        return Decision(row.primary_id, Action.NONE, None, Reason.ROW_UNREADABLE, problem)

    def _look(self, decision: Decision, described: Described, rows: dict[WorkspaceId, Row]) -> Decision:
        """Settle what only a look into the DR directory can."""
        seen, row = described.found.get(decision.primary_id), rows.get(decision.primary_id)
        if decision.action is Action.LOOK and row is not None:
            if not self._has_time():
                return Decision(decision.primary_id, Action.NONE, row.status, row.reason, "Left for the next look.")
            return self._looks.after_lease(decision.primary_id, seen, row)
        if decision.action is Action.REQUEST and seen is not None and self._has_time():
            return self._looks.before_creating(seen, row) or decision
        return decision
