"""`make local` and `standby-local`, as somebody uses them who practises."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local import place, running
from local.cloud import Cloud
from local.practice import main
from local.world_client import WorldClient
from tests.local import assembly
from tests.local.clouds import ROOT, is_running, trust, wait_until
from tests.local.places import AWAY, DR, HOME, PRIMARY

STACK = "Standby-x"
PAIR = {"stack": STACK, "primary_region": PRIMARY, "dr_region": DR, "directories": {HOME: {"dr_directory": AWAY}}}
OUTCOME = "1 of 1 directories were scanned completely"


@pytest.fixture(scope="module")
def sweeps(running_cloud: Cloud) -> str:
    """The ARN of a state machine that is over at once, with the outcome of a sweep."""
    role = running_cloud.client("iam", PRIMARY).create_role(
        RoleName="sweeps", AssumeRolePolicyDocument=trust("states.amazonaws.com")
    )
    over = {"Type": "Pass", "Output": {"outcome": OUTCOME}, "End": True}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Over", "States": {"Over": over}}
    made = running_cloud.client("stepfunctions", PRIMARY).create_state_machine(
        name="sweeps", definition=json.dumps(definition), roleArn=role["Role"]["Arn"]
    )
    return str(made["stateMachineArn"])


@pytest.fixture
def file(cloud: Cloud, sweeps: str, tmp_path: Path) -> Path:
    """What describes the session's cloud."""
    outputs = {STACK: {"SweepStateMachineArn": sweeps}, f"{STACK}-dr": {}}
    running.write(tmp_path / "local.json", place.describe(cloud, [PAIR], outputs))
    return tmp_path / "local.json"


def said(capsys: pytest.CaptureFixture[str], file: Path, *words: str, status: int = 0) -> str:
    """What a command prints, on whichever stream, if it ends with this status."""
    assert main([*words, "--file", str(file)]) == status
    out, err = capsys.readouterr()
    assert bool(err) == bool(status), err
    return out + err


def test_a_sweep_is_started_and_waited_for(cloud: Cloud, file: Path, sweeps: str, capsys: Any) -> None:
    assert said(capsys, file, "sweep").startswith(f"{STACK}: {OUTCOME}, in ")
    executions = cloud.client("stepfunctions", PRIMARY).list_executions(stateMachineArn=sweeps)["executions"]
    assert [one["status"] for one in executions] == ["SUCCEEDED"]


def test_desktops_are_created_for_users_who_are_known_and_for_others(cloud: Cloud, file: Path, capsys: Any) -> None:
    shown = [line.split() for line in said(capsys, file, "create", "user01", "zoe").splitlines()]
    assert [user for _, user in shown] == ["user01", "zoe"]
    assert {one["workspace_id"] for one in cloud.world.primaries()} == {one for one, _ in shown}
    assert "ResourceExists.WorkSpace" in said(capsys, file, "create", "zoe", status=1)
    assert said(capsys, file, "create", "eve", "--directory", "d-0000000000", status=2) == (
        f"There is no directory d-0000000000. The directories are: {HOME}.\n"
    )
    item = [{"PrimaryWorkspaceId": shown[1][0], "DirectoryId": AWAY}]
    assert "All standbys of zoe" in said(capsys, file, "fail", "zoe")
    cloud.client("workspaces", DR).create_standby_workspaces(PrimaryRegion=PRIMARY, StandbyWorkspaces=item)
    assert wait_until(lambda: [one["state"] for one in cloud.world.standbys()] == ["ERROR"])
    assert "become AVAILABLE" in said(capsys, file, "fail", "zoe", "--end")


def test_a_region_is_lost_and_comes_back(cloud: Cloud, file: Path, capsys: Any) -> None:
    assert f"standby-local outage {DR} --end" in said(capsys, file, "outage", DR)
    assert f"{DR}  lost" in said(capsys, file, "status")
    said(capsys, file, "outage", PRIMARY, "--silent")
    assert f"{PRIMARY}  silent" in said(capsys, file, "status")
    said(capsys, file, "outage", PRIMARY)
    assert "See: standby-local status" in said(capsys, file, "create", "user02", status=1)
    for region in (PRIMARY, DR):
        assert "answers again" in said(capsys, file, "outage", region, "--end")
    assert said(capsys, file, "outage", DR, "--end") == f"{DR} is not lost.\n"
    assert cloud.world.outages() == {}
    assert f"The Regions are: {PRIMARY} and {DR}" in said(capsys, file, "outage", "us-east-9", status=2)


