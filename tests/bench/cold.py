"""A cold start: import and first call of each function from what is deployed, beside a bare function.

The bare function imports boto3 and makes the same clients, and does nothing else: it sends no request. Both are run by
the same interpreter, as processes of their own, in turns. What is compared is CPU time within each turn, and the ratio
is the median of all turns: a machine that is busy, or clocked slower, for some of them changes little. The function's
directory cannot be written to, as at AWS: what comes without bytecode is compiled at each start.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.synth import synthesise
from local.workspaces import ManualClock, World
from tests.bench.endpoint import ENVIRONMENT, Endpoint
from tests.bench.store import FastLedger
from tests.ledger_table import definition
from tests.simulation.deployment import CONFIGURATION, STACK
from tests.simulation.simulation import ACCOUNT, AWAY, DR, HOME, PRIMARY, WINDOWS

TURNS = 11
_MOST_LISTED = 10
_ARN = f"arn:aws:states:us-east-1:{ACCOUNT}"
_EXECUTION = {"execution_arn": f"{_ARN}:execution:{STACK}-watch:one", "round": 0}
# Each function's first call, with nothing open: of protect it is one primary, of announce one row. That of sweep has no
# time for a page: the hundred requests with which a sweep goes through a pair are the work, and no part of its start.
_ROW = {
    "eventName": "INSERT",
    "dynamodb": {
        "Keys": {"pk": {"S": "ws-0abcdefgh"}, "sk": {"S": "EVENT#000001"}},
        "NewImage": {
            "pk": {"S": "ws-0abcdefgh"},
            "sk": {"S": "EVENT#000001"},
            "status": {"S": "WAITING"},
            "reason_code": {"S": "PRIMARY_PENDING"},
        },
        "SequenceNumber": "1",
    },
}
_PROGRAM = """
import importlib, json, os, sys, time, contextlib, io
said = {}
class Context:
    aws_request_id = "00000000-0000-4000-8000-000000000000"
    function_name, memory_limit_in_mb = "one", 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:one"
    def get_remaining_time_in_millis(self): return int(os.environ["MILLISECONDS"])
event = json.loads(os.environ["EVENT"])
time.sleep = lambda _: None
with contextlib.redirect_stdout(io.StringIO()):
    handler = importlib.import_module(os.environ["MODULE"]).handler
    imported = time.process_time()
    handler(event, Context())
print(json.dumps({"import": imported, "all": time.process_time()}))
"""
# What makes the clients of a function known: it is run once with this in front.
_RECORD = """
import boto3
made = []
client = boto3.client
def make(service, region_name, config):
    made.append((service, region_name))
    return client(service, region_name=region_name, config=config)
boto3.client = make
"""
_BARE = """
import json, os
import boto3
from botocore.config import Config
config = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1, "mode": "standard"})
clients = json.loads(os.environ["CLIENTS"])
def handler(event, context):
    for service, region in clients:
        boto3.client(service, region_name=region, config=config)
"""


@dataclass(frozen=True)
class Cold:
    """The median of the turns' ratios; and of CPU seconds, of all and of the import alone.

    `slowest`: of the modules that the bare function does not import, those that take longest, in microseconds.
    """

    ratio: float
    ours: float
    bare: float
    ours_import: float
    bare_import: float
    slowest: list[tuple[str, int]]


def measure() -> tuple[dict[str, Cold], int]:
    """Each function's cold start, and the size of the zip."""
    with TemporaryDirectory() as directory:
        work = Path(directory)
        synthesise(CONFIGURATION, work / "cdk.out")
        (settings,) = (work / "cdk.out").glob("asset.*/settings.json")
        size = _zip(settings.parent, work / "code.zip")
        code = work / "task"
        with zipfile.ZipFile(work / "code.zip") as archive:
            archive.extractall(code)
        (work / "bare").mkdir()
        (work / "bare" / "bare.py").write_text(_BARE)
        endpoint, ws = _aws()
        with endpoint.open():
            return {name: _of(name, event, code, work / "bare", endpoint.url) for name, event in _events(ws)}, size


