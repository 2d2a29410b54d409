"""What the sweep makes of a whole fleet: the desktops that were there before, and what is not there any more.

Pure, like `decisions/decide.py`, whose `decide` it rests on: there is one way of deciding.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from standby.clock import to_text
from standby.decisions.decide import decide
from standby.decisions.decision import Action, Decision, nothing, record
from standby.decisions.uncovered import finds_place_taken
from standby.decisions.unwell import unwell
from standby.model import GONE, HAD_ONE, Cause, DirectoryId, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings
from standby.sweep.baseline import Baseline
from standby.sweep.memory import OWN, Scan

# So many WorkSpaces may go between two sweeps without anybody doubting the service; what it does not show is believed
# after so long.
_FEW = 3
_DOUBT = timedelta(hours=4)
# Settled rows of which it can be said that the primary, or the standby, is gone. Open ones have deadlines of their own.
SETTLED = tuple(status for status in Status if not status.is_open)
_NOT_MAPPED = (Reason.DIRECTORY_NOT_MAPPED, Reason.MAPPED_ELSEWHERE)


def decide_in_fleet(
    seen: Workspace, row: Row | None, baseline: Baseline, settings: Settings, cause: Cause, now: datetime
) -> Decision:
    """What to do with a WorkSpace that a page of its directory showed.

    As for any other, but for the existing fleet: before its directory's baseline is taken, what could have a standby is
    only reported; once it is accepted, it waits for its turn.
    """
    if row is not None and row.status.is_open:
        return nothing(seen.id, row, row.reason)  # the watcher's
    decision = decide(seen.id, seen, row, settings, cause, now)
    if row is not None and row.status is Status.HELD:
        # It waits for its turn at the watcher, unless it has been excluded meanwhile, its partner has changed, or
        # somebody else has made it a standby.
        is_over = decision.status in (Status.EXCLUDED, Status.REPORTED) or decision.standby is not None
        return decision if is_over else nothing(seen.id, row, row.reason)
    if decision.action is Action.NONE and (found := unwell(seen, row, settings, now)):
        return found
    if is_existing(row, baseline):
        return _existing(decision, row, baseline, settings)
    return decision


def is_existing(row: Row | None, baseline: Baseline) -> bool:
    """Whether a WorkSpace was there before its directory was watched."""
    if row is None:
        return not baseline.is_taken
    # One of a directory that was not mapped was there when it came to be, if not for the first time.
    return row.existing or row.status is Status.REPORTED or row.reason in _NOT_MAPPED


def _existing(decision: Decision, row: Row | None, baseline: Baseline, settings: Settings) -> Decision:
    """The existing fleet gets nothing before it is accepted, and then in its turn."""
    is_undecided = row is None or row.status in (Status.REPORTED, Status.EXCLUDED, Status.INELIGIBLE)
    wants_one = decision.action is Action.REQUEST or decision.status in (Status.WAITING, Status.REPORTED)
    if not (is_undecided and wants_one):
        if row and row.existing and (decision.action is Action.REQUEST or decision.status is Status.WAITING):
            # What was refused, or came late, waits for its turn again.
            return record(decision.primary_id, Status.HELD, Reason.BACKFILL)
        # A whole fleet's obstacles are one report, and no notice each.
        is_left_out = decision.status in (Status.EXCLUDED, Status.INELIGIBLE)
        return dataclasses.replace(decision, quiet=decision.quiet or row is None, existing=is_left_out)
    if not (baseline.is_accepted or settings.existing_fleet == "protect"):
        return _reported(decision.primary_id, row)
    return record(decision.primary_id, Status.HELD, Reason.BACKFILL)


def _reported(primary_id: WorkspaceId, row: Row | None) -> Decision:
    if row is not None and row.status is Status.REPORTED and row.reason is not Reason.MAPPING_REMOVED:
        return nothing(primary_id, row, row.reason)
    return record(primary_id, Status.REPORTED, Reason.EXISTING_FLEET)


class Census:
    """What a complete scan of a directory and of its partner has seen, and what follows for the ledger's rows.

    Parameters
    ----------
    primaries
        Ids of all WorkSpaces in the primary directory.
    standbys
        Ids of all WorkSpaces in the partner.
    scan
        The scan: a row that changed since it began is not spoken of; where it has seen no primary at all, none that
        changed in the hours before, as the directory may have been empty then, and an outage shows it so again.
    partner
        Whose standbys were seen. One in a former partner was not looked for there: it is asked for by its id in each
        sweep, and only what its primary and these looks show, in two sweeps, says that it is gone. Of an orphan there
        no primary says anything, and no scan would find it again: it stays.
    """

    def __init__(
        self, primaries: frozenset[str], standbys: frozenset[str], scan: Scan, partner: DirectoryId | None = None
    ) -> None:
        self._partner = partner
        self._primaries = primaries
        self._standbys = standbys
        self._began = scan.began_at
        self._settled_before = scan.began_at - (timedelta(0) if primaries else _DOUBT)
        self.run = scan.run
        self.ended_at = scan.ended_at
        self.before = scan.before

    def suspects(self, row: Row) -> bool:
        """Whether a row does not agree with what was seen: its primary and its standby are to be asked for by id."""
        return row.changed_at < self._settled_before and (
            self.misses_primary(row) or self.misses_standby(row) or self.finds_orphan(row)
        )

    def misses_primary(self, row: Row) -> bool:
        """Whether a row's primary seems to be gone: to be asked for by its id."""
        return (
            row.status in SETTLED
            and row.status is not Status.PRIMARY_GONE
            and row.reason is not Reason.IS_STANDBY
            and row.primary_id not in self._primaries
        )

    def misses_standby(self, row: Row) -> bool:
        """Whether a row's standby seems to be gone: to be asked for by its id."""
        if row.standby_id is None or row.standby_id in self._standbys:
            return False
        is_here = self._partner is None or row.dr_directory_id in (None, self._partner)
        return row.status in HAD_ONE or (row.is_orphan and is_here)

    def finds_orphan(self, row: Row) -> bool:
        """Whether the standby of a primary that is gone is there after all: to be asked for by its id."""
        return row.reason is Reason.PRIMARY_TERMINATED and row.standby_id in self._standbys

    def missed(self, row: Row, seen: Workspace | None, standby: Workspace | None) -> frozenset[WorkspaceId]:
        """Which of a row's primary and standby neither the scan nor the looks by their ids have shown.

        A standby of which its primary says that it lives is shown; so is one on its way out.
        """
        found = set()
        if seen is None and row.primary_id not in self._primaries:
            found.add(row.primary_id)
        is_named = seen is not None and any(one.state not in GONE for one in seen.standbys)
        if row.standby_id and standby is None and row.standby_id not in self._standbys and not is_named:
            found.add(row.standby_id)
        return frozenset(found)


