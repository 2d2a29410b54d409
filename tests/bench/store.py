"""DynamoDB as far as the ledger needs it, fast enough for a million items, and counting what AWS would bill.

The embedded cloud's takes 3 ms for a transaction and sorts a partition for each query; a backfill of 10,000 desktops
has 50,000 transactions. This one knows only the expressions that the product uses in a benchmark; another one ends the
run. `test_bench.py` shows that the product leaves the same rows in both.

Units are counted as AWS documents them, for on-demand tables: a write unit for each KB begun, two in a transaction; a
read unit for each 4 KB begun of a consistent read, half a unit of another one. An index takes a write for each entry
that appears, changes or disappears (read-write-operations.html in DynamoDB's developer guide).
"""

from __future__ import annotations

import itertools
import json
import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.services import Ledger

Value = dict[str, Any]
Item = dict[str, Value]
Values = Mapping[str, Value]
Key = tuple[str, str]
Found = tuple[int, dict[str, Any]]  # status and answer
Condition = Callable[[Item, Values], bool]
_PAGE_BYTES = 1_048_576  # of a query
_KEYS = ("pk", "sk")
_LAST = "\U0010ffff"  # behind all texts


def _is(name: str, value: str) -> Condition:
    return lambda item, values: name in item and item[name] == values[value]


def _lacks(name: str) -> Condition:
    return lambda item, _: name not in item


def _any(*conditions: Condition) -> Condition:
    return lambda item, values: any(one(item, values) for one in conditions)


def _all(*conditions: Condition) -> Condition:
    return lambda item, values: all(one(item, values) for one in conditions)


_FREE = _is("primary_id", ":none")
CONDITIONS: dict[str, Condition] = {
    "attribute_not_exists(pk)": _lacks("pk"),
    "version = :old": _is("version", ":old"),
    "primary_id = :me": _is("primary_id", ":me"),
    "attribute_not_exists(pk) OR primary_id = :none": _any(_lacks("pk"), _FREE),
    "attribute_not_exists(pk) OR (primary_id = :none AND attribute_not_exists(given_up_at))": _any(
        _lacks("pk"), _all(_FREE, _lacks("given_up_at"))
    ),
    "attribute_not_exists(taken) OR taken < :limit": _any(
        _lacks("taken"), lambda item, values: int(item["taken"]["N"]) < int(values[":limit"]["N"])
    ),
    "attribute_not_exists(holder) OR NOT attribute_type(holder, :text)": lambda item, _: (
        "S" not in item.get("holder", {})
    ),
    "holder = :holder": _is("holder", ":holder"),
    "holder = :me": _is("holder", ":me"),
    "attribute_not_exists(taken_at)": _lacks("taken_at"),
    "attribute_not_exists(pk) OR scanned_at <= :at": _any(
        _lacks("pk"), lambda item, values: bool(item["scanned_at"]["S"] <= values[":at"]["S"])
    ),
    "run = :run": _is("run", ":run"),
    "attribute_not_exists(pk) OR settings_json <> :text": _any(
        _lacks("pk"), lambda item, values: item["settings_json"] != values[":text"]
    ),
}
# A partition key, and what the sort key has to be.
_QUERY = re.compile(r"^\w+ = (:\w+)(?: AND (?:\w+ (<=|>) |(begins_with)\(\w+, )(:\w+)\)?)?$")


@dataclass
class _Index:
    """Entries by partition, each partition in the order of its sort key."""

    partition: str
    sort: str
    keys_only: bool
    entries: dict[str, list[tuple[str, str, str]]] = field(default_factory=lambda: defaultdict(list))

    def entry(self, item: Item) -> tuple[str, tuple[str, str, str]] | None:
        """Partition and place of an item; None of one that the index does not have."""
        if self.partition not in item or self.sort not in item:
            return None
        return item[self.partition]["S"], (item[self.sort]["S"], item["pk"]["S"], item["sk"]["S"])

    def size(self, item: Item, whole: int) -> int:
        """Bytes of an item's entry; `whole` are the item's."""
        return size_of(_keys_of(item, self)) if self.keys_only else whole


@dataclass
class Billed:
    """What was counted, of the primary Region's replica. The other one has the same writes, none of them refused."""

    write_units: int = 0
    index_write_units: int = 0
    refused_write_units: int = 0
    read_units: float = 0.0
    items_read: int = 0
    items_returned: int = 0
    stored_bytes: int = 0

    def __sub__(self, before: Billed) -> Billed:
        return Billed(*(now - then for now, then in zip(vars(self).values(), vars(before).values(), strict=True)))

    def copy(self) -> Billed:
        """As it stands."""
        return Billed(**vars(self))


