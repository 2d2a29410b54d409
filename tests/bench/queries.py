"""How many items the operator's queries read for each that they return, in a ledger of a million events.

Only the keys matter: an index's query reads what stands behind a partition key, from a sort key on. So the product's
own functions make the keys of a million events and 100,000 rows, each query counts what it reads, and what it should
return is counted from the events themselves. What a query of docs/queries.md filters after it was answered is not in
it; one with a filter of DynamoDB's is refused.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

from local.queries import audit_queries
from standby.core.model import Status, to_text
from standby.core.row import ALL_SHARDS, day_keys, shard_of, status_partition

_DAYS = 400
_UNCOVERED = (Status.INELIGIBLE, Status.EXCLUDED, Status.REPORTED, Status.HELD, Status.FAILED)


def amplification(events: int = 1_000_000, desktops: int = 100_000) -> dict[str, float]:
    """Items read by items returned, by query."""
    for query in audit_queries():
        assert "--filter-expression" not in query.command, f"{query.name} reads more than it returns"
        assert re.search(r"dynamodb (query|scan|get-item)", query.command)
    dice = random.Random(0)  # noqa: S311 (repeatable, not secret)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [f"ws-{number:09x}" for number in range(desktops)]
    by_day, on_day = Counter[str](), Counter[str]()
    for number in range(events):
        at = began + timedelta(seconds=dice.uniform(0, _DAYS * 86400))
        by_day[day_keys(to_text(at), ids[number % desktops])["ix_day"]] += 1
        on_day[at.date().isoformat()] += 1
    statuses = {one: dice.choice((Status.PROTECTED, *_UNCOVERED)) for one in ids}
    by_status = Counter(status_partition(status, shard_of(one)) for one, status in statuses.items())
    of_status = Counter(statuses.values())
    day = max(on_day, key=lambda one: on_day[one])
    read_of_day = sum(by_day[f"{day}#{shard}"] for shard in ALL_SHARDS)
    read_failed = sum(by_status[status_partition(Status.FAILED, shard)] for shard in ALL_SHARDS)
    return {
        "a day's events (by_day)": read_of_day / on_day[day],
        "all of a status (by_status)": read_failed / of_status[Status.FAILED],
        # One partition key each: the user's key, the primary's id, the Region of what is uncovered.
        "a user's rows (by_user)": 1.0,
        "a desktop's history (pk)": 1.0,
        "who has none (by_uncovered)": 1.0,
    }
