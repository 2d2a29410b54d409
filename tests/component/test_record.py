"""Changes carried into the ledger: what is written again, and what is left to whoever comes next."""

from typing import Any

import pytest

from standby.core.change import Case, Change
from standby.core.model import Cause, Status, Workspace, WorkspaceId, as_standby
from standby.core.reasons import Reason
from standby.core.row import Row, claim_key
from standby.ledger.table import LedgerUnavailable
from standby.record import Recorder
from tests.component.estate import AWAY, DR, HOME, UNREACHABLE, USERS, Estate

ONE, STANDBY = WorkspaceId("ws-1abc2def3"), WorkspaceId("ws-9abc2def3")
KEY = claim_key(AWAY, USERS[0])
SEEN = Workspace(ONE, HOME, USERS[0], "AVAILABLE")
TRANSACT = "TransactWriteItems"


def waits(recorder: Recorder, row: Row | None, reason: Reason = Reason.PRIMARY_PENDING) -> Change:
    return recorder.case(ONE, row, SEEN).record(Status.WAITING, reason)


def has_one(recorder: Recorder, row: Row | None) -> Change:
    standby = as_standby(STANDBY, DR, "PENDING")
    return recorder.case(ONE, row, SEEN).record(Status.REQUESTED, Reason.CREATE_ACCEPTED, standby=standby)


def change_by_another(found: Estate, reason: Reason = Reason.NOTHING_SEEN_ONCE) -> None:
    """Somebody else writes the row as it stands now."""
    before, found.between = found.between, None
    other = found.recorder()
    rows = other.ledger.load([ONE])
    other.record(waits(other, found.row(ONE) if rows else None, reason))
    found.between = before


def test_a_change_is_written_only_if_it_says_something(found: Estate) -> None:
    recorder = found.recorder()
    first = recorder.record(waits(recorder, None)).new
    assert first is not None
    found.pass_time(minutes=1)
    again = recorder.record(waits(recorder, first))
    other = recorder.record(waits(recorder, first, Reason.CREATE_THROTTLED)).new
    assert again.new is first
    assert other is not None
    assert (other.version, other.first_seen_at, other.due_at) == (2, first.first_seen_at, first.due_at)
    assert found.reasons(ONE) == ["PRIMARY_PENDING", "CREATE_THROTTLED"]
    assert [written for _, written in found.notes.changes] == [True, False, True]
    assert found.row(ONE) == other


@pytest.mark.parametrize(
    "cause",
    [Cause("manual", "ticket-1"), Cause("watch", "w", execution_arn="arn:watch"), Cause("event", "e", principal="bo")],
)
def test_each_version_says_what_caused_it_and_who_called(found: Estate, cause: Cause) -> None:
    before = Cause("event", "e-1", principal="al", execution_arn="arn:sweep", created_by="al")
    first = found.recorder(before).record(waits(found.recorder(before), None)).new
    recorder = found.recorder(cause)
    recorder.record(waits(recorder, first, Reason.CREATE_THROTTLED))
    row = found.row(ONE)
    assert (row.version, row.created_by, row.principal) == (2, "al", cause.principal)
    assert (row.cause_type, row.cause_id, row.execution_arn) == (cause.type, cause.id, cause.execution_arn)


def test_the_cause_is_the_executions_name_where_its_arn_stands_beside_it(found: Estate) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:execution:Standby-us-east-1-us-west-2-watch:protect-1"
    recorder = found.recorder(Cause("watch", arn, execution_arn=arn))
    first = recorder.record(waits(recorder, None)).new
    assert found.row(ONE) == first
    assert (found.row(ONE).cause_id, found.row(ONE).execution_arn) == ("protect-1", arn)
    # An id that only looks like one stays whole: its ARN stands nowhere else.
    found.recorder(Cause("manual", arn)).record(waits(recorder, first, Reason.CREATE_THROTTLED))
    assert (found.row(ONE).cause_id, found.row(ONE).execution_arn) == (arn, None)


def test_of_two_writers_the_second_changes_nothing_and_what_the_first_wrote_stands(found: Estate) -> None:
    recorder = found.recorder()
    change = waits(recorder, None)
    change_by_another(found)
    left = recorder.record(change)
    assert (left.old, left.new, left.reason, left.is_nothing) == (None, None, Reason.NOT_VISIBLE_YET, True)
    assert found.status(ONE) == (Status.WAITING, "NOTHING_SEEN_ONCE")
    # It has a row, only not this one's.
    assert recorder.unrecorded == {}
    assert ["changed by another invocation" in one for one in found.notes.problems] == [True]


@pytest.mark.parametrize("has_row", [True, False])
def test_what_the_ledger_does_not_take_is_unrecorded_only_if_there_is_no_row(found: Estate, has_row: bool) -> None:
    recorder = found.recorder()
    row = recorder.record(waits(recorder, None)).new if has_row else None
    found.disturb(TRANSACT, UNREACHABLE)
    left = recorder.record(waits(recorder, row, Reason.CREATE_THROTTLED))
    assert left.new == row
    assert left.message.startswith("Not recorded: DynamoDB transact_write_items failed")
    assert list(recorder.unrecorded) == ([] if has_row else [ONE])


