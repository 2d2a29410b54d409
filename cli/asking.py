"""Confirmation prompts and progress: both only at a terminal, both on stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from cli.problems import Problem, Status

T = TypeVar("T")

# For more WorkSpaces than this, a person types the directory's id or the number instead of "yes".
MANY = 25


def confirm(
    what: str, count: int, *, token: str, yes: bool, given: str | None, show: Callable[[], None] = lambda: None
) -> None:
    """Ask for confirmation before a change; returns if it was given.

    Parameters
    ----------
    what
        The question, without its question mark, e.g. `Request standbys for 12 WorkSpaces`.
    count
        How many WorkSpaces change.
    token
        What to type for more than `MANY` WorkSpaces: the directory's id, or the number.
    yes, given
        The values of `--yes` and of `--confirm`.
    show
        Shows the plan before the question.

    Raises
    ------
    Problem
        The answer is no, or there is no terminal.
    """
    wanted = token if count > MANY else "yes"
    if given is not None and given.strip() == token:
        return
    if given is not None:
        raise Problem("NotConfirmed", f"--confirm {given} does not match.", f"Write --confirm {token}.")
    if yes and count <= MANY:
        return
    answer = f"--confirm {token}" if count > MANY else "--yes"
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise Problem("NotConfirmed", f"{what}? This needs confirmation, and there is no terminal.", f"Add {answer}.")
    show()
    print(f"{what}? Type {wanted} to continue: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != wanted.lower():
        raise Problem("NotConfirmed", "Not confirmed. Nothing was changed.", "", Status.WRONG_USE)


@contextmanager
def progress(what: str) -> Iterator[Callable[[object], None]]:
    """Show what is in progress, after one second and only at a terminal; yields a function that shows the progress."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    shown = threading.Event()

    def show() -> None:
        shown.set()
        print(f"{what} …", end="", file=sys.stderr, flush=True)

    def report(done: object) -> None:
        if shown.is_set():
            print(f"\r\033[K{what} … {done}", end="", file=sys.stderr, flush=True)

    timer = threading.Timer(1.0, show)
    timer.daemon = True
    timer.start()
    try:
        yield report
    finally:
        timer.cancel()
        if shown.is_set():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def until_first(what: str, rows: Iterable[T]) -> Iterator[T]:
    """The rows, with progress shown until the first row arrives."""
    left = iter(rows)
    with progress(what):
        first = list(islice(left, 1))
    yield from first
    yield from left
