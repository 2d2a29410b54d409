"""sweep: goes through the whole fleet, page by page. Its state machine invokes it for one part after another."""

from __future__ import annotations

from typing import Any

from standby.schedule import round_of
from standby.sweep import sweep as sweep_part
from standby.wiring import Deployed, Invoked
from standby.wiring import handler as handler_of


def sweep(deployed: Deployed, event: Any, invoked: Invoked) -> dict[str, Any]:
    """Do one part of a sweep. The input is `{"execution_arn", "round"}`, the answer a `Round`."""
    execution, number = round_of(event)
    return sweep_part(deployed, execution, number, invoked.has_time).answer()


handler = handler_of(sweep)
