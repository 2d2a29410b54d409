"""The next state of a row: what it keeps, what it forgets, what it notes, and of what a person is notified."""

import dataclasses
import itertools
from typing import Any

import pytest

from standby.core.change import Case, Change, Effect, say
from standby.core.model import Cause, Override, Related, Status
from standby.core.reasons import Reason
from standby.core.row import Kind, Row, news
from tests.core import cases
from tests.core.cases import BEFORE, NONE, NOW, case, facts, lasting, minutes, new, row, seen, standby, table, with_one

ONE, OTHER, STANDBY, MOVED = cases.ONE, cases.OTHER, cases.STANDBY, cases.MOVED
BY_EVENT, BY_HAND, CLAIM = cases.BY_EVENT, cases.BY_HAND, cases.CLAIM
OF_A_REQUEST = (Kind.UNCLEAR, Kind.NOTHING_SEEN, Kind.DESKTOP_SEEN)
OF_A_STANDBY = (Kind.STANDBY_MISSED, Kind.STANDBY_TERMINATED, Kind.UNWELL, Kind.DRIFT, Kind.COPIED, Kind.STALE)
STRAY = seen(directory_id=cases.UNMAPPED)
SUCCESSOR = Cause("event", "e", succeeds=True, migrated_from=OTHER)


def test_the_first_row_of_a_primary() -> None:
    due: Any = {"due_in": minutes(15), "deadline_in": minutes(240)}
    change = case(seen=seen(), cause=BY_EVENT).record(Status.WAITING, Reason.PRIMARY_PENDING, "It is new.", **due)
    words = f"{Reason.PRIMARY_PENDING.meaning.sentence} It is new."
    given: Any = {"version": 0, "first_seen_at": NOW, "changed_at": NOW, "message": words, "cause_id": "event-1"}
    given |= {"due_at": NOW + minutes(15), "deadline_at": NOW + minutes(240)}
    first = row("WAITING PRIMARY_PENDING", created_by=cases.HELPDESK, **given)
    assert change == Change(ONE, None, first, Reason.PRIMARY_PENDING, words)


# What a fact, a cause or a moment becomes

WAITING = row(due_at=NOW, deadline_at=NOW + minutes(9), error_code="Old", error_message="old")
CREATED, TERMINATION = row(created_by="al"), Cause("event", "e", principal="bo")
HAS_FAILED = row("FAILED STANDBY_IN_ERROR", standby_id=STANDBY, error_code="Old", error_message="old")
AILING, AWS_SAYS = seen(standby("ERROR"), state="ERROR", error=("E", "e")), {"error_code": "E", "error_message": "e"}
EMPTY = seen(directory_id=None, user_name=None, state=None, compute_type=None)
TOLD = seen(state="STOPPED", user_name="Bo", compute_type="POWER")
IN_A_FLEET = {"existing": True}
FACTS = {"primary_state": "AVAILABLE", "user_name": cases.USER, "compute_type": "STANDARD"}
FACTS |= {"dr_directory_id": cases.AWAY}


