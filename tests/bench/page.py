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
from tests.bench.costs import HOURS, PRICES, UNVERIFIED, USD
from tests.bench.loads import RATE, floor
from tests.bench.sweeps import sweeps_interval

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
TEMPLATE = Path(__file__).with_name("performance.md")
RECORD = Path(__file__).with_name("figures.json")
FLEETS = (500, 2_000, 5_000, 50_000)
LARGE_SWEEP = "growth of a sweep"
IN_WAVES = "a fleet of 500 accepted in waves"
# What the configuration leaves to existing fleets of a day's new standbys, by default: 160 of 200.
_A_DAY = 160
_MOST_STANDBYS: int = Pair.model_fields["max_standbys"].default
_MOST_IN_FLIGHT: int = Pair.model_json_schema()["properties"]["backfill_in_flight"]["maximum"]
# Of each of the two keys, each of the first two yearly rotations costs as much as the key.
_ROTATIONS = (0, 1, 2)
_KEYS_PRICE = 2 * USD["kms_key_month"]
_CALLS_AN_HOUR = 2 * 3600  # that AWS allows in a Region
_AT_REST = "USD a month at rest in the first year, 10,000 in 20 directories"
_QUERIES = "items read per row printed, by five queries of docs/queries.md"
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
        computer=_computer(found["machine"]),
        prices=PRICES,
        price_days=_price_days(),
        unverified=_unverified(found),
        most_in_flight=_MOST_IN_FLIGHT,
        waves=found[IN_WAVES],
        waves_hours=found[IN_WAVES]["seconds"] / 3600,
        accepted=found["a fleet of 1,000 accepted"],
        size=size,
        middle=middle,
        new=found[f"{size} new"],
        middle_cost=sum(found[f"{middle} new"]["cost"].values()),
        lone=found["lone ones"],
        outage=found["an outage"],
        sweep=sweep,
        large_sweep=large_sweep,
        script=found[f"{size} by script"],
        script_of_1000=found["1000 by script"],
        commands=found["commands"],
        expected_costs=_expected_costs(found, result),
        expected_times=_expected_times(found, result),
        expected_calls=_expected_calls(found["at rest"]),
        history=_history(kept),
        goals=_goals(found, result, size),
        calls=_calls(found),
        latencies=_latencies(found, middle),
        intervals=_intervals(found, sizes),
        rows_read=_rows_read(found, sizes),
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


def _computer(machine: Found) -> str:
    """The machine's shape, as far as it says."""
    # Linux counts it in kB: 24683584 kB.
    memory = machine.get("memory") and f"{int(machine['memory'].split()[0]) / 1024**2:.0f} GB of memory"
    parts = [machine.get("model"), machine["processor"], memory, f"Python {machine['python']}"]
    return ", ".join(filter(None, parts))


def _price_days() -> str:
    """Of which days the prices are that were compared with a source."""
    days = sorted(one["of"] for one in PRICES["prices"].values() if not one.get("unverified"))
    return f"from {days[0]} to {days[-1]}"


def _unverified(found: Found) -> str:
    """What is said of prices that are not verified, and of the sums that rest on them."""
    names = [f"`{name}`, of {one['of']}" for name, one in PRICES["prices"].items() if one.get("unverified")]
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


def _expected_costs(found: Found, result: Found) -> str:
    rest, waves = found["at rest"], found[IN_WAVES]
    rows: list[Row] = [
        (
            "desktops",
            "backfill, as many at once as possible",
            f"backfill, {waves['in_flight']} at a time",
            "a month at rest, first year",
            "second year",
            "from the third year",
        )
    ]
    for fleet in FLEETS:
        at_once, in_waves = result["cost_usd"]["per_1000"], waves["cost_per_1000"]
        # What is paid for each sweep, and what is not.
        sweeps = rest["cost_of_sweeps"] / _sweep_hours(rest, fleet)
        fixed = sum(rest["cost"].values()) - rest["cost_of_sweeps"] - rest["cost_of_storage"]
        month = fixed + (sweeps + rest["cost_of_storage"]) * fleet / 10_000
        rows.append(
            (
                f"{fleet:,}",
                *[f"USD {per_1000 * fleet / 1000:.2f}" for per_1000 in (at_once, in_waves)],
                *[f"USD {month + number * _KEYS_PRICE:.2f}" for number in _ROTATIONS],
            )
        )
    return _table(*rows)


