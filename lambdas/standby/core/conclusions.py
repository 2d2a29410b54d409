"""What follows for the ledger's rows from a complete scan of a directory and of its DR directory. Pure.

"Gone" is concluded from absence, so it takes longest: two complete scans in a row must miss the WorkSpace, each with
lookups by its id. The first answer that contains it again restores the row. Each WorkSpace counts for itself: a scan
that misses a primary and a next scan that misses its standby have missed each of them once. An outage can answer with
empty lists as well as with errors, so a scan with far fewer WorkSpaces than before is doubted for some hours.
"""

from __future__ import annotations

import dataclasses
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from standby.core.change import Case, Change
from standby.core.model import GONE, HAD_ONE, OPEN, DirectoryId, Status, Workspace, as_standby, to_text
from standby.core.orphans import orphaned
from standby.core.reasons import Reason
from standby.core.row import Kind, Row

# The two sides of a directory's scan.
DR_SIDE, OWN = "dr", "own"
# Fewer than `_FEW` WorkSpaces may disappear between two sweeps without a doubt about the service. After `DOUBT`, what
# a doubted scan did not contain counts as absent.
_FEW = 3
DOUBT = timedelta(hours=4)


@dataclass(frozen=True)
class Scan:
    """How the scan of a directory ended: it was complete if `problem` is empty.

    `parts` is how many parts of each side are kept. `before` is the run of the previous complete scan. `sizes` is how
    many WorkSpaces each side had in the last complete scan. `doubted_since` is since when scans contain no WorkSpaces,
    or far fewer than before.
    """

    run: str
    began_at: datetime
    ended_at: datetime
    parts: dict[str, int]
    problem: str
    before: str | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    doubted_since: datetime | None = None

    @property
    def is_doubted(self) -> bool:
        """Whether nothing may be concluded from what the scan did not contain."""
        return self.doubted_since is not None and self.ended_at - self.doubted_since < DOUBT


def judged(scan: Scan, last: Scan | None) -> Scan:
    """The scan that has ended, compared with the `last` one.

    A scan with far fewer WorkSpaces than before counts as incomplete for some hours (`DOUBT`). While a directory has
    been empty for less than that, nothing is concluded.
    """
    if last is not None:
        # A part that is repeated finds its own scan noted.
        before = last.before if last.problem or last.run == scan.run else last.run
        scan = dataclasses.replace(scan, before=before)
    sizes, since = (last.sizes, last.doubted_since) if last else ({}, None)
    if scan.problem:
        return dataclasses.replace(scan, sizes=sizes, doubted_since=since)
    doubt = _shrunk(sizes, scan.sizes)
    if not doubt and scan.sizes[OWN]:
        return scan
    since = since or scan.ended_at
    scan = dataclasses.replace(scan, doubted_since=since)
    if doubt and scan.is_doubted:
        problem = f"{doubt}; this is doubted until {to_text(since + DOUBT)}"
        return dataclasses.replace(scan, problem=problem, sizes=sizes)
    return scan


