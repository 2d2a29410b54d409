"""What a look makes of a request without a clear answer: each condition of a second request, taken away alone."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from standby.decisions.decide import decide
from standby.decisions.decision import Action, Decision
from standby.ledger.claims import LEASE
from standby.model import Cause, DirectoryId, Region, Related, Status, Workspace, WorkspaceId
from standby.protect.looks import LEAST_GAP, Looks
from standby.reasons import Reason
from standby.rows import Row
from standby.service.describe import DrLook
from tests.unit.estate import AWAY, DR, HOME, PRIMARY, settings

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
ONE, OTHER, STANDBY = (WorkspaceId(f"ws-{number}00000000") for number in (1, 2, 9))
CONFIGURED = settings(first_look=timedelta(minutes=15), poll_interval=timedelta(minutes=2))
GAP = CONFIGURED.first_look / 3
SEEN = Workspace(ONE, directory_id=DirectoryId(HOME), user_name="al", state="AVAILABLE", compute_type="POWER")
# A claim whose request has been unclear for an hour, and after which a look found nothing ten minutes ago: the next
# one that finds nothing is the second.
ROW = Row(
    primary_id=ONE,
    primary_region=Region(PRIMARY),
    dr_region=Region(DR),
    status=Status.CLAIMED,
    reason=Reason.NOTHING_SEEN_ONCE,
    message="",
    version=3,
    first_seen_at=NOW - timedelta(hours=2),
    changed_at=NOW - timedelta(minutes=10),
    cause_type="event",
    cause_id="e",
    primary_directory_id=DirectoryId(HOME),
    dr_directory_id=DirectoryId(AWAY),
    user_name="al",
    claim_expires_at=NOW - timedelta(minutes=58),
    unclear_since=NOW - timedelta(hours=1),
    looked_at=NOW - timedelta(minutes=10),
    due_at=NOW - timedelta(minutes=5),
)
NOTHING = DrLook((), complete=True)


class At:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


class Answers:
    """A DR Region that gives one answer after the other."""

    def __init__(self, *looks: DrLook) -> None:
        self._looks = list(looks)

    def look_for_user(self, directory: DirectoryId, user_name: str) -> DrLook:
        assert (directory, user_name) == (AWAY, "al")
        return self._looks.pop(0)


def desktop(state: str = "AVAILABLE", *related: Related) -> Workspace:
    return Workspace(STANDBY, directory_id=DirectoryId(AWAY), user_name="al", state=state, related=related)


def of(primary: WorkspaceId) -> Related:
    return Related(primary, Region(PRIMARY), "AVAILABLE", "PRIMARY")


def looks(*answers: DrLook) -> Looks:
    return Looks(Answers(*answers), CONFIGURED, At(), Cause("watch", "w"))  # type: ignore[arg-type]


def after_lease(look: DrLook, seen: Workspace | None = SEEN, **changes: Any) -> Decision:
    return looks(look).after_lease(ONE, seen, dataclasses.replace(ROW, **changes))


def test_two_complete_looks_apart_that_find_nothing_ask_again() -> None:
    assert after_lease(NOTHING).action is Action.REQUEST


def test_a_look_exactly_a_gap_after_the_first_is_the_second() -> None:
    assert after_lease(NOTHING, looked_at=NOW - GAP).action is Action.REQUEST


@pytest.mark.parametrize(
    "changes",
    [
        {"looked_at": None},
        {"looked_at": NOW - GAP + timedelta(seconds=1)},
        {"unclear_since": NOW - CONFIGURED.first_look + timedelta(seconds=1)},
        {"unclear_since": None, "changed_at": NOW - CONFIGURED.first_look + timedelta(seconds=1)},
        {"claim_expires_at": NOW - CONFIGURED.first_look + LEASE + timedelta(seconds=1)},
        {"desktop_seen_at": NOW - CONFIGURED.standby_deadline + timedelta(seconds=1)},
    ],
    ids=[
        "the first",
        "too close",
        "unclear for too short",
        "claimed for too short",
        "sent again",
        "a desktop was seen",
    ],
)
def test_a_look_that_finds_nothing_is_the_first_of_two_where(changes: dict[str, Any]) -> None:
    decision = after_lease(NOTHING, **changes)
    assert (decision.action, decision.status, decision.reason) == (
        Action.RECORD,
        Status.CLAIMED,
        Reason.NOTHING_SEEN_ONCE,
    )
    assert decision.due_in == GAP


def test_looks_that_find_nothing_stand_a_poll_or_a_minute_or_a_third_of_the_first_look_apart_whichever_is_longest() -> (
    None
):
    def gap(poll: float, first_look: float) -> timedelta | None:
        configured = settings(poll_interval=timedelta(seconds=poll), first_look=timedelta(seconds=first_look))
        one = Looks(Answers(NOTHING), configured, At(), Cause("watch", "w"))  # type: ignore[arg-type]
        return one.after_lease(ONE, SEEN, dataclasses.replace(ROW, looked_at=None)).due_in

    assert gap(2, 3) == LEAST_GAP
    assert gap(600, 900) == timedelta(seconds=600)
    assert gap(120, 900) == timedelta(seconds=300)


@pytest.mark.parametrize("desktops", [(), (desktop(),), (desktop("TERMINATING"),), (desktop("PENDING", of(OTHER)),)])
def test_a_look_that_is_not_complete_changes_nothing(desktops: tuple[Workspace, ...]) -> None:
    decision = after_lease(DrLook(desktops, complete=False, problem="throttled"))
    assert (decision.action, decision.status) == (Action.NONE, Status.CLAIMED)
    assert "throttled" in decision.message


def test_a_look_that_is_not_complete_and_shows_our_standby_adopts_it() -> None:
    decision = after_lease(DrLook((desktop("PENDING", of(ONE)),), complete=False))
    assert (decision.status, decision.standby and decision.standby.id) == (Status.REQUESTED, STANDBY)


def test_a_look_while_the_primary_is_not_shown_is_none_of_the_two() -> None:
    decision = after_lease(NOTHING, None)
    assert (decision.status, decision.reason) == (Status.CLAIMED, Reason.NOT_VISIBLE_YET)


def test_a_claim_whose_primary_was_not_shown_for_a_whole_deadline_is_given_up() -> None:
    since = NOW - CONFIGURED.primary_deadline
    just_before = after_lease(NOTHING, None, absent_since=since + timedelta(seconds=1), unclear_since=since)
    assert (just_before.status, just_before.reason) == (Status.CLAIMED, Reason.NOT_VISIBLE_YET)
    decision = after_lease(NOTHING, None, absent_since=since)
    assert (decision.status, decision.reason) == (Status.TIMED_OUT, Reason.PRIMARY_NOT_READY)


@pytest.mark.parametrize(
    "one",
    [
        desktop(),
        desktop("PENDING"),
        desktop("TERMINATING", of(ONE)),
        desktop("TERMINATED", of(OTHER)),
        desktop("AVAILABLE", dataclasses.replace(of(ONE), kind="SOURCE")),
    ],
)
def test_a_desktop_that_may_be_ours_is_waited_for_and_is_no_look_that_found_nothing(one: Workspace) -> None:
    decision = after_lease(DrLook((one,), complete=True))
    assert (decision.status, decision.reason) == (Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR)


@pytest.mark.parametrize("one", [desktop(), desktop("STOPPED", of(OTHER))], ids=["unrelated", "another's standby"])
def test_a_desktop_that_stands_there_after_a_whole_deadline_and_is_not_ours_ends_the_matter(one: Workspace) -> None:
    since = NOW - CONFIGURED.standby_deadline
    decision = after_lease(DrLook((one,), complete=True), unclear_since=since, claim_expires_at=since + LEASE)
    assert (decision.status, decision.reason) == (Status.INELIGIBLE, Reason.SECONDARY_EXISTS)


def test_a_desktop_may_be_what_came_of_a_later_request_than_the_first() -> None:
    changes: dict[str, Any] = {"unclear_since": NOW - timedelta(hours=20), "looked_at": None}
    sent = NOW - CONFIGURED.standby_deadline
    late = after_lease(DrLook((desktop(),), complete=True), claim_expires_at=sent + LEASE, **changes)
    assert late.reason is Reason.NOTHING_SEEN_ONCE
    soon = after_lease(
        DrLook((desktop(),), complete=True), claim_expires_at=sent + LEASE + timedelta(seconds=1), **changes
    )
    assert (soon.status, soon.reason) == (Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR)


def test_what_gets_no_clear_answer_for_a_day_is_a_persons() -> None:
    just_before = after_lease(NOTHING, unclear_since=NOW - timedelta(hours=24) + timedelta(seconds=1))
    assert just_before.action is Action.REQUEST
    decision = after_lease(NOTHING, unclear_since=NOW - timedelta(hours=24), error_code="ReadTimeoutError")
    assert (decision.status, decision.reason) == (Status.REJECTED, Reason.NO_CLEAR_ANSWER)
    assert decision.error_code == "ReadTimeoutError"


def test_a_dr_region_that_was_in_trouble_once_in_a_run_stays_so_for_the_run() -> None:
    run = looks(DrLook((), complete=False, trouble=True), NOTHING)
    run.after_lease(ONE, SEEN, ROW)
    run.after_lease(ONE, SEEN, ROW)
    assert run.trouble


# A claim before its look


CLAIMED = dataclasses.replace(ROW, reason=Reason.REQUEST_UNCERTAIN, looked_at=None)


def decided(seen: Workspace | None, cause: str = "watch", **changes: Any) -> Decision:
    return decide(ONE, seen, dataclasses.replace(CLAIMED, **changes), CONFIGURED, Cause(cause, "c"), NOW)


@pytest.mark.parametrize("cause", ["event", "watch", "manual", "sweep"])
@pytest.mark.parametrize(
    "changes",
    [{"claim_expires_at": NOW + timedelta(seconds=1)}, {"due_at": NOW + timedelta(seconds=1)}],
    ids=["its lease", "not due"],
)
@pytest.mark.parametrize("seen", [SEEN, dataclasses.replace(SEEN, state="TERMINATED")], ids=["ready", "gone"])
def test_nobody_touches_a_claim_before_its_lease_has_ended_and_a_look_is_due(
    seen: Workspace, changes: dict[str, Any], cause: str
) -> None:
    decision = decided(seen, cause, **changes)
    assert (decision.action, decision.status) == (Action.NONE, Status.CLAIMED)


@pytest.mark.parametrize("cause", ["event", "watch", "manual", "sweep"])
@pytest.mark.parametrize("seen", [SEEN, dataclasses.replace(SEEN, state="TERMINATED"), None])
def test_a_claim_that_ended_is_looked_at_before_anything_else(seen: Workspace | None, cause: str) -> None:
    assert decided(seen, cause).action is Action.LOOK


def test_a_claim_that_is_not_due_is_not_given_up_though_its_primary_was_not_shown_for_long() -> None:
    decision = decided(None, due_at=NOW + timedelta(minutes=1), absent_since=NOW - 2 * CONFIGURED.primary_deadline)
    assert decision.status is Status.CLAIMED


def test_a_standby_that_shows_is_adopted_whatever_the_claim() -> None:
    shown = dataclasses.replace(SEEN, related=(Related(STANDBY, Region(DR), "PENDING", "STANDBY"),))
    decision = decided(shown, claim_expires_at=NOW + timedelta(minutes=1))
    assert (decision.status, decision.standby and decision.standby.id) == (Status.REQUESTED, STANDBY)


@pytest.mark.parametrize("state", ["TERMINATING", "TERMINATED"])
def test_a_standby_that_goes_gives_no_unclear_claim_back(state: str) -> None:
    """It may be an earlier one, and what the request made is not shown yet."""
    shown = dataclasses.replace(SEEN, related=(Related(STANDBY, Region(DR), state, "STANDBY"),))
    decision = decided(shown)
    assert (decision.action, decision.reason) == (Action.NONE, Reason.STANDBY_TERMINATING)


@pytest.mark.parametrize("cause", ["event", "watch", "sweep"])
@pytest.mark.parametrize(
    "status", [Status.REQUESTED, Status.PROTECTED, Status.FAILED, Status.TIMED_OUT, Status.INELIGIBLE, Status.WAITING]
)
@pytest.mark.parametrize(
    "known", [{"standby_id": STANDBY}, {"requested_at": NOW - timedelta(hours=1)}], ids=["id", "moment"]
)
def test_what_was_asked_for_once_is_asked_for_again_by_nobody_but_a_person(
    known: dict[str, Any], status: Status, cause: str
) -> None:
    """RelatedWorkspaces may be empty for as long as it likes."""
    decision = decided(SEEN, cause, status=status, claim_expires_at=None, **known)
    assert decision.action not in (Action.REQUEST, Action.LOOK)
    by_a_person = decided(SEEN, "manual", status=status, claim_expires_at=None, **known)
    assert by_a_person.action is not Action.REQUEST


# After the service said that the user has a desktop there, and before anything is created


EXISTS = ("ResourceExists.WorkSpace", "is there")


def test_that_a_desktop_exists_is_no_refusal_while_it_is_not_known_what_stands_there() -> None:
    """The primary's deadline is over, and the look is not complete."""
    waiting = dataclasses.replace(ROW, status=Status.WAITING, unclear_since=None, deadline_at=NOW - timedelta(hours=1))
    incomplete = looks(DrLook((), complete=False, problem="throttled")).after_exists(SEEN, waiting, EXISTS)
    assert (incomplete.status, incomplete.reason) == (Status.WAITING, Reason.DR_DESKTOP_UNCLEAR)
    complete = looks(NOTHING).after_exists(SEEN, waiting, EXISTS)
    assert (complete.status, complete.reason) == (Status.REJECTED, Reason.SERVICE_REFUSED)


