"""Each named scenario, but the large ones, which `make faults` runs; and that each shows what is recorded of it."""

import pytest

from tests.simulation import recorded
from tests.simulation.deployment import Deployment
from tests.simulation.scenarios import LARGE, SCENARIOS, must, outcome, standing
from tests.simulation.simulation import Simulation


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in LARGE])
def test_scenario(deployment: Deployment, name: str) -> None:
    said, run = outcome(deployment, name)
    assert run, f"{said}\nrepeat it: make faults ARGS='--scenario {name}'"
    wrong = recorded.failures(name, run)
    assert not wrong, wrong


def test_a_scenario_that_fails_shows_the_story_that_led_there(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(deployment: Deployment) -> Simulation:
        run, ids = standing(deployment, 1)
        must(not ids, "it is meant to fail")
        return run

    monkeypatch.setitem(SCENARIOS, "fails", fails)
    said, run = outcome(deployment, "fails")
    assert run is None
    assert said.startswith("failed: it is meant to fail\n")
    assert "PROTECTED STANDBY_READY" in said


def test_a_scenario_that_fails_before_its_run_begins_does_not_show_the_story_of_another(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing(deployment, 1)
    monkeypatch.setitem(SCENARIOS, "fails", lambda _: must(False, "it is meant to fail"))
    assert outcome(deployment, "fails") == ("failed: it is meant to fail\n", None)


def test_every_scenario_says_what_happens() -> None:
    assert all(getattr(one, "func", one).__doc__ for one in SCENARIOS.values())
