"""A few seeds in every test run, and that a seed is a run; many more by `make faults`."""

import random

import pytest

from tests.simulation import recorded
from tests.simulation.deployment import Deployment
from tests.simulation.seeds import Seeded, live


@pytest.mark.parametrize("seed", range(4))
def test_under_seeded_faults_everything_converges_to_one_standby_each(deployment: Deployment, seed: int) -> None:
    outcome, run = live(deployment, seed)
    assert outcome.problem is None, f"repeat it: make faults ARGS='--seed {seed}'\n{outcome.problem}"
    assert outcome.calls > 100
    wrong = recorded.failures(recorded.SEED_NAMES[seed], run)
    assert not wrong, wrong


def story(deployment: Deployment, seed: int) -> str:
    run = Seeded(deployment, random.Random(seed), seed)  # noqa: S311
    run.go()
    return f"{run.simulation.audit.struck} {run.simulation.audit.stories}"


def test_the_same_seed_is_the_same_run_and_another_is_another(deployment: Deployment) -> None:
    first, again, other = story(deployment, 7), story(deployment, 7), story(deployment, 8)
    assert first == again
    assert first != other
