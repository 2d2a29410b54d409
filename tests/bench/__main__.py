"""``make bench``: speed, cost and scale, beside the script that one would otherwise write, and beside the floor.

Counts come from recorded calls, times from the virtual clock of the simulation; handlers, definitions and the zip are
the deployed ones. `build/bench.json` has what is compared from one version to the next, `tests/bench/measured.json` all
of it, and `docs/performance.md` says what it means. `--quick` measures small fleets only, and keeps only the first.
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

from tests.bench import loads, page, queries
from tests.simulation.deployment import Deployment

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
SIZES = (100, 1_000, 10_000)
_QUICK = (100, 200)
_deployment: Deployment | None = None
_began = time.monotonic()


def _say(name: str, text: str) -> None:
    print(f"{name}: {text}", flush=True)


def _known() -> Deployment:
    global _deployment  # one a process: to synthesise takes seconds
    _deployment = _deployment or Deployment.synthesise()
    return _deployment


def _run(name: str, work: Callable[..., Any], *given: Any, deployed: bool = True) -> tuple[str, Any, float]:
    began = time.monotonic()
    more = (_known(),) if deployed else ()
    found = work(*more, *given, partial(_say, name))
    return name, found, time.monotonic() - began


def jobs(sizes: tuple[int, ...]) -> list[partial[tuple[str, Any, float]]]:
    """What is to be measured, the longest first."""
    large, middle = sizes[-1], sizes[-1] // 5
    return [
        partial(_run, "growth of a sweep", loads.growth, large * 10, deployed=False),
        partial(_run, f"{large} by script", loads.by_script, large, deployed=False),
        partial(_run, f"{large} new", loads.calls, large),
        partial(_run, "an existing fleet", loads.makespan, large),
        partial(_run, "an outage", loads.outage, middle),
        *[partial(_run, f"{size} new", loads.calls, size) for size in reversed(sizes[:-1])],
        *[partial(_run, f"{size} by script", loads.by_script, size, deployed=False) for size in sizes[:-1]],
        partial(_run, "a fleet of 1,000 accepted", loads.makespan, 1_000),
        partial(_run, "at rest", loads.rest),
        partial(_run, "a sweep", loads.growth, large, deployed=False),
        partial(_run, "a small sweep", loads.growth, large // 10, deployed=False),
        partial(_run, "lone ones", loads.lone),
    ]


def bench_json(found: dict[str, Any], sizes: tuple[int, ...]) -> dict[str, Any]:
    """What is compared from one version to the next."""
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
            "script_per_1000": found["1000 by script"]["cost"] if "1000 by script" in found else None,
        },
        "memory_mb": {
            str(large): found["a sweep"]["memory_mb"],
            str(large * 10): found["growth of a sweep"]["memory_mb"],
        },
        "cold_start_ratio": {name: one["ratio"] for name, one in found["cold starts"]["functions"].items()},
        "zip_bytes": found["cold starts"]["zip_bytes"],
        "read_amplification": max(*found["queries"].values(), of_large["rows_read_per_due_row"]),
    }


def developers() -> dict[str, float]:
    """What a synthesis takes: CPU seconds, and the peak of its memory in MB."""
    program = """
import re, resource, pathlib, tempfile
from infra.synth import synthesise
with tempfile.TemporaryDirectory() as out:
    synthesise(pathlib.Path("standby.example.yaml"), pathlib.Path(out))
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
peak = re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]
print(sum(one.ru_utime + one.ru_stime for one in used), int(peak) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    cpu, memory = map(float, done.stdout.split())
    return {"synth_cpu_seconds": cpu, "synth_memory_mb": memory}


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small fleets only, in a minute; no page is written")
    parser.add_argument("--page", action="store_true", help="write the page anew from what was measured last")
    options = parser.parse_args()
    if options.page:
        page.PAGE.write_text(page.page(**json.loads(page.MEASURED.read_text(encoding="utf-8"))), encoding="utf-8")
        return
    sizes = _QUICK if options.quick else SIZES
    found: dict[str, Any] = {}
    # What is timed comes first, with nothing beside it.
    found["cold starts"] = loads.starts(partial(_say, "cold starts"))
    found["developers"] = developers()
    # Not forked: a process that has synthesised shares its Node.js with those that it forks.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(job) for job in jobs(sizes)}
        found["queries"] = queries.amplification(*((10_000, 1_000) if options.quick else ()))
        for done in as_completed(waiting):
            name, what, seconds = done.result()
            found[name] = what
            _say(name, f"done in {seconds:.0f} s, {len(found)} of {len(waiting) + 3}; {_minutes():.1f} minutes so far")
    found["machine"] = {
        "date": datetime.now(UTC).date().isoformat(),
        "cpus": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "minutes": _minutes(),
    }
    result = bench_json(found, sizes)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    if not options.quick:
        kept = {"found": found, "result": result}
        page.MEASURED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        page.PAGE.write_text(page.page(**kept), encoding="utf-8")
    _say("Written", "build/bench.json" + ("" if options.quick else ", tests/bench/measured.json, docs/performance.md"))


def _minutes() -> float:
    return (time.monotonic() - _began) / 60


if __name__ == "__main__":
    main()
