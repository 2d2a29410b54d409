"""A million events, or a hundred thousand desktops, take no more memory than some pages.

A test with a million events would take minutes, nearly all of it in decoding DynamoDB's form. What it would show is
shown by two sizes: from the smaller to the larger one, the peak grows by what is kept of a desktop, an id, and by
nothing that is kept of an event. From that follows what a million events and a hundred thousand desktops take.
"""

import io
import json
import tracemalloc
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest

from cli.aws import Aws
from cli.main import main
from tests.component.estate import PRIMARY, TABLE
from tests.large_ledger import LargeLedger

PAGE = 50  # so that the smaller size has some, too
MEGABYTE = 1024 * 1024
LIMIT = 300 * MEGABYTE
DESKTOPS = 100_000


class Fleet:
    """DynamoDB and CloudFormation of a pair with so many desktops and events, of two days."""

    def __init__(self, desktops: int, events: int) -> None:
        self.desktops = desktops
        self._ledger = LargeLedger(desktops, events, began=datetime(2026, 1, 4, tzinfo=UTC), days=2, page=PAGE)

    def describe_stacks(self, **_: Any) -> Any:
        outputs = [{"OutputKey": "LedgerTableName", "OutputValue": TABLE}]
        stack = {"StackName": TABLE, "StackId": "a:b:c:d:e", "StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}
        return {"Stacks": [stack]}

    def batch_get_item(self, **request: Any) -> Any:
        return self._answer("BatchGetItem", request)

    def query(self, **request: Any) -> Any:
        return self._answer("Query", request)

    def _answer(self, operation: str, request: Any) -> Any:
        _, body = self._ledger.call(PRIMARY, operation, json.dumps(request).encode())
        return json.loads(body)


class Nowhere(io.TextIOBase):
    """Takes what is written, counts its lines, and forgets it."""

    lines = 0

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        return len(text)


def peak(line: str, fleet: Fleet, width: int | None = None, *, traced: bool = True) -> tuple[int, int]:
    """The most memory that a command takes, beyond what it takes of nothing, and how many lines it writes.

    Untraced, it takes a fifth of the time, and what is imported is there for the next one.
    """
    out = Nowhere()
    out.isatty = lambda: width is not None  # type: ignore[method-assign]
    arguments = [*line.split(), "--stack", TABLE]
    with (
        mock.patch.object(Aws, "client", return_value=fleet),
        mock.patch.object(Aws, "region", PRIMARY),
        redirect_stdout(out),
        redirect_stderr(io.StringIO()),
    ):
        if traced:
            tracemalloc.start()
        try:
            assert main(arguments) in (0, 1, 4), line  # 1: some are without cover
            return tracemalloc.get_traced_memory()[1], out.lines  # 0 if untraced
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("line", "width", "of_desktops"),
    [
        ("list --output csv", None, False),
        ("list", 140, False),
        # One in ten has changed since.
        ("audit --as-of 2026-01-05T22:24Z --output csv", None, True),
        ("audit --on 2026-01-05 --changes --output csv", None, False),
        ("failover-list --no-live --exit-zero --output csv", None, False),
    ],
)
def test_memory_grows_neither_with_events_nor_by_more_than_ids_with_desktops(
    line: str, width: int | None, of_desktops: bool
) -> None:
    # A table at a terminal is slow to make, and shown by the two hundred.
    small, large = (Fleet(many, many) for many in ((800, 2_400) if width is None else (400, 1_200)))
    peak(line, Fleet(40, 40), width, traced=False)  # what is imported, and kept for good
    (little, some), (much, many) = peak(line, small, width), peak(line, large, width)
    assert many > 2.5 * some  # they were written
    growth = max(much - little, 0)
    if of_desktops:
        each = growth / (large.desktops - small.desktops)
        assert each < 250, f"{each:.0f} bytes are kept of a desktop"
        assert little + each * DESKTOPS < LIMIT
    else:
        # Of rows that are kept, each takes some kilobytes; an id in a set takes a hundred bytes. Rich remembers the
        # widths of its last 4,096 words.
        remembered = 0 if width is None else 4096 * 150
        assert growth < 150 * (many - some) + remembered, f"{growth} bytes more for {many - some} rows more"
