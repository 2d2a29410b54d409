"""The days of the period, by directory and together: the day rows that complete sweeps wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from cli.figures import certainty, last_rows, number, scans_in
from cli.report.figures import Copies, Day, Directory, Period
from cli.report.forms import utc
from standby.core.coverage import UNCONFIRMED, UNREADABLE
from standby.core.model import day_of
from standby.core.upkeep import AWAITED, NOT_COPIED, ON_PCOIP

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger
    from cli.report.names import Names
    from cli.state import State

COUNTED: Final = (
    "primaries",
    "eligible",
    "protected",
    "not_known",
    "reported",
    "excluded",
    "ineligible",
    "drifted",
    "stale",
    "orphans",
    *ON_PCOIP,
)
DAY_COLUMNS: Final = (
    "day",
    "directory_id",
    "state",
    "coverage_percent",
    "coverage_of_all_percent",
    *COUNTED,
    "complete_sweeps",
    "scanned_at",
    "standbys_monthly_cost",
    "orphans_monthly_cost",
)
PAIR: Final = "the pair"


def days_of(period: Period) -> list[str]:
    """The UTC days of a period."""
    last, day, found = day_of(min(period.until, period.now)), period.since, list[str]()
    while (name := day_of(day)) <= last:
        found.append(name)
        day += timedelta(days=1)
    return found


@dataclass
class Reading:
    """Reads the days of one pair's directories.

    After `read`, `configurations` has the configuration of each day whose row names it.
    """

    ledger: Ledger
    state: State
    period: Period
    interval: timedelta
    names: Names

    def __post_init__(self) -> None:
        self.configurations: dict[str, tuple[str, str]] = {}
        self.without_configuration = 0

    def read(self, wanted: Iterable[str]) -> list[Directory]:
        """The days and the last scan of some directories."""
        chosen = list(wanted)
        last = last_rows(self.ledger, chosen, self.period.now)
        return [self._directory(one, last[one]) for one in chosen]

    def _directory(self, directory: str, recent: Sequence[Item]) -> Directory:
        state, now = self.state, self.period.now
        days = list(self._days(directory))
        sure = certainty(scans_in(recent), now, self.interval)
        baseline = state.baselines.get(directory, {})
        noted = baseline.get("unregistered")
        return Directory(
            id=directory,
            dr_directory=state.directories.get(directory, ""),
            is_mapped=directory in state.directories,
            days=days,
            last=recent[0] if recent else {},
            scanned_at=sure.before,
            is_fresh=sure.is_known,
            accepted=self._accepted(baseline),
            problem=state.problem_of_last(directory),
            unregistered=sorted(map(str, noted)) if isinstance(noted, Mapping) else (),
            complete_scans=sum(day.scans for day in days),
            last_day=day_in(recent[0], "known") if recent else None,
        )

    def _accepted(self, baseline: Item) -> str:
        settings = self.state.settings
        if baseline.get("accepted") is True:
            by, at = self.names.who(baseline.get("accepted_by")), baseline.get("accepted_at")
            because = self.names.noted(baseline.get("because"))
            parts = [f"by {by}"] * bool(by) + [f"at {utc(at)}"] * bool(at) + [because] * bool(because)
            return " ".join(["accepted", *parts])
        if settings is not None and settings.existing_fleet == "protect":
            return "accepted by the configuration"
        return "not accepted"

    def _days(self, directory: str) -> Iterator[Day]:
        """A day for each of the period."""
        wanted = days_of(self.period)
        if not wanted:
            return
        is_watched = self.ledger.has_day_before(directory, wanted[0])
        rows = {str(row.get("day")): row for row in self.ledger.days(directory, wanted[0], wanted[-1])}
        today = day_of(self.period.now)
        for day in wanted:
            row = rows.get(day)
            is_watched = is_watched or row is not None
            if row is not None:
                self._note_configuration(row)
                yield day_in(row, "partial" if day == today else "known")
            elif day == today and is_watched:
                yield Day(day, "partial gap")  # its first sweep may still come
            else:
                yield Day(day, "gap" if is_watched else "not watched")

    def _note_configuration(self, row: Item) -> None:
        digest, version = row.get("config_digest"), row.get("version")
        if isinstance(digest, str) and isinstance(version, str):
            self.configurations.setdefault(str(row.get("day")), (digest, version))
        else:
            self.without_configuration += 1

    def changes(self) -> list[tuple[str, str, str]]:
        """The configurations of the period: first day, digest, version."""
        found: list[tuple[str, str, str]] = []
        for day, (digest, version) in sorted(self.configurations.items()):
            if not found or found[-1][1:] != (digest, version):
                found.append((day, digest, version))
        return found


def day_in(row: Item, state: str) -> Day:
    """The day of a row."""
    counts = {name: count for name in COUNTED if (count := number(row, name)) is not None}
    # Standbys that the scan has not confirmed are not known, and not protected.
    unconfirmed, statuses = number(row, UNCONFIRMED) or 0, row.get("by_status")
    counts["protected"] = max(counts.get("protected", 0) - unconfirmed, 0)
    counts["unconfirmed"] = unconfirmed
    counts["not_known"] = unconfirmed + _unreadable(statuses)
    costs = {f"{of}_cost": _amount(row.get(f"{of}_monthly_cost")) for of in ("standbys", "orphans")}
    scanned = str(row["scanned_at"]) if row.get("scanned_at") else None
    return Day(str(row.get("day")), state, counts, len(scans_in([row])), scanned, **costs)


def _amount(value: object) -> str | None:
    try:
        return None if value is None else f"{Decimal(str(value)):.2f}"
    except InvalidOperation:
        return None


def together(directories: Sequence[Directory]) -> list[Day]:
    """The days of all directories together. One is known only if every watched directory had a complete scan."""
    found = []
    for days in zip(*(one.days for one in directories), strict=True):
        watched = [day for day in days if day.state != "not watched"]
        state = _state_of([day.state for day in watched])
        if state not in ("known", "partial"):
            found.append(Day(days[0].day, state))
            continue
        counts: Counter[str] = Counter()
        for day in watched:
            counts.update(day.counts)
        scanned = min(day.scanned_at for day in watched if day.scanned_at)
        found.append(Day(days[0].day, state, dict(counts), min(day.scans for day in watched), scanned))
    return found


def _state_of(states: Sequence[str]) -> str:
    if not states:
        return "not watched"
    for one in ("gap", "partial gap", "partial"):
        if one in states:
            return one
    return "known"


def copies_of(directories: Sequence[Directory]) -> Copies:
    """The ages of copies at the last complete scans that are recent enough."""
    found = Copies()
    oldest: list[tuple[int, str]] = []
    for one in directories:
        protected = one.last_day.counts["protected"] if one.last_day else 0
        counted = one.last.get("copies")
        counts = (
            {str(name): count for name, count in counted.items() if isinstance(count, int)}
            if (isinstance(counted, Mapping) and one.is_fresh and one.is_mapped)
            else {}
        )
        found.awaited += counts.get(AWAITED, 0)
        found.off += counts.get(NOT_COPIED, 0)
        by_hours = {int(name): count for name, count in counts.items() if name.isdigit()}
        found.by_hours.update(by_hours)
        counted_ones = sum(by_hours.values()) + counts.get(AWAITED, 0) + counts.get(NOT_COPIED, 0)
        found.unknown += max(protected - counted_ones, 0)
        listed = one.last.get("oldest_copies")
        if by_hours and isinstance(listed, Mapping):
            oldest += [(seconds, str(name)) for name, seconds in listed.items() if isinstance(seconds, int)]
    found.oldest = sorted(oldest, key=lambda age: (-age[0], age[1]))[:10]
    return found


def unreadable_in(directories: Sequence[Directory]) -> int:
    """The number of rows that the last complete scans could not read."""
    return sum(_unreadable(one.last.get("by_status")) for one in directories)


def _unreadable(statuses: object) -> int:
    return (number(statuses, UNREADABLE.partition("/")[2]) or 0) if isinstance(statuses, Mapping) else 0


def sheet_rows(directories: Sequence[Directory], whole: Sequence[Day]) -> Iterator[dict[str, Any]]:
    """The rows of the sheet of days."""
    for name, days in [(one.id, one.days) for one in directories] + [(PAIR, whole)]:
        for day in days:
            yield {
                "day": day.day,
                "directory_id": name,
                "state": day.state,
                "coverage_percent": day.percent,
                "coverage_of_all_percent": day.percent_of_all,
                **{name: day.counts.get(name) for name in COUNTED},
                "complete_sweeps": day.scans,
                "scanned_at": day.scanned_at,
                "standbys_monthly_cost": day.standbys_cost,
                "orphans_monthly_cost": day.orphans_cost,
            }
