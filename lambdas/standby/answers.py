"""Reads WorkSpaces out of the service's answers; what is not of the service's form counts as not told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from standby.model import DirectoryId, Region, Related, Workspace, WorkspaceId


def error_of(problem: ClientError) -> tuple[str, str]:
    """The service's error code and words."""
    error = problem.response.get("Error", {})
    return error.get("Code") or "Unknown", error.get("Message") or str(problem)


def read_workspace(entry: object) -> Workspace | None:
    """A WorkSpace of an answer; None if it lacks an id. What is not of the service's form counts as not told."""
    if not isinstance(entry, Mapping):
        return None
    workspace_id = string(entry, "WorkspaceId")
    # A broken list of relations must not pass for an empty one: that would be a primary without a standby.
    if workspace_id is None or not isinstance(entry.get("RelatedWorkspaces") or [], list):
        return None
    directory_id = string(entry, "DirectoryId")
    properties = entry.get("WorkspaceProperties")
    properties = properties if isinstance(properties, Mapping) else {}
    return Workspace(
        id=WorkspaceId(workspace_id),
        directory_id=DirectoryId(directory_id) if directory_id else None,
        user_name=string(entry, "UserName"),
        state=string(entry, "State"),
        compute_type=string(properties, "ComputeTypeName"),
        operating_system=string(properties, "OperatingSystemName"),
        root_encrypted=bool(entry.get("RootVolumeEncryptionEnabled")),
        user_encrypted=bool(entry.get("UserVolumeEncryptionEnabled")),
        related=tuple(
            Related(WorkspaceId(related_id), _region(other), string(other, "State"), string(other, "Type"))
            for other in entries(entry, "RelatedWorkspaces")
            if (related_id := string(other, "WorkspaceId"))
        ),
        replication=tuple(
            (WorkspaceId(standby_id), string(one, "DataReplication") or "")
            for one in entries(entry, "StandbyWorkspacesProperties")
            if (standby_id := string(one, "StandbyWorkspaceId"))
        ),
    )


def string(entry: Mapping[str, Any], name: str) -> str | None:
    """A text of an entry; None if there is none, or something else."""
    value = entry.get(name)
    return value if isinstance(value, str) and value else None


def _region(entry: Mapping[str, Any]) -> Region | None:
    value = string(entry, "Region")
    return Region(value) if value else None


def entries(entry: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list; empty if there is none, or something else."""
    value = entry.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
