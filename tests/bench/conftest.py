"""What is deployed, synthesised once a run."""

from collections.abc import Generator

import pytest

from tests.conftest import Synthesise
from tests.simulation.deployment import CONFIGURATION, Deployment


@pytest.fixture(scope="session")
def deployment(synthesised: Synthesise) -> Deployment:
    return Deployment.read(synthesised(CONFIGURATION.read_text(encoding="utf-8")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave a run's log lines out of a failed test's report: thousands of them would hide which counts have changed."""
    report = yield
    report.sections = [(name, text) for name, text in report.sections if not name.startswith("Captured log")]
    return report
