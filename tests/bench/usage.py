"""What a command takes with all that it starts: CPU seconds, peak memory, seconds. Run as a program of its own.

`usage.py FILE COMMAND…` writes them to a file as JSON, and leaves with the command's status. It is small, since a
command begins with the memory of whoever starts it. Processes whose parent ends before them become its own, so that
their CPU time is counted, too: the CDK's Node.js outlives the Python that starts it. Memory is what the processes have
together, what they share counted once, as it is once a second: to look at gigabytes takes a core's time, too.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

_BECOME_SUBREAPER = 36  # prctl(2)
_EVERY_SECONDS = 0.2
_MEMORY_EVERY_SECONDS = 1.0
_MOST_SECONDS = 10  # that those without a parent may live on


def main(target: Path, command: list[str]) -> int:
    """Run the command; its exit status."""
    ctypes.CDLL(None).prctl(_BECOME_SUBREAPER, 1)
    began = time.monotonic()
    cpu, peak = 0.0, 0.0
    child = subprocess.Popen(command)  # noqa: S603
    status: int | None = None
    ended = looked = began
    while status is None or (_family(os.getpid()) and time.monotonic() - ended < _MOST_SECONDS):
        if time.monotonic() - looked >= _MEMORY_EVERY_SECONDS:
            peak, looked = max(peak, sum(map(_megabytes, _family(os.getpid())))), time.monotonic()
        try:
            pid, code, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid:
            cpu += used.ru_utime + used.ru_stime
            # Of short ones the peak is seldom seen.
            peak = max(peak, used.ru_maxrss / 1024)
        if pid == child.pid:
            status, ended = os.waitstatus_to_exitcode(code), time.monotonic()
        if not pid:
            time.sleep(_EVERY_SECONDS)
    found = {"cpu_seconds": cpu, "memory_mb": peak, "seconds": ended - began}
    target.write_text(json.dumps(found), encoding="utf-8")
    child.returncode = status
    return status or 0


def _family(parent: int) -> list[int]:
    """All that descend from a process."""
    found = []
    for child in _children(parent):
        found += [child, *_family(child)]
    return found


def _children(parent: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{parent}/task").iterdir())
        return [int(one) for task in tasks for one in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return []


def _megabytes(process: int) -> float:
    """Its memory; of what it shares with others, its part."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
