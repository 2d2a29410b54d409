"""The operations that create, end, stop and start WorkSpaces."""

from typing import Any

from local.workspaces import rules
from local.workspaces.context import Context
from local.workspaces.estate import DECOUPLED, Bundle, Workspace


def create_workspaces(context: Context) -> dict[str, Any]:
    """Create up to 25 WorkSpaces; what is wrong with one of them does not touch the others."""
    pending, failed = [], []
    for item in context.params["Workspaces"]:
        error = _refusal(context, item) or context.failed(item["UserName"], None)
        if error is not None:
            failed.append({"WorkspaceRequest": dict(item), **error})
            continue
        made = create(context, item)
        pending.append(
            {
                "WorkspaceId": made.workspace_id,
                "DirectoryId": made.directory_id,
                "UserName": made.user_name,
                "State": made.state,
                "BundleId": made.bundle_id,
                **({"WorkspaceName": made.workspace_name} if made.workspace_name else {}),
            }
        )
    return {"FailedRequests": failed, "PendingRequests": pending}


def _refusal(context: Context, item: dict[str, Any]) -> dict[str, str] | None:
    directory = rules.usable_directory(context.estate, context.region, item["DirectoryId"])
    bundle = context.estate.bundle(context.region, item["BundleId"])
    if isinstance(directory, rules.Refusal):
        return _error(directory.code, directory.message)
    user = directory.spelling(item["UserName"])
    if user is None:
        return _error("ResourceNotFound.User", f"The user {item['UserName']} does not exist in the directory.")
    if bundle is None or bundle.bundle_type != "REGULAR":
        return _error("ResourceNotFound.Bundle", "The bundle does not exist in this Region.")
    if bundle.state != "AVAILABLE":
        return _error("ResourceInvalidState.Bundle", f"The bundle is {bundle.state}.")
    if rules.is_beyond_pcoip(item.get("WorkspaceProperties", {}), context.now):
        return _error("OperationNotSupported.Protocol", "PCoIP is no longer supported.")
    if (user == DECOUPLED) != bool(item.get("WorkspaceName")):
        message = f"WorkspaceName is for WorkSpaces of the user {DECOUPLED}, and needed there."
        return _error("InvalidParameterValue.WorkspaceName", message)
    quota = context.estate.settings.workspace_quota
    if quota is not None and _count(context) >= quota:
        return _error("ResourceLimitExceeded.WorkSpaces", "The quota of WorkSpaces (L-34278094) is used up.")
    if user != DECOUPLED and context.estate.of_user(context.region, item["DirectoryId"], user):
        return _error("ResourceExists.WorkSpace", f"A WorkSpace already exists for {item['UserName']}.")
    return None


def _count(context: Context) -> int:
    here = context.estate.from_number(context.region, None, 0)
    return sum(1 for workspace in here if not workspace.is_standby)


def _error(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}


def create(context: Context, item: dict[str, Any], workspace_id: str | None = None) -> Workspace:
    """Create what one item of a request orders, which nothing speaks against."""
    estate = context.estate
    bundle = estate.bundle(context.region, item["BundleId"])
    directory = estate.directory(context.region, item["DirectoryId"])
    assert bundle is not None  # noqa: S101 - checked by _refusal
    made = Workspace(
        workspace_id=workspace_id or estate.new_id("ws"),
        number=estate.next_number(),
        region=context.region,
        directory_id=item["DirectoryId"],
        user_name=directory.spelling(item["UserName"]) or item["UserName"],
        bundle_id=bundle.bundle_id,
        properties=_properties(bundle, item.get("WorkspaceProperties", {})),
        created_at=context.now,
        volume_encryption_key=item.get("VolumeEncryptionKey"),
        user_volume_encrypted=bool(item.get("UserVolumeEncryptionEnabled")),
        root_volume_encrypted=bool(item.get("RootVolumeEncryptionEnabled")),
        workspace_name=item.get("WorkspaceName"),
        tags={tag["Key"]: tag.get("Value", "") for tag in item.get("Tags", ())},
    )
    estate.add(made, estate.settings.boot_seconds)
    return made


def _properties(bundle: Bundle, asked: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "RunningMode": "ALWAYS_ON",
        "RootVolumeSizeGib": bundle.root_gib,
        "UserVolumeSizeGib": bundle.user_gib,
        "ComputeTypeName": bundle.compute_type,
        "Protocols": ["WSP"],
        "OperatingSystemName": bundle.operating_system,
        **asked,
    }
    if properties["RunningMode"] == "AUTO_STOP":
        properties.setdefault("RunningModeAutoStopTimeoutInMinutes", 60)
    return properties


def terminate_workspaces(context: Context) -> dict[str, Any]:
    """Terminate WorkSpaces, primaries or standbys, of the Region that is called."""
    return _each(context, "TerminateWorkspaceRequests", context.estate.terminate, None)


def stop_workspaces(context: Context) -> dict[str, Any]:
    """Stop AUTO_STOP WorkSpaces."""
    return _each(
        context,
        "StopWorkspaceRequests",
        lambda workspace, _: context.estate.set_state(workspace, "STOPPED"),
        "AVAILABLE",
    )


def start_workspaces(context: Context) -> dict[str, Any]:
    """Start stopped WorkSpaces."""
    return _each(context, "StartWorkspaceRequests", context.estate.start, "STOPPED")


def _each(context: Context, member: str, act: Any, from_state: str | None) -> dict[str, Any]:
    failed = []
    for item in context.params[member]:
        workspace = context.estate.get(context.region, item.get("WorkspaceId", ""))
        if workspace is None:
            error: dict[str, str] | None = _error(
                "ResourceNotFound.Workspace", "The WorkSpace does not exist in this Region."
            )
        elif from_state not in (None, workspace.state):
            error = _error("ResourceInvalidState.Workspace", f"The WorkSpace is in state {workspace.state}.")
        else:
            error = context.failed(workspace.user_name, workspace.workspace_id)
        if error is not None:
            failed.append({**item, **error})
        elif workspace is not None:
            act(workspace, context.now)
    return {"FailedRequests": failed}
