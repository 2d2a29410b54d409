"""Cases that broke an earlier version, or nearly: each stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.workspaces import Fault
from standby.ledger.claims import claim_key
from standby.ledger.ledger import Ledger
from standby.ledger.table import LedgerUnavailable
from standby.model import DirectoryId, Status
from tests.unit.estate import AWAY, DR, PRIMARY, TABLE, USERS, Estate, estate

CREATE = "CreateStandbyWorkspaces"
DESCRIBE = "DescribeWorkspaces"


def statuses(found: Estate, ids: list[str]) -> set[Status]:
    return {found.status(one)[0] for one in ids}


def spoil(found: Estate, primary_id: str) -> None:
    """Write what a later version, or a hand, might have written."""
    key = {"pk": {"S": primary_id}, "sk": {"S": "STATE"}}
    values = {":code": {"S": "OF_NEXT_YEAR"}}
    found.dynamodb.update_item(
        TableName=TABLE, Key=key, UpdateExpression="SET reason_code = :code", ExpressionAttributeValues=values
    )


def test_a_row_that_cannot_be_read_stands_in_nobodys_way_but_its_own() -> None:
    with estate() as found:
        ids = found.create(*USERS[:3])
        found.protect(*ids)
        spoil(found, ids[0])
        found.pass_time(hours=1)
        answers = found.protect(*ids)
        assert answers[0]["reason_code"] == "ROW_UNREADABLE"
        assert found.notes.counts["UnreadableRows"] == 1
        found.observe(0)
        assert found.notes.counts["UnreadableRows"] == 2
        assert "OF_NEXT_YEAR" in found.notes.problems[-1]
        found.watch()
        assert statuses(found, ids[1:]) == {Status.PROTECTED}


def test_a_user_whose_look_is_always_refused_keeps_nobody_else_waiting() -> None:
    with estate() as found:
        (odd,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(odd)
        found.pass_time(minutes=3)
        found.world.inject(
            Fault(operation=DESCRIBE, region=DR, kind="refuse", code="InvalidParameterValuesException", user=USERS[0])
        )
        ids = found.create_ready(*USERS[1:10])
        found.protect(*ids)
        found.watch(hours=3)
        assert statuses(found, ids) == {Status.PROTECTED}
        assert found.status(odd)[0] is Status.CLAIMED


def test_one_that_breaks_its_call_breaks_no_other_a_second_time_and_ends_with_a_person() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:10])
        found.world.inject(Fault(operation=CREATE, kind="error_before", primary_id=ids[3]))
        found.protect(*ids)
        found.watch(hours=3)
        assert statuses(found, [one for one in ids if one != ids[3]]) == {Status.PROTECTED}
        assert found.status(ids[3])[0] is Status.CLAIMED
        found.configure(poll_interval=timedelta(minutes=10))
        found.watch(hours=30)
        assert found.status(ids[3]) == (Status.REJECTED, "NO_CLEAR_ANSWER")
        assert found.row(ids[3]).error_code
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 9


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "OperationNotSupportedException", "Strange.Code"])
def test_one_id_that_describe_refuses_hides_no_other_and_ends_at_its_deadline(code: str) -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:10])
        found.world.inject(Fault(operation=DESCRIBE, kind="refuse", code=code, primary_id=ids[4]))
        found.protect(*ids)
        found.watch(hours=8)
        assert statuses(found, [one for one in ids if one != ids[4]]) == {Status.PROTECTED}
        assert found.status(ids[4]) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")


def test_a_claim_that_was_looked_at_by_another_is_not_used_any_more() -> None:
    """Another clock runs five minutes ahead, and its first look falls between our claim and our call."""
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        real = Ledger.load
        looked: list[bool] = []

        def load(self: Ledger, ids: Any) -> Any:
            rows = real(self, ids)
            claimed = any(getattr(row, "status", None) is Status.CLAIMED for row in rows.values())
            if claimed and not looked:
                looked.append(True)
                found.clock.ahead = timedelta(minutes=5)
                found.protect(one)
                found.clock.ahead = timedelta(0)
                return real(self, ids)
            return rows

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "load", load)
            found.protect(one)
        assert looked
        assert found.creates() == []
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.creates()) == 1


@pytest.mark.parametrize("lag", [300, 600, 840])
def test_a_listing_that_lags_behind_a_second_unclear_request_makes_no_second_standby(lag: int) -> None:
    """The first had no effect: how long it has been unclear says nothing of what the second one made."""
    with estate(visibility_lag_seconds=lag, relation_lag_seconds=lag) as found:
        (one,) = found.create_ready(USERS[0])
        found.pass_time(hours=1)
        for kind in ("read_timeout_before", "read_timeout_after"):
            found.world.inject(Fault(operation=CREATE, kind=kind, times=1))
        found.protect(one)
        found.watch()
        assert [call.outcome for call in found.creates()] == ["read_timeout_before", "read_timeout_after"]
        assert found.status(one)[0] is Status.PROTECTED
        assert found.world.duplicates() == []


def test_the_looks_after_an_unclear_request_say_nothing_of_a_later_one() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=2))
        found.protect(one)
        for minutes in (20, 10):  # two looks, and a second request
            found.pass_time(minutes=minutes)
            found.protect(one)
        assert len(found.creates()) == 2
        found.pass_time(hours=1)
        found.protect(one)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        assert len(found.creates()) == 2
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.world.standbys()) == 1


@pytest.mark.parametrize("lag", [300, 600, 840])
def test_a_listing_that_lags_behind_an_unclear_request_makes_no_second_standby(lag: int) -> None:
    with estate(visibility_lag_seconds=lag, relation_lag_seconds=lag) as found:
        (one,) = found.create_ready(USERS[0])
        found.pass_time(hours=1)
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_after", times=1))
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert found.world.duplicates() == []
        assert len(found.creates()) == 1


def test_a_partial_answer_after_an_outage_times_nothing_out() -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(hours=1))
        ids = found.create_ready(*USERS[:4])
        until = found.world.clock.now() + timedelta(hours=2.25)
        found.world.inject(Fault(operation=CREATE, kind="connection_refused", until=until))
        found.protect(*ids)
        found.watch(hours=2.25)
        found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide", times=3))
        found.watch()
        assert statuses(found, ids) == {Status.PROTECTED}


def hide(found: Estate, primary_id: str) -> None:
    """Let one answer of the primary Region leave a primary out."""
    found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide", primary_id=primary_id, times=1))


def test_a_primary_that_two_answers_miss_and_others_between_show_is_not_given_up() -> None:
    """The DR Region is down all the time, and its call is not the first: nothing else is written of it meanwhile."""
    with estate() as found:
        ids = found.create_ready(*USERS[:26])
        until = found.world.clock.now() + timedelta(hours=6)
        found.world.inject(Fault(operation=CREATE, kind="connection_refused", until=until))
        found.protect(*ids)
        for is_hidden in (True, False, True):
            found.pass_time(hours=2.5)
            if is_hidden:
                hide(found, ids[-1])
            found.protect(*ids, cause="watch")
            assert (found.row(ids[-1]).absent_since is not None) is is_hidden
            assert found.status(ids[-1])[0] is Status.WAITING


def test_a_claim_whose_primary_two_answers_miss_and_others_between_show_is_not_given_up() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(one)
        found.pass_time(minutes=5)
        hide(found, one)
        found.protect(one, cause="watch")
        assert found.row(one).absent_since is not None
        found.pass_time(minutes=5)
        found.world.inject(Fault(operation=DESCRIBE, region=DR, kind="throttle", times=1))
        found.protect(one, cause="watch")
        found.pass_time(hours=5)
        hide(found, one)
        found.protect(one, cause="watch")
        assert found.status(one)[0] is Status.CLAIMED


def test_a_held_primary_that_two_answers_miss_and_a_sweep_between_shows_is_not_given_up() -> None:
    with estate() as found:
        found.take_baselines()
        found.configure(max_new_standbys_per_day=1)
        first, one = found.create_ready(*USERS[:2])
        found.protect(first, one)
        for _ in range(2):
            found.pass_time(hours=5)
            hide(found, one)
            found.protect(one, cause="watch")
            assert found.status(one)[0] is Status.HELD
            found.sweep()
        assert found.row(one).absent_since is None


def test_dead_ones_at_the_head_of_the_held_keep_nobody_out() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=3)
        ids = found.create_ready(*USERS[:12])
        found.protect(*ids)
        held = sorted(
            (one for one in ids if found.status(one)[0] is Status.HELD), key=lambda one: found.row(one).version
        )
        for one in held[:6]:
            found.world.terminate(one)
        found.pass_time(hours=16)
        for _ in range(3):
            found.watch()
            found.pass_time(hours=24)
        living = [one for one in ids if one not in held[:6]]
        assert statuses(found, living) == {Status.PROTECTED}
        found.watch()
        assert statuses(found, held[:6]) == {Status.HELD}
        for _ in range(3):
            found.pass_time(hours=1)
            found.sweep()
        assert statuses(found, held[:6]) == {Status.PRIMARY_GONE}


def test_one_that_two_answers_leave_out_while_it_is_held_for_a_day_is_not_given_up() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=1, primary_deadline=timedelta(hours=1))
        ids = found.create_ready(*USERS[:2])
        found.protect(*ids)
        (held,) = (one for one in ids if found.status(one)[0] is Status.HELD)
        for _ in range(2):
            found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide", times=1))
            found.protect(held)
            found.pass_time(hours=9)
        assert found.status(held)[0] is Status.HELD
        found.pass_time(hours=9)
        found.watch()
        assert found.status(held)[0] is Status.PROTECTED


def test_our_own_standby_whose_relation_lags_is_no_hand_made_desktop() -> None:
    """Its request had no clear answer, it lists late, and the service then says that one exists."""
    with estate(strict=True, visibility_lag_seconds=1500, relation_lag_seconds=2400) as found:
        (one,) = found.create_ready(USERS[0])
        found.pass_time(hours=1)
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_after", times=1))
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 1
        assert len(found.world.standbys()) == 1


def test_a_desktop_that_is_being_terminated_settles_nothing() -> None:
    with estate() as found:
        order = {"DirectoryId": AWAY, "UserName": USERS[0], "BundleId": "wsb-windowsstandard"}
        answer = found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
        (one,) = found.create_ready(USERS[0])
        found.world.terminate(answer["PendingRequests"][0]["WorkspaceId"])
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "STANDBY_TERMINATING")
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


def test_a_standby_id_that_the_ledger_does_not_take_at_once_is_written_when_it_does() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        real = Ledger.write
        calls = 0

        def failing(self: Ledger, *arguments: Any, **named: Any) -> None:
            nonlocal calls
            calls += 1
            if calls in (2, 3):
                raise LedgerUnavailable("throttled")
            real(self, *arguments, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "write", failing)
            found.protect(one)
        assert found.status(one) == (Status.REQUESTED, "CREATE_ACCEPTED")


def test_a_claim_that_was_given_up_while_its_primary_was_hidden_is_taken_again_only_after_a_look() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_after", times=1))
        found.protect(one)
        found.world.settings.change(visibility_lag_seconds=18_000, relation_lag_seconds=36_000)
        until = found.world.clock.now() + timedelta(hours=6)
        found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide", until=until))
        found.watch(hours=6)
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        found.pass_time(hours=2)
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "DR_DESKTOP_UNCLEAR")
        found.pass_time(hours=4)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.creates()) == 1


def test_a_claimed_row_whose_primary_is_gone_ends_and_gives_its_place_back() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(one)
        found.world.terminate(one)
        found.pass_time(hours=1)
        found.watch(hours=10)
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 0


def test_a_partial_answer_makes_no_ineligible_desktop_eligible() -> None:
    with estate() as found:
        (linux,) = found.create_ready(USERS[0], BundleId="wsb-ubuntustandard")
        real = found.parts.clients.primary.describe_workspaces

        def partial(**request: Any) -> Any:
            answer = real(**request)
            for entry in answer["Workspaces"]:
                del entry["WorkspaceProperties"]
            return answer

        found.parts.clients.primary.describe_workspaces = partial  # type: ignore[method-assign]
        found.protect(linux)
        assert found.status(linux) == (Status.WAITING, "NOT_VISIBLE_YET")
        del found.parts.clients.primary.describe_workspaces
        found.protect(linux)
        assert found.status(linux) == (Status.INELIGIBLE, "OPERATING_SYSTEM")
        found.parts.clients.primary.describe_workspaces = partial  # type: ignore[method-assign]
        found.protect(linux)
        assert found.status(linux) == (Status.INELIGIBLE, "OPERATING_SYSTEM")
        assert found.creates() == []


def test_a_migrated_desktop_gets_no_second_standby_though_nobody_knew_of_the_first() -> None:
    with estate() as found:
        (old,) = found.create_ready(USERS[0])
        order = {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [{"PrimaryWorkspaceId": old, "DirectoryId": AWAY}]}
        found.world.call(DR, CREATE, order)
        found.pass_time(hours=1)
        migrated = found.world.call(
            PRIMARY, "MigrateWorkspace", {"SourceWorkspaceId": old, "BundleId": "wsb-windowspower"}
        )
        (event,) = [one for one in found.world.trail if one["detail"]["eventName"] == "MigrateWorkspace"]
        found.send(event)
        found.watch()
        assert len(found.world.standbys()) == 1
        assert found.status(migrated["TargetWorkspaceId"])[0] in (Status.INELIGIBLE, Status.PROTECTED)


def test_a_row_known_as_a_standby_stays_one_when_its_relation_is_not_shown() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        key = {"pk": {"S": one}, "sk": {"S": "STATE"}}
        values = {":code": {"S": "IS_STANDBY"}, ":status": {"S": "INELIGIBLE"}}
        found.dynamodb.update_item(
            TableName=TABLE,
            Key=key,
            UpdateExpression="SET reason_code = :code, #s = :status",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues=values,
        )
        found.world.terminate(found.world.standbys()[0].workspace_id)
        found.pass_time(hours=1)
        found.protect(one)
        assert len(found.creates()) == 1


def test_looks_by_hand_are_paced() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:10])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(*ids)
        found.pass_time(minutes=3)
        before, began = len(found.world.calls), found.clock.now()
        found.protect(*ids)
        calls = len(found.world.calls) - before
        assert (found.clock.now() - began).total_seconds() >= calls - 5


def test_exists_with_nothing_there_ends_with_a_person() -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(hours=1))
        (one,) = found.create_ready(USERS[0])
        found.world.inject(
            Fault(operation=CREATE, kind="fail_item", code="ResourceExists.WorkSpace", message="is there")
        )
        found.protect(one)
        found.watch(hours=2)
        assert found.status(one) == (Status.REJECTED, "SERVICE_REFUSED")
        assert found.row(one).error_code == "ResourceExists.WorkSpace"


def test_a_cancelled_transaction_that_was_throttled_is_repeated() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        real = found.dynamodb.transact_write_items
        calls = 0

        def throttled_once(**request: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 1:
                error: Any = {
                    "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                    "CancellationReasons": [{"Code": "ThrottlingError"}, {"Code": "None"}],
                }
                raise ClientError(error, "TransactWriteItems")
            return real(**request)

        found.dynamodb.transact_write_items = throttled_once
        found.protect(one)
        assert found.status(one)[0] is Status.REQUESTED


def go_on(found: Estate, hours: int) -> None:
    """Let so many hours pass; whenever the watcher has ended, the schedule starts it within the hour."""
    for _ in range(hours):
        if found.watch(hours=1)[-1].done:
            found.pass_time(hours=1)


def test_a_desktop_seen_once_after_an_unclear_request_is_not_forgotten_because_listings_miss_it() -> None:
    with estate(relation_lag_seconds=7200) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "connection_closed_after", times=1))
        found.protect(one)
        found.watch(hours=0.25)
        assert found.status(one) == (Status.CLAIMED, "DR_DESKTOP_UNCLEAR")
        until = found.clock.now() + timedelta(hours=1)
        found.world.inject(Fault("DescribeWorkspaces", "hide", DR, user=USERS[0], until=until))
        go_on(found, 4)
        assert found.world.duplicates() == []
        assert found.status(one)[0] is Status.PROTECTED


def test_a_sighting_that_came_to_nothing_is_forgotten_after_a_deadline() -> None:
    with estate(relation_lag_seconds=7200) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "connection_closed_after", times=1))
        found.protect(one)
        found.watch(hours=0.25)
        (standby,) = found.world.standbys()
        found.world.terminate(standby.workspace_id)
        go_on(found, 5)
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.creates()) == 2


def test_an_item_that_failed_by_an_internal_failure_may_have_been_created() -> None:
    with estate(false_failure=1, relation_lag_seconds=1800) as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        go_on(found, 2)
        assert found.world.duplicates() == []
        assert found.status(one)[0] is Status.PROTECTED


def test_a_desktop_of_another_directory_in_an_answer_does_not_stand_in_the_way() -> None:
    with estate(stray=1) as found:
        found.world.add_directory(DR, "d-92670000ff", USERS)
        order = {"DirectoryId": "d-92670000ff", "UserName": USERS[0], "BundleId": "wsb-windowsstandard"}
        found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "error_before", times=1))
        found.protect(one)
        go_on(found, 8)
        assert found.status(one)[0] is Status.PROTECTED


def test_a_record_that_met_somebody_elses_change_is_written_over_it() -> None:
    """What only this invocation knows, the standby's id, is written once the row has been read again."""
    with estate(relation_lag_seconds=3600, visibility_lag_seconds=3600) as found:
        (one,) = found.create_ready(USERS[0])
        found.pass_time(hours=1)
        real = found.parts.clients.dr.create_standby_workspaces

        def while_another_looks(**request: Any) -> Any:
            answer = real(**request)
            found.clock.ahead = timedelta(minutes=5)
            found.protect(one)
            found.clock.ahead = timedelta(0)
            return answer

        found.parts.clients.dr.create_standby_workspaces = while_another_looks  # type: ignore[method-assign]
        found.protect(one)
        assert [event["reason_code"] for event in found.history(one)] == [
            "CLAIM_TAKEN",
            "NOTHING_SEEN_ONCE",
            "CREATE_ACCEPTED",
        ]
        assert found.row(one).standby_id == found.world.standbys()[0].workspace_id


