"""Read the ledger from the primary Region, or from the replica in the DR Region if the primary does not answer.

Pages are read one at a time, so a million rows need no more memory than a page. If the primary Region stops answering
during a query, the query continues in the DR Region from the last key.
"""

from __future__ import annotations

import heapq
import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

from cli.aws import is_no_answer, unseen
from cli.problems import Problem, Status
from standby.core.model import DirectoryId, is_workspace_id, to_text, user_key
from standby.core.model import Status as RowStatus
from standby.core.row import ALL_SHARDS, STATE, event_key, status_partition
from standby.core.settings import BadSettings, Settings
from standby.ledger.sweeps import SETTINGS, coverage_key
from standby.ledger.table import Item, pack, unpack

if TYPE_CHECKING:
    from concurrent.futures import Future

    from cli.aws import Aws
    from cli.pairs import Pair

T = TypeVar("T")
_MOST_KEYS = 100  # of one BatchGetItem
_AHEAD = 8  # queries that are asked at once
_TRIES = 5  # for keys that BatchGetItem leaves


@dataclass(frozen=True)
class Kept:
    """The settings that sweeps use, and since when."""

    settings: Settings
    config_digest: str
    noted_at: str


@dataclass(frozen=True)
class Only:
    """Limits of a DynamoDB answer: a filter expression with its names and values, and the attributes to return.

    Without an expression all items are returned; without `attributes`, all attributes.
    """

    expression: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    attributes: Sequence[str] = ()


