"""The existing fleet: what was there before its directory was watched, and what becomes of mappings that change."""

import dataclasses
from typing import Any

from standby.core import admission
from standby.core.change import Case, Effect
from standby.core.decide import decide
from standby.core.model import Cause, Status
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.core.settings import Rules, Selection
from standby.core.upkeep import user_hash
from tests.core import cases
from tests.core.cases import BY_EVENT, BY_HAND, BY_SWEEP, KNOWN, MOVED, case, has, lasting, row, seen, table, with_one

READY, BUSY, LINUX = seen(), seen(state="PENDING"), seen(operating_system="RHEL_9")
REPORTED = row("REPORTED EXISTING_FLEET", existing=True)
CHANGED = row("REPORTED DR_DIRECTORY_CHANGED")
BACKFILL, HELD = row("HELD BACKFILL", existing=True), row("HELD PAUSED")
WAS_LINUX = row("INELIGIBLE OPERATING_SYSTEM")
SECONDARY, REJECTED = row("INELIGIBLE SECONDARY_EXISTS"), row("REJECTED ACCESS_DENIED")
FOUND, ACCEPTED = cases.FOUND, cases.ACCEPTED
PROTECT: dict[str, Any] = {"existing_fleet": "protect"}
ALL_EXCLUDED: dict[str, Any] = {"selection": Selection(exclude=Rules(users=("*",)))}
OF_FLEET = Cause("event", "e", migrated_from=cases.OTHER, continues_fleet=True)
FOLLOWED = row(existing=True, migrated_from=cases.OTHER, primary_state=None)


def swept(before: Row | None, shown: Any = READY, fleet: Any = KNOWN, **configured: Any) -> Case:
    return case(before, shown, BY_SWEEP, fleet, **configured)


def old(one: Row) -> Row:
    """As one of an existing fleet."""
    return dataclasses.replace(one, existing=True)


