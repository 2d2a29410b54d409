"""Keeps each directory's plan and progress beside its baseline, and tells a person of a fleet that was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from standby.clock import to_text
from standby.ledger.claims import COUNTER, TOTAL
from standby.ledger.quota import QUOTA, StandbyQuota, keep_quota, known_quota
from standby.ledger.recorder import Recorder
from standby.model import DirectoryId, Status, Unknown
from standby.reasons import Reason
from standby.rows import SCHEMA_VERSION, day_partition, shard_of
from standby.settings import Settings
from standby.sweep.baseline import BASELINE, directory_key, mapping_number
from standby.sweep.plan import Plan, Room, plan, progress

FLEET = "FLEET"
# How far the existing fleets have come, by their desktops' stage.
METRICS = {
    "ExistingReported": "reported",
    "BackfillWaiting": "waiting",
    "BackfillUnderWay": "under_way",
    "BackfillProtected": "protected",
}


class Planner:
    """One invocation's."""

    def __init__(self, recorder: Recorder, quota: StandbyQuota, settings: Settings, new_id: Callable[[], str]) -> None:
        self._table = recorder.ledger.table
        self._telemetry = recorder.telemetry
        self._context = recorder.context
        self._quota = quota
        self._settings = settings
        self._new_id = new_id
        self._measured: int | Unknown | None = None

    def scanned(self, directory: DirectoryId, counts: Mapping[str, int], now: datetime) -> None:
        """Take in what a complete scan of a directory has counted; called before its baseline is taken.

        The notice comes first, and once for each mapping: who dies in between leaves the rest to the next sweep.

        Raises
        ------
        LedgerUnavailable
            The state machine tries the same part again.
        """
        row = self._table.get(directory_key(directory), BASELINE) or {}
        is_accepted = row.get("accepted", False) is True or self._settings.existing_fleet == "protect"
        new: dict[str, Any] = {"progress": progress(counts)}
        room = self._room(now)  # measured in each sweep: a backfill goes by it
        if "plan" not in row or not is_accepted:
            # What was accepted stays as it was read.
            found = plan(directory, counts, room, self._settings, is_accepted=is_accepted)
            new["plan"] = found.attributes
            if "taken_at" not in row and found.says_something:
                self._tell(directory, mapping_number(row), found, now)
        new = {name: value for name, value in new.items() if row.get(name) != value}
        if new:
            self._table.set(directory_key(directory), BASELINE, new | {f"{name}_at": to_text(now) for name in new})

    def tell_progress(self, fleet: Mapping[str, int]) -> None:
        """Publish how far the existing fleets of all directories have come, which a complete sweep has seen."""
        for metric, stage in METRICS.items():
            self._telemetry.gauge(metric, fleet.get(stage, 0))

    def _room(self, now: datetime) -> Room:
        if self._measured is None:
            self._measured = self._quota.ask()
            if isinstance(self._measured, Unknown):
                self._telemetry.problem(f"Service Quotas: {self._measured.code}: {self._measured.message}")
            else:
                keep_quota(self._table, self._measured, now)
        found = {item["pk"]: item for item in self._table.get_many([(TOTAL, COUNTER), (QUOTA, QUOTA)])}
        known = known_quota(found.get(QUOTA), now)
        return Room(self._measured if known is None else known, int(found.get(TOTAL, {}).get("taken", 0)))

    def _tell(self, directory: DirectoryId, number: int, found: Plan, now: datetime) -> None:
        self._table.put(self._event(directory, number, found, now), condition="attribute_not_exists(pk)")

    def _event(self, directory: DirectoryId, number: int, found: Plan, now: datetime) -> dict[str, Any]:
        at, pk = to_text(now), f"{FLEET}#{directory}"
        return {
            "pk": pk,
            "sk": f"EVENT#{number:06}",
            "schema_version": SCHEMA_VERSION,
            "version": number,
            "primary_id": pk,
            "primary_directory_id": directory,
            "dr_directory_id": self._settings.directories[directory].dr_directory,
            "primary_region": self._settings.primary_region,
            "dr_region": self._settings.dr_region,
            "status": Status.REPORTED,
            "reason_code": Reason.FLEET_FOUND,
            "message": found.attributes["message"],
            "at": at,
            "day": at[:10],
            "ix_day": day_partition(at[:10], shard_of(pk)),
            "ix_day_at": at,
            "changed_at": at,
            "cause_type": self._context.cause.type,
            "cause_id": self._context.cause.id,
            "change_id": self._new_id(),
            "notice": True,
        }
