"""The DynamoDB inside this process, which simulations use, answers as the embedded cloud's does over the wire.

All that the ledger does, and what it must never get away with, is sent to both in a row: equal answers, equal errors.
What both could get wrong together is pinned to what AWS documents.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local import dynamodb_adapter
from local.cloud import Cloud
from tests.simulation.simulation import ACCOUNT, PRIMARY

TABLE = "parity"
# What each index holds of an item.
INDEXES = {"status": "ALL", "user": "ALL", "uncovered": "ALL", "day": "ALL", "due": "KEYS_ONLY"}
INVALID, FAILED = "ValidationException", "ConditionalCheckFailedException"
CANCELED, MISMATCH = "TransactionCanceledException", "IdempotentParameterMismatchException"

# Expressions, and their values
CONDITIONS: list[tuple[str, dict[str, Any]]] = [
    ("attribute_not_exists(pk)", {}),
    ("attribute_exists(pk) AND NOT contains(told, :text)", {":text": "x"}),
    ("version = :old", {":old": 2}),
    ("attribute_not_exists(taken) OR taken < :limit", {":limit": 2}),
    ("version BETWEEN :low AND :high", {":low": 2, ":high": 3}),
    ("begins_with(ix_status, :start)", {":start": "WAITING#0"}),
    ("version IN (:a, :b) AND attribute_type(told, :type)", {":a": 1, ":b": 2, ":type": "S"}),
    ("version <> :text", {":text": "1"}),
    ("size(told) > :none", {":none": 0}),
    ("status = :word", {":word": "a reserved word"}),
    ("version = :undefined", {}),
    ("version = :old AND", {":old": 1}),
]
CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("ADD taken :one", {":one": 1}),
    ("ADD taken :less", {":less": -1}),
    ("SET holder = :me, taken = if_not_exists(taken, :zero) + :two", {":me": "a", ":zero": 0, ":two": 2}),
    ("REMOVE ix_status, told", {}),
    ("SET ix_status = :key, ix_status_at = :at", {":key": "WAITING#0", ":at": "2026-03-05"}),
    ("SET ix_status = :key", {":key": 7}),
    ("ADD told :one", {":one": 1}),
    ("SET pk = :key", {":key": "another"}),
    ("SET taken = absent + :one", {":one": 1}),
]


def keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def packed(values: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in values.items()}


def unpacked(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def saying(kind: str, expression: str, values: dict[str, Any]) -> dict[str, Any]:
    """An expression of a request."""
    return {kind: expression} | ({"ExpressionAttributeValues": packed(values)} if values else {})


TOLD: list[Any] = [None, True, False, "text", "", 10**20, [1, "two", None], {"a": {"b": [True]}}]
SORTS = ["STATE", "EVENT#000001", "EVENT#000002", "EVENT#000003", "CLAIM"]
KEYS = [packed({"pk": pk, "sk": sk}) for pk in ("ws-1", "ws-2", "CLAIM#d-1#al") for sk in SORTS][:13]


def an_item(number: int) -> dict[str, Any]:
    """Sparse: some have no key of an index, some half of one."""
    item = {"version": number % 3 + 1, "told": TOLD[number % len(TOLD)]}
    for at, index in enumerate(INDEXES, start=number):
        item |= {f"ix_{index}": f"WAITING#{at % 2}"} if at % 5 < 3 else {}
        item |= {f"ix_{index}_at": f"2026-03-0{at % 9 + 1}"} if at % 7 < 5 else {}
    return KEYS[number % len(KEYS)] | packed(item)


# Some have a key of a wrong type, or an empty one.
ITEMS = [an_item(number) for number in range(43)] + [
    KEYS[0] | packed({"ix_status": one}) for one in (7, "", None, ["x"])
]
PARTS: dict[str, dict[str, Any]] = {
    "pk = :pk": {},
    "pk = :pk AND begins_with(sk, :sk)": {":sk": "EVENT#"},
    "pk = :pk AND sk BETWEEN :low AND :high": {":low": "EVENT#000002", ":high": "STATE"},
    "pk = :pk AND sk > :sk": {":sk": "EVENT#000001"},
    "pk > :pk": {},
}
QUERIES = [
    *(saying("KeyConditionExpression", part, {":pk": "ws-1", **values}) for part, values in PARTS.items()),
    *(
        saying("KeyConditionExpression", f"ix_{name} = :key{more}", {":key": f"WAITING#{len(more) % 2}", **values})
        | {"IndexName": f"by_{name}", "ConsistentRead": name == "user"}
        for name in INDEXES
        for more, values in (("", {}), (f" AND ix_{name}_at >= :at", {":at": "2026-03-04"}))
    ),
]


class Store:
    """A table like the ledger's, empty, behind a client."""

    def __init__(self, client: Any) -> None:
        self.client = client
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
                    "Projection": {"ProjectionType": projection},
                }
                for name, projection in INDEXES.items()
            ],
        )
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

    def outcome(self, method: str, request: dict[str, Any]) -> Any:
        """An answer, or an error's code, words and reasons; without what is of one call alone."""
        try:
            answer = (self.pages if method == "pages" else getattr(self.client, method))(**request)
        except ClientError as problem:
            response: Any = problem.response
            error = response["Error"]
            return error["Code"], error["Message"], response.get("CancellationReasons"), response.get("Item")
        if isinstance(answer, dict):
            answer.pop("ResponseMetadata", None)
            for items in answer.get("Responses", {}).values():
                items.sort(key=str)  # "in no particular order"
        return answer

    def refused(self, method: str, **request: Any) -> tuple[str, list[dict[str, Any]]]:
        """The code and the reasons with which a call fails."""
        code, _, reasons, _ = self.outcome(method, request)
        return code, reasons or []

    def contents(self) -> list[Any]:
        return sorted(self.client.scan(TableName=TABLE, ConsistentRead=True)["Items"], key=str)


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
def either(request: pytest.FixtureRequest) -> Store:
    return Store(request.getfixturevalue(request.param))


