"""A report as a reader finds it: the figures in its page, its tables, and the sheets beside it."""

from __future__ import annotations

import csv
import ctypes.util
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from tests.cli.stage import Ran, Stage

if TYPE_CHECKING:
    from pypdf import PdfReader

needs_pango = pytest.mark.skipif(
    ctypes.util.find_library("pango-1.0") is None,
    reason="no Pango, which --pdf needs: `apt-get install libpango-1.0-0 libpangoft2-1.0-0`, and run this again",
)
_TEXTS = ("caption", "th", "td", "p", "h2", "data", "li")
_VOID = {"meta", "br", "link", "img", "input", "hr"}


@dataclass
class Shown:
    """A table of the page: its caption, and its rows by heading."""

    caption: str = ""
    headings: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def column(self, heading: str) -> list[str]:
        at = self.headings.index(heading)
        return [row[at] for row in self.rows]


class Page(HTMLParser):
    """The page, parsed: it must be well-formed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.figures: dict[str, str] = {}
        self.shown: dict[str, str] = {}
        self.items: list[str] = []
        self.tables: list[Shown] = []
        self.paragraphs: list[str] = []
        self.headings: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self._text: list[str] | None = None
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "span" and self._text is not None:
            self._text.append(" ")
        if tag == "data":
            self.figures[str(given["id"])] = str(given["value"])
            self._figure = str(given["id"])
        if tag == "table":
            self.tables.append(Shown())
        if tag == "tr" and "tbody" in self._open:
            self.tables[-1].rows.append([])
        if tag in _TEXTS:
            self._text = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag not in _TEXTS or self._text is None:
            return
        text, self._text = " ".join("".join(self._text).split()), None
        match tag:
            case "caption":
                self.tables[-1].caption = text
            case "th":
                self.tables[-1].headings.append(text)
            case "td":
                self.tables[-1].rows[-1].append(text)
            case "p":
                self.paragraphs.append(text)
            case "data":
                self.shown[self._figure] = text
            case "li":
                self.items.append(text)
            case "h2":
                self.headings.append(text)

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def table(self, caption: str) -> Shown:
        """The table whose caption begins so."""
        return next(one for one in self.tables if one.caption.startswith(caption))

    @property
    def text(self) -> str:
        return "\n".join(self.paragraphs)


def report(stage: Stage, line: str = "") -> tuple[Ran, Page]:
    """A report, and its page."""
    ran = stage.standby(f"report --out report.html {line}")
    return ran, Page(Path("report.html").read_text(encoding="utf-8"))


def read_pdf(file: str | IO[bytes]) -> PdfReader:
    """A PDF."""
    import pypdf  # few processes need it

    return pypdf.PdfReader(file)


def sheet(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a sheet."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
