"""The answer of a command in its three forms: a table for people, JSON for programs, CSV for spreadsheets.

Only the answer is written to stdout; remarks go to stderr. Piped output is plain text and is never cut.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, TextIO

from cli import times
from cli.options import Options, Output
from cli.problems import Problem, Status

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION: Final = 1
# A colour only repeats what a word already says.
_STYLES: Final = {
    **dict.fromkeys(("PROTECTED", "OK", "GOOD"), "green"),
    **dict.fromkeys(("WAITING", "CLAIMED", "REQUESTED", "HELD", "REPORTED", "WARNING"), "yellow"),
    **dict.fromkeys(("FAILED", "REJECTED", "TIMED_OUT", "STANDBY_MISSING", "PROBLEM", "ALARM"), "red"),
}
_AT_ONCE: Final = 200  # rows of a table at a terminal
_UNBROKEN: Final = 28  # characters: as long as the longest reason code
_FORMULA: Final = ("=", "+", "@", "\t", "\r", "-")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column: the name of its value in JSON and CSV, its heading on a screen, and how a value is formatted."""

    name: str
    heading: str
    show: Callable[[Any], str] = field(default=lambda value: "" if value is None else str(value))
    spare: bool = False  # left out at a terminal that has no room for it


def text(name: str, heading: str = "") -> Column:
    """A column of words or numbers."""
    return Column(name, heading or name.replace("_", " ").capitalize())


def time(name: str, heading: str) -> Column:
    """A column of times: UTC in data, local time on a screen."""
    return Column(name, heading, times.local)


@dataclass
class Table:
    """Rows under headings.

    Attributes
    ----------
    name : str
        Its key in JSON.
    rows : iterable of mapping
        Values as in JSON, times as in the ledger. It is read once, so it may be larger than the memory.
    empty : str
        The text that replaces an empty table; empty if the closing sentences say it.
    """

    name: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    title: str = ""
    empty: str = "None."


@dataclass
class Answer:
    """The answer of a command.

    Attributes
    ----------
    tables : sequence of Table
        CSV contains only the first.
    facts : mapping
        Further keys of the JSON output.
    says : list of str
        Sentences above the tables on a screen.
    screen : callable, optional
        Writes the answer to a screen in its own form, instead of sentences and tables.
    closing : callable, optional
        Returns the sentences below the tables. Called after all rows are read.
    found : callable
        Whether something needs attention (exit status 1). Called after all rows are read.
    source_region : str
        The Region that was read.
    missing : list of str
        What could not be read, in sentences; the exit status is then 4.
    cautions : list of str
        Remarks on the answer that do not make it incomplete, in sentences.
    next : str
        The next useful command, in a sentence.
    as_of : datetime
        When the answer was read; by default the time of the run.
    """

    tables: Sequence[Table] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)
    screen: Callable[[Console], None] | None = None
    closing: Callable[[], list[str]] = list
    found: Callable[[], bool] = lambda: False
    source_region: str = ""
    missing: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    next: str = ""
    as_of: datetime | None = None


def give(answer: Answer, options: Options) -> Status:
    """Write an answer in the form that the options name, and return the exit status."""
    if options.query and options.output is not Output.JSON:
        raise Problem("QueryWithoutJson", "--query requires --output json.", "Add --output json.")
    match options.output:
        case Output.JSON:
            _write_json(answer, options.query)
        case Output.CSV:
            _write_csv(answer)
        case Output.TABLE:
            _show(answer, options)
    if options.output is not Output.TABLE:
        for one in (*(answer.closing() if options.output is Output.CSV else ()), *answer.missing, *answer.cautions):
            say(one)
    if answer.missing:
        return Status.INCOMPLETE
    return Status.FOUND if answer.found() and not options.exit_zero else Status.GOOD


def say(words: str) -> None:
    """Write a remark to stderr."""
    print(words, file=sys.stderr, flush=True)


# JSON


def _head(answer: Answer) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "as_of": answer.as_of, "source_region": answer.source_region}