def test_a_standby_is_recorded_though_its_users_claim_is_another_primarys() -> None:
    """It is there, and costs: what the ledger does not show, nobody finds."""
    with estate() as found:
        (old,) = found.create_ready(USERS[0])
        found.protect(old)
        found.pass_time(hours=1)
        order = {"SourceWorkspaceId": old, "BundleId": "wsb-windowspower"}
        new = found.world.call(PRIMARY, "MigrateWorkspace", order)["TargetWorkspaceId"]
        found.pass_time(hours=1)
        item = {"PrimaryWorkspaceId": new, "DirectoryId": AWAY}
        found.world.call(DR, CREATE, {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [item]})
        found.pass_time(hours=1)
        found.protect(new)
        assert found.status(new) == (Status.PROTECTED, "ADOPTED")
        assert found.row(new).standby_id in {one.workspace_id for one in found.world.standbys()}
        assert found.row(new).claim_key is None
        assert found.item(claim_key(DirectoryId(AWAY), USERS[0]), "CLAIM")["primary_id"] == old
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 1


OF_A_CLAIM = ("unclear_since", "desktop_seen_at", "claim_owner", "claim_expires_at", "looked_at")


def test_a_row_whose_standby_showed_says_nothing_more_of_what_was_unclear() -> None:
    with estate(relation_lag_seconds=1800) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "connection_closed_after", times=1))
        found.protect(one)
        found.watch(hours=0.25)
        unclear = found.row(one)
        assert unclear.reason == "DR_DESKTOP_UNCLEAR"
        assert None not in (unclear.unclear_since, unclear.desktop_seen_at, unclear.claim_owner)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert {name: getattr(found.row(one), name) for name in OF_A_CLAIM} == dict.fromkeys(OF_A_CLAIM)


