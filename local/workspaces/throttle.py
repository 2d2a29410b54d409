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
        burst = rate * BURST_SECONDS
        bucket = self._buckets.setdefault(region, _Bucket(burst, now))
        elapsed = max(0.0, (now - bucket.at).total_seconds())
        # A caller at exactly the rate must not be denied by a float's rounding: hence the 1e-9.
        bucket.tokens = min(burst, bucket.tokens + elapsed * rate)
        bucket.at = max(bucket.at, now)
        if bucket.tokens < 1 - 1e-9:
            raise ServiceError("ThrottlingException", "Rate exceeded")
        bucket.tokens -= 1
