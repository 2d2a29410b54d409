"""Who may do what in the embedded cloud: managed policies, their conditions, and service control policies."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import Cloud, Credentials
from local.connections import ConnectionFault
from local.workspaces import Fault
from local.world_client import ControlError
from tests.local.clouds import create, statement
from tests.local.places import DR, HOME, PRIMARY

ACCOUNT = "123456789012"
TABLE, QUEUE = "permissions", "permissions-letters"
BY_PREFIX = {"StringLike": {"aws:ResourceTag/Name": "standby-*"}}


def managed(cloud: Cloud, name: str, *statements: dict[str, Any]) -> str:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return str(cloud.client("iam", PRIMARY).create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"])


def outcome(cloud: Cloud, user: Credentials, service: str, region: str, operation: str, **params: Any) -> str:
    """``ok``, or the error's message if it is a denial."""
    client = cloud.client(service, region, credentials=user, retries={"total_max_attempts": 1})
    try:
        getattr(client, operation)(**params)
    except ClientError as error:
        if "not authorized to perform" not in str(error):
            raise
        return error.response["Error"]["Message"]
    return "ok"


@pytest.fixture(scope="module")
def surroundings(running_cloud: Cloud) -> str:
    """A table with an index, a queue and a stack; the queue's URL."""
    string = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "user")]
    index = {
        "IndexName": "by_user",
        "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    running_cloud.client("dynamodb", PRIMARY).create_table(
        TableName=TABLE,
        AttributeDefinitions=string,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[index],
        BillingMode="PAY_PER_REQUEST",
    )
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    running_cloud.client("cloudformation", PRIMARY).create_stack(
        StackName="Permissions-a", TemplateBody=json.dumps(topic)
    )
    return str(running_cloud.client("sqs", PRIMARY).create_queue(QueueName=QUEUE)["QueueUrl"])


def test_managed_policies_of_a_user_allow_what_they_name_and_nothing_else(cloud: Cloud, surroundings: str) -> None:
    table = f"arn:aws:dynamodb:{PRIMARY}:{ACCOUNT}:table/{TABLE}"
    reading = managed(
        cloud,
        "reading",
        statement("dynamodb:Query", [table, f"{table}/index/*"]),
        statement("cloudformation:DescribeStacks", f"arn:aws:cloudformation:*:{ACCOUNT}:stack/Permissions-*/*"),
        statement("workspaces:Describe*", "*", Condition={"StringEquals": {"aws:RequestedRegion": DR}}),
        statement("sqs:GetQueueAttributes", f"arn:aws:sqs:*:{ACCOUNT}:{QUEUE}"),
    )
    terminating = managed(cloud, "terminating", statement("workspaces:TerminateWorkspaces", "*", Condition=BY_PREFIX))
    user = cloud.make_user("with-policies", policies=[reading, terminating])
    by_key = {"KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}, "TableName": TABLE}
    by_user = {**by_key, "KeyConditionExpression": "#u = :a", "ExpressionAttributeNames": {"#u": "user"}}
    assert outcome(cloud, user, "dynamodb", PRIMARY, "query", **by_key) == "ok"
    assert outcome(cloud, user, "dynamodb", PRIMARY, "query", **by_user, IndexName="by_user") == "ok"
    assert outcome(cloud, user, "dynamodb", PRIMARY, "scan", TableName=TABLE) == (
        f"User: arn:aws:iam::{ACCOUNT}:user/with-policies is not authorized to perform: dynamodb:Scan on resource: "
        f"{table} because no identity-based policy allows the dynamodb:Scan action"
    )
    assert outcome(cloud, user, "cloudformation", PRIMARY, "describe_stacks", StackName="Permissions-a") == "ok"
    assert outcome(cloud, user, "cloudformation", PRIMARY, "describe_stacks").endswith("DescribeStacks action")
    assert outcome(cloud, user, "workspaces", DR, "describe_workspaces") == "ok"
    assert outcome(cloud, user, "workspaces", PRIMARY, "describe_workspaces").endswith("DescribeWorkspaces action")
    names = {"QueueUrl": surroundings, "AttributeNames": ["All"]}
    assert outcome(cloud, user, "sqs", PRIMARY, "get_queue_attributes", **names) == "ok"
    assert outcome(cloud, user, "sqs", PRIMARY, "receive_message", QueueUrl=surroundings).endswith("action")
    assert outcome(cloud, user, "lambda", PRIMARY, "invoke", FunctionName="small").endswith("InvokeFunction action")
    ours, theirs = create(cloud, "user01", Tags=[{"Key": "Name", "Value": "standby-1"}]), create(cloud, "user02")
    for one, ends in ((ours, "ok"), (theirs, "TerminateWorkspaces action")):
        requests = [{"WorkspaceId": one}]
        said = outcome(cloud, user, "workspaces", PRIMARY, "terminate_workspaces", TerminateWorkspaceRequests=requests)
        assert said.endswith(ends)
    cloud.client("iam", PRIMARY).detach_user_policy(UserName="with-policies", PolicyArn=reading)
    assert outcome(cloud, user, "dynamodb", PRIMARY, "query", **by_key).endswith("dynamodb:Query action")


@pytest.mark.usefixtures("surroundings")
def test_a_policy_can_be_bound_to_the_keys_of_items(cloud: Cloud) -> None:
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SWEEP#*", "alice"]}}
    resources = [f"arn:aws:dynamodb:*:{ACCOUNT}:table/{TABLE}", f"arn:aws:dynamodb:*:{ACCOUNT}:table/{TABLE}/index/*"]
    bound = managed(cloud, "bound", statement("dynamodb:*", resources, Condition=condition))
    user = cloud.make_user("bound-to-keys", policies=[bound])

    def key(value: str) -> dict[str, Any]:
        return {"pk": {"S": value}}

    def query(value: str) -> dict[str, Any]:
        names = {"#u": "user"}
        condition = {"KeyConditionExpression": "#u = :v", "ExpressionAttributeNames": names}
        return {**condition, "ExpressionAttributeValues": {":v": {"S": value}}, "IndexName": "by_user"}

    for value, allowed in (("SWEEP#1", True), ("ws-000000001", False)):
        calls: list[tuple[str, dict[str, Any]]] = [
            ("get_item", {"TableName": TABLE, "Key": key(value)}),
            ("put_item", {"TableName": TABLE, "Item": key(value)}),
            ("batch_get_item", {"RequestItems": {TABLE: {"Keys": [key("SWEEP#2"), key(value)]}}}),
            ("batch_write_item", {"RequestItems": {TABLE: [{"PutRequest": {"Item": key(value)}}]}}),
            ("transact_write_items", {"TransactItems": [{"Delete": {"TableName": TABLE, "Key": key(value)}}]}),
            ("query", {"TableName": TABLE, **query("alice" if allowed else "bob")}),
        ]
        for operation, params in calls:
            said = outcome(cloud, user, "dynamodb", PRIMARY, operation, **params)
            assert (said == "ok") is allowed, (operation, value, said)


CALLS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("cloudformation", "cloudformation:DescribeStacks", "describe_stacks", {}),
    ("cloudwatch", "cloudwatch:DescribeAlarms", "describe_alarms", {}),
    ("ds", "ds:DescribeDirectories", "describe_directories", {}),
    ("dynamodb", "dynamodb:DescribeTable", "describe_table", {"TableName": TABLE}),
    ("ec2", "ec2:DescribeSubnets", "describe_subnets", {}),
    ("events", "events:ListRules", "list_rules", {}),
    ("lambda", "lambda:ListFunctions", "list_functions", {}),
    ("scheduler", "scheduler:ListSchedules", "list_schedules", {}),
    ("service-quotas", "servicequotas:ListServiceQuotas", "list_service_quotas", {"ServiceCode": "workspaces"}),
    ("sns", "sns:ListTopics", "list_topics", {}),
    ("sqs", "sqs:ListQueues", "list_queues", {}),
    ("stepfunctions", "states:ListStateMachines", "list_state_machines", {}),
    ("workspaces", "workspaces:DescribeWorkspaces", "describe_workspaces", {}),
]


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize(("service", "action", "call", "params"), CALLS)
def test_a_service_control_policy_denies_an_action_of_any_service_in_awss_words(
    cloud: Cloud, service: str, action: str, call: str, params: dict[str, Any]
) -> None:
    prefix, _, operation = action.partition(":")
    cloud.world.disturb(ConnectionFault(prefix, operation, "denied", region=PRIMARY, times=1))
    denied = outcome(cloud, cloud.credentials, service, PRIMARY, call, **params)
    assert denied.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/operator is not authorized to perform: {action} on ")
    assert denied.endswith(" with an explicit deny in a service control policy")
    assert outcome(cloud, cloud.credentials, service, PRIMARY, call, **params) == "ok"


