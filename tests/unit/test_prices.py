"""What standbys cost: exact to the cent, dated, and never nothing for what is not known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from standby.model import Region
from standby.prices import (
    DATA_REPLICATION,
    Cost,
    Price,
    Prices,
    Range,
    monthly_cost,
    monthly_of,
    not_priced_range,
    told,
)
from tests.unit.estate import DR, settings

REGION = Region(DR)


def price(amount: str, date: str = "2026-11-01") -> Price:
    return Price(Decimal(amount), date)


SEEN = Range(Decimal("3.25"), Decimal("5.75"), Region("us-east-1"), "2026-11-24")
PRICES = Prices(monthly={"STANDARD": price("4.10"), "POWER": price("5.75")}, data_replication=price("2.5"))


def test_a_fleet_costs_the_sum_of_its_desktops_without_the_noise_of_floats() -> None:
    cost = monthly_cost(PRICES, {"STANDARD": 3, "POWER": 2}, replicated=False)
    assert cost == Cost(Decimal("23.80"), 5, {}, ("2026-11-01",))
    assert told(PRICES, cost, REGION) == (
        "That costs about USD 23.80 a month (prices of 2026-11-01), and more while standbys are used."
    )


def test_a_large_amount_is_readable() -> None:
    cost = monthly_cost(PRICES, {"POWER": 20_000}, replicated=False)
    assert "about USD 115,000.00 a month" in told(PRICES, cost, REGION)


def test_data_replication_costs_extra_for_each() -> None:
    assert monthly_cost(PRICES, {"STANDARD": 2}, replicated=True).amount == Decimal("13.20")


def test_what_has_no_price_is_counted_and_named_and_not_taken_for_free() -> None:
    cost = monthly_cost(PRICES, {"STANDARD": 1, "PERFORMANCE": 2, "VALUE": 4}, replicated=False)
    assert (cost.amount, cost.priced, cost.not_priced) == (Decimal("4.10"), 1, {"PERFORMANCE": 2, "VALUE": 4})
    assert told(PRICES, cost, REGION).endswith("Not priced: 2 PERFORMANCE, 4 VALUE in us-west-2.")


def test_replication_without_a_price_is_named_too() -> None:
    prices = Prices(monthly=PRICES.monthly)
    cost = monthly_cost(prices, {"STANDARD": 2}, replicated=True)
    assert (cost.amount, cost.priced, cost.not_priced) == (Decimal("8.20"), 2, {DATA_REPLICATION: 2})


def test_without_any_price_no_amount_is_told() -> None:
    cost = monthly_cost(Prices(), {"STANDARD": 60}, replicated=False)
    assert told(Prices(), cost, REGION) == "Not priced: 60 STANDARD in us-west-2."


def test_what_has_no_price_comes_to_low_to_high_by_the_fees_that_were_seen() -> None:
    prices = Prices(monthly={"POWER": price("5.75")}, seen=SEEN)
    cost = monthly_cost(prices, {"STANDARD": 60, "VALUE": 1, "POWER": 2}, replicated=False)
    assert not_priced_range(prices, cost) == (Decimal("198.25"), Decimal("350.75"))
    assert told(prices, cost, REGION) == (
        "That costs about USD 11.50 a month (prices of 2026-11-01), and more while standbys are used. Not priced: "
        "60 STANDARD, 1 VALUE in us-west-2; fees of USD 3.25 to USD 5.75 were seen in us-east-1 on 2026-11-24: by "
        "these they come to USD 198.25 to USD 350.75 a month."
    )


def test_the_fees_that_were_seen_say_nothing_of_data_replication() -> None:
    prices = Prices(seen=SEEN)
    cost = monthly_cost(prices, {"STANDARD": 2}, replicated=True)
    assert not_priced_range(prices, cost) == (Decimal("6.50"), Decimal("11.50"))
    assert told(prices, cost, REGION).endswith("USD 6.50 to USD 11.50 a month without data replication.")
    priced = Prices(monthly=PRICES.monthly, seen=SEEN)
    cost = monthly_cost(priced, {"STANDARD": 2}, replicated=True)
    assert not_priced_range(priced, cost) is None
    assert told(priced, cost, REGION).endswith("Not priced: 2 data replication in us-west-2.")


def test_a_standby_without_a_price_is_told_with_the_fees_that_were_seen() -> None:
    assert monthly_of(settings(prices=Prices(seen=SEEN)), REGION, "VALUE") == (
        "Its monthly cost is not known here (no price for VALUE in us-west-2; fees of USD 3.25 to USD 5.75 were seen "
        "in us-east-1 on 2026-11-24)."
    )


def test_each_tables_day_is_told() -> None:
    prices = Prices(monthly={"STANDARD": price("4"), "POWER": price("5", "2026-03-01")})
    cost = monthly_cost(prices, {"STANDARD": 1, "POWER": 1}, replicated=False)
    assert "USD 9.00 a month (prices of 2026-03-01 and 2026-11-01)" in told(prices, cost, REGION)


def test_nothing_costs_nothing_and_says_nothing() -> None:
    cost = monthly_cost(PRICES, {}, replicated=True)
    assert (cost.amount, told(PRICES, cost, REGION)) == (Decimal(0), "")


@pytest.mark.parametrize(
    ("region", "compute_type", "says"),
    [
        (DR, "STANDARD", "It costs about USD 4.10 a month (prices of 2026-11-01), and more while it is used."),
        (DR, "VALUE", "Its monthly cost is not known here (no price for VALUE in us-west-2)."),
        (DR, None, "Its monthly cost is not known here (no price for a desktop of unknown compute type in us-west-2)."),
        ("eu-west-1", "STANDARD", "Its monthly cost is not known here (no price for STANDARD in eu-west-1)."),
    ],
)
def test_one_standbys_cost_in_a_sentence(region: str, compute_type: str | None, says: str) -> None:
    assert monthly_of(settings(prices=PRICES), Region(region), compute_type) == says


def test_prices_come_from_the_settings_as_text() -> None:
    document: dict[str, Any] = {
        "currency": "EUR",
        "monthly": {"STANDARD": {"amount": "4.10", "date": "2026-11-01"}},
        "data_replication": {"amount": "2.5", "date": "2026-11-01"},
        "seen": {"low": "3.25", "high": "5.75", "region": "us-east-1", "date": "2026-11-24"},
    }
    assert Prices.from_document(document) == Prices("EUR", {"STANDARD": price("4.10")}, price("2.5"), SEEN)
    assert Prices.from_document(document | {"data_replication": None, "seen": None, "monthly": {}}) == Prices("EUR")
    assert Prices.from_document(None) == Prices()
