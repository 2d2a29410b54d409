"""Checks of how the service shows desktops: relations, states, user names."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import botocore.session

from standby.core.model import GONE, user_key
from standby.core.outcomes import Refusal
from tools.ask_aws.checks import (
    WRITE,
    Finding,
    as_assumed,
    check,
    counted,
    differs,
    listed,
    terminate,
    unknown,
)
from tools.ask_aws.records import refusals

if TYPE_CHECKING:
    from tools.ask_aws.place import Desktop, Place

NO_STANDBY_YET: Final = "There is no standby in the DR directories yet."
MAKE_ONE: Final = f"Run this again when the first standby exists, or with {WRITE}."


@check(
    "relations",
    asks="Do a primary and its standby show each other, with types PRIMARY and STANDBY, and the Region?",
    assumed="Yes, possibly late: nothing is requested again until two lookups on both sides, a poll apart, find none.",
    how="RelatedWorkspaces and StandbyWorkspacesProperties in DescribeWorkspaces of both Regions",
)
def relations(place: Place) -> Finding:
    """Compare both sides of each relation."""
    here = {one.read.id: one for one in place.desktops}
    there = {one.read.id: one for one in place.dr_directories}
    problems = _odd_entries([*place.desktops, *place.dr_directories])
    for primary in place.primaries:
        for standby in primary.read.standbys:
            other = there.get(standby.id)
            if other and (other.read.primary is None or other.read.primary.id != primary.read.id):
                problems.append(f"{primary.read.id} shows standby {standby.id}, which does not show it")
    for standby_desktop in place.standbys:
        named = standby_desktop.read.primary
        known = here.get(named.id) if named else None
        if known and standby_desktop.read.id not in {one.id for one in known.read.standbys}:
            problems.append(f"{standby_desktop.read.id} shows primary {known.read.id}, which does not show it")
    if problems:
        advice = (
            "If a standby is minutes old, run it again. If it stays, set mode: observe until the product handles it."
        )
        return differs(listed(problems), advice)
    if not place.standbys:
        return unknown(NO_STANDBY_YET, MAKE_ONE)
    replicated = sum(1 for one in place.primaries if one.shown.get("StandbyWorkspacesProperties"))
    return as_assumed(
        f"{counted(len(place.standbys), 'standby', 'standbys')}, all shown from both sides; "
        f"{counted(replicated, 'primary', 'primaries')} with StandbyWorkspacesProperties."
    )


def _odd_entries(desktops: list[Desktop]) -> list[str]:
    return [
        f"{desktop.read.id} has an entry of Type {other.kind} in Region {other.region}"
        for desktop in desktops
        for other in desktop.read.related
        if other.kind not in ("PRIMARY", "STANDBY") or other.region is None
    ]


@check(
    "states",
    asks="Does the service show only states that this version knows?",
    assumed="Not necessarily: an unknown state counts as not ready.",
    how="the states in DescribeWorkspaces of both Regions, against the service's model in boto3",
)
def states(place: Place) -> Finding:
    """Compare the states seen with those of the model."""
    if not place.desktops and not place.dr_directories:
        return unknown("There is no WorkSpace in the directories.", "Run it again once there is one.")
    shown, strange = list[str](), set[str]()
    for region, desktops in ((place.pair.primary_region, place.desktops), (place.pair.dr_region, place.dr_directories)):
        seen = Counter(one.read.state or "none" for one in desktops)
        strange |= seen.keys() - known_states()
        shown.append(f"{region}: {', '.join(f'{count} {state}' for state, count in seen.most_common()) or 'nothing'}")
    text = f"{'; '.join(shown)}."
    if strange:
        return differs(
            f"{text} Not known: {', '.join(sorted(strange))}.",
            "Such a primary waits until its deadline. Find out whether a desktop in it is healthy.",
        )
    return as_assumed(text)


@cache
def known_states() -> frozenset[str]:
    """The states of a WorkSpace that the service's model names."""
    model = botocore.session.get_session().get_service_model("workspaces")
    shape: Any = model.shape_for("WorkspaceState")
    return frozenset(shape.enum)


