"""announce: the outbox. Invoked by the ledger's stream; sends each change to the bus, and notices to the topic."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent

from standby.notices import Announcer, row_in
from standby.wiring import Deployed, Invoked
from standby.wiring import handler as handler_of


def announce(deployed: Deployed, event: dict[str, Any], _: Invoked) -> dict[str, Any]:
    """Announce the EVENT rows of a batch, in order; the first that fails is where the stream goes on."""
    bus, topic = deployed.variable("EVENT_BUS_NAME"), deployed.variable("NOTIFICATION_TOPIC_ARN")
    announcer = Announcer(deployed.client("events"), deployed.client("sns"), bus, topic)
    for entry in DynamoDBStreamEvent(event).records:
        change = entry.dynamodb
        row = row_in(change.get("NewImage") if change else None)
        if not str(row.get("sk")).startswith("EVENT#"):
            continue
        try:
            if announcer.announce(row):
                deployed.telemetry.count("NoticesSent")
        except Exception as problem:
            deployed.telemetry.problem(f"{row.get('pk')} {row['sk']} is announced again later: {problem}")
            return {"batchItemFailures": [{"itemIdentifier": change.sequence_number if change else ""}]}
    return {"batchItemFailures": []}


handler = handler_of(announce)
