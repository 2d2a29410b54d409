"""The deployment that terminates orphans: its roles permit what its functions call, and nothing else."""

from __future__ import annotations

from tests.simulation.deployment import Deployment
from tests.simulation.matrix import NOT_CALLS
from tests.simulation.orphaned import terminating
from tests.simulation.scenarios import SCENARIOS


def test_retire_is_permitted_what_it_calls_and_nothing_else(deployment: Deployment) -> None:
    run = SCENARIOS["an_orphan_goes_a_day_after_it_is_announced"](deployment)
    met: dict[str, set[tuple[str, str]]] = {}
    for call in run.audit.calls:
        met.setdefault(call.function, set()).add((call.service, call.operation))
    permitted = terminating().permitted
    for function, calls in met.items():
        # Whoever writes transactions needs the permissions of what is in them.
        assert calls - permitted[function] <= {("dynamodb", "TransactWriteItems")}
    permits = permitted["retire"]
    unused = {one for one in permits - met["retire"] if not one[1].startswith(NOT_CALLS.get(one[0], ("-",)))}
    assert unused <= {("dynamodb", "PutItem"), ("dynamodb", "UpdateItem")}


def test_only_retire_may_terminate(deployment: Deployment) -> None:
    for one in (deployment, terminating()):
        allowed = {name for name, calls in one.permitted.items() if ("workspaces", "TerminateWorkspaces") in calls}
        assert allowed == {"retire"} & set(one.functions)
    assert "retire" not in deployment.functions
