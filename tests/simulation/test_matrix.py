"""A sample of the fault matrix in every test run; `make faults` runs all of it."""

from __future__ import annotations

import random

import pytest

from tests.simulation import faults
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call
from tests.simulation.matrix import BASES, NOT_CALLS, Case, all_calls, cases, run_in_both

DR = "us-west-2"
CREATE = Call("protect", "workspaces", DR, "CreateStandbyWorkspaces")
CLAIM = Call("protect", "dynamodb", "us-east-1", "TransactWriteItems", "CLAIMED with claim")
REQUESTED = Call("protect", "dynamodb", "us-east-1", "TransactWriteItems", "REQUESTED")


@pytest.fixture(scope="module")
def calls(deployment: Deployment) -> dict[Call, str]:
    return {call: base.name for call, base in all_calls(deployment).items()}


def test_every_call_that_a_role_permits_is_met(deployment: Deployment, calls: dict[Call, str]) -> None:
    met = {(call.function, call.service, call.operation) for call in calls}
    # Whoever writes transactions needs the permissions of what is in them.
    met |= {(function, "dynamodb", "UpdateItem") for function, _, call in met if call == "TransactWriteItems"}
    permitted = {
        (function, service, operation)
        for function, allowed in deployment.permitted.items()
        for service, operation in allowed
        if not operation.startswith(NOT_CALLS.get(service, ("-",)))
    }
    assert permitted - met == set()
    assert {one for one in met if one[1] != "sqs"} - permitted <= {
        (function, "dynamodb", "TransactWriteItems") for function in ("protect", "watch", "sweep")
    }


def test_a_purpose_tells_the_calls_of_one_operation_apart(calls: dict[Call, str]) -> None:
    assert {CREATE, CLAIM, REQUESTED} <= set(calls)
    assert len(calls) > 30


@pytest.mark.parametrize("kind", faults.WITH_EFFECT)
@pytest.mark.parametrize("call", [CREATE, CLAIM, REQUESTED], ids=["create", "claim", "record"])
def test_where_two_standbys_come_of_nothing_is_doubled(deployment: Deployment, call: Call, kind: str) -> None:
    (outcome, _) = run_in_both(deployment, Case(BASES[0], call, kind, "three times", "permits"))
    assert outcome.problem is None, f"{outcome.case}\n{outcome.problem}"
    assert outcome.struck


def test_a_sample_of_the_matrix(deployment: Deployment) -> None:
    everything = list(cases(all_calls(deployment)))
    for case in random.Random(0).sample(everything, 20):  # noqa: S311 (repeatable, not secret)
        for outcome in run_in_both(deployment, case):
            assert outcome.problem is None, f"{outcome.case}\n{outcome.problem}"
