"""The three handlers as Lambda runs them: settings.json, environment, clients; log lines and metrics are JSON."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Metrics
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from local.workspaces import Fault
from standby import wiring
from standby.model import Status
from standby.settings import BadSettings, Settings
from standby.sweep.place import BadSweepInput
from tests.unit.estate import ACCOUNT, AWAY, DR, EXECUTION, HOME, PRIMARY, SWEEP, TABLE, USERS, Estate, estate
from tests.unit.test_events import created
from tests.unit.test_settings import DOCUMENT
from tests.unit.test_terminations import AL, protected, standby_of, terminate

ENVIRONMENT = {
    "LEDGER_TABLE": TABLE,
    "WATCH_STATE_MACHINE_ARN": f"arn:aws:states:{PRIMARY}:{ACCOUNT}:stateMachine:{TABLE}-watch",
    "DEAD_LETTER_QUEUE_URL": "https://queue",
    "NOTIFICATION_TOPIC_ARN": "arn:topic",
    "EVENT_BUS_NAME": "default",
    "POWERTOOLS_METRICS_NAMESPACE": "WorkspacesStandby",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}
PER_FUNCTION = {
    "protect": ("LEDGER_TABLE", "WATCH_STATE_MACHINE_ARN", "DEAD_LETTER_QUEUE_URL"),
    "watch": ("LEDGER_TABLE", "WATCH_STATE_MACHINE_ARN"),
    "sweep": ("LEDGER_TABLE", "WATCH_STATE_MACHINE_ARN"),
    "announce": ("NOTIFICATION_TOPIC_ARN", "EVENT_BUS_NAME"),
}


class Context:
    """What Lambda hands to a handler."""

    function_name = "f"
    memory_limit_in_mb = 256
    aws_request_id = "11111111-2222-3333-4444-555555555555"

    def __init__(self, name: str, seconds_left: float) -> None:
        self.invoked_function_arn = f"arn:aws:lambda:{PRIMARY}:{ACCOUNT}:function:{name}"
        self._seconds_left = seconds_left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds_left * 1000)


class Service:
    """An AWS client that remembers its calls; `fails` makes the next ones fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fails = 0
        self.skip = 0

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append((name, request))
            if self.skip:
                self.skip -= 1
            elif self.fails:
                self.fails -= 1
                raise ClientError({"Error": {"Code": "Throttled", "Message": "later"}}, name)
            return {"FailedEntryCount": 0}

        return call


class Deployed:
    """The functions, deployed."""

    def __init__(self, found: Estate) -> None:
        self.estate = found
        self.services = {name: Service() for name in ("sqs", "sns", "events", "cloudwatch")}
        self.made: list[tuple[str, str, Any]] = []
        self.seconds_left = 300.0
        self.logs: list[dict[str, Any]] = []
        self.metrics: list[dict[str, Any]] = []

    def client(self, service: str, *, region_name: str, config: Any) -> Any:
        """boto3.client."""
        self.made.append((service, region_name, config))
        clients = self.estate.parts.clients
        known = {
            "dynamodb": clients.dynamodb,
            "stepfunctions": clients.sfn,
            "service-quotas": self.estate.quotas,
            **self.services,
        }
        return known.get(service) or (clients.primary if region_name == PRIMARY else clients.dr)

    def module(self, name: str) -> Any:
        """A handler's module, as a new execution environment imports it."""
        sys.modules.pop(name, None)
        Metrics().clear_default_dimensions()
        return importlib.import_module(name)

    def invoke(self, name: str, event: Any) -> Any:
        """Invoke a function in a new environment, and take apart what it printed."""
        module = self.module(name)
        lines, metrics = io.StringIO(), io.StringIO()
        module.logger.registered_handler.setStream(lines)
        try:
            with redirect_stdout(metrics):
                return module.handler(event, Context(name, self.seconds_left))
        finally:
            self.logs = [json.loads(line) for line in lines.getvalue().splitlines()]
            self.metrics = [json.loads(line) for line in metrics.getvalue().splitlines()]

    def counted(self) -> dict[str, float]:
        """The metrics of the last invocation."""
        names = [
            metric["Name"]
            for line in self.metrics
            for directive in line["_aws"]["CloudWatchMetrics"]
            for metric in directive["Metrics"]
        ]
        return {name: sum(sum(line[name]) for line in self.metrics if name in line) for name in names}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployed]:
    (tmp_path / "settings.json").write_text(
        json.dumps(DOCUMENT | {"mode": "protect", "poll_interval_seconds": 120, "directories": {HOME: _directory()}})
    )
    real = Settings.load

    def load(path: Path) -> Settings:
        assert path == Path(wiring.__file__).parents[1] / "settings.json"
        return real(tmp_path / path.name)

    with estate() as found:
        deployed = Deployed(found)
        monkeypatch.setattr(Settings, "load", load)
        monkeypatch.setattr(boto3, "client", deployed.client)
        monkeypatch.setattr(wiring, "SystemClock", lambda: found.clock)
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        yield deployed
        for name in PER_FUNCTION:
            sys.modules.pop(name, None)


