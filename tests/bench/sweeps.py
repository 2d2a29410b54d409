"""Sweeps of fleets that are at rest, by the deployed code alone in its process: calls, memory, time, units."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from infra.stack import MEMORY_MB
from infra.synth import synthesise
from local.workspaces import ManualClock, World
from standby.core.model import DirectoryId, Region, Status, WorkspaceId
from standby.core.reasons import Reason
from standby.core.row import Row, claim_key
from tests.bench.endpoint import ENVIRONMENT, Endpoint
from tests.bench.fleet import ITEMS, LATENCY, LATENCY_OF_OTHERS
from tests.bench.store import Billed, FastLedger
from tests.ledger_table import definition
from tests.simulation.deployment import STACK
from tests.simulation.simulation import ACCOUNT, DR, PRIMARY, WINDOWS

ALONE = Path(__file__).with_name("alone.py")
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
_TO = TypeSerializer()
_EXECUTION = "protect-00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Swept:
    """What a sweep took."""

    desktops: int
    directories: int
    calls: int
    ledger_calls: int
    billed: Billed
    memory_mb: float
    seconds: list[float]
    log_bytes: int


def sweeps_interval(seconds: float) -> float:
    """The seconds from one sweep's start to the next one's, if each takes so long: whole hours.

    A schedule starts one every hour, and what it starts ends at once while another one is running.
    """
    return 3600.0 * max(1, math.ceil(seconds / 3600))


def sweep(desktops: int, directories: int, sweeps: int = 1) -> Swept:
    """Sweep a fleet in which each desktop has its standby, so many times; what the last one took."""
    homes = {f"d-90673{number:05}": f"d-92672{number:05}" for number in range(directories)}
    world = World(ManualClock(), throttling=False, boot_seconds=0, standby_boot_seconds=0)
    ledger = FastLedger(definition(STACK), ACCOUNT, PRIMARY, world.clock.now)
    for number, (home, away) in enumerate(homes.items()):
        of_it = desktops // directories
        fill(world, ledger, home, away, range(number * of_it, (number + 1) * of_it))
    endpoint = Endpoint(world, ledger)
    with TemporaryDirectory() as work, endpoint.open():
        asset = _deployed(Path(work), homes)
        if sweeps > 1:
            _run(asset, endpoint.url, sweeps - 1)
        before, called = ledger.billed.copy(), endpoint.calls.copy()
        said = _run(asset, endpoint.url, 1)
    assert not ledger.problems
    calls = endpoint.calls - called
    ours = sum(count for (_, operation), count in calls.items() if operation.startswith("DescribeWorkspace"))
    of_ledger = sum(calls[PRIMARY, one] for one in ("Query", "BatchGetItem", "PutItem", "UpdateItem"))
    return Swept(
        desktops,
        directories,
        ours,
        of_ledger + calls[PRIMARY, "TransactWriteItems"],
        ledger.billed - before,
        said["memory_mb"],
        said["seconds"],
        said["log_bytes"],
    )


def fill(world: World, ledger: FastLedger, home: str, away: str, numbers: range) -> None:
    """Let a directory have desktops and their standbys, and the ledger their rows."""
    users = [f"desk{number:06}" for number in numbers]
    world.add_directory(PRIMARY, home, users)
    world.add_directory(DR, away, users)
    for start in range(0, len(users), ITEMS):
        batch = users[start : start + ITEMS]
        order = [{"DirectoryId": home, "UserName": user, "BundleId": WINDOWS} for user in batch]
        made = world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": order})["PendingRequests"]
        ids = {one["UserName"]: one["WorkspaceId"] for one in made}
        items = [{"PrimaryWorkspaceId": one, "DirectoryId": away} for one in ids.values()]
        request = {"PrimaryRegion": PRIMARY, "StandbyWorkspaces": items}
        standbys = world.call(DR, "CreateStandbyWorkspaces", request)["PendingStandbyRequests"]
        for standby in standbys:
            user, standby_id = standby["UserName"], WorkspaceId(standby["WorkspaceId"])
            for item in _items(WorkspaceId(ids[user]), standby_id, user, home, away):
                ledger.ask("PutItem", Item={name: _TO.serialize(value) for name, value in item.items()})
        world.calls.clear()
        world.trail.clear()
    taken = {"pk": f"SWEEP#{home}", "sk": "BASELINE", "dr_directory_id": away, "taken_at": "2026-01-01T00:00:00.000Z"}
    ledger.ask("PutItem", Item={name: _TO.serialize(value) for name, value in taken.items()})
    ledger.new_records()


def _items(one: WorkspaceId, standby: WorkspaceId, user: str, home: str, away: str) -> Iterator[dict[str, object]]:
    row = Row(
        primary_id=one,
        primary_region=Region(PRIMARY),
        dr_region=Region(DR),
        status=Status.PROTECTED,
        reason=Reason.STANDBY_READY,
        message=f"{Reason.STANDBY_READY.meaning.sentence} {standby} in {DR} is AVAILABLE.",
        version=5,
        first_seen_at=_LONG_AGO,
        changed_at=_LONG_AGO,
        cause_type="watch",
        cause_id=_EXECUTION,
        execution_arn=f"arn:aws:states:us-east-1:{ACCOUNT}:execution:{STACK}-watch:{_EXECUTION}",
        primary_state="AVAILABLE",
        primary_directory_id=DirectoryId(home),
        dr_directory_id=DirectoryId(away),
        user_name=user,
        compute_type="STANDARD",
        standby_id=standby,
        standby_state="AVAILABLE",
        replication="NO_REPLICATION",
        requested_at=_LONG_AGO,
        protected_at=_LONG_AGO,
        claim_key=claim_key(DirectoryId(away), user),
        counted_day="2026-01-01",
        created_by=f"arn:aws:iam::{ACCOUNT}:user/operator",
        change_id="0" * 32,
    )
    yield {name: value for name, value in row.to_state_item().items() if value is not None}
    yield {"pk": f"STANDBY#{standby}", "sk": "STANDBY", "primary_id": one}


def _deployed(work: Path, homes: dict[str, str]) -> Path:
    """The directory that is deployed as each function's code, for these directories."""
    listed = "\n".join(f"      {home}: {{dr_directory: {away}}}" for home, away in homes.items())
    config = work / "standby.yaml"
    config.write_text(
        f"pairs:\n  - primary_region: {PRIMARY}\n    dr_region: {DR}\n    account: '{ACCOUNT}'\n"
        f"    directories:\n{listed}\n    notify: [ops@example.com]\n"
    )
    synthesise(config, work / "cdk.out")
    (settings,) = (work / "cdk.out").glob("asset.*/settings.json")
    return settings.parent


def _run(asset: Path, url: str, sweeps: int) -> dict[str, Any]:
    environment = {
        "AWS_ENDPOINT_URL": url,
        "PYTHONPATH": str(asset),
        "LEDGER_TABLE": STACK,
        "WATCH_STATE_MACHINE_ARN": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{STACK}-watch",
        "POWERTOOLS_SERVICE_NAME": "sweep",
        "POWERTOOLS_METRICS_NAMESPACE": "WorkspacesStandby",
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, str(ALONE), str(sweeps), str(MEMORY_MB["sweep"]), str(LATENCY), str(LATENCY_OF_OTHERS)]
    done = subprocess.run(command, env=environment | ENVIRONMENT, check=True, capture_output=True, text=True)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
