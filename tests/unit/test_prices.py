"""What standbys cost: exact to the cent, and never 0 for what has no price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from standby.model import Region
from standby.prices import Cost, monthly_cost, monthly_of
from tests.unit.estate import DR, settings

PRICES = {"STANDARD": Decimal("4.10"), "POWER": Decimal("5.75")}
UNKNOWN = "Its monthly cost is not known: there is no price for"
EXTRA = "a month; data replication and hours of use are extra."


@pytest.mark.parametrize(
    ("desktops", "cost", "says"),
    [
        ({"STANDARD": 3, "POWER": 2}, Cost(Decimal("23.80"), 5, {}), f"That costs about USD 23.80 {EXTRA}"),
        ({"POWER": 20_000}, Cost(Decimal(115_000), 20_000, {}), f"That costs about USD 115,000.00 {EXTRA}"),
        (
            {"STANDARD": 1, "VALUE": 4, "PERFORMANCE": 3},
            Cost(Decimal("4.10"), 1, {"VALUE": 4, "PERFORMANCE": 3}),
            f"That costs about USD 4.10 {EXTRA} Not priced: 3 PERFORMANCE, 4 VALUE.",
        ),
        ({"VALUE": 60}, Cost(Decimal(0), 0, {"VALUE": 60}), "Not priced: 60 VALUE."),
        ({}, Cost(Decimal(0), 0, {}), ""),
    ],
)
def test_a_fleet_costs_the_sum_of_its_priced_desktops_and_names_the_others(
    desktops: dict[str, int], cost: Cost, says: str
) -> None:
    found = monthly_cost(PRICES, desktops)
    assert (found, str(found)) == (cost, says)
    assert found.is_known is (desktops != {"VALUE": 60})


@pytest.mark.parametrize(
    ("region", "compute_type", "says"),
    [
        (DR, "STANDARD", f"It costs about USD 4.10 {EXTRA}"),
        (DR, "VALUE", f"{UNKNOWN} VALUE in us-west-2."),
        (DR, None, f"{UNKNOWN} a desktop of unknown compute type in us-west-2."),
        ("eu-west-1", "STANDARD", f"{UNKNOWN} STANDARD in eu-west-1."),
    ],
)
def test_one_standbys_cost_in_a_sentence(region: str, compute_type: str | None, says: str) -> None:
    assert monthly_of(settings(prices=PRICES), Region(region), compute_type) == says
