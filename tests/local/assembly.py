"""A small cloud assembly, written by hand, with the resource types that matter: it needs no CDK and no seconds."""

import json
from pathlib import Path
from typing import Any

import yaml

FUNCTION = """
import json, os
import boto3

def handler(event, context):
    if "Records" not in event:
        if event.get("detail", {}).get("fail"):
            raise ValueError("asked to fail")
        if event.get("bytes"):
            return "x" * event["bytes"]
        if event.get("write"):
            boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={"pk": {"S": event["write"]}})
        return {"endpoint": os.environ["AWS_ENDPOINT_URL"], "arn": context.invoked_function_arn}
    bad = [each for each in event["Records"] if "bad" in each["dynamodb"]["Keys"]["pk"]["S"]]
    return {"batchItemFailures": [{"itemIdentifier": each["dynamodb"]["SequenceNumber"]} for each in bad]}
"""
STACK, REGION, DR_REGION, ACCOUNT = "Small", "us-east-1", "us-west-2", "123456789012"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:small"
RESOURCES = """
Table:
  Type: AWS::DynamoDB::GlobalTable
  Properties:
    TableName: small
    AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
    KeySchema: [{AttributeName: pk, KeyType: HASH}]
    BillingMode: PAY_PER_REQUEST
    StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
    Replicas:
      - &replica
        Region: us-east-1
        DeletionProtectionEnabled: true
        PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      - {<<: *replica, Region: us-west-2}
Queue:
  Type: AWS::SQS::Queue
  Properties: {QueueName: small-dead-letters}
Role:
  Type: AWS::IAM::Role
  Properties:
    AssumeRolePolicyDocument:
      Statement:
        - Effect: Allow
          Principal: {Service: [lambda.amazonaws.com, scheduler.amazonaws.com, states.amazonaws.com]}
          Action: sts:AssumeRole
    Policies:
      - PolicyName: read
        PolicyDocument:
          Version: "2012-10-17"
          Statement:
            - {Effect: Allow, Action: "logs:*", Resource: "*"}
            - {Effect: Allow, Action: "dynamodb:GetItem", Resource: "*"}
            - Effect: Allow
              Action: lambda:InvokeFunction
              Resource: arn:aws:lambda:us-east-1:123456789012:function:small
Function:
  Type: AWS::Lambda::Function
  Properties:
    FunctionName: small
    Runtime: python3.13
    Handler: index.handler
    Timeout: 10
    Role: {Fn::GetAtt: [Role, Arn]}
    Code: {S3Bucket: cdk-hnb659fds-assets-123456789012-us-east-1, S3Key: small.zip}
    Environment: {Variables: {TABLE: {Ref: Table}}}
Stream:
  Type: AWS::Lambda::EventSourceMapping
  Properties:
    EventSourceArn: {Fn::GetAtt: [Table, StreamArn]}
    FunctionName: {Ref: Function}
    StartingPosition: TRIM_HORIZON
    BatchSize: 10
    MaximumRetryAttempts: 1
    FunctionResponseTypes: [ReportBatchItemFailures]
    DestinationConfig: &letters {OnFailure: {Destination: "arn:aws:sqs:us-east-1:123456789012:small-dead-letters"}}
Asynchronous:
  Type: AWS::Lambda::EventInvokeConfig
  Properties:
    FunctionName: {Ref: Function}
    Qualifier: $LATEST
    MaximumRetryAttempts: 1
    DestinationConfig: *letters
Rule:
  Type: AWS::Events::Rule
  Properties:
    EventPattern: {source: [small]}
    Targets: [{Id: function, Arn: {Fn::GetAtt: [Function, Arn]}}]
Permission:
  Type: AWS::Lambda::Permission
  Properties:
    FunctionName: {Ref: Function}
    Action: lambda:InvokeFunction
    Principal: events.amazonaws.com
    SourceArn: {Fn::GetAtt: [Rule, Arn]}
Alarm:
  Type: AWS::CloudWatch::Alarm
  Properties:
    AlarmName: small
    ComparisonOperator: GreaterThanThreshold
    EvaluationPeriods: 1
    Threshold: 0
    Metrics:
      - {Id: sum, Expression: "FILL(a, 0)"}
      - {Id: a, ReturnData: false, MetricStat: {Metric: {Namespace: N, MetricName: M}, Period: 60, Stat: Sum}}
Schedule:
  Type: AWS::Scheduler::Schedule
  Properties:
    Name: small
    ScheduleExpression: rate(15 minutes)
    FlexibleTimeWindow: {Mode: "OFF"}
    Target:
      Arn: {Fn::GetAtt: [Function, Arn]}
      RoleArn: {Fn::GetAtt: [Role, Arn]}
      Input: '{"detail": {"fail": true, "by": "schedule"}}'
"""


def write(folder: Path, stack: str = STACK, resources: dict[str, Any] | None = None) -> Path:
    """Write the assembly into ``folder`` and return it."""
    asset = folder / "asset.small"
    asset.mkdir(parents=True, exist_ok=True)
    (asset / "index.py").write_text(FUNCTION)
    (asset / "settings.json").write_text(json.dumps(_settings()))
    version = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}
    template = {
        "Parameters": {"BootstrapVersion": version},
        "Resources": resources or yaml.safe_load(RESOURCES),
        "Outputs": {} if resources else {"Table": {"Value": {"Ref": "Table"}}},
    }
    bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-" + REGION
    files = {
        "small": _file("asset.small", "zip", bucket, "small.zip"),
        "template": _file(f"{stack}.template.json", "file", bucket, f"{stack}.json"),
    }
    artifacts = {
        f"{stack}.assets": {"type": "cdk:asset-manifest", "properties": {"file": f"{stack}.assets.json"}},
        stack: {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{ACCOUNT}/{REGION}",
            "dependencies": [f"{stack}.assets"],
            "properties": {"stackTemplateAssetObjectUrl": f"s3://{bucket}/{stack}.json"},
        },
    }
    (folder / f"{stack}.template.json").write_text(json.dumps(template))
    (folder / f"{stack}.assets.json").write_text(json.dumps({"files": files}))
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def _file(path: str, packaging: str, bucket: str, key: str) -> dict[str, Any]:
    destination = {"bucketName": bucket, "objectKey": key, "region": REGION}
    return {"source": {"path": path, "packaging": packaging}, "destinations": {"here": destination}}


def _settings() -> dict[str, Any]:
    regions = {"stack": STACK, "primary_region": REGION, "dr_region": DR_REGION}
    return regions | {"directories": {"d-906732325d": {"dr_directory": "d-926722edaf"}}}
