"""Plain, present-day technical English: the phrases that are banned are in none of the texts that people read.

COVERED lists the files. Of code, all strings are checked, docstrings included: generated parts of documents are made
from them.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COVERED = (
    *("*.md", "docs/**/*.md", "cli/report/**/*.j2"),
    *(f"{folder}/**/*.py" for folder in ("lambdas", "infra", "cli", "local", "tools")),
)
# It names the words that are not used.
GLOSSARY = ROOT / "docs" / "contributing" / "glossary.md"
# A phrase, and what to write instead.
BANNED = {
    r"\bgo(?:es|ing)? on\b": "continues",
    r"\bby hand\b": "manually, or the command",
    r"\bt(?:old|ells?)\b(?! apart)": "notified, reported, logged, published",
    r"\bst(?:and|ands|anding|ood) still\b": "is paused",
    r"\bse(?:e|es|en) to\b": "creates, checks, handles",
    r"\bmend(?:s|ed|ing)?\b": "correct, repair",
    r"\b(?:be|is|are|was) at it\b": "say who does what",
    r"\bof whom\b": "say it in two sentences",
    r"\bnobody's\b": "unassigned",
    r"\bno more seldom\b": "as often",
    r"\bbroken off\b": "interrupted",
    r"\bpartner": "DR directory",
    r"\b(?:one|first|second|two|three|complete) looks?\b": "lookup",
    r"[,.] and costs\b": "is billed",
    r"\bany more\b": "no longer",
    r"\bis there no more\b": "no longer exists",
    r"\b(?:is|are) shown again\b": "is returned again, reappears",
    r"\b(?:takes? (?:them|it|these) up|taken up)\b": "starts, continues with",
    r"\banew\b": "again",
    r"\bso long\b": "for that time",
    r"\b(?:is|are|was|were) waited for\b": "say who waits, and until when",
    r"\ball the same\b": "still, anyway",
    r"\bof (?:its|their) own accord\b": "automatically",
    r"\bon (?:its|their) way out\b": "being terminated",
    r"\b(?:and|,) see that\b": "check that",
    r"\bperhaps\b": "may, can",
    r"\b(?:mark|remark)s? (?:of|in|upon) (?:a|the|its) row": "condition, note",
    r"\bmade by somebody\b": "created by another tool or person",
    r"(?-i:\bWhat) (?:is|was)\b[^.?:|]{3,80}\b(?:is|was)\b": "name the subject: desktops that ... are ...",
}
GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)
CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def texts(path: Path) -> Iterator[str]:
    """The sentences of a file: of a document, without commands and what is generated; of code, its strings."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield CODE.sub("", GENERATED.sub("", text))
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield CODE.sub("", node.value)


def found(text: str) -> list[str]:
    """The banned phrases in a text, each with what to write instead."""
    one_line = re.sub(r"\s+", " ", text)
    return [
        f"{match[0]!r}: write {instead}"
        for phrase, instead in BANNED.items()
        for match in re.finditer(phrase, one_line, re.IGNORECASE)
    ]


def covered() -> list[Path]:
    return sorted({path for pattern in COVERED for path in ROOT.glob(pattern)} - {GLOSSARY})


@pytest.mark.parametrize("path", covered(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_text_has_no_phrase_that_nobody_says(path: Path) -> None:
    assert [one for text in texts(path) for one in found(text)] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Nothing; it goes on by itself.",
        "Ask for it by hand.",
        "New desktops are told once.",
        "Its deadline stands still.",
        "The primary is gone, and its standby is still there, and costs.",
        "Two looks find none.",
        "The pair sees to its standby.",
        "Mend its cause.",
        "What was taken for gone is what it was before.",
        "Its standby is not there any more.",
        "The next sweep takes them up.",
        "One on its way out is waited for.",
        "Read AWS's message, and see that the directory is ACTIVE.",
        "The logs say why; perhaps a policy denies it.",
    ],
)
def test_what_was_written_before_is_found(sentence: str) -> None:
    assert found(sentence)