def _directory() -> dict[str, Any]:
    return {**DOCUMENT["directories"]["d-906732325d"], "volume_encryption_key": None, "mutual": False}


def stream(*rows: dict[str, Any], event: str = "INSERT") -> dict[str, Any]:
    """A batch of the ledger's stream."""
    to = TypeSerializer()
    return {
        "Records": [
            {
                "eventName": event,
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {"pk": to.serialize(row["pk"]), "sk": to.serialize(row["sk"])},
                    "NewImage": {name: to.serialize(value) for name, value in row.items()},
                    "SequenceNumber": f"{number}",
                    "StreamViewType": "NEW_IMAGE",
                },
            }
            for number, row in enumerate(rows, 100)
        ]
    }


def change(number: int, **more: Any) -> dict[str, Any]:
    return {
        "pk": f"ws-{number:09}",
        "sk": "EVENT#000001",
        "primary_id": f"ws-{number:09}",
        "version": 1,
        "status": "FAILED",
        "reason_code": "STANDBY_IN_ERROR",
        "message": "It is in ERROR.",
        **more,
    }


# protect


def test_protect_answers_an_event_with_decisions_json_log_lines_and_metrics(deployed: Deployed) -> None:
    ready, linux = (
        *deployed.estate.create_ready(USERS[0]),
        *deployed.estate.create_ready(USERS[1], BundleId="wsb-ubuntustandard"),
    )
    answer = deployed.invoke("protect", created(ready, linux))
    assert [one["status"] for one in answer["decisions"]] == ["REQUESTED", "INELIGIBLE"]
    assert json.loads(json.dumps(answer)) == answer
    by_id = {line["primary_id"]: line for line in deployed.logs}
    assert by_id[ready]["reason_code"] == "CREATE_ACCEPTED"
    assert by_id[ready]["cause_type"] == "event"
    assert by_id[ready]["level"] == "INFO"
    assert by_id[ready]["function_request_id"] == Context.aws_request_id
    assert by_id[linux]["message"].startswith("Its operating system cannot have a standby")
    assert deployed.counted() == {"StandbysRequested": 1, "Ineligible": 1}
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in deployed.metrics} == {"WorkspacesStandby"}
    assert deployed.estate.row(ready).claim_owner is None
    assert len(deployed.estate.watchers.started) == 1


def test_a_remark_is_a_log_line_and_a_metric_once(deployed: Deployed) -> None:
    found = deployed.estate
    (one,) = protected(found, USERS[0])
    standby = standby_of(found, one)
    event = terminate(found, DR, standby)
    found.pass_time(hours=1)  # it is not shown any more: nothing else is to be said
    deployed.invoke("protect", event)
    (line,) = deployed.logs
    assert (line["level"], line["primary_id"]) == ("INFO", one)
    assert (line["reason_code"], line["cause_type"]) == ("TERMINATED_BY_SOMEBODY", "event")
    assert line["cause_id"] == event["id"]
    assert (line["terminated_id"], line["terminated_by"]) == (standby, AL)
    assert line["message"] == found.row(one).message
    assert deployed.counted() == {"TerminatedBySomebody": 1}
    deployed.invoke("protect", event)
    assert (deployed.logs, deployed.counted()) == ([], {})


def test_the_account_of_the_function_is_the_account_that_counts(deployed: Deployed) -> None:
    event = created("ws-1c0ffee01")
    event["account"] = "999999999999"
    assert "999999999999" in deployed.invoke("protect", event)["problem"]
    event["account"] = ACCOUNT
    assert "problem" not in deployed.invoke("protect", event)


