"""``make demo``: synthesise, start the embedded cloud, deploy the product, create primaries, and show the results.

The figures come from the model of WorkSpaces, not from the ledger of the product; the two are compared. The figures are
written to ``build/demo.json``, and the report of the product to ``build/report.html``. The exit status is 1 if a
primary is unexplained or has two standbys.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.synth import synthesise
from local.cloud import Cloud
from local.demo_fleet import SecondAct, create, create_fleet
from local.progress import step
from local.standby_command import show
from local.workspaces import Fault

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = ROOT / "local" / "local.yaml"
PRIMARY, DR = "us-east-1", "us-west-2"
SALES, SALES_DR = "d-906732325d", "d-926722edaf"
LEGAL, LEGAL_DR = "d-9067328a7c", "d-926722f013"
STACK = f"Standby-{PRIMARY}-{DR}"
PRIMARY_KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d"
STANDBY = "CreateStandbyWorkspaces"
WINDOWS, LINUX = "wsb-windowsstandard", "wsb-amazonlinuxstandard"
# The account's limit of calls a second, ten times AWS's: everything here is about a hundred times as fast as in AWS.
RAISED = 20
WAIT_AT_MOST = 60.0
OPEN = ("WAITING", "CLAIMED", "REQUESTED")
BREAKS = "its standby ends in ERROR"
# The reasons of WAITING rows that already explain the primary. The second one lasts for hours if the request for a user
# who has an ordinary desktop in the DR directory was throttled: only then is that desktop known not to be its result.
EXPLAINS = ("USER_NOT_IN_DR_DIRECTORY", "DR_DESKTOP_UNCLEAR")


@dataclass
class Story:
    """What the demo creates, and what it says about each primary."""

    about: dict[str, str] = field(default_factory=dict)  # primary id -> what is particular about it
    delivered_again: int = 0


def main() -> int:
    """Run the demo; 0 if every primary is explained and none has two standbys."""
    began = time.monotonic()
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    assembly = build / "demo.out"
    with step("Synthesising the CDK app"):
        synthesise(CONFIGURATION, assembly)
    template = json.loads((assembly / f"{STACK}.template.json").read_text(encoding="utf-8"))
    with step("Starting the embedded cloud, IAM enforced"):
        cloud = Cloud.start(
            calls_per_second=RAISED,
            boot_seconds=4,
            standby_boot_seconds=5,
            terminate_seconds=1,
            partial_seconds=1,
            relation_lag_seconds=1,
            orphans_keep_relation=True,
        )
    try:
        with step("Creating the existing fleet of part 2, before the product is deployed"):
            fleet = create_fleet(cloud, SALES, SALES_DR)
        with step(f"Deploying {STACK} and {STACK}-dr, unmodified"):
            outputs = cloud.deploy(assembly)[STACK]
        story, answer_lost = create_primaries(cloud)
        progress = Progress(cloud, outputs["LedgerTableName"], set(fleet.ids))
        progress.until(lambda rows: rows[answer_lost]["status"] in ("REQUESTED", "PROTECTED"))
        # Created last, so that they are not in the call whose answer is lost: its result would not be known.
        missing, collides = create(cloud, SALES, ["sales18", "sales19"])
        story.about |= {
            missing: "user missing in the DR directory",
            collides: "the user already has an ordinary desktop there",
        }
        progress.until(lambda rows: all(is_explained(row) for row in rows.values()))
        figures = report(cloud, outputs, story, set(fleet.ids))
        figures["fleet"] = SecondAct(cloud, outputs, fleet).play()
        figures["duplicate_standbys"] = len(cloud.world.duplicates())
        (breaks,) = [one for one, about in story.about.items() if about == BREAKS]
        # Groups without WorkSpaces in them: doctor calls that service once a second.
        groups = [word for group in ("credentials", "quotas", "trails") for word in ("--only", group)]
        checked = ["doctor", *groups, "--keep", "--reason", "demo"]
        made = ["report", "--since", "1d", "--out", str(build / "report.html")]
        for words in (["orphans"], ["status"], ["list", "--needs-action"], ["show", breaks], checked, made):
            show(cloud, PRIMARY, STACK, *words)
    finally:
        cloud.stop()
    figures |= {"template_resources": len(template["Resources"]), "seconds": round(time.monotonic() - began, 1)}
    (build / "demo.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    unexplained = figures["unexplained"]
    print(f"\n{json.dumps(figures)}\n\nThese figures are in build/demo.json. The demo took {figures['seconds']} s.")
    print("The coverage report is build/report.html. Open it in a browser.")
    if unexplained or figures["duplicate_standbys"]:
        print(f"FAILED: {unexplained} primaries unexplained, {figures['duplicate_standbys']} with two standbys.")
        return 1
    print("Every primary is protected or explained. None has two standbys.")
    return 0


def create_primaries(cloud: Cloud) -> tuple[Story, str]:
    """Create primaries of every kind through the API, as an administrator would.

    Returns
    -------
    tuple
        The notes about them, and the primary whose request's answer will be lost.
    """
    sales = [f"sales{number:02}" for number in range(1, 23)]
    legal = [f"legal{number:02}" for number in range(1, 13)]
    for region, directory, users in (
        (PRIMARY, SALES, sales),
        (DR, SALES_DR, sales),
        (PRIMARY, LEGAL, legal),
        (DR, LEGAL_DR, legal),
    ):
        cloud.world.add_directory(region, directory, users)
    cloud.world.remove_user(DR, SALES_DR, "sales18")
    cloud.world.fail_standby_of("sales20")
    hand_made = {"DirectoryId": SALES_DR, "UserName": "sales19", "BundleId": WINDOWS}
    cloud.client("workspaces", DR, retries={"total_max_attempts": 8}).create_workspaces(Workspaces=[hand_made])

    story = Story()
    encrypted: dict[str, Any] = {
        "UserVolumeEncryptionEnabled": True,
        "RootVolumeEncryptionEnabled": True,
        "VolumeEncryptionKey": PRIMARY_KEY,
    }
    with step("Creating primaries in two directories"):
        (answer_lost,) = create(cloud, LEGAL, [legal[9]])
        cloud.world.inject(Fault(STANDBY, "connection_closed_after", DR, times=1, primary_id=answer_lost))
        many = create(cloud, SALES, sales[:16])
        create(cloud, LEGAL, legal[:9])
        (locked,) = create(cloud, LEGAL, [legal[10]], **encrypted)
        (linux,) = create(cloud, LEGAL, [legal[11]], BundleId=LINUX)
        (throttled,) = create(cloud, SALES, ["sales17"])
        cloud.world.inject(Fault(STANDBY, "throttle", DR, times=2, primary_id=throttled))
        (breaks,) = create(cloud, SALES, ["sales20"])
        (no_key,) = create(cloud, SALES, ["sales21"], **encrypted)
        (twice,) = create(cloud, SALES, ["sales22"])
        for event in cloud.world.trail():
            if twice in json.dumps(event):
                cloud.world.redeliver(event["id"])
                story.delivered_again += 1
    story.about = {
        many[0]: "one of 16 in a single call",
        answer_lost: "the answer to its request is lost",
        locked: "encrypted volumes, a key in the DR Region",
        linux: "Amazon Linux",
        throttled: "created while the DR Region throttles",
        breaks: BREAKS,
        no_key: "encrypted volumes, no key configured",
        twice: "its event is delivered twice",
    }
    return story, answer_lost


class Progress:
    """Shows the progress of the ledger's rows."""

    def __init__(self, cloud: Cloud, table: str, others: set[str]) -> None:
        self._cloud = cloud
        self._others = others
        self._dynamodb = cloud.client("dynamodb", PRIMARY)
        self._table = table
        self._began = time.monotonic()
        self._last = ""
        print("Statuses in the ledger:")

    def until(self, is_over: Callable[[dict[str, dict[str, str]]], bool]) -> None:
        """Show progress until every primary has a row and `is_over` is True, for at most `WAIT_AT_MOST` seconds."""
        began = time.monotonic()
        while time.monotonic() - began < WAIT_AT_MOST:
            rows = states(self._dynamodb, self._table, self._others)
            counted = Counter(row["status"] for row in rows.values())
            line = "  ".join(f"{status} {count}" for status, count in sorted(counted.items()))
            if line != self._last:
                print(f"  {time.monotonic() - self._began:5.1f} s  {line}", flush=True)
                self._last = line
            if len(rows) == len(primaries_of(self._cloud, self._others)) and is_over(rows):
                return
            time.sleep(0.5)


