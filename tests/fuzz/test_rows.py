"""Whatever stands in the ledger: a row of a later version, or one written by hand, stands in no other's way."""

from datetime import timedelta
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from hypothesis import assume
from hypothesis import strategies as st

from standby.core.model import Status, from_text
from standby.core.row import STATE, Condition, Kind
from standby.core.settings import Directory
from tests.component.estate import AWAY, HOME, SWEEP, TABLE, USERS, settings
from tests.fuzz.garbage import EDIT, JSON, Edit, Edits, edited, storable
from tests.fuzz.properties import holds_for
from tests.fuzz.stage import Stage, stage

SETTINGS = settings(
    poll_interval=timedelta(minutes=10), directories={HOME: Directory(AWAY, data_replication="PRIMARY_AS_SOURCE")}
)
# Values that a later version, or a person, may well write where others stand.
STATUSES = ["WAITING", "CLAIMED", "REQUESTED", "PROTECTED", "HELD", "NEXT_YEARS_STATUS"]
MOMENTS = ["2026-03-03", "2026-03-03T09:26:54", "2026-03-03T09:26:54.000Z", "2999-01-01T00:00:00.000Z"]
MOMENTS += ["9999-12-31T23:59:59.000-12:00", "0001-01-01T00:00:00.000+12:00"]
PLAUSIBLE = st.sampled_from([*STATUSES, *MOMENTS, "ws-1c0ffee99", "STANDBY_READY", "d-000000000000"])
ROW_EDIT = st.one_of(EDIT, st.builds(Edit, st.integers(0, 60), st.just("replace"), PLAUSIBLE))
MORE = st.dictionaries(st.sampled_from(["due_at", "claim_key", "conditions", "next_years"]), JSON, max_size=1)
MOMENT = "2026-01-05T09:00:00.000Z"
# Each kind that decides anything, as it is written.
NOTES = {Kind.MISSED: SWEEP, Kind.STANDBY_MISSED: SWEEP, Kind.GONE: "PROTECTED STANDBY_READY"}
NOTES |= {Kind.UNMAPPED: "STANDBY_READY", Kind.DRIFT: "compute_type STANDARD≠POWER", Kind.COPIED: MOMENT}
NOTES |= {Kind.TROUBLE: "STANDBY_IN_ERROR"}
WITHOUT_NOTE = [Kind.ABSENT, Kind.UNCLEAR, Kind.NOTHING_SEEN, Kind.USER_MISSING, Kind.UNWELL]
CONDITIONS = {
    kind: Condition(from_text(MOMENT), from_text(MOMENT), note=NOTES.get(kind)).to_item()
    for kind in (*NOTES, *WITHOUT_NOTE)
}
# Those on which something rests in a row, and what else such a row says.
ESSENTIAL: dict[str, tuple[list[Kind], dict[str, str]]] = {
    "protected": ([Kind.COPIED, Kind.DRIFT], {}),
    "gone": ([Kind.GONE], {"status": "PRIMARY_GONE", "reason_code": "ORPHANED"}),
    "gone for good": ([Kind.GONE], {"status": "PRIMARY_GONE", "reason_code": "PRIMARY_TERMINATED"}),
    "unmapped": ([Kind.UNMAPPED], {"status": "FAILED", "reason_code": "MAPPING_REMOVED"}),
}
STAGES = st.sampled_from(["young", "ready", "requested", "protected"])


@holds_for(0.03, edits=st.lists(ROW_EDIT, min_size=1, max_size=3), more=MORE, at=STAGES)
def test_a_row_of_any_form_stands_in_no_others_way(edits: Edits, more: dict[str, Any], at: str) -> None:
    with stage(SETTINGS) as found:
        good, odd = found.create(*USERS[:2])
        bring(found, at, good, odd)
        put(found, {**edited(found.item(odd, STATE), edits, fixed=[("pk",), ("sk",)]), **more})
        found.pass_time(hours=1)
        assert [one["primary_id"] for one in found.protect(odd, good)] == [odd, good]
        assert_goes_on(found, good)


@holds_for(
    0.03,
    kinds=st.lists(st.sampled_from(sorted(CONDITIONS)), min_size=1, max_size=3, unique=True),
    edits=st.lists(ROW_EDIT, min_size=1, max_size=3),
    at=st.sampled_from(["ready", "requested", *ESSENTIAL]),
)
def test_conditions_of_any_form_stand_in_no_others_way(kinds: list[Kind], edits: Edits, at: str) -> None:
    with stage(SETTINGS) as found:
        found.take_baselines()
        good, odd = found.create(*USERS[:2])
        bring(found, at if at in ("ready", "requested") else "protected", good, odd)
        essential, status = ESSENTIAL.get(at, ([], {}))
        conditions = edited({str(kind): CONDITIONS[kind] for kind in {*essential, *kinds}}, edits)
        put(found, {**found.item(odd, STATE), **status, "conditions": conditions})
        found.pass_time(hours=1)
        assert [one["primary_id"] for one in found.protect(odd, good)] == [odd, good]
        assert found.sweep()[-1].outcome == "1 of 1 directories were scanned completely"
        assert_goes_on(found, good)


def bring(found: Stage, at: str, *ids: str) -> None:
    """Bring primaries so far."""
    found.protect(*ids)
    if at != "young":
        found.pass_time(hours=1)
    if at == "requested":
        found.protect(*ids)
    if at == "protected":
        found.watch(hours=3)


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
