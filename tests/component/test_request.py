"""Rule 1, step by step: claim, check, call, settle, look up; and what a batch, a quota or a lack of time does to it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.workspaces import Fault
from standby.core.change import Case
from standby.core.model import DirectoryId, Status, Workspace, WorkspaceId
from standby.core.row import Row, claim_key
from standby.core.settings import Directory
from standby.core.settle import LEASE
from standby.ledger.table import LedgerUnavailable
from standby.request import _one_per_user
from tests.component.estate import (
    AWAY,
    CREATE,
    DESCRIBE,
    DR,
    EVENT,
    HOME,
    PRIMARY,
    UNREACHABLE,
    USERS,
    Estate,
    When,
    refusal,
    settings,
)

TRANSACT, READ, TODAY = "TransactWriteItems", "BatchGetItem", "2026-01-05"
CLAIM = claim_key(AWAY, USERS[0])
NOT_ACTIVE: dict[str, Any] = {
    "code": "InvalidResourceStateException",
    "message": "The specified directory is not in a valid state. Confirm that the directory has a status of Active,"
    " and try again.",
}
LATER = LEASE.total_seconds() + 1


def sizes(found: Estate) -> list[int]:
    return [len(call.params["StandbyWorkspaces"]) for call in found.calls()]


def statuses(found: Estate, ids: list[WorkspaceId]) -> set[tuple[Status, str]]:
    return {found.status(one) for one in ids}


def unclear(found: Estate) -> WorkspaceId:
    """A primary whose request has had no clear answer."""
    (one,) = found.create_ready(USERS[0])
    found.world.inject(Fault(CREATE, "read_timeout_before", times=1))
    found.protect(one)
    assert found.status(one) == (Status.CLAIMED, "REQUEST_UNCERTAIN")
    return one


def ends_well(found: Estate, *ids: WorkspaceId, calls: int) -> None:
    """Whatever there was, each has one standby in the end, after so many calls."""
    found.between = None
    found.world.clear_faults()
    found.watch()
    assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}
    assert (len(found.world.standbys()), found.world.duplicates()) == (len(ids), [])
    assert (len(found.calls()), found.taken()) == (calls, len(ids))


# Claim, check, call, settle


def test_a_claim_is_written_then_checked_then_used_once_and_then_settled(found: Estate) -> None:
    (one,) = found.create_ready(USERS[0])
    sent: list[str] = []

    def watch(operation: str, parameters: dict[str, Any], go: Callable[[], Any]) -> Any:
        keys = [key["pk"]["S"] for part in parameters.get("RequestItems", {}).values() for key in part["Keys"]]
        sent.append(" ".join([operation, *keys]))
        return go()

    found.between = watch
    found.protect(one, cause="watch")
    gates = f"{READ} PAUSE HOLD#QUOTA_REACHED HOLD#{HOME}"
    assert sent == [f"{READ} {one}", DESCRIBE, gates, TRANSACT, gates, f"{READ} {one}", CREATE, TRANSACT]
    assert found.reasons(one) == ["CLAIM_TAKEN", "CREATE_ACCEPTED"]
    row, (standby,) = found.row(one), found.world.standbys()
    assert (row.standby_id, row.claim_key, row.claim_expires_at) == (standby.workspace_id, CLAIM, None)
    assert (found.item(CLAIM)["primary_id"], found.taken(), found.taken(TODAY)) == (one, 1, 1)


# Between claim and call


def test_a_pause_between_claim_and_call_gives_the_claims_back_unsent(found: Estate) -> None:
    ids = found.create_ready(*USERS[:3])
    found.disturb(TRANSACT, lambda: found.put("PAUSE", "PAUSE"), after=True)
    found.protect(*ids)
    assert statuses(found, ids) == {(Status.HELD, "PAUSED")}
    assert (found.calls(), found.taken(), found.taken(TODAY)) == ([], 0, 0)
    assert found.reasons("HOLD#PAUSED") == ["PAUSED"]


@pytest.mark.parametrize("key", ["PAUSE", "STATE"])
def test_what_cannot_be_read_before_the_call_sends_nothing(found: Estate, key: str) -> None:
    ids = found.create_ready(*USERS[:3])
    found.disturb(READ, UNREACHABLE, skip=1, when=lambda given: f"'{key}'" in str(given))
    found.protect(*ids)
    assert (found.calls(), statuses(found, ids)) == ([], {(Status.CLAIMED, "CLAIM_TAKEN")})
    ends_well(found, *ids, calls=3)


def test_a_claim_that_was_taken_over_is_not_used(found: Estate) -> None:
    """By a clock five minutes ahead its lease has ended, and the first of two lookups changes the row."""
    one, other = found.create_ready(*USERS[:2])

    def look() -> None:
        before, found.between = found.between, None
        found.clock.ahead = timedelta(minutes=5)
        found.protect(one)
        found.clock.ahead = timedelta(0)
        found.between = before

    found.disturb(TRANSACT, look, skip=1, after=True)
    found.protect(one, other)
    assert found.status(one) == (Status.CLAIMED, "NOTHING_SEEN_ONCE")
    assert (found.status(other)[0], sizes(found)) == (Status.REQUESTED, [1])
    assert any("taken over before its request was sent" in problem for problem in found.notes.problems)
    ends_well(found, one, other, calls=2)


def test_a_claim_whose_lease_is_too_short_is_given_back_unsent(found: Estate) -> None:
    (one,) = found.create_ready(USERS[0])
    found.disturb(TRANSACT, lambda: found.pass_time(seconds=76), after=True)
    found.protect(one)
    assert (found.calls(), found.status(one)) == ([], (Status.WAITING, "LEASE_TOO_SHORT"))
    assert (found.item(CLAIM)["primary_id"], found.taken()) == ("-", 0)


@pytest.mark.parametrize(("kind", "calls"), [(None, [5] * 5), ("throttle", [5])])
def test_slow_claims_are_sent_before_the_first_is_old(found: Estate, kind: str | None, calls: list[int]) -> None:
    ids = found.create_ready(*USERS[:25])
    if kind:
        found.world.inject(Fault(CREATE, kind))
    found.disturb(
        TRANSACT, lambda: found.pass_time(seconds=10), times=99, when=lambda given: "CLAIM_TAKEN" in str(given)
    )
    found.protect(*ids)
    assert sizes(found) == calls
    assert {found.status(one)[0] for one in ids} == {Status.WAITING if kind else Status.REQUESTED}
    assert not any("LEASE_TOO_SHORT" in found.reasons(one) for one in ids)


def test_lookups_that_come_first_take_nothing_from_the_leases_and_leave_time_for_requests(found: Estate) -> None:
    found.configure(directories={HOME: Directory(AWAY, mutual=True)})
    ids = found.create_ready(*USERS[:40])
    began = found.clock.now()
    found.protect(*ids, cause="watch")
    assert found.clock.now() - began > LEASE
    # Three calls a lookup, a call a second: after a minute of them what is ready is requested.
    assert (sizes(found), statuses(found, ids)) == ([20, 20], {(Status.REQUESTED, "CREATE_ACCEPTED")})


def test_a_claim_that_may_not_have_been_written_creates_nothing_and_is_asked_for_again(found: Estate) -> None:
    one, other = found.create_ready(*USERS[:2])
    found.disturb(TRANSACT, UNREACHABLE, when=lambda given: one in str(given))
    with pytest.raises(LedgerUnavailable, match=f"call again: {one} "):
        found.protect(one, other)
    assert (sizes(found), found.status(other)[0]) == ([1], Status.REQUESTED)


def test_what_was_created_is_recorded_though_the_ledger_fails(found: Estate) -> None:
    """Only this invocation knows the standby's id."""
    (one,) = found.create_ready(USERS[0])
    found.disturb(TRANSACT, UNREACHABLE, skip=1)
    found.protect(one)
    assert [found.row(one).standby_id] == [standby.workspace_id for standby in found.world.standbys()]


