"""The command `standby` as an operator uses it."""

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
    assert main(["init"]) == 0
    assert Path("standby.yaml").read_text(encoding="utf-8") == EXAMPLE
    assert main(["check"]) == 0
    told = capsys.readouterr()
    assert "standby.yaml is valid: 1 pair of Regions, 2 directories." in told.out
    assert (
        "pairs[0]: d-906732325d, d-926722edaf, d-9067328a7c, d-926722f013, ops@example.com: only examples" in told.err
    )
    assert told.out.splitlines()[-1].startswith("Next: write your own ids and addresses instead of the example's")


def test_init_never_overwrites(capsys: Capsys) -> None:
    Path("mine.yaml").write_text("mine")
    assert main(["init", "mine.yaml"]) == 1
    assert Path("mine.yaml").read_text() == "mine"
    assert "mine.yaml exists, and is left as it is." in capsys.readouterr().err


def test_init_says_when_it_cannot_write(capsys: Capsys) -> None:
    assert main(["init", "nowhere/standby.yaml"]) == 1
    assert "nowhere/standby.yaml cannot be written" in capsys.readouterr().err


def test_check_prints_every_mistake_and_fails(capsys: Capsys) -> None:
    Path("standby.yaml").write_text(EXAMPLE.replace("us-west-2", "us-east-1").replace("d-926722f013", "nothing"))
    assert main(["check"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[0] == "standby.yaml: 2 mistakes"
    assert "pairs[0].dr_region: " in told.err
    assert "pairs[0].directories.d-9067328a7c.dr_directory: " in told.err


def test_check_warns_and_succeeds(capsys: Capsys) -> None:
    Path("other.yaml").write_text(EXAMPLE.replace("us-west-2", "ap-south-1"))
    assert main(["check", "other.yaml"]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("other.yaml: warning: pairs[0].dr_region: ap-south-1 is not one of the Regions known")
    assert "other.yaml is valid" in told.out


def test_check_says_who_gets_a_standby(capsys: Capsys) -> None:
    assert main(["init"]) == 0
    assert main(["check"]) == 0
    assert "us-east-1 to us-west-2: every desktop that can have a standby.\n" in capsys.readouterr().out
    file = Path("standby.yaml")
    rules = '    include: {users: ["exec-*"]}\n    exclude: {tags: {Standby: "no"}}\n    notify:'
    file.write_text(file.read_text(encoding="utf-8").replace("    notify:", rules), encoding="utf-8")
    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == (
        "us-east-1 to us-west-2: desktops that match include.users: exec-*, and none that matches exclude.tags: "
        "Standby: no."
    )


def test_check_ends_with_what_to_do_next(capsys: Capsys) -> None:
    ids = (("d-906732325d", "d-906732325a"), ("d-926722edaf", "d-926722edaa"), ("d-9067328a7c", "d-9067328a7a"))
    own = EXAMPLE.replace("d-926722f013", "d-926722f01a").replace("ops@example.com", "ops@corp.com")
    for theirs, mine in ids:
        own = own.replace(theirs, mine)
    Path("my own.yaml").write_text(own, encoding="utf-8")
    assert main(["check", "my own.yaml"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[-1] == (
        "Next: `make synth CONFIG='my own.yaml'` writes the templates, offline; `make deploy CONFIG='my own.yaml'` "
        "deploys them."
    )


def test_schema_prints_the_schema(capsys: Capsys) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == json_schema()


@pytest.mark.parametrize("arguments", [[], ["destroy"], ["check", "a", "b"]])
def test_what_is_not_understood_is_answered_with_the_usage(arguments: list[str], capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: standby")