@pytest.mark.parametrize("event", [None, [], "x", 7, {}, {"detail": 1}, {"mode": "reconcile"}, {"mode": ["reconcile"]}])
def test_what_protect_does_not_understand_is_a_log_line_and_a_metric_and_no_crash(
    deployed: Deployed, event: Any
) -> None:
    answer = deployed.invoke("protect", event)
    assert answer["decisions"] == []
    (line,) = deployed.logs
    assert (line["level"], answer["problem"] in line["message"]) == ("WARNING", True)
    assert "Traceback" not in json.dumps(deployed.logs)
    assert "exception" not in line
    assert deployed.counted() == {"BadEvents": 1}


def test_an_event_for_a_person_is_put_into_the_configured_queue(deployed: Deployed) -> None:
    deployed.invoke("protect", {"what": "is this"})
    ((call, request),) = deployed.services["sqs"].calls
    assert (call, request["QueueUrl"]) == ("send_message", "https://queue")
    assert json.loads(request["MessageBody"]) == {"what": "is this"}


def test_protect_begins_nothing_that_it_has_no_time_for(deployed: Deployed) -> None:
    (one,) = deployed.estate.create_ready(USERS[0])
    deployed.seconds_left = 50
    deployed.invoke("protect", created(one))
    assert deployed.estate.creates() == []
    assert deployed.estate.status(one)[0] is Status.WAITING


def test_a_decision_that_changes_nothing_is_no_log_line_at_info_and_warns_of_nothing(deployed: Deployed) -> None:
    (one,) = deployed.estate.create(USERS[0])
    deployed.invoke("protect", created(one))
    assert deployed.counted() == {"Waiting": 1}
    answer = deployed.invoke("protect", created(one))
    assert len(answer["decisions"]) == 1
    assert deployed.logs == []
    assert deployed.metrics == []


# watch


def test_watch_observes_a_round_and_beats(deployed: Deployed) -> None:
    (one,) = deployed.estate.create(USERS[0])
    deployed.invoke("protect", created(one))
    deployed.estate.pass_time(hours=1)
    answer = deployed.invoke("watch", {"execution_arn": EXECUTION, "round": 0, "cursor": None})
    assert answer["ready"] == [one]
    assert deployed.counted()["OpenRows"] == 1
    ((call, request),) = deployed.services["cloudwatch"].calls
    assert (call, request["Namespace"]) == ("put_metric_data", "WorkspacesStandby")
    (metric,) = request["MetricData"]
    assert (metric["MetricName"], metric["Value"]) == ("Heartbeat", 1)
    assert metric["Dimensions"] == [{"Name": "Stack", "Value": TABLE}]


def test_watch_beats_when_nothing_is_open_and_when_another_holds_the_lease(deployed: Deployed) -> None:
    assert deployed.invoke("watch", {"execution_arn": EXECUTION, "round": 0})["done"]
    deployed.estate.parts.lease().take(EXECUTION, starts_round=True)
    deployed.estate.watchers.running.add(EXECUTION)
    answer = deployed.invoke("watch", {"execution_arn": f"{EXECUTION}2", "round": 0, "cursor": None})
    assert answer["outcome"] == "another watcher holds the lease"
    assert len(deployed.services["cloudwatch"].calls) == 2
    assert deployed.logs == []


def test_a_dr_region_that_hears_no_heartbeat_stops_no_watcher(deployed: Deployed) -> None:
    deployed.services["cloudwatch"].fails = 1
    (one,) = deployed.estate.create(USERS[0])
    deployed.invoke("protect", created(one))
    answer = deployed.invoke("watch", {"execution_arn": EXECUTION, "round": 0, "cursor": None})
    assert answer["open"] == 1
    assert [line["level"] for line in deployed.logs] == ["WARNING"]
    assert "Heartbeat" in deployed.logs[0]["message"]


