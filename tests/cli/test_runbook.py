"""`standby runbook`: the page to print before an outage, with commands that their programs take."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli import runbook
from cli.pairs import Pair
from cli.runbook import Alias, Names
from tests.cli.stage import UNREACHABLE, Stage
from tests.cli.test_printed_commands import FENCED, folder, sent
from tests.cli.test_printed_commands import test_a_command_is_one_that_its_program_takes as takes
from tests.component.estate import ACCOUNT, AWAY, DR, HOME, PRIMARY, TABLE, refusal
from tests.core.cases import NOW

__all__ = ["folder", "sent"]  # fixtures
ALIASES = ("workspaces", "describe_connection_aliases")
NAME = "desktop.corp.example.com"


def told(directory: str, identifier: str, name: str = NAME) -> dict[str, Any]:
    to = {"ResourceId": directory, "ConnectionIdentifier": identifier}
    return {"AliasId": "wsca-1", "ConnectionString": name, "Associations": [to]}


@pytest.fixture
def swept(stage: Stage) -> Stage:
    """A pair whose directories are known, with an alias that is associated on both sides."""
    stage.sweep()
    stage.answers[(*ALIASES, PRIMARY)] = {"ConnectionAliases": [told(HOME, "ID1")], "NextToken": ""}
    stage.answers[(*ALIASES, DR)] = lambda NextToken=None: (  # noqa: N803 (as boto3 has it)
        {"ConnectionAliases": [told(AWAY, "ID2")]} if NextToken else {"ConnectionAliases": [], "NextToken": "more"}
    )
    return stage


def test_the_page_has_the_pairs_names(swept: Stage) -> None:
    ran = swept.standby("runbook")
    assert ran.status == 0
    for name in (ACCOUNT, PRIMARY, DR, TABLE, f"{TABLE}-dr", f"{HOME} → {AWAY}", NAME, "arn:aws:sns:us-west-2:1:x"):
        assert name in ran.out
    redirect, back = ran.out.split("## 6. Fail back")
    assert '"\\"ID2\\""' in redirect
    assert '"\\"ID1\\""' in back
    assert "_IDENTIFIER" not in ran.out
    for part in ("Decide", "Start", "Redirect", "Write to users", "Watch logins", "network drive", "30 minutes"):
        assert part in ran.out
    assert "Not known" not in ran.out


def test_the_page_is_the_same_at_a_terminal_and_in_json(swept: Stage) -> None:
    piped = swept.standby("runbook").out
    assert swept.standby("runbook", width=40).out == piped
    assert json.loads(swept.standby("runbook --output json").out)["pages"] == [{"stack": TABLE, "markdown": piped}]
    assert swept.standby("runbook --output csv").status == 2


@pytest.mark.parametrize("problem", [refusal("AccessDeniedException"), UNREACHABLE])
def test_what_cannot_be_read_is_left_to_be_filled_in(swept: Stage, problem: Exception) -> None:
    swept.refused[(*ALIASES, DR)] = problem
    ran = swept.standby("runbook")
    assert ran.status == 4
    assert f"Not known when this was printed:** The connection aliases in {DR} cannot be read" in ran.out
    assert "CONNECTION_IDENTIFIER" in ran.out


def test_before_the_first_sweep_and_without_an_alias_it_is_a_page_all_the_same(stage: Stage) -> None:
    stage.answers[ALIASES] = {"ConnectionAliases": []}
    ran = stage.standby("runbook")
    assert (ran.status, "no sweep has saved the settings" in ran.out) == (4, True)
    assert "No connection alias was found" in ran.out


def test_it_can_be_printed_while_the_primary_region_is_lost(swept: Stage) -> None:
    swept.down = {PRIMARY}
    ran = swept.standby("runbook")
    assert (ran.status, "ID2" in ran.out, f"{PRIMARY} does not answer" in ran.err) == (4, True, True)
    assert "| its TXT record: primary, DR | not known, ID2 |" in ran.out
    assert f"nslookup -type=TXT {NAME}\n" in ran.out
    assert "cannot be redirected" not in ran.out


def test_a_directory_without_a_shared_alias_is_named(swept: Stage) -> None:
    swept.answers[(*ALIASES, DR)] = {"ConnectionAliases": [told("d-other", "ID2")]}
    out = swept.standby("runbook").out
    assert f"| {HOME} → {AWAY}: no connection alias, its users cannot be redirected |" in out
    assert f"**Users of {HOME} cannot be redirected:** it shares no connection alias with {AWAY}." in out
    assert "| its TXT record: primary, DR | ID1, not associated |" in out


def test_only_aliases_of_mapped_directories_are_on_it() -> None:
    here = [told(HOME, "1"), told("d-other", "2", "other.example.com"), {"ConnectionString": "a.b", "AliasId": "x"}]
    found = runbook.aliases(here, [told(AWAY, "3", "dr.example.com")], {HOME: AWAY})
    assert found == [Alias(NAME, "1", ""), Alias("dr.example.com", "", "3")]


PAIR = Pair(TABLE, PRIMARY, DR, account=ACCOUNT)
ELSEWHERE = Pair("acme-Standby-eu-west-1-eu-central-1", "eu-west-1", "eu-central-1")
PAGES = [
    Names(PAIR, {HOME: AWAY}, [Alias(NAME, "ID1", "ID2"), Alias("it.example.com", "", "")], "arn:topic"),
    Names(ELSEWHERE, {}, []),
]
SCRIPTS = sorted({one for names in PAGES for one in FENCED.findall(runbook.page(names, NOW, ["what"]))})


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ([told(HOME, "1")], [told(AWAY, "2")], []),
        ([told(HOME, "1")], [told(AWAY, "2", "other.example.com")], [HOME]),
        ([told(HOME, "1")], [], [HOME]),
        (None, [told(AWAY, "2")], []),
        (None, [], [HOME]),
        ([told(HOME, "1")], None, []),
        (None, None, []),
    ],
)
def test_without_one_side_the_other_decides_whether_users_can_be_redirected(
    here: Any, there: Any, found: list[str]
) -> None:
    assert runbook.alone(here, there, {HOME: AWAY}) == found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script[:70])
def test_each_command_on_it_is_one_that_its_program_takes(
    script: str, folder: Path, sent: Callable[[list[str]], list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    takes(script, folder, sent, capsys)
