"""The directories of both Regions: registered, of a fit kind, alike, and with room for standbys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cli.doctor.findings import Finding, cannot_tell, check, counted, in_both, ok, problem, warning
from cli.doctor.place import NOBODY, Fleet

if TYPE_CHECKING:
    from cli.doctor.asking import Answer
    from cli.doctor.place import Mapped, Place

_SIMPLE_AD: Final = "SIMPLE_AD"
# Of these two AWS says that it deregisters them.
_DEREGISTERED_UNUSED: Final = (_SIMPLE_AD, "AD_CONNECTOR")
# A member of a directory, what it is, and the option that sets it.
_SIGN_IN: Final = (
    ("SamlProperties", "SAML sign-in", "saml-properties"),
    ("CertificateBasedAuthProperties", "Certificate-based authentication", "certificate-based-auth-properties"),
)


@check("AWS refuses a standby that names a directory which is not registered.")
def registered(place: Place) -> Iterator[Finding]:
    """Whether all are registered, for WorkSpaces Personal."""

    def look(region: str) -> Iterator[Finding]:
        shown = place.shown(region)
        found = [is_registered(region, one, shown.get(one)) for one in place.ids_in(region)]
        bad = [one for one in found if one is not None]
        good = counted(len(found), "directory", "directories")
        yield from bad or [ok(f"{good} in {region}: registered, for WorkSpaces Personal.")]

    yield from in_both(place, look)


def is_registered(region: str, directory: str, shown: Answer | None) -> Finding | None:
    """What is wrong with a directory's registration; None if nothing is."""
    state = "not registered with WorkSpaces" if shown is None else shown.get("State") or "REGISTERED"
    if shown is None or state == "DEREGISTERED":
        command = f"aws workspaces register-workspace-directory --region {region} --directory-id {directory}"
        return problem(f"{directory} in {region} is {state}.", "Register it, or map another directory.", command)
    if state != "REGISTERED":
        return problem(f"{directory} in {region} is {state}.", "Wait. If it stays so, see the WorkSpaces console.")
    if shown.get("WorkspaceType") == "POOLS":
        what = f"{directory} in {region} is a directory of WorkSpaces Pools, which have no standbys."
        return problem(what, "Map a directory of WorkSpaces Personal.")
    return None


@check("A Simple AD cannot replicate data: AWS refuses such a standby.")
def replication(place: Place) -> Iterator[Finding]:
    """Whether a directory that is to replicate data is, or has for a DR directory, a Simple AD."""
    replicated = [one for one in place.directories if one.replicates]
    sides = [(place.region, one.directory) for one in replicated]
    sides += [(place.dr_region, one.dr_directory) for one in replicated]
    simple = [(region, one) for region, one in dict.fromkeys(sides) if _is_simple_ad(place, region, one)]
    for region, one in simple:
        fix = "Configure data_replication: NO_REPLICATION for it, or use an AD Connector or a Managed Microsoft AD."
        yield problem(f"{one} in {region} is a Simple AD, and data_replication is PRIMARY_AS_SOURCE.", fix)
    if not simple:
        count = counted(len(replicated), "directory replicates", "directories replicate")
        yield ok(f"{count} data, without a Simple AD." if replicated else "No directory replicates data.")


def _is_simple_ad(place: Place, region: str, directory: str) -> bool:
    """WorkSpaces shows a Managed Microsoft AD as SIMPLE_AD, too; Directory Service knows better."""
    if place.shown(region).get(directory, {}).get("DirectoryType") != _SIMPLE_AD:
        return False
    found = place.asker.ask("ds:DescribeDirectories", region, DirectoryIds=[directory])
    return bool(found["DirectoryDescriptions"][0]["Type"] == "SimpleAD")


# What should be alike

Compare = Callable[["Mapped", "Answer", "Answer", str], Iterator[Finding]]


def _compared(place: Place, compare: Compare) -> Iterator[Finding]:
    """What differs between directories that are registered on both sides."""
    here, there = (place.shown(region) for region in place.regions)
    found = [
        finding
        for one in place.directories
        if one.directory in here and one.dr_directory in there
        for finding in compare(one, here[one.directory], there[one.dr_directory], place.dr_region)
    ]
    yield from found or [ok("The same in both Regions.")]


@check("A standby is made for the user of the same name, who has to be able to sign in to it.")
def domain(place: Place) -> Iterator[Finding]:
    """Whether both directories are of one domain."""
    yield from _compared(place, same_domain)


def same_domain(mapped: Mapped, here: Answer, there: Answer, _: str) -> Iterator[Finding]:
    """Whether two directories are of one domain."""
    names = [str(one.get("DirectoryName", "")) for one in (here, there)]
    if all(names) and names[0].casefold() != names[1].casefold():
        what = f"{mapped.directory} is of the domain {names[0]}, {mapped.dr_directory} of {names[1]}."
        yield warning(what, "Map a DR directory of the same domain, or make sure that each user exists in both.")


@check("AWS refuses a standby whose user does not exist in the DR directory.")
def user_names(_: Place) -> Iterator[Finding]:
    """WorkSpaces does not show a directory's users."""
    fix = "Compare them in Active Directory. `standby list --reason USER_NOT_IN_DR_DIRECTORY` names who was missing."
    yield cannot_tell("Reading does not tell whether each user exists in the DR directory, too.", fix)


