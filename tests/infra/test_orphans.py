"""The termination of orphans: in the template only where it is asked for, and what it may do there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra import permissions
from infra.config_file import load
from infra.config_rules import cautions
from standby import settings
from tests.infra.templates import STACK, Assembly, actions, grants, only, resources, text

if TYPE_CHECKING:
    from collections.abc import Callable

TERMINATE = "workspaces:TerminateWorkspaces"
PAIR: dict[str, Any] = {
    "primary_region": "us-east-1",
    "dr_region": "us-west-2",
    "account": "123456789012",
    "directories": {"d-906732325d": {"dr_directory": "d-926722edaf"}},
    "notify": ["ops@example.com"],
}


def written(directory: Path, **changes: Any) -> Path:
    file = directory / "standby.yaml"
    file.write_text(yaml.safe_dump({"pairs": [PAIR | changes]}), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def terminating(assemble: Callable[[Path], Assembly], tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return assemble(written(tmp_path_factory.mktemp("terminating"), orphans="terminate", orphan_days=10))


def roles(template: dict[str, Any]) -> set[str]:
    """The roles that may terminate, by their logical ids, whichever policy says so."""
    return {
        text(role)
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role")
        for policy in resources(template, kind).values()
        if TERMINATE.lower() in json.dumps(policy).lower()
        for role in policy["Properties"].get("Roles", ["?"])
    }


@pytest.mark.parametrize("fixture", ["example", "everything", "large"])
def test_by_default_nothing_of_it_is_in_the_templates(fixture: str, request: pytest.FixtureRequest) -> None:
    assembly: Assembly = request.getfixturevalue(fixture)
    for template in (assembly.primary, assembly.dr):
        told = json.dumps(template)
        assert TERMINATE.lower() not in told.lower()
        assert f"{STACK}-retire" not in told
        assert not [name for name in template["Resources"] if name.startswith(("Retire", "Orphan"))]


def test_one_role_may_terminate_what_carries_the_stacks_tag_in_the_dr_region_and_no_other_may(
    terminating: Assembly,
) -> None:
    (role,) = roles(terminating.primary)
    assert role.startswith("${RetireRole")
    assert roles(terminating.dr) == set()
    (grant,) = [g for g in grants(terminating.primary, "RetireRole") if TERMINATE in g.actions]
    assert grant.actions == [TERMINATE]
    assert grant.resources == ["arn:aws:workspaces:us-west-2:123456789012:workspace/*"]
    assert grant.conditions == {"StringEquals": {"aws:ResourceTag/workspaces-standby:stack": STACK}}
    assert settings.STACK_TAG == permissions.STACK_TAG


def test_it_may_do_this_and_no_more(terminating: Assembly) -> None:
    assert actions(terminating.primary, "RetireRole") == {
        TERMINATE,
        "workspaces:DescribeWorkspaces",
        "workspaces:DescribeTags",
        "workspaces:DescribeWorkspacesConnectionStatus",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:Query",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }
    for grant in grants(terminating.primary, "RetireRole"):
        if "*" in grant.resources and not any(action.startswith("xray:") for action in grant.actions):
            assert "aws:RequestedRegion" in json.dumps(grant.conditions)
    (query,) = [g for g in grants(terminating.primary, "RetireRole") if "dynamodb:Query" in g.actions]
    assert [resource.rpartition("}")[2] for resource in query.resources] == ["/index/by_status"]


def test_a_schedule_invokes_it_each_hour_and_keeps_what_could_not_be_delivered(terminating: Assembly) -> None:
    schedule = only(terminating.primary, "AWS::Scheduler::Schedule", "Retire")
    assert schedule["Name"] == f"{STACK}-retire"
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    assert schedule["State"] == "ENABLED"
    (function,) = [n for n in resources(terminating.primary, "AWS::Lambda::Function") if n.startswith("Retire")]
    (queue,) = resources(terminating.primary, "AWS::SQS::Queue")
    assert text(schedule["Target"]["Arn"]) == f"${{{function}.Arn}}"
    assert text(schedule["Target"]["DeadLetterConfig"]["Arn"]) == f"${{{queue}.Arn}}"
    assert [(g.actions, g.resources) for g in grants(terminating.primary, "OrphansRole")] == [
        (["lambda:InvokeFunction"], [f"${{{function}.Arn}}"]),
        (["sqs:SendMessage"], [f"${{{queue}.Arn}}"]),
    ]


def test_the_function_is_like_the_others_and_has_their_alarms(terminating: Assembly) -> None:
    function = only(terminating.primary, "AWS::Lambda::Function", "Retire")
    assert (function["Handler"], function["Timeout"], function["Runtime"]) == ("retire.handler", 300, "python3.13")
    assert function["TracingConfig"] == {"Mode": "Active"}
    names = {a["Properties"]["AlarmName"] for a in resources(terminating.primary, "AWS::CloudWatch::Alarm").values()}
    assert {f"{STACK}-retire-errors", f"{STACK}-retire-throttles"} <= names


def test_the_functions_are_told_what_was_configured(terminating: Assembly) -> None:
    (file,) = terminating.directory.glob("asset.*/settings.json")
    told = json.loads(file.read_text(encoding="utf-8"))
    assert {name: told[name] for name in told if "orphan" in name or "terminat" in name} == {
        "orphans": "terminate",
        "orphan_seconds": 864_000,
        "terminate_replicated": False,
        "max_terminations_per_day": 5,
    }


def test_cdk_nag_has_no_finding_that_is_not_acknowledged(terminating: Assembly) -> None:
    report = json.loads((terminating.directory / "validation-report.json").read_text(encoding="utf-8"))
    (nag,) = [plugin for plugin in report["pluginReports"] if plugin["pluginName"] == "AwsSolutions"]
    assert (nag["conclusion"], nag["violations"]) == ("success", [])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"orphans": "terminate"}, ["orphans"]),
        ({"orphans": "terminate", "orphan_days": 6}, ["orphans", "orphan_days"]),
        ({"orphans": "terminate", "terminate_replicated": True}, ["orphans", "terminate_replicated"]),
        ({"terminate_replicated": True}, ["terminate_replicated"]),
    ],
)
def test_whoever_opts_in_is_told_of_what(tmp_path: Path, changes: dict[str, Any], expected: list[str]) -> None:
    found = cautions(load(written(tmp_path, **changes)))
    assert [caution.path for caution in found] == [f"pairs[0].{name}" for name in expected]
