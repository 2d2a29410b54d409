"""The embedded cloud's process: it starts, listens on loopback only, answers as the model does, leaves nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local.cloud import Cloud, Credentials
from local.workspaces import Fault
from local.world_client import ControlError
from tests.local.worlds import AWAY, DR, HOME, PRIMARY, WINDOWS

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def create(cloud: Cloud, user: str, **item: Any) -> str:
    request = [{"DirectoryId": HOME, "UserName": user, "BundleId": WINDOWS, **item}]
    answer = cloud.client("workspaces", PRIMARY).create_workspaces(Workspaces=request)
    return str(answer["PendingRequests"][0]["WorkspaceId"])


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(condition: Any, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_it_ends_with_its_context_and_leaves_neither_process_nor_file() -> None:
    with Cloud.start() as cloud:
        home, port = cloud.log_path.parent, int(cloud.endpoint.rsplit(":", 1)[1])
        assert home.is_dir()
        assert is_running(cloud.pid)
    assert not home.exists()
    assert not is_running(cloud.pid)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
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


def test_a_desktop_and_its_standby_are_created_through_the_endpoint(cloud: Cloud) -> None:
    primary = create(cloud, "user01")
    answer = cloud.client("workspaces", DR).create_standby_workspaces(
        PrimaryRegion=PRIMARY, StandbyWorkspaces=[{"PrimaryWorkspaceId": primary, "DirectoryId": AWAY}]
    )
    (standby,) = cloud.world.standbys()
    assert answer["PendingStandbyRequests"][0]["WorkspaceId"] == standby["workspace_id"]
    assert standby["primary_id"] == primary
    assert cloud.world.duplicates() == []
    assert cloud.world.calls()[-1]["principal"] == "arn:aws:iam::123456789012:user/operator"


def test_unknown_keys_and_wrong_secrets_are_refused(cloud: Cloud) -> None:
    for wrong in (Credentials("AKIAIOSFODNN7EXAMPLE", "x"), Credentials(cloud.credentials.access_key_id, "x")):
        with pytest.raises(ClientError, match=r"UnrecognizedClient|InvalidSignature|security token"):
            cloud.client("workspaces", PRIMARY, credentials=wrong).describe_workspaces()


def statement(action: str | list[str], resource: str | list[str], **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **condition}


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
        assert client.create_standby_workspaces(PrimaryRegion=PRIMARY, StandbyWorkspaces=[item])[
            "PendingStandbyRequests"
        ]
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
    client = cloud.client("workspaces", PRIMARY, read_timeout=3, retries={"total_max_attempts": 1})
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


def queue_of_events(cloud: Cloud, name: str) -> tuple[Any, str]:
    sqs = cloud.client("sqs", PRIMARY)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{PRIMARY}:{cloud.account}:{name}"
    events = cloud.client("events", PRIMARY)
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.workspaces"]}))["RuleArn"]
    sender = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
    policy = {"Statement": [statement("sqs:SendMessage", arn, **sender)]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return sqs, url


def received(sqs: Any, url: str, number: int) -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = []

    def enough() -> bool:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        bodies.extend(json.loads(message["Body"]) for message in messages)
        return len(bodies) >= number

    wait_until(enough, 30)
    return bodies


def test_cloudtrail_brings_a_creation_to_the_default_bus_once_twice_or_never(cloud: Cloud) -> None:
    sqs, url = queue_of_events(cloud, "trail")
    primary = create(cloud, "user01")
    (event,) = received(sqs, url, 1)
    assert event["detail-type"] == "AWS API Call via CloudTrail"
    assert event["detail"]["responseElements"]["pendingRequests"][0]["workspaceId"] == primary
    assert event["detail"]["userIdentity"]["userName"] == "operator"
    cloud.world.redeliver(event["id"])
    assert [again["id"] for again in received(sqs, url, 1)] == [event["id"]]
    cloud.world.change(trail_copies=2)
    create(cloud, "user02")
    assert len(received(sqs, url, 2)) == 2
    cloud.world.change(trail_copies=0)
    create(cloud, "user03")
    cloud.world.change(trail_copies=1, trail_delay_seconds=0.5)
    create(cloud, "user04")
    (late,) = received(sqs, url, 1)
    assert late["detail"]["requestParameters"]["workspaces"][0]["userName"] == "user04"


def test_nobody_else_may_speak_for_aws(cloud: Cloud) -> None:
    entry = {"Source": "aws.workspaces", "DetailType": "AWS API Call via CloudTrail", "Detail": "{}"}
    answer = cloud.client("events", PRIMARY).put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def run(program: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603


def test_another_ministack_fails_at_the_start() -> None:
    start = "from local import ministack_patches as patches\n"
    fine = run(start + "patches.check()")
    assert fine.returncode == 0, fine.stderr
    missing = run(start + "del patches.lambda_svc._poll_dynamodb_streams\npatches.check()")
    assert "lambda_svc._poll_dynamodb_streams is not there" in missing.stderr
    newer = run(start + "patches.importlib.metadata.version = lambda _: '1.6.0'\npatches.check()")
    assert "MiniStack 1.6.0 is installed; the embedded cloud is made for 1.5.33" in newer.stderr
