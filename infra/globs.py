"""What the patterns of a selection can match, and what their author probably intended.

* stands for any text, ? for any character, [ab] for one of these characters, [!ab] for any other character.
"""

from __future__ import annotations

import functools
import re
from fnmatch import translate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

UNDEFINED: Final = "[UNDEFINED]"  # the user name of WorkSpaces without a user
_UNDEFINED: Final = "[[]undefined]"  # as a pattern
# As fnmatch reads them: [!] alone is not a class.
_PART: Final = re.compile(r"\*+|\?|\[(?!!\])[^\]]+\]|.", re.DOTALL)
# Active Directory's rules for a logon name, and WorkSpaces' for its length and for the values of tags.
_NOT_IN_USERS: Final = frozenset('"/\\[]:;|=,+<>')
_IN_TAGS: Final = re.compile(r"[\w +\-=.:/@]")
_LONGEST: Final = {"users": 63, "tags": 255}
_LONG: Final = 257  # longer than any pattern
_FILLER: Final = "\ue000"  # a private character that no pattern contains, so only * and ? match it
_OTHERWISE_MEANT: Final = (
    (re.compile(r"ws-[0-9a-z]{8,63}|w?sd-[0-9a-f]{8,63}"), "it is an id, but rules under users have user names"),
    (re.compile(r"[^\\]+\\[^\\]+"), "user names of WorkSpaces have no domain. Write {rest}"),
    (re.compile(r"(cn|uid)=.*", re.IGNORECASE), "it is a path in a directory. Write only the user name"),
    (re.compile(r".*[;,|].*"), "a pattern is for one name. Write an entry for each name"),
)
_REGULAR: Final = re.compile(r"^\^|\$$|\.[*+]|\\[.dws]|\[\^|\((?:\?|.*\|)|[\])a-z0-9]\{[0-9]|\]\+")
_REGULAR_TO_GLOB: Final = (
    (r"^\^|\$$", ""), (r"\.\*", "*"), (r"\.\+", "?*"), (r"\\d", "[0-9]"), (r"\[\^", "[!"), (r"\\([.\-_])", r"\1")
)  # fmt: skip


def folded(kind: str, pattern: str) -> str:
    """A pattern as it is compared: those of users are not case-sensitive, and `[UNDEFINED]` is not a class."""
    return pattern.casefold().replace(UNDEFINED.casefold(), _UNDEFINED) if kind == "users" else pattern


def otherwise_meant(kind: str, pattern: str) -> str | None:
    """Why a pattern is probably unintended, and what to write instead; None if it is probably intended."""
    if _REGULAR.search(pattern):
        found = pattern
        for regular, glob in _REGULAR_TO_GLOB:
            found = re.sub(regular, glob, found)
        advice = "" if _REGULAR.search(found) or set(found) & set("\\(|^$") else f". Write {found} if you mean that"
        return f"it looks like a regular expression, but only *, ? and [ab] are special here{advice}"
    if kind == "users" and pattern.casefold() != UNDEFINED.casefold():
        for form, words in _OTHERWISE_MEANT:
            if form.fullmatch(pattern):
                return words.format(rest=pattern.rpartition("\\")[2])
        if pattern.startswith("%") or pattern.endswith("%"):
            return f"% has no special meaning. Write {pattern.replace('%', '*')} if you mean any text"
    return None


def matches_nothing(kind: str, pattern: str) -> str | None:
    """Why no user name, or no tag value, can match a pattern; None if one can."""
    what = "user name" if kind == "users" else "tag value"
    parts = _parts(pattern.replace(_UNDEFINED, "a" * len(UNDEFINED)) if kind == "users" else pattern)
    for part in parts:
        if part != "?" and not part.startswith("*") and not any(_is_legal(kind, one) for one in _members(part)):
            one = "a character of " if len(part) > 1 else ""
            return f"no {what} can have {one}{part}"
    if sum(not part.startswith("*") for part in parts) > _LONGEST[kind]:
        return f"a {what} has at most {_LONGEST[kind]} characters"
    return None


def covers(wide: str, narrow: str) -> bool:
    """Whether the wide pattern matches everything that the narrow pattern matches."""
    if wide == narrow:
        return True
    # Characters outside a class are not tried, so a pattern with such a class only covers an equal one.
    if _begin_apart(wide, narrow) or not is_wild(wide) or "[!" in wide:
        return False
    return all(_regex(wide).match(text) for text in _samples(narrow))


def meet(one: str, other: str) -> bool:
    """Whether a text can match both patterns."""
    if _begin_apart(one, other):
        return False
    if not is_wild(one) or not is_wild(other):
        wide, plain = (one, other) if is_wild(one) else (other, one)
        return wide == plain or (is_wild(wide) and _regex(wide).match(plain) is not None)
    ones, others = _parts(one), _parts(other)
    # How far each pattern is read. A * may be skipped, or match one more part of the other pattern.
    open_states, seen = [(0, 0)], {(0, 0)}
    while open_states:
        state = open_states.pop()
        if state == (len(ones), len(others)):
            return True
        following = set(_following(*state, ones, others)) - seen
        seen |= following
        open_states += following
    return False


def _following(at: int, other_at: int, ones: tuple[str, ...], others: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    part, other = "".join(ones[at : at + 1]), "".join(others[other_at : other_at + 1])
    if part.startswith("*") or other.startswith("*"):
        if part:
            yield at + 1, other_at
        if other:
            yield at, other_at + 1
    elif part and other and ("?" in (part, other) or not set(_members(part)).isdisjoint(_members(other))):
        yield at + 1, other_at + 1


@functools.lru_cache(maxsize=10_000)
def _samples(pattern: str) -> tuple[str, ...]:
    """Samples of what a pattern matches: none, one and many characters for *, and each member of a class."""
    if not is_wild(pattern):
        return (pattern,)
    parts = _parts(pattern)
    classes = [len(_members(part)) for part in parts if part.startswith("[") and not part.startswith("[!")]
    turns = range(max(classes, default=1))
    found = ("".join(_sample(part, turn, length) for part in parts) for turn in turns for length in (0, 1, _LONG))
    return tuple(text for text in found if text)


def _sample(part: str, turn: int, length: int) -> str:
    if part.startswith("*"):
        return _FILLER * length
    members = _members(part) if part != "?" and not part.startswith("[!") else ()
    return members[turn % len(members)] if members else _FILLER


@functools.lru_cache(maxsize=10_000)
def _members(part: str) -> tuple[str, ...]:
    """The characters that a part of a pattern matches, among the first 1,000 of Unicode."""
    return (part,) if len(part) == 1 else tuple(one for one in map(chr, range(32, 1000)) if _regex(part).match(one))


def _begin_apart(one: str, other: str) -> bool:
    """Whether the first characters show that no text matches both. This decides most pairs of a long list."""
    return one[0] != other[0] and one[0] not in "*?[" and other[0] not in "*?["


def is_wild(pattern: str) -> bool:
    """Whether a pattern has a special character."""
    return any(one in pattern for one in "*?[")


@functools.lru_cache(maxsize=10_000)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def _is_legal(kind: str, one: str) -> bool:
    return one not in _NOT_IN_USERS if kind == "users" else bool(_IN_TAGS.fullmatch(one))


@functools.lru_cache(maxsize=10_000)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(_PART.findall(pattern))
