"""A small cloud assembly, written by hand, with the resource types that matter: it needs no CDK and no seconds."""

import json
from pathlib import Path
from typing import Any

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
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:small-dead-letters"


def write(folder: Path, stack: str = STACK, resources: dict[str, Any] | None = None) -> Path:
    """Write the assembly into ``folder`` and return it."""
    asset = folder / "asset.small"
    asset.mkdir(parents=True, exist_ok=True)
    (asset / "index.py").write_text(FUNCTION)
    (asset / "settings.json").write_text(json.dumps(_settings()))
    template = {
        "Parameters": {
            "BootstrapVersion": {
                "Type": "AWS::SSM::Parameter::Value<String>",
                "Default": "/cdk-bootstrap/hnb659fds/version",
            }
        },
        "Resources": resources or _resources(),
        "Outputs": {} if resources else {"Table": {"Value": {"Ref": "Table"}}},
    }
    (folder / f"{stack}.template.json").write_text(json.dumps(template))
    bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-" + REGION
    (folder / f"{stack}.assets.json").write_text(
        json.dumps(
            {
                "files": {
                    "small": _file("asset.small", "zip", bucket, "small.zip"),
                    "template": _file(f"{stack}.template.json", "file", bucket, f"{stack}.json"),
                }
            }
        )
    )
    manifest = {
        "artifacts": {
            f"{stack}.assets": {"type": "cdk:asset-manifest", "properties": {"file": f"{stack}.assets.json"}},
            stack: {
                "type": "aws:cloudformation:stack",
                "environment": f"aws://{ACCOUNT}/{REGION}",
                "dependencies": [f"{stack}.assets"],
                "properties": {"stackTemplateAssetObjectUrl": f"s3://{bucket}/{stack}.json"},
            },
        }
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _file(path: str, packaging: str, bucket: str, key: str) -> dict[str, Any]:
    destination = {"bucketName": bucket, "objectKey": key, "region": REGION}
    return {"source": {"path": path, "packaging": packaging}, "destinations": {"here": destination}}


def _settings() -> dict[str, Any]:
    return {
        "stack": STACK,
        "primary_region": REGION,
        "dr_region": DR_REGION,
        "directories": {"d-906732325d": {"dr_directory": "d-926722edaf"}},
    }


def _resources() -> dict[str, Any]:
    replica = {
        "DeletionProtectionEnabled": True,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
    arn = {"Fn::GetAtt": ["Function", "Arn"]}
    statements = [
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"},
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": FUNCTION_ARN},
    ]
    return {
        "Table": _resource(
            "DynamoDB::GlobalTable",
            TableName="small",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
            Replicas=[{"Region": REGION, **replica}, {"Region": DR_REGION, **replica}],
        ),
        "Queue": _resource("SQS::Queue", QueueName="small-dead-letters"),
        "Role": _resource(
            "IAM::Role",
            AssumeRolePolicyDocument={
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {
                            "Service": [f"{name}.amazonaws.com" for name in ("lambda", "scheduler", "states")]
                        },
                        "Action": "sts:AssumeRole",
                    }
                ]
            },
            Policies=[{"PolicyName": "read", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}],
        ),
        "Function": _resource(
            "Lambda::Function",
            FunctionName="small",
            Runtime="python3.13",
            Handler="index.handler",
            Timeout=10,
            Role={"Fn::GetAtt": ["Role", "Arn"]},
            Code={"S3Bucket": f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}", "S3Key": "small.zip"},
            Environment={"Variables": {"TABLE": {"Ref": "Table"}}},
        ),
        "Stream": _resource(
            "Lambda::EventSourceMapping",
            EventSourceArn={"Fn::GetAtt": ["Table", "StreamArn"]},
            FunctionName={"Ref": "Function"},
            StartingPosition="TRIM_HORIZON",
            BatchSize=10,
            MaximumRetryAttempts=1,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={"OnFailure": {"Destination": QUEUE}},
        ),
        "Asynchronous": _resource(
            "Lambda::EventInvokeConfig",
            FunctionName={"Ref": "Function"},
            Qualifier="$LATEST",
            MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": QUEUE}},
        ),
        "Rule": _resource("Events::Rule", EventPattern={"source": ["small"]}, Targets=[{"Id": "function", "Arn": arn}]),
        "Permission": _resource(
            "Lambda::Permission",
            FunctionName={"Ref": "Function"},
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn={"Fn::GetAtt": ["Rule", "Arn"]},
        ),
        "Alarm": _resource(
            "CloudWatch::Alarm",
            AlarmName="small",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Threshold=0,
            Metrics=[
                {"Id": "sum", "Expression": "FILL(a, 0)"},
                {
                    "Id": "a",
                    "ReturnData": False,
                    "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"},
                },
            ],
        ),
        "Schedule": _resource(
            "Scheduler::Schedule",
            Name="small",
            ScheduleExpression="rate(15 minutes)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": arn,
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "Input": json.dumps({"detail": {"fail": True, "by": "schedule"}}),
            },
        ),
    }


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}
