"""What the sweep notes on top of a decision, and that it decides nothing."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from standby.decisions.annotate import StandbyTally, annotate
from standby.decisions.decision import Action, Decision, nothing, record
from standby.decisions.drift import digest
from standby.ledger.ledger import Context, Ledger
from standby.model import Cause, DirectoryId, Region, Related, StandbyMarks, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Directory
from tests.unit.estate import AWAY, DR, HOME, estate, settings
from tests.unit.test_drift import PLAIN
from tests.unit.test_replication_age import NOW, ONE, STANDBY, row

OTHER = WorkspaceId("ws-7abc2def3")
SETTINGS = settings(directories={DirectoryId(HOME): Directory(DirectoryId(AWAY), None, "PRIMARY_AS_SOURCE")})
HEALTHY = Related(STANDBY, Region(DR), "AVAILABLE", "STANDBY")
DRIFT = "compute_type STANDARD≠VALUE"
SHAPES = {STANDBY: digest(Workspace(STANDBY, **(PLAIN | {"compute_type": "VALUE"})))}


def seen(*standbys: Related) -> Workspace:
    return Workspace(
        ONE,
        DirectoryId(HOME),
        related=standbys,
        replication=tuple((one.id, "PRIMARY_AS_SOURCE") for one in standbys),
        **PLAIN,
    )


def annotated(decision: Decision, workspace: Workspace, of: Row | None) -> tuple[Decision, StandbyTally]:
    return annotate(decision, workspace, of, SHAPES, SETTINGS, NOW)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PROTECTED])
def test_nothing_is_noted_of_what_is_not_protected(status: Status) -> None:
    decision = record(ONE, status, Reason.STANDBY_STARTING, standby=HEALTHY)
    assert annotated(decision, seen(HEALTHY), row(drift=DRIFT, stale=True)) == (decision, StandbyTally())


def test_a_decision_stays_what_it_is_but_for_what_is_noted() -> None:
    decision = record(ONE, Status.PROTECTED, Reason.ADOPTED, "Here.", standby=HEALTHY)
    found, counts = annotated(decision, seen(HEALTHY), None)
    assert found.marks == StandbyMarks(DRIFT, copies_due_since=NOW)
    assert found.message == f"{decision.message} It differs: {DRIFT}."
    assert dataclasses.replace(found, marks=None, message=decision.message) == decision
    assert counts == StandbyTally(1, 0, 0)


def test_where_nothing_is_decided_only_what_is_new_is_recorded_with_the_rows_own_reason() -> None:
    decision = nothing(ONE, row(), Reason.STANDBY_READY)
    found, _ = annotated(decision, seen(HEALTHY), row(reason=Reason.ADOPTED))
    assert (found.action, found.status, found.reason) == (Action.RECORD, Status.PROTECTED, Reason.ADOPTED)
    known, counts = annotated(decision, seen(HEALTHY), row(drift=DRIFT, copies_due_since=NOW))
    assert known == decision
    assert counts == StandbyTally(1, 0, 0)


def test_a_standby_that_is_not_shown_now_counts_as_it_did() -> None:
    decision = nothing(ONE, row(), Reason.STANDBY_READY)
    found, counts = annotated(decision, seen(), row(drift=DRIFT, stale=True))
    assert found == decision
    assert counts == StandbyTally(1, 1, None)


def test_another_standby_begins_with_nothing_noted() -> None:
    another = dataclasses.replace(HEALTHY, id=OTHER)
    decision = record(ONE, Status.PROTECTED, Reason.STANDBY_READY, standby=another)
    of = row(drift=DRIFT, stale=True, recovery_snapshot_at=NOW, requested_at=NOW - timedelta(days=9))
    found, counts = annotated(decision, seen(another), of)
    assert found.marks == StandbyMarks(copies_due_since=NOW)
    assert counts == StandbyTally(0, 0, 0)


def test_another_standby_that_anybody_records_has_nothing_noted_and_the_same_one_keeps_it() -> None:
    context = Context(Cause("watch", "w"), owner="request")
    of = row(drift=DRIFT, stale=True, recovery_snapshot_at=NOW)
    with estate() as found:
        ledger = Ledger(found.parts.table(), SETTINGS, found.clock, found.parts.new_id)
        for standby, marks in ((HEALTHY, of.marks), (dataclasses.replace(HEALTHY, id=OTHER), StandbyMarks())):
            decision = record(ONE, Status.PROTECTED, Reason.STANDBY_READY, standby=standby)
            assert ledger.next_row(of, decision, None, context).marks == marks
        assert ledger.next_row(of, record(ONE, Status.PROTECTED, Reason.ADOPTED), None, context).marks == of.marks


def test_tallies_add_up_and_the_oldest_is_the_oldest() -> None:
    ages = [StandbyTally(1, 0, None), StandbyTally(0, 1, 50), StandbyTally(1, 1, 40)]
    assert sum(ages, StandbyTally()) == StandbyTally(2, 2, 50)
    assert StandbyTally() + StandbyTally() == StandbyTally(0, 0, None)
