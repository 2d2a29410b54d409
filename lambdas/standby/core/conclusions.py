"""What a complete scan of a directory, and of its DR directory, says of the ledger's rows. Pure.

Gone is a conclusion from nothing being shown, so it is the slowest one there is: two complete scans in a row must have
missed a WorkSpace, each with lookups by its id, and the first answer that shows it again undoes it. "It" is one
WorkSpace: a scan that misses a primary and a next one that misses its standby have missed each once. An outage answers
with empty lists as well as with errors: one that shows far fewer WorkSpaces than before is not believed for some hours.
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
# So many WorkSpaces may go between two sweeps without anybody doubting the service; what it does not show is believed
# after so long.
_FEW = 3
DOUBT = timedelta(hours=4)


@dataclass(frozen=True)
class Scan:
    """How the scan of a directory ended: without a `problem` it was complete. `parts` are those kept of each side.

    `before` is the run of the last complete scan before it; `sizes` are how many WorkSpaces each side had in the last
    complete one, `doubted_since` since when its scans show none, or far fewer than before.
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
        """Whether nothing is to be concluded from what it did not show."""
        return self.doubted_since is not None and self.ended_at - self.doubted_since < DOUBT


def judged(scan: Scan, last: Scan | None) -> Scan:
    """A scan that has ended, as far as it is believed after the `last` one.

    One that shows far fewer WorkSpaces than before counts as not complete for some hours; nothing is concluded as long
    as the directory has been empty for a shorter time.
    """
    if last is not None:
        # A part that is done again finds its own scan noted.
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
        problem = f"{doubt}, which is not believed before {to_text(since + DOUBT)}"
        return dataclasses.replace(scan, problem=problem, sizes=sizes)
    return scan


def _shrunk(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    for side, count in before.items():
        left = now.get(side, 0)
        if count and (left == 0 or (left * 2 < count and count - left >= _FEW)):
            return f"{side} side: it shows {left} WorkSpaces after {count}"
    return ""


class Ids:
    """A set of WorkSpace ids in 8 bytes each, for a sweep holds those of the whole fleet in the end.

    It keeps hashes. With n ids, one that is not among them passes for one of them in n of 2^64 cases. That is the safe
    side: a WorkSpace that is gone counts as seen, and nothing is concluded of it; nobody is ever taken for gone. Python
    hashes text differently in each process, so that a later sweep does not make the same mistake.
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
    """What a complete scan has seen, the ids in a directory and in its DR directory, and what follows for rows.

    A standby in a former DR directory was not looked for: it is asked for by its id in each sweep, and only what
    its primary and these lookups show, in two sweeps, says that it is gone. Of an orphan there no primary says
    anything, and no scan would find it again: it stays.
    """

    primaries: Ids
    standbys: Ids
    scan: Scan
    dr_directory: DirectoryId

    def suspects(self, row: Row) -> bool:
        """Whether a row does not agree with what was seen: its primary and its standby are to be asked for by id.

        Of a row that changed since the scan began nothing is said; where it has seen no primary at all, of none that
        changed in the hours before, as the directory may have been empty then, and an outage shows it so again. A part
        of the sweep that is done again has noted some already.
        """
        settled_before = self.scan.began_at - (timedelta(0) if self.primaries else DOUBT)
        noted = (row.note(Kind.MISSED), row.note(Kind.STANDBY_MISSED))
        if row.changed_at >= settled_before or self.scan.run in noted:
            return False
        is_primary = row.status not in (*OPEN, Status.PRIMARY_GONE) and row.reason is not Reason.IS_STANDBY
        # The standby of a primary that is gone may be there after all.
        finds_orphan = row.reason is Reason.PRIMARY_TERMINATED and row.standby_id in self.standbys
        return (is_primary and row.primary_id not in self.primaries) or finds_orphan or self.misses_standby(row)

    def misses_standby(self, row: Row) -> bool:
        """Whether a row's standby seems to be gone."""
        if row.standby_id is None or row.standby_id in self.standbys:
            return False
        is_here = row.dr_directory_id in (None, self.dr_directory)
        return row.status in HAD_ONE or (row.is_orphan and is_here)

    def conclude(self, case: Case, standby: Workspace | None) -> Change | None:
        """What follows for a row when its primary and its standby, asked for by their ids, were returned or not.

        None: nothing. A standby of which its primary says that it lives is shown; so is one on its way out.
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
        # One more sweep is needed for what was missed for the first time.
        new = base.observe(Kind.MISSED, lost and not is_gone, now, note=self.scan.run)
        is_concluded = standby_is_gone and change is not None
        new = new.observe(Kind.STANDBY_MISSED, standby_lost and not is_concluded, now, note=self.scan.run)
        if change is not None:
            return change.having(new)
        return None if new is row else Change(row.primary_id, row, new, row.reason, row.message)

    def _missed_before(self, row: Row, kind: Kind) -> bool:
        """Whether the last complete scan before this one has missed it, too."""
        return self.scan.before is not None and row.note(kind) == self.scan.before


def _what_is_gone(case: Case, standby: Workspace | None, *, is_gone: bool, standby_is_gone: bool) -> Change | None:
    """What follows when two sweeps in a row have missed the primary of a row, its standby, or both. None: nothing."""
    row, seen = case.row, case.shown
    if row is None:
        return None
    related = as_standby(standby.id, row.dr_region, standby.state) if standby else None
    compute_type = standby.compute_type if standby else None
    if row.status is Status.PRIMARY_GONE and not row.is_orphan:
        # Its standby is there after all: that needs no second sweep.
        is_found = seen is None and standby is not None and standby.state not in GONE
        return orphaned(case, related, compute_type) if is_found else None
    if row.is_orphan and seen is not None and seen.state not in GONE:
        return None  # it is there: the sweep that a page shows it to goes on
    if row.is_orphan or is_gone:
        if row.standby_id is None or standby_is_gone:
            return case.record(Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED)
        return None if row.is_orphan else orphaned(case, related, compute_type)
    if seen is not None and standby_is_gone:
        return case.record(Status.STANDBY_MISSING, Reason.STANDBY_GONE, f"It was {row.standby_id}.")
    return None
