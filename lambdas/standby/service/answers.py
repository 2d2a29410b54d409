"""Reads WorkSpaces out of the service's answers; what is not of the service's form counts as not told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from standby.model import DirectoryId, Region, Related, Workspace, WorkspaceId, is_workspace_id
from standby.texts import legible

# Characters. Longer than any name of the service, and so short that each fits a key of the ledger in any script.
_MOST_OF_A_NAME = 256
_MOST_OF_A_MESSAGE = 1000


def error_of(problem: ClientError) -> tuple[str, str]:
    """The service's error code and words."""
    error = problem.response.get("Error", {})
    return legible(error.get("Code") or "Unknown", _MOST_OF_A_NAME), words(error, "Message") or str(problem)


def status_of(problem: ClientError) -> int:
    """The HTTP status of an error; that of a failed service where none is told: then anything may have happened."""
    return int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))


def failure(problem: Exception) -> tuple[str, str]:
    """Name and words of what kept an answer from coming; botocore quotes what it was given, however long."""
    return type(problem).__name__, legible(problem, _MOST_OF_A_MESSAGE)


def read_workspace(entry: object) -> Workspace | None:
    """A WorkSpace of an answer; None if it lacks an id of the service's form: a call with another is refused whole.

    What else is not of the service's form counts as not told.
    """
    if not isinstance(entry, Mapping):
        return None
    workspace_id = string(entry, "WorkspaceId")
    related = _related(entry.get("RelatedWorkspaces"))
    encrypted = [entry.get(f"{volume}VolumeEncryptionEnabled") or False for volume in ("Root", "User")]
    if workspace_id is None or not is_workspace_id(workspace_id):
        return None
    if related is None or not all(isinstance(one, bool) for one in encrypted):
        return None
    directory_id = string(entry, "DirectoryId")
    properties = entry.get("WorkspaceProperties")
    properties = properties if isinstance(properties, Mapping) else {}
    copied = entry.get("DataReplicationSettings")
    return Workspace(
        id=WorkspaceId(workspace_id),
        directory_id=DirectoryId(directory_id) if directory_id else None,
        user_name=string(entry, "UserName"),
        state=string(entry, "State"),
        compute_type=string(properties, "ComputeTypeName"),
        operating_system=string(properties, "OperatingSystemName"),
        root_gib=_size(properties.get("RootVolumeSizeGib")),
        user_gib=_size(properties.get("UserVolumeSizeGib")),
        protocols=_names(properties.get("Protocols")),
        root_encrypted=encrypted[0],
        user_encrypted=encrypted[1],
        related=related,
        replication=tuple(
            (WorkspaceId(standby_id), string(one, "DataReplication") or "")
            for one in entries(entry, "StandbyWorkspacesProperties")
            if (standby_id := string(one, "StandbyWorkspaceId"))
        ),
        snapshots=tuple(
            (WorkspaceId(standby_id), taken)
            for one in entries(entry, "StandbyWorkspacesProperties")
            if (standby_id := string(one, "StandbyWorkspaceId")) and (taken := _moment(one.get("RecoverySnapshotTime")))
        ),
        data_replication=string(copied, "DataReplication") if isinstance(copied, Mapping) else None,
    )


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _names(listed: object) -> tuple[str, ...]:
    """A list of names in an answer; none if any of them is something else: half of a list is another list."""
    names = listed if isinstance(listed, list) else []
    return tuple(names) if all(isinstance(one, str) for one in names) else ()


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _related(listed: object) -> tuple[Related, ...] | None:
    """The relations in an answer; None if they cannot be read.

    A broken list must not pass for an empty one: that would be a primary without a standby.
    """
    if not isinstance(listed or [], list):
        return None
    told = [_relation(one) for one in (listed if isinstance(listed, list) else ())]
    related = tuple(one for one in told if one is not None)
    return related if len(related) == len(told) or any(one.is_known for one in related) else None


def _relation(other: object) -> Related | None:
    if not isinstance(other, Mapping):
        return None
    related_id, kind, region = string(other, "WorkspaceId"), string(other, "Type"), string(other, "Region")
    if not is_workspace_id(related_id) or kind is None:
        return None
    return Related(WorkspaceId(related_id or ""), Region(region) if region else None, string(other, "State"), kind)


def string(entry: Mapping[str, Any], name: str) -> str | None:
    """A name in an entry; None if there is none, or something that can be none."""
    value = entry.get(name)
    if not isinstance(value, str) or legible(value, _MOST_OF_A_NAME) != value:
        return None
    return value or None


def words(entry: Mapping[str, Any], name: str) -> str | None:
    """The words of an entry, as many as a row of the ledger should hold; None if there are none."""
    value = entry.get(name)
    return legible(value, _MOST_OF_A_MESSAGE) if isinstance(value, str) and value else None


def entries(entry: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list; empty if there is none, or something else."""
    value = entry.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
