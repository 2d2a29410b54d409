"""The existing fleet: desktops that existed before their directory was watched get a standby only after acceptance.

Desktops that are new, that a person asks for, or that a creation event names are admitted at once. The others of an
existing fleet are reported until their directory is accepted. Then they wait for their turn (HELD, BACKFILL). The same
applies if a directory has a different DR directory now: it was accepted for the former one.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from standby.core.change import Case, Change, Effect
from standby.core.model import EVENT, READY, SWEEP, DirectoryId, Status
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.core.settings import Settings
from standby.core.upkeep import user_hash

# A copy of an event does not reopen rows that were refused or have lost their standby. Excluded rows follow the rules,
# whatever the cause.
_FOR_A_PERSON = (Status.REJECTED, Status.STANDBY_MISSING)
# The sweep retries what the service refused after this time: somebody may have corrected the cause.
REFUSED_AGAIN = timedelta(hours=24)
_NOT_MAPPED = (Reason.DIRECTORY_NOT_MAPPED, Reason.MAPPED_ELSEWHERE)
_UNDECIDED = (Status.WAITING, Status.REPORTED, Status.EXCLUDED, Status.INELIGIBLE)
_LEFT_OUT = (Status.EXCLUDED, Status.INELIGIBLE)
_GIVEN_UP = (Status.TIMED_OUT, Status.PRIMARY_GONE)


def admit(case: Case, change: Change) -> Change:
    """The change that was decided, or the one that reports or holds a desktop of an existing fleet."""
    row, fleet = case.row, case.fleet
    if fleet is not None and row is not None and row.status is Status.HELD:
        # It waits for its turn, which the watcher gives it, unless it was excluded meanwhile, its DR directory has
        # changed, or somebody else has created its standby.
        has_one = change.new is not None and change.new.standby_id != row.standby_id
        is_over = change.status in (Status.EXCLUDED, Status.REPORTED) or has_one
        return change if is_over else case.nothing(row.reason)
    if not _was_there_before(case):
        return change
    asks = change.effect is Effect.REQUEST or change.status is Status.WAITING
    is_ready = case.shown is not None and case.shown.state in READY
    if fleet is None and change.new is not None and change.status is Status.WAITING and not is_ready:
        # It is not known yet whether its migration succeeds: it is followed until then.
        return change.having(dataclasses.replace(change.new, existing=True))
    was_late = row is not None and row.migrated_from is not None and row.status in _GIVEN_UP
    if (row is None or row.status in _UNDECIDED or was_late) and (asks or change.status is Status.REPORTED):
        is_accepted = fleet is not None and (fleet.is_accepted or case.settings.existing_fleet == "protect")
        return case.record(Status.HELD, Reason.BACKFILL) if is_accepted else _reported(case)
    if fleet is None:
        return change
    if row is not None and row.existing and asks:
        # A desktop that was refused, or was late, waits for its turn again.
        return case.record(Status.HELD, Reason.BACKFILL)
    return _of_a_fleet(case, change)


def _was_there_before(case: Case) -> bool:
    """Whether a WorkSpace existed before its directory was watched, as far as the caller knows."""
    row, fleet = case.row, case.fleet
    if fleet is None:
        # A migrated desktop of a fleet that is only reported is not a new desktop.
        return not case.is_asked and (case.cause.continues_fleet or (row is not None and _continues(row)))
    if row is None:
        return not fleet.is_known
    # A desktop of a directory that was not mapped existed when the directory was mapped (again).
    return row.existing or row.status is Status.REPORTED or row.reason in _NOT_MAPPED


def _continues(row: Row) -> bool:
    """Whether a row is the new id of a migration, not ready yet, in a fleet that is only reported."""
    is_open = row.status is Status.WAITING and row.primary_state not in READY
    return row.existing and row.migrated_from is not None and is_open


def _reported(case: Case) -> Change:
    row = case.row
    if row is not None and row.status is Status.REPORTED and row.reason is not Reason.MAPPING_REMOVED:
        return case.nothing(row.reason)
    before = row.migrated_from if row else case.cause.migrated_from
    return case.record(
        Status.REPORTED, Reason.EXISTING_FLEET, f"The desktop was migrated from {before}." if before else ""
    )


def _of_a_fleet(case: Case, change: Change) -> Change:
    """The change without a notice of its own: the obstacles of a whole fleet are one report."""
    if change.new is None or change.new is change.old:
        return change
    new = change.new if case.row is not None else change.new.without(Kind.TROUBLE)
    return change.having(dataclasses.replace(new, existing=new.existing or change.status in _LEFT_OUT))


def is_left_alone(case: Case) -> bool:
    """Whether a settled row waits for a person, so that no other cause reopens it."""
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

    Only another try can find out that it is gone.
    """
    return row.status is Status.INELIGIBLE and row.reason in (Reason.SECONDARY_EXISTS, Reason.USER_HAS_STANDBY)


