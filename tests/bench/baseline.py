"""What an administrator would otherwise write: a script that sees each WorkSpace through by itself.

It works, for one WorkSpace and for thousands: a loop for each, in a thread of its own, that looks every minute. boto3
is used as it comes: in its mode `legacy` it repeats what is throttled up to four times, within seconds. What is
throttled even then is tried again a minute later, so that no WorkSpace is given up. It is what the product is compared
with, so it asks for nothing that it does not need.

It keeps no record, does not know after a crash what it had requested, and would then request it a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient

EVERY_SECONDS = 60


def see_through(
    workspace_id: str,
    dr_directory: str,
    *,
    primary_region: str,
    here: WorkSpacesClient,
    there: WorkSpacesClient,
    sleep: Callable[[float], None],
) -> str:
    """Wait for a WorkSpace, request its standby, and wait for that; the standby's id."""
    _wait_until_available(here, workspace_id, sleep)
    standby_id = ""
    while not standby_id:
        try:
            answer = there.create_standby_workspaces(
                PrimaryRegion=primary_region,
                StandbyWorkspaces=[{"PrimaryWorkspaceId": workspace_id, "DirectoryId": dr_directory}],
            )
        except ClientError as problem:
            if problem.response["Error"]["Code"] != "ThrottlingException":
                raise
            sleep(EVERY_SECONDS)
            continue
        if answer["FailedStandbyRequests"]:
            raise RuntimeError(f"no standby for {workspace_id}: {answer['FailedStandbyRequests']}")
        standby_id = answer["PendingStandbyRequests"][0]["WorkspaceId"]
    _wait_until_available(there, standby_id, sleep)
    return standby_id


def _wait_until_available(client: WorkSpacesClient, workspace_id: str, sleep: Callable[[float], None]) -> None:
    while True:
        try:
            found = client.describe_workspaces(WorkspaceIds=[workspace_id])["Workspaces"]
            if found and found[0]["State"] == "AVAILABLE":
                return
        except ClientError as problem:
            if problem.response["Error"]["Code"] != "ThrottlingException":
                raise
        sleep(EVERY_SECONDS)