@table(
    "given expected",
    ("a partial answer", case(WAITING, EMPTY), {"primary_directory_id": cases.HOME, **FACTS}),
    ("no usable answer", case(WAITING, cases.THROTTLED), {"primary_directory_id": cases.HOME, **FACTS}),
    ("what is told", case(WAITING, TOLD), {"primary_state": "STOPPED", "user_name": "Bo", "compute_type": "POWER"}),
    ("not mapped", case(WAITING, STRAY), {"primary_directory_id": cases.UNMAPPED, **FACTS}),
    ("another DR directory", case(WAITING, seen(), **MOVED), {"dr_directory_id": cases.UNMAPPED}),
    ("a standby stays where it is", case(with_one(), seen(), **MOVED), {"dr_directory_id": cases.AWAY}),
    ("a claim stays where it is", case(row(claim_key=CLAIM), seen(), **MOVED), {"dr_directory_id": cases.AWAY}),
    ("who created it", case(row(), seen(), BY_EVENT), {"created_by": cases.HELPDESK}),
    ("created once", case(CREATED, seen(), BY_EVENT), {"created_by": "al"}),
    ("who terminates did not create", case(row(), seen(), TERMINATION), {"created_by": None}),
    ("AWS's reason for its being in ERROR", case(WAITING, AILING), AWS_SAYS),
    ("since when it is known", case(WAITING, seen()), {"first_seen_at": BEFORE}),
    ("an error that is over", case(WAITING, seen()), {"error_code": None, "error_message": None}),
    ("open: what is due stays", case(WAITING, seen()), {"due_at": NOW, "deadline_at": NOW + minutes(9)}),
    ("it stays one of a fleet", case(row(existing=True), seen()), {"existing": True}),
    ("whoever terminates it", case(row("REPORTED EXISTING_FLEET", existing=True), seen(), TERMINATION), IN_A_FLEET),
    ("new", case(WAITING, seen()), {"existing": False}),
    ("migrated from", case(WAITING, seen(), SUCCESSOR), {"migrated_from": OTHER}),
    ("migrated from first", case(row(migrated_from=ONE), seen(), SUCCESSOR), {"migrated_from": ONE}),
)
def test_what_the_next_row_says(given: Case, expected: dict[str, Any]) -> None:
    assert facts(new(given.record(Status.WAITING, Reason.PRIMARY_PENDING)), expected) == expected


IN_ONE, SETTLED = {"due_at": NOW, "deadline_at": NOW + minutes(1)}, {"due_at": None, "deadline_at": None}


@table(
    "before status more expected",
    ("due", row(), "WAITING", {"due_in": minutes(1)}, {"due_at": NOW + minutes(1), "deadline_at": None}),
    ("a deadline", WAITING, "WAITING", {"deadline_in": minutes(1)}, IN_ONE),
    ("settled", WAITING, "FAILED", {"due_in": minutes(1)}, SETTLED),
    ("protected", WAITING, "PROTECTED", {}, {"protected_at": NOW, **SETTLED}),
    ("protected before", row(protected_at=BEFORE), "PROTECTED", {}, {"protected_at": BEFORE}),
    ("not protected", WAITING, "FAILED", {}, {"protected_at": None}),
    ("an error", WAITING, "WAITING", {"error": ("New", "new")}, {"error_code": "New", "error_message": "new"}),
)
def test_what_is_recorded(before: Row, status: str, more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert facts(new(case(before, seen()).record(Status(status), Reason.PRIMARY_PENDING, **more)), expected) == expected


@table(
    "before state code",
    ("not the primary's", row(), "FAILED STANDBY_IN_ERROR", None),
    ("as it was told once", HAS_FAILED, "FAILED STANDBY_IN_ERROR", "Old"),
    ("it is over", HAS_FAILED, "PROTECTED STANDBY_READY", None),
)
def test_awss_reason_is_that_of_the_standby_that_failed(before: Row, state: str, code: str | None) -> None:
    assert recorded(case(before, AILING), state, standby=standby("ERROR")).error_code == code


OF_USER, OF_DIRECTORY = (f"User: {cases.USER}", f"DR directory: {cases.AWAY}"), (f"Directory: {cases.HOME}",)
ABOUT_USER = "USER_NOT_IN_DR_DIRECTORY USER_NOT_FOUND DR_DESKTOP_UNCLEAR SECONDARY_EXISTS USER_HAS_STANDBY"
ABOUT_DIRECTORY = "DIRECTORY_NOT_MAPPED MAPPED_ELSEWHERE MAPPING_REMOVED DR_DIRECTORY_CHANGED EXISTING_FLEET BACKFILL"
ABOUT_DIRECTORY += " FLEET_FOUND FLEET_ACCEPTED ACCESS_DENIED DIRECTORY_NOT_REGISTERED"
ABOUT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(ABOUT_USER.split(), OF_USER),
    **dict.fromkeys(ABOUT_DIRECTORY.split(), OF_DIRECTORY),
    **dict.fromkeys(("NO_DR_KEY", "QUOTA_REACHED", "CREATE_UNREACHABLE"), ("DR Region: us-west-2",)),
    "DIRECTORY_REFUSED": (*OF_DIRECTORY, f"DR directory: {cases.AWAY}"),
}


