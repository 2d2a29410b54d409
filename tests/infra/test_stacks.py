"""The stacks as a whole: names, outputs, lint, sizes, and the same result whoever synthesises."""

import difflib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import Configuration
from infra.config_file import load
from tests.conftest import Synthesise
from tests.infra import names
from tests.infra.conftest import EXAMPLE, STRICT
from tests.infra.templates import FUNCTION, STACK, Assembly, each_of, only, resources, text

if TYPE_CHECKING:
    from aws_cdk import App

# AWS services that these stacks trust, or let in.
TRUSTED = ("cloudwatch", "events", "lambda", "scheduler", "states")
ROOT = Path(__file__).parents[2]


def run_app(tmp_path: Path, config: Path | str, **context: str) -> subprocess.CompletedProcess[str]:
    """`python app.py` as the CDK's command line would start it, with neither credentials nor a Node.js on the path."""
    environment = {
        "PATH": str(tmp_path),
        "HOME": str(Path.home()),  # where jsii keeps its unpacked libraries
        "CDK_OUTDIR": str(tmp_path / "cdk.out"),
        "CDK_CONTEXT_JSON": json.dumps({"config": str(config), **context}),
    }
    return subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def app_of(configuration: Configuration, work: Path) -> "App":
    """The app with the stacks of a configuration."""
    from infra.synth import add_stacks, new_app  # starts Node.js, which a process that only collects does not need

    app = new_app(work / "out")
    add_stacks(app, configuration, work / "work")
    return app


def test_the_outputs_have_their_fixed_names(example: Assembly) -> None:
    outputs = {name: text(output["Value"]) for name, output in example.primary["Outputs"].items()}
    assert " ".join(sorted(outputs)) == (
        "ConfigDigest DeadLetterQueueUrl EventRuleName LedgerTableName NotificationTopicArn OperatorPolicyArn "
        "ProtectFunctionName ReaderPolicyArn SweepStateMachineArn Version WatchFunctionName WatchStateMachineArn"
    )
    there = {name: output["Value"] for name, output in example.dr["Outputs"].items()}
    # Who reads the replica while the primary Region is down has the DR Region's stack alone to ask.
    assert there["LedgerTableName"] == only(example.primary, "AWS::DynamoDB::GlobalTable")["TableName"]
    assert outputs["Version"] == "0.1.0"
    assert len(outputs["ConfigDigest"]) == 16


def test_no_resource_has_moved_or_changed_its_name(synthesised: Synthesise) -> None:
    made = {title: synthesised(text, strict=text == STRICT) for title, text in names.CONFIGURATIONS.items()}
    there, now = names.FILE.read_text().splitlines(), names.written(made).splitlines()
    assert list(difflib.unified_diff(there, now, "recorded", "now", lineterm="", n=0)) == [], (
        "Resources are gone, new, moved or renamed. What moves or is renamed cannot be updated: CloudFormation makes "
        "the new one first, and its name is taken. If it is meant: run `make names`, and write under Upgrading in "
        "CHANGELOG.md what it means for an operator."
    )


def test_a_pair_is_two_stacks_and_two_pairs_that_point_at_each_other_are_four(everything: Assembly) -> None:
    artifacts = everything.artifacts
    assert {
        name: artifact["environment"].removeprefix("aws://123456789012/")
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    } == {
        STACK: "us-east-1",
        f"{STACK}-dr": "us-west-2",
        "Standby-us-west-2-us-east-1": "us-west-2",
        "Standby-us-west-2-us-east-1-dr": "us-east-1",
    }
    assert STACK in artifacts[f"{STACK}-dr"]["dependencies"]
    stacks = [one for one in artifacts.values() if one["type"] == "aws:cloudformation:stack"]
    assert all(one["properties"]["terminationProtection"] for one in stacks)


