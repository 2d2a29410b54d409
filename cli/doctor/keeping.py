"""Save the result of doctor in the ledger, through protect: the findings of each check by status, and the caller."""

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
    """The number of findings by check and status, e.g. `{"keys/fit": {"ok": 2, "problem": 1}}`."""
    counts: dict[str, Counter[str]] = {}
    for one in found:
        counts.setdefault(f"{one.group}/{one.check.name}", Counter())[str(one.finding.status)] += 1
    return {check: dict(of_it) for check, of_it in counts.items()}


def keep_findings(run: Run, found: Sequence[Found], reason: str | None) -> list[str]:
    """Save the result of each pair; return a sentence for each.

    Raises
    ------
    Problem
        A pair is not deployed, or protect could not be invoked, or refused the request.
    """
    said = []
    for pair in run.pairs:
        checks = checks_of([one for one in found if one.stack == pair.stack])
        if checks:
            run.protect(pair).ask("doctor", Ways("doctor --keep", reason).because, checks=checks)
            said.append(f"Saved in the ledger of {pair.stack}. {examined_in_words(checks)}")
    return said
