"""Which users can work on a standby during an outage, how old its data is, and why the others cannot. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from cli import times
from standby.core.model import (
    GONE,
    HEALTHY_STANDBY,
    NO_REPLICATION,
    OPEN,
    UNWELL_STANDBY,
    Status,
    Unknown,
    Workspace,
    to_text,
    user_key,
)
from standby.core.reasons import NOT_OURS, Reason, meaning_of
from standby.core.row import Kind
from standby.ledger.table import Item

# Temporary states in which a standby cannot be used.
_NOT_NOW: Final = frozenset(
    {"PENDING", "REBOOTING", "REBUILDING", "RESTORING", "MAINTENANCE", "ADMIN_MAINTENANCE", "UPDATING", "SUSPENDED"}
)
REGISTERED: Final = "REGISTERED"
_NOT_ACCEPTED: Final = "Its directory has not been accepted."


class Work(StrEnum):
    """Whether a user can work on a standby now."""

    YES = "YES"
    NO = "NO"
    EXPECTED = "EXPECTED"  # the standby was ready according to the ledger; AWS was not called
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Chosen:
    """The desktops to list: all, or those of a directory in either Region and of users that match a pattern."""

    directory: str | None = None
    user: str | None = None

    def has(self, item: Item) -> bool:
        """Whether a row is listed; standbys, desktops of other pairs and desktops that no longer exist never are."""
        if item.get("status") == Status.PRIMARY_GONE or item.get("reason_code") in NOT_OURS:
            return False
        directories = (item.get("primary_directory_id"), item.get("dr_directory_id"))
        is_here = self.directory is None or self.directory in directories
        name = user_key(str(item.get("user_name") or ""))
        return is_here and (self.user is None or fnmatchcase(name, user_key(self.user)))


def has_tag(tags: Mapping[str, str], wanted: str) -> bool:
    """Whether tags have `KEY=VALUE`; the value may have * and ?."""
    key, _, value = wanted.partition("=")
    return key in tags and fnmatchcase(tags[key], value)


@dataclass
class Count:
    """How many users can work, and why the others cannot."""

    works: Counter[Work] = field(default_factory=Counter)
    why: Counter[tuple[Work, str]] = field(default_factory=Counter)
    without: int = 0  # desktops without a standby

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row."""
        self.works[row["can_work"]] += 1
        self.without += not row.get("standby_id")
        if row["can_work"] in (Work.NO, Work.UNKNOWN):
            self.why[row["can_work"], row["why"].partition(" (")[0]] += 1

    def sentences(self) -> list[str]:
        """The result in sentences."""
        whole = self.works.total()
        if not whole:
            return ["No desktop in the ledger matches the options."]
        said = [f"{self.works[Work.YES]} of {whole} desktops have a standby that their user can work on."]
        if expected := self.works[Work.EXPECTED]:
            words = f"According to the ledger, {expected} of {whole} desktops had a ready standby."
            said = [f"{words} Whether they have one now is not known."]
        for work, what in ((Work.NO, "the user cannot work"), (Work.UNKNOWN, "this is not known")):
            if count := self.works[work]:
                said.append(f"For {count} {'desktop' if count == 1 else 'desktops'}, {what}:")
                reasons = [(why, many) for (kind, why), many in self.why.most_common() if kind is work]
                said += [f"  {many} × {why}" for why, many in reasons]
        if self.without:
            said.append("No standby is created while the primary Region is down.")
        return said


def row(
    item: Item, standby: Workspace | Unknown | None, directories: Mapping[str, str | None], now: datetime, *, live: bool
) -> dict[str, Any]:
    """What is known about one desktop.

    Parameters
    ----------
    item
        Its row of the ledger.
    standby
        Its standby as DescribeWorkspaces returned it in the DR Region; None if a complete answer did not contain it.
    directories
        The registration state of each DR directory, as far as it is known.
    live
        Whether AWS was called.
    """
    work, why = _can_work(item, standby, directories, live=live)
    seen = standby if isinstance(standby, Workspace) else None
    copied, replication = _copied(item, seen)
    return {
        "can_work": work,
        "user_name": item.get("user_name"),
        "primary_id": item["pk"],
        "primary_directory_id": item.get("primary_directory_id"),
        "dr_directory_id": item.get("dr_directory_id"),
        "standby_id": item.get("standby_id"),
        "standby_state": seen.state if seen else item.get("standby_state") if not live else None,
        "data_replication": replication,
        "data_as_of": to_text(copied) if copied else None,
        "data": _age(copied, replication, now) if item.get("standby_id") else "",
        "data_age_hours": round((now - copied).total_seconds() / 3600, 1) if copied else None,
        "why": why,
        "status": item.get("status"),
        "reason_code": item.get("reason_code"),
    }


