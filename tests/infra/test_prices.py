"""The price table that comes along, and what the configuration makes of it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from infra import prices as table
from infra.config import Configuration, Prices
from infra.prices import price_document
from standby.model import Region
from standby.prices import Prices as PricesOfFunctions
from standby.prices import Range

SEEN = {"low": "3.25", "high": "5.75", "region": "us-east-1", "date": "2026-11-24"}


class Table:
    """Stands in for the table's file."""

    def __init__(self, known: dict[str, Any]) -> None:
        self._known = known

    def read_text(self, encoding: str) -> str:
        return json.dumps(self._known)


def configured(**keys: object) -> Prices:
    return Prices.model_validate({"date": "2026-11-01", **keys})


def test_the_table_is_dated_and_says_where_it_is_from_and_has_amounts_as_text() -> None:
    found = json.loads(table.TABLE.read_text(encoding="utf-8"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", found["date"])
    assert found["source"]
    for region, entry in found["regions"].items():
        assert re.fullmatch(r"[a-z]{2}-[a-z]+-\d", region)
        amounts = [*entry["monthly"].values(), *(entry["seen"] or ())]
        assert amounts
        assert all(isinstance(one, str) and Decimal(one) > 0 for one in amounts)


def test_a_region_that_the_table_does_not_know_has_no_price() -> None:
    assert price_document("us-west-2", None) == {
        "currency": "USD",
        "monthly": {},
        "data_replication": None,
        "seen": SEEN,
    }


def test_the_range_that_was_seen_arrives_with_its_region_and_day_in_its_own_currency() -> None:
    assert price_document("us-east-1", None)["seen"] == SEEN
    assert price_document("us-west-2", configured(monthly={"VALUE": 3}))["seen"] == SEEN
    assert price_document("us-west-2", configured(currency="EUR", monthly={"VALUE": 3}))["seen"] is None


def test_a_regions_own_range_comes_before_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    regions: dict[str, Any] = {
        name: {"monthly": {}, "data_replication_monthly": None, "seen": seen}
        for name, seen in {"eu-west-1": ["1", "2"], "us-east-1": None, "us-west-2": ["3", "4"]}.items()
    }
    known = {"date": "2026-03-01", "currency": "USD", "regions": regions}
    monkeypatch.setattr(table, "TABLE", Table(known))
    assert price_document("us-west-2", None)["seen"] == {
        "low": "3",
        "high": "4",
        "region": "us-west-2",
        "date": "2026-03-01",
    }
    assert price_document("us-east-1", None)["seen"]["region"] == "eu-west-1"
    known["regions"] = {}
    assert price_document("us-east-1", None)["seen"] is None


def test_the_operators_prices_complete_and_override_it(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    entry = {"monthly": {"STANDARD": "4.00", "POWER": "5.00"}, "data_replication_monthly": "2.00", "seen": None}
    known = {"date": "2026-03-01", "currency": "USD", "regions": {"us-west-2": entry}}
    monkeypatch.setattr(table, "TABLE", Table(known))
    found = price_document("us-west-2", configured(monthly={"STANDARD": 4.1, "VALUE": 3}))
    assert found["monthly"] == {
        "STANDARD": {"amount": "4.1", "date": "2026-11-01"},
        "POWER": {"amount": "5.00", "date": "2026-03-01"},
        "VALUE": {"amount": "3.0", "date": "2026-11-01"},
    }
    assert found["data_replication"] == {"amount": "2.00", "date": "2026-03-01"}
    assert price_document("us-west-2", configured(data_replication_monthly=2.5))["data_replication"] == {
        "amount": "2.5",
        "date": "2026-11-01",
    }
    other = price_document("us-west-2", configured(currency="EUR", monthly={"VALUE": 3}))
    assert (other["currency"], list(other["monthly"]), other["data_replication"]) == ("EUR", ["VALUE"], None)


def test_the_functions_read_what_is_configured() -> None:
    directories = {"d-906732325d": {"dr_directory": "d-926722edaf"}}
    pair = {
        "primary_region": "us-east-1",
        "dr_region": "us-west-2",
        "directories": directories,
        "prices": {"date": "2026-11-01", "monthly": {"STANDARD": 4.1}},
    }
    configuration = Configuration.model_validate({"pairs": [pair]})
    document = json.loads(json.dumps(configuration.settings(configuration.pairs[0])))
    found = PricesOfFunctions.from_document(document["prices"])
    assert found.monthly["STANDARD"].amount == Decimal("4.1")
    assert found.seen == Range(Decimal("3.25"), Decimal("5.75"), Region("us-east-1"), "2026-11-24")
