"""What triggers protect: every shape of event and of call by hand, and what becomes of one that names no primary."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from standby.model import Status, is_workspace_id
from standby.protect.dead_letters import DeadLetters
from standby.protect.events import BadEvent, Hint, read
from tests.unit.estate import ACCOUNT, DR, PRIMARY, USERS, Estate, estate

EVENTS = Path(__file__).parents[1] / "events"
PERSON = f"arn:aws:sts::{ACCOUNT}:assumed-role/desktop-admin/alex"


def recorded(name: str) -> dict[str, Any]:
    """An event as EventBridge delivered it."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def created(*ids: object, name: str = "CreateWorkspaces") -> dict[str, Any]:
    """An event of a call that created WorkSpaces of these ids."""
    event = recorded("create_workspaces_one")
    event["detail"]["eventName"] = name
    event["detail"]["responseElements"] = {"pendingRequests": [{"workspaceId": one} for one in ids]}
    return event


def hint(event: object) -> Hint:
    return read(event, account=ACCOUNT, region=PRIMARY)


def bad(event: object) -> BadEvent:
    with pytest.raises(BadEvent) as caught:
        hint(event)
    return caught.value


def without(event: dict[str, Any], *path: str) -> dict[str, Any]:
    found = copy.deepcopy(event)
    place = found
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return found


def changed(event: dict[str, Any], value: object, *path: str) -> dict[str, Any]:
    found = copy.deepcopy(event)
    place = found
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return found


# Which ids an event yields


def test_one_workspace_of_one_call() -> None:
    found = hint(recorded("create_workspaces_one"))
    assert found.ids == ("ws-1c0ffee01",)
    assert found.bad_ids == ()
    assert (found.cause.type, found.cause.id) == ("event", "6a7e8feb-b491-4cf7-a9f1-bf3703467718")
    assert found.cause.principal == PERSON


def test_all_twenty_five_of_one_call_in_their_order() -> None:
    ids = hint(recorded("create_workspaces_twenty_five")).ids
    answer = recorded("create_workspaces_twenty_five")["detail"]["responseElements"]
    assert list(ids) == [pending["workspaceId"] for pending in answer["pendingRequests"]]
    assert len(set(ids)) == 25


def test_what_was_created_of_a_call_that_failed_in_part() -> None:
    assert hint(recorded("create_workspaces_partly_failed")).ids == ("ws-1c0ffee01",)


def test_the_new_id_of_a_migration_and_not_the_old_one() -> None:
    assert hint(recorded("migrate_workspace")).ids == ("ws-2c0ffee01",)


def test_names_that_begin_with_a_capital_as_the_api_writes_them() -> None:
    event = created()
    event["detail"]["responseElements"] = {"PendingRequests": [{"WorkspaceId": "ws-1c0ffee01"}]}
    assert hint(event).ids == ("ws-1c0ffee01",)
    event = recorded("migrate_workspace")
    event["detail"]["responseElements"] = {"TargetWorkspaceId": "ws-2c0ffee01"}
    assert hint(event).ids == ("ws-2c0ffee01",)


def test_a_migration_that_gives_no_new_id_has_no_predecessor() -> None:
    event = recorded("migrate_workspace")
    assert hint(event).cause.migrated_from == event["detail"]["requestParameters"]["sourceWorkspaceId"]
    event["detail"]["responseElements"] = {"targetWorkspaceId": "ws-1c0ffee01", "sourceWorkspaceId": "ws-1c0ffee01"}
    event["detail"]["requestParameters"]["sourceWorkspaceId"] = "ws-1c0ffee01"
    assert hint(event).cause.migrated_from is None


def test_a_name_whose_value_is_null_hides_no_other_spelling() -> None:
    event = created()
    event["detail"]["responseElements"] = {
        "pendingRequests": None,
        "PendingRequests": [{"workspaceId": None, "WorkspaceId": "ws-1c0ffee01"}],
    }
    assert hint(event).ids == ("ws-1c0ffee01",)


def test_what_was_created_counts_though_the_call_also_tells_of_an_error() -> None:
    event = changed(created("ws-1c0ffee01"), "InternalFailure", "detail", "errorCode")
    assert hint(event).ids == ("ws-1c0ffee01",)


def test_an_id_that_comes_twice_is_one() -> None:
    assert hint(created("ws-1c0ffee01", "ws-1c0ffee02", "ws-1c0ffee01")).ids == ("ws-1c0ffee01", "ws-1c0ffee02")


