"""`standby plan`: what standbys for existing fleets would mean, and who has not logged in."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import plans, unused
from standby.core.settings import Directory, Rules
from tests.cli.stage import UNREACHABLE, Stage
from tests.component.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, refusal, settings
from tests.core.cases import NOW

LINUX = {"BundleId": "wsb-ubuntustandard"}
LOGINS = ("workspaces", "describe_workspaces_connection_status")
CAPPED = settings(max_new_standbys_per_day=10, backfill_in_flight=4)
LIMITS = plans.Limits(quota=50, standbys=45)
PLAN = {"would_get": 20, "has": 3, "cannot": {}, "excluded": {}, "monthly_cost": "82.00", "not_priced": {}}


@pytest.fixture
def swept(stage: Stage) -> Stage:
    """A directory with seven desktops that were there before, and one that cannot have a standby."""
    stage.configure(prices={"STANDARD": Decimal("5.75")})
    stage.create_ready(*USERS[:7])
    stage.create_ready(USERS[8], **LINUX)
    stage.sweep()
    return stage


@pytest.mark.parametrize(
    ("count", "days", "words"),
    [(0, 0, "no time"), (4, 1, "about 20 to 60 minutes"), (8, 1, "about 0.7 to 2 hours"), (9, 2, "2 days")],
)
def test_a_fifth_of_each_day_is_left_for_new_desktops(count: int, days: int, words: str) -> None:
    time = plans.time_for(count, CAPPED)
    assert (time.per_day, time.days, str(time)) == (8, days, words)


@pytest.mark.parametrize(
    ("baseline", "state", "remaining"),
    [
        ({}, plans.NOT_SWEPT, None),
        ({"plan": PLAN, "dr_directory_id": "d-92former"}, plans.NOT_SWEPT, None),
        ({"plan": PLAN, "dr_directory_id": AWAY}, plans.REPORTED, 20),
        ({"plan": PLAN | {"would_get": 0}}, plans.NOTHING, 0),
        (
            {"plan": PLAN, "accepted": True, "progress": {"waiting": 17, "other": 3}},  # as the last sweep counted
            plans.ACCEPTED,
            7,
        ),
    ],
)
def test_a_plan_is_of_the_directory_as_it_is_mapped_now(baseline: Any, state: str, remaining: int | None) -> None:
    left = {"waiting": 5, "under_way": 2, "other": 3} if state == plans.ACCEPTED else {"reported": 20}
    found = plans.of_directory(HOME, CAPPED, baseline, None, LIMITS, left)
    assert (found["state"], found.get("remaining")) == (state, remaining)
    if state == plans.ACCEPTED:
        (row,) = [row for row in plans.figures(found, CAPPED) if row["figure"] == "Remaining"]
        assert row["basis"] == "now: 2 in progress, 10 protected, 5 waiting, 3 without one"


@pytest.mark.parametrize(("quota", "room"), [(50, 5), (None, 4955), (40, 0)])
def test_the_room_is_below_quota_and_ceiling(quota: int | None, room: int) -> None:
    limits = replace(LIMITS, quota=quota)
    found = plans.of_directory(HOME, CAPPED, {"plan": PLAN}, None, limits, {})
    assert found["room"] == room
    shown = next(row["basis"] for row in plans.figures(found, CAPPED) if row["figure"] == "Room for")
    assert ("Room is missing" in shown) == (room < 20)


def test_what_is_not_priced_is_named_and_not_counted_as_nothing() -> None:
    plan = PLAN | {"monthly_cost": None, "not_priced": {"POWER": 2}}
    found = plans.of_directory(HOME, CAPPED, {"plan": plan}, None, LIMITS, {})
    (cost,) = [row for row in plans.figures(found, CAPPED) if row["figure"] == "Monthly cost"]
    assert cost["value"] == "not known"
    assert "2 POWER" in cost["basis"]


def test_a_reported_fleet_with_its_costs_and_how_to_accept_it(swept: Stage) -> None:
    ran = swept.standby("plan", width=80)
    assert ran.status == 0
    for words in ("no standbys are created", "USD 40.25", "1 OPERATING_SYSTEM", "20 to 60 minutes", "160 a day"):
        assert words in ran.out
    assert f"standby accept {HOME}" in ran.err
    (row,) = json.loads(swept.standby("plan --output json").out)["directories"]
    assert (row["would_get"], row["monthly_cost"], row["cannot"]) == (7, "40.25", {"OPERATING_SYSTEM": 1})
    heading, line = swept.standby("plan --output csv").out.splitlines()
    assert heading.startswith("stack,directory_id,dr_directory_id,state,would_get")
    assert line.startswith(f"{TABLE},{HOME},{AWAY},REPORTED,7,0")
    narrow = swept.standby("plan --no-color", width=40).out
    assert "Monthly cost: USD 40.25" in narrow
    assert max(len(line) for line in narrow.splitlines()) <= 40


def test_pcoip_is_counted(swept: Stage) -> None:
    swept.table.set(f"COVERAGE#{HOME}", f"DAY#{swept.clock.now():%Y-%m-%d}", {"pcoip_primaries": 4})
    assert "4 desktops, 0 standbys" in swept.standby("plan").out


def test_an_accepted_fleet_shows_what_is_still_to_come(swept: Stage) -> None:
    swept.accept()
    swept.pass_time(hours=1)
    swept.sweep()
    ran = swept.standby(f"plan {HOME}", width=100)
    assert "Remaining" in ran.out
    assert "7 waiting" in ran.out
    assert "accepts that fleet" not in ran.err
    swept.watch()
    ran = swept.standby(f"plan {HOME}", width=200)
    assert "now: 7 protected, 1 without one" in ran.out


def test_before_the_first_sweep_it_says_what_is_missing(stage: Stage) -> None:
    ran = stage.standby("plan")
    assert ran.status == 4
    assert "start-execution --region us-east-1 --state-machine-arn arn:" in ran.err
    stage.stacks.clear()
    ran = stage.standby("plan")
    assert (ran.status, "make deploy" in ran.err) == (2, True)


def test_a_directory_that_is_not_mapped_is_refused_with_those_that_are(swept: Stage) -> None:
    ran = swept.standby("plan d-9999999999")
    assert (ran.status, HOME in ran.err) == (2, True)


# Who has not logged in


@pytest.mark.parametrize(
    ("status", "age", "kind"),
    [
        ({"ConnectionState": "CONNECTED"}, 400, unused.Kind.IN_USE),
        ({"ConnectionState": "DISCONNECTED", "LastKnownUserConnectionTimestamp": NOW}, 400, unused.Kind.IN_USE),
        (
            {"ConnectionState": "UNKNOWN", "LastKnownUserConnectionTimestamp": NOW - timedelta(90)},
            1,
            unused.Kind.UNUSED,
        ),
        ({"ConnectionState": "DISCONNECTED"}, 90, unused.Kind.NEVER),
        ({"ConnectionState": "DISCONNECTED"}, 89, unused.Kind.NEW),
        ({"ConnectionState": "UNKNOWN"}, 400, unused.Kind.UNKNOWN),  # as of a stopped WorkSpace
        ({"ConnectionState": "DISCONNECTED", "LastKnownUserConnectionTimestamp": "?"}, 400, unused.Kind.UNKNOWN),
        ({}, 400, unused.Kind.UNKNOWN),
    ],
)
def test_only_what_aws_says_is_unused(status: Any, age: int, kind: unused.Kind) -> None:
    user = unused.User("Al")
    user.add({"pk": "ws-1", "first_seen_at": (NOW - timedelta(age)).isoformat()}, status)
    assert user.kind(NOW, timedelta(90)) is kind


def test_a_user_with_one_desktop_in_use_or_unknown_is_not_unused() -> None:
    old = {"ConnectionState": "DISCONNECTED", "LastKnownUserConnectionTimestamp": NOW - timedelta(100)}
    for other, kind in (({"ConnectionState": "CONNECTED"}, unused.Kind.IN_USE), ({}, unused.Kind.UNKNOWN)):
        user = unused.User("Al")
        user.add({"pk": "ws-1"}, old)
        user.add({"pk": "ws-2"}, other)
        assert user.kind(NOW, timedelta(90)) is kind


@pytest.mark.parametrize("name", ["Al", "a*", "what?", "[UNDEFINED]x", 'd\'or "x"'])
def test_the_rule_for_a_user_matches_that_user_alone(name: str) -> None:
    rules = Rules(users=(unused.pattern(name),))
    seen = {one: dict(rules.results(_desktop(one))) for one in (name, "whatx", "ab", "u")}
    assert [one for one, matches in seen.items() if any(matches.values())] == [name]


def _desktop(user: str) -> Any:
    from standby.core.model import Workspace, WorkspaceId

    return Workspace(WorkspaceId("ws-1"), user_name=user)


def _primary_of(stage: Stage, user: str) -> str:
    return next(one.workspace_id for one in stage.world.primaries() if one.user_name == user)


def test_the_lines_can_be_pasted_into_the_configuration(swept: Stage, tmp_path: Path) -> None:
    swept.world.connect(_primary_of(swept, USERS[0]))
    swept.pass_time(days=91)
    swept.world.connect(_primary_of(swept, USERS[1]))
    swept.create_ready("user050")
    swept.sweep()
    ran = swept.standby("plan --unused 90", width=60)
    assert ran.status == 0
    pasted = "pairs:\n  - exclude:\n      users:\n" + ran.out
    (pair,) = yaml.safe_load(pasted)["pairs"]
    assert pair["exclude"]["users"] == [USERS[0], *USERS[2:7], USERS[8]]
    assert "Last login 90 days ago or more: 1 of 9 users" in ran.out
    assert '# - "user050"' in ran.out
    rows = json.loads(swept.standby("plan --unused 90 --output json").out)["users"]
    assert [row["kind"] for row in rows] == ["UNUSED", *["NEVER_CONNECTED"] * 6, "NEVER_CONNECTED_NEW"]


def test_a_user_with_a_desktop_of_which_aws_says_nothing_is_unknown(swept: Stage) -> None:
    swept.pass_time(days=91)
    swept.put("ws-0nothing0", "STATE", ix_user=USERS[0], ix_user_at="2026", status="WAITING")
    ran = swept.standby("plan --unused 90")
    assert USERS[0] not in ran.out
    assert "AWS does not report the last login: 1 of 8 users" in ran.out


def test_logins_are_asked_for_page_by_page_at_one_call_a_second(swept: Stage) -> None:
    swept.create_ready(*USERS[10:60])
    began = swept.clock.now()
    assert swept.standby("plan --unused 90").status == 0
    pages = [one for one in swept.asked if one[2] == LOGINS[1]]
    assert [one[1] for one in pages] == [PRIMARY] * 3
    assert (swept.clock.now() - began).total_seconds() >= len(pages) - 1


@pytest.mark.parametrize(
    ("problem", "status"),
    [(refusal("AccessDeniedException"), 3), (refusal("ThrottlingException"), 4), (UNREACHABLE, 4)],
)
def test_nothing_is_listed_unless_all_was_seen(swept: Stage, problem: Exception, status: int) -> None:
    swept.refused[LOGINS] = problem
    ran = swept.standby("plan --unused 90")
    assert (ran.status, ran.out) == (status, "")
    assert PRIMARY in ran.err


def test_the_plan_is_read_in_the_dr_region_when_the_primary_region_is_lost(swept: Stage) -> None:
    swept.down = {PRIMARY}
    ran = swept.standby("plan")
    assert (ran.status, f"read in {DR}" in ran.err) == (0, True)


def test_two_directories_share_a_days_number(swept: Stage) -> None:
    other = {"d-9067328a7c": Directory(AWAY.__class__("d-926722f013"))}
    swept.configure(directories={**swept.deployed.settings.directories, **other}, max_new_standbys_per_day=5)
    swept.world.add_directory(PRIMARY, "d-9067328a7c", USERS)
    swept.world.add_directory(DR, "d-926722f013", USERS)
    swept.create("user090", "user091", directory="d-9067328a7c")
    swept.pass_time(hours=2)
    swept.sweep()
    assert "Together, 9 desktops of 2 directories take 3 days." in swept.standby("plan").out
