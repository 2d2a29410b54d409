"""What standbys for an existing fleet would mean, and how far they have come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from standby.ledger.table import LedgerUnavailable
from standby.model import DirectoryId, Status
from standby.settings import Directory
from standby.sweep.plan import Room, plan, progress
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, Estate, estate, settings
from tests.unit.sweeping import accept, kept
from tests.unit.test_terminations import terminate

STANDARD = {"STANDARD": Decimal("4.10")}
ACCEPT = (
    f"aws dynamodb update-item --region {PRIMARY} --table-name {TABLE} "
    '--key \'{"pk": {"S": "SWEEP#d-906732325d"}, "sk": {"S": "BASELINE"}}\' '
    "--update-expression 'SET accepted = :yes' --expression-attribute-values '{\":yes\": {\"BOOL\": true}}'"
)


def planned(found: Estate) -> dict[str, Any]:
    return dict(kept(found, "BASELINE")["plan"])


def notice(found: Estate) -> dict[str, Any]:
    return found.item(f"FLEET#{HOME}", "EVENT#000001")


def stages(**counts: int) -> dict[str, int]:
    return {**dict.fromkeys(("reported", "waiting", "under_way", "protected", "other"), 0), **counts}


# The plan


def test_the_first_complete_sweep_leaves_the_plan_and_tells_it_once() -> None:
    with estate(standby_quota=50) as found:
        found.configure(prices=STANDARD)
        found.create_ready(*USERS[:30])
        found.create_ready(USERS[30], BundleId="wsb-windowsperformance")
        found.create_ready(USERS[31], BundleId="wsb-ubuntustandard")
        (has,) = found.create_ready(USERS[32])
        request = {"PrimaryWorkspaceId": has, "DirectoryId": AWAY}
        found.world.call(DR, "CreateStandbyWorkspaces", {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [request]})
        found.pass_time(hours=1)
        found.sweep()
        assert planned(found) == {
            "would_get": 31,
            "has": 1,
            "cannot": {"OPERATING_SYSTEM": 1},
            "excluded": {},
            "monthly_cost": "123.00",
            "not_priced": {"PERFORMANCE": 1},
            "quota": 50,
            "standbys": 1,
            "room": 49,
            "message": (
                "Directory d-906732325d: 31 desktops would get a standby, 1 have one, 1 cannot have one "
                "(1 OPERATING_SYSTEM). That costs about USD 123.00 a month; data replication and hours of use are "
                "extra. Not priced: 1 PERFORMANCE. Quota L-9A67B5CB in us-west-2 is 50, and 1 standbys count: room "
                "for 49. Nothing is created before it is accepted (README, The existing fleet): "
                f"{ACCEPT}"
            ),
        }
        event = notice(found)
        assert (event["reason_code"], event["notice"], event["status"]) == ("FLEET_FOUND", True, "REPORTED")
        assert event["message"] == planned(found)["message"]
        assert len(found.creates()) == 1  # the one that was there before
        found.create_ready(USERS[40])
        found.sweep()
        assert notice(found) == event


def test_a_directory_without_desktops_makes_no_notice() -> None:
    with estate() as found:
        found.sweep()
        assert planned(found)["would_get"] == 0
        assert notice(found) == {}


def test_the_plan_follows_the_fleet_until_it_is_accepted_and_then_stays_as_it_was_read() -> None:
    with estate() as found:
        one, *_ = found.create_ready(*USERS[:3])
        found.sweep()
        found.sweep()
        first = kept(found, "BASELINE")
        found.pass_time(hours=1)
        found.sweep()
        assert kept(found, "BASELINE") == first  # nothing changed, nothing is written
        found.world.terminate(one)
        found.pass_time(hours=1)
        found.sweep()
        assert planned(found)["would_get"] == 2
        assert kept(found, "BASELINE")["plan_at"] > first["plan_at"]
        accept(found)
        found.sweep()
        found.watch()
        found.sweep()
        assert planned(found)["would_get"] == 2


def test_a_fleet_that_was_accepted_before_is_told_to_get_its_standbys() -> None:
    with estate() as found:
        found.configure(existing_fleet="protect")
        found.create_ready(*USERS[:3])
        found.sweep()
        assert planned(found)["would_get"] == 3
        assert notice(found)["message"].endswith("It is accepted: they get their standbys, a few at a time.")


@pytest.mark.parametrize(
    ("answers", "code"),
    [("throttle", "TooManyRequestsException"), ("refuse", "AccessDeniedException"), ("empty", "MalformedAnswer")],
)
def test_a_quota_that_is_not_known_is_said_to_be(answers: str, code: str) -> None:
    with estate(quota_answers=answers) as found:
        found.create_ready(USERS[0])
        found.sweep()
        assert (planned(found)["quota"], planned(found)["room"]) == (None, None)
        assert f"Quota L-9A67B5CB in us-west-2 could not be asked for ({code}: " in planned(found)["message"]
        assert any("Service Quotas" in problem for problem in found.notes.problems)


def test_a_quota_that_was_known_an_hour_ago_counts() -> None:
    with estate(standby_quota=50) as found:
        found.create_ready(*USERS[:2])
        found.sweep()
        found.world.settings.change(quota_answers="throttle")
        found.pass_time(hours=1)
        found.sweep()
        assert planned(found)["quota"] == 50


def test_a_quota_below_the_plan_is_to_be_raised_first() -> None:
    with estate(standby_quota=1) as found:
        found.create_ready(*USERS[:2])
        found.sweep()
        assert "is 1, and 0 standbys count: room for 1. Ask for a higher quota first." in planned(found)["message"]


def test_what_a_rule_leaves_out_is_counted_apart_from_what_cannot_have_one() -> None:
    counts = {"wants/STANDARD": 1, "cannot/OPERATING_SYSTEM": 2, "excluded/EXCLUDED_BY_RULE": 3}
    found = plan(DirectoryId(HOME), counts, Room(100, 0), settings(), is_accepted=False).attributes
    assert (found["cannot"], found["excluded"]) == ({"OPERATING_SYSTEM": 2}, {"EXCLUDED_BY_RULE": 3})
    assert (
        "1 desktop would get a standby, 0 have one, 2 cannot have one (2 OPERATING_SYSTEM), 3 are left out (3 EX"
        in (found["message"])
    )


def test_the_quota_is_asked_for_once_an_invocation() -> None:
    with estate() as found:
        directories = {f"d-90673{number:05}": Directory(DirectoryId(f"d-92672{number:05}")) for number in range(5)}
        for home, away in directories.items():
            found.world.add_directory(PRIMARY, home, [])
            found.world.add_directory(DR, away.dr_directory, [])
        found.configure(directories=directories)
        asked: list[str] = []
        found.quotas.meta.events.register("before-call", lambda model, **_: asked.append(model.name))
        found.sweep()
        assert asked == ["GetServiceQuota", "GetAWSDefaultServiceQuota"]


def test_a_sweep_that_dies_after_the_notice_tells_it_no_second_time() -> None:
    with estate() as found:
        found.create_ready(*USERS[:3])
        real = found.dynamodb.update_item

        def die(**request: Any) -> Any:
            if request["Key"]["sk"]["S"] == "BASELINE" and "partner" not in request["UpdateExpression"]:
                raise KeyboardInterrupt
            return real(**request)

        found.dynamodb.update_item = die
        with pytest.raises(KeyboardInterrupt):
            found.sweep()
        found.dynamodb.update_item = real
        before = notice(found)
        assert before
        assert kept(found, "BASELINE").keys() == {"pk", "sk", "partner"}
        found.pass_time(hours=1)
        found.sweep()
        assert notice(found) == before
        assert planned(found)["would_get"] == 3
        assert kept(found, "BASELINE")["first_run"]


def test_no_baseline_is_taken_while_the_ledger_cannot_take_the_notice() -> None:
    with estate() as found:
        found.create_ready(USERS[0])
        real = found.parts.table().__class__.put

        def refuse(table: Any, item: dict[str, Any], *rest: Any, **more: Any) -> bool:
            if item["pk"].startswith("FLEET#"):
                raise LedgerUnavailable("throttled")
            return real(table, item, *rest, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("standby.ledger.table.Table.put", refuse)
            with pytest.raises(LedgerUnavailable):
                found.sweep()
        assert kept(found, "BASELINE").keys() == {"pk", "sk", "partner"}


# Progress


def test_how_far_a_backfill_has_come_is_in_the_row_and_in_metrics() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=4, max_standbys=7)
        ids = found.create_ready(*USERS[:10])
        found.sweep()
        assert kept(found, "BASELINE")["progress"] == stages(reported=10)
        assert found.notes.gauges["ExistingReported"] == 10
        accept(found)
        found.sweep()
        assert kept(found, "BASELINE")["progress"] == stages(waiting=10)
        assert found.notes.gauges["BackfillWaiting"] == 10
        found.watch()
        found.sweep()
        assert kept(found, "BASELINE")["progress"] == stages(protected=4, waiting=6)
        found.pass_time(hours=24)
        found.watch()
        found.sweep()
        assert kept(found, "BASELINE")["progress"] == stages(protected=7, waiting=3)
        assert sum(found.status(one)[0] is Status.PROTECTED for one in ids) == 7


def test_what_is_new_is_no_progress_of_the_existing_fleet() -> None:
    with estate() as found:
        found.create_ready(USERS[0])
        found.sweep()
        found.sweep()
        (new,) = found.create_ready(USERS[1])
        found.sweep()
        found.watch()
        found.sweep()
        assert found.status(new)[0] is Status.PROTECTED
        assert kept(found, "BASELINE")["progress"] == stages(reported=1)


def test_an_incomplete_sweep_says_nothing_of_progress() -> None:
    with estate() as found:
        found.create_ready(*USERS[:3])
        found.sweep()
        found.world.settings.change(page_throttling=1.0)
        found.create_ready(*USERS[3:40])
        found.notes.gauges.clear()
        found.sweep()
        assert not {"ExistingReported", "BackfillWaiting"} & set(found.notes.gauges)
        assert kept(found, "BASELINE")["progress"] == stages(reported=3)


def test_a_large_fleets_plan_is_the_same_in_parts() -> None:
    with estate() as found:
        found.configure(prices=STANDARD)
        found.create_ready(*USERS[:250])
        parts = found.sweep(pages=4)
        assert len(parts) > 3
        assert (planned(found)["would_get"], planned(found)["monthly_cost"]) == (250, "1025.00")
        assert kept(found, "BASELINE")["progress"] == stages(reported=250)


def test_every_stage_is_named() -> None:
    assert progress({}) == stages()


# What an orphan costs


@pytest.mark.parametrize(
    ("prices", "says"),
    [
        (STANDARD, "It costs about USD 4.10 a month; data replication and hours of use are extra."),
        ({}, "Its monthly cost is not known: there is no price for STANDARD in us-west-2."),
    ],
)
def test_an_orphan_is_told_with_what_it_costs(prices: dict[str, Decimal], says: str) -> None:
    with estate(orphans_keep_relation=True) as found:
        found.configure(prices=prices)
        found.sweep()
        one, _ = found.create_ready(*USERS[:2])
        found.protect(one)
        found.watch()
        assert found.row(one).compute_type == "STANDARD"
        found.world.terminate(one)
        for _ in range(3):
            found.pass_time(hours=1)
            found.sweep()
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.row(one).message.endswith(f"It is {found.row(one).standby_id}. {says}")


@pytest.mark.parametrize("by", ["sweep", "event"])
def test_an_orphan_whose_primary_is_shown_on_its_way_out_is_told_with_what_it_costs(by: str) -> None:
    with estate(terminate_seconds=7200) as found:
        found.configure(prices=STANDARD)
        found.sweep()
        one, _ = found.create_ready(*USERS[:2])
        found.protect(one)
        found.watch()
        terminate(found, PRIMARY, one)
        if by == "event":
            found.send(found.world.trail[-1])
        else:
            found.sweep()
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        says = "It costs about USD 4.10 a month; data replication and hours of use are extra."
        assert found.row(one).message.endswith(f"It is {found.row(one).standby_id}. {says}")
