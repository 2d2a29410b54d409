"""What is recorded is whole, and the page of states is made from it; each run is compared where it is run."""

from standby.core.model import Status
from standby.core.reasons import Reason
from tests.simulation import recorded, states
from tests.simulation.records import Record


def test_every_scenario_and_seed_is_recorded() -> None:
    found, wanted = list(recorded.load()), [*recorded.names(), recorded.ALL_SEEDS]
    new = [name for name in wanted if name not in found]
    assert found == wanted, f"run `make golden ARGS='{' '.join(new or wanted[:1])}'`"


def test_the_edges_are_those_of_all_runs() -> None:
    assert recorded.all_edges() == recorded.union(recorded.load()), "run `make golden`"


def test_the_page_of_states_is_made_from_the_edges() -> None:
    assert states.PAGE.read_text(encoding="utf-8") == states.page(recorded.all_edges()), "run `make golden`"


def test_every_edge_is_of_known_statuses_and_reasons() -> None:
    edges = recorded.all_edges()
    assert {status for before, after, _ in edges for status in (before, after) if status} <= {*Status}
    assert {reason for _, _, reason in edges} <= {*Reason}


def test_each_kind_of_difference_is_found() -> None:
    name = "an_event_twice"
    was = recorded.load()[name]
    rows = {one: {attribute: values[0] for attribute, values in row.items()} for one, row in was.rows.items()}
    calls_of_ledger = was.ledger[recorded.IN_ALL]
    same = Record(was.always, was.calls, {"Query": calls_of_ledger}, rows)
    assert not recorded.differences(name, same)
    gone, *_ = rows
    changed = Record(
        was.always - {(None, "WAITING", "PRIMARY_PENDING")} | {("PROTECTED", "FAILED", "STANDBY_UNHEALTHY")},
        {**was.calls, "TerminateWorkspaces us-west-2": 1, "DescribeWorkspaces us-west-2": 0},
        {"Query": 2 * calls_of_ledger},
        {one: {**row, "status": "FAILED"} for one, row in rows.items() if one != gone},
    )
    assert [" ".join(text.split()[:3]) for text in recorded.differences(name, changed)] == [
        "edge lost: [*]",
        "edge gained: PROTECTED",
        "calls more: TerminateWorkspaces",
        "ledger calls more:",
        "row lost: user0000",
        *(f"row {one}: status" for one in list(rows)[1:]),
    ]
