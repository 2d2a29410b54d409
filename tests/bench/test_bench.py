"""The benchmarks' own parts, and the counts that no change may raise unseen. Times are measured by `make bench`."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from local.workspaces import ManualClock, World
from tests.bench import commands, page, scripted
from tests.bench.endpoint import Endpoint
from tests.bench.fleet import Run, accept, existing_fleet, new_primaries, run_until
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


def test_new_desktops_take_no_more_calls_and_writes_than_they_did(run: Run) -> None:
    calls = counted(run)
    most = {"DescribeWorkspaces": 84, "CreateStandbyWorkspaces": 29, "TransactWriteItems": 224}
    assert {name: calls[name] for name in most if calls[name] > most[name]} == {}, calls
    assert run.ledger.billed.write_units <= 2164
    assert run.ledger.billed.index_write_units <= 2886


def test_an_accepted_fleet_takes_no_more_calls_and_writes_than_it_did(deployment: Deployment) -> None:
    run = existing_fleet(deployment, COUNT)
    before = counted(run)
    spent = accept(run, COUNT).spent
    calls = counted(run) - before
    most = {"DescribeWorkspaces": 36, "CreateStandbyWorkspaces": 2, "TransactWriteItems": 195}
    assert {name: calls[name] for name in most if calls[name] > most[name]} == {}, calls
    assert spent.billed.write_units <= 1957
    assert spent.billed.index_write_units <= 2535


def counted(run: Run) -> Counter[str]:
    """Calls by operation, without those of sweeps: of them there are as many as hours."""
    calls = Counter[str]()
    for call, count in run.audit.calls.items():
        if call.function != "sweep":
            calls[call.operation] += count
    return calls


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


def test_the_page_is_made_of_the_record_alone() -> None:
    assert page.PAGE.exists() == page.RECORD.exists()
    if page.RECORD.exists():  # before the first whole run there is neither
        written = page.PAGE.read_text(encoding="utf-8")
        assert written == page.page(page.record()), "make bench ARGS=--page writes it anew"
