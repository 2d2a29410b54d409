"""A directory that is not mapped any more, has another partner, or is another pair's: the rows say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from standby.ledger.claims import TOTAL
from standby.model import DirectoryId, Status
from standby.settings import Directory
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, USERS, Estate, estate
from tests.unit.sweeping import accept, hidden, kept
from tests.unit.test_terminations import told

OTHER = "d-9267aaaaaa"
ELSEWHERE = "d-9067bbbbbb"


def mapped(found: Estate, **partners: str) -> None:
    """Deploy with HOME mapped to this partner, or not mapped at all."""
    directories = {DirectoryId(ELSEWHERE): Directory(DirectoryId("d-9267cccccc"))}
    if partner := partners.get("home"):
        directories[DirectoryId(HOME)] = Directory(DirectoryId(partner))
    found.configure(directories=directories)


def ready(found: Estate, *users: str) -> list[str]:
    """A swept directory with protected desktops."""
    found.world.add_directory(DR, OTHER, USERS)
    found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
    found.world.add_directory(DR, "d-9267cccccc", USERS)
    found.sweep()
    ids = found.create_ready(*users)
    found.protect(*ids)
    found.watch()
    found.sweep()
    assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
    return ids


def later(found: Estate, sweeps: int = 1) -> None:
    for _ in range(sweeps):
        found.pass_time(hours=1)
        found.sweep()
        found.watch(hours=1)


def creates(found: Estate) -> int:
    return len(found.creates())


# Another partner


def test_a_protected_desktop_stays_so_and_says_that_the_partner_changed() -> None:
    with estate() as found:
        (one,) = ready(found, USERS[0])
        mapped(found, home=OTHER)
        later(found, 3)
        row = found.row(one)
        assert (row.status, row.reason) == (Status.PROTECTED, "PARTNER_CHANGED")
        assert row.dr_directory_id == AWAY  # where its standby is
        assert creates(found) == 1
        assert not [event for event in found.history(one) if event.get("notice")]


def test_a_standby_in_a_former_partner_is_missing_when_two_sweeps_ask_for_it_in_vain() -> None:
    """No scan looks there: each sweep asks for it by its id, and it is there until it is not."""
    with estate() as found:
        one, other = ready(found, *USERS[:2])
        mapped(found, home=OTHER)
        later(found, 3)
        assert found.status(one) == found.status(other) == (Status.PROTECTED, "PARTNER_CHANGED")
        found.world.terminate(found.row(one).standby_id or "")
        found.pass_time(minutes=30)
        later(found)
        assert found.status(one)[0] is Status.PROTECTED
        later(found)
        assert found.status(one) == (Status.STANDBY_MISSING, "STANDBY_GONE")
        assert found.status(other) == (Status.PROTECTED, "PARTNER_CHANGED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 1
        later(found, 2)
        assert creates(found) == 1


def test_a_standby_in_a_former_partner_that_its_primary_names_is_there_whatever_its_region_shows() -> None:
    with estate() as found:
        one, _ = ready(found, *USERS[:2])
        mapped(found, home=OTHER)
        later(found)
        with hidden(found, {found.row(one).standby_id}):
            for _ in range(3):
                later(found)
                # After each, for the next sweep undoes a hasty conclusion.
                assert found.status(one) == (Status.PROTECTED, "PARTNER_CHANGED")


def test_an_orphan_in_a_former_partner_keeps_its_place_for_no_scan_would_find_it_again() -> None:
    with estate() as found:
        one, _ = ready(found, *USERS[:2])
        found.world.terminate(one)
        later(found, 2)
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        mapped(found, home=OTHER)
        with hidden(found, {found.row(one).standby_id}):
            later(found, 3)
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 2


def test_another_partner_needs_an_acceptance_of_its_own() -> None:
    with estate() as found:
        found.world.add_directory(DR, OTHER, USERS)
        ids = found.create_ready(*USERS[:2])
        found.sweep()
        found.configure(max_new_standbys_per_day=1)
        accept(found)
        found.sweep()
        assert {found.status(one)[0] for one in ids} == {Status.HELD}
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(OTHER))})
        (late,) = found.create_ready(USERS[2])
        found.sweep()
        found.watch(hours=1)
        assert {found.status(one)[0] for one in (*ids, late)} == {Status.REPORTED}
        assert found.status(ids[0])[1] == "PARTNER_CHANGED"
        assert creates(found) == 0
        assert (kept(found, "BASELINE")["partner"], kept(found, "BASELINE")["accepted"]) == (OTHER, False)
        later(found, 2)
        assert creates(found) == 0
        accept(found)
        found.configure(max_new_standbys_per_day=10)
        later(found, 2)
        assert {found.status(one)[0] for one in (*ids, late)} == {Status.PROTECTED}
        assert {one.directory_id for one in found.world.standbys()} == {OTHER}


def fleets(found: Estate) -> list[tuple[str, str, int]]:
    """The notices of HOME's fleet: number, partner, and how many desktops would get a standby."""
    events = [found.item(f"FLEET#{HOME}", f"EVENT#{number:06}") for number in range(1, 4)]
    return [
        (event["sk"], event["dr_directory_id"], int(event["message"].split(": ")[1].split()[0]))
        for event in events
        if event
    ]


