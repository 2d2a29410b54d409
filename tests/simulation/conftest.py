"""What is deployed, synthesised once a session."""

from __future__ import annotations

import pytest

from tests.simulation.deployment import Deployment


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    return Deployment.synthesise()
