"""What is decided for a primary, whoever looks: a row of a table for each branch."""

import dataclasses
from typing import Any

import pytest

from standby.core.change import Case, Effect
from standby.core.decide import decide, doubt, the_standby
from standby.core.model import DEADLINE_PAUSED, HEALTHY_STANDBY, Cause, Override, Related, Unknown, Workspace
from standby.core.reasons import Reason
from standby.core.row import Kind, news
from standby.core.settings import Directory, Rules, Selection
from tests.core import cases
from tests.core.cases import NOW, case, claimed, has, hours, lasting, minutes, outcome, row, seen, table, with_one

BY_EVENT, BY_HAND, MOVED, NOT_MAPPED = cases.BY_EVENT, cases.BY_HAND, cases.MOVED, cases.NOT_MAPPED
HOME, AWAY, DR, OTHER, ELSEWHERE = cases.HOME, cases.AWAY, cases.DR, cases.OTHER, cases.ELSEWHERE
STANDBY, DESKTOP, THROTTLED, REFUSED_ALONE = cases.STANDBY, cases.DESKTOP, cases.THROTTLED, cases.REFUSED_ALONE
LATE, SOON = NOW, NOW + minutes(1)
WAITING, PENDING = row(deadline_at=SOON), row("WAITING PRIMARY_PENDING", deadline_at=SOON)
OVERDUE, REQUESTED = (with_one("REQUESTED STANDBY_STARTING", deadline_at=at) for at in (LATE, SOON))
HELD, PROTECTED, MISSING = row("HELD PAUSED"), with_one(), with_one("STANDBY_MISSING STANDBY_GONE", claim_key=None)
NOTIFIED = lasting(Kind.TROUBLE, note="STANDBY_IN_ERROR", notified=True)
FAILED, LOST = with_one("FAILED STANDBY_IN_ERROR", conditions=NOTIFIED), with_one("TIMED_OUT STANDBY_NOT_READY")
LINUX, IS_STANDBY = row("INELIGIBLE OPERATING_SYSTEM"), row("INELIGIBLE IS_STANDBY")
EXCLUDED, GONE = row("EXCLUDED EXCLUDED_BY_RULE"), row("PRIMARY_GONE PRIMARY_TERMINATED", protected_at=LATE)
NEVER = row(deadline_at=LATE, primary_state=None)
READY, GOING, UBUNTU = seen(), seen(state="TERMINATING"), seen(operating_system="UBUNTU_22_04")
STRAY = seen(directory_id=cases.UNMAPPED)
SWEPT = (cases.BY_SWEEP, cases.KNOWN)


def absent(duration: Any) -> dict[str, Any]:
    return {"conditions": lasting(Kind.ABSENT, NOW - duration)}


@table(
    "row why expected",
    ("no row", None, THROTTLED, "WAITING DESCRIBE_FAILED"),
    ("no row, refused", None, REFUSED_ALONE, "WAITING DESCRIBE_FAILED"),
    ("waiting too long", row(deadline_at=LATE), THROTTLED, "= WAITING DESCRIBE_FAILED"),
    ("refused alone", row(deadline_at=LATE), REFUSED_ALONE, "TIMED_OUT PRIMARY_NOT_READY"),
    ("refused alone, and never returned", NEVER, REFUSED_ALONE, "PRIMARY_GONE NEVER_RETURNED"),
    ("refused alone, in time", row(deadline_at=SOON), REFUSED_ALONE, "= WAITING DESCRIBE_FAILED"),
    ("refused alone, no deadline", row(), REFUSED_ALONE, "= WAITING DESCRIBE_FAILED"),
    ("refused alone, requested", OVERDUE, REFUSED_ALONE, "= REQUESTED DESCRIBE_FAILED"),
    ("claim", claimed(), REFUSED_ALONE, "= CLAIMED DESCRIBE_FAILED"),
    ("absent for long", row(**absent(hours(9))), THROTTLED, "= WAITING DESCRIBE_FAILED"),
)
def test_unknown_is_not_gone(row: Any, why: Unknown, expected: str) -> None:
    change = decide(case(row, why))
    assert outcome(change) == expected
    assert expected.startswith("=") or cases.new(change).error_code == why.code


JUST = minutes(1) / 60
NEW_ID: dict[str, Any] = {"migrated_from": OTHER, "primary_state": "PENDING"}


