"""What the deployed product tells: notices, events on the bus, dead letters, the heartbeat."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.conftest import DR, PRIMARY, STACK, Deployed, gather, wait_until


def test_each_change_is_an_event_and_a_standby_in_error_one_notice_that_says_what_to_do(deployed: Deployed) -> None:
    ears = deployed.listen("ears-failed")
    deployed.cloud.world.fail_standby_of("user060")
    (one,) = deployed.create("user060")
    versions = list(range(1, int(deployed.until(one, "FAILED")["version"]) + 1))

    def notices(bodies: list[dict[str, Any]]) -> list[str]:
        return [body["Message"] for body in bodies if "user060" in body.get("Subject", "")]

    def changes(bodies: list[dict[str, Any]]) -> list[int]:
        details = [body.get("detail", {}) for body in bodies]
        return sorted({detail["version"] for detail in details if detail.get("primary_id") == one})

    heard = deployed.hear(ears, lambda bodies: bool(notices(bodies)) and changes(bodies) == versions)
    (notice,) = notices(heard)
    assert "What to do:" in notice
    assert one in notice


def test_an_event_of_an_unknown_shape_ends_in_the_dead_letter_queue_with_its_reason(deployed: Deployed) -> None:
    deployed.heard(deployed.outputs["DeadLetterQueueUrl"])
    answer = deployed.protect({"id": "strange", "detail": "no object"})
    assert answer["decisions"] == []
    (message,) = gather(lambda: deployed.heard(deployed.outputs["DeadLetterQueueUrl"]))
    assert "strange" in message["Body"]
    assert "neither a call" in message["MessageAttributes"]["reason"]["StringValue"]


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
    now, hour = datetime.now(UTC), timedelta(hours=1)

    def beats() -> bool:
        found = cloudwatch.get_metric_statistics(
            Namespace="WorkspacesStandby",
            MetricName="Heartbeat",
            Dimensions=[{"Name": "Stack", "Value": STACK}],
            StartTime=now - hour,
            EndTime=now + hour,
            Period=300,
            Statistics=["Sum"],
        )
        return any(point["Sum"] >= 1 for point in found["Datapoints"])

    wait_until(beats)
