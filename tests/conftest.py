"""How a run is shared out among processes: long waits and long calculations begin first, short tests fill the rest.

Tests of one group share a process, and with it what their session's fixtures set up: a cloud, an assembly.
"""

import fcntl
import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# The cloud assembly of a configuration, given as text, and, if asked for by `strict`, checked by more rules.
Synthesise = Callable[..., Path]

# Directories in the order in which they begin. What is not named comes last.
FIRST = ("e2e", "infra", "simulation", "local", "bench", "component")
TOGETHER = ("e2e", "infra", "local")
# Of these directories, files with clouds of their own.
APART = ("test_real_processes.py", "test_upgrade.py")
# Files that share a story, which takes seconds.
OF_ONE_STORY = ("test_report_browser.py", "test_report_truth.py")
# Files whose tests need nothing of each other, and take long.
SINGLY = ("test_scenarios.py", "test_seeds.py", "test_broken_rules.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them in order; a run in one process is in the same."""
    items.sort(key=lambda item: _order(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Give each process a group at a time."""
    return Groups(config, log)


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out groups of tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """What a test is handed out together with."""
    directory, file = _place(nodeid)
    if directory == "simulation" and file in SINGLY:
        return nodeid
    if file in OF_ONE_STORY:
        return OF_ONE_STORY[0]
    return directory if directory in TOGETHER and file not in APART else f"{directory}/{file}"


def _order(nodeid: str) -> int:
    directory, _ = _place(nodeid)
    return FIRST.index(directory) if directory in FIRST else len(FIRST)


def _place(nodeid: str) -> tuple[str, str]:
    """Directory and file of a test, such as `tests/core/test_text.py::test_it`."""
    path = PurePosixPath(nodeid.partition("::")[0])
    return path.parts[-2], path.name


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """Synthesises a configuration once a run, which takes seconds: what one process has made is there for all."""
    base = tmp_path_factory.getbasetemp()
    home = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    @functools.cache
    def assembly(text: str, *, strict: bool = False) -> Path:
        out = home / f"cdk.out-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        with out.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (out / "validation-report.json").exists():
                from infra.synth import synthesise  # starts Node.js, which most processes do not need

                config = out.with_suffix(".yaml")
                config.write_text(text, encoding="utf-8")
                synthesise(config, out, strict=strict)
        return out

    return assembly
