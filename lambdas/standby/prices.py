"""What standbys cost a month, as far as it is known. Pure.

Prices are data with a date: those of AWS change, and what is not known is said to be, never counted as nothing. Hourly
use of a standby is extra, and no part of any amount here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from standby.model import Region

if TYPE_CHECKING:
    from standby.settings import Settings

# Stands for the copies of users' data among what has no price.
DATA_REPLICATION = "data replication"
UNTOLD = "compute type not told"
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Price:
    """A monthly amount, and the day (YYYY-MM-DD) of the table that it stands in."""

    amount: Decimal
    date: str

    @classmethod
    def from_document(cls, entry: Mapping[str, str]) -> Price:
        """Build from settings.json."""
        return cls(Decimal(entry["amount"]), entry["date"])


@dataclass(frozen=True)
class Range:
    """Between which monthly fees of a standby were seen, in which Region, on which day (YYYY-MM-DD)."""

    low: Decimal
    high: Decimal
    region: Region
    date: str

    @classmethod
    def from_document(cls, entry: Mapping[str, str]) -> Range:
        """Build from settings.json."""
        return cls(Decimal(entry["low"]), Decimal(entry["high"]), Region(entry["region"]), entry["date"])


@dataclass(frozen=True)
class Prices:
    """The prices of one DR Region: the monthly fee of a standby by compute type, and that of its data replication.

    `seen` is for types that have no price: it may be of another Region, which is told with it.
    """

    currency: str = "USD"
    monthly: Mapping[str, Price] = field(default_factory=dict)
    data_replication: Price | None = None
    seen: Range | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> Prices:
        """Build from settings.json, where amounts are text; without prices there, none is known.

        Raises
        ------
        KeyError
            A key is missing.
        """
        if document is None:
            return cls()
        replication, seen = document["data_replication"], document["seen"]
        return cls(
            currency=document["currency"],
            monthly={name: Price.from_document(entry) for name, entry in document["monthly"].items()},
            data_replication=Price.from_document(replication) if replication else None,
            seen=Range.from_document(seen) if seen else None,
        )

    def money(self, amount: Decimal) -> str:
        """An amount as it is told, e.g. `USD 1,240.50`."""
        return f"{self.currency} {amount.quantize(_CENT):,}"


@dataclass(frozen=True)
class Cost:
    """What a number of standbys costs a month.

    `amount` is of those that have a price, as many as `priced`; `not_priced` names the others and counts them; `dates`
    are those of the tables.
    """

    amount: Decimal
    priced: int
    not_priced: Mapping[str, int]
    dates: tuple[str, ...]


def monthly_cost(prices: Prices, desktops: Mapping[str, int], *, replicated: bool) -> Cost:
    """What the standbys of so many desktops of each compute type cost a month; with `replicated`, their data's copies.

    A desktop whose compute type the service has not told stands under `UNTOLD`.
    """
    amount, dates = Decimal(0), set[str]()
    not_priced: dict[str, int] = {}
    for compute_type, count in desktops.items():
        price = prices.monthly.get(compute_type)
        if price is None:
            not_priced[compute_type] = count
        else:
            amount += price.amount * count
            dates.add(price.date)
    count = sum(desktops.values())
    priced = count - sum(not_priced.values())
    if replicated and count:
        if prices.data_replication is None:
            not_priced[DATA_REPLICATION] = count
        else:
            amount += prices.data_replication.amount * count
            dates.add(prices.data_replication.date)
    return Cost(amount, priced, not_priced, tuple(sorted(dates)))


def told(prices: Prices, cost: Cost, region: Region) -> str:
    """The cost in sentences: the amount, what it leaves out, and that use is extra."""
    sentences = []
    if cost.dates:
        amount = f"about {prices.money(cost.amount)} a month (prices of {' and '.join(cost.dates)})"
        sentences.append(f"That costs {amount}, and more while standbys are used.")
    if cost.not_priced:
        missing = ", ".join(f"{count} {name}" for name, count in sorted(cost.not_priced.items()))
        sentences.append(f"Not priced: {missing} in {region}{_between(prices, cost)}.")
    return " ".join(sentences)


def not_priced_range(prices: Prices, cost: Cost) -> tuple[Decimal, Decimal] | None:
    """From what to what the standbys without a price may come a month, by the fees that were seen; None: not known."""
    count = sum(cost.not_priced.values()) - cost.not_priced.get(DATA_REPLICATION, 0)
    return (prices.seen.low * count, prices.seen.high * count) if prices.seen and count else None


def _between(prices: Prices, cost: Cost) -> str:
    amounts = not_priced_range(prices, cost)
    if prices.seen is None or amounts is None:
        return ""
    low, high = (prices.money(amount) for amount in amounts)
    extra = " without data replication" if DATA_REPLICATION in cost.not_priced else ""
    return f"; {_fees(prices, prices.seen)}: by these they come to {low} to {high} a month{extra}"


def monthly_of(settings: Settings, region: Region, compute_type: str | None) -> str:
    """What one standby in a Region costs, in a sentence for a message."""
    price = settings.prices.monthly.get(compute_type or "") if region == settings.dr_region else None
    if price is not None:
        amount = settings.prices.money(price.amount)
        return f"It costs about {amount} a month (prices of {price.date}), and more while it is used."
    what = compute_type or "a desktop of unknown compute type"
    hint = f"; {_fees(settings.prices, settings.prices.seen)}" if settings.prices.seen else ""
    return f"Its monthly cost is not known here (no price for {what} in {region}{hint})."


def _fees(prices: Prices, seen: Range) -> str:
    return f"fees of {prices.money(seen.low)} to {prices.money(seen.high)} were seen in {seen.region} on {seen.date}"
