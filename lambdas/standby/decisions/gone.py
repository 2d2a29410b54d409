"""What follows when a primary, or its standby, is on its way out or gone, and what is said of an orphan. Pure."""

from __future__ import annotations

from standby.decisions.decision import Decision, nothing, record
from standby.model import GONE, Region, Related, Status, Workspace, WorkspaceId
from standby.prices import monthly_of
from standby.reasons import Reason
from standby.rows import Row
from standby.settings import Settings


def going(primary_id: WorkspaceId, seen: Workspace, row: Row | None, settings: Settings) -> Decision | None:
    """What is said of a primary that is shown on its way out. None: it is not known yet what it leaves behind."""
    standby = next((one for one in seen.standbys if one.state not in GONE), None)
    if standby is None and row and row.status is Status.PRIMARY_GONE:
        return nothing(primary_id, row, row.reason)
    left = standby.id if standby else row and row.standby_id
    if left:
        region = (standby and standby.region) or (row and row.dr_region) or settings.dr_region
        compute_type = seen.compute_type or (row and row.compute_type) or None
        detail = f"It is {left}. {worth(row, left, region, compute_type, settings)}"
        return record(primary_id, Status.PRIMARY_GONE, Reason.ORPHANED, detail, standby=standby)
    if seen.standbys or (row and (row.status is Status.CLAIMED or row.was_requested)):
        return None
    return record(primary_id, Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED, f"Its state is {seen.state}.")


def what_is_gone(
    row: Row,
    seen: Workspace | None,
    standby: Workspace | None,
    gone: frozenset[WorkspaceId],
    settings: Settings,
) -> Decision | None:
    """What follows when a primary and its standby, asked for by their ids, were seen or not. None: nothing.

    An orphan keeps its user's claim and its place below the ceiling: it is there, and costs.

    Parameters
    ----------
    gone
        Those of the two that two sweeps in a row have missed.
    """
    one = row.primary_id
    if row.status is Status.PRIMARY_GONE and not row.is_orphan:
        # Its standby is there after all: that needs no second sweep.
        is_found = seen is None and standby is not None and standby.state not in GONE
        return _orphaned(row, standby, settings) if is_found else None
    if row.is_orphan and seen is not None and seen.state not in GONE:
        return None  # it is there: the sweep that a page shows it to goes on
    if row.is_orphan or one in gone:
        if row.standby_id is None or row.standby_id in gone:
            return record(one, Status.PRIMARY_GONE, Reason.PRIMARY_TERMINATED)
        return None if row.is_orphan else _orphaned(row, standby, settings)
    if seen is not None and row.standby_id in gone:
        return record(one, Status.STANDBY_MISSING, Reason.STANDBY_GONE, f"It was {row.standby_id}.")
    return None


def _orphaned(row: Row, standby: Workspace | None, settings: Settings) -> Decision:
    """It counts as one as long as no two sweeps have missed it: whether it is shown now or not."""
    related = Related(standby.id, row.dr_region, standby.state, "STANDBY") if standby else None
    compute_type = (standby and standby.compute_type) or row.compute_type
    left = row.standby_id or (standby and standby.id) or WorkspaceId("")
    detail = f"It is {left}. {worth(row, left, row.dr_region, compute_type, settings)}"
    return record(row.primary_id, Status.PRIMARY_GONE, Reason.ORPHANED, detail, standby=related)


def worth(
    row: Row | None, standby_id: WorkspaceId, region: Region, compute_type: str | None, settings: Settings
) -> str:
    """What an orphan costs, and what it is worth where its user has another desktop by now, in sentences."""
    cost = monthly_of(settings, region, compute_type)
    if row and row.migrated_to:
        return f"{cost} {migrated(row.migrated_to)} {left_to(row.migrated_to, f'Its standby {standby_id}')}"
    return cost


def migrated(new: WorkspaceId) -> str:
    """What has become of a primary that was migrated."""
    return f"It was migrated: its user's WorkSpace is {new} now."


def left_to(new: WorkspaceId, standby: str) -> str:
    """What the standby of a predecessor is worth to its successor."""
    return (
        f"{standby} belongs to the old id: it holds the data of before, nobody is redirected to it, and as long as it"
        f" is there {new} gets none."
    )
