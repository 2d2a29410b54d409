"""Cross-Region redirection: connection aliases, and the TXT record in DNS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli import txt_records
from cli.doctor.findings import Finding, Status, Unseen, check, counted, named, ok, problem, warning
from cli.doctor.place import Txt
from cli.problems import Problem

if TYPE_CHECKING:
    from cli.doctor.place import Mapped, Place, Resolve

# A client follows the old record until its cache expires.
LONGEST_TTL: Final = 300
_SECONDS: Final = 5.0
_DNS_PORT: Final = 53


@dataclass(frozen=True)
class Alias:
    """A connection alias, and the directory that it is associated with."""

    id: str
    connection_string: str
    directory: str = ""
    identifier: str = ""


# Connection aliases


def _both(place: Place) -> tuple[list[Alias] | Unseen, list[Alias]]:
    """The aliases of both Regions. In an outage of the primary Region, why its aliases could not be read."""
    here: list[Alias] | Unseen
    try:
        here = _in(place, place.region)
    except Unseen as unseen:
        here = unseen
    try:
        return here, _in(place, place.dr_region)
    except Unseen:
        if isinstance(here, Unseen):
            raise here from None
        raise


def _in(place: Place, region: str) -> list[Alias]:
    return read(place.asker.pages("workspaces:DescribeConnectionAliases", region, "ConnectionAliases"))


def read(shown: Sequence[Mapping[str, Any]]) -> list[Alias]:
    """The aliases of a Region, once for each associated directory."""
    found = []
    for one in shown:
        alias = Alias(str(one["AliasId"]), str(one["ConnectionString"]))
        associated = [
            Alias(alias.id, alias.connection_string, str(to["ResourceId"]), str(to.get("ConnectionIdentifier", "")))
            for to in one.get("Associations") or ()
            if str(to.get("AssociationStatus")).startswith("ASSOCIATED_")
        ]
        found += associated or [alias]
    return found


@check("Users reach a standby only if both directories are associated with aliases of the same connection string.")
def aliases(place: Place) -> Iterator[Finding]:
    """Whether each directory and its DR directory share a connection string."""
    here, there = _both(place)
    if isinstance(here, Unseen):
        yield from in_dr_region(place.directories, place.dr_region, there)
        raise here
    yield from in_common(place.directories, place.regions, here, there)


def in_dr_region(directories: Sequence[Mapped], dr_region: str, there: Sequence[Alias]) -> Iterator[Finding]:
    """Whether each DR directory has a connection alias, when the primary Region cannot be read."""
    have = {alias.directory for alias in there}
    good = 0
    for one in directories:
        if one.dr_directory in have:
            good += 1
            continue
        what = (
            f"{one.dr_directory} in {dr_region} has no connection alias. Users of {one.directory} cannot be redirected."
        )
        yield problem(what, "When the primary Region works again, run this command again: it prints what to do.")
    if good:
        yield ok(f"{counted(good, 'DR directory', 'DR directories')} with a connection alias in {dr_region}.")


def in_common(
    directories: Sequence[Mapped], regions: tuple[str, str], here: Sequence[Alias], there: Sequence[Alias]
) -> Iterator[Finding]:
    """Whether each directory and its DR directory share a connection string."""
    good = 0
    for one in directories:
        strings = [
            {alias.connection_string for alias in side if alias.directory == directory}
            for side, directory in ((here, one.directory), (there, one.dr_directory))
        ]
        if strings[0] & strings[1]:
            good += 1
            continue
        # The name that one side already has is missing on the other.
        unknown = f"{one.directory}.example.com"
        name = min(strings[0] or strings[1] or {unknown})
        sides = zip(regions, (here, there), (one.directory, one.dr_directory), strings, strict=True)
        commands = [
            command
            for region, side, directory, found in sides
            if name not in found
            for command in _associate(region, side, directory, name)
        ]
        shown = " and ".join(
            f"{', '.join(sorted(found)) or 'none'} in {region}" for region, found in zip(regions, strings, strict=True)
        )
        what = f"{one.directory} and {one.dr_directory} share no connection alias: {shown}."
        own = f" Replace {unknown} with your own name." if name == unknown else ""
        new = " Replace ALIAS_ID_… with the AliasId that the command above it returns." if _has_new(commands) else ""
        fix = f"Associate aliases of the same connection string with both directories.{own}{new}"
        yield problem(what, fix, *commands)
    if good:
        yield ok(f"{counted(good, 'pair')} of directories with a shared connection alias.")


def _has_new(commands: Sequence[str]) -> bool:
    return any("create-connection-alias" in one for one in commands)


def _associate(region: str, side: Sequence[Alias], directory: str, name: str) -> Iterator[str]:
    """The commands that associate a directory with an alias, unless another directory uses it."""
    of_name = next((alias for alias in side if alias.connection_string == name), None)
    if of_name is not None and of_name.directory:
        return
    alias_id = of_name.id if of_name else f"ALIAS_ID_{region}"
    if of_name is None:
        yield f"aws workspaces create-connection-alias --region {region} --connection-string {name}"
    yield f"aws workspaces associate-connection-alias --region {region} --alias-id {alias_id} --resource-id {directory}"


# DNS


@check("Clients connect to the Region whose connection identifier is in the TXT record of the alias.")
def txt_record(place: Place) -> Iterator[Finding]:
    """Whether the TXT record has the primary Region's identifier, and can be switched quickly."""
    here, there = _both(place)
    if isinstance(here, Unseen):
        away = {one.dr_directory for one in place.directories}
        for alias in sorted(there, key=lambda alias: alias.connection_string):
            if alias.directory in away:
                yield in_outage(alias, place.resolve(alias.connection_string), place.dr_region)
        raise here
    wanted: defaultdict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for one in place.directories:
        for mine in here:
            for theirs in there:
                if (mine.directory, theirs.directory) == (one.directory, one.dr_directory) and (
                    mine.connection_string == theirs.connection_string
                ):
                    wanted[mine.connection_string][0].add(mine.identifier)
                    wanted[mine.connection_string][1].add(theirs.identifier)
    if not wanted:
        raise Unseen(Status.UNKNOWN, "There is no shared connection alias, so there is no TXT record to check.")
    for name, (mine_, theirs_) in sorted(wanted.items()):
        yield from record(name, place.resolve(name), mine_, theirs_, place.dr_region)


