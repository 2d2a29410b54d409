"""Write the findings: a table for a person, JSON for a program."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tools.ask_aws.checks import Check, Finding, Verdict

if TYPE_CHECKING:
    from pathlib import Path

WIDEST: Final = 110
_MARGIN: Final = 20
# Narrower than this, text beside a margin would be a column of single words.
_NARROW: Final = 72
_NARROW_MARGIN: Final = 2


@dataclass(frozen=True)
class Row:
    """One check of one pair, and its finding."""

    stack: str
    check: Check
    finding: Finding


def lines(row: Row, width: int) -> str:
    """One finding, for a person, in a terminal of so many columns.

    Each command is a line of its own without a break in it, however long, so that it can be copied.
    """
    finding = row.finding
    margin = " " * (_MARGIN if width >= _NARROW else _NARROW_MARGIN)
    name = f"{row.check.id:<{len(margin)}}" if width >= _NARROW else f"{row.check.id} "
    found = wrapped(f"{str(finding.verdict).upper()}: {finding.text}", width, name, margin)
    advice = [wrapped(f"→ {finding.advice}", width, margin, margin)] if finding.advice else []
    commands = [f"{margin}  {command}" for command in finding.commands]
    return "\n".join([found, *advice, *commands])


def wrapped(text: str, width: int, first: str = "", others: str = "") -> str:
    """A text in lines of so many columns at most, and of `WIDEST`; words stay whole."""
    return textwrap.fill(
        text,
        min(width, WIDEST),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def totals(rows: list[Row]) -> str:
    """The number of findings by verdict, in a sentence, with the names of checks that need attention."""
    found = {one: [row.check.id for row in rows if row.finding.verdict is one] for one in Verdict}
    unremarkable = (Verdict.AS_ASSUMED, Verdict.UNKNOWN)
    counts = [
        f"{len(ids)} {one}" + ("" if one in unremarkable else f" ({', '.join(ids)})")
        for one, ids in found.items()
        if ids
    ]
    return f"{len(rows)} checks: {', '.join(counts)}."


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
                "commands": list(row.finding.commands),
            }
            for row in rows
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
