"""Rules for `include` and `exclude` of a configuration, and warnings about what may be unintended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra import globs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.config import Pair, Rules

OWN_TAGS: Final = "workspaces-standby:"
SECTIONS: Final = ("include", "exclude")
_NO_RULES: Final = {
    "include": "Write tags, users or directories below it, or remove it: without it, every desktop is included",
    "exclude": "Write tags, users or directories below it, or remove it: without it, no desktop is excluded",
}


def broken_selection(pair: Mapping[Any, Any]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Key path, problem and advice of each mistake in a pair as written in the file."""
    mapped = pair.get("directories")
    for section in SECTIONS:
        rules = pair.get(section)
        if section in pair and (rules is None or rules == {}):
            yield (section,), "it has no rules", _NO_RULES[section]
        directories = rules.get("directories") if isinstance(rules, dict) else None
        for index, directory in enumerate(directories if isinstance(directories, list) else ()):
            if isinstance(directory, str) and isinstance(mapped, dict) and directory not in mapped:
                known = ", ".join(str(one) for one in mapped)
                advice = (
                    f"Write one of {known}, or map it under directories: without a mapping, it gets no standbys anyway"
                )
                yield (section, "directories", index), f"{directory} is not under directories", advice


@dataclass(frozen=True)
class _Rule:
    """One entry of a section: its kind (tags, users, directories), its place, and the pattern that is compared."""

    kind: str
    place: str
    written: str
    tag: str
    pattern: str

    def covers(self, other: _Rule) -> bool:
        """Whether it matches every WorkSpace that the other one matches."""
        return (self.kind, self.tag) == (other.kind, other.tag) and globs.covers(self.pattern, other.pattern)


def selection_cautions(pair: Pair) -> Iterator[tuple[str, str]]:
    """Key and message of each warning about what is allowed but may be unintended."""
    included, excluded = _rules("include", pair.include), _rules("exclude", pair.exclude)
    leaves_none = "no desktop gets a standby. To create none, set mode: observe"
    if not set(pair.directories) - {rule.pattern for rule in excluded if rule.kind == "directories"}:
        yield "exclude.directories", f"every directory is excluded, so {leaves_none}"
    if any(rule.kind == "users" and globs.covers(rule.pattern, "*") for rule in excluded):
        yield "exclude.users", f"every user is excluded, so {leaves_none}"
    for rule in (*included, *excluded):
        if message := _matches_none(rule):
            yield rule.place, f"{rule.written}: {message}"
    for narrow, wide in _covered(included, excluded):
        message = (
            f"{wide.place} ({wide.written}) also matches all of its desktops, and exclude wins. Remove one of the two"
        )
        yield narrow.place, f"{narrow.written}: it has no effect: {message}"
    for rules in (included, excluded):
        for narrow, wide in _covered(rules, rules):
            message = f"{wide.place} ({wide.written}) also matches all of its desktops. Remove one of the two"
            yield narrow.place, f"{narrow.written}: it has no effect: {message}"
    for rule in _unneeded(included, excluded):
        message = f"it has no effect: it matches none of the desktops in include.{rule.kind}. Remove it"
        yield rule.place, f"{rule.written}: {message}"


def _unneeded(included: list[_Rule], excluded: list[_Rule]) -> Iterator[_Rule]:
    """Rules that exclude only what is not included. This is known if all include rules are of one kind."""
    kinds, patterns = {rule.kind for rule in included}, {rule.pattern for rule in included}
    wild = [pattern for pattern in patterns if globs.is_wild(pattern)]
    for rule in excluded:
        if kinds != {rule.kind} or rule.kind == "tags" or rule.pattern in patterns:
            continue
        if not any(globs.meet(rule.pattern, other) for other in (patterns if globs.is_wild(rule.pattern) else wild)):
            yield rule


def _matches_none(rule: _Rule) -> str | None:
    if rule.kind == "directories":
        return None
    if rule.tag.casefold().startswith(OWN_TAGS):
        return "it matches no desktop: only standbys have this tag, and rules apply to primaries"
    nothing = globs.matches_nothing(rule.kind, rule.pattern)
    meant = globs.otherwise_meant(rule.kind, rule.pattern if rule.tag else rule.written)
    if nothing and not meant:
        return f"it matches no desktop: {nothing}. Write it as DescribeWorkspaces returns it, with * for any text"
    return f"{meant}. As written, it matches no desktop: {nothing}" if nothing else meant


def _covered(narrow: list[_Rule], wide: list[_Rule]) -> Iterator[tuple[_Rule, _Rule]]:
    """Each rule that another rule covers, with that rule. Of equal rules, all but the first."""
    wild = [rule for rule in wide if globs.is_wild(rule.pattern)]
    equals: dict[tuple[str, str, str], _Rule] = {}
    for rule in wide:
        equals.setdefault((rule.kind, rule.tag, rule.pattern), rule)
    for rule in narrow:
        same = equals.get((rule.kind, rule.tag, rule.pattern), rule)
        others = (other for other in wild if other.pattern != rule.pattern and other.covers(rule))
        found = next(others, None) if same is rule else same
        if found:
            yield rule, found


def _rules(section: str, rules: Rules | None) -> list[_Rule]:
    """The rules of a section, each as written in the file and as it is compared."""
    if rules is None:
        return []
    found = [_Rule("tags", f"{section}.tags.{key}", f"{key}: {value}", key, value) for key, value in rules.tags.items()]
    for kind, entries in (("users", rules.users), ("directories", rules.directories)):
        found += [
            _Rule(kind, f"{section}.{kind}[{index}]", entry, "", globs.folded(kind, entry))
            for index, entry in enumerate(entries)
        ]
    return found


def in_words(pair: Pair) -> str:
    """Which desktops get a standby, in words, for the author of the rules."""
    included, excluded = (
        "; ".join(f"{section}.{key}: {rest}" for key, rest in _written(rules))
        for section, rules in (("include", pair.include), ("exclude", pair.exclude))
    )
    words = f"desktops that match {included}" if included else "every desktop that can have a standby"
    if excluded:
        words += f", except those that match {excluded}"
    return words


def _written(rules: Rules | None) -> list[tuple[str, str]]:
    """Each rule of a section: its key, and the rest as written."""
    if rules is None:
        return []
    found = [("tags", f"{key}: {value}") for key, value in rules.tags.items()]
    found += [("users", glob.casefold()) for glob in rules.users]
    return found + [("directories", directory) for directory in rules.directories]
