"""The account that `make local` comes with: what is there before the product, and a fleet to practise on."""

import time
from typing import Any

from local.cloud import Cloud
from local.demo_fleet import create
from local.deploy import Outputs
from local.sweeping import sweep

USERS = [f"user{number:03}" for number in range(1, 101)]
ALIAS = "desktop.example.com"
QUOTA = 500
# Desktops that have nothing about them, and all others, by user: how they are ordered.
_PLAIN = ["alice", "bob", "carol", "dave", "grace", "heidi", "ivan", "judy", "ken", "lena", "marta", "niko"]
_STOPPED = ["peggy", "quinn"]
_FAILS, _WITHOUT_USER, _HAND_MADE, _ORPHANED = "frank", "erin", "trent", "olivia"
_OTHERS: dict[str, dict[str, Any]] = {
    "rupert": {"BundleId": "wsb-amazonlinuxstandard"},
    "sybil": {"UserVolumeEncryptionEnabled": True, "VolumeEncryptionKey": "alias/desktops"},
    "svc-backup": {},  # local.yaml excludes svc-*
    "[UNDEFINED]": {"WorkspaceName": "kiosk-1"},
}
_ELSEWHERE = ["victor", "walter", "xenia"]
_EVERYBODY = [*_PLAIN, *_STOPPED, *_OTHERS, _FAILS, _WITHOUT_USER, _HAND_MADE, _ORPHANED, *_ELSEWHERE]


def add_directories(cloud: Cloud, pairs: list[dict[str, Any]]) -> None:
    """Register each mapped directory and its DR directory, with the fleet's users and a hundred more."""
    for pair in pairs:
        for directory, mapping in pair["directories"].items():
            cloud.world.add_directory(pair["primary_region"], directory, [*USERS, *_EVERYBODY])
            cloud.world.add_directory(pair["dr_region"], mapping["dr_directory"], [*USERS, *_EVERYBODY])


def furnish(cloud: Cloud, pair: dict[str, Any]) -> None:
    """Give an account what the product needs of it: keys, a trail, quotas, and redirection for the first directory."""
    primary, dr = pair["primary_region"], pair["dr_region"]
    cloud.world.change(standby_quota=QUOTA, workspace_quota=QUOTA)
    for mapping in pair["directories"].values():
        if key := mapping.get("volume_encryption_key"):
            cloud.world.add_key(key.split(":")[3], key.rpartition("/")[2])
    bucket = f"trail-{cloud.account}-{primary}"
    where = {} if primary == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": primary}}
    cloud.client("s3", primary).create_bucket(Bucket=bucket, **where)
    trails = cloud.client("cloudtrail", primary)
    trails.create_trail(Name="management-events", S3BucketName=bucket, IsMultiRegionTrail=True)
    trails.start_logging(Name="management-events")
    directory, mapping = next(iter(pair["directories"].items()))
    redirected = {}
    for region, where_to in ((primary, directory), (dr, mapping["dr_directory"])):
        client = cloud.client("workspaces", region)
        alias = client.create_connection_alias(ConnectionString=ALIAS)["AliasId"]
        cloud.world.advance(5)  # it is not ready at once
        answer = client.associate_connection_alias(AliasId=alias, ResourceId=where_to)
        redirected[region] = answer["ConnectionIdentifier"]
    cloud.world.advance(5)
    cloud.world.set_txt(ALIAS, [redirected[primary]])


def create_fleet(cloud: Cloud, pair: dict[str, Any]) -> None:
    """Create desktops of every sort that were there before the product: in the first directory, and a few elsewhere."""
    primary, dr = pair["primary_region"], pair["dr_region"]
    (directory, mapping), *others = pair["directories"].items()
    dr_directory = mapping["dr_directory"]
    create(cloud, directory, [*_PLAIN, _FAILS, _WITHOUT_USER, _HAND_MADE], primary)
    stopped = create(cloud, directory, _STOPPED, primary, WorkspaceProperties={"RunningMode": "AUTO_STOP"})
    client = cloud.client("workspaces", primary)
    client.stop_workspaces(StopWorkspaceRequests=[{"WorkspaceId": one} for one in stopped])
    for user, item in _OTHERS.items():
        create(cloud, directory, [user], primary, **item)
    for elsewhere, _ in others:
        create(cloud, elsewhere, _ELSEWHERE, primary)
    cloud.world.fail_standby_of(_FAILS)
    cloud.world.remove_user(dr, dr_directory, _WITHOUT_USER)
    create(cloud, dr_directory, [_HAND_MADE], dr)
    (with_standby,) = create(cloud, directory, [_ORPHANED], primary)
    item = {"PrimaryWorkspaceId": with_standby, "DirectoryId": dr_directory}
    cloud.client("workspaces", dr).create_standby_workspaces(PrimaryRegion=primary, StandbyWorkspaces=[item])


def let_it_be_reported(cloud: Cloud, pair: dict[str, Any], outputs: Outputs) -> None:
    """Sweep twice, which reports the fleet; then terminate a desktop that has a standby, which is an orphan since."""
    primary = pair["primary_region"]
    states = cloud.client("stepfunctions", primary)
    for _ in range(2):  # one listing decides no baseline
        sweep(states, outputs[pair["stack"]]["SweepStateMachineArn"], time.sleep)
    (bereft,) = [one["workspace_id"] for one in cloud.world.primaries() if one["user_name"] == _ORPHANED]
    client = cloud.client("workspaces", primary)
    client.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": bereft}])