def _tail(answer: Answer) -> dict[str, Any]:
    # Known only after all rows are read: the Region can change in between.
    ends = {"complete": not answer.missing, "missing": answer.missing, "cautions": answer.cautions}
    return {**answer.facts, **ends, "source_region": answer.source_region}


def _write_json(answer: Answer, query: str | None) -> None:
    if query is not None:
        whole = (
            _head(answer) | {table.name: [dict(row) for row in table.rows] for table in answer.tables} | _tail(answer)
        )
        print(_json(selected(query, whole), indent=2))
        return
    write = sys.stdout.write
    head = _head(answer)
    del head["source_region"]
    write("{" + ", ".join(f"{_json(name)}: {_json(value)}" for name, value in head.items()))
    for table in answer.tables:
        write(f",\n{_json(table.name)}: [")
        for number, row in enumerate(table.rows):
            write((",\n  " if number else "\n  ") + _json(row))
        write("]")
    for name, value in _tail(answer).items():
        write(f",\n{_json(name)}: {_json(value)}")
    write("}\n")


def selected(query: str, whole: Any) -> Any:
    """What a JMESPath expression selects; Problem if the expression is invalid."""
    import jmespath

    try:
        return jmespath.search(query, whole)
    except jmespath.exceptions.JMESPathError as problem:
        said = str(problem).splitlines()[0].removeprefix("Invalid jmespath expression: ").rstrip(":.")
        words = f"--query {query!r} is not a valid JMESPath expression: {said}."
        raise Problem("BadQuery", words, "See jmespath.org.") from None


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_plain)


def _plain(value: Any) -> Any:
    return _utc(value) if isinstance(value, datetime) else dict(value) if isinstance(value, Mapping) else str(value)


def _utc(value: datetime) -> str:
    from standby.core.model import to_text

    return to_text(value)


# CSV


def _write_csv(answer: Answer) -> None:
    if not answer.tables:
        raise Problem("NoCsv", "This answer is not available as CSV.", "Use --output json.")
    table = answer.tables[0]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    for row in table.rows:
        writer.writerow(cell(row.get(column.name)) for column in table.columns)


def cell(value: Any) -> Any:
    """A value in a form that a spreadsheet reads as text, never as a formula."""
    if isinstance(value, str):  # nearly all are
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, Mapping | list | tuple | bool):
        return _json(value)
    return "" if value is None else value


# A screen


def console(options: Options, file: TextIO | None = None) -> Console:
    """The console that tables are written to, by default stdout: as wide as the terminal, or unlimited when piped."""
    from rich.console import Console as RichConsole

    file = file or sys.stdout
    is_terminal = file.isatty()
    colourless = options.no_color or not is_terminal or "NO_COLOR" in os.environ
    return RichConsole(
        file=file,
        width=shutil.get_terminal_size().columns if is_terminal else 1_000_000,
        no_color=colourless,
        force_terminal=is_terminal and not colourless,
        color_system=None if colourless else "auto",
        highlight=False,
        emoji=False,
        markup=False,
        soft_wrap=False,
    )


def _show(answer: Answer, options: Options) -> None:
    if sys.stdout.isatty():
        _show_at_terminal(answer, console(options))
    else:
        _write_plain(answer, options)
    for one in (*answer.missing, *answer.cautions):
        say(one)
    if answer.source_region:
        say(f"As of {times.local(answer.as_of)}, read in {answer.source_region}.")
    if answer.next:
        say(f"Next: {answer.next}")


def _show_at_terminal(answer: Answer, screen: Console) -> None:
    if answer.screen is not None:
        answer.screen(screen)
    else:
        for one in answer.says:
            screen.print(one)
        for table in answer.tables:
            show_table(table, screen)
    for one in answer.closing():
        screen.print(one)


def _write_plain(answer: Answer, options: Options) -> None:
    """Write headings and rows for a pipe, separated by tabs as in the AWS CLI's text form, without cuts or wraps."""
    if answer.screen is not None:
        answer.screen(console(options))
    else:  # plain lines do not need Rich, which is slow to import
        for one in answer.says:
            print(one)
        for table in answer.tables:
            _write_rows(table)
    for one in answer.closing():
        print(one)


