"""An orphan's termination: what a person wishes, how many a day, and what AWS says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.clock import from_text
from standby.decisions.decision import record
from standby.ledger.claims import TOTAL
from standby.ledger.ledger import Context
from standby.ledger.table import LedgerUnavailable
from standby.model import Cause, Status
from standby.reasons import Reason
from standby.retire.retire import AGAIN, AHEAD
from standby.retire.termination import terminations_of
from standby.sweep.orphans import ORPHAN
from tests.unit.estate import DR, estate
from tests.unit.orphaning import (
    DESCRIBE,
    TERMINATE,
    a_day,
    aged,
    announced,
    calls,
    days,
    keep,
    on,
    orphaned,
    pause,
    reason,
    standby_of,
    swept,
)
from tests.unit.sweeping import notices, sweeps

# A person's wish


def test_nothing_is_terminated_or_announced_while_paused_or_only_observing() -> None:
    with estate() as found:
        (one, other) = announced(found, 2)
        pause(found)
        assert "pause" in found.retire()["outcome"]
        pause(found, on=False)
        found.configure(mode="observe")
        assert "observe" in found.retire()["outcome"]
        assert {reason(found, each) for each in (one, other)} == {"TERMINATION_ANNOUNCED"}
        assert calls(found) == []


def test_a_quota_that_is_used_up_holds_no_termination() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.parts.gates().hold_for_quota()
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"


def test_a_pause_between_the_claim_and_the_call_is_heard() -> None:
    with estate() as found:
        (one,) = announced(found)
        found_day = terminations_of(str(found.clock.now().date()))
        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            pause(found)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert found.item(found_day, "COUNTER")["taken"] == 0
        pause(found, on=False)
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"


@pytest.mark.parametrize("value", [True, "yes"])
def test_one_that_a_person_keeps_is_called_off_and_never_announced_again(value: Any) -> None:
    with estate() as found:
        (one,) = announced(found)
        keep(found, one, value)
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        days(found, 3)
        found.retire()
        assert reason(found, one) == "TERMINATION_CALLED_OFF"
        assert calls(found) == []
        keep(found, one, value=False)
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"


def test_a_wish_to_keep_it_between_the_claim_and_the_call_is_heard() -> None:
    with estate() as found:
        (one,) = announced(found)
        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            keep(found, one)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert reason(found, one) == "TERMINATION_CALLED_OFF"


# How many, and who


def test_no_more_than_the_days_number_are_announced_and_terminated() -> None:
    with estate() as found:
        ids = aged(found, 5, max_terminations_per_day=2)
        found.retire()
        found.retire()
        assert [reason(found, one) for one in ids].count("TERMINATION_ANNOUNCED") == 2
        a_day(found)
        found.pass_time(hours=2)
        done = []
        for _ in range(4):
            found.retire()
            done.append(len(calls(found)))
            a_day(found)
        assert done == [2, 2, 4, 4]
        for one in ids:
            assert len([call for call in calls(found) if str(found.row(one).standby_id) in str(call.params)]) <= 1


def test_the_days_number_is_counted_in_the_claims_transaction() -> None:
    with estate() as found:
        ids = announced(found, 3)
        found.parts.table().put({"pk": terminations_of(str(found.clock.now().date())), "sk": "COUNTER", "taken": 4})
        found.retire()
        assert len(calls(found)) == 1
        assert sorted(reason(found, one) for one in ids) == [
            "ORPHAN_TERMINATED",
            "TERMINATION_ANNOUNCED",
            "TERMINATION_ANNOUNCED",
        ]


def test_two_at_once_send_one_call() -> None:
    with estate() as found:
        (one,) = announced(found)
        first = found.parts.retirement("first", lambda: True)
        real = first._termination._claim

        def claim(row: Any) -> Any:
            found.retire("second")
            return real(row)

        first._termination._claim = claim  # type: ignore[method-assign]
        first.retire()
        assert len(calls(found)) == 1
        assert reason(found, one) == "ORPHAN_TERMINATED"
        assert found.item(terminations_of(str(found.clock.now().date())), "COUNTER")["taken"] == 1


def test_a_claim_that_was_taken_over_is_not_used() -> None:
    with estate() as found:
        (one,) = announced(found)
        first = found.parts.retirement("first", lambda: True)
        real = first._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            found.pass_time(minutes=3)
            found.retire("second")
            return taken

        first._termination._claim = claim  # type: ignore[method-assign]
        first.retire()
        assert len(calls(found)) == 1
        assert reason(found, one) == "ORPHAN_TERMINATED"


def test_a_claim_whose_row_somebody_else_changed_is_not_used_though_it_names_the_same_owner() -> None:
    """A sweep may see the primary again between the claim and the call, and leaves the claim's owner in the row."""
    with estate() as found:
        (one,) = announced(found)
        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim
        context = Context(Cause("sweep", "s"), owner="another")

        def claim(row: Any) -> Any:
            taken = real(row)
            ledger, present = found.parts.recorder(context).ledger, found.row(one)
            shown = record(present.primary_id, Status.PROTECTED, Reason.STANDBY_READY)
            ledger.write(ledger.next_row(present, shown, None, context), present)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")


