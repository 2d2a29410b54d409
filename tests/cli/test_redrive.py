"""`standby redrive` against a queue that behaves as SQS does, and a protect that answers as it is set to."""

import functools
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from moto import mock_aws

from cli import redrive
from tests.cli.stage import CALLER, OUTPUTS, Ran, Stage
from tests.cli.test_letters import event, failed_invocation
from tests.component.estate import DR, PRIMARY, TABLE, refusal
from tests.component.test_events import created

ONE = "ws-1c0ffee01"
SERVED = ("get_queue_attributes", "receive_message", "delete_message", "change_message_visibility_batch")


def decided(primary_id: str, status: str | None = "WAITING", message: str = "", reason: str = "PRIMARY_PENDING") -> Any:
    return {"primary_id": primary_id, "action": "RECORD", "status": status, "reason_code": reason, "message": message}


@functools.cache
def sqs_client() -> Any:
    """A client that moto answers; to make one takes longer than a test."""
    return boto3.client("sqs", region_name=PRIMARY)


class Desk:
    """A stack with its queue, and an operator before it.

    Attributes
    ----------
    answers : list
        What protect answers, in order: with decisions for one id, unless told.
    events : list
        What it was given.
    """

    def __init__(self, stage: Stage) -> None:
        self.sqs = sqs_client()
        self.url: str = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.stage = stage
        self.events: list[Any] = []
        self.answers: list[Any] = []
        stage.stacks[PRIMARY, TABLE] |= {"DeadLetterQueueUrl": self.url}
        stage.answers |= {("sqs", operation): getattr(self.sqs, operation) for operation in SERVED}
        stage.answers["lambda", "invoke"] = self._invoke

    def _invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == OUTPUTS["ProtectFunctionName"]
        self.events.append(json.loads(Payload))
        answer = self.answers.pop(0) if self.answers else {"decisions": [decided(ONE)]}
        if isinstance(answer, BaseException):
            raise answer
        failed = {"FunctionError": "Unhandled"} if "errorMessage" in answer else {}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **failed}

    def put(self, body: Any, **attributes: str) -> None:
        given: Any = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.url, MessageBody=text, MessageAttributes=given)

    def left(self) -> int:
        """How many messages can be seen now."""
        names: Any = ["ApproximateNumberOfMessages"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found["ApproximateNumberOfMessages"])

    def redrive(self, options: str = "") -> Ran:
        return self.stage.standby(f"redrive {options}")