@table(
    "row expected",
    ("no row", None, "WAITING NOT_VISIBLE_YET"),
    ("waiting", WAITING, "WAITING NOT_VISIBLE_YET"),
    ("waiting, for almost a deadline", row(**absent(hours(4) - JUST)), "WAITING NOT_VISIBLE_YET"),
    ("waiting, for a deadline", row(**absent(hours(4))), "TIMED_OUT PRIMARY_NOT_READY"),
    ("never returned", row(primary_state=None, **absent(hours(4))), "PRIMARY_GONE NEVER_RETURNED"),
    ("never ready after a migration", row(**NEW_ID, **absent(hours(4))), "PRIMARY_GONE MIGRATION_FAILED"),
    ("ready after a migration", row(migrated_from=OTHER, **absent(hours(4))), "TIMED_OUT PRIMARY_NOT_READY"),
    ("the deadline of the row is another matter", row(deadline_at=LATE), "WAITING NOT_VISIBLE_YET"),
    ("requested", REQUESTED, "REQUESTED NOT_VISIBLE_YET"),
    ("requested, almost", row("REQUESTED READY", **absent(hours(2) - JUST)), "REQUESTED NOT_VISIBLE_YET"),
    ("requested, for a deadline", row("REQUESTED READY", **absent(hours(2))), "TIMED_OUT STANDBY_NOT_READY"),
    ("claim in its lease", claimed(taken=NOW), "CLAIMED NOT_VISIBLE_YET"),
    ("claim after its lease", claimed(**absent(hours(9))), "LOOK CLAIMED CLAIM_TAKEN"),
    ("claim that is not due", claimed(due_at=SOON, **absent(hours(9))), "CLAIMED NOT_VISIBLE_YET"),
    ("protected", with_one(**absent(hours(99))), "= PROTECTED NOT_VISIBLE_YET"),
    ("held", row("HELD PAUSED", **absent(hours(99))), "= HELD NOT_VISIBLE_YET"),
)
def test_absence_is_not_a_state(row: Any, expected: str) -> None:
    change = decide(case(row, None))
    changed = outcome(change)
    assert changed == expected or changed == f"= {expected}"
    if change.new and change.new.status.is_open and "LOOK" not in changed:
        assert change.new.since(Kind.ABSENT) == ((row and row.since(Kind.ABSENT)) or NOW)


THEIRS, KNOWN_AS_THEIRS = seen(directory_id=ELSEWHERE), row("INELIGIBLE MAPPED_ELSEWHERE")
THEIR_STANDBY = dataclasses.replace(THEIRS, related=(cases.standby(),))
OF_OTHER = seen(Related(OTHER, DR, "AVAILABLE", "PRIMARY"))


@table(
    "row seen expected",
    ("a standby", None, OF_OTHER, "= None IS_STANDBY"),
    ("a standby with a row", PENDING, OF_OTHER, "INELIGIBLE IS_STANDBY"),
    ("a standby that goes", PENDING, dataclasses.replace(OF_OTHER, state="TERMINATING"), "INELIGIBLE IS_STANDBY"),
    ("known as a standby", IS_STANDBY, OF_OTHER, "= INELIGIBLE IS_STANDBY"),
    ("a standby without its relation", IS_STANDBY, READY, "= INELIGIBLE IS_STANDBY"),
    ("another pair's", None, THEIRS, "= None MAPPED_ELSEWHERE"),
    ("another pair's, with its standby", None, THEIR_STANDBY, "= None MAPPED_ELSEWHERE"),
    ("another pair's, with a row", PENDING, THEIRS, "INELIGIBLE MAPPED_ELSEWHERE"),
    ("known as another pair's", KNOWN_AS_THEIRS, THEIRS, "= INELIGIBLE MAPPED_ELSEWHERE"),
    ("ours, with a standby", with_one(primary_directory_id=ELSEWHERE), THEIR_STANDBY, "PROTECTED MAPPING_REMOVED"),
    ("ours, and its standby is missing", MISSING, THEIRS, "= STANDBY_MISSING STANDBY_GONE"),
    ("ours, claimed", claimed(), THEIRS, "LOOK CLAIMED CLAIM_TAKEN"),
    ("ours, with its claim", row(claim_key="x"), THEIRS, "INELIGIBLE DIRECTORY_NOT_MAPPED"),
)
def test_what_is_not_ours(row: Any, seen: Workspace, expected: str) -> None:
    assert outcome(decide(case(row, seen))) == expected


def leaving(state: str = "AVAILABLE") -> Workspace:
    return dataclasses.replace(has(state), state="TERMINATING")


@table(
    "row seen expected",
    ("unknown", None, GOING, "PRIMARY_GONE PRIMARY_TERMINATED"),
    ("waiting", WAITING, seen(state="TERMINATED"), "PRIMARY_GONE PRIMARY_TERMINATED"),
    ("leaves a standby", None, leaving(), "PRIMARY_GONE ORPHANED"),
    ("leaves one that is not shown", PROTECTED, GOING, "PRIMARY_GONE ORPHANED"),
    ("leaves one that is shown", PROTECTED, leaving("ERROR"), "PRIMARY_GONE ORPHANED"),
    ("gone before", GONE, GOING, "= PRIMARY_GONE PRIMARY_TERMINATED"),
    ("an orphan before", with_one("PRIMARY_GONE ORPHANED"), GOING, "= PRIMARY_GONE ORPHANED"),
    ("its standby goes, too", None, leaving("TERMINATING"), "WAITING STANDBY_TERMINATING"),
    ("claim in its lease", claimed(taken=NOW), GOING, "= CLAIMED CLAIM_TAKEN"),
    ("claim after its lease", claimed(), GOING, "LOOK CLAIMED CLAIM_TAKEN"),
    ("requested without an id", row("REQUESTED READY", requested_at=LATE), GOING, "= REQUESTED READY"),
)
def test_a_primary_on_its_way_out(row: Any, seen: Workspace, expected: str) -> None:
    assert outcome(decide(case(row, seen))) == expected


