"""The quota of standbys: asked for, kept, and no limit where it is not known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from standby.clock import to_text
from standby.ledger.quota import QUOTA, StandbyQuota, keep_quota, known_quota
from standby.model import Status, Unknown
from tests.unit.estate import USERS, Estate, estate
from tests.unit.sweeping import accept


def asked(found: Estate) -> int | Unknown:
    return StandbyQuota(found.quotas).ask()


def test_a_quota_that_was_changed_is_told() -> None:
    with estate(standby_quota=50) as found:
        assert asked(found) == 50


def test_of_a_quota_that_nobody_changed_the_default_is_told() -> None:
    with estate() as found:
        assert asked(found) == 1_000_000


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ("throttle", "TooManyRequestsException"),
        ("refuse", "AccessDeniedException"),
        ("error", "ServiceException"),
        ("empty", "MalformedAnswer"),
        ("none", "NoSuchResourceException"),
    ],
)
def test_what_is_not_told_is_unknown_and_says_why(answers: str, code: str) -> None:
    with estate(quota_answers=answers) as found:
        told = asked(found)
        assert isinstance(told, Unknown)
        assert told.code == code


@pytest.mark.parametrize(
    "answer",
    [{}, {"Quota": None}, {"Quota": {}}, {"Quota": {"Value": "50"}}, {"Quota": {"Value": True}}]
    + [{"Quota": {"Value": value}} for value in (-1, 1e40, float("nan"), float("inf"))],
)
def test_an_answer_without_a_number_is_unknown(answer: Any) -> None:
    class Client:
        def get_service_quota(self, **_: str) -> Any:
            return answer

    assert isinstance(StandbyQuota(Client()).ask(), Unknown)  # type: ignore[arg-type]


def test_what_was_measured_is_good_for_a_day() -> None:
    with estate() as found:
        now = found.clock.now()
        keep_quota(found.parts.table(), 50, now)
        row = found.item(QUOTA, QUOTA)
        assert known_quota(row, now + timedelta(hours=23)) == 50
        assert known_quota(row, now + timedelta(hours=24)) is None


@pytest.mark.parametrize("value", [None, "many", -1, 1.5, True])
def test_a_row_by_hand_is_no_quota(value: object) -> None:
    with estate() as found:
        now = found.clock.now()
        assert known_quota({"measured_at": to_text(now), "value": value}, now) is None
        assert known_quota({"measured_at": "yesterday", "value": 1}, now) is None
        assert known_quota(None, now) is None


# What it holds back


def backfill(found: Estate, quota: int | None) -> list[str]:
    """An accepted fleet of 12, with a quota that was measured by the sweep that accepted it."""
    ids = found.create_ready(*USERS[:12])
    found.world.settings.change(standby_quota=quota)
    found.sweep()
    accept(found)
    found.sweep()
    return ids


def protected(found: Estate, ids: list[str]) -> int:
    return [found.status(one)[0] for one in ids].count(Status.PROTECTED)


def test_backfill_goes_as_far_as_the_quota_and_no_call_is_refused_for_it() -> None:
    with estate() as found:
        ids = backfill(found, 5)
        found.watch()
        assert protected(found, ids) == 5
        assert {call.outcome for call in found.creates()} == {"ok"}
        assert [found.status(one) for one in ids].count((Status.HELD, "BACKFILL")) == 7
        found.pass_time(minutes=20)
        calls = len(found.world.calls)
        found.watch()
        assert len(found.world.calls) == calls
        found.world.settings.change(standby_quota=20)
        found.sweep()
        found.watch()
        assert protected(found, ids) == 12
        assert found.world.duplicates() == []


def test_dead_ones_at_the_head_of_the_line_take_up_no_room_below_the_quota() -> None:
    with estate() as found:
        ids = backfill(found, 2)
        for one in ids[:9]:
            found.world.terminate(one)
        found.pass_time(minutes=10)
        found.watch()
        assert protected(found, ids) == 2


def test_a_quota_that_is_not_known_or_was_measured_long_ago_limits_nothing() -> None:
    with estate() as found:
        ids = backfill(found, 5)
        found.world.settings.change(standby_quota=None)
        found.pass_time(hours=25)
        found.watch()
        assert protected(found, ids) == 12
    with estate(quota_answers="refuse") as found:
        ids = backfill(found, None)
        assert found.item(QUOTA, QUOTA) == {}
        found.watch()
        assert protected(found, ids) == 12


def test_what_is_new_or_asked_for_by_hand_is_the_services_to_refuse() -> None:
    with estate() as found:
        ids = backfill(found, 2)
        found.watch()
        found.world.settings.change(standby_quota=4)
        (held, *_) = [one for one in ids if found.status(one)[0] is Status.HELD]
        found.protect(held)
        (new,) = found.create_ready(USERS[20])
        found.protect(new, cause="event")
        found.watch()
        assert {found.status(one)[0] for one in (held, new)} == {Status.PROTECTED}