@pytest.mark.parametrize("reason", Reason)
def test_a_message_names_what_its_reason_is_about(reason: Reason) -> None:
    spoken = ", ".join(ABOUT.get(reason, ()))
    expected = " ".join([reason.meaning.sentence, *([f"{spoken}."] if spoken else []), "So."])
    assert case(row(), seen()).nothing(reason, "So.").message == expected
    changed = case(row(), seen(), **({} if reason is not Reason.DR_DIRECTORY_CHANGED else MOVED))
    now_and_then = f"The dr_directory is now {cases.UNMAPPED} and was {cases.AWAY}. So."
    found = new(changed.record(Status.REPORTED, reason, "So.")).message
    assert found == (expected.replace("So.", now_and_then) if reason is Reason.DR_DIRECTORY_CHANGED else expected)
    # What the details name is not named twice.
    assert new(case(row(), seen()).record(Status.FAILED, reason, f"{cases.HOME}.")).message.count(cases.HOME) == 1


@pytest.mark.parametrize("reason", Reason)
def test_what_is_reported_or_held_for_its_turn_was_there_before(reason: Reason) -> None:
    found = new(case(seen=seen()).record(Status.HELD, reason))
    assert found.existing is (reason in (Reason.EXISTING_FLEET, Reason.BACKFILL))


@table(
    "before state more moves",
    ("the same", row(), "WAITING READY", {}, False),
    ("due later", row(), "WAITING READY", {"due_in": minutes(5)}, False),
    ("another reason", row(), "WAITING PRIMARY_PENDING", {}, True),
    ("another status", row(), "HELD READY", {}, True),
    ("another deadline", row(), "WAITING READY", {"deadline_in": minutes(5)}, True),
    ("a condition alone", row(conditions=lasting(Kind.ABSENT)), "WAITING READY", {}, False),
)
def test_when_a_row_changed(before: Row, state: str, more: dict[str, Any], moves: bool) -> None:
    assert recorded(case(before, seen()), state, **more).changed_at == (NOW if moves else BEFORE)


def recorded(given: Case, state: str, **more: Any) -> Row:
    """The next row, with a status and a reason."""
    status, reason = state.split()
    return new(given.record(Status(status), Reason(reason), **more))


# What becomes of a claim and of a standby

REQUEST = ("standby_id", "standby_state", "replication", "requested_at", "claim_key", "claim_expires_at", "counted_day")
FORGOTTEN = dict.fromkeys(REQUEST)
BOTH = cases.all_lasting(*OF_A_REQUEST, *OF_A_STANDBY)
STOOD: Any = {"standby_id": STANDBY, "standby_state": "PENDING", "replication": "X", "requested_at": NOW}
WAS_CLAIMED = cases.claimed(**STOOD, conditions=BOTH)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.CLAIMED])
def test_a_claim_of_which_nothing_came_is_forgotten_with_all_that_belonged_to_it(status: Status) -> None:
    found = new(case(WAS_CLAIMED, seen()).record(status, Reason.PRIMARY_PENDING))
    assert facts(found, FORGOTTEN) == FORGOTTEN
    gone = lasting(Kind.GONE, NOW, note="CLAIMED CLAIM_TAKEN") if status is Status.PRIMARY_GONE else NONE
    assert found.conditions == (lasting(Kind.GIVEN_UP, NOW) if status is Status.TIMED_OUT else gone)


def test_a_claim_that_is_given_up_again_keeps_since_when() -> None:
    before = dataclasses.replace(WAS_CLAIMED, conditions=lasting(Kind.GIVEN_UP))
    for state in ("TIMED_OUT READY", "WAITING READY"):
        assert recorded(case(before, seen()), state).conditions == lasting(Kind.GIVEN_UP)


def test_a_claim_that_stays_one_keeps_all() -> None:
    found = recorded(case(WAS_CLAIMED, seen()), "CLAIMED REQUEST_UNCERTAIN")
    assert (facts(found, REQUEST), found.conditions) == (facts(WAS_CLAIMED, REQUEST), BOTH)


