"""Which WorkSpaces can have a standby at all, by AWS's rules and by the configuration."""

from __future__ import annotations

from standby.model import READY, Workspace
from standby.reasons import Reason
from standby.settings import Settings

# Prefixes: the enums grow (RHEL_9, GRAPHICS_G8), and an unknown value is the service's to judge.
_LINUX = ("AMAZON_LINUX", "UBUNTU", "RHEL", "ROCKY")
_COMPUTE_REFUSED = ("GRAPHICS", "GENERALPURPOSE_4XLARGE", "GENERALPURPOSE_8XLARGE")


def obstacle(seen: Workspace, settings: Settings) -> tuple[Reason, str] | None:
    """Why a WorkSpace cannot have a standby, with the particulars. What the service has not said is no obstacle."""
    if seen.directory_id is not None and seen.directory_id not in settings.directories:
        return Reason.DIRECTORY_NOT_MAPPED, f"The directory is {seen.directory_id}."
    if seen.operating_system and seen.operating_system.startswith(_LINUX):
        return Reason.OPERATING_SYSTEM, f"It is {seen.operating_system}."
    if seen.compute_type and seen.compute_type.startswith(_COMPUTE_REFUSED):
        return Reason.COMPUTE_TYPE, f"It is {seen.compute_type}."
    mapped = settings.directories[seen.directory_id] if seen.directory_id else None
    if seen.is_encrypted and mapped and mapped.volume_encryption_key is None:
        return Reason.NO_DR_KEY, f"The directory is {seen.directory_id}."
    return None


def is_told_whole(seen: Workspace) -> bool:
    """Whether an answer had what a request and its eligibility rest on: a new WorkSpace may be shown without it."""
    return not not_told(seen)


def not_told(seen: Workspace) -> str:
    """What an answer lacks of that, in a sentence; empty if nothing.

    A relation of a type that is not known here may be to a standby: nothing is created beside it.
    """
    rests_on = {"directory": seen.directory_id, "user": seen.user_name, "compute type": seen.compute_type}
    if missing := [name for name, value in rests_on.items() if not value]:
        return f"DescribeWorkspaces does not tell its {' and '.join(missing)}."
    if seen.related and not any(other.is_known for other in seen.related):
        other = seen.related[0]
        return f"It is related to {other.id} by the type {other.kind}, which this version does not know."
    return ""


def is_for_selection(seen: Workspace, settings: Settings) -> bool:
    """Whether a primary has come so far that the selection alone decides: then its rules' tags are asked for."""
    return (
        not (seen.standbys or seen.primary)
        and seen.state in READY
        and is_told_whole(seen)
        and obstacle(seen, settings) is None
    )
