"""How a run is shared out among processes: long waits and long calculations begin first, short tests fill the rest.

Tests of one group share a process, and with it what their session's fixtures set up: a cloud, an assembly.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# Directories in the order in which they begin. What is not named comes last.
FIRST = ("e2e", "infra", "simulation", "local", "unit")
TOGETHER = ("e2e", "infra", "local")
# Of these directories, files with clouds of their own.
APART = ("test_real_processes.py", "test_retire.py", "test_sweep.py")
# Files whose tests need nothing of each other, and take long.
SINGLY = ("test_scenarios.py", "test_seeds.py", "test_broken_rules.py", "test_orphaned.py")


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
    return directory if directory in TOGETHER and file not in APART else f"{directory}/{file}"


def _order(nodeid: str) -> int:
    directory, _ = _place(nodeid)
    return FIRST.index(directory) if directory in FIRST else len(FIRST)


def _place(nodeid: str) -> tuple[str, str]:
    """Directory and file of a test, such as `tests/unit/test_clock.py::test_it`."""
    path = PurePosixPath(nodeid.partition("::")[0])
    return path.parts[-2], path.name
