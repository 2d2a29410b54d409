"""The trails whose events say that desktops come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cli.doctor.findings import Finding, Status, Unseen, cannot_tell, check, in_both, named, ok, problem

if TYPE_CHECKING:
    from cli.doctor.place import Place

# What CloudTrail's record of CreateWorkspaces is, to an advanced selector.
_EVENT: Final = {"eventCategory": "Management", "readOnly": "false", "eventSource": "workspaces.amazonaws.com"}


@check("CloudTrail's events say that a desktop is new, and who terminated a standby.")
def management_events(place: Place) -> Iterator[Finding]:
    """Whether a trail logs them in either Region."""
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
        what = f"Whether a trail logs management events of {region}: {named(unseen)} cannot be read."
        yield cannot_tell(what, "Ask who manages it. A trail of the organisation is read in its own account.")
    else:
        yield no_trail(region, stopped, silent)


def _seen(place: Place, region: str, arn: str) -> tuple[bool, Mapping[str, Any]] | None:
    """Whether a trail is logging, and its selectors; None if it is another account's, or may not be read."""
    try:
        status = place.asker.find("cloudtrail:GetTrailStatus", region, "TrailNotFound", Name=arn)
        selectors = place.asker.find("cloudtrail:GetEventSelectors", region, "TrailNotFound", TrailName=arn)
    except Unseen as unseen:
        if unseen.finding.status is Status.NOT_ALLOWED:
            return None
        raise
    return None if status is None or selectors is None else (bool(status.get("IsLogging")), selectors)


def no_trail(region: str, stopped: list[Mapping[str, Any]], silent: list[str]) -> Finding:
    """That no trail logs what is needed, and the shortest way to one."""
    if stopped:
        name, home, arn = (stopped[0][member] for member in ("Name", "HomeRegion", "TrailARN"))
        command = f"aws cloudtrail start-logging --region {home} --name {arn}"
        return problem(f"The trail {name} is stopped; no other logs {region}.", "Start it.", command)
    what = f"The trails of {region} ({named(silent)}) log no management events that write."
    fix = "Let one of them log management events, All or WriteOnly; or make a trail, with a bucket of yours. The first "
    fix += "copy of management events costs nothing."
    name = "management-events"
    return problem(
        what if silent else f"There is no trail in {region}.",
        fix,
        f"aws cloudtrail create-trail --region {region} --name {name} --s3-bucket-name amzn-s3-demo-bucket"
        " --is-multi-region-trail",
        f"aws cloudtrail start-logging --region {region} --name {name}",
    )


def selects(selectors: Mapping[str, Any]) -> bool:
    """Whether a trail's selectors take CreateWorkspaces."""
    plain = any(
        one.get("IncludeManagementEvents", True) and one.get("ReadWriteType", "All") in ("All", "WriteOnly")
        for one in selectors.get("EventSelectors") or ()
    )
    advanced = selectors.get("AdvancedEventSelectors") or ()
    return plain or any(_takes(one.get("FieldSelectors") or ()) for one in advanced)


def _takes(fields: Any) -> bool:
    """Whether an advanced selector takes CreateWorkspaces: each of its fields has to."""
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
