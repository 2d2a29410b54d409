"""The pages and habits for contributors: what they list exists, generated parts are current, actions are pinned."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.version import VERSION
from local import gaps

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "contributing"
DECISIONS = sorted(FOLDER.glob("decisions/0*.md"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_rules_are_nine_and_those_that_the_code_cites_are_among_them() -> None:
    rules = (FOLDER / "architecture.md").read_text().partition("\n## The rules\n")[2].partition("\n## ")[0]
    numbers = re.findall(r"^(\d)\. ", rules, re.MULTILINE)
    assert numbers == list("123456789")
    code = [path for folder in ("lambdas", "infra", "cli", "tests") for path in (ROOT / folder).rglob("*.py")]
    cited = {one for path in code for one in re.findall(r"\b[Rr]ule (\d+)\b", path.read_text(encoding="utf-8"))}
    assert cited
    assert cited <= set(numbers)


def test_there_is_a_sequence_diagram_for_each_path() -> None:
    paths = (FOLDER / "architecture.md").read_text().partition("\n## The paths\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### .*\n\n```mermaid\n(\w+)", paths, re.MULTILINE) == ["sequenceDiagram"] * 6


def test_the_gaps_of_the_emulator_are_those_of_the_patches() -> None:
    page = gaps.PAGE.read_text(encoding="utf-8")
    assert len(list(gaps.gaps())) > 10
    assert all(said for _, _, said in gaps.gaps())
    assert gaps.written(page) == page, "run `make docs`"


@pytest.mark.parametrize("page", DECISIONS, ids=named)
def test_a_decision_is_one_page_with_its_four_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    number = int(page.name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Considered"]
    assert len(text.splitlines()) <= 60
    assert f"]({page.name})" in (page.parent / "README.md").read_text(encoding="utf-8")


def test_the_decisions_are_numbered_without_a_gap() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert len(DECISIONS) >= 10


def test_the_changelog_begins_with_the_version_that_the_code_has() -> None:
    first = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first
    assert first[1] == VERSION


# GitHub


def document(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=named)
def test_a_workflow_may_only_read_and_uses_actions_by_the_hash_of_a_commit(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    assert document(workflow)["permissions"] == {"contents": "read"}
    uses = re.findall(r"uses: (.+)", text)
    assert uses
    for one in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", one), one
    for job in document(workflow)["jobs"].values():
        steps = job["steps"]
        assert job["timeout-minutes"]
        assert [step["with"]["cache"] for step in steps if "setup-python" in step.get("uses", "")] == ["pip"]
        assert [step["if"] for step in steps if "upload-artifact" in step.get("uses", "")] == ["always()"]


def test_all_supported_versions_of_python_are_tested_and_faults_run_every_night() -> None:
    ci, nightly = (document(ROOT / ".github" / "workflows" / f"{name}.yml") for name in ("ci", "nightly"))
    assert ci["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert "make faults" in [step.get("run") for step in nightly["jobs"]["faults"]["steps"]]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", nightly[True]["schedule"][0]["cron"])  # YAML reads `on` as true


def test_updates_come_grouped_once_a_month() -> None:
    updates = document(ROOT / ".github" / "dependabot.yml")["updates"]
    assert {one["package-ecosystem"] for one in updates} == {"pip", "github-actions"}
    for one in updates:
        assert one["schedule"]["interval"] == "monthly"
        assert [group["patterns"] for group in one["groups"].values()] == [["*"]]


@pytest.mark.parametrize("form", FORMS, ids=named)
def test_a_form_has_what_github_demands(form: Path) -> None:
    found = document(form)
    assert {"name", "description", "body"} <= set(found)
    for part in found["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert part["attributes"].get("value" if part["type"] == "markdown" else "label")


def test_a_bug_report_needs_what_doctor_says() -> None:
    (doctor,) = [one for one in document(FORMS[0].with_name("bug.yml"))["body"] if one.get("id") == "doctor"]
    assert "standby doctor" in doctor["attributes"]["label"]
    assert doctor["validations"]["required"] is True


def test_a_commit_is_checked_as_make_lint_checks() -> None:
    (local,) = document(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    hooks = [hook["entry"] for hook in local["hooks"]]
    lint = subprocess.run(["make", "-n", "lint"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert len(hooks) == 3
    for hook in hooks:
        assert hook in lint