def _expected_times(found: Found, result: Found) -> str:
    waves = found[IN_WAVES]
    rows: list[Row] = [
        (
            "desktops",
            "as many at once as possible",
            f"{waves['in_flight']} at a time, no daily limit",
            "all limits at their defaults",
        )
    ]
    for fleet in FLEETS:
        # Above what the configuration allows at once, as if one part began when the one before has ended. In fact they
        # overlap: 5,000 desktops, 1,000 at a time, with a tenth of the rate took 5.1 hours, where this says 6.4.
        part = min(fleet, _MOST_IN_FLIGHT)
        fastest = (floor(part) / RATE + 3600) * result["makespan_ratio"] * fleet / part
        in_waves = waves["seconds"] * fleet / waves["desktops"]
        rows.append(
            (
                f"{fleet:,}",
                f"{'at most ' if fleet > part else ''}{_duration(fastest)}",
                _duration(in_waves),
                f"{math.ceil(fleet / _A_DAY)} days" if fleet <= _MOST_STANDBYS else "first raise `max_standbys`",
            )
        )
    return _table(*rows)


def _expected_calls(rest: Found) -> str:
    rows: list[Row] = [
        (
            "desktops",
            "calls of a sweep",
            "a sweep takes",
            "sweeps start every",
            "calls an hour",
            "of each Region's limit",
        )
    ]
    for fleet in FLEETS:
        part, hours = fleet / 10_000, _sweep_hours(rest, fleet)
        calls = rest["sweep_calls"] * part
        # A sweep makes as many calls in one Region as in the other.
        rows.append(
            (
                f"{fleet:,}",
                f"{calls:,.0f}",
                _duration(rest["sweep_seconds"] * part),
                "hour" if hours == 1 else f"{hours:.0f} hours",
                f"{calls / hours:,.0f}",
                f"{100 * calls / hours / 2 / _CALLS_AN_HOUR:.1f} %",
            )
        )
    return _table(*rows)


def _sweep_hours(rest: Found, fleet: int) -> float:
    """The hours from one sweep of so many desktops to the next."""
    return sweeps_interval(rest["sweep_seconds"] * fleet / 10_000) / 3600


def _duration(seconds: float) -> str:
    if seconds < 3600:
        return f"{max(seconds / 60, 1):.0f} min"
    hours = seconds / 3600
    return f"{hours:.{1 if hours < 10 else 0}f} hours" if hours < 72 else f"{hours / 24:.0f} days"


def _figures(result: Found) -> dict[str, tuple[float, str]]:
    """What is compared from version to version: each with how it is written. Older versions did not keep all of it."""
    cost, delays = result["cost_usd"], result["delay_intervals"]
    calls = {
        f"calls for {int(size):,} ÷ floor": (one["ours"] / one["floor"], ".2f") for size, one in result["calls"].items()
    }
    memory = {f"peak memory of a sweep of {int(size):,}, MB": (one, ".0f") for size, one in result["memory_mb"].items()}
    figures = calls | {
        "time to protect an accepted fleet ÷ bound": (result["makespan_ratio"], ".2f"),
        "time to protect all after an outage ÷ bound": (result["outage_ratio"], ".2f"),
        "throttled calls, percent": (result["throttled_percent"], ".2f"),
        "interval with 10,000 new, median, seconds": (_of(result, "interval_seconds", "p50"), ".0f"),
        "delay to the request, 99 %, in intervals": (delays["request_p99"], ".2f"),
        "delay to PROTECTED, 99 %, in intervals": (delays["protected_p99"], ".2f"),
        "USD for 1,000 in a backfill, all at once": (cost["per_1000"], ".4f"),
        "USD for 1,000 in a backfill, 100 at a time": (_of(result, "cost_per_1000_in_waves"), ".4f"),
        "USD for a lone one": (cost["lone"], ".4f"),
        _AT_REST: (cost["month_at_rest_10000"], ".2f"),
        "seconds of a sweep of 10,000 at rest": (_of(result, "sweep_seconds_at_rest"), ",.0f"),
        "seconds of a sweep of 100,000 at rest": (_of(result, "sweep", "seconds"), ",.0f"),
        **memory,
        "write units a second of an index's partition": (_of(result, "partition_writes_a_second", "index"), ",.0f"),
        "rows that the watcher reads per row that is due": (result["rows_read_per_due_row"], ".2f"),
        _QUERIES: (result["read_amplification"], ".2f"),
        **_of_commands(result),
        "cold start ÷ a bare function's": (max(result["cold_start_ratio"].values()), ".2f"),
        "bytes of the zip": (result["zip_bytes"], ",.0f"),
        "CPU seconds of `make synth`": (_of(result, "developers", "make synth", "cpu_seconds"), ".1f"),
        "CPU seconds of `make test`": (_of(result, "developers", "make test", "cpu_seconds"), ".0f"),
    }
    return {name: (value, written) for name, (value, written) in figures.items() if value is not None}


def _of_commands(result: Found) -> dict[str, tuple[float, str]]:
    """What the commands of `standby` take. Versions up to 185df4381 have one moment of an audit: a recent one."""
    figures: dict[str, tuple[float, str]] = {}
    for name, ways in result.get("command_line", {}).items():
        command, comma, moment = name.removesuffix(", a recent moment").partition(",")
        figures[f"requests of `{command}`{comma}{moment}"] = (ways["standby"]["requests"], ",.0f")
        figures[f"CPU seconds of `{command}`{comma}{moment}"] = (ways["standby"]["cpu_seconds"], ".1f")
    return figures


