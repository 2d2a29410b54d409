"""DescribeWorkspaces: filters, pages, what is shown and when, and the connection status."""

import base64
import binascii
import json
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from local.workspaces.context import Context
from local.workspaces.errors import ServiceError, invalid
from local.workspaces.estate import GONE, Workspace

_PAGE = 25
_NOVEL_STATES = {"PENDING": "PROVISIONING", "STOPPED": "HIBERNATED"}


def describe_workspaces(context: Context) -> dict[str, Any]:
    """Show WorkSpaces: by ids, by directory (and user), by bundle, by name, or all of them, 25 a page.

    An id that does not exist, or is not visible yet, is left out without a word.
    """
    params = context.params
    _check_filters(params)
    limit = params.get("Limit", _PAGE)
    if "NextToken" in params and context.happens(context.estate.settings.page_throttling):
        raise ServiceError("ThrottlingException", "Rate exceeded")
    after, asked = _read_token(context)
    page_size = limit
    if context.estate.settings.ragged_pages and "WorkspaceIds" not in params:
        page_size = context.estate.random.randint(0, limit)

    page: list[Workspace] = []
    answer: dict[str, Any] = {}
    for workspace in _candidates(context, after):
        if not is_visible(context, workspace) or not _matches(context, workspace):
            continue
        if len(page) == page_size:
            answer["NextToken"] = _write_token(context, after, asked)
            break
        page.append(workspace)
        after = workspace.number
    shown = [w for w in page if not _is_hidden(context, w)]
    if context.happens(context.estate.settings.stray):
        shown += _stray(context, page)
    return {"Workspaces": [show(context, workspace) for workspace in shown], **answer}


def _is_hidden(context: Context, workspace: Workspace) -> bool:
    return context.happens(context.estate.settings.flicker) or (
        context.item_fault("hide", workspace.user_name, workspace.workspace_id) is not None
    )


def _stray(context: Context, page: list[Workspace]) -> list[Workspace]:
    """Return one WorkSpace that belongs in no page like this, if there is any."""
    all_here = context.estate.from_number(context.region, None, 0)
    others = [w for w in all_here if w not in page and is_visible(context, w)]
    return [context.estate.random.choice(others)] if others else []


def describe_workspaces_connection_status(context: Context) -> dict[str, Any]:
    """Show when users were connected last."""
    asked, after = context.params.get("WorkspaceIds"), 0
    if asked is None:
        after, _ = _read_token(context)
        found: Iterable[Workspace] = context.estate.from_number(context.region, None, after)
    else:
        found = [w for w in (context.estate.get(context.region, each) for each in asked) if w is not None]
    page: list[dict[str, Any]] = []
    answer: dict[str, Any] = {}
    for workspace in found:
        if not is_visible(context, workspace):
            continue
        if len(page) == _PAGE:
            answer["NextToken"] = _write_token(context, after, _asked(context.params))
            break
        after = workspace.number
        status: dict[str, Any] = {
            "WorkspaceId": workspace.workspace_id,
            "ConnectionState": "DISCONNECTED" if workspace.state == "AVAILABLE" else "UNKNOWN",
            "ConnectionStateCheckTimestamp": context.now,
        }
        if workspace.last_connected_at is not None:
            status["LastKnownUserConnectionTimestamp"] = workspace.last_connected_at
        page.append(status)
    return {"WorkspacesConnectionStatus": page, **answer}


def is_visible(context: Context, workspace: Workspace) -> bool:
    """Return whether DescribeWorkspaces returns a WorkSpace."""
    lag = timedelta(seconds=context.estate.settings.visibility_lag_seconds)
    return workspace.state != GONE and context.now >= workspace.created_at + lag


def _check_filters(params: dict[str, Any]) -> None:
    filters = [name for name in ("WorkspaceIds", "DirectoryId", "BundleId", "WorkspaceName") if name in params]
    if len(filters) > 1:
        raise invalid(f"{' and '.join(filters)} cannot be combined.")
    if "UserName" in params and filters != ["DirectoryId"]:
        raise invalid("UserName is used with DirectoryId, and with nothing else.")


def _candidates(context: Context, after: int) -> Iterable[Workspace]:
    params, estate = context.params, context.estate
    if "WorkspaceIds" in params:
        found = (estate.get(context.region, each) for each in dict.fromkeys(params["WorkspaceIds"]))
        return sorted((w for w in found if w is not None and w.number > after), key=lambda w: w.number)
    if "UserName" in params:
        theirs = estate.of_user(context.region, params["DirectoryId"], params["UserName"])
        return [workspace for workspace in theirs if workspace.number > after]
    return estate.from_number(context.region, params.get("DirectoryId"), after)


def _matches(context: Context, workspace: Workspace) -> bool:
    params = context.params
    if context.estate.settings.exact_user_filter and params.get("UserName", workspace.user_name) != workspace.user_name:
        return False
    return (
        params.get("BundleId", workspace.bundle_id) == workspace.bundle_id
        and params.get("WorkspaceName", workspace.workspace_name) == workspace.workspace_name
    )


