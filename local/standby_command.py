"""Run the command `standby` against an embedded cloud, as an administrator would."""

import os
import subprocess
import sys
from pathlib import Path

from local.cloud import Cloud

ROOT = Path(__file__).resolve().parent.parent


def show(cloud: Cloud, region: str, stack: str, *words: str) -> None:
    """Run `standby` with some arguments for the pair of a stack in a Region, and let it print its answer."""
    # Without the caller's own account: no profile, Region or token.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": cloud.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": cloud.credentials.secret_access_key,
        "AWS_DEFAULT_REGION": region,
    }
    print(f"\n$ standby {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "cli", *words, "--stack", stack]
    # The exit status is 1 because something needs action; the command prints its own errors.
    subprocess.run(command, cwd=ROOT, env=environment, check=False)