def test_bad_ids_among_good_ones_are_set_apart() -> None:
    found = hint(created("ws-1c0ffee01", "ws-UPPER0001", None, 7, "ws-short", "ws-1c0ffee02"))
    assert found.ids == ("ws-1c0ffee01", "ws-1c0ffee02")
    assert found.bad_ids == ("ws-UPPER0001", "None", "7", "ws-short")


def test_an_entry_that_is_no_object_is_a_bad_id_and_harms_no_other() -> None:
    event = changed(
        created(), ["junk", {"workspaceId": "ws-1c0ffee01"}], "detail", "responseElements", "pendingRequests"
    )
    found = hint(event)
    assert found.ids == ("ws-1c0ffee01",)
    assert found.bad_ids == ("junk",)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("ws-1abc2def3", True),
        ("ws-" + "a" * 8, True),
        ("ws-" + "a" * 63, True),
        ("ws-" + "a" * 7, False),
        ("ws-" + "a" * 64, False),
        ("ws-1abc2def3\n", False),
        (" ws-1abc2def3", False),
        ("ws-1ABC2DEF3", False),
        ("d-906732325d", False),
        ("", False),
        (None, False),
        (["ws-1abc2def3"], False),
    ],
)
def test_the_form_of_an_id(text: object, good: bool) -> None:
    assert is_workspace_id(text) is good


# Who called


@pytest.mark.parametrize(
    ("identity", "principal"),
    [
        ({"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/al"}, "arn:aws:iam::123456789012:user/al"),
        ({"type": "AWSService", "invokedBy": "cloudformation.amazonaws.com"}, "cloudformation.amazonaws.com"),
        ({"type": "AssumedRole", "principalId": "AROAEXAMPLE:alex"}, "AROAEXAMPLE:alex"),
        ({}, None),
        (None, None),
        ("root", None),
    ],
)
def test_the_principal_is_found_in_whatever_form_the_trail_names_it(identity: object, principal: str | None) -> None:
    assert hint(changed(created("ws-1c0ffee01"), identity, "detail", "userIdentity")).cause.principal == principal


def test_the_principal_stays_in_the_row_whoever_looks_at_it_later() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        found.send(created(one))
        assert found.row(one).principal == PERSON
        found.watch()
        row = found.row(one)
        assert row.status is Status.PROTECTED
        assert (row.principal, row.cause_type) == (PERSON, "watch")
        assert {event["principal"] for event in found.history(one)} == {PERSON}


def test_the_event_that_cloudtrail_makes_of_a_call_is_understood() -> None:
    with estate() as found:
        ids = found.create(*USERS[:25])
        answer = found.send(found.world.trail[-1])
        assert [decision["primary_id"] for decision in answer["decisions"]] == ids
        assert "problem" not in answer
        order = {"SourceWorkspaceId": ids[0], "BundleId": "wsb-windowspower"}
        found.pass_time(hours=1)
        target = found.world.call(PRIMARY, "MigrateWorkspace", order)["TargetWorkspaceId"]
        (decision,) = found.send(found.world.trail[-1])["decisions"]
        assert decision["primary_id"] == target


# Events that yield nothing

OURS = created("ws-1c0ffee01")
ENDED = recorded("terminate_workspaces")
FAILED = ("detail", "responseElements", "failedRequests")
NOBODYS = {
    "a call that was refused": recorded("create_workspaces_refused"),
    "a call that was throttled": recorded("create_workspaces_throttled"),
    "a call whose items all failed": recorded("create_workspaces_all_items_failed"),
    "another account": changed(OURS, "999999999999", "account"),
    "another Region": changed(OURS, "eu-west-1", "region"),
    "the DR Region": changed(OURS, DR, "region"),
    "a call that creates standbys": recorded("create_standby_workspaces"),
    "a termination that failed": recorded("terminate_workspaces_refused"),
    "a termination that failed for each": changed(ENDED, [{"workspaceId": "ws-1c0ffee01"}], *FAILED),
    "a termination in another Region": changed(ENDED, "eu-west-1", "region"),
    "a call of another name": created("ws-1c0ffee01", name="RebootWorkspaces"),
}
SOMEBODYS: dict[str, object] = {
    "nothing at all": None,
    "a list": [],
    "a text": "ws-1c0ffee01",
    "a number": 7,
    "an empty object": {},
    "a login": recorded("workspaces_access"),
    "no account": without(OURS, "account"),
    "no Region": without(OURS, "region"),
    "no name": without(OURS, "detail", "eventName"),
    "another detail-type": changed(OURS, "AWS Service Event via CloudTrail", "detail-type"),
    "no detail": without(OURS, "detail"),
    "detail that is a text": changed(OURS, "{}", "detail"),
    "no responseElements": without(OURS, "detail", "responseElements"),
    "responseElements null without an error": changed(OURS, None, "detail", "responseElements"),
    "responseElements a list": changed(OURS, [], "detail", "responseElements"),
    "an answer without a known list": changed(OURS, {"requests": []}, "detail", "responseElements"),
    "a list that is none": changed(OURS, {"pendingRequests": {}}, "detail", "responseElements"),
    "a list that is none beside requests that failed": changed(
        OURS, {"pendingRequests": {"0": {}}, "failedRequests": [{}]}, "detail", "responseElements"
    ),
    "a migration without a target": created("ws-1c0ffee01", name="MigrateWorkspace"),
    "a termination of nothing": changed(ENDED, None, "detail", "requestParameters"),
    "nothing but bad ids": created("ws-UPPER0001", None),
}


