"""Remarks: what is to be told of a primary, and changes neither its status nor the reason of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from standby.ledger.ledger import LostRace, Unreadable
from standby.ledger.recorder import Recorder
from standby.ledger.table import ConditionFailed, LedgerUnavailable, Write
from standby.model import WorkspaceId
from standby.reasons import Reason
from standby.rows import Row

_TRIES = 5


@dataclasses.dataclass(frozen=True)
class Remark:
    """A remark as data: the log line, the metric, what is new on the row, and the notice are all made from it.

    `facts` are the row's attributes that are new; `tells` says whether a person is told.
    """

    reason: Reason
    message: str
    facts: dict[str, Any]
    tells: bool = True


class Remarks:
    """Writes them, each once: a row that has the facts already is left as it is."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def make(
        self,
        primary_id: WorkspaceId,
        remark: Callable[[Row], Remark | None],
        beside: Sequence[Write] = (),
    ) -> Row | None:
        """Write a remark on a primary's row, made from the row as it is found, log it and count it.

        Returns the row with it; None if there is none.

        Parameters
        ----------
        remark
            The remark for a row; None if there is nothing to be said of it.
        beside
            Written with it; a condition of these that does not hold says that it was made before.

        Raises
        ------
        LedgerUnavailable
            It is not written, so the event has to come again.
        """
        ledger = self._recorder.ledger
        for _ in range(_TRIES):
            row = ledger.load([primary_id]).get(primary_id)
            if isinstance(row, Unreadable):
                self._recorder.telemetry.count("UnreadableRows")
                self._recorder.telemetry.problem(f"Its row cannot be read: {row.problem}", primary_id=primary_id)
                return None
            if row is None or (found := remark(row)) is None:
                return None
            new = dataclasses.replace(
                ledger.next_of(row, self._recorder.context),
                message=found.message,
                notice_code=found.reason if found.tells else None,
                **found.facts,
            )
            try:
                ledger.write(new, row, beside=beside)
            except LostRace:
                continue
            except ConditionFailed:
                return None
            self._recorder.telemetry.remarked(primary_id, found, self._recorder.context)
            return new
        raise LedgerUnavailable(f"the row of {primary_id} was changed by somebody else, {_TRIES} times running")
