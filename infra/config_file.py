"""Reads a configuration file and reports all its mistakes at once, each with its line, key path and advice."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from infra import meant, odd_text
from infra.config import Configuration, DirectoryMapping, Pair, Rules, Vpc
from infra.config_rules import Caution, broken_rules, cautions
from infra.examples import untouched
from infra.meant import KeyPath
from infra.selection_rules import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from pydantic_core import ErrorDetails

EXAMPLE: Final = Path(__file__).resolve().parent.parent / "standby.example.yaml"
_WANTED: Final = {"list_type": "a list", "dict_type": "a map", "model_type": "a map", "string_type": "one text"}
_MISSING: Final = "this key is missing"
_MOST_SHOWN: Final = 200  # characters of a quoted value of the file
_MOST_REPEATED: Final = 80  # characters of advice that is repeated in full
_MOST_SAID: Final = 400  # characters of a sentence that quotes a value


@dataclass(frozen=True)
class Mistake:
    """One mistake in the file, and what to write instead."""

    path: str
    problem: str
    advice: str
    line: int | None = None
    key_meant: str = ""

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        path = f"{_cut(self.path)}: " if self.path else ""
        return odd_text.printable(f"{line}{path}{self.problem}. {self.advice}.")


class ConfigurationError(Exception):
    """The configuration file cannot be used. The message is the list of all mistakes, for a person."""

    def __init__(self, file: Path, mistakes: list[Mistake]) -> None:
        self.file = file
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        said: set[str] = set()
        lines = [f"{file}: {count}"]
        for mistake in mistakes:
            as_above = mistake.advice in said and len(mistake.advice) > _MOST_REPEATED
            lines.append(f"  {replace(mistake, advice='The advice is the same as above') if as_above else mistake}")
            said.add(mistake.advice)
        super().__init__("\n".join(lines))


def load(file: Path) -> Configuration:
    """Read and validate a configuration file.

    Raises
    ------
    ConfigurationError
        The file has mistakes. The error has all of them, not only the first.
    """
    return _load(file)[0]


def load_with_cautions(file: Path, today: date) -> tuple[Configuration, list[Caution]]:
    """The configuration, and warnings about what is allowed but may be unintended, with their lines.

    Raises
    ------
    ConfigurationError
        As in `load`.
    """
    configuration, lines = _load(file)
    found = [*cautions(configuration, today), *untouched(configuration, EXAMPLE)]
    return configuration, [replace(caution, line=_line(lines, caution.path)) for caution in found]


def _load(file: Path) -> tuple[Configuration, dict[str, int]]:
    document, lines, duplicates = _read(file)
    mistakes = list(duplicates)
    configuration = None
    try:
        configuration = Configuration.model_validate(document)
    except ValidationError as failure:
        errors = failure.errors()
        likely = meant.meant(document, errors, _field_name)
        mistakes += [_mistake(error, likely.get(error["loc"])) for error in errors]
    # The rules between values check the file as written, so that they are reported beside other mistakes.
    reported = {mistake.path for mistake in mistakes}
    mistakes += [
        Mistake(_dotted(rule.path), _cut(rule.problem, _MOST_SAID), _cut(rule.advice, _MOST_SAID))
        for rule in broken_rules(document)
        if _dotted(rule.path) not in reported
    ]
    # A misspelt key is not also reported as missing.
    misspelt = {f"{mistake.path.rpartition('.')[0]}.{mistake.key_meant}" for mistake in mistakes if mistake.key_meant}
    mistakes = [mistake for mistake in mistakes if mistake.problem != _MISSING or mistake.path not in misspelt]
    if mistakes or configuration is None:
        placed = [replace(mistake, line=mistake.line or _line(lines, mistake.path)) for mistake in mistakes]
        raise ConfigurationError(file, sorted(placed, key=lambda mistake: (mistake.line or 0, mistake.path)))
    return configuration, lines


# -- reading ---------------------------------------------------------------------------------------------------------


_YAML: Final = "tag:yaml.org,2002:"


class _PlainLoader(yaml.SafeLoader):
    """YAML without the conversions of version 1.1: `on` and `no` stay words; 012, 2:00 and dates stay text."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 (PyYAML's)
        """The value of a node. Values on which PyYAML fails (`!!int x`, 5,000 digits) are reported with their line."""
        try:
            return super().construct_object(node, deep=deep)
        except (AttributeError, LookupError, TypeError, ValueError) as failure:
            problem = "the value does not have the type that is written before it, or it has too many digits"
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
    """The document, the line of each key path, and repeated keys (YAML would silently use the last one)."""
    text = _text(file)
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
        if node is None:
            advice = "Copy standby.example.yaml to it, or write at least pairs: with two Regions and a directory"
            raise ConfigurationError(file, [Mistake("", "the file is empty", advice)])
        lines: dict[str, int] = {}
        duplicates = []
        for path, line, again in _keys(node, (), set()):
            lines.setdefault(path, line)
            if again:
                duplicates.append(Mistake(path, "this key is written twice", "Keep one of the two", line))
        return loader.construct_document(node), lines, duplicates
    except yaml.YAMLError as failure:
        raise ConfigurationError(file, [_not_yaml(text, failure)]) from None
    except RecursionError:
        advice = "Write pairs: and its keys as in standby.example.yaml"
        raise ConfigurationError(file, [Mistake("", "the file is nested too deeply", advice)]) from None