@table(
    "state frees",
    ("missing", "STANDBY_MISSING STANDBY_GONE", True),
    ("both are gone", "PRIMARY_GONE PRIMARY_TERMINATED", True),
    ("orphan", "PRIMARY_GONE ORPHANED", False),
    ("failed", "FAILED STANDBY_IN_ERROR", False),
    ("late", "TIMED_OUT STANDBY_NOT_READY", False),
)
def test_where_no_standby_is_left_its_place_is_free_and_its_id_is_known(state: str, frees: bool) -> None:
    found = recorded(case(with_one(conditions=BOTH), seen()), state)
    assert (found.claim_key, found.counted_day) == ((None, None) if frees else (CLAIM, "2026-03-02"))
    assert (found.standby_id, found.requested_at) == (STANDBY, BEFORE)
    assert {kind for kind in BOTH if not found.has(kind)} == (set(OF_A_REQUEST) if frees else set())


ELSEWHERE, BARE = Related(STANDBY, cases.PRIMARY, "STOPPED", "STANDBY"), Related(STANDBY, None, None, "STANDBY")
CLAIMED = cases.claimed()


@table(
    "given one expected",
    ("what it shows", case(row(), seen()), standby("PENDING"), {"standby_id": STANDBY, "standby_state": "PENDING"}),
    ("keeps its claim", case(CLAIMED, seen()), standby(), {"claim_key": CLAIM, "counted_day": "2026-03-02"}),
    ("the lease is over", case(CLAIMED, seen()), standby(), {"claim_expires_at": None}),
    ("takes its user's claim", case(None, seen()), standby(), {"claim_key": CLAIM, "counted_day": None}),
    ("no user, no claim", case(None, seen(user_name=None)), standby(), {"claim_key": None}),
    ("not mapped, no claim", case(None, STRAY), standby(), {"claim_key": None}),
    ("its claim in the former directory", case(with_one(), seen(), **MOVED), standby(), {"claim_key": CLAIM}),
    ("its Region", case(None, seen()), ELSEWHERE, {"dr_region": cases.PRIMARY}),
    ("no Region, no state", case(None, seen()), BARE, {"dr_region": cases.DR, "standby_state": None}),
)
def test_a_row_that_rests_on_a_standby(given: Case, one: Related, expected: dict[str, Any]) -> None:
    assert facts(recorded(given, "PROTECTED ADOPTED", standby=one), expected) == expected


SHOWN = seen(standby(), replication=((STANDBY, "B"),))
GOING = dataclasses.replace(SHOWN, state="TERMINATING")


ASKED, ASKED_NOW = lasting(Kind.ASKED), lasting(Kind.ASKED, NOW)


@table(
    "known shown status replication",
    ("as shown", None, SHOWN, "PROTECTED", "B"),
    ("as shown now", "A", SHOWN, "PROTECTED", "B"),
    ("not told", "A", seen(), "PROTECTED", "A"),
    ("not shown", "A", None, "PROTECTED", "A"),
    ("a primary that goes loses no data", "A", GOING, "PROTECTED", "A"),
    ("one that is gone neither", "A", SHOWN, "PRIMARY_GONE", "A"),
    ("gone, and there was none", "NO_REPLICATION", SHOWN, "PRIMARY_GONE", "B"),
    ("gone, and none was known", None, SHOWN, "PRIMARY_GONE", "B"),
)
def test_what_is_known_of_a_standbys_data(known: Any, shown: Any, status: str, replication: str) -> None:
    found = recorded(case(row(replication=known), shown), f"{status} ADOPTED", standby=standby())
    assert found.replication == replication


DOUBTS = (*OF_A_REQUEST, Kind.SUCCEEDS, Kind.GIVEN_UP, Kind.USER_MISSING)
ALL = cases.all_lasting(*DOUBTS, *OF_A_STANDBY, Kind.MIGRATED)


def test_a_standby_ends_all_doubt_and_another_one_what_was_true_of_the_last() -> None:
    before = case(with_one(conditions=ALL), seen())
    known, another = (recorded(before, "REQUESTED ADOPTED", standby=one) for one in (standby(), standby(id=OTHER)))
    assert (set(known.conditions), set(another.conditions)) == ({*OF_A_STANDBY, Kind.MIGRATED}, {Kind.MIGRATED})


