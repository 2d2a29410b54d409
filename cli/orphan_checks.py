"""What speaks against terminating an orphan: checks for a person, who alone may terminate it. Pure.

Data on a terminated standby cannot be brought back. What AWS does not say, or says in part, is a reason to wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from standby.core.model import (
    GONE,
    HEALTHY_STANDBY,
    NO_REPLICATION,
    UNWELL_STANDBY,
    Unknown,
    Workspace,
    WorkspaceId,
    legible,
    user_key,
)
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.core.settings import PRIMARY_TAG, STACK_TAG, Settings

# A user who worked on a standby more recently, as in a failover, may have data there.
UNUSED_FOR = timedelta(days=14)
_AT_REST = HEALTHY_STANDBY | UNWELL_STANDBY
# Of a WorkSpace that is stopped the state is UNKNOWN.
# https://docs.aws.amazon.com/workspaces/latest/api/API_WorkspaceConnectionStatus.html
_CONNECTION_STATES = ("CONNECTED", "DISCONNECTED", "UNKNOWN")


class Answer(StrEnum):
    """What the checks come to."""

    GO = "GO"  # nothing speaks against it
    GOING = "GOING"  # the standby is on its way out already
    WAIT = "WAIT"  # something is not known now
    AGAINST = "AGAINST"


@dataclass(frozen=True)
class Verdict:
    """An answer, and why."""

    answer: Answer
    why: str = ""


@dataclass(frozen=True)
class Use:
    """Whether a user is connected to a standby, and when one last was; None if never, as far as the service knows."""

    is_connected: bool
    last: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What both Regions returned of an orphan; None where an answer that can be read in full did not return it.

    `has_witness` is whether the answer without the primary returned some other primary of the ledger: an outage
    answers with empty lists, too.
    """

    primary: Workspace | Unknown | None
    has_witness: bool
    standby: Workspace | Unknown | None
    tags: Mapping[str, str] | Unknown
    use: Use | Unknown


def check(row: Row, seen: Seen, settings: Settings, now: datetime) -> Verdict:
    """The first thing that speaks against terminating a row's standby, or GO."""
    return (
        _ledger(row, settings)
        or _primary(seen)
        or _standby(row, seen.standby, settings)
        or _tags(row, seen, settings)
        or _use(seen.use, now)
        or Verdict(Answer.GO)
    )


def use_of(standby_id: WorkspaceId, listed: Sequence[object]) -> Use | Unknown:
    """What the list in an answer of DescribeWorkspacesConnectionStatus, asked about one standby, says of its use."""
    entries = [one for one in listed if isinstance(one, Mapping) and one.get("WorkspaceId") == standby_id]
    if not entries:
        return Unknown("NotInAnswer", "DescribeWorkspacesConnectionStatus does not name the standby")
    state, last = entries[0].get("ConnectionState"), entries[0].get("LastKnownUserConnectionTimestamp")
    moment = last if isinstance(last, datetime) and last.tzinfo is not None else None
    # One was asked about: another entry may be about it, too.
    if len(listed) > 1 or state not in _CONNECTION_STATES or moment != last:
        why = f"DescribeWorkspacesConnectionStatus does not say clearly whether a user is connected ({state})"
        return Unknown("MalformedAnswer", legible(why, 200))
    return Use(state == "CONNECTED", moment)


def _against(why: str) -> Verdict:
    return Verdict(Answer.AGAINST, why)


def _wait(why: str) -> Verdict:
    return Verdict(Answer.WAIT, why)


def _ledger(row: Row, settings: Settings) -> Verdict | None:
    if not row.is_orphan:
        return _against(f"The ledger does not show an orphan: it is {row.status} ({row.reason}).")
    if kept := row.note(Kind.KEPT):
        return _against(f"It is kept by {kept}.")
    if row.dr_region != settings.dr_region:
        return _against(f"It is in {row.dr_region}, not in {settings.dr_region}.")
    if row.standby_id is None or row.requested_at is None:
        return _against("This stack did not request the standby, or its request got no clear answer.")
    if (row.note(Kind.GONE) or "").endswith(Reason.ADOPTED):
        return _against("Somebody else created the standby.")
    directory = row.primary_directory_id
    if directory is None or directory not in settings.directories:
        return _against(f"The primary's directory {directory} is not in the configuration.")
    return _copies(row, settings.directories[directory].data_replication)


