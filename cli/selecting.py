"""Which rows `standby list` lists, and by which index they are read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from cli.finding import rows_of
from standby.core.attention import TO_PUT_RIGHT, needs_action
from standby.core.model import Status, is_workspace_id, to_text, user_key
from standby.core.reasons import NOT_OURS, Reason
from standby.core.row import Kind

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger, Only

# Statuses of which a person may have to act on rows. Open ones have deadlines.
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
# What differs, or is old, is so of standbys that there are.
_WITH_STANDBY: Final = (Status.PROTECTED,)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a person asks for: rows for which all of it holds.

    Desktops that are gone are meant only where a status, a reason, a user or what needs a person is asked for.
    `users` are names in any case, with * and ? for any text and any character, or ids of primaries or standbys, and one
    of them has to fit; `until` is when a row last changed, at the latest.
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
        """The rows, streaming, by the index that reads the fewest."""
        return (item for item in self._read(ledger) if self.takes(item))

    @property
    def named(self) -> tuple[str, ...]:
        """The names and ids, if each of them means one user or desktop: then only their rows are read."""
        return () if any(map(is_pattern, self.users)) else self.users

    @property
    def read_statuses(self) -> tuple[Status, ...]:
        """The statuses whose rows are read where no other index serves."""
        is_wide = not (self.statuses or self.reasons or self.needs_action or self.users)
        found = [set(self.statuses or Status) - ({Status.PRIMARY_GONE} if is_wide else set())]
        found += [set(_TO_ACT_ON)] * self.needs_action + [set(_WITH_STANDBY)] * (self.drift or self.stale)
        wanted = set.intersection(*found)
        # The few come first, and the bulk of a fleet last.
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
        """What DynamoDB leaves out of its answer; `takes` decides all the same."""
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
            # No reason of theirs notifies: only what lasts of a standby needs a person.
            names |= {f"#{kind}": str(kind) for kind in TO_PUT_RIGHT}
            lasting = ["(" + " OR ".join(f"attribute_exists(#conditions.#{kind})" for kind in TO_PUT_RIGHT) + ")"]
        if lasting:
            names["#conditions"] = "conditions"  # DynamoDB reserves many words
        return Only(" AND ".join([*parts, *lasting]), names, values) if parts or lasting else None

    def takes(self, item: Item) -> bool:
        """Whether a row is meant."""
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
        """What they are, in a sentence's words, e.g. `without cover`."""
        words = [", ".join(self.statuses)] if self.statuses else []
        words += [f"with reason {', '.join(self.reasons)}"] if self.reasons else []
        words += ["without cover"] * self.uncovered + ["that need a person"] * self.needs_action
        words += ["that drift"] * self.drift + ["that are stale"] * self.stale
        words += [f"in {', '.join(self.directories)}"] if self.directories else []
        words += [f"of {', '.join(self.users)}"] if self.users else []
        words += ["unchanged for so long"] if self.until is not None else []
        return " ".join(words)


def is_pattern(user: str) -> bool:
    """Whether a user's name has wildcards."""
    return "*" in user or "?" in user


def matches(user: str, item: Mapping[str, Any]) -> bool:
    """Whether a row is of a user, in any case, or has an id; brackets in a name mean themselves."""
    if is_workspace_id(user):
        return user in (item.get("pk"), item.get("standby_id"))
    pattern = user_key(user).replace("[", "[[]")
    return fnmatchcase(user_key(str(item.get("user_name") or "")), pattern)
