"""The domain's packages: which may know which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

DOMAIN = Path(__file__).resolve().parents[2] / "lambdas" / "standby"
MAY_KNOW = {
    "decisions": set(),
    "service": {"decisions"},
    "ledger": {"decisions", "service"},
    "protect": {"decisions", "service", "ledger"},
    "watch": {"decisions", "service", "ledger"},
    "sweep": {"decisions", "service", "ledger"},
    "announce": {"ledger"},
}
# Words that every package speaks.
WORDS = {"clock", "model", "prices", "reasons", "rows", "selection", "settings", "texts"}
# Rules of a command of its own, made of words alone.
APART = {"orphan_checks"}
# What puts the parts together, or tells of them, stands above them all.
ABOVE = {"heartbeat", "protect_function", "telemetry", "wiring"}


def imported(code: ast.AST) -> Iterator[str]:
    """The first name below `standby` of each import that runs; what is for the type checker alone does not."""
    for node in ast.iter_child_nodes(code):
        match node:
            case ast.If(test=ast.Name("TYPE_CHECKING")):
                continue
            case ast.ImportFrom(module=str(module)) if module == "standby":
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)) if module.startswith("standby."):
                yield module.split(".")[1]
            case ast.Import(names=names):
                yield from (alias.name.split(".")[1] for alias in names if alias.name.startswith("standby."))
            case _:
                yield from imported(node)


def known_by(path: Path) -> set[str]:
    return set(imported(ast.parse(path.read_text(encoding="utf-8"))))


def test_every_module_has_its_place() -> None:
    packages = {path.name for path in DOMAIN.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert packages == set(MAY_KNOW)
    assert {path.stem for path in DOMAIN.glob("*.py")} == WORDS | APART | ABOVE | {"__init__"}


@pytest.mark.parametrize("word", sorted(WORDS | APART))
def test_a_word_is_made_of_words(word: str) -> None:
    assert known_by(DOMAIN / f"{word}.py") <= WORDS


@pytest.mark.parametrize("package", sorted(MAY_KNOW))
def test_a_package_knows_only_those_below_it(package: str) -> None:
    known = {name for path in (DOMAIN / package).rglob("*.py") for name in known_by(path)}
    assert known - WORDS - {package} <= MAY_KNOW[package]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from standby.sweep.fleet import decide", {"sweep"}),
        ("from standby import sweep, clock", {"sweep", "clock"}),
        ("import standby.sweep.fleet as fleet", {"sweep"}),
        ("def late():\n    from standby.watch import held", {"watch"}),
        ("if TYPE_CHECKING:\n    from standby.sweep import fleet", set()),
        ("import json", set()),
    ],
)
def test_an_import_is_seen_wherever_it_stands(code: str, expected: set[str]) -> None:
    assert set(imported(ast.parse(code))) == expected
