"""What must hold of each conclusion that a WorkSpace is gone, and of each row that says one is there.

Judged by what the ledger keeps of the scans, and by the world, without the product's own code.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.workspaces import World
from standby.core.model import Status, from_text
from tests.simulation.faults import Call

_ID = re.compile(r"\bws-[0-9a-z]+")
_ON_ITS_WAY_OUT = ("TERMINATING", "TERMINATED")
# An empty directory is not believed before.
_DOUBT = timedelta(hours=4)
# Two scans that miss a standby are to be enough; so many more may fail to ask for it by its id.
_SCANS = 4
_KEPT = 12

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Scan:
    """A scan of a directory and its DR directory that ended, and the ids that it has `shown` of both."""

    run: str
    dr_directory: str
    began_at: datetime
    is_complete: bool
    doubted_since: datetime | None
    shown: frozenset[str]

    def counts(self, now: datetime) -> bool:
        """Whether anything may follow from what it does not show."""
        return self.is_complete and (self.doubted_since is None or now - self.doubted_since >= _DOUBT)


class Conclusions:
    """Follows the scans, and judges what is concluded from them."""

    def __init__(self, world: World, now: Callable[[], datetime]) -> None:
        self._world = world
        self._now = now
        self._parts: dict[str, dict[str, tuple[str, frozenset[str]]]] = defaultdict(dict)
        self._scans: dict[str, list[Scan]] = defaultdict(list)
        self._gone_since: dict[str, datetime] = {}

    # What is seen

    def saw_scan(self, item: Item) -> None:
        """A part of what a scan has shown, or how one has ended."""
        directory, sk = item["pk"].partition("#")[2], item["sk"]
        if sk.startswith(("own#", "dr#")):
            self._parts[directory][sk] = (item["run"], frozenset(_ID.findall(item["seen"])))
        elif sk == "LAST":
            counts = {side: int(count) for side, count in item["parts"].items()}
            names = [f"{side}#{number:05d}" for side, count in counts.items() for number in range(count)]
            of_run = [ids for run, ids in map(self._parts[directory].__getitem__, names) if run == item["run"]]
            doubted = item.get("doubted_since")
            scan = Scan(
                item["run"],
                item["dr_directory_id"],
                from_text(item["began_at"]),
                bool(item["complete"]),
                from_text(doubted) if doubted else None,
                frozenset[str]().union(*of_run),
            )
            # A part that is done again ends the same scan again.
            others = [
                one for one in self._scans[directory] if one.run != scan.run and one.dr_directory == scan.dr_directory
            ]
            self._scans[directory] = [*others, scan][-_KEPT:]

    # What must hold

    def concluded(self, new: Item, old: Item | None) -> Iterator[str]:
        """What is wrong with a row that has just been written."""
        one, before = new["pk"], old or {}
        scans = self._last_two(new)
        for gone in self._said_to_be_gone(new, before):
            if self._was_shown_going(gone, new):
                continue
            is_missed = len(scans) == 2 and not any(gone in scan.shown for scan in scans)
            if not is_missed:
                told = f"{one} is {new['status']} ({new['reason_code']}) by {new['cause_type']}, and {gone}"
                yield f"{told} was not missed by two complete scans in a row, but by {_told(scans, gone)}"
        standby = before.get("standby_id")
        if "claim_key" in before and "claim_key" not in new and standby and self._world.workspace(standby).is_live:
            shown = [scan.run for scan in self._counting(new)[-2:] if standby in scan.shown]
            if shown:
                yield f"{one} gives its user's claim back, though {standby} lives and was shown in {shown}"

    def out_of_date(self, rows: Mapping[str, Item], struck: Sequence[tuple[datetime, Call, str]]) -> Iterator[str]:
        """PROTECTED rows whose standbys have been gone for longer than the sweeps may take to find out.

        `struck` are the calls that have met a fault: a sweep that began before one of its own did may have left it at
        that.
        """
        if self._world.settings.stray:
            # Where answers speak of others, two sweeps in a row seldom have all of their looks clear: a row may stand.
            return
        disturbed_at = next((at for at, call, _ in reversed(struck) if call.function == "sweep"), None)
        for one, row in rows.items():
            if row["status"] != Status.PROTECTED or self._world.workspace(row["standby_id"]).is_live:
                continue
            standby = row["standby_id"]
            since = self._gone_since.setdefault(standby, self._now())
            since = max(since, disturbed_at or since)
            scans = [scan for scan in self._counting(row) if scan.dr_directory == row["dr_directory_id"]]
            missing = [scan for scan in scans if scan.began_at > since and standby not in scan.shown]
            if len(missing) > _SCANS:
                yield f"{one} is PROTECTED by {standby}, which {len(missing)} complete scans since {since} have missed"

    def _last_two(self, row: Item) -> list[Scan]:
        """The scan of the sweep that concludes, and the complete one before it, as far as there are such."""
        found = self._counting(row)
        runs = [scan.run for scan in found]
        if row["cause_type"] != "sweep" or row.get("execution_arn") not in runs:
            return []
        at = runs.index(row["execution_arn"])
        return found[max(at - 1, 0) : at + 1]

    def _counting(self, row: Item) -> list[Scan]:
        """The scans of a row's directory, with the DR directory that it has now, from which something may follow."""
        now = self._now()
        return [scan for scan in self._scans[row.get("primary_directory_id", "")] if scan.counts(now)]

    def _said_to_be_gone(self, new: Item, old: Item) -> Iterator[str]:
        """The WorkSpaces of which a row says for the first time that they are gone."""
        if (new["status"], new["reason_code"]) == (old.get("status"), old.get("reason_code")):
            return
        if new["status"] == Status.PRIMARY_GONE and old.get("status") != Status.PRIMARY_GONE:
            yield new["pk"]
        if new["reason_code"] in ("PRIMARY_TERMINATED", "STANDBY_GONE") and "standby_id" in new:
            yield new["standby_id"]

    def _was_shown_going(self, gone: str, row: Item) -> bool:
        """Whether an answer has shown it on its way out: that is not concluded, and needs no scan."""
        if self._world.workspace(gone).is_live:
            return False
        return row["cause_type"] != "sweep" or (gone == row["pk"] and row.get("primary_state") in _ON_ITS_WAY_OUT)


def _told(scans: list[Scan], gone: str) -> str:
    shown = {scan.run.rpartition(":")[2]: "shows it" if gone in scan.shown else "misses it" for scan in scans}
    return str(shown or "none")