def all_calls() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each change under each condition, beside puts, transactions, reads and queries that take turns.

    The lists have lengths with no common divisor, so that what meets differs from turn to turn.
    """
    items, some_keys, queries = itertools.cycle(ITEMS), itertools.cycle(KEYS), itertools.cycle(QUERIES)
    table, counts = {"TableName": TABLE}, list[dict[str, Any]]()
    conditions = [{}, *(saying("ConditionExpression", *one) for one in CONDITIONS)]
    changes = [saying("UpdateExpression", *one) for one in CHANGES]
    for turn, (condition, change) in enumerate(itertools.product(conditions, changes)):
        told = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD" if turn % 2 else "NONE"}
        values = condition.get("ExpressionAttributeValues", {}) | change.get("ExpressionAttributeValues", {})
        both = condition | change | ({"ExpressionAttributeValues": values} if values else {})
        yield "put_item", {**table, "Item": next(items), **condition, "ReturnValues": "ALL_OLD"}
        yield "update_item", {**table, "Key": next(some_keys), **both, "ReturnValues": "ALL_NEW"}
        writes: list[Any] = [
            {"Put": {**table, "Item": next(items), **condition, **told}},
            {"Update": {**table, "Key": next(some_keys), **both, **told}},
            {"Put": {**table, "Item": next(items)}},
        ]
        yield "transact_write_items", {"TransactItems": writes, "ClientRequestToken": f"writes-{turn}"}
        # It succeeds, so that its token is remembered; then one of before again, with its own content or another's.
        counts.append({"TransactItems": [a_count(f"COUNTER#{turn % 5}")], "ClientRequestToken": f"count-{turn}"})
        yield "transact_write_items", counts[-1]
        yield "transact_write_items", {**counts[turn // 2], "TransactItems": counts[turn // 3]["TransactItems"]}
        wanted = [next(some_keys) for _ in range(turn % 4 + 1)]
        yield "batch_get_item", {"RequestItems": {TABLE: {"Keys": wanted, "ConsistentRead": True}}}
        yield "pages", next(queries) | ({"Limit": turn % 3} if turn % 3 else {})


def test_both_answer_alike(cloud: Any, inside: Any) -> None:
    here, there = Store(inside), Store(cloud)
    met = Counter[str]()
    for number, call in enumerate(all_calls()):
        found, other = here.outcome(*call), there.outcome(*call)
        assert found == other, f"call {number}: {call}"
        met[found[0] if isinstance(found, tuple) else "answered"] += 1
    assert here.contents() == there.contents() != []
    # That it went everywhere.
    assert met["answered"] > met.total() / 4
    assert min(met[code] for code in (FAILED, CANCELED, MISMATCH, INVALID)) > 5, met


# What AWS documents


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


def test_of_a_transaction_whose_conditions_fail_nothing_is_written_and_all_reasons_are_told(either: Store) -> None:
    """TransactWriteItems: "either all of them succeed, or all of them fail"; the reasons are in the items' order."""
    either.put("full", taken=3)
    either.put("over", taken=9)
    items = [a_put(pk="new"), a_count("full", 3), a_count("free", 3), a_count("over", 3)]
    code, reasons = either.refused("transact_write_items", TransactItems=items)
    assert code == CANCELED
    failed = "ConditionalCheckFailed"
    assert [reason.get("Code") for reason in reasons] == ["None", failed, "None", failed]
    assert [unpacked(reasons[at]["Item"])["taken"] for at in (1, 3)] == [3, 9]
    assert either.get("new") == either.get("free") == {}


