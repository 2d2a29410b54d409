"""The deployment that terminates orphans: only retire may terminate, and a broken rule is noticed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from standby.ledger import claims
from standby.retire import look as orphan_look
from standby.retire import retire, termination
from tests.simulation.deployment import Deployment, terminating
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.simulation import Violated


def test_only_retire_may_terminate(deployment: Deployment) -> None:
    for one in (deployment, terminating()):
        allowed = {name for name, calls in one.permitted.items() if ("workspaces", "TerminateWorkspaces") in calls}
        assert allowed == {"retire"} & set(one.functions)
    assert "retire" not in deployment.functions


def nobody_is_given_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retire, "AHEAD", timedelta(0))


def the_primary_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphan_look.OrphanLook, "_primary", lambda *_: orphan_look.GO)


def nobody_has_to_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphan_look, "witnessed", lambda *_: orphan_look.GO)


def nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "count", lambda key, *_: claims.count(key, 0))


@pytest.mark.parametrize(
    ("broken", "name", "told"),
    [
        (nobody_is_given_a_day, "an_orphan_goes_a_day_after_it_is_announced", "what was announced is"),
        (the_primary_is_not_looked_at, "a_primary_that_comes_back_during_the_days", "is there"),
        (nobody_has_to_witness, "the_primary_region_shows_nobody_for_all_the_days", "is there"),
        (nothing_is_counted, "an_orphan_goes_a_day_after_it_is_announced", "0 are counted"),
    ],
)
def test_a_broken_rule_is_noticed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, broken: Callable[..., None], name: str, told: str
) -> None:
    broken(monkeypatch)
    with pytest.raises(Violated, match=told):
        SCENARIOS[name](deployment)
