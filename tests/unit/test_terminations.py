"""TerminateWorkspaces by somebody else: who it was is on record and told once, and what follows is what is seen."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from standby.ledger.table import LedgerUnavailable
from standby.model import Status
from standby.rows import Row
from tests.unit.estate import ACCOUNT, DR, PRIMARY, TABLE, USERS, Estate, estate

AL = f"arn:aws:iam::{ACCOUNT}:user/al"
TERMINATED = "TERMINATED_BY_SOMEBODY"


def protected(found: Estate, *users: str) -> list[str]:
    """Primaries with their standbys, known to the ledger and to the sweep."""
    ids = found.create_ready(*users)
    found.protect(*ids)
    found.watch()
    assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
    return ids


def terminate(found: Estate, region: str, *ids: str, principal: str = AL) -> dict[str, Any]:
    """Terminate them; CloudTrail's event of it."""
    request = {"TerminateWorkspaceRequests": [{"WorkspaceId": one} for one in ids]}
    found.world.call(region, "TerminateWorkspaces", request, principal)
    event: dict[str, Any] = found.world.trail[-1]
    assert event["detail"]["eventName"] == "TerminateWorkspaces"
    return event


def standby_of(found: Estate, primary: str) -> str:
    standby = found.row(primary).standby_id
    assert standby is not None
    return standby


def told(found: Estate, primary: str) -> list[str]:
    """What a person was told of a primary, by code."""
    return [one.get("notice_code") or one["reason_code"] for one in found.history(primary) if one.get("notice")]


# Who it was


def test_a_standby_terminated_by_hand_is_missing_and_who_did_it_is_told_once() -> None:
    with estate() as found:
        (one,) = protected(found, USERS[0])
        standby = standby_of(found, one)
        event = terminate(found, DR, standby)
        answer = found.send(event)
        assert found.status(one) == (Status.STANDBY_MISSING, "STANDBY_GONE")
        assert [decision["primary_id"] for decision in answer["decisions"]] == [standby]
        row = found.row(one)
        assert (row.terminated_id, row.terminated_by, row.principal) == (standby, AL, AL)
        (notice,) = [event for event in found.history(one) if event.get("notice")]
        assert notice["message"].startswith(f"TerminateWorkspaces was called for its standby {standby}, by {AL}.")
        assert (notice["principal"], notice["status"]) == (AL, Status.PROTECTED)


def test_a_primary_terminated_by_somebody_is_told_with_who_did_it() -> None:
    with estate() as found:
        (one,) = protected(found, USERS[0])
        found.send(terminate(found, PRIMARY, one))
        row = found.row(one)
        assert (row.terminated_id, row.terminated_by) == (one, AL)
        assert TERMINATED in told(found, one)


def test_a_primary_without_a_standby_that_is_seen_going_is_gone() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.sweep()
        found.send(terminate(found, PRIMARY, one))
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert told(found, one) == [TERMINATED]


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_copies_of_an_event_tell_nothing_more(region: str) -> None:
    with estate() as found:
        (one,) = protected(found, USERS[0])
        event = terminate(found, region, one if region == PRIMARY else standby_of(found, one))
        found.send(event)
        before = found.history(one)
        found.send(event)
        found.pass_time(hours=1)
        found.send(event)
        assert [entry for entry in found.history(one) if entry.get("notice_code")] == [
            entry for entry in before if entry.get("notice_code")
        ]


def test_an_event_that_comes_after_the_sweep_has_found_out_still_says_who() -> None:
    with estate() as found:
        found.sweep()
        (one,) = protected(found, USERS[0])
        standby = standby_of(found, one)
        event = terminate(found, DR, standby)
        for _ in range(3):
            found.pass_time(hours=1)
            found.sweep()
        assert found.status(one) == (Status.STANDBY_MISSING, "STANDBY_GONE")
        found.send(event)
        assert found.status(one) == (Status.STANDBY_MISSING, "STANDBY_GONE")
        assert found.row(one).terminated_by == AL
        assert told(found, one) == ["STANDBY_GONE", TERMINATED]


def test_a_primary_and_its_standby_in_turn_are_told_each_once() -> None:
    with estate() as found:
        (one,) = protected(found, USERS[0])
        standby = standby_of(found, one)
        events = [terminate(found, DR, standby), terminate(found, PRIMARY, one)]
        for event in (*events, *events):
            found.send(event)
        assert told(found, one).count(TERMINATED) == 2


def test_a_call_without_an_identity_is_told_as_such() -> None:
    with estate() as found:
        (one,) = protected(found, USERS[0])
        event = terminate(found, DR, standby_of(found, one))
        del event["detail"]["userIdentity"]
        found.send(event)
        assert found.row(one).terminated_by == "somebody whom CloudTrail does not name"