def show(context: Context, workspace: Workspace) -> dict[str, Any]:
    """Return a WorkSpace as DescribeWorkspaces shows it."""
    settings = context.estate.settings
    shown: dict[str, Any] = {
        "WorkspaceId": workspace.workspace_id,
        "DirectoryId": workspace.directory_id,
        "UserName": workspace.user_name,
        "State": shown_state(context, workspace),
    }
    whole_after = timedelta(seconds=settings.visibility_lag_seconds + settings.partial_seconds)
    if context.now < workspace.created_at + whole_after:
        return shown
    shown["BundleId"] = workspace.bundle_id
    shown["WorkspaceProperties"] = dict(workspace.properties)
    shown["UserVolumeEncryptionEnabled"] = workspace.user_volume_encrypted
    shown["RootVolumeEncryptionEnabled"] = workspace.root_volume_encrypted
    if workspace.volume_encryption_key:
        shown["VolumeEncryptionKey"] = _shown_key(context, workspace.volume_encryption_key)
    if workspace.workspace_name:
        shown["WorkspaceName"] = workspace.workspace_name
    if workspace.state not in ("PENDING", "ERROR"):
        shown["IpAddress"] = f"172.31.{workspace.number // 250 % 250}.{workspace.number % 250 + 4}"
        shown["ComputerName"] = f"WSAMZN-{workspace.workspace_id[-8:].upper()}"
        shown["SubnetId"] = "subnet-0a1b2c3d"
    if workspace.error_code is not None and workspace.state in ("ERROR", "UNHEALTHY"):
        shown |= {"ErrorCode": workspace.error_code, "ErrorMessage": workspace.error_message or ""}
    elif workspace.state == "ERROR":
        shown["ErrorCode"] = "InternalFailure"
        shown["ErrorMessage"] = "The WorkSpace could not be created."
    return shown if context.happens(settings.relation_flicker) else {**shown, **_relations(context, workspace)}


def _shown_key(context: Context, key: str) -> str:
    """Return a key as answers show it: an alias may be shown as the ARN of its key, which does not say whose it is."""
    if not (context.estate.settings.shows_key_arns and key.startswith("alias/")):
        return key
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{context.region} {key}")
    return f"arn:aws:kms:{context.region}:{context.estate.account}:key/{name}"


def shown_state(context: Context, workspace: Workspace) -> str:
    """Return the state that answers show."""
    novel = _NOVEL_STATES if context.estate.settings.novel_states else {}
    return novel.get(workspace.state, workspace.state)


def _relations(context: Context, workspace: Workspace) -> dict[str, Any]:
    if workspace.is_standby:
        return _relations_of_standby(context, workspace)
    standbys = [
        standby
        for standby in map(
            context.estate.workspaces.__getitem__, context.estate.standbys_of.get(workspace.workspace_id, ())
        )
        if _is_related(context, standby) and (is_visible(context, standby) or _outlives(context, standby))
    ]
    if not standbys:
        return {}
    related = [_related(context, standby, "STANDBY") for standby in standbys]
    properties = [{"StandbyWorkspaceId": one.workspace_id, **_replication(context, one, workspace)} for one in standbys]
    return {"RelatedWorkspaces": related, "StandbyWorkspacesProperties": properties}


def _relations_of_standby(context: Context, standby: Workspace) -> dict[str, Any]:
    primary = context.estate.workspaces.get(standby.primary_id or "")
    shown: dict[str, Any] = {"DataReplicationSettings": _replication(context, standby, primary)}
    keeps = context.estate.settings.orphans_keep_relation
    if primary is not None and _is_related(context, standby) and (primary.state != GONE or keeps):
        shown["RelatedWorkspaces"] = [_related(context, primary, "PRIMARY")]
    return shown


def _replication(context: Context, standby: Workspace, primary: Workspace | None) -> dict[str, Any]:
    """Return how a standby's data is replicated, and when it was, as answers show it."""
    has_source = primary is not None and primary.is_live
    if not (has_source or context.estate.settings.orphans_keep_replication):
        return {"DataReplication": "NO_REPLICATION"}
    copied = standby.recovery_snapshot_time(context.now)
    taken = {"RecoverySnapshotTime": copied} if copied else {}
    return {"DataReplication": standby.data_replication, **taken}


def _is_related(context: Context, standby: Workspace) -> bool:
    lag = timedelta(seconds=context.estate.settings.relation_lag_seconds)
    return context.now >= standby.created_at + lag


def _outlives(context: Context, standby: Workspace) -> bool:
    return standby.state == GONE and context.estate.settings.standbys_keep_relation


def _related(context: Context, workspace: Workspace, kind: str) -> dict[str, str]:
    return {
        "WorkspaceId": workspace.workspace_id,
        "Region": workspace.region,
        "State": shown_state(context, workspace),
        "Type": kind,
    }


def _asked(params: dict[str, Any]) -> str:
    return json.dumps(
        {name: value for name, value in params.items() if name not in ("NextToken", "Limit")}, sort_keys=True
    )


def _write_token(context: Context, after: int, asked: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([after, asked, context.now.timestamp()]).encode()).decode()


def _read_token(context: Context) -> tuple[int, str]:
    params, lifetime = context.params, context.estate.settings.token_seconds
    asked = _asked(params)
    if "NextToken" not in params:
        return 0, asked
    try:
        after, of, written_at = json.loads(base64.urlsafe_b64decode(params["NextToken"]))
    except (binascii.Error, ValueError) as error:
        raise ServiceError("InvalidParameterValuesException", "The token is not valid.") from error
    if of != asked:
        raise invalid("The token belongs to another request.")
    if lifetime and context.now.timestamp() - written_at >= lifetime:
        raise invalid("The token has expired.")
    return int(after), asked
