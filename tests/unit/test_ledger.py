"""The ledger: rows and items, history that adds up, races, DynamoDB's own failures, and the questions people ask it."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.workspaces import Fault
from standby.decisions.decision import record
from standby.ledger.ledger import Context, Ledger, LostRace
from standby.ledger.table import ConditionFailed, LedgerUnavailable, Table, Write
from standby.model import Cause, DirectoryId, Region, Status, WorkspaceId
from standby.reasons import Reason
from standby.rows import SHARDS, Row, shard_of, status_partition
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, TABLE, USERS, Estate, estate

NOW = datetime(2026, 3, 3, 12, 0, 0, 123000, tzinfo=UTC)
CONTEXT = Context(Cause("event", "e-1", "arn:aws:iam::123456789012:user/al"), owner="request-1")
ONE = WorkspaceId("ws-1abc2def3")
FULL = Row(
    primary_id=ONE,
    primary_region=Region(PRIMARY),
    dr_region=Region(DR),
    status=Status.CLAIMED,
    reason=Reason.REQUEST_UNCERTAIN,
    message="It is so.",
    version=7,
    first_seen_at=NOW,
    changed_at=NOW + timedelta(minutes=1),
    cause_type="event",
    cause_id="e-1",
    due_at=NOW + timedelta(minutes=2),
    deadline_at=NOW + timedelta(minutes=3),
    primary_state="AVAILABLE",
    primary_directory_id=DirectoryId(HOME),
    dr_directory_id=DirectoryId(AWAY),
    user_name="Ärzte-Straße",
    standby_id=WorkspaceId("ws-9abc2def3"),
    standby_state="PENDING",
    replication="NO_REPLICATION",
    drift="compute_type STANDARD≠VALUE",
    stale=True,
    recovery_snapshot_at=NOW + timedelta(minutes=4),
    copies_due_since=NOW + timedelta(minutes=3),
    requested_at=NOW + timedelta(minutes=4),
    protected_at=NOW + timedelta(minutes=5),
    claim_owner="request-1",
    claim_expires_at=NOW + timedelta(minutes=6),
    claim_key="CLAIM#d-1#al",
    counted_day="2026-03-03",
    looked_at=NOW + timedelta(minutes=7),
    user_missing_since=NOW + timedelta(minutes=8),
    absent_since=NOW + timedelta(minutes=9),
    unclear_since=NOW + timedelta(minutes=10),
    desktop_seen_at=NOW + timedelta(minutes=10),
    compute_type="STANDARD",
    look_first=True,
    status_before=Status.PROTECTED,
    reason_before=Reason.STANDBY_READY,
    existing=True,
    told=Reason.STANDBY_IN_ERROR,
    migrated_from=WorkspaceId("ws-7abc2def3"),
    migrated_to=WorkspaceId("ws-8abc2def3"),
    terminated_id=WorkspaceId("ws-9abc2def3"),
    terminated_by="arn:aws:iam::123456789012:user/bo",
    notice_code=Reason.TERMINATED_BY_SOMEBODY,
    rule="exclude.users: svc-*",
    principal="arn:aws:iam::123456789012:user/al",
    execution_arn="arn:aws:states:us-east-1:123456789012:execution:watch:one",
    error_code="Code",
    error_message="Words",
    change_id="c-1",
)
OPTIONAL = [field.name for field in dataclasses.fields(Row) if field.default is None]


def ledger(found: Estate) -> Ledger:
    return Ledger(found.parts.table(), found.parts.settings, found.clock, found.parts.new_id)


def items(found: Estate) -> list[dict[str, Any]]:
    return [found.parts.table()._unpack(item) for item in found.dynamodb.scan(TableName=TABLE)["Items"]]


# Rows and items


def test_the_full_row_has_a_value_in_every_field() -> None:
    assert all(getattr(FULL, field.name) is not None for field in dataclasses.fields(Row))


def test_a_row_comes_back_from_dynamodb_with_every_field() -> None:
    with estate() as found:
        ledger(found).write(FULL, None)
        assert ledger(found).load([ONE]) == {ONE: FULL}


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_row_without_a_field_comes_back_without_it(name: str) -> None:
    absent: dict[str, Any] = {name: None}
    row = dataclasses.replace(FULL, **absent)
    item = row.to_state_item()
    assert name not in item
    assert Row.from_item(item) == row


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("reason", [Reason.READY, Reason.ADOPTED])
def test_every_status_comes_back(status: Status, reason: Reason) -> None:
    row = dataclasses.replace(FULL, status=status, reason=reason)
    assert Row.from_item(row.to_state_item()) == row


def test_the_fixed_attributes_have_their_fixed_names_and_forms() -> None:
    item = FULL.to_state_item()
    assert {
        "pk": ONE,
        "sk": "STATE",
        "schema_version": 1,
        "version": 7,
        "status": "CLAIMED",
        "reason_code": "REQUEST_UNCERTAIN",
        "primary_id": ONE,
        "primary_region": PRIMARY,
        "primary_state": "AVAILABLE",
        "primary_directory_id": HOME,
        "dr_region": DR,
        "dr_directory_id": AWAY,
        "user_name": "Ärzte-Straße",
        "user_key": "ärzte-strasse",
        "standby_id": "ws-9abc2def3",
        "standby_state": "PENDING",
        "replication": "NO_REPLICATION",
        "claim_owner": "request-1",
        "claim_expires_at": "2026-03-03T12:06:00.123Z",
        "first_seen_at": "2026-03-03T12:00:00.123Z",
        "requested_at": "2026-03-03T12:04:00.123Z",
        "protected_at": "2026-03-03T12:05:00.123Z",
        "changed_at": "2026-03-03T12:01:00.123Z",
        "cause_type": "event",
        "cause_id": "e-1",
        "error_code": "Code",
        "error_message": "Words",
    }.items() <= item.items()
    assert "reason" not in item
    event = FULL.to_event_item(dataclasses.replace(FULL, status=Status.WAITING, version=6))
    assert {
        "pk": ONE,
        "sk": "EVENT#000007",
        "from_status": "WAITING",
        "at": "2026-03-03T12:01:00.123Z",
        "day": "2026-03-03",
    }.items() <= event.items()


def test_the_keys_of_events_sort_as_their_versions_do() -> None:
    keys = [dataclasses.replace(FULL, version=version).to_event_item(None)["sk"] for version in (1, 9, 10, 99, 100)]
    assert keys == sorted(keys)


@pytest.mark.parametrize("field", ["reason_code", "status", "primary_id", "version", "changed_at"])
def test_an_item_of_another_form_is_refused(field: str) -> None:
    item = FULL.to_state_item()
    with pytest.raises((ValueError, KeyError, TypeError)):
        Row.from_item({name: value for name, value in item.items() if name != field})
    if field in ("reason_code", "status", "changed_at"):
        with pytest.raises(ValueError, match="junk"):
            Row.from_item(item | {field: "junk"})


# Index keys


def test_state_rows_and_event_rows_share_no_index() -> None:
    state, event = FULL.to_state_item(), FULL.to_event_item(None)
    assert {name for name in state if name.startswith("ix_")} == {
        "ix_status",
        "ix_status_at",
        "ix_user",
        "ix_user_at",
        "ix_uncovered",
        "ix_uncovered_at",
    }
    assert {name for name in event if name.startswith("ix_")} == {"ix_day", "ix_day_at"}


def test_a_row_without_a_user_is_in_no_index_of_users() -> None:
    item = dataclasses.replace(FULL, user_name=None).to_state_item()
    assert not {"ix_user", "ix_user_at", "user_key", "user_name"} & set(item)


@pytest.mark.parametrize("status", Status)
def test_who_has_none_leaves_out_the_protected_the_gone_and_the_standbys(status: Status) -> None:
    item = dataclasses.replace(FULL, status=status).to_state_item()
    covered = status in (Status.PROTECTED, Status.PRIMARY_GONE)
    assert ("ix_uncovered" in item, "ix_uncovered_at" in item) == (not covered, not covered)
    standby = dataclasses.replace(FULL, status=Status.INELIGIBLE, reason=Reason.IS_STANDBY).to_state_item()
    assert "ix_uncovered" not in standby


@pytest.mark.parametrize("status", Status)
def test_open_rows_stand_in_the_order_in_which_they_are_due_and_settled_ones_as_they_changed(status: Status) -> None:
    item = dataclasses.replace(FULL, status=status, existing=False).to_state_item()
    assert item["ix_status_at"] == (item["due_at"] if status.is_open else item["changed_at"])
    assert item["ix_status"] == f"{status}#{shard_of(ONE)}"


def test_of_the_held_an_existing_fleet_stands_behind_what_is_new() -> None:
    old = dataclasses.replace(FULL, status=Status.HELD, existing=True)
    new = dataclasses.replace(old, existing=False, changed_at=old.changed_at + timedelta(days=3650))
    assert old.to_state_item()["ix_status_at"] > new.to_state_item()["ix_status_at"]


def test_a_hundred_thousand_ids_stand_evenly_behind_four_keys() -> None:
    count = Counter(shard_of(f"ws-{number:09x}") for number in range(100_000))
    assert set(count) == set(range(SHARDS)) == {0, 1, 2, 3}
    assert max(count.values()) < 1.05 * 25_000


def test_the_shard_of_an_id_is_the_same_for_ever() -> None:
    assert [shard_of(f"ws-1abc2def{number}") for number in range(8)] == [2, 0, 2, 0, 3, 1, 3, 1]


# History


def test_events_are_unbroken_and_add_up_to_the_row() -> None:
    with estate() as found:
        one, two, three = found.create(*USERS[:3])
        found.world.inject(Fault(operation="CreateStandbyWorkspaces", kind="fail_item", user=USERS[1], code="Quantum"))
        found.world.fail_standby_of(USERS[2])
        found.protect(one, two, three)
        found.world.inject(Fault(operation="CreateStandbyWorkspaces", kind="read_timeout_after", times=1))
        found.watch()
        assert [found.status(each)[0] for each in (one, two, three)] == [
            Status.PROTECTED,
            Status.REJECTED,
            Status.FAILED,
        ]
        for each in (one, two, three):
            history, row = found.history(each), found.row(each)
            assert [event["version"] for event in history] == list(range(1, row.version + 1))
            assert [event["sk"] for event in history] == [f"EVENT#{number:06}" for number in range(1, row.version + 1)]
            assert "from_status" not in history[0]
            for before, after in itertools.pairwise(history):
                assert after["from_status"] == before["status"]
                assert after["at"] >= before["at"]
            last = history[-1]
            kept = {name: value for name, value in last.items() if name in row.to_attributes()}
            assert kept == row.to_attributes()


def test_an_event_and_its_row_are_written_together_or_not_at_all() -> None:
    with estate() as found:
        ledger(found).write(FULL, None)
        with pytest.raises(LostRace):
            ledger(found).write(
                dataclasses.replace(FULL, version=8, change_id="c-2"), dataclasses.replace(FULL, version=6)
            )
        assert ledger(found).load([ONE]) == {ONE: FULL}
        assert [event["version"] for event in ledger(found).history(ONE)] == [7]


def test_a_change_is_recorded_only_if_it_tells_something() -> None:
    with estate() as found:
        book = ledger(found)
        decision = record(ONE, Status.WAITING, Reason.PRIMARY_PENDING, due_in=timedelta(1), deadline_in=timedelta(2))
        row = book.record(decision, None, None, CONTEXT)
        assert row
        assert (row.version, row.due_at) == (1, found.clock.now() + timedelta(1))
        again = record(ONE, Status.WAITING, Reason.PRIMARY_PENDING, "Other words.", due_in=timedelta(3))
        assert book.record(again, row, None, CONTEXT) is row
        assert len(book.history(ONE)) == 1
        found.clock.sleep(60)
        other = book.record(record(ONE, Status.WAITING, Reason.CREATE_THROTTLED), row, None, CONTEXT)
        assert other
        assert (other.version, other.first_seen_at, other.due_at) == (2, row.first_seen_at, row.due_at)
        assert other.changed_at > row.changed_at
        assert book.load([ONE]) == {ONE: other}


def test_a_settled_row_has_no_time_to_be_looked_at() -> None:
    with estate() as found:
        row = ledger(found).next_row(FULL, record(ONE, Status.FAILED, Reason.STANDBY_IN_ERROR), None, CONTEXT)
        assert (row.due_at, row.deadline_at) == (None, None)


def test_the_moment_of_protection_is_the_first_one() -> None:
    with estate() as found:
        bare = dataclasses.replace(FULL, protected_at=None)
        protected = record(ONE, Status.PROTECTED, Reason.STANDBY_READY)
        row = ledger(found).next_row(bare, protected, None, CONTEXT)
        assert row.protected_at == found.clock.now()
        found.clock.sleep(60)
        assert ledger(found).next_row(row, protected, None, CONTEXT).protected_at == row.protected_at


def test_a_decision_without_a_status_has_no_row() -> None:
    with estate() as found:
        decision = dataclasses.replace(record(ONE, Status.FAILED, Reason.READY), status=None)
        with pytest.raises(ValueError, match="no row"):
            ledger(found).next_row(None, decision, None, CONTEXT)


# Races


def test_a_row_that_somebody_else_changed_is_a_lost_race() -> None:
    with estate() as found:
        book = ledger(found)
        book.write(FULL, None)
        book.write(dataclasses.replace(FULL, version=8, change_id="theirs"), FULL)
        with pytest.raises(LostRace):
            book.write(dataclasses.replace(FULL, version=8, change_id="ours"), FULL)
        with pytest.raises(LostRace):
            book.write(dataclasses.replace(FULL, version=1, change_id="ours"), None)
        kept = book.load([ONE])[ONE]
        assert isinstance(kept, Row)
        assert kept.change_id == "theirs"


def test_our_own_write_whose_answer_was_lost_is_no_lost_race() -> None:
    with estate() as found:
        book = ledger(found)
        book.write(FULL, None)
        book.write(FULL, None)
        new = dataclasses.replace(FULL, version=8, change_id="c-2")
        book.write(new, FULL)
        book.write(new, FULL)
        assert [event["version"] for event in book.history(ONE)] == [7, 8]


def test_a_condition_beside_the_row_is_told_by_its_place_with_what_stood_there() -> None:
    with estate() as found:
        book = ledger(found)
        book.table.put({"pk": "COUNTER#TOTAL", "sk": "COUNTER", "taken": 5})
        beside = [
            Write(item={"pk": "X", "sk": "X"}, condition="attribute_not_exists(pk)"),
            Write(
                key={"pk": "COUNTER#TOTAL", "sk": "COUNTER"},
                update="ADD taken :one",
                condition="taken < :limit",
                values={":one": 1, ":limit": 5},
            ),
        ]
        with pytest.raises(ConditionFailed) as caught:
            book.write(FULL, None, beside=beside)
        assert caught.value.failed == {1}
        assert caught.value.found[1]["taken"] == 5
        assert items(found) == [{"pk": "COUNTER#TOTAL", "sk": "COUNTER", "taken": 5}]


def test_a_second_writer_of_a_primary_changes_nothing_and_the_first_ones_word_stands() -> None:
    with estate() as found:
        recorder = found.parts.recorder(CONTEXT)
        ours = record(ONE, Status.WAITING, Reason.PRIMARY_PENDING)
        theirs = record(ONE, Status.WAITING, Reason.NOT_VISIBLE_YET)
        recorder.carry_out(theirs, None, None)
        decision = recorder.carry_out(ours, None, None)
        assert decision.action == "NONE"
        assert found.status(ONE) == (Status.WAITING, "NOT_VISIBLE_YET")
        assert recorder.unrecorded == {}


# DynamoDB's own failures


def failing(real: Callable[..., Any], times: int, answer: Any) -> tuple[Callable[..., Any], list[int]]:
    """A client's method that first fails, or answers wrongly, so many times; and how often it was called."""
    calls = [0]

    def method(**request: Any) -> Any:
        calls[0] += 1
        if calls[0] > times:
            return real(**request)
        if isinstance(answer, Exception):
            raise answer
        return answer(request)

    return method, calls


