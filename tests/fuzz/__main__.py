"""Runs so many cases over all properties: `PYTHONPATH=lambdas python -m tests.fuzz --cases 10000`.

The last line is `{"fuzz_cases": executed, "failed": [...]}`; the exit status is 1 if a property does not hold.
"""

import argparse
import importlib
import io
import json
import math
import random
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import hypothesis

from tests.fuzz.properties import PROPERTIES, Property, executed, load_profile


@dataclass(frozen=True)
class FuzzResult:
    """How many cases were really executed, and what each property that does not hold fails with."""

    cases: int
    failures: list[str]


def run(cases: int, seed: int) -> FuzzResult:
    """Execute at least so many cases over all properties, each its share; the same ones for the same seed."""
    load_profile()
    for module in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"tests.fuzz.{module.stem}")
    shares = sum(one.share for one in PROPERTIES)
    assert math.isclose(shares, 1), f"the shares add up to {shares}"
    executed.clear()
    failures = []
    for one in PROPERTIES:
        problem = _problem_with(one, cases, seed)
        told = "holds" if problem is None else "DOES NOT HOLD"
        print(f"{executed[one.name]:6} {one.name} {told}", flush=True)
        if problem is not None:
            failures.append(problem)
    return FuzzResult(executed.total(), failures)


def _problem_with(one: Property, cases: int, seed: int) -> str | None:
    """Why a property does not hold, with the case that shows it; None if it holds."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            hypothesis.seed(seed)(one.test(cases))()
    except Exception as problem:
        notes = "\n".join(getattr(problem, "__notes__", ()))
        return f"{one.name}: {type(problem).__name__}: {problem}\n{notes}"
    return None


def main() -> int:
    """Run, and print the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))  # noqa: S311 (no secret)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    result = run(chosen.cases, chosen.seed)
    for failure in result.failures:
        print(failure)
    print(json.dumps({"fuzz_cases": result.cases, "failed": [one.split(":")[0] for one in result.failures]}))
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
