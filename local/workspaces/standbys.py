"""CreateStandbyWorkspaces."""

from typing import Any

from local.workspaces import rules
from local.workspaces.context import Context
from local.workspaces.describe import shown_state
from local.workspaces.errors import ServiceError, invalid
from local.workspaces.estate import Bundle, Directory, Workspace

_FALSE_FAILURE = {"ErrorCode": "InternalFailure", "ErrorMessage": "The request could not be carried out."}
_OPAQUE = {"ErrorCode": "RequestFailed", "ErrorMessage": "The request could not be carried out."}


def create_standby_workspaces(context: Context) -> dict[str, Any]:
    """Create standbys in the Region that is called, for primaries in ``PrimaryRegion``.

    The pending requests come back in no particular order and do not name their primary.
    """
    estate, items, settings = context.estate, context.params["StandbyWorkspaces"], context.estate.settings
    primary_region = context.params["PrimaryRegion"]
    _check_call(context, primary_region, len(items))
    if settings.quota_refusal == "call" and _room(context) < len(items):
        raise _above_quota().error()
    if settings.refusals == "call":
        for item in items:
            refusal = rules.refusal(estate, context.region, primary_region, item, context.now)
            if refusal is not None:
                raise refusal.error()

    pending, failed = [], []
    for item in items:
        error = _item_error(context, primary_region, item)
        if error is not None:
            failed.append({"StandbyWorkspaceRequest": dict(item), **_worded(context, error)})
            continue
        primary = estate.workspaces[item["PrimaryWorkspaceId"]]
        standby = _create(context, primary, estate.directories[context.region, item["DirectoryId"]], item)
        if context.happens(settings.omission):
            continue
        if context.happens(settings.false_failure):
            failed.append({"StandbyWorkspaceRequest": dict(item), **_FALSE_FAILURE})
            continue
        pending.append(
            {
                "UserName": standby.user_name,
                "DirectoryId": standby.directory_id,
                "State": shown_state(context, standby),
                "WorkspaceId": standby.workspace_id,
            }
        )
    estate.random.shuffle(pending)
    return {"FailedStandbyRequests": failed, "PendingStandbyRequests": pending}


def _check_call(context: Context, primary_region: str, count: int) -> None:
    if not 1 <= count <= rules.MAX_ITEMS:
        raise invalid(f"Between 1 and {rules.MAX_ITEMS} standby WorkSpaces can be created in one call.")
    if primary_region == context.region:
        raise invalid("The primary Region cannot be the Region of the standby.")
    if not {context.region, primary_region} <= rules.SUPPORTED_REGIONS:
        raise ServiceError("OperationNotSupportedException", "Standby WorkSpaces are not supported in this Region.")


def _item_error(context: Context, primary_region: str, item: dict[str, Any]) -> dict[str, str] | None:
    refusal = rules.refusal(context.estate, context.region, primary_region, item, context.now)
    if refusal is None and context.estate.settings.quota_refusal == "item" and _room(context) < 1:
        refusal = _above_quota()
    if refusal is not None:
        return {"ErrorCode": refusal.code, "ErrorMessage": refusal.message}
    primary = context.estate.workspaces[item["PrimaryWorkspaceId"]]
    return context.failed(primary.user_name, primary.workspace_id)


def _worded(context: Context, error: dict[str, str]) -> dict[str, str]:
    return dict(_OPAQUE) if context.estate.settings.opaque_codes else error


def _above_quota() -> rules.Refusal:
    message = "The quota of standby WorkSpaces (L-9A67B5CB) is used up."
    return rules.Refusal("ResourceLimitExceeded.StandbyWorkSpaces", message, "ResourceLimitExceededException")


def _room(context: Context) -> float:
    quota = context.estate.settings.standby_quota
    if quota is None:
        return float("inf")
    here = context.estate.from_number(context.region, None, 0)
    return quota - sum(1 for workspace in here if workspace.is_standby)


def _create(context: Context, primary: Workspace, directory: Directory, item: dict[str, Any]) -> Workspace:
    estate = context.estate
    spelled = directory.spelling(primary.user_name) or primary.user_name
    standby = Workspace(
        workspace_id=estate.new_id("ws"),
        number=estate.next_number(),
        region=context.region,
        directory_id=directory.directory_id,
        user_name=spelled.upper() if estate.settings.shout_user_names else spelled,
        bundle_id=_standby_bundle(context, primary).bundle_id,
        properties={**primary.properties},
        created_at=context.now,
        volume_encryption_key=item.get("VolumeEncryptionKey"),
        user_volume_encrypted=primary.user_volume_encrypted,
        root_volume_encrypted=primary.root_volume_encrypted,
        tags={tag["Key"]: tag.get("Value", "") for tag in item.get("Tags", ())},
        primary_id=primary.workspace_id,
        primary_region=primary.region,
        data_replication=item.get("DataReplication", "NO_REPLICATION"),
    )
    estate.add(standby, estate.settings.standby_boot_seconds)
    return standby


def _standby_bundle(context: Context, primary: Workspace) -> Bundle:
    """Return the bundle of Type STANDBY that the service keeps in the DR Region for a primary's bundle."""
    source = context.estate.bundle(primary.region, primary.bundle_id)
    compute = primary.properties.get("ComputeTypeName", "STANDARD")
    system = primary.properties.get("OperatingSystemName", "UNKNOWN")
    bundle_id = f"{primary.bundle_id}0standby"
    found = context.estate.bundle(context.region, bundle_id)
    if found is None:
        name = f"Standby of {source.name if source else primary.bundle_id}"
        found = Bundle(bundle_id, name, compute, system, owner=context.estate.account, bundle_type="STANDBY")
        context.estate.add_bundle(context.region, found)
    return found