@table(
    "given expected",
    ("found first", swept(None, READY, FOUND), "REPORTED EXISTING_FLEET"),
    ("found first, not ready", swept(None, BUSY, FOUND), "REPORTED EXISTING_FLEET"),
    ("found first, linux", swept(None, LINUX, FOUND), "INELIGIBLE OPERATING_SYSTEM"),
    ("found first, with a standby", swept(None, has(), FOUND), "PROTECTED ADOPTED"),
    ("found first, accepted", swept(None, READY, ACCEPTED), "HELD BACKFILL"),
    ("found first, not asked", swept(None, READY, FOUND, **PROTECT), "HELD BACKFILL"),
    ("found first, it goes", swept(None, seen(state="TERMINATED"), FOUND), "PRIMARY_GONE PRIMARY_TERMINATED"),
    ("new", swept(None), "REQUEST CLAIMED READY"),
    ("new, not ready", swept(None, BUSY), "WAITING PRIMARY_PENDING"),
    ("reported", swept(REPORTED), "= REPORTED EXISTING_FLEET"),
    ("reported, accepted", swept(REPORTED, READY, ACCEPTED), "HELD BACKFILL"),
    ("reported, by its event", case(REPORTED, READY, BY_EVENT), "REQUEST CLAIMED READY"),
    ("reported, by its event, not returned yet", case(REPORTED, None, BY_EVENT), "WAITING NOT_VISIBLE_YET"),
    ("reported, by its event, unclear", case(REPORTED, cases.THROTTLED, BY_EVENT), "WAITING DESCRIBE_FAILED"),
    ("reported, by its event, not told", case(REPORTED, seen(user_name=None), BY_EVENT), "WAITING NOT_VISIBLE_YET"),
    ("reported, by its event, another DR directory", case(REPORTED, READY, BY_EVENT, **MOVED), "REQUEST CLAIMED READY"),
    ("held of a fleet, by its event, unclear", case(BACKFILL, None, BY_EVENT), "WAITING NOT_VISIBLE_YET"),
    ("left out of a fleet, by its event", case(old(WAS_LINUX), LINUX, BY_EVENT), "INELIGIBLE OPERATING_SYSTEM"),
    ("refused of a fleet, by a late event", case(old(REJECTED), None, BY_EVENT), "= REJECTED NOT_VISIBLE_YET"),
    ("reported, by hand", case(REPORTED, READY, BY_HAND), "REQUEST CLAIMED READY"),
    ("reported, by a round", case(REPORTED, READY), "= REPORTED EXISTING_FLEET"),
    ("reported, and mapped again", swept(row("REPORTED MAPPING_REMOVED")), "REPORTED EXISTING_FLEET"),
    ("reported, with another DR directory", swept(CHANGED), "= REPORTED DR_DIRECTORY_CHANGED"),
    ("another DR directory, accepted", swept(CHANGED, READY, ACCEPTED), "HELD BACKFILL"),
    ("reported, excluded by now", swept(REPORTED, READY, **ALL_EXCLUDED), "EXCLUDED EXCLUDED_BY_RULE"),
    ("not mapped once", swept(row("INELIGIBLE DIRECTORY_NOT_MAPPED")), "REPORTED EXISTING_FLEET"),
    ("another pair's once", swept(row("INELIGIBLE MAPPED_ELSEWHERE")), "REPORTED EXISTING_FLEET"),
    ("linux once, of a fleet", swept(old(WAS_LINUX)), "REPORTED EXISTING_FLEET"),
    ("linux once, of an accepted fleet", swept(old(WAS_LINUX), READY, ACCEPTED), "HELD BACKFILL"),
    ("linux once, and new", swept(WAS_LINUX), "REQUEST CLAIMED READY"),
    ("late, of a fleet", swept(old(row("TIMED_OUT PRIMARY_NOT_READY"))), "HELD BACKFILL"),
    ("held", swept(HELD), "= HELD PAUSED"),
    ("held, not ready", swept(BACKFILL, BUSY), "= HELD BACKFILL"),
    ("held, linux by now", swept(HELD, LINUX), "= HELD PAUSED"),
    ("held, excluded by now", swept(HELD, READY, **ALL_EXCLUDED), "EXCLUDED EXCLUDED_BY_RULE"),
    ("held, with another DR directory", swept(HELD, READY, **MOVED), "REPORTED DR_DIRECTORY_CHANGED"),
    ("held, with a standby", swept(HELD, has()), "PROTECTED ADOPTED"),
    ("held, at the watcher", case(BACKFILL, READY), "REQUEST CLAIMED READY"),
    ("migrated from a fleet", case(None, READY, OF_FLEET), "REPORTED EXISTING_FLEET"),
    ("migrated from a fleet, not returned yet", case(None, None, OF_FLEET), "WAITING NOT_VISIBLE_YET"),
    ("it is still not ready", case(FOLLOWED, BUSY), "WAITING PRIMARY_PENDING"),
    ("it is ready", case(FOLLOWED, READY), "REPORTED EXISTING_FLEET"),
    ("it is ready, and asked for", case(FOLLOWED, READY, BY_HAND), "REQUEST CLAIMED READY"),
    ("it was late", swept(dataclasses.replace(FOLLOWED, status=Status.TIMED_OUT)), "REPORTED EXISTING_FLEET"),
    ("of an accepted fleet, and not ready", case(row(existing=True), BUSY, BY_EVENT), "WAITING PRIMARY_PENDING"),
    ("migrated from a fleet, linux", case(None, LINUX, OF_FLEET), "INELIGIBLE OPERATING_SYSTEM"),
)
def test_who_is_admitted(given: Case, expected: str) -> None:
    change = decide(given)
    assert cases.outcome(change) == expected
    if given.cause is BY_EVENT and change.new is not change.old:
        assert not cases.new(change).existing  # what an event has named is new for good
    if given.fleet is FOUND and change.new and not expected.startswith("PROTECTED"):
        is_left = not expected.startswith("PRIMARY_GONE")
        assert (change.new.existing, change.new.has(Kind.TROUBLE)) == (is_left, False)


@table(
    "before fleet existing notified",
    ("found first", None, FOUND, True, False),
    ("new", None, KNOWN, False, True),
    ("could not for another reason", old(WAS_LINUX), KNOWN, True, True),
)
def test_a_fleet_without_a_key_is_no_notice_each(before: Any, fleet: Any, existing: bool, notified: bool) -> None:
    new = cases.new(decide(swept(before, seen(user_encrypted=True), fleet)))
    assert (new.reason, new.existing, new.has(Kind.TROUBLE)) == (Reason.NO_DR_KEY, existing, notified)