def is_explained(row: dict[str, str]) -> bool:
    """Whether a row explains the state of its primary."""
    return row["status"] not in OPEN or (row["status"] == "WAITING" and row["reason_code"] in EXPLAINS)


def primaries_of(cloud: Cloud, others: set[str]) -> list[dict[str, Any]]:
    """The primaries of part 1 in the model, without the fleet and the ordinary desktop in the DR Region."""
    return [one for one in cloud.world.primaries() if one["region"] == PRIMARY and one["workspace_id"] not in others]


def states(dynamodb: Any, table: str, others: set[str]) -> dict[str, dict[str, str]]:
    """The STATE rows of part 1, by primary."""
    found: dict[str, dict[str, str]] = {}
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            if item["sk"]["S"] == "STATE" and item["pk"]["S"] not in others:
                found[item["pk"]["S"]] = {name: next(iter(value.values())) for name, value in item.items()}
    return found


def report(cloud: Cloud, outputs: dict[str, str], story: Story, others: set[str]) -> dict[str, Any]:
    """Print the table of part 1, and return the figures."""
    dynamodb = cloud.client("dynamodb", PRIMARY)
    rows = states(dynamodb, outputs["LedgerTableName"], others)
    primaries = primaries_of(cloud, others)
    standbys = {one["primary_id"]: one for one in cloud.world.standbys()}
    print(f"\n{'PRIMARY':14} {'USER':9} {'STATUS':11} {'REASON':26} {'STANDBY':14} NOTES")
    unexplained = 0
    for primary in sorted(primaries, key=lambda one: one["user_name"]):
        row = rows.get(primary["workspace_id"], {"status": "no row", "reason_code": "-"})
        real = standbys.get(primary["workspace_id"], {})
        # The ledger counts only if the service returns the same.
        agrees = row.get("standby_id") == real.get("workspace_id")
        if not agrees or not is_explained(row) or "pk" not in row:
            unexplained += 1
        print(
            f"{primary['workspace_id']:14} {primary['user_name']:9} {row['status']:11} {row['reason_code']:26} "
            f"{real.get('workspace_id', '-'):14} {story.about.get(primary['workspace_id'], '')}"
            f"{'' if agrees else ' (LEDGER AND SERVICE DIFFER)'}"
        )
    counted = Counter(row["status"] for row in rows.values())
    still_open = sum(counted[status] for status in OPEN)
    events = [one for one in cloud.world.trail() if one["detail"]["eventName"] == "CreateWorkspaces"]
    events = [one for one in events if one["region"] == PRIMARY and not others & set(_ids_of(one))]
    executions = cloud.client("stepfunctions", PRIMARY).get_paginator("list_executions")
    pages = executions.paginate(stateMachineArn=outputs["WatchStateMachineArn"])
    return {
        "primaries": len(primaries),
        "eligible": sum(counted[one] for one in ("PROTECTED", "REJECTED", "FAILED", "HELD")) + still_open,
        "protected": counted["PROTECTED"],
        "ineligible": counted["INELIGIBLE"],
        "rejected": counted["REJECTED"],
        "failed": counted["FAILED"],
        "held": counted["HELD"],
        "open": still_open,
        "unexplained": unexplained,
        "standbys_created": len([one for one in cloud.world.standbys() if one["primary_id"] not in others]),
        "duplicate_standbys": len(cloud.world.duplicates()),
        "events_delivered": len(events) + story.delivered_again,
        "executions": sum(len(page["executions"]) for page in pages),
        "auth_enforced": is_refused(cloud, outputs["LedgerTableName"]),
    }


def _ids_of(event: dict[str, Any]) -> list[str]:
    pending = (event["detail"].get("responseElements") or {}).get("pendingRequests", [])
    return [one["workspaceId"] for one in pending]


def is_refused(cloud: Cloud, table: str) -> bool:
    """Whether IAM refuses a call that no policy allows."""
    nobody = cloud.make_user("nobody", {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"})
    try:
        cloud.client("dynamodb", PRIMARY, credentials=nobody).scan(TableName=table)
    except ClientError as refusal:
        return refusal.response["Error"]["Code"] == "AccessDeniedException"
    return False


if __name__ == "__main__":
    sys.exit(main())
