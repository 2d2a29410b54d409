"""The loads, each a job that one process can run: what it measures, as plain numbers."""

from __future__ import annotations

import dataclasses
import math
import statistics
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from infra.config import Pair
from infra.purposes import ALARMS
from tests.bench import cold, scripted
from tests.bench.baseline import EVERY_SECONDS
from tests.bench.costs import HOURS, at_rest, of_run, script
from tests.bench.fleet import (
    BOOT,
    ITEMS,
    LATENCY,
    NEIGHBOUR,
    OTHER_LATENCY,
    Run,
    Work,
    accept,
    calls_of,
    existing_fleet,
    new_primaries,
    run_until,
    throttled,
)
from tests.bench.store import Billed
from tests.bench.sweeps import sweep, sweeps_interval
from tests.simulation.deployment import Deployment
from tests.simulation.simulation import DR, HOME

Found = dict[str, Any]
Progress = Callable[[str], None]
RATE = 2.0 - NEIGHBOUR  # of the service, as far as the neighbour leaves it
IN_FLIGHT: int = Pair.model_fields["backfill_in_flight"].default
_LONE = 9
_MOST_UNTHROTTLED = 1_000
_NOTHING: Mapping[str, Any] = {"billed": Billed(), "seconds": [0.0], "log_bytes": 0}


def floor(count: int) -> int:
    """The fewest calls that can see so many through: describe, create, describe, for 25 at a time."""
    return 3 * math.ceil(count / ITEMS)


def calls(deployment: Deployment, count: int, progress: Progress, latency: float = LATENCY) -> Found:
    """New primaries that arrive in an hour."""
    run = new_primaries(deployment, count, progress, latency)
    by_function = {
        name: sum(n for call, n in run.audit.calls.items() if (call.function, call.service) == (name, "workspaces"))
        for name in ("protect", "sweep")
    }
    intervals = [(at, seconds) for at, seconds, _ in run.intervals]
    spent = run.spent()
    return {
        "latency": latency,
        "calls": by_function["protect"],
        "sweeps_calls": by_function["sweep"],
        "floor": floor(count),
        "throttled_percent": 100 * throttled(run.audit) / calls_of(run.audit),
        "neighbour_throttled_percent": 100
        * run.audit.neighbours["ThrottlingException"]
        / max(run.audit.neighbours.total(), 1),
        "hours": run.hours,
        "interval_seconds": _intervals(run),
        "delays": _delays(run, intervals),
        "cost": of_run(spent),
        "transactions": sum(n for call, n in run.audit.calls.items() if call.operation == "TransactWriteItems"),
        "partition_writes_a_second": _hottest(run),
        "rows_read_per_due_row": spent.billed.items_read / max(run.work["watch"].ready, 1),
    }


def other_latency(deployment: Deployment, count: int, progress: Progress) -> Found:
    """The same where a call takes another time."""
    return calls(deployment, count, progress, OTHER_LATENCY)


def _delays(run: Run, intervals: Sequence[tuple[datetime, float]]) -> Found:
    """From ready to requested, and from the standby's being ready to protected: seconds, and intervals of its time."""
    seconds: dict[str, list[float]] = {"request": [], "protected": []}
    in_intervals: dict[str, list[float]] = {"request": [], "protected": []}
    times = [at for at, _ in intervals]
    for one, standby in run.audit.standby_of.items():
        primary_at, standby_at = (run.world.workspace(each).booted_at for each in (one, standby))
        pairs = (
            ("request", primary_at, run.audit.requested_at[one]),
            ("protected", standby_at, run.audit.protected_at[one]),
        )
        for name, ready, done in pairs:
            if ready is None:
                raise AssertionError(f"{one} was never ready")
            delay = (done - ready).total_seconds()
            seconds[name].append(delay)
            # The round that was under way when it was over.
            at = min(bisect_left(times, done), len(times) - 1)
            if intervals:
                in_intervals[name].append(delay / intervals[at][1])
    return {name: {"seconds": _spread(seconds[name]), "intervals": _spread(in_intervals[name])} for name in seconds}


