"""The ledger: one global table that is written only in the primary Region and can be read in the DR Region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.encryption import alias_of
from infra.indexes import INDEXES, KEYS_ONLY

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

    from infra.config import Pair


class Ledger(Construct):
    """The DynamoDB table with its five indexes and its replica.

    Its name is the stack's, so that the DR Region's stack knows it without this stack. The table is kept if the stack
    is deleted, because it is the record of who was covered at which time.
    """

    def __init__(self, scope: Construct, construct_id: str, *, pair: Pair, key: kms.IKey | None) -> None:
        super().__init__(scope, construct_id)
        recovery = dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True)
        self.table = dynamodb.TableV2(
            self,
            "Table",
            table_name=pair.stack_name,
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing=dynamodb.Billing.on_demand(),
            # A global table needs both images in its stream; the outbox reads the new one.
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            point_in_time_recovery_specification=recovery,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            encryption=_encryption(self, pair, key),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=name,
                    partition_key=_text(pk),
                    sort_key=_text(sk),
                    projection_type=(
                        dynamodb.ProjectionType.KEYS_ONLY if name in KEYS_ONLY else dynamodb.ProjectionType.ALL
                    ),
                )
                for name, (pk, sk) in INDEXES.items()
            ],
            # A replica does not inherit the last two from the table.
            replicas=[
                dynamodb.ReplicaTableProps(
                    region=pair.dr_region,
                    point_in_time_recovery_specification=recovery,
                    deletion_protection=True,
                )
            ],
        )


def _encryption(scope: Construct, pair: Pair, key: kms.IKey | None) -> dynamodb.TableEncryptionV2 | None:
    """Encryption with a key in each Region, or None. The alias of the DR Region's key exists before this stack."""
    if key is None:
        return None
    stack = Stack.of(scope)
    alias = f"arn:{stack.partition}:kms:{pair.dr_region}:{stack.account}:{alias_of(pair.dr_stack_name)}"
    return dynamodb.TableEncryptionV2.customer_managed_key(key, {pair.dr_region: alias})


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
