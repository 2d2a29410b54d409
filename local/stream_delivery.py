"""How an event source mapping delivers a stream's records: window, batches, partial failures, bisecting, giving up.

As Lambda's developer guide describes it for DynamoDB streams, for one shard. It knows no emulator.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Policy:
    """The settings of a mapping that concern delivery.

    Attributes
    ----------
    max_retries : int
        -1 retries for as long as the records live.
    max_age_seconds : float
        -1 is no limit.
    bisects : bool
        Split a batch in two when the function fails on it; that costs no retry.
    reports_items : bool
        The function names failed records in ``batchItemFailures``.
    batch_size : int
        The most records of one invocation. AWS's other limit, 6 MB, is not kept.
    window_seconds : float
        How long records are gathered, unless there are ``batch_size`` of them before.
    """

    max_retries: int = -1
    max_age_seconds: float = -1
    bisects: bool = False
    reports_items: bool = False
    batch_size: int = 100
    window_seconds: float = 0

    @classmethod
    def of(cls, mapping: dict[str, Any], window_scale: float = 1) -> "Policy":
        """Read the settings of an EventSourceMapping; the window is multiplied by ``window_scale``."""
        return cls(
            max_retries=int(mapping.get("MaximumRetryAttempts", -1)),
            max_age_seconds=float(mapping.get("MaximumRecordAgeInSeconds", -1)),
            bisects=_true(mapping.get("BisectBatchOnFunctionError")),
            reports_items="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()),
            batch_size=int(mapping.get("BatchSize", 100)),
            window_seconds=float(mapping.get("MaximumBatchingWindowInSeconds", 0)) * window_scale,
        )


def _true(value: object) -> bool:
    return str(value).lower() == "true"


@dataclass
class _Batch:
    records: list[Record]
    attempts: int = 0
    not_before: float = 0.0


@dataclass(frozen=True)
class Discarded:
    """Records that are given up, and why: RetryAttemptsExhausted or MaxRecordAgeExceeded."""

    records: list[Record]
    condition: str


class Delivery:
    """What a mapping has taken from a shard and not delivered yet, in the shard's order."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._gathered: list[Record] = []
        self._window_ends: float | None = None
        self._batches: deque[_Batch] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether everything taken in is delivered or given up."""
        return not self._batches and not self._gathered

    def take_in(self, records: list[Record]) -> None:
        """Take records from the shard."""
        self._gathered += records

    def due(self, now: float) -> list[Record] | None:
        """Return the records to invoke the function with now; ``None`` in the window, and in the pause after a failure.

        The next window does not begin before all of the last batch is settled.
        """
        if self._gathered and not self._batches:
            if self._window_ends is None:
                self._window_ends = now + self._policy.window_seconds
            if len(self._gathered) >= self._policy.batch_size or now >= self._window_ends:
                self._batches.append(_Batch(self._gathered[: self._policy.batch_size]))
                del self._gathered[: self._policy.batch_size]
                self._window_ends = None
        if not self._batches or now < self._batches[0].not_before:
            return None
        return self._batches[0].records

    def pause(self, now: float) -> float:
        """How many seconds it is until :meth:`due` returns records, if no more are taken in."""
        ends = self._batches[0].not_before if self._batches else self._window_ends
        return max((ends or now) - now, 0)

    def settle(self, *, failed: bool, answer: Any, now: float) -> Discarded | None:
        """Take what the function made of the batch that was due.

        Parameters
        ----------
        failed : bool
            The invocation ended in an error.
        answer
            What the function returned.
        now : float
            Seconds since the epoch.

        Returns
        -------
        Discarded or None
            Records that are given up with this.
        """
        batch = self._batches.popleft()
        first_failed = 0 if failed else self._first_failed(batch.records, answer)
        if first_failed is None:
            return None
        rest = batch.records[first_failed:]
        if self._policy.bisects and failed and len(rest) > 1:
            middle = len(rest) // 2
            halves = [_Batch(rest[:middle], batch.attempts), _Batch(rest[middle:], batch.attempts)]
            self._batches.extendleft(reversed(halves))
            return None
        # Progress within a batch begins the count anew: other records are now the first to fail.
        attempts = batch.attempts + 1 if first_failed == 0 else 1
        if 0 <= self._policy.max_age_seconds < now - _made_at(rest[0]):
            return Discarded(rest, "MaxRecordAgeExceeded")
        if 0 <= self._policy.max_retries < attempts:
            return Discarded(rest, "RetryAttemptsExhausted")
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (attempts - 1), _LONGEST_PAUSE_SECONDS)
        self._batches.appendleft(_Batch(rest, attempts, now + pause))
        return None

    def _first_failed(self, records: list[Record], answer: Any) -> int | None:
        """Return the index of the first record that a function reports as failed: it and all after it come again."""
        if not self._policy.reports_items or not isinstance(answer, dict):
            return None
        failures = answer.get("batchItemFailures") or []
        if not failures:
            return None
        numbers = [_number(record) for record in records]
        named = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
        # An identifier that is no record's is taken as the failure of the whole batch.
        return min(numbers.index(name) if name in numbers else 0 for name in named)


def _number(record: Record) -> str:
    return str(record.get("dynamodb", {}).get("SequenceNumber", ""))


def _made_at(record: Record) -> float:
    return float(record.get("dynamodb", {}).get("ApproximateCreationDateTime", 0))
