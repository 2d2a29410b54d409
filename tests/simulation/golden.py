"""Golden records: what each scenario and seed showed at the public seams, so that a rewrite of the inside is compared.

`make golden` records anew; `make golden ARGS=--check` compares; `--help` has the rest. Recorded are the transitions in
the ledger's events, the AWS calls, and the final rows by their fixed attribute names. Ids and times are replaced by
names, because both change with the number of calls.

Chance decides some of it: a run is recorded in several variations, each with other latencies and another order. What
all of them show must be shown; what only some of them show may be. In a seed, chance decides nearly everything, what
people do too: of a seed only transitions that no run has are failures, and the sum of all seeds' calls. `git diff`
after `make golden` is the exact comparison.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.simulation import scenarios, seeds, states
from tests.simulation.deployment import Deployment
from tests.simulation.records import TIMES, USUAL, VALUES, Edge, Record, Row, observe
from tests.simulation.simulation import Simulation

GOLDEN = Path(__file__).with_name("golden")
SEEDS = range(20)
VARIATIONS = range(3)
# In place of an attribute: the row is not there.
NO_ROW = "no row"
_EVERY_SECONDS = 10.0


@dataclass(frozen=True)
class Golden:
    """What the variations of a run showed.

    `always` and `sometimes` are transitions that all of them, and only some of them, showed; `calls` and `ledger` have
    the most of any; `rows` has each attribute's values, sorted.
    """

    always: frozenset[Edge]
    sometimes: frozenset[Edge]
    calls: Mapping[str, int]
    ledger: Mapping[str, int]
    rows: Mapping[str, Mapping[str, list[Any]]]


class Difference(NamedTuple):
    """A difference from what is recorded, for a person; only one that is not `allowed` is a failure."""

    text: str
    allowed: bool = False


def merge(records: Sequence[Record]) -> Golden:
    """What the variations of one run come to."""
    always = frozenset.intersection(*(one.edges for one in records))
    names = sorted({name for one in records for name in one.rows})
    return Golden(
        always,
        frozenset.union(*(one.edges for one in records)) - always,
        _most(one.calls for one in records),
        _most(one.ledger for one in records),
        {name: _values([one.rows.get(name) for one in records]) for name in names},
    )


def _most(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    most: Counter[str] = Counter()
    for count in counts:
        most |= Counter(count)
    return dict(sorted(most.items()))


def _values(rows: Sequence[Row | None]) -> dict[str, list[Any]]:
    found = {name: _distinct(row[name] for row in rows if row) for name in (*VALUES, *TIMES)}
    return found | {NO_ROW: _distinct(row is None for row in rows)}


def _distinct(values: Iterable[Any]) -> list[Any]:
    return sorted(set(values), key=lambda value: (value is not None, str(value)))


# Comparing


def differences(name: str, record: Record) -> list[Difference]:
    """How a run differs from what is recorded of it; whole, so that a test says all of it at once."""
    golden = load()
    if name not in golden:
        return [Difference("is not recorded; run `make golden`")]
    if not is_seed(name):
        return list(_differ(golden[name], record))
    known = set(all_edges())
    return [
        Difference(f"edge gained that no run had: {states.arrow(edge)}") for edge in _in_order(record.edges - known)
    ] + [Difference(one.text, allowed=True) for one in _differ(golden[name], record)]


def failures(name: str, run: Simulation) -> str:
    """What is wrong with a run, compared with what is recorded of it; empty if nothing is."""
    found = [one.text for one in differences(name, observe(run)) if not one.allowed]
    return "\n".join([f"{name} differs from tests/simulation/golden:", *found]) if found else ""


def _differ(golden: Golden, record: Record) -> Iterator[Difference]:
    for edge in _in_order(golden.always - record.edges):
        yield Difference(f"edge lost: {states.arrow(edge)}")
    for edge in _in_order(record.edges - golden.always - golden.sometimes):
        yield Difference(f"edge gained: {states.arrow(edge)}")
    yield from _more_or_fewer("calls", golden.calls, record.calls)
    ledger = {"in all": sum(golden.ledger.values())}, {"in all": sum(record.ledger.values())}
    yield from _more_or_fewer("ledger calls", *ledger)
    for name in sorted({*golden.rows, *record.rows}):
        row = record.rows.get(name)
        if name not in golden.rows:
            yield Difference(f"row gained: {name} {_unusual(row or {})}")
        elif row is None:
            if True not in golden.rows[name][NO_ROW]:
                yield Difference(f"row lost: {name}")
        else:
            yield from _row_differs(name, golden.rows[name], row)


def _more_or_fewer(what: str, golden: Mapping[str, int], record: Mapping[str, int]) -> Iterator[Difference]:
    for name in sorted({*golden, *record}):
        before, now = golden.get(name, 0), record.get(name, 0)
        if now != before:
            yield Difference(f"{what} {'more' if now > before else 'fewer'}: {name} {before} → {now}", now < before)


def _row_differs(name: str, golden: Mapping[str, list[Any]], row: Row) -> Iterator[Difference]:
    for attribute, value in row.items():
        if value not in golden[attribute]:
            before = " or ".join(json.dumps(one, ensure_ascii=False) for one in golden[attribute])
            yield Difference(f"row {name}: {attribute} {before} → {json.dumps(value, ensure_ascii=False)}")


def _unusual(row: Row) -> Row:
    return {name: value for name, value in row.items() if value != USUAL.get(name)}


def _in_order(edges: Iterable[Edge]) -> list[Edge]:
    return sorted(edges, key=lambda edge: (edge[0] or "", *edge[1:]))


# The files: of a row only what is not usual, one row, edge or operation a line

_loaded: dict[str, Golden] = {}


def load() -> dict[str, Golden]:
    """What is recorded, by run."""
    if not _loaded and (GOLDEN / "rows.json").exists():
        edges, calls, rows = (_read(name) for name in ("edges_by_run", "calls", "rows"))
        for name in edges:
            _loaded[name] = Golden(
                frozenset(_edge(text) for text in edges[name]["always"]),
                frozenset(_edge(text) for text in edges[name]["sometimes"]),
                calls[name]["calls"],
                calls[name]["ledger"],
                {one: _expanded(row) for one, row in rows[name].items()},
            )
    return _loaded


def all_edges() -> list[Edge]:
    """Every transition that is recorded."""
    return [(before, after, reason) for before, after, reason in _read("edges")]


def union(golden: Mapping[str, Golden]) -> list[Edge]:
    """Every transition of these runs."""
    return _in_order({edge for one in golden.values() for edge in one.always | one.sometimes})


def save(golden: Mapping[str, Golden]) -> None:
    """Write all files, and the page that is made from them."""
    GOLDEN.mkdir(exist_ok=True)
    runs = {name: golden[name] for name in names() if name in golden}
    edges = union(runs)
    _write("edges", "[\n" + ",\n".join(json.dumps(edge) for edge in edges) + "\n]")
    by_run = {name: {"always": _texts(one.always), "sometimes": _texts(one.sometimes)} for name, one in runs.items()}
    _write("edges_by_run", json.dumps(by_run, indent=0))
    calls = {name: {"calls": one.calls, "ledger": one.ledger} for name, one in runs.items()}
    _write("calls", json.dumps(calls, indent=0))
    _write("rows", ",\n".join(_rows_text(name, one) for name, one in runs.items()).join(("{\n", "\n}")))
    states.PAGE.parent.mkdir(parents=True, exist_ok=True)
    states.PAGE.write_text(states.page(edges), encoding="utf-8")


def _rows_text(name: str, golden: Golden) -> str:
    rows = [f"{json.dumps(one)}: {json.dumps(_shortened(row), ensure_ascii=False)}" for one, row in golden.rows.items()]
    return f"{json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n}"


def _shortened(row: Mapping[str, list[Any]]) -> dict[str, Any]:
    usual = {**USUAL, NO_ROW: False}
    left = {name: values for name, values in row.items() if values != [usual.get(name)]}
    return {name: values[0] if len(values) == 1 else {"any": values} for name, values in left.items()}


def _expanded(row: Mapping[str, Any]) -> dict[str, list[Any]]:
    found = {**dict.fromkeys(VALUES), **USUAL, NO_ROW: False, **row}
    return {name: value["any"] if isinstance(value, dict) else [value] for name, value in found.items()}


def _texts(edges: Iterable[Edge]) -> list[str]:
    return [" ".join(part or "-" for part in edge) for edge in _in_order(edges)]


def _edge(text: str) -> Edge:
    before, after, reason = text.split(" ")
    return None if before == "-" else before, after, reason


def _read(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def _write(name: str, text: str) -> None:
    (GOLDEN / f"{name}.json").write_text(text + "\n", encoding="utf-8")


# Running


def names() -> list[str]:
    """Every run that is recorded."""
    return [*scenarios.SCENARIOS, *(seed_name(seed) for seed in SEEDS)]


def seed_name(seed: int) -> str:
    """What a seed's run is called."""
    return f"seed-{seed}"


