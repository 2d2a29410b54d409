"""docs/performance.md: what the figures mean to somebody who chooses, written by `make bench` from what it measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.costs import PRICES
from tests.bench.loads import RATE, floor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
TEMPLATE = Path(__file__).with_name("performance.md")
# What the last run of `make bench` has found, from which the page is written.
MEASURED = Path(__file__).with_name("measured.json")
FLEETS = (500, 5_000, 50_000)
# What the configuration leaves to existing fleets of a day's new standbys, by default: 160 of 200.
_A_DAY = 160
_SWEEPS = {1_000: "a small sweep", 10_000: "a sweep", 100_000: "growth of a sweep"}
Found = Mapping[str, Any]
Row = Sequence[object]


def page(found: Found, result: Found) -> str:
    """The page."""
    size = max(int(name.removesuffix(" new")) for name in found if name.endswith(" new"))
    return TEMPLATE.read_text(encoding="utf-8").format(
        machine=found["machine"],
        prices=PRICES,
        rest=found["at rest"],
        size=size,
        lone=found["lone ones"],
        outage=found["an outage"],
        script=found[f"{size} by script"],
        script_of_1000=found["1000 by script"],
        developers=found["developers"],
        expected=_expected(found, result),
        goals=_goals(found, result, size),
        calls=_calls(found),
        delays=_delays(found[f"{size} new"]["delays"]),
        makespans=_makespans(found),
        costs=_costs(found),
        growth=_growth(found),
        queries=_table(
            ("query", "items read by item returned"), *[(name, f"{one:.2f}") for name, one in found["queries"].items()]
        ),
        starts=_starts(found["cold starts"]["functions"]),
        modules=_table(
            ("module", "ms"),
            *[
                (f"`{name}`", f"{micro / 1000:.1f}")
                for name, micro in found["cold starts"]["functions"]["protect"]["slowest"]
            ],
        ),
    )


def _table(*rows: Row) -> str:
    head, *body = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body])


def _expected(found: Found, result: Found) -> str:
    per_1000, rest = result["cost_usd"]["per_1000"], found["at rest"]
    fixed = result["cost_usd"]["month_at_rest_10000"] - rest["cost_of_sweeps"]
    rows: list[Row] = [
        ("desktops", "cost of the backfill", "a month at rest", "fastest backfill", "backfill with default caps")
    ]
    for fleet in FLEETS:
        bound = floor(fleet) / RATE + 3600
        rows.append(
            (
                f"{fleet:,}",
                f"USD {per_1000 * fleet / 1000:.2f}",
                f"USD {fixed + rest['cost_of_sweeps'] * fleet / 10_000:.2f}",
                f"{bound * result['makespan_ratio'] / 3600:.1f} hours",
                f"{math.ceil(fleet / _A_DAY)} days",
            )
        )
    return _table(*rows)


def _goals(found: Found, result: Found, size: int) -> str:
    calls, cost = result["calls"][str(size)], result["cost_usd"]
    memory = [found[name]["memory_mb"] for name in ("a sweep", "growth of a sweep")]
    hottest = found[f"{size} new"]["partition_writes_a_second"]["index"]
    # What it is, what was measured, how that is written, and the goal: at most, or (negative) at least.
    goals: list[tuple[str, float, str, float]] = [
        (f"calls for {size:,}, by the floor", calls["ours"] / calls["floor"], ".2f", 5),
        (f"calls of the script for {size:,}, by ours", calls["script"] / calls["ours"], ".0f", -60),
        ("makespan of an accepted fleet, by the bound", result["makespan_ratio"], ".2f", 1.15),
        ("throttled calls, percent", result["throttled_percent"], ".2f", 1),
        ("USD for 1,000 in a backfill", cost["per_1000"], ".3f", 0.15),
        ("USD for a lone one", cost["lone"], ".4f", 0.01),
        ("USD a month at rest, 10,000 in 20 directories", cost["month_at_rest_10000"], ".2f", 15),
        ("peak memory of a sweep of 100,000, by that of 10,000", memory[1] / memory[0], ".2f", 1.1),
        ("peak memory of a sweep of 100,000, MB", memory[1], ".0f", 256),
        ("longest part of that sweep, seconds", found["growth of a sweep"]["longest_seconds"], ".0f", 300),
        ("items read by item returned", result["read_amplification"], ".2f", 1.2),
        ("write units a second of an index's partition", hottest, ",.0f", 1000),
        ("cold start, by a bare function's", max(result["cold_start_ratio"].values()), ".2f", 1.25),
        ("bytes of the zip", result["zip_bytes"], ",.0f", 2_000_000),
    ]
    rows: list[Row] = [("figure", "measured", "goal", "holds")]
    for what, measured, written, goal in goals:
        holds = measured <= goal if goal >= 0 else measured >= -goal
        sign = "≤" if goal >= 0 else "≥"
        rows.append((what, format(measured, written), f"{sign} {abs(goal):,}", "yes" if holds else "**no**"))
    return _table(*rows)


def _calls(found: Found) -> str:
    rows: list[Row] = [
        ("new in one hour", "floor", "protect", "sweeps", "by floor", "interval, s", "script", "throttled of these")
    ]
    for size in sorted(int(name.removesuffix(" new")) for name in found if name.endswith(" new")):
        one, script = found[f"{size} new"], found[f"{size} by script"]
        rows.append(
            (
                f"{size:,}",
                f"{one['floor']:,}",
                f"{one['calls']:,}",
                f"{one['sweeps_calls']:,}",
                f"{(one['calls'] + one['sweeps_calls']) / one['floor']:.1f}",
                f"{one['interval_seconds']['p50']:.0f}",
                f"{script['calls']:,}",
                f"{script['throttled']:,}",
            )
        )
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


def _costs(found: Found) -> str:
    columns = {
        "1,000 in a backfill": found["a fleet of 1,000 accepted"]["cost"],
        "a lone WorkSpace": found["lone ones"]["cost"],
        "a month at rest, 10,000": found["at rest"]["cost"],
    }
    names = dict.fromkeys(name for items in columns.values() for name in items)
    rows: list[Row] = [("USD", *columns)]
    rows += [(name, *[f"{one[name]:.4f}" if name in one else "" for one in columns.values()]) for name in names]
    return _table(*rows, ("**sum**", *[f"**{sum(one.values()):.4f}**" for one in columns.values()]))


def _growth(found: Found) -> str:
    rows: list[Row] = [("desktops", "calls", "peak memory", "parts", "longest part", "interval")]
    for size, name in _SWEEPS.items():
        one = found[name]
        times = f"{one['longest_seconds']:.0f} s", f"{one['interval_seconds'] / 60:.0f} min"
        rows.append((f"{size:,}", f"{one['calls']:,}", f"{one['memory_mb']:.0f} MB", one["invocations"], *times))
    return _table(*rows)


def _starts(functions: Found) -> str:
    rows: list[Row] = [("function", "ours, ms", "bare, ms", "ratio")]
    for name, one in functions.items():
        rows.append((name, f"{one['ours'] * 1000:.0f}", f"{one['bare'] * 1000:.0f}", f"{one['ratio']:.2f}"))
    return _table(*rows)