# What it notes


def trouble(reason: str, since: Any = BEFORE) -> dict[Kind, Any]:
    return lasting(Kind.TROUBLE, since, note=reason, notified=True)


AWAITED = lasting(Kind.ABSENT) | lasting(Kind.MISSED)
MISSING = lasting(Kind.USER_MISSING)
REJECTED = row("REJECTED USER_NOT_FOUND", conditions=MISSING)
GONE, GONE_NOW = (lasting(Kind.GONE, at, note="PROTECTED STANDBY_READY") for at in (BEFORE, NOW))
WAS_GONE = with_one("PRIMARY_GONE ORPHANED", conditions=GONE)
OVERRIDING = dataclasses.replace(BY_HAND, overrides=frozenset({Override.CEILING}))
OVERRIDDEN = lasting(Kind.ASKED, note="EXCLUDED")
OVERRIDES_BOTH = lasting(Kind.ASKED, BEFORE, NOW, note="CEILING EXCLUDED", times=2)
KEPT = lasting(Kind.KEPT, note="al: CHG-1")
KEPT_ORPHAN = with_one("PRIMARY_GONE ORPHANED", conditions=KEPT)
UNMAPPED_NOW = lasting(Kind.UNMAPPED, NOW, note="STANDBY_IN_ERROR")
WAS_UNMAPPED = with_one("FAILED MAPPING_REMOVED", conditions=UNMAPPED_NOW)
GONE_TOO = UNMAPPED_NOW | lasting(Kind.GONE, NOW, note="FAILED MAPPING_REMOVED")
FAILED = with_one("FAILED STANDBY_IN_ERROR")
IN_ERROR = trouble("STANDBY_IN_ERROR")
NOTIFIED = row(conditions=IN_ERROR)


@table(
    "given state expected",
    ("shown, so not absent", case(row(conditions=AWAITED), seen()), "WAITING READY", NONE),
    ("not shown", case(row(conditions=AWAITED), None), "WAITING READY", AWAITED),
    ("no answer is no news", case(row(conditions=AWAITED), cases.THROTTLED), "WAITING READY", AWAITED),
    ("a successor", case(None, seen(), SUCCESSOR), "WAITING READY", lasting(Kind.SUCCEEDS, NOW, note=OTHER)),
    ("with a standby", case(with_one(), seen(), SUCCESSOR), "REQUESTED ADOPTED", NONE),
    ("a person: another day for the user", case(REJECTED, seen(), BY_HAND), "WAITING READY", ASKED_NOW),
    ("a round: no other day", case(REJECTED, seen()), "WAITING READY", MISSING),
    ("the day lasts", case(row(conditions=MISSING), seen(), BY_HAND), "WAITING READY", MISSING | ASKED_NOW),
    ("a person's request, in a round", case(row(conditions=ASKED), None), "WAITING READY", ASKED),
    ("a person's request is held", case(row(), seen(), BY_HAND), "HELD PAUSED", ASKED_NOW),
    (
        "what a person overrides",
        case(row(), seen(), OVERRIDING),
        "HELD PAUSED",
        lasting(Kind.ASKED, NOW, note="CEILING"),
    ),
    ("overridden before", case(row(conditions=OVERRIDDEN), seen(), BY_HAND), "HELD PAUSED", OVERRIDDEN),
    ("and something else", case(row(conditions=OVERRIDDEN), seen(), OVERRIDING), "CLAIMED CLAIM_TAKEN", OVERRIDES_BOTH),
    ("a kept orphan", case(KEPT_ORPHAN, seen()), "PRIMARY_GONE ORPHANED", KEPT | trouble("ORPHANED", NOW)),
    ("a kept orphan whose standby is gone", case(KEPT_ORPHAN, seen()), "PRIMARY_GONE PRIMARY_TERMINATED", NONE),
    ("a kept orphan whose primary is back", case(KEPT_ORPHAN, seen()), "PROTECTED STANDBY_READY", NONE),
    ("a person's request is refused", case(row(conditions=ASKED), seen()), "EXCLUDED NOT_INCLUDED", NONE),
    ("gone", case(with_one(), seen()), "PRIMARY_GONE ORPHANED", GONE_NOW | trouble("ORPHANED", NOW)),
    ("what it was first", case(WAS_GONE, seen()), "PRIMARY_GONE PRIMARY_TERMINATED", GONE),
    ("shown again", case(WAS_GONE, seen()), "PROTECTED STANDBY_READY", NONE),
    ("not mapped", case(FAILED, seen()), "FAILED MAPPING_REMOVED", UNMAPPED_NOW),
    ("its first reason", case(WAS_UNMAPPED, seen()), "FAILED MAPPING_REMOVED", UNMAPPED_NOW),
    ("mapped again", case(WAS_UNMAPPED, seen()), "WAITING READY", NONE),
    ("gone while not mapped", case(WAS_UNMAPPED, seen()), "PRIMARY_GONE PRIMARY_TERMINATED", GONE_TOO),
    ("trouble", case(row(), seen()), "FAILED STANDBY_IN_ERROR", trouble("STANDBY_IN_ERROR", NOW)),
    ("the same trouble", case(NOTIFIED, seen()), "FAILED STANDBY_IN_ERROR", IN_ERROR),
    ("held: one notice for the pair", case(row(), seen()), "HELD DAILY_CAP", NONE),
    ("no trouble", case(row(), seen()), "WAITING PRIMARY_PENDING", NONE),
    ("trouble that may come back", case(NOTIFIED, seen()), "WAITING PRIMARY_PENDING", IN_ERROR),
    ("after protection all is news", case(NOTIFIED, seen()), "PROTECTED STANDBY_READY", NONE),
)
def test_what_lasts_after_a_change(given: Case, state: str, expected: dict[Kind, Any]) -> None:
    assert recorded(given, state).conditions == expected


