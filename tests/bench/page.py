"""docs/performance.md: what the figures mean to somebody who chooses, made of the record of `make bench` alone.

The record, `figures.json`, has what the last whole run has found, and the results of the versions before it: each
version's last run stays, so that what a change has brought can be read off.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.config import Pair
from tests.bench.costs import HOURS, PRICES, UNVERIFIED
from tests.bench.loads import RATE, floor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
TEMPLATE = Path(__file__).with_name("performance.md")
RECORD = Path(__file__).with_name("figures.json")
FLEETS = (500, 2_000, 5_000, 50_000)
LARGE_SWEEP = "growth of a sweep"
# What the configuration leaves to existing fleets of a day's new standbys, by default: 160 of 200.
_A_DAY = 160
_MOST_STANDBYS = Pair.model_fields["max_standbys"].default
# Of earlier versions the page shows the first one and the last ones.
_SHOWN = 3
_HIT = "throttled calls of the other tool"
# How long a request is on its way, in seconds: in CloudShell, and from elsewhere.
_ON_THE_WAY = (0.01, 0.1)
Found = Mapping[str, Any]
Row = Sequence[object]


def record() -> dict[str, Any]:
    """What is kept."""
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def keep(found: Found, result: Found) -> None:
    """Keep what a run has found; the result of the version before it goes to the earlier ones."""
    earlier: list[Found] = []
    if RECORD.exists():
        before = record()
        earlier = before["earlier"]
        machine = before["found"]["machine"]
        if machine["commit"] != found["machine"]["commit"]:
            earlier = [*earlier, {"machine": machine, "result": before["result"]}]
    kept = {"found": found, "result": result, "earlier": earlier}
    RECORD.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def page(kept: Found) -> str:
    """The page of a record."""
    found, result = kept["found"], kept["result"]
    sizes = sorted(map(int, result["calls"]))
    size, middle = sizes[-1], sizes[-2]
    sweep, large_sweep = found["a sweep"], found[LARGE_SWEEP]
    return TEMPLATE.read_text(encoding="utf-8").format(
        machine=found["machine"],
        prices=PRICES,
        unverified=_unverified(found),
        rest=found["at rest"],
        size=size,
        middle=middle,
        new=found[f"{size} new"],
        lone=found["lone ones"],
        outage=found["an outage"],
        sweep=sweep,
        large_sweep=large_sweep,
        script=found[f"{size} by script"],
        script_of_1000=found["1000 by script"],
        commands=found["commands"],
        expected=_expected(found, result),
        history=_history(kept),
        goals=_goals(found, result, size),
        calls=_calls(found),
        latencies=_latencies(found, middle),
        delays=_delays(found[f"{size} new"]["delays"]),
        makespans=f"{_makespans(found)}{_of_outage(found['an outage'])}",
        costs=_costs(found),
        hours=HOURS,
        lone_ones=_lone_ones(found["lone ones"]),
        growth=_growth(found),
        queries=_table(
            ("query of docs/queries.md", "items read per row printed"),
            *[(name, f"{one:.2f}") for name, one in found["commands"]["queries"].items()],
        ),
        command_line=_command_line(found["commands"]),
        starts=_starts(found["cold starts"]["functions"]),
        modules=_table(
            ("module", "ms"),
            *[
                (f"`{name}`", f"{micro / 1000:.1f}")
                for name, micro in found["cold starts"]["functions"]["protect"]["slowest"]
            ],
        ),
        developers=_developers(found),
    )


def _unverified(found: Found) -> str:
    """What is said of prices that are not verified, and of the sums that rest on them."""
    names = [f"`{name}`" for name, one in PRICES["prices"].items() if one.get("unverified")]
    if not names:
        return "All of them were compared with a source."
    parts = [
        sum(amount for item, amount in bill.items() if item.endswith(UNVERIFIED)) / sum(bill.values())
        for bill in _bills(found).values()
    ]
    return (
        f"Not verified: {', '.join(names)}. Items that rest on it are marked; of no sum are they more than"
        f" {100 * max(parts):.1f} %."
    )


def _bills(found: Found) -> dict[str, Mapping[str, float]]:
    return {
        "1,000 in a backfill": found["a fleet of 1,000 accepted"]["cost"],
        "a lone WorkSpace": found["lone ones"]["cost"],
        "a month at rest, 10,000": found["at rest"]["cost"],
    }


def _table(*rows: Row) -> str:
    head, *body = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body])


def _expected(found: Found, result: Found) -> str:
    per_1000, rest = result["cost_usd"]["per_1000"], found["at rest"]
    fixed = result["cost_usd"]["month_at_rest_10000"] - rest["cost_of_sweeps"]
    rows: list[Row] = [
        ("desktops", "cost of the backfill", "a month at rest", "fastest backfill", "backfill with default limits")
    ]
    for fleet in FLEETS:
        bound = floor(fleet) / RATE + 3600
        rows.append(
            (
                f"{fleet:,}",
                f"USD {per_1000 * fleet / 1000:.2f}",
                f"USD {fixed + rest['cost_of_sweeps'] * fleet / 10_000:.2f}",
                f"{bound * result['makespan_ratio'] / 3600:.1f} hours",
                f"{math.ceil(fleet / _A_DAY)} days" if fleet <= _MOST_STANDBYS else "first raise `max_standbys`",
            )
        )
    return _table(*rows)


def _figures(result: Found) -> dict[str, tuple[float, str]]:
    """What is compared from version to version: each with how it is written."""
    cost, delays = result["cost_usd"], result["delay_intervals"]
    calls = {
        f"calls for {int(size):,} ÷ floor": (one["ours"] / one["floor"], ".2f") for size, one in result["calls"].items()
    }
    memory = {f"peak memory of a sweep of {int(size):,}, MB": (one, ".0f") for size, one in result["memory_mb"].items()}
    return calls | {
        "time to protect an accepted fleet ÷ bound": (result["makespan_ratio"], ".2f"),
        "time to protect all after an outage ÷ bound": (result["outage_ratio"], ".2f"),
        "throttled calls, percent": (result["throttled_percent"], ".2f"),
        "delay to the request, 99 %, in intervals": (delays["request_p99"], ".2f"),
        "delay to PROTECTED, 99 %, in intervals": (delays["protected_p99"], ".2f"),
        "USD for 1,000 in a backfill": (cost["per_1000"], ".4f"),
        "USD for a lone one": (cost["lone"], ".4f"),
        "USD a month at rest, 10,000 in 20 directories": (cost["month_at_rest_10000"], ".2f"),
        **memory,
        "cold start ÷ a bare function's": (max(result["cold_start_ratio"].values()), ".2f"),
        "bytes of the zip": (result["zip_bytes"], ",.0f"),
        "items read per row that a query prints": (result["read_amplification"], ".2f"),
        "rows that the watcher reads per row that is due": (result["rows_read_per_due_row"], ".2f"),
    }


def _history(kept: Found) -> str:
    """Old figures beside the new ones."""
    runs = [*kept["earlier"], {"machine": kept["found"]["machine"], "result": kept["result"]}]
    if len(runs) > _SHOWN + 1:
        runs = [runs[0], *runs[-_SHOWN:]]
    columns = [_figures(one["result"]) for one in runs]
    heads = [f"`{one['machine']['commit']}`, {one['machine']['date']}" for one in runs]
    rows: list[Row] = [("figure", *heads)]
    for name in columns[-1]:
        rows.append((name, *[format(*one[name]) if name in one else "" for one in columns]))
    return _table(*rows)


def _goals(found: Found, result: Found, size: int) -> str:
    calls, figures = result["calls"][str(size)], _figures(result)
    sweep, large = found["a sweep"], found[LARGE_SWEEP]
    hottest = found[f"{size} new"]["partition_writes_a_second"]["index"]
    by_desktop = large["calls"] / large["desktops"] / (sweep["calls"] / sweep["desktops"])
    # What it is, what was measured and how that is written, and the goal: at most, or (negative) at least.
    goals: list[tuple[str, tuple[float, str], float]] = [
        *[
            (name, figures[name], goal)
            for name, goal in (
                (f"calls for {size:,} ÷ floor", 5),
                ("time to protect an accepted fleet ÷ bound", 1.15),
                ("throttled calls, percent", 1),
                ("USD for 1,000 in a backfill", 0.15),
                ("USD for a lone one", 0.01),
                ("USD a month at rest, 10,000 in 20 directories", 15),
                ("cold start ÷ a bare function's", 1.25),
                ("bytes of the zip", 2_000_000),
                ("items read per row that a query prints", 1.2),
            )
        ],
        *_of_script(found, calls, size),
        (
            f"peak memory of a sweep of {large['desktops']:,} ÷ that of {sweep['desktops']:,}",
            (large["memory_mb"] / sweep["memory_mb"], ".2f"),
            1.1,
        ),
        (f"peak memory of a sweep of {large['desktops']:,}, MB", (large["memory_mb"], ".0f"), 256),
        ("calls per desktop of that sweep ÷ those of the smaller one", (by_desktop, ".3f"), 1),
        ("longest part of that sweep, seconds", (large["longest_seconds"], ".0f"), 300),
        ("write units a second of an index's partition", (hottest, ",.0f"), 1000),
    ]
    if "cost_range" in found["lone ones"]:  # the records up to 185df4381 do not have it
        goals.append(("USD for the dearest of nine lone ones", (found["lone ones"]["cost_range"][1], ".4f"), 0.01))
    rows: list[Row] = [("figure", "measured", "goal", "holds")]
    for what, (measured, written), goal in goals:
        holds = measured <= goal if goal >= 0 else measured >= -goal
        sign = "≤" if goal >= 0 else "≥"
        rows.append((what, format(measured, written), f"{sign} {abs(goal):,}", "yes" if holds else "**no**"))
    return _table(*rows)


def _of_script(found: Found, calls: Found, size: int) -> list[tuple[str, tuple[float, str], float]]:
    """How many times our calls the script makes: where nothing is throttled, and with what it repeats."""
    sent = {"without a limit": found[f"{size} by script"].get("unthrottled_calls"), "as throttled": calls["script"]}
    return [
        (f"calls of the script for {size:,}, {how}, ÷ ours", (count / calls["ours"], ",.0f"), -60)
        for how, count in sent.items()
        if count
    ]


def _calls(found: Found) -> str:
    ours: list[Row] = [("new in one hour", "floor", "protect", "sweeps", "calls ÷ floor", "interval, s", "hours")]
    script: list[Row] = [
        ("new in one hour", "without a limit", "÷ ours", "calls", "÷ ours", "throttled", "given up", "hours", _HIT)
    ]
    for size in sorted(int(name.removesuffix(" new")) for name in found if name.endswith(" new")):
        one, theirs = found[f"{size} new"], found[f"{size} by script"]
        made = one["calls"] + one["sweeps_calls"]
        counts = [f"{one[name]:,}" for name in ("floor", "calls", "sweeps_calls")]
        interval = f"{one['interval_seconds']['p50']:.0f}"
        ours.append((f"{size:,}", *counts, f"{made / one['floor']:.1f}", interval, f"{one['hours']:.1f}"))
        counts = [f"{theirs[name]:,}" for name in ("throttled", "gave_up")]
        sent = [theirs.get("unthrottled_calls"), theirs["calls"]]
        pairs = [text for n in sent for text in ((f"{n:,}", f"{n / made:,.0f}") if n else ("", ""))]
        # The records up to cd44a05 do not have it.
        hit = f"{theirs['other_tool_throttled_percent']:.1f} %" if "other_tool_throttled_percent" in theirs else ""
        script.append((f"{size:,}", *pairs, *counts, f"{theirs['hours']:.1f}", hit))
    return f"WorkSpaces Standby:\n\n{_table(*ours)}\n\nThe script:\n\n{_table(*script)}"


def _latencies(found: Found, size: int) -> str:
    rows: list[Row] = [("seconds a call", "calls", "hours", "to the request, median", "to PROTECTED, median", "USD")]
    for one in (found[f"{size} new, other latency"], found[f"{size} new"]):
        made = f"{one['calls'] + one['sweeps_calls']:,}"
        times = [f"{one['delays'][name]['seconds']['p50']:.0f} s" for name in ("request", "protected")]
        cost = f"{sum(one['cost'].values()):.4f}"
        rows.append((f"{one['latency']:.2f}", made, f"{one['hours']:.1f}", *times, cost))
    return _table(*rows)


def _delays(delays: Found) -> str:
    rows: list[Row] = [("from … to …", "median", "99 %", "median, in intervals", "99 %, in intervals")]
    for name, what in (("request", "primary ready, to request"), ("protected", "standby ready, to PROTECTED")):
        in_seconds = [f"{delays[name]['seconds'][part]:.0f} s" for part in ("p50", "p99")]
        rows.append((what, *in_seconds, *[f"{delays[name]['intervals'][part]:.2f}" for part in ("p50", "p99")]))
    return _table(*rows)


def _makespans(found: Found) -> str:
    rows: list[Row] = [("load", "seconds", "bound", "ratio", "calls", "throttled, percent")]
    for name in ("an existing fleet", "an outage"):
        one = found[name]
        numbers = [f"{one[each]:,.0f}" for each in ("seconds", "bound_seconds")]
        rows.append((name, *numbers, f"{one['ratio']:.2f}", f"{one['calls']:,}", f"{one['throttled_percent']:.2f}"))
    return _table(*rows)


def _of_outage(outage: Found) -> str:
    """Why the time after an outage is longer than its bound. The records up to cd44a05 do not say."""
    if "ready" not in outage:
        return ""
    return (
        f"\n\nAfter the outage, {outage['waiting'] - outage['ready']:,} of the {outage['waiting']:,} desktops were not"
        f" AVAILABLE yet. The last of them became AVAILABLE after {outage['last_ready_seconds']:,.0f} seconds, and its"
        " standby takes up to 60 minutes from then: no program can be faster. The"
        f" {outage['ready']:,} desktops that were AVAILABLE had their standbys after"
        f" {outage['seconds_of_ready']:,.0f} seconds, {outage['ratio_of_ready']:.2f} times their bound."
    )


def _costs(found: Found) -> str:
    columns = _bills(found)
    names = dict.fromkeys(name for items in columns.values() for name in items)
    rows: list[Row] = [("USD", *columns)]
    rows += [(name, *[f"{one[name]:.4f}" if name in one else "" for one in columns.values()]) for name in names]
    rows.append(("**sum**", *[f"**{sum(one.values()):.4f}**" for one in columns.values()]))
    scripts = [found["1000 by script"]["cost"], *[found[name].get("script") for name in ("lone ones", "at rest")]]
    return _table(*rows, ("the script's instance", *["" if one is None else f"{one:.4f}" for one in scripts]))


def _lone_ones(lone: Found) -> str:
    """How far the bills of lone ones lie apart."""
    if "cost_range" not in lone:
        return ""
    least, most = lone["cost_range"]
    return (
        f"The bill of a lone WorkSpace is the mean of nine, which cost USD {least:.4f} to {most:.4f}. It grows with the"
        " time that the two WorkSpaces take: each round has five transitions of Step Functions, and each hour its"
        " metrics."
    )


def _growth(found: Found) -> str:
    rows: list[Row] = [("desktops", "calls", "peak memory", "parts", "longest part", "interval")]
    for one in (found[name] for name in ("a small sweep", "a sweep", LARGE_SWEEP)):
        size = one["desktops"]
        times = f"{one['longest_seconds']:.0f} s", f"{one['interval_seconds'] / 60:.0f} min"
        rows.append((f"{size:,}", f"{one['calls']:,}", f"{one['memory_mb']:.0f} MB", one["invocations"], *times))
    return _table(*rows)


def _command_line(commands: Found) -> str:
    heads = [f"seconds at {latency * 1000:.0f} ms" for latency in _ON_THE_WAY]
    rows: list[Row] = [("question", "asked by", "requests", "items read", "per row", "CPU, s", *heads, "memory, MB")]
    for name, ways in commands["took"].items():
        # Of records up to 185df4381 it is not known.
        answer = commands.get("rows", {}).get(name)
        for way, one in ways.items():
            counts = [f"{one[each]:,}" for each in ("requests", "items_read")]
            per_row = f"{one['items_read'] / answer:,.1f}" if answer else ""
            waited = [one["cpu_seconds"] + one["requests"] * latency for latency in _ON_THE_WAY]
            times = [f"{seconds:,.1f}" for seconds in (one["cpu_seconds"], *waited)]
            command, comma, moment = name.partition(",")
            rows.append((f"`{command}`{comma}{moment}", way, *counts, per_row, *times, f"{one['memory_mb']:.0f}"))
    return _table(*rows)


def _developers(found: Found) -> str:
    rows: list[Row] = [("command", "CPU, s", "seconds", "peak memory, MB")]
    for name in ("make synth", "make test"):
        if one := found.get(name):
            numbers = [f"{one[each]:.0f}" for each in ("cpu_seconds", "seconds", "memory_mb")]
            rows.append((f"`{name}`", *numbers))
    return _table(*rows)


def _starts(functions: Found) -> str:
    rows: list[Row] = [("function", "ours, ms", "bare, ms", "ratio")]
    for name, one in functions.items():
        rows.append((name, f"{one['ours'] * 1000:.0f}", f"{one['bare'] * 1000:.0f}", f"{one['ratio']:.2f}"))
    return _table(*rows)
