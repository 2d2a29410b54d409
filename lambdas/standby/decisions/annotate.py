"""What the sweep notes of a protected primary's standby on top of what was decided: drift, and old data. Pure.

It decides nothing: a status is never another for it, and nobody is told of one desktop by it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from standby.clock import to_text
from standby.decisions.decision import Action, Decision
from standby.decisions.drift import REPLICATION, drift
from standby.decisions.replication_age import Copy, last_copy
from standby.model import Related, StandbyMarks, Status, Workspace, WorkspaceId
from standby.rows import Row
from standby.settings import Settings


@dataclass(frozen=True)
class StandbyTally:
    """How many standbys of a directory differ, or hold old data, and the age of the oldest, in seconds."""

    drifted: int = 0
    stale: int = 0
    oldest_seconds: int | None = None

    def __add__(self, other: StandbyTally) -> StandbyTally:
        """Both together."""
        ages = [age for age in (self.oldest_seconds, other.oldest_seconds) if age is not None]
        return StandbyTally(self.drifted + other.drifted, self.stale + other.stale, max(ages, default=None))

    @classmethod
    def of(cls, marks: StandbyMarks, age: timedelta | None = None) -> StandbyTally:
        """Of one standby."""
        seconds = None if age is None else int(age.total_seconds())
        return cls(int(marks.drift is not None), int(marks.stale), seconds)


def annotate(
    decision: Decision,
    seen: Workspace,
    row: Row | None,
    shapes: Mapping[WorkspaceId, str],
    settings: Settings,
    now: datetime,
) -> tuple[Decision, StandbyTally]:
    """The decision, with what is to be noted beside it, if anything is, and what it counts.

    Parameters
    ----------
    shapes
        By id, the `drift.digest` of the standbys that this sweep has seen in the partner directory.
    """
    if decision.status is not Status.PROTECTED:
        return decision, StandbyTally()
    before = row.marks if row else StandbyMarks()
    standby = decision.standby or _known(seen, row)
    if standby is None:
        return decision, StandbyTally.of(before)
    if row is not None and row.standby_id != standby.id:
        row, before = None, StandbyMarks()
    mapping = settings.directories.get(seen.directory_id) if seen.directory_id else None
    wanted = mapping.data_replication if mapping else None
    shape, replication = shapes.get(standby.id, ""), seen.replication_of(standby.id)
    differs = drift(seen, shape, wanted=wanted, replication=replication, before=before.drift)
    copy = last_copy(
        seen.recovery_snapshot_of(standby.id),
        before,
        wanted=wanted,
        differs=differs is not None and REPLICATION in differs,
        rpo=settings.rpo,
        now=now,
    )
    # The time of a copy changes twice a day: it is written with what it changes, or a fleet's history would be of it.
    is_news = before.recovery_snapshot_at is None or copy.is_stale != before.stale
    marks = StandbyMarks(
        drift=differs,
        stale=copy.is_stale,
        recovery_snapshot_at=copy.made_at if is_news else before.recovery_snapshot_at,
        copies_due_since=copy.due_since,
    )
    counts = StandbyTally.of(marks, copy.age)
    if decision.action is Action.NONE:
        if marks == before or row is None:
            return decision, counts
        decision = dataclasses.replace(decision, action=Action.RECORD, reason=row.reason)
    return dataclasses.replace(decision, marks=marks, message=f"{decision.message}{_words(marks, copy)}"), counts


def _known(seen: Workspace, row: Row | None) -> Related | None:
    return next((one for one in seen.standbys if row and one.id == row.standby_id), None)


def _words(marks: StandbyMarks, copy: Copy) -> str:
    words = f" It differs: {marks.drift}." if marks.drift else ""
    if marks.stale:
        words += f" Its data is of {to_text(copy.made_at)}." if copy.made_at else " No copy of the data is known."
    return words
