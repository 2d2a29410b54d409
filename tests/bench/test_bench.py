"""The benchmarks' own parts, and the counts that no change may raise unseen. Times are measured by `make bench`."""

from collections import Counter

import pytest

from tests.bench import queries, scripted
from tests.bench.fleet import Run, new_primaries, run_until
from tests.simulation.deployment import Deployment
from tests.simulation.services import Ledger
from tests.simulation.simulation import HOME

COUNT = 50


class Embedded(Run):
    """The same run, over the embedded cloud's DynamoDB."""

    ledger_type = Ledger


@pytest.fixture(scope="module")
def run(deployment: Deployment) -> Run:
    return new_primaries(deployment, COUNT)


def test_a_fleet_takes_no_more_calls_and_writes_than_it_did(run: Run) -> None:
    calls = Counter[str]()
    for call, count in run.audit.calls.items():
        if call.function != "sweep":
            calls[call.operation] += count
    most = {"DescribeWorkspaces": 118, "CreateStandbyWorkspaces": 30, "TransactWriteItems": 249}
    assert {name: calls[name] for name in most if calls[name] > most[name]} == {}, calls
    assert run.ledger.billed.write_units <= 2400
    assert run.ledger.billed.index_write_units <= 3100


def test_the_fast_ledger_ends_with_the_rows_of_the_embedded_one(deployment: Deployment, run: Run) -> None:
    found = dict(run.ledger.items)
    embedded = Embedded(deployment, COUNT)
    embedded.add_users([HOME], embedded.users)
    embedded.let_neighbour_in()
    embedded.create_paced(embedded.users, HOME, 3600)
    run_until(embedded, COUNT)
    listed = embedded.ledger.ask("Scan")["Items"]
    assert {(item["pk"]["S"], item["sk"]["S"]): item for item in listed} == found


def test_the_script_sees_all_through() -> None:
    found = scripted.run(COUNT)
    assert found.calls > 50 * COUNT
    assert 2 < found.hours < 5


def test_queries_read_what_they_return() -> None:
    assert set(queries.amplification(2000, 200).values()) == {1.0}
