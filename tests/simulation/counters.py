"""Whether the ledger's counters count what they say, and each claim is of the row that it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from standby.ledger.claims import TOTAL, day_counter
from standby.model import Status
from standby.reasons import Reason
from standby.settings import Settings

Item = Mapping[str, Any]


class Counters:
    """Counts for itself what rows and stories say. `kept` is what the ledger's own counters have."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}
        self._counted: Counter[str] = Counter()
        self._claims: dict[str, str] = {}
        # The day of which a primary has a place that nothing came of yet.
        self._places: dict[str, str] = {}

    def saw_claim(self, item: Item) -> None:
        """A claim's row."""
        self._claims[item["pk"]] = item["primary_id"]

    def saw_state(self, new: Item, old: Item | None) -> None:
        """A primary's row, and what it was before."""
        self._counted[TOTAL] += ("claim_key" in new) - ("claim_key" in (old or {}))

    def saw_event(self, new: Item, before: Item, in_force: Sequence[Settings]) -> Iterator[str]:
        """Count a day's new standbys as the story tells it: a claim takes a place, and what came of it keeps it."""
        one, had = new["pk"], self._places.get(new["pk"])
        if new["reason_code"] == Reason.CLAIM_TAKEN and new["claim_expires_at"] != before.get("claim_expires_at"):
            has = self._places[one] = new["day"]
            if has != had:
                most = max(settings.max_new_standbys_per_day for settings in in_force)
                self._counted[day_counter(has)] += 1
                self._counted[day_counter(had or has)] -= had is not None
                counted = self._counted[day_counter(has)]
                if counted > most:
                    yield f"{counted} new standbys on {has}, {most} is the most"
        elif new["status"] != Status.CLAIMED and had is not None:
            del self._places[one]
            self._counted[day_counter(had)] -= "standby_id" not in new

    def requested(self, primary_id: str) -> Iterator[str]:
        """A standby was asked for."""
        if primary_id not in self._places:
            yield f"a create that no day's counter has: {primary_id}"

    def differ(self, rows: Mapping[str, Item]) -> Iterator[str]:
        """What the ledger has counted otherwise, and claims that their holders' rows deny."""
        for counter in {TOTAL, *self._counted, *self.kept}:
            if (found := self.kept.get(counter, 0)) != self._counted[counter]:
                yield f"{counter} is {found} and counts {self._counted[counter]}"
        for key, holder in self._claims.items():
            if holder != "-" and rows.get(holder, {}).get("claim_key") != key:
                yield f"{key} is {holder}'s, whose row denies it"
        for one, row in rows.items():
            if "claim_key" in row and self._claims.get(row["claim_key"]) != one:
                yield f"{one} has {row['claim_key']}, which is {self._claims.get(row['claim_key'])}'s"
