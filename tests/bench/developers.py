"""What developers wait for: a synthesis, and `make test`, each from warm, with all processes that they start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
_USAGE = Path(__file__).with_name("usage.py")
Usage = dict[str, float]


def used_by(
    command: Sequence[str], environment: Mapping[str, str] | None = None, statuses: Sequence[int] = (0,)
) -> tuple[Usage, str]:
    """What a command takes (`cpu_seconds`, `memory_mb`, `seconds`), and what it prints.

    Raises
    ------
    RuntimeError
        Its exit status is none of `statuses`.
    """
    with TemporaryDirectory() as folder:
        target, out = Path(folder) / "usage.json", Path(folder) / "out"
        with out.open("w") as stream:
            done = subprocess.run(  # noqa: S603
                [sys.executable, "-S", str(_USAGE), str(target), *command],
                cwd=ROOT,
                env=dict(os.environ) | dict(environment or {}),
                stdout=stream,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        said = out.read_text(encoding="utf-8")
        if done.returncode not in statuses:
            raise RuntimeError(
                f"{' '.join(command)} has failed with {done.returncode}: {said[-2000:]}{done.stderr[-2000:]}"
            )
        usage: Usage = json.loads(target.read_text(encoding="utf-8"))
        return usage, said


def synthesis(progress: Callable[[str], None]) -> Usage:
    """What `make synth` takes of the example's configuration."""
    with TemporaryDirectory() as out:
        environment = {"CDK_CONTEXT_JSON": '{"config": "standby.example.yaml"}', "CDK_OUTDIR": out}
        command = [sys.executable, "app.py"]
        used_by(command, environment)
        usage, _ = used_by(command, environment)
    progress("make synth")
    return usage


def warm_up(progress: Callable[[str], None]) -> None:
    """Fill the caches of what `make test` runs."""
    used_by(["make", "lint"])
    used_by([sys.executable, "-m", "pytest", "--collect-only", "-qq"])
    progress("caches of make test")


def whole_test(progress: Callable[[str], None]) -> Usage:
    """What `make test` takes: nothing else may run beside it."""
    progress("make test, which takes some minutes")
    return used_by(["make", "test"])[0]
