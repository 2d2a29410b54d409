"""Bad input: JSON of any form, and documents that are right but for a few edits anywhere in them."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]
Edits = Sequence["Edit"]

# What has broken programs before: empty, blank, control characters, half a surrogate pair, right-to-left, longer than
# any name, ids in another case or of another kind, words that other languages give a meaning.
ODD_TEXTS = [
    "",
    " ",
    "\x00",
    "line\nline",
    "\x1b[31m",
    "\ud800",
    "\ufffe",
    "\u202eevil",
    "n\u0303ame",
    "\U0001f3f3\ufe0f",
]
ODD_TEXTS += ["a" * 3000, "ß" * 300, "null", "None", "NaN", "{}", "-1", "1e999", "ws-", "ws-UPPER0001", "WS-1C0FFEE01"]
ODD_TEXTS += ["ws-1c0ffee01\n", "d-906732325d", "NEXT_YEARS_VALUE", "2026-03-03T09:26:54", "${jndi:x}", "' OR 1=1"]
TEXTS = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=12))
NUMBERS = st.integers(-(2**63), 2**63) | st.sampled_from([0, 1, -1, 25, 10**40])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.floats(allow_nan=False, allow_infinity=False), TEXTS)


def _nested(value: Any, depth: int) -> Any:
    for level in range(depth):
        value = [value] if level % 2 else {"Items": value}
    return value


JSON = st.one_of(
    SCALARS,
    st.recursive(
        SCALARS, lambda one: st.lists(one, max_size=4) | st.dictionaries(TEXTS, one, max_size=4), max_leaves=8
    ),
    st.builds(_nested, SCALARS, st.integers(2, 120)),
    st.builds(lambda value, times: [value] * times, SCALARS, st.integers(26, 1100)),
)

_HOW = ("replace", "drop", "repeat", "recase", "wrap", "name", "text", "null")


@dataclass(frozen=True)
class Edit:
    """One change to a document: at its `at`-th place, counted round; `value` is what comes there, if anything does."""

    at: int
    how: str
    value: Any = None


EDIT = st.builds(Edit, st.integers(0, 10_000), st.sampled_from(_HOW), JSON)
EDITS: st.SearchStrategy[Edits] = st.lists(EDIT, min_size=1, max_size=4)


def edited(document: Any, edits: Edits, fixed: Collection[Path] = ()) -> Any:
    """A copy of a document with edits; what stands at a `fixed` path, below or around it stays as it is."""
    box = [fresh(document)]
    for edit in edits:
        places = [place for place in _places(box, ()) if not _is_fixed(place[2][1:], fixed)]
        if places:
            holder, key, _ = places[edit.at % len(places)]
            _apply(edit, holder, key)
    return box[0] if box else None


def fresh(value: Any) -> Any:
    """A copy of JSON in which nothing stands in two places, so that no edit of one is seen in another."""
    return json.loads(json.dumps(value))


def _places(holder: Any, path: Path) -> Iterator[tuple[Any, Any, Path]]:
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    for key in keys:
        yield holder, key, (*path, key)
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key], (*path, key))


def _is_fixed(path: Path, fixed: Collection[Path]) -> bool:
    return any(path[: len(one)] == one or one[: len(path)] == path for one in fixed)


def _apply(edit: Edit, holder: Any, key: Any) -> None:  # noqa: C901 - one line a kind
    value = holder[key]
    match edit.how:
        case "replace":
            holder[key] = fresh(edit.value)
        case "null":
            holder[key] = None
        case "wrap":
            holder[key] = [value]
        case "name":
            holder[key] = {"Value": value}
        case "text":
            holder[key] = json.dumps(value)
        case "drop":
            del holder[key]
        case "repeat" if isinstance(holder, list):
            holder.insert(key, fresh(value))
        case "repeat":
            holder[f"{key}2"] = fresh(value)
        case "recase" if isinstance(holder, dict):
            holder[key.swapcase()] = holder.pop(key)
        case "recase":
            holder[key] = str(value).swapcase()


def storable(value: Any) -> Any:
    """JSON as DynamoDB can hold it: whole characters, and numbers of 38 digits; fractions come as text."""
    match value:
        case dict():
            return {storable(name): storable(one) for name, one in value.items()}
        case list():
            return [storable(one) for one in value]
        case str():
            return value.encode("utf-8", "replace").decode()
        case float():
            return str(value)
        case int() if abs(value) > 10**37:
            return str(value)
    return value
