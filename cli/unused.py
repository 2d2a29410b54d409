"""Find users who have not logged in for a long time: candidates for `exclude`. Pure.

The standby of an unused desktop costs as much as any other. Missing data does not mean "unused": a stopped WorkSpace
has the connection state UNKNOWN, and only the time of the last login is conclusive.
https://docs.aws.amazon.com/workspaces/latest/api/API_WorkspaceConnectionStatus.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from standby.core.model import to_text
from standby.ledger.table import Item, moment_in

# Under `exclude:` and `users:` of a pair, as the example file has them.
_INDENT = " " * 8


class Kind(StrEnum):
    """What is known about a user's logins."""

    IN_USE = "IN_USE"
    UNUSED = "UNUSED"  # the last login is at least this many days ago
    NEVER = "NEVER_CONNECTED"  # no login, and in the ledger for at least this many days
    NEW = "NEVER_CONNECTED_NEW"  # no login, and in the ledger for fewer days
    UNKNOWN = "UNKNOWN"


@dataclass
class User:
    """A user with all desktops in the primary Region.

    `last` is the latest login on any of them, or None. `is_unknown` is True if AWS does not report it for one of them.
    """

    name: str
    ids: list[str] = field(default_factory=list)
    directories: set[str] = field(default_factory=set)
    last: datetime | None = None
    first_seen: datetime | None = None
    is_unknown: bool = False
    is_connected: bool = False

    def add(self, row: Item, status: Mapping[str, Any]) -> None:
        """Add a desktop, by its row and its entry of DescribeWorkspacesConnectionStatus."""
        self.ids.append(str(row["pk"]))
        self.directories.add(str(row.get("primary_directory_id")))
        seen = moment_in(row, "first_seen_at")
        if seen is not None and (self.first_seen is None or seen < self.first_seen):
            self.first_seen = seen
        state, last = status.get("ConnectionState"), status.get("LastKnownUserConnectionTimestamp")
        if state == "CONNECTED":
            self.is_connected = True
        elif isinstance(last, datetime):
            self.last = last if self.last is None else max(self.last, last)
        elif state != "DISCONNECTED" or last is not None:
            self.is_unknown = True

    def kind(self, now: datetime, unused_for: timedelta) -> Kind:
        """The kind of the user."""
        if self.is_connected or (self.last is not None and now - self.last < unused_for):
            return Kind.IN_USE
        if self.is_unknown:
            return Kind.UNKNOWN
        if self.last is not None:
            return Kind.UNUSED
        is_known = self.first_seen is not None and now - self.first_seen >= unused_for
        return Kind.NEVER if is_known else Kind.NEW

    def row(self, kind: Kind) -> dict[str, Any]:
        """The user's row in the answer."""
        return {
            "kind": kind,
            "user_name": self.name,
            "primary_ids": sorted(self.ids),
            "directory_ids": sorted(self.directories),
            "last_connected_at": to_text(self.last) if self.last else None,
            "first_seen_at": to_text(self.first_seen) if self.first_seen else None,
        }


def pattern(user_name: str) -> str:
    """The rule that matches exactly this user: wildcards in the name are put in brackets."""
    return re.sub(r"[*?\[]", lambda one: f"[{one[0]}]", user_name)


def lines(rows: Sequence[Mapping[str, Any]], days: int, of: int) -> Iterator[str]:
    """The rows as lines for `exclude`, each kind below a comment."""
    by_kind = {kind: [row for row in rows if row["kind"] is kind] for kind in Kind}
    unused, never, new = by_kind[Kind.UNUSED], by_kind[Kind.NEVER], by_kind[Kind.NEW]
    yield "# Review the lines, and paste those that you want into standby.yaml, below"
    yield "# exclude: users: of the pair."
    yield f"# Last login {days} days ago or more: {len(unused)} of {of} users"
    for row in unused:
        yield _line(row, f"last login {row['last_connected_at'][:10]}")
    yield f"# No login, and in the ledger for {days} days or more: {len(never)} of {of} users"
    for row in never:
        yield _line(row, f"in the ledger since {row['first_seen_at'][:10]}")
    yield f"# No login, and in the ledger for less than {days} days: {len(new)} of {of} users; commented out"
    for row in new:
        since = row["first_seen_at"]
        yield f"# {_line(row, f'in the ledger since {since[:10]}' if since else 'first seen: not known').strip()}"
    yield f"# AWS does not report the last login: {len(by_kind[Kind.UNKNOWN])} of {of} users; `--output csv` lists them"


def _line(row: Mapping[str, Any], comment: str) -> str:
    return f"{_INDENT}- {json.dumps(pattern(row['user_name']), ensure_ascii=False)}  # {comment}"


def found(users: Iterable[User], directory: str | None, now: datetime, unused_for: timedelta) -> list[dict[str, Any]]:
    """The rows of users who do not use their desktops, or whose use is not known; by kind and name."""
    chosen = [one for one in users if directory is None or directory in one.directories]
    rows = [one.row(kind) for one in chosen if (kind := one.kind(now, unused_for)) is not Kind.IN_USE]
    return sorted(rows, key=lambda row: (list(Kind).index(row["kind"]), row["user_name"].casefold()))
