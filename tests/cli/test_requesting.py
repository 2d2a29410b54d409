"""accept, protect and retry: what they do of their own; the habits that they share are in test_changing.py."""

import csv
import io
import json
from typing import Any

import pytest

from cli import protect
from local.workspaces import Fault
from standby.core.model import Status
from tests.cli.scenes import AL, Scene, terminate
from tests.cli.stage import Stage
from tests.component.estate import CREATE, DR, HOME, PRIMARY, refusal

REQUESTED = (Status.REQUESTED, "CREATE_ACCEPTED")


def rows(out: str) -> dict[str, Any]:
    return {one["user_name"]: one for one in json.loads(out)["desktops"]}


def test_a_directory_is_accepted_after_its_plan_was_shown(scene: Scene) -> None:
    stage = scene.stage
    ran = stage.standby(f"accept {HOME} --reason CHG-4711", width=400, typed="yes\n")
    assert ran.status == 0
    assert "2 desktops would get a standby (already protected: 1, cannot have one: 0, excluded: 1)." in ran.err
    assert "They cost about USD 11.50 a month" in ran.err
    assert "The quota has room for" in ran.err
    assert f"{HOME} was accepted by {AL} at " in ran.out
    assert ran.out.endswith(
        "(CHG-4711). A sweep was started and processes its desktops. Their standbys are created a few at a time.\n"
    )
    baseline = stage.item(f"SWEEP#{HOME}", "BASELINE")
    assert [baseline[name] for name in ("accepted", "accepted_by", "because")] == [True, AL, "CHG-4711"]
    again = stage.standby(f"accept {HOME.upper()} --reason CHG-4712")
    assert again.status == 0
    assert f"{HOME} was already accepted by {AL}" in again.out
    assert "(CHG-4711). Nothing was changed." in again.out
    # Nobody waits an hour for the sweep that takes them up.
    assert stage.status(scene.reported[0]) == (Status.HELD, "BACKFILL")
    assert [one[2] for one in stage.asked if one[0] == "stepfunctions"] == ["list_executions", "start_execution"]


@pytest.mark.parametrize("option", ["--yes", f"--confirm {HOME}"])
def test_the_plan_is_shown_also_where_an_option_answers(option: str, scene: Scene) -> None:
    ran = scene.stage.standby(f"accept {HOME} {option}")
    assert "2 desktops would get a standby (already protected: 1, cannot have one: 0, excluded: 1)." in ran.err
    assert "would get" not in ran.out


def test_no_second_sweep_is_started_beside_one(scene: Scene) -> None:
    scene.stage.answers["stepfunctions", "list_executions"] = {"executions": [{"status": "RUNNING"}]}
    ran = scene.stage.standby(f"accept {HOME} --yes")
    assert "This sweep or the next one processes its desktops" in ran.out
    assert "A sweep is running." in ran.err
    assert "start_execution" not in [one[2] for one in scene.stage.asked]


@pytest.mark.parametrize("operation", ["list_executions", "start_execution"])
def test_a_fleet_is_accepted_also_where_no_sweep_can_be_started(operation: str, scene: Scene) -> None:
    scene.stage.refused["stepfunctions", operation] = refusal("AccessDeniedException")
    ran = scene.stage.standby(f"accept {HOME} --yes")
    assert (ran.status, "The next sweep processes its desktops" in ran.out) == (0, True)
    assert "The sweep could not be started: Access denied" in ran.err
    assert "aws stepfunctions start-execution" in ran.err
    assert scene.stage.item(f"SWEEP#{HOME}", "BASELINE")["accepted"] is True


