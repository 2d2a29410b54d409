"""WorkSpaces' request limit: one token bucket for each Region of the account, shared by all operations and callers."""

from dataclasses import dataclass
from datetime import datetime

from local.workspaces.errors import ServiceError

RATE_PER_SECOND = 2.0
BURST = 5.0


@dataclass
class _Bucket:
    tokens: float
    at: datetime


class Throttle:
    """Token buckets of 2 calls a second, burst 5, by Region."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def take(self, region: str, now: datetime) -> None:
        """Take a token of ``region`` at ``now``; raise ThrottlingException when there is none, which costs nothing."""
        bucket = self._buckets.setdefault(region, _Bucket(BURST, now))
        elapsed = max(0.0, (now - bucket.at).total_seconds())
        # A caller at exactly 2/s must not be denied by a float's rounding: hence the 1e-9.
        bucket.tokens = min(BURST, bucket.tokens + elapsed * RATE_PER_SECOND)
        bucket.at = max(bucket.at, now)
        if bucket.tokens < 1 - 1e-9:
            raise ServiceError("ThrottlingException", "Rate exceeded")
        bucket.tokens -= 1