@pytest.mark.parametrize(
    ("primary", "dr", "partition"),
    [("us-gov-west-1", "us-gov-east-1", "aws-us-gov"), ("cn-north-1", "cn-northwest-1", "aws-cn")],
)
def test_a_pair_of_another_partition_names_that_partition_only(
    tmp_path: Path, primary: str, dr: str, partition: str
) -> None:
    keys: dict[str, Any] = {"primary_region": primary, "dr_region": dr, "account": "123456789012"}
    keys |= {"directories": {"d-906732325d": {"dr_directory": "d-926722edaf"}}, "notify": ["ops@example.com"]}
    if partition == "aws-cn":  # with what else names services and ARNs
        keys |= {"notify_topic_arn": f"arn:{partition}:sns:{primary}:123456789012:ops", "customer_managed_keys": True}
        keys |= {"vpc": {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}}
    app = app_of(Configuration.model_validate({"pairs": [keys]}), tmp_path)
    templates = [json.dumps(stack.template) for stack in sorted(app.synth().stacks, key=lambda one: one.stack_name)]
    assert len(templates) == 2
    for template in templates:
        assert set(re.findall(r"arn:aws[a-z-]*:", template)) == {f"arn:{partition}:"}
        services = set(re.findall(r'"([a-z-]+\.[a-z0-9.-]*amazonaws\.[a-z.]+)"', template))
        # The last one is what an event of CloudTrail names.
        assert services <= {f"{one}.amazonaws.com" for one in (*TRUSTED, "workspaces")}
    machines = resources(json.loads(templates[0]), "AWS::StepFunctions::StateMachine").values()
    invoke = f"arn:{partition}:states:::lambda:invoke"
    assert {one["Properties"]["DefinitionSubstitutions"]["LambdaInvoke"] for one in machines} == {invoke}
    assert {one["Properties"]["DefinitionString"].count("arn:") for one in machines} == {0}


def test_all_functions_of_a_pair_come_from_one_zip(example: Assembly) -> None:
    keys = {function["Properties"]["Code"]["S3Key"] for function in resources(example.primary, FUNCTION).values()}
    assert len(keys) == len(list(example.directory.glob("asset.*"))) == 1


def test_cfn_lint_finds_nothing_in_templates_and_definition(
    everything: Assembly, large: Assembly, strict: Assembly
) -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    templates = [str(path) for each in (everything, large, strict) for path in each.directory.glob("*.template.json")]
    found = subprocess.run([lint, *templates], capture_output=True, text=True, check=False)  # noqa: S603
    assert (found.returncode, found.stdout, len(templates)) == (0, "", 8)


@each_of("example", "everything", "large", "strict")
def test_cdk_nag_has_no_finding_that_is_not_acknowledged_with_a_reason(assembly: Assembly) -> None:
    packs = ["AwsSolutions"] if assembly.stack == STACK else ["AwsSolutions", "NIST.800.53.R5"]
    report = json.loads((assembly.directory / "validation-report.json").read_text())
    found = {one["pluginName"]: one for one in report["pluginReports"] if one["pluginName"] in packs}
    assert sorted(found) == packs
    for nag in found.values():
        assert (nag["conclusion"], nag["violations"]) == ("success", [])
        assert len(nag["suppressedViolations"]) >= 3
        for acknowledged in nag["suppressedViolations"]:
            assert len(acknowledged["reason"]) > 40, acknowledged["ruleName"]


def test_templates_of_five_hundred_directories_stay_far_below_cloudformations_limit(large: Assembly) -> None:
    for template in large.directory.glob("*.template.json"):
        assert template.stat().st_size < 500_000  # the limit is 1,000,000
    assert len(large.settings[STACK]["directories"]) == 500


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
    assert mistakes[1].startswith("  line 3: pairs[0].dr_region: us-east-1 is also the primary Region. Write ")


def test_a_deployment_stops_at_the_ids_and_addresses_of_the_example(tmp_path: Path) -> None:
    deploy = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndeploy:")[2].splitlines()[1]
    assert "-c examples=refused" in deploy
    app = run_app(tmp_path, EXAMPLE, examples="refused")
    assert (app.returncode, list(tmp_path.glob("cdk.out/*.template.json"))) == (1, [])
    warning, stopped = app.stderr.splitlines()
    assert "d-906732325d, " in warning
    assert stopped.startswith(f"{EXAMPLE}: nothing was deployed.")


def test_the_default_account_of_the_cdk_is_used_where_the_file_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "210987654321")
    from aws_cdk import Stack

    app = app_of(load(EXAMPLE), tmp_path)
    assert {stack.account for stack in app.node.children if isinstance(stack, Stack)} == {"210987654321"}


def test_types_are_checked_in_every_module_of_the_cdk_that_is_used() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["overrides"]
    read = next(one["module"] for one in settings if one["follow_imports"] == "normal")
    lines = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "infra").glob("*.py"))
    used = re.findall(r"from aws_cdk import (aws_\w+)", lines)
    assert used
    assert {f"aws_cdk.{one}" for one in used} == {one for one in read if ".aws_" in one}
