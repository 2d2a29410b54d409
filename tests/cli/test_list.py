from tests.cli.stage import Stage
from tests.component.estate import DR, PRIMARY


def test_those_without_cover(stage: Stage) -> None:
    stage.create("user001")
    stage.send({"mode": "reconcile", "workspace_ids": [stage.world.primaries()[0].workspace_id]})
    ran = stage.standby("list --uncovered --output csv")
    assert (ran.status, ran.out.splitlines()[0]) == (0, "primary_id,user_name,status,reason_code,changed_at")
    assert "user001,WAITING,PRIMARY_PENDING" in ran.out
    stage.down = {PRIMARY}
    assert f"replica in {DR}" in stage.standby("list --uncovered").err