def test_a_claim_with_too_little_time_left_is_given_back() -> None:
    with estate() as found:
        (one,) = announced(found)
        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            found.pass_time(seconds=100)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert found.row(one).claim_owner is None


# What AWS says


@pytest.mark.parametrize("kind", ["throttle", "connection_refused", "connect_timeout"])
def test_what_certainly_had_no_effect_is_tried_again_the_next_hour_and_not_counted(kind: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        found.world.inject(Fault(TERMINATE, kind, DR, times=1))
        found.retire()
        assert reason(found, one) == "TERMINATION_ANNOUNCED"
        assert found.item(terminations_of(str(found.clock.now().date())), "COUNTER")["taken"] == 0
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"
        assert notices(found, one)[-2:] == ["TERMINATION_ANNOUNCED", "ORPHAN_TERMINATED"]


@pytest.mark.parametrize("how", ["item", "call"])
def test_a_refusal_is_told_once_and_tried_again_a_day_later(how: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        real = found.world.call

        def call(where: str, operation: str, params: dict[str, Any], principal: str | None = None) -> dict[str, Any]:
            if operation == TERMINATE:
                real(where, DESCRIBE, {"WorkspaceIds": [one]}, "refused")
                failed = {"ErrorCode": "OperationNotSupported.Suspended", "ErrorMessage": "It is suspended."}
                standby = params["TerminateWorkspaceRequests"][0]["WorkspaceId"]
                return {"FailedRequests": [{"WorkspaceId": standby, **failed}]}
            return real(where, operation, params, principal)

        def asked() -> int:
            return len([each for each in found.world.calls if each.principal == "refused"])

        if how == "item":
            found.world.call = call  # type: ignore[method-assign, assignment]
        else:
            found.world.inject(Fault(TERMINATE, "refuse", DR, times=2))
        found.retire()
        row = found.row(one)
        assert row.reason == "TERMINATION_REFUSED"
        assert row.error_code == ("OperationNotSupported.Suspended" if how == "item" else "AccessDeniedException")
        assert found.item(terminations_of(str(found.clock.now().date())), "COUNTER")["taken"] == 0
        found.pass_time(hours=5)
        swept(found)
        found.retire()
        assert found.row(one) == row
        a_day(found)
        found.retire()
        assert reason(found, one) == "TERMINATION_REFUSED"
        assert notices(found, one).count("TERMINATION_REFUSED") == 1
        if how == "item":
            assert asked() == 2
        found.world.call = real  # type: ignore[method-assign]
        a_day(found)
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"


@pytest.mark.parametrize(
    "kind",
    [
        "error_before",
        "error_after",
        "read_timeout_before",
        "read_timeout_after",
        "read_timeout_late",
        "connection_closed_after",
        "malformed",
        "empty",
    ],
)
def test_after_an_unclear_answer_a_look_tells(kind: str) -> None:
    with estate(terminate_seconds=7200) as found:
        (one,) = announced(found)
        found.world.inject(Fault(TERMINATE, kind, DR, times=1, delay_seconds=1800))
        found.retire()
        row = found.row(one)
        assert row.reason == "TERMINATION_CLAIMED"
        assert row.error_code
        found.retire()
        assert found.row(one) == row
        found.pass_time(hours=1)
        found.retire()
        assert reason(found, one) == "ORPHAN_TERMINATED"
        took_effect = kind not in ("error_before", "read_timeout_before")
        # What takes effect later than a look is sent again: to terminate twice is to terminate once.
        assert len(calls(found)) == (1 if took_effect and kind != "read_timeout_late" else 2)
        found.pass_time(hours=3)
        sweeps(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")


def test_killed_between_the_claim_and_the_call_it_is_taken_up_when_the_lease_has_ended() -> None:
    with estate() as found:
        (one,) = announced(found)
        retirement = found.parts.retirement("dies", lambda: True)
        row = found.row(one)
        retirement._termination._claim(row)
        assert reason(found, one) == "TERMINATION_CLAIMED"
        found.retire()
        assert calls(found) == []
        found.pass_time(hours=1)
        found.retire()
        assert len(calls(found)) == 1
        assert reason(found, one) == "ORPHAN_TERMINATED"


def test_one_that_is_there_a_day_after_its_termination_was_accepted_is_terminated_again() -> None:
    with estate() as found:
        (one,) = announced(found)
        found.retire()
        found.world.set_state(standby_of(found, one).workspace_id, "AVAILABLE")
        found.pass_time(hours=2)
        found.retire()
        assert len(calls(found)) == 1
        a_day(found)
        found.retire()
        assert len(calls(found)) == 2


@pytest.mark.parametrize("word", ["announced", "claimed", "terminated"])
def test_an_orphan_that_somebody_else_terminates_is_concluded_by_the_sweep(word: str) -> None:
    with estate() as found:
        (one,) = announced(found)
        if word == "claimed":
            found.parts.retirement("dies", lambda: True)._termination._claim(found.row(one))
        if word == "terminated":
            found.retire()
        found.world.terminate(standby_of(found, one).workspace_id)
        found.pass_time(hours=1)
        found.retire()
        sweeps(found)
        assert found.status(one) == (Status.PRIMARY_GONE, "PRIMARY_TERMINATED")
        assert found.item(TOTAL, "COUNTER")["taken"] == 1


# The ledger


def test_without_the_ledger_nothing_is_terminated(monkeypatch: pytest.MonkeyPatch) -> None:
    with estate() as found:
        (one,) = announced(found)

        def unavailable(*_: Any, **__: Any) -> Any:
            raise LedgerUnavailable("DynamoDB get failed")

        retirement = found.parts.retirement("request", lambda: True)
        real = retirement._termination._claim

        def claim(row: Any) -> Any:
            taken = real(row)
            monkeypatch.setattr(retirement._memory, "evidence", unavailable)
            return taken

        retirement._termination._claim = claim  # type: ignore[method-assign]
        retirement.retire()
        assert calls(found) == []
        assert reason(found, one) == "TERMINATION_CLAIMED"
        monkeypatch.setattr(retirement._termination._gates, "closed", unavailable)
        with pytest.raises(LedgerUnavailable):
            retirement.retire()


def test_a_memory_that_somebody_wrote_by_hand_stops_nobody() -> None:
    with estate() as found:
        on(found)
        (one,) = orphaned(found)
        found.parts.table().put(
            {"pk": f"ORPHAN#{one}", "sk": ORPHAN, "orphan_since": 7, "confirmed_at": "soon", "sweeps": "many"}
        )
        found.pass_time(hours=1)
        swept(found)
        evidence = found.item(f"ORPHAN#{one}", ORPHAN)
        assert evidence["sweeps"] == 1
        assert from_text(evidence["orphan_since"])


def test_the_notice_is_a_whole_day_whatever_clocks_are_apart() -> None:
    assert timedelta(hours=24) + timedelta(minutes=10) <= AHEAD
    assert timedelta(hours=24) <= AGAIN
