"""`make faults`: named scenarios, the fault matrix, seeds, bad input and real processes, into build/faults.json.

`python -m tests.faults --help` tells how to repeat a single one.
"""

import argparse
import difflib
import gc
import json
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation import matrix, scenarios, seeds
from tests.simulation.deployment import Deployment

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "build" / "faults.json"
WORKERS = 2
SEEDS = 36
FUZZ_CASES = 10_000
_EVERY_SECONDS = 10.0
_deployment: Deployment | None = None


@dataclass
class Report:
    """What is written in the end.

    Of the `cases`, those whose fault never came to strike have shown nothing: they are not `passed`, and a failure.
    """

    calls_found: int = 0
    cases: int = 0
    passed: int = 0
    failed: int = 0
    seeds: int = 0
    virtual_days: float = 0.0
    duplicates: int = 0
    lost: int = 0
    fuzz_cases: int = 0
    runs: int = 0
    never_struck: int = 0
    needed_a_person: int = 0
    scenarios: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def fails(self, what: str, problem: str, again: str) -> None:
        """Something does not hold; `again` is the command that repeats it."""
        self.failures.append(what)
        print(f"\nFAILED {what}\n{problem}\nrepeat it: make faults ARGS='{again}'\n", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of it, or what is asked for; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--scenario", help="only this named scenario")
    parser.add_argument("--seed", type=int, help="only this seed")
    parser.add_argument("--case", help="only the cases of the matrix whose names contain this")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many seeds, default {SEEDS}")
    parser.add_argument("--only", choices=("scenarios", "matrix", "seeds", "fuzz", "processes"), help="only this part")
    chosen = parser.parse_args(arguments)
    if chosen.scenario and chosen.scenario not in scenarios.SCENARIOS:
        nearest = difflib.get_close_matches(chosen.scenario, scenarios.SCENARIOS, cutoff=0.3)
        parser.error(f"there is no scenario {chosen.scenario}; the nearest are {', '.join(nearest) or 'none'}")
    began = time.monotonic()
    report = Report()
    deployment = Deployment.synthesise()
    if chosen.scenario or chosen.seed is not None or chosen.case:
        _one(report, deployment, chosen)
    else:
        _everything(report, deployment, chosen.only, chosen.seeds)
        _write(report, REPORT if chosen.only is None else REPORT.with_stem(f"faults-{chosen.only}"))
    minutes = (time.monotonic() - began) / 60
    print(
        f"{len(report.failures)} failed; {report.cases} cases, {report.seeds} seeds, {len(report.scenarios)} scenarios,"
        f" {report.fuzz_cases} of bad input, {report.virtual_days:.0f} virtual days in {minutes:.1f} minutes"
    )
    return 1 if report.failures else 0


def _write(report: Report, where: Path) -> None:
    where.parent.mkdir(exist_ok=True)
    written = vars(report) | {"virtual_days": round(report.virtual_days, 1)}
    where.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def _one(report: Report, deployment: Deployment, chosen: argparse.Namespace) -> None:
    global _deployment
    _deployment = deployment
    if chosen.scenario:
        _take_scenario(report, chosen.scenario, _scenario(chosen.scenario))
    if chosen.seed is not None:
        _take_seed(report, chosen.seed, _seed(chosen.seed))
    if chosen.case:
        cases = matrix.cases(matrix.all_calls(deployment))
        found = [case for case in cases if chosen.case in str(case)]
        if not found:
            sys.exit(f"no name of the {len(cases)} cases contains {chosen.case!r}; one name is: {cases[0]}")
        for case in found:
            take_cases(report, matrix.run(deployment, case))


def _everything(report: Report, deployment: Deployment, only: str | None, count: int) -> None:
    def wanted(part: str) -> bool:
        return only in (None, part)

    # It mostly waits, so it goes on beside the rest.
    processes = _begin_processes() if wanted("processes") else None
    # Of one process: it would leave a core alone at the end.
    fuzz = _begin_fuzz() if wanted("fuzz") else None
    if wanted("scenarios"):
        # The large ones first, so that none is left running alone.
        names = sorted(scenarios.SCENARIOS, key=lambda name: name not in scenarios.LARGE)
        for name, outcome in spread(deployment, "scenarios", _scenario, names):
            _take_scenario(report, name, outcome)
    if wanted("matrix"):
        calls = matrix.all_calls(deployment)
        report.calls_found = len(calls)
        # Those first that take longest, so that none is left running alone.
        cases = sorted(matrix.cases(calls), key=lambda case: -case.day.hours)
        for _, outcomes in spread(deployment, "the fault matrix", _case, cases):
            take_cases(report, outcomes)
    if wanted("seeds"):
        for seed, outcome in spread(deployment, "seeds", _seed, list(range(count))):
            _take_seed(report, seed, outcome)
    if fuzz is not None:
        _take_fuzz(report, fuzz)
    if processes is not None:
        _take_processes(report, processes)


# In a worker


def _prepare(deployment: Deployment) -> None:
    global _deployment
    _deployment = deployment
    # A fifth of the time would go into looking for cycles among modules that stay.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def known() -> Deployment:
    assert _deployment is not None
    return _deployment


def _scenario(name: str) -> tuple[str, float, int]:
    said, run = scenarios.outcome(known(), name)
    return said, run.hours if run else 0.0, len(run.world.duplicates()) if run else 0


def _case(case: matrix.Case) -> list[matrix.Outcome]:
    try:
        return matrix.run(known(), case)
    except Exception:
        return [matrix.broken(case, traceback.format_exc())]


def _seed(seed: int) -> seeds.Outcome:
    return seeds.run_seed(known(), seed)


def spread(
    deployment: Deployment, what: str, work: Callable[[Any], Any], items: Sequence[Any]
) -> Iterator[tuple[Any, Any]]:
    """Do the work for each item on all workers, and say how far it is."""
    told = began = time.monotonic()
    with ProcessPoolExecutor(WORKERS, initializer=_prepare, initargs=(deployment,)) as pool:
        futures = {pool.submit(work, item): item for item in items}
        for done, future in enumerate(as_completed(futures), start=1):
            yield futures[future], future.result()
            now = time.monotonic()
            if now - told > _EVERY_SECONDS or done == len(items):
                told = now
                print(f"{what}: {done} of {len(items)}, {now - began:.0f} s", flush=True)


# What came of it


def _take_scenario(report: Report, name: str, outcome: tuple[str, float, int]) -> None:
    said, hours, duplicates = outcome
    report.scenarios[name] = "passed" if said == "passed" else "failed"
    report.virtual_days += hours / 24
    report.duplicates += duplicates
    if said != "passed":
        report.fails(f"scenario {name}", said, f"--scenario {name}")


def take_cases(report: Report, outcomes: list[matrix.Outcome]) -> None:
    for outcome in outcomes:
        report.cases += 1
        report.runs += outcome.virtual_hours > 0
        report.virtual_days += outcome.virtual_hours / 24
        report.duplicates += outcome.duplicates
        report.lost += outcome.lost
        report.needed_a_person += outcome.helped > 0
        report.passed += outcome.problem is None and outcome.struck > 0
        report.failed += outcome.problem is not None
        problem = outcome.problem
        if problem is None and not outcome.struck:
            report.never_struck += 1
            problem = "it never struck: on that day, and in that world, its call is not made"
        if problem is not None:
            report.fails(str(outcome.case), problem, f'--case "{str(outcome.case).rpartition(",")[0]}"')


def _take_seed(report: Report, seed: int, outcome: seeds.Outcome) -> None:
    report.seeds += 1
    report.virtual_days += outcome.virtual_hours / 24
    report.duplicates += outcome.duplicates
    report.lost += outcome.lost
    if outcome.problem is not None:
        report.fails(f"seed {seed}", outcome.problem, f"--seed {seed}")


def _begin_fuzz() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.fuzz", "--cases", str(FUZZ_CASES)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ, text=True, stdout=subprocess.PIPE)  # noqa: S603


def _take_fuzz(report: Report, fuzz: subprocess.Popen[str]) -> None:
    print("bad input: Hypothesis", flush=True)
    printed, _ = fuzz.communicate()
    print(printed[-3000:], flush=True)
    said = json.loads(printed.splitlines()[-1]) if printed.strip() else {}
    report.fuzz_cases = said.get("fuzz_cases", 0)
    if fuzz.returncode or said.get("failed") or report.fuzz_cases < FUZZ_CASES:
        report.fails("bad input", f"see above: {said.get('failed')}", "--only fuzz")


def _begin_processes() -> subprocess.Popen[str]:
    """The scenarios that need real processes, with the waits that are shortened in `make test`."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/e2e/test_real_processes.py",
        "-vv",
        "--tb=short",
        "-p",
        "no:xdist",
    ]
    environment = os.environ | {"REAL_WAITS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE)  # noqa: S603


def _take_processes(report: Report, processes: subprocess.Popen[str]) -> None:
    print("real processes: the embedded cloud", flush=True)
    printed, _ = processes.communicate()
    results = re.findall(r"::test_(\S+) (PASSED|FAILED|ERROR|SKIPPED)", printed)
    report.scenarios |= {name: "passed" if result == "PASSED" else "failed" for name, result in results}
    if processes.returncode or not results or any(result != "PASSED" for _, result in results):
        report.fails("real processes", printed[-4000:], "--only processes")


if __name__ == "__main__":
    sys.exit(main())
