"""The decorator of dataclasses: what is made of a class is what the standard library makes of it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from standby.core import values


def make(decorator: Callable[..., Any], **options: Any) -> Any:
    class Made:
        """One."""

        name: str
        count: int = 0
        noted: str = dataclasses.field(default="", compare=False)
        hidden: str = dataclasses.field(default="", repr=False)

    return decorator(Made, **options)


@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"frozen": True, "kw_only": True}])
def test_it_is_like_the_standard_librarys(options: dict[str, Any]) -> None:
    shown = []
    for decorator in (dataclasses.dataclass, values.dataclass):
        made = make(decorator, **options)
        one, same, other = made(name="a"), made(name="a", noted="x"), made(name="a", hidden="x")
        frozen = bool(options.get("frozen"))
        hashes = (hash(one) == hash(same), hash(one) == hash(other)) if frozen else made.__hash__
        if frozen:
            with pytest.raises(dataclasses.FrozenInstanceError):
                one.name = "b"
        shown.append((one == same, one == other, one == "a", one != same, hashes, repr(other), dataclasses.asdict(one)))
    assert shown[0] == shown[1]
