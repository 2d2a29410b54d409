"""Time, handed in: what the clock says, and how to wait."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """What the logic knows of time: the machine's own. Tests hand in theirs."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