def test_a_desktop_that_goes_is_all_that_stands_there_only_if_the_look_was_complete() -> None:
    going = (desktop("TERMINATING"),)
    incomplete = looks(DrLook(going, complete=False)).after_exists(SEEN, None, EXISTS)
    assert (incomplete.status, incomplete.reason) == (Status.WAITING, Reason.DR_DESKTOP_UNCLEAR)
    complete = looks(DrLook(going, complete=True)).after_exists(SEEN, None, EXISTS)
    assert (complete.status, complete.reason) == (Status.WAITING, Reason.STANDBY_TERMINATING)


def test_nothing_speaks_against_a_creation_only_where_a_complete_look_shows_nothing() -> None:
    row = dataclasses.replace(ROW, status=Status.WAITING, look_first=True)
    assert looks(NOTHING).before_creating(SEEN, row) is None
    for look, reason, sighted in (
        (DrLook((), complete=False, problem="throttled"), Reason.DR_DESKTOP_UNCLEAR, False),
        (DrLook((desktop(),), complete=True), Reason.DR_DESKTOP_UNCLEAR, True),
        (DrLook((desktop("TERMINATING"),), complete=True), Reason.STANDBY_TERMINATING, False),
    ):
        decision = looks(look).before_creating(SEEN, row)
        assert decision
        assert (decision.status, decision.reason, decision.sighted) == (Status.WAITING, reason, sighted)