def _copies(row: Row, configured: str) -> Verdict | None:
    # Whether a standby still shows its data replication when its primary is gone is not documented.
    if row.replication not in (None, NO_REPLICATION):
        return _last_data(f"Its data replication was {row.replication}")
    if copied := row.conditions.get(Kind.COPIED):
        if copied.note:
            return _last_data(f"Its user's data of {copied.note} was copied to it")
        return _last_data(f"Its user's data was to be copied to it since {_minute(copied.since)}")
    if configured != NO_REPLICATION:
        return _last_data(f"Data replication is configured for its directory {row.primary_directory_id}")
    return None


def _last_data(why: str) -> Verdict:
    return _against(f"{why}: it may hold its user's last data.")


def _primary(seen: Seen) -> Verdict | None:
    match seen.primary:
        case Workspace(state=state):
            return _against(f"Its primary exists: it is {state}.")
        case Unknown(code, message):
            return _wait(f"The primary could not be described: {code}: {message}")
    if not seen.has_witness:
        return _wait("DescribeWorkspaces in the primary Region returned no other primary either.")
    return None


def _standby(row: Row, seen: Workspace | Unknown | None, settings: Settings) -> Verdict | None:
    if isinstance(seen, Unknown):
        return _wait(f"The standby could not be described: {seen.code}: {seen.message}")
    if seen is None and (row.note(Kind.STANDBY_TERMINATED) or "").partition(" ")[0] == row.standby_id:
        return Verdict(Answer.GOING, "TerminateWorkspaces was called for it, and the DR Region does not return it.")
    if seen is None:
        return _wait("DescribeWorkspaces in the DR Region does not return the standby.")
    if seen.state in GONE:
        return Verdict(Answer.GOING, f"It is {seen.state}.")
    return _relations(row, seen) or _identity(row, seen, settings)


def _relations(row: Row, seen: Workspace) -> Verdict | None:
    related = seen.primary
    if related is not None and related.id != row.primary_id:
        return _against(f"The DR Region shows it as the standby of {related.id}.")
    if related is not None and related.state not in (None, *GONE):
        return _against(f"The DR Region shows its primary as {related.state}.")
    if seen.standbys:
        return _against("The DR Region shows it as a primary.")
    if strange := next((other for other in seen.related if not other.is_known), None):
        return _wait(f"It is related to {strange.id} by the type {strange.kind}, which this version does not know.")
    return None


def _identity(row: Row, seen: Workspace, settings: Settings) -> Verdict | None:
    if seen.directory_id is None or seen.user_name is None or seen.state is None:
        return _wait("The DR Region does not show its directory, user and state.")
    if seen.state not in _AT_REST:
        return _wait(f"It is {seen.state}: an operation is in progress, or this version does not know the state.")
    directory = row.primary_directory_id
    if directory is None or seen.directory_id != settings.directories[directory].dr_directory:
        return _against(f"It is in {seen.directory_id}, which is not the DR directory of {directory}.")
    if row.user_name is None or user_key(seen.user_name) != user_key(row.user_name):
        return _against("It belongs to another user.")
    if {row.replication, seen.data_replication} - {None} != {NO_REPLICATION}:
        return _last_data(f"Its data replication is {seen.data_replication or 'not known'}")
    return None


def _tags(row: Row, seen: Seen, settings: Settings) -> Verdict | None:
    tags = seen.tags
    if isinstance(tags, Unknown):
        return _wait(f"The standby's tags could not be read: {tags.code}: {tags.message}")
    if tags.get(STACK_TAG) != settings.stack:
        return _against(f"Its tag {STACK_TAG} does not name this stack.")
    if tags.get(PRIMARY_TAG, row.primary_id) != row.primary_id:
        return _against(f"Its tag {PRIMARY_TAG} names another primary.")
    # Whether a standby still shows its primary when that is gone is not documented: then its tag has to.
    if isinstance(seen.standby, Workspace) and seen.standby.primary is None and PRIMARY_TAG not in tags:
        return _against("Neither its relations nor its tags name its primary.")
    return None


def _use(use: Use | Unknown, now: datetime) -> Verdict | None:
    if isinstance(use, Unknown):
        return _wait(f"Whether the standby is in use is not known: {use.code}: {use.message}")
    if use.is_connected:
        return _against("Its user is connected to it.")
    if use.last is not None and now - use.last < UNUSED_FOR:
        return _against(f"Its user was connected to it at {_minute(use.last)}.")
    return None


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
