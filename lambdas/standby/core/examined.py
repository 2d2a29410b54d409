"""What a run of `standby doctor` found, as far as the ledger keeps it: how many findings of each check stand how. Pure.

The findings' words stay with the person who ran it: they can be long, and a report names checks. What is kept of a run
is some kilobytes at most.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

DOCTOR = "DOCTOR"
"""The partition key of the events that keep a run; the last one is the last run that was kept."""
MOST_CHECKS = 200
_CHECK = re.compile(r"[a-z-]{1,30}/[a-z-]{1,40}")
_STATUS = re.compile(r"[a-z ]{1,30}")
_MOST_STATUSES = 10  # of one check
# The statuses of doctor of which a sentence is made; others are counted, too.
PROBLEM, WARNING, NOT_SEEN = "problem", "warning", ("not allowed", "no answer")

Examined = Mapping[str, Mapping[str, int]]
"""By check, as in `keys/fit`, how many findings have which status of doctor's."""


def read_examined(found: object) -> Examined:
    """What was found, in a call or in an event; ValueError if it is not that."""
    if not isinstance(found, Mapping) or not found or len(found) > MOST_CHECKS:
        raise ValueError(f"a run of doctor is kept as an object of 1 to {MOST_CHECKS} checks")
    return {str(name): _statuses(name, counts) for name, counts in found.items()}


def _statuses(name: object, counts: object) -> dict[str, int]:
    if not isinstance(name, str) or not _CHECK.fullmatch(name):
        raise ValueError('a check is named like "keys/fit"')
    if not isinstance(counts, Mapping) or not 0 < len(counts) <= _MOST_STATUSES:
        raise ValueError(f"{name} has no object of statuses")
    for status, count in counts.items():
        is_count = type(count) is int and 0 < count < 1_000_000
        if not (isinstance(status, str) and _STATUS.fullmatch(status) and is_count):
            raise ValueError(f"{name} has a status that is no word, or no number of findings")
    return dict(counts)


def by_status(found: Examined) -> Counter[str]:
    """How many findings have which status."""
    total: Counter[str] = Counter()
    for counts in found.values():
        total.update(counts)
    return total


def examined_in_words(found: Examined) -> str:
    """All of it in a sentence."""
    total = by_status(found)
    unseen = sum(total[status] for status in NOT_SEEN)
    said = f"Findings: {total.total()}; problems: {total[PROBLEM]}; warnings: {total[WARNING]}"
    return f"{said}; not seen: {unseen}."
