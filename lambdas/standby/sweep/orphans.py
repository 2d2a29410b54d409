"""How long an orphan has been one: what every complete sweep has seen of it, in a row of its own.

The row is updated, never put, so that what a person sets there stays: `kept` keeps the standby from being terminated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from standby.clock import from_text, to_text
from standby.ledger.table import Table
from standby.model import DirectoryId, WorkspaceId
from standby.rows import Row
from standby.settings import Settings
from standby.sweep.fleet import Census

ORPHAN = "ORPHAN"
# Complete sweeps that lie further apart leave a gap in which the primary may have been there: the days begin anew.
_LEAST_GAP = timedelta(hours=12)
_GAP_INTERVALS = 2


def orphan_key(primary_id: WorkspaceId) -> str:
    """The partition key of what is known of an orphan."""
    return f"{ORPHAN}#{primary_id}"


@dataclass(frozen=True)
class Evidence:
    """What the sweeps have seen of an orphan.

    `since` and `last` are the first and the last of the complete sweeps, without a gap between, that all found it to be
    one; None where there is none. `kept` if a person wants it kept; `put_off_at` when a look last found something
    against its termination.
    """

    standby_id: str | None = None
    since: datetime | None = None
    last: datetime | None = None
    run: str | None = None
    sweeps: int = 0
    kept: bool = False
    put_off_at: datetime | None = None

    def age(self, standby_id: WorkspaceId) -> timedelta:
        """For how long every complete sweep has found this standby to be an orphan."""
        if self.since is None or self.last is None or self.standby_id != standby_id:
            return timedelta(0)
        return self.last - self.since


class OrphanMemory:
    """Reads and writes it. Only with `orphans: terminate` is anything written: the days count from then on."""

    def __init__(self, table: Table, settings: Settings) -> None:
        self._table = table
        self._settings = settings
        self.gap = max(_LEAST_GAP, settings.sweep_interval * _GAP_INTERVALS)

    def evidence(self, ids: Sequence[WorkspaceId]) -> dict[WorkspaceId, Evidence]:
        """What is known of orphans, by their primaries; those of which nothing is are left out.

        Raises
        ------
        LedgerUnavailable
            Not known.
        """
        found = self._table.get_many([(orphan_key(one), ORPHAN) for one in ids])
        return {WorkspaceId(item["pk"].partition("#")[2]): _evidence(item) for item in found}

    def witness(self, rows: Iterable[Row], census: Mapping[DirectoryId, Census], run: str, now: datetime) -> None:
        """Note what a sweep's complete scans have seen of the orphans among some rows. Doing it twice changes nothing.

        Raises
        ------
        LedgerUnavailable
            Not noted; the sweep does this part again.
        """
        if self._settings.orphans != "terminate":
            return
        seen = {row.primary_id: (row, found) for row in rows if (found := _shown(row, census)) is not None}
        known = self.evidence(list(seen))
        for primary_id, (row, is_one) in seen.items():
            before = known.get(primary_id, Evidence())
            if before.run == run:
                continue
            if is_one:
                self._confirm(row, before, run, now)
            elif before.since is not None:
                # Its primary was seen, or its standby was not: the days begin anew.
                self._table.update(
                    orphan_key(primary_id),
                    ORPHAN,
                    "SET confirmed_run = :run REMOVE orphan_since, confirmed_at, sweeps",
                    {":run": run},
                )

    def _confirm(self, row: Row, before: Evidence, run: str, now: datetime) -> None:
        goes_on = (
            before.since is not None
            and before.last is not None
            and before.standby_id == row.standby_id
            and now - before.last <= self.gap
        )
        since = before.since if goes_on and before.since else now
        self._table.update(
            orphan_key(row.primary_id),
            ORPHAN,
            "SET standby_id = :standby, orphan_since = :since, confirmed_at = :now, confirmed_run = :run, sweeps = :n",
            {
                ":standby": row.standby_id,
                ":since": to_text(since),
                ":now": to_text(now),
                ":run": run,
                ":n": before.sweeps + 1 if goes_on else 1,
            },
        )

    def put_off(self, primary_id: WorkspaceId, now: datetime) -> None:
        """Note that a look found something against the termination: the next one is not at once.

        Raises
        ------
        LedgerUnavailable
            Not noted; it is only looked at sooner.
        """
        self._table.update(orphan_key(primary_id), ORPHAN, "SET put_off_at = :now", {":now": to_text(now)})


def _shown(row: Row, census: Mapping[DirectoryId, Census]) -> bool | None:
    """Whether complete scans show a row to be an orphan's; None if they, or the row, do not speak of one."""
    if not row.is_orphan or row.standby_id is None or row.primary_directory_id is None:
        return None
    found = census.get(row.primary_directory_id)
    return found.shows_orphan(row) if found else None


def _evidence(item: Mapping[str, Any]) -> Evidence:
    """What a row says; what is not as it is written here counts as not said, and a wish to keep as one in any form."""
    return Evidence(
        standby_id=item.get("standby_id"),
        since=_moment(item, "orphan_since"),
        last=_moment(item, "confirmed_at"),
        run=item.get("confirmed_run"),
        sweeps=item["sweeps"] if isinstance(item.get("sweeps"), int) else 0,
        kept=item.get("kept", False) is not False,
        put_off_at=_moment(item, "put_off_at"),
    )


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    try:
        moment = from_text(str(item[name]))
    except (KeyError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
