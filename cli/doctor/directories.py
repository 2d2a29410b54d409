"""The directories in both Regions: registration, type, same settings on both sides, and room for standbys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cli.doctor.findings import Finding, check, counted, in_both, ok, problem, unknown, warning
from cli.doctor.place import EMPTY_FLEET, Fleet

if TYPE_CHECKING:
    from cli.doctor.asking import Answer
    from cli.doctor.place import Mapped, Place

_SIMPLE_AD: Final = "SIMPLE_AD"
# AWS deregisters unused directories of these two types.
_DEREGISTERED_UNUSED: Final = (_SIMPLE_AD, "AD_CONNECTOR")
# A member of a directory, what it is, and the option that sets it.
_SIGN_IN: Final = (
    ("SamlProperties", "SAML sign-in", "saml-properties"),
    ("CertificateBasedAuthProperties", "Certificate-based authentication", "certificate-based-auth-properties"),
)


@check("AWS refuses a standby in a directory that is not registered.")
def registered(place: Place) -> Iterator[Finding]:
    """Whether all directories are registered for WorkSpaces Personal."""

    def examine(region: str) -> Iterator[Finding]:
        shown = place.shown(region)
        found = [is_registered(region, one, shown.get(one)) for one in place.ids_in(region)]
        bad = [one for one in found if one is not None]
        good = counted(len(found), "directory", "directories")
        yield from bad or [ok(f"{good} in {region}: registered for WorkSpaces Personal.")]

    yield from in_both(place, examine)


def is_registered(region: str, directory: str, shown: Answer | None) -> Finding | None:
    """The problem with a directory's registration; None if there is none."""
    state = "not registered with WorkSpaces" if shown is None else shown.get("State") or "REGISTERED"
    if shown is None or state == "DEREGISTERED":
        command = f"aws workspaces register-workspace-directory --region {region} --directory-id {directory}"
        return problem(f"{directory} in {region} is {state}.", "Register it, or map another directory.", command)
    if state != "REGISTERED":
        return problem(
            f"{directory} in {region} is {state}.", "Wait. If the state does not change, check the WorkSpaces console."
        )
    if shown.get("WorkspaceType") == "POOLS":
        what = f"{directory} in {region} is a WorkSpaces Pools directory. Pools have no standbys."
        return problem(what, "Map a directory of WorkSpaces Personal.")
    return None


@check("A Simple AD does not support data replication: AWS refuses such a standby.")
def replication(place: Place) -> Iterator[Finding]:
    """Whether a directory with data replication, or its DR directory, is a Simple AD."""
    replicated = [one for one in place.directories if one.replicates]
    sides = [(place.region, one.directory) for one in replicated]
    sides += [(place.dr_region, one.dr_directory) for one in replicated]
    simple = [(region, one) for region, one in dict.fromkeys(sides) if _is_simple_ad(place, region, one)]
    for region, one in simple:
        fix = "Set its data_replication to NO_REPLICATION, or use an AD Connector or a Managed Microsoft AD."
        yield problem(f"{one} in {region} is a Simple AD, but data_replication is PRIMARY_AS_SOURCE.", fix)
    if not simple:
        count = counted(len(replicated), "directory replicates", "directories replicate")
        yield ok(f"{count} data. None is a Simple AD." if replicated else "No directory replicates data.")


def _is_simple_ad(place: Place, region: str, directory: str) -> bool:
    """Whether a directory is a Simple AD. WorkSpaces also returns SIMPLE_AD for a Managed Microsoft AD."""
    if place.shown(region).get(directory, {}).get("DirectoryType") != _SIMPLE_AD:
        return False
    found = place.asker.ask("ds:DescribeDirectories", region, DirectoryIds=[directory])
    return bool(found["DirectoryDescriptions"][0]["Type"] == "SimpleAD")


# Settings that should be the same on both sides

Compare = Callable[["Mapped", "Answer", "Answer", str], Iterator[Finding]]


def _compared(place: Place, compare: Compare) -> Iterator[Finding]:
    """The differences between directories that are registered on both sides."""
    here, there = (place.shown(region) for region in place.regions)
    found = [
        finding
        for one in place.directories
        if one.directory in here and one.dr_directory in there
        for finding in compare(one, here[one.directory], there[one.dr_directory], place.dr_region)
    ]
    yield from found or [ok("Both Regions have the same settings.")]


@check("A standby is created for the same user name. That user must be able to sign in to it.")
def domain(place: Place) -> Iterator[Finding]:
    """Whether both directories belong to the same domain."""
    yield from _compared(place, same_domain)


def same_domain(mapped: Mapped, here: Answer, there: Answer, _: str) -> Iterator[Finding]:
    """Whether two directories belong to the same domain."""
    names = [str(one.get("DirectoryName", "")) for one in (here, there)]
    if all(names) and names[0].casefold() != names[1].casefold():
        what = f"{mapped.directory} belongs to the domain {names[0]}, but {mapped.dr_directory} to {names[1]}."
        yield warning(what, "Map a DR directory of the same domain, or make sure that each user exists in both.")


@check("AWS refuses a standby whose user does not exist in the DR directory.")
def user_names(_: Place) -> Iterator[Finding]:
    """The WorkSpaces API does not return the users of a directory."""
    fix = "Compare the users in Active Directory. `standby list --reason USER_NOT_IN_DR_DIRECTORY` lists missing users."
    yield unknown("The WorkSpaces API does not show whether each user exists in the DR directory.", fix)