@pytest.mark.parametrize(("amount", "seconds"), [("+2h", 7200), ("90s", 90), ("+1.5m", 90), ("+1d", 86400)])
def test_time_passes(cloud: Cloud, file: Path, capsys: Any, amount: str, seconds: float) -> None:
    before = datetime.fromisoformat(cloud.world.now())
    said(capsys, file, "time", amount)
    passed = datetime.fromisoformat(cloud.world.now()) - before
    assert timedelta(seconds=seconds) <= passed < timedelta(seconds=seconds + 30)


def test_what_is_no_amount_of_time_is_refused(file: Path, capsys: Any) -> None:
    for wrong in ("yesterday", "2"):
        assert "+30m" in said(capsys, file, "time", wrong, status=2)
    said(capsys, file, "time", "-2h", status=2)


def test_notices_are_shown_in_a_line_each_and_subscriptions_confirmed(cloud: Cloud, file: Path, capsys: Any) -> None:
    sns = cloud.client("sns", PRIMARY)
    topic = sns.create_topic(Name="practice")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="people@example.com")
    sns.publish(TopicArn=topic, Subject="Standby: alice", Message="First line\nsecond line\n" + "x" * 200)
    last = said(capsys, file, "notices").splitlines()[-1]
    assert last.partition(" ")[2].startswith(f"[{PRIMARY}] Standby: alice: First line second line xxx")
    assert (len(last) < 160, last.endswith(" …")) == (True, True)
    assert said(capsys, file, "confirm") == "Confirmed: people@example.com.\n"
    assert said(capsys, file, "confirm") == "No subscription is pending.\n"


def test_without_a_cloud_it_says_how_to_start_one(tmp_path: Path, cloud: Cloud, capsys: Any) -> None:
    file = tmp_path / "local.json"
    assert said(capsys, file, "status", status=1) == "No embedded cloud is running. Start it with: make local\n"
    with running.claimed(file):
        assert "is starting" in said(capsys, file, "status", status=1)
    gone = place.describe(cloud, [PAIR], {}) | {"control_url": "http://127.0.0.1:9/_standby/"}
    running.write(file, gone)
    assert "is no longer running" in said(capsys, file, "status", status=1)
    file.write_text("[]")
    assert "does not describe" in said(capsys, file, "status", status=1)
    assert "No such command" in said(capsys, file, "stauts", status=2)


def test_a_file_has_one_cloud_and_what_a_killed_one_left_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "build" / "local.json"
    file.parent.mkdir()
    file.write_text("what is left of one that was killed")
    with running.claimed(file):
        assert not file.exists()
        with pytest.raises(running.AlreadyRunningError, match=f"kill {os.getpid()}"), running.claimed(file):
            pass
        with running.claimed(file.with_name("second.json")):
            running.write(file, {"pid": 1})
        assert json.loads(file.read_text()) == {"pid": 1}
    assert not file.exists()