def was(before: str, **changes: Any) -> Any:
    return dataclasses.replace(GONE, conditions=lasting(Kind.GONE, note=before), **changes)


HAD = was("PROTECTED STANDBY_READY", standby_id=STANDBY, requested_at=LATE)


@table(
    "given expected",
    ("with its standby", case(HAD, has()), "PROTECTED STANDBY_READY"),
    ("without its standby", case(HAD, READY), "LOOK PRIMARY_GONE PRIMARY_TERMINATED"),
    ("that was reported", case(was("REPORTED EXISTING_FLEET", existing=True), READY), "REPORTED EXISTING_FLEET"),
    ("that was ineligible", case(was("INELIGIBLE OPERATING_SYSTEM"), UBUNTU), "INELIGIBLE OPERATING_SYSTEM"),
    ("that was ineligible, and is not", case(was("INELIGIBLE OPERATING_SYSTEM"), READY), "REQUEST CLAIMED READY"),
    ("that was rejected", case(was("REJECTED ACCESS_DENIED"), READY), "REJECTED ACCESS_DENIED"),
    ("that was waiting", case(was("WAITING PRIMARY_PENDING"), READY), "REQUEST CLAIMED READY"),
    ("of which nothing is noted", case(GONE, READY), "REQUEST CLAIMED READY"),
    ("of which nothing is noted, linux", case(GONE, UBUNTU), "INELIGIBLE OPERATING_SYSTEM"),
    ("with a standby by now", case(was("REPORTED EXISTING_FLEET"), has()), "PROTECTED ADOPTED"),
)
def test_a_primary_that_is_shown_again_is_what_it_was(given: Case, expected: str) -> None:
    change = decide(given)
    assert outcome(change) == expected
    assert change.old is given.row
    if change.new and given.row and change.effect is Effect.NOTHING:
        kept = cases.facts(given.row, ["first_seen_at", "protected_at"])
        assert cases.facts(change.new, kept) == kept
        assert not change.new.has(Kind.GONE)


FAILED_THEN = with_one("FAILED MAPPING_REMOVED", conditions=lasting(Kind.UNMAPPED, note="STANDBY_UNHEALTHY"))
REPLICATED = dataclasses.replace(has("ERROR"), replication=((STANDBY, "PRIMARY_AS_SOURCE"),))
BARE_THEN, LOST_THEN = with_one("FAILED MAPPING_REMOVED"), with_one("TIMED_OUT MAPPING_REMOVED")


@table(
    "row seen configured expected",
    ("as it was", FAILED_THEN, has("ERROR"), NOT_MAPPED, "= FAILED MAPPING_REMOVED"),
    ("late as it was", LOST_THEN, has("PENDING"), NOT_MAPPED, "= TIMED_OUT MAPPING_REMOVED"),
    ("replicated meanwhile", BARE_THEN, REPLICATED, NOT_MAPPED, "= FAILED MAPPING_REMOVED"),
    ("its standby goes", BARE_THEN, has("TERMINATING"), NOT_MAPPED, "= FAILED MAPPING_REMOVED"),
    ("its late standby goes", LOST_THEN, has("TERMINATED"), NOT_MAPPED, "= TIMED_OUT MAPPING_REMOVED"),
    ("well", FAILED_THEN, has(), NOT_MAPPED, "PROTECTED MAPPING_REMOVED"),
    ("mapped again", FAILED_THEN, has("UNHEALTHY"), {}, "FAILED STANDBY_UNHEALTHY"),
    ("mapped again, nothing noted", LOST_THEN, has("PENDING"), {}, "TIMED_OUT STANDBY_NOT_READY"),
    ("mapped again, in error", BARE_THEN, has("ERROR"), {}, "FAILED STANDBY_IN_ERROR"),
    ("mapped again, and well", FAILED_THEN, has(), {}, "PROTECTED STANDBY_READY"),
    ("mapped again, and replicated meanwhile", BARE_THEN, REPLICATED, {}, "FAILED STANDBY_IN_ERROR"),
    ("mapped again, elsewhere", FAILED_THEN, has("ERROR"), MOVED, "FAILED STANDBY_UNHEALTHY"),
)
def test_one_that_failed_before_its_directory_was_unmapped(row: Any, seen: Any, configured: Any, expected: str) -> None:
    assert outcome(decide(case(row, seen, **configured))) == expected


