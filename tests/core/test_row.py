"""A row, in DynamoDB and back: its names, its indexes, its events, and rows that nobody can read."""

import dataclasses
from collections import Counter
from typing import Any

import pytest

from standby.core.model import Status
from standby.core.row import SHARDS, Condition, Kind, Row, Unreadable, claim_key, due_partition, read_row, shard_of
from tests.core.cases import AWAY, BEFORE, HOME, NOW, ONE, STANDBY, lasting, minutes, row, table, with_one

FIELDS = dataclasses.fields(Row)
# All attributes of an item, but for the keys of the table and of its indexes.
ATTRIBUTES: dict[str, Any] = {"schema_version": 1, "version": 7, "status": "CLAIMED", "change_id": "c-1"}
ATTRIBUTES |= {"reason_code": "REQUEST_UNCERTAIN", "standby_state": "PENDING", "existing": True}
ATTRIBUTES |= {"message": "The answer is not clear.", "primary_id": "ws-1primary1", "primary_state": "AVAILABLE"}
ATTRIBUTES |= {"primary_region": "us-east-1", "primary_directory_id": "d-906732325d", "compute_type": "STANDARD"}
ATTRIBUTES |= {"dr_region": "us-west-2", "dr_directory_id": "d-926722edaf", "migrated_from": "ws-7before77"}
ATTRIBUTES |= {"user_name": "Ärzte-Straße", "user_key": "ärzte-strasse", "standby_id": "ws-8standby8"}
ATTRIBUTES |= {"first_seen_at": "2026-03-03T12:00:00.000Z", "changed_at": "2026-03-03T12:01:00.000Z"}
ATTRIBUTES |= {"due_at": "2026-03-03T12:02:00.000Z", "deadline_at": "2026-03-03T12:03:00.000Z"}
ATTRIBUTES |= {"requested_at": "2026-03-03T12:04:00.000Z", "protected_at": "2026-03-03T12:05:00.000Z"}
ATTRIBUTES |= {"claim_key": "CLAIM#d-926722edaf#ärzte-strasse", "claim_expires_at": "2026-03-03T12:06:00.000Z"}
ATTRIBUTES |= {"counted_day": "2026-03-03", "cause_type": "event", "cause_id": "e-1", "execution_arn": "arn:watch"}
ATTRIBUTES |= {"principal": "arn:aws:iam::123456789012:user/al", "error_code": "Code", "error_message": "Words"}
ATTRIBUTES |= {"replication": "NO_REPLICATION", "created_by": "arn:aws:iam::123456789012:user/bo"}
NOTES = {Kind.GONE: "PROTECTED STANDBY_READY", Kind.UNMAPPED: "STANDBY_IN_ERROR"}
NOTES |= {Kind.COPIED: "2026-03-03T12:00:00.000Z"}
EVERY = {kind: Condition(BEFORE, NOW, 2, NOTES.get(kind, "why"), notified=True) for kind in Kind}
ITEM = ATTRIBUTES | {"conditions": {str(kind): condition.to_item() for kind, condition in EVERY.items()}}
FULL = Row.from_item(ITEM)


def test_a_row_has_at_most_thirty_five_fields_each_of_which_the_full_one_has() -> None:
    assert len(FIELDS) <= 35
    assert [field.name for field in FIELDS if getattr(FULL, field.name) is None] == []


def test_a_row_has_its_names_and_forms_and_comes_back_without_what_a_later_version_adds() -> None:
    assert (FULL.to_attributes(), FULL.conditions) == (ITEM, EVERY)
    assert (FULL.first_seen_at, FULL.due_at, FULL.claim_expires_at) == (NOW, NOW + minutes(2), NOW + minutes(6))
    assert read_row(FULL.to_state_item() | {"new_in_version_9": {"a": 1}}) == FULL


@pytest.mark.parametrize("name", [*(field.name for field in FIELDS if field.default is None), "existing", "conditions"])
def test_what_a_row_does_not_have_is_no_attribute(name: str) -> None:
    nothing: Any = {"existing": False, "conditions": {}}.get(name)
    without = dataclasses.replace(FULL, **{name: nothing})
    item = without.to_state_item()
    assert name not in item
    assert read_row(item) == without


# The indexes

MORE: dict[str, Any] = {"due_at": FULL.due_at, "existing": True}
AT = {"ix_status_at": "2026-03-03T12:01:00.000Z", "ix_user": "ärzte-strasse", "ix_user_at": "2026-03-03T12:01:00.000Z"}
UNCOVERED = {"ix_uncovered": "us-east-1", "ix_uncovered_at": "2026-03-03T12:01:00.000Z"}
DUE = {"ix_due": "OPEN#2", "ix_due_at": "2026-03-03T12:02:00.000Z"}


LATER = DUE | {"ix_due_at": "2026-03-03T12:01:00.000Z"}
OPEN = ("WAITING", "CLAIMED", "REQUESTED")
BARE = [status for status in Status if status not in (*OPEN, "PROTECTED", "PRIMARY_GONE", "HELD")]


