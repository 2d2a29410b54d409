"""Whatever rows stand in the ledger's stream: each goes to the bus, notices go out, and no row stops those behind it.

A record that announce reports comes again for hours, holds up its shard as long, and takes along those behind it in
its batch when it is given up; so nothing may be reported but what the bus or the topic did not take.
"""

import re
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from hypothesis import strategies as st

from tests.component.test_notices import ROW as NOTICED
from tests.fuzz.garbage import EDITS, JSON, TEXTS, Edits, edited, storable
from tests.fuzz.properties import holds_for
from tests.fuzz.stage import stage

AT = "2026-03-03T12:00:00.000Z"
TROUBLE = {"TROUBLE": {"since": AT, "last": AT, "times": 1, "note": "SERVICE_REFUSED", "notified": True}}
ROW: dict[str, Any] = {**NOTICED, "conditions": TROUBLE}
GOOD = {**ROW, "pk": "ws-1c0ffee99", "primary_id": "ws-1c0ffee99", "user_name": "alice"}
SIZES = st.sampled_from([0, 0, 0, 90_000, 300_000])
ODD_ROW = st.one_of(
    st.builds(lambda edits: edited(ROW, edits, fixed=[("pk",), ("sk",)]), EDITS),
    st.builds(
        lambda more, text, size: {**ROW, **more, "message": text * (size // max(len(text), 1) or 1)},
        st.dictionaries(TEXTS.filter(bool), JSON, max_size=3),
        TEXTS,
        SIZES,
    ),
    st.builds(lambda user: {**ROW, "user_name": user}, TEXTS),
    st.builds(lambda sk: {**ROW, "sk": sk}, st.sampled_from(["STATE", "COUNTER", "EVENT", "event#000001", "EVENT#"])),
)


@holds_for(0.095, before=st.lists(ODD_ROW, max_size=3), after=st.lists(ODD_ROW, max_size=2))
def test_a_row_is_announced_whatever_is_in_the_rows_beside_it(before: list[Any], after: list[Any]) -> None:
    with stage() as found:
        rows = [*before, GOOD, *after]
        records = [record(row, at) for at, row in enumerate(rows)]
        assert found.invoke("announce", {"Records": records}) == {"batchItemFailures": []}
        events = [row for row in rows if row["sk"].startswith("EVENT#")]
        assert len(found.bus.details) == len(events)
        assert GOOD in found.bus.details
        told = [re.findall(r"These are \d+ of (\d+) desktops\.", one["Message"]) or [1] for one in found.topic.notices]
        assert sum(int(one[-1]) for one in told) == len([row for row in events if row.get("notice")])
        assert len([one for one in found.topic.notices if GOOD["pk"] in one["Message"]]) == 1


@holds_for(0.06, before=st.lists(EDITS, max_size=2), after=st.lists(EDITS, max_size=2))
def test_a_record_of_any_form_stops_none_behind_it(before: list[Edits], after: list[Edits]) -> None:
    with stage() as found:
        fixed = [("dynamodb", "SequenceNumber"), ("dynamodb", "NewImage", "pk"), ("dynamodb", "NewImage", "sk")]
        odd = [edited(record(ROW, at), edits, fixed) for at, edits in enumerate([*before, *after])]
        records = [*odd[: len(before)], record(GOOD, 9), *odd[len(before) :]]
        assert found.invoke("announce", {"Records": records}) == {"batchItemFailures": []}
        assert len(found.bus.details) == len(records)
        assert GOOD in found.bus.details
        assert [one for one in found.topic.notices if GOOD["pk"] in one["Message"]]


def record(row: Any, number: int) -> dict[str, Any]:
    """A record of the stream."""
    return {
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {name: {"S": row[name]} for name in ("pk", "sk")},
            "NewImage": {name: TypeSerializer().serialize(storable(value)) for name, value in row.items()},
            "SequenceNumber": f"{100 + number}",
        },
    }
