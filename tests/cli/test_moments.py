"""The event that describes a desktop at a moment, found by the versions of its row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.moments import rows_then

BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
DESKTOPS = 230


def at(hour: int) -> str:
    return (BEGAN + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Histories:
    """A ledger in which desktop number n has changed n % 7 + 1 times, every hour from the first on."""

    def __init__(self, deleted: int | None = None) -> None:
        self.deleted = deleted
        self.requests = 0
        self.queried: list[str] = []

    def rows(self) -> list[dict[str, Any]]:
        return [self.row(number, number % 7 + 1) for number in range(DESKTOPS)]

    def row(self, number: int, version: int) -> dict[str, Any]:
        times = {"first_seen_at": at(1), "changed_at": at(version), "at": at(version)}
        return {"pk": f"ws-{number}", "version": version, "reason_code": "STANDBY_READY", **times}

    def events(self, versions: dict[str, int]) -> dict[str, dict[str, Any]]:
        self.requests += 1
        kept = {pk: version for pk, version in versions.items() if version <= 7 and version != self.deleted}
        return {pk: self.row(int(pk[3:]), version) for pk, version in kept.items()}

    def at(self, pk: str, moment: datetime) -> dict[str, Any] | None:
        self.queried.append(pk)
        hours = int((moment - BEGAN).total_seconds() // 3600)
        versions = [version for version in range(1, hours + 1) if version != self.deleted]
        return self.row(int(pk[3:]), versions[-1]) if versions else None


def then(ledger: Any, hour: int) -> list[tuple[str, int]]:
    return [(row["pk"], row["version"]) for row in rows_then(ledger, ledger.rows(), BEGAN + timedelta(hours=hour))]


@pytest.mark.parametrize("hour", range(9))
def test_each_desktop_has_its_last_version_up_to_the_moment_in_the_order_of_the_rows(hour: int) -> None:
    ledger = Histories()
    wanted = [(f"ws-{number}", min(number % 7 + 1, hour)) for number in range(DESKTOPS)]
    assert then(ledger, hour) == (wanted if hour else [])
    assert ledger.requests <= 3 * 3  # of seven versions, for each hundred desktops
    assert not ledger.queried


def test_of_a_desktop_with_a_deleted_event_the_history_is_read() -> None:
    ledger = Histories(deleted=3)
    found = dict(then(ledger, 3))
    assert found["ws-5"] == 2
    assert found["ws-1"] == 2
    assert ledger.queried


@pytest.mark.parametrize("version", [None, "three", 0, 1, 50])
def test_of_a_row_whose_version_somebody_edited_the_history_is_read(version: object) -> None:
    ledger = Histories()
    edited = ledger.row(6, 7) | {"version": version}
    (row,) = rows_then(ledger, [edited], BEGAN + timedelta(hours=3))  # type: ignore[arg-type]
    assert row["version"] == 3
    assert ledger.queried == ["ws-6"]
