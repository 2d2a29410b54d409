"""A directory's figures of days, as its complete sweeps have left them in the ledger."""

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

# Intervals without a complete sweep after which figures are old: that many without one are an alarm, too.
MOST_INTERVALS = 3
USUAL_INTERVAL = timedelta(hours=1)  # where the settings are not known


def last_days(ledger: Ledger, directories: Iterable[str], now: datetime) -> dict[str, Item | None]:
    """The row of the last day on which each directory was scanned completely; None if there was none for some days."""
    days = last_rows(ledger, directories, now)
    return {directory: rows[0] if rows else None for directory, rows in days.items()}


def last_rows(ledger: Ledger, directories: Iterable[str], now: datetime) -> dict[str, list[Item]]:
    """The rows of each directory's last days, up to that of a moment; the newest first."""
    wanted = list(directories)
    found: dict[str, list[Item]] = {one: [] for one in wanted}
    days = [day_key(now - timedelta(days=days)) for days in range(DAYS_BACK + 1)]
    keys = {coverage_key(DirectoryId(one)): one for one in wanted}
    items = ledger.get([(key, day) for key in keys for day in days])
    for item in sorted(items, key=lambda item: str(item["sk"]), reverse=True):
        found[keys[item["pk"]]].append(item)
    return found


def scans_in(rows: Iterable[Item]) -> list[datetime]:
    """When the complete scans of some days ended, the first one first; of an older version's days, the last one."""
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
    """How sure it is how a directory stood at a moment: as of the last complete scan before it, and the next one."""

    at: datetime
    before: datetime | None
    after: datetime | None
    interval: timedelta

    @property
    def is_known(self) -> bool:
        """Whether a complete scan ended so shortly before that nothing can have passed unseen for long."""
        return self.before is not None and self.at - self.before <= self.interval * MOST_INTERVALS


def certainty(scans: Iterable[datetime], at: datetime, interval: timedelta) -> Certainty:
    """How sure it is how a directory stood at a moment, by the ends of its complete scans."""
    ended = sorted(scans)
    before = max((one for one in ended if one <= at), default=None)
    return Certainty(at, before, min((one for one in ended if one > at), default=None), interval)


def number(item: Mapping[str, Any] | None, name: str) -> int | None:
    """A number in a row; None if it is not there."""
    value = (item or {}).get(name)
    return value if isinstance(value, int) else None