def test_it_denies_everybody_but_only_in_its_region_and_never_who_one_is(cloud: Cloud) -> None:
    cloud.world.disturb(ConnectionFault("*", "*", "denied", region=PRIMARY, times=None))
    root = Credentials(cloud.account, cloud.credentials.secret_access_key)
    assert outcome(cloud, cloud.credentials, "sts", PRIMARY, "get_caller_identity") == "ok"
    assert outcome(cloud, cloud.credentials, "workspaces", DR, "describe_workspaces") == "ok"
    assert outcome(cloud, cloud.credentials, "workspaces", PRIMARY, "describe_workspaces") != "ok"
    assert outcome(cloud, root, "workspaces", PRIMARY, "describe_workspaces") != "ok"
    wrong = Credentials(cloud.credentials.access_key_id, "x")
    with pytest.raises(ClientError, match=r"UnrecognizedClient|InvalidSignature|security token"):
        cloud.client("workspaces", PRIMARY, credentials=wrong).describe_workspaces()
    cloud.world.clear_faults()
    assert outcome(cloud, cloud.credentials, "workspaces", PRIMARY, "describe_workspaces") == "ok"


def test_what_it_denies_creates_nothing_and_is_recorded_as_denied(cloud: Cloud) -> None:
    cloud.world.disturb(ConnectionFault("workspaces", "CreateWorkspaces", "denied"))
    request = [{"DirectoryId": HOME, "UserName": "user04", "BundleId": "wsb-windowsstandard"}]
    said = outcome(cloud, cloud.credentials, "workspaces", PRIMARY, "create_workspaces", Workspaces=request)
    assert "service control policy" in said
    assert cloud.world.primaries() == []
    assert cloud.world.trail()[-1]["detail"]["errorMessage"] == said
    with pytest.raises(ControlError, match="body"):
        cloud.world._post("connection_faults", service="sns", operation="*", kind="denied", containing="x")
    cloud.world.inject(Fault("DescribeWorkspaces", "refuse", times=1))
    assert "policy" not in outcome(cloud, cloud.credentials, "workspaces", PRIMARY, "describe_workspaces")
