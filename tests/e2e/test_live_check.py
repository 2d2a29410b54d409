"""`standby live-check`, run as an operator runs it, against the deployed product: it reads, and writes when told to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.cloud import Credentials
from local.queries import readme_command
from tests.e2e.conftest import AWAY, DR, PRIMARY, ROOT, STACK, Deployed, wait_until
from tests.e2e.test_redrive import standby

CREATE = "CreateStandbyWorkspaces"
# The rights that README names: the embedded cloud denies anything else, in every service.
POLICY = ROOT / "cli" / "live_check" / "policy.json"


def live_check(
    deployed: Deployed, configuration: Path, output: Path, *options: str, credentials: Credentials | None = None
) -> tuple[int, str, dict[str, Any]]:
    """Run it; its exit status, what it printed, and its findings by check."""
    words = [str(configuration) if word == "standby.yaml" else word for word in readme_command("live-check")]
    words += ["--output", str(output), *options]
    done = standby(deployed, words, credentials)
    assert done.stderr == "", done.stdout
    found = json.loads(output.read_text(encoding="utf-8"))
    return done.returncode, done.stdout, {finding["check"]: finding for finding in found["findings"]}


def test_it_only_reads_and_tells_what_it_reads(deployed: Deployed, configuration: Path, tmp_path: Path) -> None:
    for region, directory in ((PRIMARY, "d-9067328a7c"), (DR, "d-926722f013")):
        deployed.cloud.world.add_directory(region, directory, ["user080"])
    (one,) = deployed.create("user080")
    deployed.until(one, "PROTECTED")
    (statement,) = json.loads(POLICY.read_text(encoding="utf-8"))["Statement"]
    reader = deployed.cloud.make_user("reader", statement)
    before = len(deployed.cloud.world.calls())
    status, printed, found = live_check(deployed, configuration, tmp_path / "found.json", credentials=reader)

    calls = [call for call in deployed.cloud.world.calls(before) if call["principal"].endswith("user/reader")]
    assert calls
    assert {call["operation"][:8] for call in calls} == {"Describe"}
    assert [one for one in found.values() if one["verdict"] == "not allowed"] == []
    for check in (
        "directories",
        "deployment",
        "rule",
        "permissions",
        "relations",
        "states",
        "user-filter",
        "user-names",
    ):
        assert found[check]["verdict"] == "as assumed", found[check]
    # What the embedded cloud does not have, it says in a sentence.
    assert found["redirection"]["verdict"] == found["quotas"]["verdict"] == "failed"
    assert "DescribeConnectionAliases" in found["redirection"]["text"]
    assert (found["trail"]["verdict"], found["keys"]["verdict"]) == ("differs", "differs")
    assert "is not in us-west-2" in found["keys"]["text"]
    assert status == 1
    assert "Traceback" not in printed
    assert STACK in printed


def test_told_to_write_it_requests_exactly_two_standbys_and_names_the_second(
    deployed: Deployed, configuration: Path, tmp_path: Path
) -> None:
    deployed.cloud.world.change(trail_copies=0)  # the product does not hear of this one
    (one,) = deployed.create("user081")
    wait_until(
        lambda: any(p["workspace_id"] == one and p["state"] == "AVAILABLE" for p in deployed.cloud.world.primaries())
    )
    before = len(deployed.cloud.world.calls())
    _, printed, found = live_check(
        deployed, configuration, tmp_path / "found.json", "--write", "--primary", one, "--yes"
    )
    written = [
        call
        for call in deployed.cloud.world.calls(before)
        if call["principal"].endswith("user/operator") and not call["operation"].startswith("Describe")
    ]
    assert [call["operation"] for call in written] == [CREATE, CREATE]
    standbys = [standby["workspace_id"] for standby in deployed.standbys_of(one)]
    assert len(standbys) == 2
    text = found["second-request"]["text"]
    assert "It made a second one" in text
    for each in standbys:
        assert (
            f"aws workspaces terminate-workspaces --region {DR} --terminate-workspace-requests WorkspaceId={each}"
            in text
        )
    assert "twice, at once" in printed
    assert AWAY in printed
    deployed.cloud.world.terminate(standbys[1])
    wait_until(lambda: deployed.cloud.world.duplicates() == [])
