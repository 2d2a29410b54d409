"""What complete scans say is not there any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.ledger.claims import TOTAL
from standby.model import Status
from standby.sweep.fleet import Census
from standby.sweep.memory import Scan
from tests.unit.estate import DR, PRIMARY, USERS, estate
from tests.unit.sweeping import DESCRIBE, REPORTED, creates, hidden, kept, notices, protected, sweeps, unrelated
from tests.unit.test_after_lease import NOW, ROW


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


@pytest.mark.parametrize("shown", [False, True], ids=["not-shown-any-more", "still-shown"])
def test_what_was_replicated_is_remembered_when_its_primary_is_shown_on_its_way_out(*, shown: bool) -> None:
    with estate(terminate_seconds=7200, orphans_keep_replication=shown) as found:
        one, _ = protected(found, *USERS[:2])
        # Somebody turned it on at AWS: the configuration says nothing of it.
        found.world.workspace(str(found.row(one).standby_id)).data_replication = "PRIMARY_AS_SOURCE"
        sweeps(found, 1)
        assert found.row(one).replication == "PRIMARY_AS_SOURCE"
        found.world.terminate(one)
        sweeps(found, 1)
        assert found.status(one) == (Status.PRIMARY_GONE, "ORPHANED")
        assert found.row(one).replication == "PRIMARY_AS_SOURCE"


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
