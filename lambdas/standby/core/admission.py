"""The existing fleet: what was there before its directory was watched gets nothing before a person accepts it.

Who is new, or asked for by a person, or named by the event of its creation, is admitted at once. All others of an
existing fleet are reported until their directory is accepted, and then wait for their turn (HELD, BACKFILL). The same
holds where a directory has another DR directory by now: what was accepted was so for the former one.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from standby.core.change import Case, Change, Effect
from standby.core.model import EVENT, READY, SWEEP, DirectoryId, Status
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.core.settings import Settings
from standby.core.upkeep import user_mark

# What was refused, or has lost its standby, is not taken up again by a copy of an event. What is excluded follows the
# rules, whoever comes by.
_FOR_A_PERSON = (Status.REJECTED, Status.STANDBY_MISSING)
# What the service refused is tried again by the sweep after so long: somebody may have put it right.
REFUSED_AGAIN = timedelta(hours=24)
_NOT_MAPPED = (Reason.DIRECTORY_NOT_MAPPED, Reason.MAPPED_ELSEWHERE)
_UNDECIDED = (Status.WAITING, Status.REPORTED, Status.EXCLUDED, Status.INELIGIBLE)
_LEFT_OUT = (Status.EXCLUDED, Status.INELIGIBLE)
_GIVEN_UP = (Status.TIMED_OUT, Status.PRIMARY_GONE)


def admit(case: Case, change: Change) -> Change:
    """What was decided for a primary, as far as it is admitted to a standby."""
    row, fleet = case.row, case.fleet
    if fleet is not None and row is not None and row.status is Status.HELD:
        # It waits for its turn at the watcher, unless it has been excluded meanwhile, its DR directory has changed, or
        # somebody else has made it a standby.
        has_one = change.new is not None and change.new.standby_id != row.standby_id
        is_over = change.status in (Status.EXCLUDED, Status.REPORTED) or has_one
        return change if is_over else case.nothing(row.reason)
    if not _was_there_before(case):
        return change
    asks = change.effect is Effect.REQUEST or change.status is Status.WAITING
    is_ready = case.shown is not None and case.shown.state in READY
    if fleet is None and change.new is not None and change.status is Status.WAITING and not is_ready:
        # Whether its migration succeeds is not known yet: it is followed until then.
        return change.having(dataclasses.replace(change.new, existing=True))
    was_late = row is not None and row.migrated_from is not None and row.status in _GIVEN_UP
    if (row is None or row.status in _UNDECIDED or was_late) and (asks or change.status is Status.REPORTED):
        is_accepted = fleet is not None and (fleet.is_accepted or case.settings.existing_fleet == "protect")
        return case.record(Status.HELD, Reason.BACKFILL) if is_accepted else _reported(case)
    if fleet is None:
        return change
    if row is not None and row.existing and asks:
        # What was refused, or came late, waits for its turn again.
        return case.record(Status.HELD, Reason.BACKFILL)
    return _of_a_fleet(case, change)


def _was_there_before(case: Case) -> bool:
    """Whether a WorkSpace was there before its directory was watched, as far as who looks can tell."""
    row, fleet = case.row, case.fleet
    if fleet is None:
        # A migrated one of a fleet that is only reported is no new desktop.
        return not case.is_asked and (case.cause.continues_fleet or (row is not None and _continues(row)))
    if row is None:
        return not fleet.is_known
    # One of a directory that was not mapped was there when it came to be, if not for the first time.
    return row.existing or row.status is Status.REPORTED or row.reason in _NOT_MAPPED


def _continues(row: Row) -> bool:
    """Whether a row is that of a migration, in a fleet that is only reported, whose new id is not ready yet."""
    is_open = row.status is Status.WAITING and row.primary_state not in READY
    return row.existing and row.migrated_from is not None and is_open


def _reported(case: Case) -> Change:
    row = case.row
    if row is not None and row.status is Status.REPORTED and row.reason is not Reason.MAPPING_REMOVED:
        return case.nothing(row.reason)
    before = row.migrated_from if row else case.cause.migrated_from
    return case.record(Status.REPORTED, Reason.EXISTING_FLEET, f"It was migrated from {before}." if before else "")


def _of_a_fleet(case: Case, change: Change) -> Change:
    """A whole fleet's obstacles are one report, and no notice each."""
    if change.new is None or change.new is change.old:
        return change
    new = change.new if case.row is not None else change.new.without(Kind.TROUBLE)
    return change.having(dataclasses.replace(new, existing=new.existing or change.status in _LEFT_OUT))


