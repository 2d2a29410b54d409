"""The lock; the command installs by itself: it imports what its extra brings, and no more. `make setup`, completion."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.version import VERSION
from tests.core.test_layers import imports

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {
    "requirements.txt": "testing",
    "cli/requirements.txt": "operating",
    "cli/report/requirements.txt": "reporting",
}  # each with its extra
OURS = {"cli": ROOT, "infra": ROOT, "standby": ROOT / "lambdas"}
# The module of a distribution, where it has another name; botocore comes with boto3, and is of its version.
MODULES = {"PyYAML": "yaml", "dnspython": "dns", "vl-convert-python": "vl_convert"}
BROUGHT = {"botocore", "pydantic_core"}


def names(extra: str) -> set[str]:
    """The distributions that an extra names itself."""
    return {Requirement(one).name for one in EXTRAS[extra]} - {PROJECT["name"]}


# the lock


def locked(lock: str) -> dict[str, tuple[str, Requirement, list[str]]]:
    """Each distribution of a lock: the whole entry, its version and marker, its hashes."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = [entry for entry in re.split(r"(?<!\\)\n", text) if entry]
    found = {}
    for entry in entries:
        head, *hashes = re.split(r"\s*\\\n\s*", entry)
        requirement = Requirement(head)
        found[requirement.name] = (entry, requirement, hashes)
    assert len(found) == len(entries)  # one version of each, for all Pythons and systems
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_each_line_of_a_lock_is_one_version_with_its_hashes_and_names_no_host_and_no_folder(lock: str) -> None:
    for name, (entry, requirement, hashes) in locked(lock).items():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), name
        assert hashes, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), name
        assert requirement.url is None, entry
    assert not re.search(r"://|^-|\s/", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)


def needed(extra: str) -> Iterator[Requirement]:
    """What an extra declares, and what that brings on this machine, as the installed distributions declare it."""
    waiting = [Requirement(f"{PROJECT['name']}[{extra}]")]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        ours = wanted.name == PROJECT["name"]
        if not ours:
            yield wanted
        for of in {"", *wanted.extras} - {of for name, of in seen if name == wanted.name}:
            seen.add((wanted.name, of))
            lines = EXTRAS.get(of, []) if ours else importlib.metadata.requires(wanted.name) or []
            declared = [Requirement(line) for line in lines]
            waiting += [one for one in declared if not one.marker or one.marker.evaluate({"extra": of})]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_all_that_its_extra_declares_and_brings_in_a_version_that_everybody_allows(lock: str) -> None:
    entries = {canonicalize_name(name): requirement for name, (_, requirement, _) in locked(lock).items()}
    for wanted in needed(LOCKS[lock]):
        (only,) = entries[canonicalize_name(wanted.name)].specifier
        assert wanted.specifier.contains(only.version, prereleases=True), f"{wanted}: run `make lock`"


def test_what_is_installed_here_is_what_is_locked() -> None:
    for name, (_, requirement, _) in locked("requirements.txt").items():
        if not requirement.marker or requirement.marker.evaluate():
            assert requirement.specifier.contains(importlib.metadata.version(name), prereleases=True), (
                "run `make setup`"
            )


def test_the_commands_lock_is_a_part_of_the_whole_lock() -> None:
    """Where something is needed may differ; its version and its hashes do not."""
    whole = locked("requirements.txt")
    for name, (_, requirement, hashes) in locked("cli/requirements.txt").items():
        assert (requirement.specifier, hashes) == (whole[name][1].specifier, whole[name][2]), "run `make lock`"


# the command


def modules(first: Path) -> Iterator[tuple[Path, set[str]]]:
    """The modules below a folder, and all of ours that they know, each with what it imports when it runs."""
    waiting, seen = {*first.rglob("*.py")}, set[Path]()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        found = set(imports(ast.parse(file.read_text(encoding="utf-8")), typing=False))
        yield file, found
        for name in found:
            root = OURS.get(name.partition(".")[0])
            place = root and root.joinpath(*name.split("."))
            options = (
                [place.with_suffix(".py"), place.parent.with_suffix(".py"), place / "__init__.py"] if place else []
            )
            waiting |= {one for one in options if one.is_file()} - seen


def test_the_command_imports_nothing_that_its_extra_does_not_bring() -> None:
    allowed = {MODULES.get(name, name) for name in names("operating")} | BROUGHT | {*OURS} | sys.stdlib_module_names
    reporting = {MODULES.get(name, name) for name in names("reporting")} | {"markupsafe"}  # jinja2 brings it
    strangers = {
        (str(file.relative_to(ROOT)), name)
        for file, found in modules(ROOT / "cli")
        for name in found
        if name.partition(".")[0] not in allowed | (reporting if file.parent.name == "report" else set())
    }
    assert strangers == set()


def python(*words: str, **environment: str) -> str:
    """What `python -m cli` writes."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_it_runs_as_a_module() -> None:
    assert python("--version").strip() == VERSION


@pytest.mark.parametrize(
    ("shell", "script"), [("bash", "complete -o default"), ("zsh", "#compdef"), ("fish", "complete --command")]
)
def test_each_shell_gets_a_script_that_completes(shell: str, script: str) -> None:
    assert script in python("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    asked = {"_TYPER_COMPLETE_ARGS": "standby failo", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    asked |= {"COMP_WORDS": "standby failo", "COMP_CWORD": "1"}  # bash's
    assert "failover-list" in python(**asked, _STANDBY_COMPLETE=f"complete_{shell}")


# make setup

INSTALLS = ["install", "install"]  # what is locked, and the project itself
# Stands in for Python, and for the pip of the environment that it makes.
PYTHON = """#!/bin/sh
echo "python $*" >> "$RECORD"
case "$*" in *venv*) mkdir -p "$VENV/bin" && cp "$0" "$VENV/bin/pip";; *install*) exit "${PIP:-0}";; esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `make setup` needs, with a Python that only notes what it is called for."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def setup(folder: Path, pip: str = "0") -> tuple[int, str, list[str]]:
    """Run `make setup`: its status, what it says, and what Python was called for."""
    (folder / "record").write_text("")
    environment = os.environ | {"RECORD": str(folder / "record"), "VENV": ".venv", "PIP": pip}
    run = ["make", "setup", "PYTHON=./python"]
    ran = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    calls = [line for line in (folder / "record").read_text().splitlines() if " -c " not in line]
    return ran.returncode, ran.stdout, [re.sub(r"^python (-m )?(\S+).*", r"\2", line) for line in calls]


def test_setup_says_its_steps_and_is_made_once(folder: Path) -> None:
    status, said, calls = setup(folder)
    assert (status, calls) == (0, ["venv", *INSTALLS])
    assert re.search(r"1 of 2.*2 of 2.*GB.*complete", said, re.DOTALL)
    assert setup(folder) == (0, mock.ANY, [])


def test_a_setup_that_was_interrupted_is_made_anew_the_next_time(folder: Path) -> None:
    setup(folder)
    os.utime(folder / ".venv/.ready", (0, 0))  # requirements.txt has changed since
    status, said, calls = setup(folder, pip="130")  # as after Ctrl-C
    assert (status, calls, "done" in said) == (2, ["install"], False)
    assert setup(folder)[2] == ["venv", *INSTALLS]
    os.utime(folder / ".venv/.ready", (0, 0))
    assert setup(folder)[2] == INSTALLS  # with other packages, the environment stays
