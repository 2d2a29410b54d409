"""What a page consists of: sections of texts, figures, tables and pictures. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# Joins the parts of an emoji. Every other invisible character can only mislead.
_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_INVISIBLE: Final = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def legible(value: Any) -> str:
    """A value as text that shows what it is: a character that is invisible, or turns others round, shows its number."""
    given = "" if value is None else str(value)
    return "".join(
        f"[U+{ord(one):04X}]" if one != _JOINER and unicodedata.category(one) in _INVISIBLE else one for one in given
    )


@dataclass(frozen=True)
class Column:
    """A column of a table: the name of its value in a sheet, its heading, and how a value is shown.

    Attributes
    ----------
    below : str
        The name of a value that stands in the same cell, below.
    is_number : bool
        It is aligned to the right.
    is_whole : bool
        It is an id, a code or a time, in which no line is broken.
    """

    name: str
    heading: str
    show: Callable[[Any], str] = legible
    below: str = ""
    is_number: bool = False
    is_whole: bool = False

    @property
    def style(self) -> str:
        """How the page sets it."""
        return "number" if self.is_number else "whole" if self.is_whole else "name" if self.name == "user_name" else ""


@dataclass(frozen=True)
class Table:
    """Rows under headings.

    Attributes
    ----------
    name : str
        That of its sheet; empty if none is written from it.
    total : int or None
        Of how many rows it shows the first; None if it shows all.
    full : str
        The sheet that has all rows, where that is written as they are read.
    empty : str
        What is said where there are no rows.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    total: int | None = None
    empty: str = "There are none."
    note: str = ""
    full: str = ""
    kind: str = field(default="table", init=False)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than it shows."""
        return self.total is not None and self.total > len(self.rows)

    @property
    def style(self) -> str:
        """How the page sets it: one of few columns as wide as it needs, one of many stacked on a phone."""
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


Block = Table | Text | Items | Facts | Terms | Picture


@dataclass(frozen=True)
class Section:
    """A section of the report."""

    number: int
    id: str
    title: str
    blocks: Sequence[Block]