MADE_BY_HAND = row("REQUESTED ADOPTED", standby_id=STANDBY, deadline_at=SOON)
OTHERS, ENDS = ("PENDING", "REBOOTING", "UNHEALTHY", "SUSPENDED", "QUANTUM", ""), ("ERROR", "TERMINATED")
UNHEALTHY = with_one("FAILED STANDBY_UNHEALTHY")
ACCEPTED = with_one("REQUESTED CREATE_ACCEPTED", due_at=LATE, deadline_at=SOON)


@table(
    "row state expected",
    *((f"ours is {state}", REQUESTED, state, "PROTECTED STANDBY_READY") for state in sorted(HEALTHY_STANDBY)),
    ("a claim's is ready", claimed(taken=NOW), "AVAILABLE", "PROTECTED STANDBY_READY"),
    ("somebody's is ready", None, "AVAILABLE", "PROTECTED ADOPTED"),
    ("somebody's is ready later", MADE_BY_HAND, "AVAILABLE", "PROTECTED ADOPTED"),
    ("of one that waits", WAITING, "AVAILABLE", "PROTECTED ADOPTED"),
    ("late, and ready", LOST, "AVAILABLE", "PROTECTED STANDBY_READY"),
    ("failed, and ready", FAILED, "AVAILABLE", "PROTECTED STANDBY_READY"),
    ("missing, and back", MISSING, "AVAILABLE", "PROTECTED STANDBY_READY"),
    ("ready as it was", PROTECTED, "STOPPED", "= PROTECTED STANDBY_READY"),
    *((f"once ready, {state}", PROTECTED, state, "= PROTECTED STANDBY_READY") for state in (*OTHERS, *ENDS)),
    ("unhealthy, and in error", UNHEALTHY, "ERROR", "= FAILED STANDBY_UNHEALTHY"),
    ("in error", REQUESTED, "ERROR", "FAILED STANDBY_IN_ERROR"),
    ("in error as it was", FAILED, "ERROR", "= FAILED STANDBY_IN_ERROR"),
    ("somebody's in error", None, "ERROR", "FAILED STANDBY_IN_ERROR"),
    ("ours goes", REQUESTED, "TERMINATING", "= REQUESTED STANDBY_TERMINATING"),
    ("ours goes, overdue", OVERDUE, "TERMINATING", "TIMED_OUT STANDBY_NOT_READY"),
    ("a claim's goes: perhaps an earlier one", claimed(), "TERMINATED", "= CLAIMED STANDBY_TERMINATING"),
    ("somebody's goes", None, "TERMINATING", "WAITING STANDBY_TERMINATING"),
    ("ours is overdue", OVERDUE, "PENDING", "TIMED_OUT STANDBY_NOT_READY"),
    ("late as it was", LOST, "PENDING", "= TIMED_OUT STANDBY_NOT_READY"),
    ("failed, and at work", FAILED, "PENDING", "= FAILED STANDBY_IN_ERROR"),
    ("a claim's deadline is the primary's", claimed(deadline_at=LATE), "PENDING", "REQUESTED STANDBY_STARTING"),
    *((f"ours is {state}", REQUESTED, state, "= REQUESTED STANDBY_STARTING") for state in OTHERS),
    ("just accepted", ACCEPTED, "PENDING", "REQUESTED STANDBY_STARTING"),
    ("somebody's is at work", None, "PENDING", "REQUESTED ADOPTED"),
    ("somebody's is still at work", MADE_BY_HAND, "PENDING", "= REQUESTED ADOPTED"),
)
def test_a_primary_with_a_standby(row: Any, state: str, expected: str) -> None:
    assert outcome(decide(case(row, has(state)))) == expected


@table("row due deadline", ("found", None, NOW + minutes(2), NOW + hours(2)), ("known", ACCEPTED, LATE, SOON))
def test_a_standby_that_is_found_is_due_at_the_next_poll_and_has_a_deadline(row: Any, due: Any, deadline: Any) -> None:
    found = cases.new(decide(case(row, has("PENDING"))))
    assert (found.due_at, found.deadline_at) == (due, deadline)


@table(
    "known states expected",
    ("the known one", STANDBY, ("PENDING", "AVAILABLE"), STANDBY),
    ("the healthiest", None, ("PENDING", "AVAILABLE"), DESKTOP),
    ("the known one goes", STANDBY, ("TERMINATING", "AVAILABLE"), DESKTOP),
    ("another is known", OTHER, ("ERROR", "AVAILABLE"), DESKTOP),
)
def test_of_two_standbys_the_known_one_counts(known: Any, states: Any, expected: str) -> None:
    shown = seen(*map(cases.standby, states, (STANDBY, DESKTOP)))
    assert the_standby(shown, row(standby_id=known)).id == expected


