"""The page: sections in a template, with the style included. The page fetches nothing and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from cli.report import coverage, events, opening, standbys, words
from cli.report.blocks import Section, legible
from cli.report.forms import utc
from infra.version import VERSION

if TYPE_CHECKING:
    from cli.report.figures import Figures

_HERE = Path(__file__).parent
_COMMAND = re.compile("`([^`]+)`")
_DAY = re.compile(r"\b(\d{4}-\d\d-\d\d)\b")


def sections(figures: Figures) -> list[Section]:
    """The sections, in order."""
    return [
        opening.first(figures),
        opening.second(figures),
        coverage.third(figures),
        coverage.fourth(figures),
        coverage.fifth(figures),
        standbys.sixth(figures),
        standbys.seventh(figures),
        events.eighth(figures),
        events.ninth(figures),
        events.tenth(figures),
        standbys.eleventh(figures),
        words.twelfth(figures),
        words.thirteenth(figures),
        words.fourteenth(figures),
        words.fifteenth(figures),
    ]


def page(figures: Figures, found: Sequence[Section]) -> str:
    """The HTML of a report."""
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"legible": legible, "utc": utc, "prose": _prose}
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        figures=figures,
        period=figures.period,
        sections=found,
        style=Markup(style),  # noqa: S704 (it is a file of this package)
        picture=Markup,  # from charts.py, which escapes all text
        version=VERSION,
    )


def _prose(words: object) -> Markup:
    """A sentence in which commands are between backticks, and in whose days no line is broken."""
    marked = _DAY.sub(r"<time>\1</time>", _COMMAND.sub(r"<code>\1</code>", str(escape(legible(words)))))
    return Markup(marked)  # noqa: S704 (it is escaped)
