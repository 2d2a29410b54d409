"""pause and resume: what is held now, by whom and since when."""

import json

from standby.core.model import Status
from tests.cli.scenes import AL, Scene
from tests.cli.stage import Stage
from tests.component.estate import CREATE


def test_a_pause_says_who_when_and_why_and_again_that_it_was_so_already(stage: Stage) -> None:
    ran = stage.standby("pause --reason CHG-4711")
    assert ran.status == 0
    assert ran.out.startswith(f"The pair was paused by {AL} at 2026-01-05 09:00 UTC (CHG-4711).")
    assert ran.out.endswith("No standbys are created. The pause holds 0 desktops.\n")
    assert "Next: `standby resume` ends the pause." in ran.err
    stage.pass_time(hours=1)
    changes = stage.standby("audit --since 1d --changes").out.splitlines()
    assert any("\tPAUSE_ON\t" in line and line.endswith("\tCHG-4711") for line in changes)
    again = stage.standby("pause --reason CHG-4712")
    assert again.status == 0
    assert f"The pair was already paused by {AL} at 2026-01-05 09:00 UTC (CHG-4711). Nothing was changed." in again.out
    (found,) = json.loads(stage.standby("pause --output json").out)["switch"]
    assert (found["paused"], found["by"], found["at"]) == (True, AL, "2026-01-05T09:00:00.000Z")
    assert (found["because"], found["held"]) == ("CHG-4711", 0)
    assert stage.standby("pause --output csv").out.startswith("stack,paused,by,at,because,held,held_otherwise\n")


def test_a_resume_asks_only_if_somebody_is_held_and_lets_them_go_on(scene: Scene) -> None:
    stage = scene.stage
    nothing = stage.standby("resume")
    assert (nothing.status, nothing.out) == (0, "The pair was not paused. Nothing was changed.\n")
    stage.standby("pause")
    assert stage.standby("resume --reason CHG-1").status == 0
    stage.standby("pause --reason CHG-2")
    stage.standby("protect user000 user001 --yes")
    sent = len(stage.calls(CREATE))
    asked = stage.standby("resume", width=200, typed="no\n")
    assert (asked.status, f"The pair was paused by {AL} at " in asked.err) == (2, True)
    assert "The pause holds 2 desktops.\nCreate standbys for 2 WorkSpaces? Type yes" in asked.err
    dry = stage.standby("resume --dry-run")
    assert (dry.status, dry.out.splitlines()[0]) == (0, "The pair would be resumed.")
    ran = stage.standby("resume --yes --reason CHG-3")
    assert ran.status == 0
    assert "(CHG-3).\nThe pause held 2 desktops. Their standbys are created a few at a time.\n" in ran.out
    assert len(stage.calls(CREATE)) == sent
    stage.watch()
    assert {stage.status(one)[0] for one in scene.reported} == {Status.PROTECTED}
    assert [one["reason_code"] for one in stage.history("PAUSE")] == ["PAUSE_ON", "PAUSE_OFF", "PAUSE_ON", "PAUSE_OFF"]


def test_somebody_else_who_was_faster_is_said(stage: Stage) -> None:
    def resumed(**arguments: str) -> object:
        found = stage._lambda_invoke("us-east-1", FunctionName=arguments["FunctionName"], Payload=arguments["Payload"])
        stage.put("PAUSE", "PAUSE", paused=False, resumed_by="bo", resumed_at="2026-01-05T09:00:00.000Z")
        return found

    stage.answers["lambda", "invoke"] = resumed
    ran = stage.standby("pause")
    assert (ran.status, ran.out) == (1, "The pair is not paused: someone else changed the switch in the meantime.\n")
