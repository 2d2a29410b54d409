"""The result of `standby doctor` that the ledger keeps: how many findings of each check have which status. Pure.

The texts of findings are not kept: they can be long, and a report only names checks. A run takes a few kilobytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

DOCTOR = "DOCTOR"
"""The partition key of the events that keep a run; the latest event is the latest run that was kept."""
MOST_CHECKS = 200
_CHECK = re.compile(r"[a-z-]{1,30}/[a-z-]{1,40}")
_STATUS = re.compile(r"[a-z ]{1,30}")
_MOST_STATUSES = 10  # of one check
# The statuses of doctor that the sentence names; others are counted too.
PROBLEM, WARNING, NOT_SEEN = "problem", "warning", ("not allowed", "no answer")

Examined = Mapping[str, Mapping[str, int]]
"""By check, for example `keys/fit`: how many findings have which status."""


def read_examined(found: object) -> Examined:
    """The findings in a call or in an event; ValueError if the object does not have this form."""
    if not isinstance(found, Mapping) or not found or len(found) > MOST_CHECKS:
        raise ValueError(f"the result of doctor must be an object of 1 to {MOST_CHECKS} checks")
    return {str(name): _statuses(name, counts) for name, counts in found.items()}


def _statuses(name: object, counts: object) -> dict[str, int]:
    if not isinstance(name, str) or not _CHECK.fullmatch(name):
        raise ValueError('a check must have a name like "keys/fit"')
    if not isinstance(counts, Mapping) or not 0 < len(counts) <= _MOST_STATUSES:
        raise ValueError(f"{name} must be an object of 1 to {_MOST_STATUSES} statuses")
    for status, count in counts.items():
        is_count = type(count) is int and 0 < count < 1_000_000
        if not (isinstance(status, str) and _STATUS.fullmatch(status) and is_count):
            raise ValueError(f"{name} must have words as statuses, each with a positive number of findings")
    return dict(counts)


def by_status(found: Examined) -> Counter[str]:
    """How many findings have each status."""
    total: Counter[str] = Counter()
    for counts in found.values():
        total.update(counts)
    return total


def examined_in_words(found: Examined) -> str:
    """The result in a sentence."""
    total = by_status(found)
    unseen = sum(total[status] for status in NOT_SEEN)
    said = f"Findings: {total.total()}; problems: {total[PROBLEM]}; warnings: {total[WARNING]}"
    return f"{said}; could not be read: {unseen}."
