"""The botocore adapter: real requests and answers, and each fault as a network would show it."""

from datetime import timedelta

import pytest
from botocore import exceptions as raised
from botocore.exceptions import BotoCoreError, ClientError

from local.botocore_adapter import NotJsonError, read_request
from local.workspaces import KINDS, Fault, World
from tests.local.places import AWAY, DR, PRIMARY
from tests.local.worlds import advance, client_of, create_ready, make_world, one_ready, standby


def request_standby(world: World, primary: str) -> dict[str, object]:
    answer = client_of(world, DR).create_standby_workspaces(
        PrimaryRegion=PRIMARY, StandbyWorkspaces=[{"PrimaryWorkspaceId": primary, "DirectoryId": AWAY}]
    )
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_botocores_own_parsing_gets_dates_and_relations() -> None:
    world, primary = one_ready()
    standby(world, primary, DataReplication="PRIMARY_AS_SOURCE")
    advance(world, 13 * 3600)
    (shown,) = client_of(world).describe_workspaces(WorkspaceIds=[primary])["Workspaces"]
    assert shown["RelatedWorkspaces"][0]["Type"] == "STANDBY"
    taken = shown["StandbyWorkspacesProperties"][0]["RecoverySnapshotTime"]
    assert world.clock.now() - taken == timedelta(hours=13)


def test_the_caller_is_whom_the_adapter_names() -> None:
    world = make_world()
    client_of(world, principal="arn:aws:iam::123456789012:user/ann").describe_workspaces()
    assert world.calls[-1].principal.endswith("user/ann")


# kind → what botocore raises, and whether a standby is there all the same
KINDS_RAISED: dict[str, tuple[type[Exception], str, bool]] = {
    "throttle": (ClientError, "ThrottlingException", False),
    "refuse": (ClientError, "AccessDeniedException", False),
    "error_before": (ClientError, "InternalServerException", False),
    "error_after": (ClientError, "InternalServerException", True),
    "connection_refused": (raised.EndpointConnectionError, "Could not connect", False),
    "connect_timeout": (raised.ConnectTimeoutError, "Connect timeout", False),
    "connection_closed_after": (raised.ConnectionClosedError, "Connection was closed", True),
    "read_timeout_before": (raised.ReadTimeoutError, "Read timeout", False),
    "read_timeout_late": (raised.ReadTimeoutError, "Read timeout", False),
    "read_timeout_after": (raised.ReadTimeoutError, "Read timeout", True),
}


@pytest.mark.parametrize("kind", KINDS_RAISED)
def test_each_fault_shows_as_a_real_one_and_has_its_effect_or_none(kind: str) -> None:
    world, primary = one_ready()
    expected, message, has_effect = KINDS_RAISED[kind]
    assert issubclass(expected, BotoCoreError | ClientError)
    world.inject(Fault("CreateStandbyWorkspaces", kind, times=1))
    with pytest.raises(expected, match=message):
        request_standby(world, primary)
    assert len(world.standbys()) == has_effect
    assert world.calls[-1].outcome != "ok"
    request_standby(world, primary)
    assert world.calls[-1].outcome == "ok"


@pytest.mark.parametrize("kind", ["empty", "malformed"])
def test_an_answer_without_content_has_its_effect(kind: str) -> None:
    # botocore takes a body that is not JSON for an answer without members: a caller sees no error at all
    world, primary = one_ready()
    world.inject(Fault("CreateStandbyWorkspaces", kind, times=1))
    assert request_standby(world, primary) == {}
    assert len(world.standbys()) == 1


def test_hidden_workspaces_are_left_out() -> None:
    world = make_world()
    create_ready(world, "user01", "user02")
    world.inject(Fault("DescribeWorkspaces", "hide", user="user01", until=world.clock.now() + timedelta(hours=1)))
    assert [each["UserName"] for each in client_of(world).describe_workspaces()["Workspaces"]] == ["user02"]
    advance(world, 3600)
    assert len(client_of(world).describe_workspaces()["Workspaces"]) == 2


def test_every_kind_of_fault_is_tried_above() -> None:
    assert {*KINDS_RAISED, "empty", "malformed", "hide", "fail_item"} == KINDS


def test_faults_choose_region_caller_parameters_and_number() -> None:
    world = make_world()
    ann, bob = (f"arn:aws:iam::123456789012:user/{name}" for name in ("ann", "bob"))
    world.inject(Fault("*", "throttle", region=PRIMARY, principal="user/ann", skip=1, times=2))
    outcomes = []
    for region, who in [(PRIMARY, ann), (DR, ann), (PRIMARY, bob), (PRIMARY, ann), (PRIMARY, ann), (PRIMARY, ann)]:
        try:
            client_of(world, region, who).describe_workspaces()
            outcomes.append(True)
        except ClientError:
            outcomes.append(False)
    assert outcomes == [True, True, True, False, False, True]
    world.inject(Fault("DescribeWorkspaces", "throttle", when=lambda params: "WorkspaceIds" in params))
    client_of(world).describe_workspaces()
    with pytest.raises(ClientError, match="Throttling"):
        client_of(world).describe_workspaces(WorkspaceIds=["ws-012345678"])
    world.clear_faults()
    assert world.faults() == []


def test_another_protocol_fails_loudly() -> None:
    with pytest.raises(NotJsonError):
        read_request({"Content-Type": "application/cbor", "X-Amz-Target": "WorkspacesService.DescribeWorkspaces"}, b"")
