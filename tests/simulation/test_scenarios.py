"""Each named scenario, but the large ones, which `make faults` runs; and that each shows what is recorded of it."""

import pytest

from tests.simulation import recorded
from tests.simulation.deployment import Deployment
from tests.simulation.scenarios import LARGE, SCENARIOS


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in LARGE])
def test_scenario(deployment: Deployment, name: str) -> None:
    run = SCENARIOS[name](deployment)
    wrong = recorded.failures(name, run)
    assert not wrong, wrong


def test_every_scenario_says_what_happens() -> None:
    assert all(getattr(one, "func", one).__doc__ for one in SCENARIOS.values())
