"""From CreateWorkspaces to a standby and its ledger rows, in the deployed product."""

from local.queries import audit_queries
from tests.e2e.conftest import DR, PRIMARY, STACK, Deployed, wait_until

QUERIES = "coverage day drift failed history orphans plan uncovered user"


def test_a_new_desktop_gets_its_standby_and_both_regions_ledgers_tell_the_story(deployed: Deployed) -> None:
    (one,) = deployed.create("user000")
    row = deployed.until(one, "PROTECTED")
    (standby,) = deployed.standbys_of(one)
    assert row["standby_id"] == standby["workspace_id"]
    assert row["user_key"] == "user000"
    assert row["created_by"].endswith("user/operator")
    assert standby["tags"]["workspaces-standby:stack"] == STACK
    assert standby["tags"]["CostCenter"] == "dr"
    history = deployed.history(one)
    assert [int(event["version"]) for event in history] == list(range(1, len(history) + 1))
    assert history[-1]["status"] == "PROTECTED"
    replica, key = deployed.cloud.client("dynamodb", DR), {"pk": {"S": one}, "sk": {"S": "STATE"}}
    wait_until(
        lambda: replica.get_item(TableName=deployed.table, Key=key).get("Item", {}).get("status") == {"S": "PROTECTED"}
    )
    wait_until(lambda: not deployed.runs("Watch"))  # for nothing is open
    arn = deployed.outputs["WatchStateMachineArn"]
    runs = deployed.cloud.client("stepfunctions", PRIMARY).list_executions(stateMachineArn=arn)["executions"]
    assert max(runs, key=lambda run: run["startDate"])["status"] == "SUCCEEDED"


def test_a_lost_event_is_made_good_by_hand(deployed: Deployed) -> None:
    deployed.cloud.world.change(trail_copies=0)
    (one,) = deployed.create("user045")
    answer = deployed.protect({"mode": "reconcile", "workspace_ids": [one], "cause": {"type": "manual", "id": "e2e"}})
    (decision,) = answer["decisions"]
    assert decision["primary_id"] == one
    assert set(decision) == {"primary_id", "action", "status", "reason_code", "message"}
    deployed.until(one, "PROTECTED")


def test_the_audit_queries_answer(deployed: Deployed) -> None:
    (one,) = deployed.create("user049", BundleId="wsb-rhelstandard")
    deployed.cloud.world.fail_standby_of("user050")
    (broken,) = deployed.create("user050")
    assert deployed.until(one, "INELIGIBLE")["reason_code"] == "OPERATING_SYSTEM"
    day = deployed.until(broken, "FAILED")["changed_at"][:10]
    replaced = {"alice": "user050", "ws-1abc2def3": broken, "2026-03-02": day, "2026-03-03": day}
    answers = {query.name: query.run(deployed.dynamodb, replaced) for query in audit_queries()}
    assert " ".join(sorted(answers)) == QUERIES
    assert [row[1] for row in answers["user"]] == [broken]
    assert broken in [row[0] for row in answers["failed"]]
    assert {broken, one} <= {row[1] for row in answers["day"]}
    assert answers["history"][-1][1:3] == ["FAILED", "STANDBY_IN_ERROR"]
    assert {broken, one} <= {row[0] for row in answers["uncovered"]}