def test_another_partner_is_told_with_a_plan_of_its_own_once() -> None:
    with estate() as found:
        found.world.add_directory(DR, OTHER, USERS)
        found.create_ready(*USERS[:2])
        later(found, 2)
        accept(found)
        found.configure(max_new_standbys_per_day=1)
        later(found)
        found.create_ready(USERS[2])
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(OTHER))})
        later(found, 3)
        # One has its standby, in the former partner; one was accepted there, and one has come since.
        assert fleets(found) == [("EVENT#000001", AWAY, 2), ("EVENT#000002", OTHER, 2)]
        assert kept(found, "BASELINE")["plan"]["would_get"] == 2
        assert kept(found, "BASELINE")["plan"]["has"] == 1
        assert "Nothing is created before it is accepted" in kept(found, "BASELINE")["plan"]["message"]
        assert kept(found, "BASELINE")["progress"]["reported"] == 2
        event = found.item(f"FLEET#{HOME}", "EVENT#000002")
        assert (event["version"], event["notice"], event["reason_code"]) == (2, True, "FLEET_FOUND")


def test_what_was_accepted_between_the_first_scans_with_another_partner_stays_so() -> None:
    with estate() as found:
        found.world.add_directory(DR, OTHER, USERS)
        found.create_ready(*USERS[:2])
        later(found, 2)
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(OTHER))})
        later(found)
        assert "taken_at" not in kept(found, "BASELINE")
        accept(found)
        later(found)
        assert kept(found, "BASELINE")["taken_at"]
        assert kept(found, "BASELINE")["accepted"] is True
        assert {one.directory_id for one in found.world.standbys()} == {OTHER}


def test_another_partner_before_the_baseline_is_taken_begins_anew() -> None:
    with estate() as found:
        found.world.add_directory(DR, OTHER, USERS)
        (one,) = found.create_ready(USERS[0])
        later(found)
        accept(found)
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(OTHER))})
        later(found)
        assert "taken_at" not in kept(found, "BASELINE")
        assert kept(found, "BASELINE")["accepted"] is False
        later(found)
        assert kept(found, "BASELINE")["taken_at"]
        assert found.status(one)[0] is Status.REPORTED
        assert creates(found) == 0


def test_what_is_held_is_not_made_in_another_partner_even_before_the_sweep_comes() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:2])
        found.sweep()
        accept(found)
        found.sweep()
        found.world.add_directory(DR, OTHER, USERS)
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(OTHER))})
        found.protect(*ids, cause="watch")
        assert {found.status(one) for one in ids} == {(Status.REPORTED, "PARTNER_CHANGED")}
        assert creates(found) == 0


def test_a_new_desktop_gets_its_standby_in_the_new_partner() -> None:
    with estate() as found:
        ready(found, USERS[0])
        mapped(found, home=OTHER)
        (new,) = found.create_ready(USERS[1])
        found.send(found.world.trail[-1])
        found.watch()
        assert found.status(new)[0] is Status.PROTECTED
        assert found.row(new).dr_directory_id == OTHER


def test_asked_for_by_hand_once_its_old_standby_is_gone_the_claim_is_in_the_new_partner() -> None:
    with estate() as found:
        (one,) = ready(found, USERS[0])
        mapped(found, home=OTHER)
        found.world.terminate(found.row(one).standby_id or "")
        found.pass_time(hours=1)
        found.protect(one)
        found.watch()
        row = found.row(one)
        assert (row.status, row.dr_directory_id) == (Status.PROTECTED, OTHER)
        assert row.claim_key == f"CLAIM#{OTHER}#{USERS[0]}"
        assert found.item(f"CLAIM#{AWAY}#{USERS[0]}", "CLAIM")["primary_id"] == "-"
        assert found.item(TOTAL, "COUNTER")["taken"] == 1
        assert found.world.duplicates() == []


# Not mapped any more


def test_rows_of_a_directory_that_is_not_mapped_any_more_say_so_once() -> None:
    with estate() as found:
        (one,) = ready(found, USERS[0])
        mapped(found)
        later(found, 3)
        assert found.status(one) == (Status.PROTECTED, "MAPPING_REMOVED")
        assert [event["reason_code"] for event in found.history(one)].count("MAPPING_REMOVED") == 1
        assert len(found.world.standbys()) == 1


