"""Sweeps by the deployed code, in a process that has nothing else in it: its memory and CPU time are the function's.

It is run as a program, with the deployed directory as its path. Its clock is its own: it sleeps in no time, and CPU
time passes as slowly as with the memory that the function has. It prints what each invocation took, in seconds of that
clock, and the peak of the process's memory.
"""

import importlib
import json
import re
import sys
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

_LIMIT_SECONDS = 300.0
# Of a call, in seconds, as in the simulation: of one of WorkSpaces, and of any other.
_LATENCY, _LATENCY_OF_OTHERS = float(sys.argv[3]), float(sys.argv[4])
_FULL_CPU_MB = 1769  # of a function that has one CPU
_EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:Standby-us-east-1-us-west-2-sweep:{}"


class VirtualClock:
    """Time that passes by sleeping, with each call, and with CPU time."""

    present = datetime(2026, 1, 5, 9, tzinfo=UTC)
    cpu = 0.0
    stretch = _FULL_CPU_MB / float(sys.argv[2])

    def now(self) -> datetime:
        cpu = time.process_time()
        VirtualClock.present += timedelta(seconds=(cpu - VirtualClock.cpu) * VirtualClock.stretch)
        VirtualClock.cpu = cpu
        return VirtualClock.present

    def sleep(self, seconds: float) -> None:
        VirtualClock.present += timedelta(seconds=seconds)


class Context:
    """What Lambda hands to a handler."""

    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:sweep"
    function_name = "sweep"
    aws_request_id = "00000000-0000-4000-8000-000000000000"
    memory_limit_in_mb = 512

    def __init__(self) -> None:
        self._ends_at = VirtualClock().now() + timedelta(seconds=_LIMIT_SECONDS)

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends_at - VirtualClock().now()).total_seconds() * 1000)


def main(number: int) -> None:
    """Run one sweep after another, and print what the last one took."""
    wiring: Any = importlib.import_module("standby.wiring")
    wiring.Clock = VirtualClock
    sweep: Any = importlib.import_module("sweep")
    slept = VirtualClock.sleep
    client: Any = importlib.import_module("botocore.client").BaseClient
    send = client._make_api_call

    def make_api_call(self: Any, *given: Any) -> Any:
        is_workspaces = self.meta.service_model.service_name == "workspaces"
        slept(VirtualClock(), _LATENCY if is_workspaces else _LATENCY_OF_OTHERS)
        return send(self, *given)

    client._make_api_call = make_api_call
    log = StringIO()
    wiring.logger.registered_handler.setStream(log)
    invocations: list[float] = []
    VirtualClock.cpu = time.process_time()
    for run in range(number):
        VirtualClock.present += timedelta(hours=1)
        invocations, done, log_before = [], False, log.tell()
        while not done:
            began = VirtualClock().now()
            event = {"execution_arn": _EXECUTION.format(run), "round": len(invocations)}
            with redirect_stdout(log):
                done = sweep.handler(event, Context())["done"]
            invocations.append((VirtualClock().now() - began).total_seconds())
    # Not getrusage: its peak is handed on from the process that forked this one.
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert peak
    said = {"seconds": invocations, "memory_mb": int(peak[1]) / 1024, "log_bytes": log.tell() - log_before}
    print(json.dumps(said))


if __name__ == "__main__":
    main(int(sys.argv[1]))
