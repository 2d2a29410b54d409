"""Sections 1 and 2: the answer, and what it is based on. Pure."""

from __future__ import annotations

from cli.report import charts
from cli.report.blocks import Beside, Block, Column, Fact, Facts, Picture, Section, Table, Text
from cli.report.figures import Copies, Desktops, Figures, Verdict
from cli.report.forms import NOT_KNOWN, count, counted, span, utc


def answer(figures: Figures) -> str:
    """The answer in a sentence."""
    region, found = figures.source.primary_region, figures.desktops
    if found is None:
        return f"It is not known whether people could work if {region} failed now."
    total = found.people.total()
    if not total:
        none = "The ledger has no desktop that is assigned to a person"
        return (
            f"{none}. It is not known whether anybody would be affected if {region} failed now."
            if figures.missing
            else f"{none}. Nobody in the ledger would be affected if {region} failed now."
        )
    work, unknown, nothing = (found.people[one] for one in (Verdict.WORK, Verdict.UNKNOWN, Verdict.NOTHING))
    parts = [f"If {region} failed now, {count(work)} of {counted(total, 'person', 'people')} could work"]
    if work:
        parts.append(_data(figures.copies))
    parts.append(f"{count(nothing)} {'has' if nothing == 1 else 'have'} nothing")
    parts.append(f"{count(unknown)} {'is' if unknown == 1 else 'are'} not known")
    return "; ".join(parts) + "."


def _data(copies: Copies | None) -> str:
    if copies is not None and copies.off and copies.off == copies.others and not copies.known:
        return "their data is not replicated"
    if copies is None or copies.median_hours is None:
        return "the age of their data is not known"
    median = f"{copies.median_hours} h{' or more' if copies.median_hours in _open(copies) else ''}"
    return f"their data would be {median} old (median), {span(copies.oldest_seconds)} (oldest)"


def _open(copies: Copies) -> set[int]:
    return {max(copies.by_hours)} if copies.has_open_end else set()


def first(figures: Figures) -> Section:
    """Section 1."""
    found, source = figures.desktops, figures.source
    blocks: list[Block] = [Text(answer(figures), "answer")]
    if found is not None:
        people = found.people
        if people.total():
            words = ", ".join(f"{count(people[one])} {one}" for one in Verdict)
            said = f"Of {counted(people.total(), 'person', 'people')}: {words}."
            blocks.append(Beside([Picture("people", charts.people(people), said), _people(found)]))
        elif not figures.missing:  # zeros would look like counts of something known
            blocks.append(_people(found))
        blocks += [Text(one) for one in _doubts(figures)]
    blocks += [Text(one, "warning") for one in figures.missing[:1] if found is None]
    blocks.append(
        Text(
            "‘Could work’ means three things: the ledger has a standby for the person’s desktop; the standby was in a"
            " usable state (AVAILABLE, or stopped and startable) when it was last seen; and a complete sweep has"
            f" confirmed the directory in the last {span(source.interval * 3)}. AVAILABLE is not a login: nobody signed"
            " in to a standby for this report. Changes after the last sweep that caused no event are not included. A"
            " person with several desktops is counted once, by the best of them.",
            "note",
        )
    )
    return Section(1, "answer", "The answer", blocks)


def _people(found: Desktops) -> Facts:
    people, desktops = found.people, found.desktops.total()
    return Facts(
        [
            Fact("people-work", "people could work", count(people[Verdict.WORK]), people[Verdict.WORK]),
            Fact("people-nothing", "people have nothing", count(people[Verdict.NOTHING]), people[Verdict.NOTHING]),
            Fact("people-unknown", "people are not known", count(people[Verdict.UNKNOWN]), people[Verdict.UNKNOWN]),
            Fact("desktops", "desktops in all", count(desktops), desktops),
        ],
        is_large=True,
    )


def _doubts(figures: Figures) -> list[str]:
    """Sentences that qualify the answer."""
    found, copies, said = figures.desktops, figures.copies, []
    if copies is not None and (copies.known or copies.others):
        rest = [(copies.awaited, "waiting for a first copy"), (copies.off, "without data replication")]
        rest.append((copies.unknown, "with a copy of unknown age, or without a copy"))
        parts = ", ".join(f"{count(number)} {words}" for number, words in rest if number)
        based = f"The age of the data is based on {counted(copies.known, 'copy', 'copies')} that the last complete"
        known = f"{based} sweeps counted." if copies.known else "The age of no copy is known."
        said.append(f"{known} {'Other standbys' if copies.known else 'Standbys'}: {parts}." if parts else known)
    if found is not None and (unassigned := found.unassigned.total()):
        said.append(
            f"Not included in the figures of people: {counted(unassigned, 'desktop')} assigned to no person"
            f" ([UNDEFINED]), of which {count(found.unassigned[Verdict.WORK])} could be used."
        )
    if found is not None:
        said += [f"Not known for {counted(many, 'desktop')}. {why}" for why, many in found.doubts.most_common()]
    return said