def test_of_trouble_of_a_whole_fleet_there_is_one_notice() -> None:
    assert recorded(case(row(), seen()), "FAILED STANDBY_IN_ERROR", quiet=True).conditions == NONE


def test_another_trouble_is_news_and_the_first_one_again_too() -> None:
    rows = [row()]
    for state in ("FAILED STANDBY_IN_ERROR", "TIMED_OUT STANDBY_NOT_READY", *["FAILED STANDBY_IN_ERROR"] * 2):
        rows.append(recorded(case(rows[-1], seen()), state))
    found = [news(old.conditions, one.conditions) for old, one in itertools.pairwise(rows)]
    assert found == [Kind.TROUBLE, Kind.TROUBLE, Kind.TROUBLE, None]


# The other changes


def test_nothing_leaves_the_row_as_it_is_but_that_what_is_shown_is_not_absent() -> None:
    absent = row(conditions=AWAITED, due_at=NOW)
    words = f"{Reason.READY.meaning.sentence} So."
    for given in (case(absent, None), case(absent, cases.THROTTLED), case(row(), seen()), case(None, seen())):
        change = given.nothing(Reason.READY, "So.")
        assert change == Change(ONE, given.row, given.row, Reason.READY, words)
        assert change.new is given.row
    shown = case(absent, seen(state="STOPPED")).nothing(Reason.READY)
    expected = {"conditions": NONE, "changed_at": BEFORE, "due_at": NOW}
    assert facts(shown.new, expected) == expected
    assert (shown.is_nothing, new(shown).differs_from(absent), new(shown).primary_state) == (True, True, "AVAILABLE")


SOON: dict[str, Any] = {"due_in": minutes(1), "deadline_in": minutes(2)}


@table(
    "before more due deadline",
    ("anew", None, {}, 15, 240),
    ("anew, and soon", None, SOON, 1, 2),
    ("again", row("HELD READY"), {}, 15, 240),
    ("it waits already", WAITING, {"due_in": minutes(1)}, 0, 9),
    ("with another deadline", WAITING, SOON, 0, 2),
)
def test_who_waits_keeps_when_it_is_due(before: Any, more: dict[str, Any], due: float, deadline: float) -> None:
    found = new(case(before, seen()).wait(Reason.PRIMARY_PENDING, **more))
    assert (found.status, found.due_at, found.deadline_at) == ("WAITING", NOW + minutes(due), NOW + minutes(deadline))