class FastLedger(Ledger):
    """What `tests.simulation.services.Ledger` is to a simulation; its indexes are never late."""

    def __init__(self, table: dict[str, Any], account: str, region: str, now: Callable[[], datetime]) -> None:
        self.name: str = table["TableName"]
        self.lag = timedelta(0)
        self.items: dict[Key, Item] = {}
        self.billed = Billed()
        # What is not known here. Raised within a call of the product's, it would pass for the service's trouble.
        self.problems: list[str] = []
        # Write units of a partition of an index, and of the counters' items, in a second.
        self.rates: Counter[tuple[str, str, int]] = Counter()
        self._now = now
        self._sizes: dict[Key, int] = {}
        self._indexes = {
            one["IndexName"]: _Index(
                one["KeySchema"][0]["AttributeName"],
                one["KeySchema"][1]["AttributeName"],
                one["Projection"]["ProjectionType"] == "KEYS_ONLY",
            )
            for one in table["GlobalSecondaryIndexes"]
        }
        self._numbers = itertools.count(1)
        self._records: list[dict[str, Any]] = []

    # As a simulation uses it

    def call(self, region: str, operation: str, body: bytes | dict[str, Any]) -> tuple[int, Any]:
        """Answer a request. What is not JSON is kept and given as it is: whoever calls changes nothing of it."""
        request = json.loads(body) if isinstance(body, bytes) else body
        try:
            status, answer = getattr(self, f"_do_{_snake(operation)}")(request)
        except (AssertionError, AttributeError, KeyError) as problem:
            self.problems.append(f"{operation}: {problem!r}: {request}")
            raise
        return status, answer if body is request and status == 200 else json.dumps(answer).encode()

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call it as an operator; it must not refuse."""
        status, answer = self.call("", operation, request)
        assert status == 200, f"{operation}: {answer!r}"
        found: dict[str, Any] = answer
        return found

    def new_records(self) -> list[dict[str, Any]]:
        """The stream's records since the last time this was asked."""
        found, self._records = self._records, []
        return found

    # Operations

    def _do_get_item(self, request: Mapping[str, Any]) -> Found:
        found = self._fetch([_key(request["Key"])], consistent=True)
        return 200, {"Item": found[0]} if found else {}

    def _do_batch_get_item(self, request: Mapping[str, Any]) -> Found:
        ((table, wanted),) = request["RequestItems"].items()
        found = self._fetch([_key(one) for one in wanted["Keys"]], consistent=wanted["ConsistentRead"])
        return 200, {"Responses": {table: found}, "UnprocessedKeys": {}}

    def _do_put_item(self, request: Mapping[str, Any]) -> Found:
        return self._write_one({"Put": dict(request)})

    def _do_update_item(self, request: Mapping[str, Any]) -> Found:
        return self._write_one({"Update": dict(request)})

    def _write_one(self, write: Mapping[str, Any]) -> Found:
        if self._refusals([write]):
            self._bill_refused([write], units=1)
            return _refusal("ConditionalCheckFailedException")
        self._apply(write, units=1)
        return 200, {}

    def _do_transact_write_items(self, request: Mapping[str, Any]) -> Found:
        writes = request["TransactItems"]
        if refused := self._refusals(writes):
            self._bill_refused(writes, units=2)
            reasons = [
                {"Code": "ConditionalCheckFailed", **({"Item": refused[at]} if refused[at] else {})}
                if at in refused
                else {"Code": "None"}
                for at in range(len(writes))
            ]
            return _refusal("TransactionCanceledException", CancellationReasons=reasons)
        for write in writes:
            self._apply(write, units=2)
        return 200, {}

    def _do_query(self, request: Mapping[str, Any]) -> Found:
        index = self._indexes[request["IndexName"]]
        found = _QUERY.match(request["KeyConditionExpression"])
        assert found, f"a query that is not known here: {request['KeyConditionExpression']}"
        partition, *signs, bound = found.groups()
        values = request["ExpressionAttributeValues"]
        entries = index.entries.get(values[partition]["S"], [])
        first, last = 0, len(entries)
        if bound is not None:
            sort = values[bound]["S"]
            behind = bisect_right(entries, (sort, _LAST, _LAST))
            if ">" in signs:
                first = behind
            elif "<=" in signs:
                last = behind
            else:
                first, last = (
                    bisect_left(entries, (sort, "", "")),
                    bisect_right(entries, (f"{sort}{_LAST}", _LAST, _LAST)),
                )
        if start := request.get("ExclusiveStartKey"):
            first = bisect_right(entries, (start[index.sort]["S"], start["pk"]["S"], start["sk"]["S"]))
        last = min(last, first + request.get("Limit", last))
        page: list[Item] = []
        size = 0
        for _, pk, sk in entries[first:last]:
            item = self.items[pk, sk]
            page.append(_keys_of(item, index) if index.keys_only else item)
            size += index.size(item, self._sizes[pk, sk])
            if size >= _PAGE_BYTES:
                break
        self.billed.read_units += _read_units(size, consistent=False)
        self.billed.items_read += len(page)
        self.billed.items_returned += len(page)
        more = page and (len(page) == request.get("Limit") or first + len(page) < last)
        following = {"LastEvaluatedKey": _keys_of(page[-1], index)} if more else {}
        return 200, {"Items": page, **following}

    # What they have in common

    def _fetch(self, keys: Iterable[Key], *, consistent: bool) -> list[Item]:
        found = []
        for key in keys:
            item = self.items.get(key)
            self.billed.read_units += _read_units(self._sizes.get(key, 0), consistent=consistent)
            if item is not None:
                found.append(item)
        return found

    def _refusals(self, writes: Iterable[Mapping[str, Any]]) -> dict[int, Item]:
        """What stood where a condition does not hold, by the number of the write."""
        found: dict[int, Item] = {}
        for at, write in enumerate(writes):
            ((_, body),) = write.items()
            condition = body.get("ConditionExpression")
            item = self.items.get(_key(body.get("Key") or body["Item"]), {})
            if condition and not CONDITIONS[condition](item, body.get("ExpressionAttributeValues", {})):
                found[at] = item
        return found

    def _bill_refused(self, writes: Iterable[Mapping[str, Any]], units: int) -> None:
        """A write whose condition fails is billed by the size of the item that stands there.

        AWS does not say what a cancelled transaction is billed: here all its writes are, as if it had been made.
        """
        for write in writes:
            ((_, body),) = write.items()
            size = self._sizes.get(_key(body.get("Key") or body["Item"]), 0)
            self.billed.refused_write_units += units * _write_units(size)

    def _apply(self, write: Mapping[str, Any], units: int) -> None:
        ((kind, body),) = write.items()
        key = _key(body.get("Key") or body["Item"])
        old, before = self.items.get(key), self._sizes.get(key, 0)
        new = body["Item"] if kind == "Put" else _updated(old or dict(body["Key"]), body)
        size = size_of(new)
        written = units * _write_units(max(size, before))
        self.billed.write_units += written
        self.billed.stored_bytes += size - before
        self.items[key], self._sizes[key] = new, size
        second = int(self._now().timestamp())
        if key[1] != "STATE" and not key[1].startswith("EVENT#"):
            self.rates["table", key[0], second] += written
        for name, index in self._indexes.items():
            self._follow(name, index, (old, before), (new, size), second)
        if old == new:
            return  # of that the stream has no record
        change = {"Keys": {name: new[name] for name in _KEYS}, "NewImage": new}
        change |= {"OldImage": old} if old is not None else {}
        change["SequenceNumber"] = f"{next(self._numbers):030d}"
        self._records.append({"eventName": "INSERT" if old is None else "MODIFY", "dynamodb": change})

    def _follow(
        self, name: str, index: _Index, was: tuple[Item | None, int], now: tuple[Item, int], second: int
    ) -> None:
        """Let an index follow a write, from what stood there to what stands there: each an item and its bytes."""
        (old, old_size), (new, new_size) = was, now
        before, after = index.entry(old) if old else None, index.entry(new)
        if before == after and (index.keys_only or old == new):
            return
        if before != after and before is not None and old is not None:
            entries = index.entries[before[0]]
            del entries[bisect_left(entries, before[1])]
            self._wrote(name, before[0], index.size(old, old_size), second)
        if before != after and after is not None:
            insort(index.entries[after[0]], after[1])
        if after is not None:
            self._wrote(name, after[0], index.size(new, new_size), second)

    def _wrote(self, index: str, partition: str, size: int, second: int) -> None:
        units = _write_units(size)
        self.billed.index_write_units += units
        self.rates[index, partition, second] += units


