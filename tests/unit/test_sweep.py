"""The sweep: the existing fleet, what events missed, and what is not there any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from local.workspaces import Fault
from standby.ledger.claims import TOTAL
from standby.ledger.ledger import Ledger
from standby.ledger.table import LedgerUnavailable
from standby.model import DirectoryId, Status
from standby.settings import Directory
from standby.sweep.fleet import Census
from standby.sweep.memory import Scan
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, SWEEP, TABLE, USERS, Estate, estate
from tests.unit.test_after_lease import NOW, ROW

DESCRIBE = "DescribeWorkspaces"
REPORTED = (Status.REPORTED, "EXISTING_FLEET")


def kept(found: Estate, name: str) -> dict[str, Any]:
    """What the sweep keeps of the directory."""
    return found.item(f"SWEEP#{HOME}", name)


def accept(found: Estate) -> None:
    """Accept the directory's existing fleet, as an operator does."""
    to = TypeSerializer()
    found.dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": to.serialize(f"SWEEP#{HOME}"), "sk": to.serialize("BASELINE")},
        UpdateExpression="SET accepted = :yes",
        ExpressionAttributeValues={":yes": to.serialize(True)},
    )


def swept(found: Estate) -> None:
    """Sweep an empty directory until it is believed to be empty, so that what comes is new."""
    for hours in (0, 4, 1):
        found.pass_time(hours=hours)
        found.sweep()
    assert kept(found, "BASELINE")["taken_at"]


def creates(found: Estate) -> int:
    return len(found.creates())


# The existing fleet


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


# What events missed


def test_a_desktop_whose_event_was_lost_is_protected() -> None:
    with estate() as found:
        swept(found)
        (young,) = found.create(USERS[0])
        found.sweep()
        assert found.status(young)[0] is Status.WAITING
        (ready,) = found.create_ready(USERS[1])
        found.sweep()
        found.watch()
        assert {found.status(one)[0] for one in (young, ready)} == {Status.PROTECTED}
        assert found.world.duplicates() == []


def test_what_is_open_or_held_is_left_to_the_watcher() -> None:
    with estate() as found:
        swept(found)
        found.configure(max_standbys=1)
        ids = found.create_ready(*USERS[:3])
        found.protect(*ids)
        before = {one: found.row(one).version for one in ids}
        calls = creates(found)
        assert found.sweep()[-1].ready == ()
        assert {one: found.row(one).version for one in ids} == before
        assert creates(found) == calls


def test_what_was_refused_is_tried_again_a_day_later() -> None:
    with estate() as found:
        swept(found)
        (one,) = found.create_ready(USERS[0])
        refusal = Fault("CreateStandbyWorkspaces", "refuse", DR, until=found.clock.now() + timedelta(hours=2))
        found.world.inject(refusal)
        found.protect(one)
        assert found.status(one)[0] is Status.REJECTED
        found.pass_time(hours=12)
        found.sweep()
        assert found.status(one)[0] is Status.REJECTED
        found.pass_time(hours=13)
        found.sweep()
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


def test_a_primary_that_was_late_is_protected_when_it_is_ready() -> None:
    with estate() as found:
        swept(found)
        (one,) = found.create(USERS[0])
        found.world.set_state(one, "PENDING")
        found.protect(one, cause="event")
        for _ in range(6):
            found.watch(hours=1)
        assert found.status(one)[0] is Status.TIMED_OUT
        found.world.set_state(one, "AVAILABLE")
        found.sweep()
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


# What is not there any more


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


