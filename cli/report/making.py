"""`standby report`: reads the figures, makes the page, and writes the files. Each file is replaced as a whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.answers import Answer, Column, Table, text
from cli.asking import progress
from cli.problems import Problem, Status
from cli.report import page as pages
from cli.report.figures import Figures, Period, Verdict
from cli.report.gather import Gathering
from cli.report.names import Names, key_of
from cli.report.opening import answer
from cli.report.pdf import Paper, write_pdf
from cli.report.sheets import Sheets

if TYPE_CHECKING:
    from cli.pairs import Pair
    from cli.running import Run

_COLUMNS: Final = (text("file", "File"), text("what"), Column("rows", "Rows"))


@dataclass(frozen=True)
class Wanted:
    """The scope of a report, and its files."""

    out: Path
    since: datetime
    until: datetime
    pdf: Path | None = None
    data: Path | None = None
    directories: Sequence[str] = ()
    key: Path | None = None
    paper: Paper = Paper.A4


def make(run: Run, wanted: Wanted) -> Status:
    """Make a report of one pair, and print its answer and its files."""
    if wanted.since > run.now:
        raise Problem("InTheFuture", "The period is in the future.", "Give a time in the past with --since.")
    if wanted.since > wanted.until:
        fix = "Give a time with --since that is before that of --until."
        raise Problem("EmptyPeriod", "The period ends before it begins.", fix)
    _check_files(wanted)
    pair = _one(run)
    key, is_new = key_of(wanted.key) if wanted.key else (None, False)
    period = Period(wanted.since, min(wanted.until, run.now), run.now)
    sheets = Sheets(wanted.data)
    ledger = run.ledger(pair)
    try:
        figures = Gathering(
            ledger, period, Names(key), sheets, wanted.directories, cautions=list(pair.missing)
        ).figures()
        files = _written(figures, wanted, sheets)
    finally:
        sheets.give_up()
    reply = Answer(
        [Table("files", _COLUMNS, files)],
        facts=_facts(figures),
        says=[answer(figures)],
        missing=list(figures.missing),
        cautions=list(figures.cautions),
        next="`standby list --uncovered` lists who has no standby, and why.",
        source_region=ledger.region,
    )
    if is_new:
        reply.cautions.append(f"The new key of the pseudonyms is in {wanted.key}. Keep it, and do not hand it over.")
    return run.give(reply)


def _check_files(wanted: Wanted) -> None:
    """Problem if a file cannot be written, as far as that shows before anything is read: reading can take minutes."""
    if wanted.pdf is not None and wanted.pdf.resolve() == wanted.out.resolve():
        raise Problem("SameFile", f"--out and --pdf both name {wanted.out}.", "Name two files.")
    for file in filter(None, (wanted.out, wanted.pdf)):
        # A device would be replaced like a file.
        if not file.name or (file.exists() and not file.is_file()):
            raise Problem("CannotWrite", f"{file} cannot be written: it is not a regular file.", "Name another file.")
        folder = next(one for one in file.absolute().parents if one.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            words = f"{file} cannot be written: {folder} is not a folder that you can write to."
            raise Problem("CannotWrite", words, "Name another file.")


def _one(run: Run) -> Pair:
    """The one pair of the report. It is only read, so its primary Region need not answer."""
    if len(run.pairs) > 1:
        names = ", ".join(pair.stack for pair in run.pairs)
        raise Problem(
            "SeveralStacks", f"There are several pairs: {names}.", "A report covers one pair. Name it with --stack."
        )
    return run.pairs[0]


def _written(figures: Figures, wanted: Wanted, sheets: Sheets) -> list[dict[str, Any]]:
    """Write the files, and list them."""
    with progress("Making the page"):
        found = pages.sections(figures)
        html = pages.page(figures, found)
    for section in found:
        for table in section.tables:
            if table.name:
                sheets.whole(table.name, *table.for_sheet)
    # The HTML is replaced last, once everything that can fail is done.
    files: list[dict[str, Any]] = []
    if wanted.pdf is not None:
        with progress("Making the PDF"), _whole(wanted.pdf) as unfinished:
            write_pdf(html, unfinished, wanted.paper)
        files.append({"file": str(wanted.pdf), "what": "the report as PDF", "rows": None})
    counts = dict(sheets.counts)
    files += [{"file": str(one), "what": "a table", "rows": counts[one.stem]} for one in sheets.finish()]
    with _whole(wanted.out) as unfinished:
        unfinished.write_text(html, encoding="utf-8")
    return [{"file": str(wanted.out), "what": "the report", "rows": None}, *files]


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """A file to write, which gets its name when it is complete; Problem if it cannot be written."""
    unfinished = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(file)
    except OSError as problem:
        words = f"{file} cannot be written: {problem.strerror or problem}."
        raise Problem("CannotWrite", words, "Name a file in a folder that you can write to.") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _facts(figures: Figures) -> dict[str, Any]:
    """The figures of the JSON output."""
    found, copies = figures.desktops, figures.copies
    people: Callable[[Verdict], int | None] = lambda one: None if found is None else found.people[one]  # noqa: E731
    return {
        "stack": figures.source.stack,
        "since": figures.period.since,
        "until": figures.period.until,
        "answer": answer(figures),
        "people_could_work": people(Verdict.WORK),
        "people_not_known": people(Verdict.UNKNOWN),
        "people_with_nothing": people(Verdict.NOTHING),
        "copies_median_hours": None if copies is None else copies.median_hours,
        "copies_oldest_seconds": None if copies is None else copies.oldest_seconds,
    }
