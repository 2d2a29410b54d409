"""From CreateWorkspaces to a standby and its ledger rows, in the deployed product."""

from __future__ import annotations

import json

import pytest

from local.queries import readme_queries, run_readme_command
from local.workspaces import Fault
from tests.e2e.conftest import AWAY, DR, PRIMARY, Deployed, wait_until

CREATE = "CreateStandbyWorkspaces"


def test_a_new_desktop_gets_its_standby_and_the_ledger_tells_the_story(deployed: Deployed) -> None:
    (one,) = deployed.create("user000")
    row = deployed.until(one, "PROTECTED")
    (standby,) = deployed.standbys_of(one)
    assert row["standby_id"] == standby["workspace_id"]
    assert row["user_key"] == "user000"
    assert row["principal"].endswith("user/operator")
    assert standby["tags"]["workspaces-standby:stack"] == "Standby-us-east-1-us-west-2"
    assert standby["tags"]["CostCenter"] == "dr"
    pages = deployed.dynamodb.query(
        TableName=deployed.table,
        KeyConditionExpression="pk = :id AND begins_with(sk, :event)",
        ExpressionAttributeValues={":id": {"S": one}, ":event": {"S": "EVENT#"}},
    )["Items"]
    assert [int(item["version"]["N"]) for item in pages] == list(range(1, len(pages) + 1))
    assert pages[-1]["status"]["S"] == "PROTECTED"


def test_twenty_five_desktops_of_one_call_get_twenty_five_standbys(deployed: Deployed) -> None:
    ids = deployed.create(*[f"user{number:03}" for number in range(10, 35)])
    for one in ids:
        deployed.until(one, "PROTECTED")
    assert all(len(deployed.standbys_of(one)) == 1 for one in ids)
    assert deployed.cloud.world.duplicates() == []


@pytest.mark.parametrize("copies", [3])
def test_an_event_that_comes_three_times_makes_one_standby(deployed: Deployed, copies: int) -> None:
    deployed.cloud.world.change(trail_copies=copies)
    (one,) = deployed.create("user040")
    deployed.until(one, "PROTECTED")
    assert len(deployed.standbys_of(one)) == 1


def test_a_throttled_dr_region_only_delays(deployed: Deployed) -> None:
    deployed.cloud.world.inject(Fault(CREATE, "throttle", DR, times=3))
    (one,) = deployed.create("user041")
    deployed.until(one, "PROTECTED")
    assert len(deployed.standbys_of(one)) == 1


@pytest.mark.parametrize("strict", [False, True])
def test_a_request_whose_answer_is_lost_is_found_again(deployed: Deployed, strict: bool) -> None:
    deployed.cloud.world.change(strict=strict)
    deployed.cloud.world.inject(Fault(CREATE, "connection_closed_after", DR, times=1))
    (one,) = deployed.create(f"user04{2 + strict}")
    deployed.until(one, "PROTECTED")
    assert len(deployed.standbys_of(one)) == 1


def test_a_lost_event_is_made_good_by_hand(deployed: Deployed) -> None:
    deployed.cloud.world.change(trail_copies=0)
    (one,) = deployed.create("user045")
    answer = deployed.protect({"mode": "reconcile", "workspace_ids": [one], "cause": {"type": "manual", "id": "e2e"}})
    (decision,) = answer["decisions"]
    assert decision["primary_id"] == one
    assert set(decision) == {"primary_id", "action", "status", "reason_code", "message"}
    deployed.until(one, "PROTECTED")


def test_a_linux_desktop_is_explained_and_not_protected(deployed: Deployed) -> None:
    (one,) = deployed.create("user046", BundleId="wsb-ubuntustandard")
    row = deployed.until(one, "INELIGIBLE")
    assert row["reason_code"] == "OPERATING_SYSTEM"
    assert deployed.standbys_of(one) == []


def test_the_pause_switch_holds_without_a_deployment(deployed: Deployed) -> None:
    run_readme_command("pause", deployed.dynamodb)
    (one,) = deployed.create("user047")
    assert deployed.until(one, "HELD")["reason_code"] == "PAUSED"
    run_readme_command("resume", deployed.dynamodb)
    # A watcher tries what is held when it begins.
    wait_until(lambda: deployed.start_watcher() and deployed.row(one)["status"] == "PROTECTED")


def test_the_watcher_ends_when_nothing_is_open(deployed: Deployed) -> None:
    (one,) = deployed.create("user048")
    deployed.until(one, "PROTECTED")
    sfn = deployed.cloud.client("stepfunctions", PRIMARY)
    arn = deployed.outputs["WatchStateMachineArn"]
    wait_until(lambda: not deployed.runs("Watch"))
    newest = max(sfn.list_executions(stateMachineArn=arn)["executions"], key=lambda one: one["startDate"])
    assert newest["status"] == "SUCCEEDED"


def test_readmes_audit_queries_answer(deployed: Deployed) -> None:
    (one,) = deployed.create("user049", BundleId="wsb-rhelstandard")
    deployed.cloud.world.fail_standby_of("user050")
    (broken,) = deployed.create("user050")
    deployed.until(one, "INELIGIBLE")
    day = deployed.until(broken, "FAILED")["changed_at"][:10]
    replaced = {"alice": "user050", "ws-1abc2def3": broken, "2026-03-02": day, "2026-03-03": day}
    answers = {query.name: query.run(deployed.dynamodb, replaced) for query in readme_queries()}
    assert set(answers) == {"user", "failed", "day", "history", "uncovered", "coverage", "drift", "orphans", "plan"}
    assert [row[1] for row in answers["user"]] == [broken]
    assert broken in [row[0] for row in answers["failed"]]
    assert {broken, one} <= {row[1] for row in answers["day"]}
    assert answers["history"][-1][1:3] == ["FAILED", "STANDBY_IN_ERROR"]
    assert {broken, one} <= {row[0] for row in answers["uncovered"]}


def test_the_ledger_can_be_read_in_the_dr_region(deployed: Deployed) -> None:
    (one,) = deployed.create("user051")
    deployed.until(one, "PROTECTED")
    replica = deployed.cloud.client("dynamodb", DR)
    key = {"pk": {"S": one}, "sk": {"S": "STATE"}}
    wait_until(
        lambda: replica.get_item(TableName=deployed.table, Key=key).get("Item", {}).get("status") == {"S": "PROTECTED"}
    )


def test_a_hand_made_desktop_in_the_dr_region_is_never_touched(deployed: Deployed) -> None:
    order = {"DirectoryId": AWAY, "UserName": "user052", "BundleId": "wsb-windowsstandard"}
    deployed.cloud.client("workspaces", DR, retries={"total_max_attempts": 9}).create_workspaces(Workspaces=[order])
    (one,) = deployed.create("user052")
    assert deployed.until(one, "INELIGIBLE")["reason_code"] == "SECONDARY_EXISTS"
    touched = [call for call in deployed.cloud.world.calls() if call["operation"] == "TerminateWorkspaces"]
    assert touched == []
    assert json.dumps(deployed.standbys_of(one)) == "[]"