def test_one_notice_says_that_there_are_two_standbys_and_what_is_wrong_with_the_primarys_own() -> None:
    found = cases.new(decide(case(REQUESTED, seen(*map(cases.standby, ("ERROR", "ERROR"), (STANDBY, DESKTOP))))))
    assert f"{found.status} {found.reason}" == "FAILED STANDBY_IN_ERROR"
    assert (found.has(Kind.TROUBLE), news({}, found.conditions)) == (True, Kind.DOUBLED)
    said = f"{Reason.TWO_STANDBYS.meaning.sentence} Standbys: {STANDBY}, {DESKTOP}. {found.reason.meaning.sentence}"
    assert found.message.startswith(said)


AGAIN: dict[str, Any] = {"recreate_missing": True}
WAS_SENT, TAKEN = claimed(taken=NOW - minutes(2), due_at=NOW), with_one("INELIGIBLE SECONDARY_EXISTS")
HAD_ONE = {f"{one.status} {one.reason}": one for one in (PROTECTED, FAILED, LOST, MISSING)}


@table(
    "given expected",
    ("claim in its lease", case(claimed(taken=NOW - minutes(2) + JUST), READY), "= CLAIMED CLAIM_TAKEN"),
    ("claim in its lease, by hand", case(claimed(taken=NOW), READY, BY_HAND), "= CLAIMED CLAIM_TAKEN"),
    ("claim that is not due", case(claimed(due_at=SOON), READY, BY_HAND), "= CLAIMED CLAIM_TAKEN"),
    ("claim after its lease", case(WAS_SENT, READY), "LOOK CLAIMED CLAIM_TAKEN"),
    ("claim without a lease", case(claimed(claim_expires_at=None), READY), "LOOK CLAIMED CLAIM_TAKEN"),
    ("requested", case(REQUESTED, READY), "= REQUESTED STANDBY_STARTING"),
    ("requested, by hand", case(REQUESTED, READY, BY_HAND), "REQUESTED STANDBY_STARTING"),
    ("requested, overdue", case(OVERDUE, READY), "TIMED_OUT STANDBY_NOT_READY"),
    *((f"{state}, by an event", case(one, READY, BY_EVENT), f"= {state}") for state, one in HAD_ONE.items()),
    *((f"{state}, by a sweep", case(one, READY, *SWEPT), f"= {state}") for state, one in HAD_ONE.items()),
    *((f"{state}, by hand", case(one, READY, BY_HAND), f"LOOK {state}") for state, one in HAD_ONE.items()),
    ("ineligible, by hand", case(TAKEN, READY, BY_HAND), "= INELIGIBLE SECONDARY_EXISTS"),
    ("requested, no id", case(row("PROTECTED READY", requested_at=LATE), READY), "= PROTECTED READY"),
    ("missing, once for all", case(MISSING, READY, *SWEPT, **AGAIN), "LOOK STANDBY_MISSING STANDBY_GONE"),
    ("missing, not the sweep", case(MISSING, READY, **AGAIN), "= STANDBY_MISSING STANDBY_GONE"),
    ("protected, not missing", case(PROTECTED, READY, *SWEPT, **AGAIN), "= PROTECTED STANDBY_READY"),
    ("missing, elsewhere", case(MISSING, READY, *SWEPT, **(AGAIN | MOVED)), "= STANDBY_MISSING STANDBY_GONE"),
)
def test_a_standby_that_is_not_shown_is_asked_for_again_by_nobody_but_a_person(given: Case, expected: str) -> None:
    assert outcome(decide(given)) == expected


SVC: dict[str, Any] = {"selection": Selection(exclude=Rules(users=("svc-*",)))}
ALL: dict[str, Any] = {"selection": Selection(exclude=Rules(users=("*",)))}
TAGS: dict[str, Any] = {"selection": Selection(include=Rules(tags={"dr": "yes"}))}
REFUSED, WAS_REPORTED = row("REJECTED SERVICE_REFUSED"), row("REPORTED EXISTING_FLEET", existing=True)
ENDED, ASKED = has("TERMINATING"), {"conditions": lasting(Kind.ASKED)}
ASKED_LATE, ASKED_MEANWHILE = (dataclasses.replace(one, conditions=lasting(Kind.ASKED)) for one in (OVERDUE, REQUESTED))
UNWELL_THEN = with_one("WAITING DESCRIBE_FAILED", conditions=lasting(Kind.ASKED) | lasting(Kind.UNWELL))