@dataclass
class Ledger:
    """Reads one pair's ledger.

    Attributes
    ----------
    region : str
        The Region that is read: the primary Region as long as it answers.
    requests, items : int
        How many requests were sent, and how many items were read.
    """

    aws: Aws
    pair: Pair
    requests: int = 0
    items: int = 0
    region: str = field(init=False)

    def __post_init__(self) -> None:
        self.region = self.pair.dr_region if self.pair.region in self.aws.down else self.pair.region

    @property
    def caution(self) -> str:
        """The caution that the replica was read; empty if the primary Region answers."""
        if self.region == self.pair.region:
            return ""
        return (
            f"{self.pair.region} does not answer. The ledger was read from its replica in {self.region}. Changes made"
            " in the last seconds before the loss may be missing."
        )

    # What the ledger has

    def states(self, ids: Sequence[str]) -> dict[str, Item]:
        """The present rows of primaries, by id."""
        return {item["pk"]: item for item in self.get([(one, STATE) for one in ids])}

    def by_status(
        self,
        *statuses: RowStatus,
        since: datetime | None = None,
        until: datetime | None = None,
        only: Only | None = None,
    ) -> Iterator[Item]:
        """The present rows with some statuses; within a shard, in the order of their last change.

        `since` and `until` limit the time of the last change. Give only one: DynamoDB takes one condition on a key.
        """
        queries = []
        for status, shard in product(statuses or RowStatus, ALL_SHARDS):
            condition, values = "ix_status = :status", {":status": status_partition(status, shard)}
            if since is not None:
                condition, values = f"{condition} AND ix_status_at >= :since", {**values, ":since": to_text(since)}
            if until is not None:
                condition, values = f"{condition} AND ix_status_at <= :until", {**values, ":until": to_text(until)}
            queries.append(self._pages("by_status", condition, values, only, {}))
        for page in ahead(queries):
            self.items += len(page["Items"])
            yield from (unpack(item) for item in page["Items"])

    def of_user(self, name: str) -> list[Item]:
        """The present rows of a user's desktops; the case of the name does not matter."""
        return list(self.query("by_user", "ix_user = :user", {":user": user_key(name)}))

    def uncovered(self, until: datetime | None = None, only: Only | None = None) -> Iterator[Item]:
        """The present rows without a ready standby, the oldest change first."""
        condition, values = "ix_uncovered = :region", {":region": self.pair.region}
        if until is not None:
            condition, values = f"{condition} AND ix_uncovered_at <= :until", {**values, ":until": to_text(until)}
        return self.query("by_uncovered", condition, values, only=only)

    def count(self, only: Only | None = None) -> int:
        """The number of desktops in the ledger that still exist; only the number is read, no rows."""
        statuses = [one for one in RowStatus if one is not RowStatus.PRIMARY_GONE]
        partitions = [{":status": status_partition(one, shard)} for one, shard in product(statuses, ALL_SHARDS)]
        queries = [
            self._pages("by_status", "ix_status = :status", one, only, {"Select": "COUNT"}) for one in partitions
        ]
        return sum(int(page["Count"]) for page in ahead(queries))

    def of_day(
        self, day: str, since: str | None = None, until: str | None = None, only: Only | None = None
    ) -> Iterator[Item]:
        """The changes of a UTC day between two times, in order."""
        bounds = {":since": since or day, ":until": until or f"{day}T~"}  # every time of the day is between both

        def shard(number: int) -> Iterator[Item]:
            # The key of the index has the form that the ledger writes.
            values = {":day": f"{day}#{number}", **bounds}
            return self.query("by_day", "ix_day = :day AND ix_day_at BETWEEN :since AND :until", values, only=only)

        return heapq.merge(*(shard(number) for number in ALL_SHARDS), key=lambda item: str(item.get("at")))

    def history(self, pk: str, *, newest_first: bool = False) -> Iterator[Item]:
        """The changes of a primary, or of another row with a history (`PAUSE`, `SWEEP#d-…`)."""
        values = {":id": pk, ":event": "EVENT#"}
        return self.query(None, "pk = :id AND begins_with(sk, :event)", values, newest_first=newest_first)

    def at(self, pk: str, moment: datetime) -> Item | None:
        """The last change of a primary before a moment; None if the primary was not known then."""
        values = {":id": pk, ":event": "EVENT#"}
        only = Only("#at <= :at", {"#at": "at"}, {":at": to_text(moment)})
        condition = "pk = :id AND begins_with(sk, :event)"
        return next(self.query(None, condition, values, newest_first=True, only=only), None)

    def events(self, versions: Mapping[str, int]) -> dict[str, Item]:
        """One event of each primary, by id: the one that made its row that version. A missing event is left out."""
        return {item["pk"]: item for item in self.get([(pk, event_key(one)) for pk, one in versions.items()])}

    def days(self, directory: str, first: str, last: str) -> Iterator[Item]:
        """The daily figures of a directory between two UTC days; days without a complete scan are missing."""
        values = {":directory": coverage_key(DirectoryId(directory)), ":first": f"DAY#{first}", ":last": f"DAY#{last}"}
        return self.query(None, "pk = :directory AND sk BETWEEN :first AND :last", values)

    def has_day_before(self, directory: str, day: str) -> bool:
        """Whether a directory had a complete scan before a UTC day."""
        values = {":directory": coverage_key(DirectoryId(directory)), ":day": f"DAY#{day}"}
        pages = self._pages(None, "pk = :directory AND sk < :day", values, None, {"Limit": 1})
        return bool(next(pages)["Items"])

    def primaries_of(self, standby_ids: Sequence[str]) -> dict[str, str]:
        """The primary of each id that is or was a standby in the ledger, by standby id."""
        found = self.get([(f"STANDBY#{one}", "STANDBY") for one in standby_ids])
        return {item["pk"].partition("#")[2]: str(item["primary_id"]) for item in found}

    def kept_settings(self) -> Kept | None:
        """The settings that the last sweep used; None before the first sweep, or if they cannot be read."""
        for item in self.get([(SETTINGS, SETTINGS)]):
            try:
                settings = Settings.from_document(json.loads(item["settings_json"]))
                return Kept(settings, str(item["config_digest"]), str(item["noted_at"]))
            except (BadSettings, KeyError, TypeError, ValueError):
                return None  # of another version: this version could misread them
        return None

    def find(self, text: str) -> list[Item]:
        """The present rows that an id of a primary, an id of a standby, or a user name refers to; may be empty."""
        given = text.strip()
        if not is_workspace_id(given):
            return self.of_user(given) if given else []
        if found := self.states([given]):
            return list(found.values())
        return list(self.states(list(self.primaries_of([given]).values())).values())

    # How it is read

    def get(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        """The items that exist, in no order, read consistently: a change that was just made is included."""
        found: list[Item] = []
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), _MOST_KEYS):
            wanted: Any = [pack({"pk": pk, "sk": sk}) for pk, sk in distinct[start : start + _MOST_KEYS]]
            for _ in range(_TRIES):
                answer = self._ask(
                    "batch_get_item", RequestItems={self.pair.table: {"Keys": wanted, "ConsistentRead": True}}
                )
                found += [unpack(item) for item in answer["Responses"].get(self.pair.table, [])]
                wanted = answer.get("UnprocessedKeys", {}).get(self.pair.table, {}).get("Keys")
                if not wanted:
                    break
            else:
                words = f"DynamoDB in {self.region} does not return all requested rows."
                raise Problem("Throttled", words, "Try again in a minute.", Status.INCOMPLETE)
        self.items += len(found)
        return found

    def query(
        self,
        index: str | None,
        condition: str,
        values: Mapping[str, Any],
        *,
        newest_first: bool = False,
        only: Only | None = None,
    ) -> Iterator[Item]:
        """The items of a query, a page in memory at a time."""
        for page in self._pages(index, condition, values, only, {"ScanIndexForward": not newest_first}):
            self.items += len(page["Items"])
            yield from (unpack(item) for item in page["Items"])

    def _pages(
        self, index: str | None, condition: str, values: Mapping[str, Any], only: Only | None, more: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        arguments: dict[str, Any] = {
            "TableName": self.pair.table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": pack({**values, **(only.values if only else {})}),
            **({"IndexName": index} if index else {}),
            **more,
        }
        if only is not None:
            names = dict(only.names)
            if only.expression:
                arguments["FilterExpression"] = only.expression
            if only.attributes:
                # By placeholders, because DynamoDB reserves many names.
                chosen = {f"#a{number}": name for number, name in enumerate(only.attributes)}
                arguments["ProjectionExpression"] = ", ".join(chosen)
                names |= chosen
            if names:
                arguments["ExpressionAttributeNames"] = names
        while True:
            answer = self._ask("query", **arguments)
            yield answer
            if not answer.get("LastEvaluatedKey"):
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _ask(self, operation: str, **arguments: Any) -> Any:
        """Send one request to the primary Region, or to the DR Region after the primary has not answered."""
        from botocore.exceptions import BotoCoreError, ClientError

        while True:
            is_primary = self.region == self.pair.region
            client = self.aws.client("dynamodb", self.region, quick=is_primary)
            self.requests += 1
            try:
                return getattr(client, operation)(**arguments)
            except (ClientError, BotoCoreError) as problem:
                if is_primary and is_no_answer(problem):
                    self.aws.down.add(self.region)
                    self.region = self.pair.dr_region
                    continue
                raise self._problem(problem) from None

    def _problem(self, problem: Any) -> Problem:
        if "ResourceNotFound" in str(problem):
            words = f"There is no ledger {self.pair.table} in {self.region}."
            return Problem("NoLedger", words, "Check the stack's name, and the account (AWS_PROFILE or --profile).")
        what = f"The ledger {self.pair.table} in {self.region} cannot be read"
        return unseen(what, problem, self.pair.reader_policy)


def ahead(queries: Sequence[Iterator[T]]) -> Iterator[T]:
    """The pages of queries, in order. While one query is read, the first pages of the next queries are requested.

    Most partitions of a small fleet are empty; read one after the other, each would cost a round trip.
    """
    firsts = deque(_begun(pages) for pages in queries[:_AHEAD])
    for number, pages in enumerate(queries):
        page = firsts.popleft().result()
        if number + _AHEAD < len(queries):
            firsts.append(_begun(queries[number + _AHEAD]))
        while page is not None:
            yield page
            page = next(pages, None)


def _begun(pages: Iterator[T]) -> Future[T | None]:
    """The first page, requested in a daemon thread: unlike an executor's threads, it does not delay Ctrl-C."""
    from concurrent.futures import Future

    first: Future[T | None] = Future()

    def ask() -> None:
        try:
            first.set_result(next(pages, None))
        except BaseException as problem:  # raised where the page is read
            first.set_exception(problem)

    threading.Thread(target=ask, daemon=True).start()
    return first
