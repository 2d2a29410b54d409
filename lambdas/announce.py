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
    announcer = Announcer(deployed.client("events"), deployed.client("sns"), bus, topic, deployed.settings)
    changes = [entry.dynamodb for entry in DynamoDBStreamEvent(event).records]
    found = [(row_in(change.get("NewImage")), change.sequence_number) for change in changes if change]
    found = [(row, number) for row, number in found if str(row.get("sk")).startswith("EVENT#")]
    done, notices, problem = announcer.announce([row for row, _ in found])
    if notices:
        deployed.telemetry.count("NoticesSent", notices)
    if not problem:
        return {"batchItemFailures": []}
    row, number = found[done]
    deployed.telemetry.problem(f"{row.get('pk')} {row['sk']} and what follows is announced again later: {problem}")
    return {"batchItemFailures": [{"itemIdentifier": number or ""}]}


handler = handler_of(announce)