def unhealthy(found: Estate) -> str:
    """A desktop whose standby was ready, and is unwell."""
    (one,) = ready(found, USERS[0])
    found.world.set_state(found.row(one).standby_id or "", "UNHEALTHY")
    later(found, 3)
    return one


def in_error(found: Estate) -> str:
    """A desktop whose standby was never ready."""
    found.world.fail_standby_of(USERS[0])
    found.sweep()
    (one,) = found.create_ready(USERS[0])
    found.protect(one)
    found.watch()
    return one


def late(found: Estate) -> str:
    """A desktop whose standby is not ready after its deadline."""
    found.world.settings.change(standby_boot_seconds=1e9)
    found.sweep()
    (one,) = found.create_ready(USERS[0])
    found.protect(one)
    found.watch()
    return one


FAILURES = pytest.mark.parametrize(
    ("failure", "status", "reason"),
    [
        (unhealthy, Status.FAILED, "STANDBY_UNHEALTHY"),
        (in_error, Status.FAILED, "STANDBY_IN_ERROR"),
        (late, Status.TIMED_OUT, "STANDBY_NOT_READY"),
    ],
)


@FAILURES
def test_one_that_failed_says_so_too_and_is_what_it_was_when_its_directory_is_mapped_again(
    failure: Callable[[Estate], str], status: Status, reason: str
) -> None:
    with estate() as found:
        one = failure(found)
        before = found.row(one)
        assert (before.status, before.reason) == (status, reason)
        found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
        found.world.add_directory(DR, "d-9267cccccc", USERS)
        mapped(found)
        later(found, 3)
        row = found.row(one)
        assert (row.status, row.reason) == (status, "MAPPING_REMOVED")
        assert row.message.endswith(before.message)
        assert row.standby_id == before.standby_id
        assert [event["reason_code"] for event in found.history(one)][-2:] == [reason, "MAPPING_REMOVED"]
        mapped(found, home=AWAY)
        later(found, 2)
        assert found.status(one) == (status, reason)
        assert [event["reason_code"] for event in found.history(one)][-2:] == ["MAPPING_REMOVED", reason]
        assert told(found, one) == [reason]
        found.world.set_state(before.standby_id or "", "AVAILABLE")
        later(found)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert creates(found) == 1


@FAILURES
def test_one_that_failed_and_is_not_mapped_any_more_is_left_so_by_hand_until_its_standby_is_well(
    failure: Callable[[Estate], str], status: Status, reason: str
) -> None:
    with estate() as found:
        one = failure(found)
        found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
        found.world.add_directory(DR, "d-9267cccccc", USERS)
        mapped(found)
        found.sweep()
        written = len(found.history(one))
        (answer,) = found.protect(one)
        assert (answer["action"], answer["status"], answer["reason_code"]) == ("NONE", status, "MAPPING_REMOVED")
        assert len(found.history(one)) == written
        found.world.set_state(found.row(one).standby_id or "", "AVAILABLE")
        found.protect(one)
        assert found.status(one) == (Status.PROTECTED, "MAPPING_REMOVED")
        assert creates(found) == 1


def test_a_directory_that_is_mapped_again_is_an_existing_fleet() -> None:
    with estate() as found:
        (one,) = ready(found, USERS[0])
        (meanwhile,) = found.create_ready(USERS[1])
        mapped(found)
        found.protect(meanwhile, cause="event")
        assert found.status(meanwhile) == (Status.INELIGIBLE, "DIRECTORY_NOT_MAPPED")
        later(found)
        mapped(found, home=AWAY)
        (unseen,) = found.create_ready(USERS[2])
        later(found, 2)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert {found.status(each) for each in (meanwhile, unseen)} == {(Status.REPORTED, "EXISTING_FLEET")}
        assert creates(found) == 1


def test_a_reported_fleet_is_still_only_reported_when_its_mapping_comes_back() -> None:
    with estate() as found:
        found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
        found.world.add_directory(DR, "d-9267cccccc", USERS)
        ids = found.create_ready(*USERS[:2])
        found.sweep()
        mapped(found)
        later(found)
        assert {found.status(one) for one in ids} == {(Status.REPORTED, "MAPPING_REMOVED")}
        mapped(found, home=AWAY)
        later(found, 3)
        assert {found.status(one) for one in ids} == {(Status.REPORTED, "EXISTING_FLEET")}
        assert fleets(found) == [("EVENT#000001", AWAY, 2), ("EVENT#000002", AWAY, 2)]
        assert creates(found) == 0


def test_what_was_held_and_is_no_existing_fleet_is_as_any_other_of_that_directory() -> None:
    with estate() as found:
        found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
        found.world.add_directory(DR, "d-9267cccccc", USERS)
        found.sweep()
        (one,) = found.create_ready(USERS[0])
        pause: dict[str, Any] = {"pk": "PAUSE", "sk": "PAUSE"}
        found.parts.table().put(pause)
        found.protect(one)
        assert found.status(one)[0] is Status.HELD
        mapped(found)
        found.sweep()
        assert found.status(one) == (Status.INELIGIBLE, "DIRECTORY_NOT_MAPPED")


