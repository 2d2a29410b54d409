"""Reads a configuration file and tells all its mistakes at once, each by line, key path and what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from infra.config import Configuration, DirectoryMapping, Pair, Rules, Vpc
from infra.config_rules import broken_rules
from infra.selection_rules import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from infra.config_rules import KeyPath

_MOST_SHOWN: Final = 400  # characters of what stands in the file, and of what quotes it
EXAMPLE: Final = Path(__file__).resolve().parent.parent / "standby.example.yaml"


@dataclass(frozen=True)
class Mistake:
    """One thing to change in the file."""

    path: str
    problem: str
    advice: str
    line: int | None = None

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        path = f"{_cut(self.path)}: " if self.path else ""
        told = f"{line}{path}{_cut(self.problem)}. {_cut(self.advice)}."
        # A control character in the file must not reach the terminal.
        return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in told)


class ConfigurationError(Exception):
    """The configuration file cannot be used; the message is the whole list, for a person."""

    def __init__(self, file: Path, mistakes: list[Mistake]) -> None:
        self.file = file
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__("\n".join([f"{file}: {count}", *(f"  {mistake}" for mistake in mistakes)]))


def load(file: Path) -> Configuration:
    """Read and validate a configuration file.

    Raises
    ------
    ConfigurationError
        with every mistake that was found, not only the first.
    """
    document, lines, duplicates = _read(file)
    mistakes = list(duplicates)
    configuration = None
    try:
        configuration = Configuration.model_validate(document)
    except ValidationError as failure:
        mistakes += [_mistake(document, error) for error in failure.errors()]
    # The rules between values look at the file as it was written, so that they speak up beside any other mistake.
    told = {mistake.path for mistake in mistakes}
    mistakes += [
        Mistake(_dotted(rule.path), rule.problem, rule.advice)
        for rule in broken_rules(document)
        if _dotted(rule.path) not in told
    ]
    if mistakes or configuration is None:
        placed = [replace(mistake, line=mistake.line or _line(lines, mistake.path)) for mistake in mistakes]
        raise ConfigurationError(file, sorted(placed, key=lambda mistake: (mistake.line or 0, mistake.path)))
    return configuration


# -- reading ---------------------------------------------------------------------------------------------------------


_YAML: Final = "tag:yaml.org,2002:"


class _PlainLoader(yaml.SafeLoader):
    """YAML without the guesses of its version 1.1: `on` and `no` stay words, 012 and 2:00 stay text, dates too."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 (PyYAML's)
        """The value of a node; what PyYAML trips over, such as `!!int x` or a number of 5,000 digits, by its line."""
        try:
            return super().construct_object(node, deep=deep)
        except (AttributeError, LookupError, TypeError, ValueError) as failure:
            problem = "the value is not of the type that stands before it, or has too many digits"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from failure


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in {f"{_YAML}null", f"{_YAML}merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _first, _pattern in (
    ("bool", "tTfF", r"^(true|false|True|False|TRUE|FALSE)$"),
    ("int", "-+0123456789", r"^[-+]?(0|[1-9][0-9]*)$"),
    ("float", "-+.0123456789", r"^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)\.[0-9]*)([eE][-+]?[0-9]+)?$"),
):
    _PlainLoader.add_implicit_resolver(f"{_YAML}{_tag}", re.compile(_pattern), list(_first))