def _shrunk(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    for side, count in before.items():
        left = now.get(side, 0)
        if count and (left == 0 or (left * 2 < count and count - left >= _FEW)):
            return f"{side} side: {left} WorkSpaces instead of {count}"
    return ""


class Ids:
    """A set of WorkSpace ids that takes 8 bytes for each, because a sweep holds the ids of the whole fleet at its end.

    It keeps hashes. With n ids, an id that is not in the set is reported as in it in n of 2^64 cases. This is the safe
    side: a WorkSpace that is gone counts as seen, and nothing is concluded; no WorkSpace ever counts as gone by
    mistake. Python hashes text differently in each process, so that a later sweep does not repeat the mistake.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._hashes = array("q", sorted(map(hash, ids)))

    def __contains__(self, one: str | None) -> bool:
        at = bisect_left(self._hashes, hash(one))
        return at < len(self._hashes) and self._hashes[at] == hash(one)

    def __len__(self) -> int:
        return len(self._hashes)


@dataclass(frozen=True)
class Census:
    """The ids that a complete scan found in a directory and in its DR directory, and what follows for rows.

    A scan does not cover a standby in a former DR directory. It is described by its id in each sweep, and counts as
    gone only if its primary and these lookups do not return it in two sweeps. An orphan in a former DR directory has no
    primary that could confirm it, and no scan would find it again: it stays.
    """

    primaries: Ids
    standbys: Ids
    scan: Scan
    dr_directory: DirectoryId

    def suspects(self, row: Row) -> bool:
        """Whether a row disagrees with the scan, so that its primary and its standby are described by id.

        Rows that changed since the scan began are left out. If the scan found no primary at all, rows that changed in
        the hours before are left out too: the directory may have been empty then, and an outage looks the same. A part
        of the sweep that is repeated has already noted some rows.
        """
        settled_before = self.scan.began_at - (timedelta(0) if self.primaries else DOUBT)
        noted = (row.note(Kind.MISSED), row.note(Kind.STANDBY_MISSED))
        if row.changed_at >= settled_before or self.scan.run in noted:
            return False
        is_primary = row.status not in (*OPEN, Status.PRIMARY_GONE) and row.reason is not Reason.IS_STANDBY
        # The standby of a primary that is gone may still exist.
        finds_orphan = row.reason is Reason.PRIMARY_TERMINATED and row.standby_id in self.standbys
        return (is_primary and row.primary_id not in self.primaries) or finds_orphan or self.misses_standby(row)

    def misses_standby(self, row: Row) -> bool:
        """Whether the scan did not find a row's standby."""
        if row.standby_id is None or row.standby_id in self.standbys:
            return False
        is_here = row.dr_directory_id in (None, self.dr_directory)
        return row.status in HAD_ONE or (row.is_orphan and is_here)

    def conclude(self, case: Case, standby: Workspace | None) -> Change | None:
        """What follows for a row after its primary and its standby were described by id; None if nothing follows.

        A standby counts as seen if its primary names it, and also while it is being terminated.
        """
        row, seen, now = case.row, case.shown, case.now
        if row is None:
            return None
        lost = seen is None and row.primary_id not in self.primaries
        is_named = seen is not None and any(one.state not in GONE for one in seen.standbys)
        standby_lost = row.standby_id is not None and not (
            standby is not None or row.standby_id in self.standbys or is_named
        )
        is_gone = lost and self._missed_before(row, Kind.MISSED)
        standby_is_gone = standby_lost and self._missed_before(row, Kind.STANDBY_MISSED)
        change = _what_is_gone(case, standby, is_gone=is_gone, standby_is_gone=standby_is_gone)
        base = change.new if change and change.new else row
        # What was missed for the first time needs one more sweep.
        new = base.observe(Kind.MISSED, lost and not is_gone, now, note=self.scan.run)
        is_concluded = standby_is_gone and change is not None
        new = new.observe(Kind.STANDBY_MISSED, standby_lost and not is_concluded, now, note=self.scan.run)
        if change is not None:
            return change.having(new)
        return None if new is row else Change(row.primary_id, row, new, row.reason, row.message)

    def _missed_before(self, row: Row, kind: Kind) -> bool:
        """Whether the previous complete scan missed it too."""
        return self.scan.before is not None and row.note(kind) == self.scan.before


def _what_is_gone(case: Case, standby: Workspace | None, *, is_gone: bool, standby_is_gone: bool) -> Change | None:
    """What follows if two sweeps in a row missed a row's primary, its standby, or both; None if nothing follows."""
    row, seen = case.row, case.shown
    if row is None:
        return None
    related = as_standby(standby.id, row.dr_region, standby.state) if standby else None
    compute_type = standby.compute_type if standby else None
    if row.status is Status.PRIMARY_GONE and not row.is_orphan:
        # Its standby still exists: this needs no second sweep.
        is_found = seen is None and standby is not None and standby.state not in GONE
        return orphaned(case, related, compute_type) if is_found else None
    if row.is_orphan and seen is not None and seen.state not in GONE:
        return None  # it exists: the decision follows from the page that contains it
    if row.is_orphan or is_gone:
        if row.standby_id is None or standby_is_gone:
            return case.record(Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED)
        return None if row.is_orphan else orphaned(case, related, compute_type)
    if seen is not None and standby_is_gone:
        return case.record(Status.STANDBY_MISSING, Reason.STANDBY_GONE, f"The standby was {row.standby_id}.")
    return None
