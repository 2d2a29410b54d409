"""`standby redrive` against a queue that behaves as SQS does, and a protect that answers what it is told to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from moto import mock_aws

from cli import aws, redrive
from cli.main import main
from tests.cli.test_letters import event, failed_invocation

REGION, STACK = "us-east-1", "Standby-us-east-1-us-west-2"
EXAMPLE = (Path(__file__).parents[2] / "standby.example.yaml").read_text(encoding="utf-8")
ONE = "ws-1c0ffee01"


def refusal(code: str, message: str = "", operation: str = "Invoke", status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


def decided(primary_id: str, status: str | None = "WAITING", message: str = "", reason: str = "PRIMARY_PENDING") -> Any:
    return {"primary_id": primary_id, "action": "RECORD", "status": status, "reason_code": reason, "message": message}


class FakeProtect:
    """Answers an invocation with decisions for each id, or with what it was told to."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.answers: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == f"{STACK}-protect"
        self.events.append(json.loads(Payload))
        answer = self.answers.pop(0) if self.answers else {"decisions": [decided(ONE)]}
        if isinstance(answer, Exception):
            raise answer
        told = {"FunctionError": "Unhandled"} if "errorMessage" in answer else {}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **told}


class FakeCloudFormation:
    """Knows the stacks that it is given, by name, with their outputs."""

    def __init__(self, stacks: dict[str, dict[str, str]]) -> None:
        self.stacks = stacks

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if StackName not in self.stacks:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist", "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.stacks[StackName].items()]
        arn = f"arn:aws:cloudformation:{REGION}:123456789012:stack/{StackName}/1"
        return {"Stacks": [{"StackId": arn, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}


class Desk:
    """A stack with its queue, and an operator before it."""

    def __init__(self, protect: FakeProtect) -> None:
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.url: str = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.protect = protect

    def put(self, body: Any, **attributes: str) -> None:
        given: Any = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.url, MessageBody=text, MessageAttributes=given)

    def left(self) -> int:
        """How many messages can be seen now."""
        names: Any = ["ApproximateNumberOfMessages"]
        told = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(told["ApproximateNumberOfMessages"])


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(redrive, "WAIT_SECONDS", 0)
    with mock_aws():
        desk = Desk(FakeProtect())
        outputs = {"DeadLetterQueueUrl": desk.url, "ProtectFunctionName": f"{STACK}-protect"}
        cloudformation = FakeCloudFormation({STACK: outputs, "other": {"BucketName": "of something else"}})
        fakes: dict[str, Any] = {"lambda": desk.protect, "cloudformation": cloudformation}
        real = aws.client

        def client(service: str, region: str, **options: Any) -> Any:
            assert region == REGION
            return fakes[service] if service in fakes else real(service, region, **options)

        monkeypatch.setattr(aws, "client", client)
        yield desk


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    told = capsys.readouterr()
    assert told.err == ""
    return told.out.splitlines()


def test_an_empty_queue_is_said_to_be_empty(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redrive", STACK]) == 0
    assert lines(capsys) == [f"The dead-letter queue of {STACK} is empty."]


def test_events_are_given_to_protect_and_deleted(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    sent = event("create_workspaces_one")
    desk.put(failed_invocation(sent))
    desk.put(
        sent, RULE_ARN="rule", TARGET_ARN="arn:aws:lambda:us-east-1:123456789012:function:p", ERROR_CODE="THROTTLING"
    )
    assert main(["redrive", STACK]) == 0
    *each, totals = lines(capsys)
    assert desk.protect.events == [sent, sent]
    assert all("Now given to protect, and out of the queue: WAITING (PRIMARY_PENDING)." in line for line in each)
    assert totals == f"2 messages in the dead-letter queue of {STACK}: 2 given to protect."
    assert desk.left() == 0


def test_more_messages_than_one_receive_holds(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(23):
        desk.put(failed_invocation(event("create_workspaces_one")))
    for _ in range(2):
        desk.put("poison", reason="why")
    assert main(["redrive", STACK]) == 1
    assert lines(capsys)[-1].endswith("23 given to protect, 2 left in the queue.")
    assert len(desk.protect.events) == 23
    assert desk.left() == 2


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            {"errorType": "LedgerUnavailable", "errorMessage": "no answer"},
            "protect failed: LedgerUnavailable: no answer",
        ),
        ({"decisions": []}, f"protect decided nothing about {ONE}"),
        ({"decisions": [decided("ws-another01")]}, f"protect decided nothing about {ONE}"),
        ({"decisions": [decided(ONE, "WAITING", "Not recorded: throttled")]}, f"{ONE}: Not recorded: throttled"),
        (
            {"decisions": [decided(ONE, None, "Its row cannot be read", "ROW_UNREADABLE")]},
            f"{ONE}: Its row cannot be read",
        ),
        (refusal("TooManyRequestsException", "Rate Exceeded."), "protect was not run: AWS is asked too often"),
        (ReadTimeoutError(endpoint_url="https://lambda"), "protect gave no readable answer"),
    ],
)
def test_what_protect_did_not_do_is_left_and_the_next_is_tried(
    desk: Desk, answer: Any, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.protect.answers = [answer]
    for _ in range(2):
        desk.put(failed_invocation(event("create_workspaces_one")))
    assert main(["redrive", STACK]) == 1
    first, second, totals = lines(capsys)
    assert f"Now left in the queue: {told}" in first
    assert "Now given to protect" in second
    assert totals.endswith(": 1 given to protect, 1 left in the queue.")
    assert desk.left() == 1


def test_one_of_many_that_is_not_recorded_keeps_the_message(desk: Desk) -> None:
    sent = event("create_workspaces_twenty_five")
    ids = [one["workspaceId"] for one in sent["detail"]["responseElements"]["pendingRequests"]]
    desk.protect.answers = [
        {"decisions": [decided(one) for one in ids[:-1]]},
        {"decisions": [decided(one) for one in ids]},
    ]
    desk.put(failed_invocation(sent))
    assert main(["redrive", STACK]) == 1
    assert desk.left() == 1
    assert main(["redrive", STACK]) == 0
    assert desk.left() == 0


def test_a_decision_without_a_row_counts_as_decided(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.protect.answers = [{"decisions": [decided(ONE, None, "This WorkSpace is itself a standby.", "IS_STANDBY")]}]
    desk.put(failed_invocation(event("create_workspaces_one")))
    assert main(["redrive", STACK]) == 0
    assert "nothing to do (IS_STANDBY)" in lines(capsys)[0]


def test_list_only_shows(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.put(failed_invocation(event("create_workspaces_one")))
    desk.put(failed_invocation(event("create_workspaces_refused")))
    desk.put("poison", reason="why")
    for _ in range(2):
        assert main(["redrive", STACK, "--list"]) == 1
        *each, totals = lines(capsys)
        assert len(each) == 3
        assert totals.endswith(": 3 left in the queue.")
    assert desk.protect.events == []
    assert desk.left() == 3


def test_what_only_a_person_can_judge_is_deleted_on_demand_only(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.put("poison", reason="names no WorkSpace")
    desk.put("{}", SCHEDULE_ARN="schedule", ERROR_CODE="ExecutionLimitExceeded")
    assert main(["redrive", STACK]) == 1
    poison, start, _ = lines(capsys)
    assert "Why here: names no WorkSpace. Now left in the queue: find the WorkSpaces it is about" in poison
    assert "Why here: ExecutionLimitExceeded. Now left in the queue: the schedule starts the next one" in start
    assert desk.left() == 2
    desk.protect.answers = [{"errorType": "Error", "errorMessage": "no"}]
    desk.put(failed_invocation(event("create_workspaces_one")))
    assert main(["redrive", STACK, "--delete-unreadable"]) == 1
    assert lines(capsys)[-1].endswith(": 2 deleted, 1 left in the queue.")
    assert desk.left() == 1


def test_an_event_of_which_nothing_can_come_is_deleted_unasked(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.put(failed_invocation(event("create_workspaces_refused")))
    assert main(["redrive", STACK]) == 0
    assert "Now deleted: no primary can come of it." in lines(capsys)[0]
    assert desk.protect.events == []
    assert desk.left() == 0


def test_a_run_that_may_not_invoke_ends_with_a_sentence_and_lets_go(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.protect.answers = [refusal("AccessDeniedException", "User: alice is not authorized")]
    for _ in range(3):
        desk.put(failed_invocation(event("create_workspaces_one")))
    assert main(["redrive", STACK]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"{STACK}-protect cannot be invoked: it is not allowed with these credentials")
    assert desk.left() == 3


def test_a_run_that_is_broken_off_lets_go(desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    def interrupted(**_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(desk.protect, "invoke", interrupted)
    desk.put(failed_invocation(event("create_workspaces_one")))
    assert main(["redrive", STACK]) == 1
    assert capsys.readouterr().err.startswith("Broken off.")
    assert desk.left() == 1


def test_a_crash_between_answer_and_deletion_only_asks_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.put(failed_invocation(event("create_workspaces_one")))

    def fails(*_: Any) -> None:
        raise aws.AwsRefused("the queue is away.")

    with monkeypatch.context() as patched:
        patched.setattr(redrive.Queue, "delete", fails)
        assert main(["redrive", STACK]) == 1
    assert main(["redrive", STACK]) == 0
    assert len(desk.protect.events) == 2
    assert capsys.readouterr().err == "the queue is away.\n"


def test_messages_that_another_reader_holds_are_not_called_done(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.put("poison", reason="why")
    desk.sqs.receive_message(QueueUrl=desk.url, VisibilityTimeout=600)
    assert main(["redrive", STACK]) == 1
    assert "1 more cannot be seen: another reader has them" in lines(capsys)[-1]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (NoCredentialsError(), "there are no usable AWS credentials"),
        (EndpointConnectionError(endpoint_url="https://nowhere"), "Look at the network"),
        (refusal("ExpiredToken", "The token has expired"), "Sign in again."),
        (refusal("AccessDenied", "no"), "Use a role that may."),
        (refusal("Throttling", "Rate exceeded"), "Try again in a minute."),
        (
            refusal("ValidationError", f"Stack with id {STACK} does not exist"),
            f"There is no stack {STACK} in us-east-1.",
        ),
        (refusal("InternalFailure", "oops", status=500), "InternalFailure: oops."),
    ],
)
def test_what_keeps_the_stack_from_being_found_is_a_sentence(
    raised: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class CloudFormation:
        def describe_stacks(self, **_: Any) -> Any:
            raise raised

    answers: Callable[..., Any] = lambda *_, **__: CloudFormation()  # noqa: E731
    monkeypatch.setattr(aws, "client", answers)
    assert main(["redrive", STACK]) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert told in written.err
    assert "Traceback" not in written.err


def test_a_profile_that_does_not_exist_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert main(["redrive", STACK]) == 1
    assert "Set AWS_PROFILE to one that" in capsys.readouterr().err


def test_a_stack_of_something_else_is_not_worked_on(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redrive", "other"]) == 1
    assert "add --region" in capsys.readouterr().err
    assert main(["redrive", "other", "--region", REGION]) == 1
    assert "has no dead-letter queue of this product" in capsys.readouterr().err


def test_without_a_name_it_is_the_one_stack_of_the_configuration(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["redrive"]) == 1
    assert capsys.readouterr().err.startswith("Name the stack")
    Path("standby.yaml").write_text(EXAMPLE, encoding="utf-8")
    assert main(["redrive"]) == 0
    other = EXAMPLE.partition("pairs:\n")[2].replace("us-east-1", "eu-west-1").replace("us-west-2", "eu-central-1")
    second = EXAMPLE + other.replace("d-90", "d-93").replace("d-92", "d-99")
    Path("standby.yaml").write_text(second, encoding="utf-8")
    capsys.readouterr()
    assert main(["redrive"]) == 1
    assert "Standby-us-east-1-us-west-2, Standby-eu-west-1-eu-central-1" in capsys.readouterr().err
