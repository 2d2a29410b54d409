"""Whatever goes wrong with a run is told with what repeats it; nothing that went out of a handler heals unseen."""

from typing import Any

import pytest

from standby.reconcile import Reconciler
from standby.schedule import Schedule
from tests.simulation import faults, scenarios
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call, OneFault
from tests.simulation.scenarios import SCENARIOS, covered, settle
from tests.simulation.seeds import Seeded, run_seed
from tests.simulation.simulation import USERS, Simulation, Violated


def crash(*_: Any, **__: Any) -> Any:
    raise KeyError("nobody thought of it")


def test_a_seed_that_crashes_is_an_outcome(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Seeded, "go", crash)
    assert "nobody thought of it" in str(run_seed(deployment, 3).problem)


def test_a_scenario_that_crashes_is_an_outcome(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCENARIOS, "events_out_of_order", crash)
    said, run = scenarios.outcome(deployment, "events_out_of_order")
    assert said.startswith("failed: ")
    assert "nobody thought of it" in said
    assert run is None


@pytest.mark.parametrize(("where", "method"), [(Reconciler, "reconcile"), (Schedule, "observe")])
def test_a_crash_that_heals_is_seen(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, where: type, method: str
) -> None:
    real = getattr(where, method)
    crashed: list[int] = []

    def once(*given: Any, **more: Any) -> Any:
        if not crashed:
            crashed.append(1)
            crash()
        return real(*given, **more)

    monkeypatch.setattr(where, method, once)
    run = Simulation(deployment)
    with pytest.raises(Violated, match=r"crashed:(?s:.*)nobody thought of it"):
        settle(run, covered(run.create(*USERS[:2])))


def test_what_a_handler_ends_with_on_purpose_is_no_crash(deployment: Deployment) -> None:
    plan = OneFault(Call("protect", "dynamodb", "us-east-1", "BatchGetItem", "STATE"), faults.REFUSED, times=2)
    run = Simulation(deployment, plan=plan)
    settle(run, covered(run.create(*USERS[:2])))
    assert len(plan.hit) == 2
