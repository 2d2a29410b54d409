"""A deployed stack is updated to today's version, amid a watch and a sweep; and one with all options beside it.

`first_version.tar.xz` is the cloud assembly of the version before, for the configuration of `conftest.configuration`:
its templates, and what was zipped, without the vendored libraries, which come from today's assembly. It is an archive
because the code is as much part of the version as the template is: the rows that it writes have to be read, and the
definition that runs calls today's functions. A release puts that of the version before it in its place.
"""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from local.connections import ConnectionFault
from tests.conftest import Synthesise
from tests.e2e.conftest import AWAY, DR, HOME, PRIMARY, ROOT, STACK, WINDOWS, Deployed, wait_until
from tests.infra.conftest import STRICT

BEFORE = Path(__file__).with_name("first_version.tar.xz")
STACKS = {STACK: PRIMARY, f"{STACK}-dr": DR}
USERS = [f"user{number:03}" for number in range(20)]
# What an update may take away. Whatever holds data, receives events or has a permission stays what it is.
MAY_GO = {"AWS::CloudWatch::Alarm"}


@pytest.fixture(scope="module")
def before(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of the version before."""
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(BEFORE) as archive:
        archive.extractall(folder, filter="data")
    (old,), (new,) = folder.glob("asset.*"), assembly.glob("asset.*")
    # Bytecode of today's handlers would run instead of the code of the version before.
    ours = {path.name for path in (*old.iterdir(), *(ROOT / "lambdas").iterdir())} | {"__pycache__"}
    shutil.copytree(new, old, dirs_exist_ok=True, ignore=lambda _, names: [name for name in names if name in ours])
    return folder


@pytest.fixture(scope="module")
def deployed(before: Path) -> Iterator[Deployed]:
    """The version before, and two desktops that were there before it."""
    with Cloud.start(
        boot_seconds=0, standby_boot_seconds=0.2, calls_per_second=20, standby_quota=60, wait_scale=0.5
    ) as cloud:
        cloud.world.add_directory(PRIMARY, HOME, USERS)
        cloud.world.add_directory(DR, AWAY, USERS)
        order = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS} for user in USERS[-2:]]
        made = cloud.client("workspaces", PRIMARY).create_workspaces(Workspaces=order)["PendingRequests"]
        found = Deployed(cloud, cloud.deploy(before)[STACK])
        found.existing += [one["WorkspaceId"] for one in made]
        yield found


@pytest.fixture(autouse=True)
def _no_faults_left() -> None:
    """The cloud is this file's own."""


def resources(cloud: Cloud) -> dict[tuple[str, str], tuple[str, str]]:
    """Type and physical id of each resource, by its stack and logical id."""
    return {
        (stack, one["LogicalResourceId"]): (one["ResourceType"], one["PhysicalResourceId"])
        for stack, region in STACKS.items()
        for one in cloud.client("cloudformation", region).describe_stack_resources(StackName=stack)["StackResources"]
    }


def ledger(deployed: Deployed) -> dict[tuple[str, str], Any]:
    """All rows about desktops."""
    pages = deployed.dynamodb.get_paginator("scan").paginate(TableName=deployed.table, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith("ws-")]
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in items}


def test_an_update_amid_a_watch_and_a_sweep_replaces_nothing_and_loses_nothing(
    deployed: Deployed, assembly: Path
) -> None:
    cloud, sfn = deployed.cloud, deployed.cloud.client("stepfunctions", PRIMARY)
    for _ in range(2):  # these take the baseline
        deployed.sweep()
    (settled,) = deployed.create(USERS[0])
    deployed.until(settled, "PROTECTED")
    cloud.world.change(standby_boot_seconds=3600)
    (building,) = deployed.create(USERS[1])
    deployed.until(building, "REQUESTED")
    deployed.start_watcher()
    cloud.world.disturb(ConnectionFault("workspaces", "DescribeWorkspaces", "hold_before", function="sweep"))
    sweep = sfn.start_execution(stateMachineArn=deployed.outputs["SweepStateMachineArn"], input="{}")["executionArn"]
    wait_until(cloud.world.held)
    there, rows = resources(cloud), ledger(deployed)
    table = deployed.dynamodb.describe_table(TableName=deployed.table)["Table"]["TableId"]
    assert deployed.runs("Watch")

    outputs = cloud.deploy(assembly)[STACK]

    other = {name for name, value in deployed.outputs.items() if outputs[name] != value}
    assert other <= {"ConfigDigest", "Version"}
    now = resources(cloud)
    changed = {key: one for key, one in there.items() if now.get(key) != one}
    assert [one for key, one in changed.items() if key in now or one[0] not in MAY_GO] == []
    for stack, region in STACKS.items():
        cloudformation = cloud.client("cloudformation", region)
        with pytest.raises(cloudformation.exceptions.ClientError, match="TerminationProtection is enabled"):
            cloudformation.delete_stack(StackName=stack)
    assert deployed.dynamodb.describe_table(TableName=deployed.table)["Table"]["TableId"] == table
    kept = ledger(deployed)
    assert [key for key, row in rows.items() if key[0] != building and kept.get(key) != row] == []

    cloud.world.change(standby_boot_seconds=0.2)
    cloud.world.release()
    (late,) = deployed.create(USERS[2])
    (standby,) = deployed.standbys_of(building)
    cloud.world.set_state(standby["workspace_id"], "AVAILABLE")
    for one in (building, late):
        deployed.until(one, "PROTECTED")
    wait_until(lambda: sfn.describe_execution(executionArn=sweep)["status"] != "RUNNING")
    assert deployed.sweep() == "2 of 2 directories were scanned completely"
    assert [deployed.row(one)["status"] for one in deployed.existing] == ["REPORTED"] * 2
    assert cloud.world.duplicates() == []
    kept = ledger(deployed)
    assert [key for key, row in rows.items() if key[1] != "STATE" and kept.get(key) != row] == []
    for one in (settled, building, late):
        assert len(deployed.standbys_of(one)) == 1
        assert len(deployed.history(one)) == int(deployed.row(one)["version"])


def test_the_template_with_all_that_strict_accounts_demand_protects_a_desktop(
    deployed: Deployed, synthesised: Synthesise
) -> None:
    cloud, home = deployed.cloud, "d-936732325d"
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    cloud.client("iam", PRIMARY).create_policy(PolicyName="boundary", PolicyDocument=json.dumps(allow))
    cloud.world.add_directory("eu-west-1", home, USERS)
    cloud.world.add_directory("eu-central-1", "d-996722edaf", USERS)
    outputs = cloud.deploy(synthesised(STRICT, strict=True))["acme-Standby-eu-west-1-eu-central-1"]
    order = {"DirectoryId": home, "UserName": USERS[3], "BundleId": WINDOWS}
    made = cloud.client("workspaces", "eu-west-1").create_workspaces(Workspaces=[order])["PendingRequests"]
    key = {"pk": {"S": made[0]["WorkspaceId"]}, "sk": {"S": "STATE"}}

    def row(region: str) -> dict[str, Any]:
        found = cloud.client("dynamodb", region).get_item(TableName=outputs["LedgerTableName"], Key=key)
        item: dict[str, Any] = found.get("Item", {})
        return item

    wait_until(lambda: row("eu-west-1").get("status") == {"S": "PROTECTED"}, lambda: f"{row('eu-west-1')}")
    wait_until(lambda: row("eu-central-1").get("status") == {"S": "PROTECTED"})