def second(figures: Figures) -> Section:
    """Section 2."""
    source, period = figures.source, figures.period
    blocks: list[Block] = [Text(f"{one}", "warning") for one in figures.missing]
    blocks += [Text(one, "warning") for one in figures.cautions]
    if not figures.missing:
        blocks.append(Text("This report is complete: all data that it needs could be read."))
    facts = [
        Fact("as-of", "as of", utc(period.now), None),
        Fact("period", "period", f"{utc(period.since)} to {utc(min(period.until, period.now))}", None),
        Fact("source-region", "ledger read in", source.region, source.region),
        Fact("interval", "interval of sweeps", span(source.interval), int(source.interval.total_seconds())),
        Fact("mode", "mode", source.mode or NOT_KNOWN, source.mode),
        Fact("version", "version, at the last sweep", source.version or NOT_KNOWN, source.version),
        Fact("digest", "configuration digest, at the last sweep", source.digest or NOT_KNOWN, source.digest),
        Fact("version-then", "version, at the beginning of the period", *_then(figures, 2)),
        Fact("digest-then", "configuration digest, at the beginning", *_then(figures, 1)),
    ]
    blocks.append(Facts(facts))
    if source.paused:
        blocks.append(Text(f"No standbys are created: the pair was {source.paused}.", "warning"))
    if source.deployed_digest and source.digest and source.deployed_digest != source.digest:
        blocks.append(
            Text(
                f"Configuration {source.deployed_digest} (version {source.deployed_version}) is deployed, but no sweep"
                " has used it yet.",
                "warning",
            )
        )
    if figures.scope:
        blocks.append(
            Text(f"This report covers only {', '.join(figures.scope)}. Changes of the whole pair are included.")
        )
    if figures.redacted:
        blocks.append(
            Text(
                "Names of people are replaced by pseudonyms. A name has the same pseudonym in every report that is made"
                " with the same key; the operator keeps the key. Text that people wrote is left out."
            )
        )
    blocks.append(_sweeps(figures))
    if source.changes:
        rows = [{"since": day, "digest": digest, "version": version} for day, digest, version in source.changes]
        blocks.append(
            Table(
                "configurations",
                "Configurations of the period",
                [
                    Column("since", "First day (UTC)", is_whole=True),
                    Column("digest", "Digest", is_whole=True),
                    Column("version", "Version"),
                ],
                rows,
            )
        )
    if source.without_configuration:
        blocks.append(
            Text(
                f"The configuration is not known for {counted(source.without_configuration, 'day row')} of the period:"
                " an earlier version wrote them.",
                "note",
            )
        )
    return Section(2, "basis", "As of when, and how complete", blocks)


def _then(figures: Figures, index: int) -> tuple[str, str | None]:
    """A value at the beginning of the period, and its first day if that is later."""
    changes = figures.source.changes
    if not changes:
        return NOT_KNOWN, None
    known = figures.days[0].day if figures.days else ""
    since = "" if changes[0][0] == known else f" (from {changes[0][0]})"
    return f"{changes[0][index]}{since}", changes[0][index]


def _sweeps(figures: Figures) -> Table:
    rows = [
        {
            "directory_id": one.id,
            "scanned_at": one.scanned_at,
            "is_fresh": "yes" if one.is_fresh else "NO" if one.is_mapped else "no longer swept",
            "complete_sweeps": one.complete_scans,
            "known_days": sum(day.is_known for day in one.days),
            "gap_days": sum(day.state == "gap" for day in one.days),
            "before": sum(day.state == "not watched" for day in one.days),
            "problem": one.problem or "none",
        }
        for one in figures.directories
    ]
    return Table(
        "sweeps",
        "Complete sweeps in the period, by directory",
        [
            Column("directory_id", "Directory", is_whole=True),
            Column("scanned_at", "Last complete sweep", utc),
            Column("is_fresh", "Recent enough"),
            Column("complete_sweeps", "Complete sweeps", count, is_number=True),
            Column("known_days", "Known days", count, is_number=True),
            Column("gap_days", "Gap days", count, is_number=True),
            Column("before", "Days before first", count, is_number=True),
            Column("problem", "Problem of the last sweep"),
        ],
        rows,
        empty="No sweep has recorded a directory.",
    )
