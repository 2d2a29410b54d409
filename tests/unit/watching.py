"""Helpers of the watcher's tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from standby.ledger.ledger import Context
from standby.model import Cause, Status, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.watch import observe
from tests.unit.estate import EXECUTION, PRIMARY, USERS, Estate

CREATE = "CreateStandbyWorkspaces"

DESCRIBE = "DescribeWorkspaces"

OTHER_EXECUTION = EXECUTION.replace(":one", ":two")

SECOND = timedelta(seconds=1)

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)

POLL = 120


def describes(found: Estate, region: str = PRIMARY) -> list[Any]:
    return [call for call in found.world.calls if (call.operation, call.region) == (DESCRIBE, region)]


def looks(found: Estate, primary_id: str) -> list[Any]:
    """The moments at which a primary was described."""
    return [call.at for call in describes(found) if primary_id in call.params.get("WorkspaceIds", ())]


def put_rows(found: Estate, count: int, status: Status = Status.WAITING, **fields: Any) -> list[str]:
    """Due rows of primaries that exist in the ledger alone."""
    ids = [f"ws-{status.lower().replace('_', '')[:4]}{number:06}" for number in range(count)]
    for one in ids:
        put_row(found, one, status=status, **fields)
    return ids


def put_row(found: Estate, primary_id: str, **fields: Any) -> None:
    now = found.clock.now()
    given: dict[str, Any] = {
        "status": Status.WAITING,
        "primary_region": found.parts.settings.primary_region,
        "dr_region": found.parts.settings.dr_region,
        "reason": Reason.PRIMARY_PENDING,
        "message": "",
        "version": 1,
        "first_seen_at": now,
        "changed_at": now,
        "due_at": now,
        "deadline_at": now + timedelta(days=1),
        "cause_type": "event",
        "cause_id": "e",
    }
    row = Row(primary_id=WorkspaceId(primary_id), **(given | fields))
    found.parts.recorder(Context(Cause("event", "e"), owner="test")).ledger.write(row, None)


def until_nothing_is_left(found: Estate, *, first: int = 0) -> list[observe.Round]:
    """The parts of one round, as the state machine asks for them."""
    parts = [found.observe(first)]
    while parts[-1].cursor is not None:
        parts.append(found.observe(first + len(parts), json.loads(json.dumps(parts[-1].cursor))))
    return parts


def with_time_for(found: Estate, looks_left: int) -> Callable[[int, dict[str, Any] | None], observe.Round]:
    """watch, in an invocation whose time is over after so many batches."""

    def one_round(number: int, cursor: dict[str, Any] | None) -> observe.Round:
        left = [looks_left]

        def has_time() -> bool:
            left[0] -= 1
            return left[0] > 0

        found.watchers.running.add(EXECUTION)
        return found.parts.observer(EXECUTION, "request", has_time).observe(EXECUTION, number, cursor)

    return one_round


def requested(found: Estate, state: str) -> str:
    """A primary whose standby was requested and is seen in a state."""
    found.configure(standby_deadline=timedelta(minutes=30))
    (one,) = found.create_ready(USERS[0])
    found.protect(one)
    (standby,) = found.world.standbys()
    found.world.set_state(standby.workspace_id, state)
    found.pass_time(minutes=16)
    found.observe()
    return one