def cancelled(*codes: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": [{"Code": code} for code in codes]},
        "TransactWriteItems",
    )


def test_a_conflict_of_transactions_is_tried_again_after_a_moment() -> None:
    with estate() as found:
        method, calls = failing(found.dynamodb.transact_write_items, 4, cancelled("None", "TransactionConflict"))
        found.dynamodb.transact_write_items = method
        began = found.clock.now()
        ledger(found).write(FULL, None)
        assert calls == [5]
        assert timedelta(0) < found.clock.now() - began < timedelta(seconds=4)
        assert ledger(found).load([ONE]) == {ONE: FULL}


def test_a_conflict_that_does_not_end_is_given_up() -> None:
    with estate() as found:
        method, calls = failing(found.dynamodb.transact_write_items, 100, cancelled("TransactionConflict", "None"))
        found.dynamodb.transact_write_items = method
        with pytest.raises(LedgerUnavailable, match="transact_write_items"):
            ledger(found).write(FULL, None)
        assert calls == [6]


@pytest.mark.parametrize(
    "problem",
    [
        ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems"),
        EndpointConnectionError(endpoint_url="x"),
    ],
    ids=["5xx", "unreachable"],
)
def test_a_transaction_without_a_usable_answer_is_unavailable_at_once(problem: Exception) -> None:
    with estate() as found:
        method, calls = failing(found.dynamodb.transact_write_items, 1, problem)
        found.dynamodb.transact_write_items = method
        with pytest.raises(LedgerUnavailable):
            ledger(found).write(FULL, None)
        assert calls == [1]


