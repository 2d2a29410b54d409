"""The decorator of this product's dataclasses: they are made at each cold start, some fifty of them.

It takes the options of the standard library's, and type checkers take it for that. Equality, hash and repr are one
function for all classes. The standard library compiles them for each class, which took half of the time.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, **options: Any) -> Any:
        """Make a dataclass."""
        if cls is None:
            return lambda decorated: dataclass(decorated, **options)
        made = dataclasses.dataclass(cls, eq=False, repr=False, **options)
        made.__eq__, made.__repr__ = _equals, _repr
        made.__hash__ = _hash if options.get("frozen") else None
        return made


def _compared(one: Any) -> tuple[Any, ...]:
    return tuple(getattr(one, each.name) for each in dataclasses.fields(one) if each.compare)


def _equals(one: Any, other: Any) -> bool:
    return _compared(one) == _compared(other) if type(one) is type(other) else NotImplemented


def _hash(one: Any) -> int:
    return hash(_compared(one))


def _repr(one: Any) -> str:
    named = (f"{each.name}={getattr(one, each.name)!r}" for each in dataclasses.fields(one) if each.repr)
    return f"{type(one).__qualname__}({', '.join(named)})"
