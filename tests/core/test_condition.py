"""What lasts: when a condition begins, is confirmed and ends, and when a person is notified of it."""

from datetime import timedelta
from typing import Any

import pytest

from standby.core.row import NOTIFYING, ONCE, Condition, Kind, news
from tests.core.cases import BEFORE, NONE, NOW, ago, lasting, minutes, row, table

UNWELL = Kind.UNWELL
EACH: dict[str, Any] = {"apart": timedelta(0)}
HALF: dict[str, Any] = {"apart": minutes(30)}
RECENT, AGO = (lasting(UNWELL, BEFORE, ago(minutes=number), times=4) for number in (29, 30))
A, A_NOTIFIED = lasting(UNWELL, note="a"), lasting(UNWELL, note="a", notified=True)
TWICE = lasting(UNWELL, BEFORE, NOW, times=2, note="a", notified=True)
ANOTHER_NOTE = lasting(UNWELL, BEFORE, NOW, times=2, note="b", notified=True)


@table(
    "before fact more expected",
    ("begins", NONE, True, {}, lasting(UNWELL, NOW)),
    ("begins with a note", NONE, True, {"note": "a"}, lasting(UNWELL, NOW, note="a")),
    ("begins and is notified", NONE, True, {"notified": True}, lasting(UNWELL, NOW, notified=True)),
    ("did not last, and does not", NONE, False, {}, NONE),
    ("did not last, and is not known", NONE, None, {}, NONE),
    ("ends", lasting(UNWELL), False, {}, NONE),
    ("unknown is not gone", lasting(UNWELL), None, {}, lasting(UNWELL)),
    ("unknown brings no note", lasting(UNWELL), None, {"note": "b"}, lasting(UNWELL)),
    ("only since when it is so counts", lasting(UNWELL), True, {}, lasting(UNWELL)),
    ("each look counts", lasting(UNWELL), True, EACH, lasting(UNWELL, BEFORE, NOW, times=2)),
    ("too close to the last look", RECENT, True, HALF, RECENT),
    ("far enough from the last look", AGO, True, HALF, lasting(UNWELL, BEFORE, NOW, times=5)),
    ("another note is news at once", A_NOTIFIED, True, {"note": "b"}, ANOTHER_NOTE),
    ("the same note", A, True, {"note": "a"}, A),
    ("a note stays", A, True, EACH, lasting(UNWELL, BEFORE, NOW, times=2, note="a")),
    ("what was notified stays so", A_NOTIFIED, True, EACH, TWICE),
    ("is notified now", A, True, EACH | {"notified": True}, TWICE),
)
def test_a_look_at_a_condition(before: Any, fact: bool | None, more: dict[str, Any], expected: Any) -> None:
    others = lasting(Kind.DRIFT, note="x")
    found = row(conditions={**before, **others}).observe(UNWELL, fact, NOW, **more)
    assert found.conditions == {**expected, **others}


def test_conditions_that_stay_as_they_are_are_the_same_object() -> None:
    """By this it is seen that there is nothing to write."""
    before = row(conditions=lasting(UNWELL))
    for fact, kind in ((None, UNWELL), (True, UNWELL), (False, Kind.STALE)):
        assert before.observe(kind, fact, NOW, apart=ONCE) is before


TROUBLE = lasting(Kind.TROUBLE, note="NO_DR_KEY", notified=True)
SAME_REASON = lasting(Kind.TROUBLE, NOW, note="NO_DR_KEY", notified=True)
OTHER_REASON = lasting(Kind.TROUBLE, note="CEILING", notified=True)
TERMINATED = lasting(Kind.PRIMARY_TERMINATED, notified=True)


@table(
    "before after expected",
    ("nothing", NONE, NONE, None),
    *((f"new: {kind}", NONE, lasting(kind, notified=True), kind) for kind in NOTIFYING),
    ("the same reason", TROUBLE, SAME_REASON, None),
    ("another reason", TROUBLE, OTHER_REASON, Kind.TROUBLE),
    ("over", TROUBLE, NONE, None),
    ("of which nobody is notified", NONE, lasting(Kind.TROUBLE, note="NO_DR_KEY"), None),
    ("notified later", lasting(Kind.MIGRATED), lasting(Kind.MIGRATED, notified=True), Kind.MIGRATED),
    ("not a kind that makes notices", NONE, lasting(UNWELL, notified=True), None),
    ("the last of two", NONE, TROUBLE | TERMINATED, Kind.PRIMARY_TERMINATED),
)
def test_what_a_person_is_notified_of(before: Any, after: Any, expected: Kind | None) -> None:
    assert news(before, after) is expected


SHORT: dict[str, Any] = {"since": "2026-03-02T12:00:00.000Z", "last": "2026-03-03T12:00:00.000Z", "times": 1}


def test_a_condition_in_the_ledger() -> None:
    for condition, item in (
        (Condition(BEFORE, NOW), SHORT),
        (Condition(BEFORE, NOW, 3, "why", notified=True), SHORT | {"times": 3, "note": "why", "notified": True}),
    ):
        assert (condition.to_item(), Condition.from_item(item)) == (item, condition)


@pytest.mark.parametrize(
    "changes", [{"since": "yesterday"}, {"last": None}, {"times": "x"}, {"note": 7}, {"since": "2026-03-02T12:00:00"}]
)
def test_a_condition_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Condition.from_item(SHORT | changes)