def test_a_transaction_again_with_its_token_has_no_second_effect(either: Store) -> None:
    """TransactWriteItems, ClientRequestToken: "multiple identical calls have the same effect as one single call"."""
    items = [a_count("counter"), a_put(pk="row", version=1)]
    either.transact(TransactItems=items, ClientRequestToken="pin-same")
    either.put("row", version=2)
    either.transact(TransactItems=items, ClientRequestToken="pin-same")
    assert (either.get("counter")["taken"], either.get("row")["version"]) == (1, 2)
    either.transact(TransactItems=items, ClientRequestToken="pin-another")
    assert (either.get("counter")["taken"], either.get("row")["version"]) == (2, 1)
    # "the same client token but a change in other parameters"
    other = {"TransactItems": [a_count("counter", 5)], "ClientRequestToken": "pin-same"}
    assert either.refused("transact_write_items", **other)[0] == MISMATCH
    assert either.get("counter")["taken"] == 2


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
def test_what_is_too_much_or_of_a_wrong_kind_is_refused(either: Store, kind: str, given: Any) -> None:
    match kind:
        case "transact":
            assert either.refused("transact_write_items", TransactItems=given)[0] == INVALID
        case "read":
            asked = {TABLE: {"Keys": [packed(key) for key in given]}}
            assert either.refused("batch_get_item", RequestItems=asked)[0] == INVALID
        case _:
            assert either.refused("put_item", TableName=TABLE, Item=packed(given))[0] == INVALID
    assert either.contents() == []


def test_as_much_as_there_may_be_is_taken(either: Store) -> None:
    either.transact(TransactItems=[a_put(**one) for one in MANY[:100]])
    answer = either.client.batch_get_item(RequestItems={TABLE: {"Keys": [packed(key) for key in MANY[:100]]}})
    assert len(answer["Responses"][TABLE]) == 100
    either.put("one", message=BIG[: 390 * 1024])
    either.put("x" * 2048)
    either.put("one", "x" * 1024)


def test_an_item_without_all_keys_of_an_index_is_not_in_it(either: Store) -> None:
    """Sparse indexes: an item is in an index only if it has its partition and its sort key."""
    either.put("both", ix_status="WAITING#0", ix_status_at="2026")
    either.put("no sort key", ix_status="WAITING#0")
    either.put("no partition key", ix_status_at="2026")
    assert [one["pk"] for one in either.listed("status", "WAITING#0")] == ["both"]
    assert either.listed("user", "WAITING#0") == []
    either.update(Key=packed({"pk": "both", "sk": "STATE"}), UpdateExpression="REMOVE ix_status_at")
    assert either.listed("status", "WAITING#0") == []


