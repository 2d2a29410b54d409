"""The ledger's table in both Regions, with the commands that add what is missing.

A table remains after a failed deployment, and an import accepts it unchanged. CloudFormation then assumes that the
table matches the template, and later deployments do not add what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cli.doctor.findings import DEPLOY, Finding, check, ok, problem
from infra.indexes import INDEXES, KEYS_ONLY

if TYPE_CHECKING:
    from cli.doctor.asking import Answer
    from cli.doctor.place import Place

KEYS: Final = ("pk", "sk")
STREAM: Final = "NEW_AND_OLD_IMAGES"
_IN_USE: Final = "If AWS answers that the table is in use, wait a few minutes."
_ABSENT: Final = "ResourceNotFoundException"


@check("The ledger is the audit record, and the only data of this product that can be read when a Region is lost.")
def ledger(place: Place) -> Iterator[Finding]:
    """Compare the table in both Regions with the template."""
    name, region = place.stack, place.region
    here = _table(place, region)
    if here is None:
        yield problem(f"There is no table {name} in {region}.", "Deploy.", DEPLOY)
        return
    if keys(here) != KEYS:
        what = f"{name} in {region} is not a ledger: its keys are {', '.join(keys(here))}, not {', '.join(KEYS)}."
        fix = (
            "The keys of a table cannot be changed. Make a backup if the data is needed, delete the table, and deploy."
        )
        yield problem(what, fix, DEPLOY)
        return
    found = [
        *stream(here, name, region),
        *indexes(here, name, region),
        *guards(place, region, here),
        *_expiry(place, region),
        *_replica(place, here),
    ]
    yield from found
    if not found:
        what = f"{name} in {region} and its replica in {place.dr_region} have recovery, deletion protection"
        yield ok(f"{what} and {len(INDEXES)} indexes.")


def _table(place: Place, region: str) -> Answer | None:
    found = place.asker.find("dynamodb:DescribeTable", region, _ABSENT, TableName=place.stack)
    return None if found is None else found["Table"]


def keys(described: Answer) -> tuple[str, ...]:
    """The names of the key attributes of a table or an index, the partition key first."""
    found = {key["KeyType"]: str(key["AttributeName"]) for key in described["KeySchema"]}
    return tuple(found[kind] for kind in ("HASH", "RANGE") if kind in found)


def _update(name: str, region: str) -> str:
    return f"aws dynamodb update-table --region {region} --table-name {name}"


def stream(table: Answer, name: str, region: str) -> Iterator[Finding]:
    """Whether the stream is on, from which notices are sent."""
    shown = table.get("StreamSpecification") or {}
    if shown.get("StreamViewType") == STREAM and shown.get("StreamEnabled"):
        return
    update = _update(name, region)
    off = (f"{update} --stream-specification StreamEnabled=false",) if shown.get("StreamEnabled") else ()
    on = f"{update} --stream-specification StreamEnabled=true,StreamViewType={STREAM}"
    yield problem(
        f"The stream of {name} is {shown.get('StreamViewType') or 'off'}, not {STREAM}. No notices are sent.",
        f"Change the stream, then the trigger of {name}-announce in the Lambda console. {_IN_USE}",
        *off,
        on,
    )


def indexes(table: Answer, name: str, region: str) -> Iterator[Finding]:
    """Whether all indexes exist, with the right keys and attributes."""
    found = {one["IndexName"]: one for one in table.get("GlobalSecondaryIndexes") or ()}
    for index, (partition, sort) in INDEXES.items():
        projected = "KEYS_ONLY" if index in KEYS_ONLY else "ALL"
        update = _update(name, region)
        make = (
            f"{update} --attribute-definitions AttributeName={partition},AttributeType=S "
            f"AttributeName={sort},AttributeType=S --global-secondary-index-updates 'Create={{IndexName={index},"
            f"KeySchema=[{{AttributeName={partition},KeyType=HASH}},{{AttributeName={sort},KeyType=RANGE}}],"
            f"Projection={{ProjectionType={projected}}}}}'"
        )
        if index not in found:
            yield problem(f"Index {index} of {name} is missing.", f"Create it. {_IN_USE}", make)
        elif keys(found[index]) != (partition, sort) or found[index]["Projection"]["ProjectionType"] != projected:
            drop = f"{update} --global-secondary-index-updates 'Delete={{IndexName={index}}}'"
            yield problem(
                f"Index {index} of {name} has wrong keys or attributes.",
                f"Delete it and create it again. {_IN_USE}",
                drop,
                make,
            )


def _expiry(place: Place, region: str) -> Iterator[Finding]:
    name = place.stack
    shown = place.asker.ask("dynamodb:DescribeTimeToLive", region, TableName=name)["TimeToLiveDescription"]
    if shown.get("TimeToLiveStatus") not in ("DISABLED", "DISABLING"):
        attribute = shown.get("AttributeName")
        stay = (
            f"aws dynamodb update-time-to-live --region {region} --table-name {name} "
            f"--time-to-live-specification Enabled=false,AttributeName={attribute}"
        )
        yield problem(
            f"Time to live is on for {name} ({attribute}): rows expire, and history is lost.", "Turn it off.", stay
        )


def _replica(place: Place, table: Answer) -> Iterator[Finding]:
    """Whether the replica exists. A new replica starts without recovery and deletion protection."""
    name, region, dr_region = place.stack, place.region, place.dr_region
    listed = {one["RegionName"]: one.get("ReplicaStatus") for one in table.get("Replicas") or ()}
    there = _table(place, dr_region)
    wait = f"aws dynamodb wait table-exists --region {dr_region} --table-name {name}"
    if dr_region not in listed and there is not None:
        count = f"aws dynamodb scan --region {dr_region} --table-name {name} --select COUNT"
        what = f"{dr_region} has a table {name} that is not a replica."
        yield problem(what, "Delete it if it is empty, and run `standby doctor` again.", count)
    elif dr_region not in listed:
        create = f"{_update(name, region)} --replica-updates 'Create={{RegionName={dr_region}}}'"
        what = f"{dr_region} has no replica. The ledger cannot be read when {region} is down."
        commands = (create, wait, _recover(dr_region, name), _protect(dr_region, name))
        yield problem(what, f"Create it. {_IN_USE}", *commands)
    elif there is None or listed[dr_region] not in (None, "ACTIVE"):
        what = f"The replica in {dr_region} is {listed[dr_region]}."
        yield problem(what, "Wait. If the status does not change, open a case with AWS Support.", wait)
    else:
        yield from guards(place, dr_region, there)


def guards(place: Place, region: str, table: Answer) -> Iterator[Finding]:
    """Whether point-in-time recovery and deletion protection are on; each replica has its own settings."""
    name = place.stack
    backups = place.asker.ask("dynamodb:DescribeContinuousBackups", region, TableName=name)
    recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription") or {}
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        yield problem(f"Point-in-time recovery of {name} is off in {region}.", "Turn it on.", _recover(region, name))
    if not table.get("DeletionProtectionEnabled"):
        yield problem(f"Deletion protection of {name} is off in {region}.", "Turn it on.", _protect(region, name))


def _recover(region: str, name: str) -> str:
    return (
        f"aws dynamodb update-continuous-backups --region {region} --table-name {name} "
        "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    )


def _protect(region: str, name: str) -> str:
    return f"{_update(name, region)} --deletion-protection-enabled"
