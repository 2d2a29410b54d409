"""The command `standby` as an operator uses it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from infra.config import json_schema

Capsys = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "standby.example.yaml").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_init_makes_a_file_that_check_finds_valid(capsys: Capsys) -> None:
    assert main(["init", "--dry-run"]) == 0
    assert "would be written" in capsys.readouterr().out
    assert not Path("standby.yaml").exists()
    assert main(["init"]) == 0
    assert Path("standby.yaml").read_text(encoding="utf-8") == EXAMPLE
    capsys.readouterr()
    assert main(["check"]) == 0
    said = capsys.readouterr()
    assert "standby.yaml is valid: 1 pair of Regions, 2 directories." in said.out
    assert "Caution: pairs[0]: d-906732325d, d-926722edaf, d-9067328a7c, d-926722f013, ops@" in said.out
    assert said.err.startswith("Next: replace the example's ids and addresses with your own")


@pytest.mark.parametrize("option", ["", "--dry-run"])
def test_init_never_overwrites(option: str, capsys: Capsys) -> None:
    Path("mine.yaml").write_text("mine")
    assert main(["init", "mine.yaml", *option.split()]) == 2
    assert Path("mine.yaml").read_text() == "mine"
    said = capsys.readouterr()
    assert (said.out, "mine.yaml already exists. It was not changed." in said.err) == ("", True)


def test_init_says_when_it_cannot_write(capsys: Capsys) -> None:
    assert main(["init", "nowhere/standby.yaml"]) == 2
    assert "nowhere/standby.yaml cannot be written" in capsys.readouterr().err


def test_check_prints_every_mistake_and_fails(capsys: Capsys) -> None:
    Path("standby.yaml").write_text(EXAMPLE.replace("us-west-2", "us-east-1").replace("d-926722f013", "nothing"))
    assert main(["check"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == "standby.yaml: 2 mistakes"
    assert "pairs[0].dr_region: " in said.out
    assert "pairs[0].directories.d-9067328a7c.dr_directory: " in said.out
    assert main(["check", "--output", "json", "--exit-zero"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], len(found["findings"])) == (False, 2)
    assert {"kind", "line", "path", "problem", "advice"} == found["findings"][0].keys()
    assert main(["check", "--output", "csv"]) == 1
    assert capsys.readouterr().out.splitlines()[1].startswith("mistake,")


def test_check_warns_and_succeeds(capsys: Capsys) -> None:
    Path("other.yaml").write_text(EXAMPLE.replace("us-west-2", "ap-south-1"))
    assert main(["check", "other.yaml"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Caution: pairs[0].dr_region: ap-south-1 is not a Region that this version knows")
    assert "other.yaml is valid" in out


def test_check_says_who_gets_a_standby(capsys: Capsys) -> None:
    assert main(["init"]) == 0
    assert main(["check"]) == 0
    assert "us-east-1 to us-west-2: every desktop that can have a standby.\n" in capsys.readouterr().out
    file = Path("standby.yaml")
    rules = '    include: {users: ["exec-*"]}\n    exclude: {tags: {Standby: "no"}}\n    notify:'
    file.write_text(file.read_text(encoding="utf-8").replace("    notify:", rules), encoding="utf-8")
    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "us-east-1 to us-west-2: desktops that match include.users: exec-*, except those that match exclude.tags: "
        "Standby: no."
    )


def test_check_ends_with_what_to_do_next(capsys: Capsys) -> None:
    ids = (("d-906732325d", "d-906732325a"), ("d-926722edaf", "d-926722edaa"), ("d-9067328a7c", "d-9067328a7a"))
    own = EXAMPLE.replace("d-926722f013", "d-926722f01a").replace("ops@example.com", "ops@corp.com")
    for theirs, mine in ids:
        own = own.replace(theirs, mine)
    Path("my own.yaml").write_text(own, encoding="utf-8")
    assert main(["check", "my own.yaml"]) == 0
    assert capsys.readouterr().err == (
        "Next: `make synth CONFIG='my own.yaml'` writes the templates offline; `make deploy CONFIG='my own.yaml'` "
        "deploys them.\n"
    )


def test_schema_prints_the_schema(capsys: Capsys) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == json_schema()
    assert main(["schema", "--output", "json", "--query", "required"]) == 0
    assert json.loads(capsys.readouterr().out) == ["pairs"]
    assert main(["schema", "--output", "csv"]) == 2


@pytest.mark.parametrize("arguments", [["destroy"], ["check", "a", "b"], ["check", "--colour"]])
def test_what_is_not_understood_is_wrong_use(arguments: list[str], capsys: Capsys) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert (said.out, "--help`" in said.err) == ("", True)


@pytest.mark.parametrize("arguments", [["list", "--output", "xml"], ["show", "a", "b"], ["status", "--every", "0"]])
def test_what_the_parser_says_is_a_sentence(arguments: list[str], capsys: Capsys) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert (". See `standby" in said, "Value error" in said) == (True, False)


def test_a_reader_that_has_read_enough_is_no_failure() -> None:
    command = [sys.executable, "-c", "import sys; from cli.main import main; sys.exit(main())", "explain", "-o", "json"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/lambdas"}
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(command, env=environment, stdout=writes, stderr=subprocess.PIPE, check=False)  # noqa: S603
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")
