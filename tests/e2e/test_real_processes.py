"""Real processes: a function killed with SIGKILL in the middle of a call.

What virtual time cannot show. The functions' processes are children of the embedded cloud that run the deployed zip,
under their own roles. The lease of a claim (120 s) and the distance of two looks (60 s) are real; instead of waiting
for them, the times in the row are moved back, which is the same to the product.
"""

import itertools
import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from local.connections import ConnectionFault
from standby.core.model import from_text, to_text
from tests.e2e.conftest import AWAY, DR, HOME, PRIMARY, STACK, Deployed, wait_until

CREATE = "CreateStandbyWorkspaces"
# The seconds of the state machine's waits and retries are a tenth.
WAIT_SCALE = 0.1
LEASE_AND_MORE = timedelta(minutes=3)
# Personnel numbers: a look for a user asks for each spelling of a name, at one call a second, and these have only one.
NUMBERS = itertools.count(70001)
MOMENTS = ["first_seen_at", "changed_at", "due_at", "deadline_at", "requested_at", "claim_expires_at"]
MOMENTS += ["ix_status_at", "ix_due_at"]


class Killable(Deployed):
    """The product in the embedded cloud, its processes, and time."""

    def hold(self, service: str, operation: str, kind: str, **only: Any) -> None:
        """Let the next such call be held."""
        self.cloud.world.disturb(ConnectionFault(service, operation, kind, **only))

    def who_is_held(self, function: str) -> int:
        """Wait until a function's process is held in a call; its id."""
        found: list[dict[str, Any]] = []

        def is_held() -> bool:
            found[:] = self.cloud.world.held()
            # While two of a function are busy, it cannot be told which of them is held.
            return [len(one["pids"]) for one in found] == [1]

        wait_until(is_held, lambda: f"{found} {self.cloud.world.functions()}")
        (held,) = found
        (pid,) = held["pids"]
        assert held["function"] == f"{STACK}-{function}"
        return int(pid)

    def kill(self, pid: int) -> None:
        """Kill a process that is held. What it leaves undone another may do from then on: look before."""
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.cloud.world.held(), lambda: "its connection stays")
        wait_until(lambda: pid not in [one["pid"] for one in self.cloud.world.functions()], lambda: "it lives")

    def later(self, primary_id: str, by: timedelta = LEASE_AND_MORE) -> None:
        """Let a primary's row be as it is after so long, and the schedule start a watcher.

        Only while no function is at work: to one that has begun no time passes.
        """

        def aged() -> bool:
            if self._busy():
                return False
            row: dict[str, Any] = self.row(primary_id)
            moved = {name: to_text(from_text(row[name]) - by) for name in MOMENTS if "#" not in row.get(name, "#")}
            values: dict[str, Any] = {name: {"S": value} for name, value in moved.items()}
            for condition in row.get("conditions", {}).values():
                for name in ("since", "last"):
                    condition["M"][name] = {"S": to_text(from_text(condition["M"][name]["S"]) - by)}
            if "conditions" in row:
                values["conditions"] = {"M": row["conditions"]}
            try:
                self.dynamodb.update_item(
                    TableName=self.table,
                    Key={"pk": {"S": primary_id}, "sk": {"S": "STATE"}},
                    UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
                    ConditionExpression="version = :version",
                    ExpressionAttributeValues={f":{name}": value for name, value in values.items()}
                    | {":version": {"N": row["version"]}},
                )
            except self.dynamodb.exceptions.ConditionalCheckFailedException:
                return False
            wait_until(lambda: not self._busy())
            # One that had read the row before has written it as it was.
            return self.row(primary_id)["first_seen_at"] == moved["first_seen_at"]

        wait_until(aged, lambda: f"{self.row(primary_id)} {self.cloud.world.functions()}")
        self.cloud.world.fire_schedules()

    def until_told(self, primary_id: str, reason: str) -> dict[str, str]:
        """Wait until a primary's history has a reason code; its event."""

        def found() -> list[dict[str, str]]:
            return [event for event in self.history(primary_id) if event["reason_code"] == reason]

        wait_until(found, lambda: f"{self.row(primary_id)}")
        return found()[0]

    def sent(self, primary_id: str) -> list[dict[str, Any]]:
        """The calls of CreateStandbyWorkspaces for a primary that reached the service."""
        calls = [call for call in self.cloud.world.calls() if call["operation"] == CREATE]
        return [call for call in calls if primary_id in json.dumps(call["params"])]

    def assert_one_standby(self, *primary_ids: str) -> None:
        """Each has exactly the standby that its row names, asked for once, and a history without a gap."""
        assert self.cloud.world.duplicates() == []
        for one in primary_ids:
            row, (standby,), (call,) = self.row(one), self.standbys_of(one), self.sent(one)
            assert (row["status"], row["standby_id"]) == ("PROTECTED", standby["workspace_id"])
            assert f"/{STACK}-protect" in call["principal"]
            assert call["outcome"] == "ok"
            assert [int(event["version"]) for event in self.history(one)] == list(range(1, int(row["version"]) + 1))

    def _busy(self) -> bool:
        return any(one["busy"] for one in self.cloud.world.functions() if not one["function"].endswith("-announce"))


