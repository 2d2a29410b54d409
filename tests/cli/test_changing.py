"""What all commands that change something have in common: each habit once, over all of them."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from infra.version import is_older
from tests.cli.scenes import AL, Scene
from tests.cli.stage import Ran
from tests.component.estate import HOME, PRIMARY, TABLE, refusal

# The command, and whether it asks before it does anything. {…} is an attribute of the scene.
COMMANDS = {
    "accept": ("accept d-906732325d", True),
    "accept-id": ("accept user000", True),
    "protect": ("protect {first} user001", True),
    "retry": ("retry --status REPORTED", True),
    "pause": ("pause", False),
    "resume": ("resume", True),
    "keep": ("keep {standby}", False),
    "terminate": ("orphans --terminate", True),
}
ALL = pytest.mark.parametrize("name", COMMANDS)
ASKING = pytest.mark.parametrize("name", [name for name, (_, asks) in COMMANDS.items() if asks])
OTHER = "Standby-eu-west-1-eu-central-1"
Put = Callable[..., Ran]


@pytest.fixture
def put(scene: Scene) -> Put:
    """Runs a command with options, where there is something for it to do."""

    def run(name: str, options: str = "--yes", **more: Any) -> Ran:
        if name == "resume" and not scene.stage.item("PAUSE", "PAUSE"):
            scene.stage.standby("pause")
            scene.stage.standby("protect user000 --yes")
            scene.stage.asked.clear()
        line = COMMANDS[name][0].format(first=scene.reported[0], standby=scene.standby)
        return scene.stage.standby(f"{line} {options}", **more)

    return run


def written(scene: Scene) -> dict[Any, Any]:
    """All of the ledger."""
    return {(item["pk"], item["sk"]): item for item in scene.stage.items()}


def changing(scene: Scene) -> list[tuple[str, str]]:
    """The calls of the command line that could change something."""
    reads = ("describe_", "get_", "query", "batch_get", "list_")
    calls = [(service, operation, arguments) for service, _, operation, arguments in scene.stage.asked]
    dry = '"dry_run": true'
    return [
        (service, operation)
        for service, operation, arguments in calls
        if not operation.startswith(reads) and dry not in str(arguments.get("Payload"))
    ]


@ALL
@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_a_dry_run_shows_what_would_be_done_and_does_nothing(name: str, output: str, put: Put, scene: Scene) -> None:
    put(name, "--dry-run")  # what it needs is there now
    scene.stage.asked.clear()
    before = written(scene)
    ran = put(name, f"--dry-run --output {output}")
    assert ran.status in (0, 1), ran.err
    assert "Traceback" not in ran.err
    assert (written(scene), changing(scene), scene.terminations()) == (before, [], [])
    if output == "json":
        found = json.loads(ran.out)
        assert (found["dry_run"], found["complete"], found["schema_version"]) == (True, True, 1)
    if output == "csv":
        assert len({len(row) for row in csv.reader(io.StringIO(ran.out))}) == 1
    if output == "table":
        assert ran.out.strip()


@ASKING
def test_without_a_terminal_nothing_is_done_before_an_option_answers(name: str, put: Put, scene: Scene) -> None:
    put(name, "--dry-run")
    scene.stage.asked.clear()
    before = written(scene)
    ran = put(name, "")
    assert (ran.status, ran.out) == (2, "")
    assert "This needs confirmation, and there is no terminal. Add --yes." in ran.err
    assert (written(scene), changing(scene)) == (before, [])
    refused = put(name, "--output json")
    assert json.loads(refused.err)["code"] == "NotConfirmed"


@ASKING
def test_at_a_terminal_the_plan_is_shown_and_no_means_no(name: str, put: Put, scene: Scene) -> None:
    put(name, "--dry-run")
    before = written(scene)
    ran = put(name, "", width=140, typed="no\n")
    assert (ran.status, ran.out) == (2, "")
    assert "Type yes to continue" in ran.err
    assert ran.err.endswith("Nothing was changed.\n")
    assert written(scene) == before
    assert put(name, "", width=140, typed="yes\n").status == 0
    assert written(scene) != before


@ALL
@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_what_was_done_is_read_back_and_recorded_with_who_and_why(
    name: str, output: str, put: Put, scene: Scene
) -> None:
    before = written(scene)
    ran = put(name, f"--yes --reason CHG-4711 --output {output}")
    assert ran.status == 0, ran.err
    now = written(scene)
    events = [item for key, item in now.items() if key not in before and item.get("cause_id") == "CHG-4711"]
    assert events
    assert {(item["cause_type"], item.get("principal")) for item in events} == {("command", AL)}
    if output == "table":
        assert "Next: " in ran.err
        assert f"read in {PRIMARY}." in ran.err
    if output == "json":
        assert (json.loads(ran.out)["reason"], json.loads(ran.out)["source_region"]) == ("CHG-4711", PRIMARY)


@ALL
def test_what_aws_refuses_names_the_missing_right_and_changes_nothing(name: str, put: Put, scene: Scene) -> None:
    put(name, "--dry-run")
    before = written(scene)
    invoke = ("lambda", "invoke")
    message = "User: al is not authorized to perform: lambda:InvokeFunction on resource: x"
    missing = f"lambda:InvokeFunction is missing. The policy {TABLE}-operator grants it."
    ledger = refusal("AccessDeniedException", message="User: al is not authorized to perform: dynamodb:Query on x")
    cases: tuple[tuple[dict[tuple[str, ...], Exception], str], ...] = (
        ({invoke: refusal("AccessDeniedException", message=message)}, missing),
        ({invoke: refusal("TooManyRequestsException", message="Rate exceeded")}, "Try again in a minute."),
        (dict.fromkeys([("dynamodb", "query"), ("dynamodb", "batch_get_item")], ledger), f"The policy {TABLE}-reader"),
    )
    for refused, said in cases:
        scene.stage.refused = refused
        ran = put(name)
        assert (ran.status, ran.out, said in ran.err) == (3, "", True), ran.err
    assert written(scene) == before


@ALL
def test_a_function_that_fails_is_a_sentence_with_the_place_of_its_logs(name: str, put: Put, scene: Scene) -> None:
    put(name, "--dry-run")
    before = written(scene)
    body = io.BytesIO(json.dumps({"errorType": "LedgerUnavailable", "errorMessage": "no answer"}).encode())
    scene.stage.answers["lambda", "invoke"] = {"FunctionError": "Unhandled", "Payload": body}
    ran = put(name)
    assert (ran.status, ran.out) == (3, "")
    assert f"{TABLE}-protect failed: LedgerUnavailable: no answer" in ran.err
    assert f"aws logs filter-log-events --log-group-name /aws/lambda/{TABLE}-protect" in ran.err
    assert written(scene) == before


@ALL
def test_an_answer_that_is_lost_is_said_to_be_and_repeating_it_is_harmless(name: str, put: Put, scene: Scene) -> None:
    put(name, "--dry-run")
    real = type(scene.stage)._lambda_invoke

    def lost(**arguments: Any) -> Any:
        found = real(scene.stage, PRIMARY, **arguments)
        if '"dry_run": true' in arguments["Payload"]:
            return found
        raise ReadTimeoutError(endpoint_url="https://lambda")

    scene.stage.answers["lambda", "invoke"] = lost
    ran = put(name)
    assert (ran.status, ran.out) == (3, "")
    assert "It is not known whether the change was made. You can safely run the command again." in ran.err
    del scene.stage.answers["lambda", "invoke"]
    assert put(name).status == 0
    by_primary = [one.primary_id for one in scene.stage.world.standbys()]
    assert len(by_primary) == len(set(by_primary))


@ALL
def test_of_several_pairs_the_one_that_is_meant_is_named(name: str, put: Put, scene: Scene) -> None:
    put(name, "--dry-run")
    scene.stage.stacks[PRIMARY, OTHER] = {"LedgerTableName": OTHER}
    scene.stage.stacks["eu-west-1", OTHER] = {"LedgerTableName": OTHER}
    before = written(scene)
    ran = put(name)
    assert (ran.status, ran.out) == (2, "")
    assert f"There are several pairs: {OTHER}, {TABLE}. Use --stack to name one." in ran.err
    assert written(scene) == before
    assert put(name, f"--yes --stack {TABLE}").status == 0


@ALL
def test_nothing_can_be_changed_while_the_primary_region_is_lost(name: str, put: Put, scene: Scene) -> None:
    put(name, "--dry-run")
    before = written(scene)
    scene.stage.down = {PRIMARY}
    ran = put(name)
    assert (ran.status, ran.out) == (3, "")
    assert f"{PRIMARY} does not answer. All changes are made in that Region." in ran.err
    assert written(scene) == before


@ALL
@pytest.mark.parametrize("version", ["0.0.9", "", "next"])
def test_an_older_deployment_is_not_changed_for_it_would_ignore_a_dry_run(
    name: str, version: str, put: Put, scene: Scene
) -> None:
    put(name, "--dry-run")
    before = written(scene)
    scene.stage.stacks[PRIMARY, TABLE] |= {"Version": version}
    scene.stage.asked.clear()
    ran = put(name, "--dry-run --output json")
    assert (ran.status, ran.out, json.loads(ran.err)["code"]) == (3, "", "OldVersion")
    assert "Deploy this version with `make deploy`" in ran.err
    assert (written(scene), [one for one in scene.stage.asked if one[0] == "lambda"]) == (before, [])


def test_what_only_reads_warns_of_an_older_deployment_and_asks_nothing_of_it(scene: Scene) -> None:
    scene.stage.stacks[PRIMARY, TABLE] |= {"Version": "0.0.9"}
    scene.stage.asked.clear()
    for line in ("list", "status", "show user000"):
        ran = scene.stage.standby(line)
        assert (ran.status in (0, 1), f"{TABLE} is deployed in version 0.0.9." in ran.err) == (True, True), ran.err
    assert [one for one in scene.stage.asked if one[0] == "lambda"] == []


@pytest.mark.parametrize(
    ("version", "older"),
    [
        ("0.1.0", False),
        ("0.1.1", False),
        ("0.10.0", False),
        ("1.0", False),
        ("0.0.9", True),
        ("0.1", True),
        ("x", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, older: bool) -> None:
    assert is_older(version, "0.1.0") is older


@pytest.mark.parametrize(
    "line",
    ["protect usr000", "accept usr000", "retry usr000", "keep usr003", "orphans --terminate usr003", "orphans usr003"],
)
def test_what_names_nothing_is_refused_with_the_nearest_match_and_nothing_is_done(line: str, scene: Scene) -> None:
    ran = scene.stage.standby(f"{line} user001 {'' if line.startswith('orphans u') else '--yes'}")
    assert (ran.status, ran.out) == (2, "")
    assert "Did you mean user00" in ran.err
    assert changing(scene) == []


@pytest.mark.parametrize("given", ["26", HOME, "no"])
def test_above_25_the_number_is_typed_or_given(given: str, scene: Scene) -> None:
    line = f"protect {' '.join(scene.stage.create_ready(*(f'user{number:03}' for number in range(20, 46))))}"
    assert "Add --confirm 26." in scene.stage.standby(f"{line} --yes").err
    ran = scene.stage.standby(line, width=200, typed=f"{given}\n")
    assert "Type 26 to continue" in ran.err
    assert ran.status == (0 if given == "26" else 2)
    assert "and 6 more. --dry-run shows all of them." in ran.err
    assert len(scene.stage.world.standbys()) == (28 if given == "26" else 2)
    assert scene.stage.standby(f"{line} --confirm {given}").status == (0 if given == "26" else 2)
