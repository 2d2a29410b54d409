"""The report of the story, made once a process: the page, the sheets, and the model to compare them with."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.cli.lived import Lived, lived
from tests.cli.pages import Page, sheet

SINCE = "2026-01-05"


@dataclass(frozen=True)
class Made:
    """A report of the story, and the story."""

    lived: Lived
    page: Page
    file: Path
    data: Path
    status: int
    err: str

    def figure(self, name: str) -> int:
        return int(self.page.figures[name])

    def sheet(self, name: str) -> list[dict[str, str]]:
        return sheet(self.data, name)

    @property
    def swept_at(self) -> datetime:
        return self.lived.truth.sweeps[-1]


def made_in(folder: Path) -> Made:
    """Live the story, and make its report."""
    one = lived()
    with contextlib.chdir(folder):  # one without a configuration file
        ran = one.stage.standby(f"report --out report.html --data data --since {SINCE}")
    file = folder / "report.html"
    return Made(one, Page(file.read_text(encoding="utf-8")), file, folder / "data", ran.status, ran.err)
