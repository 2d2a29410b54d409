"""A few seeds of the simulation in every test run; many more by its command line."""

from __future__ import annotations

import pytest

from tests.simulation.simulate import simulate


# 27 is the first to notice a 5xx that is taken for "nothing was created".
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 27, 231])
def test_under_seeded_faults_everything_converges_to_one_standby_each(seed: int) -> None:
    assert simulate(seed).steps > 100