# Batches


def test_a_batch_is_of_twenty_five_and_the_answers_are_in_the_order_of_the_ids(found: Estate) -> None:
    ids = found.create_ready(*USERS[:60])
    answers = found.protect(*reversed(ids))
    assert [answer["primary_id"] for answer in answers] == ids[::-1]
    assert (sizes(found), {answer["status"] for answer in answers}) == ([25, 25, 10], {Status.REQUESTED})


def test_no_call_names_a_user_of_a_dr_directory_twice_and_what_is_unclear_goes_alone(found: Estate) -> None:
    """Its answer names users and directories, not primaries."""
    home, away = "d-9067000000", "d-9267000000"
    configured = settings(directories={HOME: Directory(AWAY), home: Directory(away)})  # type: ignore[arg-type]
    row = unclear(found)

    def case(user: str, directory: str = HOME, of: Row | None = None) -> Case:
        one = Workspace(WorkspaceId("ws-000000000"), directory, user)  # type: ignore[arg-type]
        return Case(one.id, of, one, EVENT, found.clock.now(), configured)

    odd = case("cy", of=found.row(row))
    al, same, bo, elsewhere = case("Al"), case("aL"), case("bo"), case("al", home)
    assert _one_per_user([odd, al, same, bo, elsewhere]) == [[al, bo, elsewhere], [same], [odd]]