def test_sweep_reports_the_fleet_and_gives_a_sign_of_life_in_both_regions(deployed: Deployed) -> None:
    (one,) = deployed.estate.create_ready(USERS[0])
    answer = deployed.invoke("sweep", {"execution_arn": SWEEP, "round": 0, "cursor": None})
    assert (answer["done"], answer["cursor"], answer["ready"], answer["wait_seconds"]) == (True, None, [], 0)
    assert deployed.estate.status(one) == (Status.REPORTED, "EXISTING_FLEET")
    beats = [request["MetricData"][0]["MetricName"] for _, request in deployed.services["cloudwatch"].calls]
    assert beats == ["SweepCompleted", "SweepCompleted"]
    assert {region for service, region, _ in deployed.made if service == "cloudwatch"} == {PRIMARY, DR}


@pytest.mark.parametrize("event", [None, [], {}, {"execution_arn": None}, {"execution_arn": "one", "cursor": None}])
def test_sweep_that_no_execution_invokes_says_what_to_start_instead(deployed: Deployed, event: Any) -> None:
    with pytest.raises(BadSweepInput, match="names no execution_arn: start the state machine"):
        deployed.invoke("sweep", event)


def test_sweep_publishes_coverage_once_by_stack_and_function(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sweep")
    deployed.estate.create_ready(USERS[0])
    deployed.invoke("sweep", {"execution_arn": SWEEP, "round": 0, "cursor": None})
    told = [line for line in deployed.metrics if "CoveragePercent" in line]
    described = [line["_aws"]["CloudWatchMetrics"][0] for line in told]
    assert {one["Namespace"] for one in described} == {"WorkspacesStandby"}
    assert [one["Metrics"] for one in described] == [[{"Name": "CoveragePercent", "Unit": "Percent"}]]
    assert [{name: told[0][name] for name in names} for names in described[0]["Dimensions"]] == [
        {"service": "sweep", "Stack": TABLE}
    ]


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("protect", created("ws-1c0ffee01")),
        ("watch", {"execution_arn": EXECUTION, "round": 0}),
        ("sweep", {"execution_arn": SWEEP, "round": 0, "cursor": None}),
        ("announce", stream(change(1, notice=True))),
    ],
)
def test_every_metric_says_of_which_function_and_which_pair_it_is(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, name: str, event: Any
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", name)
    deployed.invoke(name, event)
    assert len(deployed.metrics) > 0
    for line in deployed.metrics:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        (names,) = directive["Dimensions"]
        assert {one: line[one] for one in names} == {"service": name, "Stack": TABLE}


def test_watch_stops_before_its_time_is_over_and_the_next_part_goes_on(deployed: Deployed) -> None:
    ids = deployed.estate.create(*USERS[:60])
    deployed.invoke("protect", {"mode": "reconcile", "workspace_ids": ids})
    deployed.estate.pass_time(hours=1)
    deployed.seconds_left = 59
    seen: list[str] = []
    event: dict[str, Any] = {"execution_arn": EXECUTION, "round": 0, "cursor": None}
    for number in range(3):
        answer = deployed.invoke("watch", event)
        seen += answer["ready"]
        event = {"execution_arn": EXECUTION, "round": number + 1, "cursor": json.loads(json.dumps(answer["cursor"]))}
        assert (answer["wait_seconds"] == 0) == (answer["cursor"] is not None)
    assert sorted(seen) == sorted(ids)


# announce


def test_announce_sends_each_change_in_order_and_counts_notices(deployed: Deployed) -> None:
    answer = deployed.invoke("announce", stream(change(1, notice=True), change(2), change(3, notice=True)))
    assert answer == {"batchItemFailures": []}
    details = [json.loads(request["Entries"][0]["Detail"]) for _, request in deployed.services["events"].calls]
    assert [detail["primary_id"] for detail in details] == ["ws-000000001", "ws-000000002", "ws-000000003"]
    assert details[0]["version"] == 1
    assert [request["TopicArn"] for _, request in deployed.services["sns"].calls] == ["arn:topic"] * 2
    assert deployed.counted() == {"NoticesSent": 2}


def test_a_batch_without_a_notice_is_no_metric_and_no_warning(deployed: Deployed) -> None:
    assert deployed.invoke("announce", stream(change(1))) == {"batchItemFailures": []}
    assert (deployed.logs, deployed.metrics) == ([], [])


@pytest.mark.parametrize("service", ["events", "sns"])
def test_announce_stops_at_the_first_that_fails_and_names_it(deployed: Deployed, service: str) -> None:
    deployed.services[service].skip, deployed.services[service].fails = 1, 1
    rows = [change(number, notice=True) for number in range(1, 5)]
    answer = deployed.invoke("announce", stream(*rows))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert len(deployed.services[service].calls) == 2
    assert deployed.counted() == {"NoticesSent": 1}
    (line,) = deployed.logs
    assert "ws-000000002 EVENT#000001" in line["message"]
    assert "Traceback" not in json.dumps(line)


def test_rows_that_are_no_events_are_passed_over(deployed: Deployed) -> None:
    others = [change(1, sk="STATE"), change(2, pk="LEASE#WATCH", sk="LEASE#WATCH"), change(3, sk="COUNTER")]
    batch = stream(*others, change(4, notice=True))
    batch["Records"].append({"eventName": "REMOVE", "dynamodb": {"Keys": {}, "SequenceNumber": "9"}})
    batch["Records"].append({"eventName": "REMOVE"})
    assert deployed.invoke("announce", batch) == {"batchItemFailures": []}
    assert len(deployed.services["events"].calls) == 1
    assert len(deployed.services["sns"].calls) == 1


def test_what_the_ledger_writes_is_what_announce_sends(deployed: Deployed) -> None:
    (one,) = deployed.estate.create_ready(USERS[0])
    deployed.estate.world.inject(Fault(operation="CreateStandbyWorkspaces", kind="refuse", times=1))
    deployed.invoke("protect", created(one))
    history = deployed.estate.history(one)
    deployed.invoke("announce", stream(*history))
    details = [json.loads(request["Entries"][0]["Detail"]) for _, request in deployed.services["events"].calls]
    assert details == history
    ((_, notice),) = deployed.services["sns"].calls
    assert notice["Subject"] == f"WorkSpaces Standby: {USERS[0]}: REJECTED (ACCESS_DENIED)"


# How they are put together


@pytest.mark.parametrize(("name", "variable"), [(name, one) for name, all_ in PER_FUNCTION.items() for one in all_])
def test_a_function_whose_environment_is_not_whole_names_what_is_missing(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(BadSettings, match=variable):
        deployed.module(name).function()


def test_the_parts_are_made_once_a_process(deployed: Deployed) -> None:
    for name in PER_FUNCTION:
        module = deployed.module(name)
        assert module.function() is module.function()


def test_clients_are_of_their_regions_and_no_create_is_repeated_by_botocore(deployed: Deployed) -> None:
    for name in PER_FUNCTION:
        deployed.module(name).function()
    regions = {(service, region) for service, region, _ in deployed.made}
    assert regions == {
        ("workspaces", PRIMARY),
        ("workspaces", DR),
        ("dynamodb", PRIMARY),
        ("stepfunctions", PRIMARY),
        ("sqs", PRIMARY),
        ("events", PRIMARY),
        ("sns", PRIMARY),
        ("cloudwatch", PRIMARY),  # the sweep's sign of life
        ("cloudwatch", DR),
        ("service-quotas", DR),
    }
    for service, _, config in deployed.made:
        attempts = config.retries["total_max_attempts"]
        assert (attempts == 1) if service in ("workspaces", "cloudwatch", "service-quotas") else (1 < attempts < 10)
        assert config.connect_timeout + config.read_timeout <= 35


def test_a_client_made_for_workspaces_really_sends_a_call_once() -> None:
    client = wiring.make_client("workspaces", "us-west-2")  # type: ignore[arg-type]
    sent = []

    def refuse(request: Any, **_: Any) -> None:
        sent.append(request)
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "x")

    client._request_signer._credentials = boto3.Session("a", "b").get_credentials()
    client.meta.events.register("before-send.workspaces", refuse)
    with pytest.raises(ClientError):
        client.create_standby_workspaces(
            PrimaryRegion="us-east-1", StandbyWorkspaces=[{"PrimaryWorkspaceId": "ws-1abc2def3", "DirectoryId": AWAY}]
        )
    assert len(sent) == 1


@pytest.mark.parametrize(("seconds", "left"), [(300, True), (61, True), (60, False), (3, False)])
def test_a_minute_is_kept_back_for_what_was_begun(seconds: float, *, left: bool) -> None:
    assert wiring.time_left(Context("protect", seconds))() is left


def test_ids_of_changes_are_never_the_same() -> None:
    assert len({wiring.new_id() for _ in range(1000)}) == 1000