def test_a_conflict_beside_a_condition_that_failed_is_a_condition_that_failed() -> None:
    with estate() as found:
        problem = cancelled("TransactionConflict", "None", "ConditionalCheckFailed")
        found.dynamodb.transact_write_items, calls = failing(found.dynamodb.transact_write_items, 9, problem)
        with pytest.raises(ConditionFailed) as caught:
            found.parts.table().transact([Write(item={"pk": "x", "sk": "x"})] * 3)
        assert caught.value.failed == {2}
        assert calls == [1]


def test_a_key_that_is_given_twice_is_read_once() -> None:
    """BatchGetItem refuses it, and an index may show a row twice while it changes."""
    with estate() as found:
        table = found.parts.table()
        table.put({"pk": "a", "sk": "b"})
        assert table.get_many([("a", "b"), ("a", "c"), ("a", "b")]) == [{"pk": "a", "sk": "b"}]


def test_keys_that_a_batch_leaves_unprocessed_are_asked_for_again() -> None:
    with estate() as found:
        ids = [WorkspaceId(f"ws-{number:09}") for number in range(230)]
        for one in ids:
            ledger(found).write(dataclasses.replace(FULL, primary_id=one), None)
        real = found.dynamodb.batch_get_item
        sizes: list[int] = []

        def reluctant(**request: Any) -> Any:
            keys = request["RequestItems"][TABLE]["Keys"]
            assert request["RequestItems"][TABLE]["ConsistentRead"] is True
            sizes.append(len(keys))
            served, left = keys[:40], keys[40:]
            answer = real(RequestItems={TABLE: {"Keys": served, "ConsistentRead": True}})
            rest = {TABLE: {"Keys": left, "ConsistentRead": True}} if left else {}
            return {**answer, "UnprocessedKeys": rest}

        found.dynamodb.batch_get_item = reluctant
        assert set(ledger(found).load([*ids, WorkspaceId("ws-nothere00")])) == set(ids)
        assert sizes == [100, 60, 20, 100, 60, 20, 31]