# What only this invocation knows


def test_it_is_made_again_from_what_somebody_else_has_written_meanwhile(found: Estate) -> None:
    recorder = found.recorder()
    row = recorder.record(waits(recorder, None)).new
    found.disturb(TRANSACT, lambda: change_by_another(found))
    made: list[Any] = []

    def make(present: Row | None) -> Change:
        made.append(present and present.reason)
        return has_one(recorder, present)

    change = recorder.must(make, row)
    assert made == [Reason.PRIMARY_PENDING, Reason.NOTHING_SEEN_ONCE]
    assert found.row(ONE) == change.new
    assert found.reasons(ONE) == ["PRIMARY_PENDING", "NOTHING_SEEN_ONCE", "CREATE_ACCEPTED"]


def test_it_is_tried_three_times_and_then_its_standby_is_logged(found: Estate) -> None:
    recorder = found.recorder()
    row = recorder.record(waits(recorder, None)).new
    calls = found.disturb(TRANSACT, UNREACHABLE, times=3)
    began = found.clock.now()
    left = recorder.must(lambda present: has_one(recorder, present), row)
    assert (len(calls), (found.clock.now() - began).total_seconds()) == (3, 3.0)
    assert left.new == row == found.row(ONE)
    assert found.notes.fields == [{"primary_id": ONE, "standby_id": STANDBY}]
    recorder.must(lambda present: has_one(recorder, present), row)
    assert found.row(ONE).standby_id == STANDBY


def test_a_row_that_cannot_be_read_again_is_taken_as_it_was(found: Estate) -> None:
    recorder = found.recorder()
    row = recorder.record(waits(recorder, None)).new
    found.disturb(TRANSACT, UNREACHABLE)
    found.disturb("BatchGetItem", UNREACHABLE)
    recorder.must(lambda present: has_one(recorder, present), row)
    assert found.row(ONE).standby_id == STANDBY


def test_a_standby_is_recorded_though_its_users_claim_is_another_primarys(found: Estate) -> None:
    """It is there, and costs: nobody finds what the ledger does not show."""
    recorder = found.recorder()
    row = recorder.record(waits(recorder, None)).new
    found.put(KEY, "CLAIM", primary_id="ws-another12")
    change = recorder.record(has_one(recorder, row))
    assert found.row(ONE) == change.new
    assert (found.row(ONE).standby_id, found.row(ONE).claim_key) == (STANDBY, None)
    assert (found.item(KEY)["primary_id"], found.taken()) == ("ws-another12", 0)
    assert recorder.ledger.primaries_of([STANDBY]) == {STANDBY: ONE}


def test_a_claim_without_a_standby_is_not_recorded_without_its_user(found: Estate) -> None:
    found.put(KEY, "CLAIM", primary_id="ws-another12")
    recorder = found.recorder()
    change = waits(recorder, None)
    assert change.new is not None
    claimed = change.having(Row(**{**vars(change.new), "status": Status.CLAIMED, "claim_key": KEY}))
    recorder.record(claimed)
    assert found.items() == [{"pk": KEY, "sk": "CLAIM", "primary_id": "ws-another12"}]
    assert list(recorder.unrecorded) == [ONE]


# What an event says of a row


def terminated(case: Case, row: Row) -> Change | None:
    return case.record(Status.FAILED, Reason.STANDBY_IN_ERROR, f"It was {row.reason}.")


def test_it_is_made_from_the_row_as_it_is_found_and_again_if_that_has_changed(found: Estate) -> None:
    recorder = found.recorder()
    recorder.record(waits(recorder, None))
    found.disturb(TRANSACT, lambda: change_by_another(found))
    change = recorder.amend(ONE, terminated)
    assert change is not None
    assert found.row(ONE) == change.new
    assert found.row(ONE).message.endswith("It was NOTHING_SEEN_ONCE.")


def test_without_a_row_or_with_nothing_to_say_nothing_is_written(found: Estate) -> None:
    recorder = found.recorder()
    assert recorder.amend(ONE, terminated) is None
    recorder.record(waits(recorder, None))
    assert recorder.amend(ONE, lambda *_: None) is None
    found.put(ONE, "STATE", reason_code="OF_NEXT_YEAR")
    assert recorder.amend(ONE, terminated) is None
    assert found.notes.counts["UnreadableRows"] == 1
    assert found.reasons(ONE) == ["PRIMARY_PENDING"]


def test_a_row_that_changes_all_the_time_asks_for_the_event_again(found: Estate) -> None:
    recorder = found.recorder()
    recorder.record(waits(recorder, None))
    reasons = iter([Reason.NOTHING_SEEN_ONCE, Reason.CREATE_THROTTLED] * 3)
    calls = found.disturb(TRANSACT, lambda: change_by_another(found, next(reasons)), times=9)
    with pytest.raises(LedgerUnavailable, match="5 times in a row"):
        recorder.amend(ONE, terminated)
    assert len(calls) == 5
    assert found.row(ONE).status is Status.WAITING
