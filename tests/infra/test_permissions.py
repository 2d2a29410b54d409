"""What the roles may do, and above all what they may not."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.templates import STACK, actions, as_list, grants, resources, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.infra.templates import Assembly

# The only actions on "*": for each, why AWS lets no ARN be named, and what bounds it instead.
WITHOUT_AN_ARN = {
    "workspaces:DescribeWorkspaces": ("takes no resource", "aws:RequestedRegion"),
    "workspaces:CreateTags": ("takes no resource", "aws:RequestedRegion"),
    "servicequotas:GetAWSDefaultServiceQuota": ("takes no resource", "aws:RequestedRegion"),
    "servicequotas:GetServiceQuota": ("takes no resource", "aws:RequestedRegion"),
    "tag:GetResources": ("takes no resource", "aws:RequestedRegion"),
    "cloudwatch:PutMetricData": ("takes no resource", "cloudwatch:namespace"),
    "xray:PutTraceSegments": ("takes no resource", None),
    "xray:PutTelemetryRecords": ("takes no resource", None),
    "xray:GetSamplingRules": ("takes no resource", None),
    "xray:GetSamplingTargets": ("takes no resource", None),
    "logs:CreateLogDelivery": ("log delivery takes no resource", None),
    "logs:GetLogDelivery": ("log delivery takes no resource", None),
    "logs:UpdateLogDelivery": ("log delivery takes no resource", None),
    "logs:DeleteLogDelivery": ("log delivery takes no resource", None),
    "logs:ListLogDeliveries": ("log delivery takes no resource", None),
    "logs:PutResourcePolicy": ("log delivery takes no resource", None),
    "logs:DescribeResourcePolicies": ("log delivery takes no resource", None),
    "logs:DescribeLogGroups": ("log delivery takes no resource", None),
}
# Resources whose ids nobody knows at deployment.
UNKNOWN_IDS = (
    ":workspace/*",
    ":execution:Standby-us-east-1-us-west-2-watch:*",
    ":execution:Standby-us-east-1-us-west-2-sweep:*",
)
ROLES = ("Protect", "Watch", "Sweep", "Announce", "Watcher", "Sweeper", "SchedulerRole")


def test_protect_creates_in_the_mapped_directories_of_both_regions_and_nowhere_else(example: Assembly) -> None:
    (grant,) = [
        grant
        for grant in grants(example.primary, "ProtectRole")
        if "workspaces:CreateStandbyWorkspaces" in grant.actions
    ]
    account = "${AWS::AccountId}"
    assert grant.actions == ["workspaces:CreateStandbyWorkspaces"]
    things = (
        "workspace/*",
        "directory/d-906732325d",
        "directory/d-9067328a7c",
        "directory/d-926722edaf",
        "directory/d-926722f013",
    )
    # Whose Region's ARN of a directory AWS evaluates is not documented: each in both.
    assert sorted(grant.resources) == sorted(
        f"arn:aws:workspaces:{region}:{account}:{thing}" for region in ("us-east-1", "us-west-2") for thing in things
    )


@pytest.mark.parametrize("role", ["WatchRole", "SweepRole"])
def test_watch_and_sweep_can_neither_create_nor_tag_nor_terminate(example: Assembly, role: str) -> None:
    assert {action for action in actions(example.primary, role) if action.startswith("workspaces:")} == {
        "workspaces:DescribeWorkspaces"
    }


def test_sweep_may_do_this_and_no_more(example: Assembly) -> None:
    assert actions(example.primary, "SweepRole") == {
        "workspaces:DescribeWorkspaces",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:Query",
        "cloudwatch:PutMetricData",
        "states:DescribeExecution",
        "servicequotas:GetAWSDefaultServiceQuota",
        "servicequotas:GetServiceQuota",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }


def test_sweep_queries_by_status_only_and_looks_at_its_own_executions(example: Assembly) -> None:
    (query,) = [g for g in grants(example.primary, "SweepRole") if "dynamodb:Query" in g.actions]
    assert [resource.rpartition("}")[2] for resource in query.resources] == ["/index/by_status"]
    (look,) = [g for g in grants(example.primary, "SweepRole") if "states:DescribeExecution" in g.actions]
    assert [resource.rpartition(":execution:")[2] for resource in look.resources] == [f"{STACK}-sweep:*"]


def test_announce_reads_the_stream_and_writes_no_row(example: Assembly) -> None:
    assert {action for action in actions(example.primary, "AnnounceRole") if action.startswith("dynamodb:")} == {
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
    }


@pytest.mark.parametrize("fixture", ["example", "everything", "large"])
def test_no_role_deletes_from_the_table_or_rebuilds_a_workspace(fixture: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(fixture).primary
    for role in ROLES:
        for action in actions(template, role):
            assert "*" not in action, f"{role}: {action}"
            assert not action.startswith(("dynamodb:Delete", "dynamodb:BatchWrite", "dynamodb:PartiQL"))
            assert action != "workspaces:RebuildWorkspaces"


@pytest.mark.parametrize("fixture", ["example", "everything", "neighbours", "large"])
def test_no_statement_of_any_template_lets_a_workspace_be_terminated(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    """Nor does a wildcard that covers it, whatever the resource: that is a person's command, with a person's rights."""
    assembly: Assembly = request.getfixturevalue(fixture)
    files = sorted(assembly.directory.glob("*.template.json"))
    assert len(files) >= 2
    for file in files:
        template = json.loads(file.read_text(encoding="utf-8"))
        statements = list(allowing(template))
        assert len(statements) > 5, file.name
        for statement in statements:
            assert "NotAction" not in statement, f"{file.name}: {statement}"
            for action in as_list(statement["Action"]):
                assert not fnmatch("workspaces:terminateworkspaces", action.lower()), f"{file.name}: {action}"
        for role in resources(template, "AWS::IAM::Role").values():
            # Those of the template are among the statements above; AWS's own would not be.
            assert all(isinstance(arn, dict) for arn in role["Properties"].get("ManagedPolicyArns", ()))


def allowing(part: Any) -> Iterator[dict[str, Any]]:
    """All statements of a template that allow something, wherever they stand."""
    if isinstance(part, dict) and part.get("Effect") == "Allow":
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from allowing(inner)


@pytest.mark.parametrize("action", ["workspaces:CreateStandbyWorkspaces", "workspaces:CreateTags"])
def test_one_role_alone_creates_standbys_and_their_tags(example: Assembly, action: str) -> None:
    assert [role for role in ROLES if action in actions(example.primary, role)] == ["Protect"]


@pytest.mark.parametrize("fixture", ["example", "everything"])
@pytest.mark.parametrize("role", ROLES)
def test_no_wildcard_where_an_arn_is_possible(role: str, fixture: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(fixture).primary
    for grant in grants(template, role):
        for resource in grant.resources:
            if resource == "*":
                for action in grant.actions:
                    assert action in WITHOUT_AN_ARN, f"{role}: {action} on *"
                    bound = WITHOUT_AN_ARN[action][1]
                    assert bound is None or bound in json.dumps(grant.conditions)
            elif "*" in resource:
                assert resource.endswith(UNKNOWN_IDS), f"{role}: {resource}"


def test_describing_is_bound_to_the_pairs_two_regions(example: Assembly) -> None:
    for role in ("ProtectRole", "WatchRole", "SweepRole"):
        (grant,) = [g for g in grants(example.primary, role) if "workspaces:DescribeWorkspaces" in g.actions]
        assert grant.conditions == {"StringEquals": {"aws:RequestedRegion": ["us-east-1", "us-west-2"]}}


def test_tags_are_read_only_where_a_rule_asks_for_them(example: Assembly, everything: Assembly) -> None:
    tags = "tag:GetResources"
    assert not [role for role in ROLES if tags in actions(example.primary, role)]
    assert [role for role in ROLES if tags in actions(everything.primary, role)] == ["Protect", "Watch", "Sweep"]
    for grant in grants(everything.primary, "SweepRole"):
        if tags in grant.actions:
            assert grant.conditions == {"StringEquals": {"aws:RequestedRegion": ["us-east-1"]}}


@pytest.mark.parametrize(("role", "regions"), [("WatchRole", "us-west-2"), ("SweepRole", ["us-east-1", "us-west-2"])])
def test_the_signs_of_life_go_where_their_alarms_are_and_into_our_namespace(
    example: Assembly, role: str, regions: str | list[str]
) -> None:
    (grant,) = [g for g in grants(example.primary, role) if "cloudwatch:PutMetricData" in g.actions]
    assert grant.conditions == {
        "StringEquals": {"cloudwatch:namespace": "WorkspacesStandby", "aws:RequestedRegion": regions}
    }


def test_without_a_configured_key_protect_has_no_kms_action(example: Assembly) -> None:
    assert not [action for action in actions(example.primary, "ProtectRole") if action.startswith("kms:")]


def test_a_configured_key_and_no_other_may_be_used_and_granted_to_aws_services(everything: Assembly) -> None:
    key = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"
    kms = [g for g in grants(everything.primary, "ProtectRole") if any(a.startswith("kms:") for a in g.actions)]
    assert [grant.resources for grant in kms] == [[key], [key]]
    assert {action for grant in kms for action in grant.actions} == {
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    }
    (grant,) = [grant for grant in kms if "kms:CreateGrant" in grant.actions]
    assert grant.actions == ["kms:CreateGrant"]
    assert grant.conditions == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def test_five_hundred_keys_are_named_each_and_granted_to_aws_services_only(large: Assembly) -> None:
    kms = [g for g in grants(large.primary, "Protect") if "kms:CreateGrant" in g.actions]
    allowed = [resource for grant in kms if grant.effect == "Allow" for resource in grant.resources]
    assert len(allowed) == len(set(allowed)) == 500
    assert all(resource.startswith("arn:aws:kms:us-west-2:123456789012:key/0") for resource in allowed)
    (denied,) = [grant for grant in kms if grant.effect == "Deny"]
    assert denied.actions == ["kms:CreateGrant"]
    assert denied.resources == ["*"]
    assert denied.conditions == {"BoolIfExists": {"kms:GrantIsForAWSResource": "false"}}


def test_five_hundred_directories_fit_iams_limits(large: Assembly) -> None:
    inline = 0
    for policy in resources(large.primary, "AWS::IAM::Policy").values():
        if "Protect" in json.dumps(policy["Properties"]["Roles"]):
            inline += len(json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":")))
    assert inline <= 10_240
    managed = resources(large.primary, "AWS::IAM::ManagedPolicy")
    assert len(managed) <= 10
    for policy in managed.values():
        assert len(json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":"))) <= 6_144


def test_the_boundary_is_on_every_role_of_both_stacks(everything: Assembly) -> None:
    roles = resources(everything.primary, "AWS::IAM::Role") | resources(everything.dr, "AWS::IAM::Role")
    assert len(roles) == 9
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    assert {role["Properties"]["PermissionsBoundary"] for role in roles.values()} == {boundary}


def test_only_aws_services_assume_the_roles(example: Assembly) -> None:
    for name, role in resources(example.primary, "AWS::IAM::Role").items():
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            assert list(statement["Principal"]) == ["Service"], name


def test_no_role_is_given_a_policy_of_aws(example: Assembly) -> None:
    for role in resources(example.primary, "AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


@pytest.mark.parametrize(("role", "function"), [("WatcherRole", "Watch"), ("SweeperRole", "Sweep")])
def test_a_state_machine_invokes_its_two_functions_only(example: Assembly, role: str, function: str) -> None:
    (grant,) = [g for g in grants(example.primary, role) if "lambda:InvokeFunction" in g.actions]
    functions = resources(example.primary, "AWS::Lambda::Function")
    expected = [f"${{{name}.Arn}}" for name in functions if name.startswith(("Protect", function))]
    assert sorted(grant.resources) == sorted(expected)


def test_the_bus_takes_our_events_only(example: Assembly) -> None:
    (grant,) = [g for g in grants(example.primary, "AnnounceRole") if "events:PutEvents" in g.actions]
    assert [text(resource) for resource in grant.resources] == [
        "arn:aws:events:us-east-1:${AWS::AccountId}:event-bus/default"
    ]
    assert grant.conditions == {"StringEquals": {"events:source": "workspaces-standby"}}
