"""Questions to a person, and progress: both only at a terminal, both on stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from cli.problems import Problem, Status

T = TypeVar("T")

# Above so many WorkSpaces a person types what they are about to do, rather than "yes".
MANY = 25


def confirm(
    what: str, count: int, *, token: str, yes: bool, given: str | None, show: Callable[[], None] = lambda: None
) -> None:
    """Ask before something changes; returns if it is to be done.

    Parameters
    ----------
    what
        The question, without its question mark, e.g. `Request standbys for 12 WorkSpaces`.
    count
        How many WorkSpaces it is about.
    token
        What is typed above `MANY`: the directory's id, or the number.
    yes, given
        The values of `--yes` and of `--confirm`.
    show
        Shows what it is about, before the question.

    Raises
    ------
    Problem
        The answer is no, or there is nobody to ask.
    """
    wanted = token if count > MANY else "yes"
    if given is not None and given.strip() == token:
        return
    if given is not None:
        raise Problem("NotConfirmed", f"--confirm {given} does not fit.", f"Write --confirm {token}.")
    if yes and count <= MANY:
        return
    answer = f"--confirm {token}" if count > MANY else "--yes"
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise Problem("NotConfirmed", f"{what}? There is no terminal to ask at.", f"Add {answer}.")
    show()
    print(f"{what}? Type {wanted} to continue: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != wanted.lower():
        raise Problem("NotConfirmed", "Nothing was changed.", "", Status.WRONG_USE)


@contextmanager
def progress(what: str) -> Iterator[Callable[[object], None]]:
    """Say what takes its time, after a second and only at a terminal; what it yields shows how far it has come."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    shown = threading.Event()

    def show() -> None:
        shown.set()
        print(f"{what} …", end="", file=sys.stderr, flush=True)

    def tell(come: object) -> None:
        if shown.is_set():
            print(f"\r\033[K{what} … {come}", end="", file=sys.stderr, flush=True)

    timer = threading.Timer(1.0, show)
    timer.daemon = True
    timer.start()
    try:
        yield tell
    finally:
        timer.cancel()
        if shown.is_set():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def until_first(what: str, rows: Iterable[T]) -> Iterator[T]:
    """The rows, with progress until the first one is there: from then on they are what is seen."""
    left = iter(rows)
    with progress(what):
        first = list(islice(left, 1))
    yield from first
    yield from left
