"""The benchmarks' own parts, and the counts that no change may raise unseen. Times are measured by `make bench`."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from local.workspaces import ManualClock, World
from tests.bench import commands, page, scripted
from tests.bench.endpoint import Endpoint
from tests.bench.fleet import Run, accept, existing_fleet, new_primaries, run_until
from tests.bench.run import SIZES, bench_json
from tests.simulation import faults
from tests.simulation.deployment import Deployment
from tests.simulation.services import Ledger
from tests.simulation.simulation import HOME

COUNT = 50
_COUNTED = ("DescribeWorkspaces", "CreateStandbyWorkspaces", "TransactWriteItems")


class Embedded(Run):
    """The same run, over the embedded cloud's DynamoDB."""

    ledger_type = Ledger


@pytest.fixture(scope="module")
def run(deployment: Deployment) -> Run:
    return new_primaries(deployment, COUNT)


# Exact: a count that falls is written down, too, or the next change could raise it unseen. "looked at" are the rows
# that the watcher has handed to protect: how often a row is due shows there, and not always in calls.


def test_new_desktops_take_as_many_calls_and_writes_as_they_did(run: Run) -> None:
    assert counted(run) == {
        "DescribeWorkspaces": 84,
        "CreateStandbyWorkspaces": 29,
        "TransactWriteItems": 224,
        "looked at": 1196,
        "write units": 2164,
        "index write units": 2886,
    }


def test_an_accepted_fleet_takes_as_many_calls_and_writes_as_it_did(deployment: Deployment) -> None:
    run = existing_fleet(deployment, COUNT)
    before = counted(run)
    accept(run, COUNT)
    assert counted(run) - before == {
        "DescribeWorkspaces": 36,
        "CreateStandbyWorkspaces": 2,
        "TransactWriteItems": 195,
        "looked at": 597,
        "write units": 1955,
        "index write units": 2535,
    }


def test_requests_that_fail_take_as_many_calls_and_writes_as_they_did(deployment: Deployment) -> None:
    run = Run(deployment, COUNT)
    run.add_users([HOME], run.users)
    run.let_neighbour_in()
    kinds = (faults.THROTTLED, faults.READ_TIMEOUT_AFTER, faults.READ_TIMEOUT_LATE)
    run.disturb(*kinds, minutes=(0, 180), matches=lambda call: call.operation == "CreateStandbyWorkspaces", rate=0.5)
    run.create_paced(run.users, HOME, 3600)
    run_until(run, COUNT)
    assert counted(run) == {
        "DescribeWorkspaces": 159,
        "CreateStandbyWorkspaces": 28,
        "TransactWriteItems": 269,
        "looked at": 1164,
        "write units": 2698,
        "index write units": 3583,
    }


def counted(run: Run) -> Counter[str]:
    """What was called and written, without the calls of sweeps: of them there are as many as hours."""
    counts = Counter[str]()
    for call, count in run.audit.calls.items():
        if call.function != "sweep" and call.operation in _COUNTED:
            counts[call.operation] += count
    counts["looked at"] = run.work["watch"].ready
    counts["write units"], counts["index write units"] = (
        run.ledger.billed.write_units,
        run.ledger.billed.index_write_units,
    )
    return counts


def test_the_fast_ledger_ends_with_the_rows_of_the_embedded_one(deployment: Deployment, run: Run) -> None:
    found = dict(run.ledger.items)
    embedded = Embedded(deployment, COUNT)
    embedded.add_users([HOME], embedded.users)
    embedded.let_neighbour_in()
    embedded.create_paced(embedded.users, HOME, 3600)
    run_until(embedded, COUNT)
    listed = embedded.ledger.ask("Scan")["Items"]
    assert {(item["pk"]["S"], item["sk"]["S"]): item for item in listed} == found


def test_the_script_sees_all_through_and_its_throttled_calls_are_repeated_as_boto3_does() -> None:
    found = scripted.run(COUNT * 4)
    assert found.calls - found.throttled > 50 * found.primaries
    assert 2 < found.hours < 5
    # Of five attempts that are throttled boto3 gives up once.
    assert 0 < 5 * found.gave_up <= found.throttled


def test_queries_of_the_document_read_what_they_print() -> None:
    now = datetime.now(UTC)
    ledger = commands.large_ledger(2_000, 20_000, now)
    endpoint = Endpoint(World(ManualClock()), ledger)
    with endpoint.open():
        found = commands.amplification(ledger, endpoint.url, now)
    assert len(found) == 5
    assert max(found.values()) <= 1.2, found


def test_bench_json_has_the_keys_that_its_readers_know() -> None:
    if page.RECORD.exists():
        found = bench_json(page.record()["found"], SIZES)
        assert list(found) == [
            "calls",
            "makespan_ratio",
            "throttled_percent",
            "delay_intervals",
            "cost_usd",
            "memory_mb",
            "cold_start_ratio",
            "zip_bytes",
            "read_amplification",
        ]
        assert found.items() <= page.record()["result"].items()


def test_the_page_is_made_of_the_record_alone() -> None:
    assert page.PAGE.exists() == page.RECORD.exists()
    if page.RECORD.exists():  # before the first whole run there is neither
        written = page.PAGE.read_text(encoding="utf-8")
        assert written == page.page(page.record()), "make bench ARGS=--page writes it anew"
