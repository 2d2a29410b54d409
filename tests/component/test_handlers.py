"""protect's answers, and the four handlers as Lambda runs them: environment, clients, log lines, metrics."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from standby import wiring
from standby.aws.others import NotKept
from standby.core.settings import BadSettings
from tests.component import estate as of
from tests.component.estate import ACCOUNT, CREATE, DR, EXECUTION, PRIMARY, SWEEP, UNREACHABLE, USERS, Estate, refusal
from tests.component.functions import Functions, in_lambda
from tests.component.test_events import MISTAKEN, NOBODYS, SOMEBODYS, by_hand, created

PER_FUNCTION = {
    "protect": "LEDGER_TABLE WATCH_STATE_MACHINE_ARN DEAD_LETTER_QUEUE_URL",
    "watch": "LEDGER_TABLE WATCH_STATE_MACHINE_ARN",
    "sweep": "LEDGER_TABLE WATCH_STATE_MACHINE_ARN",
    "announce": "NOTIFICATION_TOPIC_ARN EVENT_BUS_NAME",
}
ROUND = {"execution_arn": EXECUTION, "round": 0}

# What protect does with an invocation


@pytest.mark.parametrize("event", [*NOBODYS.values(), *SOMEBODYS.values(), *MISTAKEN])
def test_what_is_bad_is_answered_and_only_an_event_that_may_be_lost_is_put_aside(found: Estate, event: Any) -> None:
    answer = found.send(event)
    assert answer["decisions"] == []
    assert found.notes.counts["BadEvents"] == 1
    assert found.notes.problems == [f"The event, or a part of it, was not processed: {answer['problem']}"]
    assert (found.world.calls, found.items()) == ([], [])
    put = found.others.of("send_message")
    reasons = [one["MessageAttributes"]["reason"]["StringValue"] for one in put]
    is_a_persons = any(event is one for one in SOMEBODYS.values())
    assert [json.loads(one["MessageBody"]) for one in put] == ([event] if is_a_persons else [])
    assert reasons == ([answer["problem"][:1000]] if is_a_persons else [])


def test_a_queue_that_takes_nothing_fails_the_invocation_so_that_lambda_repeats_it(found: Estate) -> None:
    found.others.problems["send_message"] = refusal("Throttled")
    with pytest.raises(NotKept, match="Throttled"):
        found.send({"source": "aws.workspaces"})


@pytest.mark.parametrize("manually", [False, True])
def test_good_ids_beside_bad_ones_are_reconciled(found: Estate, manually: bool) -> None:
    young, ready = found.create(USERS[1])[0], found.create_ready(USERS[0])[0]
    found.world.set_state(young, "PENDING")
    event = by_hand("ws-NONSENSE", ready, young) if manually else created("ws-NONSENSE", ready, young)
    answer = found.send(event)
    assert answer["problem"] == "these are not WorkSpace ids and were skipped: ws-NONSENSE"
    assert [(one["primary_id"], one["action"], one["status"]) for one in answer["decisions"]] == [
        (ready, "RECORD", "REQUESTED"),
        (young, "RECORD", "WAITING"),
    ]
    assert len(found.others.of("send_message")) == (0 if manually else 1)


def test_the_watcher_is_started_where_something_is_open_and_none_runs(found: Estate) -> None:
    (one, linux) = (*found.create_ready(USERS[0]), *found.create_ready(USERS[1], BundleId="wsb-ubuntustandard"))
    found.protect(linux)
    found.protect(one, cause="watch")
    assert found.others.of("start_execution") == []
    found.protect(one)
    ((started),) = found.others.of("start_execution")
    assert (started["name"].partition("-")[0], started["input"]) == ("protect", "{}")
    found.observe()
    found.protect(one)
    assert len(found.others.of("start_execution")) == 1
    found.others.running.clear()
    found.others.problems["start_execution"] = refusal("ExecutionLimitExceeded")
    assert found.protect(one)[0]["status"] == "REQUESTED"
    found.disturb("BatchGetItem", UNREACHABLE, when=lambda given: "LEASE" in str(given))
    assert found.protect(one)[0]["status"] == "REQUESTED"
    begins = "The watcher could not be started; its schedule starts it within 15 minutes: "
    whys = [problem.removeprefix(begins).split()[0] for problem in found.notes.problems]
    assert whys == ["ExecutionLimitExceeded:", "DynamoDB"]


@pytest.mark.parametrize(
    ("count", "cause", "seconds"), [(25, "manual", 0), (26, "manual", 3), (26, "watch", 3), (2, "sweep", 1)]
)
def test_a_few_ids_are_worked_on_at_once(found: Estate, count: int, cause: str, seconds: int) -> None:
    ids = found.create_ready(*USERS[:count])
    began = found.clock.now()
    found.protect(*ids, cause=cause)
    assert (found.clock.now() - began).total_seconds() == seconds
    assert len(found.world.standbys()) == count


# The handlers


@pytest.fixture
def functions() -> Iterator[Functions]:
    found = Functions()
    with in_lambda(found):
        yield found


def counted(found: Functions) -> dict[str, float]:
    """The metrics of the last invocation."""
    directives = [(line, line["_aws"]["CloudWatchMetrics"][0]) for line in found.metrics]
    assert {line["Stack"] for line, _ in directives} <= {of.TABLE}
    return {one["Name"]: sum(line[one["Name"]]) for line, directive in directives for one in directive["Metrics"]}


def stream(*rows: dict[str, Any]) -> dict[str, Any]:
    """A batch of the ledger's stream."""
    to = TypeSerializer()
    images = [{name: to.serialize(value) for name, value in row.items()} for row in rows]
    new = [{"NewImage": image, "SequenceNumber": f"{number}"} for number, image in enumerate(images, 100)]
    return {"Records": [{"eventName": "INSERT", "dynamodb": one} for one in new]}


