"""Sections 8, 9 and 10: time to protection, changes and who caused them, and exclusions. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cli.report import charts
from cli.report.blocks import Beside, Block, Column, Fact, Facts, Picture, Section, Table, Text
from cli.report.changes import KINDS
from cli.report.figures import Changes, Figures, Protection
from cli.report.forms import NOT_KNOWN, count, counted, span, utc

_UNREAD: Final = "The changes of the period are not known."
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
    """The number of desktops by the time until they were protected."""
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
        f"New desktops in the period: {count(found.created)}. Protected: {count(len(found.seconds))}. Not eligible:"
        f" {count(found.refused)}. Terminated before they were protected: {count(found.gone)}. Not protected at the end"
        f" of the period: {count(found.waiting)}."
    )
    listed = distribution(found)
    facts = [
        Fact("created", "new desktops", count(found.created), found.created),
        Fact("protected-new", "protected", count(len(found.seconds)), len(found.seconds)),
        Fact("protection-median", "median time", span(found.quantile(0.5)), found.quantile(0.5)),
        Fact("protection-p90", "nine in ten within", span(found.quantile(0.9)), found.quantile(0.9)),
        Fact("protection-slowest", "slowest", span(found.quantile(1)), found.quantile(1)),
    ]
    waits = Table(
        "time-to-protected",
        "New desktops by time to protection",
        [Column("within", "Time"), Column("desktops", "Desktops", count, is_number=True)],
        [{"within": name, "desktops": many} for name, many in listed],
    )
    blocks: list[Block] = [Text(words), Facts(facts)]
    if found.seconds:
        half, most, slowest = (span(found.quantile(part)) for part in (0.5, 0.9, 1))
        said = f"Half of them were protected within {half}, nine in ten within {most}, and all within {slowest}."
        blocks.append(Beside([Picture("speeds", charts.speeds(listed), said), waits]))
    else:
        blocks.append(waits)
    blocks += [
        Table(
            "slowest-reasons",
            "Where the time was spent, in all desktops together",
            [Column("state", "Status and reason"), Column("seconds", "Time", span, is_number=True)],
            [{"state": state, "seconds": seconds} for state, seconds in found.by_reason.most_common(10) if seconds],
        ),
        Table(
            "slowest",
            "The ten slowest desktops",
            [
                Column("user_name", "User", below=("primary_id",)),
                Column("seconds", "Time", span, is_number=True),
                Column("longest_in", "Longest state"),
                Column("longest_seconds", "Time in it", span, is_number=True),
                Column("protected_at", "Protected", utc),
            ],
            found.slowest.first,
        ),
        Text(
            "WorkSpaces returns no creation time. The time starts when the product first sees the desktop: by its"
            " CloudTrail event, which typically arrives within minutes, or by the next sweep if the event is lost. It"
            " ends when the product sees that the standby is ready. So both can be later than in AWS. Desktops of an"
            " existing fleet are not included.",
            "note",
        ),
    ]
    return Section(8, "speed", title, blocks)


def ninth(figures: Figures) -> Section:
    """Section 9."""
    title = "What changed, and who caused it"
    found = figures.changes
    if found is None:
        return Section(9, "changes", title, [Text(_UNREAD, "warning")])
    shown = [kind for kind in KINDS if found.by_kind[kind]]
    blocks: list[Block] = [
        Text(f"The ledger has {counted(found.events, 'change')} in the period."),
        Beside([_kinds(found), _lost(found)]),
        _principals(found, shown),
        Table(
            "decisions",
            "Decisions of people",
            [
                Column("at", "At", utc),
                Column("kind", "Decision", below=("about",)),
                Column("by", "By"),
                Column("because", "Reason"),
            ],
            found.decisions.first,
            found.decisions.total,
            full="changes",
        ),
    ]
    blocks.append(
        Text(
            "The creator of a desktop is the caller that its CloudTrail event names. If the event was lost, the creator"
            " is not known. The same applies to who terminated a desktop. Times are those at which the product saw a"
            " change, not those at which it was made. What began and ended between two sweeps and caused no event is"
            " not included.",
            "note",
        )
    )
    return Section(9, "changes", title, blocks)


def _kinds(found: Changes) -> Table:
    rows = [{"kind": kind, "changes": found.by_kind[kind]} for kind in KINDS]
    return Table(
        "changes-by-kind",
        "Changes by kind",
        [Column("kind", "Kind"), Column("changes", "Number", count, is_number=True)],
        [row for row in rows if row["changes"]],
        empty="There were no changes.",
        note="Kinds that are not listed did not occur.",
        sheet=(("kind", "changes"), rows),
    )


def _lost(found: Changes) -> Table:
    return Table(
        "lost-by-reason",
        "Lost standbys by reason",
        [Column("reason_code", "Reason", is_whole=True), Column("desktops", "Number", count, is_number=True)],
        [{"reason_code": reason, "desktops": many} for reason, many in found.lost_by_reason.most_common()],
    )


def _principals(found: Changes, shown: list[str]) -> Table:
    """A line for each: how many changes of which kind. Its sheet has a column for each kind."""
    ordered = sorted(found.by_principal.items(), key=lambda one: (-one[1].total(), one[0]))
    rows = [
        {
            "by": by,
            "changes": counts.total(),
            "kinds": ", ".join(f"{count(counts[kind])} {kind}" for kind in KINDS if counts[kind]),
        }
        for by, counts in ordered
    ]
    return Table(
        "principals",
        "Changes by who caused them",
        [
            Column("by", "By"),
            Column("changes", "Number", count, is_number=True),
            Column("kinds", "Kinds"),
        ],
        rows[:_MOST_PRINCIPALS],
        len(ordered),
        empty="There were no changes.",
        full="principals",
        sheet=(("by", *shown), [{"by": by, **{kind: counts[kind] for kind in shown}} for by, counts in ordered]),
    )


def tenth(figures: Figures) -> Section:
    """Section 10."""
    title = "Exclusions, and who decided them"
    found = figures.desktops
    if found is None:
        return Section(10, "exclusions", title, [Text("It is not known which desktops are excluded.", "warning")])
    digest = figures.source.digest or NOT_KNOWN
    blocks: list[Block] = [
        Facts([Fact("excluded", "excluded desktops", count(found.exclusions.total), found.exclusions.total)]),
        Table(
            "exclusions-by-rule",
            "Exclusions by rule",
            [Column("rule", "Rule"), Column("desktops", "Desktops", count, is_number=True)],
            [{"rule": rule, "desktops": many} for rule, many in found.exclusions_by_rule.most_common()],
        ),
        Table(
            "",
            "Excluded desktops, the oldest first",
            [
                Column("user_name", "User", below=("primary_id",)),
                Column("primary_directory_id", "Directory", is_whole=True),
                Column("rule", "Rule", below=("reason_code",)),
                Column("since", "Since", utc),
            ],
            found.exclusions.first,
            found.exclusions.total,
            full="exclusions",
        ),
        Text(
            f"The rules are part of the configuration; its digest was {digest} at the last sweep. The person who"
            " changed and deployed the configuration decided the exclusions. The ledger does not record that person;"
            " the history of the configuration file and CloudTrail’s record of the deployment do. Changes of tags"
            " and rules take effect with the next sweep. Section 4 shows existing fleets that are not accepted.",
            "note",
        ),
    ]
    return Section(10, "exclusions", title, blocks)
