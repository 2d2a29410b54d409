"""The DynamoDB inside this process, which simulations use, answers as the embedded cloud's does over the wire.

A seeded sequence of what the ledger does, and of what it must never get away with, is sent to both: equal answers,
equal errors. What both could get wrong together is pinned to what AWS documents.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local import dynamodb_adapter
from local.cloud import Cloud
from tests.unit.estate import ACCOUNT, PRIMARY

TABLE = "parity"
INDEXES = ("status", "user", "uncovered", "day")
OPERATIONS = 300
Operation = Callable[[Any], Any]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Any]:
    with Cloud.start() as started:
        yield started.client("dynamodb", PRIMARY, retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def inside() -> Any:
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    client = boto3.client("dynamodb", region_name=PRIMARY, config=config)
    dynamodb_adapter.attach(client, ACCOUNT)
    return client


@pytest.fixture(params=["cloud", "inside"])
def either(request: pytest.FixtureRequest) -> Any:
    client = request.getfixturevalue(request.param)
    make_table(client)
    return client


def make_table(client: Any) -> None:
    """A table like the ledger's, empty."""
    if TABLE in client.list_tables()["TableNames"]:
        client.delete_table(TableName=TABLE)
    names = ["pk", "sk", *(f"ix_{name}{end}" for name in INDEXES for end in ("", "_at"))]
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": f"by_{name}",
                "KeySchema": keys(f"ix_{name}", f"ix_{name}_at"),
                "Projection": {"ProjectionType": "ALL"},
            }
            for name in INDEXES
        ],
    )


def keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def packed(values: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in values.items()}


