"""Times as people write them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cli.problems import Problem
from cli.times import moment

NOW = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)  # in Tokyo it is the morning of the fourth


@pytest.fixture
def _tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_tokyo")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yesterday", "2026-03-02 00:00"),
        ("yesterday 14:00", "2026-03-03 05:00"),
        ("Yesterday 14:00Z", "2026-03-02 14:00"),
        ("today 08:00", "2026-03-03 23:00"),
        ("2026-03-03T14:00", "2026-03-03 05:00"),
    ],
)
def test_a_day_alone_is_a_utc_day_and_with_a_time_a_local_one(text: str, expected: str) -> None:
    assert f"{moment(text, NOW):%Y-%m-%d %H:%M}" == expected


@pytest.mark.parametrize("text", ["yesterday 25:00", "yesterday noon", "tomorrow", ""])
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(Problem, match="Write a day like"):
        moment(text, NOW)