@pytest.mark.parametrize("item", [0, 7, 24])
def test_a_refusal_of_the_call_for_one_item_is_bisected(item: int) -> None:
    found = Estate(refusals="call")
    ids = found.create_ready(*USERS[:25])
    found.world.remove_user(DR, AWAY, USERS[item])
    found.protect(*ids)
    assert [found.status(one)[0] is Status.REQUESTED for one in ids] == [number != item for number in range(25)]
    assert found.status(ids[item]) == (Status.WAITING, "USER_NOT_IN_DR_DIRECTORY")
    assert len(found.calls()) <= 11


@pytest.mark.parametrize(
    ("fault", "expected", "sent"),
    [
        (Fault(CREATE, "refuse"), (Status.HELD, "ACCESS_DENIED"), [25]),
        (Fault(CREATE, "refuse", **NOT_ACTIVE), (Status.HELD, "DIRECTORY_REFUSED"), [25]),
        (Fault(CREATE, "refuse", code="ExpiredTokenException"), (Status.WAITING, "CREATE_UNREACHABLE"), [25]),
        (Fault(CREATE, "throttle"), (Status.WAITING, "CREATE_THROTTLED"), [25]),
        (Fault(CREATE, "connection_refused"), (Status.WAITING, "CREATE_UNREACHABLE"), [25]),
        (Fault(CREATE, "read_timeout_before"), (Status.CLAIMED, "REQUEST_UNCERTAIN"), [25]),
    ],
)
def test_what_is_true_of_all_is_asked_once_and_a_dr_region_in_trouble_leaves_the_rest_of_the_run_unclaimed(
    found: Estate, fault: Fault, expected: tuple[Status, str], sent: list[int]
) -> None:
    ids = found.create_ready(*USERS[:30])
    found.world.inject(fault)
    found.protect(*ids, cause="event")
    assert (sizes(found), statuses(found, ids[:25])) == (sent, {expected})
    assert found.taken() == (25 if expected[0] is Status.CLAIMED else 0)
    left = expected[1] if expected[0] is Status.HELD else "CREATE_UNREACHABLE"
    assert {tuple(found.reasons(one)) for one in ids[25:]} == {(left,)}


@pytest.mark.parametrize("why", [{"code": "AccessDeniedException", "message": "kms:CreateGrant"}, NOT_ACTIVE])
def test_what_is_refused_beside_others_of_its_directory_holds_nobody_else(found: Estate, why: dict[str, str]) -> None:
    ids = found.create_ready(*USERS[:60])
    found.world.inject(Fault(CREATE, "fail_item", user=USERS[3], **why))  # type: ignore[arg-type]
    found.protect(*ids, cause="event")
    assert found.status(ids[3]) == (Status.REJECTED, "SERVICE_REFUSED")
    assert (len(found.world.standbys()), sizes(found)) == (59, [25, 25, 10])


def test_a_directory_that_is_refused_is_asked_once_an_hour_and_no_other_waits_for_it(found: Estate) -> None:
    other = DirectoryId("d-9067328a7c")
    found.world.add_directory(PRIMARY, other, USERS)
    found.configure(directories={HOME: Directory(AWAY), other: Directory(AWAY)})
    found.take_baselines()
    ids, others = found.create_ready(*USERS[:30]), found.create_ready(*USERS[30:40], directory=other)
    of_home: When = lambda call: any(item["PrimaryWorkspaceId"] in ids for item in call["StandbyWorkspaces"])  # noqa: E731
    refused = refusal("InvalidResourceStateException", message=NOT_ACTIVE["message"])
    calls = found.disturb(CREATE, refused, times=1000, when=of_home)
    found.protect(*ids, *others, cause="event")
    for _ in range(24):  # its schedule starts the watcher every 15 minutes
        found.watch(hours=0.2)
        found.pass_time(minutes=15)
    assert (statuses(found, ids), statuses(found, others)) == (
        {(Status.HELD, "DIRECTORY_REFUSED")},
        {(Status.PROTECTED, "STANDBY_READY")},
    )
    assert sum(map(of_home, calls)) <= 1 + 1 + 6  # in a call with others, alone, and once an hour
    (notice,) = found.history(f"HOLD#DIRECTORY_REFUSED#{HOME}")
    assert HOME in notice["message"]
    assert NOT_ACTIVE["message"] in notice["message"]
    assert not any(event.get("notice") for one in ids for event in found.history(one))
    found.between = None
    found.pass_time(hours=1)
    found.watch()
    assert statuses(found, ids) == {(Status.PROTECTED, "STANDBY_READY")}