def record(name: str, found: Txt, here: set[str], there: set[str], dr_region: str) -> Iterator[Finding]:
    """Whether a TXT record has the primary Region's identifier, and can be switched quickly."""
    values = set(found.values)
    if values & there and not values & here:
        what = f"{name} currently sends users to {dr_region}."
        yield warning(
            what,
            f"If there is no outage, restore the record. In Route 53: replace {txt_records.ZONE} with the zone's id.",
            *txt_records.commands(name, min(here)),
        )
    elif not values & here:
        shown = f"is {named(sorted(values))}" if values else "does not exist"
        what = f"The TXT record of {name} {shown}. It must be {' or '.join(sorted(here))}."
        fix = f"Set the record. In Route 53: replace {txt_records.ZONE} with the zone's id."
        yield problem(what, fix, *txt_records.commands(name, min(here)))
    elif found.ttl > LONGEST_TTL:
        what = f"The time to live of the TXT record of {name} is {found.ttl} seconds."
        fix = "Set it to 60 seconds. Clients follow a change only after this time."
        yield warning(what, fix, *txt_records.commands(name, min(here)))
    else:
        yield ok(f"{name} sends users to the primary Region. Its time to live is {found.ttl} seconds.")


def in_outage(alias: Alias, found: Txt, dr_region: str) -> Finding:
    """Where a TXT record sends users, when the primary Region cannot be read. Both answers need a person's eye."""
    name, identifier = alias.connection_string, alias.identifier
    shown = f"is {named(sorted(found.values))}" if found.values else "does not exist"
    if identifier in found.values:
        what = f"{name} sends users to {dr_region}: its TXT record {shown}."
        return warning(what, "Users restart the client. To send them back after the outage, see `standby runbook`.")
    what = f"{name} does not send users to {dr_region}: its TXT record {shown}. {dr_region} has {identifier}."
    fix = f"To redirect users, set the record. In Route 53: replace {txt_records.ZONE} with the zone's id."
    return warning(what, fix, *txt_records.commands(name, identifier))


def resolver(nameserver: str | None) -> Resolve:
    """A function that reads TXT records from this machine's name servers, or from `HOST` or `HOST:PORT`.

    Raises
    ------
    Problem
        The name server's address is invalid.
    """
    address = None if nameserver is None else _address(nameserver)

    def resolve(name: str) -> Txt:
        import dns.exception
        import dns.rdatatype
        import dns.resolver

        try:
            asked = dns.resolver.Resolver(configure=address is None)
            if address is not None:
                asked.nameservers, asked.port = [address[0]], address[1]
            answer = asked.resolve(name, "TXT", search=False, lifetime=_SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Txt()
        except (dns.exception.DNSException, OSError) as failed:
            words = " ".join(str(failed).split()).rstrip(".")
            fix = "Check the network, or use another name server: --nameserver HOST."
            raise Unseen(Status.NO_ANSWER, f"DNS did not answer for {name}: {words}.", fix) from None
        texts = tuple(b"".join(one.strings).decode("ascii", "replace") for one in answer)
        return Txt(texts, int(answer.rrset.ttl) if answer.rrset is not None else 0)

    return resolve


def _address(given: str) -> tuple[str, int]:
    """The address and port of a name server."""
    import socket

    host, separator, port = given.rpartition(":")
    if not separator or (":" in host and not given.startswith("[")):  # an IPv6 address without a port
        host, port = given, str(_DNS_PORT)
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
        return str(found[0][4][0]), int(port)
    except (OSError, ValueError, OverflowError) as failed:
        fix = "Write a name or an address, with a port if it is not 53: --nameserver 10.0.0.2 or 127.0.0.1:5353."
        raise Problem("BadNameServer", f"{given} is not a valid name server ({failed}).", fix) from None


CHECKS = (aliases, txt_record)
