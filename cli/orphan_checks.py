"""Checks before a person terminates an orphan. Pure.

Data on a terminated standby cannot be restored. If AWS gives no answer, or an incomplete one, the result is to wait.
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

# A user who worked on a standby more recently, e.g. in a failover, may have data there.
UNUSED_FOR = timedelta(days=14)
_AT_REST = HEALTHY_STANDBY | UNWELL_STANDBY
# The connection state of a stopped WorkSpace is UNKNOWN.
# https://docs.aws.amazon.com/workspaces/latest/api/API_WorkspaceConnectionStatus.html
_CONNECTION_STATES = ("CONNECTED", "DISCONNECTED", "UNKNOWN")


class Answer(StrEnum):
    """The result of the checks."""

    GO = "GO"  # it can be terminated
    GOING = "GOING"  # it is already being terminated
    WAIT = "WAIT"  # something is not known at the moment
    AGAINST = "AGAINST"


@dataclass(frozen=True)
class Verdict:
    """The result, and why; `is_final` if waiting does not change it."""

    answer: Answer
    why: str = ""
    is_final: bool = False


@dataclass(frozen=True)
class Use:
    """Whether a user is connected to a standby, and the last connection; None if the service knows of none."""

    is_connected: bool
    last: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What both Regions returned for an orphan; None if a complete answer did not contain it.

    `has_witness` is True if the answer without the primary contained another primary of the ledger. Otherwise the
    empty answer could come from an outage.
    """

    primary: Workspace | Unknown | None
    has_witness: bool
    standby: Workspace | Unknown | None
    tags: Mapping[str, str] | Unknown
    use: Use | Unknown


def check(row: Row, seen: Seen, settings: Settings, now: datetime) -> Verdict:
    """The first check that fails for a row's standby, or GO."""
    return (
        _ledger(row, settings)
        or _primary(seen)
        or _standby(row, seen.standby, settings)
        or _tags(row, seen, settings)
        or _use(seen.use, now)
        or Verdict(Answer.GO)
    )


def use_of(standby_id: WorkspaceId, listed: Sequence[object]) -> Use | Unknown:
    """The use of one standby, from the list in an answer of DescribeWorkspacesConnectionStatus."""
    entries = [one for one in listed if isinstance(one, Mapping) and one.get("WorkspaceId") == standby_id]
    if not entries:
        return Unknown("NotInAnswer", "DescribeWorkspacesConnectionStatus does not return the standby")
    state, last = entries[0].get("ConnectionState"), entries[0].get("LastKnownUserConnectionTimestamp")
    moment = last if isinstance(last, datetime) and last.tzinfo is not None else None
    # The call was for one standby: another entry may be about it, too.
    if len(listed) > 1 or state not in _CONNECTION_STATES or moment != last:
        why = f"DescribeWorkspacesConnectionStatus does not say clearly whether a user is connected ({state})"
        return Unknown("MalformedAnswer", legible(why, 200))
    return Use(state == "CONNECTED", moment)


def strange(row: Row) -> str:
    """That this stack did not create a row's standby, in a sentence; empty if it did."""
    if row.standby_id is None or row.requested_at is None:
        return "This stack did not request the standby, or its request had no clear answer."
    if (row.note(Kind.GONE) or "").endswith(Reason.ADOPTED):
        return "The standby was not created by this stack."
    return ""


def _against(why: str, *, is_final: bool = False) -> Verdict:
    return Verdict(Answer.AGAINST, why, is_final)


def _wait(why: str) -> Verdict:
    return Verdict(Answer.WAIT, why)


def _ledger(row: Row, settings: Settings) -> Verdict | None:
    if not row.is_orphan:
        return _against(f"According to the ledger, this is not an orphan: it is {row.status} ({row.reason}).")
    if kept := row.note(Kind.KEPT):
        return _against(f"It is kept by {kept}.")
    if row.dr_region != settings.dr_region:
        return _against(f"The standby is in {row.dr_region}, not in {settings.dr_region}.")
    if why := strange(row):
        return _against(why, is_final=True)
    directory = row.primary_directory_id
    if directory is None or directory not in settings.directories:
        return _against(f"The primary's directory {directory} is not in the configuration.")
    return _copies(row, settings.directories[directory].data_replication)