def _can_work(
    item: Item, standby: Workspace | Unknown | None, directories: Mapping[str, str | None], *, live: bool
) -> tuple[Work, str]:
    reason = str(item.get("reason_code"))
    if not item.get("standby_id"):
        return Work.NO, f"No standby: {_without(str(item.get('status')), reason)} ({reason})"
    if not live:
        is_ready = item.get("status") == Status.PROTECTED
        return (Work.EXPECTED, "") if is_ready else (Work.NO, f"{meaning_of(reason).sentence} ({reason})")
    directory = str(item.get("dr_directory_id"))
    if directory in directories and directories[directory] != REGISTERED:
        state = directories[directory]
        return Work.NO, f"The DR directory {directory} is {state or 'not registered'}."
    match standby:
        case None:
            return Work.UNKNOWN, "DescribeWorkspaces does not return the standby."
        case Unknown(code, message):
            return Work.UNKNOWN, f"The standby could not be described: {code}: {message}"
    return _by_state(standby)


def _without(status: str, reason: str) -> str:
    """Why a desktop has no standby, in a sentence.

    If its status can change automatically, the next sentences of the reason say what follows, e.g. that the request is
    repeated. Nothing follows while the primary Region is down.
    """
    if reason == Reason.EXISTING_FLEET:
        return _NOT_ACCEPTED
    sentence = meaning_of(reason).sentence
    return f"{sentence.partition('. ')[0].rstrip('.')}." if status in (*OPEN, Status.HELD) else sentence


def _by_state(standby: Workspace) -> tuple[Work, str]:
    state = standby.state
    if state in HEALTHY_STANDBY:
        return Work.YES, ""
    error = f" ({': '.join(standby.error)})" if standby.error else ""
    if state in UNWELL_STANDBY:
        return Work.NO, f"The standby is in state {state}.{error}"
    if state in GONE:
        return Work.NO, "The standby is being terminated."
    if state in _NOT_NOW:
        return Work.NO, f"The standby is in state {state}. Check again in a few minutes."
    return Work.UNKNOWN, f"The standby is in state {state}, which this version does not know."


def _age(copied: datetime | None, replication: str | None, now: datetime) -> str:
    """The age of the data, for a screen."""
    if copied is not None:
        return f"{times.age(now - copied)} old"
    return "not replicated" if replication in (None, NO_REPLICATION) else "no copy known"


def _copied(item: Item, standby: Workspace | None) -> tuple[datetime | None, str | None]:
    """The time of the last data copy, from AWS or else from the ledger, and the kind of data replication."""
    replication = (standby.data_replication if standby else None) or item.get("replication")
    if standby is not None and standby.copied_at is not None:
        return standby.copied_at, replication
    noted = (item.get("conditions") or {}).get(Kind.COPIED) or {}
    moment = noted.get("note") if replication != NO_REPLICATION else None
    try:
        return (datetime.fromisoformat(moment) if moment else None), replication
    except (TypeError, ValueError):
        return None, replication


WORDS: Final = """\
Subject: Your desktop is not available. Please use your standby desktop.

Your Amazon WorkSpaces desktop cannot be reached at the moment. A standby desktop is ready for you.

1. Close the WorkSpaces client on your computer, and start it again. Keep your registration code. Do not use a code from
   an invitation e-mail. The client has to be version 3.0.9 or later, or Web Access.
2. Sign in as you always do. It can take up to 30 minutes until the client reaches your standby desktop. If it does not,
   close the client, wait five minutes, and try again.
3. Use one desktop at a time. While you work on the standby desktop, do not sign in to your usual desktop.
4. Files on the standby desktop can be a day old, or missing. Nothing is lost: they are on your usual desktop.
5. Save your work to a network drive, and not on the standby desktop. What you save there is not copied back.

We will write again when your usual desktop is available. Save everything to a network drive before you go back to it.
"""
