"""The clock that the logic is given: the current time, and how to wait."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock. Tests pass their own."""

    def now(self) -> datetime:
        """The current time, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        time.sleep(seconds)
