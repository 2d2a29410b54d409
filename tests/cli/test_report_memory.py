"""A report of a hundred thousand desktops, and of a year of events, takes no more memory than a report may.

As in `test_memory.py`, it is shown by two sizes: from the smaller to the larger one, the peak grows by what is kept of
a person (a name and a rank), of a desktop (an id), and by nothing that is kept of an event. What makes charts is loaded
once, and takes as much memory whatever the size: `python -m tests.bench.report` measures all of it.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.pages import sheet
from tests.cli.test_memory import DESKTOPS, MEGABYTE, Fleet, peak

LIMIT = 500 * MEGABYTE
# Python, botocore, Altair, and vl-convert with its V8: measured as 200 MB.
CONSTANT = 250 * MEGABYTE


class Whole(Fleet):
    """The same, with the days of directories and the runs of doctor, of which there are none."""

    def query(self, **request: Any) -> Any:
        keys = {one["S"] for one in request["ExpressionAttributeValues"].values()}
        if "IndexName" not in request and not any(one.startswith("ws-") for one in keys):
            return {"Items": [], "Count": 0}
        return super().query(**request)


def test_memory_grows_by_people_and_ids_and_by_nothing_of_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = "report --out r.html --data d --since 2026-01-04 --until 2026-01-06"
    peak(line, Whole(40, 40), traced=False)  # what is imported, and kept for good
    little, _ = peak(line, Whole(200, 200))
    many_events, _ = peak(line, Whole(200, 800))
    assert len(sheet(Path("d"), "changes")) == 800
    each_event = max(many_events - little, 0) / 600
    assert each_event < 90, f"{each_event:.0f} bytes are kept of an event"
    much, _ = peak(line, Whole(800, 800))
    assert sheet(Path("d"), "gaps")
    each = max(much - many_events, 0) / 600
    assert each < 600, f"{each:.0f} bytes are kept of a desktop"
    assert CONSTANT + each * DESKTOPS < LIMIT
