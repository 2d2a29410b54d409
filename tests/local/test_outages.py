"""A Region that is lost: nobody is answered there, nothing runs there, and all of it comes back."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local import ministack_tables
from local.cloud import Cloud
from local.outages import Outages
from tests.local.clouds import create, listen, received, wait_until
from tests.local.places import DR, PRIMARY


@pytest.mark.parametrize(("silent", "error"), [(False, ConnectionClosedError), (True, ReadTimeoutError)])
def test_no_service_of_a_lost_region_answers_and_all_others_do(
    cloud: Cloud, silent: bool, error: type[Exception]
) -> None:
    once: dict[str, Any] = {"read_timeout": 0.3, "retries": {"total_max_attempts": 1}}
    cloud.world.lose(PRIMARY, silent=silent)
    assert cloud.world.outages() == {PRIMARY: silent}
    for service, call in (
        ("workspaces", "describe_workspaces"),
        ("dynamodb", "list_tables"),
        ("sts", "get_caller_identity"),
        ("cloudwatch", "describe_alarms"),
    ):
        with pytest.raises(error):
            getattr(cloud.client(service, PRIMARY, **once), call)()
        getattr(cloud.client(service, DR, **once), call)()
    cloud.world.bring_back(PRIMARY)
    assert cloud.world.outages() == {}
    cloud.client("dynamodb", PRIMARY, **once).list_tables()


def test_what_was_to_be_delivered_in_a_lost_region_comes_when_it_is_back(cloud: Cloud) -> None:
    url = listen(cloud, PRIMARY, "outage", "aws.workspaces")
    cloud.world.change(trail_delay_seconds=0.5)
    one = create(cloud, "user05")
    cloud.world.lose(PRIMARY)
    time.sleep(1)
    cloud.world.bring_back(PRIMARY)
    (event,) = received(cloud, url, 1)
    assert event["detail"]["responseElements"]["pendingRequests"][0]["workspaceId"] == one


def test_a_call_waits_for_its_region_and_for_no_other() -> None:
    outages = Outages()
    made: list[str] = []
    outages.begin(PRIMARY)
    outages.when_back(PRIMARY, made.append, "late")
    outages.when_back(DR, made.append, "at once")
    assert made == ["at once"]
    outages.end(DR)
    time.sleep(0.05)
    assert made == ["at once"]
    outages.end()
    assert wait_until(lambda: made == ["at once", "late"], 5)


def test_a_table_is_replicated_again_when_all_of_its_regions_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    outages = Outages()
    replication = ministack_tables._Replication(outages)
    link = ministack_tables._Link("123456789012", PRIMARY, "small")
    records = [{"dynamodb": {"NewImage": {"pk": {"S": "one"}}}}, {"dynamodb": {"NewImage": {"pk": {"S": "two"}}}}]
    written: list[str] = []
    emulator = SimpleNamespace(
        _tables={"small": {}},
        _replica_group=lambda _: [PRIMARY, DR],
        stream_records_since=lambda _table, position, _most: records[position:],
        _put_item=lambda request: written.append(request["Item"]["pk"]["S"]),
    )
    monkeypatch.setattr(ministack_tables, "dynamodb", emulator)
    for region in (DR, PRIMARY):
        outages.begin(region)
        replication._replicate(link)
        outages.end(region)
    assert written == []
    replication._replicate(link)
    assert written == ["one", "two"]
