"""Faults of connections: what is held or cut off, before or after its effect, and for whom."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local.cloud import Cloud
from local.connections import ConnectionFault, read_request
from tests.local.clouds import wait_until
from tests.local.places import HOME, PRIMARY, WINDOWS

KEY = {"id": {"S": "one"}}


@pytest.fixture
def table(cloud: Cloud) -> Iterator[Any]:
    """A client of DynamoDB that tries once, and a table `things` there."""
    client = cloud.client("dynamodb", PRIMARY, read_timeout=60, retries={"total_max_attempts": 1})
    client.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    cloud.world.clear_faults()
    client.delete_table(TableName="things")


def is_there(table: Any) -> bool:
    return "Item" in table.get_item(TableName="things", Key=KEY)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_cut_connection_is_reset_with_or_without_effect(cloud: Cloud, table: Any, kind: str) -> None:
    cloud.world.disturb(ConnectionFault("dynamodb", "PutItem", kind))
    with pytest.raises(ConnectionClosedError) as told:
        table.put_item(TableName="things", Item=KEY)
    assert "Connection reset by peer" in repr(told.value.__context__)
    assert is_there(table) is (kind == "cut_after")
    table.put_item(TableName="things", Item=KEY)
    assert cloud.world._get("connection_faults") == []


@pytest.mark.parametrize("kind", ["hold_before", "hold_after"])
def test_a_held_request_goes_on_when_it_is_released(cloud: Cloud, table: Any, kind: str) -> None:
    cloud.world.disturb(ConnectionFault("dynamodb", "PutItem", kind))
    with ThreadPoolExecutor() as pool:
        putting: Future[Any] = pool.submit(table.put_item, TableName="things", Item=KEY)
        assert wait_until(cloud.world.held)
        (held,) = cloud.world.held()
        shown = [held[name] for name in ("service", "operation", "region", "kind", "pids")]
        assert shown == ["dynamodb", "PutItem", PRIMARY, kind, []]
        assert wait_until(lambda: is_there(table) or kind == "hold_before")
        assert is_there(table) is (kind == "hold_after")
        assert not putting.done()
        assert cloud.world.release() == 1
        assert putting.result(60)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert is_there(table)
    assert cloud.world.held() == []


@pytest.mark.parametrize("attempts", [1, 3])
def test_what_was_held_before_its_effect_has_none_once_its_caller_is_gone_and_is_held_when_sent_again(
    cloud: Cloud, table: Any, attempts: int
) -> None:
    cloud.world.disturb(ConnectionFault("dynamodb", "PutItem", "hold_before"))
    hasty = cloud.client("dynamodb", PRIMARY, read_timeout=0.3, retries={"total_max_attempts": attempts})
    with pytest.raises(ReadTimeoutError):
        hasty.put_item(TableName="things", Item=KEY)
    assert wait_until(lambda: not cloud.world.held())
    assert cloud.world.release() == 0
    assert not is_there(table)
    table.put_item(TableName="things", Item=KEY)


def test_a_fault_is_for_one_service_operation_region_and_text_only(cloud: Cloud, table: Any) -> None:
    for other in (
        ConnectionFault("sqs", "*", "cut_before"),
        ConnectionFault("dynamodb", "DeleteItem", "cut_before"),
        ConnectionFault("dynamodb", "*", "cut_before", region="eu-west-1"),
        ConnectionFault("dynamodb", "*", "cut_before", containing="two"),
        ConnectionFault("dynamodb", "*", "cut_before", function="protect"),
        ConnectionFault("dynamodb", "*", "cut_before", skip=2, containing="one"),
    ):
        cloud.world.disturb(other)
    table.put_item(TableName="things", Item=KEY)
    table.put_item(TableName="things", Item=KEY)
    with pytest.raises(ConnectionClosedError):
        table.put_item(TableName="things", Item=KEY)


def test_faults_of_connections_are_for_workspaces_and_sns_too(cloud: Cloud) -> None:
    cloud.world.disturb(ConnectionFault("workspaces", "CreateWorkspaces", "cut_after"))
    item = {"DirectoryId": HOME, "UserName": "user01", "BundleId": WINDOWS}
    client = cloud.client("workspaces", PRIMARY, retries={"total_max_attempts": 1})
    with pytest.raises(ConnectionClosedError):
        client.create_workspaces(Workspaces=[item])
    assert [primary["user_name"] for primary in cloud.world.primaries()] == ["user01"]
    cloud.world.disturb(ConnectionFault("sns", "CreateTopic", "cut_before"))
    with pytest.raises(ConnectionClosedError):
        cloud.client("sns", PRIMARY, retries={"total_max_attempts": 1}).create_topic(Name="quiet")


def test_operations_are_known_in_each_of_awss_protocols() -> None:
    def operation(method: str, path: str, body: bytes = b"", **headers: str) -> str:
        listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return read_request(method, path, listed, body).operation

    assert operation("POST", "/", x_amz_target="DynamoDB_20120810.PutItem") == "PutItem"
    assert operation("POST", "/", b"Version=2010-03-31&Action=Publish&TopicArn=x") == "Publish"
    assert operation("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData") == "PutMetricData"
    assert operation("GET", "/2015-03-31/functions") == "GET /2015-03-31/functions"
