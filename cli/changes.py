"""A change in the ledger as commands show it: what changed, when, and who caused it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cli.people import because, behind
from cli.rows import shown
from cli.times import local

if TYPE_CHECKING:
    from cli.finding import Item
    from cli.ledger import Ledger


def change_of(item: Item, ledger: Ledger) -> dict[str, Any]:
    """An EVENT row of the ledger for data output, with the status before it, and who and what caused it."""
    return {"at": item.get("at"), **shown(item, ledger), "by": behind(item), "because": because(item)}


def what(change: Mapping[str, Any]) -> str:
    """What changed, e.g. `WAITING → CLAIMED (CLAIM_TAKEN)`; a change of conditions alone has no arrow.

    The conditions that needed action from then on are named, too: `PROTECTED (STANDBY_READY, STALE)`.
    """
    if subject(change.get("primary_id")) != change.get("primary_id"):  # not a desktop: it has no status to show
        return str(change.get("notice_code") or change.get("reason_code"))
    before, after = change.get("from_status"), change.get("status")
    arrow = f"{before} → {after}" if before and before != after else str(after)
    code = str(change.get("notice_code") or change.get("reason_code"))
    lasting = [kind for kind in change.get("act_on") or () if kind != change.get("reason_code")]
    return f"{arrow} ({', '.join([code, *lasting])})"


def subject(key: object) -> str:
    """What a change is about: a desktop by its id, a directory by its id, or the pair."""
    kind, _, rest = str(key or "").partition("#")
    if kind.startswith("ws-"):
        return kind
    return next((part for part in rest.split("#") if part.startswith("d-")), "the pair")


def line_of(change: Mapping[str, Any]) -> str:
    """A change as one line, for a stream of changes."""
    about = " ".join(filter(None, (change.get("user_name"), subject(change.get("primary_id")))))
    reason = f", because of {change['because']}" if change.get("because") else ""
    return f"{local(change.get('at'))}  {about}  {what(change)}  by {change['by']}{reason}"
