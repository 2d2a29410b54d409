"""Orphans: standbys whose primary is gone. They exist, they are billed, and nobody is redirected to them. Pure."""

from __future__ import annotations

from standby.core.change import Case, Change
from standby.core.model import Related, Status, WorkspaceId
from standby.core.plan import monthly_of
from standby.core.reasons import Reason
from standby.core.row import Kind


def orphaned(case: Case, standby: Related | None, compute_type: str | None) -> Change:
    """What is said of a primary that is gone, or going, and leaves a standby behind: `standby` if it is shown.

    It keeps its user's claim and its place below the ceiling: it is there, and costs.
    """
    row = case.row
    left = (standby and standby.id) or (row and row.standby_id) or WorkspaceId("")
    region = (standby and standby.region) or (row.dr_region if row else case.settings.dr_region)
    kind = compute_type or (row and row.compute_type) or None
    detail = f"It is {left}. {monthly_of(case.settings, region, kind)}"
    if row and (new := row.note(Kind.MIGRATED)):
        detail += f" {succeeded(new, f'Its standby {left}')}"
    return case.record(Status.PRIMARY_GONE, Reason.ORPHANED, detail, standby=standby)


def succeeded(new: str, standby: str) -> str:
    """What has become of a primary that was migrated, and what its standby is worth to its successor."""
    return (
        f"It was migrated: its user's WorkSpace is {new} now. {standby} belongs to the old id: it holds the data of"
        f" before, nobody is redirected to it, and as long as it is there {new} gets none."
    )