@pytest.fixture(scope="module")
def deployed(assembly: Path) -> Iterator[Killable]:
    """The product as everywhere in these tests, in a cloud that neither throttles nor takes time to build desktops."""
    with Cloud.start(boot_seconds=0, standby_boot_seconds=0, throttling=False, wait_scale=WAIT_SCALE) as cloud:
        yield Killable(cloud, cloud.deploy(assembly)[STACK])


@pytest.fixture
def user(deployed: Killable) -> str:
    """Somebody new, known to both directories."""
    found = str(next(NUMBERS))
    deployed.cloud.world.add_directory(PRIMARY, HOME, [found])
    deployed.cloud.world.add_directory(DR, AWAY, [found])
    return found


def test_killed_after_the_effect_protect_finds_its_standby_again(deployed: Killable, user: str) -> None:
    deployed.hold("workspaces", CREATE, "hold_after")
    (one,) = deployed.create(user)
    protect = deployed.who_is_held("protect")
    assert len(deployed.standbys_of(one)) == 1
    assert deployed.row(one)["reason_code"] == "CLAIM_TAKEN"
    deployed.kill(protect)
    deployed.until(one, "PROTECTED")
    deployed.assert_one_standby(one)


def test_killed_before_the_effect_the_standby_is_made_once_two_looks_found_none(deployed: Killable, user: str) -> None:
    deployed.hold("workspaces", CREATE, "hold_before")
    (one,) = deployed.create(user)
    protect = deployed.who_is_held("protect")
    assert deployed.row(one)["reason_code"] == "CLAIM_TAKEN"
    deployed.kill(protect)
    assert deployed.sent(one) == []
    deployed.later(one)
    deployed.until_told(one, "NOTHING_SEEN_ONCE")
    assert deployed.sent(one) == []
    deployed.later(one)
    deployed.until_told(one, "CREATE_ACCEPTED")
    deployed.later(one)
    deployed.until(one, "PROTECTED")
    deployed.assert_one_standby(one)


def test_announce_killed_between_bus_and_topic_tells_again(deployed: Killable, user: str) -> None:
    ears = deployed.listen("ears-killed")
    deployed.hold("sns", "Publish", "hold_before", containing=user)
    (one,) = deployed.create(user, UserVolumeEncryptionEnabled=True)
    deployed.kill(deployed.who_is_held("announce"))
    version = int(deployed.until_told(one, "NO_DR_KEY")["version"])

    def told(bodies: list[dict[str, Any]]) -> bool:
        events = [body["detail"] for body in bodies if "detail" in body]
        again = [event for event in events if (event["primary_id"], event["version"]) == (one, version)]
        return len(again) > 1 and any(one in body.get("Message", "") for body in bodies)

    deployed.hear(ears, told)