def judged(scan: Scan, last: Scan | None, now: datetime) -> Scan:
    """A scan that has just ended, as far as it is believed after the `last` one.

    An outage answers with empty lists as well as with errors. One that shows far fewer WorkSpaces than before counts as
    not complete for some hours; nothing is concluded as long as the directory has been empty for a shorter time.
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
    scan = dataclasses.replace(scan, doubted_since=since or now)
    if doubt and is_doubted(scan, now):
        problem = f"{doubt}, which is not believed before {to_text((since or now) + _DOUBT)}"
        return dataclasses.replace(scan, problem=problem, sizes=sizes)
    return scan


def is_doubted(scan: Scan, now: datetime) -> bool:
    """Whether nothing is to be concluded from what a scan did not show."""
    return scan.doubted_since is not None and now - scan.doubted_since < _DOUBT


def _shrunk(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    for side, count in before.items():
        left = now.get(side, 0)
        if count and (left == 0 or (left * 2 < count and count - left >= _FEW)):
            return f"{side} side: it shows {left} WorkSpaces after {count}"
    return ""


def counted(decisions: Mapping[WorkspaceId, Decision], rows: Mapping[WorkspaceId, object]) -> Counter[str]:
    """How many of a page's primaries stand how; standbys are no primaries, even if a row once took one for one.

    What is INELIGIBLE because its place is taken stays so in the count while it is tried again.
    """
    counts: Counter[str] = Counter()
    for one, decision in decisions.items():
        row, status = rows.get(one), decision.status
        if status is None or decision.reason is Reason.IS_STANDBY:
            continue
        is_tried = decision.standby is None and (status.is_open or status is Status.HELD)
        is_taken = isinstance(row, Row) and finds_place_taken(row)
        counts[Status.INELIGIBLE if is_tried and is_taken else status] += 1
    return counts
