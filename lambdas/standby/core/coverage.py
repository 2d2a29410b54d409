"""What a complete scan counts: the statuses of a directory's desktops, the numbers of a plan, the age of copies. Pure.

Counts have names, for example `{"status/PROTECTED": 24, "wants/STANDARD": 3, "stale": 1}`. They are added over the
pages of a directory and over directories, except for the ages of the oldest copies, in seconds: `oldest_seconds` is the
greatest, and `oldest/<primary>` are the greatest few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from standby.core.admission import finds_place_taken
from standby.core.attention import needs_action
from standby.core.change import Case, Change
from standby.core.model import NOT_ELIGIBLE, Status
from standby.core.plan import UNKNOWN_TYPE, Prices, monthly_cost, stage, under
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.core.settings import Settings
from standby.core.upkeep import ON_PCOIP, copied, copy_age, type_of_standby

OLDEST = "oldest_seconds"
# Copies of data: how many by their age in whole hours, or why there is none; and the oldest ones, by primary.
COPIES, OLDEST_ONES = "copies", "oldest"
MOST_OLDEST = 10
MOST_HOURS = 168  # a week or more: it limits the names in a day's row
# Protected, but a person has to act.
PROTECTED_NEEDS_ACTION = "protected_needs_action"
# Protected by its row, but the scan found no standby that a user could be sent to: the protection is not confirmed.
UNCONFIRMED = "unconfirmed"
# A row that this version cannot read: it is not known whether the desktop is covered.
UNREADABLE = "status/UNREADABLE"
# The number of orphans by directory, then by compute type.
Orphans = Mapping[str, Mapping[str, int]]


def count(case: Case, change: Change) -> dict[str, int]:
    """The counts that one desktop adds. A standby adds none, even if it once counted as a primary.

    A desktop that is INELIGIBLE because its place is taken is still counted as that while it is retried.
    """
    status, row, new = change.status, case.row, change.new
    if status is None or change.reason is Reason.IS_STANDBY:
        return {}
    is_tried = status.is_pending and not (new and new.standby_id)
    is_taken = row is not None and finds_place_taken(row)
    names = [f"status/{Status.INELIGIBLE if is_tried and is_taken else status}"]
    # It would get a standby if its directory were accepted. This includes rows that are held for a former DR directory.
    is_of_fleet = status is Status.REPORTED or change.reason is Reason.BACKFILL
    if status is Status.INELIGIBLE:
        names.append(f"cannot/{change.reason}")
    elif status is Status.EXCLUDED:
        names.append(f"excluded/{change.reason}")
    elif is_of_fleet:
        names.append(f"wants/{(case.shown and case.shown.compute_type) or UNKNOWN_TYPE}")
    if is_of_fleet or any(one is not None and one.existing for one in (row, new)):
        names.append(f"stage/{stage(status)}")
    names += ON_PCOIP[:1] if new and new.has(Kind.PCOIP) and status is not Status.PRIMARY_GONE else ()
    if status is not Status.PROTECTED or new is None:
        return dict.fromkeys(names, 1)
    names += ["drifted"] * new.has(Kind.DRIFT) + ["stale"] * new.has(Kind.STALE)
    names += [PROTECTED_NEEDS_ACTION] * needs_action(status, new.reason, new.conditions)
    names.append(f"has/{_priced_as(new, case.settings)}")
    names += ON_PCOIP[1:] if new.has(Kind.STANDBY_PCOIP) else ()
    is_confirmed = case.shown is not None and any(one.is_healthy for one in case.shown.standbys)
    names += [] if is_confirmed else [UNCONFIRMED]
    age = copy_age(case, change)
    ages = {} if age is None else {OLDEST: int(age.total_seconds())}
    return dict.fromkeys(names, 1) | ages | (_copies(case, change) if is_confirmed else {})


def _copies(case: Case, change: Change) -> dict[str, int]:
    """The counts of the copy on a standby, as far as it is known."""
    copy = copied(case, change)
    if not isinstance(copy, timedelta):
        return {} if copy is None else {f"{COPIES}/{copy}": 1}
    seconds = int(copy.total_seconds())
    return {f"{COPIES}/{min(seconds // 3600, MOST_HOURS)}": 1, f"{OLDEST_ONES}/{change.primary_id}": seconds}


def add(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """The sum of both counts."""
    oldest = [ages[OLDEST] for ages in (counts, more) if OLDEST in ages]
    total = Counter(counts) + Counter(more)
    single = [name for name in total if name.startswith(f"{OLDEST_ONES}/")]
    left_out = {*sorted(single, key=lambda name: (-total[name], name))[MOST_OLDEST:]}
    found = {name: count for name, count in total.items() if name not in left_out}
    return found | ({OLDEST: max(oldest)} if oldest else {})


@dataclass(frozen=True)
class Coverage:
    """The coverage of one or several directories.

    Primaries that are being terminated do not count. Eligible are desktops that can and should have a standby: not
    those that are INELIGIBLE, EXCLUDED or only REPORTED. `age` is how long ago the scan ended.
    """

    counts: Mapping[str, int]
    age: timedelta = timedelta(0)

    @property
    def by_status(self) -> dict[str, int]:
        """How many primaries have each status."""
        return under(self.counts, "status")

    @property
    def primaries(self) -> int:
        """The number of all desktops."""
        return sum(count for status, count in self.by_status.items() if status != Status.PRIMARY_GONE)

    @property
    def eligible(self) -> int:
        """The number of desktops that can and should have a standby."""
        return self.primaries - sum(self.by_status.get(status, 0) for status in NOT_ELIGIBLE)

    @property
    def protected(self) -> int:
        """The number of desktops that have a standby."""
        return self.by_status.get(Status.PROTECTED, 0)

    @property
    def percent(self) -> Decimal:
        """Protected desktops as a percentage of the eligible ones, with one decimal."""
        return _percent(self.protected, self.eligible)

    @property
    def percent_of_all(self) -> Decimal:
        """Protected desktops as a percentage of all desktops, with one decimal."""
        return _percent(self.protected, self.primaries)


def _percent(part: int, whole: int) -> Decimal:
    """With one decimal, rounded down, so that 100 means all of them. With no eligible desktops, coverage is 100 %."""
    return Decimal(part * 1000 // whole) / 10 if whole else Decimal(100)


def with_orphans(found: Orphans, rows: Iterable[Row], settings: Settings) -> dict[str, dict[str, int]]:
    """The counted orphans, with those among some more rows."""
    orphans = {directory: Counter(types) for directory, types in found.items()}
    for row in rows:
        if row.is_orphan:
            orphans.setdefault(str(row.primary_directory_id), Counter())[_priced_as(row, settings)] += 1
    return {directory: dict(types) for directory, types in orphans.items()}


def _priced_as(row: Row, settings: Settings) -> str:
    """The name that a row's standby is priced by: its own compute type. The prices apply to one DR Region."""
    where = "" if row.dr_region == settings.dr_region else f" in {row.dr_region}"
    return f"{type_of_standby(row.compute_type, row.note(Kind.DRIFT))}{where}"


def cost_attributes(of: str, types: Mapping[str, int], prices: Prices) -> dict[str, str | int]:
    """The attributes of a day's row for a directory's `orphans` or `standbys`: how many, their cost in USD a month, and
    how many have no price.
    """
    cost = monthly_cost(prices, types)
    known: dict[str, str | int] = {f"{of}_monthly_cost": f"{cost.amount:.2f}"} if cost.is_known else {}
    return {of: sum(types.values()), **known, f"{of}_not_priced": sum(cost.not_priced.values())}
