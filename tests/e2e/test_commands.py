"""Commands of `standby`, run as an operator runs them, against the deployed product."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from local.aws_cli import unpack
from local.cloud import Credentials
from local.queries import printed_command
from tests.e2e.conftest import DR, PRIMARY, ROOT, STACK, Deployed, wait_until


def standby(
    deployed: Deployed, words: list[str], credentials: Credentials | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command; its first word is where a reader of the documents has it."""
    assert words[0] == ".venv/bin/standby"
    return run(deployed, [str(Path(sys.executable).parent / "standby"), *words[1:]], credentials)


def run(deployed: Deployed, command: list[str], user: Credentials | None) -> subprocess.CompletedProcess[str]:
    keys = user or deployed.cloud.credentials
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ENDPOINT_URL": deployed.cloud.endpoint,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def redrive(deployed: Deployed, *options: str) -> subprocess.CompletedProcess[str]:
    return standby(deployed, [*printed_command("redrive"), *options])


def dead_letters(deployed: Deployed) -> int:
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    url = deployed.outputs["DeadLetterQueueUrl"]
    told = deployed.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
    return sum(int(told[name]) for name in names)


def test_an_event_that_failed_three_times_is_given_to_protect_again(deployed: Deployed) -> None:
    deployed.heard(deployed.outputs["DeadLetterQueueUrl"])
    wait_until(lambda: not deployed.runs("Sweep"))  # one that is under way would find the desktop
    with deployed.denied("dynamodb:*", deployed.outputs["ProtectFunctionName"]):
        (one,) = deployed.create("user070")
        wait_until(lambda: dead_letters(deployed) == 1)
        failed = redrive(deployed)
        assert (failed.returncode, failed.stderr) == (1, "")
        assert "left in the queue: " in failed.stdout
        assert "-protect failed: LedgerUnavailable" in failed.stdout
    listed = redrive(deployed, "--list")
    assert (listed.returncode, listed.stderr) == (1, "Next: `standby redrive` sends the events to protect again.\n")
    assert f"CreateWorkspaces of {one}. Cause: RetriesExhausted after 3 tries" in listed.stdout
    assert dead_letters(deployed) == 1
    assert deployed.row(one) == {}

    done = redrive(deployed)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"1 message in the dead-letter queue of {STACK}: 1 sent to protect."
    row = deployed.until(one, "PROTECTED")
    assert row["created_by"].endswith("user/operator")
    assert len(deployed.standbys_of(one)) == 1
    assert dead_letters(deployed) == 0


