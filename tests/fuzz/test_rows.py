"""Whatever stands in the ledger: a row of a later version, or one written by hand, stands in no other's way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from hypothesis import assume
from hypothesis import strategies as st

from standby.model import Status
from standby.rows import STATE
from tests.fuzz.garbage import EDIT, JSON, Edit, Edits, edited, storable
from tests.fuzz.properties import holds_for
from tests.fuzz.stage import Stage, stage
from tests.unit.estate import TABLE, USERS, settings

SETTINGS = settings(poll_interval=timedelta(minutes=10))
# Values that a later version, or a person, may well write where others stand.
PLAUSIBLE = st.sampled_from(
    [
        "WAITING",
        "CLAIMED",
        "REQUESTED",
        "PROTECTED",
        "HELD",
        "NEXT_YEARS_STATUS",
        "2026-03-03",
        "2026-03-03T09:26:54",
        "2026-03-03T09:26:54.000Z",
        "2999-01-01T00:00:00.000Z",
        "ws-1c0ffee99",
        "STANDBY_READY",
        "d-000000000000",
    ]
)
ROW_EDIT = st.one_of(EDIT, st.builds(Edit, st.integers(0, 60), st.just("replace"), PLAUSIBLE))
MORE = st.dictionaries(st.sampled_from(["due_at", "claim_key", "told", "next_years"]), JSON, max_size=1)
STAGES = st.sampled_from(["young", "ready", "requested", "protected"])


@holds_for(0.04, edits=st.lists(ROW_EDIT, min_size=1, max_size=3), more=MORE, at=STAGES)
def test_a_row_of_any_form_stands_in_no_others_way(edits: Edits, more: dict[str, Any], at: str) -> None:
    with stage(SETTINGS) as found:
        good, odd = found.create(*USERS[:2])
        found.protect(good, odd)
        if at != "young":
            found.pass_time(hours=1)
        if at == "requested":
            found.protect(good, odd)
        if at == "protected":
            found.watch(hours=3)
        put(found, {**edited(found.item(odd, STATE), edits, fixed=[("pk",), ("sk",)]), **more})
        found.pass_time(hours=1)
        assert [one["primary_id"] for one in found.protect(odd, good)] == [odd, good]
        assert_goes_on(found, good)


def put(found: Stage, item: dict[str, Any]) -> None:
    """Write a row as a person does; DynamoDB itself refuses some."""
    whole = storable({name: value for name, value in item.items() if name})
    try:
        stored = {name: TypeSerializer().serialize(value) for name, value in whole.items()}
        found.dynamodb.put_item(TableName=TABLE, Item=stored)
    except found.dynamodb.exceptions.ClientError as refused:
        assume(refused.response["Error"]["Code"] != "ValidationException")
        raise


def assert_goes_on(found: Stage, good: str) -> None:
    """The watcher's rounds work on, and the good one becomes protected."""
    found.watch(hours=3, until=lambda: found.status(good)[0] is Status.PROTECTED)
    assert found.status(good)[0] is Status.PROTECTED
    found.observe()
    found.assert_one_standby_at_most()