def _events(ws: str) -> list[tuple[str, Any]]:
    by_hand = {"mode": "reconcile", "workspace_ids": [ws], "cause": {"type": "manual", "id": "bench"}}
    return [
        ("protect", by_hand),
        ("watch", _EXECUTION),
        ("sweep", {**_EXECUTION, "execution_arn": f"{_ARN}:execution:{STACK}-sweep:one"}),
        ("announce", {"Records": [_ROW]}),
    ]


def _aws() -> tuple[Endpoint, str]:
    world = World(ManualClock(), throttling=False)
    for region, directory in ((PRIMARY, HOME), (DR, AWAY)):
        world.add_directory(region, directory, ["al"])
    order = {"DirectoryId": HOME, "UserName": "al", "BundleId": WINDOWS}
    made = world.call(PRIMARY, "CreateWorkspaces", {"Workspaces": [order]})["PendingRequests"]
    return Endpoint(world, FastLedger(definition(STACK), ACCOUNT, PRIMARY, world.clock.now)), made[0]["WorkspaceId"]


def _zip(directory: Path, target: Path) -> int:
    """The zip as the CDK uploads it; its size in bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(directory.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(directory))
    return target.stat().st_size


def _of(name: str, event: Any, code: Path, bare: Path, url: str) -> Cold:
    environment = ENVIRONMENT | {
        "AWS_ENDPOINT_URL": url,
        "EVENT": json.dumps(event),
        "MILLISECONDS": "0" if name == "sweep" else "300000",
        "LEDGER_TABLE": STACK,
        "WATCH_STATE_MACHINE_ARN": f"{_ARN}:stateMachine:{STACK}-watch",
        "DEAD_LETTER_QUEUE_URL": f"{url}/queue",
        "NOTIFICATION_TOPIC_ARN": f"arn:aws:sns:us-east-1:{ACCOUNT}:notices",
        "EVENT_BUS_NAME": "default",
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_METRICS_NAMESPACE": "WorkspacesStandby",
        "PATH": os.environ["PATH"],
        # At AWS a function's directory cannot be written to.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    ours = environment | {"PYTHONPATH": str(code), "MODULE": name}
    recorded = _run(_RECORD + _PROGRAM.replace("print(json", "print(json.dumps(made)); print(json"), ours)
    clients = recorded.stdout.splitlines()[-2]
    theirs = environment | {"PYTHONPATH": str(bare), "MODULE": "bare", "CLIENTS": clients}
    _time(theirs)  # so that both are compiled
    pairs = [(_time(ours), _time(theirs)) for _ in range(TURNS)]
    ratio = statistics.median(mine["all"] / its["all"] for mine, its in pairs)
    ours_all, bare_all, ours_import, bare_import = (
        statistics.median(pair[who][what] for pair in pairs) for what in ("all", "import") for who in (0, 1)
    )
    times, known = (_import_times(environment) for environment in (ours, theirs))
    slowest = sorted(((name, time) for name, time in times.items() if name not in known), key=lambda one: -one[1])
    return Cold(ratio, ours_all, bare_all, ours_import, bare_import, slowest[:_MOST_LISTED])


def _time(environment: Mapping[str, str]) -> dict[str, float]:
    found: dict[str, float] = json.loads(_run(_PROGRAM, environment).stdout.splitlines()[-1])
    return found


def _run(program: str, environment: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, "-c", program]
    return subprocess.run(command, env=dict(environment), check=True, capture_output=True, text=True)  # noqa: S603


def _import_times(environment: Mapping[str, str]) -> dict[str, int]:
    """Each module's own import, in microseconds, as `-X importtime` says."""
    lines = _run(_PROGRAM, environment, "-X", "importtime").stderr.splitlines()
    parts = [line.removeprefix("import time:").split("|") for line in lines]
    return {one[2].strip(): int(one[0]) for one in parts if len(one) == 3 and one[0].strip().isdigit()}
