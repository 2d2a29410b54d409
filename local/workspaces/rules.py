"""What can have a standby, and what the service says to the rest.

The codes of CreateStandbyWorkspaces' failed items are not documented. ``ResourceExists.WorkSpace`` and
``ResourceNotFound.User`` are those seen on CreateWorkspaces; the others are made by analogy.
"""

from dataclasses import dataclass
from typing import Any

from local.workspaces.errors import ServiceError
from local.workspaces.estate import Directory, Estate, Workspace

MAX_ITEMS = 25
MAX_TAGS = 50
READY_STATES = frozenset({"AVAILABLE", "STOPPED"})
COMPUTE_TYPES = frozenset({"VALUE", "STANDARD", "PERFORMANCE", "POWER", "POWERPRO"})
_LINUX = ("AMAZON_LINUX", "UBUNTU", "RHEL", "ROCKY")
SUPPORTED_REGIONS = frozenset({"us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1"})


@dataclass(frozen=True)
class Refusal:
    """Why an item fails: its code and sentence, and the declared exception a stricter service would raise."""

    code: str
    message: str
    exception: str = "OperationNotSupportedException"

    def error(self) -> ServiceError:
        """Return it as an error of the whole call."""
        return ServiceError(self.exception, f"{self.code}: {self.message}")


def refusal(estate: Estate, region: str, primary_region: str, item: dict[str, Any]) -> Refusal | None:
    """Return why a request for one standby is refused, or ``None`` when it is granted.

    Parameters
    ----------
    estate : Estate
        What exists.
    region, primary_region : str
        The DR Region, which is called, and the primary's.
    item : dict
        One of ``StandbyWorkspaces``.
    """
    primary = estate.get(primary_region, item["PrimaryWorkspaceId"])
    if primary is None:
        message = f"WorkSpace {item['PrimaryWorkspaceId']} does not exist in {primary_region}."
        return Refusal("ResourceNotFound.WorkSpace", message, "ResourceNotFoundException")
    directory = estate.directories.get((region, item["DirectoryId"]))
    if directory is None or directory.state != "REGISTERED":
        message = f"Directory {item['DirectoryId']} is not registered in {region}."
        return Refusal("ResourceNotFound.Directory", message, "ResourceNotFoundException")
    return (
        _of_primary(estate, primary)
        or _of_encryption(primary, region, item)
        or _of_directory(directory, item)
        or _of_user(estate, directory, primary)
    )


def _of_primary(estate: Estate, primary: Workspace) -> Refusal | None:
    system = primary.properties.get("OperatingSystemName", "UNKNOWN")
    compute = primary.properties.get("ComputeTypeName", "STANDARD")
    if primary.is_standby:
        return Refusal("OperationNotSupported.StandbyWorkSpace", "A standby WorkSpace cannot have a standby.")
    if system.startswith(_LINUX):
        return Refusal("OperationNotSupported.OperatingSystem", f"{system} is not supported.")
    if compute not in COMPUTE_TYPES:
        return Refusal("OperationNotSupported.ComputeType", f"{compute} is not supported.")
    if primary.state not in READY_STATES or (primary.state == "STOPPED" and not estate.settings.accepts_stopped):
        message = f"The WorkSpace is in state {primary.state}."
        return Refusal("OperationNotSupported.WorkspaceState", message)
    return None


def _of_encryption(primary: Workspace, region: str, item: dict[str, Any]) -> Refusal | None:
    key = item.get("VolumeEncryptionKey")
    wrong = "InvalidParameterValuesException"
    if primary.is_encrypted and not key:
        return Refusal("InvalidParameterValue.VolumeEncryptionKey", "An encrypted WorkSpace needs a key.", wrong)
    if key and not primary.is_encrypted:
        return Refusal("InvalidParameterValue.VolumeEncryptionKey", "The WorkSpace is not encrypted.", wrong)
    if key and key.startswith("arn:") and key.split(":")[3:4] != [region]:
        return Refusal("InvalidParameterValue.VolumeEncryptionKey", f"The key is not in {region}.", wrong)
    return None


def _of_directory(directory: Directory, item: dict[str, Any]) -> Refusal | None:
    if directory.workspace_type != "PERSONAL":
        return Refusal("OperationNotSupported.Directory", "Only WorkSpaces Personal has standbys.")
    if directory.directory_type == "SIMPLE_AD" and item.get("DataReplication") == "PRIMARY_AS_SOURCE":
        return Refusal("OperationNotSupported.DataReplication", "Simple AD does not support data replication.")
    return None


def _of_user(estate: Estate, directory: Directory, primary: Workspace) -> Refusal | None:
    if directory.spelling(primary.user_name) is None:
        message = f"The user {primary.user_name} does not exist in {directory.directory_id}."
        return Refusal("ResourceNotFound.User", message, "ResourceNotFoundException")
    theirs = estate.of_user(directory.region, directory.directory_id, primary.user_name)
    # Undocumented: a strict service refuses a second standby, a permissive one creates and bills it.
    in_the_way = theirs if estate.settings.strict else [workspace for workspace in theirs if not workspace.is_standby]
    if in_the_way:
        message = f"A WorkSpace already exists for {primary.user_name} in {directory.directory_id}."
        return Refusal("ResourceExists.WorkSpace", message)
    return None