def test_keys_that_are_never_processed_make_the_ledger_unavailable() -> None:
    with estate() as found:
        found.dynamodb.batch_get_item, calls = failing(
            found.dynamodb.batch_get_item,
            99,
            lambda request: {"Responses": {}, "UnprocessedKeys": request["RequestItems"]},
        )
        with pytest.raises(LedgerUnavailable, match="unprocessed"):
            ledger(found).load([ONE])
        assert calls == [10]


@pytest.mark.parametrize(
    ("method", "use"),
    [
        ("batch_get_item", lambda table: table.get("a", "b")),
        ("query", lambda table: list(table.query(None, "pk = :a", {":a": "a"}))),
    ],
)
def test_an_answer_that_says_nothing_is_not_taken_for_nothing_there(method: str, use: Callable[[Any], Any]) -> None:
    with estate() as found:
        setattr(found.dynamodb, method, lambda **_: {"ResponseMetadata": {"HTTPStatusCode": 200}})
        with pytest.raises(LedgerUnavailable, match="answered without"):
            use(found.parts.table())


@pytest.mark.parametrize(
    ("method", "use"),
    [
        ("batch_get_item", lambda table: table.get_many([("a", "b")])),
        ("query", lambda table: list(table.query(None, "pk = :a", {":a": "a"}))),
        ("put_item", lambda table: table.put({"pk": "a", "sk": "b"})),
        ("update_item", lambda table: table.update("a", "b", "SET c = :c", {":c": "c"})),
        ("transact_write_items", lambda table: table.transact([Write(item={"pk": "a", "sk": "b"})])),
    ],
)
@pytest.mark.parametrize(
    "problem",
    [ClientError({"Error": {"Code": "InternalServerError"}}, "x"), EndpointConnectionError(endpoint_url="x")],
    ids=["5xx", "unreachable"],
)
def test_every_use_of_the_table_says_which_call_failed(
    method: str, use: Callable[[Table], object], problem: Exception
) -> None:
    with estate() as found:
        failed, _ = failing(getattr(found.dynamodb, method), 1, problem)
        setattr(found.dynamodb, method, failed)
        with pytest.raises(LedgerUnavailable, match=f"{method} failed"):
            use(found.parts.table())


