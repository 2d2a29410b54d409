"""Which rows `standby list` selects, and the index by which they are read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from cli.finding import rows_of
from cli.times import local
from standby.core.attention import TO_PUT_RIGHT, needs_action
from standby.core.model import Status, is_workspace_id, to_text, user_key
from standby.core.reasons import NOT_OURS, Reason
from standby.core.row import Kind

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger, Only

# Statuses with rows that may need action. Open statuses have deadlines instead.
_TO_ACT_ON: Final = (
    Status.FAILED,
    Status.REJECTED,
    Status.TIMED_OUT,
    Status.STANDBY_MISSING,
    Status.HELD,
    Status.INELIGIBLE,
    Status.PRIMARY_GONE,
    Status.PROTECTED,
)
# Only an existing standby can drift or be stale.
_WITH_STANDBY: Final = (Status.PROTECTED,)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The options of `standby list`: a row is selected if it matches all of them.

    Desktops that no longer exist are selected only by a status, a reason, a user or `needs_action`. `users` are names
    in any case, with the wildcards * and ?, or ids of primaries or standbys; a row must match one of them. `until` is
    the latest time of a row's last change.
    """

    statuses: tuple[Status, ...] = ()
    reasons: tuple[Reason, ...] = ()
    directories: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    uncovered: bool = False
    needs_action: bool = False
    drift: bool = False
    stale: bool = False
    until: datetime | None = None

    def rows(self, ledger: Ledger) -> Iterator[Item]:
        """The selected rows as a stream, read by the index with the fewest rows."""
        return (item for item in self._read(ledger) if self.takes(item))

    @property
    def named(self) -> tuple[str, ...]:
        """The names and ids if none of them has wildcards: then only their rows are read."""
        return () if any(map(is_pattern, self.users)) else self.users

    @property
    def read_statuses(self) -> tuple[Status, ...]:
        """The statuses whose rows are read if no other index helps."""
        is_wide = not (self.statuses or self.reasons or self.needs_action or self.users)
        found = [set(self.statuses or Status) - ({Status.PRIMARY_GONE} if is_wide else set())]
        found += [set(_TO_ACT_ON)] * self.needs_action + [set(_WITH_STANDBY)] * (self.drift or self.stale)
        wanted = set.intersection(*found)
        # Statuses with few rows first, and the bulk of a fleet last.
        order = (*_TO_ACT_ON[:-2], *Status)
        return tuple(one for one in dict.fromkeys(order) if one in wanted)

    def _read(self, ledger: Ledger) -> Iterator[Item]:
        if self.named:
            yield from {row["pk"]: row for word in self.named for row in rows_of(ledger, word)}.values()
        elif self.uncovered:
            yield from ledger.uncovered(self.until, self._only())
        else:
            for status in self.read_statuses:
                yield from ledger.by_status(status, until=self.until, only=self._only(status))

    def _only(self, status: Status | None = None) -> Only | None:
        """A filter that lets DynamoDB return fewer rows; `takes` still decides."""
        from cli.ledger import Only

        parts: list[str] = []
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        for name, given in (("reason_code", self.reasons), ("primary_directory_id", self.directories)):
            if given:
                keys = [f":{name}{number}" for number in range(len(given))]
                values |= dict(zip(keys, map(str, given), strict=True))
                parts.append(f"{name} IN ({', '.join(keys)})")
        needed = [Kind.DRIFT] * self.drift + [Kind.STALE] * self.stale
        lasting = [f"attribute_exists(#conditions.#{kind})" for kind in needed]
        names |= {f"#{kind}": str(kind) for kind in needed}
        if self.needs_action and status is Status.PROTECTED and not needed:
            # No reason of PROTECTED sends a notice: only conditions of the standby need action.
            names |= {f"#{kind}": str(kind) for kind in TO_PUT_RIGHT}
            lasting = ["(" + " OR ".join(f"attribute_exists(#conditions.#{kind})" for kind in TO_PUT_RIGHT) + ")"]
        if lasting:
            names["#conditions"] = "conditions"  # DynamoDB reserves many words
        return Only(" AND ".join([*parts, *lasting]), names, values) if parts or lasting else None

    def takes(self, item: Item) -> bool:
        """Whether a row is selected."""
        lasting = item.get("conditions") or {}
        status, reason = str(item.get("status")), str(item.get("reason_code"))
        return all(
            (
                not self.statuses or status in self.statuses,
                reason in self.reasons if self.reasons else reason not in NOT_OURS,
                not self.directories or item.get("primary_directory_id") in self.directories,
                not self.users or any(matches(one, item) for one in self.users),
                not self.uncovered or "ix_uncovered" in item,
                not self.needs_action or needs_action(status, reason, lasting),
                not self.drift or Kind.DRIFT in lasting,
                not self.stale or Kind.STALE in lasting,
                self.until is None or str(item.get("changed_at")) <= to_text(self.until),
            )
        )

    @property
    def words(self) -> str:
        """The selection in words that follow `desktops`, e.g. `without a ready standby`."""
        words = [", ".join(self.statuses)] if self.statuses else []
        words += [f"with reason {', '.join(self.reasons)}"] if self.reasons else []
        words += ["without a ready standby"] * self.uncovered + ["that need action"] * self.needs_action
        words += ["with drift"] * self.drift + ["with stale data"] * self.stale
        words += [f"in {', '.join(self.directories)}"] if self.directories else []
        words += [f"of {', '.join(self.users)}"] if self.users else []
        words += [f"unchanged since {local(self.until)}"] if self.until is not None else []
        return " ".join(words)


def is_pattern(user: str) -> bool:
    """Whether a user's name has wildcards."""
    return "*" in user or "?" in user


def matches(user: str, item: Mapping[str, Any]) -> bool:
    """Whether a row is of a user (a pattern in any case) or has an id; brackets in a name are literal."""
    if is_workspace_id(user):
        return user in (item.get("pk"), item.get("standby_id"))
    pattern = user_key(user).replace("[", "[[]")
    return fnmatchcase(user_key(str(item.get("user_name") or "")), pattern)
