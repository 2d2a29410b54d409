"""What standbys cost, and the plan for an existing fleet: how many standbys, at what cost, and whether there is room.

Prices are configured: a monthly fee in USD for each compute type. A type without a price is named and never counted as
0. No amount includes data replication or hours of use. The progress of an accepted fleet is counted here too. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from standby.core.model import DirectoryId, Region, Status, Unknown
from standby.core.settings import Settings

Prices = Mapping[str, Decimal]
UNKNOWN_TYPE = "unknown compute type"
_EXTRA = "data replication and hours of use are extra"


@dataclass(frozen=True)
class Cost:
    """The monthly cost of some standbys: `amount`, in USD, is of `priced` ones; `not_priced` counts others by type."""

    amount: Decimal
    priced: int
    not_priced: Mapping[str, int]

    @property
    def is_known(self) -> bool:
        """Whether the amount is meaningful: the cost of standbys without a price is unknown."""
        return bool(self.priced) or not self.not_priced

    def __str__(self) -> str:
        """The amount, and what it does not include, in sentences."""
        sentences = [f"That costs about {_money(self.amount)} a month; {_EXTRA}."] if self.priced else []
        if self.not_priced:
            missing = ", ".join(f"{count} {name}" for name, count in sorted(self.not_priced.items()))
            sentences.append(f"Not priced: {missing}.")
        return " ".join(sentences)


def monthly_cost(prices: Mapping[str, Decimal], desktops: Mapping[str, int]) -> Cost:
    """The monthly cost of standbys, given the number of desktops of each compute type or of `UNKNOWN_TYPE`."""
    not_priced = {name: count for name, count in desktops.items() if name not in prices}
    amount = sum((prices[name] * count for name, count in desktops.items() if name in prices), Decimal(0))
    return Cost(amount, sum(desktops.values()) - sum(not_priced.values()), not_priced)


def monthly_of(settings: Settings, region: Region, compute_type: str | None) -> str:
    """What one standby costs a month, in a sentence. The configured prices apply to the pair's DR Region."""
    price = settings.prices.get(compute_type or "") if region == settings.dr_region else None
    if price is not None:
        return f"It costs about {_money(price)} a month; {_EXTRA}."
    what = compute_type or "a desktop of unknown compute type"
    return f"Its monthly cost is not known: no price is configured for {what} in {region}."


def _money(amount: Decimal) -> str:
    return f"USD {amount:,.2f}"


QUOTA_CODE = "L-9A67B5CB"
STAGES = ("reported", "waiting", "under_way", "protected", "other")
_STAGE_OF = {Status.REPORTED: "reported", Status.HELD: "waiting", Status.PROTECTED: "protected"}


def accepted(said: str = "") -> str:
    """What follows for an accepted fleet, in a sentence; `said` is who accepted it, when and why."""
    return f"The fleet {'was' if said else 'is'} accepted{said}. Its standbys are created a few at a time."


def stage(status: Status) -> str:
    """The stage of a desktop of an existing fleet: one of `STAGES`."""
    return "under_way" if status.is_open else _STAGE_OF.get(status, "other")


def progress(counts: Mapping[str, int]) -> dict[str, int]:
    """How many desktops of the existing fleet are at each of the `STAGES`."""
    return {name: counts.get(f"stage/{name}", 0) for name in STAGES}


def plan(
    directory: DirectoryId,
    counts: Mapping[str, int],
    quota: int | Unknown,
    standbys: int,
    settings: Settings,
    follows: str,
    end_of_pcoip: str = "",
) -> dict[str, Any]:
    """The plan for a directory's existing fleet, as the ledger keeps it.

    `counts` are the counts of the directory's pages. `standbys` is how many standbys the ledger counts against the DR
    Region's `quota`. `follows` says how to accept the directory, or that it is accepted. `end_of_pcoip` is empty if no
    desktop uses PCoIP.
    """
    desktops = under(counts, "wants")
    cannot, excluded = under(counts, "cannot"), under(counts, "excluded")
    wanted = sum(desktops.values())
    cost = monthly_cost(settings.prices, desktops)
    has = counts.get("status/PROTECTED", 0)
    found = f"{wanted} {'desktop' if wanted == 1 else 'desktops'} would get a standby, {has} have one"
    left_out = f", {_with_reasons(excluded, 'are excluded')}" if excluded else ""
    words = [f"Directory {directory}: {found}, {_with_reasons(cannot, 'cannot have one')}{left_out}."]
    words += [end_of_pcoip] if end_of_pcoip else []
    if wanted:
        words += [str(cost), _room(quota, standbys, wanted, settings.dr_region), follows]
    return {
        "would_get": wanted,
        "has": has,
        "cannot": cannot,
        "excluded": excluded,
        "monthly_cost": f"{cost.amount:.2f}" if cost.priced else None,
        "not_priced": dict(cost.not_priced),
        "quota": None if isinstance(quota, Unknown) else quota,
        "standbys": standbys,
        "room": None if isinstance(quota, Unknown) else max(quota - standbys, 0),
        "message": " ".join(words),
    }


def _room(quota: int | Unknown, standbys: int, wanted: int, region: Region) -> str:
    """Whether the quota has room for `wanted` more standbys, in sentences."""
    if isinstance(quota, Unknown):
        why = f"{quota.code}: {quota.message}"
        return f"Quota {QUOTA_CODE} in {region} could not be read ({why}). {standbys} standbys count towards it."
    left = max(quota - standbys, 0)
    words = f"Quota {QUOTA_CODE} in {region} is {quota}. {standbys} standbys count towards it: room for {left} more."
    return words if left >= wanted else f"{words} Request a higher quota first."


def _with_reasons(counts: Mapping[str, int], what: str) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    return f"{sum(counts.values())} {what}{f' ({reasons})' if reasons else ''}"


def under(counts: Mapping[str, int], kind: str) -> dict[str, int]:
    """The counts of one kind, by what comes after its name."""
    found = {key.partition("/")[2]: count for key, count in counts.items() if key.startswith(f"{kind}/")}
    return dict(sorted(found.items()))
