"""Somebody terminates a standby, or a primary: CloudTrail's event says who, from either Region."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.e2e.conftest import DR, STACK, Deployed, denied, gather

# The world's seconds in which a WorkSpace that is being terminated is still shown: longer than any of this takes.
SHOWN = 600


@pytest.fixture(autouse=True)
def _going_is_seen(deployed: Deployed) -> Iterator[None]:
    before = deployed.cloud.world.snapshot()["settings"]["terminate_seconds"]
    deployed.cloud.world.change(terminate_seconds=SHOWN)
    yield
    deployed.cloud.world.advance(SHOWN)
    deployed.cloud.world.change(terminate_seconds=before)


def terminate(deployed: Deployed, region: str, workspace_id: str, who: str) -> str:
    """Terminate a WorkSpace as a user of that name; the user's ARN."""
    allow = {"Effect": "Allow", "Action": "workspaces:TerminateWorkspaces", "Resource": "*"}
    client = deployed.cloud.client("workspaces", region, credentials=deployed.cloud.make_user(who, allow))
    answer = client.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": workspace_id}])
    assert answer["FailedRequests"] == []
    return f"arn:aws:iam::{deployed.cloud.account}:user/{who}"


def notices(deployed: Deployed, ears: str, primary_id: str) -> list[str]:
    """Wait until the topic has notified of a primary; the messages."""

    def about_it(bodies: list[dict[str, Any]]) -> list[str]:
        return [body["Message"] for body in bodies if primary_id in body.get("Message", "")]

    return about_it(deployed.hear(ears, lambda bodies: bool(about_it(bodies))))


def no_way_to_the_primary_region(deployed: Deployed) -> AbstractContextManager[None]:
    """Take the right to put events there from the role that the DR Region's rule names."""
    (target,) = deployed.cloud.client("events", DR).list_targets_by_rule(Rule=f"{STACK}-dr-ended-workspaces")["Targets"]
    return denied(deployed.cloud, DR, "events:PutEvents", target["RoleArn"])


def test_who_terminates_a_standby_in_the_dr_region_is_on_record_and_told(deployed: Deployed) -> None:
    ears = deployed.listen("ears-standby-terminated")
    (one,) = deployed.create("user090")
    standby = deployed.until(one, "PROTECTED")["standby_id"]
    who = terminate(deployed, DR, standby, "cleaner")
    row = deployed.until(one, "STANDBY_MISSING")
    assert deployed.conditions(one)["STANDBY_TERMINATED"]["note"] == f"{standby} {who}"
    assert row["principal"] == who
    assert (row["reason_code"], row["cause_type"]) == ("STANDBY_GONE", "event")
    (notice,) = notices(deployed, ears, one)
    assert f"TerminateWorkspaces was called for the standby {standby}, by {who}." in notice
    assert {made["workspace_id"] for made in deployed.standbys_of(one)} <= {standby}  # none was made in its place


def test_what_cannot_be_handed_over_waits_in_the_dr_regions_queue(deployed: Deployed) -> None:
    (one,) = deployed.create("user092")
    standby = deployed.until(one, "PROTECTED")["standby_id"]
    with no_way_to_the_primary_region(deployed):
        terminate(deployed, DR, standby, "unheard")
        (letter,) = gather(lambda: dead_letters_of_the_dr_region(deployed))
    assert letter["detail"]["requestParameters"]["terminateWorkspaceRequests"] == [{"workspaceId": standby}]
    assert letter["detail"]["userIdentity"]["userName"] == "unheard"
    assert "STANDBY_TERMINATED" not in deployed.conditions(one)


def dead_letters_of_the_dr_region(deployed: Deployed) -> list[dict[str, Any]]:
    """What the DR stack's queue holds."""
    (target,) = deployed.cloud.client("events", DR).list_targets_by_rule(Rule=f"{STACK}-dr-ended-workspaces")["Targets"]
    sqs = deployed.cloud.client("sqs", DR)
    url = sqs.get_queue_url(QueueName=target["DeadLetterConfig"]["Arn"].rsplit(":", 1)[-1])["QueueUrl"]
    return [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl=url).get("Messages", [])]
