"""Sections 6, 7 and 11: how old copies are, what differs, and what costs without use. Pure."""

from __future__ import annotations

from cli.report import charts
from cli.report.blocks import Block, Column, Fact, Facts, Picture, Section, Table, Text
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
        return Section(6, "copies", title, [Text("How old the copies are is not known.", "warning")])
    limit = span(rpo) if rpo is not None else NOT_KNOWN
    blocks: list[Block] = []
    if copies.known:
        words = _copies_in_words(copies)
        hours = None if rpo is None else rpo.total_seconds() / 3600
        blocks.append(Picture("ages", charts.ages(copies.by_hours, hours), words))
    blocks.append(
        Facts(
            [
                Fact("copies-known", "copies of a known age", count(copies.known), copies.known),
                Fact(
                    "copies-median",
                    "median age",
                    f"{copies.median_hours} h" if copies.known else NOT_KNOWN,
                    copies.median_hours,
                ),
                Fact("copies-oldest", "oldest", span(copies.oldest_seconds), copies.oldest_seconds),
                Fact("copies-awaited", "wait for a first copy", count(copies.awaited), copies.awaited),
                Fact("copies-off", "not replicated", count(copies.off), copies.off),
                Fact("copies-unknown", "age not known, or no copy", count(copies.unknown), copies.unknown),
                Fact("rpo", "RPO, by the configuration", limit, None if rpo is None else int(rpo.total_seconds())),
            ]
        )
    )
    rows = [
        {"hours": "168 or more" if hours == MOST_HOURS else str(hours), "copies": copies.by_hours[hours]}
        for hours in sorted(copies.by_hours)
    ]
    blocks.append(
        Table(
            "copies",
            "Copies by age in whole hours",
            [Column("hours", "Hours", is_number=True), Column("copies", "Copies", count, is_number=True)],
            rows,
            empty="No copy of a known age.",
        )
    )
    oldest = [
        {"primary_id": one, "seconds": seconds, "is_within": _within(seconds, figures), **copies.rows.get(one, {})}
        for seconds, one in copies.oldest
    ]
    blocks.append(
        Table(
            "oldest-copies",
            "The oldest ten copies",
            [
                Column("user_name", "User", below="primary_id"),
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
            "AWS copies a primary’s data every 12 hours, so that what a standby holds is 12 to 24 hours old. Ages are"
            " those at the last complete sweeps. What was saved on a primary since the copy is not on the standby.",
            "note",
        )
    )
    return Section(6, "copies", title, blocks)


def _within(seconds: int, figures: Figures) -> str:
    rpo = figures.source.rpo
    return NOT_KNOWN if rpo is None else "yes" if seconds <= rpo.total_seconds() else "NO"


def _copies_in_words(copies: Copies) -> str:
    many = counted(copies.known, "copy was", "copies were")
    return (
        f"{many} counted: half of them at most {copies.median_hours} h old (whole hours), the oldest"
        f" {span(copies.oldest_seconds)}."
    )


def _stale(stale: Shown[dict[str, str]], limit: str) -> Table:
    return Table(
        "",
        f"Standbys whose data is older than the RPO of {limit}, or that never got any",
        [
            Column("user_name", "User", below="primary_id"),
            Column("primary_directory_id", "Directory", is_whole=True),
            Column("standby_id", "Standby", is_whole=True),
            Column("stale_since", "Stale since", utc, is_whole=True),
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
        return Section(7, "drift", title, [Text("Which standbys differ is not known.", "warning")])
    properties = [{"property": name, "standbys": many} for name, many in found.drift_by_property.most_common()]
    on_pcoip = (
        f"PCoIP ends on {PCOIP_ENDS}: after that nobody can connect by it. As far as protocols are known, primaries"
        f" that use it: {count(found.pcoip_primaries)}; standbys that use it: {count(found.pcoip_standbys)}."
    )
    blocks: list[Block] = [
        Facts(
            [
                Fact("drifted", "standbys that differ", count(found.drift.total), found.drift.total),
                Fact("doubled", "primaries with more than one standby", count(found.doubled), found.doubled),
                Fact("pcoip-primaries", "primaries on PCoIP", count(found.pcoip_primaries), found.pcoip_primaries),
                Fact("pcoip-standbys", "standbys on PCoIP", count(found.pcoip_standbys), found.pcoip_standbys),
            ]
        ),
        Text(on_pcoip),
        Table(
            "drift-by-property",
            "What differs",
            [Column("property", "Property"), Column("standbys", "Standbys", count, is_number=True)],
            properties,
            empty="No standby is known to differ.",
        ),
        Table(
            "",
            "Standbys that differ from their primaries, or from the configuration",
            [
                Column("user_name", "User", below="primary_id"),
                Column(DRIFT_COLUMNS[3], "Directory"),
                Column("standby_id", "Standby", is_whole=True),
                Column("differs_in", "Primary or configuration ≠ standby"),
                Column("since", "Since", utc, is_whole=True),
            ],
            found.drift.first,
            found.drift.total,
            full="drift",
        ),
    ]
    return Section(7, "drift", title, blocks)


def eleventh(figures: Figures) -> Section:
    """Section 11."""
    found = figures.desktops
    title = "Orphans and cost"
    if found is None:
        return Section(11, "cost", title, [Text("Which standbys are orphans is not known.", "warning")])
    rows = []
    for name, types in (("standbys in use", found.standbys_by_type), ("orphans", found.orphans_by_type)):
        cost = monthly_cost(figures.prices, types)
        rows.append(
            {
                "what": name,
                "standbys": types.total(),
                "monthly_cost": f"{cost.amount:.2f}" if cost.is_known else None,
                "not_priced": sum(cost.not_priced.values()),
                "types": _not_priced(cost),
            }
        )
    blocks: list[Block] = [
        Table(
            "cost",
            "What standbys cost a month, by the fees of the configuration",
            [
                Column("what", "What"),
                Column("standbys", "Standbys", count, is_number=True),
                Column("monthly_cost", "A month", money, is_number=True),
                Column("not_priced", "Without a price", count, is_number=True),
                Column("types", "Which these are"),
            ],
            rows,
            note=(
                "Hours of use and data replication are extra, and in no amount. A fee that is not configured is not"
                " counted as 0."
            ),
        ),
        Table(
            "",
            "Orphans: standbys whose primary is gone",
            [
                Column("user_name", "User", below="standby_id"),
                Column("primary_id", "Primary that is gone", is_whole=True),
                Column("primary_directory_id", "Directory", is_whole=True),
                Column("compute_type", "Compute type", is_whole=True),
                Column("since", "Since", utc, is_whole=True),
                Column("kept_by", "Kept by"),
            ],
            found.orphans.first,
            found.orphans.total,
            full="orphans",
        ),
        Text(
            f"{counted(found.orphans.total, 'orphan')}, {count(found.orphans_kept)} of them kept on purpose. Nobody is"
            " redirected to an orphan, and it is billed until a person terminates it."
        ),
    ]
    return Section(11, "cost", title, blocks)


def _not_priced(cost: Cost) -> str:
    return ", ".join(f"{many} {name}" for name, many in sorted(cost.not_priced.items()))
