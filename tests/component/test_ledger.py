"""The ledger: row, event, claim and counters are one transaction, made from the difference of two rows."""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from standby.core.model import Cause, DirectoryId, Status, WorkspaceId
from standby.core.reasons import Reason
from standby.core.row import Condition, Kind, Row, Unreadable, claim_key, shard_of
from standby.ledger.ledger import LostRace, Taken
from tests.component.estate import AWAY, DR, EVENT, EXECUTION, HOME, PRIMARY, Estate

ONE, TWO = WorkspaceId("ws-1abc2def3"), WorkspaceId("ws-2abc2def3")
S, T = WorkspaceId("ws-9abc2def3"), WorkspaceId("ws-8abc2def3")
A, B = claim_key(AWAY, "al"), claim_key(AWAY, "bo")
TODAY, YESTERDAY = "2026-01-05", "2026-01-04"
NOW = Estate().clock.now()
Fields = dict[str, Any]
SEEN = {Kind.GIVEN_UP: Condition(NOW, NOW)}
CLAIMED: Fields = {"status": Status.CLAIMED, "claim_key": A, "counted_day": TODAY}
REQUESTED: Fields = CLAIMED | {"status": Status.REQUESTED, "standby_id": S, "requested_at": NOW}
PROTECTED: Fields = REQUESTED | {"status": Status.PROTECTED}
WAITING: Fields = {"status": Status.WAITING}
SUSPENDED: Fields = WAITING | {"existing": True, "reason": Reason.PRIMARY_PAUSED_BY_SERVICE}
HELD: Fields = {"status": Status.HELD, "existing": True}
GIVEN_UP: Fields = {"status": Status.TIMED_OUT, "conditions": SEEN}


def row(primary_id: WorkspaceId = ONE, version: int = 1, **fields: Any) -> Row:
    given: dict[str, Any] = {"status": Status.WAITING, "reason": Reason.READY, "message": "It is so."}
    given |= {"first_seen_at": NOW, "changed_at": NOW, "cause_type": "event", "cause_id": "e-1"}
    return Row(primary_id=primary_id, primary_region=PRIMARY, dr_region=DR, version=version, **given | fields)


def written(write: dict[str, Any]) -> str:
    """A write of a transaction that is beside the row and its event, in words."""
    if "Put" in write:
        assert "ConditionExpression" not in write["Put"]
        return str(write["Put"]["Item"]["pk"]["S"])
    update = write["Update"]
    key, values = update["Key"]["pk"]["S"], update["ExpressionAttributeValues"]
    condition, expression = update.get("ConditionExpression", ""), update["UpdateExpression"]
    if key.startswith("COUNTER#"):
        assert update["Key"]["sk"] == {"S": "COUNTER"}
        below = f" below {values[':limit']['N']}" if "taken < :limit" in condition else ""
        return f"{key.removeprefix('COUNTER#')} {int(values[':by']['N']):+}{below}"
    assert update["Key"]["sk"] == {"S": "CLAIM"}
    if values.get(":me") and condition == "primary_id = :me":
        return f"{'give up' if 'given_up_at' in expression else 'give back'} {key}"
    assert "REMOVE given_up_at" in expression
    return f"take {key}{'' if 'attribute_not_exists(given_up_at)' in condition else ', looked for'}"