@check(
    "user-filter",
    asks="Does DescribeWorkspaces' UserName filter respect the case of a name?",
    assumed="It may: the product requests the usual spellings, and ignores case in its own comparison.",
    how="one DescribeWorkspaces for a desktop that exists, with the case of its user's name swapped",
)
def user_filter(place: Place) -> Finding:
    """Ask for a known user in another case."""
    sides = ((place.pair.dr_region, place.dr_directories), (place.pair.primary_region, place.desktops))
    for region, desktops in sides:
        for desktop in desktops:
            name = desktop.read.user_name or ""
            if name.swapcase() != name and desktop.read.directory_id:
                return _asked_in_another_case(place, region, desktop, name)
    return unknown("There is no desktop whose user's name has letters.", "Run it again once there is one.")


def _asked_in_another_case(place: Place, region: str, desktop: Desktop, name: str) -> Finding:
    entries = place.account.pages(
        "workspaces",
        region,
        "describe_workspaces",
        "Workspaces",
        DirectoryId=desktop.read.directory_id,
        UserName=name.swapcase(),
    )
    found = desktop.read.id in [entry.get("WorkspaceId") for entry in entries]
    asked = f"asked for {name.swapcase()}, it"
    if found:
        return as_assumed(f"It ignores case: {asked} finds {desktop.read.id}, which is of {name}.")
    return as_assumed(f"It respects case: {asked} does not find {desktop.read.id}, which is of {name}.")


@check(
    "user-names",
    asks="Does a standby carry its primary's user name, in the same case?",
    assumed="The same name, in any case: what is pending is matched by user without case.",
    how="the user names of primaries and standbys that are related",
)
def user_names(place: Place) -> Finding:
    """Compare the names on both sides of each relation."""
    here = {one.read.id: one.read.user_name or "" for one in place.desktops}
    pairs = [
        (here[one.read.primary.id], one.read.user_name or "", one.read.id)
        for one in place.standbys
        if one.read.primary and one.read.primary.id in here
    ]
    if not pairs:
        return unknown(NO_STANDBY_YET, MAKE_ONE)
    if others := [
        f"{standby} is of {name}, its primary of {own}" for own, name, standby in pairs if _differ(own, name)
    ]:
        advice = (
            "Set mode: observe until the product handles it: an accepted request would not be matched to its primary."
        )
        return differs(listed(others), advice)
    spelled = sum(own != name for own, name, _ in pairs)
    return as_assumed(f"{counted(len(pairs), 'standby', 'standbys')} of the same users, {spelled} in another case.")


def _differ(own: str, name: str) -> bool:
    return user_key(own) != user_key(name)


@check(
    "second-standby",
    asks="Does the service refuse a second standby for a primary?",
    assumed="No: it may create and bill a second one. Therefore nothing is requested without a claim.",
    how="primaries with two standbys; requests of the last 90 days that were refused because something exists",
)
def second_standby(place: Place) -> Finding:
    """Look for a primary with two, or for a refusal."""
    twice = {
        one.read.id: [standby.id for standby in one.read.standbys if standby.state not in GONE]
        for one in place.primaries
        if sum(standby.state not in GONE for standby in one.read.standbys) > 1
    }
    if twice:
        return differs(
            "It does not: " + listed([f"{primary} has {' and '.join(ids)}" for primary, ids in twice.items()]),
            "Each is billed. Find out which one the user does not need, and terminate that one with its id.",
            terminate(place.pair.dr_region, "ws-…"),
        )
    existing = [one for one in refusals(place) if one.kind is Refusal.EXISTS]
    if existing:
        return as_assumed(f"Requests were refused because something exists: {existing[0].code}: {existing[0].message}")
    return unknown("No primary has two standbys, and no request was refused for it.", f"{WRITE} tries it.")
