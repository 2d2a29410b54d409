"""The embedded cloud's process: it starts, listens on loopback only, answers as the model does, leaves nothing."""

import json
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local.cloud import Cloud, Credentials
from local.workspaces import Fault
from local.world_client import ControlError
from tests.local.clouds import ROOT, create, is_running, listen, received, statement, wait_until
from tests.local.places import AWAY, DR, HOME, PRIMARY, WINDOWS

KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_it_ends_with_its_context_and_leaves_neither_process_nor_file() -> None:
    with Cloud.start() as cloud:
        home, port = cloud.log_path.parent, int(cloud.endpoint.rsplit(":", 1)[1])
        assert home.is_dir()
        assert is_running(cloud.pid)
    assert not home.exists()
    assert not is_running(cloud.pid)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_whatever_way_its_parent_goes(how: signal.Signals) -> None:
    program = (
        # A shell's background job is deaf to interrupts, and so is what it starts.
        "import json, signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from local.cloud import Cloud\n"
        "with Cloud.start() as cloud:\n"
        "    print(json.dumps([cloud.pid, str(cloud.log_path.parent)]), flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        pid, home = json.loads(parent.stdout.readline())
        parent.send_signal(how)
        parent.wait(20)
    assert wait_until(lambda: not is_running(pid) and not Path(home).exists())


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's list of sockets")
def test_it_listens_on_loopback_only(cloud: Cloud) -> None:
    port = int(cloud.endpoint.rsplit(":", 1)[1])
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == [f"0100007F:{port:04X}"]


def test_unknown_keys_and_wrong_secrets_are_refused(cloud: Cloud) -> None:
    for wrong in (Credentials("AKIAIOSFODNN7EXAMPLE", "x"), Credentials(cloud.credentials.access_key_id, "x")):
        with pytest.raises(ClientError, match=r"UnrecognizedClient|InvalidSignature|security token"):
            cloud.client("workspaces", PRIMARY, credentials=wrong).describe_workspaces()


ARNS = {
    "the workspace in the primary Region": f"arn:aws:workspaces:{PRIMARY}:123456789012:workspace/*",
    "the workspace in the DR Region": f"arn:aws:workspaces:{DR}:123456789012:workspace/*",
    "the primary's directory": f"arn:aws:workspaces:{PRIMARY}:123456789012:directory/{HOME}",
    "the standby's directory": f"arn:aws:workspaces:{DR}:123456789012:directory/{AWAY}",
}
NEEDED = {
    **{name: statement("workspaces:CreateStandbyWorkspaces", arn) for name, arn in ARNS.items()},
    "tagging": statement("workspaces:CreateTags", "*"),
    "describing": statement("workspaces:DescribeWorkspaces", "*"),
    "using the key": statement(
        ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], KEY
    ),
    "granting the key": statement("kms:CreateGrant", KEY, Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}}),
}


@pytest.mark.parametrize("missing", [*NEEDED, None])
def test_a_standby_needs_every_permission_that_aws_may_ask_for(cloud: Cloud, missing: str | None) -> None:
    primary = create(cloud, "user01", UserVolumeEncryptionEnabled=True)
    given = [allowed for name, allowed in NEEDED.items() if name != missing]
    caller = cloud.make_user(f"without-{list(NEEDED).index(missing) if missing else 'nothing'}", *given)
    client = cloud.client("workspaces", DR, credentials=caller)
    item = {"PrimaryWorkspaceId": primary, "DirectoryId": AWAY, "VolumeEncryptionKey": KEY}
    if missing is None:
        answer = client.create_standby_workspaces(PrimaryRegion=PRIMARY, StandbyWorkspaces=[item])
        (standby,) = cloud.world.standbys()
        assert answer["PendingStandbyRequests"][0]["WorkspaceId"] == standby["workspace_id"]
        assert standby["primary_id"] == primary
        assert cloud.world.calls()[-1]["principal"] == "arn:aws:iam::123456789012:user/without-nothing"
        return
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.create_standby_workspaces(PrimaryRegion=PRIMARY, StandbyWorkspaces=[item])
    assert cloud.world.standbys() == []
    assert cloud.world.calls()[-1]["outcome"] == "AccessDeniedException"
    assert cloud.world.trail()[-1]["detail"]["errorCode"] == "AccessDeniedException"


def test_a_termination_can_be_bound_to_a_tag(cloud: Cloud) -> None:
    ours, theirs = create(cloud, "user01", Tags=[{"Key": "owner", "Value": "us"}]), create(cloud, "user02")
    bound = statement(
        "workspaces:TerminateWorkspaces", "*", Condition={"StringEquals": {"aws:ResourceTag/owner": "us"}}
    )
    reaper = cloud.make_user("reaper", bound)
    client = cloud.client("workspaces", PRIMARY, credentials=reaper)
    for refuses, one in ((client, theirs), (cloud.client("workspaces", DR, credentials=reaper), ours)):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            refuses.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": one}])
    assert client.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": ours}])["FailedRequests"] == []