@check("In an outage users sign in to the DR directory, in the way that is set there.")
def sign_in(place: Place) -> Iterator[Finding]:
    """Whether both directories have the same way to sign in."""
    yield from _compared(place, same_sign_in)


def same_sign_in(mapped: Mapped, here: Answer, there: Answer, dr_region: str) -> Iterator[Finding]:
    """Whether SAML and certificates are enabled for both of two directories, or for neither."""
    for member, name, option in _SIGN_IN:
        wanted = here.get(member) or {}
        status, other = (side.get("Status", "DISABLED") for side in (wanted, there.get(member) or {}))
        if status == other:
            continue
        values = ",".join(f"{key}={value}" for key, value in ({**wanted} | {"Status": status}).items())
        yield warning(
            f"{name} is {status} for {mapped.directory}, and {other} for {mapped.dr_directory} in {dr_region}.",
            f"Set both alike. Where {dr_region} needs values of its own, write those.",
            f"aws workspaces modify-{option} --region {dr_region} --resource-id {mapped.dr_directory} "
            f"--{option} '{values}'",
        )


@check("In an outage the IP groups of the DR directory decide from where users can connect.")
def ip_groups(place: Place) -> Iterator[Finding]:
    """Whether both directories admit the same addresses."""

    def compare(mapped: Mapped, here: Answer, there: Answer, dr_region: str) -> Iterator[Finding]:
        yield from same_ranges(mapped, _ranges(place, place.region, here), _ranges(place, dr_region, there), dr_region)

    yield from _compared(place, compare)


def _ranges(place: Place, region: str, directory: Answer) -> list[str]:
    ids = sorted(directory.get("ipGroupIds") or ())
    groups = place.asker.ask("workspaces:DescribeIpGroups", region, GroupIds=ids)["Result"] if ids else ()
    return sorted({rule["ipRule"] for group in groups for rule in group.get("userRules", ())})


def same_ranges(mapped: Mapped, here: Sequence[str], there: Sequence[str], dr_region: str) -> Iterator[Finding]:
    """Whether two directories admit the same ranges; one without a group admits all."""
    if here == there:
        return
    mine, theirs = (", ".join(ranges) or "all addresses" for ranges in (here, there))
    what = f"{mapped.directory} admits {mine}; {mapped.dr_directory} in {dr_region} admits {theirs}."
    if not here:
        yield warning(what, "Take the IP groups from the DR directory if users may connect from anywhere.")
        return
    rules = " ".join(f"ipRule={one}" for one in here)
    there_id, group = mapped.dr_directory, "wsipg-1a2b3c4d5"
    yield warning(
        what,
        "Associate a group of the same ranges with the DR directory. Its id is in the answer of the first command.",
        f"aws workspaces create-ip-group --region {dr_region} --group-name {mapped.directory} --user-rules {rules}",
        f"aws workspaces associate-ip-groups --region {dr_region} --directory-id {there_id} --group-ids {group}",
    )


# Room for standbys


@check("Each standby takes an address of the DR directory's subnets.")
def addresses(place: Place) -> Iterator[Finding]:
    """Whether there are enough."""
    shown = place.shown(place.dr_region)
    fleets: defaultdict[str, list[Fleet]] = defaultdict(list)
    for one in place.directories:
        if one.dr_directory in shown:
            fleets[one.dr_directory].append(place.fleet(one))
    for directory, ones in fleets.items():
        subnets = sorted(shown[directory]["SubnetIds"])
        found = place.asker.ask("ec2:DescribeSubnets", place.dr_region, SubnetIds=subnets)["Subnets"]
        free = sum(int(one["AvailableIpAddressCount"]) for one in found)
        yield has_addresses(f"{directory} in {place.dr_region}", free, sum(ones, NOBODY))


def has_addresses(directory: str, free: int, fleet: Fleet) -> Finding:
    """Whether a DR directory has an address for each standby that is missing."""
    missing = max(fleet.wanted - fleet.covered, 0)
    wanted = f"{'' if fleet.is_whole else 'at least '}{counted(missing, 'standby', 'standbys')}"
    what = f"{directory} has {counted(free, 'free address', 'free addresses')} for {wanted} to come."
    if free < missing:
        return problem(what, "Free addresses, or register a directory in larger subnets and map that one.")
    return ok(what)


@check("AWS deregisters a Simple AD or AD Connector in which no WorkSpace was in use for 30 days.")
def unused(place: Place) -> Iterator[Finding]:
    """Which DR directories wait for their first standby."""
    shown, region, found = place.shown(place.dr_region), place.dr_region, False
    waiting: Mapping[str, str] = {one.dr_directory: one.directory for one in place.directories}
    for one, directory in waiting.items():
        kind = shown.get(one, {}).get("DirectoryType")
        if kind not in _DEREGISTERED_UNUSED or (kind == _SIMPLE_AD and not _is_simple_ad(place, region, one)):
            continue
        if place.sample(region, one)[0]:
            continue
        found = True
        fix = "Have the first standby made within 30 days, or keep one WorkSpace there in use."
        yield warning(f"{one} in {region} ({kind}) has no WorkSpace.", fix, f"standby plan {directory}")
    if not found:
        yield ok(f"AWS will not deregister a DR directory in {region} for want of WorkSpaces.")


CHECKS = (registered, replication, domain, user_names, sign_in, ip_groups, addresses, unused)
