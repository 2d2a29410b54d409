"""The termination of orphans in the deployed product: its zip under its own role, with IAM enforced.

The product makes the standbys and the orphans, and notes what its sweeps have seen of them. Functions tell the time by
the machine's clock: instead of waiting for days, the times in the ledger's rows are moved back, which is the same to
the product.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from infra.synth import synthesise
from local.cloud import OPERATOR, Cloud, Credentials
from local.connections import ConnectionFault
from local.queries import run_readme_command
from standby.clock import from_text, to_text
from standby.settings import STACK_TAG
from tests.e2e.conftest import AWAY, DR, HOME, PRIMARY, STACK, WINDOWS, Deployed, wait_until

TERMINATE = "TerminateWorkspaces"
RETIRE = f"{STACK}-retire"
DAY = timedelta(days=1)
# What README promises, and what clocks may be apart.
AHEAD = timedelta(hours=24, minutes=15)
# Seconds that a WorkSpace is shown on its way out, of the model's clock.
TERMINATING = 3600
# Users whose primaries are terminated, and whose are not: of so many, a scan that shows half is believed.
GOES, UNTAGGED, KEPT = ORPHANED = ("user000", "user001", "user002")
LIVING = ("user003", "user004", "user005")
HAND_MADE = "user006"


class Retiring(Deployed):
    """The product, its orphans, and time."""

    def __init__(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        super().__init__(cloud, outputs)
        self.dr = cloud.client("workspaces", DR)
        self.notices = self.listen("ears-orphans")

    def retire(self) -> dict[str, Any]:
        """Invoke the function as its schedule does; how many rows came to have which reason."""
        answer = self.invoke(RETIRE, {})
        assert answer.pop("outcome") == f"{len(ORPHANED)} orphans"
        return answer

    def later(self, key: str, by: timedelta, *moments: str) -> None:
        """Let a row, named by its two keys with a blank between, be as it is after so long."""
        pk, sk = key.split()
        where: dict[str, Any] = {"TableName": self.table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}
        item = self.dynamodb.get_item(**where, ConsistentRead=True)["Item"]
        self.dynamodb.update_item(
            **where,
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in moments),
            ExpressionAttributeValues={f":{name}": {"S": to_text(from_text(item[name]["S"]) - by)} for name in moments},
        )

    def come_due(self, primary_id: str) -> None:
        """Let the time of an announced termination have come."""
        self.later(f"{primary_id} STATE", AHEAD, "terminate_after")

    def until_told(self, primary_id: str, reason: str) -> dict[str, str]:
        """Wait until an orphan's row has a reason, and the function that was started in the background is done."""
        wait_until(lambda: self.row(primary_id)["reason_code"] == reason, lambda: f"{self.row(primary_id)}")
        wait_until(lambda: not any(one["busy"] for one in self.cloud.world.functions() if one["function"] == RETIRE))
        return self.row(primary_id)

    def reasons(self, primary_id: str) -> list[str]:
        """The reasons in a primary's history, in order."""
        items = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="pk = :id AND begins_with(sk, :event)",
            ExpressionAttributeValues={":id": {"S": primary_id}, ":event": {"S": "EVENT#"}},
            ConsistentRead=True,
        )["Items"]
        return [item["reason_code"]["S"] for item in items]

    def state_of(self, standby_id: str) -> str:
        """What DescribeWorkspaces shows of a standby's state."""
        (shown,) = self.dr.describe_workspaces(WorkspaceIds=[standby_id])["Workspaces"]
        return str(shown["State"])

    def sent(self, standby_id: str) -> list[tuple[str, str, str]]:
        """Region, caller and outcome of each TerminateWorkspaces for a standby that came to the service."""
        return [
            (call["region"], call["principal"], call["outcome"])
            for call in self.cloud.world.calls()
            if call["operation"] == TERMINATE and standby_id in json.dumps(call["params"])
        ]

    def roles(self) -> set[str]:
        """All roles of both stacks, by name."""
        return {
            resource["PhysicalResourceId"]
            for stack, region in ((STACK, PRIMARY), (f"{STACK}-dr", DR))
            for page in self.cloud.client("cloudformation", region)
            .get_paginator("list_stack_resources")
            .paginate(StackName=stack)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::IAM::Role"
        }

    def role_of(self, function: str) -> str:
        """The role of a function, by name."""
        found = self.cloud.client("lambda", PRIMARY).get_function_configuration(FunctionName=function)
        return str(found["Role"]).rpartition("/")[2]

    def credentials_of(self, role: str) -> Credentials:
        """Temporary credentials of a role. Who may have them is widened for a moment; what they may do is untouched."""
        iam, account = self.cloud.client("iam", PRIMARY), self.cloud.account
        trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        operator = {"AWS": f"arn:aws:iam::{account}:user/{OPERATOR}"}
        widened = [*trust["Statement"], {"Effect": "Allow", "Principal": operator, "Action": "sts:AssumeRole"}]
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps({**trust, "Statement": widened}))
        try:
            found = self.cloud.client("sts", PRIMARY).assume_role(
                RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test"
            )["Credentials"]
        finally:
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def refusal(self, credentials: Credentials, region: str, workspace_id: str) -> str:
        """What IAM says to a termination that it refuses."""
        client = self.cloud.client("workspaces", region, credentials=credentials)
        with pytest.raises(ClientError) as refused:
            client.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": workspace_id}])
        error = refused.value.response["Error"]
        assert error["Code"] == "AccessDeniedException"
        return str(error["Message"])