def test_a_put_or_an_update_whose_condition_does_not_hold_says_so() -> None:
    with estate() as found:
        table = found.parts.table()
        assert table.put({"pk": "a", "sk": "b"}, "attribute_not_exists(pk)")
        assert not table.put({"pk": "a", "sk": "b", "c": 1}, "attribute_not_exists(pk)")
        assert not table.update("a", "b", "SET c = :c", {":c": 1}, "attribute_exists(c)")
        assert table.get("a", "b") == {"pk": "a", "sk": "b"}
        assert table.update("a", "b", "SET c = :c", {":c": 2}, "attribute_not_exists(c)")
        assert table.get("a", "b") == {"pk": "a", "sk": "b", "c": 2}


def test_a_query_goes_on_where_its_page_ended() -> None:
    with estate() as found:
        for number in range(7):
            found.parts.table().put({"pk": "a", "sk": f"{number}"})
        real = found.dynamodb.query
        found.dynamodb.query = lambda **request: real(**{**request, "Limit": 3})
        pages = list(found.parts.table().query(None, "pk = :a", {":a": "a"}))
        assert [[item["sk"] for item in page] for page, _ in pages if page] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
        assert pages[0][1] == {"pk": "a", "sk": "2"}
        assert pages[-1][1] is None
        rest = list(found.parts.table().query(None, "pk = :a", {":a": "a"}, pages[0][1]))
        assert [item["sk"] for page, _ in rest for item in page] == ["3", "4", "5", "6"]


