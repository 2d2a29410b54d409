"""Sections 3, 4 and 5: coverage over time, by directory, and who is without. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from cli.report import charts
from cli.report.blocks import Block, Column, Picture, Section, Table, Text, legible
from cli.report.figures import Day, Figures, Verdict
from cli.report.forms import NOT_KNOWN, count, counted, hours, percent, utc

# Days of which a table has each; of more it has months.
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
            lines = "Solid: of eligible desktops. Dashed: of all. Grey: not known. Hollow: today, partial."
            blocks.append(Picture("coverage", charts.coverage(days), f"{lines} {words}"))
        else:
            blocks.append(Text(words))
        blocks.append(_days(days) if len(days) <= _MOST_DAYS else _months(days))
    else:
        blocks.append(Text("How the days of the period were is not known."))
    blocks.append(
        Text(
            "Each day is a UTC day, as its last complete sweep counted it. A day without a complete sweep of every"
            " directory is a gap and not a value. Eligible desktops are those that are to have a standby: neither"
            " excluded, nor ineligible, nor of an existing fleet that nobody has accepted. Protected are those whose"
            " standby the sweep itself has seen ready. Where the ledger has one and the sweep has not seen it"
            " ready, it is"
            " not known; `standby status` still counts it until the next sweep. Percentages are rounded down.",
            "note",
        )
    )
    return Section(3, "coverage", "Coverage over time", blocks)


def _in_words(days: Sequence[Day]) -> str:
    known = [day for day in days if day.is_known and day.percent is not None]
    gaps = sum(day.state == "gap" for day in days)
    before = sum(day.state == "not watched" for day in days)
    said = []
    if known:
        first, last, lowest = known[0], known[-1], min(known, key=lambda day: (day.percent or 0, day.day))
        partial = " (today, partial)" if last.state == "partial" else ""
        said.append(
            f"Of eligible desktops {percent(first.percent)} were protected on {first.day}, and {percent(last.percent)}"
            f" on {last.day}{partial}. The lowest was {percent(lowest.percent)} on {lowest.day}."
        )
        said.append(f"Of all desktops it was {percent(first.percent_of_all)}, and {percent(last.percent_of_all)}.")
    elif not any(day.is_known for day in days):
        said.append("No day of the period has a complete sweep of every directory. The coverage is not known.")
    else:
        said.append("No desktop was eligible on the days that are known.")
    if gaps:
        said.append(f"On {counted(gaps, 'day')} no sweep of every directory was complete: these are gaps.")
    if before:
        said.append(f"{counted(before, 'day')} came before the first complete sweep.")
    return " ".join(said)


_COUNTS = ("primaries", "eligible", "protected", "not_known", "reported", "excluded", "ineligible")
_COVERAGE_COLUMNS = [
    Column("coverage_percent", "Of eligible", lambda value: percent(value, "—"), is_number=True),
    Column("coverage_of_all_percent", "Of all", lambda value: percent(value, "—"), is_number=True),
    Column("protected", "Protected", count, is_number=True),
    Column("not_known", "Not known", count, is_number=True),
    Column("eligible", "Eligible", count, is_number=True),
    Column("primaries", "All", count, is_number=True),
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
        Column("known", "Days known", count, is_number=True),
        Column("gaps", "Gaps", count, is_number=True),
        Column("lowest", "Lowest, of eligible", lambda value: percent(value, "—"), is_number=True),
        Column("coverage_percent", "Last, of eligible", lambda value: percent(value, "—"), is_number=True),
        Column("coverage_of_all_percent", "Last, of all", lambda value: percent(value, "—"), is_number=True),
        Column("protected", "Protected", count, is_number=True),
        Column("eligible", "Eligible", count, is_number=True),
    ]
    return Table(
        "",
        "Coverage by month: the last day of each that is known",
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
                "directory_id": one.id if one.is_mapped else f"{one.id} (not mapped any more)",
                "dr_directory_id": one.dr_directory,
                **counts,
                "coverage_percent": last.percent if last else None,
                "coverage_of_all_percent": last.percent_of_all if last else None,
                "work": now[Verdict.WORK] if now else None if figures.desktops is None else 0,
                "scanned_at": one.scanned_at,
                "accepted": one.accepted if one.is_mapped else "",
                "unregistered": ", ".join(one.unregistered),
            }
        )
    columns = [
        Column("directory_id", "Directory", below="dr_directory_id", is_whole=True),
        *_COVERAGE_COLUMNS,
        Column("reported", "Reported", count, is_number=True),
        Column("excluded", "Excluded", count, is_number=True),
        Column("ineligible", "Ineligible", count, is_number=True),
        Column("work", "Could work now", count, is_number=True),
    ]
    table = Table(
        "directories",
        "Desktops by directory, each above its DR directory",
        columns,
        rows,
        empty="No sweep has noted a directory.",
    )
    stands = Table(
        "directories-state",
        "How each stands",
        [
            Column("directory_id", "Directory", is_whole=True),
            Column("scanned_at", "Last complete sweep", utc, is_whole=True),
            Column("accepted", "Existing fleet"),
            Column("unregistered", "Not registered with WorkSpaces"),
        ],
        rows,
        empty="No sweep has noted a directory.",
    )
    note = Text(
        "Counts are those of the last complete sweep. ‘Could work now’ is by the rows as they stand now, in desktops:"
        " the two differ where something has changed since the sweep.",
        "note",
    )
    return Section(4, "directories", "By directory", [table, stands, note])


def fifth(figures: Figures) -> Section:
    """Section 5."""
    found = figures.desktops
    if found is None:
        return Section(5, "gaps", "Gaps", [Text("Who is without a standby is not known.", "warning")])
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
        Table(
            "gaps-by-reason",
            "Gaps by reason",
            [
                Column("status", "Status", is_whole=True),
                Column("reason_code", "Reason", is_whole=True),
                Column("desktops", "Desktops", count, is_number=True),
            ],
            reasons,
        ),
        Table(
            "",
            "Gaps, the oldest first",
            [
                Column("user_name", "User", below="primary_id"),
                Column("primary_directory_id", "Directory", is_whole=True),
                Column("status", "Status", below="reason_code", is_whole=True),
                Column("why", "Why"),
                Column("since", "Since", utc, below="age", is_whole=True),
                Column("what_to_do", "What to do"),
            ],
            [_aged(row) for row in found.gaps.first],
            found.gaps.total,
            full="gaps",
        ),
        Text(
            "A desktop that never had a standby is without one since the ledger first saw it. One that had one is"
            " without since its row last changed, or longer. Commands are for the operator.",
            "note",
        ),
    ]
    return Section(5, "gaps", "Gaps", blocks)


def _aged(row: Mapping[str, Any]) -> dict[str, Any]:
    age = row.get("age_hours")
    return {**row, "age": NOT_KNOWN if age is None else hours(age), "why": legible(row["why"])}
