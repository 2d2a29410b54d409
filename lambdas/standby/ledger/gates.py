"""What holds creations back for the whole pair: the pause switch, observe mode, the quota, the cap and the ceiling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from standby.clock import Clock, from_text, to_text
from standby.ledger.claims import COUNTER, TOTAL, day_counter
from standby.ledger.ledger import Context
from standby.ledger.quota import QUOTA, known_quota
from standby.ledger.table import Item, Table
from standby.model import Status
from standby.reasons import MEANING, Reason
from standby.rows import SCHEMA_VERSION, day_partition, shard_of
from standby.settings import Settings

PAUSE = "PAUSE"
QUOTA_HOLD = "HOLD#QUOTA_REACHED"
QUOTA_PROBE = timedelta(hours=1)  # after this long somebody may have raised it


# Of a day's new standbys an existing fleet leaves this part to new desktops: one in five.
_FOR_NEW_ONES = 5


@dataclass(frozen=True)
class BackfillRoom:
    """For how many more of existing fleets there is room: in their part of the day's number, and below the quota.

    `quota` is as the sweep last measured it, None if that is not known, or long ago.
    """

    today: int
    quota: int | None

    @property
    def most(self) -> int:
        """Whichever is less."""
        return self.today if self.quota is None else min(self.today, self.quota)


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
        """How many standbys may still be claimed today, below cap and ceiling; only the claim is exact.

        The quota is no part of it: what was measured may be wrong, and of a new desktop the service decides.

        Raises
        ------
        LedgerUnavailable
            It cannot be read.
        """
        today, total, _ = self._counters()
        below_cap = self._settings.max_new_standbys_per_day - today
        return max(min(below_cap, self._settings.max_standbys - total), 0)

    def backfill_room(self) -> BackfillRoom:
        """How many of existing fleets may still be claimed today, beside what holds everybody back.

        Raises
        ------
        LedgerUnavailable
            It cannot be read.
        """
        today, total, quota = self._counters()
        cap = self._settings.max_new_standbys_per_day
        left = cap - cap // _FOR_NEW_ONES - today
        return BackfillRoom(max(left, 0), None if quota is None else max(quota - total, 0))

    def _counters(self) -> tuple[int, int, int | None]:
        """Today's new standbys, all standbys, and the quota if it is known."""
        now = self._clock.now()
        today = day_counter(to_text(now)[:10])
        keys = [(TOTAL, COUNTER), (QUOTA, QUOTA), (today, COUNTER)]
        found = {item["pk"]: item for item in self._table.get_many(keys)}
        return _taken(found, today), _taken(found, TOTAL), known_quota(found.get(QUOTA), now)

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
