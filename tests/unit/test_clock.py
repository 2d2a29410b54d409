"""Time as the ledger writes it, and calls kept apart."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from standby.clock import Pacer, SystemClock, from_text, to_text

NOON = datetime(2026, 3, 3, 12, 0, 0, 5000, tzinfo=UTC)


class StillClock:
    """Stands still but for its sleeps."""

    def __init__(self) -> None:
        self.at = NOON
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


def test_a_moment_is_written_in_utc_with_milliseconds_and_z() -> None:
    assert to_text(NOON) == "2026-03-03T12:00:00.005Z"
    assert to_text(NOON.astimezone(timezone(timedelta(hours=9)))) == "2026-03-03T12:00:00.005Z"
    assert to_text(NOON.replace(microsecond=0)) == "2026-03-03T12:00:00.000Z"


def test_what_is_written_is_read_back() -> None:
    assert from_text(to_text(NOON)) == NOON
    assert from_text(to_text(NOON)).utcoffset() == timedelta(0)


def test_texts_sort_as_the_times_do() -> None:
    moments = [NOON + timedelta(milliseconds=step * 997) for step in range(2000)]
    texts = [to_text(moment) for moment in moments]
    assert texts == sorted(texts)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00.000Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        from_text(text)


def test_calls_are_a_period_apart_and_time_that_passed_anyway_is_not_waited_for_again() -> None:
    clock = StillClock()
    pacer = Pacer(clock, 2.0)
    pacer.wait()
    assert clock.slept == []
    pacer.wait()
    assert clock.slept == [0.5]
    clock.at += timedelta(seconds=0.2)
    pacer.wait()
    assert clock.slept[1] == pytest.approx(0.3)
    clock.at += timedelta(seconds=9)
    pacer.wait()
    assert len(clock.slept) == 2


def test_a_long_run_of_calls_keeps_the_rate() -> None:
    clock = StillClock()
    pacer = Pacer(clock, 1.0)
    sent = []
    for _ in range(50):
        pacer.wait()
        sent.append(clock.now())
    assert min(later - before for before, later in itertools.pairwise(sent)) >= timedelta(seconds=1)
    assert sent[-1] - sent[0] == timedelta(seconds=49)


def test_a_clock_set_back_makes_no_wait_longer_than_a_period() -> None:
    clock = StillClock()
    pacer = Pacer(clock, 1.0)
    pacer.wait()
    clock.at -= timedelta(hours=1)
    pacer.wait()
    assert clock.slept == [1.0]


def test_the_systems_clock_tells_utc_and_waits() -> None:
    clock = SystemClock()
    before, started = clock.now(), time.monotonic()
    clock.sleep(0.02)
    assert before.utcoffset() == timedelta(0)
    assert clock.now() > before
    assert time.monotonic() - started >= 0.02