def test_above_25_desktops_the_directorys_id_is_typed(stage: Stage) -> None:
    stage.create_ready(*(f"user{number:03}" for number in range(26)))
    stage.sweep()
    assert f"Add --confirm {HOME}." in stage.standby(f"accept {HOME} --yes").err
    ran = stage.standby(f"accept {HOME}", width=80, typed="yes\n")
    assert (ran.status, f"Type {HOME} to continue" in ran.err) == (2, True)
    assert stage.standby(f"accept {HOME} --confirm {HOME}").status == 0
    found = json.loads(stage.standby(f"accept {HOME} --output json").out)
    assert (found["already_accepted"], found["directories"][0]["would_get"]) == ([HOME], 26)
    assert found["directories"][0]["monthly_cost"] is None
    assert found["directories"][0]["not_priced"] == "26 STANDARD"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("accept d-9067328a7c", "No sweep has seen directory d-9067328a7c"),
        ("accept d-926722edaf", f"d-926722edaf is the DR directory of {HOME}."),
        (f"accept {HOME} user000", "The arguments name directories and desktops. Run the command once for"),
        (f"accept {HOME} --override CEILING", "--override cannot be used with a directory."),
        ("protect user000 --override CIELING", "There is no override CIELING. Did you mean CEILING?"),
        ("protect ws-1abc2def3", "The ledger has no desktop ws-1abc2def3."),
        ("protect user003", "user003 is not a desktop:"),
        ("retry", "No desktops are selected."),
        ("retry user000 --status FAILED", "Named desktops cannot be combined"),
        ("retry --status PROTECTED", "PROTECTED desktops cannot be retried."),
        ("retry --status WAITNG", "There is no status WAITNG. Did you mean WAITING?"),
        ("retry --reason USER_NOT_FUOND", "There is no reason code USER_NOT_FUOND. Did you mean USER_NOT_FOUND?"),
        ("retry user000 --reason CHG-1 --reason CHG-2", "CHG-1 and CHG-2 are not reason codes."),
    ],
)
def test_what_is_not_meant_so_is_refused(line: str, said: str, scene: Scene) -> None:
    before = scene.stage.items()
    ran = scene.stage.standby(f"{line} --yes")
    assert (ran.status, ran.out, said in ran.err) == (2, "", True), ran.err
    assert scene.stage.items() == before


def test_partial_results_are_said_of_each_desktop_and_what_was_left_out_can_be_overridden(scene: Scene) -> None:
    stage = scene.stage
    ran = stage.standby("protect USER000 user009 user002 --yes --output json")
    assert ran.status == 1
    found = rows(ran.out)
    assert [(found[one]["status"], found[one]["action"]) for one in ("user000", "user009", "user002")] == [
        ("REQUESTED", "RECORD"),
        ("EXCLUDED", "NONE"),
        ("PROTECTED", "NONE"),
    ]
    assert found["user000"]["standby_id"] == stage.row(scene.reported[0]).standby_id
    piped = stage.standby("protect user000 user009 --yes --exit-zero")
    assert piped.status == 0
    assert "Protected or in progress: 1 of 2 (1 REQUESTED). Others: 1 EXCLUDED (EXCLUDED_BY_RULE)." in piped.out
    assert "Next: add --override EXCLUDED to request their standbys anyway." in piped.err
    done = stage.standby("protect user009 --override excluded,daily-cap --yes --output csv")
    assert done.status == 0
    assert next(csv.DictReader(io.StringIO(done.out)))["status"] == "REQUESTED"
    assert "Next" not in done.err


def test_an_id_that_the_ledger_does_not_know_yet_is_one_that_aws_has(scene: Scene) -> None:
    (new,) = scene.stage.create_ready("user050")
    ran = scene.stage.standby(f"protect {new} --yes")
    assert (ran.status, scene.stage.status(new)) == (0, REQUESTED)
    assert f"Next: `standby show {new}` shows the progress" in ran.err


def test_what_is_paused_is_held_and_says_how_to_go_on(scene: Scene) -> None:
    scene.stage.standby("pause --reason CHG-1")
    ran = scene.stage.standby("protect user000 --yes")
    assert ran.status == 1
    assert f"It was turned on by {AL} at " in ran.out
    assert "Next: `standby resume` lets standbys be created again." in ran.err
    assert scene.stage.calls(CREATE)[2:] == []