USERS = frozenset({user_hash(cases.USER)})
SHOWS_ONE, ACCEPTS = dataclasses.replace(KNOWN, users=USERS), dataclasses.replace(ACCEPTED, users=USERS)
SHOWS_ANOTHER = dataclasses.replace(KNOWN, users=frozenset({user_hash("bo")}))


@table(
    "given expected sighted",
    ("new", swept(None, READY, SHOWS_ONE), "WAITING DR_DESKTOP_UNCLEAR", True),
    ("new, not ready", swept(None, BUSY, SHOWS_ONE), "WAITING PRIMARY_PENDING", True),
    ("accepted", swept(REPORTED, READY, ACCEPTS), "HELD BACKFILL", True),
    ("held as it was", swept(HELD, READY, SHOWS_ONE), "= HELD PAUSED", False),
    ("refused for it a day ago", swept(SECONDARY, READY, SHOWS_ONE), "= INELIGIBLE SECONDARY_EXISTS", False),
    ("linux", swept(None, LINUX, SHOWS_ONE), "INELIGIBLE OPERATING_SYSTEM", False),
    ("another user's", swept(None, READY, SHOWS_ANOTHER), "REQUEST CLAIMED READY", False),
    ("not a sweep", case(None, READY, BY_EVENT), "REQUEST CLAIMED READY", False),
    ("no user", swept(None, seen(user_name=None), SHOWS_ONE), "WAITING NOT_VISIBLE_YET", False),
)
def test_a_user_of_whom_the_scan_shows_a_desktop_is_looked_for_first(given: Case, expected: str, sighted: bool) -> None:
    change = decide(given)
    assert cases.outcome(change) == expected
    assert bool(change.new and change.new.has(Kind.DESKTOP_SEEN)) is sighted
    if expected == "WAITING DR_DESKTOP_UNCLEAR":
        assert cases.new(change).due_at == cases.NOW


MISSING = row("STANDBY_MISSING STANDBY_GONE")
TAKEN = row("INELIGIBLE USER_HAS_STANDBY")
LOOKED_FOR = dataclasses.replace(SECONDARY, conditions=lasting(Kind.GIVEN_UP))
SUCCESSOR = dataclasses.replace(SECONDARY, conditions=lasting(Kind.SUCCEEDS))


@table(
    "before cause hours_ago again",
    ("rejected, by a sweep", REJECTED, BY_SWEEP, 23, False),
    ("rejected, by a sweep a day later", REJECTED, BY_SWEEP, 24, True),
    ("rejected, by an event", REJECTED, BY_EVENT, 99, False),
    ("rejected, by hand", REJECTED, BY_HAND, 1, True),
    ("missing, by a sweep", MISSING, BY_SWEEP, 99, False),
    ("missing, by hand", MISSING, BY_HAND, 1, True),
    ("another desktop, by a sweep", SECONDARY, BY_SWEEP, 23, False),
    ("another desktop, by a sweep a day later", SECONDARY, BY_SWEEP, 24, True),
    ("another desktop, by an event", SECONDARY, BY_EVENT, 1, True),
    ("another desktop, and a lookup comes first", LOOKED_FOR, BY_SWEEP, 1, True),
    ("another desktop of a successor", SUCCESSOR, BY_SWEEP, 1, True),
    ("a claim of another primary", TAKEN, BY_SWEEP, 1, True),
    ("a claim of another primary, of a fleet", old(TAKEN), BY_SWEEP, 23, False),
    ("of a fleet, and a lookup comes first", old(LOOKED_FOR), BY_SWEEP, 23, False),
)
def test_what_was_refused_is_tried_again_seldom(before: Row, cause: Cause, hours_ago: float, again: bool) -> None:
    before = dataclasses.replace(before, changed_at=cases.ago(hours=hours_ago))
    change = decide(case(before, READY, cause, KNOWN if cause is BY_SWEEP else None))
    assert (change.effect is not Effect.NOTHING) is again
    assert again or change.new is before


