"""Sections 1 and 2: the answer, and what it rests on. Pure."""

from __future__ import annotations

from cli.report import charts
from cli.report.blocks import Block, Column, Fact, Facts, Picture, Section, Table, Text
from cli.report.figures import Copies, Figures, Verdict
from cli.report.forms import NOT_KNOWN, count, counted, span, utc


def answer(figures: Figures) -> str:
    """The answer in a sentence."""
    region, found = figures.source.primary_region, figures.desktops
    if found is None:
        return f"Whether people could work if {region} failed now is not known."
    total = found.people.total()
    if not total:
        none = "The ledger has no desktop of a person"
        return (
            f"{none}. Whether anybody would be affected if {region} failed now is not known."
            if (figures.missing)
            else f"{none}: nobody that it knows of would be affected if {region} failed now."
        )
    work, unknown, nothing = (found.people[one] for one in (Verdict.WORK, Verdict.UNKNOWN, Verdict.NOTHING))
    parts = [f"If {region} failed now, {count(work)} of {counted(total, 'person', 'people')} could work"]
    if work:
        parts.append(_data(figures.copies))
    parts.append(f"{count(nothing)} {'has' if nothing == 1 else 'have'} nothing")
    parts.append(f"{count(unknown)} {'is' if unknown == 1 else 'are'} not known")
    return "; ".join(parts) + "."


def _data(copies: Copies | None) -> str:
    if copies is None or copies.median_hours is None:
        return "how old their data would be is not known"
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
            blocks.append(
                Picture("people", charts.people(people), f"Of {counted(people.total(), 'person', 'people')}: {words}.")
            )
        blocks.append(
            Facts(
                [
                    Fact("people-work", "people could work", count(people[Verdict.WORK]), people[Verdict.WORK]),
                    Fact(
                        "people-unknown",
                        "people are not known",
                        count(people[Verdict.UNKNOWN]),
                        people[Verdict.UNKNOWN],
                    ),
                    Fact(
                        "people-nothing", "people have nothing", count(people[Verdict.NOTHING]), people[Verdict.NOTHING]
                    ),
                    Fact("desktops", "desktops in all", count(found.desktops.total()), found.desktops.total()),
                ],
                is_large=True,
            )
        )
        blocks += [Text(one) for one in _doubts(figures)]
    blocks += [Text(one, "warning") for one in figures.missing[:1] if found is None]
    blocks.append(
        Text(
            "Could work means that the ledger has a standby for the person’s desktop, that it was in a state from which"
            " it can be used (AVAILABLE, or stopped and startable) when it was last seen, and that a complete sweep has"
            f" confirmed the directory in the last {span(source.interval * 3)}. AVAILABLE is not a login: nobody has"
            " signed in to a standby for this report. What was changed after the last sweep, and has caused no event,"
            " is not in it. A person with several desktops is counted once, by the best of them.",
            "note",
        )
    )
    return Section(1, "answer", "The answer", blocks)


def _doubts(figures: Figures) -> list[str]:
    """What else has to be said beside the answer."""
    found, copies, said = figures.desktops, figures.copies, []
    if copies is not None and copies.known:
        rest = [(copies.awaited, "wait for a first copy"), (copies.off, "are not replicated")]
        rest.append((copies.unknown, "have a copy whose age is not known, or none"))
        parts = [f"{count(number)} {words}" for number, words in rest if number]
        more = f" Of the other standbys, {', '.join(parts)}." if parts else ""
        said.append(
            f"The ages of the data are those of {counted(copies.known, 'copy', 'copies')} that the last complete sweeps"
            f" counted.{more}"
        )
    elif copies is not None and (copies.awaited or copies.off or copies.unknown):
        said.append(
            f"No copy of the data is known: {count(copies.awaited)} standbys wait for a first copy,"
            f" {count(copies.off)} are not replicated, and of {count(copies.unknown)} it is not known."
        )
    if found is not None and found.unassigned.total():
        said.append(
            f"{counted(found.unassigned.total(), 'desktop')} assigned to no person ([UNDEFINED]) are not among the"
            f" people: {count(found.unassigned[Verdict.WORK])} of them have a standby."
        )
    if found is not None and found.doubts:
        said += [f"Of {counted(many, 'desktop')} it is not known. {why}" for why, many in found.doubts.most_common()]
    return said


