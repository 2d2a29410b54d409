"""Deploying an assembly, and what the emulator makes of it where patches bring it closer to AWS."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from local.cloud import Cloud
from local.deploy import DeploymentError
from local.world_client import ControlError
from tests.local import assembly
from tests.local.assembly import DR_REGION, REGION
from tests.local.clouds import queue, received, rule, statement, trust, wait_until


@pytest.fixture(scope="module")
def deployed(running_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cloud, Path]:
    folder = assembly.write(tmp_path_factory.mktemp("assembly"))
    outputs = running_cloud.deploy(folder)
    assert outputs["Small"]["Table"] == "small"
    return running_cloud, folder


def put(cloud: Cloud, *keys: str) -> None:
    table = cloud.client("dynamodb", REGION)
    for key in keys:
        table.put_item(TableName="small", Item={"pk": {"S": key}})


def invoke(cloud: Cloud, event: dict[str, Any]) -> tuple[str | None, Any]:
    answer = cloud.client("lambda", REGION).invoke(FunctionName="small", Payload=json.dumps(event).encode())
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def dead_letters(cloud: Cloud, number: int) -> list[dict[str, Any]]:
    url = cloud.client("sqs", REGION).get_queue_url(QueueName="small-dead-letters")["QueueUrl"]
    return received(cloud, url, number)


def test_a_second_deployment_changes_nothing(deployed: tuple[Cloud, Path]) -> None:
    cloud, folder = deployed
    assert cloud.deploy(folder)["Small"]["Table"] == "small"


def test_functions_find_the_endpoint_know_their_account_and_may_do_what_their_role_allows(
    deployed: tuple[Cloud, Path],
) -> None:
    cloud, _ = deployed
    arn = f"arn:aws:lambda:{REGION}:{cloud.account}:function:small"
    assert invoke(cloud, {}) == (None, {"endpoint": cloud.endpoint, "arn": arn})
    error, answer = invoke(cloud, {"write": "forbidden"})
    assert (error, "AccessDeniedException" in answer["errorMessage"]) == ("Unhandled", True)


def test_a_replica_is_there_protected_and_follows(deployed: tuple[Cloud, Path]) -> None:
    cloud, _ = deployed
    replica = cloud.client("dynamodb", DR_REGION)
    description = replica.describe_table(TableName="small")["Table"]
    assert description["TableArn"].split(":")[3] == DR_REGION
    assert description["DeletionProtectionEnabled"]
    recovery = replica.describe_continuous_backups(TableName="small")["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    put(cloud, "travels")
    key = {"pk": {"S": "travels"}}
    assert wait_until(lambda: "Item" in replica.get_item(TableName="small", Key=key))
    cloud.client("dynamodb", REGION).delete_item(TableName="small", Key=key)
    assert wait_until(lambda: "Item" not in replica.get_item(TableName="small", Key=key))
    with pytest.raises(ClientError, match="deletion protection"):
        replica.delete_table(TableName="small")


def test_a_reported_record_is_retried_and_dead_lettered_and_others_are_not_lost(deployed: tuple[Cloud, Path]) -> None:
    cloud, _ = deployed
    put(cloud, "good1", "bad1", "good2")
    (letter,) = dead_letters(cloud, 1)
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["DDBStreamBatchInfo"]["batchSize"] >= 1


def test_what_fails_a_function_is_retried_and_then_dead_lettered_and_schedules_fire_when_told_to(
    deployed: tuple[Cloud, Path],
) -> None:
    cloud, _ = deployed
    entry = {"Source": "small", "DetailType": "any", "Detail": json.dumps({"fail": True})}
    cloud.client("events", REGION).put_events(Entries=[entry])
    assert cloud.world.fire_schedules() == 1
    details = [letter["requestPayload"]["detail"] for letter in dead_letters(cloud, 2)]
    assert sorted(details, key=len) == [{"fail": True}, {"fail": True, "by": "schedule"}]


def test_in_a_lost_region_no_function_runs_for_a_schedule_or_a_state_machine_until_it_is_back(
    deployed: tuple[Cloud, Path],
) -> None:
    cloud, _ = deployed
    invoke(cloud, {})  # so that its process is there
    wait = {"Type": "Wait", "Seconds": 1, "Next": "Task"}
    role = cloud.client("lambda", REGION).get_function_configuration(FunctionName="small")["Role"]
    execution = start(cloud, "outage", {"Wait": wait, "Task": task({})}, role)
    lost = time.time() * 1000
    cloud.world.lose(REGION)
    cloud.world.fire_schedules()
    time.sleep(1.5)
    back = time.time() * 1000
    cloud.world.bring_back(REGION)
    assert ended(cloud, execution)["status"] == "SUCCEEDED"
    assert [letter["requestPayload"]["detail"]["by"] for letter in dead_letters(cloud, 1)] == ["schedule"]
    logged = cloud.client("logs", REGION).filter_log_events(logGroupName="/aws/lambda/small")["events"]
    ran = [one["timestamp"] for one in logged if one["message"].startswith("START") and one["timestamp"] >= lost]
    assert len(ran) >= 3  # the task, and two attempts of what the schedule asks for
    assert min(ran) >= back - 1


def test_a_file_of_items_is_put_into_a_table_and_its_replica_past_the_stream(
    deployed: tuple[Cloud, Path], tmp_path: Path
) -> None:
    cloud, _ = deployed
    file = tmp_path / "items.ndjson"
    count = 20_000
    # Every one is bad for the function that the stream is delivered to.
    items = ({"pk": {"S": f"bad-{number}"}, "status": {"S": "PROTECTED"}} for number in range(count))
    file.write_text("".join(json.dumps(item) + "\n" for item in items))
    assert cloud.world.load_items("small", file) == count
    for region in (REGION, DR_REGION):
        table = cloud.client("dynamodb", region)
        found = table.get_item(TableName="small", Key={"pk": {"S": f"bad-{count - 1}"}})["Item"]
        assert found["status"] == {"S": "PROTECTED"}
        assert table.describe_table(TableName="small")["Table"]["ItemCount"] >= count
    # What is shared between items is not changed with one of them.
    update = {"UpdateExpression": "SET #s = :s", "ExpressionAttributeNames": {"#s": "status"}}
    table = cloud.client("dynamodb", REGION)
    table.update_item(
        TableName="small", Key={"pk": {"S": "bad-1"}}, **update, ExpressionAttributeValues={":s": {"S": "FAILED"}}
    )
    assert table.get_item(TableName="small", Key={"pk": {"S": "bad-2"}})["Item"]["status"] == {"S": "PROTECTED"}
    (letter,) = dead_letters(cloud, 1)
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1  # the update's own record, and no other
    for wrong in ("nothing", "small"):
        with pytest.raises(ControlError):
            cloud.world.load_items(wrong, file if wrong == "nothing" else tmp_path / "nothing.ndjson")


def task(event: dict[str, Any]) -> dict[str, Any]:
    """A task that invokes the function, and is the end."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "small", "Payload": event},
        "End": True,
    }