def test_faults_of_the_transport_show_on_a_real_connection(cloud: Cloud) -> None:
    client = cloud.client("workspaces", PRIMARY, read_timeout=1, retries={"total_max_attempts": 1})
    expected = {
        "connection_closed_after": ConnectionClosedError,
        "connection_refused": ConnectionClosedError,
        "connect_timeout": ConnectionClosedError,
        "read_timeout_before": ReadTimeoutError,
        "read_timeout_after": ReadTimeoutError,
        "error_after": ClientError,
    }
    with_effect = 0
    for number, (kind, error) in enumerate(expected.items()):
        cloud.world.inject(Fault("CreateWorkspaces", kind, times=1))
        item = {"DirectoryId": HOME, "UserName": f"user{number:02}", "BundleId": WINDOWS}
        with pytest.raises(error):
            client.create_workspaces(Workspaces=[item])
        with_effect += kind.endswith("_after")
        assert len(cloud.world.primaries()) == with_effect
    assert client.describe_workspaces()["Workspaces"]


def test_the_control_url_says_what_is_wrong(cloud: Cloud) -> None:
    for wrong in (
        lambda: cloud.world.change(stict=True),
        lambda: cloud.world.set_state("ws-000000000", "ERROR"),
        lambda: cloud.world.redeliver("no-such-event"),
        lambda: cloud.world._get("nothing"),
        lambda: cloud.world._post("faults", operation="*", kind="thunder"),
        lambda: cloud.world._post("connection_faults", service="dynamodb", operation="*", kind="drop"),
        lambda: cloud.world._post("terminate", workspace="ws-000000000"),
    ):
        with pytest.raises(ControlError):
            wrong()
    with pytest.raises(ValueError, match="condition"):
        cloud.world.inject(Fault("*", "throttle", when=lambda _: True))
    assert "snapshot" in " ".join(cloud.world._get("")["help"])


def test_the_clock_is_set_forward_and_states_follow(cloud: Cloud) -> None:
    cloud.world.change(boot_seconds=1200)
    create(cloud, "user01")
    assert [each["state"] for each in cloud.world.primaries()] == ["PENDING"]
    cloud.world.advance(1200)
    assert [each["state"] for each in cloud.world.primaries()] == ["AVAILABLE"]


def test_to_those_who_live_by_the_real_clock_a_later_world_has_an_older_past(cloud: Cloud) -> None:
    one = create(cloud, "user01")
    cloud.world.connect(one)
    cloud.world.advance(7200)
    client = cloud.client("workspaces", PRIMARY)
    (shown,) = client.describe_workspaces_connection_status(WorkspaceIds=[one])["WorkspacesConnectionStatus"]
    now = datetime.now(UTC)
    assert timedelta(0) <= now - shown["ConnectionStateCheckTimestamp"] < timedelta(minutes=1)
    assert timedelta(hours=2) <= now - shown["LastKnownUserConnectionTimestamp"] < timedelta(hours=2, minutes=1)
    create(cloud, "user02")
    assert now - timedelta(minutes=1) < datetime.fromisoformat(cloud.world.trail()[-1]["time"]) <= datetime.now(UTC)


def test_cloudtrail_brings_a_creation_to_the_default_bus_once_twice_or_never(cloud: Cloud) -> None:
    url = listen(cloud, PRIMARY, "trail", "aws.workspaces")
    primary = create(cloud, "user01")
    (event,) = received(cloud, url, 1)
    assert event["detail-type"] == "AWS API Call via CloudTrail"
    assert event["detail"]["responseElements"]["pendingRequests"][0]["workspaceId"] == primary
    assert event["detail"]["userIdentity"]["userName"] == "operator"
    cloud.world.redeliver(event["id"])
    assert [again["id"] for again in received(cloud, url, 1)] == [event["id"]]
    cloud.world.change(trail_copies=2)
    create(cloud, "user02")
    assert len(received(cloud, url, 2)) == 2
    cloud.world.change(trail_copies=0)
    create(cloud, "user03")
    cloud.world.change(trail_copies=1, trail_delay_seconds=0.5)
    create(cloud, "user04")
    (late,) = received(cloud, url, 1)
    assert late["detail"]["requestParameters"]["workspaces"][0]["userName"] == "user04"


def test_nobody_else_may_speak_for_aws(cloud: Cloud) -> None:
    entry = {"Source": "aws.workspaces", "DetailType": "AWS API Call via CloudTrail", "Detail": "{}"}
    answer = cloud.client("events", PRIMARY).put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_another_ministack_fails_at_the_start() -> None:
    program = """
from local import ministack_patches as patches
def say():
    try:
        patches.check()
    except Exception as problem:
        print(problem)
version = patches.importlib.metadata.version
patches.importlib.metadata.version = lambda _: "1.6.0"
say()
patches.importlib.metadata.version = version
del patches.lambda_svc._poll_dynamodb_streams
say()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    newer, missing = done.stdout.splitlines()
    assert "MiniStack 1.6.0 is installed; the embedded cloud is made for 1.5.33" in newer
    assert "lambda_svc._poll_dynamodb_streams is not there" in missing