@pytest.mark.parametrize("event", NOBODYS.values(), ids=NOBODYS.keys())
def test_what_nobody_can_do_anything_about_is_told_and_goes_nowhere(event: object) -> None:
    with estate() as found:
        answer = found.send(event)
        assert_harmless(found, answer)
        assert found.queue.put_ == []


@pytest.mark.parametrize("event", SOMEBODYS.values(), ids=SOMEBODYS.keys())
def test_what_a_person_can_make_good_goes_to_the_dead_letter_queue(event: object) -> None:
    with estate() as found:
        answer = found.send(event)
        assert_harmless(found, answer)
        assert found.queue.put_ == [(event, answer["problem"])]


def assert_harmless(found: Estate, answer: dict[str, Any]) -> None:
    assert answer["decisions"] == []
    assert answer["problem"]
    assert found.notes.counts["BadEvents"] == 1
    assert any(answer["problem"] in problem for problem in found.notes.problems)
    assert found.world.calls == []
    assert found.watchers.started == []


def test_the_message_of_a_failed_call_has_its_error_and_a_foreign_one_says_what_is_ours() -> None:
    assert "AccessDenied" in str(bad(recorded("create_workspaces_refused")))
    message = str(bad(changed(OURS, "999999999999", "account")))
    assert "999999999999" in message
    assert f"{ACCOUNT} in {PRIMARY}" in message


def test_a_queue_that_takes_nothing_fails_the_invocation_so_that_lambda_repeats_it() -> None:
    with estate() as found:

        def full(_event: Any, _reason: str) -> None:
            raise ClientError({"Error": {"Code": "Throttled", "Message": "no"}}, "SendMessage")

        found.queue.put = full  # type: ignore[method-assign, assignment]
        with pytest.raises(ClientError):
            found.send({})
        assert any("put aside" in problem for problem in found.notes.problems)


def test_good_ids_beside_bad_ones_are_reconciled_and_the_event_is_put_aside() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        event = created("ws-NONSENSE", one)
        answer = found.send(event)
        (decision,) = answer["decisions"]
        assert decision["primary_id"] == one
        assert found.status(one)[0] is Status.REQUESTED
        assert "ws-NONSENSE" in answer["problem"]
        assert [put for put, _ in found.queue.put_] == [event]
        assert found.notes.counts["BadEvents"] == 1


# By hand


def test_a_call_by_hand_is_answered_with_a_decision_for_each_in_their_order() -> None:
    with estate() as found:
        ready = found.create_ready(*USERS[:2])
        (young,) = found.create(USERS[2])
        answer = found.send({"mode": "reconcile", "workspace_ids": [young, *reversed(ready)]})
        assert list(answer) == ["decisions"]
        assert [one["primary_id"] for one in answer["decisions"]] == [young, ready[1], ready[0]]
        assert [one["status"] for one in answer["decisions"]] == ["WAITING", "REQUESTED", "REQUESTED"]
        for one in answer["decisions"]:
            assert set(one) == {"primary_id", "action", "status", "reason_code", "message"}
        assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"type": "sweep", "id": "run-7"}, ("sweep", "run-7")),
        ({"type": "manual"}, ("manual", "by hand")),
        ({}, ("manual", "by hand")),
        (None, ("manual", "by hand")),
        ("somebody", ("manual", "by hand")),
        ({"type": None, "id": 3}, ("manual", "3")),
    ],
)
def test_the_cause_of_a_call_by_hand(given: object, cause: tuple[str, str]) -> None:
    found = hint({"mode": "reconcile", "workspace_ids": ["ws-1c0ffee01"], "cause": given}).cause
    assert (found.type, found.id) == cause
    assert found.principal is None


