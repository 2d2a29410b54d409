"""The parts of a page: sections of texts, figures, tables and pictures. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cli.report.forms import utc

# Joins the parts of an emoji. Every other invisible character can only mislead.
_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_INVISIBLE: Final = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def legible(value: Any) -> str:
    """A value as text. A character that is invisible or changes the writing direction is shown as its number."""
    given = "" if value is None else str(value)
    return "".join(
        f"[U+{ord(one):04X}]" if one != _JOINER and unicodedata.category(one) in _INVISIBLE else one for one in given
    )


@dataclass(frozen=True)
class Column:
    """A column of a table: the name of its value in a sheet, its heading, and how a value is shown.

    Attributes
    ----------
    below : tuple of str
        The names of values in the same cell, each on a line of its own below.
    is_number : bool
        It is aligned to the right.
    is_whole : bool
        It is an id or a code. No line is broken within it.
    """

    name: str
    heading: str
    show: Callable[[Any], str] = legible
    below: tuple[str, ...] = ()
    is_number: bool = False
    is_whole: bool = False

    @property
    def style(self) -> str:
        """The class of its cells in the page."""
        if self.is_number:
            return "number"
        if self.show is utc:
            return "time"
        return "whole" if self.is_whole else "name" if self.name == "user_name" else ""


@dataclass(frozen=True)
class Table:
    """Rows under headings.

    Attributes
    ----------
    name : str
        The name of its sheet; empty if no sheet is written from it.
    total : int or None
        The number of rows, if the table shows only the first of them; None if it shows all.
    empty : str
        The sentence instead of a table without rows.
    full : str
        The sheet that has all rows, if that sheet is written while they are read.
    sheet : tuple
        The columns and rows of its sheet, if they differ from those of the page.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    total: int | None = None
    empty: str = "There are none."
    note: str = ""
    full: str = ""
    sheet: tuple[Sequence[str], Sequence[Mapping[str, Any]]] | None = None
    kind: str = field(default="table", init=False)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than it shows."""
        return self.total is not None and self.total > len(self.rows)

    @property
    def for_sheet(self) -> tuple[Sequence[str], Sequence[Mapping[str, Any]]]:
        """The columns and rows of its sheet."""
        names = [name for column in self.columns for name in (column.name, *column.below) if name]
        return self.sheet or (names, self.rows)

    @property
    def style(self) -> str:
        """The class of the table: slim if it has few columns; a wide one becomes a list of cards on a phone."""
        return "slim" if len(self.columns) <= 3 else "wide"


@dataclass(frozen=True)
class Text:
    """A paragraph; `kind` says how it is set: `text`, `answer`, `note` or `warning`."""

    words: str
    kind: str = "text"


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    items: Sequence[str]
    kind: str = field(default="items", init=False)


@dataclass(frozen=True)
class Fact:
    """A figure with its name; `value` is what programs read."""

    id: str
    label: str
    shown: str
    value: Any = None


@dataclass(frozen=True)
class Facts:
    """Figures side by side."""

    facts: Sequence[Fact]
    is_large: bool = False
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True)
class Terms:
    """Terms and what they mean."""

    terms: Sequence[tuple[str, str]]
    kind: str = field(default="terms", init=False)


@dataclass(frozen=True)
class Picture:
    """A chart as SVG, and the sentence that says the same."""

    id: str
    svg: str
    words: str
    kind: str = field(default="picture", init=False)


Part = Table | Text | Items | Facts | Terms | Picture


@dataclass(frozen=True)
class Beside:
    """Parts side by side where the page is wide enough, and one below the other where it is not."""

    parts: Sequence[Part]
    kind: str = field(default="beside", init=False)


Block = Part | Beside


@dataclass(frozen=True)
class Section:
    """A section of the report."""

    number: int
    id: str
    title: str
    blocks: Sequence[Block]

    @property
    def tables(self) -> Iterator[Table]:
        """All of its tables."""
        for block in self.blocks:
            parts = block.parts if isinstance(block, Beside) else [block]
            yield from (one for one in parts if isinstance(one, Table))
