"""The ledger's table: protected in both Regions, and indexed as the audit queries need it."""

from tests.infra.templates import STACK, Assembly, only, resources

TABLE = "AWS::DynamoDB::GlobalTable"


def test_both_replicas_have_point_in_time_recovery_and_deletion_protection(example: Assembly) -> None:
    replicas = {replica["Region"]: replica for replica in only(example.primary, TABLE)["Replicas"]}
    assert set(replicas) == {"us-east-1", "us-west-2"}
    for replica in replicas.values():
        assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert replica["DeletionProtectionEnabled"] is True


def test_the_table_outlives_its_stack_has_its_name_and_expires_nothing(example: Assembly) -> None:
    (table,) = resources(example.primary, TABLE).values()
    assert table["Properties"]["TableName"] == STACK  # so the DR Region knows it
    assert table["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "TimeToLiveSpecification" not in table["Properties"]


def test_each_index_has_keys_of_its_own_and_all_attributes_but_that_of_what_is_due(example: Assembly) -> None:
    table = only(example.primary, TABLE)
    keys = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table["GlobalSecondaryIndexes"]
    }
    assert keys == {
        "by_status": ["ix_status", "ix_status_at"],
        "by_user": ["ix_user", "ix_user_at"],
        "by_uncovered": ["ix_uncovered", "ix_uncovered_at"],
        "by_day": ["ix_day", "ix_day_at"],
        "by_due": ["ix_due", "ix_due_at"],
    }
    projected = {index["IndexName"]: index["Projection"] for index in table["GlobalSecondaryIndexes"]}
    assert projected.pop("by_due") == {"ProjectionType": "KEYS_ONLY"}
    assert list(projected.values()) == [{"ProjectionType": "ALL"}] * 4
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert {attribute["AttributeType"] for attribute in table["AttributeDefinitions"]} == {"S"}