@table(
    "given expected",
    ("its standby is being terminated", case(FAILED, ENDED, BY_HAND), "WAITING STANDBY_TERMINATING"),
    ("so is a lost one's", case(MISSING, ENDED, BY_HAND), "WAITING STANDBY_TERMINATING"),
    ("it still is", case(with_one("WAITING STANDBY_TERMINATING", **ASKED), ENDED), "= WAITING STANDBY_TERMINATING"),
    ("it is gone", case(with_one("WAITING STANDBY_TERMINATING", **ASKED), READY), "LOOK WAITING STANDBY_TERMINATING"),
    ("nobody asked", case(FAILED, ENDED), "= FAILED STANDBY_TERMINATING"),
    ("no answer", case(REFUSED, THROTTLED, BY_HAND), "WAITING DESCRIBE_FAILED"),
    ("no answer about a failed one", case(FAILED, THROTTLED, BY_HAND), "WAITING DESCRIBE_FAILED"),
    ("not returned: refused, with why", case(WAS_REPORTED, None, BY_HAND), "= REPORTED NOT_VISIBLE_YET"),
    ("not told", case(REFUSED, seen(user_name=None), BY_HAND), "WAITING NOT_VISIBLE_YET"),
    ("tags are not known", case(REFUSED, READY, BY_HAND, **TAGS), "WAITING TAGS_UNKNOWN"),
    ("excluded: refused, with why", case(REFUSED, READY, BY_HAND, **ALL), "EXCLUDED EXCLUDED_BY_RULE"),
    ("it may be covered", case(PROTECTED, THROTTLED, BY_HAND), "PROTECTED DESCRIBE_FAILED"),
    ("it was, and is not", case(with_one("PROTECTED STANDBY_READY", **ASKED), READY), "LOOK PROTECTED STANDBY_READY"),
    ("held, and no answer", case(HELD, None, BY_HAND), "HELD NOT_VISIBLE_YET"),
    ("its new standby is terminated", case(REQUESTED, ENDED, BY_HAND), "WAITING STANDBY_TERMINATING"),
    ("it may be, and no answer", case(REQUESTED, THROTTLED, BY_HAND), "REQUESTED DESCRIBE_FAILED"),
    ("it may be, and none is shown", case(REQUESTED, READY, BY_HAND), "REQUESTED STANDBY_STARTING"),
    ("it was, as an answer says then", case(ASKED_MEANWHILE, ENDED), "WAITING STANDBY_TERMINATING"),
    ("it is late, and none is shown", case(ASKED_LATE, READY), "LOOK REQUESTED STANDBY_STARTING"),
    ("it is shown for ever", case(FAILED, has("TERMINATED"), BY_HAND), "LOOK FAILED STANDBY_IN_ERROR"),
    ("it is unwell, still", case(UNWELL_THEN, has("UNHEALTHY")), "FAILED STANDBY_UNHEALTHY"),
    ("excluded, as far as is known", case(EXCLUDED, READY, BY_HAND, **TAGS), "WAITING TAGS_UNKNOWN"),
    ("it is gone for good", case(GONE, None, BY_HAND), "= PRIMARY_GONE NOT_VISIBLE_YET"),
    ("a round finds nothing", case(REFUSED, THROTTLED), "= REJECTED DESCRIBE_FAILED"),
)
def test_a_persons_request_stays_open_until_it_can_be_carried_out_or_is_refused(given: Case, expected: str) -> None:
    change = decide(given)
    assert outcome(change) == expected
    if given.cause is BY_HAND and expected.startswith(("WAITING", "HELD", "PROTECTED", "REQUESTED")):
        assert cases.new(change).has(Kind.ASKED)


@pytest.mark.parametrize("before", [REQUESTED, ASKED_MEANWHILE])
def test_a_standby_that_is_shown_under_way_is_the_answer_to_a_persons_request(before: Any) -> None:
    """Should it be terminated later, nobody has asked for another one."""
    assert not cases.new(decide(case(before, has("PENDING"), BY_HAND))).has(Kind.ASKED)


OVERRIDDEN = dataclasses.replace(BY_HAND, overrides=frozenset({Override.EXCLUDED}))
LIMITLESS = dataclasses.replace(BY_HAND, overrides=frozenset({Override.CEILING, Override.DAILY_CAP}))
NO_RULES: dict[str, Any] = {"conditions": lasting(Kind.ASKED, note="CEILING EXCLUDED")}
ASKED_WAITING, ASKED_HELD = row(deadline_at=SOON, **NO_RULES), row("HELD PAUSED", **NO_RULES)