def _read(file: Path) -> tuple[Any, dict[str, int], list[Mistake]]:
    """The document, the line of each key path, and keys that stand twice (YAML would silently take the last)."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        advice = "Make one with `.venv/bin/standby init`, or name another one"
        raise ConfigurationError(file, [Mistake("", "there is no such file", advice)]) from None
    except (OSError, UnicodeDecodeError) as failure:
        advice = "Make it a readable text file in UTF-8"
        raise ConfigurationError(file, [Mistake("", f"it cannot be read ({failure})", advice)]) from None
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
        if node is None:
            advice = "Copy standby.example.yaml over it, or write at least pairs: with two Regions and a directory"
            raise ConfigurationError(file, [Mistake("", "the file is empty", advice)])
        lines: dict[str, int] = {}
        duplicates = []
        for path, line, again in _keys(node, (), set()):
            lines.setdefault(path, line)
            if again:
                duplicates.append(Mistake(path, "the key stands here a second time", "Keep one of the two", line))
        return loader.construct_document(node), lines, duplicates
    except yaml.YAMLError as failure:
        raise ConfigurationError(file, [_not_yaml(text, failure)]) from None
    except RecursionError:
        advice = "Write pairs: and below it what standby.example.yaml shows"
        raise ConfigurationError(file, [Mistake("", "it is nested too deeply", advice)]) from None


def _not_yaml(text: str, failure: yaml.YAMLError) -> Mistake:
    mark = failure.problem_mark or failure.context_mark if isinstance(failure, yaml.MarkedYAMLError) else None
    if not isinstance(failure, yaml.MarkedYAMLError) or mark is None:
        return Mistake("", f"this is not YAML ({failure})", "Remove the unreadable characters")
    advice = "Indent with spaces, two a level, and put texts with special characters in quotes"
    if "\t" in "".join(text.splitlines()[mark.line : mark.line + 1]):
        return Mistake("", "this line has a tab where YAML wants spaces", advice, mark.line + 1)
    return Mistake("", f"this is not YAML ({failure.problem or failure.context})", advice, mark.line + 1)


def _keys(node: yaml.Node, path: KeyPath, above: set[int]) -> Iterator[tuple[str, int, bool]]:
    """Each key path below a node: (path, line, whether its map has had that key already)."""
    if id(node) in above:  # an anchor that contains itself
        return
    above = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            yield _dotted((*path, name)), key.start_mark.line + 1, name in seen
            seen.add(name)
            yield from _keys(value, (*path, name), above)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield _dotted((*path, index)), item.start_mark.line + 1, False
            yield from _keys(item, (*path, index), above)


# -- telling ---------------------------------------------------------------------------------------------------------


def _dotted(path: KeyPath) -> str:
    """`("pairs", 0, "notify", 1)` as `pairs[0].notify[1]`; a key of blanks is in quotes."""
    text = ""
    for part in path:
        name = str(part) if str(part).strip() else repr(part)
        text += f"[{part}]" if isinstance(part, int) else f".{name}" if text else name
    return text


def _shown(given: object) -> str:
    """What stands in the file, as far as it helps to find it."""
    return _cut(repr(given))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _line(lines: dict[str, int], path: str) -> int | None:
    """Line of a key path, or of the nearest map around it for a key that is missing."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path)


def _mistake(document: Any, error: ErrorDetails) -> Mistake:
    path = tuple(part for part in error["loc"] if part != "[key]")
    kind, given = error["type"], error["input"]
    if not path:
        advice = f"Write `pairs:` and below it {_describe(Configuration, 'pairs')}"
        return Mistake("", "the file holds no map", advice)
    model, field = _field(path)
    advice = f"Write {_describe(model, field)}"
    if kind == "extra_forbidden":
        problem, advice = "there is no such key", f"Remove it, or write one of {', '.join(sorted(model.model_fields))}"
    elif kind == "missing":
        problem = "this key is missing"
    elif "[key]" in error["loc"]:
        problem = f"{_shown(given)} cannot be a key here"
        advice = f"Write {_key_description(field)}"
    elif given is None:
        problem = "there is no value"
    elif kind in {"too_short", "too_long"}:
        problem = "it is empty" if kind == "too_short" else f"there are {len(given)} of them"
    elif isinstance(given, (dict, list)):
        problem = f"{'a map' if isinstance(given, dict) else 'a list'} is not what belongs here"
    else:
        problem = f"{_shown(given)} is not what belongs here"
        if field == "account" and isinstance(given, int):
            problem = f"{_shown(given)} is a number here, and a number loses leading zeros"
    return Mistake(_dotted(path), problem, advice)


def _field(path: KeyPath) -> tuple[type[BaseModel], str]:
    """The model a key path ends in, and the field's name there."""
    names = [part for part in path if isinstance(part, str)]
    if len(names) <= 1:
        return Configuration, names[0] if names else "pairs"
    if names[1] in SECTIONS and len(names) > 2:
        return Rules, names[2]
    if names[1] == "vpc" and len(names) > 2:
        return Vpc, names[2]
    if names[1] != "directories" or len(names) == 2:
        return Pair, names[1]
    return DirectoryMapping, names[3] if len(names) > 3 else ""


def _describe(model: type[BaseModel], field: str) -> str:
    known = model.model_fields.get(field)
    if known and known.description:
        return known.description
    return "keys and values" + (", for example {dr_directory: d-926722edaf}" if model is DirectoryMapping else "")


def _key_description(field: str) -> str:
    if field in {"tags", "resource_tags"}:
        return "a tag's key: letters, digits, spaces and + - = . : / @"
    if field == "prices":
        return "a compute type as DescribeWorkspaces names it, for example STANDARD"
    return "the id of a directory in the primary Region, for example d-906732325d"
