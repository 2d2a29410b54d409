"""The embedded cloud that is left running: one for each file that says where it is, and how to find it.

Whoever runs one holds a lock beside the file, which ends with the process, whatever way it goes.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.world_client import ControlError, WorldClient

DEFAULT = Path("build/local.json")
START = "make local"


class NotRunningError(Exception):
    """There is no embedded cloud; the text says how to start one."""


class AlreadyRunningError(Exception):
    """There is an embedded cloud already; the text says how to end it."""


@contextmanager
def claimed(file: Path) -> Iterator[None]:
    """Be the only process whose embedded cloud the file describes; without one, there is no file.

    Raises
    ------
    AlreadyRunningError
        There is one.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with _lock_of(file).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            pid = lock.read().strip()
            message = (
                f"An embedded cloud is running already: process {pid}, described by {file}.\n"
                f"End it with Ctrl-C at its terminal, or with: kill {pid}\n"
                f"To run another one beside it, name another file for it: {START} ARGS='--output build/second.json'"
            )
            raise AlreadyRunningError(message) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        file.unlink(missing_ok=True)  # of one that was killed
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def write(file: Path, described: dict[str, Any]) -> None:
    """Describe a running cloud; a reader sees all of it or nothing."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(file)


def find(file: Path) -> dict[str, Any]:
    """Return the description of the running cloud.

    Raises
    ------
    NotRunningError
        There is none, or it does not answer yet.
    """
    try:
        described: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        WorldClient(described["control_url"]).now()
    except FileNotFoundError:
        if _is_locked(file):
            raise NotRunningError("The embedded cloud is starting. Try again in a moment.") from None
        raise NotRunningError(f"No embedded cloud is running. Start it with: {START}") from None
    except (OSError, ControlError):
        raise NotRunningError(f"The embedded cloud is no longer running. Start it with: {START}") from None
    except (ValueError, KeyError, TypeError):
        raise NotRunningError(f"{file} does not describe an embedded cloud. Start one with: {START}") from None
    return described


def _lock_of(file: Path) -> Path:
    return file.with_name(f".{file.name}.lock")


def _is_locked(file: Path) -> bool:
    try:
        with _lock_of(file).open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