def is_left_alone(case: Case) -> bool:
    """Whether a settled row waits for a person: whoever else comes by does not take it up again."""
    row, cause = case.row, case.cause
    if row is None or cause.reopens or case.is_new_after_all:
        return False
    if row.status is Status.REPORTED:
        return cause.type != EVENT
    if finds_place_taken(row) and is_shown_there(case):
        return True
    is_dear = finds_place_taken(row) and _tries_are_dear(row)
    if cause.type == SWEEP and (row.status is Status.REJECTED or is_dear):
        return case.now - row.changed_at < REFUSED_AGAIN
    return row.status in _FOR_A_PERSON


def finds_place_taken(row: Row) -> bool:
    """Whether the last try found that the user has another desktop, or another standby, in the DR directory.

    Only another try can tell that it has gone.
    """
    return row.status is Status.INELIGIBLE and row.reason in (Reason.SECONDARY_EXISTS, Reason.USER_HAS_STANDBY)


def is_shown_there(case: Case) -> bool:
    """Whether this sweep's scan of the DR directory has shown a desktop of the user that is not known as a standby."""
    seen = case.shown
    if case.fleet is None or seen is None or seen.user_name is None:
        return False
    return user_mark(seen.user_name) in case.fleet.users


def _tries_are_dear(row: Row) -> bool:
    """Whether a try is a request to the service, or a turn in the line, and makes a history.

    A claim that another primary holds refuses without either, and lets its successor follow as soon as it is free; so
    does a lookup that comes first.
    """
    is_looked_for = row.has(Kind.SUCCEEDS) or row.has(Kind.GIVEN_UP)
    return row.existing or (row.reason is Reason.SECONDARY_EXISTS and not is_looked_for)


def continues_fleet(row: Row | None) -> bool:
    """Whether a row is one of an existing fleet that is only reported: what comes after it is no new desktop."""
    if row is None:
        return False
    before = row.note(Kind.GONE) if row.status is Status.PRIMARY_GONE else row.status
    status = (before or "").partition(" ")[0]
    return status == Status.REPORTED or (row.existing and status in _LEFT_OUT)


# What becomes of rows when a directory is taken out of the configuration, or gets another DR directory. A standby that
# exists stays what it is, in the directory in which it was made, and no second one is made beside it. What has none is
# part of an existing fleet again, or is another pair's. Nothing is terminated.


def mapped_elsewhere(directory: DirectoryId, settings: Settings) -> str | None:
    """Whose a directory is if another pair of the configuration maps it, as a sentence; None if none does."""
    stack = settings.elsewhere.get(directory)
    return f"{directory} is mapped in {stack}." if stack else None


def changed_mapping(row: Row, settings: Settings) -> Reason | None:
    """What has become of the mapping that a row was last written under; None if it stands."""
    if row.primary_directory_id is None:
        return None
    mapped = settings.directories.get(row.primary_directory_id)
    if mapped is None:
        return Reason.MAPPING_REMOVED
    if row.dr_directory_id is not None and row.dr_directory_id != mapped.dr_directory:
        return Reason.DR_DIRECTORY_CHANGED
    return None


def left_behind(case: Case) -> Change | None:
    """What a settled row of a directory that is not mapped any more has to say; None if nothing, or nothing new.

    One that failed or timed out, and has a standby all the same, says that its directory is not mapped, too. With
    another DR directory it stays as it is: that the standby failed is the nearer reason why nobody can be sent to it.
    """
    row, settings = case.row, case.settings
    directory = row.primary_directory_id if row else None
    if row is None or row.status.is_open or directory is None or row.reason is Reason.IS_STANDBY:
        return None
    if directory in settings.directories:
        return None
    if row.status in (Status.PRIMARY_GONE, Status.STANDBY_MISSING):
        return None  # of these nothing more is to be said
    if not row.was_requested and (detail := mapped_elsewhere(directory, settings)):
        is_said = row.reason is Reason.MAPPED_ELSEWHERE
        return None if is_said else case.record(Status.INELIGIBLE, Reason.MAPPED_ELSEWHERE, detail)
    if row.reason in (Reason.DIRECTORY_NOT_MAPPED, Reason.MAPPING_REMOVED):
        return None
    is_left = row.status in (Status.FAILED, Status.TIMED_OUT) and row.standby_id is not None
    if row.status in (Status.PROTECTED, Status.REPORTED) or is_left:
        return case.record(row.status, Reason.MAPPING_REMOVED, row.message)
    if row.standby_id is not None:
        return None  # a former one's, of which somebody was notified
    if row.existing:
        return case.record(Status.REPORTED, Reason.MAPPING_REMOVED)
    return case.record(Status.INELIGIBLE, Reason.DIRECTORY_NOT_MAPPED, f"The directory is {directory}.")
