"""A directory's baseline: which desktops were there before it was watched, and whether a person accepts them.

One listing does not decide it: an outage answers with empty lists, and a WorkSpace that moves between two pages is on
neither. It takes two complete scans, neither of them in doubt; what either of them finds, or one before them, is of the
existing fleet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from standby.clock import to_text
from standby.ledger.table import Table
from standby.model import DirectoryId

BASELINE = "BASELINE"
_NOBODY = "-"  # the partner of a directory that is not mapped


def directory_key(directory: DirectoryId) -> str:
    """The partition key of what the sweep keeps of a directory."""
    return f"SWEEP#{directory}"


@dataclass(frozen=True)
class Baseline:
    """Whether a directory's baseline is taken, and whether its existing fleet is accepted."""

    is_taken: bool
    is_accepted: bool


class BaselineMemory:
    """Reads and writes it. Every method raises `LedgerUnavailable` when the ledger does not answer."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, directory: DirectoryId, partner: DirectoryId) -> Baseline:
        """The baseline of a directory and its partner; one that was taken with another partner is none."""
        item = self._table.get(directory_key(directory), BASELINE) or {}
        if item.get("partner", partner) != partner:
            return Baseline(is_taken=False, is_accepted=False)
        return Baseline("taken_at" in item, item.get("accepted", False) is True)

    def begin(self, directory: DirectoryId, partner: DirectoryId) -> None:
        """Note whose it is; anew if it was another partner's, or nobody's: what was accepted was so for that one."""
        key = directory_key(directory)
        item = self._table.get(key, BASELINE) or {}
        former = item.get("partner")
        if former is None:
            self._table.update(key, BASELINE, "SET partner = :partner", {":partner": partner})
        elif former != partner:
            anew = {
                "pk": key,
                "sk": BASELINE,
                "partner": partner,
                "accepted": False,
                "mapping": mapping_number(item) + 1,
            }
            self._table.put(anew, "partner = :former", {":former": former})

    def take(self, directory: DirectoryId, run: str, now: datetime, found: Mapping[str, int]) -> None:
        """Note a complete scan, and what the first one found; the second one takes the baseline.

        An acceptance that came before stays.
        """
        key = directory_key(directory)
        item = self._table.get(key, BASELINE) or {}
        if "taken_at" in item:
            return
        if "first_run" not in item:
            first = {":run": run, ":found": dict(found)}
            self._table.update(key, BASELINE, "SET first_run = :run, found_first = :found", first)
        elif item["first_run"] != run:  # else it is a part that is done again
            self._table.update(
                key, BASELINE, "SET taken_at = :now", {":now": to_text(now)}, "attribute_not_exists(taken_at)"
            )

    def forget(self, directory: DirectoryId) -> None:
        """Note that a directory is not mapped any more: should it be again, what is there is an existing fleet."""
        self._table.update(
            directory_key(directory),
            BASELINE,
            "SET partner = :nobody",
            {":nobody": _NOBODY},
            "(attribute_exists(taken_at) OR attribute_exists(partner)) AND partner <> :nobody",
        )


def mapping_number(item: Mapping[str, Any]) -> int:
    """The number of its directory's mapping that a row is of: the first is 1, another partner is another."""
    return int(item.get("mapping", 1))
