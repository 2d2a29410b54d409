"""Whether the ledger's counters and figures of coverage are true, and each claim is of the row that it names."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from standby.core.model import Status
from standby.core.reasons import Reason
from standby.core.settings import Settings
from standby.ledger.ledger import TOTAL, UNDER_WAY, day_counter

Item = Mapping[str, Any]


def _is_under_way(row: Item) -> bool:
    """Whether an existing fleet's desktop is on its way, and waits for no person."""
    is_open = row.get("status") in ("WAITING", "CLAIMED", "REQUESTED")
    return bool(row.get("existing")) and is_open and row["reason_code"] != Reason.PRIMARY_PAUSED_BY_SERVICE


class Counters:
    """Counts for itself what rows and stories say. `kept` is what the ledger's own counters have."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}
        self._counted: Counter[str] = Counter()
        self._claims: dict[str, str] = {}
        # The day of which a primary has a place that nothing came of yet.
        self._places: dict[str, str] = {}
        # The day on which a primary's request was given up, of which a standby may come all the same.
        self._given_up: dict[str, str] = {}

    def saw_claim(self, item: Item, rows: Mapping[str, Item]) -> Iterator[str]:
        """A claim's row: one that is given up, unseen, says so."""
        key, holder = item["pk"], self._claims.get(item["pk"], "-")
        self._claims[key] = item["primary_id"]
        is_given_up = item["primary_id"] == "-" and holder != "-" and rows[holder]["status"] == Status.TIMED_OUT
        if is_given_up and "given_up_at" not in item:
            yield f"{key} is given up by {holder}, and does not say so"

    def saw_state(self, new: Item, old: Item | None) -> None:
        """A primary's row, and what it was before."""
        self._counted[TOTAL] += ("claim_key" in new) - ("claim_key" in (old or {}))
        self._counted[UNDER_WAY] += _is_under_way(new) - _is_under_way(old or {})

    def saw_event(self, new: Item, before: Item, in_force: Sequence[Settings]) -> Iterator[str]:
        """Count a day's new standbys as the story tells it: a claim takes a place, and what came of it keeps it."""
        one, had = new["pk"], self._places.get(new["pk"])
        if "GIVEN_UP" in new.get("conditions", {}):
            self._given_up.setdefault(one, new["day"])
        elif (day := self._given_up.pop(one, None)) and "standby_id" in new:
            self._counted[day_counter(day)] += 1
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


class Coverages:
    """Follows the rows of coverage, and how scans end. `written` has those of a directory, each as it was written."""

    def __init__(self) -> None:
        self.written: dict[str, list[Item]] = defaultdict(list)
        # The scan of each directory whose figures were written last: its run, and when it ended. A part that is done
        # again, because its first invocation did not live to say so, is another scan of the same run.
        self._counted_scans: dict[str, tuple[str, str]] = {}

    def saw_figures(self, new: Item, old: Item | None) -> Iterator[str]:
        """A directory's coverage of a day, which only a later complete scan writes over."""
        directory, day = new["pk"].partition("#")[2], new["sk"].partition("#")[2]
        self.written[directory].append(new)
        self._counted_scans[directory] = new["run"], new["scanned_at"]
        primaries, eligible, protected = (new[name] for name in ("primaries", "eligible", "protected"))
        if not primaries >= eligible >= protected >= 0:
            yield f"coverage cannot be {new}"
        if new["scanned_at"][:10] != day:
            yield f"coverage of another day: {new}"
        if old is not None and old["scanned_at"] > new["scanned_at"]:
            yield f"older coverage was written over {old}"

    def saw_scan(self, last: Item) -> Iterator[str]:
        """How a scan has ended."""
        is_counted = self._counted_scans.get(last["pk"].partition("#")[2]) == (last["run"], last["ended_at"])
        if is_counted and not last["complete"]:
            yield f"figures of a scan that is not complete: {last}"