def test_a_primary_that_is_gone_leaves_an_orphan_which_is_told_once_and_holds_its_place() -> None:
    with estate(orphans_keep_relation=True) as found:
        one, other = protected(found, *USERS[:2])
        found.world.terminate(one)
        sweeps(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.status(other)[0] is Status.PROTECTED
        assert notices(found, one) == ["ORPHANED"]
        assert found.item(TOTAL, "COUNTER")["taken"] == 2
        assert str(found.row(one).standby_id) in found.row(one).message


def test_when_the_orphan_is_gone_too_its_place_is_free() -> None:
    with estate() as found:
        one, _ = protected(found, *USERS[:2])
        standby = found.row(one).standby_id
        assert standby
        found.world.terminate(one)
        sweeps(found)
        found.world.terminate(standby)
        sweeps(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 1
        (again,) = found.create_ready(USERS[0])
        found.protect(again)
        found.watch()
        assert found.status(again)[0] is Status.PROTECTED


def test_a_standby_that_is_gone_is_told_and_not_made_again_by_itself() -> None:
    with estate() as found:
        one, other = protected(found, *USERS[:2])
        standby = found.row(one).standby_id
        assert standby
        found.world.terminate(standby)
        found.pass_time(hours=1)
        for _ in range(3):
            sweeps(found)
            found.watch(hours=1)
        assert found.status(one) == (Status.STANDBY_MISSING, "STANDBY_GONE")
        assert found.status(other)[0] is Status.PROTECTED
        assert notices(found, one) == ["STANDBY_GONE"]
        assert found.item(TOTAL, "COUNTER")["taken"] == 1
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert found.world.duplicates() == []


def test_a_standby_that_is_gone_is_missing_where_its_primary_goes_on_naming_it() -> None:
    with estate(standbys_keep_relation=True) as found:
        one, *_ = protected(found, *USERS[:5])
        found.world.terminate(str(found.row(one).standby_id))
        sweeps(found)
        assert found.status(one)[0] is Status.STANDBY_MISSING


def test_what_one_sweep_misses_and_the_next_one_sees_is_not_gone() -> None:
    with estate() as found:
        ids = protected(found, *USERS[:5])
        for _ in range(3):
            found.pass_time(hours=1)
            found.world.settings.change(flicker=1.0)
            found.sweep()
            assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
            found.pass_time(hours=13)
            found.world.settings.change(flicker=0.0)
            found.sweep()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_a_primary_that_was_taken_for_gone_and_is_shown_again_is_what_it_was() -> None:
    with estate() as found:
        reported, *_ = found.create_ready(*USERS[10:14])
        one, *_ = protected(found, *USERS[:5])
        (linux,) = found.create_ready(USERS[20], BundleId="wsb-ubuntustandard")
        found.sweep()
        missed = {one, reported, linux, found.row(one).standby_id}
        with hidden(found, missed):
            sweeps(found)
            assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
            assert found.status(reported) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
            assert found.status(linux) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        found.sweep()
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert found.row(one).claim_key
        assert found.status(reported) == REPORTED
        assert found.status(linux) == (Status.INELIGIBLE, "OPERATING_SYSTEM")
        found.watch()
        assert creates(found) == 1


def test_one_that_is_shown_again_without_its_standby_is_looked_for_twice_before_anything_is_made() -> None:
    with estate() as found:
        one, *_ = protected(found, *USERS[:5])
        with hidden(found, {one, found.row(one).standby_id}):
            sweeps(found)
        found.world.settings.change(relation_flicker=1.0)
        found.sweep()
        assert found.status(one)[0] is not Status.PROTECTED
        found.pass_time(minutes=1)
        found.world.settings.change(relation_flicker=0.0)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert found.world.duplicates() == []
        assert creates(found) == 1


def test_an_orphan_that_is_found_after_all_is_told_and_counted() -> None:
    with estate(orphans_keep_relation=True) as found:
        one, *_ = protected(found, *USERS[:5])
        standby = found.row(one).standby_id
        found.world.terminate(one)
        with hidden(found, {standby}):
            sweeps(found)
            assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
            assert found.item(TOTAL, "COUNTER")["taken"] == 4
        found.sweep()
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 5


def test_a_primary_that_is_shown_on_its_way_out_is_gone_at_once() -> None:
    with estate() as found:
        one, young, *_ = protected(found, *USERS[:5])
        (young,) = found.create(USERS[7])
        found.protect(young)
        found.world.set_state(one, "TERMINATING")
        found.world.set_state(young, "TERMINATING")
        found.protect(one, young, cause="event")
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.status(young) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 5


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_a_region_that_suddenly_shows_nobody_is_not_believed_for_hours(region: str, count: int) -> None:
    with estate() as found:
        ids = protected(found, *USERS[:count])
        found.sweep()
        found.world.inject(Fault(DESCRIBE, "hide", region))
        sweeps(found, 4)
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
        assert f"shows 0 WorkSpaces after {count}, which is not believed before" in kept(found, "LAST")["problem"]
        sweeps(found, 3)
        # In the end it is believed; a standby that its primary still names is there all the same.
        last = Status.PRIMARY_GONE if region == PRIMARY else Status.PROTECTED
        assert {found.status(one)[0] for one in ids} == {last}


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_after_a_scan_that_failed_a_region_that_shows_nobody_is_not_believed_either(region: str) -> None:
    with estate() as found:
        protected(found, *USERS[:5])
        found.sweep()
        until = found.clock.now() + timedelta(minutes=30)
        found.world.inject(
            Fault(DESCRIBE, "throttle", region, until=until, when=lambda params: "DirectoryId" in params)
        )
        found.sweep()
        assert "ThrottlingException" in kept(found, "LAST")["problem"]
        found.pass_time(hours=1)
        found.world.inject(Fault(DESCRIBE, "hide", region))
        found.sweep()
        assert "shows 0 WorkSpaces after 5, which is not believed before" in kept(found, "LAST")["problem"]


@pytest.mark.parametrize(("primaries", "hours"), [({"ws-another12"}, 0), (set(), 4)], ids=["some", "none"])
def test_a_row_that_changed_since_the_scan_began_is_no_suspect_nor_one_of_the_hours_before_an_empty_scan(
    primaries: set[str], hours: int
) -> None:
    began = NOW - timedelta(hours=1)
    census = Census(frozenset(primaries), frozenset(), Scan("run", began, {}, "", {}))
    row = replace(ROW, status=Status.PROTECTED, changed_at=began - timedelta(hours=hours))
    assert not census.suspects(row)
    assert census.suspects(replace(row, changed_at=row.changed_at - timedelta(seconds=1)))


def test_a_directory_that_no_sweep_has_seen_anything_in_is_not_believed_to_be_empty() -> None:
    with estate() as found:
        ids = protected(found, *USERS[:2])
        found.world.inject(Fault(DESCRIBE, "hide", PRIMARY, until=found.clock.now() + timedelta(hours=1)))
        for _ in range(3):
            found.sweep()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_what_is_missed_by_a_sweep_seen_by_the_next_and_missed_again_is_not_gone() -> None:
    with estate() as found:
        one, *_ = ids = protected(found, *USERS[:5])
        for _ in range(4):
            with hidden(found, {one, found.row(one).standby_id}):
                sweeps(found, 1)
            # Looked at before the next sweep, which would undo a hasty conclusion.
            assert {found.status(each)[0] for each in ids} == {Status.PROTECTED}
            sweeps(found, 1)
        assert {found.status(each)[0] for each in ids} == {Status.PROTECTED}


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


@pytest.mark.parametrize(
    ("region", "missed"), [(PRIMARY, Status.PRIMARY_GONE), (DR, Status.STANDBY_MISSING)], ids=["primary", "standby"]
)
def test_what_scans_miss_and_looks_by_its_id_get_no_answer_about_is_not_gone(region: str, missed: Status) -> None:
    with estate() as found:
        one, *_ = ids = protected(found, *USERS[:5])
        with hidden(found, {one}) if region == PRIMARY else unrelated(found, one):
            until = found.clock.now() + timedelta(hours=3, minutes=30)
            by_id = Fault(DESCRIBE, "throttle", region, until=until, when=lambda params: "WorkspaceIds" in params)
            found.world.inject(by_id)
            sweeps(found, 3)
            assert {found.status(each)[0] for each in ids} == {Status.PROTECTED}
            sweeps(found, 3)
            assert found.status(one)[0] is missed


@pytest.mark.parametrize(
    ("first", "last"), [("primary", Status.STANDBY_MISSING), ("standby", Status.PRIMARY_GONE)], ids=str
)
def test_a_primary_missed_by_a_sweep_and_its_standby_by_the_next_are_each_missed_once(first: str, last: Status) -> None:
    with estate() as found:
        one, *_ = ids = protected(found, *USERS[:5])

        def miss(what: str) -> None:
            with hidden(found, {one}) if what == "primary" else unrelated(found, one):
                sweeps(found, 1)

        second = "standby" if first == "primary" else "primary"
        sweeps(found, 1)
        miss(first)
        miss(second)
        assert {found.status(each)[0] for each in ids} == {Status.PROTECTED}
        miss(second)
        assert found.status(one)[0] is last


def test_a_primary_missed_twice_leaves_a_standby_that_is_missed_once_an_orphan_with_its_claim() -> None:
    """Found: one miss of each counted as two of both, the claim was free, and the user got a second standby."""
    with estate() as found:
        one, *_ = protected(found, *USERS[:5])
        standby, claim = found.row(one).standby_id, found.row(one).claim_key
        found.world.terminate(one)
        sweeps(found, 1)
        with hidden(found, {standby}):
            sweeps(found, 1)
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.row(one).claim_key == claim
        (new,) = found.create_ready(USERS[0])
        found.protect(new, cause="event")
        found.watch(hours=2)
        assert found.status(new) == (Status.INELIGIBLE, "USER_HAS_STANDBY")
        assert creates(found) == 1


def test_an_orphan_that_two_sweeps_have_missed_the_first_of_them_with_its_primary_is_gone() -> None:
    with estate() as found:
        one, *_ = protected(found, *USERS[:5])
        standby = found.row(one).standby_id
        assert standby
        found.world.terminate(one)
        sweeps(found, 1)
        found.world.terminate(standby)
        sweeps(found, 1)
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        sweeps(found, 1)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 4


def test_an_orphan_on_its_way_out_keeps_its_claim_until_it_is_gone() -> None:
    """Found: shown TERMINATING by its id when the second sweep missed its primary, it kept its claim for ever."""
    with estate(terminate_seconds=3600) as found:
        one, *_ = protected(found, *USERS[:5])
        standby = found.row(one).standby_id
        assert standby
        found.world.set_state(one, "TERMINATED")
        sweeps(found, 1)
        found.pass_time(minutes=30)
        found.world.terminate(standby)
        found.sweep()
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.row(one).claim_key
        sweeps(found, 2)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.row(one).claim_key is None
        assert found.item(TOTAL, "COUNTER")["taken"] == 4


def test_what_a_scan_shows_and_looks_by_its_id_do_not_is_not_missed() -> None:
    with estate() as found:
        one, *_ = protected(found, *USERS[:5])
        standby = str(found.row(one).standby_id)
        found.world.terminate(one)
        with hidden(found, {standby}, asked_by="WorkspaceIds"):
            sweeps(found, 3)
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert standby in found.row(one).message


def test_another_standby_that_is_missed_is_not_the_one_that_was() -> None:
    """Between two sweeps a person has a missing standby made again: that one is missed for the first time."""
    with estate() as found:
        one, *_ = protected(found, *USERS[:5])
        found.world.terminate(str(found.row(one).standby_id))
        sweeps(found, 1)
        found.protect(one)
        found.watch(hours=0.7)
        assert found.status(one)[0] is Status.PROTECTED
        with unrelated(found, one):
            found.sweep()
        assert found.status(one)[0] is Status.PROTECTED


def test_many_that_are_gone_are_concluded_over_as_many_invocations_as_it_takes() -> None:
    with estate() as found:
        ids = protected(found, *USERS[:120])
        for one in ids[:50]:
            found.world.terminate(one)
        sweeps(found, 2, pages=10)
        assert {found.status(one)[0] for one in ids[:50]} == {Status.PRIMARY_GONE}
        assert {found.status(one)[0] for one in ids[50:]} == {Status.PROTECTED}


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_nothing_is_concluded_from_an_incomplete_scan(region: str) -> None:
    with estate() as found:
        one, other = protected(found, *USERS[:2])
        standby = found.row(other).standby_id
        assert standby
        found.world.terminate(one)
        found.world.terminate(standby)
        found.pass_time(hours=1)
        found.world.inject(Fault(DESCRIBE, "throttle", region, when=lambda params: "DirectoryId" in params))
        sweeps(found)
        part = found.sweep()[-1]
        assert part.outcome == "0 of 1 directories were scanned completely"
        assert {found.status(each)[0] for each in (one, other)} == {Status.PROTECTED}
        assert kept(found, "LAST")["complete"] is False
        assert "ThrottlingException" in kept(found, "LAST")["problem"]
        assert any("not complete" in problem for problem in found.notes.problems)


def test_an_incomplete_first_scan_takes_no_baseline() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(DESCRIBE, "throttle", DR, times=4))
        found.sweep()
        assert kept(found, "BASELINE") == {}
        (late,) = found.create_ready(USERS[1])
        found.sweep()
        assert {found.status(each) for each in (one, late)} == {REPORTED}


def test_a_throttled_page_is_asked_for_again() -> None:
    with estate() as found:
        found.create_ready(*USERS[:60])
        found.world.inject(Fault(DESCRIBE, "throttle", PRIMARY, times=3, skip=1))
        assert found.sweep()[-1].outcome == "1 of 1 directories were scanned completely"


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_what_a_scan_misses_and_is_there_by_its_id_is_not_gone(region: str) -> None:
    """A WorkSpace that moves between two pages is on neither."""
    with estate() as found:
        ids = protected(found, *USERS[:3])
        missed = {"WorkspaceId": ids[0] if region == PRIMARY else found.row(ids[0]).standby_id}
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE and where == region and "DirectoryId" in params:
                answer["Workspaces"] = [
                    one for one in answer["Workspaces"] if one["WorkspaceId"] != missed["WorkspaceId"]
                ]
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        sweeps(found)
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_a_page_that_repeats_an_id_counts_it_once() -> None:
    with estate(ragged_pages=True) as found:
        ids = found.create_ready(*USERS[:60])
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            answer = real(where, operation, params, principal)
            if operation == DESCRIBE:
                answer["Workspaces"] = [*answer["Workspaces"], *answer["Workspaces"][:1]]
            return answer

        found.world.call = call  # type: ignore[method-assign, assignment]
        found.sweep()
        assert all(len(found.history(one)) == 1 for one in ids)
        assert kept(found, "BASELINE")["found_first"] == {"REPORTED": 60}


# Over many invocations


def test_a_large_directory_is_swept_in_parts_and_concluded_as_one() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:250])
        parts = found.sweep(pages=4)
        assert len(parts) > 3
        assert parts[-1].scanned == 250
        assert kept(found, "BASELINE")["found_first"] == {"REPORTED": 250}
        found.world.terminate(ids[7])
        sweeps(found, pages=4)
        assert found.status(ids[7]) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert {found.status(one) for one in ids if one != ids[7]} == {REPORTED}


