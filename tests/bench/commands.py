"""The command line over the ledger of a large fleet, beside the AWS CLI that does the same by query and by scan.

Both are run as a person runs them, as processes of their own, and find the ledger by `AWS_ENDPOINT_URL`. The AWS CLI
is the one that the CDK brings (version 1). Counts are the ledger's. Times are CPU seconds of the processes: how long a
request takes on its way is not in them, and `page.py` adds it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from boto3.dynamodb.types import TypeSerializer

from local.aws_cli import unpack
from local.queries import QUERIES, audit_queries
from local.workspaces import ManualClock, World
from standby.core.conclusions import Scan
from standby.core.coverage import Coverage
from standby.core.model import DirectoryId
from standby.core.settings import Settings
from standby.ledger.sweeps import Sweeps
from standby.ledger.table import Table
from tests.bench.developers import used_by
from tests.bench.endpoint import ENVIRONMENT, Endpoint
from tests.component.estate import settings
from tests.large_ledger import PRIMARY, LargeLedger, Read

DAYS = 400  # that the events are spread over
DIRECTORIES = tuple(f"d-90673{number:05}" for number in range(10))
# The moments of an audit. Since the first, every tenth desktop has changed; since the second, all have, several times.
_AGO = {"a recent moment": timedelta(days=DAYS / 100), "half the span ago": timedelta(days=DAYS / 2)}
# Of which the AWS CLI is asked; it would take an hour for all.
_SAMPLED_DAYS = 2
# What takes minutes of the whole ledger is measured with this part of it.
_SAMPLED_PART = 10
# Of what `aws` prints of events: the last one of each desktop.
_LAST = " | sort | awk '{last[$2] = $0} END {for (id in last) print last[id]}'"
_TO = TypeSerializer()


@dataclass(frozen=True)
class Took:
    """What a command took: lines printed, requests, items read, CPU seconds, and MB of memory at most."""

    lines: int
    requests: int
    items_read: int
    cpu_seconds: float
    memory_mb: float

    def times(self, factor: float) -> Took:
        """So many times as much of it, but for the memory."""
        lines, requests, read = (round(one * factor) for one in (self.lines, self.requests, self.items_read))
        return Took(lines, requests, read, self.cpu_seconds * factor, self.memory_mb)


class _Singles:
    """A client of DynamoDB that keeps what is put, for the rows that a ledger has one of."""

    def __init__(self, ledger: LargeLedger) -> None:
        self._ledger = ledger

    def put_item(self, *, Item: Mapping[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 (as boto3 has it)
        self._ledger.singles[Item["pk"]["S"], Item["sk"]["S"]] = dict(Item)
        return {}

    def batch_get_item(self, **_: Any) -> dict[str, Any]:
        return {"Responses": {}}


def large_ledger(desktops: int, events: int, now: datetime) -> LargeLedger:
    """A ledger up to the present, with what a sweep leaves in it."""
    began = now - timedelta(days=DAYS)
    ledger = LargeLedger(desktops, events, began=began, days=DAYS, directories=DIRECTORIES)
    mapped = {one: {"dr_directory": f"d-92672{number:05}"} for number, one in enumerate(DIRECTORIES)}
    configured = Settings.from_document(settings().to_document() | {"directories": mapped})
    dr_directories = {DirectoryId(one): DirectoryId(entry["dr_directory"]) for one, entry in mapped.items()}
    client: Any = _Singles(ledger)
    sweeps = Sweeps(Table(client, ledger.table, lambda _: None), dr_directories)
    sweeps.keep_settings(configured, now)
    each = desktops // len(DIRECTORIES)
    for directory in dr_directories:
        for day in range(6):
            at = now - timedelta(days=day, minutes=10)
            scan = Scan("run", at, at, {}, "")
            sweeps.keep_coverage(
                directory, Coverage({"status/PROTECTED": each * 19 // 20, "status/FAILED": each // 20}), scan
            )
    return ledger


def measure(desktops: int, events: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """What each command takes, and how many items each query of docs/queries.md reads by row that it prints.

    `rows` has the number of rows in a question's answer, whoever gives it; `status` answers with counts, and has none.
    """
    now = datetime.now(UTC)
    ledger = large_ledger(desktops, events, now)
    endpoint = Endpoint(World(ManualClock()), ledger)
    with TemporaryDirectory() as folder, endpoint.open():
        environment = ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint.url, "PATH": f"{unpack(Path(folder))}:/usr/bin:/bin"}
        took = partial(_took, ledger, environment)
        took("aws --version")  # so that it is compiled
        found: dict[str, dict[str, Took]] = {}
        for name, ways in _commands(now).items():
            found[name] = {way: took(command) for way, command in ways.items()}
            progress(_seconds(name, found[name]))
        recent, old = (f"audit --as-of, {when}" for when in _AGO)
        found[recent] = {"standby": took(_audit(now - _AGO["a recent moment"]))}
        of_days = took(_audit_by_day(now - _AGO["half the span ago"]))
        small = large_ledger(desktops // _SAMPLED_PART, events // _SAMPLED_PART, now)
        other = Endpoint(World(ManualClock()), small)
        with other.open():
            part = partial(_took, small, environment | {"AWS_ENDPOINT_URL": other.url})
            of_part = part(_audit(now - _AGO["half the span ago"]))
            found[old] = {"standby": of_part.times(_SAMPLED_PART)}
            for name, ago in zip((recent, old), _AGO.values(), strict=True):
                # A day has as many events as any other.
                found[name]["AWS CLI, by query"] = of_days.times((DAYS - ago.days) / _SAMPLED_DAYS)
                found[name]["AWS CLI, by scan"] = part(_audit_by_scan(now - ago)).times(_SAMPLED_PART)
                progress(_seconds(name, found[name]))
        return {
            "desktops": desktops,
            "events": events,
            "sampled_days": _SAMPLED_DAYS,
            "rows": {
                **{name: found[name]["standby"].lines - 1 for name in ("list --uncovered", recent)},
                old: (of_part.lines - 1) * _SAMPLED_PART,
            },
            "took": {name: {way: vars(one) for way, one in ways.items()} for name, ways in found.items()},
            "queries": amplification(ledger, endpoint.url, now),
        }


def _seconds(name: str, ways: Mapping[str, Took]) -> str:
    return f"{name}: {', '.join(f'{way} {one.cpu_seconds:.0f} s of CPU' for way, one in ways.items())}"


def _ours(command: str) -> str:
    return f"{sys.executable} -m cli {command} --stack Standby-us-east-1-us-west-2 --output csv"


def _commands(now: datetime) -> dict[str, dict[str, str]]:
    scan = "aws dynamodb scan --table-name Standby-us-east-1-us-west-2"
    state = """--expression-attribute-values '{":state": {"S": "STATE"}}'"""
    asked = {one.name: one.command for one in audit_queries()}
    coverage = [
        asked["coverage"].replace("d-906732325d", one).replace("2026-03-03", now.date().isoformat())
        for one in DIRECTORIES
    ]
    return {
        "status": {
            "standby": _ours("status"),
            "AWS CLI, by query": "\n".join([*coverage, _as_text(asked["uncovered"])]),
            "AWS CLI, by scan": f"{scan} --filter-expression 'sk = :state' {state}"
            " --query 'Items[].[status.S]' --output text | sort | uniq -c",
        },
        "list --uncovered": {
            "standby": _ours("list --uncovered"),
            "AWS CLI, by query": _as_text(asked["uncovered"]),
            "AWS CLI, by scan": f"{scan} --filter-expression 'sk = :state AND attribute_exists(ix_uncovered)' {state}"
            " --query 'Items[].[primary_id.S, user_name.S, status.S, reason_code.S]' --output text",
        },
    }


def _audit(then: datetime) -> str:
    return _ours(f"audit --as-of {_text(then)}")


def _audit_by_day(then: datetime) -> str:
    """The state of each desktop by the events of the days up to a moment; of the last days alone."""
    (of_day,) = [one.command for one in audit_queries() if one.name == "day"]
    days = [(then.date() - timedelta(days=number)).isoformat() for number in range(1, _SAMPLED_DAYS + 1)]
    commands = "\n".join(of_day.replace("2026-03-03", one) for one in days)
    return f"({commands}){_LAST}"


def _text(then: datetime) -> str:
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def _audit_by_scan(then: datetime) -> str:
    whole = QUERIES.read_text(encoding="utf-8")
    return (
        whole[whole.index("aws dynamodb scan") :].partition("```")[0].replace("2026-03-03T23:59:59.999Z", _text(then))
    )


def _as_text(command: str) -> str:
    return command.replace("--output table", "--output text")


def _took(ledger: LargeLedger, environment: Mapping[str, str], command: str) -> Took:
    before = ledger.read.copy()
    # 1 and 4 are answers, too: somebody is without cover, or the last sweep is long ago.
    usage, said = used_by(["bash", "-ec", command], environment, statuses=(0, 1, 4))
    read: Read = ledger.read - before
    return Took(len(said.splitlines()), read.requests, read.items_read, usage["cpu_seconds"], usage["memory_mb"])


def amplification(ledger: LargeLedger, url: str, now: datetime) -> dict[str, float]:
    """Items read for each row that a query of docs/queries.md prints, of those that select by key."""
    client = boto3.client("dynamodb", PRIMARY, endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test")
    replaced = {
        "alice": ledger.user(7),
        "ws-1abc2def3": "ws-100000007",
        "2026-03-02": (now - timedelta(days=30)).date().isoformat(),
        "2026-03-03": (now - timedelta(days=30)).date().isoformat(),
    }
    found = {}
    for query in audit_queries():
        if query.name in ("user", "failed", "day", "history", "uncovered"):
            before = ledger.read.copy()
            rows = query.run(client, replaced)
            found[query.name] = (ledger.read - before).items_read / len(rows)
    return found