@pytest.fixture
def desk(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(redrive, "WAIT_SECONDS", 0)
    with mock_aws():
        yield Desk(stage)


def lines(ran: Ran) -> list[str]:
    return ran.out.splitlines()


def test_an_empty_queue_is_said_to_be_empty(desk: Desk) -> None:
    ran = desk.redrive()
    assert (ran.status, lines(ran)) == (0, [f"The dead-letter queue of {TABLE} is empty."])


SENT = event("create_workspaces_one")
FAILED = failed_invocation(SENT)
REFUSED = failed_invocation(event("create_workspaces_refused"))
UNDELIVERED = {"RULE_ARN": "rule", "TARGET_ARN": "arn:aws:lambda:us-east-1:123456789012:function:p"}
OVER_LIMIT = {"SCHEDULE_ARN": "schedule", "ERROR_CODE": "ExecutionLimitExceeded"}
STANDBY = decided(ONE, None, "The WorkSpace is itself a standby.", "IS_STANDBY")
UNREADABLE = decided(ONE, None, "Its row cannot be read", "ROW_UNREADABLE")
NO_ANSWER = {"errorType": "LedgerUnavailable", "errorMessage": "no answer"}


@pytest.mark.parametrize(
    ("body", "attributes", "answer", "said", "out"),
    [
        (FAILED, {}, None, "Result: sent to protect: WAITING (PRIMARY_PENDING).", "1 sent to protect."),
        (SENT, UNDELIVERED | {"ERROR_CODE": "THROTTLING"}, None, "Result: sent to protect", "1 sent to protect."),
        (FAILED, {}, {"decisions": [STANDBY]}, "nothing to do (IS_STANDBY)", "1 sent to protect."),
        (REFUSED, {}, None, "deleted: it names no primary that could get a standby.", "1 deleted."),
        (FAILED, {}, NO_ANSWER, "left in the queue: Standby-us-east-1-us-west-2-protect failed: LedgerUn", None),
        (FAILED, {}, {"decisions": []}, f"left in the queue: protect made no decision about {ONE}", None),
        (FAILED, {}, {"decisions": [decided("ws-another01")]}, f"protect made no decision about {ONE}", None),
        (FAILED, {}, {"decisions": [decided(ONE, message="Not recorded: throttled")]}, f"{ONE}: Not recorded: t", None),
        (FAILED, {}, {"decisions": [UNREADABLE]}, f"left in the queue: {ONE}: Its row cannot be read", None),
        (FAILED, {}, refusal("TooManyRequestsException"), "AWS throttled the request", None),
        (
            FAILED,
            {},
            ReadTimeoutError(endpoint_url="https://lambda"),
            "It is not known whether the change was made",
            None,
        ),
        ("poison", {"reason": "names no WorkSpace"}, None, "left in the queue: find the affected WorkSpaces", None),
        ("{}", OVER_LIMIT, None, "Cause: ExecutionLimitExceeded. Result: left in the queue: no action needed", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_becomes_of_a_message(
    desk: Desk, body: Any, attributes: Any, answer: Any, said: str, out: str | None
) -> None:
    desk.answers = [answer] if answer else []
    desk.put(body, **attributes)
    ran = desk.redrive()
    assert ran.status == (1 if out is None else 0)
    line, totals = lines(ran)
    assert said in line
    assert totals == f"1 message in the dead-letter queue of {TABLE}: {out or '1 left in the queue.'}"
    assert desk.left() == (1 if out is None else 0)
    behind = {"type": "command", "id": "standby redrive", "principal": CALLER}
    assert desk.events == ([{**SENT, "redriven": behind}] if body in (FAILED, SENT) else [])


def test_the_ledger_has_who_redrives_and_why_beside_the_event(desk: Desk) -> None:
    (one,) = desk.stage.create_ready("user001")
    del desk.stage.answers["lambda", "invoke"]
    desk.put(failed_invocation(created(one)))
    ran = desk.redrive("--reason CHG-4711 --output json")
    assert (ran.status, json.loads(ran.out)["reason"]) == (0, "CHG-4711")
    row = desk.stage.row(one)
    said = f"sent to protect again by {CALLER} (CHG-4711)"
    assert (row.cause_type, row.cause_id) == ("event", f"{SENT['id']}, {said}")
    assert row.principal != CALLER  # who created the desktop
    assert said in desk.stage.standby(f"show {one}").out


def test_more_messages_than_one_receive_holds_are_tried_one_after_the_other(desk: Desk) -> None:
    desk.answers = [NO_ANSWER]
    for _ in range(23):
        desk.put(FAILED)
    for _ in range(2):
        desk.put("poison", reason="why")
    ran = desk.redrive()
    assert (ran.status, lines(ran)[-1][-43:]) == (1, "2: 22 sent to protect, 3 left in the queue.")
    assert len(desk.events) == 23
    assert desk.left() == 3


def test_one_of_many_that_is_not_recorded_keeps_the_message(desk: Desk) -> None:
    sent = event("create_workspaces_twenty_five")
    ids = [one["workspaceId"] for one in sent["detail"]["responseElements"]["pendingRequests"]]
    desk.answers = [{"decisions": [decided(one) for one in some]} for some in (ids[:-1], ids)]
    desk.put(failed_invocation(sent))
    assert (desk.redrive().status, desk.left()) == (1, 1)
    assert (desk.redrive().status, desk.left()) == (0, 0)


@pytest.mark.parametrize("option", ["--list", "--dry-run", "--list --output json", "--list --output csv"])
def test_list_only_shows(desk: Desk, option: str) -> None:
    desk.put(FAILED)
    desk.put(REFUSED)
    desk.put("poison", reason="why")
    for _ in range(2):
        ran = desk.redrive(option)
        assert ran.status == 1
        for words in ("CreateWorkspaces of ws-1c0ffee01", "RetriesExhausted after 3 tries", "standby protect"):
            assert words in ran.out
        if "json" in option:
            found = json.loads(ran.out)
            assert (found["dry_run"], found["complete"], len(found["messages"])) == (True, True, 3)
            assert found["messages"][0].keys() >= {"at", "kind", "what", "why", "became", "advice", "workspace_ids"}
        elif "csv" in option:
            assert lines(ran)[0] == "at,kind,what,why,became,detail,advice"
            assert len(lines(ran)) == 4
        else:
            assert lines(ran)[-1].endswith(": 3 left in the queue.")
    assert desk.events == []
    assert desk.left() == 3


def test_what_only_a_person_can_judge_is_deleted_on_demand(desk: Desk) -> None:
    desk.put("poison", reason="names no WorkSpace")
    desk.put("{}", **OVER_LIMIT)
    kept = {"decisions": [decided("DEAD_LETTERS")]}
    desk.answers = [kept, kept, NO_ANSWER]
    desk.put(FAILED)
    ran = desk.redrive("--delete-unreadable --reason CHG-7")
    assert ran.status == 1
    assert lines(ran)[-1].endswith(": 2 deleted, 1 left in the queue.")
    assert desk.left() == 1
    assert [(one["mode"], one["cause"]["id"]) for one in desk.events[:2]] == [("discard", "CHG-7")] * 2
    assert "names no WorkSpace" in desk.events[0]["what"]


def test_what_the_ledger_does_not_record_is_not_deleted(desk: Desk) -> None:
    desk.put("poison", reason="names no WorkSpace")
    desk.answers = [refusal("AccessDeniedException")]
    assert desk.redrive("--delete-unreadable").status == 3
    assert desk.left() == 1


def test_a_run_that_may_not_invoke_ends_with_the_missing_right_and_lets_go(desk: Desk) -> None:
    message = "User: al is not authorized to perform: lambda:InvokeFunction on resource: x"
    desk.answers = [refusal("AccessDeniedException", message=message)]
    for _ in range(3):
        desk.put(FAILED)
    ran = desk.redrive()
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith(f"{TABLE}-protect in {PRIMARY} cannot be invoked: Access denied")
    assert f"lambda:InvokeFunction is missing. The policy {TABLE}-operator grants it." in ran.err
    assert desk.left() == 3


def test_what_was_done_before_it_had_to_stop_is_said(desk: Desk) -> None:
    desk.answers = [{"decisions": [decided(ONE)]}, refusal("AccessDeniedException")]
    for _ in range(2):
        desk.put(FAILED)
    ran = desk.redrive("--output json")
    assert ran.status == 3
    assert [one["became"] for one in json.loads(ran.out)["messages"]] == ["sent to protect"]
    assert json.loads(ran.err)["code"] == "AccessDeniedException"
    assert desk.left() == 1


def test_a_run_that_is_interrupted_lets_go(desk: Desk) -> None:
    desk.answers = [KeyboardInterrupt()]
    desk.put(FAILED)
    ran = desk.redrive()
    assert (ran.status, ran.err) == (130, "\nInterrupted. You can safely run the command again.\n")
    assert desk.left() == 1


def test_a_crash_between_answer_and_deletion_only_asks_again(desk: Desk) -> None:
    desk.put(FAILED)
    desk.stage.refused["sqs", "delete_message"] = refusal("ServiceUnavailable", status=503)
    ran = desk.redrive()
    assert (ran.status, "cannot be deleted, and will be received again: ServiceUnavailable" in ran.err) == (3, True)
    desk.stage.refused.clear()
    assert desk.redrive().status == 0
    assert len(desk.events) == 2


def test_messages_that_another_reader_holds_are_not_called_done(desk: Desk) -> None:
    desk.put("poison", reason="why")
    desk.sqs.receive_message(QueueUrl=desk.url, VisibilityTimeout=600)
    ran = desk.redrive()
    assert (ran.status, "Another reader holds 1 more" in ran.out) == (1, True)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (NoCredentialsError(), "There are no usable AWS credentials"),
        (EndpointConnectionError(endpoint_url="https://nowhere"), f"{PRIMARY} does not answer"),
        (refusal("ExpiredToken", message="The token has expired"), "Sign in again."),
        (refusal("AccessDenied", message="no"), f"The policy {TABLE}-reader grants it."),
        (refusal("Throttling", message="Rate exceeded"), "Try again in a minute."),
        (refusal("ValidationError", message=f"Stack {TABLE} does not exist"), f"no stack {TABLE} in {PRIMARY}."),
    ],
)
def test_what_keeps_the_queue_from_being_found_is_a_sentence(stage: Stage, raised: Exception, said: str) -> None:
    stage.refused["cloudformation", "describe_stacks", PRIMARY] = raised
    stage.down = {DR}
    ran = stage.standby(f"redrive --stack {TABLE}")
    assert ran.status in (2, 3)
    assert (ran.out, said in ran.err, "Traceback" in ran.err) == ("", True, False), ran.err
    assert not [one for one in stage.asked if one[0] in ("sqs", "lambda")]
