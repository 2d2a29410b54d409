"""The price table that comes with the program, completed or overridden by the configuration: what functions read.

`prices.json` has amounts as text, since an amount is no float; the day it was read; and nothing that is not known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from infra.config import Prices

TABLE: Final = Path(__file__).with_name("prices.json")


def price_document(dr_region: str, configured: Prices | None) -> dict[str, Any]:
    """The prices of a DR Region for settings.json; each with the day of the table it comes from.

    Prices in another currency than the table's stand alone: amounts of two currencies make no sum.
    """
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    known = table["regions"].get(dr_region, {})
    currency = configured.currency if configured else table["currency"]
    if currency != table["currency"]:
        known = {}
    found: dict[str, Any] = {
        "currency": currency,
        "monthly": {name: _price(amount, table["date"]) for name, amount in known.get("monthly", {}).items()},
        "data_replication": _price(known.get("data_replication_monthly"), table["date"]),
        "seen": _seen(table, dr_region) if currency == table["currency"] else None,
    }
    if configured is not None:
        found["monthly"] |= {name: _price(amount, configured.date) for name, amount in configured.monthly.items()}
        if configured.data_replication_monthly is not None:
            found["data_replication"] = _price(configured.data_replication_monthly, configured.date)
    return found


def _seen(table: dict[str, Any], dr_region: str) -> dict[str, str] | None:
    """The range of fees that was seen, of the DR Region's own if there is one; it names its Region and its day."""
    ranges = {region: entry["seen"] for region, entry in sorted(table["regions"].items()) if entry["seen"]}
    region = dr_region if dr_region in ranges else next(iter(ranges), None)
    if region is None:
        return None
    low, high = ranges[region]
    return {"low": low, "high": high, "region": region, "date": table["date"]}


def _price(amount: str | float | None, date: str) -> dict[str, str] | None:
    return None if amount is None else {"amount": str(amount), "date": date}
