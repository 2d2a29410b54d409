"""The daily figures of a directory, as its complete sweeps wrote them to the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from standby.core.model import DirectoryId, from_text
from standby.ledger.sweeps import DAYS_BACK, coverage_key, day_key

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger

# After this many intervals without a complete sweep, figures are too old. An alarm fires after the same time.
MOST_INTERVALS = 3
USUAL_INTERVAL = timedelta(hours=1)  # where the settings are not known


def last_days(ledger: Ledger, directories: Iterable[str], now: datetime) -> dict[str, Item | None]:
    """The row of each directory's last day with a complete scan; None if there was none in the last days."""
    days = last_rows(ledger, directories, now)
    return {directory: rows[0] if rows else None for directory, rows in days.items()}


def last_rows(ledger: Ledger, directories: Iterable[str], now: datetime) -> dict[str, list[Item]]:
    """The rows of each directory's last days, up to the day of `now`; the newest first."""
    wanted = list(directories)
    found: dict[str, list[Item]] = {one: [] for one in wanted}
    days = [day_key(now - timedelta(days=days)) for days in range(DAYS_BACK + 1)]
    keys = {coverage_key(DirectoryId(one)): one for one in wanted}
    items = ledger.get([(key, day) for key in keys for day in days])
    for item in sorted(items, key=lambda item: str(item["sk"]), reverse=True):
        found[keys[item["pk"]]].append(item)
    return found


def scans_in(rows: Iterable[Item]) -> list[datetime]:
    """The times at which the complete scans of some days ended, in order; for days of older versions, only the last."""
    found: set[datetime] = set()
    for row in rows:
        scans = row.get("scans")
        for text in (*(scans if isinstance(scans, list) else ()), row.get("scanned_at")):
            try:
                found.add(from_text(text))
            except ValueError:
                continue  # somebody may have written it manually
    return sorted(found)


@dataclass(frozen=True)
class Certainty:
    """How certain a directory's state at a moment is, by the complete scans before and after it."""

    at: datetime
    before: datetime | None
    after: datetime | None
    interval: timedelta

    @property
    def is_known(self) -> bool:
        """Whether a complete scan ended at most `MOST_INTERVALS` intervals before the moment."""
        return self.before is not None and self.at - self.before <= self.interval * MOST_INTERVALS


def certainty(scans: Iterable[datetime], at: datetime, interval: timedelta) -> Certainty:
    """How certain a directory's state at a moment is, by the times at which its complete scans ended."""
    ended = sorted(scans)
    before = max((one for one in ended if one <= at), default=None)
    return Certainty(at, before, min((one for one in ended if one > at), default=None), interval)


def number(item: Mapping[str, Any] | None, name: str) -> int | None:
    """A number in a row; None if the row does not have it."""
    value = (item or {}).get(name)
    return value if isinstance(value, int) else None