def size_of(item: Item) -> int:
    """Bytes of an item as DynamoDB counts them."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Value) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return 2 + len(content.strip("-0.")) // 2
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(one) for name, one in content.items())
        case "L":
            return 3 + sum(1 + _size(one) for one in content)
        case _:
            return 1


def _write_units(size: int) -> int:
    return max(1, -(-size // 1024))


def _read_units(size: int, *, consistent: bool) -> float:
    return max(1, -(-size // 4096)) * (1.0 if consistent else 0.5)


def _updated(item: Item, body: Mapping[str, Any]) -> Item:
    """An item after an update expression of SET, REMOVE and ADD."""
    names, values = body.get("ExpressionAttributeNames", {}), body.get("ExpressionAttributeValues", {})
    new = dict(item)
    parts = re.split(r"\b(SET|REMOVE|ADD) ", body["UpdateExpression"])[1:]
    for verb, clauses in zip(parts[::2], parts[1::2], strict=True):
        for clause in clauses.split(","):
            name, *rest = clause.replace("=", " ").split()
            name = names.get(name, name)
            match verb:
                case "SET":
                    new[name] = values[rest[0]]
                case "REMOVE":
                    new.pop(name, None)
                case "ADD":
                    taken = int(new.get(name, {"N": "0"})["N"]) + int(values[rest[0]]["N"])
                    new[name] = {"N": str(taken)}
    return new


def _keys_of(item: Item, index: _Index) -> Item:
    return {name: item[name] for name in (*_KEYS, index.partition, index.sort)}


def _key(item: Mapping[str, Value]) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _snake(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def _refusal(code: str, **more: Any) -> Found:
    return 400, {"__type": code, "Message": "refused", **more}
