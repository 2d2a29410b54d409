"""The clocks a world can run on."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of the present time, in UTC."""

    def now(self) -> datetime:
        """Return the present moment, with its zone."""


class ManualClock:
    """A clock that changes only when it is moved.

    Parameters
    ----------
    start : datetime, optional
        The first moment, with a zone; 2026-01-05 09:00 UTC unless given.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = (start or datetime(2026, 1, 5, 9, tzinfo=UTC)).astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment the clock was moved to last."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move on by ``seconds`` and return the new moment; time does not go back."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back ({seconds} s)")
        self._now += timedelta(seconds=seconds)
        return self._now

    def move_to(self, moment: datetime) -> datetime:
        """Move to ``moment``, unless it has passed already, and return the present."""
        if moment > self._now:
            self._now = moment.astimezone(UTC)
        return self._now


class OffsetClock:
    """The real clock, set forward by an offset in seconds that may grow.

    Its world's callers live by the real clock: to them it is not later than they think, but everything is older.
    """

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> datetime:
        """Return the real time plus the offset."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_seconds)

    def advance(self, seconds: float) -> datetime:
        """Set the clock forward by ``seconds`` and return the new moment."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back ({seconds} s)")
        self.offset_seconds += seconds
        return self.now()

    def seen(self, moment: datetime) -> datetime:
        """Return a moment of this clock as callers see it."""
        return moment - timedelta(seconds=self.offset_seconds)
