"""A directory's existing fleet: its baseline, and its acceptance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.ledger.claims import TOTAL
from standby.ledger.ledger import Ledger
from standby.ledger.table import LedgerUnavailable
from standby.model import DirectoryId, Status
from standby.settings import Directory
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, SWEEP, USERS, estate
from tests.unit.sweeping import DESCRIBE, REPORTED, accept, creates, hidden, kept, sweeps


def test_what_was_there_before_is_reported_and_nothing_is_created() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:60])
        linux = found.create_ready(USERS[61], BundleId="wsb-ubuntustandard")
        parts = found.sweep()
        assert parts[-1].outcome == "1 of 1 directories were scanned completely"
        assert {found.status(one) for one in ids} == {REPORTED}
        assert found.status(linux[0]) == (Status.INELIGIBLE, "OPERATING_SYSTEM")
        assert kept(found, "BASELINE")["found_first"] == {"REPORTED": 60, "INELIGIBLE": 1}
        assert kept(found, "LAST")["complete"] is True
        assert creates(found) == 0
        found.sweep()
        found.watch(hours=1)
        assert {found.status(one) for one in ids} == {REPORTED}
        assert creates(found) == 0


def test_what_could_not_be_written_down_leaves_the_scan_incomplete_and_is_not_new_afterwards() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:30])

        def fails(*_: Any) -> None:
            raise LedgerUnavailable("DynamoDB did not answer")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "record", fails)
            found.sweep()
        assert kept(found, "BASELINE") == {}
        assert kept(found, "LAST")["problem"] == "25 WorkSpaces could not be written down"
        found.sweep()
        found.watch(hours=1)
        assert {found.status(one) for one in ids} == {REPORTED}
        assert creates(found) == 0


def test_what_either_of_the_first_two_complete_scans_finds_was_there_before() -> None:
    """A WorkSpace that moves between two pages is on neither of the first scan's."""
    with estate() as found:
        ids = found.create_ready(*USERS[:30])
        with hidden(found, {ids[3]}):
            found.sweep()
        assert "taken_at" not in kept(found, "BASELINE")
        sweeps(found, 1)
        assert kept(found, "BASELINE")["taken_at"]
        (new,) = found.create_ready(USERS[40])
        sweeps(found, 1)
        found.watch(hours=3)
        assert {found.status(one) for one in ids} == {REPORTED}
        assert found.status(new)[0] is Status.PROTECTED
        assert creates(found) == 1


def test_an_outage_that_shows_an_empty_directory_decides_nothing() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:30])
        found.world.inject(Fault(DESCRIBE, "hide", PRIMARY, until=found.clock.now() + timedelta(minutes=30)))
        found.sweep()
        assert kept(found, "LAST")["complete"] is True
        for _ in range(2):
            assert "taken_at" not in kept(found, "BASELINE")
            sweeps(found, 1)
        assert kept(found, "BASELINE")["taken_at"]
        sweeps(found, 1)
        found.watch(hours=3)
        assert {found.status(one) for one in ids} == {REPORTED}
        assert creates(found) == 0


def test_a_directory_counts_as_empty_when_it_has_been_so_for_hours() -> None:
    with estate() as found:
        found.sweep()
        sweeps(found, 4)
        assert "taken_at" not in kept(found, "BASELINE")
        (early,) = found.create_ready(USERS[0])
        found.sweep()
        assert kept(found, "BASELINE")["taken_at"]
        (late,) = found.create_ready(USERS[1])
        found.sweep()
        found.watch()
        assert found.status(early) == REPORTED
        assert found.status(late)[0] is Status.PROTECTED


def test_the_end_of_a_scan_that_is_done_again_is_no_second_scan() -> None:
    with estate() as found:
        found.create_ready(*USERS[:3])
        for _ in range(2):
            found.sweep(SWEEP)
        assert "taken_at" not in kept(found, "BASELINE")


def test_a_fleets_obstacles_make_no_notice_each() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3], UserVolumeEncryptionEnabled=True, VolumeEncryptionKey="alias/x")
        found.sweep()
        assert {found.status(one) for one in ids} == {(Status.INELIGIBLE, "NO_DR_KEY")}
        assert not [event for one in ids for event in found.history(one) if event.get("notice")]


def test_what_could_not_have_one_before_is_of_the_existing_fleet_once_it_can() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3], UserVolumeEncryptionEnabled=True, VolumeEncryptionKey="alias/x")
        found.sweep()
        key = "arn:aws:kms:us-west-2:123456789012:key/1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), volume_encryption_key=key)})
        found.sweep()
        assert {found.status(one) for one in ids} == {REPORTED}
        assert creates(found) == 0
        accept(found)
        found.sweep()
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_a_standby_that_is_there_before_is_adopted_and_counted() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        request = {"PrimaryWorkspaceId": one, "DirectoryId": AWAY}
        found.world.call(DR, "CreateStandbyWorkspaces", {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [request]})
        found.pass_time(hours=1)
        found.sweep()
        assert found.status(one) == (Status.PROTECTED, "ADOPTED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 1


def test_an_accepted_fleet_is_protected_a_few_at_a_time() -> None:
    with estate() as found:
        found.configure(backfill_in_flight=10)
        ids = found.create_ready(*USERS[:35])
        found.sweep()
        accept(found)
        found.sweep()
        assert {found.status(one) for one in ids} == {(Status.HELD, "BACKFILL")}
        most = 0
        for _ in range(40):
            rounds = found.watch(hours=0.25)
            most = max([most, *[one.open for one in rounds]])
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
        assert most <= 10
        assert found.world.duplicates() == []


@pytest.mark.parametrize("value", ["true", "no", 1])
def test_what_is_written_for_an_acceptance_and_is_none_accepts_nothing(value: Any) -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:2])
        found.sweep()
        accept(found, value)
        found.sweep()
        found.watch()
        assert {found.status(one) for one in ids} == {REPORTED}
        assert creates(found) == 0
        assert "Nothing is created before it is accepted" in kept(found, "BASELINE")["plan"]["message"]


def test_an_existing_fleet_is_taken_without_a_report_where_that_is_configured() -> None:
    with estate() as found:
        found.configure(existing_fleet="protect")
        ids = found.create_ready(*USERS[:3])
        found.sweep()
        found.watch(hours=2)
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_an_acceptance_before_the_first_sweep_counts() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3])
        accept(found)
        found.sweep()
        assert {found.status(one) for one in ids} == {(Status.HELD, "BACKFILL")}
        found.sweep()
        assert kept(found, "BASELINE")["accepted"] is True
        assert kept(found, "BASELINE")["taken_at"]


def test_one_of_a_reported_fleet_can_be_asked_for_by_hand() -> None:
    with estate() as found:
        one, other = found.create_ready(*USERS[:2])
        found.sweep()
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert found.status(other) == REPORTED


def test_a_new_desktop_that_the_first_sweep_saw_before_its_event_came_is_new() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        found.sweep()
        assert found.status(one) == REPORTED
        (event,) = found.world.trail
        found.send(event)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
