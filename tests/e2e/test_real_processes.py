"""Real processes: a function killed with SIGKILL in the middle of a call, a server that cuts a connection off.

What virtual time cannot show. The functions' processes are children of the embedded cloud that run the deployed zip,
under their own roles. The lease of a claim (120 s) and the distance of two looks (60 s) are real; instead of waiting
for them, the times in the row are moved back, which is the same to the product. REAL_WAITS=1 waits.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import Cloud, Credentials
from local.connections import ConnectionFault
from standby.clock import from_text, to_text
from tests.e2e import conftest
from tests.e2e.conftest import AWAY, DR, HOME, PRIMARY, SCHEDULE, STACK, Deployed, wait_until

CREATE = "CreateStandbyWorkspaces"
# The seconds of the state machine's waits and retries are a tenth.
WAIT_SCALE = 0.1
LEASE_AND_MORE = timedelta(minutes=3)
# Personnel numbers: a look for a user asks for each spelling of a name, at one call a second, and these have only one.
NUMBERS = itertools.count(70001)
MOMENTS = (
    "first_seen_at",
    "changed_at",
    "due_at",
    "deadline_at",
    "requested_at",
    "claim_expires_at",
    "looked_at",
    "absent_since",
    "unclear_since",
    "ix_status_at",
)


class Killable(Deployed):
    """The product in the embedded cloud, its processes, and time."""

    def hold(self, service: str, operation: str, kind: str, **only: Any) -> None:
        """Let the next such call be held."""
        self.cloud.world.disturb(ConnectionFault(service, operation, kind, **only))

    def who_is_held(self, function: str) -> int:
        """Wait until a function's process is held in a call; its id. The watcher is started as in `until`."""
        scheduled = time.monotonic() + SCHEDULE
        found: list[dict[str, Any]] = []

        def is_held() -> bool:
            found[:] = self.cloud.world.held()
            if function == "watch" and not found and time.monotonic() > scheduled:
                self.start_watcher()
            # While two of a function are busy, it cannot be told which of them is held.
            return [len(one["pids"]) for one in found] == [1]

        wait_until(is_held, lambda: f"{found} {self.cloud.world.functions()}")
        (held,) = found
        (pid,) = held["pids"]
        assert held["function"] == f"{STACK}-{function}"
        assert _parent_of(pid) in (self.cloud.pid, None)
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
            row = self.row(primary_id)
            moved = {name: to_text(from_text(row[name]) - by) for name in MOMENTS if name in row}
            try:
                self.dynamodb.update_item(
                    TableName=self.table,
                    Key={"pk": {"S": primary_id}, "sk": {"S": "STATE"}},
                    UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in moved),
                    ConditionExpression="version = :version",
                    ExpressionAttributeValues={f":{name}": {"S": value} for name, value in moved.items()}
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

    def history(self, primary_id: str) -> list[dict[str, str]]:
        """The EVENT rows of a primary."""
        items = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="pk = :id AND begins_with(sk, :event)",
            ExpressionAttributeValues={":id": {"S": primary_id}, ":event": {"S": "EVENT#"}},
            ConsistentRead=True,
        )["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in items]

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

    def listen_to_the_bus(self, name: str) -> str:
        """A queue that hears each change of the ledger from the event bus; its URL."""
        url = self.listen(name)
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events = self.cloud.client("events", PRIMARY)
        events.put_rule(Name=name, EventPattern=json.dumps({"source": ["workspaces-standby"]}))
        events.put_targets(Rule=name, Targets=[{"Id": "ears", "Arn": arn}])
        return url

    def total(self) -> int:
        """The ledger's count of standbys."""
        key = {"pk": {"S": "COUNTER#TOTAL"}, "sk": {"S": "COUNTER"}}
        item = self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {})
        return int(item["taken"]["N"]) if item else 0

    def _busy(self) -> bool:
        return any(one["busy"] for one in self.cloud.world.functions() if not one["function"].endswith("-announce"))