def test_an_operator_changes_things_by_the_command_line_with_the_stacks_own_policies(deployed: Deployed) -> None:
    policies = [deployed.outputs[f"{name}PolicyArn"] for name in ("Reader", "Operator")]
    bo = deployed.cloud.make_user("bo", policies=policies)
    ends = {"Effect": "Allow", "Action": "workspaces:TerminateWorkspaces", "Resource": "*"}
    al = deployed.cloud.make_user("al", ends, policies=policies)

    def do(line: str, user: Credentials = bo, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = standby(deployed, [".venv/bin/standby", *shlex.split(line), "--region", PRIMARY], user)
        assert done.returncode == status, done
        return done

    assert ":user/bo at " in do("pause --reason CHG-4711").stdout
    (one,) = deployed.create("user046")
    assert deployed.until(one, "HELD")["reason_code"] == "PAUSED"
    assert (
        "Create standbys for 1 WorkSpace? This needs confirmation, and there is no terminal. Add --yes."
        in do("resume", status=2).stderr
    )
    do("resume --yes")
    wait_until(lambda: deployed.start_watcher() and deployed.row(one)["status"] == "PROTECTED")
    deployed.workspaces.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": one}])
    deployed.until(one, "PRIMARY_GONE")
    wait_until(lambda: not deployed.workspaces.describe_workspaces(WorkspaceIds=[one])["Workspaces"])
    (waits,) = deployed.create("user046")
    assert deployed.until(waits, "INELIGIBLE")["reason_code"] == "USER_HAS_STANDBY"
    wait_until(lambda: one in do("orphans --replaced").stdout)
    assert ":user/bo: standby keep" in do(f"keep {one} --output json").stdout
    assert "It is kept by" in do(f"orphans --terminate {one} --yes", al, status=1).stdout
    do(f"keep --undo {one}")
    denied = do(f"orphans --terminate {one} --yes", status=3)
    assert "workspaces:TerminateWorkspaces is missing. No policy of the stack grants it" in denied.stderr
    assert deployed.row(one)["reason_code"] == "ORPHANED"
    done = json.loads(do(f"orphans --terminate {one} --yes --output json", al).stdout)
    assert (done["terminated"], done["orphans"][0]["waiting"]) == (1, [waits])
    deployed.until(waits, "PROTECTED")
    assert len(deployed.standbys_of(waits)) == 1
    assert f"Saved in the ledger of {STACK}." in do("doctor --only credentials --keep --reason nightly").stdout
    kept = deployed.history("DOCTOR")[-1]
    assert (kept["reason_code"], kept["cause_id"], kept["principal"][-8:]) == ("DOCTOR_KEPT", "nightly", ":user/bo")


def test_a_reader_reads_everything_also_when_the_primary_region_is_lost(deployed: Deployed, tmp_path: Path) -> None:
    reader = deployed.cloud.make_user("reader", policies=[deployed.outputs["ReaderPolicyArn"]])
    (one,) = deployed.create("user044")
    row = deployed.until(one, "PROTECTED")
    deployed.sweep()
    places = ["--region", PRIMARY, "--output", "json"]

    def read(line: str, *more: str) -> subprocess.CompletedProcess[str]:
        return standby(deployed, [".venv/bin/standby", *shlex.split(line), *(more or places)], reader)

    for line in (
        "status",
        "list --user user044",
        f"show {row['standby_id']}",
        "audit --user USER044 --as-of now",
        "plan",
        "orphans",
        f"failover-list --stack {STACK}",
        "diff --config local/local.yaml",
        f"report --out {tmp_path / 'report.html'} --since 1d",
    ):
        done = read(line)
        assert (done.returncode in (0, 1), json.loads(done.stdout)["schema_version"]) == (True, 1), (line, done)
    assert read("runbook", "--stack", STACK).stdout.startswith("# ")
    for line in ("pause", "doctor --only credentials --keep"):
        refused = read(line)
        assert (refused.returncode, json.loads(refused.stderr)["fix"]) == (
            3,
            f"lambda:InvokeFunction is missing. The policy {STACK}-operator grants it.",
        ), line
    deployed.cloud.world.lose(PRIMARY)
    try:
        made = f"report --out {tmp_path / 'report.html'} --since 1d --stack {STACK}"
        for line in ("status", "list --user user044", "audit --user user044 --as-of now", made):
            done = read(line)
            assert done.returncode in (0, 1), (line, done)
            found = json.loads(done.stdout)
            assert (found["source_region"], found["complete"]) == (DR, True)
            assert f"{PRIMARY} does not answer. The ledger was read from its replica in {DR}" in found["cautions"][0]
        done = read(f"failover-list --stack {STACK} --user user044")
        assert json.loads(done.stdout)["desktops"][0]["can_work"] == "YES", done
        assert read("resume").returncode == 3
    finally:
        deployed.cloud.world.bring_back(PRIMARY)


def test_doctor_only_reads_and_a_reader_may_do_all_of_it(
    deployed: Deployed, configuration: Path, tmp_path: Path
) -> None:
    for region, directory in ((PRIMARY, "d-9067328a7c"), (DR, "d-926722f013")):
        deployed.cloud.world.add_directory(region, directory, ["user080"])
    deployed.sweep()
    reader = deployed.cloud.make_user("doctor", policies=[deployed.outputs["ReaderPolicyArn"]])
    replica = deployed.cloud.client("dynamodb", DR)
    replica.update_table(TableName=deployed.table, DeletionProtectionEnabled=False)
    before = len(deployed.cloud.world.calls())
    options = ["--config", str(configuration), "--nameserver", deployed.cloud.nameserver, "--output", "json"]
    done = standby(deployed, [*printed_command("doctor"), *options], reader)
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    findings = json.loads(done.stdout)["findings"]
    calls = [call for call in deployed.cloud.world.calls(before) if call["principal"].endswith("user/doctor")]
    assert {call["operation"][:8] for call in calls} == {"Describe"}
    assert [one for one in findings if one["status"] in ("not allowed", "no answer")] == []
    # What nobody has set up here: aliases, a trail, a key, and a subscription that is confirmed.
    problems = {one["check"]: one for one in findings if one["status"] == "problem"}
    assert {"aliases", "fit", "management-events", "subscriptions", "ledger"} <= set(problems)
    (command,) = problems["ledger"]["commands"]
    words = shlex.split(command)
    mended = run(deployed, [str(unpack(tmp_path) / words[0]), *words[1:]], None)
    assert (mended.returncode, mended.stderr) == (0, "")
    assert replica.describe_table(TableName=deployed.table)["Table"]["DeletionProtectionEnabled"]
