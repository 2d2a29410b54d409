"""The stacks as a whole: names, outputs, lint, sizes, and the same result whoever synthesises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.infra.conftest import EXAMPLE
from tests.infra.templates import STACK, resources, text

if TYPE_CHECKING:
    from tests.infra.templates import Assembly

ROOT = Path(__file__).parents[2]


def run_app(tmp_path: Path, config: Path | str) -> subprocess.CompletedProcess[str]:
    """`python app.py` as the CDK's command line would start it, with neither credentials nor a Node.js on the path."""
    environment = {
        "PATH": str(tmp_path),
        "HOME": str(Path.home()),  # where jsii keeps its unpacked libraries
        "CDK_OUTDIR": str(tmp_path / "cdk.out"),
        "CDK_CONTEXT_JSON": json.dumps({"config": str(config)}),
    }
    return subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_outputs_have_their_fixed_names(example: Assembly) -> None:
    outputs = {name: text(output["Value"]) for name, output in example.primary["Outputs"].items()}
    assert set(outputs) == {
        "LedgerTableName",
        "ProtectFunctionName",
        "WatchFunctionName",
        "WatchStateMachineArn",
        "SweepStateMachineArn",
        "DeadLetterQueueUrl",
        "NotificationTopicArn",
        "EventRuleName",
        "ConfigDigest",
        "Version",
    }
    assert outputs["Version"] == "0.1.0"
    assert len(outputs["ConfigDigest"]) == 16


def test_a_pair_is_two_stacks_and_two_pairs_that_point_at_each_other_are_four(everything: Assembly) -> None:
    artifacts = json.loads((everything.directory / "manifest.json").read_text())["artifacts"]
    stacks = {
        name: artifact["environment"]
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert stacks == {
        STACK: "aws://123456789012/us-east-1",
        f"{STACK}-dr": "aws://123456789012/us-west-2",
        "Standby-us-west-2-us-east-1": "aws://123456789012/us-west-2",
        "Standby-us-west-2-us-east-1-dr": "aws://123456789012/us-east-1",
    }
    assert STACK in artifacts[f"{STACK}-dr"]["dependencies"]


def test_all_functions_of_a_pair_come_from_one_zip(example: Assembly) -> None:
    keys = {f["Properties"]["Code"]["S3Key"] for f in resources(example.primary, "AWS::Lambda::Function").values()}
    assert len(keys) == 1
    assert len(list(example.directory.glob("asset.*"))) == 1


@pytest.mark.parametrize("fixture", ["example", "everything", "large"])
def test_cfn_lint_finds_nothing_in_templates_and_definition(fixture: str, request: pytest.FixtureRequest) -> None:
    directory = request.getfixturevalue(fixture).directory
    lint = Path(sys.executable).with_name("cfn-lint")
    templates = sorted(str(path) for path in directory.glob("*.template.json"))
    found = subprocess.run([lint, *templates], capture_output=True, text=True, check=False)  # noqa: S603
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("fixture", ["example", "everything", "large"])
def test_cdk_nag_has_no_finding_that_is_not_acknowledged_with_a_reason(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    report = json.loads((request.getfixturevalue(fixture).directory / "validation-report.json").read_text())
    (nag,) = [plugin for plugin in report["pluginReports"] if plugin["pluginName"] == "AwsSolutions"]
    assert (nag["conclusion"], nag["violations"]) == ("success", [])
    assert len(nag["suppressedViolations"]) >= 10
    for acknowledged in nag["suppressedViolations"]:
        assert len(acknowledged["reason"]) > 40, acknowledged["ruleName"]


def test_templates_of_five_hundred_directories_stay_far_below_cloudformations_limit(large: Assembly) -> None:
    for template in large.directory.glob("*.template.json"):
        assert template.stat().st_size < 500_000  # the limit is 1,000,000
    (settings,) = large.directory.glob("asset.*/settings.json")
    assert len(json.loads(settings.read_text())["directories"]) == 500


def test_the_app_alone_gives_the_same_assembly_without_credentials_or_a_system_node(
    example: Assembly, tmp_path: Path
) -> None:
    app = run_app(tmp_path, EXAMPLE)
    assert (app.returncode, app.stderr) == (0, "")
    names = {path.name for path in example.directory.glob("*.json")}
    assert {path.name for path in (tmp_path / "cdk.out").glob("*.json")} == names
    for name in names:
        if name.endswith((".template.json", ".assets.json")):
            assert (tmp_path / "cdk.out" / name).read_text() == (example.directory / name).read_text()


def test_a_mistaken_configuration_ends_synthesis_with_the_list_and_no_traceback(tmp_path: Path) -> None:
    config = tmp_path / "mistaken.yaml"
    config.write_text("pairs:\n  - primary_region: us-east-1\n    dr_region: us-east-1\n")
    app = run_app(tmp_path, config)
    assert app.returncode == 1
    assert "Traceback" not in app.stderr
    first, *mistakes = app.stderr.splitlines()
    assert first == f"{config}: 2 mistakes"
    assert mistakes[0].startswith("  line 2: pairs[0].directories: this key is missing. Write ")
    assert mistakes[1].startswith("  line 3: pairs[0].dr_region: us-east-1 is the primary Region too. Write ")


def test_a_missing_configuration_names_the_command_that_makes_one(tmp_path: Path) -> None:
    app = run_app(tmp_path, tmp_path / "nowhere.yaml")
    assert app.returncode == 1
    assert ".venv/bin/standby init" in app.stderr
    assert "Traceback" not in app.stderr


def test_the_default_account_of_the_cdk_is_used_where_the_file_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.synth import synthesise

    monkeypatch.setitem(os.environ, "CDK_DEFAULT_ACCOUNT", "210987654321")
    synthesise(EXAMPLE, tmp_path)
    artifacts = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    assert artifacts[STACK]["environment"] == "aws://210987654321/us-east-1"