def _parent_of(pid: int) -> int | None:
    """The parent of a process, where the system tells."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return None


@pytest.fixture(scope="module")
def deployed(assembly: Path) -> Iterator[Killable]:
    """The product as everywhere in these tests, in a cloud that neither throttles nor takes time to build desktops."""
    with Cloud.start(boot_seconds=0, standby_boot_seconds=0, throttling=False, wait_scale=WAIT_SCALE) as cloud:
        yield Killable(cloud, cloud.deploy(assembly)[STACK])


@pytest.fixture
def user(deployed: Killable) -> str:
    """Somebody new, known to both directories."""
    return new_users(deployed, 1)[0]


@pytest.fixture(autouse=True)
def _relations_show_at_once(deployed: Killable) -> Iterator[None]:
    yield
    deployed.cloud.world.change(relation_lag_seconds=0)


def new_users(deployed: Killable, count: int, prefix: str = "") -> list[str]:
    users = [f"{prefix}{number}" for number in itertools.islice(NUMBERS, count)]
    deployed.cloud.world.add_directory(PRIMARY, HOME, users)
    deployed.cloud.world.add_directory(DR, AWAY, users)
    return users


def test_killed_after_the_effect_protect_finds_its_standby_again(deployed: Killable, user: str) -> None:
    deployed.hold("workspaces", CREATE, "hold_after")
    (one,) = deployed.create(user)
    protect = deployed.who_is_held("protect")
    assert len(deployed.standbys_of(one)) == 1
    assert deployed.row(one)["reason_code"] == "CLAIM_TAKEN"
    deployed.kill(protect)
    deployed.until(one, "PROTECTED")
    deployed.assert_one_standby(one)


def test_killed_after_the_effect_no_second_is_made_while_the_first_shows_no_relation(
    deployed: Killable, user: str
) -> None:
    deployed.cloud.world.change(relation_lag_seconds=3600)
    deployed.hold("workspaces", CREATE, "hold_after")
    (one,) = deployed.create(user)
    deployed.kill(deployed.who_is_held("protect"))
    deployed.later(one)
    deployed.until_told(one, "DR_DESKTOP_UNCLEAR")
    assert len(deployed.standbys_of(one)) == 1
    deployed.cloud.world.advance(3600)
    deployed.later(one)
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


@pytest.mark.skipif(os.environ.get("REAL_WAITS") != "1", reason="takes four minutes of waiting: REAL_WAITS=1 does it")
def test_killed_before_and_after_the_effect_with_real_waits(
    deployed: Killable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conftest, "PATIENCE", 420.0)
    deployed.cloud.world.change(relation_lag_seconds=140)
    ids: list[str] = []
    for kind in ("hold_after", "hold_before"):
        deployed.hold("workspaces", CREATE, kind)
        ids += deployed.create(*new_users(deployed, 1))
        deployed.kill(deployed.who_is_held("protect"))
    deployed.until(ids[0], "PROTECTED")
    deployed.cloud.world.change(relation_lag_seconds=0)
    deployed.until(ids[1], "PROTECTED")
    reasons = [[event["reason_code"] for event in deployed.history(one)] for one in ids]
    assert "DR_DESKTOP_UNCLEAR" in reasons[0]
    assert "NOTHING_SEEN_ONCE" in reasons[1]
    deployed.assert_one_standby(*ids)


@pytest.mark.parametrize(("kind", "recorded"), [("hold_before", 1), ("hold_after", 2)])
def test_a_watcher_killed_in_the_middle_of_a_round_loses_nothing(deployed: Killable, kind: str, recorded: int) -> None:
    # Three rows come due together: it dies at the second, before it is written or after.
    deployed.hold("dynamodb", "TransactWriteItems", kind, function="watch", containing=kind, skip=1)
    ids = deployed.create(*new_users(deployed, 3, f"watched-{kind}-"))
    watcher = deployed.who_is_held("watch")
    reasons = [event["reason_code"] for one in ids for event in deployed.history(one)]
    assert len([reason for reason in reasons if reason.startswith("STANDBY_")]) == recorded
    deployed.kill(watcher)
    for one in ids:
        deployed.until(one, "PROTECTED")
    deployed.assert_one_standby(*ids)


def test_a_create_that_is_cut_off_after_its_effect_is_found_again(deployed: Killable, user: str) -> None:
    deployed.cloud.world.change(relation_lag_seconds=3600)
    deployed.hold("workspaces", CREATE, "cut_after")
    (one,) = deployed.create(user)
    row = deployed.until_told(one, "REQUEST_UNCERTAIN")
    assert row["error_code"] == "ConnectionClosedError"
    deployed.later(one)
    deployed.until_told(one, "DR_DESKTOP_UNCLEAR")
    deployed.cloud.world.advance(3600)
    deployed.later(one)
    deployed.until(one, "PROTECTED")
    deployed.assert_one_standby(one)


@pytest.mark.parametrize("change", ["CLAIM_TAKEN", "CREATE_ACCEPTED", "STANDBY_READY"])
def test_a_change_whose_answer_the_ledger_lost_is_made_once(deployed: Killable, user: str, change: str) -> None:
    before = deployed.total()
    deployed.hold("dynamodb", "TransactWriteItems", "cut_after", containing=change)
    (one,) = deployed.create(user)
    deployed.until_told(one, "CREATE_ACCEPTED")
    deployed.later(one)
    deployed.until(one, "PROTECTED")
    deployed.assert_one_standby(one)
    reasons = [event["reason_code"] for event in deployed.history(one)]
    # A look may have come before it was ready.
    assert [reason for reason in reasons if reason != "STANDBY_STARTING"] == [
        "CLAIM_TAKEN",
        "CREATE_ACCEPTED",
        "STANDBY_READY",
    ]
    assert deployed.total() == before + 1


def test_announce_killed_between_bus_and_topic_tells_again(deployed: Killable, user: str) -> None:
    ears, bus = deployed.listen("ears-killed"), deployed.listen_to_the_bus("bus-killed")
    deployed.hold("sns", "Publish", "hold_before", containing=user)
    (one,) = deployed.create(user, UserVolumeEncryptionEnabled=True)
    deployed.kill(deployed.who_is_held("announce"))
    version = int(deployed.until_told(one, "NO_DR_KEY")["version"])
    notices: list[str] = []
    events: list[tuple[str, int]] = []

    def told() -> bool:
        notices.extend(json.loads(message["Body"]).get("Message", "") for message in deployed.heard(ears))
        details = [json.loads(message["Body"]).get("detail", {}) for message in deployed.heard(bus)]
        events.extend((detail["primary_id"], detail["version"]) for detail in details if "primary_id" in detail)
        return any(one in notice for notice in notices) and events.count((one, version)) > 1

    wait_until(told, lambda: f"{notices} {events}")


def test_nobody_calls_without_a_key_a_signature_or_a_permission(deployed: Killable) -> None:
    before = deployed.cloud.world.snapshot()
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "WorkspacesService.DescribeWorkspaces",
    }
    unsigned = urllib.request.Request(deployed.cloud.endpoint, b"{}", headers)  # noqa: S310 - http, on loopback
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(unsigned, timeout=60)
    with refused.value as answer:
        assert "MissingAuthenticationToken" in answer.read().decode()

    def call(who: Credentials) -> None:
        order = {"PrimaryWorkspaceId": "ws-000000000", "DirectoryId": AWAY}
        client = deployed.cloud.client("workspaces", DR, credentials=who)
        client.create_standby_workspaces(PrimaryRegion=PRIMARY, StandbyWorkspaces=[order])

    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidSignature"):
        call(Credentials(deployed.cloud.credentials.access_key_id, "x"))
    reads = {"Effect": "Allow", "Action": "workspaces:Describe*", "Resource": "*"}
    stranger = deployed.cloud.make_user("stranger", reads)
    with pytest.raises(ClientError, match="AccessDenied"):
        call(stranger)
    with pytest.raises(ClientError, match="AccessDenied"):
        deployed.cloud.client("dynamodb", PRIMARY, credentials=stranger).scan(TableName=deployed.table)
    assert deployed.cloud.world.snapshot()["standbys"] == before["standbys"]


def test_a_function_can_do_no_more_than_its_role(deployed: Killable, user: str) -> None:
    with deployed.denied(f"workspaces:{CREATE}", deployed.outputs["ProtectFunctionName"]):
        (one,) = deployed.create(user)
        assert deployed.until(one, "REJECTED")["reason_code"] == "ACCESS_DENIED"
    assert deployed.standbys_of(one) == []
    deployed.protect({"mode": "reconcile", "workspace_ids": [one], "cause": {"type": "manual", "id": "permitted"}})
    deployed.later(one)
    deployed.until(one, "PROTECTED")
    assert len(deployed.standbys_of(one)) == 1
