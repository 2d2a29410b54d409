"""`standby redrive` against a queue that behaves as SQS does, and a protect that answers what it is told to."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from moto import mock_aws

from cli import aws, redrive
from cli.main import main
from tests.cli.test_letters import event, failed_invocation

Capsys = pytest.CaptureFixture[str]
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


def described(stacks: dict[str, dict[str, str]]) -> Any:
    """A client of CloudFormation that knows the outputs of these stacks."""

    def describe(*, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if StackName not in stacks:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist", "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in stacks[StackName].items()]
        arn = f"arn:aws:cloudformation:{REGION}:123456789012:stack/{StackName}/1"
        return {"Stacks": [{"StackId": arn, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}

    return Mock(describe_stacks=describe)


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
        stacks = described({STACK: outputs, "other": {"BucketName": "of something else"}})
        fakes: dict[str, Any] = {"lambda": desk.protect, "cloudformation": stacks}
        real = aws.client

        def client(service: str, region: str, **options: Any) -> Any:
            assert region == REGION
            return fakes[service] if service in fakes else real(service, region, **options)

        monkeypatch.setattr(aws, "client", client)
        yield desk


def lines(capsys: Capsys) -> list[str]:
    told = capsys.readouterr()
    assert told.err == ""
    return told.out.splitlines()


def test_an_empty_queue_is_said_to_be_empty(desk: Desk, capsys: Capsys) -> None:
    assert main(["redrive", STACK]) == 0
    assert lines(capsys) == [f"The dead-letter queue of {STACK} is empty."]


SENT = event("create_workspaces_one")
FAILED = failed_invocation(SENT)
REFUSED = failed_invocation(event("create_workspaces_refused"))
UNDELIVERED = {"RULE_ARN": "rule", "TARGET_ARN": "arn:aws:lambda:us-east-1:123456789012:function:p"}
OVER_LIMIT = {"SCHEDULE_ARN": "schedule", "ERROR_CODE": "ExecutionLimitExceeded"}
STANDBY = decided(ONE, None, "This WorkSpace is itself a standby.", "IS_STANDBY")
UNREADABLE = decided(ONE, None, "Its row cannot be read", "ROW_UNREADABLE")
NO_ANSWER = {"errorType": "LedgerUnavailable", "errorMessage": "no answer"}


@pytest.mark.parametrize(
    ("body", "attributes", "answer", "told", "out"),
    [
        (FAILED, {}, None, "given to protect, and out of the queue: WAITING (PRIMARY_PENDING).", "1 given to protect."),
        (SENT, UNDELIVERED | {"ERROR_CODE": "THROTTLING"}, None, "given to protect, and out", "1 given to protect."),
        (FAILED, {}, {"decisions": [STANDBY]}, "nothing to do (IS_STANDBY)", "1 given to protect."),
        (REFUSED, {}, None, "deleted: no primary can come of it.", "1 deleted."),
        (FAILED, {}, NO_ANSWER, "left in the queue: protect failed: LedgerUnavailable: no answer", None),
        (FAILED, {}, {"decisions": []}, f"left in the queue: protect decided nothing about {ONE}", None),
        (FAILED, {}, {"decisions": [decided("ws-another01")]}, f"protect decided nothing about {ONE}", None),
        (FAILED, {}, {"decisions": [decided(ONE, message="Not recorded: throttled")]}, f"{ONE}: Not recorded: t", None),
        (FAILED, {}, {"decisions": [UNREADABLE]}, f"left in the queue: {ONE}: Its row cannot be read", None),
        (FAILED, {}, refusal("TooManyRequestsException"), "protect was not run: AWS is asked too often", None),
        (FAILED, {}, ReadTimeoutError(endpoint_url="https://lambda"), "protect gave no readable answer", None),
        ("poison", {"reason": "names no WorkSpace"}, None, "left in the queue: find the WorkSpaces it is about", None),
        ("{}", OVER_LIMIT, None, "Why here: ExecutionLimitExceeded. Now left in the queue: the schedule starts", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_becomes_of_a_message(
    desk: Desk, capsys: Capsys, body: Any, attributes: Any, answer: Any, told: str, out: str | None
) -> None:
    desk.protect.answers = [answer] if answer else []
    desk.put(body, **attributes)
    assert main(["redrive", STACK]) == (1 if out is None else 0)
    line, totals = lines(capsys)
    assert told in line
    assert totals == f"1 message in the dead-letter queue of {STACK}: {out or '1 left in the queue.'}"
    assert desk.left() == (1 if out is None else 0)
    assert desk.protect.events == ([SENT] if body in (FAILED, SENT) else [])


def test_more_messages_than_one_receive_holds_are_tried_one_after_the_other(desk: Desk, capsys: Capsys) -> None:
    desk.protect.answers = [NO_ANSWER]
    for _ in range(23):
        desk.put(FAILED)
    for _ in range(2):
        desk.put("poison", reason="why")
    assert main(["redrive", STACK]) == 1
    assert lines(capsys)[-1].endswith("22 given to protect, 3 left in the queue.")
    assert len(desk.protect.events) == 23
    assert desk.left() == 3


def test_one_of_many_that_is_not_recorded_keeps_the_message(desk: Desk) -> None:
    sent = event("create_workspaces_twenty_five")
    ids = [one["workspaceId"] for one in sent["detail"]["responseElements"]["pendingRequests"]]
    desk.protect.answers = [{"decisions": [decided(one) for one in some]} for some in (ids[:-1], ids)]
    desk.put(failed_invocation(sent))
    assert main(["redrive", STACK]) == 1
    assert desk.left() == 1
    assert main(["redrive", STACK]) == 0
    assert desk.left() == 0


def test_list_only_shows(desk: Desk, capsys: Capsys) -> None:
    desk.put(FAILED)
    desk.put(REFUSED)
    desk.put("poison", reason="why")
    for _ in range(2):
        assert main(["redrive", STACK, "--list"]) == 1
        *each, totals = lines(capsys)
        assert len(each) == 3
        assert totals.endswith(": 3 left in the queue.")
    assert desk.protect.events == []
    assert desk.left() == 3


def test_what_only_a_person_can_judge_is_deleted_on_demand(desk: Desk, capsys: Capsys) -> None:
    desk.put("poison", reason="names no WorkSpace")
    desk.put("{}", **OVER_LIMIT)
    desk.protect.answers = [NO_ANSWER]
    desk.put(FAILED)
    assert main(["redrive", STACK, "--delete-unreadable"]) == 1
    assert lines(capsys)[-1].endswith(": 2 deleted, 1 left in the queue.")
    assert desk.left() == 1


def test_a_run_that_may_not_invoke_ends_with_a_sentence_and_lets_go(desk: Desk, capsys: Capsys) -> None:
    desk.protect.answers = [refusal("AccessDeniedException", "User: alice is not authorized")]
    for _ in range(3):
        desk.put(FAILED)
    assert main(["redrive", STACK]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"{STACK}-protect cannot be invoked: it is not allowed with these credentials")
    assert desk.left() == 3


def test_a_run_that_is_broken_off_lets_go(desk: Desk, capsys: Capsys, monkeypatch: Any) -> None:
    monkeypatch.setattr(desk.protect, "invoke", Mock(side_effect=KeyboardInterrupt))
    desk.put(FAILED)
    assert main(["redrive", STACK]) == 1
    assert capsys.readouterr().err.startswith("Broken off.")
    assert desk.left() == 1


def test_a_crash_between_answer_and_deletion_only_asks_again(desk: Desk, monkeypatch: Any, capsys: Capsys) -> None:
    desk.put(FAILED)
    with monkeypatch.context() as patched:
        patched.setattr(redrive.Queue, "delete", Mock(side_effect=aws.AwsRefused("the queue is away.")))
        assert main(["redrive", STACK]) == 1
    assert main(["redrive", STACK]) == 0
    assert len(desk.protect.events) == 2
    assert capsys.readouterr().err == "the queue is away.\n"


def test_messages_that_another_reader_holds_are_not_called_done(desk: Desk, capsys: Capsys) -> None:
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
        (refusal("ValidationError", f"Stack {STACK} does not exist"), f"There is no stack {STACK} in {REGION}."),
        (refusal("InternalFailure", "oops", status=500), "InternalFailure: oops."),
    ],
)
def test_what_keeps_the_stack_from_being_found_is_a_sentence(
    raised: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    monkeypatch.setattr(aws, "client", lambda *_, **__: Mock(**{"describe_stacks.side_effect": raised}))
    assert main(["redrive", STACK]) == 1
    written = capsys.readouterr()
    assert (written.out, told in written.err, "Traceback" in written.err) == ("", True, False), written.err


def test_a_profile_that_does_not_exist_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert main(["redrive", STACK]) == 1
    assert "Set AWS_PROFILE to one that" in capsys.readouterr().err


@pytest.mark.parametrize("prefix", ["", "acme-"])
def test_the_regions_stand_in_the_stacks_name(prefix: str) -> None:
    named = redrive.STACK_NAME.fullmatch(prefix + STACK)
    assert named is not None
    assert (named["region"], redrive.Stack(prefix + STACK, REGION, "", "", "").dr_region) == (REGION, "us-west-2")


def test_a_stack_of_something_else_is_not_worked_on(desk: Desk, capsys: Capsys) -> None:
    assert main(["redrive", "other"]) == 1
    assert "add --region" in capsys.readouterr().err
    assert main(["redrive", "other", "--region", REGION]) == 1
    assert "has no dead-letter queue of this product" in capsys.readouterr().err


def test_without_a_name_it_is_the_one_stack_of_the_configuration(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
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
