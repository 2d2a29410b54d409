"""A sample of the fault matrix in every test run; `make faults` runs all of it."""

from __future__ import annotations

import os
import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any
from unittest import mock

import pytest

from tests.faults import Report, take_cases
from tests.simulation import breaks, faults
from tests.simulation.days import DAYS, WORLDS, Day
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call
from tests.simulation.matrix import (
    NOT_CALLS,
    SAME_FOR_READERS,
    Case,
    Outcome,
    all_calls,
    cases,
    groups,
    live,
    run_alone,
    run_in_both,
    run_parting,
)
from tests.simulation.parting import Parting
from tests.simulation.wire import Wire

PRIMARY, DR = "us-east-1", "us-west-2"
ORDINARY, UNCLEAR = (next(day for day in DAYS if day.name == name) for name in ("ordinary", "unclear"))
CREATE = Call("protect", "workspaces", DR, "CreateStandbyWorkspaces")
CLAIM = Call("protect", "dynamodb", PRIMARY, "TransactWriteItems", "CLAIMED with claim")
REQUESTED = Call("protect", "dynamodb", PRIMARY, "TransactWriteItems", "REQUESTED")
ANNOUNCE = Call("announce", "events", PRIMARY, "PutEvents")
WATCHES = Call("watch", "workspaces", PRIMARY, "DescribeWorkspaces", "by id")
DESCRIBES = Call("protect", "workspaces", PRIMARY, "DescribeWorkspaces", "by id")
LOOKS = Call("protect", "workspaces", DR, "DescribeWorkspaces", "by user")
READS_OPEN = Call("watch", "dynamodb", PRIMARY, "Query", "by_status open")
READS_TAGS = Call("watch", "resourcegroupstaggingapi", PRIMARY, "GetResources")


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
        for function, allowed in deployment.permitted.items()
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


def all_of(deployment: Deployment, case: Case) -> tuple[Outcome, dict[str, Any]]:
    """A case, run by itself, and all that came of it: what is told of it, of the ledger, of calls, and of people."""
    outcome, lived = live(deployment, case)
    audit = lived.run.audit
    return outcome, {
        "outcome": (outcome.problem, outcome.struck, outcome.virtual_hours, outcome.lost, outcome.helped),
        "calls": audit.calls,
        "rows": audit.rows,
        "stories": dict(audit.stories),
        "reached": [(call.at, call.operation, call.outcome) for call in lived.run.world.calls],
        "notices": lived.run.topic.notices,
        "dead letters": lived.run.queue.messages,
    }


@pytest.mark.parametrize(
    ("day", "call", "kind", "duration"),
    [
        (ORDINARY, CREATE, faults.READ_TIMEOUT_LATE, "three times"),
        (ORDINARY, REQUESTED, faults.KILLED_AFTER, "an hour"),
        (ORDINARY, WATCHES, faults.THROTTLED, "an hour"),
        (ORDINARY, ANNOUNCE, faults.CONNECTION_REFUSED, "three times"),
        (UNCLEAR, CREATE, faults.EMPTY, "once"),
        (UNCLEAR, CLAIM, faults.ERROR_AFTER, "three times"),
        (UNCLEAR, LOOKS, faults.KILLED_BEFORE, "an hour"),
    ],
    ids=lambda given: getattr(given, "name", str(given)),
)
def test_what_never_asks_for_a_second_standby_is_the_same_in_both_worlds(
    deployment: Deployment, day: Day, call: Call, kind: str, duration: str
) -> None:
    (permits, found), (refuses, other) = (all_of(deployment, Case(day, call, kind, duration, one)) for one in WORLDS)
    assert permits.struck
    assert permits.is_same_in_both
    assert refuses.is_same_in_both
    assert found == other


def test_what_asks_for_a_second_standby_is_run_in_both_worlds(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks.what_an_answer_leaves_out_is_taken_for_refused(monkeypatch)
    case = Case(UNCLEAR, CREATE, faults.EMPTY, "once", WORLDS[0])
    permits, refuses = run_in_both(deployment, [case], run_alone)
    assert [one.is_same_in_both for one in (permits, refuses)] == [False, False]
    assert "two standbys" in str(permits.problem)
    assert refuses.problem is None


def answers_take_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what fails before it takes effect be known no sooner than what fails afterwards."""
    real = Wire._fail_before

    def fail_before(self: Wire, kind: str, *given: Any) -> Any:
        if kind in (faults.ERROR_BEFORE, faults.READ_TIMEOUT_BEFORE, faults.KILLED_BEFORE):
            self._wait()
        return real(self, kind, *given)

    monkeypatch.setattr(Wire, "_fail_before", fail_before)


def without_words(found: dict[str, Any]) -> dict[str, Any]:
    """What came of a case, but for the words of errors: before it takes effect a call fails with the service's own."""

    def plain(item: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in item.items() if name not in ("error_code", "error_message")}

    rows = {one: plain(row) for one, row in found["rows"].items()}
    stories = {one: [plain(event) for event in story] for one, story in found["stories"].items()}
    # What a reader's call said to the service, or not, is not what its caller does.
    return found | {"rows": rows, "stories": stories, "reached": None}


@pytest.mark.parametrize(
    ("day", "call", "kind", "duration"),
    [
        (ORDINARY, DESCRIBES, faults.ERROR_AFTER, "three times"),
        (ORDINARY, READS_TAGS, faults.ERROR_AFTER, "an hour"),
        (ORDINARY, READS_OPEN, faults.READ_TIMEOUT_BEFORE, "an hour"),
        (ORDINARY, DESCRIBES, faults.KILLED_BEFORE, "three times"),
        (UNCLEAR, LOOKS, faults.ERROR_AFTER, "once"),
    ],
    ids=lambda given: getattr(given, "name", str(given)),
)
def test_to_who_only_reads_it_is_the_same_before_and_after(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, day: Day, call: Call, kind: str, duration: str
) -> None:
    answers_take_as_long(monkeypatch)
    kinds = (kind, SAME_FOR_READERS[kind])
    (outcome, found), (_, other) = (all_of(deployment, Case(day, call, one, duration, WORLDS[0])) for one in kinds)
    assert call.is_reading
    assert outcome.struck
    assert without_words(found) == without_words(other)


def test_to_who_writes_it_is_not(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    answers_take_as_long(monkeypatch)
    kinds = (faults.READ_TIMEOUT_BEFORE, faults.READ_TIMEOUT_AFTER)
    (_, found), (_, other) = (all_of(deployment, Case(ORDINARY, CREATE, one, "once", WORLDS[0])) for one in kinds)
    assert without_words(found) != without_words(other)


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
