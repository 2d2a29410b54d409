"""``make bench``: what the product costs, as counts and as ratios side by side in one run; no seconds of any clock.

Fleets of two sizes go from CreateWorkspaces to PROTECTED in virtual time, against the model of WorkSpaces and the
embedded cloud's DynamoDB. The floor of calls is one for 25 WorkSpaces, which is what the API takes.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.synth import synthesise
from tests.component.estate import AWAY, DR, HOME, PRIMARY, Estate, settings

ROOT = Path(__file__).resolve().parents[1]
SIZES = (25, 250)
_MEMORY = """
import pathlib, re, sys
sys.path.insert(0, "lambdas")
import standby.wiring as wiring
from standby.core.model import Region
clients = [wiring.make_client(service, Region("us-east-1")) for service in
           ("workspaces", "workspaces", "dynamodb", "stepfunctions", "sqs", "cloudwatch")]
# Not getrusage: its peak is handed on from the process that forked this one.
print(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""


def fleet(size: int) -> dict[str, float]:
    """What a fleet of new primaries costs until it is protected; all of one event burst."""
    found = Estate(settings(max_new_standbys_per_day=1000))
    users = [f"user{number:03}" for number in range(size)]
    for region, directory in ((PRIMARY, HOME), (DR, AWAY)):
        found.world.add_directory(region, directory, users)
    sent: Counter[str] = Counter()

    def count(operation: str, parameters: dict[str, Any], go: Callable[[], Any]) -> Any:
        sent[operation] += 1
        return go()

    found.between = count
    ids = found.create(*users)
    created = len(found.world.calls)
    for start in range(0, size, 25):
        found.protect(*ids[start : start + 25], cause="event")
    rounds = found.watch()
    assert {found.status(one)[0] for one in ids} == {"PROTECTED"}
    assert found.world.duplicates() == []
    calls = found.world.calls[created:]
    describes = sum(call.operation == "DescribeWorkspaces" for call in calls)
    creates = sum(call.operation == "CreateStandbyWorkspaces" for call in calls)
    began, ended = calls[0].at, calls[-1].at
    floor = math.ceil(size / 25)
    return {
        "primaries": size,
        "create_calls": creates,
        "create_calls_by_floor": round(creates / floor, 2),
        "describe_calls": describes,
        "describe_calls_a_round_by_floor": round(describes / floor / len(rounds), 2),
        "rounds": len(rounds),
        "workspaces_calls_a_virtual_second": round(len(calls) / (ended - began).total_seconds(), 4),
        "ledger_transactions_a_primary": round(sent["TransactWriteItems"] / size, 2),
        "ledger_queries_a_round": round(sent["Query"] / len(rounds), 1),
        "history_rows_a_primary": round(sum(len(found.history(one)) for one in ids) / size, 2),
        "regions_called": len({call.region for call in calls} & {PRIMARY, DR}),
    }


def sizes() -> dict[str, int]:
    """What is deployed, in bytes and in resources."""
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "cdk.out"
        synthesise(ROOT / "standby.example.yaml", out)
        template = out / "Standby-us-east-1-us-west-2.template.json"
        code = max(out.glob("asset.*"), key=lambda asset: len(list(asset.rglob("*"))))
        unpacked = sum(file.stat().st_size for file in code.rglob("*") if file.is_file())
        return {
            "template_bytes": template.stat().st_size,
            "template_resources": len(json.loads(template.read_text())["Resources"]),
            "code_bytes_unpacked": unpacked,
        }


def memory_mb() -> float:
    """The peak of a process that imports what is deployed and makes all its clients, in MB; Linux only."""
    command = [sys.executable, "-c", _MEMORY]
    kilobytes = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603
    return round(int(kilobytes) / 1024, 1)


def main() -> None:
    """Run it, print it, and write it to build/bench.json."""
    small, large = (fleet(size) for size in SIZES)
    result = {
        "fleets": [small, large],
        "large_by_small": {
            name: round(large[name] / small[name], 2) for name in small if name != "regions_called" and small[name]
        },
        "function_memory_mb": memory_mb(),
        **sizes(),
    }
    file = ROOT / "build" / "bench.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{'':36} {SIZES[0]:>9} {SIZES[1]:>9} {'ratio':>7}")
    for name in small:
        print(f"{name:36} {small[name]:>9} {large[name]:>9} {result['large_by_small'].get(name, ''):>7}")  # type: ignore[attr-defined]
    for name in ("function_memory_mb", "template_bytes", "template_resources", "code_bytes_unpacked"):
        print(f"{name:36} {result[name]:>9}")
    print("Written to build/bench.json.")


if __name__ == "__main__":
    main()