def test_a_call_by_hand_needs_no_cause_no_account_and_no_region() -> None:
    assert hint({"mode": "reconcile", "workspace_ids": ["ws-1c0ffee01"]}).ids == ("ws-1c0ffee01",)


@pytest.mark.parametrize("ids", [None, [], "ws-1c0ffee01", {}, 7, ["nonsense"], [None], [[]]])
def test_a_mistake_by_hand_is_answered_and_put_nowhere_else(ids: object) -> None:
    with estate() as found:
        answer = found.send({"mode": "reconcile", "workspace_ids": ids})
        assert_harmless(found, answer)
        assert "ws-1abc2def3" in answer["problem"]
        assert found.queue.put_ == []


def test_a_mistake_beside_good_ids_by_hand_is_answered_with_the_decisions() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        answer = found.send({"mode": "reconcile", "workspace_ids": [one, "junk"]})
        assert [decision["primary_id"] for decision in answer["decisions"]] == [one]
        assert "junk" in answer["problem"]
        assert found.queue.put_ == []


def test_more_than_one_call_of_ids_by_hand_is_paced() -> None:
    with estate() as found:
        ids = found.create(*USERS[:200])
        found.world.settings.change(throttling=True)
        answer = found.send({"mode": "reconcile", "workspace_ids": ids})
        assert {decision["reason_code"] for decision in answer["decisions"]} == {"PRIMARY_PENDING"}
        assert {call.outcome for call in found.world.calls} == {"ok"}
        assert found.notes.counts["UnknownAnswers"] == 0


# What is quoted of it

LONG = "x" * 400_000


@pytest.mark.parametrize("junk", [LONG, ["\ud800"], "half a character: \ud800"])
def test_what_is_quoted_of_an_event_can_be_kept_answered_and_logged(junk: object) -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        call = {"mode": "reconcile", "workspace_ids": [one, junk], "cause": {"type": junk, "id": junk}}
        answer = found.send(call)
        assert [decision["status"] for decision in answer["decisions"]] == ["REQUESTED"]
        answered = json.dumps([answer, found.notes.problems, found.history(one)], ensure_ascii=False).encode()
        assert len(answered) < 10_000
        event = changed(changed(created(one, junk), junk, "id"), {"arn": junk}, "detail", "userIdentity")
        assert "problem" in found.send(event)
        assert found.row(one).principal


def test_a_message_about_a_bad_event_is_short_and_legible() -> None:
    for event in ({LONG: 1, "\ud800": 2}, created(name=LONG), created(name="\ud800"), changed(OURS, LONG, "account")):
        message = str(bad(event))
        assert len(message.encode()) <= 4000


# The queue itself


def test_the_queue_gets_the_event_whole_and_the_reason_beside_it() -> None:
    assert sent({"id": "x", "when": {1}}, "it names no WorkSpace") == (
        '{"id": "x", "when": "{1}"}',
        "it names no WorkSpace",
    )


def test_an_event_too_large_for_the_queue_is_cut_rather_than_lost() -> None:
    body, reason = sent({"pad": "ü" * 100_000}, "r" * 5000)
    assert 100_000 < len(body.encode()) < 262_144 - 5000
    assert len(reason) == 1000


@pytest.mark.parametrize("junk", ["ws-\x00", "ws-\x1b[31m", "ws-\ud800", "ws-\ufffe"])
def test_a_reason_with_characters_that_sqs_refuses_goes_without_them(junk: str) -> None:
    """SQS takes tab, line ends, U+0020 to U+D7FF and U+E000 to U+FFFD, and refuses a message with anything else."""
    _, reason = sent({}, f"not WorkSpace ids: {junk}")
    assert reason.startswith("not WorkSpace ids: ws-")
    assert all(one in "\t\n\r" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" for one in reason)


def sent(event: object, reason: str) -> tuple[str, str]:
    """Body and reason of the message that is made of an event."""
    client = boto3.client("sqs", region_name=PRIMARY, aws_access_key_id="test", aws_secret_access_key="test")
    calls: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: calls.append(dict(params)))
    with Stubber(client) as stubber:
        stubber.add_response("send_message", {})
        DeadLetters(client, "https://queue").put(event, reason)
    (call,) = calls
    assert call["QueueUrl"] == "https://queue"
    return call["MessageBody"], call["MessageAttributes"]["reason"]["StringValue"]
