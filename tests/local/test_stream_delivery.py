"""How a stream's records are delivered: in order, retried, bisected, reported one by one, given up."""

from typing import Any

import pytest

from local.stream_delivery import Delivery, Discarded, Policy


def record(number: int) -> dict[str, Any]:
    return {"dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": 1000.0}}


def numbers(records: list[dict[str, Any]] | None) -> list[int] | None:
    return None if records is None else [int(each["dynamodb"]["SequenceNumber"]) for each in records]


def delivery(count: int, **policy: Any) -> Delivery:
    made = Delivery(Policy(**policy))
    made.take_in([record(number) for number in range(count)])
    made.due(1000)
    return made


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, "text"])
def test_a_batch_that_succeeds_is_done(answer: Any) -> None:
    made = delivery(3, reports_items=True)
    assert numbers(made.due(1000)) == [0, 1, 2]
    assert made.settle(failed=False, answer=answer, now=1000) is None
    assert made.is_idle


def test_records_are_gathered_until_the_window_ends_or_a_batch_is_full() -> None:
    made = delivery(2, window_seconds=60, batch_size=3)
    assert (made.due(1000), made.pause(1050), made.due(1059)) == (None, 10, None)
    assert numbers(made.due(1060)) == [0, 1]
    made.take_in([record(number) for number in range(2, 6)])
    assert numbers(made.due(1061)) == [0, 1]
    made.settle(failed=False, answer=None, now=1070)
    assert numbers(made.due(1070)) == [2, 3, 4]
    made.settle(failed=False, answer=None, now=1080)
    # The window begins anew when the last batch is done.
    assert (made.due(1080), made.due(1139), numbers(made.due(1140))) == (None, None, [5])


@pytest.mark.parametrize(
    ("reported", "reports_items", "again"),
    [(["3", "2"], True, [2, 3, 4]), (["nonsense"], True, [0, 1, 2, 3, 4]), (["0"], False, None)],
    ids=["that one and all after it", "all, if it names none", "nothing, without the response type"],
)
def test_what_comes_again_after_a_report(reported: list[str], reports_items: bool, again: list[int] | None) -> None:
    made = delivery(5, reports_items=reports_items)
    failures = {"batchItemFailures": [{"itemIdentifier": item} for item in reported]}
    made.settle(failed=False, answer=failures, now=1000)
    assert made.due(1000) is None
    assert numbers(made.due(1001)) == again
    assert made.is_idle == (again is None)


def test_a_failing_batch_is_bisected_in_order_at_no_cost_of_retries() -> None:
    made = delivery(4, bisects=True, max_retries=0)
    assert made.settle(failed=True, answer=None, now=1000) is None
    assert numbers(made.due(1000)) == [0, 1]
    made.settle(failed=False, answer=None, now=1000)
    made.settle(failed=True, answer=None, now=1000)
    assert numbers(made.due(1000)) == [2]
    assert made.settle(failed=True, answer=None, now=1000) == Discarded([record(2)], "RetryAttemptsExhausted")
    assert numbers(made.due(1000)) == [3]


def test_retries_pause_longer_each_time_and_then_give_up() -> None:
    made = delivery(2, max_retries=2)
    now, pauses = 1000.0, []
    while (given_up := made.settle(failed=True, answer=None, now=now)) is None:
        before = now
        while made.due(now) is None:
            now += 0.25
        pauses.append(now - before)
    assert pauses == [0.5, 1.0]
    assert numbers(given_up.records) == [0, 1]


def test_records_that_are_too_old_are_given_up() -> None:
    made = delivery(1, max_age_seconds=60)
    made.settle(failed=True, answer=None, now=1030)
    given_up = made.settle(failed=True, answer=None, now=1061)
    assert given_up is not None
    assert given_up.condition == "MaxRecordAgeExceeded"
    assert made.is_idle


def test_the_settings_of_a_mapping_are_read() -> None:
    mapping = {
        "MaximumRetryAttempts": "20",
        "MaximumRecordAgeInSeconds": 21600,
        "BisectBatchOnFunctionError": "true",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BatchSize": 50,
        "MaximumBatchingWindowInSeconds": 60,
    }
    policy = Policy(20, 21600, bisects=True, reports_items=True, batch_size=50, window_seconds=30)
    assert Policy.of(mapping, window_scale=0.5) == policy
    assert Policy.of({}) == Policy()
