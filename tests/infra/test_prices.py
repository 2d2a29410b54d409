"""The price table that comes along, and what the configuration makes of it."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from infra import prices as table
from infra.config import Configuration, Prices
from infra.prices import price_document
from standby.prices import Prices as PricesOfFunctions


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
        "seen": None,
    }


def test_what_the_table_knows_arrives() -> None:
    assert price_document("us-east-1", None)["seen"] == ["3.25", "5.75"]


def test_the_operators_prices_complete_and_override_it(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    entry = {"monthly": {"STANDARD": "4.00", "POWER": "5.00"}, "data_replication_monthly": "2.00", "seen": None}
    known = {"date": "2026-03-01", "currency": "USD", "regions": {"us-west-2": entry}}

    class Table:
        @staticmethod
        def read_text(encoding: str) -> str:
            return json.dumps(known)

    monkeypatch.setattr(table, "TABLE", Table)
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
