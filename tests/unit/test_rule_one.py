"""Rule 1: exactly one standby for each primary, and for each user in a DR directory, whatever the call does."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.ledger.claims import LEASE, Claims, claim_key
from standby.ledger.ledger import Ledger
from standby.ledger.table import LedgerUnavailable
from standby.model import DirectoryId, Status
from standby.settings import Directory, Settings
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, Estate, estate, settings

CREATE = "CreateStandbyWorkspaces"
NO_EFFECT = ["throttle", "connection_refused", "connect_timeout"]
UNCLEAR_WITHOUT_EFFECT = ["error_before", "read_timeout_before"]
UNCLEAR_WITH_EFFECT = ["error_after", "read_timeout_after", "connection_closed_after", "malformed", "empty"]


def assert_converged(found: Estate, ids: list[str]) -> None:
    assert found.world.duplicates() == []
    assert len(found.world.standbys()) == len(ids)
    assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


@pytest.mark.parametrize("strict", [False, True], ids=["permissive", "strict"])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("kind", NO_EFFECT + UNCLEAR_WITHOUT_EFFECT + UNCLEAR_WITH_EFFECT)
def test_one_standby_each_whatever_the_create_call_does(kind: str, times: int, strict: bool) -> None:
    with estate(strict=strict) as found:
        ids = found.create_ready(*USERS[:3])
        found.world.inject(Fault(operation=CREATE, kind=kind, times=times))
        found.protect(*ids)
        found.watch()
        assert_converged(found, ids)


@pytest.mark.parametrize("kind", NO_EFFECT)
def test_a_request_that_certainly_had_no_effect_gives_its_claim_back(kind: str) -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind=kind, times=1))
        found.protect(one)
        assert found.status(one)[0] is Status.WAITING
        assert found.row(one).claim_key is None
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 0
        assert found.item(claim_key(DirectoryId(AWAY), USERS[0]), "CLAIM")["primary_id"] == "-"


@pytest.mark.parametrize("kind", UNCLEAR_WITHOUT_EFFECT + UNCLEAR_WITH_EFFECT)
def test_an_unclear_answer_keeps_the_claim_and_is_not_sent_again_within_its_lease(kind: str) -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind=kind, times=1))
        found.protect(one)
        assert found.status(one) == (Status.CLAIMED, "REQUEST_UNCERTAIN")
        found.clock.sleep(LEASE.total_seconds() - 5)
        found.protect(one)
        assert len(found.creates()) == 1


def test_after_the_lease_two_complete_looks_come_before_a_second_request() -> None:
    """Apart by a poll and a third of first_look, the second one when a new WorkSpace has had the time to show."""
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(one)
        found.clock.sleep(LEASE.total_seconds() + 1)
        found.protect(one)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        for _ in range(2):
            found.pass_time(minutes=6)
            found.protect(one)
        assert len(found.creates()) == 1
        found.pass_time(minutes=6)
        found.protect(one)
        assert len(found.creates()) == 2
        assert found.status(one) == (Status.REQUESTED, "CREATE_ACCEPTED")


@pytest.mark.parametrize("region", [PRIMARY, DR])
@pytest.mark.parametrize("kind", ["throttle", "error_before", "empty", "malformed", "connection_refused"])
def test_a_look_that_is_not_complete_counts_as_none(region: str, kind: str) -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(one)
        found.clock.sleep(LEASE.total_seconds() + 1)
        fault = Fault(operation="DescribeWorkspaces", region=region, kind=kind, times=40)
        found.world.inject(fault)
        for _ in range(10):
            found.protect(one)
            found.pass_time(minutes=3)
        assert len(found.creates()) == 1
        assert found.status(one) == (Status.CLAIMED, "REQUEST_UNCERTAIN")
        found.world.clear_faults()
        found.watch()
        assert_converged(found, [one])


def test_a_standby_that_the_primary_does_not_show_yet_is_found_in_the_dr_directory() -> None:
    with estate(relation_lag_seconds=0) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_after", times=1))
        found.protect(one)
        assert found.status(one)[0] is Status.CLAIMED
        found.protect(one)
        assert found.status(one) == (Status.REQUESTED, "STANDBY_STARTING")
        assert len(found.creates()) == 1


@pytest.mark.parametrize("lag", [600, 1800])
def test_a_relation_that_lags_makes_no_second_standby(lag: int) -> None:
    with estate(relation_lag_seconds=lag) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_after", times=1))
        found.protect(one)
        found.watch()
        assert_converged(found, [one])
        assert len(found.creates()) == 1


def test_an_item_that_the_answer_does_not_speak_of_keeps_its_claim() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:2])
        real = found.parts.clients.dr.create_standby_workspaces

        def forgetful(**request: Any) -> Any:
            answer = real(**request)
            answer["PendingStandbyRequests"].pop()
            return answer

        found.parts.clients.dr.create_standby_workspaces = forgetful  # type: ignore[method-assign]
        found.protect(*ids)
        assert sorted(found.status(one)[0] for one in ids) == [Status.CLAIMED, Status.REQUESTED]
        found.watch()
        assert_converged(found, ids)


def test_names_in_capitals_are_matched_to_their_primaries() -> None:
    with estate(shout_user_names=True, exact_user_filter=True) as found:
        ids = found.create_ready(*USERS[:5])
        found.protect(*ids)
        for one in ids:
            row = found.row(one)
            assert row.status is Status.REQUESTED
            assert found.world.workspace(str(row.standby_id)).user_name.casefold() == row.user_name


def test_ten_copies_of_an_event_ask_once() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        for _ in range(10):
            found.protect(one, cause="event")
        assert len(found.creates()) == 1


def test_two_invocations_at_once_ask_once() -> None:
    """The second one reads the ledger before the first one claims: its own claim is refused."""
    with estate(relation_lag_seconds=600) as found:
        (one,) = found.create_ready(USERS[0])
        real = Ledger.load
        raced: list[bool] = []

        def load_then_lose(self: Ledger, ids: Any) -> Any:
            rows = real(self, ids)
            if not raced:
                raced.append(True)
                found.protect(one)
            return rows

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "load", load_then_lose)
            (decision,) = found.protect(one)
        assert decision["action"] == "NONE"
        assert len(found.creates()) == 1


def test_fifty_threads_with_one_event_ask_once() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        start = threading.Barrier(10)
        # DynamoDB's calls are atomic, the model's are not: one at a time, in any order.
        clients: list[Any] = [found.dynamodb, found.parts.clients.primary, found.parts.clients.dr]
        for client in clients:
            client._make_api_call = _one_at_a_time(client._make_api_call)

        def deliver() -> None:
            start.wait()
            for _ in range(5):
                found.protect(one, cause="event")

        threads = [threading.Thread(target=deliver) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found.creates()) == 1
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 1


def test_a_claim_whose_lease_runs_short_is_given_back_unsent() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        real = Ledger.write

        def slow(self: Ledger, *arguments: Any, **named: Any) -> None:
            real(self, *arguments, **named)
            found.clock.sleep(90)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "write", slow)
            found.protect(one)
        assert found.creates() == []
        assert found.status(one) == (Status.WAITING, "LEASE_TOO_SHORT")


@pytest.mark.parametrize("kind", [None, "throttle"])
def test_where_claims_are_slow_to_take_they_are_sent_before_the_first_is_too_old(
    monkeypatch: pytest.MonkeyPatch, kind: str | None
) -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:25])
        if kind:
            found.world.inject(Fault(operation=CREATE, kind=kind))
        take = Claims.take

        def slowly(self: Claims, *given: Any) -> Any:
            found.pass_time(seconds=10)
            return take(self, *given)

        monkeypatch.setattr(Claims, "take", slowly)
        found.protect(*ids)
        assert len(found.creates()) == (1 if kind else 5)
        assert {found.status(one)[0] for one in ids} == {Status.WAITING if kind else Status.REQUESTED}
        assert not any(event["reason_code"] == "LEASE_TOO_SHORT" for one in ids for event in found.history(one))


def test_a_crash_after_the_claim_and_before_the_call_is_made_good() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.parts.clients.dr.create_standby_workspaces = _die  # type: ignore[method-assign]
        with pytest.raises(SystemExit):
            found.protect(one)
        del found.parts.clients.dr.create_standby_workspaces
        assert found.status(one) == (Status.CLAIMED, "CLAIM_TAKEN")
        found.watch()
        assert_converged(found, [one])
        assert len(found.creates()) == 1


def test_a_crash_after_the_call_and_before_the_record_is_made_good() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        real = found.parts.clients.dr.create_standby_workspaces

        def create_and_die(**request: Any) -> Any:
            real(**request)
            raise SystemExit

        found.parts.clients.dr.create_standby_workspaces = create_and_die  # type: ignore[method-assign]
        with pytest.raises(SystemExit):
            found.protect(one)
        del found.parts.clients.dr.create_standby_workspaces
        found.watch()
        assert_converged(found, [one])
        assert len(found.creates()) == 1


def test_a_record_that_the_ledger_does_not_take_is_made_good_by_the_next_look() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        real = Ledger.write
        calls = 0

        def failing(self: Ledger, *arguments: Any, **named: Any) -> None:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise LedgerUnavailable("throttled")
            real(self, *arguments, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "write", failing)
            found.protect(one)
        found.watch()
        assert_converged(found, [one])
        assert len(found.creates()) == 1


def test_a_claim_that_may_not_have_been_written_creates_nothing() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one, cause="event")  # so that there is a row: REQUESTED; another user's is the one under test
        (two,) = found.create_ready(USERS[1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "write", _unavailable)
            with pytest.raises(LedgerUnavailable, match=two):
                found.protect(two)
        assert len(found.creates()) == 1


def test_the_owners_own_retry_of_its_claim_succeeds() -> None:
    """The transaction took effect and its answer was lost, and its repeat meets its own row."""
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        real = found.dynamodb.transact_write_items

        def twice(**request: Any) -> Any:
            real(**request)
            return real(**request)

        found.dynamodb.transact_write_items = twice
        (decision,) = found.protect(one)
        assert decision["status"] == Status.REQUESTED
        assert len(found.creates()) == 1


def test_two_primaries_of_one_user_get_one_standby() -> None:
    """Two primary directories cannot share a partner; a migrated WorkSpace and its predecessor share a user."""
    with estate() as found:
        (old,) = found.create_ready(USERS[0])
        found.protect(old)
        found.pass_time(hours=1)
        order = {"SourceWorkspaceId": old, "BundleId": "wsb-windowspower"}
        migrated = found.world.call(PRIMARY, "MigrateWorkspace", order)
        new = migrated["TargetWorkspaceId"]
        found.pass_time(hours=2)
        found.protect(new)
        assert len(found.creates()) == 1
        assert found.status(new) == (Status.INELIGIBLE, "USER_HAS_STANDBY")
        assert old in found.row(new).message


def test_a_clock_that_runs_ahead_takes_no_claim_from_a_call_under_way() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        real = found.parts.clients.dr.create_standby_workspaces

        def while_another_looks(**request: Any) -> Any:
            del found.parts.clients.dr.create_standby_workspaces
            found.clock.ahead = timedelta(minutes=5)
            found.protect(one)
            found.clock.sleep(30)
            found.protect(one)
            found.clock.ahead = timedelta(0)
            return real(**request)

        found.parts.clients.dr.create_standby_workspaces = while_another_looks  # type: ignore[method-assign]
        found.protect(one)
        assert len(found.creates()) == 1
        found.watch()
        assert_converged(found, [one])


def test_batches_are_of_twenty_five_and_name_a_user_once() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:60])
        found.protect(*ids)
        sizes = [len(call.params["StandbyWorkspaces"]) for call in found.creates()]
        assert sizes == [25, 25, 10]
        assert {found.status(one)[0] for one in ids} == {Status.REQUESTED}


def test_a_standby_made_by_somebody_else_is_adopted() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.call(
            DR,
            CREATE,
            {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [{"PrimaryWorkspaceId": one, "DirectoryId": AWAY}]},
        )
        found.protect(one)
        assert found.status(one) == (Status.REQUESTED, "ADOPTED")
        found.watch()
        assert found.status(one) == (Status.PROTECTED, "ADOPTED")
        assert len(found.creates()) == 1


def test_a_standby_gets_no_standby() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        (standby,) = found.world.standbys()
        found.pass_time(hours=1)
        directory = Directory(DirectoryId(HOME))
        other = _reversed(found, settings(primary_region=DR, dr_region=PRIMARY, directories={AWAY: directory}))
        (decision,) = other.protect(standby.workspace_id)
        assert decision["reason_code"] == "IS_STANDBY"
        assert decision["status"] is None
        assert len(found.creates()) == 1


@pytest.mark.parametrize("lag", [0, 3600])
def test_two_pairs_that_point_at_each_other_give_no_standby_a_standby(lag: int) -> None:
    with estate(relation_lag_seconds=lag) as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        (standby,) = found.world.standbys()
        found.pass_time(minutes=30)
        directory = Directory(DirectoryId(HOME), mutual=True)
        other = _reversed(found, settings(primary_region=DR, dr_region=PRIMARY, directories={AWAY: directory}))
        other.protect(standby.workspace_id)
        assert len(found.creates()) == 1
        other.pass_time(hours=2)
        other.watch()
        assert len(found.creates()) == 1
        if lag:
            assert other.status(standby.workspace_id) == (Status.INELIGIBLE, "IS_STANDBY")


def _reversed(found: Estate, configured: Settings) -> Estate:
    """The pair that points back, in the same world, with a ledger of its own."""
    found.dynamodb.delete_table(TableName=TABLE)
    return Estate(found.world, configured)


_lock = threading.Lock()


def _one_at_a_time(call: Any) -> Any:
    def locked(*arguments: Any) -> Any:
        with _lock:
            return call(*arguments)

    return locked


def _die(**_: Any) -> Any:
    raise SystemExit


def _unavailable(*_: Any, **__: Any) -> None:
    raise LedgerUnavailable("no answer")
