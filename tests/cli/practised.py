"""A deployed pair with some life behind it, for the commands that read."""

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.cli.stage import Stage
from tests.component.estate import USERS, settings

FLEET, NEW, TAKEN, LATE = USERS[50:53], USERS[:8], USERS[9], USERS[20]
ALEX = "arn:aws:sts::123456789012:assumed-role/desktop-admin/alex"
EVENTS = Path(__file__).parents[1] / "events"


def practised() -> Stage:
    """Three that were there before, and are reported; eight new ones, of which the first is an orphan by now.

    One whose user has a desktop in the DR directory, and one that was created twelve minutes ago. The last complete
    sweep ended a moment before that. New ones were made by alex, whom their events name.
    """
    stage = Stage(settings(prices={"STANDARD": Decimal("4.10")}))
    stage.create_ready(*FLEET)
    stage.sweep()
    stage.sweep()
    new = stage.create(*NEW)
    stage.send(created(*new))
    stage.watch()
    stage.create_desktop(TAKEN)
    taken = stage.create_ready(TAKEN)
    stage.send({"mode": "reconcile", "workspace_ids": taken, "cause": {"type": "command", "id": "CHG-4711"}})
    stage.watch()
    stage.world.terminate(new[0])
    for _ in range(3):
        stage.sweep()
        stage.pass_time(hours=1)
    stage.sweep()
    stage.send(created(*stage.create(LATE)))
    stage.pass_time(minutes=12)
    decides(stage, "NONE", "WAITING", "PRIMARY_PENDING")
    return stage


def created(*ids: str) -> dict[str, Any]:
    """The event that somebody called CreateWorkspaces, of these."""
    found: dict[str, Any] = json.loads((EVENTS / "create_workspaces_one.json").read_text(encoding="utf-8"))
    found["detail"]["responseElements"]["pendingRequests"] = [{"workspaceId": one} for one in ids]
    return found


def decides(stage: Stage, action: str, status: str, reason: str, message: str = "So it is.") -> None:
    """Let protect decide so about whatever it is asked, and do nothing."""

    def invoke(*, Payload: str, **_: Any) -> Any:  # noqa: N803 (as boto3 has it)
        asked = json.loads(Payload)
        assert (asked["mode"], asked["dry_run"]) == ("reconcile", True)
        found = [
            {"primary_id": one, "action": action, "status": status, "reason_code": reason, "message": message}
            for one in asked["workspace_ids"]
        ]
        return {"Payload": io.BytesIO(json.dumps({"decisions": found}).encode())}

    stage.answers["lambda", "invoke"] = invoke


def of(stage: Stage, user: str) -> str:
    """The id of a user's primary."""
    values = {":user": user}
    pages = stage.table.query("by_user", "ix_user = :user", values)
    return next(str(item["pk"]) for items, _ in pages for item in items)