def test_a_part_that_is_done_twice_changes_nothing() -> None:
    """The process dies after its work: the machine gives the next one the same cursor."""
    with estate() as found:
        ids = found.create_ready(*USERS[:100])
        first = found.sweep_part(SWEEP, None, pages=3).answer()["cursor"]
        for _ in range(3):
            again = found.sweep_part(SWEEP, first, pages=3).answer()["cursor"]
        cursor: Any = again
        while cursor:
            cursor = found.sweep_part(SWEEP, cursor, pages=3).answer()["cursor"]
        assert kept(found, "LAST")["complete"] is True
        assert all(len(found.history(one)) == 1 for one in ids)


def test_two_sweeps_at_once_are_kept_apart() -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        cursor = found.sweep_part(SWEEP, None, pages=3).answer()["cursor"]
        other = found.sweep(f"{SWEEP}-other")
        assert [part.outcome for part in other] == ["another sweep is under way"]
        assert found.sweep_part(SWEEP, cursor).outcome == "1 of 1 directories were scanned completely"


def test_a_dead_sweep_is_followed_by_the_next() -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        found.sweep_part(SWEEP, None, pages=3)
        found.watchers.running.discard(SWEEP)
        assert found.sweep(f"{SWEEP}-next")[-1].outcome == "1 of 1 directories were scanned completely"


