"""The figures of a report: counts of what was read, without any words. Pure.

A figure that is not known is None, or counted as not known. It is never 0, and never counts as good.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from standby.core.coverage import MOST_HOURS

T = TypeVar("T")

# Rows that a section shows in full; the sheets have all of them.
MOST_SHOWN = 100
MOST_SLOWEST = 10


class Verdict(StrEnum):
    """Whether a user could work if the primary Region failed now, as far as the ledger and the scans show it."""

    WORK = "could work"
    NOTHING = "have nothing"
    UNKNOWN = "not known"


@dataclass
class Shown(Generic[T]):
    """The first few of many by a key, and the number of all. No more than these are kept in memory."""

    most: int = MOST_SHOWN
    total: int = 0
    _kept: list[tuple[Any, int, T]] = field(default_factory=list)

    def add(self, key: Any, value: T) -> None:
        """Add one. Those with the smallest keys are kept; of two with the same key, the first that was added."""
        self.total += 1
        entry = (_Backwards(key), -self.total, value)
        if len(self._kept) < self.most:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)

    @property
    def first(self) -> list[T]:
        """The kept ones, in order."""
        return [value for _, _, value in sorted(self._kept, key=lambda one: (one[0].key, -one[1]))]


@dataclass(frozen=True)
class _Backwards:
    """A key in reverse order, so that the heap's first is the next one to drop."""

    key: Any

    def __lt__(self, other: _Backwards) -> bool:
        return bool(other.key < self.key)


@dataclass(frozen=True)
class Period:
    """The period that a report covers, and the time at which it is made."""

    since: datetime
    until: datetime
    now: datetime


@dataclass(frozen=True)
class Source:
    """Where a report was read, and by which configuration the pair works.

    Attributes
    ----------
    digest, version : str or None
        Of the configuration that the last sweep used; None if it is not known.
    deployed_digest, deployed_version : str or None
        Of the configuration that the stack's outputs name; None if they could not be read.
    changes : sequence
        The configurations of the period: first day, digest, version, as far as the rows of days have them.
    """

    stack: str
    region: str
    primary_region: str
    dr_region: str
    interval: timedelta
    mode: str | None = None
    digest: str | None = None
    version: str | None = None
    noted_at: str | None = None
    deployed_digest: str | None = None
    deployed_version: str | None = None
    rpo: timedelta | None = None
    paused: str = ""
    changes: Sequence[tuple[str, str, str]] = ()
    without_configuration: int = 0  # days of the period whose rows have none


