"""Helpers of the sweep's tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from standby.model import Status
from tests.unit.estate import HOME, TABLE, Estate

DESCRIBE = "DescribeWorkspaces"

REPORTED = (Status.REPORTED, "EXISTING_FLEET")


def kept(found: Estate, name: str) -> dict[str, Any]:
    """What the sweep keeps of the directory."""
    return found.item(f"SWEEP#{HOME}", name)


def accept(found: Estate, value: Any = True) -> None:
    """Accept the directory's existing fleet, as an operator does."""
    to = TypeSerializer()
    found.dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": to.serialize(f"SWEEP#{HOME}"), "sk": to.serialize("BASELINE")},
        UpdateExpression="SET accepted = :yes",
        ExpressionAttributeValues={":yes": to.serialize(value)},
    )


def swept(found: Estate) -> None:
    """Sweep an empty directory until it is believed to be empty, so that what comes is new."""
    for hours in (0, 4, 1):
        found.pass_time(hours=hours)
        found.sweep()
    assert kept(found, "BASELINE")["taken_at"]


def creates(found: Estate) -> int:
    return len(found.creates())


def protected(found: Estate, *users: str) -> list[str]:
    """Protected desktops of a directory that was swept before."""
    swept(found)
    ids = found.create_ready(*users)
    found.protect(*ids)
    found.watch()
    assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
    found.pass_time(minutes=5)
    return ids


def sweeps(found: Estate, count: int = 3, *, pages: int = 1000) -> None:
    """Sweep each hour: what is gone is so after two of them."""
    for _ in range(count):
        found.pass_time(hours=1)
        found.sweep(pages=pages)


@contextmanager
def hidden(found: Estate, ids: set[Any], asked_by: str | None = None) -> Iterator[None]:
    """No answer shows these, for a while; or none to who asks by this."""
    real = found.world.call

    def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
        answer = real(where, operation, params, principal)
        if operation == DESCRIBE and asked_by in (None, *params):
            answer["Workspaces"] = [one for one in answer["Workspaces"] if one["WorkspaceId"] not in ids]
        return answer

    found.world.call = call  # type: ignore[method-assign, assignment]
    yield
    found.world.call = real  # type: ignore[method-assign]


def notices(found: Estate, primary_id: str) -> list[str]:
    return [event["reason_code"] for event in found.history(primary_id) if event.get("notice")]


@contextmanager
def unrelated(found: Estate, primary_id: str) -> Iterator[None]:
    """No answer shows a primary's standby, nor names it, for a while."""
    real = found.world.call

    def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
        answer = real(where, operation, params, principal)
        for one in answer.get("Workspaces", ()):
            if one["WorkspaceId"] == primary_id:
                one.pop("RelatedWorkspaces", None)
        return answer

    with hidden(found, {found.row(primary_id).standby_id}):
        real = found.world.call
        found.world.call = call  # type: ignore[method-assign, assignment]
        yield


def intervals(found: Estate) -> int:
    """Seconds told since the last time this was asked."""
    return found.notes.counts.pop("SweepIntervalSeconds", 0)
