"""The operations on what surrounds WorkSpaces: bundles and tags."""

from datetime import datetime, timedelta
from typing import Any

from local.workspaces.context import PAGE, Context, page
from local.workspaces.errors import ServiceError, invalid
from local.workspaces.estate import Bundle, Workspace
from local.workspaces.rules import MAX_TAGS

_BUNDLE_SECONDS = 60.0


def describe_workspace_bundles(context: Context) -> dict[str, Any]:
    """Show the account's own bundles, or Amazon's with ``Owner`` AMAZON, or those asked for by id."""
    asked, owner = context.params.get("BundleIds"), context.params.get("Owner")
    if asked is not None and owner is not None:
        raise invalid("BundleIds and Owner cannot be combined.")
    found = [
        _show_bundle(context, bundle)
        for bundle in context.estate.bundles(context.region)
        if (bundle.bundle_id in asked if asked is not None else bundle.owner == (owner or context.estate.account))
    ]
    return page(context, "Bundles", found, PAGE)


def create_workspace_bundle(context: Context) -> dict[str, Any]:
    """Create a bundle of the account's own, PENDING for a minute."""
    params, estate = context.params, context.estate
    if any(bundle.name == params["BundleName"] for bundle in estate.bundles(context.region)):
        raise ServiceError("ResourceAlreadyExistsException", "There is a bundle of that name.")
    bundle = Bundle(
        bundle_id=estate.new_id("wsb"),
        name=params["BundleName"],
        compute_type=params["ComputeType"].get("Name", "STANDARD"),
        operating_system="WINDOWS_SERVER_2022",
        owner=estate.account,
        state="PENDING",
        root_gib=int(params.get("RootStorage", {}).get("Capacity", 80)),
        user_gib=int(params["UserStorage"]["Capacity"]),
        image_id=params["ImageId"],
        description=params["BundleDescription"],
        created_at=context.now,
    )
    estate.add_bundle(context.region, bundle)

    def finish(_: datetime) -> None:
        bundle.state = "AVAILABLE"

    estate.later(context.now + timedelta(seconds=_BUNDLE_SECONDS), finish)
    return {"WorkspaceBundle": _show_bundle(context, bundle)}


def create_tags(context: Context) -> dict[str, Any]:
    """Add tags to a WorkSpace, over those of the same key."""
    tagged = _tagged(context)
    tags = {**tagged.tags, **{tag["Key"]: tag.get("Value", "") for tag in context.params["Tags"]}}
    if len(tags) > MAX_TAGS:
        raise ServiceError("ResourceLimitExceededException", f"A resource can have {MAX_TAGS} tags.")
    _set_tags(context, tagged, tags)
    return {}


def delete_tags(context: Context) -> dict[str, Any]:
    """Take tags away from a WorkSpace; those it does not have are no mistake."""
    tagged = _tagged(context)
    _set_tags(context, tagged, {k: v for k, v in tagged.tags.items() if k not in context.params["TagKeys"]})
    return {}


def get_resources(context: Context) -> dict[str, Any]:
    """Show the tags of WorkSpaces, as the Resource Groups Tagging API does: what has none is left out.

    Asked for ARNs, it takes no token: what does not fit its answer cannot be had by asking for more.
    """
    params, settings = context.params, context.estate.settings
    beside = sorted(set(params) - {"ResourceARNList"})
    if "ResourceARNList" not in params or beside:
        message = (
            f"The model takes ResourceARNList alone, which cannot be combined with {', '.join(beside) or 'nothing'}."
        )
        raise ServiceError("InvalidParameterException", message)
    lag = timedelta(seconds=settings.tag_lag_seconds)
    found = []
    for arn in dict.fromkeys(params["ResourceARNList"]):
        prefix, _, workspace_id = arn.rpartition("/")
        workspace = context.estate.get(context.region, workspace_id)
        if prefix != f"arn:aws:workspaces:{context.region}:{context.estate.account}:workspace" or workspace is None:
            continue
        tags = workspace.tags_known_after(lag, context.now)
        if tags:
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            found.append({"ResourceARN": arn, "Tags": pairs})
    shown = found[: settings.tag_page] if settings.tag_page else found
    return {"PaginationToken": "more" if len(shown) < len(found) else "", "ResourceTagMappingList": shown}


def describe_tags(context: Context) -> dict[str, Any]:
    """Show the tags of a WorkSpace."""
    return {"TagList": [{"Key": key, "Value": value} for key, value in _tagged(context).tags.items()]}


def _set_tags(context: Context, workspace: Workspace, tags: dict[str, str]) -> None:
    lag = timedelta(seconds=context.estate.settings.tag_lag_seconds)
    workspace.tags_before = workspace.tags_known_after(lag, context.now)
    workspace.tags, workspace.tagged_at = tags, context.now


def _tagged(context: Context) -> Workspace:
    found = context.estate.get(context.region, context.params["ResourceId"])
    if found is None:
        fields = {"ResourceId": context.params["ResourceId"]}
        raise ServiceError("ResourceNotFoundException", "The resource does not exist.", fields=fields)
    return found


def _show_bundle(context: Context, bundle: Bundle) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "BundleId": bundle.bundle_id,
        "Name": bundle.name,
        "Owner": bundle.owner,
        "Description": bundle.description or bundle.name,
        "ImageId": bundle.image_id,
        "RootStorage": {"Capacity": str(bundle.root_gib)},
        "UserStorage": {"Capacity": str(bundle.user_gib)},
        "ComputeType": {"Name": bundle.compute_type},
        "State": bundle.state,
        "BundleType": bundle.bundle_type,
    }
    if bundle.created_at is not None:
        shown["CreationTime"] = bundle.created_at
    return shown
