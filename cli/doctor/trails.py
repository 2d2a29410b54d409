"""The CloudTrail trails that log the events about desktops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cli.doctor.findings import Finding, Status, Unseen, check, in_both, named, ok, problem, unknown

if TYPE_CHECKING:
    from cli.doctor.place import Place

# The fields of CloudTrail's record of CreateWorkspaces that an advanced selector compares.
_EVENT: Final = {"eventCategory": "Management", "readOnly": "false", "eventSource": "workspaces.amazonaws.com"}


@check("CloudTrail events report new desktops, and who terminated a standby.")
def management_events(place: Place) -> Iterator[Finding]:
    """Whether each Region has a trail that logs these events."""
    yield from in_both(place, lambda region: _trail(place, region))


def _trail(place: Place, region: str) -> Iterator[Finding]:
    trails = place.asker.ask("cloudtrail:DescribeTrails", region, includeShadowTrails=True)["trailList"]
    stopped: list[Mapping[str, Any]] = []
    silent: list[str] = []
    unseen: list[str] = []
    for one in trails:
        home = one.get("HomeRegion", region)
        found = _seen(place, home, one["TrailARN"])
        if found is None:
            unseen.append(str(one["Name"]))
        elif not selects(found[1]):
            silent.append(str(one["Name"]))
        elif found[0]:
            yield ok(f"The trail {one['Name']} logs management events of {region}.")
            return
        else:
            stopped.append({**one, "HomeRegion": home})
    if unseen:
        what = f"It is not known whether a trail logs management events of {region}: {named(unseen)} cannot be read."
        fix = "Ask the trail's administrator. A trail of the organisation can be read only in its own account."
        yield unknown(what, fix)
    else:
        yield no_trail(region, stopped, silent)


def _seen(place: Place, region: str, arn: str) -> tuple[bool, Mapping[str, Any]] | None:
    """Whether a trail is logging, and its selectors; None if it belongs to another account, or may not be read."""
    try:
        status = place.asker.find("cloudtrail:GetTrailStatus", region, "TrailNotFound", Name=arn)
        selectors = place.asker.find("cloudtrail:GetEventSelectors", region, "TrailNotFound", TrailName=arn)
    except Unseen as unseen:
        if unseen.finding.status is Status.NOT_ALLOWED:
            return None
        raise
    return None if status is None or selectors is None else (bool(status.get("IsLogging")), selectors)


def no_trail(region: str, stopped: list[Mapping[str, Any]], silent: list[str]) -> Finding:
    """The problem that no trail logs the events, with the shortest fix."""
    if stopped:
        name, home, arn = (stopped[0][member] for member in ("Name", "HomeRegion", "TrailARN"))
        command = f"aws cloudtrail start-logging --region {home} --name {arn}"
        return problem(
            f"The trail {name} is stopped, and no other trail logs events of {region}.", "Start it.", command
        )
    what = f"The trails of {region} ({named(silent)}) log no write management events."
    fix = "Let one of them log management events (All or WriteOnly), or create a trail with your own bucket. The first "
    fix += "copy of management events is free."
    name = "management-events"
    return problem(
        what if silent else f"There is no trail in {region}.",
        fix,
        f"aws cloudtrail create-trail --region {region} --name {name} --s3-bucket-name amzn-s3-demo-bucket"
        " --is-multi-region-trail",
        f"aws cloudtrail start-logging --region {region} --name {name}",
    )


def selects(selectors: Mapping[str, Any]) -> bool:
    """Whether a trail's selectors include CreateWorkspaces."""
    plain = any(
        one.get("IncludeManagementEvents", True) and one.get("ReadWriteType", "All") in ("All", "WriteOnly")
        for one in selectors.get("EventSelectors") or ()
    )
    advanced = selectors.get("AdvancedEventSelectors") or ()
    return plain or any(_takes(one.get("FieldSelectors") or ()) for one in advanced)


def _takes(fields: Any) -> bool:
    """Whether an advanced selector includes CreateWorkspaces: all its fields must match."""
    return {"eventCategory"} <= {field["Field"] for field in fields} and all(
        field["Field"] in _EVENT and _matches(field, _EVENT[field["Field"]]) for field in fields
    )


def _matches(field: Mapping[str, Any], value: str) -> bool:
    tests: dict[str, Callable[[str], bool]] = {
        "Equals": lambda given: value == given,
        "StartsWith": value.startswith,
        "EndsWith": value.endswith,
    }
    return all(
        any(test(one) for one in field.get(name) or [value])
        and not any(test(one) for one in field.get(f"Not{name}") or [])
        for name, test in tests.items()
    )


CHECKS = (management_events,)
