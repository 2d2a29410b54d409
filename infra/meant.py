"""What the author of a configuration file probably intended where a key or value is not valid."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from infra import known, odd_text
from infra.config import Configuration, DirectoryMapping, Pair, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic_core import ErrorDetails

KeyPath = tuple[str | int, ...]

_MOST: Final = 200  # errors that are examined
_ABOUT_KEYS: Final = ("extra_forbidden", "invalid_key", "missing")
KEY: Final = "[key]"  # at the end of pydantic's path to a key
_TRUE: Final = ("yes", "on", "y", "true", "1")
_FALSE: Final = ("no", "off", "n", "false", "0")
_NUMBER: Final = re.compile(r"[$€]?\s*([-+]?[0-9][0-9,._' ]*(?:e[0-9]+)?)\s*([%€$a-z]*)\.?", re.IGNORECASE)
# Where the keys of each model belong, for a key in the wrong place.
_PLACES: Final[Mapping[type[BaseModel], str]] = {
    Pair: "an entry of pairs",
    DirectoryMapping: "a directory under directories",
    Rules: "include or exclude",
    Configuration: "the file as a whole",
}


def meant(document: Any, errors: Sequence[ErrorDetails], field_of: Callable[[ErrorDetails], str]) -> dict[KeyPath, Any]:
    """For each error's `loc`, the value or key that the author probably intended and that is valid, if there is one."""
    likely: dict[KeyPath, Any] = {}
    for error in errors[:_MOST]:
        candidate = _candidate(error, field_of(error)) if error["loc"] else None
        if candidate is not None and (candidate != error["input"] or type(candidate) is not type(error["input"])):
            likely[error["loc"]] = candidate
    # Keys last: until then, the paths below them are those of the errors.
    repaired = document
    for path in sorted(likely, key=lambda path: path[-1] == KEY):
        repaired = _with(repaired, path, likely[path])
    try:
        Configuration.model_validate(repaired)
    except ValidationError as failure:
        wrong = {error["loc"][:length] for error in failure.errors() for length in range(len(error["loc"]) + 1)}
        renamed = {path[:-1]: value for path, value in likely.items() if path[-1] == KEY}
        now = {path: tuple(renamed.get(path[: depth + 1], step) for depth, step in enumerate(path)) for path in likely}
        return {path: value for path, value in likely.items() if now[path] not in wrong}
    return likely


def as_written(value: Any) -> str:
    """A value as it should be written in the file."""
    if isinstance(value, list):
        return f"[{', '.join(as_written(one) for one in value)}]"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w.@/:+-]*", value):
        return value
    return odd_text.printable(json.dumps(value, ensure_ascii=False))


def key_meant(key: str, model: type[BaseModel]) -> tuple[str, str]:
    """The key that was probably intended, and the words that say so; both are empty if no key is similar."""
    key = odd_text.as_meant(key)[0]
    for exactly in (True, False):
        if found := known.nearest(key, model.model_fields, exactly=exactly):
            return found, f"; you probably mean {found}"
        for other, place in _PLACES.items():
            if found := known.nearest(key, other.model_fields, exactly=exactly):
                return "", f"; {found} belongs in {place}"
    return "", ""


def wrong_kind(text: str, field: str) -> str:
    """What an invalid text is, as the end of a sentence; empty if it is not known."""
    if field == "notify":
        several = "; these are several addresses, so write an entry for each"
        return several if text.count("@") > 1 else "; it is a web address" if "://" in text else ""
    service, resource = _ARNS.get(field, ("", ""))
    parts = text.split(":", 5)
    if not service or parts[0] != "arn":
        return ""
    if len(parts) < 6:
        return "; it is not a complete ARN"
    if parts[2] != service:
        return f"; it is an ARN of {parts[2][:20]}, not of {service}"
    kind = parts[5].partition("/")[0]
    return f"; it is the ARN of '{kind[:20]}', not of '{resource}'" if resource and kind != resource else ""


_ARNS: Final = {
    "volume_encryption_key": ("kms", "key"),
    "notify_topic_arn": ("sns", ""),
    "permissions_boundary": ("iam", "policy"),
}


def _candidate(error: ErrorDetails, field: str) -> Any:
    kind, given = error["type"], error["input"]
    if kind == "int_type" and isinstance(given, float):
        return int(given) if given.is_integer() else None
    if kind == "string_type" and isinstance(given, int):
        return str(given).lower()
    if not isinstance(given, str) or kind in _ABOUT_KEYS:
        return None
    text = odd_text.as_meant(given)[0]
    match kind:
        case "literal_error":
            return known.nearest(text, re.findall(r"'([^']*)'", str(error["ctx"]["expected"])))
        case "bool_type":
            word = text.casefold()
            return True if word in _TRUE else False if word in _FALSE else None
        case "int_type" | "float_type":
            return _number(text, field)
        case "list_type":
            return [odd_text.as_meant(part)[0] for part in re.split(r"[,;\s]+", text) if part]
    return _text(text, field)


def _text(text: str, field: str) -> str | None:
    match field:
        case "primary_region" | "dr_region":
            return known.nearest_region(text)
        case "directories" | "dr_directory":
            return text.lower() if text[:1] in "dDwW" else f"d-{text}"
        case "account":
            return re.sub(r"\D", "", text)
        case "prices":
            return known.nearest(text, known.compute_types())
    return text


def _number(text: str, field: str) -> float | None:
    """The number in `"15"`, `15 min`, `95%`, `$5.75` or `5,000`, if its unit is that of the key; else None."""
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    digits, unit = re.sub(r"[_' ]", "", match[1]), match[2].casefold()
    units = {"coverage_target": ("%", "percent"), "prices": ("$", "usd")}
    wanted = units.get(field, (field.rpartition("_")[2],))
    if unit and not any(word.startswith(unit.rstrip("s")) for word in wanted):
        return None
    has_thousands = re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", digits)
    try:
        number = float(digits.replace(",", "" if has_thousands else "."))
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def _with(document: Any, path: Sequence[Any], value: Any) -> Any:
    """A copy of a document with another value at a path, or with another key if the path ends in `[key]`."""
    if not path or not isinstance(document, (dict, list)):
        return value
    step, *rest = path
    if isinstance(document, list):
        return [_with(one, rest, value) if index == step else one for index, one in enumerate(document)]
    if rest == [KEY]:
        return {value if key == step else key: one for key, one in document.items()}
    return {key: _with(one, rest, value) if key == step else one for key, one in document.items()}