def denied(account: str, role: str, session: str, region: str, workspace_id: str) -> str:
    """IAM's sentence to a role that may not terminate a WorkSpace."""
    return (
        f"User: arn:aws:sts::{account}:assumed-role/{role}/{session} is not authorized to perform: "
        f"workspaces:{TERMINATE} on resource: arn:aws:workspaces:{region}:{account}:workspace/{workspace_id}"
    )


@pytest.fixture(scope="module")
def assembly(configuration: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As usual, but orphans are terminated, after the fewest days that may be configured."""
    configured = yaml.safe_load(configuration.read_text())
    configured["pairs"][0] |= {"orphans": "terminate", "orphan_days": 1}
    folder = tmp_path_factory.mktemp("terminating")
    file = folder / "standby.yaml"
    file.write_text(yaml.safe_dump(configured))
    synthesise(file, folder / "cdk.out")
    return folder / "cdk.out"


@pytest.fixture(scope="module")
def deployed(assembly: Path) -> Iterator[Retiring]:
    """The product, in a cloud that neither throttles nor takes time to build desktops."""
    with Cloud.start(
        boot_seconds=0, standby_boot_seconds=0, terminate_seconds=TERMINATING, throttling=False, wait_scale=0.1
    ) as cloud:
        users = [*ORPHANED, *LIVING, HAND_MADE]
        cloud.world.add_directory(PRIMARY, HOME, users)
        cloud.world.add_directory(DR, AWAY, users)
        yield Retiring(cloud, cloud.deploy(assembly)[STACK])


@pytest.fixture(scope="module")
def living(deployed: Retiring) -> list[str]:
    """Primaries that stay, each with its standby."""
    ids = deployed.create(*LIVING)
    for one in ids:
        deployed.until(one, "PROTECTED")
    return ids


@pytest.fixture(scope="module")
def orphans(deployed: Retiring, living: list[str]) -> dict[str, str]:
    """The terminated primaries by their users; sweeps have found each gone for a day, and its end is announced."""
    ids = deployed.create(*ORPHANED)
    for one in ids:
        deployed.until(one, "PROTECTED")
    deployed.workspaces.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": one} for one in ids])
    for one in ids:
        deployed.until(one, "PRIMARY_GONE")
    deployed.cloud.world.advance(TERMINATING)
    for _ in ("tells of them", "sees them again"):
        assert deployed.sweep() == "2 of 2 directories were scanned completely"
    assert {deployed.row(one)["reason_code"] for one in ids} == {"ORPHANED"}
    assert deployed.retire() == {}
    for one in ids:
        deployed.later(f"ORPHAN#{one} ORPHAN", DAY, "orphan_since")
    assert deployed.retire() == {"TERMINATION_ANNOUNCED": len(ids)}
    assert deployed.retire() == {}
    return dict(zip(ORPHANED, ids, strict=True))


def test_an_orphan_is_terminated_in_the_dr_region_a_day_after_it_was_announced(
    deployed: Retiring, orphans: dict[str, str], living: list[str]
) -> None:
    one = orphans[GOES]
    row = deployed.row(one)
    standby = row["standby_id"]
    assert timedelta(hours=24) < from_text(row["terminate_after"]) - from_text(row["changed_at"]) <= AHEAD
    deployed.come_due(one)

    deployed.cloud.world.fire_schedules()

    row = deployed.until_told(one, "ORPHAN_TERMINATED")
    assert (row["status"], row["standby_id"]) == ("PRIMARY_GONE", standby)
    caller = f"arn:aws:sts::{deployed.cloud.account}:assumed-role/{deployed.role_of(RETIRE)}/{RETIRE}"
    assert deployed.sent(standby) == [(DR, caller, "ok")]
    assert deployed.state_of(standby) == "TERMINATING"
    assert {deployed.row(orphans[user])["reason_code"] for user in (UNTAGGED, KEPT)} == {"TERMINATION_ANNOUNCED"}
    assert [len(deployed.standbys_of(other)) for other in (orphans[UNTAGGED], orphans[KEPT], *living)] == [1] * 5
    # Its own call, as CloudTrail records it, is nobody else's.
    record = deployed.cloud.world.trail()[-1]
    assert (record["region"], record["detail"]["eventName"]) == (DR, TERMINATE)
    (decision,) = deployed.protect(record)["decisions"]
    assert (decision["primary_id"], decision["reason_code"]) == (standby, "ORPHAN_TERMINATED")
    way = ["ORPHANED", "TERMINATION_ANNOUNCED", "TERMINATION_CLAIMED", "ORPHAN_TERMINATED"]
    assert deployed.reasons(one)[-len(way) :] == way
    subjects: list[str] = []

    def told() -> bool:
        subjects.extend(json.loads(message["Body"]).get("Subject", "") for message in deployed.heard(deployed.notices))
        return any("ORPHAN_TERMINATED" in subject for subject in subjects)

    wait_until(told, lambda: f"{subjects}")
    expected = [f"WorkSpaces Standby: {GOES}: PRIMARY_GONE ({reason})" for reason in way if "CLAIMED" not in reason]
    assert [subject for subject in subjects if subject in expected] == expected


def test_iam_itself_refuses_a_standby_that_does_not_carry_the_stacks_tag(
    deployed: Retiring, orphans: dict[str, str]
) -> None:
    one = orphans[UNTAGGED]
    standby = deployed.row(one)["standby_id"]
    # Once all looks have let it go, and the call is under way, somebody takes the tag off.
    deployed.come_due(one)
    deployed.cloud.world.disturb(ConnectionFault("workspaces", TERMINATE, "hold_before", region=DR, function=RETIRE))
    deployed.cloud.client("lambda", PRIMARY).invoke(FunctionName=RETIRE, InvocationType="Event", Payload=b"{}")
    wait_until(lambda: len(deployed.cloud.world.held()) == 1, lambda: f"{deployed.row(one)}")
    assert deployed.row(one)["reason_code"] == "TERMINATION_CLAIMED"
    deployed.dr.delete_tags(ResourceId=standby, TagKeys=[STACK_TAG])
    deployed.cloud.world.release()

    row = deployed.until_told(one, "TERMINATION_REFUSED")

    role = deployed.role_of(RETIRE)
    assert row["error_code"] == "AccessDeniedException"
    assert row["error_message"] == denied(deployed.cloud.account, role, RETIRE, DR, standby)
    caller = f"arn:aws:sts::{deployed.cloud.account}:assumed-role/{role}/{RETIRE}"
    assert deployed.sent(standby) == [(DR, caller, "AccessDeniedException")]
    assert deployed.state_of(standby) == "AVAILABLE"
    # It was for the tag alone: with it, the same call is allowed a day later.
    deployed.dr.create_tags(ResourceId=standby, Tags=[{"Key": STACK_TAG, "Value": STACK}])
    deployed.later(f"{one} STATE", DAY, "changed_at", "ix_status_at")
    assert deployed.retire() == {"TERMINATION_CLAIMED": 1, "ORPHAN_TERMINATED": 1}
    assert [outcome for _, _, outcome in deployed.sent(standby)] == ["AccessDeniedException", "ok"]


def test_readmes_command_keeps_an_announced_orphan_for_good(deployed: Retiring, orphans: dict[str, str]) -> None:
    one = orphans[KEPT]
    standby = deployed.row(one)["standby_id"]
    run_readme_command("keep", deployed.dynamodb, {"ws-1abc2def3": one})
    deployed.come_due(one)
    assert deployed.retire() == {"TERMINATION_CALLED_OFF": 1}
    assert "Somebody wants it kept." in deployed.row(one)["message"]
    # What the next sweep notes of it leaves the wish as it is.
    assert deployed.sweep() == "2 of 2 directories were scanned completely"
    assert deployed.retire() == {}
    assert deployed.sent(standby) == []
    assert deployed.state_of(standby) == "AVAILABLE"


def test_no_other_role_of_the_stacks_may_terminate_anything(deployed: Retiring, living: list[str]) -> None:
    primary = living[0]
    (standby,) = deployed.standbys_of(primary)
    assert standby["tags"][STACK_TAG] == STACK
    others = deployed.roles() - {deployed.role_of(RETIRE)}
    assert others > {deployed.role_of(f"{STACK}-{name}") for name in ("protect", "watch", "sweep", "announce")}
    for role in sorted(others):
        credentials = deployed.credentials_of(role)
        for region, one in ((DR, standby["workspace_id"]), (PRIMARY, primary)):
            expected = denied(deployed.cloud.account, role, "test", region, one)
            assert deployed.refusal(credentials, region, one) == expected


def test_the_role_of_retire_terminates_nothing_but_standbys_of_this_stack_and_cannot_tag_them(
    deployed: Retiring, living: list[str]
) -> None:
    role = deployed.role_of(RETIRE)
    credentials = deployed.credentials_of(role)
    order = {"DirectoryId": AWAY, "UserName": HAND_MADE, "BundleId": WINDOWS}
    (made,) = deployed.dr.create_workspaces(Workspaces=[order])["PendingRequests"]
    hand_made = made["WorkspaceId"]
    assert deployed.refusal(credentials, DR, hand_made) == denied(deployed.cloud.account, role, "test", DR, hand_made)
    with pytest.raises(ClientError, match=r"AccessDeniedException.*workspaces:CreateTags"):
        deployed.cloud.client("workspaces", DR, credentials=credentials).create_tags(
            ResourceId=hand_made, Tags=[{"Key": STACK_TAG, "Value": STACK}]
        )
    deployed.dr.create_tags(ResourceId=hand_made, Tags=[{"Key": STACK_TAG, "Value": "Standby-eu-west-1-us-west-2"}])
    assert deployed.refusal(credentials, DR, hand_made) == denied(deployed.cloud.account, role, "test", DR, hand_made)
    # A primary, even one that somebody gave the tag.
    (primary, *_) = living
    deployed.workspaces.create_tags(ResourceId=primary, Tags=[{"Key": STACK_TAG, "Value": STACK}])
    expected = denied(deployed.cloud.account, role, "test", PRIMARY, primary)
    assert deployed.refusal(credentials, PRIMARY, primary) == expected
