"""What becomes of rows when a directory is taken out of the configuration, or gets another partner.

A standby that exists stays what it is, in the partner in which it was made, and no second one is made beside it. What
has none is part of an existing fleet again, which somebody has to accept, or is another pair's. Nothing is terminated.

One that failed or timed out, and has a standby all the same, says that its directory is not mapped, too; mapped again,
it is what it was (`decide.py`). With another partner it stays as it is: that the standby failed is the nearer reason
why nobody can be sent to it.
"""

from __future__ import annotations

from standby.decisions.decision import Decision, record
from standby.model import DirectoryId, Status
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings

# Of these nothing more is to be said: gone, or missing.
_SAID = (Status.PRIMARY_GONE, Status.STANDBY_MISSING)
_WITHOUT_COVER = (Status.FAILED, Status.TIMED_OUT)


def unmapped_directory(row: Row, settings: Settings) -> DirectoryId | None:
    """The directory of a row if it is not in the configuration any more."""
    directory = row.primary_directory_id
    return directory if directory is not None and directory not in settings.directories else None


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
        return Reason.PARTNER_CHANGED
    return None


def left_behind(row: Row, settings: Settings) -> Decision | None:
    """What a settled row of a directory that is not mapped any more has to say; None if nothing, or nothing new."""
    directory = unmapped_directory(row, settings)
    if row.status.is_open or row.status in _SAID or directory is None or row.reason is Reason.IS_STANDBY:
        return None
    if not row.was_requested and (detail := mapped_elsewhere(directory, settings)):
        is_said = row.reason is Reason.MAPPED_ELSEWHERE
        return None if is_said else record(row.primary_id, Status.INELIGIBLE, Reason.MAPPED_ELSEWHERE, detail)
    if row.reason in (Reason.DIRECTORY_NOT_MAPPED, Reason.MAPPING_REMOVED):
        return None
    is_left = row.status in _WITHOUT_COVER and row.standby_id is not None
    if row.status in (Status.PROTECTED, Status.REPORTED) or is_left:
        return record(row.primary_id, row.status, Reason.MAPPING_REMOVED, row.message)
    if row.standby_id is not None:
        return None  # a former one's, which is told
    if row.existing:
        return record(row.primary_id, Status.REPORTED, Reason.MAPPING_REMOVED)
    return record(row.primary_id, Status.INELIGIBLE, Reason.DIRECTORY_NOT_MAPPED)