def _write_rows(table: Table) -> None:
    rows = iter(table.rows)
    first = next(rows, None)
    if table.title:
        print(table.title)
    if first is None:
        print(table.empty, end="\n" if table.empty else "")
        return
    print("\t".join(column.heading for column in table.columns))
    for row in _after(first, rows):
        print("\t".join(one_line(column.show(row.get(column.name))) for column in table.columns))


def one_line(words: str) -> str:
    """Text in which each character that would break a line or column, or move the cursor, is a space."""
    return "".join(one if one.isprintable() else " " for one in words)


def put_table(table: Table, screen: Console) -> None:
    """Write a table in the usual form, from an `Answer.screen`."""
    if sys.stdout.isatty():
        show_table(table, screen)
    else:
        _write_rows(table)


def put_line(words: str, screen: Console) -> None:
    """Write a line: wrapped to the terminal's width, or unchanged when piped."""
    if sys.stdout.isatty():
        screen.print(words)
    else:
        print(words)


def put_indented(words: str, screen: Console, by: int = 2) -> None:
    """Write an indented line; at a terminal, its wrapped lines are indented too."""
    from rich.padding import Padding

    if sys.stdout.isatty():
        screen.print(Padding(coloured(one_line(words)), (0, 0, 0, by), expand=False))
    else:
        print(f"{' ' * by}{one_line(words)}")


def show_table(table: Table, screen: Console) -> None:
    """Write a table in the terminal's width; if ids would be broken, write each row as separate lines.

    Rows are written 200 at a time, so that the first appear early and memory stays small.
    """
    from rich.table import Table as RichTable
    from rich.text import Text

    rows = iter(table.rows)
    first = next(rows, None)
    if table.title:
        screen.print(Text(table.title, style="bold"))
    if first is None:
        screen.print(table.empty, end="\n" if table.empty else "")
        return
    left = _after(first, rows)
    some = list(islice(left, _AT_ONCE))
    columns, needed = _room(table.columns, some, screen.width)
    if not columns:
        for row in chain(some, left):
            _show_row(table, row, screen)
        return
    widths = [len(column.heading) for column in columns]
    while some:
        cells = [[one_line(column.show(row.get(column.name))) for column in columns] for row in some]
        # Never narrower than before, so that the columns stay aligned.
        widths = [max(width, *map(len, column)) for width, column in zip(widths, zip(*cells, strict=True), strict=True)]
        shown = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        fits = sum(widths) + 2 * len(widths) <= screen.width
        for column, width, least in zip(columns, widths, needed, strict=True):
            shown.add_column(column.heading, overflow="fold", min_width=width if fits else least)
        for row_cells in cells:
            shown.add_row(*(coloured(cell) for cell in row_cells))
        screen.print(shown)
        some = list(islice(left, _AT_ONCE))


def _room(columns: Sequence[Column], rows: Sequence[Row], width: int) -> tuple[list[Column], list[int]]:
    """The columns that fit a width without breaking a word, and the least width of each; none if they do not fit."""
    for chosen in (list(columns), [column for column in columns if not column.spare]):
        shown = [[column.heading, *(column.show(row.get(column.name)) for row in rows)] for column in chosen]
        needed = [max(map(_longest_word, texts)) for texts in shown]
        if sum(needed) + 2 * (len(needed) - 1) <= width:
            return chosen, needed
    return [], []


def _longest_word(words: str) -> int:
    """The length of the longest word that must not be broken: an id counts, an ARN does not."""
    return max((len(word) for word in words.split(" ") if len(word) <= _UNBROKEN), default=1)


def _show_row(table: Table, row: Row, screen: Console) -> None:
    from rich.text import Text

    for column in table.columns:
        if words := one_line(column.show(row.get(column.name))):
            screen.print(Text.assemble((f"{column.heading}: ", "bold"), coloured(words)))
    screen.print()


def coloured(words: str) -> Any:
    """Text in the colour of the status that it begins with."""
    from rich.text import Text

    return Text(words, style=_STYLES.get(words.split(" ")[0].rstrip(":,."), ""))


def _after(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest
