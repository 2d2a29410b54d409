"""What all commands that read have in common: forms, Regions, refusals, pipes, and how they start."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

from tests.cli.practised import practised
from tests.cli.stage import Stage
from tests.component.estate import DR, PRIMARY, TABLE, refusal

ROOT = Path(__file__).resolve().parents[2]
READERS = (
    "list",
    "list --uncovered",
    "list --needs-action",
    "status",
    "show user001",
    "audit --as-of 2026-01-05T14:00Z",
    "audit --user user001 --as-of 2026-01-05T14:00Z",
    "audit --on 2026-01-05",
    "plan",
)
COMMANDS = ("list", "status", "show", "explain", "audit", "report", "plan", "diff", "failover-list", "runbook")
DENIED = refusal(
    "AccessDeniedException",
    message="User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: dynamodb:Query on resource: x",
)
THROTTLED = refusal("ThrottlingException", message="Rate exceeded")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A pair with some life behind it, in a folder without a configuration file; nothing here changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        yield practised()


@pytest.fixture(autouse=True)
def _as_before(lived: Stage) -> Iterator[None]:
    stacks = dict(lived.stacks)
    yield
    lived.down.clear()
    lived.refused.clear()
    lived.stacks = stacks


@pytest.mark.parametrize("line", READERS)
def test_json_says_what_it_is_and_whether_it_is_whole(lived: Stage, line: str) -> None:
    ran = lived.standby(f"{line} --output json")
    found = json.loads(ran.out)
    assert ran.status in (0, 1), ran.err
    assert (found["schema_version"], found["complete"], found["source_region"]) == (1, True, PRIMARY)
    assert found["as_of"].endswith("Z")


@pytest.mark.parametrize("line", READERS)
def test_every_form_has_the_same_exit_status_and_data_alone_on_stdout(lived: Stage, line: str) -> None:
    table, data, sheet = (lived.standby(f"{line} --output {form}") for form in ("table", "json", "csv"))
    assert table.status == data.status == sheet.status
    assert f"read in {PRIMARY}." in table.err
    assert "Next: " in table.err
    assert "Next: " not in table.out + data.err + sheet.err
    assert len({row.count(",") for row in sheet.out.splitlines()[:1]}) == 1


@pytest.mark.parametrize("line", READERS)
def test_query_selects_from_json_alone(lived: Stage, line: str) -> None:
    assert json.loads(lived.standby(f"{line} -o json --query source_region").out) == PRIMARY
    ran = lived.standby(f"{line} --query source_region")
    assert (ran.status, ran.out) == (2, "")


@pytest.mark.parametrize("line", READERS)
def test_two_pairs_are_both_read_and_a_column_names_each(lived: Stage, line: str) -> None:
    other = TABLE.replace("us-west-2", "eu-west-1")
    lived.stacks[PRIMARY, other] = {"LedgerTableName": TABLE}
    found = json.loads(lived.standby(f"{line} --output json").out)
    rows = next(value for value in found.values() if isinstance(value, list) and value)
    assert {row["stack"] for row in rows} == {TABLE, other}
    assert other in lived.standby(line).out


@pytest.mark.parametrize("line", READERS)
def test_the_replica_is_read_while_the_primary_region_is_down_and_it_says_so(lived: Stage, line: str) -> None:
    before = lived.standby(f"{line} --output json")
    lived.down = {PRIMARY}
    ran = lived.standby(f"{line} --output json")
    found = json.loads(ran.out)
    assert (ran.status, found["source_region"]) == (before.status, DR)
    assert f"The ledger was read from its replica in {DR}" in found["cautions"][-1]
    assert f"The ledger was read from its replica in {DR}" in lived.standby(line).err


@pytest.mark.parametrize("line", READERS)
@pytest.mark.parametrize(("trouble", "status", "said"), [(DENIED, 3, "dynamodb:Query is missing"), (THROTTLED, 4, "")])
def test_what_dynamodb_refuses_is_said_in_a_sentence_or_an_object(
    lived: Stage, line: str, trouble: Exception, status: int, said: str
) -> None:
    for operation in ("query", "batch_get_item"):
        lived.refused["dynamodb", operation] = trouble
    ran = lived.standby(line)
    assert ran.status == status
    assert f"The ledger {TABLE} in {PRIMARY} cannot be read" in ran.err
    assert said in ran.err
    assert "Traceback" not in ran.err
    problem = json.loads(lived.standby(f"{line} --output json").err.splitlines()[-1])
    assert (problem["status"], bool(problem["code"]), bool(problem["message"]), bool(problem["fix"])) == (
        status,
        True,
        True,
        True,
    )


@pytest.mark.parametrize("line", READERS)
@pytest.mark.parametrize("width", [None, 40, 80, 140])
def test_no_colour_is_no_colour_in_any_width(lived: Stage, line: str, width: int | None) -> None:
    plain = lived.standby(line, width=width, NO_COLOR="1")
    assert "\033" not in plain.out
    assert plain.out == lived.standby(f"{line} --no-color", width=width).out
    if width is None:
        assert plain.out == lived.standby(line).out
    else:
        assert max(map(len, plain.out.splitlines())) <= width


@pytest.mark.parametrize("line", READERS)
def test_piped_into_head_it_ends_quietly(lived: Stage, line: str) -> None:
    class Closed(io.StringIO):
        """A pipe that is read no longer."""

        def write(self, _: str) -> int:
            raise BrokenPipeError

    with (
        open(os.devnull, "w") as nothing,  # noqa: PTH123
        mock.patch("tests.cli.stage.io.StringIO", Closed),
        mock.patch.object(Closed, "fileno", nothing.fileno, create=True),
        redirect_stdout(io.StringIO()),
        mock.patch("os.dup2"),
    ):
        ran = lived.standby(line)
    assert ran.status == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_first_and_loads_nothing_heavy(command: str) -> None:
    # Typer itself loads pydantic to understand options; the configuration's model is not made.
    code = (
        "import sys; from cli.main import main; status = main(sys.argv[1:]);"
        "heavy = [one for one in ('boto3', 'botocore', 'rich', 'infra.config', 'altair') if one in sys.modules];"
        "sys.exit(f'{heavy} {status}' if heavy or status else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"}
    ran = subprocess.run(  # noqa: S603 (this interpreter)
        [sys.executable, "-c", code, command, "--help"], capture_output=True, text=True, env=environment, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.index("Examples") < ran.stdout.index("Options:")
    assert f"standby {command}" in ran.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_there_is_not_is_wrong_use(lived: Stage, command: str) -> None:
    ran = lived.standby(f"{command} --colour --output json")
    problem = json.loads(ran.err)
    assert (ran.status, ran.out, problem["code"], problem["status"]) == (2, "", "WrongUse", 2)
    assert problem["fix"] == f"See `standby {command} --help`."
