"""announce: the outbox. The ledger's stream invokes it; it sends each change to the bus, and notices to the topic."""

from __future__ import annotations

from typing import Any

from standby.notices import Announcer, row_in
from standby.wiring import Deployed, Invoked
from standby.wiring import handler as handler_of


def announce(deployed: Deployed, event: dict[str, Any], _: Invoked) -> dict[str, Any]:
    """Announce the EVENT rows of a batch, in order. The stream continues with the first row that fails."""
    bus, topic = deployed.variable("EVENT_BUS_NAME"), deployed.variable("NOTIFICATION_TOPIC_ARN")
    announcer = Announcer(deployed.client("events"), lambda: deployed.client("sns"), bus, topic, deployed.settings)
    changes = [record.get("dynamodb") or {} for record in event["Records"]]
    found = [(row_in(change.get("NewImage")), change.get("SequenceNumber")) for change in changes]
    found = [(row, number) for row, number in found if str(row.get("sk")).startswith("EVENT#")]
    done, notices, problem = announcer.announce([row for row, _ in found])
    if notices:
        deployed.telemetry.count("NoticesSent", notices)
    if not problem:
        return {"batchItemFailures": []}
    row, number = found[done]
    deployed.telemetry.problem(
        f"{row.get('pk')} {row['sk']} and later changes could not be announced and are retried: {problem}"
    )
    return {"batchItemFailures": [{"itemIdentifier": number or ""}]}


handler = handler_of(announce)
