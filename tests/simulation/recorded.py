"""What is recorded of each run, in files, and how another run differs from it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulation import scenarios, states
from tests.simulation.records import TIMES, USUAL, VALUES, Edge, Record, Row, observe
from tests.simulation.simulation import Simulation

GOLDEN = Path(__file__).with_name("golden")
SEEDS = range(20)
SEED_NAMES = [f"seed-{seed}" for seed in SEEDS]
# The seeds together, as a run of their own without rows.
ALL_SEEDS = "all-seeds"
# Beside the ledger's operations: their sum, which alone is compared.
IN_ALL = "in all"
# Of the ledger's calls: whether one more round of watch comes before the end is chance.
ROUND_CALLS = 15
# In place of an attribute: the row is not there.
NO_ROW = "no row"


def names() -> list[str]:
    """Every run that is recorded."""
    return [*scenarios.SCENARIOS, *SEED_NAMES]


def is_seed(name: str) -> bool:
    """Whether a run is a seed's."""
    return name in SEED_NAMES


@dataclass(frozen=True)
class Golden:
    """What the variations of a run showed.

    `always` and `sometimes` are transitions that all of them, and only some of them, showed; `calls` and `ledger` are
    upper bounds; `rows` has each attribute's values, sorted.
    """

    always: frozenset[Edge]
    sometimes: frozenset[Edge]
    calls: Mapping[str, int]
    ledger: Mapping[str, int]
    rows: Mapping[str, Mapping[str, list[Any]]]


def merge(records: Sequence[Record]) -> Golden:
    """What the variations of one run come to."""
    always = frozenset.intersection(*(one.edges for one in records))
    named = sorted({name for one in records for name in one.rows})
    return Golden(
        always,
        frozenset.union(*(one.edges for one in records)) - always,
        _bounds([one.calls for one in records]),
        _bounds([{**one.ledger, IN_ALL: sum(one.ledger.values())} for one in records]),
        {name: _values([one.rows.get(name) for one in records]) for name in named},
    )


def _bounds(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The most calls that are no more than before: where they vary, as far above the most as the fewest are below."""
    found = {name: [one.get(name, 0) for one in counts] for name in sorted({name for one in counts for name in one})}
    return {name: 2 * max(seen) - min(seen) for name, seen in found.items()}


def _values(rows: Sequence[Row | None]) -> dict[str, list[Any]]:
    found = {name: _distinct(row[name] for row in rows if row) for name in (*VALUES, *TIMES)}
    return found | {NO_ROW: _distinct(row is None for row in rows)}


def _distinct(values: Iterable[Any]) -> list[Any]:
    return sorted(set(values), key=lambda value: (value is not None, str(value)))


# Comparing


def differences(name: str, record: Record) -> list[str]:
    """How a run differs from what is recorded of it by more than it may; all of it, so that a test says it at once."""
    golden = load()
    if name not in golden:
        return [f"is not recorded; run `make golden ARGS={name}`"]
    if not is_seed(name):
        return list(_differ(golden[name], record))
    new = _in_order(record.edges - set(all_edges()))
    return [f"edge gained that no run had: {states.arrow(edge)}" for edge in new]


def failures(name: str, run: Simulation) -> str:
    """What is wrong with a run, compared with what is recorded of it; empty if nothing is."""
    if not (found := differences(name, observe(run))):
        return ""
    meant = f"If this is meant, run `make golden ARGS={name}`, and give the reason in the commit message."
    return "\n".join([f"{name} differs from tests/simulation/golden:", *found, meant])


def _differ(golden: Golden, record: Record) -> Iterator[str]:
    for edge in _in_order(golden.always - record.edges):
        yield f"edge lost: {states.arrow(edge)}"
    for edge in _in_order(record.edges - golden.always - golden.sometimes):
        yield f"edge gained: {states.arrow(edge)}"
    for name, now in sorted(record.calls.items()):
        if now > (before := golden.calls.get(name, 0)):
            yield f"calls more: {name} {before} → {now}"
    before, now = golden.ledger[IN_ALL], sum(record.ledger.values())
    if now > before + ROUND_CALLS + before // 100:
        yield f"ledger calls more: {before} → {now}"
    for name in sorted({*golden.rows, *record.rows}):
        row = record.rows.get(name)
        if name not in golden.rows:
            yield f"row gained: {name} {_unusual(row or {})}"
        elif row is None:
            if True not in golden.rows[name][NO_ROW]:
                yield f"row lost: {name}"
        else:
            yield from _row_differs(name, golden.rows[name], row)


def _row_differs(name: str, golden: Mapping[str, list[Any]], row: Row) -> Iterator[str]:
    for attribute, value in row.items():
        if value not in golden[attribute]:
            before = " or ".join(json.dumps(one, ensure_ascii=False) for one in golden[attribute])
            yield f"row {name}: {attribute} {before} → {json.dumps(value, ensure_ascii=False)}"


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
    runs = {name: golden[name] for name in (*names(), ALL_SEEDS) if name in golden}
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
