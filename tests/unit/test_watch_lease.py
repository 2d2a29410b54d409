"""One watcher at a time: its lease, and who starts the next one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from standby.ledger.lease import WORK, Executions
from standby.watch import observe
from tests.unit.estate import EXECUTION, PRIMARY, USERS, estate
from tests.unit.watching import DESCRIBE, OTHER_EXECUTION, describes, put_rows

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