# The questions people ask


def ask(found: Estate, index: str | None, key: str, value: str, *, since: str | None = None) -> list[dict[str, Any]]:
    """`aws dynamodb query`, as the README writes it."""
    condition, values = f"{key} = :value", {":value": {"S": value}}
    if since:
        condition += f" AND {key}_at >= :since"
        values[":since"] = {"S": since}
    where = {"IndexName": index} if index else {}
    pages = found.dynamodb.get_paginator("query").paginate(
        TableName=TABLE, KeyConditionExpression=condition, ExpressionAttributeValues=values, **where
    )
    return [found.parts.table()._unpack(item) for page in pages for item in page["Items"]]


def a_mixed_day(found: Estate) -> dict[str, str]:
    """One protected, one that failed, one that is waiting, one that is ineligible and one standby."""
    good, bad, linux = found.create_ready(USERS[0], USERS[1]) + found.create_ready(
        USERS[2], BundleId="wsb-ubuntustandard"
    )
    found.world.fail_standby_of(USERS[1])
    found.protect(good, bad, linux)
    found.watch()
    (young,) = found.create(USERS[3])
    found.protect(young)
    return {"good": good, "bad": bad, "linux": linux, "young": young}


def test_a_users_desktop_is_found_by_the_folded_name() -> None:
    with estate() as found:
        ids = a_mixed_day(found)
        (row,) = ask(found, "by_user", "ix_user", USERS[0].casefold())
        assert (row["pk"], row["sk"], row["status"]) == (ids["good"], "STATE", "PROTECTED")


def test_who_has_none_is_one_query() -> None:
    with estate() as found:
        ids = a_mixed_day(found)
        rows = ask(found, "by_uncovered", "ix_uncovered", PRIMARY)
        assert [row["pk"] for row in rows] == [ids["linux"], ids["bad"], ids["young"]]
        assert {row["sk"] for row in rows} == {"STATE"}