def _intervals(run: Run) -> Found:
    """The seconds between two passes of the watcher: of all, and the median of those at the peak.

    At the peak are the passes with at least nine tenths of the most open rows that one had.
    """
    peak = max((rows for *_, rows in run.intervals), default=0)
    at_peak = [seconds for _, seconds, rows in run.intervals if rows >= 0.9 * peak]
    every = [seconds for _, seconds, _ in run.intervals]
    return _spread(every) | {"longest": max(every), "open_at_peak": peak, "at_peak": statistics.median(at_peak)}


def _spread(values: Sequence[float]) -> Found:
    """Median and 99th percentile; nothing of nothing."""
    if not values:
        return {}
    ordered = sorted(values)
    return {"p50": statistics.median(ordered), "p99": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]}


def _hottest(run: Run) -> Found:
    """The most write units of a partition in a second: of the indexes, and of the table's counters."""
    of_index = max((units for (index, _, _), units in run.ledger.rates.items() if index != "table"), default=0)
    of_table = max((units for (index, _, _), units in run.ledger.rates.items() if index == "table"), default=0)
    return {"index": of_index, "table": of_table}


def makespan(deployment: Deployment, count: int, progress: Progress, in_flight: int | None = None) -> Found:
    """An existing fleet that is accepted, with `backfill_in_flight` at `in_flight`, or above its size."""
    run = existing_fleet(deployment, count, progress, in_flight)
    found = accept(run, count, progress)
    bound = floor(count) / RATE + 3600
    return {
        "desktops": count,
        "in_flight": in_flight or count,
        "seconds": found.hours * 3600,
        "bound_seconds": bound,
        "ratio": found.hours * 3600 / bound,
        "calls": found.calls,
        "throttled_percent": 100 * found.throttled / found.calls,
        "cost": of_run(found.spent, without=()),
        "cost_per_1000": sum(of_run(found.spent, without=()).values()) * 1000 / count,
    }


def in_waves(deployment: Deployment, count: int, progress: Progress) -> Found:
    """The same with the default of `backfill_in_flight`."""
    return makespan(deployment, count, progress, IN_FLIGHT)


def outage(deployment: Deployment, count: int, progress: Progress) -> Found:
    """The DR Region is down for 6 hours amid creations; from its return until all are protected."""
    down_from, down_for, over = 1.0, 6.0, 7.0
    run = Run(deployment, count)
    run.add_users([HOME], run.users)
    run.let_neighbour_in()
    run.create_paced(run.users, HOME, over * 3600)
    run.disturb(
        "connection refused",
        "connect time-out",
        minutes=(down_from * 60, (down_from + down_for) * 60),
        matches=lambda call: call.service == "workspaces" and call.region == DR,
    )
    run.run(down_from + down_for)
    back = run.scheduler.now()
    waiting = run.audit.rows.keys() - run.audit.protected_at.keys()
    open_then = len(waiting)
    progress(f"the DR Region is back after {run.hours:.0f} h, {open_then} wait")
    before, refused = calls_of(run.audit), throttled(run.audit)
    run_until(run, count, progress)
    seconds = (run.hours - down_from - down_for) * 3600
    bound = floor(open_then) / RATE + 3600
    made = calls_of(run.audit) - before
    # Whose primary was not ready yet when the Region came back waits for that first, whatever is done.
    ready_at = {one: (run.world.workspace(one).booted_at or back) for one in waiting}
    of_ready = [run.audit.protected_at[one] for one, at in ready_at.items() if at <= back]
    seconds_of_ready = (max(of_ready) - back).total_seconds()
    return {
        "waiting": open_then,
        "ready": len(of_ready),
        "seconds_of_ready": seconds_of_ready,
        "ratio_of_ready": seconds_of_ready / (floor(len(of_ready)) / RATE + 3600),
        "last_ready_seconds": (max(ready_at.values()) - back).total_seconds(),
        "seconds": seconds,
        "bound_seconds": bound,
        "ratio": seconds / bound,
        "calls": made,
        "throttled_percent": 100 * (throttled(run.audit) - refused) / made,
    }