def change(number: int, **more: Any) -> dict[str, Any]:
    row = {"pk": f"ws-{number:09}", "sk": "EVENT#000001", "status": "FAILED", "reason_code": "STANDBY_IN_ERROR"}
    return {**row, "message": "It is in ERROR.", **more}


def test_protect_answers_with_decisions_json_log_lines_and_metrics(functions: Functions) -> None:
    ready, linux = *functions.create_ready(USERS[0]), *functions.create_ready(USERS[1], BundleId="wsb-ubuntustandard")
    answer = functions.invoke("protect", created(ready, linux))
    assert [one["status"] for one in answer["decisions"]] == ["REQUESTED", "INELIGIBLE"]
    assert json.loads(json.dumps(answer)) == answer
    line = next(one for one in functions.logs if one["reason_code"] == "CREATE_ACCEPTED")
    assert (line["primary_id"], line["cause_type"], line["level"]) == (ready, "event", "INFO")
    assert line["function_request_id"] == functions.last_id
    assert counted(functions) == {"StandbysRequested": 1, "Ineligible": 1}
    functions.invoke("protect", created(linux))
    assert (functions.logs, functions.metrics) == ([], [])


def test_protect_goes_by_its_account_and_its_time_and_does_not_crash(functions: Functions) -> None:
    event = created("ws-1c0ffee01") | {"account": "999999999999"}
    assert f"account {ACCOUNT} in {PRIMARY}" in functions.invoke("protect", event)["problem"]
    answer = functions.invoke("protect", {"detail": "is this"})
    (line,) = functions.logs
    assert (line["level"], line["message"]) == (
        "WARNING",
        f"The event, or a part of it, was not processed: {answer['problem']}",
    )
    assert counted(functions) == {"BadEvents": 1}
    assert functions.others.of("send_message")[0]["QueueUrl"] == of.ENVIRONMENT["DEAD_LETTER_QUEUE_URL"]
    (one,) = functions.create_ready(USERS[0])
    functions.time_out = timedelta(seconds=60)
    functions.invoke("protect", created(one))
    assert functions.calls(CREATE) == []
    functions.time_out = timedelta(seconds=61)
    functions.invoke("protect", created(one))
    assert len(functions.calls(CREATE)) == 1