def is_shown_there(case: Case) -> bool:
    """Whether this sweep's scan of the DR directory found a desktop of the user that is not known to be a standby."""
    seen = case.shown
    if case.fleet is None or seen is None or seen.user_name is None:
        return False
    return user_hash(seen.user_name) in case.fleet.users


def _tries_are_dear(row: Row) -> bool:
    """Whether a try costs a request to the service, or a turn of the backfill, and writes history.

    If another primary holds the claim, or a lookup comes first, a try costs neither: then the row is tried in each
    sweep, and gets its standby as soon as the place is free.
    """
    is_looked_for = row.has(Kind.SUCCEEDS) or row.has(Kind.GIVEN_UP)
    return row.existing or (row.reason is Reason.SECONDARY_EXISTS and not is_looked_for)


def continues_fleet(row: Row | None) -> bool:
    """Whether a row is of an existing fleet that is only reported: then its migrated successor is not a new desktop."""
    if row is None:
        return False
    before = row.note(Kind.GONE) if row.status is Status.PRIMARY_GONE else row.status
    status = (before or "").partition(" ")[0]
    return status == Status.REPORTED or (row.existing and status in _LEFT_OUT)


# What follows for rows if a directory is removed from the configuration, or gets a different DR directory. An existing
# standby stays as it is, in the directory in which it was created, and no second one is created. A desktop without a
# standby is part of an existing fleet again, or belongs to another pair. Nothing is terminated.


def mapped_elsewhere(directory: DirectoryId, settings: Settings) -> str | None:
    """The stack of the other pair that maps a directory, as a sentence; None if no other pair does."""
    stack = settings.elsewhere.get(directory)
    return f"{directory} is mapped in stack {stack}." if stack else None


def changed_mapping(row: Row, settings: Settings) -> Reason | None:
    """What has changed in the mapping of a row's directory since the row was written; None if nothing has."""
    if row.primary_directory_id is None:
        return None
    mapped = settings.directories.get(row.primary_directory_id)
    if mapped is None:
        return Reason.MAPPING_REMOVED
    if row.dr_directory_id is not None and row.dr_directory_id != mapped.dr_directory:
        return Reason.DR_DIRECTORY_CHANGED
    return None


def left_behind(case: Case) -> Change | None:
    """The change of a settled row whose directory is no longer mapped; None if nothing follows, or nothing new.

    This includes rows that failed or timed out and have a standby. If only the DR directory changed, such rows stay as
    they are: the failed standby is the more important reason.
    """
    row, settings = case.row, case.settings
    directory = row.primary_directory_id if row else None
    if row is None or row.status.is_open or directory is None or row.reason is Reason.IS_STANDBY:
        return None
    if directory in settings.directories:
        return None
    if row.status in (Status.PRIMARY_GONE, Status.STANDBY_MISSING):
        return None  # nothing more follows for these
    if not row.was_requested and (detail := mapped_elsewhere(directory, settings)):
        is_said = row.reason is Reason.MAPPED_ELSEWHERE
        return None if is_said else case.record(Status.INELIGIBLE, Reason.MAPPED_ELSEWHERE, detail)
    if row.reason in (Reason.DIRECTORY_NOT_MAPPED, Reason.MAPPING_REMOVED):
        return None
    is_left = row.status in (Status.FAILED, Status.TIMED_OUT) and row.standby_id is not None
    if row.status in (Status.PROTECTED, Status.REPORTED) or is_left:
        return case.record(row.status, Reason.MAPPING_REMOVED, row.message)
    if row.standby_id is not None:
        return None  # it names a former standby, and a notice was sent
    if row.existing:
        return case.record(Status.REPORTED, Reason.MAPPING_REMOVED)
    return case.record(Status.INELIGIBLE, Reason.DIRECTORY_NOT_MAPPED, f"The directory is {directory}.")