@table(
    "given expected note",
    ("now", case(EXCLUDED, READY, OVERRIDDEN, **ALL), "REQUEST CLAIMED READY", None),
    ("not ready yet", case(EXCLUDED, seen(state="PENDING"), OVERRIDDEN, **ALL), "WAITING PRIMARY_PENDING", "EXCLUDED"),
    ("without a row", case(None, seen(state="PENDING"), OVERRIDDEN, **ALL), "WAITING PRIMARY_PENDING", "EXCLUDED"),
    ("no answer", case(EXCLUDED, THROTTLED, OVERRIDDEN, **ALL), "WAITING DESCRIBE_FAILED", "EXCLUDED"),
    ("tags do not matter", case(None, READY, OVERRIDDEN, **TAGS), "REQUEST CLAIMED READY", None),
    ("when it is ready", case(ASKED_WAITING, READY, **ALL), "REQUEST CLAIMED READY", "CEILING EXCLUDED"),
    ("held, in a sweep", case(ASKED_HELD, READY, *SWEPT, **ALL), "= HELD PAUSED", "CEILING EXCLUDED"),
    ("protected, in a sweep", case(PROTECTED, has(), *SWEPT, **ALL), "= PROTECTED STANDBY_READY", None),
    ("no rule is named", case(EXCLUDED, READY, LIMITLESS, **ALL), "EXCLUDED EXCLUDED_BY_RULE", None),
    ("an obstacle is no rule", case(EXCLUDED, UBUNTU, OVERRIDDEN, **ALL), "INELIGIBLE OPERATING_SYSTEM", None),
)
def test_what_a_person_overrides_holds_until_the_standby_is_requested(
    given: Case, expected: str, note: str | None
) -> None:
    change = decide(given)
    assert outcome(change) == expected.replace("= EXCLUDED", "EXCLUDED")
    assert (change.new.note(Kind.ASKED) if change.new else None) == note


TAGGED, SVC_1 = seen(tags=(("dr", "yes"),)), seen(user_name="SVC-1")
NO_USER, USER_DUE = (row("WAITING USER_NOT_IN_DR_DIRECTORY", due_at=at) for at in (SOON, NOW))
BUSY, SUSPENDED, MAINTAINED = (seen(state=state) for state in ("STOPPING", "SUSPENDED", "ADMIN_MAINTENANCE"))
STUCK, REJECTED, TOO_LATE = row("TIMED_OUT PRIMARY_NOT_READY"), row("REJECTED ACCESS_DENIED"), row(deadline_at=LATE)
WAS_STRAY = row("INELIGIBLE DIRECTORY_NOT_MAPPED", primary_directory_id=cases.UNMAPPED)


@table(
    "given expected",
    ("ready", case(None, READY, BY_EVENT), "REQUEST CLAIMED READY"),
    ("stopped", case(WAITING, seen(state="STOPPED", compute_type="QUANTUM")), "REQUEST CLAIMED READY"),
    ("overdue, and ready", case(TOO_LATE, READY), "REQUEST CLAIMED READY"),
    ("held, and ready", case(HELD, READY), "REQUEST CLAIMED READY"),
    ("stuck, and ready", case(STUCK, READY), "REQUEST CLAIMED READY"),
    ("ineligible once", case(LINUX, READY), "REQUEST CLAIMED READY"),
    ("no compute type", case(None, seen(compute_type=None)), "WAITING NOT_VISIBLE_YET"),
    ("no state", case(None, seen(state=None)), "WAITING NOT_VISIBLE_YET"),
    ("not ready", case(None, BUSY), "WAITING PRIMARY_PENDING"),
    ("still not ready", case(PENDING, BUSY), "= WAITING PRIMARY_PENDING"),
    ("not ready in time", case(TOO_LATE, BUSY), "TIMED_OUT PRIMARY_NOT_READY"),
    ("stuck", case(STUCK, BUSY), "= TIMED_OUT PRIMARY_NOT_READY"),
    ("held, and not ready", case(HELD, BUSY), "WAITING PRIMARY_PENDING"),
    ("held, and not all is told", case(HELD, seen(user_name=None)), "WAITING NOT_VISIBLE_YET"),
    ("settled, and not all is told", case(LINUX, seen(compute_type=None)), "= INELIGIBLE OPERATING_SYSTEM"),
    ("paused by the service", case(None, SUSPENDED), "WAITING PRIMARY_PAUSED_BY_SERVICE"),
    ("paused, past its deadline", case(TOO_LATE, MAINTAINED), "WAITING PRIMARY_PAUSED_BY_SERVICE"),
    ("not mapped", case(None, STRAY), "INELIGIBLE DIRECTORY_NOT_MAPPED"),
    ("not mapped, still", case(WAS_STRAY, STRAY), "= INELIGIBLE DIRECTORY_NOT_MAPPED"),
    ("linux", case(None, seen(operating_system="RHEL_9", state="PENDING")), "INELIGIBLE OPERATING_SYSTEM"),
    ("graphics", case(HELD, seen(compute_type="GRAPHICS_G8")), "INELIGIBLE COMPUTE_TYPE"),
    ("excluded", case(None, SVC_1, **SVC), "EXCLUDED EXCLUDED_BY_RULE"),
    ("excluded while it waits", case(HELD, SVC_1, **SVC), "EXCLUDED EXCLUDED_BY_RULE"),
    ("excluded, and its request is unclear", case(claimed(), SVC_1, **SVC), "LOOK CLAIMED CLAIM_TAKEN"),
    ("excluded, and it has a standby", case(PROTECTED, has(), **ALL), "= PROTECTED STANDBY_READY"),
    ("excluded no more", case(EXCLUDED, READY, **SVC), "REQUEST CLAIMED READY"),
    ("not included", case(None, seen(tags=()), **TAGS), "EXCLUDED NOT_INCLUDED"),
    ("included", case(None, TAGGED, **TAGS), "REQUEST CLAIMED READY"),
    ("tags not known", case(None, READY, **TAGS), "WAITING TAGS_UNKNOWN"),
    ("tags not known, held", case(HELD, READY, **TAGS), "= HELD TAGS_UNKNOWN"),
    ("tags not known, excluded", case(EXCLUDED, READY, **TAGS), "= EXCLUDED EXCLUDED_BY_RULE"),
    ("tags not known, not ready", case(None, BUSY, **TAGS), "WAITING PRIMARY_PENDING"),
    ("its user is awaited", case(NO_USER, READY), "= WAITING USER_NOT_IN_DR_DIRECTORY"),
    ("its user is awaited, by hand", case(NO_USER, READY, BY_HAND), "REQUEST CLAIMED READY"),
    ("its user is due", case(USER_DUE, READY), "REQUEST CLAIMED READY"),
    ("rejected, and linux", case(REJECTED, seen(operating_system="RHEL_9")), "INELIGIBLE OPERATING_SYSTEM"),
    ("held for another DR directory", case(HELD, READY, **MOVED), "REPORTED DR_DIRECTORY_CHANGED"),
    ("held for another, by hand", case(HELD, READY, BY_HAND, **MOVED), "REQUEST CLAIMED READY"),
    ("waiting for another", case(WAITING, READY, **MOVED), "REQUEST CLAIMED READY"),
)
def test_a_primary_without_a_standby(given: Case, expected: str) -> None:
    assert outcome(decide(given)) == expected


