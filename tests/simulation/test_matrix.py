"""A sample of the fault matrix in every test run; `make faults` runs all of it."""

import random
from typing import Any

import pytest

from tests import faults as command
from tests.faults import Report, take_cases
from tests.simulation import breaks, faults, matrix
from tests.simulation.days import CREATE, DAYS, WORLDS, Day
from tests.simulation.deployment import Deployment
from tests.simulation.faults import Call
from tests.simulation.matrix import NOT_CALLS, Case, Outcome, all_calls, cases, live, run
from tests.simulation.simulation import DR, PRIMARY

ORDINARY, UNCLEAR = (next(day for day in DAYS if day.name == name) for name in ("ordinary", "unclear"))
CLAIM = Call("protect", "dynamodb", PRIMARY, "TransactWriteItems", "CLAIMED with claim")
REQUESTED = Call("protect", "dynamodb", PRIMARY, "TransactWriteItems", "REQUESTED")
ANNOUNCE = Call("announce", "events", PRIMARY, "PutEvents")
DESCRIBES = Call("protect", "workspaces", PRIMARY, "DescribeWorkspaces", "by id")
LOOKS = Call("protect", "workspaces", DR, "DescribeWorkspaces", "by user")


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
    outcome, _ = run(deployment, Case(DAYS[0], call, kind, "three times", "permits"))
    assert outcome.problem is None, f"{outcome.case}\n{outcome.problem}"
    assert outcome.struck


def test_a_sample_of_the_matrix(deployment: Deployment, calls: dict[Call, Day]) -> None:
    sample = random.Random(0).sample(cases(calls), 10)  # noqa: S311 (repeatable, not secret)
    for outcome in [one for case in sample for one in run(deployment, case)]:
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
        (ORDINARY, DESCRIBES, faults.THROTTLED, "an hour"),
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
    permits, refuses = run(deployment, case)
    assert [one.is_same_in_both for one in (permits, refuses)] == [False, False]
    assert "two standbys" in str(permits.problem)
    assert refuses.problem is None


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


def test_a_scenario_that_does_not_exist_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--scenario", "an_event_twic"])
    assert "there is no scenario an_event_twic; the nearest are an_event_twice" in capsys.readouterr().err


def test_a_part_of_a_name_that_no_case_has_is_refused(
    deployment: Deployment, calls: dict[Call, Day], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deployment, "synthesise", lambda: deployment)
    monkeypatch.setattr(matrix, "all_calls", lambda _: calls)  # to record them takes seconds
    with pytest.raises(SystemExit, match=r"no name of the \d{3,} cases contains 'throtled'; one name is: \w+"):
        command.main(["--case", "throtled"])