EXISTING: Fields = {"existing": True}
YESTERDAYS: Fields = {"counted_day": YESTERDAY}
MISSING: Fields = {"status": Status.STANDBY_MISSING, "standby_id": S, "requested_at": NOW}
TODAYS = f"DAY#{TODAY} +1 below 200"
UNLIMITED = ["TOTAL +1", f"DAY#{TODAY} +1"]
PLACE, NO_PLACE = ["TOTAL +1 below 5000", TODAYS], ["TOTAL -1", f"DAY#{TODAY} -1"]
# Old row, new row: what is written beside the row and its event.
DIFFERENCES: dict[str, tuple[Fields | None, Fields, Sequence[str]]] = {
    "waits": (None, WAITING, []),
    "is claimed": (WAITING, CLAIMED, [f"take {A}", *PLACE]),
    "is claimed at once": (None, CLAIMED, [f"take {A}", *PLACE]),
    "is claimed after a lookup": (WAITING | {"conditions": SEEN}, CLAIMED, [f"take {A}, looked for", *PLACE]),
    "is unclear": (CLAIMED, CLAIMED | {"reason": Reason.REQUEST_UNCERTAIN}, []),
    "is given back": (CLAIMED, WAITING, [f"give back {A}", *NO_PLACE]),
    "is given up unseen": (CLAIMED, GIVEN_UP, [f"give up {A}", *NO_PLACE]),
    "is created": (CLAIMED, REQUESTED, [f"STANDBY#{S}"]),
    "is ready": (REQUESTED, PROTECTED, []),
    "is adopted": (WAITING, PROTECTED | {"counted_day": None}, [f"take {A}, looked for", "TOTAL +1", f"STANDBY#{S}"]),
    # It is there, so neither limit refuses it.
    "is adopted on the day": (WAITING, PROTECTED, [f"take {A}, looked for", *UNLIMITED, f"STANDBY#{S}"]),
    "is adopted amid a claim": (CLAIMED, PROTECTED, [f"STANDBY#{S}"]),
    "has another standby": (PROTECTED, PROTECTED | {"standby_id": T}, [f"STANDBY#{T}"]),
    "has lost its standby, whose day stays spent": (PROTECTED, MISSING, [f"give back {A}", "TOTAL -1"]),
    "is asked for again on the day": (PROTECTED, CLAIMED, [TODAYS]),
    "is asked for again on another day": (PROTECTED | YESTERDAYS, CLAIMED, [TODAYS]),
    "is claimed again after midnight": (CLAIMED | YESTERDAYS, CLAIMED, [TODAYS, f"DAY#{YESTERDAY} -1"]),
    "is claimed again on the day": (CLAIMED, CLAIMED | {"claim_expires_at": NOW}, []),
    "moves with its standby": (PROTECTED, PROTECTED | {"claim_key": B}, [f"take {B}, looked for", f"give back {A}"]),
    "moves its claim": (CLAIMED, CLAIMED | {"claim_key": B}, [f"take {B}", f"give back {A}"]),
    "of a fleet, is on its way": (HELD, CLAIMED | EXISTING, [f"take {A}", *PLACE, "UNDER_WAY +1"]),
    "of a fleet, is still on its way": (CLAIMED | EXISTING, REQUESTED | EXISTING, [f"STANDBY#{S}"]),
    "of a fleet, has arrived": (REQUESTED | EXISTING, PROTECTED | EXISTING, ["UNDER_WAY -1"]),
    "of a fleet, waits for a person": (WAITING | EXISTING, SUSPENDED, ["UNDER_WAY -1"]),
    "of a fleet, goes on": (SUSPENDED, WAITING | EXISTING, ["UNDER_WAY +1"]),
    "of a fleet, which turns out on its way": (WAITING, WAITING | EXISTING, ["UNDER_WAY +1"]),
}


