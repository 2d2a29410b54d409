"""What counted things cost, item by item, at the prices of `prices.json`.

A function's billed time is what it waited in virtual time (for its pace, and for answers) and its own CPU time: that
is measured here, between its calls, and stretched to the share of a CPU that its memory buys (1,769 MB are one).
The import of its module is billed, too (INIT), and has a whole CPU. DynamoDB's writes are counted in both Regions, as
many units in the replica as in the primary Region: AWS does not say whether a transaction's two units for each KB are
one there or two.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import aws_logs as logs

from infra.functions import LOG_RETENTION
from infra.purposes import METRICS
from infra.stack import MEMORY_MB
from tests.bench.developers import ROOT
from tests.bench.fleet import Spent, Work
from tests.bench.store import Billed
from tests.bench.sweeps import Swept, sweeps_interval

PRICES: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"))
USD: Mapping[str, float] = {name: one["usd"] for name, one in PRICES["prices"].items()}
HOURS = 730  # of a month
_GB = 1024**3
_FULL_CPU_MB = 1769
# Log lines of Lambda's own, START, END and REPORT, in bytes.
_PLATFORM_LINES = 450
# How many months' lines are stored in the long run.
_LOG_MONTHS = 13
assert LOG_RETENTION == logs.RetentionDays.THIRTEEN_MONTHS
# States that an execution enters whose round finds nothing, and how often the watcher's schedule starts one.
_IDLE_TRANSITIONS, _WATCHES = 5, HOURS * 4
# Of a sweep's machine: Start and Finished, and for each part Work, Anything ready, Done and Wait.
_SWEEP_TRANSITIONS, _PART_TRANSITIONS = 2, 4
_BOTH = 2  # Regions
_AT_REST = {name for each in METRICS if each.at_rest for name in each.names}
# Of a notice: the topic's key makes a data key and decrypts it. SNS keeps one for some time, so that it is less.
_KEY_REQUESTS = 2

UNVERIFIED = " (unverified price)"
Items = dict[str, float]


def _item(name: str, *parts: tuple[float, str]) -> Items:
    """An item: its amounts, each at a price. Its name has a mark if one of the prices is not verified."""
    is_verified = not any(PRICES["prices"][price].get("unverified") for _, price in parts)
    named = name if is_verified else f"{name}{UNVERIFIED}"
    return {named: sum(amount * USD[price] for amount, price in parts)}


def gb_seconds(function: str, work: Work) -> float:
    """What Lambda bills for a function's work."""
    memory = MEMORY_MB[function]
    return (work.waited + work.cpu * _FULL_CPU_MB / memory) * memory / 1024


@functools.cache
def init_seconds(function: str) -> float:
    """How long a function's process takes to start and import its module: CPU seconds, measured."""
    program = f"import time, {function}; print(time.process_time())"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "lambdas")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603
    return float(done.stdout)


def of_work(work: Mapping[str, Work]) -> Items:
    """Lambda and X-Ray."""
    invocations = sum(one.invocations for one in work.values())
    seconds = sum(gb_seconds(name, one) for name, one in work.items())
    starting = sum(one.starts * init_seconds(name) * MEMORY_MB[name] / 1024 for name, one in work.items() if one.starts)
    return {
        **_item("Lambda, duration", (seconds, "lambda_gb_second_arm")),
        **_item("Lambda, INIT of cold starts", (starting, "lambda_gb_second_arm")),
        **_item("Lambda, requests", (invocations, "lambda_request")),
        **_item("X-Ray", (invocations, "xray_trace")),
    }


def of_ledger(billed: Billed) -> Items:
    """DynamoDB in both Regions. What is stored is of a month."""
    written = billed.write_units + billed.index_write_units
    stored = max(billed.stored_bytes, 0) / _GB * _BOTH
    return {
        **_item("DynamoDB, writes in the primary Region", (written, "dynamodb_replicated_write_unit")),
        **_item("DynamoDB, writes in the DR Region", (written, "dynamodb_replicated_write_unit")),
        **_item("DynamoDB, writes refused", (billed.refused_write_units, "dynamodb_write_unit")),
        **_item("DynamoDB, reads", (billed.read_units, "dynamodb_read_unit")),
        **_item(
            "DynamoDB, replication's data transfer",
            (billed.write_units * 1024 / _GB, "transfer_between_regions_gb"),
        ),
        # Each index that projects everything holds it once more.
        **_item(
            "DynamoDB, storage and recovery of a month",
            (2 * stored, "dynamodb_storage_gb_month"),
            (stored, "dynamodb_recovery_gb_month"),
        ),
        "DynamoDB Streams, read by Lambda": 0.0,
    }