def test_what_has_a_standby_needs_nothing_and_is_not_asked_about(scene: Scene) -> None:
    ran = scene.stage.standby("protect user002")
    assert (ran.status, "protect would do nothing for these desktops now. Nothing was changed." in ran.err) == (0, True)


def test_a_failed_standby_is_to_be_terminated_before_a_retry(scene: Scene) -> None:
    stage = scene.stage
    (one,) = stage.create_ready("user062")
    stage.protect(one)
    standby = str(stage.row(one).standby_id)
    stage.world.set_state(standby, "ERROR")
    stage.watch()
    assert stage.status(one) == (Status.FAILED, "STANDBY_IN_ERROR")
    for line in (f"retry {one} --yes", "retry --reason STANDBY_IN_ERROR --dry-run", f"protect {one} user000 --yes"):
        ran = stage.standby(line)
        assert f"Terminate {standby} in {DR} first, if nobody needs its data: aws" in ran.err
        assert f"--region {DR} --terminate-workspace-requests {standby}\n" in ran.err
    terminate(stage, DR, standby)
    assert standby not in stage.standby(f"retry {one} --yes").err


def test_retry_takes_those_that_a_code_or_a_status_chooses(scene: Scene) -> None:
    stage = scene.stage
    failed = stage.create_ready("user060", "user061")
    refused = Fault(CREATE, "fail_item", DR, times=2, code="ImageNotFound", message="No image of it.")
    stage.world.inject(refused)
    assert stage.standby(f"protect {' '.join(failed)} --yes").status == 1
    assert {stage.status(one) for one in failed} == {(Status.REJECTED, "SERVICE_REFUSED")}
    assert stage.standby("retry --reason SERVICE_REFUSED --dry-run").status == 0
    ran = stage.standby("retry --reason service-refused --reason CHG-4711 --yes --output json")
    assert (ran.status, sorted(rows(ran.out))) == (0, ["user060", "user061"])
    assert json.loads(ran.out)["reason"] == "CHG-4711"
    assert [stage.status(one) for one in failed] == [REQUESTED] * 2
    none = stage.standby("retry --status REJECTED")
    assert (none.status, none.out) == (0, "0 desktops match.\n")


def test_what_was_done_before_a_call_failed_is_said_and_the_rest_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protect, "MOST", 1)
    real, calls = type(scene.stage)._lambda_invoke, list[str]()

    def once(**arguments: Any) -> Any:
        calls.extend([] if '"dry_run": true' in arguments["Payload"] else ["done"])
        if len(calls) > 1:
            raise refusal("TooManyRequestsException", message="Rate exceeded")
        return real(scene.stage, PRIMARY, **arguments)

    scene.stage.answers["lambda", "invoke"] = once
    ran = scene.stage.standby("protect user000 user001 --yes --output json")
    assert ran.status == 3
    assert rows(ran.out)["user000"]["status"] == "REQUESTED"
    assert "1 of 2 desktops were not processed." in json.loads(ran.err)["message"]
    del scene.stage.answers["lambda", "invoke"]
    assert scene.stage.standby("protect user000 user001 --yes").status == 0


def test_a_dry_run_says_that_it_has_not_looked_into_the_dr_directory(scene: Scene) -> None:
    one = str(scene.reported[0])
    said = "No lookup was made in the DR directory. For 1 desktop, a lookup comes first"
    assert said not in scene.stage.standby(f"retry {one} --dry-run").err
    look = {"primary_id": one, "action": "LOOK", "status": "WAITING", "reason_code": "CREATE_THROTTLED", "message": ""}
    body = json.dumps({"decisions": [look]}).encode()
    scene.stage.answers["lambda", "invoke"] = lambda **_: {"StatusCode": 200, "Payload": io.BytesIO(body)}
    assert said in scene.stage.standby(f"retry {one} --dry-run").err