WAS_REPORTED = {"conditions": lasting(Kind.GONE, note="REPORTED EXISTING_FLEET")}


@table(
    "before expected",
    ("nothing", None, False),
    ("reported", REPORTED, True),
    ("reported before it was gone", row("PRIMARY_GONE PRIMARY_TERMINATED", **WAS_REPORTED), True),
    ("gone", row("PRIMARY_GONE PRIMARY_TERMINATED"), False),
    ("left out of a fleet", old(WAS_LINUX), True),
    ("excluded from a fleet", old(row("EXCLUDED NOT_INCLUDED")), True),
    ("left out, and new", WAS_LINUX, False),
    ("held of a fleet", BACKFILL, False),
)
def test_what_comes_after_one_that_is_only_reported_is_no_new_desktop(before: Any, expected: bool) -> None:
    assert admission.continues_fleet(before) is expected


STRAY: dict[str, Any] = {"primary_directory_id": cases.UNMAPPED}
THEIRS: dict[str, Any] = {"primary_directory_id": cases.ELSEWHERE}


@table(
    "before mapping",
    ("as it is", row(), None),
    ("not known where", row(primary_directory_id=None), None),
    ("not mapped", row(**STRAY), Reason.MAPPING_REMOVED),
    ("another DR directory", row(dr_directory_id=cases.OTHER), Reason.DR_DIRECTORY_CHANGED),
    ("no DR directory", row(dr_directory_id=None), None),
)
def test_what_has_become_of_a_mapping(before: Row, mapping: Any) -> None:
    assert admission.changed_mapping(before, cases.settings()) is mapping


@table(
    "before expected",
    ("no row", None, None),
    ("mapped", with_one(), None),
    ("open", row(**STRAY), None),
    ("a standby itself", row("INELIGIBLE IS_STANDBY", **STRAY), None),
    ("gone", row("PRIMARY_GONE PRIMARY_TERMINATED", **STRAY), None),
    ("missing", with_one("STANDBY_MISSING STANDBY_GONE", **STRAY), None),
    ("protected", with_one(**STRAY), "PROTECTED MAPPING_REMOVED"),
    ("protected, another pair's", with_one(**THEIRS), "PROTECTED MAPPING_REMOVED"),
    ("protected, said before", with_one("PROTECTED MAPPING_REMOVED", **STRAY), None),
    ("reported", row("REPORTED EXISTING_FLEET", **STRAY), "REPORTED MAPPING_REMOVED"),
    ("failed", with_one("FAILED STANDBY_IN_ERROR", **STRAY), "FAILED MAPPING_REMOVED"),
    ("late", with_one("TIMED_OUT STANDBY_NOT_READY", **STRAY), "TIMED_OUT MAPPING_REMOVED"),
    ("late, without one", row("TIMED_OUT STANDBY_NOT_READY", **STRAY), "INELIGIBLE DIRECTORY_NOT_MAPPED"),
    ("a former one's", with_one("REJECTED ACCESS_DENIED", **STRAY), None),
    ("held of a fleet", row("HELD BACKFILL", existing=True, **STRAY), "REPORTED MAPPING_REMOVED"),
    ("held", row("HELD PAUSED", **STRAY), "INELIGIBLE DIRECTORY_NOT_MAPPED"),
    ("said before", row("INELIGIBLE DIRECTORY_NOT_MAPPED", **STRAY), None),
    ("another pair's", row("HELD PAUSED", **THEIRS), "INELIGIBLE MAPPED_ELSEWHERE"),
    ("another pair's, said before", row("INELIGIBLE MAPPED_ELSEWHERE", **THEIRS), None),
)
def test_what_a_row_of_a_directory_that_is_not_mapped_any_more_says(before: Any, expected: str | None) -> None:
    change = admission.left_behind(case(before, None, BY_SWEEP))
    assert (change and cases.outcome(change)) == expected
    if change and before.standby_id:
        new = cases.new(change)
        assert (new.standby_id, new.claim_key) == (before.standby_id, before.claim_key)
        assert change.message.endswith(before.message)
    if expected == "INELIGIBLE MAPPED_ELSEWHERE" and change:
        assert change.message.endswith(f"{cases.ELSEWHERE} is mapped in stack Standby-other.")
