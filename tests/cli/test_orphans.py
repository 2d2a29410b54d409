"""orphans and keep: what is listed of each, what is terminated and what is not, and what an interruption leaves."""

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from cli.orphans import Orphan, Orphans, table_of
from local.workspaces import Fault
from standby.core.model import Status
from standby.core.settings import Directory
from tests.cli.scenes import AL, ORPHANED, Scene, terminate
from tests.cli.stage import Stage, Terminal
from tests.component.estate import AWAY, DR, HOME, PRIMARY, TABLE, refusal

FREED = ("PRIMARY_GONE", "PRIMARY_TERMINATED")


def listed(scene: Scene, line: str = "orphans") -> list[dict[str, Any]]:
    ran = scene.stage.standby(f"{line} --output json")
    assert ran.status in (0, 1), ran.err
    found: list[dict[str, Any]] = json.loads(ran.out)["orphans"]
    return found


def ended(scene: Scene, options: str = "--yes") -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit status of a termination, and of each standby what became of it and why."""
    ran = scene.stage.standby(f"orphans --terminate {options} --output json")
    found = json.loads(ran.out)["orphans"] if ran.out else []
    return ran.status, {one["standby_id"]: (one["result"], one["why"]) for one in found}


# The list


def test_the_way_out_for_an_orphan_that_this_stack_did_not_request_is_shown_everywhere(scene: Scene) -> None:
    stage = scene.stage
    (one,) = stage.create_ready("user007")
    stage.create_standby(one)
    stage.sweep()
    stage.watch()
    standby = stage.row(one).standby_id
    assert stage.status(one) == ("PROTECTED", "ADOPTED")
    terminate(stage, PRIMARY, one)
    terminate(stage, DR, scene.standby)
    for _ in range(3):
        stage.pass_time(hours=1)
        stage.sweep()
    assert [found["standby_id"] for found in listed(scene)] == [standby]
    command = f"aws workspaces terminate-workspaces --region {DR} --terminate-workspace-requests {standby}"
    assert f"If nobody needs the data on it, run `{command}`" in stage.standby(f"show {one}").out
    assert "Next: `standby orphans --terminate --dry-run` shows how to terminate them" in stage.standby("orphans").err
    ran = stage.standby(f"orphans --terminate {one} --yes")
    assert (ran.status, f"This command always refuses {standby}. If nobody needs the data" in ran.err) == (1, True)
    assert f"{command}\n" in ran.err
    assert scene.terminations() == [scene.standby]  # and that was not the command


def test_an_orphan_is_listed_with_age_cost_copies_use_and_who_waits(scene: Scene) -> None:
    (found,) = listed(scene)
    assert (found["standby_id"], found["primary_id"], found["user_name"]) == (scene.standby, scene.orphan, "user003")
    assert (found["monthly_cost"], found["replication"], found["last_connection"]) == (
        "5.75",
        "NO_REPLICATION",
        "never",
    )
    assert (found["waiting"], found["kept"], found["dr_directory_id"]) == ([], None, AWAY)
    assert 15 <= found["age_days"] < 16
    new = scene.successor()
    (found,) = listed(scene, "orphans --replaced")
    assert found["waiting"] == [new]
    table = scene.stage.standby("orphans", width=200)
    assert "1 of 1 orphans. They cost about USD 5.75 a month; data replication and hours of use are extra." in table.out
    assert "Next: `standby orphans --terminate --replaced` makes room" in table.err
    (row,) = csv.DictReader(io.StringIO(scene.stage.standby("orphans USER003 --output csv").out))
    assert (row["standby_id"], json.loads(row["waiting"])) == (scene.standby, [new])


def test_an_age_of_minutes_is_shown_in_minutes(scene: Scene) -> None:
    found = next(one for one in listed(scene) if one["standby_id"] == scene.standby)
    since = datetime.fromisoformat(found["orphaned_at"])
    one = Orphan(scene.stage.row(scene.orphan))
    table = table_of(Orphans([one]), [one], since + timedelta(seconds=150), has_stacks=False)
    (row,) = table.rows
    assert [column.show(row["age_days"]) for column in table.columns if column.name == "age_days"] == ["2 min"]


def test_age_and_replacement_choose(scene: Scene) -> None:
    assert listed(scene, "orphans --replaced") == []
    assert listed(scene, "orphans --older-than 20d") == []
    assert len(listed(scene, "orphans --older-than 14d")) == 1
    ran = scene.stage.standby("orphans --older-than 20d")
    assert ran.out == "0 of 1 orphans match.\n"
    assert scene.stage.standby("orphans --older-than soon").status == 2


@pytest.mark.parametrize(
    ("width", "is_table", "has_primary"), [(140, True, True), (80, True, False), (40, False, True)]
)
def test_at_no_width_is_an_id_broken_in_two(width: int, is_table: bool, has_primary: bool, scene: Scene) -> None:
    lines = scene.stage.standby("orphans --no-color", width=width).out.splitlines()
    assert max(map(len, lines)) <= width
    assert any(scene.standby in line for line in lines)
    assert lines[0].startswith("Standby       User") is is_table
    assert any(scene.orphan in line for line in lines) is has_primary


def test_none_says_of_how_many_and_needs_no_look(stage: Stage) -> None:
    ran = stage.standby("orphans")
    assert (ran.status, ran.out) == (0, "0 orphans. 0 primaries no longer exist.\n")
    assert [one for one in stage.asked if one[0] == "workspaces"] == []


def test_who_used_it_last_is_incomplete_where_aws_does_not_say(scene: Scene) -> None:
    status = ("workspaces", "describe_workspaces_connection_status")
    scene.stage.refused[status] = refusal("AccessDeniedException", message="not authorized to perform: x")
    ran = scene.stage.standby("orphans --output json")
    found = json.loads(ran.out)
    assert (ran.status, found["complete"], found["orphans"][0]["last_connection"]) == (4, False, "not known")
    assert f"The policy {TABLE}-reader grants it." in found["missing"][0]
    del scene.stage.refused[status]
    scene.stage.world.workspace(scene.standby).last_connected_at = scene.stage.clock.now()
    assert listed(scene)[0]["last_connection"] == scene.stage.clock.now().isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )


def test_it_is_read_in_the_dr_region_when_the_primary_one_is_lost(scene: Scene) -> None:
    scene.stage.down = {PRIMARY}
    ran = scene.stage.standby("orphans")
    assert (ran.status, scene.standby in ran.out, f"replica in {DR}" in ran.err) == (0, True, True)


def test_an_option_of_a_termination_is_not_ignored_without_it(scene: Scene) -> None:
    for option in ("--dry-run", "--yes", "--reason CHG-1", "--confirm 3"):
        ran = scene.stage.standby(f"orphans {option}")
        assert (ran.status, "Add --terminate" in ran.err) == (2, True)


# keep


def test_a_kept_orphan_says_by_whom_and_why_and_is_not_terminated(scene: Scene) -> None:
    stage = scene.stage
    ran = stage.standby("keep user003 --reason CHG-4711")
    assert (ran.status, "1 orphan is kept." in ran.out) == (0, True)
    assert listed(scene)[0]["kept"] == f"{AL}: CHG-4711"
    again = stage.standby(f"keep {scene.orphan} --reason CHG-4711")
    assert "0 orphans are kept." in again.out
    assert "1 was already kept. Nothing was changed for them." in again.out
    assert ended(scene) == (0, {})  # all that nobody keeps
    assert ended(scene, f"{scene.standby} --yes") == (
        1,
        {scene.standby: ("REFUSED", f"It is kept by {AL}: CHG-4711.")},
    )
    undone = stage.standby(f"keep --undo {scene.standby} --output json")
    assert (undone.status, json.loads(undone.out)["orphans"][0]["kept"]) == (0, None)
    assert scene.terminations() == []
    assert ended(scene)[1] == {scene.standby: ("TERMINATING", "The user's place is free.")}


def test_only_an_orphan_can_be_kept(scene: Scene) -> None:
    ran = scene.stage.standby("keep user003 user002")
    assert (ran.status, ran.out) == (2, "")
    assert f"user002 is not an orphan: {scene.protected} is PROTECTED (STANDBY_READY)." in ran.err
    assert listed(scene)[0]["kept"] is None


# Terminated


def test_a_replaced_orphan_is_terminated_and_its_place_is_free_at_once(scene: Scene) -> None:
    stage, new = scene.stage, scene.successor()
    ran = stage.standby("orphans --terminate --replaced --reason CHG-4711", width=200, typed="yes\n")
    assert ran.status == 0
    assert "Terminate 1 standby in us-west-2 and destroy the data? Type yes to continue" in ran.err
    assert f"{new} of user003 waited for the place. It is now WAITING." in ran.out
    assert f"Next: `standby show {new}` shows the progress" in ran.err
    assert (scene.terminations(), stage.status(scene.orphan)) == ([scene.standby], FREED)
    stage.watch()
    assert stage.status(new) == (Status.PROTECTED, "STANDBY_READY")
    *_, before, after = stage.history(scene.orphan)
    assert [(one["principal"], one["cause_id"]) for one in (before, after)] == [(AL, "CHG-4711")] * 2
    assert f"TerminateWorkspaces is about to be called for the standby {scene.standby}, by {AL}" in before["message"]


def connected(scene: Scene) -> None:
    scene.stage.world.workspace(scene.standby).last_connected_at = scene.stage.clock.now()


def reconfigured(scene: Scene) -> None:
    scene.stage.stacks[PRIMARY, TABLE]["ConfigDigest"] = "another"


def replicated(scene: Scene) -> None:
    scene.stage.configure(directories={HOME: Directory(AWAY, data_replication="PRIMARY_AS_SOURCE")})
    scene.stage.sweep()


def without_witness(scene: Scene) -> None:
    for one in (scene.protected, scene.excluded, *scene.reported):
        terminate(scene.stage, PRIMARY, one)
    scene.stage.pass_time(hours=1)


def throttled(scene: Scene) -> None:
    scene.stage.world.inject(Fault("DescribeWorkspaces", "throttle", DR))


def untagged(scene: Scene) -> None:
    scene.stage.world.workspace(scene.standby).tags.clear()


def before_the_first_sweep(scene: Scene) -> None:
    scene.stage.put("SETTINGS", "SETTINGS", settings_json="{}")


@pytest.mark.parametrize(
    ("happens", "result", "why"),
    [
        (connected, "REFUSED", "The user was connected to it at"),
        (reconfigured, "WAIT", "The configuration was deployed after the last sweep."),
        (before_the_first_sweep, "WAIT", "The ledger does not have the settings yet."),
        (replicated, "REFUSED", "Data replication is configured for its directory"),
        (without_witness, "WAIT", "does not return any primary"),
        (throttled, "WAIT", "The standby could not be described: ThrottlingException"),
        (untagged, "REFUSED", "Its tag workspaces-standby:stack does not name this stack."),
    ],
)
def test_each_refusal_says_its_reason_and_nothing_is_terminated(
    happens: Callable[[Scene], None], result: str, why: str, scene: Scene
) -> None:
    happens(scene)
    status, found = ended(scene, f"{scene.standby} --yes")
    assert (status, found[scene.standby][0]) == (1, result), found
    assert why in found[scene.standby][1]
    assert scene.terminations() == []
    assert scene.stage.status(scene.orphan) == ORPHANED


def test_who_connects_while_the_list_is_read_keeps_the_standby(scene: Scene) -> None:
    class Slow(Terminal):
        """A person who takes their time."""

        def readline(self, *_: Any) -> str:  # type: ignore[override]
            connected(scene)
            return "yes\n"

    ran = scene.stage.standby("orphans --terminate", width=200, keyboard=Slow())
    assert (ran.status, "The user was connected to it at" in ran.out) == (1, True)
    assert (scene.terminations(), scene.stage.status(scene.orphan)) == ([], ORPHANED)


def test_a_person_without_the_right_is_told_that_no_policy_of_the_stack_has_it(scene: Scene) -> None:
    message = "User: al is not authorized to perform: workspaces:TerminateWorkspaces on resource: x"
    scene.stage.refused["workspaces", "terminate_workspaces"] = refusal("AccessDeniedException", message=message)
    ran = scene.stage.standby("orphans --terminate --yes")
    assert (ran.status, ran.out) == (3, "")
    assert "workspaces:TerminateWorkspaces is missing. No policy of the stack grants it" in ran.err
    assert scene.stage.status(scene.orphan) == ORPHANED
    del scene.stage.refused["workspaces", "terminate_workspaces"]
    assert ended(scene)[0] == 0


def test_an_item_that_aws_refuses_is_said_beside_the_others(scene: Scene) -> None:
    fault = Fault("TerminateWorkspaces", "fail_item", DR, code="ResourceInUse", message="It is in use.", times=1)
    scene.stage.world.inject(fault)
    assert ended(scene) == (1, {scene.standby: ("FAILED", "ResourceInUse: It is in use.")})
    assert scene.stage.status(scene.orphan) == ORPHANED
    assert ended(scene) == (0, {scene.standby: ("TERMINATING", "The user's place is free.")})


STEPS = ("lambda invoke before", "workspaces terminate_workspaces", "lambda invoke after")


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("wait", [0, 24], ids=["at-once", "a-day-later"])
def test_killed_around_each_step_and_run_again_it_ends_each_once(
    wait: int, step: str, is_done: bool, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, new = scene.stage, scene.successor()
    real = stage.answer

    def killed(service: str, region: str, operation: str, arguments: dict[str, Any]) -> Any:
        phase = next((one for one in ("before", "after") if f'"phase": "{one}"' in str(arguments.get("Payload"))), "")
        if f"{service} {operation} {phase}".strip() != step:
            return real(service, region, operation, arguments)
        if is_done:
            real(service, region, operation, arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stage, "answer", killed)
        ran = stage.standby(f"orphans --terminate {scene.standby} --yes")
        assert (ran.status, "You can safely run the command again." in ran.err) == (130, True)
    stage.pass_time(hours=wait)
    status, found = ended(scene, f"{scene.standby} --yes")
    assert (status, found[scene.standby][0] in ("TERMINATING", "GONE")) == (0, True), found
    assert scene.terminations() == [scene.standby]
    assert ended(scene, f"{scene.standby} --yes") == (0, {scene.standby: ("GONE", "It was terminated earlier.")})
    assert scene.terminations() == [scene.standby]
    assert stage.status(scene.orphan) == FREED
    stage.watch()
    assert stage.status(new) == (Status.PROTECTED, "STANDBY_READY")


def test_an_answer_that_is_lost_is_looked_for(scene: Scene) -> None:
    real = scene.stage.client("workspaces", DR).terminate_workspaces

    def lost(**arguments: Any) -> Any:
        real(**arguments)
        raise ReadTimeoutError(endpoint_url="https://workspaces")

    scene.stage.answers["workspaces", "terminate_workspaces"] = lost
    assert ended(scene) == (0, {scene.standby: ("TERMINATING", "The user's place is free.")})


def test_above_25_they_are_ended_in_calls_of_25_once_the_number_is_given(scene: Scene) -> None:
    stage = scene.stage
    users = [f"user{number:03}" for number in range(30, 60)]
    ids = stage.create_ready(*users)
    stage.protect(*ids)
    stage.watch()
    for one in ids:
        terminate(stage, PRIMARY, one)
    for _ in range(2):
        stage.pass_time(hours=1)
        stage.sweep()
    assert "Add --confirm 31." in stage.standby("orphans --terminate --yes").err
    status, found = ended(scene, "--confirm 31")
    assert (status, len(found)) == (0, 31)
    assert sorted(
        len(call.params["TerminateWorkspaceRequests"]) for call in stage.calls("TerminateWorkspaces", DR)
    ) == [
        6,
        25,
    ]
    assert {stage.status(one) for one in ids} == {FREED}