def is_seed(name: str) -> bool:
    """Whether a run is a seed's."""
    return name not in scenarios.SCENARIOS


def run_one(deployment: Deployment, name: str, variation: int = 0) -> tuple[str | None, Record | None]:
    """Run a scenario or a seed; its problem, or its record."""
    Simulation.variation = variation
    try:
        if not is_seed(name):
            said, run = scenarios.outcome(deployment, name)
            return (None, observe(run)) if run else (said, None)
        outcome, lived = seeds.live(deployment, int(name.removeprefix("seed-")))
        return (outcome.problem, None) if outcome.problem else (None, observe(lived))
    finally:
        Simulation.variation = 0


_deployment: Deployment | None = None


def _prepare(deployment: Deployment) -> None:
    global _deployment
    _deployment = deployment
    # Looking for cycles among modules that stay would take a fifth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _work(item: tuple[str, int]) -> tuple[str | None, Record | None]:
    assert _deployment is not None
    return run_one(_deployment, *item)


def _spread(
    items: Sequence[tuple[str, int]], processes: int
) -> dict[tuple[str, int], tuple[str | None, Record | None]]:
    """Run all of it; the large ones first, so that none is left running alone."""
    told = began = time.monotonic()
    found = {}
    deployment = Deployment.synthesise()
    in_order = sorted(items, key=lambda item: item[0] not in scenarios.LARGE)
    with ProcessPoolExecutor(processes, initializer=_prepare, initargs=(deployment,)) as pool:
        futures = {pool.submit(_work, item): item for item in in_order}
        for done, future in enumerate(as_completed(futures), start=1):
            found[futures[future]] = future.result()
            if time.monotonic() - told > _EVERY_SECONDS or done == len(items):
                told = time.monotonic()
                print(f"{done} of {len(items)}, {told - began:.0f} s", flush=True)
    return found


