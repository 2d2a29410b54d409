"""Witnesses that the primary Region answers: primaries that the ledger takes to be there.

An outage can answer with empty lists for days, and then the ledger itself takes everybody for gone. Who asks for one
that may be gone asks for some of these too: an answer that shows none of them proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from standby.ledger.ledger import ALL_SHARDS, Ledger
from standby.model import Status, WorkspaceId
from standby.reasons import Reason

# Ids of one DescribeWorkspaces, beside the one that is asked about.
MOST = 10
# Those that sweeps look at most closely first, and of each key only some.
_STATUSES = (Status.PROTECTED, *(one for one in Status if one not in (Status.PROTECTED, Status.PRIMARY_GONE)))
_OF_A_KEY = MOST // len(ALL_SHARDS) + 1


class Witnesses:
    """Some of them, read once, when they are first asked for."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._found: tuple[WorkspaceId, ...] | None = None

    def ids(self) -> tuple[WorkspaceId, ...]:
        """Their ids, at most `MOST`; none where the ledger takes nobody to be there.

        Raises
        ------
        LedgerUnavailable
            Not known.
        """
        if self._found is None:
            self._found = tuple(islice(self._living(), MOST))
        return self._found

    def _living(self) -> Iterator[WorkspaceId]:
        for status in _STATUSES:
            for shard in ALL_SHARDS:
                rows, _ = next(self._ledger.rows_by_status(status, shard), ([], None))
                # A standby that was once taken for a primary is in the other Region.
                primaries = (row.primary_id for row in rows if row.reason is not Reason.IS_STANDBY)
                yield from islice(primaries, _OF_A_KEY)
