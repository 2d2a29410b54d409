"""Moments and text as they are kept and sent on."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from standby.core.model import day_of, from_text, legible, past, to_text
from tests.core.cases import NOW, table

TOKYO = timezone(timedelta(hours=9))


@table(
    "moment text day",
    ("cut to milliseconds", NOW.replace(microsecond=5999), "2026-03-03T12:00:00.005Z", "2026-03-03"),
    ("whole second", NOW, "2026-03-03T12:00:00.000Z", "2026-03-03"),
    ("another zone", NOW.astimezone(TOKYO), "2026-03-03T12:00:00.000Z", "2026-03-03"),
    ("another zone's day", datetime(2026, 3, 4, 8, 59, tzinfo=TOKYO), "2026-03-03T23:59:00.000Z", "2026-03-03"),
)
def test_a_moment_is_written_in_utc_with_milliseconds(moment: datetime, text: str, day: str) -> None:
    assert (to_text(moment), day_of(moment)) == (text, day)
    assert to_text(from_text(text)) == text
    assert from_text(text).utcoffset() == timedelta(0)


NO_TIMES = ("", "yesterday", "2026-13-01T00:00:00.000Z", "2026-03-03T12:00:00", None, 7)


@pytest.mark.parametrize("text", [*NO_TIMES, "9999-12-31T23:59:59.000-12:00", "0001-01-01T00:00:00.000+12:00"])
def test_what_is_no_time_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month|is not a time like"):
        from_text(text)


def test_a_moment_has_come_when_it_is_not_after_now() -> None:
    instant = timedelta(microseconds=1)
    assert [past(moment, NOW) for moment in (None, NOW + instant, NOW, NOW - instant)] == [False, False, True, True]


@table(
    "value most text",
    ("kept", "Zoë\t≠\r\n\U0001f600", 99, "Zoë\t≠\r\n\U0001f600"),
    ("replaced", "a\x00b\x1bc\ud800d\ufffee", 99, "a\ufffdb\ufffdc\ufffdd\ufffde"),
    ("cut", "abcdef", 3, "abc"),
    ("anything", ValueError("no"), 99, "no"),
)
def test_text_has_only_characters_that_every_service_takes(value: object, most: int, text: str) -> None:
    assert legible(value, most) == text
