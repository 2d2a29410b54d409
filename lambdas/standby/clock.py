"""Time, handed in: what the clock says, how to wait, and how long AWS may be called how often."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the logic knows of time."""

    def now(self) -> datetime:
        """The present, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def to_text(moment: datetime) -> str:
    """`moment` as the ledger writes it: UTC, ISO 8601, milliseconds, `Z`. Such texts sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The moment that `to_text` wrote.

    Raises
    ------
    ValueError
        The text is no such time.
    """
    return datetime.fromisoformat(text)


def past(moment: datetime | None, now: datetime) -> bool:
    """Whether a moment has come; one that is not set has not."""
    return moment is not None and now >= moment


class Pacer:
    """Keeps calls to one a period, so that the account's shared budget (2 a second, burst 5) is left to others too.

    The first `burst` calls go at once: an event's few need not wait.
    """

    def __init__(self, clock: Clock, calls_per_second: float, burst: int = 1) -> None:
        self._clock = clock
        self._period = 1.0 / calls_per_second
        self._burst = burst
        self._last: datetime | None = None

    def wait(self) -> None:
        """Return when the next call may be sent."""
        if self._burst > 0:
            self._burst -= 1
        elif self._last is not None:
            elapsed = (self._clock.now() - self._last).total_seconds()
            # A clock set back must not make the wait longer than a period.
            remainder = self._period - max(elapsed, 0.0)
            if remainder > 0:
                self._clock.sleep(remainder)
        self._last = self._clock.now()
