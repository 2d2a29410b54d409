"""The check of the ledger's table in both Regions, with the commands that mend what it finds.

A table outlives a deployment that failed, and an import takes it over as it is. CloudFormation then believes that it
has what the template says, and no later deployment adds what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from cli.live_check.checks import DEPLOY, Finding, as_assumed, check, differs, listed
from infra.indexes import INDEXES, KEYS_ONLY
from standby.aws.call import error_of

if TYPE_CHECKING:
    from cli.live_check.place import Place

# What is wrong, and the commands that mend it, in their order.
Flaw = tuple[str, tuple[str, ...]]

KEYS: Final = ("pk", "sk")
STREAM: Final = "NEW_AND_OLD_IMAGES"
ORDER: Final = "Run these one after another. If AWS says that the table is in use, wait some minutes and go on."


@check(
    "ledger",
    asks="Are both replicas of the ledger as a deployment makes them?",
    assumed="They are; an import takes over a table as it is, and no later deployment adds what it lacks.",
    how="DescribeTable, DescribeContinuousBackups and DescribeTimeToLive in both Regions: replica, keys, indexes, "
    "stream, point-in-time recovery, deletion protection, no expiry",
)
def ledger(place: Place) -> Finding:
    """Compare the table in both Regions with the template."""
    pair = place.pair
    name, region, dr_region = pair.stack_name, pair.primary_region, pair.dr_region
    here = _table(place, region)
    if here is None:
        return differs(f"There is no table {name} in {region}.", "Deploy.", DEPLOY)
    if _keys(here) != KEYS:
        return differs(
            f"{name} in {region} has the keys {', '.join(_keys(here))}, and not {', '.join(KEYS)}: it is no ledger.",
            "A table's keys cannot be changed. Keep a copy if anybody needs it, delete it, and deploy: README, After a "
            "failed deployment.",
        )
    flaws = [*_in_primary_region(place, here), *_replica(place, here)]
    if flaws:
        texts, commands = [text for text, _ in flaws], [one for _, mends in flaws for one in mends]
        return differs(listed(texts, len(texts)), ORDER, *commands)
    return as_assumed(
        f"{name} in {region} and its replica in {dr_region}: protected, recoverable, {len(INDEXES)} indexes."
    )


def _table(place: Place, region: str) -> Mapping[str, Any] | None:
    try:
        found = place.account.ask("dynamodb", region, "describe_table", TableName=place.pair.stack_name)
    except ClientError as problem:
        if error_of(problem)[0] == "ResourceNotFoundException":
            return None
        raise
    table: Mapping[str, Any] = found["Table"]
    return table


def _keys(described: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the key attributes of a table or an index, the partition key first."""
    keys = {key["KeyType"]: str(key["AttributeName"]) for key in described["KeySchema"]}
    return tuple(keys[kind] for kind in ("HASH", "RANGE") if kind in keys)


def _in_primary_region(place: Place, table: Mapping[str, Any]) -> Iterator[Flaw]:
    """What is told of the table in the primary Region; its indexes, stream and expiry are those of the replica, too."""
    name, region = place.pair.stack_name, place.pair.primary_region
    update = f"aws dynamodb update-table --region {region} --table-name {name}"
    stream = table.get("StreamSpecification") or {}
    if stream.get("StreamViewType") != STREAM or not stream.get("StreamEnabled"):
        off = (f"{update} --stream-specification StreamEnabled=false",) if stream.get("StreamEnabled") else ()
        on = f"{update} --stream-specification StreamEnabled=true,StreamViewType={STREAM}"
        shown = stream.get("StreamViewType") or "off"
        again = (
            f"{place.pair.stack_name}-announce has to read the new stream: exchange its trigger in the Lambda console"
        )
        yield f"its stream is {shown}, not {STREAM}, and {again}", (*off, on)
    yield from _indexes(table, update)
    yield from _guards(place, region, table)
    asked = place.account.ask("dynamodb", region, "describe_time_to_live", TableName=name)["TimeToLiveDescription"]
    if asked.get("TimeToLiveStatus") not in ("DISABLED", "DISABLING"):
        attribute = asked.get("AttributeName")
        stay = (
            f"aws dynamodb update-time-to-live --region {region} --table-name {name} "
            f"--time-to-live-specification Enabled=false,AttributeName={attribute}"
        )
        yield f"rows expire by {attribute}, and history has to stay", (stay,)


def _indexes(table: Mapping[str, Any], update: str) -> Iterator[Flaw]:
    found = {one["IndexName"]: one for one in table.get("GlobalSecondaryIndexes") or ()}
    for index, (partition, sort) in INDEXES.items():
        projected = "KEYS_ONLY" if index in KEYS_ONLY else "ALL"
        make = (
            f"{update} --attribute-definitions AttributeName={partition},AttributeType=S "
            f"AttributeName={sort},AttributeType=S --global-secondary-index-updates 'Create={{IndexName={index},"
            f"KeySchema=[{{AttributeName={partition},KeyType=HASH}},{{AttributeName={sort},KeyType=RANGE}}],"
            f"Projection={{ProjectionType={projected}}}}}'"
        )
        if index not in found:
            yield f"index {index} is missing", (make,)
        elif _keys(found[index]) != (partition, sort) or found[index]["Projection"]["ProjectionType"] != projected:
            drop = f"{update} --global-secondary-index-updates 'Delete={{IndexName={index}}}'"
            yield f"index {index} has other keys or attributes", (drop, make)


def _replica(place: Place, table: Mapping[str, Any]) -> Iterator[Flaw]:
    """What is told of the replica; one that has to be made first begins without recovery and protection."""
    name, region, dr_region = place.pair.stack_name, place.pair.primary_region, place.pair.dr_region
    listed_as = {one["RegionName"]: one.get("ReplicaStatus") for one in table.get("Replicas") or ()}
    there = _table(place, dr_region)
    if dr_region not in listed_as and there is not None:
        count = f"aws dynamodb scan --region {dr_region} --table-name {name} --select COUNT"
        yield (
            f"{dr_region} has a table {name} that is no replica: delete it if it is empty, and run this again",
            (count,),
        )
        return
    wait = f"aws dynamodb wait table-exists --region {dr_region} --table-name {name}"
    if dr_region not in listed_as:
        create = (
            f"aws dynamodb update-table --region {region} --table-name {name} "
            f"--replica-updates 'Create={{RegionName={dr_region}}}'"
        )
        guards = (_recover(dr_region, name), _protect(dr_region, name))
        yield f"{dr_region} has no replica, so that nothing can be read when {region} is down", (create, wait, *guards)
    elif there is None or listed_as[dr_region] not in (None, "ACTIVE"):
        yield f"the replica in {dr_region} is {listed_as[dr_region]}: wait, and ask AWS Support if it stays so", (wait,)
    else:
        yield from _guards(place, dr_region, there)


def _guards(place: Place, region: str, table: Mapping[str, Any]) -> Iterator[Flaw]:
    """Recovery and deletion protection: each replica has its own."""
    name = place.pair.stack_name
    backups = place.account.ask("dynamodb", region, "describe_continuous_backups", TableName=name)
    recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription") or {}
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        yield f"point-in-time recovery is off in {region}", (_recover(region, name),)
    if not table.get("DeletionProtectionEnabled"):
        yield f"deletion protection is off in {region}", (_protect(region, name),)


def _recover(region: str, name: str) -> str:
    return (
        f"aws dynamodb update-continuous-backups --region {region} --table-name {name} "
        "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    )


def _protect(region: str, name: str) -> str:
    return f"aws dynamodb update-table --region {region} --table-name {name} --deletion-protection-enabled"
