"""The page about performance: what it computes from what was measured."""

import pytest

from tests.bench import page
from tests.bench.loads import RATE, floor
from tests.bench.sweeps import sweeps_interval


@pytest.mark.parametrize(("seconds", "hours"), [(40, 1), (3600, 1), (3601, 2), (8206, 3)])
def test_a_sweep_starts_at_the_next_start_of_its_schedule(seconds: float, hours: int) -> None:
    assert sweeps_interval(seconds) == hours * 3600


def test_the_fastest_backfill_has_at_most_as_many_under_way_as_the_configuration_allows() -> None:
    kept = page.record()
    bound = (floor(10_000) / RATE + 3600) * kept["result"]["makespan_ratio"]  # of the most that are under way at once
    times = page._expected_times(kept["found"], kept["result"])
    assert f"| 50,000 | at most {5 * bound / 3600:.1f} hours |" in times


def test_a_version_that_has_kept_less_is_compared_by_what_it_has() -> None:
    result = page.record()["result"]
    less = {name: value for name, value in result.items() if name != "developers"}
    assert page._figures(result).keys() - page._figures(less).keys() == {
        "CPU seconds of `make synth`",
        "CPU seconds of `make test`",
    }
