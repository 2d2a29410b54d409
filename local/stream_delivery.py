"""How an event source mapping delivers a stream's records: batches, partial failures, bisecting, giving up.

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
    """

    max_retries: int = -1
    max_age_seconds: float = -1
    bisects: bool = False
    reports_items: bool = False

    @classmethod
    def of(cls, mapping: dict[str, Any]) -> "Policy":
        """Read the settings of an EventSourceMapping."""
        return cls(
            max_retries=int(mapping.get("MaximumRetryAttempts", -1)),
            max_age_seconds=float(mapping.get("MaximumRecordAgeInSeconds", -1)),
            bisects=_true(mapping.get("BisectBatchOnFunctionError")),
            reports_items="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()),
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
        self._batches: deque[_Batch] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether everything taken in is delivered or given up: the shard's position may move on."""
        return not self._batches

    def take_in(self, records: list[Record]) -> None:
        """Take a batch from the shard."""
        if records:
            self._batches.append(_Batch(records))

    def due(self, now: float) -> list[Record] | None:
        """Return the records to invoke the function with now; ``None`` while it pauses after a failure."""
        if not self._batches or now < self._batches[0].not_before:
            return None
        return self._batches[0].records

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