def test_a_new_partner_that_is_empty_is_no_outage() -> None:
    with estate() as found:
        ready(found, *USERS[:5])
        mapped(found, home=OTHER)
        later(found)
        assert kept(found, "LAST")["complete"] is True
        assert kept(found, "BASELINE")["partner"] == OTHER


# Another pair's

NEIGHBOUR = "Standby-us-east-1-eu-west-1"
THEIRS = {DirectoryId(ELSEWHERE): NEIGHBOUR}


def test_a_desktop_of_another_pairs_directory_gets_no_row_and_whoever_asks_hears_whose_it_is() -> None:
    with estate() as found:
        found.configure(elsewhere=THEIRS)
        found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
        (one,) = found.create(USERS[0], directory=ELSEWHERE)
        for cause in ("event", "manual"):
            (decision,) = found.protect(one, cause=cause)
            assert (decision["action"], decision["status"]) == ("NONE", None)
            assert decision["reason_code"] == "MAPPED_ELSEWHERE"
            assert f"{ELSEWHERE} is mapped in {NEIGHBOUR}." in decision["message"]
            found.pass_time(hours=1)
        assert found.history(one) == []
        assert found.watchers.started == []


def test_with_the_standby_that_the_other_pair_made_it_is_not_ours_either() -> None:
    with estate() as found:
        found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
        (one,) = found.create_ready(USERS[0], directory=ELSEWHERE)
        order = {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [{"PrimaryWorkspaceId": one, "DirectoryId": AWAY}]}
        found.world.call(DR, "CreateStandbyWorkspaces", order)
        found.configure(elsewhere=THEIRS)
        assert [decision["reason_code"] for decision in found.protect(one)] == ["MAPPED_ELSEWHERE"]
        assert found.history(one) == []


def test_one_that_was_not_shown_yet_is_settled_and_counts_as_nobody_without_a_standby() -> None:
    with estate(visibility_lag_seconds=600) as found:
        found.configure(elsewhere=THEIRS)
        found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
        (one,) = found.create(USERS[0], directory=ELSEWHERE)
        found.protect(one, cause="event")
        assert found.status(one) == (Status.WAITING, "NOT_VISIBLE_YET")
        found.watch()
        assert found.status(one) == (Status.INELIGIBLE, "MAPPED_ELSEWHERE")
        assert not found.row(one).is_uncovered
        assert not [event for event in found.history(one) if event.get("notice")]
        found.protect(one)
        assert len(found.history(one)) == 2


def test_who_terminates_one_is_the_other_pairs_to_tell() -> None:
    with estate(visibility_lag_seconds=600) as found:
        found.configure(elsewhere=THEIRS)
        found.world.add_directory(PRIMARY, ELSEWHERE, USERS)
        (one,) = found.create(USERS[0], directory=ELSEWHERE)
        found.protect(one, cause="event")
        found.watch()
        found.world.call(PRIMARY, "TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": one}]})
        assert [decision["reason_code"] for decision in found.send(found.world.trail[-1])["decisions"]] == [
            "NOT_IN_LEDGER"
        ]
        assert len(found.history(one)) == 2


def test_a_directory_that_goes_to_another_pair_and_comes_back() -> None:
    """What has its standby from here keeps it; of the rest this ledger has no more to say until it is accepted."""
    with estate() as found:
        (one,) = ready(found, USERS[0])
        (meanwhile,) = found.create_ready(USERS[1])
        mapped(found)
        found.protect(meanwhile, cause="event")
        assert found.status(meanwhile) == (Status.INELIGIBLE, "DIRECTORY_NOT_MAPPED")
        assert found.row(meanwhile).is_uncovered
        found.configure(elsewhere={DirectoryId(HOME): NEIGHBOUR})
        later(found, 3)
        assert found.status(one) == (Status.PROTECTED, "MAPPING_REMOVED")
        assert found.status(meanwhile) == (Status.INELIGIBLE, "MAPPED_ELSEWHERE")
        assert [event["reason_code"] for event in found.history(meanwhile)].count("MAPPED_ELSEWHERE") == 1
        found.configure(elsewhere={})
        later(found)
        assert found.status(meanwhile) == (Status.INELIGIBLE, "DIRECTORY_NOT_MAPPED")
        found.configure(elsewhere={DirectoryId(HOME): NEIGHBOUR})
        later(found)
        found.configure(elsewhere={})
        mapped(found, home=AWAY)
        later(found, 2)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert found.status(meanwhile) == (Status.REPORTED, "EXISTING_FLEET")
        assert creates(found) == 1
