"""The bundles of desktops, and the mirrored bundles that AWS creates for standbys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from cli.doctor.findings import Finding, check, counted, named, ok, problem, warning
from standby.core.model import batches

if TYPE_CHECKING:
    from cli.doctor.asking import Answer
    from cli.doctor.place import Place

_DESCRIBE: Final = "workspaces:DescribeWorkspaceBundles"
_AVAILABLE: Final = "AVAILABLE"


@check("A standby is created from its primary's bundle. AWS mirrors the bundle's image to the DR Region.")
def in_use(place: Place) -> Iterator[Finding]:
    """Whether the bundles of desktops exist and are available."""
    samples = [desktop for one in place.directories for desktop in place.sample(place.region, one.directory)[0]]
    ids = sorted({str(one["BundleId"]) for one in samples})
    shown = [
        bundle
        for some in batches(ids)
        for bundle in place.asker.ask(_DESCRIBE, place.region, BundleIds=list(some))["Bundles"]
    ]
    yield from are_available(ids, shown)


def are_available(ids: Sequence[str], shown: Sequence[Answer]) -> Iterator[Finding]:
    """Whether bundles are in AWS's answer, and available."""
    states = {str(one["BundleId"]): one["State"] for one in shown}
    if gone := [one for one in ids if one not in states]:
        fix = "If AWS refuses standbys for these desktops, migrate the desktops to another bundle."
        yield warning(f"Desktops use bundles that were deleted: {named(gone)}.", fix)
    bad = [one for one in ids if states.get(one, _AVAILABLE) != _AVAILABLE]
    for one in bad:
        fix = "If it is PENDING, wait. Otherwise, migrate its desktops to another bundle."
        yield problem(f"Bundle {one} is {states[one]}.", fix)
    if not gone and not bad:
        yield ok(f"{counted(len(ids), 'bundle')} of the desktops that were read: AVAILABLE.")


@check("AWS creates standbys from the bundles that it mirrors to the DR Region.")
def mirrored(place: Place) -> Iterator[Finding]:
    """Whether the bundles of type STANDBY are available."""
    shown = place.asker.pages(_DESCRIBE, place.dr_region, "Bundles")
    standby = [one for one in shown if one.get("BundleType") == "STANDBY"]
    bad = [one for one in standby if one["State"] == "ERROR"]
    for one in bad:
        fix = "Open a case with AWS Support: AWS creates these bundles."
        yield problem(f"Bundle {one['BundleId']} for standbys in {place.dr_region} is in state ERROR.", fix)
    if not bad:
        yield ok(f"{counted(len(standby), 'bundle')} for standbys in {place.dr_region}, none in state ERROR.")


CHECKS = (in_use, mirrored)
