"""The watcher: what a round looks at and when, what it makes of it, and that there is one watcher at a time."""

from __future__ import annotations

import dataclasses
import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.workspaces import Fault
from standby.decisions.decide import decide
from standby.ledger.table import LedgerUnavailable
from standby.model import Cause, DirectoryId, Status, Workspace, WorkspaceId
from standby.rows import SHARDS
from standby.settings import Directory
from standby.watch import observe
from tests.unit.estate import ACCOUNT, AWAY, DR, EXECUTION, HOME, PRIMARY, USERS, estate, settings
from tests.unit.watching import (
    DESCRIBE,
    NOON,
    OTHER_EXECUTION,
    POLL,
    SECOND,
    describes,
    looks,
    put_row,
    put_rows,
    until_nothing_is_left,
    with_time_for,
)

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
