"""Orphans (standbys whose primary no longer exists): their cost, their last use, and the desktops they block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from cli import times
from cli.answers import Column, Table, text
from cli.orphan_checks import Use, use_of
from standby.aws.call import call
from standby.core.admission import finds_place_taken
from standby.core.model import Status, Unknown, WorkspaceId, batches, to_text, user_key
from standby.core.outcomes import Answer as Answered
from standby.core.outcomes import Refusal, Refused
from standby.core.reasons import Reason
from standby.core.row import Kind, Row, read_row
from standby.core.upkeep import type_of_standby

if TYPE_CHECKING:
    from cli.aws import Aws
    from cli.ledger import Ledger
    from cli.pairs import Pair
    from standby.aws.call import Pacer

Item = Mapping[str, Any]
Place = tuple[str | None, str]  # a DR directory, and a user's key

CONNECTED, NEVER, NOT_KNOWN = "connected now", "never", "not known"


@dataclass(frozen=True)
class Orphan:
    """An orphan's row, with related facts.

    Attributes
    ----------
    waiting : sequence of WorkspaceId
        Desktops of the same user that cannot get a standby because the orphan holds their place.
    price : Decimal or None
        The monthly cost in USD; None if the configuration has no price.
    """

    row: Row
    stack: str = ""
    waiting: Sequence[WorkspaceId] = ()
    price: Decimal | None = None
    use: Use | Unknown = field(default_factory=lambda: Unknown("NotAsked", "it was not read"))

    @property
    def since(self) -> datetime:
        """When the sweep found that the primary no longer exists."""
        return self.row.since(Kind.GONE) or self.row.changed_at

    @property
    def kept(self) -> str | None:
        """Who keeps it, and why; None if it is not kept."""
        return self.row.note(Kind.KEPT)


@dataclass
class Orphans:
    """The orphans in a pair's ledger; `gone` is the number of all primaries that no longer exist."""

    found: list[Orphan] = field(default_factory=list)
    gone: int = 0
    unreadable: list[str] = field(default_factory=list)


def read_orphans(ledger: Ledger, ids: Iterable[str] | None = None) -> Orphans:
    """The orphans of a pair, the oldest first; limited to the primaries in `ids`, if given."""
    rows = ledger.by_status(Status.PRIMARY_GONE) if ids is None else ledger.states(list(ids)).values()
    read, orphans = Orphans(), list[Row]()
    for item in rows:
        read.gone += 1
        if item.get("reason_code") != Reason.ORPHANED:
            continue
        row = read_row(item)
        if isinstance(row, Row):
            orphans.append(row)
        else:
            read.unreadable.append(f"This version cannot read the row of {row.primary_id}: {row.problem}.")
    waiting, kept = (_waiting(ledger), ledger.kept_settings()) if orphans else ({}, None)
    prices = kept.settings.prices if kept else {}
    for row in orphans:
        place = (row.dr_directory_id, user_key(row.user_name or ""))
        price = prices.get(type_of_standby(row.compute_type, row.note(Kind.DRIFT)))
        read.found.append(Orphan(row, ledger.pair.stack, tuple(waiting.get(place, ())), price))
    read.found.sort(key=lambda one: one.since)
    return read


def _waiting(ledger: Ledger) -> dict[Place, list[WorkspaceId]]:
    """The desktops whose place is taken, by place."""
    found: dict[Place, list[WorkspaceId]] = {}
    for item in ledger.by_status(Status.INELIGIBLE):
        row = read_row(item)
        if isinstance(row, Row) and row.user_name and finds_place_taken(row):
            found.setdefault((row.dr_directory_id, user_key(row.user_name)), []).append(row.primary_id)
    return found


# Who used them


