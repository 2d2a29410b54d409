"""The watcher: what a round looks at and when, what it makes of it, and that there is one watcher at a time."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.workspaces import Fault
from standby.decisions.decide import decide
from standby.decisions.decision import Action
from standby.ledger.lease import WORK, Executions
from standby.ledger.ledger import Context
from standby.ledger.table import LedgerUnavailable
from standby.model import Cause, DirectoryId, Related, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import SHARDS, Row
from standby.settings import Directory
from standby.watch import observe
from tests.unit.estate import ACCOUNT, AWAY, DR, EXECUTION, HOME, PRIMARY, USERS, Estate, estate, settings

CREATE = "CreateStandbyWorkspaces"
DESCRIBE = "DescribeWorkspaces"
OTHER_EXECUTION = EXECUTION.replace(":one", ":two")
SECOND = timedelta(seconds=1)
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
POLL = 120


def describes(found: Estate, region: str = PRIMARY) -> list[Any]:
    return [call for call in found.world.calls if (call.operation, call.region) == (DESCRIBE, region)]


def looks(found: Estate, primary_id: str) -> list[Any]:
    """The moments at which a primary was described."""
    return [call.at for call in describes(found) if primary_id in call.params.get("WorkspaceIds", ())]


def put_rows(found: Estate, count: int, status: Status = Status.WAITING, **fields: Any) -> list[str]:
    """Due rows of primaries that exist in the ledger alone."""
    ids = [f"ws-{status.lower().replace('_', '')[:4]}{number:06}" for number in range(count)]
    for one in ids:
        put_row(found, one, status=status, **fields)
    return ids


def put_row(found: Estate, primary_id: str, **fields: Any) -> None:
    now = found.clock.now()
    given: dict[str, Any] = {
        "status": Status.WAITING,
        "primary_region": found.parts.settings.primary_region,
        "dr_region": found.parts.settings.dr_region,
        "reason": Reason.PRIMARY_PENDING,
        "message": "",
        "version": 1,
        "first_seen_at": now,
        "changed_at": now,
        "due_at": now,
        "deadline_at": now + timedelta(days=1),
        "cause_type": "event",
        "cause_id": "e",
    }
    row = Row(primary_id=WorkspaceId(primary_id), **(given | fields))
    found.parts.recorder(Context(Cause("event", "e"), owner="test")).ledger.write(row, None)


def until_nothing_is_left(found: Estate, *, first: int = 0) -> list[observe.Round]:
    """The parts of one round, as the state machine asks for them."""
    parts = [found.observe(first)]
    while parts[-1].cursor is not None:
        parts.append(found.observe(first + len(parts), json.loads(json.dumps(parts[-1].cursor))))
    return parts


def with_time_for(found: Estate, looks_left: int) -> Callable[[int, dict[str, Any] | None], observe.Round]:
    """watch, in an invocation whose time is over after so many batches."""

    def one_round(number: int, cursor: dict[str, Any] | None) -> observe.Round:
        left = [looks_left]

        def has_time() -> bool:
            left[0] -= 1
            return left[0] > 0

        found.watchers.running.add(EXECUTION)
        return found.parts.observer(EXECUTION, "request", has_time).observe(EXECUTION, number, cursor)

    return one_round


# When a row is looked at


@pytest.mark.parametrize(("item", "minutes"), [({}, 15), ({"RootVolumeEncryptionEnabled": True}, 45)])
def test_a_new_row_is_not_looked_at_before_it_can_have_changed_and_then_at_each_poll(
    item: dict[str, Any], minutes: int
) -> None:
    with estate() as found:
        key = f"arn:aws:kms:{{}}:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
        found.configure(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), key.format(DR))})
        (one,) = found.create(USERS[0], **(item and {**item, "VolumeEncryptionKey": key.format(PRIMARY)}))
        began = found.clock.now()
        found.protect(one)
        found.watch(hours=minutes / 60 + 0.2)
        first, *later = [at - began for at in looks(found, one)[1:]]
        assert timedelta(minutes=minutes) <= first <= timedelta(minutes=minutes, seconds=POLL)
        assert later[0] - first == timedelta(seconds=POLL)


def test_a_requested_standby_is_first_looked_at_after_the_first_look_too() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        requested = found.clock.now()
        found.watch()
        assert looks(found, one)[1] - requested >= timedelta(minutes=15)


def test_a_standby_that_is_ready_is_protected_at_the_first_look_that_shows_it() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        requested = found.clock.now()
        found.watch()
        row = found.row(one)
        assert (row.status, row.reason) == (Status.PROTECTED, "STANDBY_READY")
        assert row.protected_at
        assert timedelta(minutes=20) <= row.protected_at - requested < timedelta(minutes=20, seconds=POLL + 5)
        assert row.standby_state == "AVAILABLE"
        assert row.replication == "NO_REPLICATION"
        assert row.execution_arn == EXECUTION


def test_rows_that_are_not_due_are_not_described() -> None:
    with estate() as found:
        put_rows(found, 5, due_at=found.clock.now() + timedelta(minutes=5))
        round_ = found.observe()
        assert describes(found) == []
        assert (round_.done, round_.open, round_.ready, round_.cursor) == (False, 5, (), None)
        assert round_.wait_seconds == 300


@pytest.mark.parametrize(
    ("poll", "due_in", "wait"),
    [
        (120, 300, 300),
        (120, 0.2, 1),
        (120, 30.4, 30),
        (120, 4000, 600),
        (0.5, 60, 2),
        (0.1, 60, 1),
        (2.5, 3.6, 4),
    ],
)
def test_the_wait_is_a_whole_number_of_seconds_until_something_is_due(poll: float, due_in: float, wait: int) -> None:
    with estate() as found:
        found.configure(poll_interval=timedelta(seconds=poll))
        put_rows(found, 1, due_at=found.clock.now() + timedelta(seconds=due_in))
        answer = found.observe().answer()
        assert answer["wait_seconds"] == wait
        assert type(answer["wait_seconds"]) is int


@pytest.mark.parametrize(("poll", "wait"), [(120, 120), (0.2, 1), (1.7, 2)])
def test_after_a_look_the_wait_is_a_poll(poll: float, wait: int) -> None:
    with estate() as found:
        found.configure(poll_interval=timedelta(seconds=poll))
        put_rows(found, 1)
        answer = found.observe().answer()
        assert answer["wait_seconds"] == wait
        assert type(answer["wait_seconds"]) is int


def test_the_answer_is_what_the_state_machine_expects() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        found.protect(one)
        found.pass_time(hours=1)
        answer = found.observe().answer()
        assert json.loads(json.dumps(answer)) == answer
        assert answer == {
            "done": False,
            "outcome": "looked",
            "wait_seconds": POLL,
            "ready": [one],
            "cursor": None,
            "open": 1,
            "interval_seconds": 0,
        }


# A round over many rows


def test_a_round_fills_its_calls_from_all_statuses_and_shards() -> None:
    with estate() as found:
        ids = put_rows(found, 30) + put_rows(found, 30, Status.REQUESTED, requested_at=found.clock.now())
        (round_,) = until_nothing_is_left(found)
        assert [len(call.params["WorkspaceIds"]) for call in describes(found)] == [25, 25, 10]
        assert {one for call in describes(found) for one in call.params["WorkspaceIds"]} == set(ids)
        assert round_.open == 60
        assert found.notes.counts["OpenRows"] == 60


def test_settled_rows_are_not_looked_at() -> None:
    with estate() as found:
        for status in Status:
            if not status.is_open and status is not Status.HELD:
                put_rows(found, 1, status)
        assert found.observe().outcome == "nothing is open"
        assert describes(found) == []


@pytest.mark.parametrize("looks_left", [1, 2])
def test_a_round_for_which_time_runs_out_goes_on_where_it_stood(looks_left: int) -> None:
    with estate() as found:
        ids = put_rows(found, 70) + put_rows(found, 40, Status.REQUESTED)
        part = with_time_for(found, looks_left)
        cursor: dict[str, Any] | None = None
        sizes = []
        for number in range(20):
            before = len(describes(found))
            found_part = part(number, json.loads(json.dumps(cursor)))
            sizes.append(len(describes(found)) - before)
            cursor = found_part.cursor
            assert not found_part.done
            if cursor is None:
                break
            assert found_part.wait_seconds == 0
        assert found_part.wait_seconds == POLL
        assert max(sizes) == looks_left
        seen = [one for call in describes(found) for one in call.params["WorkspaceIds"]]
        assert sorted(seen) == sorted(ids)


def test_a_round_in_several_parts_counts_all_its_open_rows_once() -> None:
    with estate() as found:
        put_rows(found, 60)
        put_rows(found, 7, Status.REQUESTED, due_at=found.clock.now() + timedelta(hours=1))
        part = with_time_for(found, 1)
        cursor: dict[str, Any] | None = None
        met = []
        for number in range(3):
            answer = part(number, cursor)
            met.append(answer.open)
            cursor = answer.cursor
        assert cursor is None
        assert met == [25, 50, 67]
        assert found.notes.counts["OpenRows"] == 67


def test_no_more_ready_ids_than_one_call_of_protect_takes_and_the_rest_follows_at_once() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:240])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("standby.watch.observe.MOST_READY", 100)
            for one in ids:
                put_row(found, one)
            parts = until_nothing_is_left(found)
        assert [len(part.ready) for part in parts] == [100, 100, 40]
        assert [part.wait_seconds for part in parts] == [0, 0, POLL]
        assert sorted(one for part in parts for one in part.ready) == sorted(ids)


def test_as_many_ready_ids_as_allowed_fit_a_state_and_so_does_protects_answer() -> None:
    longest = 66
    assert observe.MOST_READY * (longest + 3) < 256 * 1024 / 2
    decision = decide(
        WorkspaceId("ws-" + "a" * 63),
        Workspace(WorkspaceId("ws-" + "a" * 63), state="AVAILABLE", directory_id=DirectoryId("d-0000000000")),
        None,
        settings(),
        Cause("watch", "x"),
        NOON,
    )
    answer = dataclasses.replace(decision, message="x" * 2000).answer()
    assert observe.MOST_READY * len(json.dumps(answer)) < 256 * 1024


def test_a_thousand_rows_are_looked_at_without_a_throttle_at_one_call_a_second() -> None:
    with estate(throttling=True) as found:
        put_rows(found, 500)
        began = found.clock.now()
        parts = until_nothing_is_left(found)
        calls = describes(found)
        assert len(calls) == 20
        assert {call.outcome for call in calls} == {"ok"}
        assert found.clock.now() - began >= 19 * SECOND
        assert all(later.at - before.at >= SECOND for before, later in itertools.pairwise(calls))
        assert parts[-1].open == 500


def test_the_interval_that_results_is_reported() -> None:
    with estate() as found:
        put_rows(found, 1)
        assert found.observe(0).interval_seconds == 0
        found.clock.sleep(POLL + 7)
        assert found.observe(1).interval_seconds == POLL + 7
        assert found.notes.counts["EffectiveIntervalSeconds"] == POLL + 7


def test_an_interval_is_from_round_to_round_however_many_parts_a_round_has() -> None:
    with estate() as found:
        put_rows(found, 60)
        part = with_time_for(found, 1)
        cursor = part(0, None).cursor
        found.clock.sleep(10)
        assert part(1, cursor).interval_seconds == 0
        found.clock.sleep(20)
        assert part(2, None).interval_seconds in (30, 31)


def test_a_batch_that_is_not_answered_leaves_its_rows_alone_and_the_round_goes_on() -> None:
    with estate() as found:
        ids = put_rows(found, 60)
        before = {one: found.row(one) for one in ids}
        found.world.inject(Fault(operation=DESCRIBE, kind="throttle", times=1))
        round_ = found.observe()
        assert len(describes(found)) == 3
        assert found.notes.counts["UnknownAnswers"] == 25
        assert (round_.done, round_.wait_seconds) == (False, POLL)
        changed = [one for one in ids if found.row(one) != before[one]]
        assert len(changed) == 35


def test_a_row_that_cannot_be_written_harms_no_other() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3])
        for number in range(3):
            found.protect(ids[number])
        found.pass_time(hours=1)
        real = found.dynamodb.transact_write_items
        calls = [0]

        def second_fails(**request: Any) -> Any:
            calls[0] += 1
            if calls[0] == 2:
                raise ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")
            return real(**request)

        found.dynamodb.transact_write_items = second_fails
        round_ = found.observe()
        assert round_.outcome == "looked"
        assert sorted(found.status(one)[0] for one in ids) == [Status.PROTECTED, Status.PROTECTED, Status.REQUESTED]
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_a_ledger_that_cannot_be_read_fails_the_round_for_the_state_machine_to_repeat() -> None:
    with estate() as found:
        put_rows(found, 1)

        def broken(**_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="x")

        real, found.dynamodb.query = found.dynamodb.query, broken
        with pytest.raises(LedgerUnavailable):
            found.observe()
        found.dynamodb.query = real
        assert found.observe().outcome == "looked"


# The end of an execution


def test_a_watcher_with_nothing_open_gives_the_lease_up_and_ends() -> None:
    with estate() as found:
        began = found.clock.now()
        round_ = found.observe()
        assert (round_.done, round_.outcome, round_.open) == (True, "nothing is open", 0)
        assert found.clock.now() - began == timedelta(seconds=2)
        assert not found.parts.lease().is_held()


def test_a_row_that_the_index_shows_a_moment_later_is_not_missed_at_the_start() -> None:
    with estate() as found:
        real, calls = found.dynamodb.query, [0]

        def late(**request: Any) -> Any:
            calls[0] += 1
            if calls[0] == 1:
                put_rows(found, 1, due_at=found.clock.now() + timedelta(minutes=5))
            return real(**request) if calls[0] > 3 * SHARDS else {"Items": []}

        found.dynamodb.query = late
        round_ = found.observe()
        assert (round_.done, round_.open) == (False, 1)


def test_a_later_round_with_nothing_open_ends_without_waiting() -> None:
    with estate() as found:
        began = found.clock.now()
        assert found.observe(3).done
        assert found.clock.now() == began


def test_a_continuation_that_finds_nothing_more_does_not_end_the_watcher() -> None:
    with estate() as found:
        put_rows(found, 30)
        part = with_time_for(found, 1)
        cursor = part(0, None).cursor
        assert cursor
        last = {"partition": 3 * SHARDS - 1, "key": cursor["key"] | {"ix_status": f"REQUESTED#{SHARDS - 1}"}}
        round_ = found.observe(1, last)
        assert (round_.done, round_.cursor) == (False, None)


@pytest.mark.parametrize(("poll_seconds", "last"), [(120, 719), (10, 999), (3600, 23)])
def test_an_execution_ends_well_before_its_history_is_full_or_its_time_is_up(poll_seconds: int, last: int) -> None:
    with estate() as found:
        found.configure(poll_interval=timedelta(seconds=poll_seconds))
        put_rows(found, 1)
        found.observe(0)
        assert not found.observe(last).done
        round_ = found.observe(last + 1)
        assert round_.done
        assert not found.parts.lease().is_held()
        assert len(describes(found)) == 2
        assert observe.MOST_ROUNDS * 20 < 25_000
        assert not found.observe(0, execution=OTHER_EXECUTION).done


# The lease


def test_of_two_watchers_the_second_ends_at_once_and_the_first_goes_on() -> None:
    with estate() as found:
        put_rows(found, 1)
        assert not found.observe(0).done
        second = found.observe(0, execution=OTHER_EXECUTION)
        assert (second.done, second.outcome) == (True, "another watcher holds the lease")
        assert len(describes(found)) == 1
        assert not found.observe(1).done


def test_a_holder_that_has_ended_is_followed_at_once() -> None:
    with estate() as found:
        put_rows(found, 1)
        found.observe(0)
        found.watchers.running.clear()
        assert not found.observe(0, execution=OTHER_EXECUTION).done
        found.watchers.running.add(EXECUTION)
        assert found.observe(1).done


def test_a_lease_outlives_the_wait_of_its_holder_and_ends_if_the_holder_does_not_come_back() -> None:
    with estate() as found:
        put_rows(found, 1, due_at=found.clock.now() + timedelta(minutes=8))
        wait = found.observe(0).wait_seconds
        assert wait == 480
        found.clock.sleep(wait + WORK.total_seconds() - 1)
        assert found.observe(0, execution=OTHER_EXECUTION).done
        found.clock.sleep(2)
        assert not found.observe(0, execution=OTHER_EXECUTION).done
        assert found.observe(1).outcome == "another watcher holds the lease"


def test_each_round_renews_the_lease() -> None:
    with estate() as found:
        put_rows(found, 1)
        for number in range(30):
            found.clock.sleep(found.observe(number).wait_seconds)
            assert found.observe(0, execution=OTHER_EXECUTION).done


def test_of_two_watchers_that_see_a_free_lease_at_once_one_gets_it() -> None:
    with estate() as found:
        put_rows(found, 1)
        found.observe(0)
        found.watchers.running.clear()
        real = found.dynamodb.put_item
        rounds: list[observe.Round] = []

        def after_another(**request: Any) -> Any:
            found.dynamodb.put_item = real
            rounds.append(found.observe(0, execution=OTHER_EXECUTION))
            return real(**request)

        found.dynamodb.put_item = after_another
        third = found.observe(0, execution=EXECUTION.replace(":one", ":three"))
        assert (third.done, rounds[0].done) == (True, False)
        assert found.item("LEASE#WATCH", "LEASE#WATCH")["holder"] == OTHER_EXECUTION


def test_a_watcher_that_was_overtaken_neither_extends_nor_gives_up_the_others_lease() -> None:
    with estate() as found:
        found.observe(0)
        lease = found.parts.lease()
        assert lease.take(OTHER_EXECUTION, starts_round=True) is not None
        held = found.item("LEASE#WATCH", "LEASE#WATCH")
        lease.extend(EXECUTION, timedelta(hours=9))
        lease.give_up(EXECUTION)
        assert found.item("LEASE#WATCH", "LEASE#WATCH") == held


@pytest.mark.parametrize(
    ("answer", "running"),
    [
        ({"status": "RUNNING"}, True),
        ({"status": "SUCCEEDED"}, False),
        ({"status": "FAILED"}, False),
        ({"status": "TIMED_OUT"}, False),
        ({"status": "ABORTED"}, False),
        ({}, True),
        (ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "x"), False),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "x"), True),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "x"), True),
        (EndpointConnectionError(endpoint_url="x"), True),
    ],
)
def test_an_execution_counts_as_running_unless_the_service_says_that_it_ended(answer: object, *, running: bool) -> None:
    class Client:
        def describe_execution(self, executionArn: str) -> object:  # noqa: N803 (boto3's spelling)
            assert executionArn == EXECUTION
            if isinstance(answer, Exception):
                raise answer
            return answer

    assert Executions(Client(), "machine").may_be_running(EXECUTION) is running  # type: ignore[arg-type]


# Held rows


def test_held_rows_are_tried_at_the_start_and_every_quarter_of_an_hour_and_keep_no_watcher_alive() -> None:
    with estate() as found:
        held = found.create_ready(*USERS[:3])
        found.configure(mode="observe")
        found.protect(*held)
        assert found.observe(0).outcome == "nothing is open"
        found.configure(mode="protect")
        put_rows(found, 1)
        tried: dict[int, set[str]] = {}
        for number in range(17):
            tried[number] = {*found.observe(number).ready}
            found.pass_time(minutes=2)
        assert {number for number, ready in tried.items() if ready} == {0, 8, 16}
        assert tried[8] == {*held}
        assert found.creates() == []


def test_held_rows_are_tried_in_a_fleet_whose_rounds_have_two_parts() -> None:
    """The number that the state machine counts is that of invocations, not of rounds."""
    with estate() as found:
        held = found.create_ready(*USERS[:3])
        found.configure(mode="observe")
        found.protect(*held)
        found.configure(mode="protect")
        put_rows(found, 60)
        part = with_time_for(found, 2)
        cursor: dict[str, Any] | None = None
        tried: set[WorkspaceId] = set()
        for number in range(36):
            answer = part(number, cursor)
            assert (answer.cursor is None) == (number % 2 == 1)
            cursor = answer.cursor
            tried |= {*answer.ready}
        assert tried == set(held)


def test_held_rows_are_tried_only_if_there_is_room() -> None:
    """For how many, the claims say: dead ones at the head of the line must not keep the others out."""
    with estate() as found:
        held = found.create_ready(*USERS[:10])
        found.configure(mode="observe")
        found.protect(*held)
        found.configure(mode="protect", max_new_standbys_per_day=4)
        put_rows(found, 1)
        assert len(found.observe(0).ready) == 10
        found.configure(max_standbys=0)
        found.pass_time(minutes=15)
        assert found.observe(0).ready == ()


@pytest.mark.parametrize("shut", ["paused", "observe mode"])
def test_held_rows_stay_held_while_nothing_may_be_created(shut: str) -> None:
    with estate() as found:
        held = found.create_ready(*USERS[:2])
        found.configure(mode="observe")
        found.protect(*held)
        if shut == "paused":
            found.configure(mode="protect")
            found.parts.table().put({"pk": "PAUSE", "sk": "PAUSE"})
        assert found.observe(0).ready == ()


def test_a_held_primary_that_is_no_longer_there_stands_in_nobodys_way() -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=1)
        first, *others = found.create_ready(*USERS[:9])
        found.protect(first)
        assert found.status(first)[0] is Status.REQUESTED
        found.protect(*others)
        for one in others[:-1]:
            found.world.terminate(one)
        for _ in range(12):
            found.pass_time(hours=24)
            found.watch(hours=2)
        assert found.status(others[-1])[0] is Status.PROTECTED


# What a look makes of a row


@pytest.mark.parametrize("state", ["AVAILABLE", "STOPPED", "STOPPING", "STARTING"])
def test_a_standby_in_a_healthy_state_protects(state: str) -> None:
    with estate() as found:
        one = requested(found, state)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert found.row(one).standby_state == state


@pytest.mark.parametrize("state", ["PENDING", "REBOOTING", "MAINTENANCE", "UNHEALTHY", "SUSPENDED", "QUANTUM", ""])
def test_a_standby_in_any_other_state_new_ones_too_is_waited_for_until_its_deadline(state: str) -> None:
    with estate() as found:
        one = requested(found, state)
        assert found.status(one)[0] is Status.REQUESTED
        found.watch(hours=0.15)
        assert found.status(one)[0] is Status.REQUESTED
        found.watch(hours=0.5)
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        row = found.row(one)
        assert row.standby_id
        assert row.requested_at
        late = row.changed_at - row.requested_at - found.parts.settings.standby_deadline
        assert timedelta(0) <= late <= timedelta(seconds=POLL + 1)


def requested(found: Estate, state: str) -> str:
    """A primary whose standby was requested and is seen in a state."""
    found.configure(standby_deadline=timedelta(minutes=30))
    (one,) = found.create_ready(USERS[0])
    found.protect(one)
    (standby,) = found.world.standbys()
    found.world.set_state(standby.workspace_id, state)
    found.pass_time(minutes=16)
    found.observe()
    return one


def test_a_standby_in_error_is_failed_and_one_that_recovers_is_protected() -> None:
    with estate() as found:
        one = requested(found, "ERROR")
        assert found.status(one) == (Status.FAILED, "STANDBY_IN_ERROR")
        assert found.row(one).standby_state == "ERROR"
        found.protect(one)
        assert len(found.creates()) == 1
        found.world.set_state(str(found.row(one).standby_id), "AVAILABLE")
        found.protect(one)
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.creates()) == 1


def test_a_standby_that_never_shows_is_timed_out_and_none_is_created_for_it() -> None:
    with estate(relation_lag_seconds=10_000_000) as found:
        found.configure(standby_deadline=timedelta(minutes=40))
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        found.protect(one)
        found.watch()
        assert len(found.creates()) == 1


def test_a_primary_that_does_not_become_ready_is_timed_out_and_taken_up_again_when_it_is() -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(hours=1))
        (one,) = found.create(USERS[0])
        found.world.set_state(one, "UNHEALTHY")
        found.protect(one)
        began = found.clock.now()
        found.watch(hours=0.9)
        assert found.status(one)[0] is Status.WAITING
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        late = found.row(one).changed_at - began - found.parts.settings.primary_deadline
        assert timedelta(0) <= late <= timedelta(seconds=POLL + 1)
        found.protect(one)
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        found.world.set_state(one, "AVAILABLE")
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


@pytest.mark.parametrize("cause", ["event", "manual", "sweep"])
def test_a_late_standby_is_adopted_after_its_time_was_over(cause: str) -> None:
    with estate(standby_boot_seconds=4 * 3600) as found:
        found.configure(standby_deadline=timedelta(minutes=40))
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        found.protect(one, cause=cause)
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        found.pass_time(hours=4)
        found.protect(one, cause=cause)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert len(found.creates()) == 1


def test_a_protected_primary_keeps_its_cover_while_its_standby_reboots() -> None:
    with estate() as found:
        one = requested(found, "AVAILABLE")
        found.world.set_state(str(found.row(one).standby_id), "REBOOTING")
        before = found.row(one)
        found.protect(one)
        assert found.row(one) == before


def test_a_foreign_standby_that_goes_is_waited_for_and_then_replaced() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        order = {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [{"PrimaryWorkspaceId": one, "DirectoryId": AWAY}]}
        found.world.call(DR, CREATE, order)
        found.world.terminate(found.world.standbys()[0].workspace_id)
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "STANDBY_TERMINATING")
        assert len(found.creates()) == 1
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert found.world.duplicates() == []


def test_a_standby_that_is_shown_terminated_before_it_was_ready_is_waited_for_until_its_deadline() -> None:
    with estate(standbys_keep_relation=True, standby_boot_seconds=36_000) as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.world.terminate(str(found.row(one).standby_id))
        found.watch(hours=6)
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        assert len(found.creates()) == 1


def test_a_desktop_that_the_service_does_not_explain_is_waited_for() -> None:
    """It refuses because something is there, and the look at it fails."""
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(
            Fault(operation=CREATE, kind="fail_item", code="ResourceExists.WorkSpace", message="there is one", times=1)
        )
        found.world.inject(Fault(operation=DESCRIBE, region=DR, kind="throttle", times=1))
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "DR_DESKTOP_UNCLEAR")
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


def test_two_looks_between_which_a_desktop_showed_are_not_two_that_found_nothing() -> None:
    with estate(relation_lag_seconds=10_000_000) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_after", times=1))
        found.protect(one)

        def look(*, hidden: bool) -> None:
            if hidden:
                found.world.inject(Fault(operation=DESCRIBE, region=DR, kind="hide", times=4))  # as many spellings
            found.pass_time(minutes=5)
            found.protect(one)

        look(hidden=True)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        found.world.clear_faults()
        look(hidden=False)
        assert found.status(one) == (Status.CLAIMED, "DR_DESKTOP_UNCLEAR")
        look(hidden=True)
        assert len(found.creates()) == 1
        assert found.status(one)[0] is Status.CLAIMED


# Absence is not a state


def test_a_primary_that_is_not_shown_keeps_its_status_whatever_it_is() -> None:
    with estate() as found:
        waiting, requested_, protected = found.create(USERS[0])[0], *found.create_ready(USERS[1], USERS[2])
        found.protect(waiting, requested_, protected)
        found.pass_time(minutes=30)
        found.protect(protected)
        for one in (waiting, requested_, protected):
            before = found.row(one)
            found.world.inject(Fault(operation=DESCRIBE, kind="hide", primary_id=one))
            found.protect(one)
            after = found.row(one)
            assert after.status is before.status
            assert after.primary_state == before.primary_state
            assert after.user_name == before.user_name


def test_a_primary_that_was_never_shown_is_given_up_after_its_deadline() -> None:
    with estate(visibility_lag_seconds=10_000_000) as found:
        found.configure(primary_deadline=timedelta(hours=1))
        (one,) = found.create(USERS[0])
        found.protect(one)
        found.watch(hours=0.9)
        assert found.status(one) == (Status.WAITING, "NOT_VISIBLE_YET")
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        assert len(found.history(one)) == 2


def test_a_requested_standby_whose_primary_was_not_shown_for_a_whole_deadline_is_given_up() -> None:
    with estate() as found:
        found.configure(standby_deadline=timedelta(minutes=30))
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide"))
        found.watch(hours=0.6)
        assert found.status(one)[0] is Status.REQUESTED
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")


def test_a_primary_that_is_shown_again_has_not_been_absent() -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(minutes=30))
        (one,) = found.create_ready(USERS[0])
        found.configure(mode="observe")
        found.protect(one)
        for hidden in (True, False, True):
            if hidden:
                found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide", times=1))
            found.protect(one)
            found.pass_time(minutes=29)
        assert found.status(one)[0] is Status.HELD


@pytest.mark.parametrize("kind", ["throttle", "error_before", "refuse", "connection_refused", "malformed", "empty"])
def test_a_primary_of_which_there_is_no_answer_is_not_timed_out(kind: str) -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(minutes=30))
        (one,) = found.create_ready(USERS[0])
        found.world.set_state(one, "UNHEALTHY")
        found.protect(one)
        before = found.row(one)
        found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind=kind))
        found.watch(hours=2)
        assert found.row(one) == before
        found.world.clear_faults()
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")


def test_what_was_once_shown_as_a_standby_is_no_primary_when_its_relation_is_not_shown() -> None:
    one = WorkspaceId("ws-1abc2def3")
    seen = Workspace(one, state="AVAILABLE", user_name="al", directory_id=DirectoryId(HOME), compute_type="STANDARD")
    with estate() as found:
        put_row(found, one, status=Status.INELIGIBLE, reason=Reason.IS_STANDBY)
        decision = decide(one, seen, found.row(one), settings(), Cause("manual", "m"), NOON)
    assert (decision.action, decision.status) == (Action.NONE, Status.INELIGIBLE)


# What a decision rests on


@pytest.mark.parametrize(
    ("state", "user", "directory", "compute", "action", "reason"),
    [
        ("AVAILABLE", "al", HOME, "POWER", Action.REQUEST, Reason.READY),
        ("STOPPED", "al", HOME, "QUANTUM", Action.REQUEST, Reason.READY),
        ("AVAILABLE", None, HOME, "POWER", Action.RECORD, Reason.NOT_VISIBLE_YET),
        ("AVAILABLE", "al", None, "POWER", Action.RECORD, Reason.NOT_VISIBLE_YET),
        ("AVAILABLE", "al", HOME, None, Action.RECORD, Reason.NOT_VISIBLE_YET),
        (None, "al", HOME, "POWER", Action.RECORD, Reason.NOT_VISIBLE_YET),
        ("STOPPING", "al", HOME, "POWER", Action.RECORD, Reason.PRIMARY_PENDING),
    ],
)
def test_a_primary_is_ready_when_state_user_directory_and_type_are_known(
    state: str | None,
    user: str | None,
    directory: DirectoryId | None,
    compute: str | None,
    action: Action,
    reason: Reason,
) -> None:
    one = WorkspaceId("ws-1abc2def3")
    seen = Workspace(one, state=state, user_name=user, directory_id=directory, compute_type=compute)
    decision = decide(one, seen, None, settings(), Cause("event", "e"), NOON)
    assert (decision.action, decision.reason) == (action, reason)


def test_a_primary_shown_without_its_directory_waits_and_harms_no_other() -> None:
    with estate() as found:
        bare, whole = found.create_ready(*USERS[:2])
        real = found.parts.clients.primary.describe_workspaces

        def partial(**request: Any) -> Any:
            answer = real(**request)
            for entry in answer["Workspaces"]:
                if entry["WorkspaceId"] == bare:
                    del entry["DirectoryId"]
            return answer

        found.parts.clients.primary.describe_workspaces = partial  # type: ignore[method-assign]
        found.protect(bare, whole)
        assert found.status(bare) == (Status.WAITING, "NOT_VISIBLE_YET")
        assert found.status(whole)[0] is Status.REQUESTED


def test_a_relation_of_an_unknown_region_keeps_the_configured_one() -> None:
    with estate() as found:
        book = found.parts.recorder(Context(Cause("event", "e"), owner="test")).ledger
        one = WorkspaceId("ws-1abc2def3")
        standby = Related(WorkspaceId("ws-9abc2def3"), None, None, "STANDBY")
        seen = Workspace(one, state="AVAILABLE", user_name="al", directory_id=DirectoryId(HOME), related=(standby,))
        decision = decide(one, seen, None, found.parts.settings, Cause("event", "e"), found.clock.now())
        row = book.next_row(None, decision, seen, Context(Cause("event", "e"), owner="test"))
        assert (row.status, row.dr_region, row.standby_state) == (Status.REQUESTED, DR, None)


# Who starts the watcher


def test_protect_starts_a_watcher_when_a_row_is_open_and_none_is_live() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        found.protect(one)
        (name,) = found.watchers.started
        assert name.startswith("protect-")
        assert len(name) <= 80


def test_protect_starts_none_while_one_is_live_and_one_once_it_has_ended() -> None:
    with estate() as found:
        one, two, three = found.create(*USERS[:3])
        found.protect(one)
        found.observe()
        found.watchers.started.clear()
        found.protect(two)
        assert found.watchers.started == []
        found.watchers.running.clear()
        found.protect(three)
        assert len(found.watchers.started) == 1


def test_protect_starts_none_when_nothing_is_open() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0], BundleId="wsb-ubuntustandard")
        found.protect(one)
        assert found.watchers.started == []


def test_protect_called_by_the_watcher_starts_none() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        found.protect(one, cause="watch")
        assert found.watchers.started == []
        assert found.row(one).execution_arn == EXECUTION


@pytest.mark.parametrize("call", ["describe_execution", "start_execution"])
@pytest.mark.parametrize(
    "problem",
    [
        ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution"),
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "StartExecution"),
        EndpointConnectionError(endpoint_url="x"),
    ],
)
def test_a_watcher_that_cannot_be_started_costs_nobody_a_decision(call: str, problem: Exception) -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])

        def broken(**_: Any) -> Any:
            raise problem

        setattr(found.watchers, call, broken)
        (decision,) = found.protect(one)
        assert decision["status"] == "WAITING"
        if call == "start_execution":
            assert any("schedule" in noted for noted in found.notes.problems)


def test_a_lease_that_cannot_be_read_costs_nobody_a_decision() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        real = found.dynamodb.batch_get_item

        def broken(**request: Any) -> Any:
            if "LEASE" in str(request):
                raise EndpointConnectionError(endpoint_url="x")
            return real(**request)

        found.dynamodb.batch_get_item = broken
        (decision,) = found.protect(one)
        assert decision["status"] == "WAITING"
        assert found.watchers.started == []


def test_the_watcher_calls_nothing_but_describe_and_nothing_in_the_dr_region() -> None:
    with estate() as found:
        ids = found.create(*USERS[:3])
        found.protect(*ids)
        found.world.calls.clear()
        found.pass_time(hours=1)
        assert set(found.observe().ready) == set(ids)
        assert {(call.operation, call.region) for call in found.world.calls} == {(DESCRIBE, PRIMARY)}
