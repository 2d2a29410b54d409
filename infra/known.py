"""What botocore knows about AWS offline: Regions, their partitions, and the compute types of WorkSpaces."""

from __future__ import annotations

import difflib
import functools
from typing import TYPE_CHECKING, Any, Final

from botocore.loaders import Loader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ALIKE: Final = 0.7  # from 0, nothing in common, to 1

# AWS's list of Regions for standby WorkSpaces as of 2026. It has grown before, so another Region only gets a warning.
STANDBY_REGIONS: Final = ("us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1")


@functools.cache
def regions() -> Mapping[str, str]:
    """The code of each Region and its partition, in all partitions. Regions for standby WorkSpaces come first."""
    found = dict.fromkeys(STANDBY_REGIONS, "aws")
    for partition in _partitions():
        found |= {code: partition["id"] for code in partition["regions"] if not code.endswith("-global")}
    return found


@functools.cache
def compute_types() -> tuple[str, ...]:
    """The values of ComputeTypeName. The service may have newer ones than the pinned botocore."""
    found: list[str] = Loader().load_service_model("workspaces", "service-2")["shapes"]["Compute"]["enum"]
    return tuple(found)


def nearest_region(text: str) -> str | None:
    """The Region that was probably intended, by its code or by its name in the console: Frankfurt, US East (Ohio)."""
    names = {code: code for code in regions()}
    for partition in _partitions():
        for code, about in partition["regions"].items():
            whole = about.get("description", "")
            place = whole.partition("(")[2].rstrip(")") if partition["id"] == "aws" else ""
            names |= {name: code for name in (whole, place) if name and code in regions()}
    found = nearest(text, names)
    return names[found] if found else None


def nearest(text: str, words: Iterable[str], *, exactly: bool = False) -> str | None:
    """The most similar word, the first of equals; None if no word is similar. Case, spaces and punctuation are ignored.

    With `exactly`, nothing else may differ.
    """
    given = _form(text[:100])
    if exactly:
        return next((word for word in words if _form(word) == given), None)
    likeness: dict[str, float] = {}
    for word in words:
        form = _form(word)
        is_swapped = sorted(form) == sorted(given)  # us-esat-1
        likeness[word] = difflib.SequenceMatcher(None, given, form).ratio() + is_swapped
    best = max(likeness, key=lambda word: likeness[word], default="")
    return best if likeness.get(best, 0) >= _ALIKE else None


def _form(text: str) -> str:
    return "".join(one for one in text.casefold() if one.isalnum())


@functools.cache
def _partitions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Loader().load_data("partitions")["partitions"]
    return found
