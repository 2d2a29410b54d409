"""A Region that is lost: nobody is answered there, nothing runs there, and all of it comes back."""

import time
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

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
