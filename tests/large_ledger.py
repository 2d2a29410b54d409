"""DynamoDB's answers about the ledger of a large fleet: an item is made when it is asked for, and then forgotten.

A million items in memory take gigabytes, and minutes to write. Here an item is known by its number: rows by that of the
desktop, events by their own. The product's own code makes the attributes of one item of each kind, and the ledger puts
ids, names, times and keys into its text. Only expressions that the command line and docs/queries.md use are known;
another one ends the run. What a filter leaves out of an answer counts as read, as at AWS.
"""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from infra.indexes import INDEXES
from standby.core.model import DirectoryId, Region, Status, WorkspaceId, to_text
from standby.core.reasons import Reason
from standby.core.row import STATE, Row, shard_of, status_partition

PRIMARY, DR = "us-east-1", "us-west-2"
# Of twenty desktops one has no standby, for one of these reasons in turn.
_UNCOVERED_EVERY = 20
_UNCOVERED = (
    (Status.INELIGIBLE, Reason.OPERATING_SYSTEM),
    (Status.EXCLUDED, Reason.EXCLUDED_BY_RULE),
    (Status.REPORTED, Reason.EXISTING_FLEET),
    (Status.HELD, Reason.DAILY_CAP),
    (Status.FAILED, Reason.STANDBY_IN_ERROR),
)
_PAGE_BYTES = 1_048_576
_TO = TypeSerializer()
# In the text of a kind's item, for what is an item's own. The times are none that a ledger has.
_ID, _USER, _STANDBY, _PARTITION = "@id@", "@user@", "@standby@", "@partition@"
_CHANGED, _SEEN = datetime.fromisoformat("2999-01-02T00:00:00Z"), datetime.fromisoformat("2998-01-01T00:00:00Z")
_CHANGED_AT, _SEEN_AT = to_text(_CHANGED), to_text(_SEEN)


def _version(number: int) -> str:
    return f'"version": {{"N": "{number}"}}'


_VERSION = _version(7)  # as the rows of `_text` have it
Values = Mapping[str, Any]
Fields = Mapping[str, str]
FILTERS: dict[str, Callable[[Fields, Values], bool]] = {
    "NOT reason_code IN (:code0, :code1)": lambda item, values: (
        item["reason_code"] not in (values[":code0"]["S"], values[":code1"]["S"])
    ),
    "reason_code = :orphaned": lambda item, values: item["reason_code"] == values[":orphaned"]["S"],
    "#at <= :at": lambda item, values: item.get("at", "~") <= values[":at"]["S"],
    "begins_with(sk, :event) AND #at <= :then": lambda item, values: item.get("at", "~") <= values[":then"]["S"],
    "sk = :state": lambda item, values: item["sk"] == values[":state"]["S"],
    "sk = :state AND attribute_exists(ix_uncovered)": lambda item, values: "ix_uncovered" in item,
}
_CONDITION = re.compile(
    r"^\w+ = (?P<partition>:\w+)(?: AND (?:begins_with\(\w+, (?P<prefix>:\w+)\)"
    r"|\w+ BETWEEN (?P<low>:\w+) AND (?P<high>:\w+)|\w+ (?P<sign>>=|<=|<|=) (?P<bound>:\w+)))?$"
)


@dataclass
class Read:
    """What was asked for, and read for it."""

    requests: int = 0
    items_read: int = 0
    items_returned: int = 0

    def __sub__(self, before: Read) -> Read:
        return Read(*(now - then for now, then in zip(vars(self).values(), vars(before).values(), strict=True)))

    def copy(self) -> Read:
        """As it stands."""
        return Read(**vars(self))


@dataclass(frozen=True)
class _Place:
    """Some items of one kind, in the order of their sort key."""

    numbers: Sequence[int]
    of_events: bool
    sort: Callable[[int], str]


