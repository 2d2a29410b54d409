"""From bus to bus: a rule hands events to a bus of another Region if its role may, and to a third bus never."""

import json
from typing import Any

import pytest

from local.cloud import Cloud
from tests.local.clouds import heard, listen, queue, rule, statement, trust
from tests.local.places import DR, PRIMARY


def bus(cloud: Cloud, region: str, name: str = "default") -> str:
    return f"arn:aws:events:{region}:{cloud.account}:event-bus/{name}"


def make_role(cloud: Cloud, name: str, *allowed: dict[str, Any], trusted: str = "events.amazonaws.com") -> str:
    iam = cloud.client("iam", PRIMARY)
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(trusted))["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": list(allowed)})
    iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=document)
    return str(arn)


def let_in(cloud: Cloud, region: str, name: str = "default") -> None:
    """Let a bus take events of its own account by its policy."""
    cloud.client("events", region).put_permission(
        EventBusName=name, StatementId="of-the-account", Principal=cloud.account, Action="events:PutEvents"
    )


@pytest.fixture(autouse=True)
def _open(cloud: Cloud) -> None:
    let_in(cloud, PRIMARY)


def put(cloud: Cloud, region: str, source: str) -> None:
    """Put an event on a Region's default bus; what comes of it has come of it when this returns."""
    entry = {"Source": source, "DetailType": "any", "Detail": json.dumps({"said": "there"})}
    answer = cloud.client("events", region).put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0


def test_an_event_reaches_another_regions_bus_and_goes_on_naming_its_own(cloud: Cloud) -> None:
    ears = listen(cloud, PRIMARY, "handed-ears", "handed")
    target = bus(cloud, PRIMARY)
    role = make_role(cloud, "handed", statement("events:PutEvents", target))
    rule(cloud, DR, "handed", "handed", Arn=target, RoleArn=role)
    put(cloud, DR, "handed")
    (event,) = heard(cloud, PRIMARY, ears)
    assert (event["source"], event["region"], event["detail"]) == ("handed", DR, {"said": "there"})


@pytest.mark.parametrize("refused", ["by-policy", "by-trust", "by-bus"])
def test_without_permission_of_its_role_or_of_the_bus_the_event_is_a_dead_letter(cloud: Cloud, refused: str) -> None:
    ears = listen(cloud, PRIMARY, f"{refused}-ears", refused)
    target = bus(cloud, PRIMARY)
    if refused == "by-policy":
        role = make_role(cloud, refused, statement("events:PutEvents", bus(cloud, DR)))
    else:
        trusted = "states.amazonaws.com" if refused == "by-trust" else "events.amazonaws.com"
        role = make_role(cloud, refused, statement("events:PutEvents", target), trusted=trusted)
    if refused == "by-bus":
        cloud.client("events", PRIMARY).remove_permission(StatementId="of-the-account")
    letters, letters_arn = queue(cloud, DR, f"{refused}-letters", rule(cloud, DR, refused, refused))
    rule(cloud, DR, refused, refused, Arn=target, RoleArn=role, DeadLetterConfig={"Arn": letters_arn})
    put(cloud, DR, refused)
    assert [letter["source"] for letter in heard(cloud, DR, letters)] == [refused]
    assert heard(cloud, PRIMARY, ears) == []


def test_a_dead_letter_queue_lets_events_in_by_its_own_policy_not_by_the_targets_role(cloud: Cloud) -> None:
    letters, letters_arn = queue(cloud, DR, "closed-letters", None)
    role = make_role(cloud, "closed", statement("sqs:SendMessage", letters_arn))
    rule(cloud, DR, "closed", "closed", Arn=bus(cloud, PRIMARY), RoleArn=role, DeadLetterConfig={"Arn": letters_arn})
    put(cloud, DR, "closed")
    assert heard(cloud, DR, letters) == []


@pytest.mark.parametrize("third", [PRIMARY, "eu-west-1"])
def test_what_came_from_another_bus_does_not_reach_a_third(cloud: Cloud, third: str) -> None:
    name = f"third-{third}"
    cloud.client("events", third).create_event_bus(Name=name)
    let_in(cloud, third, name)
    ears = listen(cloud, third, name, name, bus_name=name)
    targets = [bus(cloud, PRIMARY), bus(cloud, third, name)]
    role = make_role(cloud, name, statement("events:PutEvents", targets))
    rule(cloud, DR, name, name, Arn=targets[0], RoleArn=role)
    rule(cloud, PRIMARY, f"{name}-on", name, Arn=targets[1], RoleArn=role)
    put(cloud, PRIMARY, name)
    assert [event["region"] for event in heard(cloud, third, ears)] == [PRIMARY]
    put(cloud, DR, name)
    assert heard(cloud, third, ears) == []


def test_a_bus_of_another_region_cannot_be_a_target_without_a_role(cloud: Cloud) -> None:
    events = cloud.client("events", DR)
    with pytest.raises(events.exceptions.ClientError, match="RoleArn is required"):
        rule(cloud, DR, "roleless", "roleless", Arn=bus(cloud, PRIMARY))
