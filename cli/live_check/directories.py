"""Checks of what surrounds the desktops: directories, redirection, keys, quotas."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from cli.live_check.checks import Finding, as_assumed, check, counted, differs, listed, warning
from standby.aws.call import error_of

if TYPE_CHECKING:
    from cli.live_check.place import Place

STANDBYS_QUOTA: Final = "L-9A67B5CB"
WORKSPACES_QUOTA: Final = "L-34278094"
# Of these two AWS says that it deregisters them. DescribeWorkspaceDirectories may show a Managed AD as SIMPLE_AD, too.
DEREGISTERED_UNUSED: Final = ("SIMPLE_AD", "AD_CONNECTOR")


@check(
    "directories",
    asks="Are the mapped directories and their partners registered with WorkSpaces, and of a kind that can do it?",
    assumed="They are; a request that AWS refuses for it is told as REJECTED, with AWS's words.",
    how="DescribeWorkspaceDirectories in both Regions: state, Personal or Pools, Simple AD with data replication",
)
def directories(place: Place) -> Finding:
    """Compare both sides with the configuration."""
    pair = place.pair
    problems, commands = [], []
    for directory, mapping in pair.directories.items():
        replicates = mapping.data_replication != "NO_REPLICATION"
        for region, wanted in ((pair.primary_region, directory), (pair.dr_region, mapping.dr_directory)):
            shown = place.directories[region].get(wanted)
            problems += [f"{wanted} in {region} {what}" for what in _unfit(shown, replicates)]
            if shown is None or shown.get("State") == "DEREGISTERED":
                commands.append(
                    f"aws workspaces register-workspace-directory --region {region} --directory-id {wanted}"
                )
    if problems:
        advice = "Until it is mended, no standby is made there. Register or exchange the directory, or unmap it."
        return differs(listed(problems), advice, *commands)
    kinds = Counter(str(place.directories[region][one].get("DirectoryType")) for region, one in _mapped(place))
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return as_assumed(f"All are registered: {told}. Whether both sides hold the same user names is not shown.")


def _mapped(place: Place) -> Iterator[tuple[str, str]]:
    """The Region and id of each directory that the pair names."""
    for directory, mapping in place.pair.directories.items():
        yield place.pair.primary_region, directory
        yield place.pair.dr_region, mapping.dr_directory


def _unfit(directory: Any, replicates: bool) -> list[str]:  # noqa: FBT001 - private, and called once
    if directory is None:
        return ["is not registered with WorkSpaces"]
    found = []
    if directory.get("State") not in (None, "REGISTERED"):
        found.append(f"is {directory['State']}")
    if directory.get("WorkspaceType") == "POOLS":
        found.append("is one of WorkSpaces Pools, which have no standbys")
    if directory.get("DirectoryType") == "SIMPLE_AD" and replicates:
        found.append("is a Simple AD, which cannot replicate data")
    return found


@check(
    "unused-directories",
    asks="Does each DR directory have a WorkSpace, so that it stays registered?",
    assumed="It does. AWS deregisters a Simple AD or an AD Connector when no WorkSpace of it was in use for 30 days.",
    how="DirectoryType in DescribeWorkspaceDirectories, and the WorkSpaces of the DR directories",
)
def unused_directories(place: Place) -> Finding:
    """Look for DR directories that wait for their first standby."""
    region, used = place.pair.dr_region, {one.read.directory_id for one in place.partners}
    empty = {
        one: kind
        for where, one in _mapped(place)
        if where == region
        and one not in used
        and (kind := place.directories[region].get(one, {}).get("DirectoryType")) in DEREGISTERED_UNUSED
    }
    if not empty:
        return as_assumed(f"No DR directory of {region} can be deregistered for want of WorkSpaces.")
    return warning(
        listed([f"{one} in {region} ({kind}) has no WorkSpace" for one, kind in empty.items()]),
        "After 30 days without a WorkSpace in use AWS deregisters it; requests for standbys are refused from then on, "
        "and AWS bills the directory. Get the first standby made before: accept the fleet, or ask for one desktop "
        "(README, By hand). If that has to wait, keep one WorkSpace there in use.",
    )


@check(
    "redirection",
    asks="Do a directory and its partner share a connection alias, so that users can be redirected?",
    assumed="They do; the product cannot redirect anybody and does not look.",
    how="DescribeConnectionAliases in both Regions: associations with the same connection string",
)
def redirection(place: Place) -> Finding:
    """Look for a common connection string."""
    pair = place.pair
    here, there = (_connection_strings(place, region) for region in (pair.primary_region, pair.dr_region))
    alone = [
        f"{directory} and {mapping.dr_directory} share no connection alias"
        for directory, mapping in pair.directories.items()
        if not here[directory] & there[mapping.dr_directory]
    ]
    if alone:
        return differs(
            listed(alone),
            "Create a connection alias of the same connection string in both Regions and associate each with its "
            "directory; until then nobody can reach a standby.",
        )
    return as_assumed(f"{counted(len(pair.directories), 'pair')} of directories, each with a common connection alias.")


def _connection_strings(place: Place, region: str) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for alias in place.account.pages("workspaces", region, "describe_connection_aliases", "ConnectionAliases"):
        for association in alias.get("Associations", ()):
            if str(association.get("AssociationStatus")).startswith("ASSOCIATED_"):
                found[association["ResourceId"]].add(alias["ConnectionString"])
    return found


@check(
    "keys",
    asks="Are the configured keys fit for volumes, and does each directory with encrypted desktops have one?",
    assumed="They are; an encrypted desktop without a configured key is INELIGIBLE (NO_DR_KEY).",
    how="DescribeKey in the DR Region; the primaries' volume encryption",
)
def keys(place: Place) -> Finding:
    """Look at each key, and at who needs one."""
    pair = place.pair
    problems = [problem for key in pair.encryption_keys for problem in _unfit_key(place, key)]
    keyless = Counter(
        str(one.read.directory_id)
        for one in place.primaries
        if one.read.is_encrypted and not _key_of(place, str(one.read.directory_id))
    )
    problems += [
        f"{directory} has {counted(count, 'encrypted desktop')} and no key" for directory, count in keyless.items()
    ]
    if problems:
        return differs(listed(problems), "Name an enabled symmetric customer-managed key of the DR Region, and deploy.")
    return as_assumed(f"{counted(len(pair.encryption_keys), 'key')} configured; no encrypted desktop lacks one.")


def _key_of(place: Place, directory: str) -> str | None:
    mapping = place.pair.directories.get(directory)
    return mapping.volume_encryption_key if mapping else None


def _unfit_key(place: Place, key: str) -> list[str]:
    try:
        told = place.account.ask("kms", place.pair.dr_region, "describe_key", KeyId=key)["KeyMetadata"]
    except ClientError as problem:
        if error_of(problem)[0] == "NotFoundException":
            return [f"{key} is not in {place.pair.dr_region}"]
        raise
    wanted = {"Enabled": True, "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "KeyManager": "CUSTOMER"}
    return [f"{key} has {name} {told.get(name)}" for name, value in wanted.items() if told.get(name, value) != value]


@check(
    "quotas",
    asks="Are the DR Region's quotas as high as the fleet?",
    assumed="Not known (AWS's pages disagree on the default): when a quota is used up, the pair waits and tells.",
    how=f"Service Quotas {STANDBYS_QUOTA} (standbys) and {WORKSPACES_QUOTA} (WorkSpaces), against the desktops",
)
def quotas(place: Place) -> Finding:
    """Compare the quotas with the number of primaries."""
    values = {code: _quota(place, code) for code in (STANDBYS_QUOTA, WORKSPACES_QUOTA)}
    primaries, standbys = len(place.primaries), len(place.standbys)
    told = (
        f"{STANDBYS_QUOTA} is {values[STANDBYS_QUOTA]:g} and {WORKSPACES_QUOTA} {values[WORKSPACES_QUOTA]:g} in "
        f"{place.pair.dr_region}, with {counted(standbys, 'standby', 'standbys')} there for "
        f"{counted(primaries, 'desktop')} in the mapped directories."
    )
    low = [code for code, value in values.items() if value < primaries]
    if low:
        return differs(told, f"Ask for a higher {' and '.join(low)} (Service Quotas, {place.pair.dr_region}).")
    return as_assumed(told)


def _quota(place: Place, code: str) -> float:
    region = place.pair.dr_region
    told = place.account.ask("service-quotas", region, "get_service_quota", ServiceCode="workspaces", QuotaCode=code)
    return float(told["Quota"]["Value"])
