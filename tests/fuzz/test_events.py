"""Whatever protect is invoked with: a good id beside bad ones is worked on, and what cannot be goes to a person."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from standby.core.model import is_workspace_id
from tests.cli.test_letters import event as recorded_event
from tests.cli.test_letters import failed_invocation
from tests.component.estate import HOME, USERS
from tests.fuzz.garbage import EDITS, JSON, TEXTS, Edits, edited
from tests.fuzz.properties import holds_for
from tests.fuzz.stage import Stage, stage

EVENTS = Path(__file__).parents[1] / "events"
RECORDED = sorted(
    {path.stem for path in EVENTS.glob("*.json")} - {"describe_workspaces", "create_workspaces_twenty_five"}
)
# What an event must say for its ids to be ours; all else is edited at will.
ESSENTIAL: list[tuple[str, ...]] = [("detail-type",), ("account",), ("region",), ("mode",), ("detail", "eventName")]
ESSENTIAL += [("detail", "responseElements", "pendingRequests")]
NO_ID = JSON.filter(lambda value: not is_workspace_id(value))


@st.composite
def entries_around(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """What stands before and after a good entry: entries with edits, and garbage."""
    entry = {"userName": "user001", "directoryId": "d-906732325d", "state": "PENDING", "workspaceId": "ws-1c0ffee99"}
    one = st.one_of(NO_ID, EDITS.map(lambda edits: edited(entry, edits)))
    return draw(st.lists(one, max_size=3)), draw(st.lists(one, max_size=3))


@holds_for(0.1, around=entries_around(), edits=EDITS)
def test_a_good_id_beside_bad_ones_gets_its_standby(around: tuple[list[Any], list[Any]], edits: Edits) -> None:
    with stage() as found:
        (good,) = found.create_ready(USERS[0])
        event = recorded_event("create_workspaces_one")
        before, after = around
        event["detail"]["responseElements"]["pendingRequests"] = [*before, {"workspaceId": good}, *after]
        event = edited(event, edits, fixed=ESSENTIAL)
        answer = found.send(event)
        assert requested(found) == [good]
        assert good in [one["primary_id"] for one in answer["decisions"]]
        assert_letters_are_whole(found, event, answer)
        assert len(found.queue.messages) == ("problem" in answer)
        found.assert_one_standby_at_most()


@holds_for(0.085, name=st.sampled_from(RECORDED), edits=EDITS, enveloped=st.sampled_from([False, False, True]))
def test_an_event_edited_anywhere_is_worked_on_or_told(name: str, edits: Edits, *, enveloped: bool) -> None:
    with stage() as found:
        event = edited(recorded_event(name), edits)
        if enveloped:
            event = failed_invocation(event)
        assert_worked_on_or_told(found, event)


@holds_for(0.055, event=JSON)
def test_anything_at_all_is_worked_on_or_told(event: Any) -> None:
    with stage() as found:
        assert_worked_on_or_told(found, event)


@holds_for(
    0.09,
    ids=st.lists(NO_ID, max_size=4),
    at=st.integers(0, 4),
    cause=JSON | st.fixed_dictionaries({}, optional={"type": JSON, "id": JSON, "principal": TEXTS}),
)
def test_a_good_id_in_a_call_by_hand_gets_its_standby(ids: list[Any], at: int, cause: Any) -> None:
    with stage() as found:
        (good,) = found.create_ready(USERS[0])
        beside = [*ids[:at], good, *ids[at:]]
        answer = found.send({"mode": "reconcile", "workspace_ids": beside, "cause": cause})
        assert requested(found) == [good]
        assert [one["primary_id"] for one in answer["decisions"]] == [good]
        assert ("problem" in answer) == bool(ids)
        # Whoever calls by hand has the answer.
        assert found.queue.messages == []


@holds_for(0.06, edits=EDITS)
def test_a_call_by_hand_edited_anywhere_is_worked_on_or_told(edits: Edits) -> None:
    with stage() as found:
        (good,) = found.create_ready(USERS[0])
        call = {"mode": "reconcile", "workspace_ids": [good], "cause": {"type": "manual", "id": "ticket-4711"}}
        event = edited(call, edits)
        by_hand = isinstance(event, dict) and event.get("mode") == "reconcile"
        named = by_hand and isinstance(event.get("workspace_ids"), list) and good in event["workspace_ids"]
        answer = found.send(event)
        assert requested(found) == ([good] if named and len(event["workspace_ids"]) <= 1000 else [])
        assert answer["decisions"] or answer["problem"]
        # Whoever forgot the mode has the answer, too.
        is_event = isinstance(event, dict) and "mode" not in event and {"detail", "source", "detail-type"} & {*event}
        assert len(found.queue.messages) == bool(is_event)


CAUSE = {"type": "command", "id": "CHG-4711", "principal": "arn:aws:iam::123456789012:user/al"}
OF_AN_ORPHAN = {"workspace_ids": ["ws-1c0ffee01"], "cause": CAUSE, "dry_run": False}
CALLS: list[dict[str, Any]] = [
    {"mode": "accept", "directory_id": HOME, "cause": CAUSE},
    {"mode": "pause", "cause": CAUSE, "dry_run": False},
    {"mode": "resume", "cause": CAUSE},
    {"mode": "keep", "undo": True, **OF_AN_ORPHAN},
    {"mode": "terminate", "phase": "before", **OF_AN_ORPHAN},
    {"mode": "terminate", "phase": "after", **OF_AN_ORPHAN},
    {"mode": "reconcile", "override": ["EXCLUDED", "CEILING"], **OF_AN_ORPHAN, "dry_run": True},
]


@holds_for(0.03, call=st.sampled_from(CALLS), edits=EDITS)
def test_a_persons_call_edited_anywhere_is_answered_and_makes_no_standby(call: dict[str, Any], edits: Edits) -> None:
    with stage() as found:
        found.take_baselines()
        event = edited(call, edits, fixed=[("mode",)])
        answer = found.send(event)
        assert answer["decisions"] or answer["problem"]
        assert (found.calls(), found.queue.messages) == ([], [])
        switch = found.item("PAUSE")
        assert bool(switch) is (event["mode"] == "pause" and bool(answer["decisions"]) and not event.get("dry_run"))
        assert found.send({"mode": "pause"})["decisions"]  # whatever was written, it can be read
        assert found.send({"mode": "resume"})["decisions"]


def assert_worked_on_or_told(found: Stage, event: Any) -> None:
    """Which ids it yields, and which problems are a person's, is in the tables of tests/component/test_events.py."""
    answer = found.send(event)
    assert answer["decisions"] or answer["problem"]
    assert_letters_are_whole(found, event, answer)
    assert found.calls() == []  # nothing of it exists


def assert_letters_are_whole(found: Stage, event: Any, answer: dict[str, Any]) -> None:
    """At most one, only for a problem, with its reason and the event."""
    assert len(found.queue.messages) <= ("problem" in answer)
    for letter in found.queue.messages:
        assert letter["attributes"]["reason"].strip()
        text = json.dumps(event)
        assert letter["text"] == text[: len(letter["text"])]
        assert len(letter["text"]) >= min(len(text), 200_000)


def requested(found: Stage) -> list[str]:
    """The primaries that have a standby, by the model."""
    return [one.workspace_id for one in found.world.primaries() if found.world.standbys_of(one.workspace_id)]
