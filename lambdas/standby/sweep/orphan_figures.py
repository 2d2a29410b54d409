"""How many orphans there are, and what they cost a month: in the coverage row of the day, and as two metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from standby.ledger.recorder import Telemetry
from standby.ledger.table import Table
from standby.model import DirectoryId
from standby.prices import UNTOLD, Cost, monthly_cost
from standby.rows import Row
from standby.settings import Settings
from standby.sweep.coverage import coverage_key, day_key
from standby.sweep.fleet import Census

# By directory, and then by compute type: how many.
Orphans = Mapping[str, Mapping[str, int]]


def with_orphans(counted: Orphans, rows: Iterable[Row], settings: Settings) -> dict[str, dict[str, int]]:
    """What was counted, and the orphans among some more rows."""
    found = {directory: Counter(types) for directory, types in counted.items()}
    for row in rows:
        if row.is_orphan:
            compute_type = row.compute_type or UNTOLD
            # Prices are of one DR Region.
            where = "" if row.dr_region == settings.dr_region else f" in {row.dr_region}"
            found.setdefault(str(row.primary_directory_id), Counter())[f"{compute_type}{where}"] += 1
    return {directory: dict(types) for directory, types in found.items()}


class OrphanFigures:
    """Keeps and publishes them."""

    def __init__(self, table: Table, settings: Settings, telemetry: Telemetry) -> None:
        self._table = table
        self._settings = settings
        self._telemetry = telemetry

    def keep(self, orphans: Orphans, census: Mapping[DirectoryId, Census]) -> None:
        """Add them to the coverage rows that the complete scans of a run have left.

        Raises
        ------
        LedgerUnavailable
            Not known which are kept.
        """
        for directory, found in census.items():
            if found.ended_at is None:
                continue
            attributes = self._attributes(orphans.get(directory, {}))
            update = "SET " + ", ".join(f"{name} = :{name}" for name in attributes)
            values = {f":{name}": value for name, value in attributes.items()} | {":run": found.run}
            self._table.update(coverage_key(directory), day_key(found.ended_at), update, values, "run = :run")

    def tell(self, orphans: Orphans) -> None:
        """Publish those of the pair, of directories that are not mapped any more too: they cost."""
        whole: Counter[str] = Counter()
        for types in orphans.values():
            whole.update(types)
        self._telemetry.gauge("OrphanedStandbys", whole.total())
        cost = self._cost(whole)
        if self._settings.prices and cost.is_known:
            self._telemetry.gauge("OrphansMonthlyCost", float(cost.amount))

    def _attributes(self, types: Mapping[str, int]) -> dict[str, Any]:
        cost = self._cost(types)
        not_priced = sum(cost.not_priced.values())
        known = {"orphans_monthly_cost": f"{cost.amount:.2f}"} if cost.is_known else {}
        return {"orphans": sum(types.values()), **known, "orphans_not_priced": not_priced}

    def _cost(self, types: Mapping[str, int]) -> Cost:
        return monthly_cost(self._settings.prices, types)
