"""The operations that change WorkSpaces that exist: MigrateWorkspace and ModifyWorkspaceProperties."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from local.workspaces import primaries, rules
from local.workspaces.context import Context
from local.workspaces.errors import ServiceError, invalid
from local.workspaces.estate import Workspace

_BUSY = ("UPDATING", "REBUILDING")


def migrate_workspace(context: Context) -> dict[str, Any]:
    """Give a user a new WorkSpace, with a new id, in place of the old one, as ``Settings.migration`` says.

    What becomes of a standby is not documented; here it stays with the old id, and the new WorkSpace has none.
    """
    source = _found(context, context.params["SourceWorkspaceId"])
    bundle = context.estate.bundle(context.region, context.params["BundleId"])
    if bundle is None or bundle.bundle_type != "REGULAR":
        raise ServiceError("ResourceNotFoundException", "The bundle does not exist.")
    if source.is_standby:
        raise ServiceError("OperationNotSupportedException", "A standby WorkSpace cannot be migrated.")
    if source.state not in (*rules.READY_STATES, "ERROR"):
        raise ServiceError("OperationNotSupportedException", f"The WorkSpace is in state {source.state}.")
    order = {
        "DirectoryId": source.directory_id,
        "UserName": source.user_name,
        "WorkspaceName": source.workspace_name,
        "BundleId": bundle.bundle_id,
        "VolumeEncryptionKey": source.volume_encryption_key,
        "UserVolumeEncryptionEnabled": source.user_volume_encrypted,
        "RootVolumeEncryptionEnabled": source.root_volume_encrypted,
        "WorkspaceProperties": {"RunningMode": source.properties["RunningMode"]},
        "Tags": [{"Key": key, "Value": value} for key, value in source.tags.items()],
    }
    target_id = context.estate.new_id("ws")
    if context.estate.settings.migration == "at_once":
        _take_the_place(context, source, order, target_id)
    else:
        _begin_migration(context, source, order, target_id)
    return {"SourceWorkspaceId": source.workspace_id, "TargetWorkspaceId": target_id}


def _take_the_place(context: Context, source: Workspace, order: dict[str, Any], target_id: str) -> None:
    context.estate.terminate(source, context.now)
    primaries.create(context, order, target_id)


def _begin_migration(context: Context, source: Workspace, order: dict[str, Any], target_id: str) -> None:
    estate, how, was = context.estate, context.estate.settings.migration, source.state
    half = timedelta(seconds=estate.settings.migration_seconds / 2)
    target = primaries.create(context, order, target_id) if how == "fails_late" else None
    if target is not None:
        estate.set_state(target, "PENDING")

    def rebuild(_: Workspace, at: datetime) -> None:
        source.state = "REBUILDING"
        estate.plan(source, at + half, end)

    def end(_: Workspace, at: datetime) -> None:
        if how == "succeeds":
            _take_the_place(replace(context, now=at), source, order, target_id)
            return
        if target is not None:
            estate.terminate(target, at)
        estate.resume(source, was, at)

    source.state = "UPDATING"
    estate.plan(source, context.now + half, rebuild)


def modify_workspace_properties(context: Context) -> dict[str, Any]:
    """Change a WorkSpace's properties in place, or whether the data of its standby is replicated.

    A standby keeps the properties that it was created with.
    """
    workspace = _found(context, context.params["WorkspaceId"])
    properties, replication = context.params.get("WorkspaceProperties"), context.params.get("DataReplication")
    if not properties and replication is None:
        raise invalid("There is nothing to modify.")
    if workspace.state in _BUSY:
        message = "The properties of this WorkSpace are currently being modified. Try again in a moment."
        raise ServiceError("OperationInProgressException", message)
    if workspace.state not in rules.READY_STATES:
        message = "The state of the resource is not valid for this operation."
        raise ServiceError("InvalidResourceStateException", message)
    if properties and workspace.is_standby:
        raise ServiceError("UnsupportedWorkspaceConfigurationException", "A standby WorkSpace cannot be modified.")
    if replication is not None:
        _switch_replication(context, workspace, replication)
    if properties:
        _modify(context, workspace, properties)
    return {}


def _switch_replication(context: Context, workspace: Workspace, replication: str) -> None:
    estate, wanted = context.estate, context.estate.settings.replication_switch
    standbys = [workspace] if workspace.is_standby else estate.live_standbys(workspace.workspace_id)
    if workspace.is_standby != (wanted == "standby") or not standbys:
        raise invalid(f"DataReplication is changed at the {wanted} WorkSpace of a pair.")
    for standby in standbys:
        directory = estate.directory(standby.region, standby.directory_id)
        if directory.directory_type == "SIMPLE_AD" and replication != "NO_REPLICATION":
            message = "Simple AD does not support data replication."
            raise ServiceError("UnsupportedWorkspaceConfigurationException", message)
    for standby in standbys:
        if standby.data_replication != replication:
            standby.data_replication, standby.replicated_since = replication, context.now


def _modify(context: Context, workspace: Workspace, properties: dict[str, Any]) -> None:
    estate, was = context.estate, workspace.state

    def finish(modified: Workspace, at: datetime) -> None:
        modified.properties = {**modified.properties, **properties}
        estate.resume(modified, was, at)

    workspace.state = "UPDATING"
    estate.plan(workspace, context.now + timedelta(seconds=estate.settings.modification_seconds), finish)


def _found(context: Context, workspace_id: str) -> Workspace:
    found = context.estate.get(context.region, workspace_id)
    if found is None:
        raise ServiceError("ResourceNotFoundException", "The WorkSpace does not exist.")
    return found
