"""What DynamoDB answers about a ledger as a deployment makes it, by service, Region and operation."""

from typing import Any

from tests.ledger_table import definition

P, DR = "us-east-1", "us-west-2"
TABLE = {
    **definition(f"Standby-{P}-{DR}"),
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    "DeletionProtectionEnabled": True,
    "Replicas": [{"RegionName": DR, "ReplicaStatus": "ACTIVE"}],
}


def recovery(status: str) -> dict[str, Any]:
    """The answer of DescribeContinuousBackups."""
    return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status}}}


def expiry(**described: str) -> dict[str, Any]:
    """The answer of DescribeTimeToLive."""
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"} | described}


TABLES: dict[tuple[str, str, str], Any] = {
    ("dynamodb", P, "describe_table"): {"Table": TABLE},
    ("dynamodb", DR, "describe_table"): {"Table": TABLE},
    ("dynamodb", P, "describe_continuous_backups"): recovery("ENABLED"),
    ("dynamodb", DR, "describe_continuous_backups"): recovery("ENABLED"),
    ("dynamodb", P, "describe_time_to_live"): expiry(),
}
