"""Claims as DynamoDB gets them: what stands in one transaction, on which conditions, and who shares a call."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.decisions.decision import record
from standby.ledger.claims import TOTAL, claim_key, day_counter
from standby.ledger.ledger import Context, LostRace
from standby.ledger.table import ConditionFailed
from standby.model import Cause, DirectoryId, Status, Workspace, WorkspaceId
from standby.protect.request import _one_per_user
from standby.protect.settle import Candidate
from standby.reasons import Reason
from standby.settings import Directory
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


def test_a_claim_that_is_another_primarys_by_now_is_not_given_back() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(CREATE, "read_timeout_before", times=1))
        found.protect(one)
        row = found.row(one)
        found.parts.table().set(str(row.claim_key), "CLAIM", {"primary_id": "ws-another12"})
        claims = found.parts.recorder(CONTEXT).claims
        with pytest.raises(ConditionFailed):
            claims.give_back(record(row.primary_id, Status.WAITING, Reason.CREATE_THROTTLED), row, None, CONTEXT)
        assert found.item(str(row.claim_key), "CLAIM")["primary_id"] == "ws-another12"
        assert found.item("COUNTER#TOTAL", "COUNTER")["taken"] == 1
        assert found.row(one) == row


@pytest.mark.parametrize("holder", ["ws-000000000", "ws-zzzzzzzzz"])
def test_a_claim_that_another_primary_holds_is_not_taken_whoever_that_is(holder: str) -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        key = claim_key(DirectoryId(AWAY), USERS[0])
        found.parts.table().put({"pk": key, "sk": "CLAIM", "primary_id": holder})
        found.protect(one)
        assert found.creates() == []
        assert found.status(one) == (Status.INELIGIBLE, "USER_HAS_STANDBY")
        assert found.item(key, "CLAIM")["primary_id"] == holder


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


# The day's counter


def taken(found: Estate, counter: str) -> int:
    """What a counter counts: of all, or of a UTC day of January 2026."""
    pk = TOTAL if counter == TOTAL else day_counter(f"2026-01-{counter}")
    return int(found.item(pk, "COUNTER").get("taken", 0))


def protected(found: Estate) -> str:
    """A primary with a standby, in a directory that has been swept."""
    found.sweep()
    (one,) = found.create_ready(USERS[0])
    found.protect(one)
    found.watch()
    assert found.status(one)[0] is Status.PROTECTED
    return one


def lose_standby(found: Estate, one: str) -> None:
    """The standby is terminated, and two sweeps miss it."""
    found.world.terminate(str(found.row(one).standby_id))
    for _ in range(2):
        found.pass_time(hours=1)
        found.sweep()
    assert found.status(one) == (Status.STANDBY_MISSING, "STANDBY_GONE")


def test_a_standby_that_is_gone_counts_for_its_day_and_the_one_made_again_for_its_own() -> None:
    with estate() as found:
        found.configure(recreate_missing=True, max_new_standbys_per_day=2)
        one = protected(found)
        lose_standby(found, one)
        row = found.row(one)
        assert (row.claim_key, row.counted_day, taken(found, TOTAL), taken(found, "05")) == (None, None, 0, 1)
        found.sweep()
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert (found.row(one).counted_day, taken(found, TOTAL), taken(found, "05")) == ("2026-01-05", 1, 2)
        lose_standby(found, one)
        found.sweep()
        found.watch()
        assert found.status(one) == (Status.HELD, "DAILY_CAP")
        assert (len(found.creates()), taken(found, TOTAL), taken(found, "05")) == (2, 0, 2)
        found.pass_time(hours=24)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert (len(found.creates()), taken(found, TOTAL)) == (3, 1)
        assert (taken(found, "05"), taken(found, "06")) == (2, 1)


def test_a_primary_that_is_gone_keeps_the_place_of_its_standbys_day() -> None:
    with estate() as found:
        one = protected(found)
        for gone in (str(found.row(one).standby_id), one):
            found.world.terminate(gone)
        for _ in range(7):  # that a directory is empty is not believed for four hours
            found.pass_time(hours=1)
            found.sweep()
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert (taken(found, TOTAL), taken(found, "05")) == (0, 1)


@pytest.mark.parametrize(
    ("cap", "expected", "total"),
    [(2, (Status.PROTECTED, "STANDBY_READY"), 1), (1, (Status.HELD, "DAILY_CAP"), 0)],
)
def test_one_asked_for_by_hand_before_a_sweep_has_missed_it_is_a_new_one_too(
    cap: int, expected: tuple[Status, str], total: int
) -> None:
    """It holds its claim and its place below the ceiling all the time."""
    with estate() as found:
        found.configure(max_new_standbys_per_day=cap)
        one = protected(found)
        found.world.terminate(str(found.row(one).standby_id))
        found.pass_time(minutes=20)
        found.protect(one)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        found.watch()
        assert found.status(one) == expected
        assert (len(found.creates()), taken(found, TOTAL), taken(found, "05")) == (cap, total, cap)


def test_what_is_refused_when_it_is_asked_for_again_gives_back_its_own_place_and_not_the_first_standbys() -> None:
    with estate() as found:
        one = protected(found)
        found.world.terminate(str(found.row(one).standby_id))
        found.pass_time(minutes=20)
        found.protect(one)
        found.pass_time(minutes=20)
        found.world.inject(Fault(CREATE, "throttle", times=1))
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "CREATE_THROTTLED")
        assert (taken(found, TOTAL), taken(found, "05")) == (0, 1)


@pytest.mark.parametrize(
    ("others", "expected", "counted", "days"),
    [(0, Status.PROTECTED, "2026-01-06", (0, 1)), (1, Status.HELD, None, (0, 1))],
)
def test_a_claim_without_an_answer_that_is_taken_again_after_midnight_counts_for_the_new_day(
    others: int, expected: Status, counted: str | None, days: tuple[int, int]
) -> None:
    with estate() as found:
        found.configure(max_new_standbys_per_day=1)
        one, *more = found.create_ready(*USERS[: 1 + others])
        found.pass_time(hours=13, minutes=50)
        found.world.inject(Fault(CREATE, "read_timeout_before", times=1))
        found.protect(one)
        assert found.row(one).counted_day == "2026-01-05"
        found.pass_time(minutes=10)
        found.protect(*more)
        found.watch(hours=3)
        assert (found.status(one)[0], found.row(one).counted_day) == (expected, counted)
        assert (taken(found, "05"), taken(found, "06")) == days
        assert len(found.world.standbys()) == 1