def test_a_sweep_whose_memory_another_one_wrote_over_concludes_nothing() -> None:
    with estate() as found:
        one, _ = protected(found, *USERS[:2])
        found.world.terminate(one)
        found.pass_time(hours=1)
        cursor = found.sweep_part(SWEEP, None, pages=1).answer()["cursor"]
        found.watchers.running.discard(SWEEP)
        found.sweep(f"{SWEEP}-other", parts=1, pages=1)
        found.watchers.running.clear()
        while cursor:
            cursor = found.sweep_part(SWEEP, cursor).answer()["cursor"]
        assert found.status(one)[0] is Status.PROTECTED
        assert any("another run's" in problem for problem in found.notes.problems)


def test_a_complete_sweep_gives_a_sign_of_life_and_an_incomplete_one_does_not() -> None:
    with estate() as found:
        found.sweep()
        assert found.notes.counts["beat"] == 1
        found.world.inject(Fault(DESCRIBE, "throttle", DR, times=4))
        found.sweep()
        assert found.notes.counts["beat"] == 1


def test_the_sweep_calls_nothing_but_describe() -> None:
    with estate() as found:
        found.create_ready(*USERS[:30])
        found.world.calls.clear()
        found.sweep()
        assert {call.operation for call in found.world.calls} == {DESCRIBE}


