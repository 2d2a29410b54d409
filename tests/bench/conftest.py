"""What is deployed, synthesised once a run."""

import pytest

from tests.conftest import Synthesise
from tests.simulation.deployment import CONFIGURATION, Deployment


@pytest.fixture(scope="session")
def deployment(synthesised: Synthesise) -> Deployment:
    return Deployment.read(synthesised(CONFIGURATION.read_text(encoding="utf-8")))
