"""How much of the fleet is covered: figures of complete scans, kept a day each for good, and published as metrics.

A directory's row of a UTC day is that of the day's last complete scan: the answer to "was everybody covered then?".
Metrics are of the pair: the last rows of all directories together, and none while a directory has no row, because
figures of half a fleet would pass for the fleet's.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from standby.clock import from_text, to_text
from standby.decisions.annotate import StandbyTally
from standby.ledger.gates import Gates
from standby.ledger.ledger import Context
from standby.ledger.recorder import Telemetry
from standby.ledger.table import Table
from standby.model import DirectoryId, Status
from standby.reasons import Reason
from standby.settings import Settings

# A row that this version cannot read: somebody's desktop, of which it is not known that it is covered.
UNREADABLE = "UNREADABLE"
_NOT_ELIGIBLE = (Status.INELIGIBLE, Status.EXCLUDED, Status.REPORTED)
# For so many days more its last row is a directory's. Three intervals without a sweep are an alarm by then, always.
DAYS_BACK = 3


@dataclass(frozen=True)
class Coverage:
    """How the desktops of a directory, or of several, stand.

    `by_status` counts primaries; those whose primary is on its way out are none any more. What could have a standby and
    is wanted to have one is eligible: not what is INELIGIBLE or EXCLUDED, and not what is only REPORTED. `standbys`
    are those that differ or hold old data.
    """

    by_status: Mapping[str, int] = field(default_factory=dict)
    standbys: StandbyTally = field(default_factory=StandbyTally)

    @property
    def primaries(self) -> int:
        """All desktops."""
        return sum(count for status, count in self.by_status.items() if status != Status.PRIMARY_GONE)

    @property
    def eligible(self) -> int:
        """Those that are to have a standby."""
        return self.primaries - sum(self.by_status.get(status, 0) for status in _NOT_ELIGIBLE)

    @property
    def protected(self) -> int:
        """Those that have one."""
        return self.by_status.get(Status.PROTECTED, 0)

    @property
    def percent(self) -> Decimal:
        """How many of a hundred eligible desktops are protected."""
        return _percent(self.protected, self.eligible)

    @property
    def percent_of_all(self) -> Decimal:
        """How many of a hundred desktops are protected."""
        return _percent(self.protected, self.primaries)


@dataclass(frozen=True)
class Known:
    """What a complete scan found, and how long ago it ended."""

    coverage: Coverage
    age: timedelta


def _percent(part: int, whole: int) -> Decimal:
    """With one decimal, rounded down, so that 100 means all of them; of nobody, nobody is without."""
    return Decimal(part * 1000 // whole) / 10 if whole else Decimal(100)


def together(several: Iterable[Coverage]) -> Coverage:
    """The figures of several directories as one."""
    by_status: Counter[str] = Counter()
    standbys = StandbyTally()
    for one in several:
        by_status.update(one.by_status)
        standbys += one.standbys
    return Coverage(dict(by_status), standbys)


class CoverageBook:
    """Keeps each directory's figures of the day, and tells those of all."""

    def __init__(self, table: Table, settings: Settings, telemetry: Telemetry, gates: Gates) -> None:
        self._table = table
        self._gates = gates
        self._settings = settings
        self._telemetry = telemetry

    def keep(self, directory: DirectoryId, found: Coverage, *, run: str, began_at: str, now: datetime) -> None:
        """Keep what a complete scan found as its day's row, unless a later one was there first.

        Raises
        ------
        LedgerUnavailable
            Not known whether it is kept.
        """
        at = to_text(now)
        item = {
            "pk": coverage_key(directory),
            "sk": day_key(now),
            "directory_id": directory,
            "dr_directory_id": self._settings.directories[directory].dr_directory,
            "day": at[:10],
            "primaries": found.primaries,
            "eligible": found.eligible,
            "protected": found.protected,
            "reported": found.by_status.get(Status.REPORTED, 0),
            "excluded": found.by_status.get(Status.EXCLUDED, 0),
            "ineligible": found.by_status.get(Status.INELIGIBLE, 0),
            "by_status": dict(found.by_status),
            "coverage_percent": found.percent,
            "coverage_of_all_percent": found.percent_of_all,
            **dataclasses.asdict(found.standbys),
            "complete": True,
            "began_at": began_at,
            "scanned_at": at,
            "run": run,
        }
        self._table.put(item, "attribute_not_exists(pk) OR scanned_at <= :at", {":at": at})

    def tell(self, now: datetime, context: Context) -> None:
        """Publish the pair's figures by the last complete scans, if each directory has one.

        `CoverageAgeSeconds` is how old the oldest of them is. Old data is told to a person, once a day for all.

        Raises
        ------
        LedgerUnavailable
            They could not be read.
        """
        directories = sorted(self._settings.directories)
        found = self._last_known(now)
        if missing := [directory for directory in directories if directory not in found]:
            more = f", nor of {len(missing) - 1} more" if len(missing) > 1 else ""
            told = f"no complete scan of {missing[0]} for {DAYS_BACK} days{more}"
            self._telemetry.problem(f"The coverage of the pair is not known, and its metrics are left out: {told}")
        else:
            self._tell_of_pair(found.values(), context)

    def _tell_of_pair(self, found: Collection[Known], context: Context) -> None:
        whole = together(one.coverage for one in found)
        self._gauge("CoveragePercent", whole.percent)
        self._gauge("CoverageOfAllPercent", whole.percent_of_all)
        self._gauge("CoverageAgeSeconds", int(max(one.age for one in found).total_seconds()))
        self._gauge("EligibleDesktops", whole.eligible)
        self._gauge("ProtectedDesktops", whole.protected)
        self._gauge("DriftedStandbys", whole.standbys.drifted)
        self._tell_of_old_data(whole.standbys, context)

    def _tell_of_old_data(self, standbys: StandbyTally, context: Context) -> None:
        if standbys.oldest_seconds is not None:
            self._gauge("StaleStandbys", standbys.stale)
            self._gauge("ReplicationAgeOldestSeconds", standbys.oldest_seconds)
        if standbys.stale:
            hours = self._settings.rpo.total_seconds() / 3600
            detail = f"{standbys.stale} of this pair hold data that is older than {hours:g} hours, or none."
            self._gates.tell_once_a_day(Reason.REPLICATION_STALE, context, detail, status=Status.PROTECTED)

    def _last_known(self, now: datetime) -> dict[DirectoryId, Known]:
        """The last complete scan of each directory and its partner; none where there was none for so many days."""
        found: dict[DirectoryId, Known] = {}
        for days in range(DAYS_BACK + 1):
            wanted = [directory for directory in self._settings.directories if directory not in found]
            day = day_key(now - timedelta(days=days))
            for item in self._table.get_many([(coverage_key(directory), day) for directory in wanted]):
                directory = DirectoryId(item["pk"].partition("#")[2])
                partner = self._settings.directories[directory].dr_directory
                if item.get("dr_directory_id", partner) != partner:
                    continue
                try:
                    found[directory] = _read(item, now)
                except (KeyError, TypeError, ValueError, AttributeError) as problem:
                    told = f"The coverage row {item['pk']} {item['sk']} cannot be read ({problem!r}) and is left out"
                    self._telemetry.problem(told)
        return found

    def _gauge(self, metric: str, value: Decimal | int) -> None:
        self._telemetry.gauge(metric, float(value))


def coverage_key(directory: DirectoryId) -> str:
    """The partition key of a directory's days."""
    return f"COVERAGE#{directory}"


def day_key(now: datetime) -> str:
    """The sort key of a UTC day, e.g. `DAY#2026-03-03`."""
    return f"DAY#{to_text(now)[:10]}"


def _read(item: Mapping[str, Any], now: datetime) -> Known:
    by_status = {str(status): int(count) for status, count in item["by_status"].items()}
    oldest = item.get("oldest_seconds")
    standbys = StandbyTally(
        int(item.get("drifted", 0)), int(item.get("stale", 0)), None if oldest is None else int(oldest)
    )
    return Known(Coverage(by_status, standbys), now - from_text(item["scanned_at"]))
