"""The operations on directories: their registration and settings, and the IP access control groups."""

from datetime import timedelta
from typing import Any

from local.workspaces.context import PAGE, Context, page
from local.workspaces.errors import ServiceError, invalid
from local.workspaces.estate import Directory

# Which member of a directory an operation changes; its request has a member of the same name.
SETTINGS = {
    "ModifyCertificateBasedAuthProperties": "CertificateBasedAuthProperties",
    "ModifySamlProperties": "SamlProperties",
    "ModifyWorkspaceCreationProperties": "WorkspaceCreationProperties",
}
# What each of them needs to be enabled.
_NEEDED = {"CertificateBasedAuthProperties": "CertificateAuthorityArn", "SamlProperties": "UserAccessUrl"}
# What PropertiesToDelete calls the members of those.
_DELETABLE = {
    "CERTIFICATE_BASED_AUTH_PROPERTIES_CERTIFICATE_AUTHORITY_ARN": "CertificateAuthorityArn",
    "SAML_PROPERTIES_RELAY_STATE_PARAMETER_NAME": "RelayStateParameterName",
    "SAML_PROPERTIES_USER_ACCESS_URL": "UserAccessUrl",
}
_AIRPORTS = {"us-east-1": "iad", "us-east-2": "cmh", "us-west-2": "pdx", "eu-central-1": "fra", "eu-west-1": "dub"}
_MOST_GROUPS = 25  # of a directory


def describe_workspace_directories(context: Context) -> dict[str, Any]:
    """Show the directories of a Region, 25 a page; one that was deregistered only for a moment more."""
    asked = context.params.get("DirectoryIds")
    found = [
        _show(context, directory)
        for (region, directory_id), directory in context.estate.directories.items()
        if region == context.region and (asked is None or directory_id in asked) and _is_shown(context, directory)
    ]
    return page(context, "Directories", found, context.params.get("Limit", PAGE))


def modify(operation: str, context: Context) -> dict[str, Any]:
    """Change what one of :data:`SETTINGS` is about; what the request does not name stays."""
    member, params = SETTINGS[operation], context.params
    directory = context.estate.directory(context.region, params["ResourceId"])
    settings = {**settings_of(directory)[member], **params.get(member, {})}
    for name in params.get("PropertiesToDelete", ()):
        settings.pop(_DELETABLE[name], None)
    if settings.get("Status", "").startswith("ENABLED") and _NEEDED[member] not in settings:
        raise invalid(f"{member} cannot be enabled without {_NEEDED[member]}.")
    directory.settings[member] = settings
    return {}


def create_ip_group(context: Context) -> dict[str, Any]:
    """Create an IP access control group."""
    params, groups = context.params, _groups(context)
    if any(group["groupName"] == params["GroupName"] for group in groups.values()):
        raise ServiceError("ResourceAlreadyExistsException", "There is an IP group of that name.")
    group_id = context.estate.new_id("wsipg")
    groups[group_id] = {
        "groupId": group_id,
        "groupName": params["GroupName"],
        "groupDesc": params.get("GroupDesc", ""),
        "userRules": params.get("UserRules", []),
    }
    return {"GroupId": group_id}


def describe_ip_groups(context: Context) -> dict[str, Any]:
    """Show the IP access control groups of a Region."""
    asked = context.params.get("GroupIds")
    found = [group for group_id, group in _groups(context).items() if not asked or group_id in asked]
    return page(context, "Result", found, context.params.get("MaxResults", PAGE))


def associate_ip_groups(context: Context) -> dict[str, Any]:
    """Add IP access control groups to a directory."""
    directory = context.estate.directory(context.region, context.params["DirectoryId"])
    present = directory.settings.get("ipGroupIds", [])
    wanted = list(dict.fromkeys([*present, *context.params["GroupIds"]]))
    if missing := [group_id for group_id in wanted if group_id not in _groups(context)]:
        raise ServiceError("ResourceNotFoundException", f"There is no IP group {missing[0]}.")
    if len(wanted) > _MOST_GROUPS:
        raise ServiceError("ResourceLimitExceededException", f"A directory can have {_MOST_GROUPS} IP groups.")
    directory.settings["ipGroupIds"] = wanted
    return {}


def disassociate_ip_groups(context: Context) -> dict[str, Any]:
    """Take IP access control groups from a directory."""
    directory = context.estate.directory(context.region, context.params["DirectoryId"])
    present = directory.settings.get("ipGroupIds", [])
    directory.settings["ipGroupIds"] = [one for one in present if one not in context.params["GroupIds"]]
    return {}


def settings_of(directory: Directory) -> dict[str, Any]:
    """Return what a directory shows of its settings, those included that nobody has set."""
    return {
        "Alias": directory.directory_id,
        "DirectoryName": "corp.example.com",
        "RegistrationCode": f"WS{_AIRPORTS.get(directory.region, 'aws')}+{directory.directory_id[-6:].upper()}",
        "SubnetIds": list(directory.subnet_ids),
        "DnsIpAddresses": ["10.0.0.10", "10.0.1.10"],
        "CustomerUserName": "svc-workspaces",
        "WorkspaceSecurityGroupId": "sg-0a1b2c3d",
        "WorkspaceCreationProperties": {
            "EnableInternetAccess": False,
            "UserEnabledAsLocalAdministrator": True,
            "EnableMaintenanceMode": True,
        },
        "ipGroupIds": [],
        "SamlProperties": {"Status": "DISABLED", "RelayStateParameterName": "RelayState"},
        "CertificateBasedAuthProperties": {"Status": "DISABLED"},
        "Tenancy": "SHARED",
        **directory.settings,
    }


def _show(context: Context, directory: Directory) -> dict[str, Any]:
    return {
        **settings_of(directory),
        "DirectoryId": directory.directory_id,
        "IamRoleId": f"arn:aws:iam::{context.estate.account}:role/workspaces_DefaultRole",
        "DirectoryType": directory.directory_type,
        "WorkspaceType": directory.workspace_type,
        "State": directory.state,
    }


def _is_shown(context: Context, directory: Directory) -> bool:
    if directory.deregistered_at is None:
        return True
    return context.now < directory.deregistered_at + timedelta(seconds=context.estate.settings.deregistered_seconds)


def _groups(context: Context) -> dict[str, dict[str, Any]]:
    return context.estate.ip_groups.setdefault(context.region, {})
