"""Part 2 of the demo: an existing fleet of two hundred desktops is reported, accepted and protected."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.cloud import Cloud
from local.queries import printed_payload
from local.sweeping import COMPLETE, sweep

PRIMARY, DR = "us-east-1", "us-west-2"
WINDOWS = "wsb-windowsstandard"
COUNT = 200
LATE = "fleet-late"
USERS = [f"fleet{number:03}" for number in range(1, COUNT + 1)]
WAIT_AT_MOST = 60.0


@dataclass
class Fleet:
    """The existing desktops of a directory, for which no event was delivered."""

    directory: str
    ids: list[str] = field(default_factory=list)


def create_fleet(cloud: Cloud, directory: str, dr_directory: str) -> Fleet:
    """Create the fleet, before the product is deployed."""
    for region, where in ((PRIMARY, directory), (DR, dr_directory)):
        cloud.world.add_directory(region, where, [*USERS, LATE])
    found = Fleet(directory)
    for start in range(0, COUNT, 25):
        found.ids += create(cloud, directory, USERS[start : start + 25])
    return found


def create(cloud: Cloud, directory: str, users: Sequence[str], region: str = PRIMARY, **item: Any) -> list[str]:
    """Create desktops with one call, at most 25, and return their ids."""
    client = cloud.client("workspaces", region, retries={"total_max_attempts": 10})
    order = [{"DirectoryId": directory, "UserName": user, "BundleId": WINDOWS, **item} for user in users]
    answer = client.create_workspaces(Workspaces=order)
    if answer["FailedRequests"]:
        raise RuntimeError(f"the embedded cloud refused to create desktops: {answer['FailedRequests']}")
    return [pending["WorkspaceId"] for pending in answer["PendingRequests"]]


class SecondAct:
    """Sweeps, the acceptance of the fleet, a lost event, and terminations."""

    def __init__(self, cloud: Cloud, outputs: dict[str, str], fleet: Fleet) -> None:
        self._cloud = cloud
        self._outputs = outputs
        self._fleet = fleet
        self._dynamodb = cloud.client("dynamodb", PRIMARY)
        self._sfn = cloud.client("stepfunctions", PRIMARY)
        self._numbers = itertools.count(1)
        self._complete = True

    def play(self) -> dict[str, Any]:
        """Run part 2, and return the figures."""
        print(f"\nPart 2: an existing fleet of {COUNT} desktops. Two sweeps report it:")
        self.sweep()
        self.sweep()  # a baseline needs two listings
        plan = self._plan()
        print(f"  {plan['message']['S']}\nAn administrator accepts the directory.")
        self._accept()
        self._cloud.world.change(trail_copies=0)
        (late,) = create(self._cloud, self._fleet.directory, [LATE])
        self._cloud.world.change(trail_copies=1)
        print(f"  Meanwhile {late} is created, and CloudTrail loses its event. The next sweep finds it:")
        self.sweep()
        caught = self._row(late).get("cause_type") == "sweep"
        self._fleet.ids.append(late)
        self._until(lambda counted: counted["PROTECTED"] == COUNT + 1, nudge=True)
        # Any two: the primary of the first and the standby of the second are terminated.
        gone, bereft = self._fleet.ids[0], self._fleet.ids[1]
        standby = self._row(bereft)["standby_id"]
        print(f"A person terminates the primary {gone}, and the standby {standby} of {bereft}:")
        self._terminate(PRIMARY, gone)
        self._terminate(DR, standby)
        while {gone, standby} & {one["workspace_id"] for one in self._shown()}:
            time.sleep(0.2)
        self._until(lambda counted: counted["PRIMARY_GONE"] == counted["STANDBY_MISSING"] == 1, sweeps=3)
        for one in (gone, bereft):
            row = self._row(one)
            notes = [note for kind, note in self._notes(one).items() if kind.endswith("_TERMINATED")]
            who = " ".join(notes).partition(" ")[2] or "a caller that no event has named yet"
            print(f"  {one} is {row['status']} ({row['reason_code']}), terminated by {who}: {row['message']}")
        calls = len(self._cloud.world.calls())
        self.sweep()
        return self._figures(int(plan["would_get"]["N"]), late if caught else None, calls)

    # What people do

    def sweep(self) -> None:
        """Sweep once, as the schedule does each hour, and wait for the end."""
        began = time.monotonic()
        outcome = sweep(self._sfn, self._outputs["SweepStateMachineArn"], time.sleep, WAIT_AT_MOST)
        self._complete = self._complete and outcome == f"2 of 2 {COMPLETE}"
        print(f"  sweep {next(self._numbers)}: {outcome}, {time.monotonic() - began:.1f} s", flush=True)

    def _accept(self) -> None:
        """Invoke protect with the payload that the documents print."""
        call = printed_payload("accept")
        if call["directory_id"] != self._fleet.directory:
            raise RuntimeError(
                f"the documents accept another directory than {self._fleet.directory}, of the demo's fleet"
            )
        client, function = self._cloud.client("lambda", PRIMARY), self._outputs["ProtectFunctionName"]
        answer = json.loads(client.invoke(FunctionName=function, Payload=json.dumps(call))["Payload"].read())
        if "problem" in answer:
            raise RuntimeError(f"protect refuses the documents' call: {answer['problem']}")

    def _terminate(self, region: str, workspace_id: str) -> None:
        client = self._cloud.client("workspaces", region, retries={"total_max_attempts": 10})
        client.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": workspace_id}])

    # What is seen

    def _shown(self) -> list[dict[str, Any]]:
        return [*self._cloud.world.primaries(), *self._cloud.world.standbys()]

    def _until(self, is_so: Callable[[Counter[str]], bool], *, nudge: bool = False, sweeps: int = 0) -> None:
        """Show the statuses until `is_so` is True; meanwhile fire schedules (`nudge`) or run sweeps."""
        began, last = time.monotonic(), ""
        while time.monotonic() - began < WAIT_AT_MOST:
            counted = self._statuses()
            line = "  ".join(f"{status} {count}" for status, count in sorted(counted.items()))
            if line != last:
                print(f"  {time.monotonic() - began:5.1f} s  {line}", flush=True)
                last = line
            if is_so(counted):
                return
            if nudge and not counted["REQUESTED"]:
                self._cloud.world.fire_schedules()
                time.sleep(1)
            if sweeps:
                sweeps -= 1
                self.sweep()
            time.sleep(0.5)

    def _rows(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for start in range(0, len(self._fleet.ids), 100):
            keys = [{"pk": {"S": one}, "sk": {"S": "STATE"}} for one in self._fleet.ids[start : start + 100]]
            table = self._outputs["LedgerTableName"]
            answer = self._dynamodb.batch_get_item(RequestItems={table: {"Keys": keys}})["Responses"][table]
            found |= {
                item["pk"]["S"]: {name: next(iter(value.values())) for name, value in item.items()} for item in answer
            }
        return found

    def _row(self, primary_id: str) -> dict[str, str]:
        key = {"pk": {"S": primary_id}, "sk": {"S": "STATE"}}
        item = self._dynamodb.get_item(TableName=self._outputs["LedgerTableName"], Key=key).get("Item", {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    def _notes(self, primary_id: str) -> dict[str, str]:
        """The notes of the conditions in a primary's row, by kind."""
        conditions: Any = self._row(primary_id).get("conditions", {})
        return {kind: one["M"]["note"]["S"] for kind, one in conditions.items() if "note" in one["M"]}

    def _plan(self) -> dict[str, Any]:
        """What the sweeps planned for the directory."""
        key = {"pk": {"S": f"SWEEP#{self._fleet.directory}"}, "sk": {"S": "BASELINE"}}
        found: dict[str, Any] = self._dynamodb.get_item(TableName=self._outputs["LedgerTableName"], Key=key)["Item"]
        return found["plan"]["M"]  # type: ignore[no-any-return]

    def _statuses(self) -> Counter[str]:
        return Counter(row["status"] for row in self._rows().values())

    def _standbys(self) -> dict[str, str]:
        """The fleet's primaries with a standby, as the service has them."""
        return {
            one["primary_id"]: one["workspace_id"]
            for one in self._cloud.world.standbys()
            if one["primary_id"] in self._fleet.ids
        }

    def _figures(self, planned: int, caught: str | None, calls: int) -> dict[str, Any]:
        """The figures: standbys are counted in the model of the service, and their statuses come from the ledger."""
        rows, standbys = self._rows(), self._standbys()
        alive = {one["workspace_id"] for one in self._cloud.world.primaries()} & set(self._fleet.ids)
        today = datetime.now(UTC).date().isoformat()
        key = {"pk": {"S": f"COVERAGE#{self._fleet.directory}"}, "sk": {"S": f"DAY#{today}"}}
        day = self._dynamodb.get_item(TableName=self._outputs["LedgerTableName"], Key=key).get("Item", {})
        last_sweep = [
            one
            for one in self._cloud.world.calls(calls)
            if one["operation"] == "DescribeWorkspaces" and "sweep" in one["principal"].lower()
        ]
        return {
            "primaries": len(self._fleet.ids),
            "planned": planned,
            "protected": sum(one in standbys and rows[one]["status"] == "PROTECTED" for one in alive),
            "orphans": sum(one not in alive and rows[one]["reason_code"] == "ORPHANED" for one in standbys),
            "orphans_in_coverage": int(day.get("orphans", {"N": "0"})["N"]),
            "orphans_monthly_cost": day.get("orphans_monthly_cost", {"S": None})["S"],
            "missing": sum(one not in standbys and rows[one]["status"] == "STANDBY_MISSING" for one in alive),
            "caught_by_sweep": int(caught in standbys),
            "coverage_percent": float(day.get("coverage_percent", {"N": "nan"})["N"]),
            "sweep_describe_calls": len(last_sweep),
            "complete": self._complete,
        }