def test_a_row_whose_standby_showed_after_a_look_that_found_nothing_says_nothing_more_of_it() -> None:
    with estate(visibility_lag_seconds=600, relation_lag_seconds=600) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "connection_closed_after", times=1))
        found.protect(one)
        found.watch(hours=0.1)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        assert found.row(one).looked_at
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert {name: getattr(found.row(one), name) for name in OF_A_CLAIM} == dict.fromkeys(OF_A_CLAIM)


def test_a_row_whose_claim_was_given_back_says_nothing_more_of_what_was_unclear_or_asked_for() -> None:
    with estate() as found:
        found.configure(standby_deadline=timedelta(minutes=30))
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "read_timeout_before", times=1))
        found.protect(one)
        order = {"DirectoryId": AWAY, "UserName": USERS[0], "BundleId": "wsb-windowsstandard"}
        found.world.call(DR, "CreateWorkspaces", {"Workspaces": [order]})
        found.watch()
        assert found.status(one) == (Status.INELIGIBLE, "SECONDARY_EXISTS")
        cleared = (
            *OF_A_CLAIM,
            "claim_key",
            "counted_day",
            "standby_id",
            "standby_state",
            "replication",
            "requested_at",
        )
        assert {name: getattr(found.row(one), name) for name in cleared} == dict.fromkeys(cleared)


