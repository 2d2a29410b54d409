"""One embedded cloud with the product deployed in it, for all end-to-end scenarios."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from tests.conftest import Synthesise

ROOT = Path(__file__).resolve().parents[2]
PRIMARY, DR = "us-east-1", "us-west-2"
HOME, AWAY = "d-906732325d", "d-926722edaf"
STACK = "Standby-us-east-1-us-west-2"
WINDOWS = "wsb-windowsstandard"
PATIENCE = 120.0
# Seconds in which a standby is built, and after which the watcher is started anew.
BOOT, SCHEDULE = 0.5, 10.0


class Deployed:
    """The product in the embedded cloud, and an administrator before it."""

    def __init__(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        self.cloud = cloud
        self.existing: list[str] = []  # primaries that were there before
        self.outputs = outputs
        self.table = outputs["LedgerTableName"]
        self.workspaces = cloud.client("workspaces", PRIMARY, retries={"total_max_attempts": 12})
        self.dynamodb = cloud.client("dynamodb", PRIMARY)
        self.sqs = cloud.client("sqs", PRIMARY)

    def create(self, *users: str, **item: Any) -> list[str]:
        """Create primaries as an administrator does."""
        order = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS, **item} for user in users]
        answer = self.workspaces.create_workspaces(Workspaces=order)
        assert answer["FailedRequests"] == []
        return [pending["WorkspaceId"] for pending in answer["PendingRequests"]]

    def row(self, primary_id: str) -> dict[str, str]:
        """The STATE row of a primary; empty if it has none."""
        key = {"pk": {"S": primary_id}, "sk": {"S": "STATE"}}
        item = self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    def conditions(self, primary_id: str) -> dict[str, dict[str, Any]]:
        """The conditions of a primary's row, by kind."""
        found: Any = self.row(primary_id).get("conditions", {})
        return {
            kind: {name: next(iter(value.values())) for name, value in one["M"].items()} for kind, one in found.items()
        }

    def history(self, primary_id: str) -> list[dict[str, str]]:
        """The EVENT rows of a primary."""
        items = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="pk = :id AND begins_with(sk, :event)",
            ExpressionAttributeValues={":id": {"S": primary_id}, ":event": {"S": "EVENT#"}},
            ConsistentRead=True,
        )["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in items]

    def until(self, primary_id: str, status: str) -> dict[str, str]:
        """Wait until a primary has a status.

        A watcher may end between the writing of a row and protect's look at its lease: then the schedule starts the
        next one, here after a few seconds.
        """
        scheduled = time.monotonic() + SCHEDULE

        def has_come() -> bool:
            if time.monotonic() > scheduled:
                self.start_watcher()
            return self.row(primary_id).get("status") == status

        wait_until(has_come, lambda: f"{self.row(primary_id)}")
        return self.row(primary_id)

    def start_watcher(self) -> bool:
        """Start the watcher unless it runs, as its schedule does every 15 minutes; true, so that a condition may."""
        if not self.runs("Watch"):
            arn = self.outputs["WatchStateMachineArn"]
            self.cloud.client("stepfunctions", PRIMARY).start_execution(stateMachineArn=arn, input="{}")
        return True

    def runs(self, machine: str) -> bool:
        """Whether an execution of a state machine, `Watch` or `Sweep`, is under way."""
        arn = self.outputs[f"{machine}StateMachineArn"]
        sfn = self.cloud.client("stepfunctions", PRIMARY)
        return bool(sfn.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"])

    def standbys_of(self, primary_id: str) -> list[dict[str, Any]]:
        """The standbys that the service has for a primary."""
        return [one for one in self.cloud.world.standbys() if one["primary_id"] == primary_id]

    def protect(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke protect by hand."""
        return self.invoke(self.outputs["ProtectFunctionName"], event)

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function, and wait for its answer."""
        client = self.cloud.client("lambda", PRIMARY, read_timeout=120)
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    def sweep(self) -> str:
        """Sweep, once the one that a schedule may have started is over; what it says."""
        while (outcome := self._one_sweep()) == "another sweep is under way":
            time.sleep(0.5)
        return outcome

    def _one_sweep(self) -> str:
        sfn = self.cloud.client("stepfunctions", PRIMARY)
        arn = sfn.start_execution(stateMachineArn=self.outputs["SweepStateMachineArn"], input="{}")["executionArn"]
        wait_until(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING")
        found = sfn.describe_execution(executionArn=arn)
        assert found["status"] == "SUCCEEDED", found
        outcome: str = json.loads(found["output"])["outcome"]
        return outcome

    @contextmanager
    def denied(self, action: str, *functions: str) -> Iterator[None]:
        """Take the right to an action from functions for a while, as a policy of the organisation may."""
        client = self.cloud.client("lambda", PRIMARY)
        roles = [client.get_function_configuration(FunctionName=name)["Role"] for name in functions]
        with denied(self.cloud, PRIMARY, action, *roles):
            yield

    def listen(self, name: str) -> str:
        """A queue that hears what goes to the topic, and each change that goes to the bus; its URL."""
        url: str = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        senders = {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}
        allow = {"Effect": "Allow", "Principal": senders, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        topic = self.outputs["NotificationTopicArn"]
        self.cloud.client("sns", PRIMARY).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        events = self.cloud.client("events", PRIMARY)
        pattern = {"source": ["workspaces-standby"], "detail-type": ["Standby Status Changed"]}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "ears", "Arn": arn}])
        return url

    def hear(self, url: str, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until what a queue has brought is enough; the bodies of its messages, in order."""
        return gather(lambda: [json.loads(message["Body"]) for message in self.heard(url)], enough)

    def heard(self, url: str) -> list[dict[str, Any]]:
        """What a queue holds now, taken out of it."""
        found: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", []):
            for message in messages:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += messages
        return found


@contextmanager
def denied(cloud: Cloud, region: str, action: str, *roles: str) -> Iterator[None]:
    """Take the right to an action from roles, named by their ARNs, for a while."""
    iam = cloud.client("iam", region)
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    policies = [{"RoleName": role.rpartition("/")[2], "PolicyName": "denied"} for role in roles]
    for policy in policies:
        iam.put_role_policy(**policy, PolicyDocument=document)
    try:
        yield
    finally:
        for policy in policies:
            iam.delete_role_policy(**policy)


def wait_until(condition: Callable[[], Any], describe: Callable[[], str] = lambda: "") -> None:
    """Wait until a condition holds; fail with a description after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not come about: {describe()}")
        time.sleep(0.25)


def gather(read: Callable[[], list[Any]], enough: Callable[[list[Any]], bool] = bool) -> list[Any]:
    """Read until what was read is enough; all of it."""
    found: list[Any] = []

    def come() -> bool:
        found.extend(read())
        return enough(found)

    wait_until(come, lambda: f"{found}")
    return found


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of `make local`, but for a first look that comes sooner, and a rule that asks for tags."""
    text = (ROOT / "local" / "local.yaml").read_text()
    rules = 'users: ["svc-*"]'
    changes = {"first_look_minutes: 0.05": "first_look_minutes: 0.01", rules: f'{rules}, tags: {{Standby: "no"}}'}
    for usual, changed in changes.items():
        assert usual in text
        text = text.replace(usual, changed)
    file = tmp_path_factory.mktemp("configuration") / "standby.yaml"
    file.write_text(text)
    return file


@pytest.fixture(scope="session")
def assembly(configuration: Path, synthesised: Synthesise) -> Path:
    """What `cdk deploy` would take."""
    return synthesised(configuration.read_text())


@pytest.fixture(scope="session")
def deployed(assembly: Path) -> Iterator[Deployed]:
    """The product, and an administrator before it; five desktops were there before."""
    with Cloud.start(
        boot_seconds=BOOT,
        standby_boot_seconds=BOOT,
        terminate_seconds=1,
        calls_per_second=20,
        standby_quota=60,
        wait_scale=0.5,
    ) as cloud:
        users = [f"user{number:03}" for number in range(200)]
        cloud.world.add_directory(PRIMARY, HOME, users)
        cloud.world.add_directory(DR, AWAY, users)
        order = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS} for user in users[-5:]]
        made = cloud.client("workspaces", PRIMARY).create_workspaces(Workspaces=order)["PendingRequests"]
        found = Deployed(cloud, cloud.deploy(assembly)[STACK])
        found.existing += [one["WorkspaceId"] for one in made]
        for _ in range(2):  # these take the baseline
            assert found.sweep() == "2 of 2 directories were scanned completely"
        yield found


@pytest.fixture(autouse=True)
def _no_faults_left(deployed: Deployed) -> Iterator[None]:
    yield
    deployed.cloud.world.clear_faults()
    deployed.cloud.world.change(trail_copies=1, standby_boot_seconds=BOOT)
