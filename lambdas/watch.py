"""watch: selects the rows that are due. Its state machine invokes it, sends the rows to protect, and waits."""

from __future__ import annotations

from typing import Any

from standby.aws.others import beat
from standby.core.model import WATCH, Cause
from standby.ledger.leases import WATCH_LEASE
from standby.schedule import Schedule, round_of
from standby.wiring import Deployed, Invoked
from standby.wiring import handler as handler_of


def watch(deployed: Deployed, event: Any, invoked: Invoked) -> dict[str, Any]:
    """Do one round. The input is `{"execution_arn", "round"}`, the answer a `Round`."""
    execution, number = round_of(event)
    cloudwatch = deployed.client("cloudwatch", deployed.settings.dr_region)
    beat(cloudwatch, "Heartbeat", deployed.settings.stack, deployed.telemetry)
    recorder = deployed.recorder(Cause(WATCH, execution, execution_arn=execution), invoked.has_time)
    return Schedule(recorder, deployed.lease(WATCH_LEASE)).observe(execution, number).answer()


handler = handler_of(watch)