def start(cloud: Cloud, name: str, states: dict[str, Any], role: str) -> str:
    """Start a state machine, and return the execution."""
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states})
    client = cloud.client("stepfunctions", REGION)
    made = client.create_state_machine(name=name, definition=definition, roleArn=role)
    return str(client.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"])


def ended(cloud: Cloud, execution: str) -> dict[str, Any]:
    """Wait until an execution has ended, and return how."""
    client = cloud.client("stepfunctions", REGION)
    assert wait_until(lambda: client.describe_execution(executionArn=execution)["status"] != "RUNNING")
    found: dict[str, Any] = client.describe_execution(executionArn=execution)
    return found


def machine(cloud: Cloud, name: str, event: dict[str, Any], role: str) -> dict[str, Any]:
    """Run a state machine of one task, and return how it ended."""
    return ended(cloud, start(cloud, name, {"Task": task(event)}, role))


def test_a_state_machine_invokes_what_its_role_allows_and_a_task_fails_under_the_names_that_aws_gives(
    deployed: tuple[Cloud, Path],
) -> None:
    cloud, _ = deployed
    functions, iam = cloud.client("lambda", REGION), cloud.client("iam", REGION)
    role = functions.get_function_configuration(FunctionName="small")["Role"]
    idle = iam.create_role(RoleName="idle", AssumeRolePolicyDocument=trust("states.amazonaws.com"))["Role"]["Arn"]
    assert machine(cloud, "allowed", {}, role)["status"] == "SUCCEEDED"
    assert machine(cloud, "refused", {}, idle)["error"] == "Lambda.AWSLambdaException"
    assert machine(cloud, "raising", {"detail": {"fail": True}}, role)["error"] == "ValueError"
    assert machine(cloud, "large", {"bytes": 300_000}, role)["error"] == "States.DataLimitExceeded"
    functions.put_function_concurrency(FunctionName="small", ReservedConcurrentExecutions=0)
    try:
        assert machine(cloud, "throttled", {}, role)["error"] == "Lambda.TooManyRequestsException"
    finally:
        functions.delete_function_concurrency(FunctionName="small")


def test_a_rule_without_permission_dead_letters_its_event(deployed: tuple[Cloud, Path]) -> None:
    cloud, _ = deployed
    url, arn = queue(cloud, REGION, "unheard", rule(cloud, REGION, "unheard", "unheard"))
    rule(cloud, REGION, "unheard", "unheard", Arn=assembly.FUNCTION_ARN, DeadLetterConfig={"Arn": arn})
    entry = {"Source": "unheard", "DetailType": "any", "Detail": "{}"}
    cloud.client("events", REGION).put_events(Entries=[entry])
    (letter,) = received(cloud, url, 1)
    assert letter["source"] == "unheard"


def test_an_alarm_over_an_expression_is_kept(deployed: tuple[Cloud, Path]) -> None:
    (alarm,) = deployed[0].client("cloudwatch", REGION).describe_alarms(AlarmNames=["small"])["MetricAlarms"]
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"


def test_policies_can_name_the_source_of_events_and_the_namespace_of_metrics(cloud: Cloud) -> None:
    bound = {"events:PutEvents": "events:source", "cloudwatch:PutMetricData": "cloudwatch:namespace"}
    allowed = [statement(action, "*", Condition={"StringEquals": {key: "ours"}}) for action, key in bound.items()]
    caller = cloud.make_user("conditional", *allowed)
    events = cloud.client("events", REGION, credentials=caller)
    metrics = cloud.client("cloudwatch", REGION, credentials=caller)

    def put_event(source: str) -> None:
        events.put_events(Entries=[{"Source": source, "DetailType": "any", "Detail": "{}"}])

    def put_metric(namespace: str) -> None:
        metrics.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 1}])

    for put_it in (put_event, put_metric):
        put_it("ours")
        with pytest.raises(ClientError, match="AccessDenied"):
            put_it("theirs")


ALARM = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "broken"}}
REPLICA = yaml.safe_load(assembly.RESOURCES)["Table"]
REPLICA["Properties"] |= {"TableName": "broken"}
REPLICA["Properties"]["Replicas"][1] |= {"SSESpecification": {"KMSMasterKeyId": "alias/none"}}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [(ALARM, "MetricName and Namespace are required"), (REPLICA, f"there is no key alias/none in {DR_REGION}")],
    ids=["alarm", "replica"],
)
def test_a_stack_that_fails_says_why(running_cloud: Cloud, tmp_path: Path, broken: dict[str, Any], reason: str) -> None:
    stack = f"Broken{len(reason)}"
    folder = assembly.write(tmp_path, stack, {"Broken": broken})
    with pytest.raises(DeploymentError, match=rf"{stack} is CREATE_FAILED: .*{reason}"):
        running_cloud.deploy(folder)