# What holds back


def test_a_used_up_quota_holds_the_pair_and_the_other_half_unsent(found: Estate) -> None:
    ids = found.create_ready(*USERS[:8])
    found.world.inject(Fault(CREATE, "refuse", code="ResourceLimitExceededException", message="used up"))
    found.protect(*ids)
    assert (sizes(found), statuses(found, ids)) == ([8, 4, 2, 1], {(Status.HELD, "QUOTA_REACHED")})
    assert (found.taken(), found.taken(TODAY), found.reasons("HOLD#QUOTA_REACHED")) == (0, 0, ["QUOTA_REACHED"])
    assert found.history("HOLD#QUOTA_REACHED")[0]["message"].endswith("AWS's message: used up")
    found.protect(*ids)
    assert len(found.calls()) == 4


@pytest.mark.parametrize(
    ("quota", "made", "notices"), [(None, 8, ["DAILY_CAP"]), (3, 3, [])], ids=["part of the day", "quota"]
)
def test_existing_fleets_have_their_part(found: Estate, quota: int | None, made: int, notices: list[str]) -> None:
    found.configure(max_new_standbys_per_day=10)
    found.accept()
    ids = found.create_ready(*USERS[:12])
    found.sweep()
    if quota is not None:
        found.deployed.gates().keep_quota(quota)
    found.protect(*ids, cause="watch")
    assert (sizes(found), found.taken("UNDER_WAY")) == ([made], made)
    assert statuses(found, ids[made:]) == {(Status.HELD, "BACKFILL")}
    assert {tuple(found.reasons(one)) for one in ids[made:]} == {("BACKFILL",)}  # nothing was written again
    assert found.reasons("HOLD#DAILY_CAP") == notices
    found.protect(ids[-1])  # what a person asks for is the service's to refuse
    assert found.status(ids[-1])[0] is Status.REQUESTED


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"primary_id": "ws-another12"}, (Status.INELIGIBLE, "USER_HAS_STANDBY")),
        ({"primary_id": "-", "given_up_at": "then"}, (Status.WAITING, "DR_DESKTOP_UNCLEAR")),
    ],
)
def test_a_user_whose_claim_is_another_primarys_gets_none_and_one_that_was_given_up_is_looked_for_first(
    found: Estate, claim: dict[str, Any], expected: tuple[Status, str]
) -> None:
    (one,) = found.create_ready(USERS[0])
    found.put(CLAIM, "CLAIM", **claim)
    found.protect(one)
    assert (found.calls(), found.status(one)) == ([], expected)
    if expected[0] is Status.INELIGIBLE:
        assert found.row(one).message.endswith("Primary ws-another12 holds the user's claim.")
    else:
        ends_well(found, one, calls=1)


# Whoever is reconciled


def test_with_no_time_left_nothing_is_begun_and_its_row_is_the_retry(found: Estate) -> None:
    ids = found.create_ready(*USERS[:30])
    found.protect(*ids, calls=3)  # two descriptions, and a request
    assert (sizes(found), statuses(found, ids[25:])) == ([25], {(Status.WAITING, "READY")})
    one = ids[-1]
    found.protect(one, calls=0)
    assert found.status(one) == (Status.WAITING, "READY")
    found.watch()
    assert {found.status(one)[0] for one in ids} == {Status.PROTECTED}


def test_a_lookup_that_there_is_no_time_for_leaves_the_row_as_it_was(found: Estate) -> None:
    one = unclear(found)
    found.pass_time(seconds=LATER)
    before, asked = found.row(one), len(found.calls(DESCRIBE))
    (answer,) = found.protect(one, calls=1)
    assert (answer["action"], found.row(one), len(found.calls(DESCRIBE))) == ("NONE", before, asked)


def test_a_row_that_cannot_be_read_is_named_and_stands_in_no_others_way(found: Estate) -> None:
    odd, good = found.create(*USERS[:2])
    found.protect(odd, good)
    found.pass_time(hours=1)
    found.table.put({**found.item(odd, "STATE"), "due_at": "tomorrow"})
    answers = found.protect(odd, good)
    assert [answer["reason_code"] for answer in answers] == ["ROW_UNREADABLE", "CREATE_ACCEPTED"]
    assert "ValueError: due_at: " in answers[0]["message"]
    assert found.notes.counts["UnreadableRows"] == 1
