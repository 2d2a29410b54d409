"""What doctor found, kept in the ledger by protect: how many findings of each check stand how, and who ran it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.changing import Ways
from standby.core.examined import examined_in_words

if TYPE_CHECKING:
    from cli.doctor.report import Found
    from cli.running import Run


def checks_of(found: Sequence[Found]) -> dict[str, dict[str, int]]:
    """How many findings of each check have which status, e.g. `{"keys/fit": {"ok": 2, "problem": 1}}`."""
    counts: dict[str, Counter[str]] = {}
    for one in found:
        counts.setdefault(f"{one.group}/{one.check.name}", Counter())[str(one.finding.status)] += 1
    return {check: dict(of_it) for check, of_it in counts.items()}


def keep_findings(run: Run, found: Sequence[Found], reason: str | None) -> list[str]:
    """Keep it for each pair that was examined; a sentence for each.

    Raises
    ------
    Problem
        A pair is not deployed, or protect could not be invoked, or refused it.
    """
    said = []
    for pair in run.pairs:
        checks = checks_of([one for one in found if one.stack == pair.stack])
        if checks:
            run.protect(pair).ask("doctor", Ways("doctor --keep", reason).because, checks=checks)
            said.append(f"Kept in the ledger of {pair.stack}. {examined_in_words(checks)}")
    return said