# What follows, and what does not


def test_a_standby_whose_termination_does_not_show_stays_protected_on_record() -> None:
    with estate() as found:
        (one,) = protected(found, USERS[0])
        event = terminate(found, DR, standby_of(found, one))
        found.pass_time(hours=1)
        found.send(event)
        # It is absent: that is unknown, and the sweeps' to say.
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert told(found, one) == [TERMINATED]


def test_an_answer_that_failed_concludes_nothing() -> None:
    from local.workspaces import Fault

    with estate() as found:
        (one,) = protected(found, USERS[0])
        event = terminate(found, DR, standby_of(found, one))
        found.world.inject(Fault("DescribeWorkspaces", "throttle"))
        found.send(event)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert told(found, one) == [TERMINATED]


def test_a_failed_item_is_no_termination() -> None:
    with estate() as found:
        one, other = protected(found, *USERS[:2])
        event = terminate(found, PRIMARY, one)
        asked = event["detail"]["requestParameters"]["terminateWorkspaceRequests"]
        asked.append({"workspaceId": other})
        event["detail"]["responseElements"]["failedRequests"].append({"workspaceId": other, "errorCode": "x"})
        found.send(event)
        assert told(found, other) == []
        assert found.row(other).terminated_by is None


def test_an_id_that_the_ledger_does_not_know_leaves_no_trace() -> None:
    with estate() as found:
        found.create_ready(USERS[0])
        (stranger,) = found.create_ready(USERS[1])
        items = found.dynamodb.scan(TableName=TABLE)["Count"]
        calls = len(found.world.calls)
        answer = found.send(terminate(found, PRIMARY, stranger))
        assert [one["reason_code"] for one in answer["decisions"]] == ["NOT_IN_LEDGER"]
        assert found.dynamodb.scan(TableName=TABLE)["Count"] == items
        assert len(found.world.calls) == calls + 1  # the termination itself
        assert found.queue.put_ == []


@pytest.mark.parametrize("region", [PRIMARY, DR])
def test_a_row_that_cannot_be_read_holds_up_no_other_of_the_same_call(region: str) -> None:
    with estate() as found:
        odd, one = protected(found, *USERS[:2])
        ended = [odd, one] if region == PRIMARY else [standby_of(found, odd), standby_of(found, one)]
        event = terminate(found, region, *ended)
        found.dynamodb.update_item(
            TableName=TABLE,
            Key={"pk": {"S": odd}, "sk": {"S": "STATE"}},
            UpdateExpression="SET reason_code = :code",
            ExpressionAttributeValues={":code": {"S": "OF_NEXT_YEAR"}},
        )
        answers = found.send(event)["decisions"]
        assert [answer["reason_code"] for answer in answers] == ["ROW_UNREADABLE", found.row(one).reason]
        assert odd in answers[0]["message"]
        assert told(found, one)[0] == TERMINATED
        assert found.notes.counts["UnreadableRows"] == 1


def test_a_termination_never_leads_to_a_request() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.sweep()
        assert found.status(one)[0] is Status.REPORTED
        event = copy.deepcopy(terminate(found, PRIMARY, found.create_ready(USERS[1])[0]))
        event["detail"]["requestParameters"]["terminateWorkspaceRequests"] = [{"workspaceId": one}]
        found.send(event)
        assert found.status(one)[0] is Status.REPORTED
        assert found.creates() == []
        assert found.watchers.started == []


def test_a_row_that_changes_meanwhile_gets_its_remark_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from standby.ledger.ledger import Ledger, LostRace

    with estate() as found:
        (one,) = protected(found, USERS[0])
        event = terminate(found, DR, standby_of(found, one))
        write, lost = Ledger.write, [LostRace("changed")]

        def contended(self: Ledger, new: Row, old: Row | None, **rest: Any) -> None:
            if lost:
                raise lost.pop()
            write(self, new, old, **rest)

        monkeypatch.setattr(Ledger, "write", contended)
        found.send(event)
        assert told(found, one) == [TERMINATED]


def test_a_remark_that_cannot_be_written_lets_the_event_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from standby.ledger.ledger import Ledger, LostRace

    def always(*_: Any, **__: Any) -> None:
        raise LostRace("changed")

    with estate() as found:
        (one,) = protected(found, USERS[0])
        event = terminate(found, DR, standby_of(found, one))
        with monkeypatch.context() as broken:
            broken.setattr(Ledger, "write", always)
            with pytest.raises(LedgerUnavailable, match="changed by somebody else"):
                found.send(event)
        found.send(event)
        assert TERMINATED in told(found, one)
