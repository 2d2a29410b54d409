"""``python -m local``, which is ``make local``: the embedded cloud with the product deployed in it, to play with.

It takes a cloud assembly (``make synth`` writes one), starts the cloud, deploys, registers the directories that the
assembly names with users in them, writes ``build/local.json`` and runs until Ctrl-C.
"""

import argparse
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from local.aws_cli import unpack
from local.cloud import Cloud
from local.control import VERBS
from local.deploy import DeploymentError, Outputs

# The limit of the account's calls a second, which local.yaml counts on: ten times AWS's.
RAISED = 20
USERS = [f"user{number:03}" for number in range(1, 101)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Run the embedded cloud.")
    parser.add_argument("--assembly", type=Path, default=Path("cdk.out"), help="what to deploy (default: cdk.out)")
    parser.add_argument("--output", type=Path, default=Path("build/local.json"), help="what to write")
    parser.add_argument("--boot-seconds", type=float, default=20, help="until a WorkSpace is AVAILABLE (default: 20)")
    options = parser.parse_args(arguments)
    if not (options.assembly / "manifest.json").is_file():
        sys.stderr.write(f"{options.assembly} is no cloud assembly; `make synth` writes one\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        seconds = options.boot_seconds
        with Cloud.start(boot_seconds=seconds, standby_boot_seconds=seconds, calls_per_second=RAISED) as cloud:
            pairs = add_directories(cloud, options.assembly)
            outputs = cloud.deploy(options.assembly)
            described = describe(cloud, pairs, outputs)
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps(described, indent=2) + "\n")
            print(how_to(described, pairs, options.output), flush=True)
            if shutil.which("aws") is None:
                folder = unpack(options.output.parent / "aws-cli").resolve()
                print(f"There is no AWS CLI here; to use this one:\n\n  export PATH={folder}:$PATH\n", flush=True)
            cloud.wait()
            sys.stderr.write(f"The embedded cloud has ended by itself:\n{cloud.log_tail()}\n")
            return 1
    except DeploymentError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        print("\nThe embedded cloud has ended; nothing of it is left but the file it wrote.")
        return 0


def add_directories(cloud: Cloud, assembly: Path) -> list[dict[str, Any]]:
    """Register each directory that an assembly's functions know, and its partner, with a hundred users.

    Returns
    -------
    list of dict
        The settings of each pair of Regions, as its functions read them.
    """
    pairs = [json.loads(file.read_text()) for file in sorted(assembly.glob("asset.*/settings.json"))]
    for pair in pairs:
        for directory, mapping in pair["directories"].items():
            cloud.world.add_directory(pair["primary_region"], directory, USERS)
            cloud.world.add_directory(pair["dr_region"], mapping["dr_directory"], USERS)
    return pairs


def describe(cloud: Cloud, pairs: list[dict[str, Any]], outputs: Outputs) -> dict[str, Any]:
    """Return what a program needs to use a running cloud; ``pid`` is the process to interrupt."""
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
        "control_url": cloud.control_url,
    }


def how_to(described: dict[str, Any], pairs: list[dict[str, Any]], written: Path) -> str:
    """Return what a person needs to use a running cloud."""
    directory = next(iter(pairs[0]["directories"]))
    keys = described["credentials"]
    return f"""
The embedded cloud runs at {described["endpoint"]}, for this machine only; {written} has it all.
Point the AWS CLI at it:

  export AWS_ENDPOINT_URL={described["endpoint"]} AWS_DEFAULT_REGION={described["region"]}
  export AWS_ACCESS_KEY_ID={keys["aws_access_key_id"]} AWS_SECRET_ACCESS_KEY={keys["aws_secret_access_key"]}

A new desktop, for one of {USERS[0]} to {USERS[-1]}:

  aws workspaces create-workspaces --workspaces DirectoryId={directory},UserName={USERS[0]},BundleId=wsb-windowsstandard

Its standby, a little later, and the ledger:

  aws workspaces describe-workspaces --region {described["dr_region"]}
  aws dynamodb scan --table-name {pairs[0]["stack"]}

The world is controlled at {described["control_url"]}, for example

  curl {described["control_url"]}snapshot
  curl {described["control_url"]}settings -d '{{"strict": true}}'
  curl {described["control_url"]}faults -d '{{"operation": "CreateStandbyWorkspaces", "kind": "throttle", "times": 3}}'

{VERBS}
Ctrl-C ends it; so does `kill {described["pid"]}`.
"""


if __name__ == "__main__":
    sys.exit(main())