def unpacked(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def outcome(client: Any, operation: Operation) -> Any:
    """An answer, or an error's code, words and reasons; without what is of one call alone."""
    try:
        answer = operation(client)
    except ClientError as problem:
        error = problem.response["Error"]
        return (
            error["Code"],
            error["Message"],
            problem.response.get("CancellationReasons"),
            problem.response.get("Item"),
        )
    if isinstance(answer, dict):
        answer.pop("ResponseMetadata", None)
        for items in answer.get("Responses", {}).values():
            items.sort(key=str)  # "in no particular order"
    return answer


def calls(method: str, **arguments: Any) -> Operation:
    return lambda client: getattr(client, method)(**arguments)


class Ledgerlike:
    """Makes up operations on some twenty items, the same ones for the same seed; about half meet their conditions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (no secret)
        self._transactions: list[tuple[str, list[Any]]] = []

    def operation(self) -> Operation:
        """The next one."""
        makes = (self._put, self._update, self._transact, self._count, self._repeat, self._read, self._query)
        return self._random.choice(makes)()

    def _key(self) -> dict[str, str]:
        return {
            "pk": self._random.choice(["ws-1", "ws-2", "CLAIM#d-1#al", "COUNTER#TOTAL"]),
            "sk": self._random.choice(["STATE", "EVENT#000001", "EVENT#000002", "EVENT#000003", "CLAIM"]),
        }

    def _item(self) -> dict[str, Any]:
        chance, item = self._random, dict[str, Any](self._key())
        item["version"] = chance.randint(1, 3)
        item["told"] = chance.choice([None, True, False, "text", "", 10**20, [1, "two", None], {"a": {"b": [True]}}])
        for index in INDEXES:
            # Sparse: some have no key of an index, some half of one, and some keys are of a wrong type or empty.
            if chance.random() < 0.6:
                item[f"ix_{index}"] = chance.choice(["WAITING#0", "WAITING#1"])
            if chance.random() < 0.8:
                item[f"ix_{index}_at"] = f"2026-03-0{chance.randint(1, 9)}"
        if chance.random() < 0.04:
            item["ix_status"] = chance.choice([7, "", None, ["x"]])
        return item

    def _condition(self) -> dict[str, Any]:
        choices: list[tuple[str, dict[str, Any]]] = [
            ("attribute_not_exists(pk)", {}),
            ("attribute_exists(pk) AND NOT contains(told, :text)", {":text": "x"}),
            ("version = :old", {":old": self._random.randint(1, 3)}),
            ("attribute_not_exists(taken) OR taken < :limit", {":limit": self._random.randint(0, 5)}),
            ("version BETWEEN :low AND :high", {":low": 2, ":high": 3}),
            ("begins_with(ix_status, :start)", {":start": "WAITING#0"}),
            ("version IN (:a, :b) AND attribute_type(told, :type)", {":a": 1, ":b": 2, ":type": "S"}),
            ("version <> :text", {":text": "1"}),
            ("size(told) > :none", {":none": 0}),
            ("status = :word", {":word": "a reserved word"}),
            ("version = :undefined", {}),
            ("version = :old AND", {":old": 1}),
        ]
        condition, values = self._random.choice(choices)
        return {
            "ConditionExpression": condition,
            **({"ExpressionAttributeValues": packed(values)} if values else {}),
        }

    def _change(self) -> dict[str, Any]:
        choices: list[tuple[str, dict[str, Any]]] = [
            ("ADD taken :one", {":one": self._random.choice([1, -1])}),
            ("SET holder = :me, taken = if_not_exists(taken, :zero) + :two", {":me": "a", ":zero": 0, ":two": 2}),
            ("REMOVE ix_status, told", {}),
            ("SET ix_status = :key, ix_status_at = :at", {":key": "WAITING#0", ":at": "2026-03-05"}),
            ("SET ix_status = :key", {":key": 7}),
            ("ADD told :one", {":one": 1}),
            ("SET pk = :key", {":key": "another"}),
            ("SET taken = absent + :one", {":one": 1}),
        ]
        expression, values = self._random.choice(choices)
        return {
            "UpdateExpression": expression,
            **({"ExpressionAttributeValues": packed(values)} if values else {}),
        }

    def _conditional_change(self) -> dict[str, Any]:
        change, condition = self._change(), self._condition() if self._random.random() < 0.6 else {}
        values = change.get("ExpressionAttributeValues", {}) | condition.get("ExpressionAttributeValues", {})
        return {**change, **condition, **({"ExpressionAttributeValues": values} if values else {})}

    def _put(self) -> Operation:
        condition = self._condition() if self._random.random() < 0.6 else {}
        return calls("put_item", TableName=TABLE, Item=packed(self._item()), ReturnValues="ALL_OLD", **condition)

    def _update(self) -> Operation:
        key = packed(self._key())
        return calls("update_item", TableName=TABLE, Key=key, ReturnValues="ALL_NEW", **self._conditional_change())

    def _write(self) -> dict[str, Any]:
        tell = {"ReturnValuesOnConditionCheckFailure": self._random.choice(["ALL_OLD", "NONE"])}
        if self._random.random() < 0.5:
            condition = self._condition() if self._random.random() < 0.7 else {}
            return {"Put": {"TableName": TABLE, "Item": packed(self._item()), **condition, **tell}}
        return {"Update": {"TableName": TABLE, "Key": packed(self._key()), **self._conditional_change(), **tell}}

    def _transact(self) -> Operation:
        count = 101 if self._random.random() < 0.03 else self._random.randint(1, 4)
        items = [self._write() for _ in range(count)]
        return calls("transact_write_items", TransactItems=items, ClientRequestToken=f"token-{self._random.random()}")

    def _count(self) -> Operation:
        """A transaction that succeeds, so that its token is remembered."""
        token, items = f"token-{self._random.random()}", [a_count(f"COUNTER#{self._random.randint(1, 5)}")]
        self._transactions.append((token, items))
        return calls("transact_write_items", TransactItems=items, ClientRequestToken=token)

    def _repeat(self) -> Operation:
        """A transaction again: with its token, or with that of another."""
        if len(self._transactions) < 3:
            return self._count()
        (token, items), (_, others) = self._random.choices(self._transactions, k=2)
        sent = items if self._random.random() < 0.5 else others
        return calls("transact_write_items", TransactItems=sent, ClientRequestToken=token)

    def _read(self) -> Operation:
        count = 101 if self._random.random() < 0.1 else self._random.randint(1, 4)
        wanted = [packed(self._key()) for _ in range(count)]
        return calls("batch_get_item", RequestItems={TABLE: {"Keys": wanted, "ConsistentRead": True}})

    def _query(self) -> Operation:
        if self._random.random() < 0.4:
            condition, values = self._random.choice(
                [
                    ("pk = :pk", {}),
                    ("pk = :pk AND begins_with(sk, :sk)", {":sk": "EVENT#"}),
                    ("pk = :pk AND sk BETWEEN :low AND :high", {":low": "EVENT#000002", ":high": "STATE"}),
                    ("pk = :pk AND sk > :sk", {":sk": "EVENT#000001"}),
                    ("pk > :pk", {}),
                ]
            )
            values = values | {":pk": self._key()["pk"]}
            where: dict[str, Any] = {"ConsistentRead": True}
        else:
            name = self._random.choice(INDEXES)
            condition, values = self._random.choice(
                [
                    (f"ix_{name} = :key", {}),
                    (f"ix_{name} = :key AND ix_{name}_at >= :at", {":at": "2026-03-04"}),
                ]
            )
            values = values | {":key": self._random.choice(["WAITING#0", "WAITING#1"])}
            where = {"IndexName": f"by_{name}", "ConsistentRead": self._random.random() < 0.1}
        limit = self._random.choice([{}, {"Limit": 1}, {"Limit": 2}])
        request = {"KeyConditionExpression": condition, "ExpressionAttributeValues": packed(values), **where, **limit}
        return lambda client: pages(client, **request)


def pages(client: Any, **request: Any) -> list[Any]:
    """All pages of a query, each with the key that the next one starts from."""
    found = []
    while True:
        answer = client.query(TableName=TABLE, **request)
        found.append((answer["Items"], answer.get("LastEvaluatedKey"), answer["Count"], answer["ScannedCount"]))
        if "LastEvaluatedKey" not in answer:
            return found
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


@pytest.mark.parametrize("seed", [1, 2])
def test_both_answer_alike(cloud: Any, inside: Any, seed: int) -> None:
    make_table(cloud)
    make_table(inside)
    made, met = Ledgerlike(seed), Counter[str]()
    for number in range(OPERATIONS):
        operation = made.operation()
        here, there = outcome(inside, operation), outcome(cloud, operation)
        assert here == there, f"operation {number} of seed {seed}"
        met[here[0] if isinstance(here, tuple) else "answered"] += 1
    assert contents(inside) == contents(cloud)
    assert contents(inside)
    # That it went everywhere.
    assert met["answered"] > OPERATIONS / 4
    for code in (
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "IdempotentParameterMismatchException",
        "ValidationException",
    ):
        assert met[code] > 5, met


def contents(client: Any) -> list[Any]:
    return sorted(client.scan(TableName=TABLE, ConsistentRead=True)["Items"], key=str)


# What AWS documents


def put(client: Any, **item: Any) -> None:
    client.put_item(TableName=TABLE, Item=packed(item))


def get(client: Any, pk: str, sk: str = "STATE") -> dict[str, Any]:
    answer = client.get_item(TableName=TABLE, Key=packed({"pk": pk, "sk": sk}), ConsistentRead=True)
    return unpacked(answer.get("Item", {}))


def a_put(**item: Any) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE, "Item": packed({"sk": "STATE", **item})}}


def a_count(pk: str, limit: int | None = None) -> dict[str, Any]:
    """As claims are counted."""
    update: dict[str, Any] = {"TableName": TABLE, "Key": packed({"pk": pk, "sk": "STATE"})}
    update |= {"UpdateExpression": "ADD taken :by", "ExpressionAttributeValues": packed({":by": 1})}
    if limit is not None:
        update["ConditionExpression"] = "attribute_not_exists(taken) OR taken < :limit"
        update["ExpressionAttributeValues"] |= packed({":limit": limit})
        update["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return {"Update": update}


def refused(client: Any, method: str, **request: Any) -> tuple[str, list[dict[str, Any]]]:
    with pytest.raises(ClientError) as caught:
        getattr(client, method)(**request)
    response: Any = caught.value.response
    return response["Error"]["Code"], response.get("CancellationReasons", [])


def listed(client: Any, index: str, key: str) -> list[str]:
    answer = pages(
        client,
        IndexName=f"by_{index}",
        KeyConditionExpression=f"ix_{index} = :key",
        ExpressionAttributeValues=packed({":key": key}),
    )
    return [unpacked(item)["pk"] for items, *_ in answer for item in items]


def test_of_a_transaction_whose_conditions_fail_nothing_is_written_and_all_reasons_are_told(either: Any) -> None:
    """TransactWriteItems: "either all of them succeed, or all of them fail"; the reasons are in the items' order."""
    put(either, pk="full", sk="STATE", taken=3)
    put(either, pk="over", sk="STATE", taken=9)
    items = [a_put(pk="new"), a_count("full", 3), a_count("free", 3), a_count("over", 3)]
    code, reasons = refused(either, "transact_write_items", TransactItems=items)
    assert code == "TransactionCanceledException"
    failed = "ConditionalCheckFailed"
    assert [reason.get("Code") for reason in reasons] == ["None", failed, "None", failed]
    assert [unpacked(reasons[at]["Item"])["taken"] for at in (1, 3)] == [3, 9]
    assert get(either, "new") == get(either, "free") == {}


def test_a_transaction_again_with_its_token_has_no_second_effect(either: Any) -> None:
    """TransactWriteItems, ClientRequestToken: "multiple identical calls have the same effect as one single call"."""
    items = [a_count("counter"), a_put(pk="row", version=1)]
    either.transact_write_items(TransactItems=items, ClientRequestToken="pin-same")
    put(either, pk="row", sk="STATE", version=2)
    either.transact_write_items(TransactItems=items, ClientRequestToken="pin-same")
    assert (get(either, "counter")["taken"], get(either, "row")["version"]) == (1, 2)
    either.transact_write_items(TransactItems=items, ClientRequestToken="pin-another")
    assert (get(either, "counter")["taken"], get(either, "row")["version"]) == (2, 1)


def test_a_token_with_another_content_is_refused(either: Any) -> None:
    """TransactWriteItems: "the same client token but a change in other parameters": IdempotentParameterMismatch."""
    either.transact_write_items(TransactItems=[a_count("counter")], ClientRequestToken="pin-used")
    code, _ = refused(
        either, "transact_write_items", TransactItems=[a_count("counter", 5)], ClientRequestToken="pin-used"
    )
    assert code == "IdempotentParameterMismatchException"
    assert get(either, "counter")["taken"] == 1


def test_two_operations_on_one_item_are_refused(either: Any) -> None:
    """TransactWriteItems: "no two actions can target the same item"."""
    code, _ = refused(either, "transact_write_items", TransactItems=[a_put(pk="one"), a_count("one")])
    assert code == "ValidationException"
    assert get(either, "one") == {}


def test_more_than_a_hundred_are_refused_and_so_is_a_key_twice(either: Any) -> None:
    """TransactWriteItems: "up to 100 action requests"; BatchGetItem: "more than 100 items", "contains duplicates"."""
    puts = [a_put(pk=f"row {number}") for number in range(101)]
    assert refused(either, "transact_write_items", TransactItems=puts)[0] == "ValidationException"
    either.transact_write_items(TransactItems=puts[:100])
    wanted = [packed({"pk": f"row {number}", "sk": "STATE"}) for number in range(101)]
    for some in (wanted, [*wanted[:5], wanted[0]]):
        assert refused(either, "batch_get_item", RequestItems={TABLE: {"Keys": some}})[0] == "ValidationException"
    answer = either.batch_get_item(RequestItems={TABLE: {"Keys": wanted[:100]}})
    assert len(answer["Responses"][TABLE]) == 100


def test_an_item_without_all_keys_of_an_index_is_not_in_it(either: Any) -> None:
    """Sparse indexes: an item is in an index only if it has its partition and its sort key."""
    put(either, pk="both", sk="STATE", ix_status="WAITING#0", ix_status_at="2026")
    put(either, pk="no sort key", sk="STATE", ix_status="WAITING#0")
    put(either, pk="no partition key", sk="STATE", ix_status_at="2026")
    assert listed(either, "status", "WAITING#0") == ["both"]
    assert listed(either, "user", "WAITING#0") == []
    either.update_item(
        TableName=TABLE, Key=packed({"pk": "both", "sk": "STATE"}), UpdateExpression="REMOVE ix_status_at"
    )
    assert listed(either, "status", "WAITING#0") == []


@pytest.mark.parametrize("key", ["", 7, None])
def test_a_key_of_an_index_that_is_no_text_is_refused(either: Any, key: object) -> None:
    """Attributes that are keys of an index must have the type that the table defines, and not be empty."""
    item = packed({"pk": "one", "sk": "STATE", "ix_user": key, "ix_user_at": "2026"})
    assert refused(either, "put_item", TableName=TABLE, Item=item)[0] == "ValidationException"


def test_a_query_of_an_index_is_sorted_pages_without_loss_and_cannot_be_consistent(either: Any) -> None:
    """Query: sorted by the sort key; LastEvaluatedKey is the next ExclusiveStartKey; no ConsistentRead on an index."""
    moments = [f"2026-03-{day:02}" for day in (5, 1, 3, 2, 4)]
    for at in moments:
        put(either, pk=f"ws-{at}", sk="STATE", ix_day="d", ix_day_at=at)
    request = {
        "IndexName": "by_day",
        "KeyConditionExpression": "ix_day = :day",
        "ExpressionAttributeValues": packed({":day": "d"}),
    }
    found = pages(either, Limit=2, **request)
    assert [unpacked(item)["ix_day_at"] for items, *_ in found for item in items] == sorted(moments)
    assert unpacked(found[0][1]).keys() == {"pk", "sk", "ix_day", "ix_day_at"}
    assert refused(either, "query", TableName=TABLE, ConsistentRead=True, **request)[0] == "ValidationException"


def test_a_condition_is_about_the_item_of_the_whole_key(either: Any) -> None:
    """A condition sees the item with the same partition and sort key; an attribute that is not there equals nothing."""
    put(either, pk="one", sk="EVENT#000001")
    new = {"TableName": TABLE, "Item": packed({"pk": "one", "sk": "STATE"})}
    code, _ = refused(
        either,
        "put_item",
        **new,
        ConditionExpression="version = :old",
        ExpressionAttributeValues=packed({":old": 1}),
    )
    assert code == "ConditionalCheckFailedException"
    either.put_item(**new, ConditionExpression="attribute_not_exists(pk)")
    assert refused(either, "put_item", **new, ConditionExpression="attribute_not_exists(pk)")[0] == code


def test_counting_begins_at_nothing_and_a_text_is_no_number(either: Any) -> None:
    """UpdateItem: ADD takes 0 for an attribute that does not exist, and only numbers and sets."""
    either.transact_write_items(TransactItems=[a_count("new")])
    assert get(either, "new") == {"pk": "new", "sk": "STATE", "taken": 1}
    put(either, pk="text", sk="STATE", taken="1")
    code, reasons = refused(either, "transact_write_items", TransactItems=[a_count("text")])
    assert (code, reasons[0]["Code"]) == ("TransactionCanceledException", "ValidationError")


@pytest.mark.parametrize("name", ["status", "day", "at", "counter", "name"])
def test_a_reserved_word_has_to_go_by_another_name(either: Any, name: str) -> None:
    """Reserved words in DynamoDB: not as attribute names in expressions."""
    request = {"TableName": TABLE, "Key": packed({"pk": "one", "sk": "STATE"})}
    change = {"UpdateExpression": f"SET {name} = :x", "ExpressionAttributeValues": packed({":x": 1})}
    assert refused(either, "update_item", **request, **change)[0] == "ValidationException"
    change["UpdateExpression"] = "SET #name = :x"
    either.update_item(**request, **change, ExpressionAttributeNames={"#name": name})
    assert get(either, "one")[name] == 1


def test_an_item_of_more_than_400_kilobytes_is_refused(either: Any) -> None:
    """Quotas: the maximum item size is 400 KB, names included."""
    item = {"pk": "one", "sk": "STATE", "message": "x" * 400 * 1024}
    assert refused(either, "put_item", TableName=TABLE, Item=packed(item))[0] == "ValidationException"
    put(either, pk="one", sk="STATE", message="x" * 390 * 1024)


def test_a_key_of_more_than_its_bytes_is_refused(either: Any) -> None:
    """Quotas: 2,048 bytes of a partition key, 1,024 of a sort key. (The indexes' keys are not checked here.)"""
    for name, most in (("pk", 2048), ("sk", 1024)):
        fits = {"pk": "one", "sk": "STATE", name: "x" * most}
        put(either, **fits)
        item = packed(fits | {name: "x" * (most + 1)})
        assert refused(either, "put_item", TableName=TABLE, Item=item)[0] == "ValidationException"


def test_a_page_of_a_query_holds_a_megabyte_at_most(either: Any) -> None:
    """Query: "a maximum of 1 MB of data" a page."""
    for number in range(4):
        put(either, pk="one", sk=f"EVENT#{number}", message="x" * 380 * 1024)
    found = pages(either, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=packed({":pk": "one"}))
    assert sum(len(items) for items, *_ in found) == 4
    assert len(found) > 1
