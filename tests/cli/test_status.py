"""`standby status`: whether people are covered, never good when that is not known, and followed as it changes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest

from cli.overview import Directory, Live, bar, live_by_directory
from cli.state import State
from standby.core.settings import Directory as Mapped
from tests.cli.practised import created, practised
from tests.cli.stage import Stage
from tests.component.estate import AWAY, HOME, USERS, VirtualClock, settings

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
def lived(stage: Stage) -> Stage:
    """A pair with some life behind it; the fixture before it is in a folder without a configuration file."""
    return practised()


def test_it_says_who_is_covered_who_waits_and_what_needs_a_person(lived: Stage) -> None:
    ran = lived.standby("status")
    assert ran.status == 1
    assert ran.out.splitlines()[0] == (
        "Standby-us-east-1-us-west-2: 3 reported desktops have no standby; as of the last sweep, "
        "7 of 7 eligible desktops are protected (100 %); 1 is waiting, 2 need action."
    )
    for line in (
        "  Waiting: 1, the longest for 12 min",
        "  Need action: 2 (1 ORPHANED, 1 SECONDARY_EXISTS)",
        f"  Reported, no standby until accepted: 3 (`standby accept {HOME}`)",
        "  Not eligible: 1 ineligible",
        "  Orphans: 1, USD 4.10 a month (`standby orphans`)",
        "  Standbys as of the last sweep: 7, USD 28.70 a month",
        "Limits: 8 of 200 new standbys today (UTC), 8 of 5000 in all, quota 1000000",
    ):
        assert line in ran.out.splitlines()
    assert "Next: `standby list --needs-action`" in ran.err


def test_it_is_read_from_few_requests(lived: Stage) -> None:
    lived.asked.clear()
    lived.standby("status")
    assert sum(service == "dynamodb" for service, *_ in lived.asked) <= 10


def test_data_has_each_directory_and_each_pair(lived: Stage) -> None:
    found = json.loads(lived.standby("status --output json").out)
    (directory,), (pair,) = found["directories"], found["pairs"]
    expected = {"eligible": 7, "protected": 7, "reported": 3, "waiting": 1, "needs_action": 2, "orphans": 1}
    assert {name: directory[name] for name in expected} == expected
    assert (directory["complete"], pair["paused"], pair["measured_sweep_interval_seconds"]) == (True, False, 3603)
    head, row = lived.standby("status --output csv").out.splitlines()
    assert (head.split(",")[:2], row.split(",")[-1]) == (["stack", "directory_id"], "true")


def test_who_paused_it_and_why_and_what_aws_refuses(lived: Stage) -> None:
    who = {"paused_by": "arn:aws:iam::123456789012:user/al", "paused_at": "2026-01-05T15:00:00.000Z"}
    lived.put("PAUSE", "PAUSE", paused=True, because="CHG-4711", **who)
    lived.put(f"HOLD#{HOME}", "PAUSE", until="2026-01-05T23:00:00.000Z", reason="DIRECTORY_REFUSED")
    out = lived.standby("status").out
    assert "No standbys are created: paused by al since 2026-01-05 15:00 UTC: CHG-4711 (`standby resume`)" in out
    assert f"Held: {HOME}, DIRECTORY_REFUSED (`standby explain DIRECTORY_REFUSED`)" in out
    lived.put("PAUSE", "PAUSE")  # as somebody writes it manually
    assert "No standbys are created: paused by a row that was written manually" in lived.standby("status").out
    lived.put("PAUSE", "PAUSE", paused=False)
    assert "No standbys are created" not in lived.standby("status").out


def test_what_an_old_sweep_counted_is_not_passed_off_as_the_present(lived: Stage) -> None:
    lived.pass_time(hours=5)
    ran = lived.standby("status --output json")
    found = json.loads(ran.out)
    assert (ran.status, found["complete"], found["directories"][0]["complete"]) == (4, False, False)
    out = lived.standby("status").out
    assert "the coverage is not known" in out
    assert "the last complete sweep ended 5 h ago" in found["missing"][0]


def test_a_last_sweep_that_was_not_complete_is_named(lived: Stage) -> None:
    assert json.loads(lived.standby("status --output json").out)["directories"][0]["last_sweep_problem"] is None
    lived.put(f"SWEEP#{HOME}", "LAST", complete=False, problem="dr side: AccessDeniedException: not authorized")
    found = json.loads(lived.standby("status --output json").out)["directories"][0]
    assert (found["last_sweep_problem"], found["complete"]) == ("dr side: AccessDeniedException: not authorized", True)
    says = "The last sweep of it was not complete (dr side: AccessDeniedException: not authorized)."
    assert says in " ".join(lived.standby("status").out.split())


def test_before_the_first_sweep_nothing_is_said_to_be_good(stage: Stage) -> None:
    ran = stage.standby("status")
    assert ran.status == 4
    assert "the coverage is not known; 0 are waiting, 0 need action" in ran.out
    assert "the mapped directories are not known" in ran.err


# In parts


def test_rows_are_counted_by_directory_and_a_kept_orphan_needs_nobody() -> None:
    rows: list[dict[str, Any]] = [
        {
            "status": "WAITING",
            "reason_code": "READY",
            "first_seen_at": "2026-03-03T09:00",
            "changed_at": "2026-03-03T10",
        },
        # One that had a standby for months has not been waiting for them.
        {
            "status": "CLAIMED",
            "reason_code": "CLAIM_TAKEN",
            "first_seen_at": "2025-01-01T00:00",
            "changed_at": "2026-03-03T11:00",
            "protected_at": "2025-01-01T01:00",
        },
        {"status": "FAILED", "reason_code": "STANDBY_IN_ERROR"},
        {"status": "PRIMARY_GONE", "reason_code": "ORPHANED"},
        {"status": "PRIMARY_GONE", "reason_code": "ORPHANED", "conditions": {"KEPT": {}}},
    ]
    found = live_by_directory([row | {"primary_directory_id": HOME} for row in rows] + [rows[0]])
    live = found[HOME]
    assert (live.waiting, live.waiting_since, live.orphans, live.kept) == (2, "2026-03-03T09:00", 2, 1)
    assert dict(live.to_act_on) == {"STANDBY_IN_ERROR": 1, "ORPHANED": 1}
    assert found["not known"].waiting == 1


def lines(**day: Any) -> str:
    state = State(settings=settings(directories={HOME: Mapped(AWAY)}))
    found = Directory(HOME, AWAY, [{"scanned_at": "2026-03-03T11:50:00.000Z"} | day], Live(), state, NOW)
    return "\n".join(found.lines())


def test_old_copies_are_held_against_the_rpo_and_pcoip_has_its_end() -> None:
    assert lines(oldest_seconds=50400) == "Oldest copy: 14 h, within the RPO of 36 h"
    assert lines(oldest_seconds=172800, stale=2) == "Oldest copy: 2 d, older than the RPO of 36 h; stale: 2"
    assert lines(pcoip_primaries=3, pcoip_standbys=1) == "On PCoIP, which ends on 2027-10-31: 3 primaries, 1 standbys"
    assert lines(protected_needs_action=2) == "Need action: 2 (2 DRIFT, STALE or DOUBLED)"
    assert lines(standbys=1, standbys_not_priced=1) == "Standbys as of the last sweep: 1, not priced"
    assert lines(standbys=0, standbys_monthly_cost="0.00") == "Standbys as of the last sweep: 0"
    assert lines() == ""


def test_a_fleet_that_is_only_reported_comes_before_the_percentage(stage: Stage) -> None:
    stage.create_ready(*USERS[:3])
    stage.sweep()
    ran = stage.standby("status")
    assert ran.out.startswith(
        "Standby-us-east-1-us-west-2: 3 reported desktops have no standby; as of the last sweep, 0"
    )
    assert "Next: `standby plan` shows the cost" in ran.err


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 0, "#####"), (5, 5, "#####"), (999, 1000, "####."), (1, 1000, "#...."), (0, 9, "....."), (2, 5, "##...")],
)
def test_a_bar_is_full_when_all_are_protected_and_empty_when_none_is(part: int, whole: int, expected: str) -> None:
    assert "".join(bar(part, whole, 5, ("#", "."))) == expected


# Followed


def change_something(stage: Stage) -> None:
    user = f"user0{len(stage.world.primaries()) + 10}"
    stage.send(created(*stage.create(user)))


def followed(stage: Stage, line: str, width: int | None, *rounds: Callable[[Stage], None]) -> Any:
    """What is written until Ctrl-C, which comes after what happens in some waits."""
    left, clock = iter(rounds), stage.clock

    class Interrupted(VirtualClock):
        def sleep(self, seconds: float) -> None:
            happens = next(left, None)
            if happens is None:
                raise KeyboardInterrupt
            clock.sleep(seconds)
            happens(stage)

    with mock.patch.object(stage, "clock", Interrupted(stage.world)):
        return stage.standby(line, width=width)


def nothing(_: Stage) -> None:
    pass


def test_piped_each_change_is_a_line_once(lived: Stage) -> None:
    ran = followed(lived, "status --follow", None, nothing, change_something, nothing)
    assert ran.status == 130
    (line,) = ran.out.splitlines()
    assert line.endswith("because of CloudTrail event 6a7e8feb-b491-4cf7-a9f1-bf3703467718")
    assert "WAITING (PRIMARY_PENDING)  by alex (role desktop-admin)" in line


def test_as_data_each_change_is_an_object_or_a_row(lived: Stage) -> None:
    (line,) = followed(lived, "status --follow --output json", None, change_something).out.splitlines()
    assert json.loads(line)["status"] == "WAITING"
    head, row = followed(lived, "status --follow --output csv", None, change_something).out.splitlines()
    assert (head.split(",")[0], row.split(",")[5]) == ("at", "WAITING")


def test_at_a_terminal_the_overview_is_drawn_again_in_its_place(lived: Stage) -> None:
    ran = followed(lived, "status --follow --every 30", 80, change_something)
    first, second = ran.out.split("\033[H\033[J")[1:]
    assert "1 is waiting" in " ".join(first.split())
    assert "2 are waiting" in " ".join(second.split())
    assert "Last changes:" in second
    assert "Interrupted." in ran.err