def test_a_desktop_seen_before_a_long_silence_undoes_the_look_that_found_nothing() -> None:
    """A look finds nothing, the next one a desktop; then nobody looks until a standby's whole deadline is over."""
    with estate(relation_lag_seconds=10_000_000) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "read_timeout_after", times=1))
        found.protect(one)
        hidden = Fault("DescribeWorkspaces", "hide", DR, user=USERS[0], times=4)  # as many as its spellings
        for minutes, fault, reason in (
            (5, hidden, "NOTHING_SEEN_ONCE"),
            (6, None, "DR_DESKTOP_UNCLEAR"),
            (180, Fault("DescribeWorkspaces", "hide", DR, user=USERS[0]), "NOTHING_SEEN_ONCE"),
        ):
            found.world.clear_faults()
            if fault is not None:
                found.world.inject(fault)
            found.pass_time(minutes=minutes)
            found.protect(one)
            assert found.status(one) == (Status.CLAIMED, reason)
        assert len(found.creates()) == 1


def test_a_desktop_that_was_seen_for_long_counts_from_when_it_was_seen_last() -> None:
    with estate(relation_lag_seconds=3 * 3600) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "connection_closed_after", times=1))
        found.protect(one)
        found.watch(hours=1.75)
        assert found.status(one) == (Status.CLAIMED, "DR_DESKTOP_UNCLEAR")
        seen_at = found.row(one).desktop_seen_at
        assert seen_at
        assert found.clock.now() - seen_at < timedelta(minutes=35)
        until = found.clock.now() + timedelta(hours=0.75)
        found.world.inject(Fault("DescribeWorkspaces", "hide", DR, user=USERS[0], until=until))
        found.watch(hours=3)
        assert len(found.creates()) == 1
        assert found.status(one)[0] is Status.PROTECTED


def test_a_long_sighting_is_no_long_history() -> None:
    with estate(relation_lag_seconds=10_000_000) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "connection_closed_after", times=1))
        found.protect(one)
        found.watch(hours=1.9)
        assert found.status(one) == (Status.CLAIMED, "DR_DESKTOP_UNCLEAR")
        assert len(found.history(one)) < 8


def test_a_primary_whose_state_the_service_refuses_is_given_up_at_its_deadline() -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(hours=1))
        (one,) = found.create_ready(USERS[0])
        words = "The WorkSpace is in an invalid state."
        found.world.inject(Fault(CREATE, "fail_item", code="InvalidResourceStateException", message=words))
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "STATE_REFUSED")
        found.watch(hours=0.9)
        assert found.status(one) == (Status.WAITING, "STATE_REFUSED")
        found.watch(hours=1)
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        assert words in found.row(one).message
        assert found.row(one).error_code == "InvalidResourceStateException"
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 0
