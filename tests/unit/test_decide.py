"""What a look makes of a row, and what a decision rests on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.decisions.decide import decide
from standby.decisions.decision import Action
from standby.ledger.ledger import Context
from standby.model import Cause, DirectoryId, Related, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, USERS, estate, settings
from tests.unit.watching import CREATE, DESCRIBE, NOON, POLL, put_row, requested

# What a look makes of a row


@pytest.mark.parametrize("state", ["AVAILABLE", "STOPPED", "STOPPING", "STARTING"])
def test_a_standby_in_a_healthy_state_protects(state: str) -> None:
    with estate() as found:
        one = requested(found, state)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert found.row(one).standby_state == state


@pytest.mark.parametrize("state", ["PENDING", "REBOOTING", "MAINTENANCE", "UNHEALTHY", "SUSPENDED", "QUANTUM", ""])
def test_a_standby_in_any_other_state_new_ones_too_is_waited_for_until_its_deadline(state: str) -> None:
    with estate() as found:
        one = requested(found, state)
        assert found.status(one)[0] is Status.REQUESTED
        found.watch(hours=0.15)
        assert found.status(one)[0] is Status.REQUESTED
        found.watch(hours=0.5)
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        row = found.row(one)
        assert row.standby_id
        assert row.requested_at
        late = row.changed_at - row.requested_at - found.parts.settings.standby_deadline
        assert timedelta(0) <= late <= timedelta(seconds=POLL + 1)


def test_a_standby_in_error_is_failed_and_one_that_recovers_is_protected() -> None:
    with estate() as found:
        one = requested(found, "ERROR")
        assert found.status(one) == (Status.FAILED, "STANDBY_IN_ERROR")
        assert found.row(one).standby_state == "ERROR"
        found.protect(one)
        assert len(found.creates()) == 1
        found.world.set_state(str(found.row(one).standby_id), "AVAILABLE")
        found.protect(one)
        assert found.status(one)[0] is Status.PROTECTED
        assert len(found.creates()) == 1


def test_a_standby_that_never_shows_is_timed_out_and_none_is_created_for_it() -> None:
    with estate(relation_lag_seconds=10_000_000) as found:
        found.configure(standby_deadline=timedelta(minutes=40))
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        found.protect(one)
        found.watch()
        assert len(found.creates()) == 1


def test_a_primary_that_does_not_become_ready_is_timed_out_and_taken_up_again_when_it_is() -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(hours=1))
        (one,) = found.create(USERS[0])
        found.world.set_state(one, "UNHEALTHY")
        found.protect(one)
        began = found.clock.now()
        found.watch(hours=0.9)
        assert found.status(one)[0] is Status.WAITING
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        late = found.row(one).changed_at - began - found.parts.settings.primary_deadline
        assert timedelta(0) <= late <= timedelta(seconds=POLL + 1)
        found.protect(one)
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        found.world.set_state(one, "AVAILABLE")
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


@pytest.mark.parametrize("cause", ["event", "manual", "sweep"])
def test_a_late_standby_is_adopted_after_its_time_was_over(cause: str) -> None:
    with estate(standby_boot_seconds=4 * 3600) as found:
        found.configure(standby_deadline=timedelta(minutes=40))
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        found.protect(one, cause=cause)
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        found.pass_time(hours=4)
        found.protect(one, cause=cause)
        assert found.status(one) == (Status.PROTECTED, "STANDBY_READY")
        assert len(found.creates()) == 1


def test_a_protected_primary_keeps_its_cover_while_its_standby_reboots() -> None:
    with estate() as found:
        one = requested(found, "AVAILABLE")
        found.world.set_state(str(found.row(one).standby_id), "REBOOTING")
        before = found.row(one)
        found.protect(one)
        assert found.row(one) == before


def test_a_foreign_standby_that_goes_is_waited_for_and_then_replaced() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        order = {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": [{"PrimaryWorkspaceId": one, "DirectoryId": AWAY}]}
        found.world.call(DR, CREATE, order)
        found.world.terminate(found.world.standbys()[0].workspace_id)
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "STANDBY_TERMINATING")
        assert len(found.creates()) == 1
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert found.world.duplicates() == []


def test_a_standby_that_is_shown_terminated_before_it_was_ready_is_waited_for_until_its_deadline() -> None:
    with estate(standbys_keep_relation=True, standby_boot_seconds=36_000) as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.world.terminate(str(found.row(one).standby_id))
        found.watch(hours=6)
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")
        assert len(found.creates()) == 1


def test_a_desktop_that_the_service_does_not_explain_is_waited_for() -> None:
    """It refuses because something is there, and the look at it fails."""
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(
            Fault(operation=CREATE, kind="fail_item", code="ResourceExists.WorkSpace", message="there is one", times=1)
        )
        found.world.inject(Fault(operation=DESCRIBE, region=DR, kind="throttle", times=1))
        found.protect(one)
        assert found.status(one) == (Status.WAITING, "DR_DESKTOP_UNCLEAR")
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED


def test_two_looks_between_which_a_desktop_showed_are_not_two_that_found_nothing() -> None:
    with estate(relation_lag_seconds=10_000_000) as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="read_timeout_after", times=1))
        found.protect(one)

        def look(*, hidden: bool) -> None:
            if hidden:
                found.world.inject(Fault(operation=DESCRIBE, region=DR, kind="hide", times=4))  # as many spellings
            found.pass_time(minutes=5)
            found.protect(one)

        look(hidden=True)
        assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
        found.world.clear_faults()
        look(hidden=False)
        assert found.status(one) == (Status.CLAIMED, "DR_DESKTOP_UNCLEAR")
        look(hidden=True)
        assert len(found.creates()) == 1
        assert found.status(one)[0] is Status.CLAIMED


# Absence is not a state


def test_a_primary_that_is_not_shown_keeps_its_status_whatever_it_is() -> None:
    with estate() as found:
        waiting, requested_, protected = found.create(USERS[0])[0], *found.create_ready(USERS[1], USERS[2])
        found.protect(waiting, requested_, protected)
        found.pass_time(minutes=30)
        found.protect(protected)
        for one in (waiting, requested_, protected):
            before = found.row(one)
            found.world.inject(Fault(operation=DESCRIBE, kind="hide", primary_id=one))
            found.protect(one)
            after = found.row(one)
            assert after.status is before.status
            assert after.primary_state == before.primary_state
            assert after.user_name == before.user_name


def test_a_primary_that_was_never_shown_is_given_up_after_its_deadline() -> None:
    with estate(visibility_lag_seconds=10_000_000) as found:
        found.configure(primary_deadline=timedelta(hours=1))
        (one,) = found.create(USERS[0])
        found.protect(one)
        found.watch(hours=0.9)
        assert found.status(one) == (Status.WAITING, "NOT_VISIBLE_YET")
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")
        assert len(found.history(one)) == 2


def test_a_requested_standby_whose_primary_was_not_shown_for_a_whole_deadline_is_given_up() -> None:
    with estate() as found:
        found.configure(standby_deadline=timedelta(minutes=30))
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide"))
        found.watch(hours=0.6)
        assert found.status(one)[0] is Status.REQUESTED
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "STANDBY_NOT_READY")


def test_a_primary_that_is_shown_again_has_not_been_absent() -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(minutes=30))
        (one,) = found.create_ready(USERS[0])
        found.configure(mode="observe")
        found.protect(one)
        for hidden in (True, False, True):
            if hidden:
                found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind="hide", times=1))
            found.protect(one)
            found.pass_time(minutes=29)
        assert found.status(one)[0] is Status.HELD


@pytest.mark.parametrize("kind", ["throttle", "error_before", "refuse", "connection_refused", "malformed", "empty"])
def test_a_primary_of_which_there_is_no_answer_is_not_timed_out(kind: str) -> None:
    with estate() as found:
        found.configure(primary_deadline=timedelta(minutes=30))
        (one,) = found.create_ready(USERS[0])
        found.world.set_state(one, "UNHEALTHY")
        found.protect(one)
        before = found.row(one)
        found.world.inject(Fault(operation=DESCRIBE, region=PRIMARY, kind=kind))
        found.watch(hours=2)
        assert found.row(one) == before
        found.world.clear_faults()
        found.watch()
        assert found.status(one) == (Status.TIMED_OUT, "PRIMARY_NOT_READY")


def test_what_was_once_shown_as_a_standby_is_no_primary_when_its_relation_is_not_shown() -> None:
    one = WorkspaceId("ws-1abc2def3")
    seen = Workspace(one, state="AVAILABLE", user_name="al", directory_id=DirectoryId(HOME), compute_type="STANDARD")
    with estate() as found:
        put_row(found, one, status=Status.INELIGIBLE, reason=Reason.IS_STANDBY)
        decision = decide(one, seen, found.row(one), settings(), Cause("manual", "m"), NOON)
    assert (decision.action, decision.status) == (Action.NONE, Status.INELIGIBLE)


# What a decision rests on


@pytest.mark.parametrize(
    ("state", "user", "directory", "compute", "action", "reason"),
    [
        ("AVAILABLE", "al", HOME, "POWER", Action.REQUEST, Reason.READY),
        ("STOPPED", "al", HOME, "QUANTUM", Action.REQUEST, Reason.READY),
        ("AVAILABLE", None, HOME, "POWER", Action.RECORD, Reason.NOT_VISIBLE_YET),
        ("AVAILABLE", "al", None, "POWER", Action.RECORD, Reason.NOT_VISIBLE_YET),
        ("AVAILABLE", "al", HOME, None, Action.RECORD, Reason.NOT_VISIBLE_YET),
        (None, "al", HOME, "POWER", Action.RECORD, Reason.NOT_VISIBLE_YET),
        ("STOPPING", "al", HOME, "POWER", Action.RECORD, Reason.PRIMARY_PENDING),
    ],
)
def test_a_primary_is_ready_when_state_user_directory_and_type_are_known(
    state: str | None,
    user: str | None,
    directory: DirectoryId | None,
    compute: str | None,
    action: Action,
    reason: Reason,
) -> None:
    one = WorkspaceId("ws-1abc2def3")
    seen = Workspace(one, state=state, user_name=user, directory_id=directory, compute_type=compute)
    decision = decide(one, seen, None, settings(), Cause("event", "e"), NOON)
    assert (decision.action, decision.reason) == (action, reason)


def test_a_primary_shown_without_its_directory_waits_and_harms_no_other() -> None:
    with estate() as found:
        bare, whole = found.create_ready(*USERS[:2])
        real = found.parts.clients.primary.describe_workspaces

        def partial(**request: Any) -> Any:
            answer = real(**request)
            for entry in answer["Workspaces"]:
                if entry["WorkspaceId"] == bare:
                    del entry["DirectoryId"]
            return answer

        found.parts.clients.primary.describe_workspaces = partial  # type: ignore[method-assign]
        found.protect(bare, whole)
        assert found.status(bare) == (Status.WAITING, "NOT_VISIBLE_YET")
        assert found.status(whole)[0] is Status.REQUESTED


def test_a_relation_of_an_unknown_region_keeps_the_configured_one() -> None:
    with estate() as found:
        book = found.parts.recorder(Context(Cause("event", "e"), owner="test")).ledger
        one = WorkspaceId("ws-1abc2def3")
        standby = Related(WorkspaceId("ws-9abc2def3"), None, None, "STANDBY")
        seen = Workspace(one, state="AVAILABLE", user_name="al", directory_id=DirectoryId(HOME), related=(standby,))
        decision = decide(one, seen, None, found.parts.settings, Cause("event", "e"), found.clock.now())
        row = book.next_row(None, decision, seen, Context(Cause("event", "e"), owner="test"))
        assert (row.status, row.dr_region, row.standby_state) == (Status.REQUESTED, DR, None)