class Local:
    """`python -m local`, as make runs it at a terminal."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.home, self.output = folder / "home", folder / "local.json"
        self.home.mkdir()
        self._printed = folder / "printed"
        # Whatever it starts is known by this.
        self._mark = f"STANDBY_MARK={folder}"
        name, _, value = self._mark.partition("=")
        with self._printed.open("w") as printed:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "local", "--output", str(self.output), *options],
                cwd=ROOT,
                env={**os.environ, name: value, "TMPDIR": str(self.home)},
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        return self._printed.read_text()

    def await_text(self, text: str) -> None:
        assert wait_until(lambda: text in self.printed or self.process.poll() is not None, 90)
        assert text in self.printed

    def hears(self) -> bool:
        """Whether it listens to signals itself, which it does before it imports anything."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught & 1 << (signal.SIGTERM - 1))

    def left(self) -> list[str]:
        """The processes that it started and that are still there."""
        found = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            try:
                is_its = self._mark.encode() in environment.read_bytes().split(b"\0")
            except OSError:
                continue
            if is_its and is_running(int(environment.parent.name)):
                found.append((environment.parent / "cmdline").read_text())
        return found


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Any]:
    started: list[Local] = []

    def start(*options: str) -> Local:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Local(folder, *options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's list of processes")
@pytest.mark.parametrize(
    ("how", "moment"),
    [
        (signal.SIGINT, "imports"),
        (signal.SIGINT, "Synthesising"),
        (signal.SIGINT, "Starting the embedded cloud"),
        (signal.SIGINT, "Creating directories"),
        (signal.SIGINT, "Deploying"),
        (signal.SIGINT, "Notices that the product sends"),
        (signal.SIGTERM, "Synthesising"),
        (signal.SIGHUP, "Deploying"),
    ],
)
def test_an_interrupt_ends_everything_at_any_moment(
    local: Any, tmp_path: Path, how: signal.Signals, moment: str
) -> None:
    given = ["--empty", "--assembly", str(assembly.write(tmp_path / "assembly"))]
    one = local(*([] if moment == "Synthesising" else given))
    assert wait_until(one.hears, 20)
    if moment != "imports":
        one.await_text(moment)
        time.sleep(0.05)
    os.killpg(one.process.pid, how)  # as a terminal does, to all of them
    time.sleep(0.2)
    os.killpg(one.process.pid, how)  # and again, for that is what people do
    assert one.process.wait(30) == 0, one.printed
    assert "Traceback" not in one.printed
    assert one.printed.endswith("\nThe embedded cloud has stopped. Its data was deleted.\n")
    assert wait_until(lambda: one.left() == [], 10), one.left()
    assert list(one.home.iterdir()) == []
    assert not one.output.exists()


def test_it_runs_shows_notices_and_refuses_a_second_one(local: Any, tmp_path: Path) -> None:
    folder = str(assembly.write(tmp_path / "assembly"))
    one = local("--assembly", folder)
    one.await_text("Notices that the product sends")
    described = json.loads(one.output.read_text())
    assert (described["pid"], described["region"], described["dr_region"]) == (one.process.pid, PRIMARY, DR)
    assert is_running(described["server_pid"])
    assert described["outputs"]["Small"]["Table"] == "small"
    assert "aws workspaces create-workspaces" in one.printed
    second = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "local", "--assembly", folder, "--output", str(one.output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert f"with: kill {one.process.pid}" in second.stderr
    assert json.loads(one.output.read_text()) == described
    cloud = running.find(one.output)
    assert cloud["directories"] == {"Small": {HOME: AWAY}}
    # People practise on these.
    states = {place["user_name"]: place["state"] for place in snapshot(cloud)["primaries"]}
    assert len(states) >= 17
    assert (states["alice"], states["peggy"], states["[UNDEFINED]"]) == ("AVAILABLE", "STOPPED", "AVAILABLE")
    publish(cloud, "A notice", "with a text")
    one.await_text("A notice: with a text")
    os.kill(described["server_pid"], signal.SIGKILL)
    assert one.process.wait(20) == 1
    assert "stopped unexpectedly" in one.printed
    assert not one.output.exists()


def snapshot(described: dict[str, Any]) -> dict[str, Any]:
    return WorldClient(described["control_url"]).snapshot()


def publish(described: dict[str, Any], subject: str, text: str) -> None:
    import boto3

    sns = boto3.client("sns", region_name=PRIMARY, endpoint_url=described["endpoint"], **described["credentials"])
    sns.publish(TopicArn=sns.create_topic(Name="here")["TopicArn"], Subject=subject, Message=text)


def test_it_names_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local", "--assembly", str(tmp_path), "--output", str(tmp_path / "local.json")]
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert failed.returncode == 1
    assert "make synth" in failed.stderr