def _copies(row: Row, configured: str) -> Verdict | None:
    # It is not documented whether a standby still shows its data replication when its primary no longer exists.
    if row.replication not in (None, NO_REPLICATION):
        return _last_data(f"Its data replication was {row.replication}")
    if copied := row.conditions.get(Kind.COPIED):
        if copied.note:
            return _last_data(f"The user's data of {copied.note} was copied to it")
        return _last_data(f"Data replication to it was on since {_minute(copied.since)}")
    if configured != NO_REPLICATION:
        return _last_data(f"Data replication is configured for its directory {row.primary_directory_id}")
    return None


def _last_data(why: str) -> Verdict:
    return _against(f"{why}. It may have the only copy of the user's data.", is_final=True)


def _primary(seen: Seen) -> Verdict | None:
    match seen.primary:
        case Workspace(state=state):
            return _against(f"The primary exists: it is {state}.")
        case Unknown(code, message):
            return _wait(f"The primary could not be described: {code}: {message}")
    if not seen.has_witness:
        return _wait("DescribeWorkspaces in the primary Region does not return any primary of the ledger.")
    return None


def _standby(row: Row, seen: Workspace | Unknown | None, settings: Settings) -> Verdict | None:
    if isinstance(seen, Unknown):
        return _wait(f"The standby could not be described: {seen.code}: {seen.message}")
    if seen is None and (row.note(Kind.STANDBY_TERMINATED) or "").partition(" ")[0] == row.standby_id:
        return Verdict(Answer.GOING, "TerminateWorkspaces was called for it, and the DR Region no longer returns it.")
    if seen is None:
        return _wait("DescribeWorkspaces in the DR Region does not return the standby.")
    if seen.state in GONE:
        return Verdict(Answer.GOING, f"The standby is {seen.state}.")
    return _relations(row, seen) or _identity(row, seen, settings)


def _relations(row: Row, seen: Workspace) -> Verdict | None:
    related = seen.primary
    if related is not None and related.id != row.primary_id:
        return _against(f"In the DR Region, it is the standby of another primary, {related.id}.")
    if related is not None and related.state not in (None, *GONE):
        return _against(f"In the DR Region, the state of its primary is {related.state}.")
    if seen.standbys:
        return _against("In the DR Region, it is a primary.")
    if unknown := next((other for other in seen.related if not other.is_known), None):
        return _wait(f"This version does not know the type {unknown.kind} of its relation to {unknown.id}.")
    return None


def _identity(row: Row, seen: Workspace, settings: Settings) -> Verdict | None:
    if seen.directory_id is None or seen.user_name is None or seen.state is None:
        return _wait("The DR Region does not return its directory, user and state.")
    if seen.state not in _AT_REST:
        return _wait(
            f"The standby is {seen.state}: an operation is in progress, or this version does not know the state."
        )
    directory = row.primary_directory_id
    if directory is None or seen.directory_id != settings.directories[directory].dr_directory:
        return _against(f"The standby is in {seen.directory_id}, which is not the DR directory of {directory}.")
    if row.user_name is None or user_key(seen.user_name) != user_key(row.user_name):
        return _against("The standby belongs to another user.")
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
    # It is not documented whether a standby still shows a primary that no longer exists. If not, its tag must name it.
    if isinstance(seen.standby, Workspace) and seen.standby.primary is None and PRIMARY_TAG not in tags:
        return _against("Neither its relations nor its tags name its primary.")
    return None


def _use(use: Use | Unknown, now: datetime) -> Verdict | None:
    if isinstance(use, Unknown):
        return _wait(f"It is not known whether the standby is in use: {use.code}: {use.message}")
    if use.is_connected:
        return _against("The user is connected to it.")
    if use.last is not None and now - use.last < UNUSED_FOR:
        return _against(f"The user was connected to it at {_minute(use.last)}, less than 14 days ago.")
    return None


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
