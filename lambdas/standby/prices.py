"""What standbys cost a month, by the operator's own prices: a monthly fee in USD for each compute type. Pure.

A compute type without a price is named, and never counted as 0. Data replication and hours of use are in no amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from standby.model import Region

if TYPE_CHECKING:
    from standby.settings import Settings

UNTOLD = "compute type not told"
_EXTRA = "data replication and hours of use are extra"


@dataclass(frozen=True)
class Cost:
    """What some standbys cost a month: `amount` is of the `priced` ones, `not_priced` counts the others by name."""

    amount: Decimal
    priced: int
    not_priced: Mapping[str, int]

    @property
    def is_known(self) -> bool:
        """Whether the amount means anything: what standbys without a price cost is unknown."""
        return bool(self.priced) or not self.not_priced

    def __str__(self) -> str:
        """The amount, and what it leaves out, in sentences."""
        sentences = [f"That costs about {_money(self.amount)} a month; {_EXTRA}."] if self.priced else []
        if self.not_priced:
            missing = ", ".join(f"{count} {name}" for name, count in sorted(self.not_priced.items()))
            sentences.append(f"Not priced: {missing}.")
        return " ".join(sentences)


def monthly_cost(prices: Mapping[str, Decimal], desktops: Mapping[str, int]) -> Cost:
    """What the standbys of so many desktops of each compute type cost a month; `UNTOLD` has those without a type."""
    not_priced = {name: count for name, count in desktops.items() if name not in prices}
    amount = sum((prices[name] * count for name, count in desktops.items() if name in prices), Decimal(0))
    return Cost(amount, sum(desktops.values()) - sum(not_priced.values()), not_priced)


def monthly_of(settings: Settings, region: Region, compute_type: str | None) -> str:
    """What one standby costs a month, in a sentence. The prices are those of the pair's DR Region."""
    price = settings.prices.get(compute_type or "") if region == settings.dr_region else None
    if price is not None:
        return f"It costs about {_money(price)} a month; {_EXTRA}."
    what = compute_type or "a desktop of unknown compute type"
    return f"Its monthly cost is not known: there is no price for {what} in {region}."


def _money(amount: Decimal) -> str:
    return f"USD {amount:,.2f}"