@dataclass(frozen=True)
class Day:
    """A UTC day, of a directory or of the pair.

    Attributes
    ----------
    state : str
        `known`, `partial` (today), `gap` (no complete scan), or `not watched` (before the first one).
    """

    day: str
    state: str
    counts: Mapping[str, int] = field(default_factory=dict)
    scans: int = 0
    scanned_at: str | None = None
    standbys_cost: str | None = None
    orphans_cost: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether a complete scan has counted it."""
        return self.state in ("known", "partial")

    @property
    def percent(self) -> float | None:
        """Protected desktops as a percentage of the eligible ones; None if not known, or if none was eligible."""
        return percent(self.counts.get("protected", 0), self.counts.get("eligible", 0)) if self.is_known else None

    @property
    def percent_of_all(self) -> float | None:
        """Protected desktops as a percentage of all."""
        return percent(self.counts.get("protected", 0), self.counts.get("primaries", 0)) if self.is_known else None


def percent(part: int, whole: int) -> float | None:
    """With one decimal, rounded down, so that 100 means all of them; None if the whole is 0."""
    return part * 1000 // whole / 10 if whole else None


@dataclass(frozen=True)
class Directory:
    """A directory: its days, and its last complete scan."""

    id: str
    dr_directory: str
    is_mapped: bool
    days: Sequence[Day]
    last: Mapping[str, Any]  # the day row of its last complete scan; empty if that was days ago
    scanned_at: datetime | None
    is_fresh: bool
    accepted: str = ""
    problem: str = ""  # why the last scan was not complete, if it was not
    unregistered: Sequence[str] = ()
    complete_scans: int = 0  # in the period
    last_day: Day | None = None  # the day of the last complete scan


@dataclass
class Copies:
    """How old the copies of the data were when the last complete scans counted them.

    Attributes
    ----------
    by_hours : Counter
        Copies by age in whole hours. `MOST_HOURS` also counts the older ones.
    awaited, off, unknown : int
        Standbys without a first copy yet, without data replication, and those for which neither is known.
    oldest : sequence
        The oldest ones: seconds, primary id.
    """

    by_hours: Counter[int] = field(default_factory=Counter)
    awaited: int = 0
    off: int = 0
    unknown: int = 0
    oldest: Sequence[tuple[int, str]] = ()
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)  # the users of the oldest ones, by primary

    @property
    def known(self) -> int:
        """The number of copies of a known age."""
        return self.by_hours.total()

    @property
    def others(self) -> int:
        """The number of standbys without a copy of a known age."""
        return self.awaited + self.off + self.unknown

    @property
    def median_hours(self) -> int | None:
        """The age in whole hours that half of the copies do not exceed."""
        reached, half = 0, (self.known + 1) // 2
        for hours in sorted(self.by_hours):
            reached += self.by_hours[hours]
            if reached >= half:
                return hours
        return None

    @property
    def oldest_seconds(self) -> int | None:
        """The age of the oldest copy."""
        return max((seconds for seconds, _ in self.oldest), default=None)

    @property
    def has_open_end(self) -> bool:
        """Whether some are so old that their hours are not counted apart."""
        return self.by_hours[MOST_HOURS] > 0


@dataclass
class Desktops:
    """The desktops now, by their rows.

    Attributes
    ----------
    people, desktops : Counter by Verdict
        Users, by the best of their desktops; and desktops.
    unassigned : Counter by Verdict
        Those of the desktops that are assigned to no person.
    doubts : Counter
        The number of desktops that are not known, by the reason.
    """

    people: Counter[Verdict] = field(default_factory=Counter)
    desktops: Counter[Verdict] = field(default_factory=Counter)
    unassigned: Counter[Verdict] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)
    by_directory: dict[str, Counter[Verdict]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    gaps_by_reason: Counter[tuple[str, str]] = field(default_factory=Counter)
    gaps: Shown[dict[str, Any]] = field(default_factory=Shown)
    exclusions_by_rule: Counter[str] = field(default_factory=Counter)
    exclusions: Shown[dict[str, Any]] = field(default_factory=Shown)
    drift_by_property: Counter[str] = field(default_factory=Counter)
    drift: Shown[dict[str, Any]] = field(default_factory=Shown)
    pcoip_primaries: int = 0
    pcoip_standbys: int = 0
    stale: Shown[dict[str, Any]] = field(default_factory=Shown)
    orphans: Shown[dict[str, Any]] = field(default_factory=Shown)
    orphans_kept: int = 0
    orphans_by_type: Counter[str] = field(default_factory=Counter)
    standbys_by_type: Counter[str] = field(default_factory=Counter)
    failed_by_type: Counter[str] = field(default_factory=Counter)
    doubled: int = 0
    unreadable: int = 0


@dataclass
class Protection:
    """How long new desktops of the period waited for their first standby.

    Attributes
    ----------
    seconds : array
        The wait of each that got one.
    gone, refused, waiting : int
        New ones that were terminated before, that are not eligible, and that were waiting at the end.
    by_reason : Counter
        The seconds of those that got one, by the status and reason in which they waited.
    slowest : Shown
        The slowest ones.
    """

    created: int = 0
    seconds: array[int] = field(default_factory=lambda: array("q"))
    gone: int = 0
    refused: int = 0
    waiting: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    slowest: Shown[dict[str, Any]] = field(default_factory=lambda: Shown(MOST_SLOWEST))

    def quantile(self, part: float) -> int | None:
        """The seconds that this part of them did not exceed."""
        if not self.seconds:
            return None
        ordered = sorted(self.seconds)
        return ordered[max(-(-len(ordered) * round(part * 100) // 100) - 1, 0)]


@dataclass
class Changes:
    """The changes of the period, and who caused them."""

    events: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    by_principal: dict[str, Counter[str]] = field(default_factory=dict)
    decisions: Shown[dict[str, Any]] = field(default_factory=Shown)
    lost_by_reason: Counter[str] = field(default_factory=Counter)
    protection: Protection = field(default_factory=Protection)


@dataclass(frozen=True)
class Doctor:
    """The last kept run of doctor."""

    at: datetime
    by: str
    because: str
    checks: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Figures:
    """All figures of a report. A part that could not be read is None, and `missing` names it.

    Attributes
    ----------
    missing : list of str
        Sentences about what could not be seen: the exit status is 4.
    cautions : list of str
        Sentences about how reliable the rest is.
    """

    period: Period
    source: Source
    directories: Sequence[Directory]
    days: Sequence[Day]
    copies: Copies | None
    desktops: Desktops | None
    changes: Changes | None
    doctor: Doctor | None
    prices: Mapping[str, Any]
    scope: Sequence[str] = ()
    redacted: bool = False
    missing: Sequence[str] = ()
    cautions: Sequence[str] = ()