def second(figures: Figures) -> Section:
    """Section 2."""
    source, period = figures.source, figures.period
    blocks: list[Block] = [Text(f"{one}", "warning") for one in figures.missing]
    blocks += [Text(one, "warning") for one in figures.cautions]
    if not figures.missing:
        blocks.append(Text("Everything that this report needs could be read."))
    facts = [
        Fact("as-of", "as of", utc(period.now), None),
        Fact("period", "period", f"{utc(period.since)} to {utc(min(period.until, period.now))}", None),
        Fact("source-region", "ledger read in", source.region, source.region),
        Fact("interval", "a sweep every", span(source.interval), int(source.interval.total_seconds())),
        Fact("mode", "mode", source.mode or NOT_KNOWN, source.mode),
        Fact("version", "version, by the last sweep", source.version or NOT_KNOWN, source.version),
        Fact("digest", "configuration digest, by the last sweep", source.digest or NOT_KNOWN, source.digest),
        Fact("version-then", "version at the beginning of the period", *_then(figures, 2)),
        Fact("digest-then", "configuration digest at the beginning", *_then(figures, 1)),
    ]
    blocks.append(Facts(facts))
    if source.paused:
        blocks.append(Text(f"No standby is created: the pair is {source.paused}.", "warning"))
    if source.deployed_digest and source.digest and source.deployed_digest != source.digest:
        blocks.append(
            Text(
                f"The stack says that configuration {source.deployed_digest} (version {source.deployed_version}) is"
                f" deployed. No sweep has decided by it yet.",
                "warning",
            )
        )
    if figures.scope:
        blocks.append(Text(f"The report is of {', '.join(figures.scope)} alone. What is of the whole pair says so."))
    if figures.redacted:
        blocks.append(
            Text(
                "Names of people are pseudonyms, the same in every report that is made with the same key, which stays"
                " with the operator. Text that people wrote is left out."
            )
        )
    blocks.append(_sweeps(figures))
    if source.changes:
        rows = [{"since": day, "digest": digest, "version": version} for day, digest, version in source.changes]
        blocks.append(
            Table(
                "configurations",
                "Configurations of the period, by the days that they were counted with",
                [
                    Column("since", "Since the day (UTC)", is_whole=True),
                    Column("digest", "Digest", is_whole=True),
                    Column("version", "Version"),
                ],
                rows,
            )
        )
    if source.without_configuration:
        blocks.append(
            Text(
                f"{counted(source.without_configuration, 'day')} of the period do not say by which configuration they"
                " were counted: an earlier version wrote them.",
                "note",
            )
        )
    return Section(2, "basis", "As of when, and how complete", blocks)


def _then(figures: Figures, index: int) -> tuple[str, str | None]:
    """What held at the beginning of the period, and since which day that is known."""
    changes = figures.source.changes
    if not changes:
        return NOT_KNOWN, None
    known = figures.days[0].day if figures.days else ""
    since = "" if changes[0][0] == known else f" (first known for {changes[0][0]})"
    return f"{changes[0][index]}{since}", changes[0][index]


def _sweeps(figures: Figures) -> Table:
    rows = [
        {
            "directory_id": one.id,
            "scanned_at": one.scanned_at,
            "is_fresh": "yes" if one.is_fresh else "NO" if one.is_mapped else "not swept",
            "complete_sweeps": one.complete_scans,
            "known_days": sum(day.is_known for day in one.days),
            "gap_days": sum(day.state == "gap" for day in one.days),
            "before": sum(day.state == "not watched" for day in one.days),
            "problem": one.problem,
        }
        for one in figures.directories
    ]
    return Table(
        "sweeps",
        "Complete sweeps, by directory",
        [
            Column("directory_id", "Directory", is_whole=True),
            Column("scanned_at", "Last complete sweep", utc, is_whole=True),
            Column("is_fresh", "Recent enough"),
            Column("complete_sweeps", "Complete sweeps in the period", count, is_number=True),
            Column("known_days", "Days known", count, is_number=True),
            Column("gap_days", "Days without", count, is_number=True),
            Column("before", "Days before the first", count, is_number=True),
            Column("problem", "Last sweep’s problem"),
        ],
        rows,
        empty="No sweep has noted a directory.",
    )
