"""The ledger's table: what DynamoDB answers, leaves out, refuses or fails to answer, and what is made of it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from standby.core.model import Status, plain
from standby.ledger.table import ConditionFailed, LedgerUnavailable, Table, Write
from tests.component.estate import TABLE, UNREACHABLE, Estate, refusal

TRANSACT = "TransactWriteItems"
AN_ITEM = Write(item={"pk": "a", "sk": "b"})
FAILED = refusal("InternalServerError", status=500)
USES: list[tuple[str, Callable[[Table], object]]] = [
    ("batch_get_item", lambda table: table.get_many([("a", "b")])),
    ("query", lambda table: list(table.query(None, "pk = :a", {":a": "a"}))),
    ("put_item", lambda table: table.put({"pk": "a", "sk": "b"})),
    ("update_item", lambda table: table.set("a", "b", {"c": "c"})),
    ("transact_write_items", lambda table: table.transact([AN_ITEM])),
]


def operation(method: str) -> str:
    return method.title().replace("_", "")


def cancelled(*codes: str) -> Exception:
    return refusal("TransactionCanceledException", *codes)


# Transactions


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_or_was_throttled_is_sent_again_after_a_moment(found: Estate, code: str) -> None:
    calls = found.disturb(TRANSACT, cancelled("None", code), times=4)
    began = found.clock.now()
    found.table.transact([AN_ITEM])
    assert len(calls) == 5
    assert timedelta(0) < found.clock.now() - began < timedelta(seconds=4)
    assert found.items() == [{"pk": "a", "sk": "b"}]


@pytest.mark.parametrize(
    ("problem", "sent"),
    [(cancelled("TransactionConflict"), 6), (FAILED, 1), (UNREACHABLE, 1), (cancelled("ValidationError"), 1)],
)
def test_only_a_conflict_is_sent_again_and_given_up_in_the_end(found: Estate, problem: Exception, sent: int) -> None:
    calls = found.disturb(TRANSACT, problem, times=100)
    with pytest.raises(LedgerUnavailable, match="transact_write_items failed: "):
        found.table.transact([AN_ITEM])
    assert len(calls) == sent


def test_a_conflict_beside_a_condition_that_failed_is_a_condition_that_failed(found: Estate) -> None:
    calls = found.disturb(TRANSACT, cancelled("TransactionConflict", "None", "ConditionalCheckFailed"), times=9)
    with pytest.raises(ConditionFailed) as caught:
        found.table.transact([AN_ITEM])
    assert caught.value.failed == {2}
    assert len(calls) == 1


def test_a_condition_that_failed_is_named_by_its_place_with_what_stood_there(found: Estate) -> None:
    found.table.put({"pk": "COUNTER", "sk": "COUNTER", "taken": 5})
    limit = {":one": 1, ":limit": 5}
    writes = [
        Write(item={"pk": "x", "sk": "x"}, condition="attribute_not_exists(pk)"),
        Write(
            key={"pk": "COUNTER", "sk": "COUNTER"}, update="ADD taken :one", condition="taken < :limit", values=limit
        ),
    ]
    with pytest.raises(ConditionFailed) as caught:
        found.table.transact(writes)
    assert caught.value.failed == {1}
    assert caught.value.found == {1: {"pk": "COUNTER", "sk": "COUNTER", "taken": 5}}
    assert found.items() == [{"pk": "COUNTER", "sk": "COUNTER", "taken": 5}]


# Reading


def test_a_key_that_is_given_twice_is_read_once(found: Estate) -> None:
    """BatchGetItem refuses it, and an index may show a row twice while it changes."""
    found.table.put({"pk": "a", "sk": "b"})
    assert found.table.get_many([("a", "b"), ("a", "c"), ("a", "b")]) == [{"pk": "a", "sk": "b"}]
    assert found.table.get("a", "c") is None


def test_keys_that_a_batch_leaves_unprocessed_are_asked_for_again(found: Estate) -> None:
    keys = [(f"{number:03}", "x") for number in range(130)]
    for pk, sk in keys:
        found.table.put({"pk": pk, "sk": sk})
    sizes: list[int] = []

    def reluctant(sent: str, parameters: dict[str, Any], go: Callable[[], Any]) -> Any:
        asked = parameters["RequestItems"][TABLE]
        assert asked["ConsistentRead"] is True
        sizes.append(len(asked["Keys"]))
        parameters["RequestItems"] = {TABLE: asked | {"Keys": asked["Keys"][:40]}}
        left = {TABLE: asked | {"Keys": asked["Keys"][40:]}} if asked["Keys"][40:] else {}
        return {**go(), "UnprocessedKeys": left}

    found.between = reluctant
    read = found.table.get_many([*keys, ("none", "x")])
    assert sorted((item["pk"], item["sk"]) for item in read) == keys
    assert sizes == [100, 60, 20, 31]


def test_keys_that_are_never_processed_make_the_ledger_unavailable(found: Estate) -> None:
    calls: list[Any] = []

    def idle(sent: str, parameters: dict[str, Any], go: Callable[[], Any]) -> Any:
        calls.append(sent)
        return {"Responses": {}, "UnprocessedKeys": parameters["RequestItems"]}

    found.between = idle
    with pytest.raises(LedgerUnavailable, match="unprocessed ten times"):
        found.table.get("a", "b")
    assert calls == ["BatchGetItem"] * 10


@pytest.mark.parametrize(("method", "use"), USES[:2])
def test_an_empty_answer_is_not_nothing_there(found: Estate, method: str, use: Callable[[Table], object]) -> None:
    found.between = lambda *_: {"ResponseMetadata": {"HTTPStatusCode": 200}}
    with pytest.raises(LedgerUnavailable, match=f"{method} gave an answer without"):
        use(found.table)


@pytest.mark.parametrize(("method", "use"), USES)
@pytest.mark.parametrize("problem", [FAILED, UNREACHABLE], ids=["5xx", "unreachable"])
def test_every_use_of_the_table_names_the_call_that_failed(
    found: Estate, method: str, use: Callable[[Table], object], problem: Exception
) -> None:
    found.disturb(operation(method), problem)
    with pytest.raises(LedgerUnavailable, match=f"{method} failed: "):
        use(found.table)


def test_a_query_goes_on_where_its_page_ended(found: Estate) -> None:
    for number in range(7):
        found.table.put({"pk": "a", "sk": f"{number}"})
    pages = list(found.table.query(None, "pk = :a", {":a": "a"}, None, 3))
    assert [[item["sk"] for item in page] for page, _ in pages] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert [following and following["sk"] for _, following in pages] == ["2", "5", None]
    rest = list(found.table.query(None, "pk = :a", {":a": "a"}, pages[0][1]))
    assert [item["sk"] for page, _ in rest for item in page] == ["3", "4", "5", "6"]


def test_a_table_is_read_consistently_and_an_index_as_it_can_be(found: Estate) -> None:
    calls = found.disturb("Query", lambda: None)
    list(found.table.query(None, "pk = :a", {":a": "a"}))
    list(found.table.query("by_due", "ix_due = :a", {":a": "a"}))
    assert [(one.get("IndexName"), one.get("ConsistentRead")) for one in calls] == [(None, True), ("by_due", None)]


# Writing


def test_a_put_or_an_update_whose_condition_does_not_hold_writes_nothing_and_says_so(found: Estate) -> None:
    table = found.table
    assert table.put({"pk": "a", "sk": "b"}, "attribute_not_exists(pk)")
    assert not table.put({"pk": "a", "sk": "b", "c": 1}, "attribute_not_exists(pk)")
    assert not table.set("a", "b", {"c": 1}, "attribute_exists(c)")
    assert table.get("a", "b") == {"pk": "a", "sk": "b"}
    assert table.set("a", "b", {"c": 2}, "attribute_not_exists(c)")
    given = {"plan": {"size": 2}, "status": "x", "name": "y"}  # words that DynamoDB keeps for itself
    assert table.set("a", "b", given)
    assert table.get("a", "b") == {"pk": "a", "sk": "b", "c": 2, **given}


def test_values_come_back_as_json_knows_them(found: Estate) -> None:
    given = {"whole": 7, "part": Decimal("1.5"), "deep": {"list": [1, {"n": Decimal("0.25")}]}, "yes": True, "no": None}
    found.table.put({"pk": "a", "sk": "b", "status": Status.WAITING, **given})
    read = found.table.get("a", "b") or {}
    deep = {"list": [1, {"n": 0.25}]}
    assert read == {"pk": "a", "sk": "b", "status": "WAITING", **given, "part": 1.5, "deep": deep}
    assert [type(read[name]) for name in ("whole", "part", "status", "yes")] == [int, float, str, bool]
    assert type(read["deep"]["list"][1]["n"]) is float
    assert plain({Decimal(1)}) == "{Decimal('1')}"
