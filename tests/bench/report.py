"""`standby report` of a large ledger, in a process of its own: how long it takes, and how much memory.

The ledger is made when it is asked for: 100,000 desktops, a year of day rows in two directories, and 450,000 events,
those of 112,500 desktops that get their standbys. Botocore understands each answer as if it had come from DynamoDB;
the network is left out. Run it with `python -m tests.bench.report`; it prints seconds and megabytes.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse

from cli.aws import Aws
from cli.main import main
from cli.running import Run
from standby.clock import Clock
from standby.core.model import DirectoryId, day_of, to_text
from standby.core.row import ALL_SHARDS
from standby.core.settings import Directory, Settings

DIRECTORIES = (DirectoryId("d-906732325d"), DirectoryId("d-9067328a7c"))
STACK = "Standby-us-east-1-us-west-2"
NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)
DAYS = 366
PAGE = 800  # items of some 1.2 KB in 1 MB
# What happens to a desktop that is created: these events, an hour apart at most.
STORY = (
    (None, "WAITING", "PRIMARY_PENDING", 0),
    ("WAITING", "CLAIMED", "CLAIM_TAKEN", 1260),
    ("CLAIMED", "REQUESTED", "CREATE_ACCEPTED", 1261),
    ("REQUESTED", "PROTECTED", "STANDBY_READY", 2520),
)
_UNCOVERED = ("INELIGIBLE", "EXCLUDED", "REPORTED", "HELD", "FAILED")


class Large:
    """Answers of DynamoDB and CloudFormation for so many desktops and events."""

    def __init__(self, desktops: int, events: int) -> None:
        self.desktops, self.events = desktops, events
        mapped = {
            one: Directory(DirectoryId("d-926722edaf"), data_replication="PRIMARY_AS_SOURCE") for one in DIRECTORIES
        }
        given: dict[str, Any] = {"stack": STACK, "primary_region": "us-east-1", "dr_region": "us-west-2"}
        self.settings = json.dumps(Settings(**given, directories=mapped).to_document())

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """What a request gets."""
        match operation:
            case "BatchGetItem":
                ((table, wanted),) = request["RequestItems"].items()
                found = [item for key in wanted["Keys"] if (item := self._item(key["pk"]["S"], key["sk"]["S"]))]
                return {"Responses": {table: found}, "UnprocessedKeys": {}}
            case "Query":
                return self._query(request)
        raise AssertionError(operation)

    def _item(self, pk: str, sk: str) -> dict[str, Any] | None:
        if pk == "SETTINGS":
            return _packed(
                settings_json=self.settings, config_digest="0123456789ab", noted_at="2026-01-01T00:00:00.000Z"
            )
        if pk.startswith("COVERAGE#"):
            return self._day(pk, sk.removeprefix("DAY#"))
        return None

    def _day(self, pk: str, day: str) -> dict[str, Any] | None:
        if day > day_of(NOW):
            return None
        scans = [f"{day}T{hour:02}:00:00.000Z" for hour in range(12 if day == day_of(NOW) else 24)]
        half = self.desktops // 2
        texts = {"directory_id": pk.partition("#")[2], "day": day, "scanned_at": scans[-1], "version": "0.1.0"}
        numbers = {"primaries": half, "eligible": half * 9 // 10, "protected": half * 8 // 10, "unconfirmed": 0}
        item = _packed(pk=pk, sk=f"DAY#{day}", config_digest="0123456789ab", **texts)
        item |= {name: {"N": str(value)} for name, value in numbers.items()}
        item["scans"] = {"L": [{"S": one} for one in scans]}
        item["copies"] = {"M": {str(hours): {"N": str(half // 20)} for hours in range(12, 24)}}
        return item

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        values = {name: one["S"] for name, one in request["ExpressionAttributeValues"].items()}
        if request.get("IndexName") == "by_status":
            if ":since" in values:
                return {"Items": [], "Count": 0}
            return self._page(request, self._many(values[":status"]), lambda n: self._state(values[":status"], n))
        if request.get("IndexName") == "by_day":
            day, shard = values[":day"].split("#")
            many = self.events // DAYS // len(ALL_SHARDS) // len(STORY) * len(STORY)
            return self._page(request, many, lambda number: self._event(day, int(shard), number, many))
        if ":first" in values:
            first, last = (datetime.fromisoformat(values[f":{one}"].removeprefix("DAY#")) for one in ("first", "last"))
            days = [day_of(first.replace(tzinfo=UTC) + timedelta(days=one)) for one in range((last - first).days + 1)]
            return {"Items": [found for day in days if (found := self._day(values[":directory"], day))]}
        return {"Items": [], "Count": 0}

    def _many(self, partition: str) -> int:
        status = partition.partition("#")[0]
        share = {"PROTECTED": 80, **dict.fromkeys(_UNCOVERED, 4)}.get(status, 0)
        return self.desktops * share // 100 // len(ALL_SHARDS)

    def _state(self, partition: str, number: int) -> dict[str, Any]:
        status, _, shard = partition.partition("#")
        reasons = {"PROTECTED": "STANDBY_READY", "EXCLUDED": "EXCLUDED_BY_RULE", "REPORTED": "EXISTING_FLEET"}
        reasons |= {"INELIGIBLE": "OPERATING_SYSTEM", "HELD": "DAILY_CAP", "FAILED": "STANDBY_IN_ERROR"}
        one = f"ws-{status[:3].lower()}{shard}{number:07}"
        item = _packed(
            pk=one,
            status=status,
            reason_code=reasons[status],
            message="A rule under exclude matches the primary. The rule is exclude.users: svc-*.",
            user_name=f"user.{one}@example.com",
            primary_directory_id=DIRECTORIES[number % 2],
            standby_id=f"ws-s{one[3:]}",
            compute_type="STANDARD",
            dr_region="us-west-2",
            first_seen_at="2026-03-01T09:00:00.000Z",
            changed_at="2026-03-01T10:00:00.000Z",
        )
        item["schema_version"] = {"N": "1"}
        seen = _packed(since="2026-03-02T00:00:00.000Z", last="2026-03-02T00:00:00.000Z") | {"times": {"N": "1"}}
        item["conditions"] = {"M": {"COPIED": {"M": seen}}}
        return item

    def _event(self, day: str, shard: int, number: int, many: int) -> dict[str, Any]:
        # The stories of a day follow one another, four at a time.
        story, step = divmod(number, len(STORY))
        before, status, reason, after = STORY[step]
        begin = story * (80_000 // (many // len(STORY))) + after
        at = to_text(datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(seconds=begin))
        item = _packed(
            pk=f"ws-{day.replace('-', '')}{shard}{story:06}",
            at=at,
            status=status,
            reason_code=reason,
            cause_type="event" if before is None else "watch",
            cause_id="c504644f-a5dc-4c7b-8fa8-859200556e42",
            principal="arn:aws:sts::123456789012:assumed-role/desktop-admin/alex",
            created_by="arn:aws:sts::123456789012:assumed-role/desktop-admin/alex",
            user_name=f"user{story:06}",
            primary_directory_id=DIRECTORIES[story % 2],
        )
        return item | (_packed(from_status=before) if before else {})

    @staticmethod
    def _page(request: dict[str, Any], many: int, make: Any) -> dict[str, Any]:
        start = int(request.get("ExclusiveStartKey", {"n": {"N": "0"}})["n"]["N"])
        end = min(start + PAGE, many)
        last = {"LastEvaluatedKey": {"n": {"N": str(end)}}} if end < many else {}
        return {"Items": [make(number) for number in range(start, end)], "Count": end - start, **last}


def _packed(**texts: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in texts.items()}


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content


def measure(desktops: int, events: int, *more: str) -> dict[str, float]:
    """Make a report; its seconds, with and without the making of answers, and the peak of the process's memory (MB)."""
    large, spent = Large(desktops, events), [0.0]

    def send(request: Any, **_: Any) -> AWSResponse:
        began = time.perf_counter()
        operation = request.headers.get("X-Amz-Target", b"")
        name = (operation if isinstance(operation, str) else operation.decode()).rpartition(".")[2]
        body = json.dumps(large.answer(name, json.loads(request.body))).encode()
        spent[0] += time.perf_counter() - began
        raw: Any = _Body(body)
        headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, 200, headers, raw)

    real = Aws.client

    def client(aws: Aws, service: str, region: str, **given: Any) -> Any:
        made = real(aws, service, region, **given)
        if service == "cloudformation":
            outputs = [{"OutputKey": "LedgerTableName", "OutputValue": STACK}]
            stack = {"StackName": STACK, "StackId": "a:b:c:d:e", "StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}
            return type("CloudFormation", (), {"describe_stacks": staticmethod(lambda **_: {"Stacks": [stack]})})
        made.meta.events.register_first("before-send.dynamodb", send, unique_id="large")
        return made

    # This process makes one report.
    stand_in: Any = Aws
    stand_in.client = client
    runs: Any = Run
    runs.of = classmethod(lambda cls, options: cls(options, NOW, Clock()))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        words = ["report", "--stack", STACK, "--since", "2026-01-01", "--out", f"{folder}/report.html", *more]
        assert main([*words, "--data", f"{folder}/data"]) == 0
    seconds, cpu = time.perf_counter() - began, time.process_time()
    # Not getrusage: its peak is handed on from the process that forked this one.
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert peak
    return {
        "seconds": round(seconds, 1),
        "seconds_without_the_answers": round(seconds - spent[0], 1),
        "cpu_seconds": round(cpu, 1),
        "memory_mb": round(int(peak[1]) / 1024),
    }


if __name__ == "__main__":
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_CONFIG_FILE": os.devnull}
    many = [int(one) for one in sys.argv[1:3]] or [100_000, 450_000]
    print(json.dumps(measure(many[0], many[1], *sys.argv[3:])))
