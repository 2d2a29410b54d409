"""A user who has another desktop, or another standby, in the DR directory: INELIGIBLE, and tried again once a day."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from standby.model import Status
from tests.unit.estate import AWAY, DR, HOME, USERS, WINDOWS, Estate, estate
from tests.unit.sweeping import accept, swept

SECONDARY = (Status.INELIGIBLE, "SECONDARY_EXISTS")


def desktop_by_hand(found: Estate, user: str) -> str:
    item = {"DirectoryId": AWAY, "UserName": user, "BundleId": WINDOWS}
    answer = found.world.call(DR, "CreateWorkspaces", {"Workspaces": [item]})
    (made,) = answer["PendingRequests"]
    return str(made["WorkspaceId"])


def hourly(found: Estate, count: int) -> set[tuple[str, int, int]]:
    """Sweeps, an hour apart, and the figures of the directory that they come to."""
    figures = set()
    for _ in range(count):
        following = found.clock.now() + timedelta(hours=1)
        found.sweep()
        found.watch(hours=0.9)
        found.clock.sleep((following - found.clock.now()).total_seconds())
        row = found.item(f"COVERAGE#{HOME}", "DAY#" + found.clock.now().date().isoformat())
        if row:
            figures.add((str(row["coverage_percent"]), row["eligible"], row["ineligible"]))
    return figures


def reasons(found: Estate, primary_id: str) -> Counter[str]:
    return Counter(event["reason_code"] for event in found.history(primary_id))


@pytest.mark.parametrize("existing", [False, True])
def test_a_user_with_a_desktop_by_hand_is_tried_once_a_day_and_counts_as_one_who_cannot(*, existing: bool) -> None:
    with estate(strict=True) as found:
        if not existing:
            swept(found)
        by_hand = desktop_by_hand(found, USERS[0])
        one, *others = found.create_ready(*USERS[:3])
        if existing:
            found.sweep()
            accept(found)
        hourly(found, 3)
        assert found.status(one) == SECONDARY
        assert {found.status(each)[0] for each in others} == {Status.PROTECTED}
        first = reasons(found, one)
        assert first["CLAIM_TAKEN"] == 1
        found.pass_time(hours=18)
        # In these hours it is tried once more.
        assert hourly(found, 6) == {("100", 2, 1)}
        assert found.status(one) == SECONDARY
        assert reasons(found, one) - first == Counter(
            {"CLAIM_TAKEN": 1, "SECONDARY_EXISTS": 1} | ({"BACKFILL": 1} if existing else {})
        )
        assert len([event for event in found.history(one) if event.get("notice")]) == 1
        found.world.terminate(by_hand)
        found.pass_time(hours=22)
        hourly(found, 3)
        assert found.status(one)[0] is Status.PROTECTED
        assert found.world.duplicates() == []


def test_a_user_whose_claim_another_primary_holds_counts_as_one_who_cannot_whenever_it_is_tried() -> None:
    with estate() as found:
        swept(found)
        found.parts.table().put({"pk": f"CLAIM#{AWAY}#{USERS[0]}", "sk": "CLAIM", "primary_id": "ws-other0000"})
        one, other = found.create_ready(*USERS[:2])
        hourly(found, 3)
        assert found.status(one) == (Status.INELIGIBLE, "USER_HAS_STANDBY")
        assert found.status(other)[0] is Status.PROTECTED
        found.pass_time(hours=20)
        assert hourly(found, 5) == {("100", 1, 1)}
        assert reasons(found, one) == Counter({"USER_HAS_STANDBY": 1})
