"""Writes what becomes of an orphan, and tells what keeps it from being written."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

from standby.decisions.decision import record
from standby.decisions.gone import worth
from standby.ledger.ledger import LostRace
from standby.ledger.recorder import Recorder
from standby.ledger.table import LedgerUnavailable, Write
from standby.model import Status, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings

UNCLAIMED: dict[str, Any] = {"claim_owner": None, "claim_expires_at": None}


class OrphanWriter:
    """Writes the rows of orphans. `done` counts the reasons that rows came to have."""

    def __init__(self, recorder: Recorder, settings: Settings) -> None:
        self.done: Counter[str] = Counter()
        self._recorder = recorder
        self._settings = settings

    def write(
        self,
        row: Row,
        reason: Reason,
        detail: str,
        *,
        error: tuple[str, str] | None = None,
        beside: Sequence[Write] = (),
        **changes: Any,
    ) -> Row | None:
        """Write an orphan's row; None if somebody else changed it, or nothing is known: the next look goes on.

        Raises
        ------
        ConditionFailed
            A condition of `beside` did not hold.
        """
        decision = record(row.primary_id, Status.PRIMARY_GONE, reason, detail, error=error)
        new = dataclasses.replace(
            self._recorder.ledger.next_row(row, decision, None, self._recorder.context), **changes
        )
        try:
            self._recorder.ledger.write(new, row, beside=beside)
        except (LostRace, LedgerUnavailable) as problem:
            self.tell(str(problem), row)
            return None
        self._recorder.telemetry.decided(decision, self._recorder.context, changed=True)
        self.done[reason] += 1
        return new

    def call_off(self, row: Row, why: str, beside: Sequence[Write] = ()) -> None:
        """Give up the termination of an orphan, and say why."""
        detail = f"It was {row.standby_id}'s. {why} {self.worth(row)}"
        self.write(row, Reason.TERMINATION_CALLED_OFF, detail, beside=beside, **UNCLAIMED)

    def worth(self, row: Row) -> str:
        """What an orphan costs, and what may be on it, as sentences."""
        return worth(row, row.standby_id or WorkspaceId(""), row.dr_region, row.compute_type, self._settings)

    def tell(self, what: str, row: Row) -> None:
        """Log what a person may want to know of an orphan that stays as it is."""
        self._recorder.telemetry.problem(what, primary_id=row.primary_id, standby_id=row.standby_id)
