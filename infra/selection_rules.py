"""What `include` and `exclude` of a configuration must be, and what of it is perhaps not meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.config import Pair, Rules

SECTIONS: Final = ("include", "exclude")
_NO_RULES: Final = {
    "include": "Write tags, users or directories below it, or remove it: without it every desktop is included",
    "exclude": "Write tags, users or directories below it, or remove it: without it no desktop is excluded",
}


def broken_selection(pair: Mapping[Any, Any]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Key path, problem and advice of each mistake in a pair as it stands in the file."""
    mapped = pair.get("directories")
    for section in SECTIONS:
        rules = pair.get(section)
        if section in pair and (rules is None or rules == {}):
            yield (section,), "there is no rule in it", _NO_RULES[section]
        directories = rules.get("directories") if isinstance(rules, dict) else None
        for index, directory in enumerate(directories if isinstance(directories, list) else ()):
            if isinstance(directory, str) and isinstance(mapped, dict) and directory not in mapped:
                known = ", ".join(str(one) for one in mapped)
                advice = f"Write one of {known}, or map it under directories: what is not mapped gets no standby anyway"
                yield (section, "directories", index), f"{directory} is not under directories", advice


def selection_cautions(pair: Pair) -> Iterator[tuple[str, str]]:
    """Key and message of what is allowed and perhaps not meant."""
    if pair.exclude is None:
        return
    leaves_none = "nobody gets a standby: to make none, set mode: observe"
    if not set(pair.directories) - set(pair.exclude.directories):
        yield "exclude.directories", f"every directory is excluded, so {leaves_none}"
    if any(not glob.strip("*") for glob in pair.exclude.users):
        yield "exclude.users", f"every user is excluded, so {leaves_none}"
    for rule in _written(pair.include):
        if rule in _written(pair.exclude):
            yield f"include.{rule[0]}", f"{rule[1]} stands under exclude.{rule[0]} too, which wins"


def in_words(pair: Pair) -> str:
    """Who gets a standby, for the person who wrote the rules."""
    included, excluded = (
        "; ".join(f"{section}.{key}: {rest}" for key, rest in _written(rules))
        for section, rules in (("include", pair.include), ("exclude", pair.exclude))
    )
    words = f"desktops that match {included}" if included else "every desktop that can have a standby"
    if excluded:
        words += f", and none that matches {excluded}"
    return words


def _written(rules: Rules | None) -> list[tuple[str, str]]:
    """Each rule of a section: its key, and the rest as it stands there."""
    if rules is None:
        return []
    found = [("tags", f"{key}: {value}") for key, value in rules.tags.items()]
    found += [("users", glob.casefold()) for glob in rules.users]
    return found + [("directories", directory) for directory in rules.directories]
