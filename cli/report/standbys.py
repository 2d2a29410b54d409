"""Sections 6, 7 and 11: age of copies, drift and PCoIP, orphans and cost. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from cli.report import charts
from cli.report.blocks import Beside, Block, Column, Fact, Facts, Picture, Section, Table, Text, legible
from cli.report.desktops import DRIFT_COLUMNS
from cli.report.figures import Copies, Figures, Shown
from cli.report.forms import NOT_KNOWN, count, counted, money, span, utc
from standby.core.coverage import MOST_HOURS
from standby.core.plan import Cost, monthly_cost
from standby.core.upkeep import PCOIP_ENDS


def sixth(figures: Figures) -> Section:
    """Section 6."""
    copies, rpo = figures.copies, figures.source.rpo
    title = "Age of copies"
    if copies is None:
        return Section(6, "copies", title, [Text("The age of the copies is not known.", "warning")])
    limit = span(rpo) if rpo is not None else NOT_KNOWN
    blocks: list[Block] = []
    if copies.known:
        words = _copies_in_words(copies)
        hours = None if rpo is None else rpo.total_seconds() / 3600
        picture = Picture("ages", charts.ages(copies.by_hours, hours), words)
        blocks.append(Beside([picture, _facts(copies, limit, rpo)]))
    else:
        blocks.append(_facts(copies, limit, rpo))
    blocks.append(_by_age(copies))
    oldest = [
        {"primary_id": one, "seconds": seconds, "is_within": _within(seconds, figures), **copies.rows.get(one, {})}
        for seconds, one in copies.oldest
    ]
    blocks.append(
        Table(
            "oldest-copies",
            "The oldest ten copies",
            [
                Column("user_name", "User", below=("primary_id",)),
                Column("primary_directory_id", "Directory", is_whole=True),
                Column("standby_id", "Standby", is_whole=True),
                Column("seconds", "Age", span, is_number=True),
                Column("is_within", f"Within the RPO of {limit}"),
            ],
            oldest,
            empty="No copy of a known age.",
        )
    )
    if figures.desktops is not None:
        blocks.append(_stale(figures.desktops.stale, limit))
    blocks.append(
        Text(
            "AWS copies the data of a primary every 12 hours, so the data on a standby is normally 12 to 24 hours old."
            " The ages are those at the last complete sweeps, of standbys that were ready then. Data that was saved on"
            " a primary after the copy is not on the standby.",
            "note",
        )
    )
    return Section(6, "copies", title, blocks)


def _facts(copies: Copies, limit: str, rpo: timedelta | None) -> Facts:
    median = f"{copies.median_hours} h" if copies.known else NOT_KNOWN
    return Facts(
        [
            Fact("copies-known", "copies of a known age", count(copies.known), copies.known),
            Fact("copies-median", "median age", median, copies.median_hours),
            Fact("copies-oldest", "oldest copy", span(copies.oldest_seconds), copies.oldest_seconds),
            Fact("rpo", "RPO, by the configuration", limit, None if rpo is None else int(rpo.total_seconds())),
            Fact("copies-awaited", "waiting for a first copy", count(copies.awaited), copies.awaited),
            Fact("copies-off", "without data replication", count(copies.off), copies.off),
            Fact("copies-unknown", "age not known, or no copy", count(copies.unknown), copies.unknown),
        ]
    )


def _by_age(copies: Copies) -> Table:
    """By hours; in the page, by days from the third day on."""
    rows = [
        {"hours": f"{hours} or more" if hours == MOST_HOURS else str(hours), "copies": copies.by_hours[hours]}
        for hours in sorted(copies.by_hours)
    ]
    ranges: Counter[str] = Counter()
    for hours in sorted(copies.by_hours):
        days = hours // 24
        name = f"{hours} h" if days < 2 else f"{days} d" if hours < MOST_HOURS else f"{days} d or more"
        ranges[name] += copies.by_hours[hours]
    return Table(
        "copies",
        "Copies by age, in whole hours or days",
        [Column("age", "Age"), Column("copies", "Copies", count, is_number=True)],
        [{"age": age, "copies": many} for age, many in ranges.items()],
        empty="No copy of a known age.",
        sheet=(("hours", "copies"), rows),
    )


def _within(seconds: int, figures: Figures) -> str:
    rpo = figures.source.rpo
    return NOT_KNOWN if rpo is None else "yes" if seconds <= rpo.total_seconds() else "NO"


def _copies_in_words(copies: Copies) -> str:
    return (
        f"{counted(copies.known, 'copy', 'copies')}. Half of them are at most {copies.median_hours} h old (in whole"
        f" hours). The oldest is {span(copies.oldest_seconds)} old."
    )


def _stale(stale: Shown[dict[str, str]], limit: str) -> Table:
    return Table(
        "",
        f"Standbys with data older than the RPO of {limit}, or without a first copy for that long",
        [
            Column("user_name", "User", below=("primary_id",)),
            Column("primary_directory_id", "Directory", is_whole=True),
            Column("standby_id", "Standby", is_whole=True),
            Column("stale_since", "Stale since", utc),
        ],
        stale.first,
        stale.total,
        full="stale-copies",
    )


def seventh(figures: Figures) -> Section:
    """Section 7."""
    found = figures.desktops
    title = "Drift and PCoIP"
    if found is None:
        return Section(7, "drift", title, [Text("It is not known which standbys differ.", "warning")])
    properties = [{"property": name, "standbys": many} for name, many in found.drift_by_property.most_common()]
    on_pcoip = (
        f"AWS ends support of PCoIP on {PCOIP_ENDS}. After that date nobody can connect with it. Desktops of unknown"
        " protocol are not counted as using it."
    )
    blocks: list[Block] = [
        Facts(
            [
                Fact("drifted", "standbys with drift", count(found.drift.total), found.drift.total),
                Fact("doubled", "primaries with more than one standby", count(found.doubled), found.doubled),
                Fact("pcoip-primaries", "primaries on PCoIP", count(found.pcoip_primaries), found.pcoip_primaries),
                Fact("pcoip-standbys", "standbys on PCoIP", count(found.pcoip_standbys), found.pcoip_standbys),
            ]
        ),
        Text(on_pcoip),
        Table(
            "drift-by-property",
            "Drift by property",
            [Column("property", "Property"), Column("standbys", "Standbys", count, is_number=True)],
            properties,
            empty="No drift is known.",
        ),
        Table(
            "",
            "Standbys that differ from their primaries, or from the configuration",
            [
                Column("user_name", "User", below=("primary_id",)),
                Column(DRIFT_COLUMNS[3], "Directory"),
                Column("standby_id", "Standby", is_whole=True),
                Column("differs_in", "Primary or configuration ≠ standby"),
                Column("since", "Since", utc),
            ],
            found.drift.first,
            found.drift.total,
            full="drift",
        ),
    ]
    blocks.append(
        Text(
            "Drift, PCoIP and duplicates are as the last sweep found them. Changes since then are not included.",
            "note",
        )
    )
    return Section(7, "drift", title, blocks)


def eleventh(figures: Figures) -> Section:
    """Section 11."""
    found = figures.desktops
    title = "Orphans and cost"
    if found is None:
        return Section(11, "cost", title, [Text("It is not known which standbys are orphans.", "warning")])
    rows = []
    for name, types in (
        ("standbys of protected desktops", found.standbys_by_type),
        ("failed standbys", found.failed_by_type),
        ("orphans", found.orphans_by_type),
    ):
        cost = monthly_cost(figures.prices, types)
        rows.append(
            {
                "what": name,
                "standbys": types.total(),
                "monthly_cost": f"{cost.amount:.2f}" if cost.is_known else None,
                "not_priced": sum(cost.not_priced.values()),
                "types": _not_priced(cost) or "none",
            }
        )
    blocks: list[Block] = [
        Table(
            "cost",
            "Monthly cost of standbys, by the fees in the configuration",
            [
                Column("what", "Standbys"),
                Column("standbys", "Number", count, is_number=True),
                Column("monthly_cost", "Per month", money, is_number=True),
                Column("not_priced", "Without a price", count, is_number=True),
                Column("types", "Compute types without a price"),
            ],
            rows,
            note=(
                "The amounts do not include hours of use and data replication. A standby without a configured fee is"
                " not in the amount; its cost is not 0. A failed standby is billed while it exists."
            ),
        ),
        Table(
            "",
            "Orphans: standbys whose primary no longer exists",
            [
                Column("user_name", "User", below=("standby_id",)),
                Column("primary_id", "Former primary", is_whole=True),
                Column("primary_directory_id", "Directory", is_whole=True),
                Column("compute_type", "Compute type", is_whole=True),
                Column("since", "Since", utc),
                Column("kept_by", "Kept by", lambda kept: legible(kept) or "not kept"),
            ],
            found.orphans.first,
            found.orphans.total,
            full="orphans",
        ),
        Text(
            f"{counted(found.orphans.total, 'orphan')}, of which {count(found.orphans_kept)}"
            f" {'is' if found.orphans_kept == 1 else 'are'} kept on purpose. An orphan is billed until a person"
            " terminates it. All of these are as the last sweep or event found them."
        ),
    ]
    return Section(11, "cost", title, blocks)


def _not_priced(cost: Cost) -> str:
    return ", ".join(f"{many} {name}" for name, many in sorted(cost.not_priced.items()))
