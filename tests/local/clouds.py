"""What tests of the embedded cloud's process share: waiting, and things to make there."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.cloud import Cloud
from tests.local.places import HOME, PRIMARY, WINDOWS

ROOT = Path(__file__).resolve().parents[2]


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def create(cloud: Cloud, user: str, **item: Any) -> str:
    """Create a primary; its id."""
    request = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS, **item}]
    answer = cloud.client("workspaces", PRIMARY).create_workspaces(Workspaces=request)
    return str(answer["PendingRequests"][0]["WorkspaceId"])


def statement(action: str | list[str], resource: str | list[str], **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **condition}


def trust(service: str) -> str:
    """The policy of a role that a service takes on."""
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Statement": [allow]})


def rule(cloud: Cloud, region: str, name: str, source: str, bus_name: str = "default", **target: Any) -> str:
    """A rule for a source, with one target, if any; its ARN."""
    events = cloud.client("events", region)
    pattern = json.dumps({"source": [source]})
    arn = events.put_rule(Name=name, EventPattern=pattern, EventBusName=bus_name)["RuleArn"]
    if target:
        events.put_targets(Rule=name, EventBusName=bus_name, Targets=[{"Id": "it", **target}])
    return str(arn)


def queue(cloud: Cloud, region: str, name: str, sender: str | None) -> tuple[str, str]:
    """A queue into which a rule, given by its ARN, may send; its URL and ARN."""
    sqs = cloud.client("sqs", region)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{region}:{cloud.account}:{name}"
    if sender is not None:
        source = {"ArnEquals": {"aws:SourceArn": sender}}
        by_rule = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": source}
        policy = {"Statement": [statement("sqs:SendMessage", arn, **by_rule)]}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return url, arn


def listen(cloud: Cloud, region: str, name: str, source: str, bus_name: str = "default") -> str:
    """A queue that hears a source on a bus; its URL."""
    url, arn = queue(cloud, region, name, rule(cloud, region, name, source, bus_name))
    rule(cloud, region, name, source, bus_name, Arn=arn)
    return url


def heard(cloud: Cloud, region: str, url: str) -> list[dict[str, Any]]:
    """What a queue holds now."""
    messages = cloud.client("sqs", region).receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def received(cloud: Cloud, url: str, number: int) -> list[dict[str, Any]]:
    """Wait until a queue of the primary Region has brought so many."""
    bodies: list[dict[str, Any]] = []

    def enough() -> bool:
        bodies.extend(heard(cloud, PRIMARY, url))
        return len(bodies) >= number

    wait_until(enough, 30)
    return bodies
