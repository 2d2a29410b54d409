"""The DR Region's quota of standbys, compared with the fleet, and its capacity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cli.doctor.findings import Finding, check, counted, ok, problem, unknown
from cli.doctor.place import EMPTY_FLEET, Fleet
from standby.core.plan import QUOTA_CODE

if TYPE_CHECKING:
    from cli.doctor.place import Place

# GetServiceQuota returns only quotas that were changed; for the others, the default is read.
_NOT_APPLIED: Final = "NoSuchResourceException"


@check("When the quota is used up, AWS refuses further standbys, and desktops wait.")
def standbys(place: Place) -> Iterator[Finding]:
    """Whether the quota allows a standby for each desktop."""
    asked = {"ServiceCode": "workspaces", "QuotaCode": QUOTA_CODE}
    found = place.asker.find("servicequotas:GetServiceQuota", place.dr_region, _NOT_APPLIED, **asked)
    if found is None:
        found = place.asker.ask("servicequotas:GetAWSDefaultServiceQuota", place.dr_region, **asked)
    fleet = sum((place.fleet(one) for one in place.directories), EMPTY_FLEET)
    yield enough(int(found["Quota"]["Value"]), fleet, place.dr_region)


def enough(value: int, fleet: Fleet, region: str) -> Finding:
    """Whether a quota allows a standby for each desktop."""
    desktops = f"{'' if fleet.is_whole else 'at least '}{counted(fleet.wanted, 'desktop')}"
    what = f"The quota of standbys ({QUOTA_CODE}) in {region} is {value}, for {desktops} to protect."
    if value < fleet.wanted:
        command = (
            f"aws service-quotas request-service-quota-increase --region {region} --service-code workspaces "
            f"--quota-code {QUOTA_CODE} --desired-value {fleet.wanted}"
        )
        return problem(what, "Request a higher quota.", command)
    return ok(what) if fleet.is_whole else unknown(what, "The first sweep counts all desktops.")


@check("Standbys start when users sign in, on capacity that is not reserved.")
def capacity(place: Place) -> Iterator[Finding]:
    """AWS does not show its capacity."""
    what = f"AWS does not show whether {place.dr_region} has capacity for all standbys at the same time."
    yield unknown(what, "Test a failover. During an outage, let users sign in gradually.")


CHECKS = (standbys, capacity)
