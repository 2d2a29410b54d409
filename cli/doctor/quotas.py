"""The DR Region's quota of standbys against the fleet, and its capacity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cli.doctor.findings import Finding, cannot_tell, check, counted, ok, problem
from cli.doctor.place import NOBODY, Fleet
from standby.core.plan import QUOTA_CODE

if TYPE_CHECKING:
    from cli.doctor.place import Place

# GetServiceQuota knows quotas that were changed; of the others only the default is to be had.
_NOT_APPLIED: Final = "NoSuchResourceException"


@check("When the quota is used up, AWS refuses every further standby, and desktops wait.")
def standbys(place: Place) -> Iterator[Finding]:
    """Whether the quota admits a standby for each desktop."""
    asked = {"ServiceCode": "workspaces", "QuotaCode": QUOTA_CODE}
    found = place.asker.find("servicequotas:GetServiceQuota", place.dr_region, _NOT_APPLIED, **asked)
    if found is None:
        found = place.asker.ask("servicequotas:GetAWSDefaultServiceQuota", place.dr_region, **asked)
    fleet = sum((place.fleet(one) for one in place.directories), NOBODY)
    yield enough(int(found["Quota"]["Value"]), fleet, place.dr_region)


def enough(value: int, fleet: Fleet, region: str) -> Finding:
    """Whether a quota admits a standby for each desktop."""
    desktops = f"{'' if fleet.is_whole else 'at least '}{counted(fleet.wanted, 'desktop')}"
    what = f"The quota of standbys, {QUOTA_CODE}, is {value} in {region}, for {desktops} to protect."
    if value < fleet.wanted:
        command = (
            f"aws service-quotas request-service-quota-increase --region {region} --service-code workspaces "
            f"--quota-code {QUOTA_CODE} --desired-value {fleet.wanted}"
        )
        return problem(what, "Request a higher quota.", command)
    return ok(what) if fleet.is_whole else cannot_tell(what, "The first sweep counts them all.")


@check("Standbys start when users sign in, on capacity that is not reserved.")
def capacity(place: Place) -> Iterator[Finding]:
    """AWS does not show what it has."""
    what = f"Reading does not tell whether {place.dr_region} has capacity for all standbys at once."
    yield cannot_tell(what, "Test a failover. In an outage, have users sign in one after another.")


CHECKS = (standbys, capacity)