_SAVE_AS: Final = "Save the file again as text in UTF-8 (choose the encoding in your editor's Save As dialog)"


def _text(file: Path) -> str:
    """The content of the file, as text in UTF-8."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        advice = "Create it with `.venv/bin/standby init`, or name another file"
        raise ConfigurationError(file, [Mistake("", "the file does not exist", advice)]) from None
    except OSError as failure:
        mistake = Mistake("", f"the file cannot be read ({failure.strerror})", "Name a file that you may read")
        raise ConfigurationError(file, [mistake]) from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:2]:
        problem = "the file cannot be read: it is text in UTF-16, as some Windows programs save it"
        raise ConfigurationError(file, [Mistake("", problem, _SAVE_AS)])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as failure:
        problem = f"the file cannot be read: the byte 0x{content[failure.start]:02x} is not UTF-8"
        line = content.count(b"\n", 0, failure.start) + 1
        raise ConfigurationError(file, [Mistake("", problem, _SAVE_AS, line)]) from None


def _not_yaml(text: str, failure: yaml.YAMLError) -> Mistake:
    if isinstance(failure, yaml.reader.ReaderError):
        line = text.count("\n", 0, failure.position) + 1
        return Mistake("", f"this is not YAML ({failure.reason})", "Remove the unreadable characters", line)
    mark = failure.problem_mark or failure.context_mark if isinstance(failure, yaml.MarkedYAMLError) else None
    if not isinstance(failure, yaml.MarkedYAMLError) or mark is None:
        return Mistake("", "this is not YAML", "Write it as in standby.example.yaml")
    problem = failure.problem or failure.context or ""
    lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)
    if "\t" in "".join(lines[mark.line : mark.line + 1]):
        return Mistake(
            "", "this line has a tab where YAML requires spaces", "Indent with spaces, two each level", mark.line + 1
        )
    for number in (mark.line, mark.line - 1):  # a missing character is often noticed only in the next line
        written = lines[number] if 0 <= number < len(lines) else ""
        if odd := odd_text.characters(written.partition("#")[0]):
            said = f"this is not YAML ({problem}): the line has {odd_text.in_words(odd)}"
            return Mistake("", said, "Write plain quotes, colons, hyphens and spaces instead", number + 1)
    if "another document" in problem:
        said, advice = (
            "the file has more than one YAML document: the second one begins here",
            "Remove the line with ---",
        )
    else:
        said = f"this is not YAML ({problem})"
        advice = (
            'Indent with spaces, two each level, and put texts with special characters in quotes: "*-admin", "R&D: 1"'
        )
    return Mistake("", said, advice, mark.line + 1)


def _keys(node: yaml.Node, path: KeyPath, seen: set[int]) -> Iterator[tuple[str, int, bool]]:
    """Each key path below a node: (path, line, whether its map already had that key).

    What an anchor repeats is visited once: a few lines of anchors can mean a billion keys.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            yield _dotted((*path, name)), key.start_mark.line + 1, name in names
            names.add(name)
            yield from _keys(value, (*path, name), seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield _dotted((*path, index)), item.start_mark.line + 1, False
            yield from _keys(item, (*path, index), seen)


# -- reporting ---------------------------------------------------------------------------------------------------------


def _dotted(path: KeyPath) -> str:
    """`("pairs", 0, "notify", 1)` as `pairs[0].notify[1]`; a key of blanks is in quotes."""
    text = ""
    for part in path:
        name = str(part) if str(part).strip() else repr(part)
        text += f"[{part}]" if isinstance(part, int) else f".{name}" if text else name
    return text


def _shown(given: object) -> str:
    """A value of the file, cut to what helps to find it."""
    return _cut(repr(given))


def _cut(text: str, most: int = _MOST_SHOWN) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _line(lines: dict[str, int], path: str) -> int | None:
    """The line of a key path, or for a missing key that of the nearest map around it."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path)


def _mistake(error: ErrorDetails, likely: Any) -> Mistake:
    path, kind, given = _without_mark(error), error["type"], error["input"]
    if not path:
        advice = f"Write `pairs:` and below it {_describe(Configuration, 'pairs')}"
        return Mistake("", "the file is not a map", advice)
    model, field = _field(path)
    advice = f"Write {_describe(model, field)}"
    key_meant = ""
    if kind == "extra_forbidden":
        key_meant, words = meant.key_meant(str(path[-1]), model)
        problem = f"this key does not exist{words}"
        advice = f"Remove it, or write one of {', '.join(sorted(model.model_fields))}"
    elif meant.KEY in error["loc"]:
        problem, advice = f"{_shown(given)} is not valid as a key here", f"Write {_key_description(field)}"
    else:
        problem = _problem(kind, given, field)
    if isinstance(given, str) and kind != "extra_forbidden":
        # The cause may be a character that tags, or ids and addresses, cannot have.
        others = re.sub(r"[\w +\-=.:/@]" if field == "tags" else r"[\x00-\x7f]", "", given)
        odd = odd_text.as_meant(given)[1] or odd_text.names(others)
        problem += f": it has {odd_text.in_words(odd)}" if odd else meant.wrong_kind(given, field)
    if likely is not None:
        problem += f"; you probably mean {_cut(meant.as_written(likely))}"
    return Mistake(_dotted(path), problem, advice, key_meant=key_meant)


def _problem(kind: str, given: Any, field: str) -> str:
    """The problem with a value."""
    if kind == "missing":
        return _MISSING
    if given is None:
        return "it has no value"
    if kind in {"too_short", "too_long"}:
        return "it is empty" if kind == "too_short" else f"it has {len(given)} entries"
    if isinstance(given, (dict, list)):
        wanted = _WANTED.get(kind)
        return f"this is {'a map' if isinstance(given, dict) else 'a list'}{f', not {wanted}' if wanted else ''}"
    if kind == "unknown_region":
        return f"{_shown(given)} is not an AWS Region that this version knows"
    if field == "account" and isinstance(given, int):
        return f"{_shown(given)} is a number here, and numbers lose leading zeros"
    return f"{_shown(given)} is not valid here"


def _without_mark(error: ErrorDetails) -> KeyPath:
    return tuple(part for part in error["loc"] if part != meant.KEY)


def _field(path: KeyPath) -> tuple[type[BaseModel], str]:
    """The model that a key path ends in, and the name of the field there."""
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


def _field_name(error: ErrorDetails) -> str:
    """The field of an error. For a key of a map, it is the map's field."""
    path = _without_mark(error)
    return _field(path[:-1] if meant.KEY in error["loc"] else path)[1]


def _describe(model: type[BaseModel], field: str) -> str:
    known = model.model_fields.get(field)
    if known and known.description:
        return known.description
    return "keys and values" + (", for example {dr_directory: d-926722edaf}" if model is DirectoryMapping else "")


def _key_description(field: str) -> str:
    if field in {"tags", "resource_tags"}:
        return "a tag's key: letters, digits, spaces and + - = . : / @"
    if field == "prices":
        return "a compute type as DescribeWorkspaces returns it, for example STANDARD"
    return "the id of a directory in the primary Region, for example d-906732325d"
