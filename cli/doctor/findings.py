"""Checks and their findings."""

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
    """The status of a finding."""

    OK = "ok"
    PROBLEM = "problem"
    WARNING = "warning"
    UNKNOWN = "unknown"  # for every caller: it cannot be read from AWS
    NOT_ALLOWED = "not allowed"
    NO_ANSWER = "no answer"  # or no usable answer

    @property
    def is_seen(self) -> bool:
        """Whether everything that can be read was read."""
        return self not in (Status.NOT_ALLOWED, Status.NO_ANSWER)


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Attributes
    ----------
    what, fix : str
        The fact, and what to do about it, in sentences.
    commands : tuple of str
        The commands of the fix, in order. Nothing here runs them.
    """

    status: Status
    what: str
    fix: str = ""
    commands: tuple[str, ...] = ()


class Unseen(Exception):
    """Something could not be read; `finding` says what and why."""

    def __init__(self, status: Status, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.finding = Finding(status, what, fix)


Examine = Callable[["Place"], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """A check: why it matters, and the function that reads from AWS and evaluates the answers."""

    name: str
    why: str
    examine: Examine

    def findings(self, place: Place) -> list[Finding]:
        """Run the check. An error becomes a finding after the findings that precede it."""
        return list(seen(lambda: self.examine(place)))


def check(why: str) -> Callable[[Examine], Check]:
    """Turn a function into a check of the same name."""
    return lambda examine: Check(examine.__name__.replace("_", "-"), why, examine)


def seen(examine: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of a function; an error becomes the last finding."""
    try:
        yield from examine()
    except Unseen as unseen:
        yield unseen.finding
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem_:
        what = f"This version cannot read the answer of AWS ({type(problem_).__name__}: {problem_})."
        yield Finding(Status.NO_ANSWER, what, "Report this error with the output of `standby --version`.")


def in_both(place: Place, examine: Callable[[str], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings in both Regions, even if one of them cannot be read."""
    for region in place.regions:
        yield from seen(lambda region=region: examine(region))  # type: ignore[misc]


def ok(what: str) -> Finding:
    """A finding that needs nothing."""
    return Finding(Status.OK, what)


def problem(what: str, fix: str, *commands: str) -> Finding:
    """A finding about something that does not work, or will not work in an outage."""
    return Finding(Status.PROBLEM, what, fix, commands)


def warning(what: str, fix: str, *commands: str) -> Finding:
    """A finding about something that works but may stop working, or may not be intended."""
    return Finding(Status.WARNING, what, fix, commands)


def unknown(what: str, fix: str = "") -> Finding:
    """A finding about something that cannot be read."""
    return Finding(Status.UNKNOWN, what, fix)


def named(names: Sequence[str]) -> str:
    """The first few names, and the number of the others."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun, e.g. `1 desktop`, `2 desktops`."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
