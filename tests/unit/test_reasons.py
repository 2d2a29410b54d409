"""The closed list of reasons: each has its meaning, each is given by the code, and each is seen in some test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from standby.reasons import MEANING, Reason

ROOT = Path(__file__).parents[2]
DOMAIN = sorted((ROOT / "lambdas").rglob("*.py"))
TESTS = [path for path in sorted(Path(__file__).parent.glob("test_*.py")) if path.name != Path(__file__).name]


def reasons_given() -> set[str]:
    """The members of Reason that the code names, outside the module that lists them."""
    return {
        node.attr
        for path in DOMAIN
        if path.name != "reasons.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }


def words_of_tests() -> set[str]:
    """Every name in a test's code or strings."""
    return {word for path in TESTS for word in re.findall(r"[A-Z][A-Z_]+", path.read_text(encoding="utf-8"))}


def test_each_reason_is_its_own_name() -> None:
    assert [reason.value for reason in Reason] == [reason.name for reason in Reason]


def test_every_reason_has_a_meaning_and_nothing_else_has() -> None:
    assert set(MEANING) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_meaning_is_sentences_that_end(reason: Reason) -> None:
    meaning = MEANING[reason]
    for text in (meaning.sentence, meaning.advice):
        assert re.fullmatch(r"[A-Z].*\.", text)
        assert "|" not in text  # it stands in a table of the README


@pytest.mark.parametrize("reason", [reason for reason in Reason if MEANING[reason].notify])
def test_a_reason_that_is_told_to_a_person_gives_that_person_something_to_do(reason: Reason) -> None:
    assert not MEANING[reason].advice.startswith("Nothing;")
    assert MEANING[reason].advice != "Nothing."


def test_the_code_gives_every_reason_and_no_other() -> None:
    assert reasons_given() == {reason.name for reason in Reason}


def test_every_reason_is_seen_in_a_test() -> None:
    assert {reason.name for reason in Reason} <= words_of_tests()
