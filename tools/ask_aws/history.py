"""Checks of what CloudTrail says: what AWS has answered in the last 90 days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from standby.core.model import WorkspaceId
from standby.core.outcomes import Refusal
from standby.events import DETAIL_TYPE, BadEvent, read
from tools.ask_aws.checks import WRITE, Finding, as_assumed, check, counted, differs, listed, unknown
from tools.ask_aws.records import REQUEST, pending_ids, principal, refusals, renewed, requested_ids

if TYPE_CHECKING:
    from tools.ask_aws.place import Place

NONE_REQUESTED: Final = "CloudTrail shows no CreateStandbyWorkspaces in 90 days."


@check(
    "create-events",
    asks="Do CreateWorkspaces' records name the new desktops where the product looks for them?",
    assumed="responseElements.pendingRequests[].workspaceId; an event without one is put into the dead-letter queue.",
    how="CloudTrail's records of 90 days, read as protect reads events",
)
def create_events(place: Place) -> Finding:
    """Read each record as protect would."""
    return _read_all(place, "CreateWorkspaces", "Create a desktop, and run it again 15 minutes later.")


@check(
    "migrate-events",
    asks="Do MigrateWorkspace's records name the new id?",
    assumed="responseElements.targetWorkspaceId, in either case; an event without one is put into the dead letters.",
    how="CloudTrail's records of 90 days, read as protect reads events",
)
def migrate_events(place: Place) -> Finding:
    """Read each record as protect would."""
    return _read_all(place, "MigrateWorkspace", "Migrate a desktop that nobody needs, and run it again.")


def _read_all(place: Place, name: str, advice: str) -> Finding:
    records = place.history(place.pair.primary_region, name)
    if not records:
        return unknown(f"CloudTrail shows no {name} in 90 days.", advice)
    named, problems = 0, []
    for record in records:
        try:
            named += len(read(_as_event(place, record), account=place.account.id, region=place.pair.primary_region).ids)
        except BadEvent as bad:
            if bad.for_a_person:
                keys = sorted(record.get("responseElements") or {})
                problems.append(f"{record.get('eventID')}: {bad} (responseElements has {', '.join(keys) or 'nothing'})")
    if problems:
        return differs(
            listed(problems, 3), "Protect those desktops manually (standby protect), and teach protect the form."
        )
    who = Counter(principal(place, record) for record in records).most_common(3)
    callers = ", ".join(f"{caller} ({count})" for caller, count in who)
    return as_assumed(f"{counted(len(records), 'record')} with {counted(named, 'new desktop')}, by {callers}.")


def _as_event(place: Place, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as EventBridge would have brought it."""
    return {
        "id": record.get("eventID"),
        "detail-type": DETAIL_TYPE,
        "account": place.account.id,
        "region": record.get("awsRegion", place.pair.primary_region),
        "detail": record,
    }


@check(
    "refusal-codes",
    asks="With which error codes does CreateStandbyWorkspaces refuse?",
    assumed="Codes are sorted by the words in them; one that is not recognised is REJECTED, with AWS's words.",
    how="CloudTrail's records of 90 days in the DR Region: errorCode, failedStandbyRequests[].errorCode",
)
def refusal_codes(place: Place) -> Finding:
    """Sort each code as the product does."""
    records = place.history(place.pair.dr_region, REQUEST)
    if not records:
        return unknown(NONE_REQUESTED, "Run it again once some were requested.")
    refused = refusals(place)
    seen = Counter((one.code, one.kind) for one in refused)
    listing = ", ".join(f"{count} {code} (taken for {kind})" for (code, kind), count in seen.most_common())
    if odd := [f"{one.code}: {one.message}" for one in refused if one.kind is Refusal.OTHER]:
        advice = "Where that needs something else than a person, teach kind_of the code and its words."
        return differs(f"Not recognised: {listed(list(dict.fromkeys(odd)), 3)} All: {listing}.", advice)
    return as_assumed(f"{counted(len(records), 'request')}, refused: {listing or 'none'}.")


@check(
    "accepted-states",
    asks="In which states of a primary does the service accept the request?",
    assumed="AVAILABLE and STOPPED; what is refused for its state waits and is tried again.",
    how="refusals of 90 days whose code or words are about a state",
)
def accepted_states(place: Place) -> Finding:
    """Look for refusals about a state."""
    about = [refused for refused in refusals(place) if refused.kind is Refusal.STATE]
    if about:
        return as_assumed(f"{counted(len(about), 'refusal')} about a state: {about[0].code}: {about[0].message}")
    return unknown(
        "No request was refused for a state.", f"{WRITE} for a primary that is in the state in question (STOPPED)."
    )


@check(
    "terminations",
    asks="Which Region's endpoint terminates a standby, and who does?",
    assumed="Either; a person does, because no role of the product may. A standby that is gone is made again only "
    "when it is asked for.",
    how="CloudTrail's TerminateWorkspaces of both Regions, against the standbys that were made",
)
def terminations(place: Place) -> Finding:
    """Look for standbys among what was terminated."""
    pair = place.pair
    standbys = pending_ids(place.history(pair.dr_region, REQUEST)) | {one.read.id for one in place.standbys}
    ended = [
        f"{item.get('workspaceId')} in {region} by {principal(place, record)}"
        + (f", refused: {record['errorCode']}" if record.get("errorCode") else "")
        for region in (pair.dr_region, pair.primary_region)
        for record in place.history(region, "TerminateWorkspaces")
        for item in (record.get("requestParameters") or {}).get("terminateWorkspaceRequests") or ()
        if item.get("workspaceId") in standbys
    ]
    if ended:
        return as_assumed(listed(ended))
    return unknown("No standby was terminated in 90 days.", "Terminate one that you do not need, and run it again.")


@check(
    "renewals",
    asks="What becomes of a standby when its primary is rebuilt, restored or migrated?",
    assumed="It stays or goes: one that goes is STANDBY_MISSING, with a notice; that of a primary with a new id is an "
    "orphan, and notified.",
    how="CloudTrail's records of the three calls, against the standbys that the primaries had and have",
)
def renewals(place: Place) -> Finding:
    """Look for primaries with a standby among what was renewed."""
    standbys = {one.read.primary.id: one.read for one in place.standbys if one.read.primary}
    requested = requested_ids(place.history(place.pair.dr_region, REQUEST))
    renewals_found = []
    for one, what, at in renewed(place):
        if standby := standbys.get(WorkspaceId(one)):
            renewals_found.append(f"{one} was {what} at {at}, and its standby {standby.id} is {standby.state}")
        elif one in requested:
            renewals_found.append(f"{one} was {what} at {at}, and no standby names it now")
    if renewals_found:
        return as_assumed(listed(renewals_found))
    return unknown(
        "No primary with a standby was rebuilt, restored or migrated in 90 days.",
        "Rebuild a primary with a standby, if its user needs no data of it, and run it again some hours later.",
    )
