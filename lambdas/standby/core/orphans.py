"""Orphans: standbys whose primary is gone. They exist and are billed, but no user is redirected to them. Pure."""

from __future__ import annotations

from standby.core.change import Case, Change
from standby.core.model import Related, Status, WorkspaceId
from standby.core.plan import monthly_of
from standby.core.reasons import Reason
from standby.core.row import Kind


def orphaned(case: Case, standby: Related | None, compute_type: str | None) -> Change:
    """The change of a primary that is gone, or being terminated, and leaves a standby: `standby` if it is returned.

    The row keeps the user's claim and its place below the ceiling, because the standby exists and is billed.
    """
    row = case.row
    left = (standby and standby.id) or (row and row.standby_id) or WorkspaceId("")
    region = (standby and standby.region) or (row.dr_region if row else case.settings.dr_region)
    kind = compute_type or (row and row.compute_type) or None
    detail = f"The standby is {left}. {monthly_of(case.settings, region, kind)}"
    if row and (new := row.note(Kind.MIGRATED)):
        detail += f" {succeeded(new, f'Standby {left}')}"
    return case.record(Status.PRIMARY_GONE, Reason.ORPHANED, detail, standby=standby)


def succeeded(new: str, standby: str) -> str:
    """The new id of a primary that was migrated, and what the old standby is worth, in sentences."""
    return (
        f"The primary was migrated and is now {new}. {standby} belongs to the old id: it holds data from before the"
        f" migration, and no user is redirected to it. While it exists, {new} gets no standby."
    )