def test_all_that_failed_since_a_moment_is_four_queries() -> None:
    with estate() as found:
        ids = a_mixed_day(found)

        def failed(since: str) -> list[str]:
            partitions = [status_partition(Status.FAILED, shard) for shard in range(SHARDS)]
            return [row["pk"] for one in partitions for row in ask(found, "by_status", "ix_status", one, since=since)]

        assert failed("2026-01-05") == [ids["bad"]]
        assert failed("2026-01-06") == []


def test_what_happened_on_a_day_is_four_queries_and_holds_events_alone() -> None:
    with estate() as found:
        ids = a_mixed_day(found)
        rows = [row for shard in range(SHARDS) for row in ask(found, "by_day", "ix_day", f"2026-01-05#{shard}")]
        assert {row["pk"] for row in rows} == set(ids.values())
        assert all(row["sk"].startswith("EVENT#") for row in rows)
        assert len(rows) == sum(len(found.history(one)) for one in ids.values())
        assert ask(found, "by_day", "ix_day", "2026-01-06#0") == []


def test_one_workspaces_history_is_read_from_the_table_oldest_first() -> None:
    with estate() as found:
        ids = a_mixed_day(found)
        rows = [row for row in ask(found, None, "pk", ids["good"]) if row["sk"] != "STATE"]
        assert [row["status"] for row in rows] == ["CLAIMED", "REQUESTED", "REQUESTED", "PROTECTED"]


def test_a_row_that_leaves_a_status_leaves_its_index() -> None:
    with estate() as found:
        a_mixed_day(found)
        everywhere = [
            row["pk"]
            for status in Status
            for shard in range(SHARDS)
            for row in ask(found, "by_status", "ix_status", status_partition(status, shard))
        ]
        assert len(everywhere) == len(set(everywhere)) == 4


def test_nothing_that_a_function_does_deletes() -> None:
    with estate() as found:
        called: list[str] = []
        found.dynamodb.meta.events.register(
            "provide-client-params.dynamodb.*", lambda model, params, **_: called.append(f"{model.name} {params}")
        )
        a_mixed_day(found)
        found.protect(*found.create_ready(USERS[7]))
        assert called
        assert not [call for call in called if call.startswith(("Delete", "BatchWrite")) or "'Delete'" in call]
        # A transaction is put, update and check; the table of one statement would not say.
        assert {call.split()[0] for call in called} == {
            "BatchGetItem",
            "PutItem",
            "Query",
            "TransactWriteItems",
            "UpdateItem",
        }


def test_whatever_a_decision_rests_on_is_read_consistently() -> None:
    with estate() as found:
        weak: list[str] = []

        def note(model: Any, params: dict[str, Any], **_: Any) -> None:
            consistent = params.get("ConsistentRead") or all(
                one.get("ConsistentRead") for one in params.get("RequestItems", {"": {}}).values()
            )
            if model.name in ("BatchGetItem", "Query") and not consistent:
                weak.append(str(params.get("IndexName")))

        found.dynamodb.meta.events.register("provide-client-params.dynamodb.*", note)
        ids = a_mixed_day(found)
        ledger(found).history(WorkspaceId(ids["good"]))
        # An index cannot be read so; what it names is read again before anything is written.
        assert set(weak) == {"by_status"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_name", ["al"]),
        ("user_name", 7),
        ("primary_id", None),
        ("message", None),
        ("claim_key", True),
        ("look_first", "yes"),
        ("due_at", "2026-03-03T09:26:54"),
        ("due_at", 7),
        ("due_at", ""),
        ("deadline_at", None),
    ],
)
def test_a_row_of_which_a_value_is_not_of_its_type_is_told_and_stands_in_no_others_way(
    name: str, value: object
) -> None:
    with estate() as found:
        good, odd = found.create(*USERS[:2])
        found.protect(good, odd)
        found.pass_time(hours=1)
        found.parts.table().put({**found.item(odd, "STATE"), name: value})
        assert [one["reason_code"] for one in found.protect(odd, good)] == ["ROW_UNREADABLE", "CREATE_ACCEPTED"]
        assert any(name in problem for problem in found.notes.problems)
        found.watch()
        assert found.status(good)[0] is Status.PROTECTED
