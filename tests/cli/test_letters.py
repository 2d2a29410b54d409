"""What a message of the dead-letter queue is, by its form."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.letters import Kind, Letter, read_letter

EVENTS = Path(__file__).resolve().parents[1] / "events"
SCHEDULE = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/Standby-us-east-1-us-west-2"


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def letter(body: Any, *, account: str = "123456789012", **attributes: str) -> Letter:
    message = {
        "MessageId": "1",
        "ReceiptHandle": "handle",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": "1772529600000"},
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
    return read_letter(message, account=account, region="us-east-1")


def failed_invocation(payload: Any, **changes: Any) -> dict[str, Any]:
    """Lambda's record of an asynchronous invocation whose retries are used up."""
    return {
        "version": "1.0",
        "timestamp": "2026-03-03T10:00:00.000Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-2x38-9e18-4d9f5a2b3c4d",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:protect:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "LedgerUnavailable", "errorMessage": "the table did not answer"},
        **changes,
    }


def test_an_event_that_protect_failed_on_is_given_whole_with_who_created_it() -> None:
    sent = event("create_workspaces_one")
    read = letter(failed_invocation(sent))
    assert (read.kind, read.event, read.ids) == (Kind.EVENT, sent, ("ws-1c0ffee01",))
    assert read.what == "CreateWorkspaces of ws-1c0ffee01"
    assert read.why == "RetriesExhausted after 3 tries: LedgerUnavailable: the table did not answer"
    assert read.at == "2026-03-03T09:20:00Z"


def test_an_event_that_lambda_held_too_long_has_no_answer() -> None:
    record = failed_invocation(event("create_workspaces_twenty_five"))
    record["requestContext"]["condition"] = "EventAgeExceeded"
    del record["responsePayload"], record["responseContext"]
    read = letter(record)
    assert (read.kind, len(read.ids)) == (Kind.EVENT, 25)
    assert read.what.endswith(" and 22 more")
    assert read.why == "EventAgeExceeded after 3 tries"


def test_an_event_that_eventbridge_could_not_hand_over() -> None:
    sent = event("migrate_workspace")
    read = letter(
        sent,
        RULE_ARN="arn:aws:events:us-east-1:123456789012:rule/new",
        TARGET_ARN="arn:aws:lambda:us-east-1:123456789012:function:protect",
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="no permission to invoke",
        RETRY_ATTEMPTS="0",
    )
    assert (read.kind, read.event, read.ids) == (Kind.EVENT, sent, ("ws-2c0ffee01",))
    assert read.why == "NO_PERMISSIONS: no permission to invoke"


def test_an_asynchronous_manual_call_is_given_again_as_it_was() -> None:
    call = {"mode": "reconcile", "workspace_ids": ["ws-1c0ffee01"], "cause": {"type": "manual", "id": "ticket"}}
    read = letter(failed_invocation(call))
    assert (read.kind, read.event, read.what) == (Kind.EVENT, call, "a manual call of ws-1c0ffee01")


@pytest.mark.parametrize(
    "name", ["create_workspaces_refused", "create_workspaces_all_items_failed", "terminate_workspaces_refused"]
)
def test_an_event_of_which_nothing_can_come(name: str) -> None:
    read = letter(failed_invocation(event(name)))
    assert (read.kind, read.event) == (Kind.EMPTY, None)


def test_an_event_of_another_account_is_not_worked_on() -> None:
    read = letter(event("create_workspaces_one"), account="999999999999", ERROR_CODE="NO_PERMISSIONS")
    assert read.kind is Kind.EMPTY


def test_what_protect_put_aside_keeps_its_reason_even_if_it_looks_like_an_event() -> None:
    read = letter(event("create_workspaces_one"), reason="these are not WorkSpace ids and were skipped: WS-1")
    assert (read.kind, read.why) == (Kind.UNREADABLE, "these are not WorkSpace ids and were skipped: WS-1")
    assert "`standby protect`" in read.advice
    assert len(read.what) < 200


WITHOUT_ITS_EVENT = failed_invocation(None)
del WITHOUT_ITS_EVENT["requestPayload"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        *((body, body) for body in ("not JSON at all", "[]", '{"detail": 1}', "null", '"text"')),
        (WITHOUT_ITS_EVENT, "kept no event"),
        (failed_invocation(["a", "list"]), ""),
    ],
)
def test_anything_else_is_for_a_person(body: Any, words: str) -> None:
    read = letter(body)
    assert read.kind is Kind.UNREADABLE
    assert words in f"{read.what} {read.why}"


def test_changes_that_were_not_published_say_when_they_were() -> None:
    record = failed_invocation(None)
    del record["requestPayload"], record["responsePayload"]
    record["DDBStreamBatchInfo"] = {
        "shardId": "shardId-00000001573689847184-864758bb",
        "startSequenceNumber": "800000000003126276362",
        "endSequenceNumber": "800000000003126276362",
        "approximateArrivalOfFirstRecord": "2026-03-03T08:01:02Z",
        "approximateArrivalOfLastRecord": "2026-03-03T08:01:09Z",
        "batchSize": 7,
        "streamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/ledger/stream/2026-01-01T00:00:00.000",
    }
    read = letter(record)
    assert (read.kind, read.what) == (Kind.CHANGES, "7 changes that were not published")
    assert "audit --since 2026-03-03T08:01:02Z --until 2026-03-03T08:01:09Z" in read.advice


@pytest.mark.parametrize(
    ("body", "attributes", "machine"),
    [
        ("{}", {}, "the watcher or the sweep"),
        ('{"stateMachineArn": "arn"}', {"SCHEDULE_ARN": f"{SCHEDULE}-watch", "ERROR_CODE": "Limit"}, "the watcher"),
        ("{}", {"SCHEDULE_ARN": f"{SCHEDULE}-sweep", "ERROR_CODE": "Limit"}, "the sweep"),
    ],
)
def test_a_start_of_a_state_machine_that_failed(body: str, attributes: dict[str, str], machine: str) -> None:
    read = letter(body, **attributes)
    assert read.what == f"a failed start of {machine}"
    assert (read.kind, read.why) == (Kind.START, attributes.get("ERROR_CODE", "not delivered"))
    assert "next execution" in read.advice


@pytest.mark.parametrize("words", ["WorkSpaces Standby, the watcher ended as ABORTED", None])
@pytest.mark.parametrize(("name", "machine"), [("watch", "the watcher"), ("sweep", "the sweep")])
def test_a_notice_that_the_topic_did_not_take(words: str | None, name: str, machine: str) -> None:
    arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:Standby-us-east-1-us-west-2-{name}"
    ended = {
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"name": "one", "status": "ABORTED", "stateMachineArn": arn},
    }
    read = letter(words or ended, TARGET_ARN="arn:aws:sns:us-east-1:123456789012:topic", ERROR_CODE="SDK_CLIENT_ERROR")
    assert (read.kind, read.why) == (Kind.NOTICE, "SDK_CLIENT_ERROR")
    assert letter(ended).what == f"a notice: execution one of {machine} ended as ABORTED"