def check(wanted: Sequence[str], processes: int, variation: int = 0) -> int:
    """Compare runs with what is recorded; 1 if one differs by more than it may."""
    found = _spread([(name, variation) for name in wanted], processes)
    listed: dict[str, list[Difference]] = {}
    records: dict[str, Record] = {}
    for name in wanted:
        problem, seen = found[name, variation]
        listed[name] = [Difference(problem or "")] if seen is None else differences(name, seen)
        if seen is not None:
            records[name] = seen
    if {*map(seed_name, SEEDS)} <= {*records}:
        listed["all seeds"] = list(_sums_differ(records))
    for name, found_of_it in listed.items():
        if found_of_it:
            print(name, *(f"  {' ' if one.allowed else '!'} {one.text}" for one in found_of_it), sep="\n")
    failed = [name for name, of_it in listed.items() if not all(one.allowed for one in of_it)]
    print(f"{len(wanted)} runs compared; {len(failed)} differ by more than they may (marked !): {', '.join(failed)}")
    return 1 if failed else 0


def _sums_differ(records: Mapping[str, Record]) -> Iterator[Difference]:
    ours = [seed_name(seed) for seed in SEEDS]
    golden = load()
    yield from _more_or_fewer(
        "calls", _sum(golden[one].calls for one in ours), _sum(records[one].calls for one in ours)
    )
    yield from _more_or_fewer(
        "ledger calls",
        {"in all": sum(_sum(golden[one].ledger for one in ours).values())},
        {"in all": sum(_sum(records[one].ledger for one in ours).values())},
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    return sum((Counter(one) for one in counts), Counter[str]())


def record(wanted: Sequence[str], processes: int) -> int:
    """Record runs anew, and keep what is recorded of others; 1 and nothing written if one fails as it is."""
    found = _spread([(name, variation) for name in wanted for variation in VARIATIONS], processes)
    golden = {name: one for name, one in load().items() if name in names()}
    failed = 0
    for name in wanted:
        for variation in VARIATIONS:
            problem, _ = found[name, variation]
            if problem:
                # What a scenario sets up may depend on one order of things; that order has to work.
                failed += variation == 0
                print(f"{name}, variation {variation}, is not recorded: {problem[:300]}")
        if records := [one for variation in VARIATIONS if (one := found[name, variation][1])]:
            golden[name] = merge(records)
    if not failed:
        save(golden)
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, or compare."""
    parser = argparse.ArgumentParser(prog="make golden", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios, and seeds as seed-3; default all")
    parser.add_argument("--check", action="store_true", help="compare with what is recorded, instead of recording")
    parser.add_argument("--processes", type=int, default=2, help="how many processes, default 2")
    parser.add_argument(
        "--variation", type=int, default=0, help="compare this variation: what differs in one not recorded is chance"
    )
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(names())):
        parser.error(f"no scenario, and no recorded seed: {', '.join(unknown)}")
    wanted = chosen.names or names()
    if chosen.check:
        return check(wanted, chosen.processes, chosen.variation)
    return record(wanted, chosen.processes)


if __name__ == "__main__":
    sys.exit(main())
