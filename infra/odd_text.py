"""Finds characters that word processors, chats and mail programs add to a text, and the text without them.

It is used for every text of a configuration. Most rules follow from Unicode's category, name and compatible form of a
character. The only list of characters is that of letters that look like Latin ones.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_NAMED: Final = 3
_MOST_QUOTED: Final = 200
_LIKE_LATIN: Final = str.maketrans(
    "аеіјорсухѕьԁһӏԛԝАВЕІЈКМНОРСТУХЅЬοανρικτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeijopcyxsbdhlqwABEIJKMHOPCTYXSboavpiktuxABEZHIKMNOPTYX",
)
# The last group of each pattern is kept.
_AROUND: Final = (
    ("spaces around it", re.compile(r"\s*(\S(?:.*\S)?)\s*", re.DOTALL)),
    ("quotation marks as part of it", re.compile(r"(['\"`])([^'\"`]+)\1")),
    ("mailto: before it", re.compile(r"mailto:(.+)", re.IGNORECASE)),
    ("a separator after it", re.compile(r"(.*[^;,\s])\s*[;,][;,\s]*")),
    ("a name beside the address", re.compile(r"[^<>]*<\s*([^<>@\s]+@[^<>@\s]+)\s*>")),
)


def as_meant(text: str) -> tuple[str, list[str]]:
    """The text that was probably intended, and the differences, each in a few words; no differences if it is fine."""
    found, odd = _plain(text)
    if odd:  # a # after such a space does not begin a comment
        found = re.sub(r"\s#.*", "", found)
    changed = True
    while changed:
        changed = False
        for words, pattern in _AROUND:
            match = pattern.fullmatch(found)
            if match and match.groups()[-1] != found:
                found, odd, changed = match.groups()[-1], [*odd, words], True
    return found, list(dict.fromkeys(odd))


def in_words(odd: list[str]) -> str:
    """The first few differences that `as_meant` found."""
    more = f", and {len(odd) - _MOST_NAMED} more" if len(odd) > _MOST_NAMED else ""
    return f"{', '.join(odd[:_MOST_NAMED])}{more}"


def quoted(text: str) -> str:
    """A text in quotes, cut if it is long."""
    return repr(text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]}…")


def printable(text: str) -> str:
    """The text for a terminal or a log: control characters and invisible characters are written as numbers."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def characters(text: str) -> list[str]:
    """The odd characters of a text, each named once."""
    return list(dict.fromkeys(_plain(text)[1]))


def names(characters: Iterable[str]) -> list[str]:
    """The names of some characters, each once."""
    return list(dict.fromkeys(map(_named, characters)))


def _named(one: str) -> str:
    seen = f"{one} " if one.isprintable() else ""
    return f"{seen}(U+{ord(one):04X}, {unicodedata.name(one, 'a control character').lower()})"


def _plain(text: str) -> tuple[str, list[str]]:
    composed = unicodedata.normalize("NFC", text)
    odd = [] if composed == text else ["accents as separate characters"]
    letters = [one for one in composed if one.isalpha()]
    has_latin = any(one.isascii() for one in letters)
    # иван and Отдел-IT are correct; in svс-admin, a single letter is not Latin.
    disguised = has_latin and all(one.isascii() or ord(one) in _LIKE_LATIN for one in letters)
    plain = []
    for one in composed:
        meant = one.translate(_LIKE_LATIN) if disguised and ord(one) in _LIKE_LATIN else _meant(one)
        if meant != one or one == "\ufffd":
            odd.append(_named(one))
        plain.append(meant)
    return "".join(plain), odd


def _meant(one: str) -> str:
    if one.isascii() and one.isprintable():
        return one
    category, name = unicodedata.category(one), unicodedata.name(one, "")
    if category in {"Zs", "Zl", "Zp"} or one in "\t\n\r\x0b\x0c\x85" or name == "HANGUL FILLER":
        return " "
    if category in {"Cf", "Cc"} or "VARIATION SELECTOR" in name:
        return ""
    if category == "Pd" or name in {"MINUS SIGN", "HYPHEN BULLET"}:
        return "-"
    if category in {"Pi", "Pf"} or "QUOTATION MARK" in name:
        return "'" if "SINGLE" in name else '"'
    if "APOSTROPHE" in name or name in {"PRIME", "ACUTE ACCENT"}:
        return "'"
    if "ASTERISK" in name:
        return "*"
    compatible = unicodedata.normalize("NFKC", one)
    raised = unicodedata.decomposition(one).startswith(("<super>", "<sub>", "<fraction>", "<circle>"))
    return compatible if compatible.isascii() and not raised else one