def _of(result: Found, *keys: str) -> Any:
    """A value in a result; None if that version has not kept it."""
    found: Any = result
    for key in keys:
        found = found.get(key) if found else None
    return found


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
                ("USD for 1,000 in a backfill, all at once", 0.15),
                ("USD for a lone one", 0.01),
                (_AT_REST, 15),
                ("cold start ÷ a bare function's", 1.25),
                ("bytes of the zip", 2_000_000),
                (_QUERIES, 1.2),
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
        ("USD for the dearest of nine lone ones", (found["lone ones"]["cost_range"][1], ".4f"), 0.01),
    ]
    second, third = (figures[_AT_REST][0] + number * _KEYS_PRICE for number in _ROTATIONS[1:])
    notes = {_AT_REST: f", in the first year only: USD {second:.2f} in the second, {third:.2f} from the third on"}
    rows: list[Row] = [("figure", "measured", "goal", "holds")]
    for what, (measured, written), goal in goals:
        holds = measured <= goal if goal >= 0 else measured >= -goal
        sign = "≤" if goal >= 0 else "≥"
        said = f"{'yes' if holds else '**no**'}{notes.get(what, '')}"
        rows.append((what, format(measured, written), f"{sign} {abs(goal):,}", said))
    return _table(*rows)


def _of_script(found: Found, calls: Found, size: int) -> list[tuple[str, tuple[float, str], float]]:
    """How many times our calls the script makes: where nothing is throttled, and with what it repeats."""
    sent = {"without a limit": found[f"{size} by script"]["unthrottled_calls"], "as throttled": calls["script"]}
    return [
        (f"calls of the script for {size:,}, {how}, ÷ ours", (count / calls["ours"], ",.0f"), -60)
        for how, count in sent.items()
    ]


def _calls(found: Found) -> str:
    ours: list[Row] = [("new in one hour", "floor", "protect", "sweeps", "calls ÷ floor", "hours")]
    script: list[Row] = [
        ("new in one hour", "without a limit", "÷ ours", "calls", "÷ ours", "throttled", "given up", "hours", _HIT)
    ]
    for size in sorted(int(name.removesuffix(" new")) for name in found if name.endswith(" new")):
        one, theirs = found[f"{size} new"], found[f"{size} by script"]
        made = one["calls"] + one["sweeps_calls"]
        counts = [f"{one[name]:,}" for name in ("floor", "calls", "sweeps_calls")]
        ours.append((f"{size:,}", *counts, f"{made / one['floor']:.1f}", f"{one['hours']:.1f}"))
        counts = [f"{theirs[name]:,}" for name in ("throttled", "gave_up")]
        sent = [theirs["unthrottled_calls"], theirs["calls"]]
        pairs = [text for count in sent for text in (f"{count:,}", f"{count / made:,.0f}")]
        hit = f"{theirs['other_tool_throttled_percent']:.1f} %"
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


def _intervals(found: Found, sizes: Sequence[int]) -> str:
    rows: list[Row] = [("new in one hour", "most open rows", "interval, median", "at the peak", "longest")]
    for size in sizes:
        one = found[f"{size} new"]["interval_seconds"]
        seconds = [f"{one[each]:,.0f} s" for each in ("p50", "at_peak", "longest")]
        rows.append((f"{size:,}", f"{one['open_at_peak']:,}", *seconds))
    return _table(*rows)


def _rows_read(found: Found, sizes: Sequence[int]) -> str:
    rows: list[Row] = [("new in one hour", "rows read per row that is due")]
    return _table(*rows, *[(f"{size:,}", f"{found[f'{size} new']['rows_read_per_due_row']:.2f}") for size in sizes])


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
    """Why the time after an outage is longer than its bound."""
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
    scripts = [found["1000 by script"]["cost"], *[found[name]["script"] for name in ("lone ones", "at rest")]]
    return _table(*rows, ("the script's instance", *[f"{one:.4f}" for one in scripts]))


def _lone_ones(lone: Found) -> str:
    """How far the bills of lone ones lie apart."""
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
        answer = commands["rows"].get(name)
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
        rows.append((f"`{name}`", *[f"{found[name][each]:.0f}" for each in ("cpu_seconds", "seconds", "memory_mb")]))
    return _table(*rows)


def _starts(functions: Found) -> str:
    rows: list[Row] = [("function", "ours, ms", "bare, ms", "ratio")]
    for name, one in functions.items():
        rows.append((name, f"{one['ours'] * 1000:.0f}", f"{one['bare'] * 1000:.0f}", f"{one['ratio']:.2f}"))
    return _table(*rows)
