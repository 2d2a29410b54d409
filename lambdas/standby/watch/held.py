"""Held primaries: which of them are tried now, and in which order. New desktops come before an accepted fleet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from standby.ledger.gates import Gates
from standby.ledger.ledger import ALL_SHARDS, Ledger
from standby.model import Status, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings


class Held:
    """The rows that are HELD, as the watcher tries them."""

    def __init__(self, ledger: Ledger, gates: Gates, settings: Settings) -> None:
        self._ledger = ledger
        self._gates = gates
        self._settings = settings

    def to_be_tried(self, most: int, under_way: int) -> list[WorkspaceId]:
        """Those to be tried, at most so many, if anything may be created now; only the claim knows for how many.

        Parameters
        ----------
        under_way
            The open rows of existing fleets (`is_under_way`): of these fleets `backfill_in_flight` at once, and only
            while they have room. What is new waits for none of that.

        Raises
        ------
        LedgerUnavailable
            It is not known what may be created.
        """
        if most <= 0 or self._gates.closed() is not None or self._gates.room() == 0:
            return []
        # The new ones are the first of each shard (`Row.to_state_item`), so that reading ends early.
        rows = sorted(self._first(most), key=lambda row: row.changed_at)
        new = [row.primary_id for row in rows if not row.existing]
        backfill = [row.primary_id for row in rows if row.existing]
        if backfill and self._gates.backfill_room().most == 0:
            backfill = []
        return [*new, *backfill[: max(self._settings.backfill_in_flight - under_way, 0)]][:most]

    def _first(self, most: int) -> Iterator[Row]:
        for shard in ALL_SHARDS:
            pages = (page for page, _ in self._ledger.rows_by_status(Status.HELD, shard))
            yield from islice(chain.from_iterable(pages), most)


def is_under_way(row: Row) -> bool:
    """Whether an open row is one of an existing fleet that is on its way, and keeps others of it back.

    One that is SUSPENDED waits for a person, however long: nobody waits for it.
    """
    return row.existing and row.reason is not Reason.PRIMARY_PAUSED_BY_SERVICE