def of_logs(size: float, invocations: int) -> Items:
    """Log lines, and metrics in them, as long as they are kept."""
    gigabytes = (size + invocations * _PLATFORM_LINES) / _GB
    return _item("Logs", (gigabytes, "logs_ingested_gb"), (gigabytes * _LOG_MONTHS, "logs_stored_gb_month"))


def of_requests(notices: int, dead_letters: int, starts: int) -> Items:
    """Notices to one address, messages of the dead-letter queue, and what is asked of KMS for notices and cold starts.

    Lambda's key for the environment's variables is AWS's own: at most one request a cold start is billed.
    """
    return {
        **_item("SNS, notices by e-mail", (notices, "sns_request"), (notices, "sns_email")),
        **_item("SQS, requests", (dead_letters, "sqs_request")),
        **_item("KMS, requests", (notices * _KEY_REQUESTS + starts, "kms_request")),
    }


def of_run(spent: Spent, *, without: tuple[str, ...] = ("sweep",)) -> Items:
    """What a stretch of a run has cost, but for the functions that would have run as long at rest.

    What else it would have cost at rest is in it: the schedules' starts, and what sweeps write.
    """
    work = {name: one for name, one in spent.work.items() if name not in without}
    metric_hours = sum(metric not in _AT_REST for _, metric, _ in spent.metric_hours)
    starts = sum(one.starts for one in work.values())
    return {
        **_item("Metrics", (metric_hours / HOURS, "cloudwatch_metric_month")),
        **_item("Step Functions", (spent.transitions, "step_functions_transition")),
        **of_work(work),
        **of_ledger(spent.billed),
        **_item("EventBridge", (spent.bus_events, "eventbridge_custom_event")),
        **_item("CloudWatch, heartbeat", (spent.requests["cloudwatch"], "cloudwatch_put_metric_request")),
        **of_requests(spent.requests["sns"], spent.requests["sqs"], starts),
        **of_logs(spent.log_bytes, sum(one.invocations for one in work.values())),
    }


def at_rest(swept: Swept, alarms: int, idle: Work, stored_bytes: int) -> Items:
    """A month with nothing open: sweeps as often as their pace allows, and the watcher's schedule that finds nothing.

    Each of them starts cold. There are no notices, and nothing goes to the dead-letter queue.

    `idle` is one invocation of watch. A sweep's CPU time is in its seconds: most of it passes while it waits anyway.
    """
    sweeps = HOURS * 3600 / sweeps_interval(sum(swept.seconds))
    sweeping = Work(len(swept.seconds), sum(swept.seconds), starts=1)
    work = {"sweep": _times(sweeping, sweeps), "watch": _times(idle, _WATCHES)}
    parts = len(swept.seconds)
    transitions = (_SWEEP_TRANSITIONS + parts * _PART_TRANSITIONS) * sweeps + _IDLE_TRANSITIONS * _WATCHES
    billed = Billed(
        write_units=round(swept.billed.write_units * sweeps),
        index_write_units=round(swept.billed.index_write_units * sweeps),
        refused_write_units=round(swept.billed.refused_write_units * sweeps),
        read_units=swept.billed.read_units * sweeps,
        stored_bytes=stored_bytes,
    )
    metrics = sum(each.at_rest for each in METRICS)
    beats = _WATCHES + _BOTH * sweeps
    return {
        **_item("Metrics", (metrics, "cloudwatch_metric_month")),
        **_item("Alarms", (alarms, "cloudwatch_alarm_metric_month")),
        **_item("Dashboard", (1, "cloudwatch_dashboard_month")),
        **_item("KMS keys, in the first year", (_BOTH, "kms_key_month")),
        **_item("Step Functions", (transitions, "step_functions_transition")),
        **_item("Scheduler", (_WATCHES + sweeps, "scheduler_invocation")),
        **of_work(work),
        **of_ledger(billed),
        **_item("CloudWatch, heartbeat", (beats, "cloudwatch_put_metric_request")),
        **of_requests(0, 0, sum(one.starts for one in work.values())),
        **of_logs(swept.log_bytes * sweeps + 1000 * _WATCHES, round(parts * sweeps + _WATCHES)),
    }


def _times(work: Work, count: float) -> Work:
    counts = (round(one * count) for one in (work.calls, work.ready, work.starts))
    return Work(round(work.invocations * count), work.waited * count, work.cpu * count, *counts)


def script(hours: float) -> float:
    """The script's cost: the smallest instance that can run it."""
    return hours * USD["ec2_t4g_nano_hour"]