def test_watch_selects_a_round_and_beats_whether_or_not_it_has_the_lease(functions: Functions) -> None:
    (one,) = functions.create(USERS[0])
    functions.invoke("protect", created(one))
    functions.pass_time(hours=1)
    assert functions.invoke("watch", ROUND) == {
        "done": False,
        "outcome": "checked",
        "wait_seconds": 120,
        "ready": [one],
    }
    assert counted(functions) == {"DueRows": 1}
    functions.others.running.add(EXECUTION)
    answer = functions.invoke("watch", ROUND | {"execution_arn": f"{EXECUTION}2"})
    assert (answer["outcome"], functions.logs) == ("another watcher holds the lock", [])
    beats = [given["MetricData"][0]["MetricName"] for given in functions.others.of("put_metric_data")]
    assert beats == ["Heartbeat"] * 2
    assert {region for service, region, _ in functions.made if service == "cloudwatch"} == {DR}
    functions.others.problems["put_metric_data"] = refusal("Throttled")
    assert functions.invoke("watch", ROUND)["ready"] == [one]
    assert [line["level"] for line in functions.logs] == ["WARNING"]


def test_announce_sends_each_event_in_order_and_counts_notices(functions: Functions) -> None:
    others = [change(1, sk="STATE"), change(2, pk="LEASE#WATCH", sk="LEASE#WATCH"), change(3, sk="COUNTER")]
    batch = stream(*others, change(4, notice=True), change(5), change(6, notice=True))
    batch["Records"] += [{"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "9"}}, {"eventName": "REMOVE"}]
    assert functions.invoke("announce", batch) == {"batchItemFailures": []}
    (given,) = functions.others.of("put_events")
    assert [json.loads(entry["Detail"])["pk"][-1] for entry in given["Entries"]] == ["4", "5", "6"]
    assert counted(functions) == {"NoticesSent": 1}
    assert functions.invoke("announce", stream(change(1))) == {"batchItemFailures": []}
    assert (functions.logs, functions.metrics) == ([], [])


def test_announce_stops_at_the_first_that_fails_and_names_it(functions: Functions) -> None:
    functions.others.problems["publish"] = refusal("Throttled")
    answer = functions.invoke("announce", stream(*(change(number, notice=number > 1) for number in (1, 2, 3))))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert functions.metrics == []
    (line,) = functions.logs
    assert line["message"].startswith(
        "ws-000000002 EVENT#000001 and later changes could not be announced and are retried: SNS: "
    )


# How they are put together


@pytest.mark.parametrize(
    ("name", "variable"), [(name, one) for name, each in PER_FUNCTION.items() for one in each.split()]
)
def test_a_function_whose_environment_is_not_whole_names_what_is_missing(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.delenv(variable)
    (one,) = functions.create_ready(USERS[0])
    events = {"announce": stream(change(1)), "protect": created(one)}
    event = {"detail": 7} if variable == "DEAD_LETTER_QUEUE_URL" else events.get(name, ROUND)
    with pytest.raises(BadSettings, match=f"the environment variable {variable} is not set; deploy the stack again"):
        functions.invoke(name, event)


def test_clients_are_of_their_regions_made_once_and_no_create_is_repeated_by_botocore(functions: Functions) -> None:
    (one,) = functions.create_ready(USERS[0])
    functions.invoke("protect", created(one))
    regions = sorted((service, region) for service, region, _ in functions.made)
    assert regions == [("dynamodb", PRIMARY), ("stepfunctions", PRIMARY), ("workspaces", PRIMARY), ("workspaces", DR)]
    functions.invoke("sweep", {"execution_arn": SWEEP, "round": 0})
    for service, _, config in functions.made:
        attempts = config.retries["total_max_attempts"]
        assert attempts == (1 if service in ("workspaces", "cloudwatch", "service-quotas") else 5)
    assert wiring.deployed() is wiring.deployed()
    assert len({wiring.new_id() for _ in range(1000)}) == 1000
