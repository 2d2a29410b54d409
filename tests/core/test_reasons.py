"""The closed list of reasons: each has its meaning, each is given by the code, and each is seen in some test."""

import re
from pathlib import Path

import pytest

from standby.core.reasons import Reason, meaning_of

ROOT = Path(__file__).parents[2]
NAMES = {reason.name for reason in Reason}


def found(pattern: str, *folders: str, but: str) -> set[str]:
    """What matches in the modules of some folders, but for one."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if path.name != but]
    return {name for path in paths for name in re.findall(pattern, path.read_text(encoding="utf-8"))}


def test_each_reason_is_its_own_name_and_has_a_meaning() -> None:
    assert [reason.value for reason in Reason] == [reason.name for reason in Reason]
    assert meaning_of("") not in [reason.meaning for reason in Reason]


@pytest.mark.parametrize("reason", Reason)
def test_a_meaning_is_sentences_that_end_and_advice_for_whom_it_notifies(reason: Reason) -> None:
    meaning = reason.meaning
    for text in (meaning.sentence, meaning.advice):
        assert re.fullmatch(r"[A-Z].*\.", text)
        assert "|" not in text  # it is in a table of the documents
    if meaning.notify:
        assert not re.match(r"Nothing[.;]|No action needed", meaning.advice)
    assert meaning_of(reason.value) == meaning


@pytest.mark.parametrize("code", ["", "NEXT_YEARS", "ready"])
def test_the_advice_for_a_code_of_a_later_version_is_to_read_the_message(code: str) -> None:
    assert meaning_of(code).advice == "Read the message. A later version wrote the row and its reason."


def test_the_code_gives_every_reason_and_no_other() -> None:
    given = found(r"\bReason\.([A-Z_]+)", "lambdas", but="reasons.py")
    assert sorted(NAMES - given) == [], "give it in lambdas/, or remove it from reasons.py"
    assert given <= NAMES


def test_every_reason_is_seen_in_a_test() -> None:
    seen = found(r"[A-Z][A-Z_]+", "tests/core", "tests/component", but="test_reasons.py")
    assert sorted(NAMES - seen) == [], (
        "add a line to the table of the matching test, for example tests/core/test_decide.py"
    )
