"""What an operator does, with the two managed policies that the stack has for people, through the deployed protect."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.queries import printed_payload
from tests.e2e.conftest import DR, PRIMARY, Deployed, wait_until

# The world's seconds in which a WorkSpace that is being terminated is still shown: longer than any of this takes.
SHOWN = 600
TERMINATES = {"Effect": "Allow", "Action": "workspaces:TerminateWorkspaces", "Resource": "*"}


def refused(call: Callable[..., Any], **arguments: Any) -> bool:
    """Whether IAM refuses a call."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


def test_an_operator_pauses_resumes_keeps_and_frees_places_and_each_is_on_record(deployed: Deployed) -> None:
    policies = [deployed.outputs[f"{name}PolicyArn"] for name in ("Reader", "Operator")]
    oncall = deployed.cloud.make_user("oncall", TERMINATES, policies=policies)
    me = f"arn:aws:iam::{deployed.cloud.account}:user/oncall"
    protect = deployed.cloud.client("lambda", PRIMARY, credentials=oncall, read_timeout=120)

    def ask(call: dict[str, Any], **more: Any) -> dict[str, Any]:
        cause = {"type": "command", "id": "CHG-4711", "principal": me}
        payload = json.dumps(call | more | {"cause": cause})
        answer = protect.invoke(FunctionName=deployed.outputs["ProtectFunctionName"], Payload=payload)
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    ears = deployed.listen("ears-operator")
    assert ask(printed_payload("pause"))["decisions"][0]["reason_code"] == "PAUSE_ON"
    (one,) = deployed.create("user047")
    row = deployed.until(one, "HELD")
    assert (row["reason_code"], f"by {me}" in row["message"], "(CHG-4711)" in row["message"]) == ("PAUSED", True, True)
    assert ask(printed_payload("resume"))["decisions"][0]["reason_code"] == "PAUSE_OFF"
    # A watcher tries what is held when it begins.
    wait_until(lambda: deployed.start_watcher() and deployed.row(one)["status"] == "PROTECTED")

    def both(bodies: list[dict[str, Any]]) -> bool:
        told = " ".join(body.get("Subject", "") for body in bodies)
        return "PAUSE_ON" in told and "PAUSE_OFF" in told

    deployed.hear(ears, both)
    before = deployed.cloud.world.snapshot()["settings"]["terminate_seconds"]
    deployed.cloud.world.change(terminate_seconds=SHOWN)
    try:
        standby = deployed.row(one)["standby_id"]
        deployed.workspaces.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": one}])
        deployed.until(one, "PRIMARY_GONE")
        deployed.cloud.world.advance(SHOWN)
        (waits,) = deployed.create("user047")
        assert deployed.until(waits, "INELIGIBLE")["reason_code"] == "USER_HAS_STANDBY"
        orphan = {"workspace_ids": [standby]}
        assert ask({"mode": "keep"}, **orphan)["decisions"][0]["action"] == "RECORD"
        assert deployed.conditions(one)["KEPT"]["note"] == f"{me}: CHG-4711"
        assert "is kept by" in ask({"mode": "terminate", "phase": "before"}, **orphan)["problem"]
        ask({"mode": "keep", "undo": True}, **orphan)
        assert "problem" not in ask({"mode": "terminate", "phase": "before"}, **orphan)
        deployed.cloud.world.change(trail_copies=0)  # its event would be about as fast
        client = deployed.cloud.client("workspaces", DR, credentials=oncall, retries={"total_max_attempts": 12})
        client.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": standby}])
        after = ask({"mode": "terminate", "phase": "after"}, **orphan)["decisions"]
        assert [each["primary_id"] for each in after] == [one, waits]
        assert (deployed.row(one)["reason_code"], deployed.row(one)["principal"]) == ("PRIMARY_TERMINATED", me)
    finally:
        deployed.cloud.world.advance(SHOWN)
        deployed.cloud.world.change(terminate_seconds=before)
    deployed.until(waits, "PROTECTED")
    assert len(deployed.standbys_of(waits)) == 1
    told = [event for event in deployed.history(one) if event.get("notice_code") == "TERMINATED_BY_SOMEBODY"]
    assert [event["principal"].rpartition("/")[2] for event in told] == ["operator"]  # of the primary, and no other


def test_people_may_do_what_their_policies_say_and_no_more(deployed: Deployed) -> None:
    reader, operator = (deployed.outputs[f"{name}PolicyArn"] for name in ("Reader", "Operator"))
    auditor = deployed.cloud.make_user("auditor", policies=[reader])
    oncall = deployed.cloud.make_user("oncall-2", policies=[reader, operator])
    (one,) = deployed.create("user048")
    deployed.until(one, "PROTECTED")
    for region in (PRIMARY, DR):
        ledger = deployed.cloud.client("dynamodb", region, credentials=auditor)
        of_user: dict[str, Any] = {"TableName": deployed.table, "IndexName": "by_user"}
        of_user |= {
            "KeyConditionExpression": "ix_user = :user",
            "ExpressionAttributeValues": {":user": {"S": "user048"}},
        }
        wait_until(lambda ledger=ledger, of_user=of_user: ledger.query(**of_user)["Count"] == 1)  # type: ignore[misc]
        assert refused(ledger.scan, TableName=deployed.table)
        ledger.describe_table(TableName=deployed.table)
        deployed.cloud.client(
            "workspaces", region, credentials=auditor, retries={"total_max_attempts": 12}
        ).describe_workspaces()
    call = {"FunctionName": deployed.outputs["ProtectFunctionName"], "Payload": json.dumps({"mode": "resume"})}
    assert refused(deployed.cloud.client("lambda", PRIMARY, credentials=auditor).invoke, **call)
    ledger = deployed.cloud.client("dynamodb", PRIMARY, credentials=oncall)
    pause = {"pk": {"S": "PAUSE"}, "sk": {"S": "PAUSE"}}
    assert refused(ledger.put_item, TableName=deployed.table, Item=pause)
    there = deployed.cloud.client("workspaces", DR, credentials=oncall, retries={"total_max_attempts": 12})
    standby = deployed.row(one)["standby_id"]
    assert refused(there.terminate_workspaces, TerminateWorkspaceRequests=[{"WorkspaceId": standby}])
    item = {"PrimaryWorkspaceId": one, "DirectoryId": "d-926722edaf"}
    assert refused(there.create_standby_workspaces, PrimaryRegion=PRIMARY, StandbyWorkspaces=[item])
    sweep = deployed.cloud.client("stepfunctions", PRIMARY, credentials=oncall)
    sweep.start_execution(stateMachineArn=deployed.outputs["SweepStateMachineArn"], input="{}")
    wait_until(lambda: not deployed.runs("Sweep"))
    queue = deployed.cloud.client("sqs", PRIMARY, credentials=oncall)
    queue.receive_message(QueueUrl=deployed.outputs["DeadLetterQueueUrl"])
