"""``make bench``: speed, cost and scale, beside the script that one would otherwise write, and beside the floor.

Counts come from recorded calls, times from the virtual clock of the simulation; handlers, definitions and the zip are
the deployed ones. `build/bench.json` has what is compared from one version to the next, `tests/bench/figures.json` all
of it and the figures of earlier versions, and `docs/performance.md`, made of that, says what it means.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.bench import commands, developers, loads, page
from tests.bench.developers import ROOT
from tests.simulation.deployment import Deployment

BUILD = ROOT / "build"
TEST = "make test"
SIZES, QUICK = (100, 1_000, 10_000), (100, 1_000)
_deployment: Deployment | None = None
_began = time.monotonic()
Job = partial[tuple[str, Any, float]]
Found = dict[str, Any]


def _begin(began: float) -> None:
    """Let another process count its minutes from when the whole began."""
    global _began
    _began = began


def _say(name: str, text: str) -> None:
    print(f"{(time.monotonic() - _began) / 60:4.1f} min  {name}: {text}", flush=True)


def _run(name: str, work: Callable[..., Any], *given: Any, deployed: bool = True) -> tuple[str, Any, float]:
    """Measure one part: its name, what was found, and CPU seconds."""
    global _deployment  # one a process: to synthesise takes seconds
    if deployed:
        _deployment = _deployment or Deployment.synthesise()
        given = (_deployment, *given)
    began = time.process_time()
    return name, work(*given, partial(_say, name)), time.process_time() - began


def parts(sizes: tuple[int, ...]) -> dict[str, Job]:
    """What is measured two at a time, since it is counted, or is CPU time: by name, what takes long first."""
    large, middle = sizes[-1], sizes[-2]
    jobs = [
        partial(_run, f"{large} by script", loads.by_script, large, deployed=False),
        partial(_run, "cold starts", loads.starts, deployed=False),
        partial(_run, "commands", commands.measure, large * 10, large * 100, deployed=False),
        partial(_run, "growth of a sweep", loads.growth, large * 10, deployed=False),
        partial(_run, f"{large} new", loads.calls, large),
        partial(_run, "an existing fleet", loads.makespan, large),
        partial(_run, "an outage", loads.outage, large // 5),
        partial(_run, "caches", developers.warm_up, deployed=False),
        partial(_run, "at rest", loads.rest),
        *[partial(_run, f"{size} new", loads.calls, size) for size in reversed(sizes[:-1])],
        partial(_run, f"{middle} new, other latency", loads.other_latency, middle),
        *[partial(_run, f"{size} by script", loads.by_script, size, deployed=False) for size in sizes[:-1]],
        partial(_run, "a fleet of 1,000 accepted", loads.makespan, 1_000),
        partial(_run, page.IN_WAVES, loads.in_waves, 500),
        partial(_run, "a sweep", loads.growth, large, deployed=False),
        partial(_run, "a small sweep", loads.growth, large // 10, deployed=False),
        partial(_run, "lone ones", loads.lone),
        partial(_run, "make synth", developers.synthesis, deployed=False),
    ]
    return {one.args[0]: one for one in jobs}


def test() -> Any:
    """What `make test` takes. Nothing may run beside it: it uses both CPUs itself."""
    return developers.whole_test(partial(_say, TEST))


def bench_json(found: Found, sizes: tuple[int, ...]) -> Found:
    """What `build/bench.json` has: these keys, whatever else is measured."""
    large = sizes[-1]
    of_large, accepted = found[f"{large} new"], found["an existing fleet"]
    delays = of_large["delays"]
    return {
        "calls": {
            str(size): {
                "ours": found[f"{size} new"]["calls"] + found[f"{size} new"]["sweeps_calls"],
                "script": found[f"{size} by script"]["calls"],
                "floor": found[f"{size} new"]["floor"],
            }
            for size in sizes
        },
        "makespan_ratio": accepted["ratio"],
        "throttled_percent": max(of_large["throttled_percent"], accepted["throttled_percent"]),
        "delay_intervals": {
            f"{name}_{part}": delays[name]["intervals"][part]
            for name in ("request", "protected")
            for part in ("p50", "p99")
        },
        "cost_usd": {
            "per_1000": found["a fleet of 1,000 accepted"]["cost_per_1000"],
            "lone": loads.total(found["lone ones"]["cost"]),
            "month_at_rest_10000": loads.total(found["at rest"]["cost"]),
            "script_per_1000": found["1000 by script"]["cost"],
        },
        "memory_mb": {str(found[name]["desktops"]): found[name]["memory_mb"] for name in ("a sweep", page.LARGE_SWEEP)},
        "cold_start_ratio": {name: one["ratio"] for name, one in found["cold starts"]["functions"].items()},
        "zip_bytes": found["cold starts"]["zip_bytes"],
        "read_amplification": max(found["commands"]["queries"].values()),
    }


def compared(found: Found, sizes: tuple[int, ...]) -> Found:
    """What is kept of a version to be compared with later ones: `build/bench.json`, and what else the page compares."""
    of_large, sweep = found[f"{sizes[-1]} new"], found[page.LARGE_SWEEP]
    return bench_json(found, sizes) | {
        "rows_read_per_due_row": of_large["rows_read_per_due_row"],
        "outage_ratio": found["an outage"]["ratio"],
        "interval_seconds": of_large["interval_seconds"],
        "partition_writes_a_second": of_large["partition_writes_a_second"],
        "sweep": {name: sweep[name] for name in ("seconds", "invocations", "longest_seconds")},
        "sweep_seconds_at_rest": found["at rest"]["sweep_seconds"],
        "cost_per_1000_in_waves": found[page.IN_WAVES]["cost_per_1000"],
        "command_line": found["commands"]["took"],
        "developers": {name: found[name] for name in ("make synth", TEST)},
    }


def measure(sizes: tuple[int, ...]) -> Found:
    """Measure all of it but `make test`, with progress."""
    found: Found = {}
    taken: dict[str, float] = {}
    jobs = parts(sizes)
    # Not forked: a process that has synthesised shares its Node.js with those that it forks.
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=_begin, initargs=(_began,)) as pool:
        for done in as_completed([pool.submit(job) for job in jobs.values()]):
            name, found_of_it, seconds = done.result()
            found[name], taken[name] = found_of_it, seconds
            _say(name, f"done with {seconds:.0f} s of CPU; {len(jobs) - len(taken)} parts are left")
    return found | {"cpu_seconds": taken}


def machine() -> Found:
    """Where and when it is measured, and how long that took until now."""
    return {
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cpus": os.cpu_count(),
        "processor": platform.machine(),
        "model": _kernel_says("cpuinfo", "model name"),
        "memory": _kernel_says("meminfo", "MemTotal"),
        "python": platform.python_version(),
        "minutes": (time.monotonic() - _began) / 60,
        "load": os.getloadavg()[2],
    }


def _kernel_says(file: str, name: str) -> str | None:
    """What Linux says about the machine; None on another system."""
    try:
        lines = Path("/proc", file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), None)


def _commit() -> str:
    """The version that is measured, with a + if it has changes that are not committed."""
    said = [
        subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603, S607
        for words in (("rev-parse", "--short=9", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    return said[0] + "+" * bool(said[1])


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small fleets, without make test; the page stays")
    parser.add_argument("--only", nargs="+", metavar="PART", help="print what some parts find, and write nothing")
    parser.add_argument("--page", action="store_true", help="write the page anew from what was measured last")
    options = parser.parse_args()
    sizes = QUICK if options.quick else SIZES
    if options.only:
        known: dict[str, Callable[[], Any]] = {**parts(sizes), TEST: test}
        if unknown := set(options.only) - set(known):
            parser.error(f"there is no part {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
        for name in options.only:
            print(json.dumps(known[name](), indent=1, default=str))
        return
    if not options.page:
        found = measure(sizes)
        result = bench_json(found, sizes)
        BUILD.mkdir(exist_ok=True)
        (BUILD / "bench.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(result, indent=2))
        _say("written", "build/bench.json")
        if options.quick:
            return
        try:
            found[TEST] = test()
        except RuntimeError as problem:
            sys.exit(f"{problem}\nThe page stays as it is: run make bench again when make test passes.")
        found["machine"] = machine()
        page.keep(found, compared(found, sizes))
    page.PAGE.write_text(page.page(page.record()), encoding="utf-8")
    _say("written", f"{page.PAGE.relative_to(ROOT)}{'' if options.page else ', tests/bench/figures.json'}")
