"""A run that creates: what stops it on its way, and what is left for the next look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from local.workspaces import Fault
from standby.ledger.ledger import Context
from standby.model import Cause, Status, WorkspaceId
from tests.unit.estate import DR, PRIMARY, TABLE, USERS, Estate, estate

CREATE = "CreateStandbyWorkspaces"


def break_reads_of(found: Estate, pk: str) -> None:
    """Let DynamoDB answer no read of a key."""
    real = found.dynamodb.batch_get_item

    def broken(**request: Any) -> Any:
        if pk in {key["pk"]["S"] for key in request["RequestItems"][TABLE]["Keys"]}:
            raise EndpointConnectionError(endpoint_url="x")
        return real(**request)

    found.dynamodb.batch_get_item = broken


@pytest.mark.parametrize("key", ["PAUSE", "HOLD#QUOTA_REACHED"])
def test_nothing_is_sent_when_it_cannot_be_read_after_the_claim_whether_it_may_be(key: str) -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3])
        real = found.dynamodb.transact_write_items

        def then_break(**request: Any) -> Any:
            answer = real(**request)
            break_reads_of(found, key)
            return answer

        found.dynamodb.transact_write_items = then_break
        found.protect(*ids)
        assert found.creates() == []
        del found.dynamodb.batch_get_item
        found.dynamodb.transact_write_items = real
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
        assert found.world.duplicates() == []


@pytest.mark.parametrize("shown", [None, "OF_NEXT_YEAR"], ids=["not shown", "unreadable"])
def test_nothing_is_sent_for_a_claim_whose_row_is_not_read_as_it_was_written(shown: str | None) -> None:
    with estate() as found:
        one, other = found.create_ready(*USERS[:2])
        read, write = found.dynamodb.batch_get_item, found.dynamodb.transact_write_items

        def other_than_written(**request: Any) -> Any:
            answer = read(**request)
            items = answer["Responses"][TABLE]
            spoilt = [item | {"status": {"S": shown}} for item in items if shown and item["pk"]["S"] == one]
            answer["Responses"][TABLE] = [item for item in items if item["pk"]["S"] != one] + spoilt
            return answer

        def then_spoil(**request: Any) -> Any:
            found.dynamodb.batch_get_item = other_than_written
            return write(**request)

        found.dynamodb.transact_write_items = then_spoil
        found.protect(one, other)
        assert [len(call.params["StandbyWorkspaces"]) for call in found.creates()] == [1]
        found.dynamodb.batch_get_item, found.dynamodb.transact_write_items = read, write
        assert (found.status(one)[0], found.status(other)[0]) == (Status.CLAIMED, Status.REQUESTED)
        found.watch()
        assert {found.status(one)[0] for one in (one, other)} == {Status.PROTECTED}
        assert found.world.duplicates() == []


def test_a_run_whose_time_is_over_sends_no_further_call_and_the_rest_follows() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:60])
        real = found.parts.clients.dr.create_standby_workspaces
        began = found.clock.now()

        def slow(**request: Any) -> Any:
            found.clock.sleep(30)
            return real(**request)

        found.parts.clients.dr.create_standby_workspaces = slow  # type: ignore[method-assign]
        context = Context(Cause("event", "e"), owner="request")
        reconciler = found.parts.reconciler(
            context, lambda: found.clock.now() - began < timedelta(seconds=20), paced=False
        )
        decisions = reconciler.reconcile([WorkspaceId(one) for one in ids])
        assert len(found.creates()) == 1
        assert [one.primary_id for one in decisions] == ids
        statuses = [found.status(one)[0] for one in ids]
        assert (statuses.count(Status.REQUESTED), statuses.count(Status.WAITING)) == (25, 35)
        found.watch()
        assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
        assert len(found.world.standbys()) == 60


def test_a_claim_is_not_looked_at_when_the_time_is_over() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(one)
        found.pass_time(minutes=3)
        before, calls = found.row(one), len(found.world.calls)
        left = iter([True])  # for the primary
        reconciler = found.parts.reconciler(
            Context(Cause("event", "e"), owner="request"), lambda: next(left, False), paced=False
        )
        (decision,) = reconciler.reconcile([WorkspaceId(one)])
        assert (decision.action, decision.status) == ("NONE", Status.CLAIMED)
        assert found.row(one) == before
        assert [call.region for call in found.world.calls[calls:]] == [PRIMARY]


def test_an_unclear_claim_that_a_run_leaves_to_the_next_stays_as_it_was() -> None:
    with estate() as found:
        one, other = found.create_ready(*USERS[:2])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_before", times=1))
        found.protect(one)
        found.pass_time(minutes=20)
        found.protect(one)  # the first look
        found.pass_time(minutes=10)
        before = found.row(one)
        found.world.inject(Fault(operation=CREATE, kind="throttle", times=1))
        found.protect(one, other)
        assert found.row(one) == before
        assert before.unclear_since is not None
        assert found.status(other) == (Status.WAITING, "CREATE_THROTTLED")
        found.watch()
        # It goes alone, as what was unclear once does.
        assert [len(call.params["StandbyWorkspaces"]) for call in found.creates()] == [1, 1, 1, 1]
        assert {found.status(one)[0] for one in (one, other)} == {Status.PROTECTED}
        assert found.world.duplicates() == []


def test_users_whose_names_differ_in_case_alone_are_one_user() -> None:
    with estate() as found:
        found.world.add_directory(DR, "d-926722edaf", ["Alex"])
        found.world.add_directory("us-east-1", "d-906732325d", ["alex"])
        (one,) = found.create_ready("alex")
        found.protect(one)
        found.pass_time(hours=1)
        order = {"SourceWorkspaceId": one, "BundleId": "wsb-windowspower"}
        target = found.world.call("us-east-1", "MigrateWorkspace", order)["TargetWorkspaceId"]
        found.world.workspace(target).user_name = "ALEX"
        found.pass_time(hours=1)
        found.protect(target)
        assert found.status(target) == (Status.INELIGIBLE, "USER_HAS_STANDBY")
        assert len(found.creates()) == 1


def test_a_quota_refusal_of_one_half_keeps_the_other_unsent() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:8])
        found.world.inject(
            Fault(operation=CREATE, kind="refuse", code="ResourceLimitExceededException", message="used up")
        )
        found.protect(*ids)
        assert [len(call.params["StandbyWorkspaces"]) for call in found.creates()] == [8, 4, 2, 1]
        assert {found.status(one) for one in ids} == {(Status.HELD, "QUOTA_REACHED")}
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 0
