"""Checks of unused standbys, and of standbys whose primary no longer exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from standby.core.model import NO_REPLICATION, DirectoryId
from tools.ask_aws.checks import (
    MOST_LISTED,
    Finding,
    as_assumed,
    check,
    counted,
    differs,
    listed,
    terminate,
    unknown,
)
from tools.ask_aws.place import BATCH

if TYPE_CHECKING:
    from tools.ask_aws.place import Desktop, Place

NO_ORPHAN: Final = "There is no standby whose primary no longer exists."
END_ONE: Final = "Terminate a primary that is not needed, and run this again a few minutes later."


@check(
    "orphans",
    asks="What does a standby show when its primary no longer exists?",
    assumed="Either: it is billed until a person terminates it. Without a relation, its tags name its primary.",
    how="standbys whose primary DescribeWorkspaces does not show, and those that no longer show a relation",
)
def orphans(place: Place) -> Finding:
    """Look for standbys without a primary."""
    if not place.orphans:
        return unknown(NO_ORPHAN, END_ONE)
    found = [
        f"{one.read.id} still names its primary" if one.read.primary else f"{one.read.id} names none"
        for one in place.orphans
    ]
    commands = [terminate(place.pair.dr_region, one.read.id) for one in place.orphans[:MOST_LISTED]]
    return as_assumed(
        f"It remains: {listed(found)} Each is billed until it is terminated.",
        "Terminate those whose data is not needed (standby orphans).",
        *commands,
    )


@check(
    "orphan-data",
    asks="Does a standby still show its data replication when its primary no longer exists?",
    assumed="Either: the product knows from the ledger and the configuration whether data was replicated.",
    how="DataReplicationSettings of standbys whose primary is gone, against what is configured",
)
def orphan_replication(place: Place) -> Finding:
    """Look at what the orphans show of it."""
    if not place.orphans:
        return unknown(NO_ORPHAN, END_ONE)
    wanted = {
        DirectoryId(mapping.dr_directory): mapping.data_replication for mapping in place.pair.directories.values()
    }
    replicated = [
        one
        for one in place.orphans
        if one.read.data_replication not in (None, NO_REPLICATION)
        or (one.read.directory_id and wanted.get(one.read.directory_id) != NO_REPLICATION)
    ]
    if not replicated:
        return unknown(
            f"{counted(len(place.orphans), 'standby', 'standbys')} without a primary, none of which is replicated.",
            "It takes a replicated one: terminate its primary, if nobody needs it.",
        )
    return as_assumed(listed([f"{one.read.id} shows {one.read.data_replication or 'nothing'}" for one in replicated]))


@check(
    "connection-status",
    asks="Does DescribeWorkspacesConnectionStatus return a standby that nobody has used yet?",
    assumed="It does, without a time; whether a standby that it does not return is in use is not known.",
    how=f"DescribeWorkspacesConnectionStatus in the DR Region for up to {BATCH} standbys",
)
def connection_status(place: Place) -> Finding:
    """Ask about some standbys, orphans first."""
    asked = _some_standbys(place)
    if not asked:
        return unknown("There is no standby in the DR directories yet.", "Run it again once there is one.")
    answer = place.account.ask(
        "workspaces", place.pair.dr_region, "describe_workspaces_connection_status", WorkspaceIds=asked
    )
    found = {
        one["WorkspaceId"]: one.get("LastKnownUserConnectionTimestamp") for one in answer["WorkspacesConnectionStatus"]
    }
    if silent := [one for one in asked if one not in found]:
        return differs(
            f"It does not return {len(silent)} of {counted(len(asked), 'standby', 'standbys')}: {listed(silent)}",
            "Before you terminate such a standby, ask its user: whether it is in use is not known.",
        )
    unused = sum(last is None for last in found.values())
    if not unused:
        return unknown(
            f"It returns {counted(len(asked), 'standby', 'standbys')}, all of which were used.",
            "Run it again once there is one that nobody has used.",
        )
    return as_assumed(f"It returns {counted(len(asked), 'standby', 'standbys')}, {unused} of which nobody has used.")


def _some_standbys(place: Place) -> list[str]:
    wanted: dict[str, Desktop] = {one.read.id: one for one in [*place.orphans, *place.standbys]}
    return list(wanted)[:BATCH]
