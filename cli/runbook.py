"""The failover runbook, a Markdown page with the names of one pair. Pure.

Each command has its own block, ready to be copied. Placeholders to fill in are in capital letters.
https://docs.aws.amazon.com/workspaces/latest/adminguide/cross-region-redirection.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cli import txt_records
from cli.failover import WORDS
from cli.pairs import Pair

# The Region of Route 53's control plane: records are changed there.
_DNS_REGION: Final = "us-east-1"
_CHECK, _IDENTIFIER = "HEALTH_CHECK_ID", "CONNECTION_IDENTIFIER"


@dataclass(frozen=True)
class Alias:
    """A connection string, and the connection identifier that its TXT record has for each Region; empty: no alias."""

    name: str
    primary: str
    dr: str


_UNKNOWN: Final = Alias("desktop.example.com", "", "")


@dataclass(frozen=True)
class Names:
    """The names on the page.

    `directories` are the primary Region's directories with their DR directories. `unread` are the Regions whose aliases
    could not be read. `alone` are the directories that share no connection alias with their DR directory.
    """

    pair: Pair
    directories: Mapping[str, str]
    aliases: Sequence[Alias]
    dr_topic: str = ""
    unread: Collection[str] = ()
    alone: Collection[str] = ()


def aliases(
    here: Sequence[Mapping[str, Any]], there: Sequence[Mapping[str, Any]], directories: Mapping[str, str]
) -> list[Alias]:
    """The aliases that are associated with a mapped directory in at least one Region, by their connection strings.

    `here` and `there` are what DescribeConnectionAliases returned in the primary and in the DR Region.
    """
    sides = [_identifiers(here, {*directories}), _identifiers(there, {*directories.values()})]
    return [Alias(name, *(side.get(name, "") for side in sides)) for name in sorted({*sides[0], *sides[1]})]


def alone(
    here: Sequence[Mapping[str, Any]] | None, there: Sequence[Mapping[str, Any]] | None, directories: Mapping[str, str]
) -> list[str]:
    """The directories that share no connection alias with their DR directory, as far as it is known.

    `here` and `there` are as for `aliases`; None if the Region could not be read. Then the other Region decides.
    """
    found = []
    for one, other in sorted(directories.items()):
        known = [{*_identifiers(side, {its})} for side, its in ((here, one), (there, other)) if side is not None]
        if known and not set.intersection(*known):
            found.append(one)
    return found


def _identifiers(shown: Sequence[Mapping[str, Any]], directories: set[str]) -> dict[str, str]:
    return {
        str(alias["ConnectionString"]): str(to.get("ConnectionIdentifier", ""))
        for alias in shown
        for to in alias.get("Associations") or ()
        if to.get("ResourceId") in directories
    }


def page(names: Names, printed: datetime, missing: Sequence[str]) -> str:
    """The page, as Markdown."""
    return "\n".join(_lines(names, printed, missing)) + "\n"


def _lines(names: Names, printed: datetime, missing: Sequence[str]) -> Iterator[str]:
    pair = names.pair
    here, there, stack = pair.region, pair.dr_region, pair.stack
    yield f"# Runbook: {here} is lost, users work in {there}"
    yield ""
    yield f"Printed {printed:%Y-%m-%d %H:%M} UTC. Print it again when a directory or a connection alias changes:"
    yield from _commands(f"standby runbook --stack {stack} > runbook.md")
    yield "Replace the words in capital letters with an underscore. Do this before an outage."
    yield ""
    for one in missing:
        yield f"- **Not known when this was printed:** {one}"
    yield from _names(names)
    yield from _before(names)
    yield from _decide(names)
    yield from _start(names)
    yield from _redirect(names)
    yield from _write_to_users()
    yield from _watch(names)
    yield from _fail_back(names)


def _commands(*lines: str) -> Iterator[str]:
    yield ""
    yield "```sh"
    yield from lines
    yield "```"
    yield ""


def _names(names: Names) -> Iterator[str]:
    pair = names.pair
    yield ""
    yield "| what | name |"
    yield "| --- | --- |"
    yield f"| account | {pair.account or 'ACCOUNT_ID'} |"
    yield f"| primary Region, stack | {pair.region}, {pair.stack} |"
    yield f"| DR Region, stack | {pair.dr_region}, {pair.dr_stack} |"
    yield f"| ledger, in both Regions | {pair.table} |"
    yield f"| topic of notices in the DR Region | {names.dr_topic or 'TOPIC_ARN'} |"
    for one, other in sorted(names.directories.items()):
        cannot = ": no connection alias, its users cannot be redirected" if one in names.alone else ""
        yield f"| directory → DR directory | {one} → {other}{cannot} |"
    for alias in names.aliases:
        yield f"| connection alias | {alias.name} |"
        sides = ((alias.primary, pair.region), (alias.dr, pair.dr_region))
        shown = [one or ("not known" if region in names.unread else "not associated") for one, region in sides]
        yield f"| its TXT record: primary, DR | {', '.join(shown)} |"
    yield "| who decides, telephone | ____________________ |"
    yield "| who changes DNS, telephone | ____________________ |"
    yield "| who writes to users, telephone | ____________________ |"
    yield ""


def _before(names: Names) -> Iterator[str]:
    pair = names.pair
    yield "## Before an outage"
    yield ""
    yield f"1. Use credentials that do not depend on {pair.region}: IAM Identity Center can be in the lost Region."
    yield "2. On an ordinary day, test the credentials and check that everything is in place:"
    yield from _commands(
        f"aws sts get-caller-identity --region {pair.dr_region}",
        f"standby doctor --stack {pair.stack}",
    )
    if not names.aliases and not names.unread:
        yield "3. No connection alias was found. Without one in both Regions, users cannot be redirected."
        yield ""


def _decide(names: Names) -> Iterator[str]:
    pair = names.pair
    yield "## 1. Decide"
    yield ""
    yield f"1. Check that {pair.region} is the cause: https://health.aws.amazon.com/health/status"
    yield "2. List who can work, and how old their data is. This command calls only the DR Region:"
    yield from _commands(f"standby failover-list --stack {pair.stack} --output csv > failover.csv")
    yield "3. Consider this before you decide:"
    yield "   - Redirecting users takes up to 30 minutes, and so does returning."
    yield "   - Data on a standby is 12 to 24 hours old, or missing if data replication is off."
    yield "   - Work that users save on a standby is not copied back. They must save it to a network drive."
    yield "   - If the outage ends within an hour, it is over before most users have moved."
    yield ""


def _start(names: Names) -> Iterator[str]:
    pair = names.pair
    yield "## 2. Start standbys"
    yield ""
    yield "1. A stopped standby starts when its user signs in. Capacity is not reserved: start important ones first."
    yield "   Take their standby_id from failover.csv, at most 25 a call:"
    yield from _commands(
        f"aws workspaces start-workspaces --region {pair.dr_region} --start-workspace-requests WorkspaceId=ws-…"
    )
    yield "2. Check that they become AVAILABLE:"
    yield from _commands(f"standby failover-list --stack {pair.stack} --user 'PATTERN'")


def _redirect(names: Names) -> Iterator[str]:
    pair = names.pair
    yield "## 3. Redirect"
    yield ""
    yield "The client reads the TXT record of the connection alias. It has the identifier of the Region to connect to."
    yield ""
    if pair.region == _DNS_REGION:
        yield f"**Route 53 accepts changes in {_DNS_REGION}, the lost Region: the commands below may fail.**"
        yield "Failover records with a health check work without these commands. Set them up before an outage."
        yield ""
    for one in names.alone:
        other = names.directories[one]
        yield f"**Users of {one} cannot be redirected:** it shares no connection alias with {other}."
        yield ""
    yield "1. Check what DNS answers now, and compare it with the identifiers in the table above:"
    yield from _commands(*(f"nslookup -type=TXT {alias.name}" for alias in names.aliases or [_UNKNOWN]))
    yield f"   This compares them, too. While {pair.region} is lost, its exit status is 4:"
    yield from _commands(f"standby doctor --only redirection --stack {pair.stack}")
    yield "2. **If the record has a health check** (Route 53 failover records), it switches automatically when the"
    yield "   check fails, and switches back as soon as the check succeeds, even if users have not saved their work."
    yield "   Disable and invert the health check of the primary record. It then counts as failed until section 6:"
    yield from _commands(f"aws route53 update-health-check --health-check-id {_CHECK} --disabled --inverted")
    yield "3. **If it is a plain record**, find its zone, and set the record to the identifier of the DR Region:"
    yield from _records(names, dr=True)


def _records(names: Names, *, dr: bool) -> Iterator[str]:
    for alias in names.aliases or [_UNKNOWN]:
        identifier = (alias.dr if dr else alias.primary) or _IDENTIFIER
        yield from _commands(*txt_records.commands(alias.name, identifier))
        if identifier == _IDENTIFIER:
            region = names.pair.dr_region if dr else names.pair.region
            yield f"   Find {_IDENTIFIER} in the association of the alias in {region}:"
            yield from _commands(f"aws workspaces describe-connection-aliases --region {region}")


def _write_to_users() -> Iterator[str]:
    yield "## 4. Write to users"
    yield ""
    yield "1. Send this message. `standby failover-list --words` prints it."
    yield ""
    yield from (f"> {line}".rstrip() for line in WORDS.splitlines())
    yield ""


def _watch(names: Names) -> Iterator[str]:
    region = names.pair.dr_region
    yield "## 5. Watch logins"
    yield ""
    yield "1. Show how many users were connected in each 5 minutes of this hour:"
    yield from _commands(
        *(
            f"aws cloudwatch get-metric-statistics --region {region} --namespace AWS/WorkSpaces"
            f" --metric-name UserConnected --dimensions Name=DirectoryId,Value={directory}"
            " --statistics Sum --period 300"
            ' --start-time "$(date -u +%Y-%m-%dT%H:00:00Z)" --end-time "$(date -u +%Y-%m-%dT%H:%M:%SZ)"'
            for directory in sorted({*names.directories.values()}) or ["d-0123456789"]
        )
    )
    yield "2. If a user cannot connect, restart the client, wait 5 minutes, and check the state of the standby:"
    yield from _commands(f"standby failover-list --stack {names.pair.stack} --user 'USER_NAME'")


def _fail_back(names: Names) -> Iterator[str]:
    pair = names.pair
    yield "## 6. Fail back without losing work"
    yield ""
    yield "1. **Before the Region recovers**: work on a standby is not copied back. If the record has a health check"
    yield "   that was not disabled and inverted in section 3, do it now. Otherwise users are sent back automatically."
    yield f"2. When {pair.region} works again, check the desktops and the product there:"
    yield from _commands(f"standby doctor --stack {pair.stack}", f"standby status --stack {pair.stack}")
    yield "3. Write to users: save everything to a network drive, and sign out of the standby by TIME_OF_RETURN. Do not"
    yield "   connect to both desktops at the same time: a desktop can lose its trust relationship with the domain."
    yield "4. At that time, redirect users back. With a health check:"
    yield from _commands(
        f"aws route53 update-health-check --health-check-id {_CHECK} --no-disabled --no-inverted",
    )
    yield "   With a plain record:"
    yield from _records(names, dr=False)
    yield "5. Write to users: restart the client, wait up to 30 minutes, and copy your work from the network drive."
    yield "6. Check that no user is connected in the DR Region (section 5). Keep the standbys for some days, because a"
    yield "   user may have left work there. Then stop the standbys that run permanently:"
    yield from _commands(
        f"aws workspaces stop-workspaces --region {pair.dr_region} --stop-workspace-requests WorkspaceId=ws-…"
    )
    yield "7. List uncovered desktops, and standbys without a primary:"
    yield from _commands(f"standby list --uncovered --stack {pair.stack}", f"standby orphans --stack {pair.stack}")
