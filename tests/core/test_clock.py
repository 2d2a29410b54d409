"""The pace of calls, and the machine's clock."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from standby.aws.call import Pacer
from standby.clock import Clock
from tests.core.cases import NOW, table


class StillClock(Clock):
    """Stands still but for its sleeps, which it remembers."""

    def __init__(self) -> None:
        self.at = NOW
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


@table(
    "rate burst pauses slept",
    # the time that passes before each call, and the waits that follow from it
    ("a period apart", 2.0, 1, [0, 0, 0], [0.5, 0.5]),
    ("the rest of a period", 2.0, 1, [0, 0.2, 0], [0.3, 0.5]),
    ("late", 2.0, 1, [0, 9, 0], [0.5]),
    ("the clock is set back", 1.0, 1, [0, -3600], [1.0]),
    ("a burst", 1.0, 5, [0] * 7, [1.0, 1.0]),
    ("a burst is spent once", 1.0, 2, [0, 30, 0], [1.0]),
    ("no burst", 0.5, 0, [0, 0], [2.0]),
)
def test_calls_are_a_period_apart_after_a_burst(rate: float, burst: int, pauses: list[float], slept: Any) -> None:
    clock = StillClock()
    pacer = Pacer(clock, rate, burst)
    for pause in pauses:
        clock.at += timedelta(seconds=pause)
        pacer.wait()
    assert clock.slept == pytest.approx(slept)


def test_a_share_is_asked_for_again_after_ten_seconds() -> None:
    clock, shares = StillClock(), iter([1.0, 0.5, 1.0])
    pacer = Pacer(clock, 1.0, share=lambda: next(shares))
    for _ in range(20):
        pacer.wait()
    assert clock.slept == [1.0] * 10 + [2.0] * 5 + [1.0] * 4


def test_the_systems_clock_is_in_utc_and_waits() -> None:
    clock = Clock()
    before, started = clock.now(), time.monotonic()
    clock.sleep(0.02)
    assert (before.utcoffset(), clock.now() > before) == (timedelta(0), True)
    assert time.monotonic() - started >= 0.02
