"""What can have a standby, and what the service says to the rest.

The codes of CreateStandbyWorkspaces' failed items are not documented. ``ResourceExists.WorkSpace`` and
``ResourceNotFound.User`` are those seen on CreateWorkspaces; the others are made by analogy.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.workspaces.errors import ServiceError
from local.workspaces.estate import Directory, Estate, Workspace

MAX_ITEMS = 25
MAX_TAGS = 50
READY_STATES = frozenset({"AVAILABLE", "STOPPED"})
COMPUTE_TYPES = frozenset({"VALUE", "STANDARD", "PERFORMANCE", "POWER", "POWERPRO"})
_LINUX = ("AMAZON_LINUX", "UBUNTU", "RHEL", "ROCKY")
AWS_MANAGED_KEY = "alias/aws/workspaces"
# From then on nobody can create a WorkSpace with PCoIP, or connect to one.
PCOIP_ENDS = datetime(2027, 10, 31, tzinfo=UTC)
SUPPORTED_REGIONS = frozenset({"us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1"})


@dataclass(frozen=True)
class Refusal:
    """Why an item fails: its code and sentence, and the declared exception a stricter service would raise."""

    code: str
    message: str
    exception: str = "OperationNotSupportedException"

    def error(self) -> ServiceError:
        """Return it as an error of the whole call."""
        message = self.message if self.code == self.exception else f"{self.code}: {self.message}"
        return ServiceError(self.exception, message)


# In AWS's own words, which name no directory.
_NO_DIRECTORY = Refusal(
    "ResourceNotFound.Directory",
    "The specified directory could not be found in the specified region.",
    "ResourceNotFoundException",
)
_DIRECTORY_NOT_ACTIVE = Refusal(
    "InvalidResourceStateException",
    "The specified directory is not in a valid state."
    " Confirm that the directory has a status of Active, and try again.",
    "InvalidResourceStateException",
)


def usable_directory(estate: Estate, region: str, directory_id: str) -> Directory | Refusal:
    """Return a directory in which WorkSpaces can be created, or why they cannot."""
    directory = estate.directories.get((region, directory_id))
    if directory is None or directory.state == "DEREGISTERED":
        return _NO_DIRECTORY
    return directory if (directory.state, directory.status) == ("REGISTERED", "ACTIVE") else _DIRECTORY_NOT_ACTIVE


def is_beyond_pcoip(properties: dict[str, Any], now: datetime) -> bool:
    """Return whether properties name PCoIP after its end."""
    return now >= PCOIP_ENDS and "PCOIP" in properties.get("Protocols", ())


def refusal(estate: Estate, region: str, primary_region: str, item: dict[str, Any], now: datetime) -> Refusal | None:
    """Return why a request for one standby is refused, or ``None`` when it is granted.

    Parameters
    ----------
    estate : Estate
        What exists.
    region, primary_region : str
        The DR Region, which is called, and the primary's.
    item : dict
        One of ``StandbyWorkspaces``.
    now : datetime
        When it is asked for.
    """
    primary = estate.get(primary_region, item["PrimaryWorkspaceId"])
    if primary is None:
        message = f"WorkSpace {item['PrimaryWorkspaceId']} does not exist in {primary_region}."
        return Refusal("ResourceNotFound.WorkSpace", message, "ResourceNotFoundException")
    directory = usable_directory(estate, region, item["DirectoryId"])
    if isinstance(directory, Refusal):
        return directory
    return (
        _of_primary(estate, primary, now)
        or _of_encryption(primary, region, item)
        or _of_directory(directory, item)
        or _of_user(estate, directory, primary)
    )


def _of_primary(estate: Estate, primary: Workspace, now: datetime) -> Refusal | None:
    system = primary.properties.get("OperatingSystemName", "UNKNOWN")
    compute = primary.properties.get("ComputeTypeName", "STANDARD")
    if primary.is_standby:
        return Refusal("OperationNotSupported.StandbyWorkSpace", "A standby WorkSpace cannot have a standby.")
    if system.startswith(_LINUX):
        return Refusal("OperationNotSupported.OperatingSystem", f"{system} is not supported.")
    if compute not in COMPUTE_TYPES:
        return Refusal("OperationNotSupported.ComputeType", f"{compute} is not supported.")
    if primary.properties.get("NestedVirtualizationEnabled"):
        return Refusal("OperationNotSupported.NestedVirtualization", "Nested virtualization is not supported.")
    if is_beyond_pcoip(primary.properties, now):
        return Refusal("OperationNotSupported.Protocol", "PCoIP is no longer supported.")
    if primary.state not in READY_STATES or (primary.state == "STOPPED" and not estate.settings.accepts_stopped):
        message = f"The WorkSpace is in state {primary.state}."
        return Refusal("OperationNotSupported.WorkspaceState", message)
    return None


def _of_encryption(primary: Workspace, region: str, item: dict[str, Any]) -> Refusal | None:
    key = item.get("VolumeEncryptionKey")
    wrong = "InvalidParameterValuesException"
    if primary.is_encrypted and (primary.volume_encryption_key or "").endswith(AWS_MANAGED_KEY):
        message = "The primary is encrypted with the AWS managed key; a customer managed key is needed."
        return Refusal("InvalidParameterValue.VolumeEncryptionKey", message, wrong)
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
    if primary.is_decoupled:
        # They are no person's, and as many as there are primaries.
        theirs = estate.live_standbys(primary.workspace_id)
    else:
        theirs = estate.of_user(directory.region, directory.directory_id, primary.user_name)
    # Undocumented: a strict service refuses a second standby, a permissive one creates and bills it.
    in_the_way = theirs if estate.settings.strict else [workspace for workspace in theirs if not workspace.is_standby]
    if in_the_way:
        message = f"A WorkSpace already exists for {primary.user_name} in {directory.directory_id}."
        return Refusal("ResourceExists.WorkSpace", message)
    return None
