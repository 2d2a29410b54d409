"""Deploys a synthesised CDK app through CloudFormation as the CDK's own command line does: assets, then the stacks."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Clients = Callable[[str, str], Any]
Outputs = dict[str, dict[str, str]]
BOOTSTRAP_VERSION_PARAMETER = "/cdk-bootstrap/hnb659fds/version"


class DeploymentError(Exception):
    """A stack did not come up; the text has CloudFormation's reasons."""


def deploy(
    assembly: Path, client: Clients, account: str, *, timeout_seconds: float = 180, poll_seconds: float = 0.2
) -> Outputs:
    """Deploy every stack of a cloud assembly and return their outputs by the stack's name.

    Parameters
    ----------
    assembly : Path
        The CDK's output directory.
    client : callable
        Given a service and a Region, returns a boto3 client.
    account : str
        Where to; a stack without an account of its own takes it.
    timeout_seconds, poll_seconds : float
        How long one stack may take, and how often it is looked at.

    Raises
    ------
    DeploymentError
        When CloudFormation reports a failure, or nothing for too long.
    """
    manifest = json.loads((assembly / "manifest.json").read_text())
    artifacts: dict[str, Any] = manifest["artifacts"]
    outputs: Outputs = {}
    for name in _in_order(artifacts):
        artifact = artifacts[name]
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        region = artifact["environment"].rsplit("/", 1)[-1]
        stack = artifact["properties"].get("stackName", name)
        _bootstrap(client, region, account)
        for dependency in artifact.get("dependencies", ()):
            if artifacts[dependency]["type"] == "cdk:asset-manifest":
                _publish(assembly, artifacts[dependency]["properties"]["file"], client, account, region)
        template = _template_url(artifact, account, region, client)
        cloudformation = client("cloudformation", region)
        _apply(cloudformation, stack, template, artifact["properties"].get("tags", {}))
        outputs[stack] = _await(cloudformation, stack, timeout_seconds, poll_seconds)
        protected = bool(artifact["properties"].get("terminationProtection"))
        cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=protected)
    return outputs


def _in_order(artifacts: dict[str, Any]) -> list[str]:
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name not in ordered:
            for dependency in artifacts[name].get("dependencies", ()):
                visit(dependency)
            ordered.append(name)

    for name in artifacts:
        visit(name)
    return ordered


def _bucket(account: str, region: str) -> str:
    return f"cdk-hnb659fds-assets-{account}-{region}"


def _bootstrap(client: Clients, region: str, account: str) -> None:
    """Leave in a Region what ``cdk bootstrap`` leaves there, as far as a deployment needs it."""
    s3 = client("s3", region)
    if _bucket(account, region) not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=_bucket(account, region), **where)
    client("ssm", region).put_parameter(Name=BOOTSTRAP_VERSION_PARAMETER, Value="30", Type="String", Overwrite=True)


def _publish(assembly: Path, manifest_file: str, client: Clients, account: str, region: str) -> None:
    assets = json.loads((assembly / manifest_file).read_text())
    for asset in assets.get("files", {}).values():
        path = assembly / asset["source"]["path"]
        body = zipped(path) if asset["source"]["packaging"] == "zip" else path.read_bytes()
        for destination in asset["destinations"].values():
            bucket = _resolved(destination["bucketName"], account, destination.get("region", region))
            client("s3", destination.get("region", region)).put_object(
                Bucket=bucket, Key=destination["objectKey"], Body=body
            )


def zipped(folder: Path) -> bytes:
    """Zip a folder as the CDK's command line does: in order, with the files' modes, and none of their times."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            entry.external_attr = file.stat().st_mode << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _resolved(text: str, account: str, region: str) -> str:
    return (
        text.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region).replace("${AWS::Partition}", "aws")
    )


def _template_url(artifact: dict[str, Any], account: str, region: str, client: Clients) -> str:
    url = _resolved(artifact["properties"]["stackTemplateAssetObjectUrl"], account, region)
    bucket, key = url.removeprefix("s3://").split("/", 1)
    return f"{client('s3', region).meta.endpoint_url}/{bucket}/{key}"


def _apply(cloudformation: Any, stack: str, template_url: str, tags: dict[str, str]) -> None:
    request = {
        "StackName": stack,
        "TemplateURL": template_url,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    present = {found["StackName"] for found in cloudformation.describe_stacks()["Stacks"]}
    if stack not in present:
        cloudformation.create_stack(**request, DisableRollback=True)
        return
    try:
        cloudformation.update_stack(**request)
    except cloudformation.exceptions.ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise


def _await(cloudformation: Any, stack: str, timeout_seconds: float, poll_seconds: float) -> dict[str, str]:
    deadline = time.monotonic() + timeout_seconds
    while True:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        status = found["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}
        if status.endswith(("FAILED", "ROLLBACK_COMPLETE")) or time.monotonic() > deadline:
            events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
            reasons = [
                f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
                for event in events
                if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
            ]
            raise DeploymentError(f"{stack} is {status}: " + ("; ".join(reasons) or "no reason was given"))
        time.sleep(poll_seconds)
