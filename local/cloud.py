"""Starts the embedded cloud, hands out clients of it, deploys into it, and leaves nothing behind."""

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from local.control import PREFIX
from local.deploy import Outputs, deploy
from local.world_client import ControlError, WorldClient

DEFAULT_ACCOUNT = "123456789012"
OPERATOR = "operator"
_START_SECONDS = 60.0
_STOP_SECONDS = 8.0


class CloudError(Exception):
    """The embedded cloud did not start; the text ends with its log."""


@dataclass(frozen=True)
class Credentials:
    """An access key of the embedded cloud; one that is temporary, as a role's are, has a token."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class Cloud:
    """A running embedded cloud; a context manager that ends it.

    Made by :meth:`start`. The process listens on loopback only, and ends with this one whatever way it goes.

    Attributes
    ----------
    endpoint : str
        The URL for every service of every Region.
    account : str
        The account's id.
    control_url : str
        Where the world is controlled; see :mod:`local.control`.
    nameserver : str
        Host and port, over UDP, of a name server that knows the TXT records of the world.
    pid : int
        The process.
    credentials : Credentials
        Those of the IAM user ``operator``, who may do everything.
    world : WorldClient
        The world, over the control URL.
    log_path : Path
        The process's log, gone with it.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", ports: dict[str, int], account: str, root_secret: str, home: Path
    ) -> None:
        self._process = process
        self._home = home
        self.account = account
        self.endpoint = f"http://127.0.0.1:{ports['port']}"
        self.nameserver = f"127.0.0.1:{ports['nameserver']}"
        self.control_url = f"{self.endpoint}{PREFIX}"
        self.pid = process.pid
        self.log_path = home / "server.log"
        self.world = WorldClient(self.control_url)
        self.credentials = Credentials(account, root_secret)
        self._session = boto3.session.Session()
        self._lock = threading.Lock()

    @classmethod
    def start(
        cls,
        *,
        account: str = DEFAULT_ACCOUNT,
        wait_scale: float = 1.0,
        window_scale: float = 1 / 60,
        log_level: str = "INFO",
        **world: Any,
    ) -> "Cloud":
        """Start an embedded cloud and return once it answers.

        Parameters
        ----------
        account : str
            The account's id.
        wait_scale : float
            What the seconds of Step Functions' waits and retries are multiplied by.
        window_scale : float
            What the seconds are multiplied by in which Lambda gathers records of a stream.
        log_level : str
            Of the process's log.
        **world
            Settings of the world: attributes of :class:`local.workspaces.Settings`, and ``seed``.

        Raises
        ------
        CloudError
            When it does not come up.
        """
        home = Path(tempfile.mkdtemp(prefix="standby-cloud-"))
        secret = secrets.token_hex(20)
        # Nothing of the person's own AWS configuration, and no proxy, comes between functions and loopback.
        environment = {name: value for name, value in os.environ.items() if not _is_ambient(name)}
        environment |= {
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": secret,
            "LOG_LEVEL": log_level,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
            "SFN_WAIT_SCALE": str(wait_scale),
            "STANDBY_ACCOUNT": account,
            "STANDBY_HOME": str(home),
            "STANDBY_WINDOW_SCALE": str(window_scale),
            "STANDBY_WORLD": json.dumps(world),
            "TMPDIR": str(home),
        }
        with (home / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "local.server"],
                env=environment,
                cwd=home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            cloud = cls(process, _read_ports(process, home), account, secret, home)
            _await_answer(cloud)
            cloud.credentials = _make_operator(cloud)
        except BaseException:
            _end(process, home)
            raise
        return cloud

    def __enter__(self) -> Self:
        """Return the cloud itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the cloud."""
        self.stop()

    def stop(self) -> None:
        """End the process and all it started, and remove its files."""
        _end(self._process, self._home)

    def wait(self, seconds: float) -> bool:
        """Wait so many seconds for the process to end, which it does not do by itself; return whether it has."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def log_tail(self) -> str:
        """Return the end of the process's log."""
        return _log_tail(self._home)

    def client(self, service: str, region: str, *, credentials: Credentials | None = None, **options: Any) -> Any:
        """Return a boto3 client of the embedded cloud.

        Parameters
        ----------
        service, region : str
            As boto3 names them.
        credentials : Credentials, optional
            The operator's unless given.
        **options
            For :class:`botocore.config.Config`, such as ``retries`` or ``read_timeout``.
        """
        used = credentials or self.credentials
        with self._lock:  # a session makes its clients one at a time
            return self._session.client(
                service,  # type: ignore[call-overload] # any service
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id=used.access_key_id,
                aws_secret_access_key=used.secret_access_key,
                aws_session_token=used.session_token,
                config=Config(s3={"addressing_style": "path"}, proxies={}, **options),
            )

    def deploy(self, assembly: Path) -> Outputs:
        """Deploy a synthesised CDK app, unmodified, and return the outputs of its stacks by name."""
        return deploy(assembly, self.client, self.account)

    def make_user(self, name: str, *statements: dict[str, Any], policies: Sequence[str] = ()) -> Credentials:
        """Make an IAM user with policy statements and managed policies, by ARN; return an access key of theirs."""
        iam = self.client("iam", "us-east-1")
        iam.create_user(UserName=name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_user_policy(UserName=name, PolicyName="given", PolicyDocument=document)
        for policy in policies:
            iam.attach_user_policy(UserName=name, PolicyArn=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def _is_ambient(name: str) -> bool:
    return name.startswith(("AWS_", "BOTO_")) or name.lower().endswith("_proxy")


def _read_ports(process: "subprocess.Popen[bytes]", home: Path) -> dict[str, int]:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
    line = process.stdout.readline() if ready else b""
    if not line:
        raise CloudError(_start_failure(process, home))
    ports: dict[str, int] = json.loads(line)
    return ports


def _await_answer(cloud: Cloud) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with suppress(ControlError, OSError):
            cloud.world.now()
            return
        if cloud._process.poll() is not None or time.monotonic() > deadline:
            raise CloudError(_start_failure(cloud._process, cloud._home))
        time.sleep(0.02)


def _start_failure(process: "subprocess.Popen[bytes]", home: Path) -> str:
    return f"the embedded cloud did not start (exit status {process.poll()}):\n{_log_tail(home)}"


def _log_tail(home: Path) -> str:
    log = home / "server.log"
    return log.read_text(errors="replace")[-4000:] if log.exists() else "its log no longer exists"


def _make_operator(cloud: Cloud) -> Credentials:
    """Make the user that clients use: a person in CloudTrail's records, where the root user would be nobody."""
    return cloud.make_user(OPERATOR, {"Effect": "Allow", "Action": "*", "Resource": "*"})


def _end(process: "subprocess.Popen[bytes]", home: Path) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    # The end of its input ends it; then its whole group, which is the functions' processes.
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(home, ignore_errors=True)
