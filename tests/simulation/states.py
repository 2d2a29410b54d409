"""The page of a row's states, made from the recorded transitions."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.simulation.records import Edge

PAGE = Path(__file__).resolve().parents[2] / "docs" / "contributing" / "states.md"
_MOST_ON_AN_ARROW = 3
_INTRODUCTION = """\
# States of a row

Every transition of a primary's row that the simulation's scenarios and seeds show. This page is generated from
`tests/simulation/golden/edges.json` by `make golden`; do not edit it.

A transition is from a status to a status, with a reason code. From `[*]` a row is written for the first time. From a
status to the same status, only the reason or other attributes change. An arrow names its reasons, or how many it has;
the table below names all of them.
"""


def arrow(edge: Edge) -> str:
    """A transition in a line."""
    return f"{edge[0] or '[*]'} → {edge[1]} {edge[2]}"


def page(edges: Iterable[Edge]) -> str:
    """The page: a diagram, and a table of all reasons."""
    reasons: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for before, after, reason in edges:
        reasons[before or "[*]", after].append(reason)
    arrows = [f"    {before} --> {after}: {_label(found)}" for (before, after), found in reasons.items()]
    table = [
        f"| {before} | {after} | {', '.join(f'`{one}`' for one in found)} |"
        for (before, after), found in reasons.items()
    ]
    return "\n".join(
        [
            _INTRODUCTION,
            "```mermaid",
            "stateDiagram-v2",
            *arrows,
            "```",
            "",
            "| from | to | reasons |",
            "|---|---|---|",
            *table,
            "",
        ]
    )


def _label(reasons: list[str]) -> str:
    return ", ".join(reasons) if len(reasons) <= _MOST_ON_AN_ARROW else f"{len(reasons)} reasons"
