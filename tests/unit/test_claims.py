"""Claims as DynamoDB gets them: what stands in one transaction, on which conditions, and who shares a call."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.claims import claim_key
from standby.decision import record
from standby.ledger import Context, LostRace
from standby.model import Cause, DirectoryId, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.request import _one_per_user
from standby.settings import Directory
from standby.settle import Candidate
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, USERS, Estate, estate, settings

CREATE = "CreateStandbyWorkspaces"
CONTEXT = Context(Cause("event", "e"), owner="request")
OTHER_HOME, OTHER_AWAY = DirectoryId("d-9067000000"), DirectoryId("d-9267000000")


def listen(found: Estate) -> tuple[list[list[Any]], list[str]]:
    """The transactions that are sent from now on, and the keys that are written outside of any."""
    transactions: list[list[Any]] = []
    alone: list[str] = []
    transact, put, update = (
        getattr(found.dynamodb, name) for name in ("transact_write_items", "put_item", "update_item")
    )

    def transacted(**request: Any) -> Any:
        transactions.append(request["TransactItems"])
        return transact(**request)

    def put_alone(**request: Any) -> Any:
        alone.append(request["Item"]["pk"]["S"])
        return put(**request)

    def updated_alone(**request: Any) -> Any:
        alone.append(request["Key"]["pk"]["S"])
        return update(**request)

    found.dynamodb.transact_write_items = transacted
    found.dynamodb.put_item = put_alone
    found.dynamodb.update_item = updated_alone
    return transactions, alone


def a_day(found: Estate) -> None:
    """Requests that succeed, that are refused, that have no clear answer, and a standby that is adopted."""
    ids = found.create_ready(*USERS[:4])
    order = {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [{"PrimaryWorkspaceId": ids[3], "DirectoryId": AWAY}]}
    found.world.call(DR, CREATE, order)
    found.world.inject(Fault(CREATE, "throttle", times=1))
    found.protect(*ids)
    found.world.inject(Fault(CREATE, "read_timeout_before", times=1))
    found.watch()
    assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_each_change_stands_on_the_version_it_was_made_from_and_no_event_is_written_over() -> None:
    with estate() as found:
        transactions, _ = listen(found)
        a_day(found)
        assert len(transactions) > 10
        for state, event, *_ in (transaction for transaction in transactions):
            row, version = state["Put"], int(state["Put"]["Item"]["version"]["N"])
            assert row["Item"]["sk"] == {"S": "STATE"}
            if version == 1:
                assert row["ConditionExpression"] == "attribute_not_exists(pk)"
            else:
                assert row["ConditionExpression"] == "version = :old"
                assert row["ExpressionAttributeValues"] == {":old": {"N": str(version - 1)}}
            assert event["Put"]["Item"]["sk"] == {"S": f"EVENT#{version:06d}"}
            assert event["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"


def test_claims_and_counters_change_in_the_transaction_of_their_row_alone() -> None:
    with estate() as found:
        transactions, alone = listen(found)
        a_day(found)
        beside: dict[str, set[tuple[str, ...]]] = {}
        for state, _, *others in transactions:
            keys = [one["Update"]["Key"]["pk"]["S"] for one in others if "Update" in one]
            reason = state["Put"]["Item"]["reason_code"]["S"]
            beside.setdefault(reason, set()).add(tuple(sorted(re.split(r"#[0-9d]", key)[0] for key in keys)))
        whole = ("CLAIM", "COUNTER#DAY", "COUNTER#TOTAL")
        assert beside["CLAIM_TAKEN"] == {whole, ()}  # one whose own claim had ended keeps its place
        assert beside["CREATE_THROTTLED"] == {whole}
        assert beside["ADOPTED"] == {("CLAIM", "COUNTER#TOTAL"), ()}  # when it was first seen, and when it was ready
        assert beside["REQUEST_UNCERTAIN"] == beside["NOTHING_SEEN_ONCE"] == beside["CREATE_ACCEPTED"] == {()}
        assert not [key for key in alone if key.startswith(("CLAIM#", "COUNTER#", "ws-"))]


def test_a_claim_that_is_given_back_too_late_frees_neither_its_user_nor_its_places() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "read_timeout_before", times=1))
        found.protect(one)
        before = found.row(one)
        found.pass_time(minutes=3)
        found.protect(one)
        assert found.row(one).version > before.version
        claims = found.parts.recorder(CONTEXT).claims
        with pytest.raises(LostRace):
            claims.give_back(record(before.primary_id, Status.WAITING, Reason.CREATE_THROTTLED), before, None, CONTEXT)
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 1
        assert found.item(str(before.claim_key), "CLAIM")["primary_id"] == one


def test_a_user_has_one_place_in_a_directory_however_the_name_is_spelt_and_one_in_each() -> None:
    assert claim_key(DirectoryId(AWAY), "STRASSE") == claim_key(DirectoryId(AWAY), "straße")
    assert claim_key(DirectoryId(AWAY), "al") != claim_key(OTHER_AWAY, "al")
    assert claim_key(DirectoryId(AWAY), "al") != claim_key(DirectoryId(AWAY), "bo")


def test_a_user_of_two_directories_has_a_standby_in_each() -> None:
    with estate() as found:
        for region, directory in ((PRIMARY, OTHER_HOME), (DR, OTHER_AWAY)):
            found.world.add_directory(region, directory, USERS[:1])
        mapped = {DirectoryId(HOME): Directory(DirectoryId(AWAY)), OTHER_HOME: Directory(OTHER_AWAY)}
        found.configure(directories=mapped)
        ids = found.create(USERS[0]) + found.create(USERS[0], directory=OTHER_HOME)
        found.pass_time(hours=1)
        found.protect(*ids)
        assert {found.status(one)[0] for one in ids} == {Status.REQUESTED}
        assert {one.directory_id for one in found.world.standbys()} == {AWAY, OTHER_AWAY}


def candidate(number: int, user: str, directory: str = HOME) -> Candidate:
    return Candidate(Workspace(WorkspaceId(f"ws-{number:09}"), DirectoryId(directory), user, "AVAILABLE"), None)


def test_no_call_names_a_user_of_a_directory_twice() -> None:
    """Its answer names users and directories, not primaries."""
    mapped = {DirectoryId(HOME): Directory(DirectoryId(AWAY)), OTHER_HOME: Directory(OTHER_AWAY)}
    one, same, other, elsewhere = (
        candidate(1, "Al"),
        candidate(2, "aL"),
        candidate(3, "bo"),
        candidate(4, "al", OTHER_HOME),
    )
    batches = _one_per_user([one, same, other, elsewhere], settings(directories=mapped))
    assert batches == [[one, other, elsewhere], [same]]
    many = [candidate(number, f"user{number}") for number in range(60)]
    assert [len(batch) for batch in _one_per_user(many, settings())] == [25, 25, 10]


@pytest.mark.parametrize("status", [Status.CLAIMED, Status.FAILED])
def test_a_request_is_unclear_since_its_claim_and_one_that_a_person_asks_for_again_from_now_on(status: Status) -> None:
    """After a crash nobody has noted that it is."""
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        ledger = found.parts.recorder(CONTEXT).ledger
        seen = record(WorkspaceId(one), status, Reason.CLAIM_TAKEN)
        row = ledger.next_row(found.row(one), seen, None, CONTEXT)
        found.clock.sleep(timedelta(hours=1).total_seconds())
        looked = record(WorkspaceId(one), Status.CLAIMED, Reason.NOTHING_SEEN_ONCE)
        after = ledger.next_row(row, looked, None, CONTEXT)
        assert after.unclear_since == (row.changed_at if status is Status.CLAIMED else found.clock.now())
        assert after.looked_at == found.clock.now()


def test_a_new_claim_says_nothing_of_a_standby_that_was() -> None:
    """Else the standby that is asked for would pass for asked for already."""
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch()
        row = found.row(one)
        assert None not in (row.standby_id, row.standby_state, row.requested_at)
        seen = Workspace(row.primary_id, DirectoryId(HOME), USERS[0], "AVAILABLE", "STANDARD")
        claims = found.parts.recorder(CONTEXT).claims
        taken: Any = claims.take(record(row.primary_id, Status.CLAIMED, Reason.CLAIM_TAKEN), row, seen, CONTEXT)
        names = ("standby_id", "standby_state", "replication", "requested_at", "looked_at")
        assert {name: getattr(taken.row, name) for name in names} == dict.fromkeys(names)
        assert (taken.row.claim_owner, taken.row.claim_key) == ("request", row.claim_key)
