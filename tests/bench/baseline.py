"""What an administrator would otherwise write: a script that sees each WorkSpace through by itself.

    python tests/bench/baseline.py --region us-east-1 --dr-region us-west-2 \
        --directory d-906732325d=d-926722edaf ws-1abc2def3 ws-4abc5def6

It works, for one WorkSpace and for thousands: a loop for each, in a thread of its own, that looks every minute. boto3
is used as it comes: in its mode `legacy` it repeats what is throttled up to four times, within seconds. What is
throttled even then is tried again a minute later, so that no WorkSpace is given up. It is what the product is compared
with, so it asks for nothing that it does not need.

It keeps no record, does not know after a crash what it had requested, and would then request it a second time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient
    from mypy_boto3_workspaces.type_defs import WorkspaceTypeDef

EVERY_SECONDS = 60
MOST_LOOKS = 24 * 60
OVER = ("ERROR", "SUSPENDED", "TERMINATING", "TERMINATED")


def see_through(
    workspace_id: str,
    directories: Mapping[str, str],
    *,
    primary_region: str,
    here: WorkSpacesClient,
    there: WorkSpacesClient,
    sleep: Callable[[float], None],
) -> str:
    """Wait for a WorkSpace, request its standby in the directory of the DR Region, and wait for that; the standby's id.

    Raises
    ------
    RuntimeError
        One of the two does not become AVAILABLE, its directory has no counterpart, or AWS refuses the standby.
    """
    found = _wait_until_available(here, workspace_id, sleep)
    if found["DirectoryId"] not in directories:
        raise RuntimeError(f"no directory in the DR Region is given for {found['DirectoryId']}")
    standby_id = ""
    while not standby_id:
        try:
            answer = there.create_standby_workspaces(
                PrimaryRegion=primary_region,
                StandbyWorkspaces=[
                    {"PrimaryWorkspaceId": workspace_id, "DirectoryId": directories[found["DirectoryId"]]}
                ],
            )
        except ClientError as problem:
            if problem.response["Error"]["Code"] != "ThrottlingException":
                raise
            sleep(EVERY_SECONDS)
            continue
        if answer["FailedStandbyRequests"]:
            refused = answer["FailedStandbyRequests"][0]
            raise RuntimeError(f"no standby: {refused.get('ErrorCode')}: {refused.get('ErrorMessage')}")
        standby_id = answer["PendingStandbyRequests"][0]["WorkspaceId"]
    _wait_until_available(there, standby_id, sleep)
    return standby_id


def _wait_until_available(
    client: WorkSpacesClient, workspace_id: str, sleep: Callable[[float], None]
) -> WorkspaceTypeDef:
    was_there = False
    for _ in range(MOST_LOOKS):
        try:
            found = client.describe_workspaces(WorkspaceIds=[workspace_id])["Workspaces"]
        except ClientError as problem:
            if problem.response["Error"]["Code"] != "ThrottlingException":
                raise
        else:
            if found and found[0]["State"] == "AVAILABLE":
                return found[0]
            if found and found[0]["State"] in OVER:
                raise RuntimeError(f"{workspace_id} is {found[0]['State']}")
            if was_there and not found:
                raise RuntimeError(f"{workspace_id} no longer exists")
            was_there = bool(found)
        sleep(EVERY_SECONDS)
    raise RuntimeError(f"{workspace_id} did not become AVAILABLE within a day")


def main(arguments: Sequence[str] | None = None, sleep: Callable[[float], None] = time.sleep) -> int:
    """See the WorkSpaces through, print what came of each, and return the exit status: 1 if one has no standby."""
    parser = argparse.ArgumentParser(description="Create a standby WorkSpace for each WorkSpace when it is ready.")
    parser.add_argument("--region", required=True, help="of the WorkSpaces")
    parser.add_argument("--dr-region", required=True, help="of the standby WorkSpaces")
    parser.add_argument(
        "--directory",
        required=True,
        action="append",
        metavar="DIRECTORY=DR_DIRECTORY",
        help="a directory, and the one that it has in the DR Region",
    )
    parser.add_argument("workspace_ids", nargs="+", metavar="WORKSPACE")
    options = parser.parse_args(arguments)
    directories = dict(one.partition("=")[::2] for one in options.directory)
    ids = options.workspace_ids
    config = Config(max_pool_connections=len(ids))
    here = boto3.client("workspaces", region_name=options.region, config=config)
    there = boto3.client("workspaces", region_name=options.dr_region, config=config)

    def follow(workspace_id: str) -> bool:
        try:
            standby_id = see_through(
                workspace_id, directories, primary_region=options.region, here=here, there=there, sleep=sleep
            )
        except (RuntimeError, BotoCoreError, ClientError) as problem:
            print(f"{workspace_id}: {problem}", flush=True)
            return False
        print(f"{workspace_id}: standby {standby_id} is AVAILABLE", flush=True)
        return True

    with ThreadPoolExecutor(len(ids)) as pool:
        return 0 if all(list(pool.map(follow, ids))) else 1


if __name__ == "__main__":
    sys.exit(main())
