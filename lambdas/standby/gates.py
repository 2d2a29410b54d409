"""What holds creations back for the whole pair: the pause switch, observe mode, the quota, the cap and the ceiling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from standby.claims import COUNTER, TOTAL, day_counter
from standby.clock import Clock, from_text, to_text
from standby.ledger import Context
from standby.model import Status
from standby.quota import QUOTA, known_quota
from standby.reasons import MEANING, Reason
from standby.rows import SCHEMA_VERSION, day_partition, shard_of
from standby.settings import Settings
from standby.table import Item, Table

PAUSE = "PAUSE"
QUOTA_HOLD = "HOLD#QUOTA_REACHED"
QUOTA_PROBE = timedelta(hours=1)  # after this long somebody may have raised it


class Gates:
    """Reads and sets them; all consistent reads of the primary Region's replica."""

    def __init__(self, table: Table, settings: Settings, clock: Clock, new_id: Callable[[], str]) -> None:
        self._table = table
        self._settings = settings
        self._clock = clock
        self._new_id = new_id

    def closed(self) -> Reason | None:
        """Why nothing may be created now; None if it may.

        Raises
        ------
        LedgerUnavailable
            Not known: then nothing may be created either.
        """
        if self._settings.mode != "protect":
            return Reason.OBSERVE_MODE
        found = {item["pk"]: item for item in self._table.get_many([(PAUSE, PAUSE), (QUOTA_HOLD, PAUSE)])}
        pause, hold = found.get(PAUSE), found.get(QUOTA_HOLD)
        # Whoever puts the row by hand may forget the attribute: the row alone is the wish to pause.
        if pause is not None and pause.get("paused", True) is not False:
            return Reason.PAUSED
        if hold is not None and self._clock.now() < from_text(hold["until"]):
            return Reason.QUOTA_REACHED
        return None

    def room(self) -> int:
        """How many standbys may still be claimed today, below cap, ceiling and quota; only the claim is exact."""
        today = day_counter(to_text(self._clock.now())[:10])
        found = self._counters(today)
        taken = _taken(found, TOTAL)
        below_cap = self._settings.max_new_standbys_per_day - _taken(found, today)
        below_ceiling = self._settings.max_standbys - taken
        quota = known_quota(found.get(QUOTA), self._clock.now())
        below_quota = below_ceiling if quota is None else quota - taken
        return max(min(below_cap, below_ceiling, below_quota), 0)

    def headroom(self) -> int | None:
        """How many standbys the quota leaves, as the sweep last measured it; None if that is not known, or long ago.

        Raises
        ------
        LedgerUnavailable
            It cannot be read.
        """
        found = self._counters()
        quota = known_quota(found.get(QUOTA), self._clock.now())
        return None if quota is None else max(quota - _taken(found, TOTAL), 0)

    def _counters(self, *more: str) -> dict[str, Item]:
        keys = [(TOTAL, COUNTER), (QUOTA, QUOTA), *((name, COUNTER) for name in more)]
        return {item["pk"]: item for item in self._table.get_many(keys)}

    def hold_for_quota(self) -> None:
        """Hold the whole pair: the quota is used up. The next try is after `QUOTA_PROBE`."""
        until = to_text(self._clock.now() + QUOTA_PROBE)
        self._table.put({"pk": QUOTA_HOLD, "sk": PAUSE, "until": until})

    def tell_once_a_day(
        self, reason: Reason, context: Context, detail: str = "", *, status: Status = Status.HELD
    ) -> None:
        """Write the pair's own EVENT row for a reason that many have, held or otherwise: one notice a UTC day for all.

        Raises
        ------
        LedgerUnavailable
            Not known whether it is written.
        """
        event = self._pair_event(reason, context, detail, self._clock.now()) | {"status": status}
        self._table.put(event, condition="attribute_not_exists(pk)")

    def _pair_event(self, reason: Reason, context: Context, detail: str, now: datetime) -> dict[str, object]:
        at = to_text(now)
        pk = f"HOLD#{reason}"
        return {
            "pk": pk,
            "sk": f"EVENT#{at[:10]}",
            "schema_version": SCHEMA_VERSION,
            "version": 1,
            "primary_id": pk,
            "primary_region": self._settings.primary_region,
            "dr_region": self._settings.dr_region,
            "status": Status.HELD,
            "reason_code": reason,
            "message": f"{MEANING[reason].sentence} {detail}".strip(),
            "at": at,
            "day": at[:10],
            "ix_day": day_partition(at[:10], shard_of(pk)),
            "ix_day_at": at,
            "changed_at": at,
            "cause_type": context.cause.type,
            "cause_id": context.cause.id,
            "change_id": self._new_id(),
            "notice": True,
        }


def _taken(found: Mapping[str, Item], counter: str) -> int:
    return int(found[counter]["taken"]) if counter in found else 0
