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
RECOVERY = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}}
TABLES: dict[tuple[str, str, str], Any] = {
    ("dynamodb", P, "describe_time_to_live"): {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
}
for _region in (P, DR):
    TABLES["dynamodb", _region, "describe_table"] = {"Table": TABLE}
    TABLES["dynamodb", _region, "describe_continuous_backups"] = {"ContinuousBackupsDescription": RECOVERY}
