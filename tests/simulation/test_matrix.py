"""A sample of the fault matrix in every test run; `make faults` runs all of it."""

from __future__ import annotations

import os
import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from unittest import mock

import pytest

from tests.faults import Report, take_cases
from tests.simulation import faults
from tests.simulation.days import DAYS, Day
from tests.simulation.deployment import Deployment, terminating
from tests.simulation.faults import Call
from tests.simulation.matrix import (
    NOT_CALLS,
    Case,
    Outcome,
    all_calls,
    cases,
    groups,
    run_alone,
    run_in_both,
    run_parting,
)
from tests.simulation.parting import Parting

DR = "us-west-2"
CREATE = Call("protect", "workspaces", DR, "CreateStandbyWorkspaces")
CLAIM = Call("protect", "dynamodb", "us-east-1", "TransactWriteItems", "CLAIMED with claim")
REQUESTED = Call("protect", "dynamodb", "us-east-1", "TransactWriteItems", "REQUESTED")


@pytest.fixture(scope="module")
def calls(deployment: Deployment) -> dict[Call, Day]:
    return all_calls(deployment)


def test_every_call_that_a_role_permits_is_met(deployment: Deployment, calls: dict[Call, Day]) -> None:
    met = {(call.function, call.service, call.operation) for call in calls}
    # Whoever writes transactions needs the permissions of what is in them.
    writing = {function for function, _, call in met if call == "TransactWriteItems"}
    met |= {(function, "dynamodb", call) for function in writing for call in ("PutItem", "UpdateItem")}
    permitted = {
        (function, service, operation)
        for function, allowed in (deployment.permitted | {"retire": terminating().permitted["retire"]}).items()
        for service, operation in allowed
        if not operation.startswith(NOT_CALLS.get(service, ("-",)))
    }
    assert permitted - met == set()
    assert {one for one in met if one[1] != "sqs"} - permitted <= {
        (function, "dynamodb", "TransactWriteItems") for function in writing
    }


def test_a_purpose_tells_the_calls_of_one_operation_apart(calls: dict[Call, Day]) -> None:
    assert {CREATE, CLAIM, REQUESTED} <= set(calls)
    assert len(calls) > 30


@pytest.mark.parametrize("kind", faults.WITH_EFFECT)
@pytest.mark.parametrize("call", [CREATE, CLAIM, REQUESTED], ids=["create", "claim", "record"])
def test_where_two_standbys_come_of_nothing_is_doubled(deployment: Deployment, call: Call, kind: str) -> None:
    (outcome, _) = run_in_both(deployment, [Case(DAYS[0], call, kind, "three times", "permits")], run_alone)
    assert outcome.problem is None, f"{outcome.case}\n{outcome.problem}"
    assert outcome.struck


def test_a_sample_of_the_matrix(deployment: Deployment, calls: dict[Call, Day]) -> None:
    sample = random.Random(0).sample(list(cases(calls)), 20)  # noqa: S311 (repeatable, not secret)
    for outcome in run_in_both(deployment, sample, run_alone):
        assert outcome.problem is None, f"{outcome.case}\n{outcome.problem}"
        assert outcome.struck, f"{outcome.case} cannot strike"


@pytest.mark.parametrize(
    ("problem", "struck", "counted"),
    [
        (None, 1, {"passed": 1, "failed": 0, "never_struck": 0}),
        (None, 0, {"passed": 0, "failed": 0, "never_struck": 1}),
        ("two standbys", 3, {"passed": 0, "failed": 1, "never_struck": 0}),
        ("two standbys", 0, {"passed": 0, "failed": 1, "never_struck": 0}),
    ],
)
def test_a_case_whose_fault_never_struck_is_not_counted_as_passed(
    problem: str | None, struck: int, counted: dict[str, int]
) -> None:
    report, case = Report(), Case(DAYS[0], CREATE, faults.THROTTLED, "once", "permits")
    take_cases(report, [Outcome(case, problem, struck, 1.0, 0, 0, 0, is_same_in_both=True)])
    assert (report.cases, {name: getattr(report, name) for name in counted}) == (1, counted)
    assert len(report.failures) == counted["failed"] + counted["never_struck"]


def told(outcomes: list[Outcome]) -> list[tuple[object, ...]]:
    return [(str(one.case), one.problem, one.struck, one.duplicates, one.lost, one.helped) for one in outcomes]


def test_runs_that_part_are_those_that_are_run_alone(deployment: Deployment, calls: dict[Call, Day]) -> None:
    create, *_ = [group for group in groups(calls) if group[0].call == CREATE]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        parted = pool.submit(run_parting, deployment, create).result()
    alone = run_alone(deployment, create)
    assert told(parted) == told(alone)
    # What they have in common was simulated once.
    assert 0 < sum(one.virtual_hours for one in parted) < sum(one.virtual_hours for one in alone)


def test_a_process_that_ends_without_a_word_is_told(deployment: Deployment, calls: dict[Call, Day]) -> None:
    create, *_ = [group for group in groups(calls) if group[0].call == CREATE]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        (outcome,) = pool.submit(part_and_end, deployment, create[:1]).result()
    assert outcome.problem == "its process ended without an answer"


def part_and_end(deployment: Deployment, some: list[Case]) -> list[Outcome]:
    with mock.patch.object(Parting, "say", side_effect=lambda *_: os._exit(1)):
        return run_parting(deployment, some)
