"""The other services: tags, the quota, signs of life, the dead-letter queue, the watcher's executions."""

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from standby.aws.others import NotKept, TagReader, beat, put_aside, standby_quota
from standby.core.model import Unknown, Workspace, WorkspaceId
from standby.ledger.leases import Executions
from tests.component.estate import DR, HOME, Notes, Others, refusal, settings
from tests.component.wire import Wire, error, unpaced

PREFIX = "arn:aws:workspaces:us-east-1:123456789012:workspace/"
MANY = [WorkspaceId(f"ws-{number:09}") for number in range(250)]
THROTTLE = refusal("Throttled")


class Fake:
    """A client of which each method gives, or raises, the next answer; the last one repeats."""

    def __init__(self, *answers: Any) -> None:
        self.calls: list[dict[str, Any]] = []
        self._answers = list(answers)

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append(request)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer(request) if callable(answer) else answer

        return call


# Tags


def ready(one: str, **more: Any) -> Workspace:
    given = {"directory_id": HOME, "user_name": "al", "state": "AVAILABLE", "compute_type": "STANDARD"}
    return Workspace(WorkspaceId(one), **(given | more))


def tagging(client: Fake, *times: bool) -> tuple[TagReader, Notes]:
    notes: Any = Notes()
    left = iter(times)
    return TagReader(client, PREFIX, settings(), unpaced(), lambda: next(left, True), notes), notes


def told(*entries: Any, token: str = "") -> dict[str, Any]:
    return {"ResourceTagMappingList": list(entries), "PaginationToken": token}


