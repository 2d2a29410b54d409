"""Run the embedded cloud for practice: deploy an assembly, and print the notices that are sent."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local import practice_account, running
from local.aws_cli import unpack
from local.cloud import Cloud, CloudError
from local.deploy import DeploymentError, Outputs
from local.notices import one_line
from local.practice_account import USERS
from local.progress import step
from local.sweeping import SweepFailedError
from local.world_client import ControlError

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = Path("local/local.yaml")
# The limit of the account's calls a second, which local.yaml counts on: ten times AWS's.
RAISED = 20
_FAILURES = (CloudError, ControlError, ClientError, DeploymentError, SweepFailedError, running.AlreadyRunningError)


class NoAssemblyError(Exception):
    """There is no assembly to deploy; the message says why."""


def run(arguments: list[str] | None = None) -> int:
    """Run the command line until the cloud stops or is interrupted.

    Raises
    ------
    KeyboardInterrupt
        It was interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m local", description="Run the embedded cloud.")
    parser.add_argument(
        "--config", type=Path, default=CONFIGURATION, help=f"the configuration to deploy (default: {CONFIGURATION})"
    )
    parser.add_argument("--assembly", type=Path, help="a cloud assembly to deploy instead, as written by `make synth`")
    parser.add_argument(
        "--output", type=Path, default=running.DEFAULT, help=f"the file that describes the cloud ({running.DEFAULT})"
    )
    parser.add_argument(
        "--boot-seconds", type=float, default=20, help="seconds until a WorkSpace is AVAILABLE (default: 20)"
    )
    parser.add_argument("--empty", action="store_true", help="do not create desktops for practice")
    options = parser.parse_args(arguments)
    try:
        with running.claimed(options.output):
            return _run(options)
    except (*_FAILURES, NoAssemblyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(options: argparse.Namespace) -> int:
    assembly = options.assembly or _synthesise(options.config, options.output.with_suffix(".out"))
    if not (assembly / "manifest.json").is_file():
        raise NoAssemblyError(f"{assembly} is not a cloud assembly. `make synth` writes one.")
    pairs = [json.loads(file.read_text()) for file in sorted(assembly.glob("asset.*/settings.json"))]
    with step("Starting the embedded cloud, IAM enforced"):
        cloud = Cloud.start(boot_seconds=0, standby_boot_seconds=0, terminate_seconds=0, calls_per_second=RAISED)
    with cloud:
        with step("Creating directories, keys and desktops that exist before the product"):
            practice_account.add_directories(cloud, pairs)
            practice_account.furnish(cloud, pairs[0])
            if not options.empty:
                practice_account.create_fleet(cloud, pairs[0])
        with step("Deploying the product"):
            outputs = cloud.deploy(assembly)
        if not options.empty and "SweepStateMachineArn" in outputs.get(pairs[0]["stack"], {}):
            with step("Running two sweeps, which report the existing fleet"):
                practice_account.let_it_be_reported(cloud, pairs[0], outputs)
        seconds = options.boot_seconds
        cloud.world.change(boot_seconds=seconds, standby_boot_seconds=seconds, terminate_seconds=seconds)
        described = describe(cloud, pairs, outputs)
        running.write(options.output, described)
        print(how_to(described, pairs, options.output), flush=True)
        if shutil.which("aws") is None:
            folder = unpack(options.output.parent / "aws-cli").resolve()
            print(
                f"The AWS CLI is not installed. To use the one in this project:\n\n  export PATH={folder}:$PATH\n",
                flush=True,
            )
        _show_notices(cloud)
        sys.stderr.write(f"The embedded cloud stopped unexpectedly:\n{cloud.log_tail()}\n")
        return 1


def _synthesise(config: Path, outdir: Path) -> Path:
    """Synthesise in a process that Ctrl-C does not reach: Node.js prints long errors when it is interrupted."""
    with step("Synthesising the CDK app"), tempfile.TemporaryDirectory() as temporary:
        environment = os.environ | {"CDK_OUTDIR": str(outdir.resolve()), "TMPDIR": temporary}
        environment |= {"CDK_CONTEXT_JSON": json.dumps({"config": str(config.resolve())})}
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        try:
            _, said = process.communicate()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        raise NoAssemblyError(said.strip())
    return outdir


def _show_notices(cloud: Cloud) -> None:
    """Print the notices that are sent, until the cloud stops."""
    seen = 0
    while not cloud.wait(1):
        with suppress(OSError):
            for notice in cloud.world.notices(seen):
                print(one_line(notice), flush=True)
                seen = notice["number"]


def describe(cloud: Cloud, pairs: list[dict[str, Any]], outputs: Outputs) -> dict[str, Any]:
    """Return what a program needs to use the running cloud; ``pid`` is the process to interrupt."""
    return {
        "endpoint": cloud.endpoint,
        "account": cloud.account,
        "region": pairs[0]["primary_region"],
        "dr_region": pairs[0]["dr_region"],
        "credentials": {
            "aws_access_key_id": cloud.credentials.access_key_id,
            "aws_secret_access_key": cloud.credentials.secret_access_key,
        },
        "pid": os.getpid(),
        "server_pid": cloud.pid,
        "outputs": outputs,
        "directories": {
            pair["stack"]: {one: mapping["dr_directory"] for one, mapping in pair["directories"].items()}
            for pair in pairs
        },
        "control_url": cloud.control_url,
        "nameserver": cloud.nameserver,
    }


def how_to(described: dict[str, Any], pairs: list[dict[str, Any]], written: Path) -> str:
    """Return the instructions for using the running cloud."""
    directory = next(iter(pairs[0]["directories"]))
    keys = described["credentials"]
    return f"""
The embedded cloud runs at {described["endpoint"]}, on this machine only. {written} describes it.
Use it with the AWS CLI and `standby`:

  export AWS_ENDPOINT_URL={described["endpoint"]} AWS_DEFAULT_REGION={described["region"]}
  export AWS_ACCESS_KEY_ID={keys["aws_access_key_id"]} AWS_SECRET_ACCESS_KEY={keys["aws_secret_access_key"]}

Create a desktop for one of the users {USERS[0]} to {USERS[-1]}:

  aws workspaces create-workspaces --workspaces DirectoryId={directory},UserName={USERS[0]},BundleId=wsb-windowsstandard

A little later, show its standby and the ledger:

  aws workspaces describe-workspaces --region {described["dr_region"]}
  aws dynamodb scan --table-name {pairs[0]["stack"]}

Simulate events:

  .venv/bin/standby-local sweep          .venv/bin/standby-local outage {described["region"]}
  .venv/bin/standby-local time +2h       .venv/bin/standby-local --help

Set faults, settings and more over HTTP. The first command lists everything:

  curl {described["control_url"]}
  curl {described["control_url"]}settings -d '{{"strict": true}}'
  curl {described["control_url"]}faults -d '{{"operation": "CreateStandbyWorkspaces", "kind": "throttle", "times": 3}}'

Press Ctrl-C to stop, or run `kill {described["pid"]}`. Notices that the product sends are printed here:
"""
