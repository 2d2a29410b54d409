"""The report as PDF: the same page, by WeasyPrint, tagged."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from cli.problems import Problem


class Paper(StrEnum):
    """The paper size."""

    A4 = "A4"
    LETTER = "letter"


def write_pdf(html: str, file: Path, paper: Paper) -> None:
    """Write it; Problem if Pango, which WeasyPrint needs, is not installed."""
    try:
        from weasyprint import CSS, HTML
    except OSError as problem:  # WeasyPrint loads Pango when it is imported
        words = f"The PDF cannot be made: WeasyPrint does not find Pango ({str(problem).splitlines()[0]})."
        fix = (
            "Install it: `apt-get install libpango-1.0-0 libpangoft2-1.0-0` on Debian and Ubuntu, `dnf install pango`"
            " on Amazon Linux and Fedora, `brew install pango` on macOS. Or leave --pdf out, and print the HTML."
        )
        raise Problem("NoPango", words, fix) from None

    def refuse(url: str) -> None:
        raise ValueError(f"a report fetches nothing, but {url} was requested")

    size = CSS(string=f"@page {{ size: {paper}; }}")
    HTML(string=html, url_fetcher=refuse).write_pdf(file, stylesheets=[size], pdf_tags=True)