def test_pages_are_paced_at_one_in_two_seconds() -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        found.world.calls.clear()
        found.sweep()
        times = [call.at for call in found.world.calls]
        assert all(later - earlier >= timedelta(seconds=2) for earlier, later in pairwise(times))


# The real interval


def intervals(found: Estate) -> int:
    """Seconds told since the last time this was asked."""
    return found.notes.counts.pop("SweepIntervalSeconds", 0)


def test_the_real_interval_is_told_from_one_sweep_to_the_next() -> None:
    with estate() as found:
        found.sweep(f"{SWEEP}-1")
        assert intervals(found) == 0
        began = found.clock.now()
        found.pass_time(hours=1)
        found.sweep(f"{SWEEP}-2")
        assert 3600 <= intervals(found) <= (found.clock.now() - began).total_seconds()


def test_a_sweep_that_takes_longer_than_its_interval_stretches_it() -> None:
    """Those that are started meanwhile end at once, and the next one after it tells how long it really was."""
    with estate() as found:
        found.create_ready(*USERS[:100])
        began = found.clock.now()
        cursor: Any = found.sweep_part(f"{SWEEP}-1", None, pages=1).answer()["cursor"]
        for number in range(2, 4):
            found.pass_time(minutes=10)
            cursor = found.sweep_part(f"{SWEEP}-1", cursor, pages=1).answer()["cursor"]
            assert found.sweep(f"{SWEEP}-{number}")[-1].outcome == "another sweep is under way"
        while cursor:
            cursor = found.sweep_part(f"{SWEEP}-1", cursor).answer()["cursor"]
        assert intervals(found) == 0
        found.pass_time(hours=1)
        took = int((found.clock.now() - began).total_seconds())
        found.sweep(f"{SWEEP}-4")
        assert intervals(found) == took


def test_a_first_part_that_is_done_again_tells_no_interval() -> None:
    with estate() as found:
        found.create_ready(*USERS[:100])
        found.sweep(f"{SWEEP}-1")
        found.pass_time(hours=1)
        found.sweep_part(f"{SWEEP}-2", None, pages=1)
        assert intervals(found) >= 3600
        found.sweep_part(f"{SWEEP}-2", None, pages=1)
        assert intervals(found) == 0
