"""What a claim, the answer to its request, and lookups in the DR directory make of a row."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from standby.core.model import Lookup, Related
from standby.core.outcomes import Created, Pending, Refusal, Refused, Unclear
from standby.core.row import OF_A_STANDBY, Kind, Row, claim_key
from standby.core.settle import LEASE, after_exists, after_lookup, claim, leave, settle
from tests.core import cases
from tests.core.cases import NOW, ago, case, claimed, desktop, hours, lasting, minutes, new, row, seen, shows, table

NONE, BEFORE, BY_HAND, CLAIM = cases.NONE, cases.BEFORE, cases.BY_HAND, cases.CLAIM
ONE, OTHER, STANDBY, UNMAPPED, with_one = cases.ONE, cases.OTHER, cases.STANDBY, cases.UNMAPPED, cases.with_one
SECOND, POLL, FIRST_LOOK, AN_HOUR = timedelta(seconds=1), minutes(2), minutes(15), hours(1)
NOTHING = shows()
FREE = dict.fromkeys(["claim_key", "claim_expires_at", "counted_day", "standby_id", "requested_at"])
KEPT = {"claim_key": CLAIM, "claim_expires_at": NOW + LEASE, "counted_day": "2026-03-02"}


# The claim

ENDS = (Kind.NOTHING_SEEN, Kind.GIVEN_UP, *OF_A_STANDBY)
STAYS = (Kind.UNCLEAR, Kind.DESKTOP_SEEN, Kind.SUCCEEDS, Kind.USER_MISSING)


def test_a_claim_is_for_a_lease_and_of_todays_count_and_forgets_the_last_standby() -> None:
    before = with_one("STANDBY_MISSING STANDBY_GONE", replication="X", conditions=cases.all_lasting(*ENDS, *STAYS))
    found = claim(case(before, seen(), **cases.MOVED))
    assert f"{found.status} {found.reason}" == "CLAIMED CLAIM_TAKEN"
    # in the DR directory where it is going to be
    expected = {**FREE, "dr_directory_id": UNMAPPED, "claim_key": claim_key(UNMAPPED, cases.USER)}
    expected |= {"standby_state": None, "replication": None, "counted_day": "2026-03-03", "changed_at": NOW}
    expected |= {"due_at": NOW + LEASE, "claim_expires_at": NOW + LEASE, "deadline_at": NOW + minutes(240)}
    assert cases.facts(found, expected) == expected
    assert set(found.conditions) == set(STAYS)


def test_a_claim_that_is_taken_anew_has_a_lease_of_its_own_and_keeps_its_deadline() -> None:
    again = claim(case(claimed(deadline_at=BEFORE), seen()))
    assert (again.changed_at, again.claim_expires_at, again.deadline_at) == (NOW, NOW + LEASE, BEFORE)


@pytest.mark.parametrize("shown", [seen(directory_id=UNMAPPED), seen(user_name=None)])
def test_nothing_is_claimed_without_a_directory_and_a_user(shown: Any) -> None:
    with pytest.raises(ValueError, match=ONE):
        claim(case(None, shown))


@table(
    "row is_unreachable expected",
    ("waiting", row(), True, "= WAITING READY"),
    ("claimed", claimed(), True, "= CLAIMED CLAIM_TAKEN"),
    ("requested once", with_one("FAILED STANDBY_IN_ERROR"), True, "= FAILED STANDBY_IN_ERROR"),
    ("held", row("HELD PAUSED"), True, "WAITING CREATE_UNREACHABLE"),
    ("no row", None, True, "WAITING CREATE_UNREACHABLE"),
    ("no time", None, False, "WAITING READY"),
)
def test_what_is_left_to_the_next_round_has_a_row(row: Any, is_unreachable: bool, expected: str) -> None:
    found = leave(case(row, seen()), is_unreachable=is_unreachable)
    assert cases.outcome(found) == expected
    if not expected.startswith("="):
        assert (new(found).due_at, new(found).deadline_at) == (NOW + POLL, NOW + minutes(240))


# The answer

SENT = claimed(taken=NOW, due_at=NOW + LEASE, deadline_at=NOW + hours(1))
OVERDUE, NONE_DUE = (dataclasses.replace(SENT, deadline_at=at) for at in (NOW, None))
ACCEPTED = {"standby_id": STANDBY, "standby_state": "PENDING", "requested_at": NOW, **KEPT, "claim_expires_at": None}
UNCLEAR_NOW, MISSING_NOW = lasting(Kind.UNCLEAR, NOW), lasting(Kind.USER_MISSING, NOW)
GIVEN_UP_NOW = lasting(Kind.GIVEN_UP, NOW)
ALMOST_A_DAY, A_DAY = (lasting(Kind.USER_MISSING, at) for at in (ago(hours=24) + SECOND, ago(hours=24)))
LACKS, LACKED = (dataclasses.replace(SENT, conditions=since) for since in (ALMOST_A_DAY, A_DAY))
UNCLEAR = Unclear("Code", "Words.")
CANNOT = ("PRIMARY_NOT_READY", "SERVICE_REFUSED", "USER_NOT_FOUND")


def refused(kind: Refusal) -> Refused:
    return Refused(kind, "Code", "Words.")


@table(
    "row answer expected due deadline lasts",
    ("accepted", SENT, Pending(STANDBY, "PENDING"), "REQUESTED CREATE_ACCEPTED", 15, 120, NONE),
    ("unclear", SENT, UNCLEAR, "CLAIMED REQUEST_UNCERTAIN", 2, 60, UNCLEAR_NOW),
    ("throttled", SENT, Refusal.THROTTLED, "WAITING CREATE_THROTTLED", 15, 60, GIVEN_UP_NOW),
    ("unreachable", SENT, Refusal.UNREACHABLE, "WAITING CREATE_UNREACHABLE", 6, 60, NONE),
    ("its state", SENT, Refusal.STATE, "WAITING STATE_REFUSED", 2, 60, NONE),
    ("its state, overdue", OVERDUE, Refusal.STATE, "TIMED_OUT PRIMARY_NOT_READY", None, None, GIVEN_UP_NOW),
    ("its state, no deadline", NONE_DUE, Refusal.STATE, "WAITING STATE_REFUSED", 2, 240, NONE),
    ("quota", SENT, Refusal.QUOTA, "HELD QUOTA_REACHED", None, None, NONE),
    ("user", SENT, Refusal.USER_MISSING, "WAITING USER_NOT_IN_DR_DIRECTORY", 30, 1440, MISSING_NOW),
    ("user, again", LACKS, Refusal.USER_MISSING, "WAITING USER_NOT_IN_DR_DIRECTORY", 30, 60, ALMOST_A_DAY),
    ("user, for a day", LACKED, Refusal.USER_MISSING, "REJECTED USER_NOT_FOUND", None, None, A_DAY),
    ("denied", SENT, Refusal.DENIED, "HELD ACCESS_DENIED", None, None, NONE),
    ("directory", SENT, Refusal.DIRECTORY, "HELD DIRECTORY_REFUSED", None, None, NONE),
    ("other", SENT, Refusal.OTHER, "REJECTED SERVICE_REFUSED", None, None, NONE),
    ("internal", SENT, Refusal.INTERNAL, "REJECTED SERVICE_REFUSED", None, None, NONE),
)
def test_the_answer_to_a_request(row: Row, answer: Any, expected: str, due: Any, deadline: Any, lasts: Any) -> None:
    outcome: Created = refused(answer) if isinstance(answer, Refusal) else answer
    found = settle(case(row, seen()), outcome)
    assert cases.outcome(found) == expected
    moments = [None if one is None else NOW + minutes(one) for one in (due, deadline)]
    assert [new(found).due_at, new(found).deadline_at] == moments
    claim = {"CLAIMED": KEPT, "REQUESTED": ACCEPTED}.get(new(found).status, FREE)
    assert cases.facts(found.new, claim) == claim
    trouble = lasting(Kind.TROUBLE, NOW, note=found.reason, notified=True) if found.reason in CANNOT else NONE
    assert new(found).conditions == {**lasts, **trouble}
    error = (None, None) if isinstance(answer, Pending) else ("Code", "Words.")
    assert (new(found).error_code, new(found).error_message) == error


KEY_NAMED = (
    " The primary's volumes are encrypted with arn:key/1."
    " If this is the AWS managed key (alias aws/workspaces), AWS cannot create a standby."
)


@table(
    "key encrypted named",
    ("told", "arn:key/1", True, KEY_NAMED),
    ("not used", "arn:key/1", False, ""),
    ("", None, True, ""),
)
def test_a_refusal_names_the_key_of_an_encrypted_primary(key: Any, encrypted: bool, named: str) -> None:
    shown = seen(user_encrypted=encrypted, volume_encryption_key=key)
    assert settle(case(SENT, shown), refused(Refusal.OTHER)).message.endswith(f"Code: Words.{named}")


def test_a_refusal_because_there_is_one_asks_for_a_lookup() -> None:
    assert cases.outcome(settle(case(SENT, seen()), refused(Refusal.EXISTS))) == "LOOK CLAIMED CLAIM_TAKEN"


def test_an_answer_that_is_unclear_again_keeps_since_when() -> None:
    before = dataclasses.replace(SENT, conditions=lasting(Kind.UNCLEAR))
    assert new(settle(case(before, seen()), UNCLEAR)).conditions == lasting(Kind.UNCLEAR)


# What a lookup shows

OURS, ANOTHERS = desktop("PENDING", STANDBY, of=ONE), desktop("STOPPED", of=OTHER)
GOING, GOING_OURS = desktop("TERMINATING"), desktop("TERMINATED", of=ONE)
STRANGE = dataclasses.replace(desktop(), related=(Related(ONE, None, "AVAILABLE", "SOURCE"),))
THROTTLED: Any = {"problem": "throttled"}
A_DESKTOP, PARTLY, NO_ANSWER = shows(desktop()), shows(desktop(), **THROTTLED), shows(**THROTTLED)
OURS_PARTLY, ANOTHERS_GOING = shows(OURS, **THROTTLED), shows(desktop("TERMINATING", of=OTHER))


def uncertain(minutes_ago: float, **changes: Any) -> Row:
    """A claim whose request was sent so long ago, and has been unclear since."""
    taken = ago(minutes=minutes_ago)
    return claimed("REQUEST_UNCERTAIN", taken=taken, conditions=lasting(Kind.UNCLEAR, taken), **changes)


EXISTS = Refused(Refusal.EXISTS, "ResourceExists.WorkSpace", "It is there.")


@table(
    "row look expected",
    ("ours", SENT, shows(OURS), "REQUESTED STANDBY_STARTING"),
    ("ours, not complete", SENT, OURS_PARTLY, "REQUESTED STANDBY_STARTING"),
    ("goes", SENT, shows(GOING), "WAITING STANDBY_TERMINATING"),
    ("goes, not complete", SENT, shows(GOING, **THROTTLED), "WAITING DR_DESKTOP_UNCLEAR"),
    ("a desktop", SENT, A_DESKTOP, "INELIGIBLE SECONDARY_EXISTS"),
    ("a desktop, not complete", SENT, PARTLY, "WAITING DR_DESKTOP_UNCLEAR"),
    ("another's", SENT, shows(ANOTHERS), "INELIGIBLE SECONDARY_EXISTS"),
    ("one of two goes", SENT, shows(GOING, ANOTHERS), "INELIGIBLE SECONDARY_EXISTS"),
    ("perhaps our own", uncertain(119), A_DESKTOP, "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("perhaps our own, not complete", uncertain(119), NO_ANSWER, "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("not our own", uncertain(120), A_DESKTOP, "INELIGIBLE SECONDARY_EXISTS"),
    ("nothing", SENT, NOTHING, "WAITING DR_DESKTOP_UNCLEAR"),
    ("nothing, overdue", OVERDUE, NOTHING, "REJECTED SERVICE_REFUSED"),
    ("not complete, overdue", OVERDUE, NO_ANSWER, "WAITING DR_DESKTOP_UNCLEAR"),
)
def test_after_the_service_said_that_the_user_has_a_desktop(row: Row, look: Lookup, expected: str) -> None:
    found = after_exists(case(row, seen()), look, EXISTS)
    assert cases.outcome(found) == expected
    if not expected.startswith("REQUESTED"):
        assert (new(found).error_code, new(found).error_message) == (EXISTS.code, EXISTS.message)
    if expected.startswith("WAITING"):
        assert (new(found).due_at, cases.facts(found.new, FREE)) == (NOW + POLL, FREE)
    if expected.startswith("CLAIMED"):
        assert (new(found).claim_key, new(found).last(Kind.DESKTOP_SEEN)) == (CLAIM, NOW)


LAST = ago(minutes=40)
SEEN_LATELY, SEEN_ONCE = (lasting(Kind.DESKTOP_SEEN, BEFORE, ago(minutes=number)) for number in (119, 120))
STOOD_THERE, ALMOST_STOOD = (lasting(Kind.DESKTOP_SEEN, ago(hours=2) + more, LAST) for more in (0 * SECOND, SECOND))
STANDS, HELD_STANDS = row(conditions=STOOD_THERE), row("HELD READY", conditions=STOOD_THERE)
WAITS, TOO_LONG = row(deadline_at=NOW + minutes(1)), row(deadline_at=NOW)


@table(
    "row look expected sighted",
    ("nothing", WAITS, NOTHING, "REQUEST CLAIMED READY", None),
    ("nothing, no row", None, NOTHING, "REQUEST CLAIMED READY", None),
    ("nothing, but lately", row(conditions=SEEN_LATELY), NOTHING, "= WAITING READY", ago(minutes=119)),
    ("nothing for a deadline", row(conditions=SEEN_ONCE), NOTHING, "REQUEST CLAIMED READY", ago(minutes=120)),
    ("not complete", WAITS, NO_ANSWER, "WAITING DR_DESKTOP_UNCLEAR", None),
    ("ours", WAITS, shows(OURS), "REQUESTED ADOPTED", None),
    ("ours, not complete", None, OURS_PARTLY, "REQUESTED ADOPTED", None),
    ("another's", WAITS, shows(ANOTHERS), "INELIGIBLE USER_HAS_STANDBY", None),
    ("another's, not complete", None, shows(ANOTHERS, **THROTTLED), "INELIGIBLE USER_HAS_STANDBY", None),
    ("another's that goes", WAITS, ANOTHERS_GOING, "WAITING STANDBY_TERMINATING", None),
    ("its own primary", WAITS, shows(desktop(over=ONE)), "INELIGIBLE IS_STANDBY", None),
    ("goes", WAITS, shows(GOING), "WAITING STANDBY_TERMINATING", None),
    ("goes, and was seen", row(conditions=SEEN_LATELY), shows(GOING), "WAITING STANDBY_TERMINATING", None),
    ("a desktop", WAITS, A_DESKTOP, "WAITING DR_DESKTOP_UNCLEAR", NOW),
    ("a desktop, not complete", WAITS, PARTLY, "WAITING DR_DESKTOP_UNCLEAR", NOW),
    ("the user's own, seen for long", STANDS, A_DESKTOP, "INELIGIBLE SECONDARY_EXISTS", LAST),
    ("the user's own, and held", HELD_STANDS, A_DESKTOP, "INELIGIBLE SECONDARY_EXISTS", LAST),
    ("seen for almost as long", row(conditions=ALMOST_STOOD), A_DESKTOP, "WAITING DR_DESKTOP_UNCLEAR", NOW),
    ("seen for long, not complete", STANDS, PARTLY, "WAITING DR_DESKTOP_UNCLEAR", NOW),
    ("a desktop for a deadline", TOO_LONG, A_DESKTOP, "INELIGIBLE SECONDARY_EXISTS", None),
    ("not complete for a deadline", TOO_LONG, PARTLY, "WAITING DR_DESKTOP_UNCLEAR", NOW),
    ("a desktop, held before", row("HELD READY", deadline_at=NOW), A_DESKTOP, "WAITING DR_DESKTOP_UNCLEAR", NOW),
)
def test_a_lookup_before_a_request(row: Any, look: Lookup, expected: str, sighted: Any) -> None:
    found = after_lookup(case(row, seen()), look)
    assert cases.outcome(found) == expected
    assert (found.new.last(Kind.DESKTOP_SEEN) if found.new else None) == sighted
    if expected.startswith("WAITING"):
        deadline = row.deadline_at if row and row.status == "WAITING" else NOW + hours(4)
        due = NOW + (minutes(5) if look is A_DESKTOP else POLL)
        assert (new(found).due_at, new(found).deadline_at) == (due, deadline)


def first(seen_ago: timedelta = FIRST_LOOK, since: timedelta = AN_HOUR, **changes: Any) -> Row:
    """A claim of an hour ago of which a first lookup has found nothing: the next one is the second."""
    noted = lasting(Kind.UNCLEAR, NOW - since) | lasting(Kind.NOTHING_SEEN, NOW - seen_ago) | changes.pop("more", {})
    return claimed("NOTHING_SEEN_ONCE", **({"taken": ago(hours=1), "conditions": noted} | changes))


STOOD = first(taken=ago(hours=2), since=hours(2))
SENT_AGAIN = first(claim_expires_at=NOW - hours(2) + LEASE + SECOND, since=hours(9))
JUST_SENT, SENT_THEN = (first(claim_expires_at=NOW - FIRST_LOOK + LEASE + more) for more in (SECOND, 0 * SECOND))
NOT_YET = "CLAIMED NOTHING_SEEN_ONCE"


@table(
    "row look expected",
    ("the second", first(), NOTHING, "REQUEST CLAIMED READY"),
    ("the second, just apart", first(FIRST_LOOK / 3), NOTHING, "REQUEST CLAIMED READY"),
    ("too close", first(FIRST_LOOK / 3 - SECOND), NOTHING, NOT_YET),
    ("the first", uncertain(60), NOTHING, NOT_YET),
    ("the first after a crash", claimed(), NOTHING, NOT_YET),
    ("unclear for too short", first(since=FIRST_LOOK - SECOND), NOTHING, NOT_YET),
    ("sent again since", JUST_SENT, NOTHING, NOT_YET),
    ("sent again long ago", SENT_THEN, NOTHING, "REQUEST CLAIMED READY"),
    ("a desktop was seen", first(more=SEEN_LATELY), NOTHING, NOT_YET),
    ("a desktop was seen long ago", first(more=SEEN_ONCE), NOTHING, "REQUEST CLAIMED READY"),
    ("not complete", first(), NO_ANSWER, "= CLAIMED NOTHING_SEEN_ONCE"),
    ("not complete, a desktop", first(), PARTLY, "= CLAIMED NOTHING_SEEN_ONCE"),
    ("ours", first(), shows(OURS), "REQUESTED STANDBY_STARTING"),
    ("ours, not complete", first(), OURS_PARTLY, "REQUESTED STANDBY_STARTING"),
    ("ours, in error", first(), shows(desktop("ERROR", of=ONE)), "FAILED STANDBY_IN_ERROR"),
    ("perhaps ours", first(), A_DESKTOP, "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("perhaps ours, not known how", first(), shows(STRANGE), "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("perhaps ours, and goes", first(), shows(GOING), "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("ours, and goes", first(), shows(GOING_OURS), "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("another's", first(), shows(ANOTHERS), "INELIGIBLE SECONDARY_EXISTS"),
    ("another's, the first", uncertain(60), shows(ANOTHERS), NOT_YET),
    ("stands there, the first", uncertain(120), A_DESKTOP, NOT_YET),
    ("stands there, the second", STOOD, A_DESKTOP, "INELIGIBLE SECONDARY_EXISTS"),
    ("stands there, sent again since", SENT_AGAIN, A_DESKTOP, "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("unclear for almost a day", first(since=hours(24) - SECOND), NOTHING, "REQUEST CLAIMED READY"),
    ("unclear for a day", first(since=hours(24)), NOTHING, "REJECTED NO_CLEAR_ANSWER"),
)
def test_a_lookup_after_a_request(row: Row, look: Lookup, expected: str) -> None:
    found = after_lookup(case(row, seen()), look)
    assert cases.outcome(found) == expected
    if expected.startswith("REJECTED"):
        assert (new(found).error_code, new(found).error_message) == ("Unknown", "no answer")
    if expected == NOT_YET:
        assert (new(found).last(Kind.NOTHING_SEEN), new(found).due_at) == (NOW, NOW + minutes(5))
    if expected == "CLAIMED DR_DESKTOP_UNCLEAR":
        assert (new(found).has(Kind.NOTHING_SEEN), new(found).last(Kind.DESKTOP_SEEN)) == (False, NOW)
        assert new(found).due_at == NOW + POLL
    if expected.startswith("CLAIMED"):
        assert (new(found).since(Kind.UNCLEAR), new(found).claim_key) == (row.since(Kind.UNCLEAR) or BEFORE, CLAIM)


@table(
    "row since",
    ("protected", with_one(), NOW),
    ("failed", with_one("FAILED STANDBY_IN_ERROR"), NOW),
    ("a claim after a crash", claimed(), BEFORE),
)
def test_what_a_person_asks_for_again_is_looked_for_twice(row: Row, since: datetime) -> None:
    found = after_lookup(case(row, seen(), BY_HAND), NOTHING)
    assert cases.outcome(found) == NOT_YET
    assert (new(found).since(Kind.UNCLEAR), new(found).claim_key) == (since, CLAIM)


IN_TROUBLE, LATE_ONE = with_one("FAILED STANDBY_IN_ERROR"), with_one("REQUESTED STANDBY_STARTING", deadline_at=BEFORE)
UNCLEAR_THEN = "WAITING DR_DESKTOP_UNCLEAR"


@table(
    "row cause expected",
    ("failed", IN_TROUBLE, BY_HAND, UNCLEAR_THEN),
    ("timed out", with_one("TIMED_OUT STANDBY_NOT_READY"), BY_HAND, UNCLEAR_THEN),
    ("missing", with_one("STANDBY_MISSING STANDBY_GONE"), BY_HAND, UNCLEAR_THEN),
    ("missing, by a sweep", with_one("STANDBY_MISSING STANDBY_GONE"), cases.BY_SWEEP, "= STANDBY_MISSING STANDBY_GONE"),
    ("protected: its cover stands", with_one(), BY_HAND, "PROTECTED STANDBY_READY"),
    ("under way, and late", LATE_ONE, BY_HAND, "REQUESTED STANDBY_STARTING"),
    ("claimed: it is looked for anyhow", claimed(), BY_HAND, "= CLAIMED CLAIM_TAKEN"),
)
def test_what_a_person_asks_for_again_stays_asked_for_after_a_look_that_is_not_complete(
    row: Row, cause: Any, expected: str
) -> None:
    found = after_lookup(case(row, seen(), cause), NO_ANSWER)
    assert cases.outcome(found) == expected
    assert new(found).has(Kind.ASKED) is not expected.startswith("=")
    assert new(found).standby_id == row.standby_id  # another look decides about it
    if expected == UNCLEAR_THEN:
        assert (new(found).due_at, new(found).deadline_at) == (NOW + FIRST_LOOK, NOW + hours(4))


@table(
    "poll first_look gap",
    ("a minute at least", 2, 3, 60),
    ("a poll", 600, 900, 600),
    ("a third of the first look", 120, 900, 300),
)
def test_how_far_two_lookups_are_apart(poll: float, first_look: float, gap: float) -> None:
    configured: Any = {"poll_interval": poll * SECOND, "first_look": first_look * SECOND}
    found = after_lookup(case(uncertain(60), seen(), **configured), NOTHING)
    assert new(found).due_at == NOW + gap * SECOND
    for seconds, expected in ((gap, "REQUEST CLAIMED READY"), (gap - 1, NOT_YET)):
        assert cases.outcome(after_lookup(case(first(seconds * SECOND), seen(), **configured), NOTHING)) == expected


def test_a_sighting_is_noted_again_only_now_and_then() -> None:
    before = uncertain(60)
    noted = new(after_lookup(case(before, seen()), A_DESKTOP))
    for later, is_written in ((29, False), (30, True)):
        again = after_lookup(case(noted, seen(), now=NOW + minutes(later)), A_DESKTOP)
        assert new(again).differs_from(noted) is is_written
        assert new(again).since(Kind.DESKTOP_SEEN) == NOW
        assert new(again).last(Kind.DESKTOP_SEEN) == NOW + (minutes(30) if is_written else minutes(0))


ABSENT, ALMOST = (lasting(Kind.ABSENT, NOW - hours(4) + more) for more in (0 * SECOND, SECOND))
A_DAY_AGO = lasting(Kind.UNCLEAR, NOW - hours(24))


@table(
    "more look expected",
    ("not shown", NONE, NOTHING, "CLAIMED NOT_VISIBLE_YET"),
    ("not shown, almost a deadline", ALMOST, NOTHING, "CLAIMED NOT_VISIBLE_YET"),
    ("not shown for a deadline", ABSENT, NOTHING, "TIMED_OUT PRIMARY_NOT_READY"),
    ("not complete", ABSENT, NO_ANSWER, "= CLAIMED NOTHING_SEEN_ONCE"),
    ("a desktop", ABSENT, A_DESKTOP, "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("a desktop that goes", ABSENT, shows(GOING), "CLAIMED DR_DESKTOP_UNCLEAR"),
    ("ours", ABSENT, shows(OURS), "REQUESTED STANDBY_STARTING"),
    ("another's", ABSENT, shows(ANOTHERS), "TIMED_OUT PRIMARY_NOT_READY"),
    ("a desktop was seen", ABSENT | SEEN_LATELY, NOTHING, "CLAIMED NOT_VISIBLE_YET"),
    ("a desktop was seen long ago", ABSENT | SEEN_ONCE, NOTHING, "TIMED_OUT PRIMARY_NOT_READY"),
    ("unclear for a day", ABSENT | SEEN_LATELY | A_DAY_AGO, A_DESKTOP, "TIMED_OUT PRIMARY_NOT_READY"),
    ("unclear for a day, and just missed", A_DAY_AGO, A_DESKTOP, "CLAIMED NOT_VISIBLE_YET"),
)
def test_a_lookup_while_the_primary_is_not_shown_counts_as_none(more: Any, look: Lookup, expected: str) -> None:
    before = first(more=more)
    found = after_lookup(case(before, None), look)
    assert cases.outcome(found) == expected
    if expected.startswith("TIMED_OUT"):
        assert (cases.facts(found.new, FREE), new(found).since(Kind.GIVEN_UP)) == (FREE, NOW)
    if expected == "CLAIMED NOT_VISIBLE_YET":
        assert new(found).since(Kind.ABSENT) == (before.since(Kind.ABSENT) or NOW)
        assert new(found).last(Kind.NOTHING_SEEN) == before.last(Kind.NOTHING_SEEN)


def test_a_standby_that_only_the_dr_directory_shows_is_the_rows() -> None:
    found = new(after_lookup(case(first(), seen()), shows(OURS)))
    expected = {"standby_id": STANDBY, "standby_state": "PENDING", "dr_region": cases.DR, "claim_expires_at": None}
    assert cases.facts(found, expected) == expected
    assert found.conditions == NONE


def test_a_message_says_whose_desktop_it_is() -> None:
    assert cases.DESKTOP in after_lookup(case(TOO_LONG, seen()), A_DESKTOP).message
    assert OTHER in after_lookup(case(first(), seen()), shows(ANOTHERS)).message
    assert "throttled" in after_lookup(case(first(), seen()), NO_ANSWER).message
