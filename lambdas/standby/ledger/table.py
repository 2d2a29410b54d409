"""The part of DynamoDB that the ledger needs: plain values in and out, and transactions with a known outcome."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from standby.aws.call import call
from standby.core.model import from_text, plain
from standby.core.outcomes import Answer, Refused, Unclear

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
NO_HOLDER = "-"  # of a claim or a lock that is free
_MOST_KEYS = 100  # of one BatchGetItem call
_CONFLICT_TRIES = 6
_TO, _FROM = TypeSerializer(), TypeDeserializer()
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class LedgerUnavailable(Exception):
    """The ledger could not be read or written. It is not known whether a write took effect.

    The message names the call and the error. An invocation that does not catch it fails, and is retried.
    """


class ConditionFailed(Exception):
    """A transaction was refused because a condition did not hold; nothing was written.

    `failed` has the indexes of the items whose conditions failed. `found` has these items' present values, if DynamoDB
    returned them.
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


@dataclass(frozen=True)
class Table:
    """One DynamoDB table. Every method raises `LedgerUnavailable` if DynamoDB gives no usable answer."""

    client: DynamoDBClient
    name: str
    sleep: Callable[[float], None]

    def get(self, pk: str, sk: str) -> Item | None:
        """An item, read consistently."""
        found = self.get_many([(pk, sk)])
        return found[0] if found else None

    def get_many(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        """The items that exist, read consistently, in any order; each once, even if its key is given twice.

        An index may return a row twice while it changes, and BatchGetItem refuses a repeated key. GetItem is not used:
        its answer for a missing item is empty, like an answer that was lost.
        """
        found: list[Item] = []
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), _MOST_KEYS):
            wanted = [pack({"pk": pk, "sk": sk}) for pk, sk in distinct[start : start + _MOST_KEYS]]
            request: Any = {self.name: {"Keys": wanted, "ConsistentRead": True}}
            for attempt in range(1, 11):
                answer = self._call("batch_get_item", "Responses", RequestItems=request)
                found += [unpack(item) for item in answer["Responses"].get(self.name, [])]
                request = answer.get("UnprocessedKeys")
                if not request:
                    break
                self._pause(attempt)
            else:
                raise LedgerUnavailable("DynamoDB left keys of BatchGetItem unprocessed ten times in a row")
        return found

    def put(self, item: Item, condition: str | None = None, values: Mapping[str, Any] | None = None) -> bool:
        """Put an item; False if the condition did not hold."""
        return self._conditional("put_item", condition, values, Item=pack(item))

    def set(
        self,
        pk: str,
        sk: str,
        attributes: Mapping[str, Any],
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        """Set some attributes of an item and keep the others; False if the condition did not hold."""
        # Placeholders, because DynamoDB reserves many names.
        names = {f"#{number}": name for number, name in enumerate(attributes)}
        given = {f":{number}": value for number, value in enumerate(attributes.values())} | dict(values or {})
        update = {
            "Key": pack({"pk": pk, "sk": sk}),
            "UpdateExpression": "SET " + ", ".join(f"#{number} = :{number}" for number in range(len(names))),
            "ExpressionAttributeNames": names,
        }
        return self._conditional("update_item", condition, given, **update)

    def query(
        self,
        index: str | None,
        condition: str,
        values: Mapping[str, Any],
        start: Item | None = None,
        most: int | None = None,
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """The pages of a query, ascending, each with the key from which the next page starts (None after the last).

        With `most`, a page has at most that many items.
        """
        arguments: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": pack(values),
            **({"IndexName": index} if index else {"ConsistentRead": True}),
            **({"Limit": most} if most else {}),
        }
        while True:
            if start:
                arguments["ExclusiveStartKey"] = pack(start)
            answer = self._call("query", "Items", TableName=self.name, **arguments)
            start = unpack(answer["LastEvaluatedKey"]) if answer.get("LastEvaluatedKey") else None
            yield [unpack(item) for item in answer["Items"]], start
            if start is None:
                return

    def transact(self, writes: Sequence[Write]) -> None:
        """Write all of them or none.

        botocore gives the call a ClientRequestToken and retries with the same one, so that a retry of a transaction
        that took effect succeeds.

        Raises
        ------
        ConditionFailed
            A condition did not hold.
        """
        items = [self._transact_item(write) for write in writes]
        for attempt in range(1, _CONFLICT_TRIES + 1):
            outcome = call(self.client.transact_write_items, TransactItems=items)
            if isinstance(outcome, Answer):
                return
            reasons = outcome.body.get("CancellationReasons", []) if isinstance(outcome, Refused) else []
            codes = {reason.get("Code") for reason in reasons}
            if "ConditionalCheckFailed" in codes:
                raise self._refusal(reasons)
            # Another transaction on the same counter, or a throttle. It passes quickly, and botocore does not retry a
            # cancelled transaction.
            if not _PASSING & codes or attempt == _CONFLICT_TRIES:
                raise _unavailable("transact_write_items", outcome)
            self._pause(attempt)

    def _pause(self, attempt: int) -> None:
        self.sleep(random.uniform(0.0, 0.05 * 2 ** min(attempt, _CONFLICT_TRIES)))  # noqa: S311 (jitter, no secret)

    def _refusal(self, reasons: Sequence[Mapping[str, Any]]) -> ConditionFailed:
        failed = frozenset(at for at, one in enumerate(reasons) if one.get("Code") == "ConditionalCheckFailed")
        return ConditionFailed(failed, {at: unpack(reasons[at]["Item"]) for at in failed if reasons[at].get("Item")})

    def _transact_item(self, write: Write) -> Any:
        body: dict[str, Any] = {"TableName": self.name}
        if write.condition:
            body |= {"ConditionExpression": write.condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if write.values:
            body["ExpressionAttributeValues"] = pack(write.values)
        if write.item is not None:
            return {"Put": body | {"Item": pack(write.item)}}
        return {"Update": body | {"Key": pack(write.key or {}), "UpdateExpression": write.update}}

    def _conditional(self, method: str, condition: str | None, values: Mapping[str, Any] | None, **rest: Any) -> bool:
        if condition:
            rest["ConditionExpression"] = condition
        if values:
            rest["ExpressionAttributeValues"] = pack(values)
        outcome = call(getattr(self.client, method), TableName=self.name, **rest)
        if isinstance(outcome, Answer):
            return True
        if isinstance(outcome, Refused) and outcome.code == "ConditionalCheckFailedException":
            return False
        raise _unavailable(method, outcome)

    def _call(self, method: str, expected: str, **arguments: Any) -> Any:
        """An answer that has the expected member. An answer without it is not usable."""
        outcome = call(getattr(self.client, method), **arguments)
        if not isinstance(outcome, Answer):
            raise _unavailable(method, outcome)
        if expected not in outcome.body:
            raise LedgerUnavailable(f"DynamoDB {method} gave an answer without {expected}")
        return outcome.body


def pack(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values in DynamoDB's form. Nearly all are text, for which boto3's classes take several times as long."""
    return {
        name: {"S": str(value)} if isinstance(value, str) else _TO.serialize(value) for name, value in values.items()
    }


def unpack(item: Mapping[str, Any]) -> Item:
    """The values of an item in DynamoDB's form."""
    return {name: value["S"] if "S" in value else plain(_FROM.deserialize(value)) for name, value in item.items()}


def moment_in(item: Mapping[str, Any], name: str) -> datetime | None:
    """A time in an item; None if it is missing or cannot be read."""
    try:
        return from_text(item.get(name))
    except ValueError:
        return None


def _unavailable(method: str, outcome: Refused | Unclear) -> LedgerUnavailable:
    return LedgerUnavailable(f"DynamoDB {method} failed: {outcome.code}: {outcome.message}")
