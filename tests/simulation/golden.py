"""Golden records: what each scenario and seed showed at the public seams, so that a rewrite of the inside is compared.

`make golden` records anew; `make golden ARGS=--check` compares; `--help` has the rest. Recorded are the transitions in
the ledger's events, the AWS calls, and the final rows by their fixed attribute names. Ids and times are replaced by
names, because both change with the number of calls.

Chance decides some of it: a run is recorded in several variations, each with other latencies and another order. What
all of them show must be shown; what only some of them show may be. The calls that may be made are bounded by how much
they vary; of the ledger's calls, a round of watch and 1 % more are allowed. In a seed, chance decides nearly
everything, what people do too: of one seed, only a transition that no run has is a failure; all seeds together are
compared like a scenario. `git diff` after `make golden` is the exact comparison.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from tests.faults import known, spread
from tests.simulation import scenarios, seeds
from tests.simulation.deployment import Deployment
from tests.simulation.recorded import ALL_SEEDS, SEED_NAMES, differences, is_seed, load, merge, names, save
from tests.simulation.records import Edge, Record, observe
from tests.simulation.simulation import Simulation

# Every run is recorded in the first ones; a seed, and a scenario that is not the same in all of those, in more.
VARIATIONS = range(3)
MORE_VARIATIONS = range(3, 6)

Run = tuple[str, int]  # a scenario or a seed, and its variation
Seen = tuple[str | None, Record | None]  # the problem, or what was shown


def run_one(deployment: Deployment, name: str, variation: int = 0) -> Seen:
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


def _work(item: Run) -> Seen:
    return run_one(known(), *item)


def _spread(items: Sequence[Run]) -> dict[Run, Seen]:
    """Run all of it; the large ones first, so that none is left running alone."""
    in_order = sorted(items, key=lambda item: item[0] not in scenarios.LARGE)
    return dict(spread(Deployment.synthesise(), "runs", _work, in_order))


def check(wanted: Sequence[str], variation: int = 0) -> int:
    """Compare runs with what is recorded; 1 if one differs by more than it may."""
    found = _spread([(name, variation) for name in wanted])
    records = {name: seen for (name, _), (_, seen) in found.items() if seen}
    listed = {
        name: differences(name, records[name]) if name in records else [str(found[name, variation][0])]
        for name in wanted
    }
    if {*SEED_NAMES} <= {*records}:
        listed[ALL_SEEDS] = differences(ALL_SEEDS, _together([records[one] for one in SEED_NAMES]))
    failed = {name: of_it for name, of_it in listed.items() if of_it}
    for name, of_it in failed.items():
        print(name, *(f"  {one}" for one in of_it), sep="\n")
    print(f"{len(wanted)} runs compared; {len(failed)} differ by more than they may: {', '.join(failed)}")
    return 1 if failed else 0


def _together(records: Sequence[Record]) -> Record:
    edges = frozenset[Edge]().union(*(one.edges for one in records))
    calls, ledger = (
        sum((Counter(one) for one in counts), Counter[str]())
        for counts in ([one.calls for one in records], [one.ledger for one in records])
    )
    return Record(edges, calls, ledger, {})


def record(wanted: Sequence[str]) -> int:
    """Record runs anew, and keep what is recorded of others; 1 and nothing written if one fails as it is."""
    found = _spread([(name, variation) for name in wanted for variation in VARIATIONS])
    varied = [name for name in wanted if is_seed(name) or _varies([found[name, one][1] for one in VARIATIONS])]
    found |= _spread([(name, variation) for name in varied for variation in MORE_VARIATIONS])
    golden = {name: one for name, one in load().items() if name in (*names(), ALL_SEEDS)}
    failed = 0
    for name in wanted:
        variations = [*VARIATIONS, *(MORE_VARIATIONS if name in varied else ())]
        for variation in variations:
            problem, _ = found[name, variation]
            if problem:
                # What a scenario sets up may depend on one order of things; that order has to work.
                failed += variation == 0
                print(f"{name}, variation {variation}, is not recorded: {problem[:300]}")
        if records := [one for variation in variations if (one := found[name, variation][1])]:
            golden[name] = merge(records)
    if {*SEED_NAMES} <= {*wanted}:
        seen = [[found[name, variation][1] for name in SEED_NAMES] for variation in (*VARIATIONS, *MORE_VARIATIONS)]
        golden[ALL_SEEDS] = merge([_together([one for one in records if one]) for records in seen])
    if not failed:
        save(golden)
    return 1 if failed else 0


def _varies(records: Sequence[Record | None]) -> bool:
    """Whether chance decides more of a run than how often the ledger is called."""
    first, *others = records
    return any(
        first is None or one is None or (first.edges, first.calls, first.rows) != (one.edges, one.calls, one.rows)
        for one in others
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, or compare."""
    parser = argparse.ArgumentParser(prog="make golden", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios, and seeds as seed-3; default all")
    parser.add_argument("--check", action="store_true", help="compare with what is recorded, instead of recording")
    parser.add_argument(
        "--variation", type=int, default=0, help="compare this variation: what differs in one not recorded is chance"
    )
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(names())):
        parser.error(f"no scenario, and no recorded seed: {', '.join(unknown)}")
    wanted = chosen.names or names()
    if chosen.check:
        return check(wanted, chosen.variation)
    return record(wanted)


if __name__ == "__main__":
    sys.exit(main())