def of(one: str, **tags: str) -> dict[str, Any]:
    return {"ResourceARN": f"{PREFIX}{one}", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def test_tags_are_asked_for_by_hundreds_and_none_told_is_none_there() -> None:
    client = Fake(
        lambda request: told(*(of(arn.removeprefix(PREFIX), n="1") for arn in request["ResourceARNList"][1:]))
    )
    reader, notes = tagging(client)
    found = reader.tagged([ready(one) for one in MANY])
    assert [one.tags for one in found] == [() if number % 100 == 0 else (("n", "1"),) for number in range(250)]
    assert [len(request["ResourceARNList"]) for request in client.calls] == [100, 100, 50]
    assert (notes.problems, notes.gauges) == ([], {})


def test_only_what_the_selection_alone_decides_is_asked_for() -> None:
    client = Fake(told())
    others = [ready(MANY[1], state="PENDING"), ready(MANY[2], user_name=None), ready(MANY[3], directory_id=None)]
    found = tagging(client)[0].tagged([ready(MANY[0]), *others])
    assert [one.tags for one in found] == [(), None, None, None]
    assert tagging(client)[0].tagged(others) == others
    assert client.calls == [{"ResourceARNList": [f"{PREFIX}{MANY[0]}"]}]


def test_what_one_answer_has_no_room_for_is_asked_for_in_two() -> None:
    one, two = MANY[:2]
    client = Fake(told(of(one, a="1"), token="more"), told(of(one, a="1")), told(of(two, b="2")))
    found = tagging(client)[0].tagged([ready(one), ready(two)])
    assert [each.tags for each in found] == [(("a", "1"),), (("b", "2"),)]
    assert [len(request["ResourceARNList"]) for request in client.calls] == [2, 1, 1]


STRANGER, TWICE = told(of(MANY[7])), told(of(MANY[0]), of(MANY[0]))
MALFORMED = [{}, {"ResourceTagMappingList": "junk"}, told("junk"), told({"Tags": []}), STRANGER, TWICE]
MALFORMED += [
    told({"ResourceARN": f"{PREFIX}{MANY[0]}", "Tags": [tag]}) for tag in ({"Key": "a"}, {"Key": "a", "Value": 7})
]
UNKNOWN: list[tuple[Any, str]] = [
    (THROTTLE, "Throttled: x"),
    (ReadTimeoutError(endpoint_url="x"), 'ReadTimeoutError: Read timeout on endpoint URL: "x"'),
    (told(token="more"), "PartialAnswer: GetResources did not return all tags of one WorkSpace"),
    *((answer, "MalformedAnswer: GetResources gave an answer that cannot be read") for answer in MALFORMED),
]


@pytest.mark.parametrize(("answer", "says"), UNKNOWN, ids=repr)
def test_tags_of_which_no_answer_came_whole_are_unknown_and_not_none(answer: Any, says: str) -> None:
    reader, notes = tagging(Fake(answer))
    assert [one.tags for one in reader.tagged([ready(MANY[0])])] == [None]
    assert notes.problems == [f"The tags of 1 WorkSpaces could not be read, so nothing is decided about them: {says}"]
    assert notes.gauges == {"TagsUnknown": 1}


def test_tags_for_which_there_was_no_time_are_unknown() -> None:
    reader, notes = tagging(Fake(told()), True, False)
    assert [one.tags for one in reader.tagged([ready(one) for one in MANY[:150]])] == [()] * 100 + [None] * 50
    assert (notes.problems, notes.gauges) == ([], {"TagsUnknown": 50})


# The quota

NOT_APPLIED, DENIED = error("NoSuchResourceException"), error("AccessDeniedException")


@pytest.mark.parametrize(
    ("answers", "quota", "calls"),
    [
        ([{"Quota": {"Value": 50.0}}], 50, 1),
        ([NOT_APPLIED, {"Quota": {"Value": 10.0}}], 10, 2),
        ([NOT_APPLIED], Unknown("NoSuchResourceException", "no"), 2),
        ([NOT_APPLIED, DENIED], Unknown("AccessDeniedException", "no"), 2),
        ([error("TooManyRequestsException")], Unknown("TooManyRequestsException", "no"), 1),
    ],
)
def test_a_quota_is_the_changed_one_or_the_default(answers: list[object], quota: int | Unknown, calls: int) -> None:
    wire = Wire("service-quotas", *answers, region=DR)
    assert standby_quota(wire.client) == quota
    assert wire.sent == [{"ServiceCode": "workspaces", "QuotaCode": "L-9A67B5CB"}] * calls


@pytest.mark.parametrize("value", [..., None, {}, "50", True, -1, 1e40, float("nan"), float("inf")], ids=repr)
def test_an_answer_without_a_number_is_unknown(value: Any) -> None:
    client: Any = Fake({} if value is ... else {"Quota": value and {"Value": value}})
    assert standby_quota(client) == Unknown("MalformedAnswer", "Service Quotas gave an answer without a valid value")


# What is sent


def test_a_sign_of_life_names_its_stack_and_one_that_is_not_taken_stops_nothing() -> None:
    client: Any = Fake({}, THROTTLE)
    notes: Any = Notes()
    for _ in range(2):
        beat(client, "Heartbeat", "Stack", notes)
    dimensions = [{"Name": "Stack", "Value": "Stack"}]
    datum = {"MetricName": "Heartbeat", "Dimensions": dimensions, "Value": 1, "Unit": "Count"}
    assert client.calls == [{"Namespace": "WorkspacesStandby", "MetricData": [datum]}] * 2
    assert notes.problems == ["The metric Heartbeat could not be published: Throttled: x"]


@pytest.mark.parametrize(
    ("event", "reason", "body", "kept"),
    [
        ({"id": "x", "when": {1}}, "it names none", '{"id": "x", "when": "{1}"}', "it names none"),
        ({"pad": "ü" * 100_000}, "r" * 5000, json.dumps({"pad": "ü" * 100_000})[:200_000], "r" * 1000),
        # SQS refuses a message with such characters.
        *((None, f"ids: {junk}x", "null", "ids: \N{REPLACEMENT CHARACTER}x") for junk in "\x00\x1b\ud800\ufffe"),
    ],
    ids=["whole", "large", "nul", "escape", "half", "none"],
)
def test_the_queue_gets_the_event_and_the_reason_beside_it(event: object, reason: str, body: str, kept: str) -> None:
    others: Any = Others()
    put_aside(others, "https://queue", event, reason)
    attribute = {"reason": {"DataType": "String", "StringValue": kept}}
    message = {"QueueUrl": "https://queue", "MessageBody": body, "MessageAttributes": attribute}
    assert others.sent == [("send_message", message)]
    others.problems["send_message"] = THROTTLE
    with pytest.raises(NotKept, match="the dead-letter queue did not accept the event: Throttled: x"):
        put_aside(others, "https://queue", event, reason)


def test_the_watcher_is_started_by_name_and_what_keeps_it_is_told() -> None:
    client: Any = Fake({}, THROTTLE)
    executions = Executions(client, "arn:machine")
    assert [executions.start("protect-1"), executions.start("protect-1")] == ["", "Throttled: x"]
    assert client.calls == [{"stateMachineArn": "arn:machine", "name": "protect-1", "input": "{}"}] * 2


@pytest.mark.parametrize(
    ("answer", "running"),
    [
        *(({"status": ended}, False) for ended in ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")),
        (refusal("ExecutionDoesNotExist"), False),
        *((one, True) for one in ({"status": "RUNNING"}, {}, THROTTLE, ReadTimeoutError(endpoint_url="x"))),
    ],
)
def test_an_execution_counts_as_running_unless_the_service_says_that_it_ended(answer: Any, *, running: bool) -> None:
    client: Any = Fake(answer)
    assert Executions(client, "arn:machine").may_be_running("arn:one") is running
    assert client.calls == [{"executionArn": "arn:one"}]
