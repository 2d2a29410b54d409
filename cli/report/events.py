"""Sections 8, 9 and 10: how long protection took, what changed and who caused it, and who is left out. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cli.report import charts
from cli.report.blocks import Block, Column, Fact, Facts, Picture, Section, Table, Text
from cli.report.changes import KINDS
from cli.report.figures import Changes, Figures, Protection
from cli.report.forms import NOT_KNOWN, count, counted, span, utc

_UNREAD: Final = "What changed in the period is not known."
_MOST_PRINCIPALS: Final = 50
# Upper bounds of the distribution, in seconds, and how each is named.
BOUNDS: Final = (
    (1800, "≤ 30 min"),
    (3600, "≤ 1 h"),
    (2 * 3600, "≤ 2 h"),
    (4 * 3600, "≤ 4 h"),
    (8 * 3600, "≤ 8 h"),
    (24 * 3600, "≤ 24 h"),
    (72 * 3600, "≤ 3 d"),
)
_LONGER: Final = "> 3 d"


def distribution(protection: Protection) -> list[tuple[str, int]]:
    """How many waited how long."""
    found: Counter[str] = Counter()
    for seconds in protection.seconds:
        found[next((name for bound, name in BOUNDS if seconds <= bound), _LONGER)] += 1
    return [(name, found[name]) for name in (*(name for _, name in BOUNDS), _LONGER)]


def eighth(figures: Figures) -> Section:
    """Section 8."""
    title = "Time from creation to protected"
    if figures.changes is None:
        return Section(8, "speed", title, [Text(_UNREAD, "warning")])
    found = figures.changes.protection
    words = (
        f"{counted(found.created, 'desktop')} appeared in the period. {count(len(found.seconds))} of them got a"
        f" standby, {count(found.refused)} are not to have one or cannot, {count(found.gone)} were terminated before,"
        f" and {count(found.waiting)} were without one at its end."
    )
    blocks: list[Block] = [Text(words)]
    listed = distribution(found)
    if found.seconds:
        half, most, slowest = (span(found.quantile(part)) for part in (0.5, 0.9, 1))
        said = f"Half of them were protected within {half}, nine in ten within {most}, the slowest within {slowest}."
        blocks.append(Picture("speeds", charts.speeds(listed), said))
    blocks += [
        Facts(
            [
                Fact("created", "appeared", count(found.created), found.created),
                Fact("protected-new", "got a standby", count(len(found.seconds)), len(found.seconds)),
                Fact("protection-median", "median", span(found.quantile(0.5)), found.quantile(0.5)),
                Fact("protection-p90", "nine in ten", span(found.quantile(0.9)), found.quantile(0.9)),
                Fact("protection-slowest", "slowest", span(found.quantile(1)), found.quantile(1)),
            ]
        ),
        Table(
            "time-to-protected",
            "How many waited how long",
            [Column("within", "Within"), Column("desktops", "Desktops", count, is_number=True)],
            [{"within": name, "desktops": many} for name, many in listed],
        ),
        Table(
            "slowest-reasons",
            "In which states their time was spent",
            [Column("state", "Status and reason"), Column("seconds", "In all", span, is_number=True)],
            [{"state": state, "seconds": seconds} for state, seconds in found.by_reason.most_common(10) if seconds],
        ),
        Table(
            "slowest",
            "The slowest ten",
            [
                Column("user_name", "User", below="primary_id"),
                Column("seconds", "Waited", span, is_number=True),
                Column("longest_in", "Longest in"),
                Column("longest_seconds", "For", span, is_number=True),
                Column("protected_at", "Protected", utc, is_whole=True),
            ],
            found.slowest.first,
        ),
        Text(
            "WorkSpaces has no creation time. The clock starts when the product first saw the desktop: by its"
            " CloudTrail event, which typically takes minutes, or, where that was lost, by the next sweep. Desktops of"
            " an existing fleet are not among them.",
            "note",
        ),
    ]
    return Section(8, "speed", title, blocks)


_HEADINGS: Final = {one: one.capitalize() for one in KINDS}


def ninth(figures: Figures) -> Section:
    """Section 9."""
    title = "What changed, and who caused it"
    found = figures.changes
    if found is None:
        return Section(9, "changes", title, [Text(_UNREAD, "warning")])
    shown = [kind for kind in KINDS if found.by_kind[kind]]
    blocks: list[Block] = [
        Text(f"{counted(found.events, 'change')} of the period {'is' if found.events == 1 else 'are'} in the ledger."),
        Table(
            "changes-by-kind",
            "Changes by kind",
            [Column("kind", "What"), Column("changes", "How often", count, is_number=True)],
            [{"kind": kind, "changes": found.by_kind[kind]} for kind in KINDS],
        ),
        _principals(found, shown),
        Table(
            "decisions",
            "What people decided",
            [
                Column("at", "At", utc, is_whole=True),
                Column("kind", "What", below="about"),
                Column("by", "By"),
                Column("because", "Because of"),
            ],
            found.decisions.first,
            found.decisions.total,
            full="changes",
        ),
    ]
    if found.lost_by_reason:
        blocks.append(
            Table(
                "lost-by-reason",
                "Why standbys were lost",
                [
                    Column("reason_code", "Reason", is_whole=True),
                    Column("desktops", "How often", count, is_number=True),
                ],
                [{"reason_code": reason, "desktops": many} for reason, many in found.lost_by_reason.most_common()],
            )
        )
    blocks.append(
        Text(
            "Who created a desktop is whom its CloudTrail event names; of one whose event was lost it is not known. Who"
            " terminated one is known where the event of TerminateWorkspaces came. Times are those at which the product"
            " saw a change, and not at which it was made. What began and ended between two sweeps and caused no event"
            " is not here.",
            "note",
        )
    )
    return Section(9, "changes", title, blocks)


def _principals(found: Changes, shown: list[str]) -> Table:
    ordered = sorted(found.by_principal.items(), key=lambda one: (-one[1].total(), one[0]))
    rows = [{"by": by, **{kind: counts[kind] for kind in shown}} for by, counts in ordered[:_MOST_PRINCIPALS]]
    columns = [
        Column(kind, _HEADINGS[kind], lambda many: count(many) if many else "–", is_number=True) for kind in shown
    ]
    return Table(
        "principals",
        "Changes by who caused them",
        [Column("by", "By"), *columns],
        rows,
        len(ordered),
        empty="Nothing changed.",
    )


def tenth(figures: Figures) -> Section:
    """Section 10."""
    title = "Exclusions, and who decided them"
    found = figures.desktops
    if found is None:
        return Section(10, "exclusions", title, [Text("Who is excluded is not known.", "warning")])
    digest = figures.source.digest or NOT_KNOWN
    blocks: list[Block] = [
        Facts([Fact("excluded", "desktops are excluded", count(found.exclusions.total), found.exclusions.total)]),
        Table(
            "exclusions-by-rule",
            "Exclusions by rule of the configuration",
            [Column("rule", "Rule"), Column("desktops", "Desktops", count, is_number=True)],
            [{"rule": rule, "desktops": many} for rule, many in found.exclusions_by_rule.most_common()],
        ),
        Table(
            "",
            "Excluded desktops, the oldest first",
            [
                Column("user_name", "User", below="primary_id"),
                Column("primary_directory_id", "Directory", is_whole=True),
                Column("rule", "Rule", below="reason_code"),
                Column("since", "Since", utc, is_whole=True),
            ],
            found.exclusions.first,
            found.exclusions.total,
            full="exclusions",
        ),
        Text(
            f"Rules are part of the configuration, whose digest was {digest} at the last sweep. Whoever changed and"
            " deployed it decided: the ledger does not know that person. The history of the configuration file, and"
            " CloudTrail’s record of the deployment, name them. Existing fleets that nobody has accepted are in"
            " section 4.",
            "note",
        ),
    ]
    return Section(10, "exclusions", title, blocks)
