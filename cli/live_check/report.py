"""What was found: a table for a person, JSON for a program."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cli.live_check.checks import Check, Finding, Verdict

if TYPE_CHECKING:
    from pathlib import Path

WIDTH: Final = 110
_MARGIN: Final = 18


@dataclass(frozen=True)
class Row:
    """One check of one pair, and its finding."""

    stack: str
    check: Check
    finding: Finding


def lines(row: Row) -> str:
    """One finding, for a person."""
    text = row.finding.text + (f" → {row.finding.advice}" if row.finding.advice else "")
    first = f"{row.check.id:<{_MARGIN}}"
    told = f"{str(row.finding.verdict).upper()}: {text}"
    # Commands stay whole, to be copied.
    return textwrap.fill(
        told,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * _MARGIN,
        break_long_words=False,
        break_on_hyphens=False,
    )


def totals(rows: list[Row]) -> str:
    """How many of each, in a sentence."""
    counted = Counter(row.finding.verdict for row in rows)
    return f"{len(rows)} checks: {', '.join(f'{counted[one]} {one}' for one in Verdict if counted[one])}."


def write(path: Path, account: str, at: str, rows: list[Row]) -> None:
    """Write all findings as JSON."""
    document = {
        "at": at,
        "account": account,
        "counts": {str(one): sum(row.finding.verdict is one for row in rows) for one in Verdict},
        "findings": [
            {
                "stack": row.stack,
                "check": row.check.id,
                "asks": row.check.asks,
                "assumed": row.check.assumed,
                "how": row.check.how,
                "verdict": str(row.finding.verdict),
                "text": row.finding.text,
                "advice": row.finding.advice,
            }
            for row in rows
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
