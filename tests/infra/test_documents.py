"""The documents: links and paths exist, generated parts are current, and what they list is what the code has."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from cli.commands import COMMANDS
from infra.documents import Templates, documents, written
from infra.indexes import INDEXES
from infra.purposes import ALARMS
from standby.core.row import Kind, Row
from tests.core import cases
from tests.infra.templates import Assembly

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in documents()}
# Written by commands that the documents name, or by a reader.
MADE = {
    "standby.yaml",
    "build/report.html",
    "build/demo.json",
    "build/faults.json",
    "build/local.json",
    "build/bench.json",
    "cdk.out/",
}
MADE |= {"path/to/file.yaml", "build/cdk/node_modules/aws-cdk/bin/cdk"}
FOLDERS = (".github", "cli", "docs", "infra", "lambdas", "local", "tests", "tools")
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(name: str) -> str:
    """A document without its fenced blocks, which hold commands and code."""
    return FENCED.sub("", TEXTS[name])


def anchors(name: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(name), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def links() -> list[tuple[str, str]]:
    found = [(name, link) for name in TEXTS for link in LINK.findall(prose(name))]
    return [(name, link) for name, link in found if not re.match(r"https?:", link)]


def named_paths() -> list[str]:
    quoted = {one for name in TEXTS for one in re.findall(r"`([\w.-]+(?:/[\w.-]*)*)`", prose(name))}
    return sorted(one for one in quoted - MADE if re.search(r"^[a-z.]+/[\w./-]+$|\.(py|yaml|json|md|txt|toml)$", one))


@pytest.mark.parametrize(("name", "link"), links())
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(name: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    file = (ROOT / name).parent / path if path else ROOT / name
    assert file.exists()
    if anchor:
        assert anchor in anchors(file.resolve().relative_to(ROOT).as_posix())


@pytest.mark.parametrize("path", named_paths())
def test_a_file_that_a_document_names_is_there(path: str) -> None:
    """From the top, or, as `core/decide.py`, from a folder that the text has named before."""
    inside = (one.as_posix() for folder in FOLDERS for one in (ROOT / folder).rglob("*"))
    assert (ROOT / path).exists() or any(one.endswith(f"/{path.rstrip('/')}") for one in inside)


@pytest.mark.parametrize("name", TEXTS)
def test_each_target_of_make_that_a_document_names_is_there(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", TEXTS[name], re.MULTILINE)) <= targets


@pytest.mark.parametrize("name", TEXTS)
def test_a_page_is_reached_from_readme(name: str) -> None:
    reached, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        here = ahead.pop()
        if here not in reached and here.suffix == ".md":
            reached.add(here)
            found = [one.partition("#")[0] for one in LINK.findall(here.read_text(encoding="utf-8"))]
            ahead += [(here.parent / one).resolve() for one in found if one and ":" not in one]
    assert ROOT / name in reached


def test_readme_is_read_in_a_few_minutes() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 200


@pytest.mark.parametrize("name", TEXTS)
def test_generated_parts_are_current(name: str, example: Assembly) -> None:
    assert written(TEXTS[name], Templates(example.primary, example.dr)) == TEXTS[name], "run `make docs`"


def test_every_part_that_can_be_generated_is_in_one_document() -> None:
    found = [one for text in TEXTS.values() for one in re.findall(r"<!-- generated: ([a-z-]+) -->", text)]
    expected = {"alarms", "configuration", "cost", "costs", "metrics", "reasons", "resources", "roles", "runbook"}
    assert sorted(found) == sorted(expected)


def test_every_alarm_has_a_section_of_the_runbook_and_is_in_its_list() -> None:
    text = TEXTS["docs/operate/runbook.md"]
    assert set(ALARMS) <= anchors("docs/operate/runbook.md")
    assert set(re.findall(r"\]\(#([a-z-]+)\)", text.partition("<!-- generated")[0])) == set(ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_what_the_runbook_says_of_an_alarm_is_sentences(name: str) -> None:
    alarm = ALARMS[name]
    for one in (alarm.means, alarm.over, *alarm.causes, *filter(None, [alarm.in_dr])):
        assert re.fullmatch(r"[A-Zaw`].*\.", one)
    assert not re.search(r"^[A-Z]|\.$", alarm.fires)
    assert len(alarm.causes) >= 2
    assert bool(alarm.in_dr) == bool(alarm.primary and alarm.dr)


def test_the_ledgers_attributes_conditions_and_indexes_are_all_there() -> None:
    text = TEXTS["docs/audit.md"]
    row = cases.row("PROTECTED STANDBY_READY", user_name="Alice").to_event_item(None, cases.NOW)
    attributes = {field for field in Row.__dataclass_fields__ if field != "reason"} | {*row} - {"pk", "sk"}
    assert {one for one in attributes if f"`{one}`" not in text} - {"ix_day", "ix_day_at"} == set()
    assert set(re.findall(r"`([A-Z_]+)`", text.partition("### Conditions")[2].partition("### Other rows")[0])) == {
        *Kind
    }
    for name, keys in INDEXES.items():
        assert re.search(rf"^\| `{name}` \|.*`{keys[0]}`", text, re.MULTILINE)


def test_the_deployers_policy_names_each_role_that_the_stacks_ask_for(everything: Assembly) -> None:
    found = re.search(r"<!-- policy: deployer -->\n```json\n(.*?)```", TEXTS["docs/deploy.md"], re.DOTALL)
    assert found
    roles, stacks = json.loads(found[1])["Statement"]
    asked = set(re.findall(r"arn:[^\"]*:role/cdk-[\w-]+", everything.directory.joinpath("manifest.json").read_text()))
    for file in everything.directory.glob("*.assets.json"):
        asked |= set(re.findall(r"arn:[^\"]*:role/cdk-[\w-]+", file.read_text(encoding="utf-8")))
    named = {one.replace("${AWS::Partition}", "aws") for one in asked}
    # CloudFormation takes on the execution role, not the deployer.
    by_deployer = {one for one in named if "cfn-exec-role" not in one}
    assert len(by_deployer) == 6
    for one in by_deployer:
        assert any(fnmatch(one, pattern) for pattern in roles["Resource"])
    for pattern in roles["Resource"]:
        assert any(fnmatch(one, pattern) for one in by_deployer)
    assert fnmatch(f"arn:aws:cloudformation:us-east-1:123456789012:stack/{everything.stack}", stacks["Resource"])


def test_every_output_of_the_stacks_is_explained(example: Assembly) -> None:
    listed = TEXTS["docs/deploy.md"].partition("## Outputs of the stacks")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([A-Z]\w+)`", listed)) == {*example.primary["Outputs"], *example.dr["Outputs"]}


def test_every_command_is_in_a_document() -> None:
    text = "\n".join(TEXTS.values())
    assert len(COMMANDS) > 20
    assert [name for name in COMMANDS if f"standby {name}" not in text] == []


def test_where_the_product_refers_to_a_document_it_exists() -> None:
    named = set[str]()
    for file in (one for folder in ("cli", "infra", "lambdas", "local") for one in (ROOT / folder).rglob("*.py")):
        text = re.sub(r'"\s*\n\s*f?"', "", file.read_text(encoding="utf-8"))
        named |= set(re.findall(r"\bdocs/[\w/-]+\.md", text))
        assert "(README, " not in text
    for file in ROOT.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        named |= set(re.findall(r"\bdocs/[\w/-]+\.md", text))
        assert "(README, " not in text
    assert named
    assert {name for name in named if not (ROOT / name).is_file()} == set()
