"""What the sweep makes of a whole fleet: the desktops that were there before, and what is not there any more.

Pure, like `decisions.py`, whose `decide` it rests on: there is one way of deciding.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import datetime

from standby.decisions import Action, Decision, decide, nothing, record
from standby.model import Cause, Status, Workspace, WorkspaceId
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings
from standby.sweep_memory import Baseline

# Settled rows of which it can be said that the primary, or the standby, is gone. Open ones have deadlines of their own.
SETTLED = tuple(status for status in Status if not status.is_open)


def decide_in_fleet(
    seen: Workspace, row: Row | None, baseline: Baseline, settings: Settings, cause: Cause, now: datetime
) -> Decision:
    """What to do with a WorkSpace that a page of its directory showed.

    As for any other, but for the existing fleet: before its directory's baseline is taken, what could have a standby is
    only reported; once it is accepted, it waits for its turn.
    """
    if row is not None and (row.status.is_open or row.status is Status.HELD):
        # The watcher's: what is open is looked at there, and what is held waits there for its turn.
        return nothing(seen.id, row, row.reason)
    decision = decide(seen.id, seen, row, settings, cause, now)
    if row is None and not baseline.is_taken:
        return _existing(decision, baseline, settings)
    if decision.status is Status.REPORTED and _is_accepted(baseline, settings):
        return record(seen.id, Status.HELD, Reason.BACKFILL)
    return decision


def _is_accepted(baseline: Baseline, settings: Settings) -> bool:
    return baseline.is_accepted or settings.existing_fleet == "protect"


def _existing(decision: Decision, baseline: Baseline, settings: Settings) -> Decision:
    wants_one = decision.action is Action.REQUEST or decision.status is Status.WAITING
    if not wants_one:
        # A whole fleet's obstacles are one report, and no notice each.
        return dataclasses.replace(decision, quiet=True)
    if _is_accepted(baseline, settings):
        return record(decision.primary_id, Status.HELD, Reason.BACKFILL)
    return record(decision.primary_id, Status.REPORTED, Reason.EXISTING_FLEET)


class Census:
    """What a complete scan of a directory and of its partner has seen, and what follows for the ledger's rows.

    Parameters
    ----------
    primaries
        Ids of all WorkSpaces in the primary directory.
    standbys
        Ids of all WorkSpaces in the partner.
    began
        When the scan did: a row that changed since then is not spoken of.
    """

    def __init__(self, primaries: frozenset[str], standbys: frozenset[str], began: datetime) -> None:
        self._primaries = primaries
        self._standbys = standbys
        self._began = began

    def misses_primary(self, row: Row) -> bool:
        """Whether a row's primary seems to be gone: to be asked for by its id."""
        return (
            row.status in SETTLED
            and row.status is not Status.PRIMARY_GONE
            and row.reason is not Reason.IS_STANDBY
            and row.changed_at < self._began
            and row.primary_id not in self._primaries
        )

    def misses_standby(self, row: Row) -> bool:
        """Whether a row's standby seems to be gone: to be asked for by its id."""
        return (
            row.status in (Status.PROTECTED, Status.PRIMARY_GONE, Status.FAILED)
            and row.standby_id is not None
            and row.changed_at < self._began
            and row.standby_id not in self._standbys
        )


def what_is_gone(row: Row, seen: Workspace | None, *, standby_lives: bool) -> Decision | None:
    """What follows when a primary, asked for by its id, was `seen` or not, and its standby lives or not. None: nothing.

    An orphan keeps its user's claim and its place below the ceiling: it is there, and costs.
    """
    if seen is None and row.status is not Status.PRIMARY_GONE:
        if standby_lives:
            return record(row.primary_id, Status.PRIMARY_GONE, Reason.ORPHANED, f"It is {row.standby_id}.")
        return record(row.primary_id, Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED)
    if row.standby_id is None or standby_lives or (seen and seen.standbys):
        return None
    if row.status is Status.PRIMARY_GONE:
        return record(row.primary_id, Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED)
    return record(row.primary_id, Status.STANDBY_MISSING, Reason.STANDBY_GONE, f"It was {row.standby_id}.")


def counted(decisions: dict[WorkspaceId, Decision]) -> Counter[str]:
    """How many of a page's primaries stand how; standbys are no primaries, even if a row once took one for one."""
    primaries = [one for one in decisions.values() if one.reason is not Reason.IS_STANDBY]
    return Counter(str(one.status) for one in primaries if one.status is not None)
