"""`standby redrive`, run as an operator runs it, against the deployed product."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.cloud import Credentials
from local.queries import readme_command
from tests.e2e.conftest import ROOT, STACK, Deployed, wait_until


def standby(
    deployed: Deployed, words: list[str], credentials: Credentials | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command; its first word is where README's reader has it."""
    assert words[0] == ".venv/bin/standby"
    keys = credentials or deployed.cloud.credentials
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ENDPOINT_URL": deployed.cloud.endpoint,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }
    command = [str(Path(sys.executable).parent / "standby"), *words[1:]]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def redrive(deployed: Deployed, *options: str) -> subprocess.CompletedProcess[str]:
    return standby(deployed, [*readme_command("redrive"), *options])


def dead_letters(deployed: Deployed) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told: dict[str, Any] = deployed.sqs.get_queue_attributes(
        QueueUrl=deployed.outputs["DeadLetterQueueUrl"], AttributeNames=names
    )["Attributes"]
    return sum(int(told[name]) for name in names)


def test_an_event_that_failed_three_times_is_given_to_protect_again(deployed: Deployed) -> None:
    deployed.heard(deployed.outputs["DeadLetterQueueUrl"])
    wait_until(lambda: not deployed.runs("Sweep"))  # one that is under way would find the desktop
    with deployed.denied("dynamodb:*", deployed.outputs["ProtectFunctionName"]):
        (one,) = deployed.create("user070")
        wait_until(lambda: dead_letters(deployed) == 1)
        assert deployed.row(one) == {}
        failed = redrive(deployed)
        assert failed.returncode == 1, failed.stderr
        assert "LedgerUnavailable" in failed.stdout
        assert "left in the queue: protect failed" in failed.stdout
    listed = redrive(deployed, "--list")
    assert (listed.returncode, listed.stderr) == (1, "")
    assert f"CreateWorkspaces of {one}. Why here: RetriesExhausted after 3 tries" in listed.stdout
    assert dead_letters(deployed) == 1
    assert deployed.row(one) == {}

    done = redrive(deployed)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"1 message in the dead-letter queue of {STACK}: 1 given to protect."
    row = deployed.until(one, "PROTECTED")
    assert row["principal"].endswith("user/operator")
    assert len(deployed.standbys_of(one)) == 1
    again = redrive(deployed)
    assert (again.returncode, again.stdout) == (0, f"The dead-letter queue of {STACK} is empty.\n")


def test_a_poison_event_stays_with_its_reason_until_it_is_deleted(deployed: Deployed) -> None:
    deployed.heard(deployed.outputs["DeadLetterQueueUrl"])
    deployed.protect({"id": "strange", "detail": "no object"})
    wait_until(lambda: dead_letters(deployed) == 1)
    left = redrive(deployed)
    assert (left.returncode, left.stderr) == (1, "")
    line, totals = left.stdout.splitlines()
    assert "strange" in line
    assert "neither a call by hand" in line
    assert "ask for them by hand" in line
    assert totals.endswith(": 1 left in the queue.")
    (message,) = deployed.heard(deployed.outputs["DeadLetterQueueUrl"])  # at once: it was let go
    assert "neither a call by hand" in message["MessageAttributes"]["reason"]["StringValue"]
    deployed.protect({"id": "strange", "detail": "no object"})
    wait_until(lambda: dead_letters(deployed) == 1)
    deleted = redrive(deployed, "--delete-unreadable")
    assert (deleted.returncode, deleted.stderr) == (0, "")
    assert dead_letters(deployed) == 0


def test_what_is_not_allowed_or_not_there_is_a_sentence(deployed: Deployed) -> None:
    nowhere = standby(deployed, [".venv/bin/standby", "redrive", "Standby-us-east-1-eu-west-1"])
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("There is no stack Standby-us-east-1-eu-west-1 in us-east-1.")
