"""The DynamoDB that simulations and the embedded cloud share, MiniStack's, is as strict as AWS documents.

What the ledger's own tests rest on (sparse indexes, KEYS_ONLY, conditions on the whole key) is shown there.
"""

from functools import partial
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local import dynamodb_adapter
from tests import ledger_table
from tests.simulation.simulation import ACCOUNT, PRIMARY

TABLE = "documented"
INVALID, FAILED = "ValidationException", "ConditionalCheckFailedException"
CANCELED, MISMATCH = "TransactionCanceledException", "IdempotentParameterMismatchException"


def packed(values: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in values.items()}


def unpacked(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def saying(kind: str, expression: str, values: dict[str, Any]) -> dict[str, Any]:
    """An expression of a request."""
    return {kind: expression, "ExpressionAttributeValues": packed(values)}


class Store:
    """A table like the ledger's, empty, behind a client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        client.create_table(**ledger_table.definition(TABLE))
        self.transact = client.transact_write_items
        self.update = partial(client.update_item, TableName=TABLE)

    def put(self, pk: str, sk: str = "STATE", **item: Any) -> None:
        self.client.put_item(TableName=TABLE, Item=packed({"pk": pk, "sk": sk, **item}))

    def get(self, pk: str) -> dict[str, Any]:
        answer = self.client.get_item(TableName=TABLE, Key=packed({"pk": pk, "sk": "STATE"}), ConsistentRead=True)
        return unpacked(answer.get("Item", {}))

    def pages(self, **request: Any) -> list[Any]:
        """All pages of a query, each with the key that the next one starts from."""
        found = []
        while True:
            answer = self.client.query(TableName=TABLE, **request)
            found.append((answer["Items"], answer.get("LastEvaluatedKey"), answer["Count"], answer["ScannedCount"]))
            if "LastEvaluatedKey" not in answer:
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def listed(self, index: str, key: str, **request: Any) -> list[dict[str, Any]]:
        """What an index has under a key."""
        where = saying("KeyConditionExpression", f"ix_{index} = :key", {":key": key})
        return [
            unpacked(item) for items, *_ in self.pages(IndexName=f"by_{index}", **where, **request) for item in items
        ]

    def refused(self, method: str, **request: Any) -> tuple[str, list[dict[str, Any]]]:
        """The code and the reasons with which a call fails."""
        with pytest.raises(ClientError) as problem:
            getattr(self.client, method)(**request)
        response: Any = problem.value.response
        return response["Error"]["Code"], response.get("CancellationReasons", [])

    def contents(self) -> list[Any]:
        found: list[Any] = self.client.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return found


@pytest.fixture(scope="module")
def client() -> Any:
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    made = boto3.client("dynamodb", region_name=PRIMARY, config=config)
    dynamodb_adapter.attach(made, ACCOUNT)
    return made


@pytest.fixture
def store(client: Any) -> Store:
    dynamodb_adapter.reset()
    return Store(client)


def a_put(**item: Any) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE, "Item": packed({"sk": "STATE", **item})}}


def a_count(pk: str, limit: int | None = None) -> dict[str, Any]:
    """As claims are counted."""
    update: dict[str, Any] = {"TableName": TABLE, "Key": packed({"pk": pk, "sk": "STATE"})}
    update |= saying("UpdateExpression", "ADD taken :by", {":by": 1})
    if limit is not None:
        update["ConditionExpression"] = "attribute_not_exists(taken) OR taken < :limit"
        update["ExpressionAttributeValues"] |= packed({":limit": limit})
        update["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return {"Update": update}


def test_of_a_transaction_whose_conditions_fail_nothing_is_written_and_all_reasons_are_told(store: Store) -> None:
    """TransactWriteItems: "either all of them succeed, or all of them fail"; the reasons are in the items' order."""
    store.put("full", taken=3)
    store.put("over", taken=9)
    items = [a_put(pk="new"), a_count("full", 3), a_count("free", 3), a_count("over", 3)]
    code, reasons = store.refused("transact_write_items", TransactItems=items)
    assert code == CANCELED
    failed = "ConditionalCheckFailed"
    assert [reason.get("Code") for reason in reasons] == ["None", failed, "None", failed]
    assert [unpacked(reasons[at]["Item"])["taken"] for at in (1, 3)] == [3, 9]
    assert store.get("new") == store.get("free") == {}


def test_a_transaction_again_with_its_token_has_no_second_effect(store: Store) -> None:
    """TransactWriteItems, ClientRequestToken: "multiple identical calls have the same effect as one single call"."""
    items = [a_count("counter"), a_put(pk="row", version=1)]
    store.transact(TransactItems=items, ClientRequestToken="pin-same")
    store.put("row", version=2)
    store.transact(TransactItems=items, ClientRequestToken="pin-same")
    assert (store.get("counter")["taken"], store.get("row")["version"]) == (1, 2)
    store.transact(TransactItems=items, ClientRequestToken="pin-another")
    assert (store.get("counter")["taken"], store.get("row")["version"]) == (2, 1)
    # "the same client token but a change in other parameters"
    other = {"TransactItems": [a_count("counter", 5)], "ClientRequestToken": "pin-same"}
    assert store.refused("transact_write_items", **other)[0] == MISMATCH
    assert store.get("counter")["taken"] == 2


BIG, MANY = "x" * 400 * 1024, [{"pk": f"row {number}", "sk": "STATE"} for number in range(101)]
# "no two actions can target the same item"; "up to 100 action requests"; "more than 100 items", "contains duplicates";
# keys of an index have the type that the table defines, and are not empty; an item has at most 400 KB, names included;
# a partition key 2,048 bytes, a sort key 1,024 (the indexes' keys are not checked here).
REFUSED: list[tuple[str, Any]] = [
    ("transact", [a_put(pk="one"), a_count("one")]),
    ("transact", [a_put(**one) for one in MANY]),
    ("read", MANY),
    ("read", [*MANY[:5], MANY[0]]),
    *[("put", {"pk": "one", "sk": "STATE", "ix_user": key, "ix_user_at": "2026"}) for key in ("", 7, None)],
    ("put", {"pk": "one", "sk": "STATE", "message": BIG}),
    ("put", {"pk": "x" * 2049, "sk": "STATE"}),
    ("put", {"pk": "one", "sk": "x" * 1025}),
]


@pytest.mark.parametrize(("kind", "given"), REFUSED, ids=[f"{kind}-{at}" for at, (kind, _) in enumerate(REFUSED)])
def test_what_is_too_much_or_of_a_wrong_kind_is_refused(store: Store, kind: str, given: Any) -> None:
    match kind:
        case "transact":
            assert store.refused("transact_write_items", TransactItems=given)[0] == INVALID
        case "read":
            asked = {TABLE: {"Keys": [packed(key) for key in given]}}
            assert store.refused("batch_get_item", RequestItems=asked)[0] == INVALID
        case _:
            assert store.refused("put_item", TableName=TABLE, Item=packed(given))[0] == INVALID
    assert store.contents() == []


def test_a_query_of_an_index_is_sorted_pages_without_loss_and_cannot_be_consistent(store: Store) -> None:
    """Query: sorted by the sort key; LastEvaluatedKey is the next ExclusiveStartKey; no ConsistentRead on an index."""
    moments = [f"2026-03-{day:02}" for day in (5, 1, 3, 2, 4)]
    for at in moments:
        store.put(f"ws-{at}", ix_day="d", ix_day_at=at)
    assert [item["ix_day_at"] for item in store.listed("day", "d", Limit=2)] == sorted(moments)
    request = saying("KeyConditionExpression", "ix_day = :day", {":day": "d"}) | {"IndexName": "by_day"}
    (_, last, *_), *_ = store.pages(Limit=2, **request)
    assert unpacked(last).keys() == {"pk", "sk", "ix_day", "ix_day_at"}
    assert store.refused("query", TableName=TABLE, ConsistentRead=True, **request)[0] == INVALID


def test_counting_begins_at_nothing_and_a_text_is_no_number(store: Store) -> None:
    """UpdateItem: ADD takes 0 for an attribute that does not exist, and only numbers and sets."""
    store.transact(TransactItems=[a_count("new")])
    assert store.get("new") == {"pk": "new", "sk": "STATE", "taken": 1}
    store.put("text", taken="1")
    code, reasons = store.refused("transact_write_items", TransactItems=[a_count("text")])
    assert (code, reasons[0]["Code"]) == (CANCELED, "ValidationError")


@pytest.mark.parametrize("name", ["status", "day", "at", "counter", "name"])
def test_a_reserved_word_has_to_go_by_another_name(store: Store, name: str) -> None:
    """Reserved words in DynamoDB: not as attribute names in expressions."""
    key = {"Key": packed({"pk": "one", "sk": "STATE"})}
    change = saying("UpdateExpression", f"SET {name} = :x", {":x": 1})
    assert store.refused("update_item", TableName=TABLE, **key, **change)[0] == INVALID
    change["UpdateExpression"] = "SET #name = :x"
    store.update(**key, **change, ExpressionAttributeNames={"#name": name})
    assert store.get("one")[name] == 1


def test_a_page_of_a_query_holds_a_megabyte_at_most(store: Store) -> None:
    """Query: "a maximum of 1 MB of data" a page."""
    for number in range(4):
        store.put("one", f"EVENT#{number}", message=BIG[: 380 * 1024])
    found = store.pages(**saying("KeyConditionExpression", "pk = :pk", {":pk": "one"}))
    assert sum(len(items) for items, *_ in found) == 4
    assert len(found) > 1