OF_A_FLEET = row("REPORTED EXISTING_FLEET", existing=True)


@table(
    "before cause opens",
    ("a person, of what is settled", FAILED, BY_HAND, True),
    ("a person, of what was refused", REJECTED, BY_HAND, True),
    ("a person, of a fleet that is reported", OF_A_FLEET, BY_HAND, True),
    ("a person, of what is covered", with_one(), BY_HAND, False),
    ("a person, of what is gone", WAS_GONE, BY_HAND, False),
    ("a person, of a standby", row("INELIGIBLE IS_STANDBY"), BY_HAND, False),
    ("a person, of what is open", row(), BY_HAND, False),
    ("a person, of what is held", row("HELD PAUSED"), BY_HAND, False),
    ("a person, of what is not known", None, BY_HAND, False),
    ("a creation, of a fleet that is reported", OF_A_FLEET, BY_EVENT, True),
    ("a creation, of a fleet whose turn it is not", row("HELD BACKFILL", existing=True), BY_EVENT, True),
    ("a creation, of a fleet that has its standby", with_one(existing=True), BY_EVENT, False),
    ("a creation, told again", FAILED, BY_EVENT, False),
    ("a round", FAILED, cases.BY_WATCH, False),
    ("a sweep", OF_A_FLEET, cases.BY_SWEEP, False),
)
def test_who_opens_what_is_settled_whatever_the_answer(before: Any, cause: Cause, opens: bool) -> None:
    assert case(before, seen(), cause).opens is opens


def test_lookups_and_requests_leave_the_row_as_it_is() -> None:
    for before, reason in ((row("WAITING CREATE_THROTTLED"), Reason.CREATE_THROTTLED), (None, Reason.READY)):
        assert case(before, seen()).lookup("Why?") == Change(ONE, before, before, reason, "Why?", Effect.LOOKUP)
    assert case(None, seen()).request() == Change(ONE, None, None, Reason.READY, say(Reason.READY), Effect.REQUEST)


def test_observations_add_up() -> None:
    change = case(row(), seen()).nothing(Reason.READY)
    once = change.observe(Kind.ABSENT, True, NOW)
    twice = once.observe(Kind.DRIFT, True, NOW, note="x")
    assert new(twice).conditions == lasting(Kind.ABSENT, NOW) | lasting(Kind.DRIFT, NOW, note="x")
    assert change.observe(Kind.ABSENT, None, NOW) is change
    nobody = case(None, seen()).nothing(Reason.IS_STANDBY)
    assert nobody.observe(Kind.ABSENT, True, NOW) is nobody
    other = once.having(dataclasses.replace(new(once), existing=True), "Other words.")
    assert (other.message, new(other).message) == ("Other words.", "Other words.")


@table(
    "change action status",
    ("nothing", case(row(), seen()).nothing(Reason.READY), "NONE", "WAITING"),
    ("no row", case(None, seen()).nothing(Reason.IS_STANDBY), "NONE", None),
    ("a condition alone", case(row(conditions=AWAITED), seen()).nothing(Reason.READY), "NONE", "WAITING"),
    ("another status", case(row(), seen()).record(Status.HELD, Reason.PAUSED), "RECORD", "HELD"),
    ("the first status", case(None, seen()).record(Status.HELD, Reason.PAUSED), "RECORD", "HELD"),
    ("a lookup", case(row(), seen()).lookup("?"), "LOOK", "WAITING"),
    ("a request", case(row(), seen()).request(), "REQUEST", "CLAIMED"),
)
def test_what_a_caller_gets(change: Change, action: str, status: str | None) -> None:
    answer = {"primary_id": ONE, "action": action, "status": status, "reason_code": change.reason}
    assert change.answer() == answer | {"message": change.message}
    assert change.is_nothing is (action == "NONE")


def test_a_long_message_is_cut_between_characters() -> None:
    change = dataclasses.replace(case(row(), seen()).nothing(Reason.READY), message="ä" * 149 + "€€")
    assert change.answer()["message"] == "ä" * 149
