"""A million events, or a hundred thousand desktops, take no more memory than some pages.

A test with a million events would take minutes, nearly all of it in decoding DynamoDB's form. What it would show is
shown by two sizes: from the smaller to the larger one, the peak grows by what is kept of a desktop, an id, and by
nothing that is kept of an event. From that follows what a million events and a hundred thousand desktops take.
"""

import io
import tracemalloc
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from cli.aws import Aws
from cli.main import main
from tests.component.estate import HOME, PRIMARY, TABLE

PAGE = 50  # so that the smaller size has some, too
MEGABYTE = 1024 * 1024
LIMIT = 300 * MEGABYTE
DESKTOPS = 100_000


@dataclass(frozen=True)
class Fleet:
    """DynamoDB and CloudFormation of a pair with so many desktops and events: pages are made when asked for."""

    desktops: int
    events: int

    def describe_stacks(self, **_: Any) -> Any:
        outputs = [{"OutputKey": "LedgerTableName", "OutputValue": TABLE}]
        stack = {"StackName": TABLE, "StackId": "a:b:c:d:e", "StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}
        return {"Stacks": [stack]}

    def batch_get_item(self, **_: Any) -> Any:
        return {"Responses": {}}

    def query(self, *, ExpressionAttributeValues: Mapping[str, Any], **given: Any) -> Any:  # noqa: N803 (as boto3 has it)
        keys = {one["S"] for one in ExpressionAttributeValues.values()}
        if "IndexName" not in given:  # a history: one desktop in ten has changed since, and was there
            found = [_item(next(one for one in keys if one.startswith("ws-")), "2026-01-01T00:00:00.000Z")]
            return {"Items": found, "Count": 1}
        many = 0
        if given["IndexName"] == "by_status" and any(one.startswith("PROTECTED#") for one in keys):
            many = self.desktops // 4
        if given["IndexName"] == "by_day" and any(one.startswith("2026-01-05#") for one in keys):
            many = self.events // 4
        if ":since" in ExpressionAttributeValues and given["IndexName"] == "by_status":
            many = 0  # nothing changes while it is read
        start = int(given.get("ExclusiveStartKey", {"n": {"N": "0"}})["n"]["N"])
        end = min(start + PAGE, many)
        shard = next((one for one in keys if "#" in one), "").rpartition("#")[2]
        last = {"LastEvaluatedKey": {"n": {"N": str(end)}}} if end < many else {}
        if given.get("Select") == "COUNT":
            return {"Count": end - start, **last}
        return {"Items": [_item(f"ws-{shard}{number:08}", _changed(number)) for number in range(start, end)], **last}


def _changed(number: int) -> str:
    return "2026-01-05T12:00:00.000Z" if number % 10 == 0 else "2026-01-01T00:00:00.000Z"


def _item(one: str, changed_at: str) -> dict[str, Any]:
    texts = {
        "pk": one,
        "sk": f"EVENT#{one}",
        "primary_id": one,
        "user_name": f"user-{one}",
        "status": "PROTECTED",
        "reason_code": "STANDBY_READY",
        "primary_directory_id": HOME,
        "first_seen_at": "2025-01-01T00:00:00.000Z",
        "changed_at": changed_at,
        "at": changed_at,
        "message": "The standby is ready. " * 10,
    }
    return {name: {"S": value} for name, value in texts.items()}


class Nowhere(io.TextIOBase):
    """Takes what is written, counts its lines, and forgets it."""

    lines = 0

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        return len(text)


def peak(line: str, fleet: Fleet, width: int | None = None) -> tuple[int, int]:
    """The most memory that a command takes, beyond what it takes of nothing, and how many lines it writes."""
    out = Nowhere()
    out.isatty = lambda: width is not None  # type: ignore[method-assign]
    arguments = [*line.split(), "--stack", TABLE]
    with (
        mock.patch.object(Aws, "client", return_value=fleet),
        mock.patch.object(Aws, "region", PRIMARY),
        redirect_stdout(out),
        redirect_stderr(io.StringIO()),
    ):
        tracemalloc.start()
        try:
            assert main(arguments) in (0, 4), line
            return tracemalloc.get_traced_memory()[1], out.lines
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("line", "width", "of_desktops"),
    [
        ("list --output csv", None, False),
        ("list", 140, False),
        ("audit --as-of 2026-01-04T12:00Z --output csv", None, True),
        ("audit --on 2026-01-05 --changes --output csv", None, False),
        ("failover-list --no-live --exit-zero --output csv", None, False),
    ],
)
def test_memory_grows_neither_with_events_nor_by_more_than_ids_with_desktops(
    line: str, width: int | None, of_desktops: bool
) -> None:
    # A table at a terminal is slow to make, and shown by the two hundred.
    small, large = (Fleet(many, many) for many in ((800, 2_400) if width is None else (400, 1_200)))
    peak(line, Fleet(40, 40), width)  # what is imported, and kept for good
    (little, some), (much, many) = peak(line, small, width), peak(line, large, width)
    assert many > 2.5 * some  # they were written
    growth = max(much - little, 0)
    if of_desktops:
        each = growth / (large.desktops - small.desktops)
        assert each < 250, f"{each:.0f} bytes are kept of a desktop"
        assert little + each * DESKTOPS < LIMIT
    else:
        # Of rows that are kept, each takes some kilobytes. Rich remembers the widths of its last 4,096 words.
        remembered = 0 if width is None else 4096 * 150
        assert growth < 100 * (many - some) + remembered, f"{growth} bytes more for {many - some} rows more"
