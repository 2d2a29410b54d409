"""Whatever stands in a configuration file: it is valid, or every mistake is told with file, place and what to write."""

import contextlib
import functools
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from cli.main import main
from infra.config import Configuration
from infra.config_file import EXAMPLE, ConfigurationError, load
from infra.config_rules import cautions
from tests.fuzz.garbage import EDITS, JSON, Edits, edited
from tests.fuzz.properties import holds_for
from tests.infra.conftest import EVERYTHING

# With something of everything.
GOOD: dict[str, Any] = yaml.safe_load(EVERYTHING)
GOOD["pairs"][0] |= {"mode": "protect", "poll_interval_seconds": 120.5, "max_standbys": 5000}
# What YAML has and JSON has not, or what looks like something else.
SNIPPETS = st.sampled_from(
    [
        "&a [*a]", "*a", "&a {<<: *a}", "!!python/object:os.system x", "!!binary aGk=", "!!timestamp 2026-03-03",
        "!!set {a, b}", "!!omap [a: 1]", "? [a, b]\n: c", "? {a: b}\n: c", "<<: {a: 1}", "<<: 7", "0x1F", "0o17",
        "1_000", "12:30:00", ".inf", "-.inf", ".nan", "~", "on", "2026-03-03", "|\n  text", ">-\n  folded", "'", '"',
        "\t", "---\na: 1\n---\nb: 2", "%YAML 9.9", "\x00", "\ufeff", "#", "- ", ": ", "{", "[", "@", "`", "1" * 5000,
        "“", "’", "\u00a0", "\u200b", "\u00ad", "–", "＊", "е", "mailto:", ";", "^", ".*", "[!", "%", "\\d",
        "[" * 400, "[" * 3000, "!!int x", "!!float x", "!!bool x", "!!null x", "!!str 7", "!unknown x",
    ]
)  # fmt: skip


# What a mistake can be about beside a line or a key.
ABOUT_ALL = (
    "the file is not a map",
    "the file is empty",
    "the file cannot be read",
    "this is not YAML",
    "the file is nested",
)


@holds_for(0.085, edits=EDITS)
def test_a_configuration_edited_anywhere_is_valid_or_told(edits: Edits) -> None:
    assert_valid_or_told(text_of(edited(GOOD, edits)))


@holds_for(0.03, document=JSON)
def test_any_document_at_all_is_valid_or_told(document: Any) -> None:
    assert_valid_or_told(text_of(document))


@holds_for(
    0.085, cuts=st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9), SNIPPETS | st.text(max_size=5)), max_size=3)
)
def test_a_text_changed_anywhere_is_valid_or_told(cuts: list[tuple[int, int, str]]) -> None:
    text = example()
    for at, length, instead in cuts:
        at %= len(text) + 1
        text = text[:at] + instead + text[at + length :]
    assert_valid_or_told(text)


@holds_for(0.01, content=st.binary(max_size=200))
def test_a_file_of_any_bytes_is_valid_or_told(content: bytes) -> None:
    assert_valid_or_told(content)


def text_of(document: Any) -> str:
    """A document as YAML, which JSON is too: what is nested deeply PyYAML cannot write."""
    try:
        return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    except RecursionError:
        return json.dumps(document)


@functools.cache
def example() -> str:
    """The example without its comments, in which a change makes no difference."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.split("#")[0].strip())


@functools.cache
def folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def assert_valid_or_told(content: str | bytes) -> None:
    file = Path(folder().name) / "standby.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["check", str(file)])
    told = (out if status == 0 else err).getvalue()
    assert str(file) in told
    assert "Traceback" not in told
    assert all(line.isprintable() for line in told.split("\n"))
    if status == 0:
        assert_can_be_used(load(file))
        return
    with pytest.raises(ConfigurationError) as failure:
        load(file)
    assert failure.value.mistakes
    for mistake in failure.value.mistakes:
        assert mistake.problem
        assert mistake.advice
        assert mistake.path or mistake.line or mistake.problem.startswith(ABOUT_ALL)
        assert len(str(mistake)) < 2000


def assert_can_be_used(configuration: Configuration) -> None:
    cautions(configuration)
    for pair in configuration.pairs:
        assert pair.digest
        assert configuration.settings(pair)["directories"]