def asked(note: str | None = None) -> dict[str, Any]:
    return {"conditions": {Kind.ASKED: Condition(NOW, NOW, note=note)}}


def held(place: int | str) -> dict[str, str]:
    return UNCOVERED | {"ix_due": "HELD", "ix_due_at": f"{place}#2026-03-03T12:01:00.000Z#{HOME}"}


@table(
    "state changes expected",
    *((f"{status} is due", f"{status} READY", {}, UNCOVERED | DUE) for status in OPEN),
    *((f"{status} is not", f"{status} READY", {}, UNCOVERED) for status in BARE),
    ("PROTECTED is covered", "PROTECTED READY", {}, {}),
    ("PRIMARY_GONE is no desktop", "PRIMARY_GONE READY", {}, {}),
    ("a standby is no desktop", "INELIGIBLE IS_STANDBY", {}, {}),
    ("another pair's is not ours", "INELIGIBLE MAPPED_ELSEWHERE", {}, {}),
    ("due since it changed", "WAITING READY", {"due_at": None}, UNCOVERED | LATER),
    ("held and new", "HELD READY", {"existing": False}, held(0)),
    ("held of a fleet, behind what is new", "HELD READY", {}, held(1)),
    ("held of a fleet, and asked for", "HELD READY", asked(), held(0)),
    ("held, and no rule is in its way", "HELD READY", asked("EXCLUDED"), held(0)),
    ("held, and needs no room", "HELD READY", asked("CEILING EXCLUDED"), held("-")),
)
def test_a_row_stands_in_its_indexes(state: str, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    one = row(state, **({"user_name": "Ärzte-Straße", "changed_at": FULL.changed_at} | MORE | changes))
    item = one.to_state_item()
    found = {name: value for name, value in item.items() if name.startswith("ix_")}
    assert found == AT | {"ix_status": f"{one.status}#2"} | expected


def test_a_row_without_a_user_is_in_no_index_of_users() -> None:
    item = dataclasses.replace(FULL, user_name=None).to_state_item()
    assert not {"ix_user", "ix_user_at", "user_key", "user_name"} & set(item)


def test_a_hundred_thousand_ids_stand_evenly_behind_four_keys() -> None:
    count = Counter(shard_of(f"ws-{number:09x}") for number in range(100_000))
    assert set(count) == set(range(SHARDS)) == {0, 1, 2, 3}
    assert max(count.values()) < 1.05 * 25_000


def test_the_keys_of_partitions_are_the_same_for_ever() -> None:
    assert [shard_of(f"ws-1abc2def{number}") for number in range(8)] == [2, 0, 2, 0, 3, 1, 3, 1]
    assert due_partition(3) == "OPEN#3"
    assert claim_key(AWAY, "AL") == claim_key(AWAY, "al") == "CLAIM#d-926722edaf#al"


# Events


KEYS = {"pk": ONE, "sk": "EVENT#000003", "at": "2026-03-03T12:00:00.000Z", "day": "2026-03-03"}
DAY = {"ix_day": "2026-03-03#2", "ix_day_at": "2026-03-03T12:00:00.000Z"}
OF_WAITING, NOTICE = {"from_status": "WAITING"}, {"notice": True}
TROUBLE = lasting(Kind.TROUBLE, note="STANDBY_IN_ERROR", notified=True)
MIGRATED = lasting(Kind.MIGRATED, note="ws-new", notified=True)
OF_MIGRATION, OF_SOMEBODY = ({**NOTICE, "notice_code": code} for code in ("MIGRATED", "TERMINATED_BY_SOMEBODY"))
BY_SOMEBODY = {kind: lasting(kind, notified=True) for kind in (Kind.STANDBY_TERMINATED, Kind.PRIMARY_TERMINATED)}


@table(
    "before after more",
    ("the first", None, row(), {}),
    ("from a status", row(), with_one(), OF_WAITING),
    ("of the row's reason", row(), with_one(conditions=TROUBLE), OF_WAITING | NOTICE),
    ("notified before", row(conditions=TROUBLE), with_one(conditions=TROUBLE), OF_WAITING),
    ("of its migration", row(), row(conditions=MIGRATED), OF_WAITING | OF_MIGRATION),
    *((kind, None, row(conditions=TROUBLE | found), OF_SOMEBODY) for kind, found in BY_SOMEBODY.items()),
)
def test_an_event_says_from_where_and_whether_a_person_is_notified(before: Any, after: Row, more: Any) -> None:
    assert after.to_event_item(before, NOW) == after.to_attributes() | KEYS | DAY | more


def test_the_keys_of_events_sort_as_their_versions_do() -> None:
    keys = [row(version=version).to_event_item(None, NOW)["sk"] for version in (1, 9, 10, 99, 100, 999_999)]
    assert keys == sorted(keys)


# What cannot be read

REQUIRED = [field.name for field in FIELDS if field.default is dataclasses.MISSING and field.name != "conditions"]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_row_that_lacks_what_every_row_has_cannot_be_read(name: str) -> None:
    item = {key: value for key, value in ITEM.items() if key != {"reason": "reason_code"}.get(name, name)}
    assert isinstance(read_row(item), Unreadable)


CLASSES = ("ValueError", "TypeError", "KeyError", "AttributeError")
NAMED = ("due_at", "deadline_at", "changed_at", "claim_key", "existing", "standby_id")
LAST = {"since": "2026-03-03T09:26:54.000Z", "last": "2026-03-03T09:26:54.000Z", "times": 1}
OTHERS: dict[str, list[object]] = {
    "reason_code": ["IN_VERSION_9"],
    "status": ["IN_VERSION_9"],
    "version": ["x", None],
    "claim_key": [True],
    "message": [None],
    "existing": ["yes"],
    "standby_id": [7],
    "user_name": [["al"]],
    "due_at": ["2026-03-03T09:26:54", 7, ""],
    "deadline_at": [True],
    "changed_at": ["junk"],
    "conditions": [
        ["UNWELL"],
        {"IN_VERSION_9": LAST},
        {"UNWELL": 1},
        {"UNWELL": LAST | {"last": None}},
        {"UNWELL": LAST | {"times": "1"}},
        {"COPIED": LAST | {"note": "yesterday"}},
        *({"GONE": LAST | {"note": note}} for note in ("PROTECTED", "IN_VERSION_9 READY", "PROTECTED IN_VERSION_9")),
        {"UNMAPPED": LAST | {"note": "IN_VERSION_9"}},
    ],
}


@table("name value", *((f"{name}: {value}", name, value) for name, values in OTHERS.items() for value in values))
def test_a_row_with_a_value_of_another_form_cannot_be_read_and_says_why(name: str, value: object) -> None:
    found = read_row(FULL.to_state_item() | {name: value})
    assert isinstance(found, Unreadable)
    assert (found.primary_id, found.problem.partition(":")[0] in CLASSES) == (ONE, True)
    assert name in found.problem or name not in NAMED


# What a row stands for


SIGNIFICANT = {"status", "reason", "user_name", "primary_directory_id", "dr_directory_id"}
SIGNIFICANT |= {"standby_id", "replication", "deadline_at", "existing"}


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_only_more_than_what_each_look_finds_anew_is_another_state(name: str) -> None:
    one = with_one()
    other: Any = lasting(Kind.DRIFT) if name == "conditions" else "other"
    changed = dataclasses.replace(one, **{name: other})
    assert changed.is_another_state(one) is (name in SIGNIFICANT)
    assert changed.differs_from(one) is (name in SIGNIFICANT | {"conditions"})
    assert one.differs_from(None)


def test_an_excluded_row_is_written_again_when_another_rule_excludes_it() -> None:
    one = row("EXCLUDED EXCLUDED_BY_RULE", message="The rule is exclude.users: user*.")
    assert dataclasses.replace(one, message="The rule is exclude.users: us*.").differs_from(one)
    assert not dataclasses.replace(one).differs_from(one)


PLACE = {"counted_day": "2026-03-02"}


@table(
    "one was_requested unspent",
    ("no", row(), False, None),
    ("its place is taken", row(**PLACE), False, "2026-03-02"),
    ("requested", row(**PLACE, requested_at=NOW), True, None),
    ("it has one", row(**PLACE, standby_id=STANDBY), True, None),
)
def test_a_row_knows_whether_a_standby_was_asked_for(one: Row, was_requested: bool, unspent: str | None) -> None:
    assert (one.was_requested, one.unspent_day) == (was_requested, unspent)


@table(
    "state existing expected",
    ("waiting", "WAITING READY", True, True),
    ("requested", "REQUESTED READY", True, True),
    ("new", "WAITING READY", False, False),
    ("held", "HELD READY", True, False),
    ("paused by the service", "WAITING PRIMARY_PAUSED_BY_SERVICE", True, False),
)
def test_a_row_of_an_existing_fleet_is_under_way_while_it_is_open(state: str, existing: bool, expected: bool) -> None:
    assert row(state, existing=existing).is_under_way is expected


def test_an_orphan_is_one_whose_primary_is_gone() -> None:
    states = ["PRIMARY_GONE ORPHANED", "PRIMARY_GONE PRIMARY_TERMINATED", "PROTECTED ORPHANED"]
    assert [with_one(state).is_orphan for state in states] == [True, False, False]


def test_a_rows_conditions_answer_and_stay_the_same_object_where_nothing_changes() -> None:
    drift = lasting(Kind.DRIFT, BEFORE, NOW, note="x")
    one = row(conditions=drift | lasting(Kind.STALE))
    answers = [(one.has(kind), one.since(kind), one.last(kind), one.note(kind)) for kind in (Kind.DRIFT, Kind.GONE)]
    assert answers == [(True, BEFORE, NOW, "x"), (False, None, None, None)]
    assert one.without(Kind.DRIFT, Kind.GONE).conditions == lasting(Kind.STALE)
    assert one.without(Kind.GONE) is one
    assert one.observe(Kind.GONE, None, NOW) is one
    assert one.observe(Kind.STALE, False, NOW).conditions == drift
