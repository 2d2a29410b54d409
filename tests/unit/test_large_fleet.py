"""A directory of twenty thousand desktops, swept across many invocations, one of which dies."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.unit.estate import AWAY, DR, HOME, PRIMARY, SWEEP, TABLE, estate

COUNT = 20_000
# A function's five minutes at a call in two seconds, less what it keeps back.
PAGES = 120
USERS = [f"staff{number:05}" for number in range(COUNT)]


def test_twenty_thousand_desktops_in_one_directory_are_scanned_as_one_across_runs() -> None:
    with estate() as found:
        found.world.add_directory(PRIMARY, HOME, USERS)
        found.world.add_directory(DR, AWAY, USERS)
        found.create(*USERS)
        found.pass_time(hours=2)
        # A first sweep dies between two pages.
        cursor: Any = None
        for _ in range(2):
            part = found.sweep_part(SWEEP, cursor, pages=PAGES)
            cursor = json.loads(json.dumps(part.answer()))["cursor"]
        found.watchers.running.discard(SWEEP)
        assert found.item(f"SWEEP#{HOME}", "BASELINE") == {}
        found.world.calls.clear()
        began = found.clock.now()

        parts = found.sweep(pages=PAGES)

        assert parts[-1].outcome == "1 of 1 directories were scanned completely"
        assert parts[-1].scanned == COUNT
        assert len(parts) >= COUNT // 25 // PAGES
        assert len(found.world.calls) == COUNT // 25 + 1
        # 801 calls, two seconds apart within each invocation: below an hour, the interval between two sweeps.
        assert timedelta(seconds=1500) <= found.clock.now() - began < timedelta(minutes=60)
        # What is handed on from part to part stays small; what was seen is in rows that DynamoDB takes.
        assert max(len(json.dumps(part.answer())) for part in parts) < 2_000
        sizes = [len(found.item(f"SWEEP#{HOME}", f"own#{number:05}")["seen"]) for number in range(len(parts) - 1)]
        assert 0 < max(sizes) < 400_000
        assert found.item(f"SWEEP#{HOME}", "BASELINE")["found_first"] == {"REPORTED": COUNT}
        reported = [
            page["Count"]
            for shard in range(4)
            for page in found.dynamodb.get_paginator("query").paginate(
                TableName=TABLE,
                IndexName="by_status",
                KeyConditionExpression="ix_status = :status",
                ExpressionAttributeValues={":status": {"S": f"REPORTED#{shard}"}},
                Select="COUNT",
            )
        ]
        assert sum(reported) == COUNT
