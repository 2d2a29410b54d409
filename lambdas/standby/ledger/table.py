"""DynamoDB, as far as the ledger needs it: plain values in and out, and transactions whose outcome is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
_MOST_KEYS = 100  # of one BatchGetItem
_CONFLICT_TRIES = 6
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class LedgerUnavailable(Exception):
    """The ledger could not be read or written. The message says which call failed, and how."""


class ConditionFailed(Exception):
    """A transaction was refused because a condition did not hold; nothing of it was written.

    `failed` has the indexes of the items whose conditions failed; `found` what stood there, where DynamoDB said.
    """

    def __init__(self, failed: frozenset[int], found: Mapping[int, Item]) -> None:
        super().__init__(f"the condition of item {sorted(failed)} did not hold")
        self.failed = failed
        self.found = found


@dataclass(frozen=True)
class Write:
    """One item of a transaction: an item to put, or an update expression for a key."""

    item: Item | None = None
    key: Item | None = None
    update: str | None = None
    condition: str | None = None
    values: Mapping[str, Any] | None = None


class Table:
    """One DynamoDB table. Every method raises `LedgerUnavailable` when DynamoDB gives no answer that can be used."""

    def __init__(self, client: DynamoDBClient, name: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self.name = name
        self._sleep = sleep
        self._to = TypeSerializer()
        self._from = TypeDeserializer()

    def get(self, pk: str, sk: str) -> Item | None:
        """An item, read consistently."""
        found = self.get_many([(pk, sk)])
        return found[0] if found else None

    def get_many(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        """Those of the items that exist, read consistently, in no order; each once, however often its key is given.

        An index may show a row twice while it changes, and BatchGetItem refuses a key that comes twice.
        Not by GetItem: its answer for an item that is not there is empty, and so is an answer that was lost.
        """
        found: list[Item] = []
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), _MOST_KEYS):
            wanted = [self._pack({"pk": pk, "sk": sk}) for pk, sk in distinct[start : start + _MOST_KEYS]]
            request: Any = {self.name: {"Keys": wanted, "ConsistentRead": True}}
            for attempt in range(1, 11):
                answer = self._call("batch_get_item", "Responses", RequestItems=request)
                found += [self._unpack(item) for item in answer["Responses"].get(self.name, [])]
                request = answer.get("UnprocessedKeys")
                if not request:
                    break
                self._pause(attempt)
            else:
                raise LedgerUnavailable("DynamoDB left keys of BatchGetItem unprocessed ten times running")
        return found

    def put(self, item: Item, condition: str | None = None, values: Mapping[str, Any] | None = None) -> bool:
        """Put an item; False if the condition did not hold."""
        return self._conditional("put_item", condition, values, Item=self._pack(item))

    def update(self, pk: str, sk: str, update: str, values: Mapping[str, Any], condition: str | None = None) -> bool:
        """Update an item; False if the condition did not hold."""
        key = self._pack({"pk": pk, "sk": sk})
        return self._conditional("update_item", condition, values, Key=key, UpdateExpression=update)

    def set(self, pk: str, sk: str, attributes: Mapping[str, Any]) -> None:
        """Set some attributes of an item, whatever their names (DynamoDB reserves many); the others stay."""
        names = {f"#{number}": name for number, name in enumerate(attributes)}
        values = {f":{number}": value for number, value in enumerate(attributes.values())}
        update = "SET " + ", ".join(f"#{number} = :{number}" for number in range(len(names)))
        key = self._pack({"pk": pk, "sk": sk})
        self._conditional("update_item", None, values, Key=key, UpdateExpression=update, ExpressionAttributeNames=names)

    def query(
        self, index: str | None, condition: str, values: Mapping[str, Any], start: Item | None = None
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """The pages of a query, ascending, each with the key from which the next one starts (None after the last)."""
        arguments: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": self._pack(values),
            **({"IndexName": index} if index else {"ConsistentRead": True}),
        }
        while True:
            if start:
                arguments["ExclusiveStartKey"] = self._pack(start)
            answer = self._call("query", "Items", TableName=self.name, **arguments)
            start = self._unpack(answer["LastEvaluatedKey"]) if answer.get("LastEvaluatedKey") else None
            yield [self._unpack(item) for item in answer["Items"]], start
            if start is None:
                return

    def transact(self, writes: Sequence[Write]) -> None:
        """Write all of them or none.

        botocore gives the call a ClientRequestToken and repeats it with the same one, so that its own retry of a
        transaction that took effect succeeds.

        Raises
        ------
        ConditionFailed
            A condition did not hold.
        LedgerUnavailable
            No usable answer: it may or may not have been written.
        """
        items = [self._transact_item(write) for write in writes]
        for attempt in range(1, _CONFLICT_TRIES + 1):
            try:
                self._client.transact_write_items(TransactItems=items)
            except ClientError as problem:
                reasons: list[Any] = problem.response.get("CancellationReasons", [])
                codes = [reason.get("Code") for reason in reasons]
                if "ConditionalCheckFailed" in codes:
                    raise self._refusal(reasons) from None
                # Another transaction at the same counter, or a throttle: over in a moment, and botocore does not
                # repeat a cancelled transaction.
                if not _PASSING & {*codes} or attempt == _CONFLICT_TRIES:
                    raise LedgerUnavailable(_told("transact_write_items", problem)) from problem
                self._pause(attempt)
            except BotoCoreError as problem:
                raise LedgerUnavailable(_told("transact_write_items", problem)) from problem
            else:
                return

    def _pause(self, attempt: int) -> None:
        self._sleep(random.uniform(0.0, 0.05 * 2 ** min(attempt, _CONFLICT_TRIES)))  # noqa: S311 (jitter, no secret)

    def _refusal(self, reasons: Sequence[Mapping[str, Any]]) -> ConditionFailed:
        failed = frozenset(at for at, one in enumerate(reasons) if one.get("Code") == "ConditionalCheckFailed")
        return ConditionFailed(
            failed, {at: self._unpack(reasons[at]["Item"]) for at in failed if reasons[at].get("Item")}
        )

    def _transact_item(self, write: Write) -> Any:
        body: dict[str, Any] = {"TableName": self.name}
        if write.condition:
            body |= {"ConditionExpression": write.condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if write.values:
            body["ExpressionAttributeValues"] = self._pack(write.values)
        if write.item is not None:
            return {"Put": body | {"Item": self._pack(write.item)}}
        return {"Update": body | {"Key": self._pack(write.key or {}), "UpdateExpression": write.update}}

    def _conditional(self, method: str, condition: str | None, values: Mapping[str, Any] | None, **rest: Any) -> bool:
        if condition:
            rest["ConditionExpression"] = condition
        if values:
            rest["ExpressionAttributeValues"] = self._pack(values)
        try:
            getattr(self._client, method)(TableName=self.name, **rest)
        except ClientError as problem:
            if problem.response["Error"].get("Code") == "ConditionalCheckFailedException":
                return False
            raise LedgerUnavailable(_told(method, problem)) from problem
        except BotoCoreError as problem:
            raise LedgerUnavailable(_told(method, problem)) from problem
        return True

    def _call(self, method: str, expected: str, **arguments: Any) -> Any:
        """An answer that has the expected member: without it nothing was said, and nothing is concluded."""
        try:
            answer = getattr(self._client, method)(**arguments)
        except (ClientError, BotoCoreError) as problem:
            raise LedgerUnavailable(_told(method, problem)) from problem
        if expected not in answer:
            raise LedgerUnavailable(f"DynamoDB {method} answered without {expected}")
        return answer

    def _pack(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self._to.serialize(str(value) if isinstance(value, str) else value) for name, value in values.items()
        }

    def _unpack(self, item: Mapping[str, Any]) -> Item:
        return {name: plain(self._from.deserialize(value)) for name, value in item.items()}


def plain(value: Any) -> Any:
    """A value as JSON knows it: boto3 and the stream's events make numbers Decimal, and anything else is text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if isinstance(value, str | bool | int | float | list | dict | None) else str(value)


def _told(call: str, problem: Exception) -> str:
    return f"DynamoDB {call} failed: {problem}"