def test_an_index_of_keys_shows_nothing_else(either: Store) -> None:
    """KEYS_ONLY: "only the index and primary keys are projected into the index"."""
    either.put("one", ix_due="OPEN#0", ix_due_at="2026", version=1)
    assert either.listed("due", "OPEN#0") == [{"pk": "one", "sk": "STATE", "ix_due": "OPEN#0", "ix_due_at": "2026"}]


def test_a_query_of_an_index_is_sorted_pages_without_loss_and_cannot_be_consistent(either: Store) -> None:
    """Query: sorted by the sort key; LastEvaluatedKey is the next ExclusiveStartKey; no ConsistentRead on an index."""
    moments = [f"2026-03-{day:02}" for day in (5, 1, 3, 2, 4)]
    for at in moments:
        either.put(f"ws-{at}", ix_day="d", ix_day_at=at)
    assert [item["ix_day_at"] for item in either.listed("day", "d", Limit=2)] == sorted(moments)
    request = saying("KeyConditionExpression", "ix_day = :day", {":day": "d"}) | {"IndexName": "by_day"}
    (_, last, *_), *_ = either.pages(Limit=2, **request)
    assert unpacked(last).keys() == {"pk", "sk", "ix_day", "ix_day_at"}
    assert either.refused("query", TableName=TABLE, ConsistentRead=True, **request)[0] == INVALID


def test_a_condition_is_about_the_item_of_the_whole_key(either: Store) -> None:
    """A condition sees the item with the same partition and sort key; an attribute that is not there equals nothing."""
    either.put("one", "EVENT#000001")
    new = {"TableName": TABLE, "Item": packed({"pk": "one", "sk": "STATE"})}
    condition = saying("ConditionExpression", "version = :old", {":old": 1})
    assert either.refused("put_item", **new, **condition)[0] == FAILED
    either.client.put_item(**new, ConditionExpression="attribute_not_exists(pk)")
    assert either.refused("put_item", **new, ConditionExpression="attribute_not_exists(pk)")[0] == FAILED


def test_counting_begins_at_nothing_and_a_text_is_no_number(either: Store) -> None:
    """UpdateItem: ADD takes 0 for an attribute that does not exist, and only numbers and sets."""
    either.transact(TransactItems=[a_count("new")])
    assert either.get("new") == {"pk": "new", "sk": "STATE", "taken": 1}
    either.put("text", taken="1")
    code, reasons = either.refused("transact_write_items", TransactItems=[a_count("text")])
    assert (code, reasons[0]["Code"]) == (CANCELED, "ValidationError")


@pytest.mark.parametrize("name", ["status", "day", "at", "counter", "name"])
def test_a_reserved_word_has_to_go_by_another_name(either: Store, name: str) -> None:
    """Reserved words in DynamoDB: not as attribute names in expressions."""
    key = {"Key": packed({"pk": "one", "sk": "STATE"})}
    change = saying("UpdateExpression", f"SET {name} = :x", {":x": 1})
    assert either.refused("update_item", TableName=TABLE, **key, **change)[0] == INVALID
    change["UpdateExpression"] = "SET #name = :x"
    either.update(**key, **change, ExpressionAttributeNames={"#name": name})
    assert either.get("one")[name] == 1


def test_a_page_of_a_query_holds_a_megabyte_at_most(either: Store) -> None:
    """Query: "a maximum of 1 MB of data" a page."""
    for number in range(4):
        either.put("one", f"EVENT#{number}", message=BIG[: 380 * 1024])
    found = either.pages(**saying("KeyConditionExpression", "pk = :pk", {":pk": "one"}))
    assert sum(len(items) for items, *_ in found) == 4
    assert len(found) > 1