@pytest.mark.parametrize(("old", "new", "expected"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_a_difference_writes(found: Estate, old: Fields | None, new: Fields, expected: Sequence[str]) -> None:
    ledger = found.ledger()
    before = ledger.write(row(**old), None) if old is not None else None
    calls = found.disturb("TransactWriteItems", lambda: None)
    after = ledger.write(row(version=2 if before else 1, **new), before)
    (state, event, *beside) = calls[0]["TransactItems"]
    assert sorted(written(one) for one in beside) == sorted(expected)
    assert (state["Put"]["Item"]["sk"], event["Put"]["Item"]["sk"]) == (
        {"S": "STATE"},
        {"S": f"EVENT#{after.version:06}"},
    )
    condition = "version = :old" if before else "attribute_not_exists(pk)"
    assert state["Put"]["ConditionExpression"] == condition
    assert state["Put"].get("ExpressionAttributeValues") == ({":old": {"N": "1"}} if before else None)
    assert event["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"
    assert ledger.load([ONE]) == {ONE: after}
    holds = after.claim_key
    assert [item["pk"] for item in found.items() if item["sk"] == "CLAIM" and item["primary_id"] == ONE] == (
        [holds] if holds else []
    )
    assert found.taken() == (1 if holds else 0)
    assert found.taken("UNDER_WAY") == after.is_under_way
    assert ledger.primaries_of([S, T]) == {
        one.standby_id: ONE for one in (before, after) if one and one.standby_id is not None
    }


# What is refused


def test_a_row_that_somebody_else_changed_is_a_lost_race_and_nothing_is_written(found: Estate) -> None:
    ledger = found.ledger()
    old = ledger.write(row(), None)
    ledger.write(row(version=2, message="theirs"), old)
    before = found.items()
    for new, base in ((row(version=2, **CLAIMED), old), (row(**CLAIMED), None)):
        with pytest.raises(LostRace, match=ONE):
            ledger.write(new, base)
    assert found.items() == before


def test_an_event_is_never_written_over(found: Estate) -> None:
    found.put(ONE, "EVENT#000001", message="It was so.")
    with pytest.raises(LostRace):
        found.ledger().write(row(), None)
    assert found.items() == [{"pk": ONE, "sk": "EVENT#000001", "message": "It was so."}]


@pytest.mark.parametrize(
    ("there", "reason", "holder"),
    [
        ((A, "CLAIM", {"primary_id": "ws-000000000"}), Reason.USER_HAS_STANDBY, "ws-000000000"),
        ((A, "CLAIM", {"primary_id": "ws-zzzzzzzzz"}), Reason.USER_HAS_STANDBY, "ws-zzzzzzzzz"),
        ((A, "CLAIM", {"primary_id": "-", "given_up_at": "then"}), Reason.USER_HAS_STANDBY, None),
        (("COUNTER#TOTAL", "COUNTER", {"taken": 5000}), Reason.CEILING, None),
        ((f"COUNTER#DAY#{TODAY}", "COUNTER", {"taken": 200}), Reason.DAILY_CAP, None),
    ],
)
def test_a_claim_that_is_not_to_be_had_says_why_and_nothing_is_written(
    found: Estate, there: tuple[str, str, dict[str, Any]], reason: Reason, holder: str | None
) -> None:
    found.put(there[0], there[1], **there[2])
    before = found.items()
    with pytest.raises(Taken) as caught:
        found.ledger().write(row(**CLAIMED), None)
    assert (caught.value.reason, caught.value.holder) == (reason, holder)
    assert found.items() == before


def test_a_claim_that_is_another_primarys_by_now_is_not_given_back(found: Estate) -> None:
    old = found.ledger().write(row(**CLAIMED), None)
    found.put(A, "CLAIM", primary_id=TWO)
    before = found.items()
    with pytest.raises(Taken) as caught:
        found.ledger().write(row(version=2, **WAITING), old)
    assert caught.value.holder == TWO
    assert found.items() == before


# Answers that are lost


def test_our_own_first_try_that_was_written_and_whose_answer_was_lost_is_no_lost_race(found: Estate) -> None:
    ledger = found.ledger()
    found.between = lambda operation, _, go: (go(), go())[1] if operation == "TransactWriteItems" else go()
    old = ledger.write(row(**CLAIMED), None)
    new = ledger.write(row(version=2, **REQUESTED), old)
    assert ledger.load([ONE]) == {ONE: new}
    assert [event["version"] for event in found.history(ONE)] == [1, 2]
    assert (found.taken(), found.taken(TODAY)) == (1, 1)


# Reading


def test_a_row_of_another_form_is_unreadable_and_one_that_is_not_there_is_none(found: Estate) -> None:
    kept = found.ledger().write(row(), None)
    found.table.put({**found.item(ONE, "STATE"), "pk": TWO, "reason_code": "OF_NEXT_YEAR"})
    read = found.ledger().load([ONE, TWO, WorkspaceId("ws-nothere00")])
    assert read == {ONE: kept, TWO: Unreadable(TWO, "ValueError: 'OF_NEXT_YEAR' is not a valid Reason")}


def test_what_is_due_is_named_first_due_first_and_after_it_when_the_next_is(found: Estate) -> None:
    ids = [one for number in range(60) if shard_of(one := WorkspaceId(f"ws-{number:09}")) == 2][:5]
    for number, one in enumerate(ids):
        found.ledger().write(row(one, due_at=NOW + timedelta(minutes=number)), None)
    found.ledger().write(row(TWO, status=Status.FAILED), None)
    ledger, at = found.ledger(), NOW + timedelta(minutes=2)
    due = ledger.due(at, None, 100)
    assert (due.ids, due.following, due.next_at) == (ids[:3], {}, NOW + timedelta(minutes=3))
    first = ledger.due(at, None, 2)
    assert (first.ids, list(first.following), first.next_at) == (ids[:2], ["2"], None)
    second = ledger.due(at, first.following, 2)
    assert (second.ids, second.following, second.next_at) == ([ids[2]], {}, NOW + timedelta(minutes=3))


def test_a_row_whose_time_is_none_is_due_at_once_and_the_index_has_keys_alone(found: Estate) -> None:
    found.ledger().write(row(due_at=NOW + timedelta(days=1)), None)
    found.table.put({**found.item(ONE, "STATE"), "ix_due_at": "2025-02-30"})
    assert found.ledger().due(NOW, None, 10).ids == [ONE]
    pages = found.table.query("by_due", "ix_due = :shard", {":shard": f"OPEN#{shard_of(ONE)}"})
    assert [sorted(item) for page, _ in pages for item in page] == [["ix_due", "ix_due_at", "pk", "sk"]]


def test_of_the_held_what_is_new_comes_first_and_then_what_has_waited_longest(found: Estate) -> None:
    for number, existing in enumerate((True, False, True, False, False)):
        one = row(WorkspaceId(f"ws-{number:09}"), status=Status.HELD, existing=existing)
        one = dataclasses.replace(one, primary_directory_id=DirectoryId("d-held") if number == 4 else HOME)
        found.ledger().write(dataclasses.replace(one, changed_at=NOW + timedelta(minutes=number)), None)
    expected = [("ws-000000001", False), ("ws-000000003", False), ("ws-000000000", True), ("ws-000000002", True)]
    held = {DirectoryId("d-held")}
    assert found.ledger().held(10, held, has_room=True) == (expected, None)
    # What is on hold stands in nobody's way; the next part continues behind it.
    first, following = found.ledger().held(3, held, has_room=True)
    assert first == expected[:3]
    assert found.ledger().held(3, held, has_room=True, start=following) == (expected[3:], None)
    assert len(found.ledger().held(10, (), has_room=True)[0]) == 5
    assert found.ledger().held(10, held, has_room=False, start=following) == ([], None)
    since = NOW + timedelta(minutes=1)
    assert found.ledger().held(10, held, has_room=True, since=since) == (expected[3:], None)
    assert found.ledger().held(3, held, has_room=True, since=since, start=following) == (expected[3:], None)
    asked = {Kind.ASKED: Condition(NOW, NOW, note="CEILING")}
    found.ledger().write(row(ONE, status=Status.HELD, existing=True, conditions=asked), None)
    assert found.ledger().held(10, held, has_room=False) == ([(ONE, False)], None)
    assert found.ledger().held(10, held, has_room=True) == ([(ONE, False), *expected], None)


def test_a_users_rows_are_found_whatever_the_case_of_the_name_but_for_those_that_cannot_be_read(found: Estate) -> None:
    for one, user in ((ONE, "Al"), (TWO, "al"), (WorkspaceId("ws-3abc2def3"), "bo")):
        found.ledger().write(row(one, user_name=user), None)
    assert {one.primary_id for one in found.ledger().rows_of_user("AL")} == {ONE, TWO}
    found.table.set(TWO, "STATE", {"reason_code": "OF_NEXT_YEAR"})
    assert [one.primary_id for one in found.ledger().rows_of_user("al")] == [ONE]


# Notices of the whole pair


def test_what_holds_the_whole_pair_is_notified_once_a_day_and_reason(found: Estate) -> None:
    ledger, cause = found.ledger(), Cause("sweep", EXECUTION)
    ledger.write_event(Reason.PAUSED, cause, "First.")
    found.pass_time(hours=14, minutes=59)
    ledger.write_event(Reason.PAUSED, EVENT, "Second.")
    ledger.write_event(Reason.CEILING, EVENT, "")
    found.pass_time(minutes=1)
    ledger.write_event(Reason.PAUSED, EVENT, "Third.")
    (first, third), (ceiling,) = found.history("HOLD#PAUSED"), found.history("HOLD#CEILING")
    assert (first["sk"], third["sk"], ceiling["sk"]) == (f"EVENT#{TODAY}", "EVENT#2026-01-06", f"EVENT#{TODAY}")
    assert (first["message"], third["message"]) == ("First.", "Third.")
    fixed = ("status", "reason_code", "cause_type", "cause_id", "notice", "day", "primary_id", "version")
    assert [first[name] for name in fixed] == ["HELD", "PAUSED", "sweep", EXECUTION, True, TODAY, "HOLD#PAUSED", 1]