def lone(deployment: Deployment, progress: Progress) -> Found:
    """One WorkSpace by itself, several times: cost and delays, and the script's cost in the mean.

    The cost is that until the watcher's execution has ended, and the last change has been announced.
    """
    costs, delays = [], []
    for seed in range(_LONE):
        run = Run(deployment, 1, seed=seed)
        run.add_users([HOME], run.users)
        run.let_neighbour_in()
        run.create_paced(run.users, HOME, 60)
        run_until(run, 1)
        run.run(24, lambda run=run: not run.machines.running and run.outbox.is_idle)  # type: ignore[misc]
        costs.append(of_run(run.spent()))
        delays.append(_delays(run, ()))
    progress(f"{_LONE} runs of one WorkSpace")
    mean = {name: statistics.mean(one[name] for one in costs) for name in costs[0]}
    sums = [total(one) for one in costs]
    # It looks every minute, so that it sees each of the two half a minute late.
    by_script = 2 * (BOOT["boot_seconds"] + BOOT["boot_spread_seconds"] / 2 + EVERY_SECONDS / 2) / 3600
    return {
        "cost": mean,
        "cost_range": (min(sums), max(sums)),
        "script": script(by_script),
        "request_seconds": statistics.median(one["request"]["seconds"]["p50"] for one in delays),
        "protected_seconds": statistics.median(one["protected"]["seconds"]["p50"] for one in delays),
    }


def rest(deployment: Deployment, progress: Progress) -> Found:
    """A month at rest of 10,000 in 20 directories."""
    run = Run(deployment, 0)
    run.run(4)
    idle = run.work["watch"]
    one = Work(1, idle.waited / idle.invocations, idle.cpu / idle.invocations, starts=1)
    progress("the watcher's schedule with nothing open")
    swept = sweep(10_000, 20, 2)
    progress("a sweep of 10,000 in 20 directories")
    alarms = sum(one.primary + one.dr for one in ALARMS.values() if not one.condition)
    stored = new_primaries(deployment, 100).ledger.billed.stored_bytes * 100
    cost = at_rest(swept, alarms, one, stored)
    not_stored = total(at_rest(swept, alarms, one, 0))
    nothing = at_rest(dataclasses.replace(swept, **_NOTHING), alarms, one, 0)
    return {
        "cost": cost,
        "cost_of_sweeps": not_stored - total(nothing),
        "cost_of_storage": total(cost) - not_stored,
        "script": script(HOURS),
        "sweep_seconds": sum(swept.seconds),
        "sweep_calls": swept.calls,
        "sweep_read_units": swept.billed.read_units,
    }


def growth(desktops: int, progress: Progress) -> Found:
    """A sweep of so many in 10 directories."""
    swept = sweep(desktops, 10)
    progress(f"a sweep of {desktops}")
    return {
        "desktops": desktops,
        "calls": swept.calls,
        "ledger_calls": swept.ledger_calls,
        "memory_mb": swept.memory_mb,
        "invocations": len(swept.seconds),
        "seconds": sum(swept.seconds),
        "longest_seconds": max(swept.seconds),
        "interval_seconds": sweeps_interval(sum(swept.seconds)),
    }


def by_script(count: int, progress: Progress) -> Found:
    """The script, as the service throttles it and as if it did not, and its cost.

    Without throttling no loop touches another, so calls grow with the number: the largest fleet's are computed.
    """
    found = scripted.run(count, progress)
    measured = min(count, _MOST_UNTHROTTLED)
    calls = scripted.run(measured, throttling=False).calls
    return asdict(found) | {"unthrottled_calls": round(calls * count / measured), "cost": script(found.hours)}


def starts(progress: Progress) -> Found:
    """Cold starts."""
    found, size = cold.measure()
    progress("cold starts")
    return {"zip_bytes": size, "functions": {name: asdict(one) for name, one in found.items()}}


def total(items: Mapping[str, float]) -> float:
    """The sum of a bill."""
    return sum(items.values())