@check("During an outage, users sign in with the method that is set for the DR directory.")
def sign_in(place: Place) -> Iterator[Finding]:
    """Whether both directories use the same sign-in methods."""
    yield from _compared(place, same_sign_in)


def same_sign_in(mapped: Mapped, here: Answer, there: Answer, dr_region: str) -> Iterator[Finding]:
    """Whether SAML and certificate-based authentication have the same status for two directories."""
    for member, name, option in _SIGN_IN:
        wanted = here.get(member) or {}
        status, other = (side.get("Status", "DISABLED") for side in (wanted, there.get(member) or {}))
        if status == other:
            continue
        values = ",".join(f"{key}={value}" for key, value in ({**wanted} | {"Status": status}).items())
        yield warning(
            f"{name} is {status} for {mapped.directory}, but {other} for {mapped.dr_directory} in {dr_region}.",
            f"Use the same status for both. If {dr_region} needs different values, change them in the command.",
            f"aws workspaces modify-{option} --region {dr_region} --resource-id {mapped.dr_directory} "
            f"--{option} '{values}'",
        )


@check("During an outage, the IP groups of the DR directory decide from which addresses users can connect.")
def ip_groups(place: Place) -> Iterator[Finding]:
    """Whether both directories allow the same addresses."""

    def compare(mapped: Mapped, here: Answer, there: Answer, dr_region: str) -> Iterator[Finding]:
        yield from same_ranges(mapped, _ranges(place, place.region, here), _ranges(place, dr_region, there), dr_region)

    yield from _compared(place, compare)


def _ranges(place: Place, region: str, directory: Answer) -> list[str]:
    ids = sorted(directory.get("ipGroupIds") or ())
    groups = place.asker.ask("workspaces:DescribeIpGroups", region, GroupIds=ids)["Result"] if ids else ()
    return sorted({rule["ipRule"] for group in groups for rule in group.get("userRules", ())})


def same_ranges(mapped: Mapped, here: Sequence[str], there: Sequence[str], dr_region: str) -> Iterator[Finding]:
    """Whether two directories allow the same ranges; a directory without a group allows all."""
    if here == there:
        return
    mine, theirs = (", ".join(ranges) or "all addresses" for ranges in (here, there))
    what = f"{mapped.directory} allows {mine}, but {mapped.dr_directory} in {dr_region} allows {theirs}."
    if not here:
        yield warning(what, "Remove the IP groups from the DR directory if users may connect from anywhere.")
        return
    rules = " ".join(f"ipRule={one}" for one in here)
    there_id, group = mapped.dr_directory, "wsipg-1a2b3c4d5"
    yield warning(
        what,
        "Associate a group with the same ranges with the DR directory. The first command returns its id.",
        f"aws workspaces create-ip-group --region {dr_region} --group-name {mapped.directory} --user-rules {rules}",
        f"aws workspaces associate-ip-groups --region {dr_region} --directory-id {there_id} --group-ids {group}",
    )


# Room for standbys


@check("Each standby needs an IP address in the DR directory's subnets.")
def addresses(place: Place) -> Iterator[Finding]:
    """Whether there are enough addresses."""
    shown = place.shown(place.dr_region)
    fleets: defaultdict[str, list[Fleet]] = defaultdict(list)
    for one in place.directories:
        if one.dr_directory in shown:
            fleets[one.dr_directory].append(place.fleet(one))
    for directory, ones in fleets.items():
        subnets = sorted(shown[directory]["SubnetIds"])
        found = place.asker.ask("ec2:DescribeSubnets", place.dr_region, SubnetIds=subnets)["Subnets"]
        free = sum(int(one["AvailableIpAddressCount"]) for one in found)
        yield has_addresses(f"{directory} in {place.dr_region}", free, sum(ones, EMPTY_FLEET))


def has_addresses(directory: str, free: int, fleet: Fleet) -> Finding:
    """Whether a DR directory has an address for each standby that does not exist yet."""
    missing = max(fleet.wanted - fleet.covered, 0)
    wanted = f"{'' if fleet.is_whole else 'at least '}{counted(missing, 'standby', 'standbys')}"
    what = f"{directory} has {counted(free, 'free address', 'free addresses')} for {wanted} still to be created."
    if free < missing:
        return problem(what, "Release addresses, or map a directory that is registered in larger subnets.")
    return ok(what)


@check("AWS deregisters a Simple AD or AD Connector if no WorkSpace in it was used for 30 days.")
def unused(place: Place) -> Iterator[Finding]:
    """Which DR directories have no standby yet."""
    shown, region, found = place.shown(place.dr_region), place.dr_region, False
    waiting: Mapping[str, str] = {one.dr_directory: one.directory for one in place.directories}
    for one, directory in waiting.items():
        kind = shown.get(one, {}).get("DirectoryType")
        if kind not in _DEREGISTERED_UNUSED or (kind == _SIMPLE_AD and not _is_simple_ad(place, region, one)):
            continue
        if place.sample(region, one)[0]:
            continue
        found = True
        fix = "Create the first standby within 30 days, or keep one WorkSpace there in use."
        yield warning(f"{one} in {region} ({kind}) has no WorkSpace.", fix, f"standby plan {directory}")
    if not found:
        yield ok(f"No DR directory in {region} is at risk of being deregistered because it is unused.")


CHECKS = (registered, replication, domain, user_names, sign_in, ip_groups, addresses, unused)