@pytest.mark.parametrize("state", sorted(DEADLINE_PAUSED))
def test_a_desktop_of_a_fleet_whose_deadline_is_paused_does_not_hold_up_the_others(state: str) -> None:
    pending = row("WAITING PRIMARY_PENDING", existing=True)
    assert pending.is_under_way
    assert not cases.new(decide(case(pending, seen(state=state)))).is_under_way


KEY: dict[str, Any] = {"directories": {HOME: Directory(AWAY, "key")}}


@table(
    "given due deadline",
    ("not visible", case(None, None), 15, 240),
    ("not answered", case(None, THROTTLED), 2, 240),
    ("pending", case(None, BUSY), 15, 240),
    ("an encrypted root", case(None, seen(state="PENDING", root_encrypted=True), **KEY), 45, 240),
    ("tags", case(None, READY, **TAGS), 2, 240),
    ("suspended", case(None, SUSPENDED), 15, 240),
    ("suspended, half is left", case(row(due_at=NOW, deadline_at=NOW + minutes(120)), SUSPENDED), 0, 120),
    ("suspended, with less", case(row(due_at=NOW, deadline_at=NOW + minutes(119)), SUSPENDED), 0, 240),
    ("suspended, without a deadline", case(row(due_at=NOW), SUSPENDED), 0, 240),
    ("suspended after it was held", case(row("HELD PAUSED", deadline_at=SOON), SUSPENDED), 15, 240),
)
def test_when_what_waits_is_due_and_until_when(given: Case, due: int, deadline: int) -> None:
    new = cases.new(decide(given))
    assert (new.due_at, new.deadline_at) == (NOW + minutes(due), NOW + minutes(deadline))


# What makes a request doubtful

DOUBTFUL = (Kind.SUCCEEDS, Kind.GIVEN_UP, Kind.DESKTOP_SEEN)
MUTUAL: dict[str, Any] = {"directories": {HOME: Directory(AWAY, mutual=True)}}


@table(
    "given words",
    ("none", case(None, READY), ""),
    ("a directory of standbys", case(None, READY, **MUTUAL), "holds standbys"),
    ("another directory", case(None, STRAY, **MUTUAL), ""),
    ("a successor", case(None, READY, Cause("event", "e", succeeds=True)), "migrated"),
    *((kind, case(row(conditions=lasting(kind)), READY), kind if kind in DOUBTFUL else "") for kind in Kind),
)
def test_what_makes_a_request_doubtful(given: Case, words: str) -> None:
    assert words in doubt(given)
    assert bool(doubt(given)) is bool(words)
    if given.seen is READY:
        assert outcome(decide(given)).startswith("LOOK" if words else "REQUEST")
        assert decide(given).new is given.row


# Who decides


@pytest.mark.parametrize("shown", [READY, None, THROTTLED, GOING, has()], ids=str)
@pytest.mark.parametrize("before", [WAITING, claimed(), REQUESTED], ids=lambda one: one.status)
def test_a_sweep_leaves_what_is_open_to_the_watcher(before: Any, shown: Any) -> None:
    assert outcome(decide(case(before, shown, *SWEPT))) == f"= {before.status} {before.reason}"