@pytest.mark.parametrize(("ago", "waits"), [(CONFIGURED.standby_deadline, False), (timedelta(minutes=119), True)])
def test_a_desktop_that_was_shown_is_not_undone_by_an_answer_without_it(ago: timedelta, waits: bool) -> None:
    row = dataclasses.replace(ROW, status=Status.WAITING, look_first=True, desktop_seen_at=NOW - ago)
    decision = looks(NOTHING).before_creating(SEEN, row)
    assert (decision is not None) is waits
    assert not waits or (decision is not None and decision.action is Action.NONE)


@pytest.mark.parametrize(
    ("look", "sighted_ago", "unclear_for", "expected"),
    [
        (DrLook((desktop(),), complete=True), None, 5, (Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR)),
        (DrLook((desktop("TERMINATING"),), complete=True), None, 5, (Status.CLAIMED, Reason.DR_DESKTOP_UNCLEAR)),
        (DrLook((desktop("AVAILABLE", of(OTHER)),), complete=True), None, 5, "given up"),
        (NOTHING, 119, 5, (Status.CLAIMED, Reason.NOT_VISIBLE_YET)),
        (NOTHING, 120, 5, "given up"),
        (NOTHING, None, 5, "given up"),
        (DrLook((desktop(),), complete=True), 1, 24, "given up"),
    ],
)
def test_a_claim_whose_primary_is_gone_is_kept_while_a_desktop_shows_that_may_be_its_standby(
    look: DrLook, sighted_ago: int | None, unclear_for: int, expected: Any
) -> None:
    row = dataclasses.replace(
        ROW,
        unclear_since=NOW - timedelta(hours=unclear_for),
        absent_since=NOW - CONFIGURED.primary_deadline,
        desktop_seen_at=None if sighted_ago is None else NOW - timedelta(minutes=sighted_ago),
    )
    decision = looks(look).after_lease(ONE, None, row)
    given_up = (Status.TIMED_OUT, Reason.PRIMARY_NOT_READY)
    assert (decision.status, decision.reason) == (given_up if expected == "given up" else expected)


def test_a_dr_region_in_trouble_is_not_asked_again_before_a_creation() -> None:
    run = looks()  # has no answer
    run.trouble = True
    decision = run.before_creating(SEEN, dataclasses.replace(ROW, status=Status.WAITING, look_first=True))
    assert decision
    assert decision.status is Status.WAITING
