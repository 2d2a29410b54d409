"""WorkSpaces' request limit: one token bucket for each Region of the account, shared by all operations and callers."""

from dataclasses import dataclass
from datetime import datetime

from local.workspaces.errors import ServiceError

# The service takes so many seconds' calls at once: five at its two a second.
BURST_SECONDS = 2.5


@dataclass
class _Bucket:
    tokens: float
    at: datetime


class Throttle:
    """Token buckets by Region; 2 calls a second, burst 5, unless AWS has raised the account's limit."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def take(self, region: str, now: datetime, rate: float) -> None:
        """Take a token of ``region``, which gets ``rate`` a second.

        Raises
        ------
        ServiceError
            ThrottlingException: there is none left at ``now``; asking costs nothing.
        """
        if not self.lets_in(region, now, rate):
            raise ServiceError("ThrottlingException", "Rate exceeded")

    def lets_in(self, region: str, now: datetime, rate: float) -> bool:
        """Take a token of ``region``, which gets ``rate`` a second; False if there is none left at ``now``."""
        bucket = self._buckets.get(region)
        if bucket is None:
            bucket = self._buckets[region] = _Bucket(rate * BURST_SECONDS, now)
        elif now > bucket.at:
            tokens = bucket.tokens + (now - bucket.at).total_seconds() * rate
            bucket.tokens = min(rate * BURST_SECONDS, tokens)
            bucket.at = now
        # A caller at exactly the rate must not be denied by a float's rounding: hence the 1e-9.
        if bucket.tokens < 1 - 1e-9:
            return False
        bucket.tokens -= 1
        return True
