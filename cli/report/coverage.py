"""Sections 3, 4 and 5: coverage over time, by directory, and gaps. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from cli.report import charts
from cli.report.blocks import Beside, Block, Column, Items, Picture, Section, Table, Text, legible
from cli.report.figures import Day, Desktops, Figures, Verdict
from cli.report.forms import NOT_KNOWN, count, counted, hours, percent, utc

# The most days that a table lists one by one. Of a longer period it lists months.
_MOST_DAYS = 45
_STATES = {
    "known": "",
    "partial": "today, partial",
    "partial gap": "today, no complete sweep yet",
    "gap": "no complete sweep",
    "not watched": "before the first complete sweep",
}


def third(figures: Figures) -> Section:
    """Section 3."""
    days = figures.days
    blocks: list[Block] = []
    if days:
        words = _in_words(days)
        if any(day.is_known and day.percent is not None for day in days):
            lines = "Solid line: of eligible desktops. Dashed: of all. Grey: not known. Hollow: today, partial."
            blocks.append(Beside([Picture("coverage", charts.coverage(days), lines), Items(words)]))
        else:
            blocks.append(Text(" ".join(words)))
        blocks.append(_days(days) if len(days) <= _MOST_DAYS else _months(days))
    else:
        blocks.append(Text("The coverage in the period is not known."))
    blocks.append(
        Text(
            "Days are UTC days. The figures of a day are those of its last complete sweep. A day on which a directory"
            " had no complete sweep is a gap: it has no value. A desktop is eligible unless it is excluded, ineligible,"
            " or part of an existing fleet that is not accepted. It is protected if that sweep found its standby"
            " ready. If the ledger has a standby that the sweep did not find ready, the desktop is not known here;"
            " `standby status` counts it as protected until the next sweep decides. What happened between two sweeps"
            " is not in these figures. Percentages are rounded down.",
            "note",
        )
    )
    return Section(3, "coverage", "Coverage over time", blocks)


def _in_words(days: Sequence[Day]) -> list[str]:
    known = [day for day in days if day.is_known and day.percent is not None]
    gaps = sum(day.state == "gap" for day in days)
    before = sum(day.state == "not watched" for day in days)
    said = []
    if known:
        first, last, lowest = known[0], known[-1], min(known, key=lambda day: (day.percent or 0, day.day))
        partial = " (today, partial)" if last.state == "partial" else ""
        if first is last:
            said.append(f"Of the eligible desktops, {percent(last.percent)} were protected on {last.day}{partial}.")
            said.append(f"Of all desktops, {percent(last.percent_of_all)}.")
        else:
            said.append(
                f"Of the eligible desktops, {percent(first.percent)} were protected on {first.day} and"
                f" {percent(last.percent)} on {last.day}{partial}."
            )
            said.append(f"The lowest value was {percent(lowest.percent)} on {lowest.day}.")
            said.append(f"Of all desktops, {percent(first.percent_of_all)} and {percent(last.percent_of_all)}.")
    elif not any(day.is_known for day in days):
        said.append("No day of the period has a complete sweep of every directory. The coverage is not known.")
    else:
        said.append("No desktop was eligible on the known days.")
    if gaps:
        said.append(f"{counted(gaps, 'day')} without a complete sweep of every directory: not known.")
    if before:
        said.append(f"{counted(before, 'day')} before the first complete sweep: not known.")
    return said


_COUNTS = ("primaries", "eligible", "protected", "not_known", "reported", "excluded", "ineligible")
_COVERAGE_COLUMNS = [
    Column("coverage_percent", "Of eligible", lambda value: percent(value, "—"), is_number=True),
    Column("coverage_of_all_percent", "Of all", lambda value: percent(value, "—"), is_number=True),
    Column("protected", "Protected", lambda value: count(value, "—"), is_number=True),
    Column("not_known", "Not known", lambda value: count(value, "—"), is_number=True),
    Column("eligible", "Eligible", lambda value: count(value, "—"), is_number=True),
    Column("primaries", "All", lambda value: count(value, "—"), is_number=True),
]


def _values(day: Day) -> dict[str, Any]:
    shown = {"coverage_percent": day.percent, "coverage_of_all_percent": day.percent_of_all}
    counts = {name: day.counts.get(name) if day.is_known else None for name in _COUNTS}
    return {"day": day.day, "state": _STATES[day.state], **shown, **counts}


def _days(days: Sequence[Day]) -> Table:
    columns = [Column("day", "Day (UTC)", is_whole=True), *_COVERAGE_COLUMNS, Column("state", "Remark")]
    return Table("", "Coverage by day", columns, [_values(day) for day in days])


def _months(days: Sequence[Day]) -> Table:
    rows = []
    for month, group in groupby(days, key=lambda day: day.day[:7]):
        listed = list(group)
        known = [day for day in listed if day.is_known and day.percent is not None]
        lowest = min((day.percent for day in known if day.percent is not None), default=None)
        last = _values(known[-1]) if known else {}
        gaps = sum(day.state in ("gap", "partial gap") for day in listed)
        rows.append({**last, "month": month, "lowest": lowest, "known": len(known), "gaps": gaps})
    columns = [
        Column("month", "Month (UTC)", is_whole=True),
        Column("known", "Known days", count, is_number=True),
        Column("gaps", "Gaps", count, is_number=True),
        Column("lowest", "Lowest, of eligible", lambda value: percent(value, "—"), is_number=True),
        Column("coverage_percent", "Last, of eligible", lambda value: percent(value, "—"), is_number=True),
        Column("coverage_of_all_percent", "Last, of all", lambda value: percent(value, "—"), is_number=True),
        Column("protected", "Last, protected", lambda value: count(value, "—"), is_number=True),
        Column("eligible", "Last, eligible", lambda value: count(value, "—"), is_number=True),
    ]
    return Table(
        "",
        "Coverage by month, with the last known day of each",
        columns,
        rows,
        full="days",
    )


def fourth(figures: Figures) -> Section:
    """Section 4."""
    rows = []
    for one in figures.directories:
        last = one.last_day
        counts = {name: last.counts.get(name) if last else None for name in _COUNTS}
        now = figures.desktops.by_directory.get(one.id) if figures.desktops else None
        rows.append(
            {
                "directory_id": one.id if one.is_mapped else f"{one.id} (no longer mapped)",
                "dr_directory_id": one.dr_directory,
                **counts,
                "coverage_percent": last.percent if last else None,
                "coverage_of_all_percent": last.percent_of_all if last else None,
                "work": now[Verdict.WORK] if now else None if figures.desktops is None else 0,
                "scanned_at": one.scanned_at,
                "accepted": one.accepted if one.is_mapped else "no longer mapped",
                "unregistered": ", ".join(one.unregistered) or "none found",
            }
        )
    columns = [
        Column("directory_id", "Directory", below=("dr_directory_id",), is_whole=True),
        *_COVERAGE_COLUMNS,
        Column("reported", "Reported", count, is_number=True),
        Column("excluded", "Excluded", count, is_number=True),
        Column("ineligible", "Ineligible", count, is_number=True),
        Column("work", "Could work now", count, is_number=True),
    ]
    table = Table(
        "directories",
        "Desktops by directory (below it, its DR directory)",
        columns,
        rows,
        empty="No sweep has recorded a directory.",
    )
    state = Table(
        "directories-state",
        "State of the directories",
        [
            Column("directory_id", "Directory", is_whole=True),
            Column("scanned_at", "Last complete sweep", utc),
            Column("accepted", "Existing fleet"),
            Column("unregistered", "Not registered with WorkSpaces"),
        ],
        rows,
        empty="No sweep has recorded a directory.",
    )
    note = Text(
        "The figures are those of the last complete sweep. Only ‘Could work now’ is counted from the present rows, in"
        " desktops. The two differ if something has changed since the sweep.",
        "note",
    )
    return Section(4, "directories", "By directory", [table, state, note])


def fifth(figures: Figures) -> Section:
    """Section 5."""
    found = figures.desktops
    if found is None:
        return Section(5, "gaps", "Gaps", [Text("It is not known which desktops have no standby.", "warning")])
    reasons = [
        {"status": status, "reason_code": reason, "desktops": many}
        for (status, reason), many in found.gaps_by_reason.most_common()
    ]
    of = count(found.desktops.total())
    blocks: list[Block] = [
        Text(
            f"{counted(found.gaps.total, 'desktop')} of {of} {'has' if found.gaps.total == 1 else 'have'} no standby"
            " that is known to be ready."
        ),
        *_not_listed(found),
        Table(
            "gaps-by-reason",
            "Gaps by reason",
            [
                Column("status", "Status and reason", below=("reason_code",), is_whole=True),
                Column("desktops", "Desktops", count, is_number=True),
            ],
            reasons,
        ),
        Table(
            "",
            "Gaps, the oldest first",
            [
                Column("user_name", "User", below=("primary_id", "primary_directory_id")),
                Column("status", "Status", below=("reason_code",), is_whole=True),
                Column("why", "Why"),
                Column("since", "Since", utc, below=("age",)),
                Column("what_to_do", "What to do"),
            ],
            [_aged(row) for row in found.gaps.first],
            found.gaps.total,
            full="gaps",
        ),
        Text(
            "‘Since’ is the time at which the ledger first saw the desktop, if it never had a standby. Otherwise it is"
            " the time of the last change of its row; the gap can be older. ‘What to do’ is addressed to the"
            " operator.",
            "note",
        ),
    ]
    return Section(5, "gaps", "Gaps", blocks)


def _not_listed(found: Desktops) -> list[Block]:
    """A sentence about desktops that are not known and that the list of gaps does not have."""
    others = found.desktops[Verdict.NOTHING] + found.desktops[Verdict.UNKNOWN] - found.gaps.total
    words = (
        f"{counted(others, 'more desktop')} {'is' if others == 1 else 'are'} not known and not listed here: what is"
        " missing concerns a whole directory, or no row names the desktop. Section 1 gives the reasons."
    )
    return [Text(words)] if others > 0 else []


def _aged(row: Mapping[str, Any]) -> dict[str, Any]:
    age = row.get("age_hours")
    return {**row, "age": NOT_KNOWN if age is None else hours(age), "why": legible(row["why"])}
