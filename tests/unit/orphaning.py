"""Helpers of the tests of orphans and their termination."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from standby.ledger.gates import PAUSE
from standby.model import Status
from standby.sweep.orphans import ORPHAN
from tests.unit.estate import SWEEP, TABLE, USERS, Estate
from tests.unit.sweeping import protected, sweeps

TERMINATE = "TerminateWorkspaces"

DESCRIBE = "DescribeWorkspaces"

DAYS = 14

A_DAY = timedelta(days=1)

_NUMBERS = itertools.count(1)


def swept(found: Estate) -> None:
    """Sweep; each sweep is a run of its own."""
    found.sweep(f"{SWEEP}-{next(_NUMBERS)}")


def on(found: Estate, **changes: Any) -> None:
    """Opt in."""
    found.configure(orphans="terminate", **changes)


def orphaned(found: Estate, count: int = 1, others: int = 1) -> list[str]:
    """Desktops whose primaries are gone and whose standbys are not; `others` live beside them."""
    ids = protected(found, *USERS[: count + others])[:count]
    for one in ids:
        found.world.terminate(one)
    sweeps(found)
    assert {found.status(one) for one in ids} == {(Status.PRIMARY_GONE, "ORPHANED")}
    return ids


def the_last(found: Estate) -> str:
    """The only desktop there was, whose primary is gone: an empty directory is believed after some hours."""
    (one,) = protected(found, USERS[0])
    found.world.terminate(one)
    days(found, 1)
    assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
    return one


def days(found: Estate, count: float = DAYS) -> None:
    """Let days pass, with a sweep at least every eleven hours."""
    for _ in range(int(count * 24 // 11) + 2):
        found.pass_time(hours=11)
        swept(found)


def aged(found: Estate, count: int = 1, age: timedelta = A_DAY, **changes: Any) -> list[str]:
    """Orphans that may be announced, after as many days as are configured."""
    on(found, orphan_age=age, **changes)
    ids = orphaned(found, count)
    days(found, age.days)
    return ids


def a_day(found: Estate) -> None:
    """Let an announcement's day pass, with sweeps."""
    for _ in range(3):
        found.pass_time(hours=8, minutes=10)
        swept(found)


def announced(found: Estate, count: int = 1, **changes: Any) -> list[str]:
    """Orphans that are announced, a day ago."""
    ids = aged(found, count, **changes)
    found.retire()
    assert {found.status(one)[1] for one in ids} == {"TERMINATION_ANNOUNCED"}
    a_day(found)
    return ids


def calls(found: Estate) -> list[Any]:
    """The calls of TerminateWorkspaces."""
    return [call for call in found.world.calls if call.operation == TERMINATE]


def reason(found: Estate, one: str) -> str:
    return found.status(one)[1]


def standby_of(found: Estate, one: str) -> Any:
    standby = found.row(one).standby_id
    assert standby
    return found.world.workspace(standby)


def pause(found: Estate, *, on: bool = True) -> None:
    found.parts.table().put({"pk": PAUSE, "sk": PAUSE, "paused": on})


def keep(found: Estate, one: str, value: Any = True) -> None:
    """As README tells."""
    to = TypeSerializer()
    found.dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": to.serialize(f"ORPHAN#{one}"), "sk": to.serialize(ORPHAN)},
        UpdateExpression="SET kept = :yes",
        ExpressionAttributeValues={":yes": to.serialize(value)},
    )


def replicated(found: Estate) -> dict[str, Any]:
    mapped = found.parts.settings.directories
    return {name: replace(one, data_replication="PRIMARY_AS_SOURCE") for name, one in mapped.items()}
