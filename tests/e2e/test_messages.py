"""What the deployed product tells: notices, events on the bus, dead letters, the heartbeat."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.conftest import DR, PRIMARY, Deployed, wait_until


def test_a_standby_in_error_makes_one_notice_that_says_what_to_do(deployed: Deployed) -> None:
    ears = deployed.listen("ears-notice")
    deployed.cloud.world.fail_standby_of("user060")
    (one,) = deployed.create("user060")
    deployed.until(one, "FAILED")
    heard: list[dict[str, str]] = []

    def about_it() -> bool:
        heard.extend(json.loads(message["Body"]) for message in deployed.heard(ears))
        return any("user060" in notice.get("Subject", "") for notice in heard)

    wait_until(about_it)
    (notice,) = [notice for notice in heard if "user060" in notice.get("Subject", "")]
    assert "What to do:" in notice["Message"]
    assert one in notice["Message"]


def test_each_change_is_an_event_on_the_bus(deployed: Deployed) -> None:
    events = deployed.cloud.client("events", PRIMARY)
    ears = deployed.listen("ears-bus")
    arn = deployed.sqs.get_queue_attributes(QueueUrl=ears, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["workspaces-standby"], "detail-type": ["Standby Status Changed"]}
    events.put_rule(Name="ears", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="ears", Targets=[{"Id": "ears", "Arn": arn}])
    (one,) = deployed.create("user061")
    deployed.until(one, "PROTECTED")
    versions: list[int] = []

    def complete() -> bool:
        for message in deployed.heard(ears):
            body = json.loads(message["Body"])
            if body.get("detail", {}).get("primary_id") == one:
                versions.append(body["detail"]["version"])
        return len(set(versions)) == int(deployed.row(one)["version"])

    wait_until(complete, lambda: f"{versions}")
    assert sorted(set(versions)) == list(range(1, len(set(versions)) + 1))


def test_an_event_of_an_unknown_shape_ends_in_the_dead_letter_queue_with_its_reason(deployed: Deployed) -> None:
    answer = deployed.protect({"id": "strange", "detail": "no object"})
    assert answer["decisions"] == []
    found: list[dict[str, Any]] = []

    def arrived() -> bool:
        found.extend(deployed.heard(deployed.outputs["DeadLetterQueueUrl"]))
        return any("strange" in message["Body"] for message in found)

    wait_until(arrived)
    (message,) = [message for message in found if "strange" in message["Body"]]
    assert "neither a call by hand" in message["MessageAttributes"]["reason"]["StringValue"]


def test_an_aborted_watcher_is_told_and_the_schedule_goes_on(deployed: Deployed) -> None:
    ears = deployed.listen("ears-abort")
    deployed.cloud.world.change(standby_boot_seconds=120)
    (one,) = deployed.create("user062")
    deployed.until(one, "REQUESTED")
    wait_until(lambda: deployed.start_watcher() and deployed.runs("Watch"))
    sfn = deployed.cloud.client("stepfunctions", PRIMARY)
    arn = deployed.outputs["WatchStateMachineArn"]
    for execution in sfn.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]:
        sfn.stop_execution(executionArn=execution["executionArn"])
    wait_until(lambda: any("ABORTED" in message["Body"] for message in deployed.heard(ears)))
    deployed.cloud.world.advance(120)
    deployed.cloud.world.fire_schedules()
    deployed.until(one, "PROTECTED")
    assert len(deployed.standbys_of(one)) == 1


def test_the_heartbeat_reaches_the_dr_region(deployed: Deployed) -> None:
    deployed.cloud.world.fire_schedules()
    cloudwatch = deployed.cloud.client("cloudwatch", DR)
    now = datetime.now(UTC)

    def beats() -> bool:
        found = cloudwatch.get_metric_statistics(
            Namespace="WorkspacesStandby",
            MetricName="Heartbeat",
            Dimensions=[{"Name": "Stack", "Value": "Standby-us-east-1-us-west-2"}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=300,
            Statistics=["Sum"],
        )
        return any(point["Sum"] >= 1 for point in found["Datapoints"])

    wait_until(beats)
