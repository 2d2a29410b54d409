"""Every command that the product prints, and that its documents name, is one that its program takes.

They are read where they are written: in fenced `sh` blocks, between backticks, and as lines of their own in the strings
of the code, help included. bash takes them apart, with loops and quotes; the AWS CLI, the parser of `standby` and make
do the rest.
"""

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import typer

from cli.commands import COMMANDS
from cli.main import command_line
from local.aws_cli import unpack
from local.control import VERBS
from local.workspaces import validate

ROOT = Path(__file__).resolve().parents[2]
READ = (
    "README.md",
    "docs/**/*.md",
    "*.yaml",
    *(f"{one}/**/*.py" for one in ("cli", "infra", "lambdas", "local", "tools")),
)
PROGRAMS = r"(?:aws|curl|make|(?:\.venv/bin/)?standby)"
FENCED = re.compile(r"```sh\n(.*?)```", re.DOTALL)
QUOTED = re.compile(rf"`({PROGRAMS} [^`]+)`")
LOOP = re.compile(r"^for .*?^done[^`\n]*$", re.MULTILINE | re.DOTALL)
PLAIN = re.compile(rf"(?:^ *|: )({PROGRAMS} [^`\n]+)$|\b(aws [a-z0-9-]+ [a-z]+-[a-z-]+ --[^`\n]+)$", re.MULTILINE)
# For what the code knows only when it runs, and for what a reader has to put in.
SAMPLES = {"region": "us-west-2", "name": "Standby-x", "workspace_id": "ws-1abc2def3", "wanted": "d-926722edaf"}
SAMPLES |= {"dr_region": "us-west-2", "table": "Standby-x", "path": "standby.yaml", "attribute": "at"}
SAMPLES |= {"directory": "d-906732325d", "USERS[0]": "user001", "pairs[0]['stack']": "Standby-x", "STREAM": "KEYS_ONLY"}
SAMPLES |= {"described['control_url']": "http://local/", "described['dr_region']": "us-west-2", "index": "by_due"}
SAMPLES |= {"partition": "a", "sort": "b", "projected": "ALL", "update": "aws dynamodb update-table --table-name one"}
SAMPLES |= {"settings.primary_region": "us-east-1", "settings.stack": "Standby-x", "code": "DRIFT", "times[0]": "2026"}
SAMPLES |= {"' '.join(sorted({at[:10] for at in times}))": "2026-03-03", "' '.join(map(str, range(SHARDS)))": "0 1"}
SAMPLES |= {"'.S, '.join(_LISTED)": "at"}
SAMPLES |= {"config": " CONFIG=x.yaml", "named(path)": " x.yaml", "file": "x.yaml", "self.command": "pause"}
SAMPLES |= {"VERSION": "--version", "given[0]": "list", "codes[0]": "DRIFT", "chosen[0]": "DRIFT", "name": "Standby-x"}
SAMPLES |= {
    "ids": "ws-1abc2def3",
    "first": "2026-03-03T08:01:02Z",
    "last": "2026-03-03T08:01:09Z",
    "region": "us-east-1",
}
SAMPLES |= {
    "listed[0]['primary_id']": "ws-1abc2def3",
    "listed[0]": "DRIFT",
    "primary_id": "ws-1abc2def3",
    "whom": "alice",
}
SAMPLES |= {"then": "2026-03-03T14:00:00.000Z", "waiting[0]": "ws-1abc2def3"}
SAMPLES |= {"pair.stack": "Standby-x", "names.pair.stack": "Standby-x", "stack": "Standby-x", "machine": "arn:aws:x"}
SAMPLES |= {
    "pair.dr_region": "us-west-2",
    "reported[0]": "d-906732325d",
    "_CHECK": "HEALTH_CHECK_ID",
    "parent": "a.com",
}
RECORD = {"Name": "a.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"x"'}]}
SAMPLES |= {"ZONE": "ZONE_ID", "batch": json.dumps({"Changes": [{"Action": "UPSERT", "ResourceRecordSet": RECORD}]})}
SAMPLES |= {"mapped.directory": "d-906732325d", "mapped.dr_directory": "d-926722edaf", "alias_id": "wsca-1a2b3c4d5"}
SAMPLES |= {"option": "saml-properties", "values": "Status=DISABLED", "rules": "ipRule=10.0.0.0/8", "names": "one two"}
SAMPLES |= {
    "home": "us-east-1",
    "arn": "arn:aws:x",
    "key_id": "k-1",
    "uuid": "a1b2c3d4-1234-5678-9abc-a1b2c3d4e5f6",
    "topic": "arn:aws:x",
    "to": "a@b.com",
}
SAMPLES |= {"protocol": "email", "QUOTA_CODE": "L-9A67B5CB", "fleet.wanted": "10", "DEPLOY": "make deploy"}
SAMPLES |= {"shlex.quote(selection.named[0])": "alice", "there_id": "d-926722edaf", "group": "wsipg-1a2b3c4d5"}
SAMPLES |= {"desktops[0].row.get('user_name') or desktops[0].row['pk']": "user001", "scope.user": "user001"}
SAMPLES |= {"given": "DRIFT"}
SAMPLES |= {"to_text(moment)": "2026-03-03T08:01:02.000Z", "reasons[0]": "DRIFT", "row['pk']": "ws-1abc2def3"}
SAMPLES |= {"word.strip()": "ws-1abc2def3", "waiting[0]": "ws-1abc2def3"}
# Notes its words, for it stands in for every program.
RECORDER = """#!/bin/sh
{ printf '%s\\037' "$(basename "$0")" "$@"; printf '\\036'; } >> "$RECORD"
"""
READERS = {
    "HEALTH_CHECK_ID": "a1b2c3d4-1234-5678-9abc-a1b2c3d4e5f6",
    "QUEUE_URL": "https://q",
    "RECEIPT_HANDLE": "r",
    "BACKUP_ARN": f"arn:aws:dynamodb:{'x' * 30}",
}


def texts(file: Path) -> Iterator[str]:
    """What people read of a file: of code, its strings, and of docstrings those that are a command's help."""
    text = file.read_text(encoding="utf-8")
    is_help = file.parent.name == "commands"
    nodes = list(ast.walk(ast.parse(text))) if file.suffix == ".py" else []
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    others = {id(part) for node in joined for part in node.values}
    others |= {id(node.value) for node in nodes if isinstance(node, ast.Expr) and not is_help}
    yield from ["".join(map(_shown, node.values)) for node in joined] if nodes else [text]
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in others:
            yield node.value


def _shown(part: ast.expr) -> str:
    if not isinstance(part, ast.FormattedValue):
        return str(ast.literal_eval(part))
    return SAMPLES.get(code := ast.unparse(part.value), f"<{code}>")


def scripts() -> Iterator[str]:
    for file in {file for pattern in READ for file in ROOT.glob(pattern)}:
        for text in texts(file):
            yield from FENCED.findall(text)
            yield from QUOTED.findall(rest := FENCED.sub("", text))
            if file.suffix == ".py":
                yield from LOOP.findall(rest)
                # In an example of a help, what it does stands beside it.
                yield from ["".join(one).partition("   ")[0] for one in PLAIN.findall(LOOP.sub("", rest))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each program is a recorder of its words."""
    made = tmp_path_factory.mktemp("commands")
    for program in (
        "bin/aws",
        "bin/curl",
        "bin/make",
        "bin/nslookup",
        "bin/python3",
        "bin/standby",
        ".venv/bin/pip",
        ".venv/bin/standby",
    ):
        (made / program).parent.mkdir(parents=True, exist_ok=True)
        (made / program).write_text(RECORDER)
        (made / program).chmod(0o755)
    (made / "answer.json").touch()
    return made


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], list[Any]]:
    """What the AWS CLI would send for the words of a command: an operation's model, and its parameters."""
    sys.path.append(f"{unpack(tmp_path_factory.mktemp('cli'))}/awscli")
    driver = importlib.import_module("awscli.clidriver").create_clidriver()
    driver.session.set_credentials("testing", "testing")
    driver.session.set_config_variable("region", "us-east-1")
    found: list[Any] = []
    driver.session.register("before-parameter-build", lambda params, model, **_: found.extend([model, params]))
    driver.session.register("before-call", Mock(side_effect=InterruptedError))

    def send(words: list[str]) -> list[Any]:
        found.clear()
        driver.main(words)
        return list(found)

    return send


INSTALLS = [
    ["install", "--require-hashes", "--requirement", "cli/requirements.txt"],
    ["install", "--require-hashes", "--requirement", "cli/report/requirements.txt"],
    ["install", "--no-deps", "--no-build-isolation", "--editable", "."],
]


def understand(words: list[str]) -> None:
    """Parse the words of `standby` as it does, and run nothing; a command's name alone is one in a text."""
    top: Any = command_line(*COMMANDS)
    try:
        context = top.make_context("standby", list(words))
        name, command, rest = top.resolve_command(context, [*context._protected_args, *context.args])
        if rest:
            command.make_context(name, rest, parent=context)
    except typer.Exit:
        pass  # --help, --version


@pytest.mark.parametrize("script", sorted(set(scripts())), ids=lambda script: script[:70])
def test_a_command_is_one_that_its_program_takes(
    script: str, folder: Path, sent: Callable[[list[str]], list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    environment = os.environ | READERS | {"PATH": f"{folder}/bin:{os.environ['PATH']}", "RECORD": f"{folder}/record"}
    (folder / "record").write_text("")
    run = ["/bin/bash", "-uc", script.replace("ws-…", "ws-1abc2def3").replace("ID|USER", "user001")]
    done = subprocess.run(run, cwd=folder, env=environment, stderr=subprocess.PIPE, check=False)  # noqa: S603
    assert done.stderr == b""
    commands = [one.split("\x1f")[:-1] for one in (folder / "record").read_text(encoding="utf-8").split("\x1e")[:-1]]
    assert commands
    for program, *words in commands:
        match program:
            case "aws":
                model, parameters = sent([re.sub("^(fileb?://)", rf"\1{folder}/", word) for word in words])
                assert capsys.readouterr().err.strip() == ""
                assert validate.broken(model, parameters) == []
            case "standby":
                understand(words)
            case "python3":
                assert words[:2] == ["-m", "venv"]
            case "pip":
                assert words in INSTALLS
            case "make":
                subprocess.run(["make", "-n", *words], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)  # noqa: S603, S607
            case "curl":
                assert words[0].rpartition("/")[2] in VERBS
                assert all(json.loads(word) for word in words[2:])
