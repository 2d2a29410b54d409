"""What a check is, and what it can find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cli.doctor.place import Place

DEPLOY: Final = "make deploy"
_MOST_NAMED: Final = 5


class Status(StrEnum):
    """How a finding stands."""

    OK = "ok"
    PROBLEM = "problem"
    WARNING = "warning"
    CANNOT_TELL = "cannot be told by reading"  # whoever reads: AWS does not show it
    NOT_ALLOWED = "not allowed"
    NO_ANSWER = "no answer"  # none that can be used

    @property
    def is_seen(self) -> bool:
        """Whether everything was seen that can be."""
        return self not in (Status.NOT_ALLOWED, Status.NO_ANSWER)


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes
    ----------
    what, fix : str
        What is so, and what to do about it; whole sentences.
    commands : tuple of str
        What does it, in this order. Nothing here runs them.
    """

    status: Status
    what: str
    fix: str = ""
    commands: tuple[str, ...] = ()


class Unseen(Exception):
    """Something could not be seen; `finding` says what, and why."""

    def __init__(self, status: Status, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.finding = Finding(status, what, fix)


Look = Callable[["Place"], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One thing that is looked at: why it matters, and what asks AWS for it and judges the answers."""

    name: str
    why: str
    look: Look

    def findings(self, place: Place) -> list[Finding]:
        """Look. What goes wrong meanwhile is a finding; what was found before stays."""
        return list(seen(lambda: self.look(place)))


def check(why: str) -> Callable[[Look], Check]:
    """Make a check of a function, under its name."""
    return lambda look: Check(look.__name__.replace("_", "-"), why, look)


def seen(look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What is found, and, where something cannot be seen, that."""
    try:
        yield from look()
    except Unseen as unseen:
        yield unseen.finding
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem_:
        what = f"AWS's answer has a form that this version does not know ({type(problem_).__name__}: {problem_})."
        yield Finding(Status.NO_ANSWER, what, "Report it with `standby --version`.")


def in_both(place: Place, look: Callable[[str], Iterable[Finding]]) -> Iterator[Finding]:
    """What is found in either Region, whether or not the other one can be seen."""
    for region in place.regions:
        yield from seen(lambda region=region: look(region))  # type: ignore[misc]


def ok(what: str) -> Finding:
    """All is as it should be."""
    return Finding(Status.OK, what)


def problem(what: str, fix: str, *commands: str) -> Finding:
    """Something does not work, or will not in an outage."""
    return Finding(Status.PROBLEM, what, fix, commands)


def warning(what: str, fix: str, *commands: str) -> Finding:
    """All works, and may not stay so; or it is not known that this is meant."""
    return Finding(Status.WARNING, what, fix, commands)


def cannot_tell(what: str, fix: str = "") -> Finding:
    """Reading does not answer it."""
    return Finding(Status.CANNOT_TELL, what, fix)


def named(names: Sequence[str]) -> str:
    """Names in one text, the first few in full."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def counted(count: int, one: str, many: str = "") -> str:
    """1 desktop, 2 desktops."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