def uses(aws: Aws, pair: Pair, ids: Sequence[WorkspaceId], pace: Pacer) -> dict[WorkspaceId, Use | Unknown]:
    """Whether users are connected to standbys, and when they last were."""
    client = aws.client("workspaces", pair.dr_region, once=True)
    found: dict[WorkspaceId, Use | Unknown] = {}
    for batch in batches(ids):
        pace.wait()
        answer = call(client.describe_workspaces_connection_status, WorkspaceIds=list(batch))
        if not isinstance(answer, Answered):
            is_denied = isinstance(answer, Refused) and answer.kind is Refusal.DENIED
            message = f"{answer.message} The policy {pair.reader_policy} grants it." if is_denied else answer.message
            found |= dict.fromkeys(batch, Unknown(answer.code, message))
            continue
        listed = answer.body.get("WorkspacesConnectionStatus")
        entries = listed if isinstance(listed, list) else []
        for one in batch:
            # An entry that names no standby of this batch may be about any of them.
            about = [entry for entry in entries if _about(entry) in (one, None) or _about(entry) not in batch]
            found[one] = use_of(one, about)
    return found


def _about(entry: object) -> object:
    return entry.get("WorkspaceId") if isinstance(entry, Mapping) else None


# How they are shown


def _age(days: object) -> str:
    return times.age(timedelta(days=float(str(days))))


def money(amount: object) -> str:
    """A monthly amount for a screen."""
    return "not priced" if amount is None else f"USD {Decimal(str(amount)):,.2f}"


def by_name(note: object) -> str:
    """Who keeps an orphan, and why; an ARN is shortened to the name at its end."""
    who, _, why = str(note or "none").partition(": ")
    return f"{who.rpartition('/')[2]}: {why}" if why else who


_COPIES: Final = {"NO_REPLICATION": "no", "PRIMARY_AS_SOURCE": "yes"}


COLUMNS: Final = (
    text("standby_id", "Standby"),
    text("user_name", "User"),
    Column("age_days", "Age", _age),
    Column("monthly_cost", "Monthly", money),
    Column("replication", "Replicated", lambda value: _COPIES.get(value, str(value))),
    Column("last_connection", "Last used", times.local),
    Column("waiting", "Blocks", lambda ids: ", ".join(ids) or "none"),
    Column("kept", "Kept by", by_name),
    Column("primary_id", "Primary", spare=True),
)


def as_row(one: Orphan, now: datetime) -> dict[str, Any]:
    """An orphan as a row of an answer."""
    row = one.row
    return {
        "stack": one.stack,
        "standby_id": row.standby_id,
        "user_name": row.user_name,
        "age_days": round((now - one.since).total_seconds() / 86400, 5),
        "orphaned_at": to_text(one.since),
        "compute_type": row.compute_type,
        "monthly_cost": None if one.price is None else str(one.price),
        "replication": row.replication or NOT_KNOWN,
        "last_connection": _last(one.use),
        "waiting": list(one.waiting),
        "kept": one.kept,
        "primary_id": row.primary_id,
        "primary_directory_id": row.primary_directory_id,
        "dr_directory_id": row.dr_directory_id,
        "message": row.message,
    }


def _last(use: Use | Unknown) -> str:
    if isinstance(use, Unknown):
        return NOT_KNOWN
    return CONNECTED if use.is_connected else to_text(use.last) if use.last else NEVER


def table_of(orphans: Orphans, shown: Sequence[Orphan], now: datetime, *, has_stacks: bool) -> Table:
    """The table of some orphans."""
    columns = [text("stack"), *COLUMNS] if has_stacks else COLUMNS
    empty = f"0 orphans. {orphans.gone:,} primaries no longer exist."
    if orphans.found:
        empty = f"0 of {len(orphans.found):,} orphans match."
    return Table("orphans", columns, [as_row(one, now) for one in shown], empty=empty)


def cost_of(shown: Sequence[Orphan]) -> str:
    """The monthly cost of some orphans, in a sentence."""
    priced = [one.price for one in shown if one.price is not None]
    words = f"They cost about USD {sum(priced, Decimal(0)):,.2f} a month; data replication and hours of use are extra."
    missing = len(shown) - len(priced)
    if not priced:
        return "Their cost is not known: `prices` in the configuration has no price for them."
    return f"{words} {missing} of them {'has' if missing == 1 else 'have'} no price." if missing else words