class LargeLedger:
    """A ledger with so many desktops, and events that are spread evenly over some days.

    Each desktop has as many events as any other; the last of them made its row. `singles` are further items, by key, as
    DynamoDB has them. `page` bounds the items of a page, beside DynamoDB's bound on its bytes.
    """

    def __init__(
        self,
        desktops: int,
        events: int,
        *,
        began: datetime,
        days: float,
        directories: Sequence[str] = ("d-906732325d",),
        page: int = 1_000_000,
        table: str = "Standby-us-east-1-us-west-2",
    ) -> None:
        assert events % desktops == 0
        self.desktops, self.events, self.table = desktops, events, table
        self.read = Read()
        self.singles: dict[tuple[str, str], dict[str, Any]] = {}
        self._began, self._step = began, timedelta(days=days) / events
        self._directories = directories
        self._page = page
        self._shards = bytes(shard_of(_id(one)) for one in range(desktops))
        self._kinds = [(Status.PROTECTED, Reason.STANDBY_READY), *_UNCOVERED]
        self._rows = [_text(*kind, event=False) for kind in self._kinds]
        self._changes = [_text(*kind, event=True) for kind in self._kinds]
        self._by_status: dict[str, array[int]] = {}
        for one in range(desktops):  # a later one changed later
            self._by_status.setdefault(self._partition(one), array("I")).append(one)
        self._uncovered = array("I", range(0, desktops, _UNCOVERED_EVERY))

    # What there is in it

    def user(self, desktop: int) -> str:
        """The name of its user."""
        return f"user{desktop:06}"

    def at(self, event: int) -> str:
        """When an event was."""
        return to_text(self._began + event * self._step)

    def changed_at(self, desktop: int) -> str:
        """When its row last changed."""
        return self.at(self.events - self.desktops + desktop)

    def _kind(self, desktop: int) -> int:
        return 0 if desktop % _UNCOVERED_EVERY else 1 + desktop // _UNCOVERED_EVERY % len(_UNCOVERED)

    def _partition(self, desktop: int) -> str:
        return status_partition(self._kinds[self._kind(desktop)][0], self._shards[desktop])

    def _fields(self, place: _Place, number: int) -> Fields:
        """What filters ask for."""
        desktop = number % self.desktops
        kind = self._kind(desktop)
        found = {"sk": STATE, "reason_code": str(self._kinds[kind][1])}
        if place.of_events:
            return found | {"sk": "EVENT#", "at": self.at(number)}
        return found | ({"ix_uncovered": PRIMARY} if kind else {})

    def _item(self, place: _Place, number: int) -> str:
        """An item in DynamoDB's JSON."""
        desktop = number % self.desktops
        if place.of_events:
            at = self.at(number)
            text = self._changes[self._kind(desktop)].replace(_CHANGED_AT, at).replace(_CHANGED_AT[:10], at[:10])
            text = text.replace("EVENT#000007", f"EVENT#{number // self.desktops + 1:06}")
            text = text.replace(_PARTITION, f"{at[:10]}#{self._shards[desktop]}")
            text = text.replace(_VERSION, _version(number // self.desktops + 1))
        else:
            text = self._rows[self._kind(desktop)].replace(_CHANGED_AT, self.changed_at(desktop))
            text = text.replace(_PARTITION, self._partition(desktop))
            text = text.replace(_VERSION, _version(self.events // self.desktops))
        directory = self._directories[desktop % len(self._directories)]
        text = text.replace(_SEEN_AT, self.at(desktop)).replace("d-9000000001", directory)
        return (
            text.replace(_ID, _id(desktop)).replace(_USER, self.user(desktop)).replace(_STANDBY, f"ws-5{desktop:08x}")
        )

    # How it answers

    def call(self, region: str, operation: str, body: bytes) -> tuple[int, bytes]:
        """Answer a request: status and body. Both Regions have the same."""
        request = json.loads(body)
        self.read.requests += 1
        match operation:
            case "BatchGetItem":
                return 200, self._get_many(request).encode()
            case "Query":
                return 200, self._query(request).encode()
            case "Scan":
                every = _Place(range(self.desktops + self.events), of_events=False, sort=str)
                return 200, self._answer(request, every, 0, len(every.numbers)).encode()
        raise AssertionError(f"{operation} is not known here")

    def _get_many(self, request: Values) -> str:
        ((table, wanted),) = request["RequestItems"].items()
        keys = [(one["pk"]["S"], one["sk"]["S"]) for one in wanted["Keys"]]
        found = [json.dumps(self.singles[key]) for key in keys if key in self.singles]
        for pk, sk in keys:
            if pk.startswith("ws-"):
                change = self.desktops * (int(sk.removeprefix("EVENT#")) - 1) if sk != STATE else 0
                found.append(
                    self._item(self._rows_of([]) if sk == STATE else self._events_of([]), _number(pk) + change)
                )
        self.read.items_read += len(found)
        self.read.items_returned += len(found)
        return f'{{"Responses":{{"{table}":[{",".join(found)}]}},"UnprocessedKeys":{{}}}}'

    def _query(self, request: Values) -> str:
        condition = _CONDITION.match(request["KeyConditionExpression"])
        assert condition, f"a condition that is not known here: {request['KeyConditionExpression']}"
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        given = {name: values[key] for name, key in condition.groupdict().items() if key and name != "sign"}
        index = request.get("IndexName")
        assert index is None or index in INDEXES
        if index is None and not given["partition"].startswith("ws-"):
            found = [item for (pk, sk), item in sorted(self.singles.items()) if pk == given["partition"]]
            found = [one for one in found if _holds(one["sk"]["S"], given, condition["sign"])]
            self.read.items_read += len(found)
            self.read.items_returned += len(found)
            return json.dumps({"Items": found, "Count": len(found), "ScannedCount": len(found)})
        place = self._place(index, given["partition"])
        first, last = _bounds(place, given, condition["sign"])
        return self._answer(request, place, first, last)

    def _place(self, index: str | None, partition: str) -> _Place:
        match index:
            case "by_status":
                return self._rows_of(self._by_status.get(partition, ()))
            case "by_uncovered":
                return self._rows_of(self._uncovered)
            case "by_user":
                desktop = int(partition.removeprefix("user"))
                return self._rows_of([desktop] if partition == self.user(desktop) else [])
            case "by_day":
                return self._events_of(array("I", self._of_day(*partition.split("#"))))
            case None:
                desktop = _number(partition)
                events = range(desktop, self.events, self.desktops)
                return _Place(events, of_events=True, sort=lambda one: f"EVENT#{one // self.desktops + 1:06}")
        raise AssertionError(f"{index} is not known here")

    def _rows_of(self, desktops: Sequence[int]) -> _Place:
        return _Place(desktops, of_events=False, sort=self.changed_at)

    def _events_of(self, events: Sequence[int]) -> _Place:
        return _Place(events, of_events=True, sort=self.at)

    def _of_day(self, day: str, shard: str) -> Iterator[int]:
        first = bisect_left(range(self.events), day, key=self.at)
        for event in range(first, bisect_left(range(self.events), f"{day}~", key=self.at)):
            if self._shards[event % self.desktops] == int(shard):
                yield event

    def _answer(self, request: Values, place: _Place, first: int, last: int) -> str:
        """A page of what stands from one place to another."""
        backward = not request.get("ScanIndexForward", True)
        start = int(request["ExclusiveStartKey"]["place"]["N"]) if request.get("ExclusiveStartKey") else None
        if start is not None:
            first, last = (first, start) if backward else (start + 1, last)
        size = len(self._changes[0] if place.of_events else self._rows[0]) * 3 // 4  # the JSON has its types, too
        most = min(self._page, _PAGE_BYTES // size, request.get("Limit", self._page))
        places = range(max(first, last - most), last)[::-1] if backward else range(first, min(first + most, last))
        given = request.get("ExpressionAttributeValues", {})
        filtered = FILTERS[request["FilterExpression"]] if "FilterExpression" in request else None
        is_counted = request.get("Select") == "COUNT"
        texts, count = [], 0
        for at in places:
            of, number = self._at(place, at)
            if filtered is None or filtered(self._fields(of, number), given):
                count += 1
                if not is_counted:
                    texts.append(self._item(of, number))
        self.read.items_read += len(places)
        self.read.items_returned += count
        more = places and (places[-1] > first if backward else places[-1] + 1 < last)
        following = f',"LastEvaluatedKey":{{"place":{{"N":"{places[-1]}"}}}}' if more else ""
        items = "" if is_counted else f'"Items":[{",".join(texts)}],'
        return f'{{{items}"Count":{count},"ScannedCount":{len(places)}{following}}}'

    def _at(self, place: _Place, at: int) -> tuple[_Place, int]:
        """What stands at a place: in a scan, the rows and then the events."""
        number = place.numbers[at]
        if place.sort is not str:
            return place, number
        is_row = number < self.desktops
        return (self._rows_of([]), number) if is_row else (self._events_of([]), number - self.desktops)


def _id(desktop: int) -> str:
    return f"ws-1{desktop:08x}"


def _number(primary_id: str) -> int:
    return int(primary_id.removeprefix("ws-1"), 16)


def _bounds(place: _Place, given: Mapping[str, str], sign: str | None) -> tuple[int, int]:
    """From where to where a condition on the sort key holds."""
    low, high = given.get("low", given.get("prefix", "")), "~"
    if "prefix" in given:
        high = given["prefix"] + "~"
    if "high" in given:
        high = given["high"]
    if sign == ">=":
        low = given["bound"]
    if sign == "<=":
        high = given["bound"]
    numbers = place.numbers
    return bisect_left(numbers, low, key=place.sort), bisect_right(numbers, high, key=place.sort)


def _holds(sort: str, given: Mapping[str, str], sign: str | None) -> bool:
    if "prefix" in given:
        return sort.startswith(given["prefix"])
    if "low" in given:
        return given["low"] <= sort <= given["high"]
    bound = given.get("bound", "")
    return {None: True, "=": sort == bound, "<": sort < bound, "<=": sort <= bound, ">=": sort >= bound}[sign]


def _text(status: Status, reason: Reason, *, event: bool) -> str:
    """The item of a kind, as the product makes it, with marks where each has its own."""
    is_ready = status is Status.PROTECTED
    row = Row(
        primary_id=WorkspaceId(_ID),
        primary_region=Region(PRIMARY),
        dr_region=Region(DR),
        status=status,
        reason=reason,
        message=reason.meaning.sentence,
        version=7,
        first_seen_at=_SEEN,
        changed_at=_CHANGED,
        cause_type="watch",
        cause_id="arn:aws:states:us-east-1:123456789012:execution:Standby-us-east-1-us-west-2-watch:" + "0" * 36,
        primary_state="AVAILABLE",
        primary_directory_id=DirectoryId("d-9000000001"),
        dr_directory_id=DirectoryId("d-9267000001"),
        user_name=_USER,
        compute_type="STANDARD",
        standby_id=WorkspaceId(_STANDBY) if is_ready else None,
        standby_state="AVAILABLE" if is_ready else None,
        requested_at=_SEEN if is_ready else None,
        protected_at=_SEEN if is_ready else None,
        change_id="0" * 32,
    )
    item = row.to_event_item(row, _CHANGED) | {"ix_day": _PARTITION}
    if not event:
        item = row.to_state_item() | {"ix_status": _PARTITION}
    return json.dumps({name: _TO.serialize(_plain(value)) for name, value in item.items() if value is not None})


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
