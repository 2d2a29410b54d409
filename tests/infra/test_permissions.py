"""What the roles may do, and above all what they may not."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest

from cli.doctor.asking import policy as doctors_policy
from tests.infra.templates import STACK, Assembly, Grant, actions, as_list, each_of, granting, grants, resources

LOG_DELIVERY = [f"{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")] + ["ListLogDeliveries"]
# The only actions on "*", for AWS lets no ARN be named: by service, with the condition that bounds them instead.
WITHOUT_AN_ARN: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "workspaces": ("aws:RequestedRegion", ("DescribeWorkspaces", "DescribeWorkspaceDirectories", "CreateTags")),
    "servicequotas": ("aws:RequestedRegion", ("GetAWSDefaultServiceQuota", "GetServiceQuota")),
    "tag": ("aws:RequestedRegion", ("GetResources",)),
    "cloudwatch": ("cloudwatch:namespace", ("PutMetricData",)),
    "xray": (None, ("PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets")),
    "logs": (None, ("PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups", *LOG_DELIVERY)),
}
# Resources whose ids nobody knows at deployment.
UNKNOWN_IDS = (
    ":workspace/*",
    ":execution:Standby-us-east-1-us-west-2-watch:*",
    ":execution:Standby-us-east-1-us-west-2-sweep:*",
)
OF_EXISTING_TOPIC = {
    "StringEquals": {
        "kms:ViaService": {"Fn::Join": ["", ["sns.us-east-1.", {"Ref": "AWS::URLSuffix"}]]},
        "kms:EncryptionContext:aws:sns:topicArn": "arn:aws:sns:us-east-1:123456789012:ops",
    }
}
ROLES = ("Protect", "Watch", "Sweep", "Announce", "Watcher", "Sweeper", "SchedulerRole")


# What each function's role may do besides, so that it can be seen at work.
SEEN = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}
LEDGER = {f"dynamodb:{name}" for name in ("BatchGetItem", "PutItem", "UpdateItem", "Query")}
LEASE = {"cloudwatch:PutMetricData", "states:DescribeExecution"}
QUOTAS = {"servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"}
DESCRIBED = {"workspaces:DescribeWorkspaces", "workspaces:DescribeWorkspaceDirectories"}
STREAM = {f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}


def test_protect_creates_in_the_mapped_directories_of_both_regions_and_nowhere_else(example: Assembly) -> None:
    grant = granting(example.primary, "ProtectRole", "workspaces:CreateStandbyWorkspaces")
    assert grant.actions == ["workspaces:CreateStandbyWorkspaces"]
    directories = ("d-906732325d", "d-9067328a7c", "d-926722edaf", "d-926722f013")
    # Whose Region's ARN of a directory AWS evaluates is not documented: each in both.
    assert sorted(grant.resources) == sorted(
        f"arn:aws:workspaces:{region}:${{AWS::AccountId}}:{thing}"
        for region in ("us-east-1", "us-west-2")
        for thing in ("workspace/*", *(f"directory/{one}" for one in directories))
    )


@each_of("example", "everything")
def test_watch_may_do_this_and_no_more_and_nothing_with_a_workspace(assembly: Assembly) -> None:
    assert actions(assembly.primary, "WatchRole") == LEDGER | LEASE | SEEN


def test_sweep_may_do_this_and_no_more(example: Assembly) -> None:
    expected = LEDGER | LEASE | QUOTAS | SEEN | DESCRIBED | {"states:StartExecution"}
    assert actions(example.primary, "SweepRole") == expected


@pytest.mark.parametrize("function", ["Protect", "Sweep"])
def test_the_watcher_alone_may_be_started(example: Assembly, function: str) -> None:
    grant = granting(example.primary, f"{function}Role", "states:StartExecution")
    assert [resource.rpartition(":")[2] for resource in grant.resources] == [f"{STACK}-watch"]


def test_each_function_queries_one_index_and_announce_none(example: Assembly) -> None:
    queried = {
        role: [resource.rpartition("}")[2] for resource in grant.resources]
        for role in ROLES
        for grant in grants(example.primary, role)
        if "dynamodb:Query" in grant.actions
    }
    assert queried == {"Protect": ["/index/by_user"], "Watch": ["/index/by_due"], "Sweep": ["/index/by_status"]}


@pytest.mark.parametrize(
    ("function", "machines"), [("Protect", ["watch"]), ("Watch", ["watch"]), ("Sweep", ["sweep", "watch"])]
)
def test_a_lease_is_checked_by_the_executions_of_its_own_machine(
    example: Assembly, function: str, machines: list[str]
) -> None:
    """And the sweep's by those of the watcher, which it starts."""
    grant = granting(example.primary, f"{function}Role", "states:DescribeExecution")
    expected = [f"{STACK}-{machine}:*" for machine in machines]
    assert [resource.rpartition(":execution:")[2] for resource in grant.resources] == expected


def test_announce_reads_the_stream_and_writes_no_row(example: Assembly) -> None:
    found = actions(example.primary, "AnnounceRole")
    assert {action for action in found if action.startswith("dynamodb:")} == STREAM


@each_of("example", "everything", "large")
def test_no_role_deletes_from_the_table_or_rebuilds_a_workspace(assembly: Assembly) -> None:
    for role in ROLES:
        for action in actions(assembly.primary, role):
            assert "*" not in action, f"{role}: {action}"
            assert not action.startswith(("dynamodb:Delete", "dynamodb:BatchWrite", "dynamodb:PartiQL"))
            assert action != "workspaces:RebuildWorkspaces"


@each_of("example", "everything", "neighbours", "large")
def test_no_statement_of_any_template_lets_a_workspace_be_terminated(assembly: Assembly) -> None:
    """Nor does a wildcard that covers it, whatever the resource: that is a person's command, with a person's rights."""
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
        for name, role in resources(template, "AWS::IAM::Role").items():
            # Those of the template are among the statements above; AWS's own would not be.
            assert all(isinstance(arn, dict) for arn in role["Properties"].get("ManagedPolicyArns", ())), name
            for trusted in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                assert list(trusted["Principal"]) == ["Service"], name


def allowing(part: Any) -> Iterator[dict[str, Any]]:
    """All statements of a template that allow something, wherever they stand."""
    if isinstance(part, dict) and part.get("Effect") == "Allow":
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from allowing(inner)


@pytest.mark.parametrize("action", ["workspaces:CreateStandbyWorkspaces", "workspaces:CreateTags"])
def test_one_role_alone_creates_standbys_and_their_tags(example: Assembly, action: str) -> None:
    assert [role for role in ROLES if action in actions(example.primary, role)] == ["Protect"]


@each_of("example", "everything")
@pytest.mark.parametrize("role", ROLES)
def test_no_wildcard_where_an_arn_is_possible(role: str, assembly: Assembly) -> None:
    for grant in grants(assembly.primary, role):
        for resource in grant.resources:
            if resource == "*":
                for action in grant.actions:
                    service, _, name = action.partition(":")
                    bound, names = WITHOUT_AN_ARN[service]
                    assert name in names, f"{role}: {action} on *"
                    assert bound is None or bound in json.dumps(grant.conditions)
            elif ":kms:" in resource and "*" in resource:  # an existing topic's key: which one is not known
                assert grant.conditions == OF_EXISTING_TOPIC
            elif "*" in resource:
                assert resource.endswith(UNKNOWN_IDS), f"{role}: {resource}"


def test_describing_is_bound_to_the_pairs_two_regions(example: Assembly) -> None:
    describe = "workspaces:DescribeWorkspaces"
    assert [role for role in ROLES if describe in actions(example.primary, role)] == ["Protect", "Sweep"]
    for role in ("ProtectRole", "SweepRole"):
        conditions = granting(example.primary, role, describe).conditions
        assert conditions == {"StringEquals": {"aws:RequestedRegion": ["us-east-1", "us-west-2"]}}


def test_tags_are_read_only_where_a_rule_asks_for_them(example: Assembly, everything: Assembly) -> None:
    tags = "tag:GetResources"
    assert not [role for role in ROLES if tags in actions(example.primary, role)]
    assert [role for role in ROLES if tags in actions(everything.primary, role)] == ["Protect", "Sweep"]
    conditions = granting(everything.primary, "SweepRole", tags).conditions
    assert conditions == {"StringEquals": {"aws:RequestedRegion": ["us-east-1"]}}


@pytest.mark.parametrize(("role", "regions"), [("WatchRole", "us-west-2"), ("SweepRole", ["us-east-1", "us-west-2"])])
def test_the_signs_of_life_go_where_their_alarms_are_and_into_our_namespace(
    example: Assembly, role: str, regions: str | list[str]
) -> None:
    conditions = granting(example.primary, role, "cloudwatch:PutMetricData").conditions
    ours = {"cloudwatch:namespace": "WorkspacesStandby", "aws:RequestedRegion": regions}
    assert conditions == {"StringEquals": ours}


def test_a_configured_key_and_no_other_may_be_used_and_granted_to_aws_services(
    example: Assembly, everything: Assembly
) -> None:
    assert not [action for action in actions(example.primary, "ProtectRole") if action.startswith("kms:")]
    key = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"
    kms = [g for g in grants(everything.primary, "ProtectRole") if any(a.startswith("kms:") for a in g.actions)]
    assert [grant.resources for grant in kms] == [[key], [key]]
    assert " ".join(sorted(action.removeprefix("kms:") for grant in kms for action in grant.actions)) == (
        "CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom "
        "ReEncryptTo"
    )
    grant = granting(everything.primary, "ProtectRole", "kms:CreateGrant")
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
    assert len([one for one in managed if one.startswith("Protect")]) <= 10
    for policy in managed.values():
        assert len(json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":"))) <= 6_144


def test_the_boundary_is_on_every_role_of_both_stacks(everything: Assembly) -> None:
    roles = resources(everything.primary, "AWS::IAM::Role") | resources(everything.dr, "AWS::IAM::Role")
    assert len(roles) == 9
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    assert {role["Properties"]["PermissionsBoundary"] for role in roles.values()} == {boundary}


@pytest.mark.parametrize(("role", "function"), [("WatcherRole", "Watch"), ("SweeperRole", "Sweep")])
def test_a_state_machine_invokes_its_two_functions_only(example: Assembly, role: str, function: str) -> None:
    grant = granting(example.primary, role, "lambda:InvokeFunction")
    assert set(grant.resources) == {example.function("Protect"), example.function(function)}


def test_announce_may_use_an_existing_topics_key_for_that_topic(everything: Assembly) -> None:
    grant = granting(everything.primary, "AnnounceRole", "kms:GenerateDataKey")
    assert (grant.actions, grant.resources) == (
        ["kms:Decrypt", "kms:GenerateDataKey"],
        ["arn:aws:kms:us-east-1:*:key/*"],
    )
    assert grant.conditions == OF_EXISTING_TOPIC


# What people may do

MANAGED, PEOPLE = "AWS::IAM::ManagedPolicy", ("reader", "operator")
READS = ("BatchGet", "Describe", "Get", "List", "Query", "Decrypt", "Simulate")


def people(template: dict[str, Any], name: str) -> list[Grant]:
    """What the managed policy for readers, or for operators, allows."""
    return grants(template, f"People{name}")


@each_of("example", "everything", "strict", "large")
def test_readers_only_read(assembly: Assembly) -> None:
    found = [action for grant in people(assembly.primary, "Reader") for action in grant.actions]
    assert [action for action in found if not action.partition(":")[2].startswith(READS)] == []
    assert len(found) == len(set(found)) + found.count("kms:Decrypt") // 2


@each_of("example", "strict")
def test_readers_may_do_all_that_doctor_asks(assembly: Assembly) -> None:
    found = {action for grant in people(assembly.primary, "Reader") for action in grant.actions}
    (statement,) = doctors_policy()["Statement"]
    assert set(statement["Action"]) - found == set()


@each_of("example", "strict")
def test_what_people_attach_has_a_fixed_name_and_fits_a_managed_policy(assembly: Assembly) -> None:
    found = {name: one["Properties"] for name, one in resources(assembly.primary, MANAGED).items()}
    assert {one["ManagedPolicyName"] for one in found.values()} == {f"{assembly.stack}-{one}" for one in PEOPLE}
    for policy in found.values():
        # With something as long as an ARN in place of each reference.
        whole = json.dumps(policy["PolicyDocument"], separators=(",", ":"))
        assert len(re.sub(r'\{"(Ref|Fn::GetAtt)":[^{}]*\}', "x" * 120, whole)) <= 6_144


def test_readers_query_the_ledger_of_both_regions_and_never_scan_it(example: Assembly) -> None:
    (grant,) = [one for one in people(example.primary, "Reader") if "dynamodb:Query" in one.actions]
    tables = [f"arn:aws:dynamodb:{region}:${{AWS::AccountId}}:table/{STACK}" for region in ("us-east-1", "us-west-2")]
    assert sorted(grant.resources) == sorted([*tables, *[f"{one}/index/*" for one in tables]])
    assert not [action for action in grant.actions if "Scan" in action]


def test_what_readers_see_around_the_product_is_in_the_pairs_regions(example: Assembly) -> None:
    found = [grant for grant in people(example.primary, "Reader") if grant.resources == ["*"]]
    bound = {"StringEquals": {"aws:RequestedRegion": ["us-east-1", "us-west-2"]}}
    assert [grant.conditions for grant in found if grant.actions != ["sts:GetCallerIdentity"]] == [bound]


@each_of("example", "everything", "strict")
def test_operators_may_let_the_functions_change_things_and_no_more(assembly: Assembly) -> None:
    found = {" ".join(one.actions): one.resources for one in people(assembly.primary, "Operator")}
    (queue,) = resources(assembly.primary, "AWS::SQS::Queue")
    assert {actions: [name.rpartition(":")[2] for name in named] for actions, named in found.items()} == {
        "lambda:InvokeFunction": [assembly.function("Protect")],
        "states:StartExecution": [f"{assembly.stack}-sweep", f"{assembly.stack}-watch"],
        "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:ReceiveMessage": [f"${{{queue}.Arn}}"],
    }


def test_readers_may_read_what_is_encrypted_with_the_stacks_keys_by_way_of_the_services(strict: Assembly) -> None:
    found = [one for one in people(strict.primary, "Reader") if one.actions == ["kms:Decrypt"]]
    (key,) = resources(strict.primary, "AWS::KMS::Key")
    assert [one.resources for one in found] == [
        [f"${{{key}.Arn}}"],
        ["arn:aws:kms:eu-central-1:123456789012:key/*"],
    ]
    alias = {"kms:ResourceAliases": f"alias/{strict.stack}-dr"}
    assert found[1].conditions["ForAnyValue:StringEquals"] == alias
    assert ["kms:ViaService" in one.conditions["StringEquals"] for one in found] == [True, True]


def test_the_bus_takes_our_events_only(example: Assembly) -> None:
    grant = granting(example.primary, "AnnounceRole", "events:PutEvents")
    assert grant.resources == ["arn:aws:events:us-east-1:${AWS::AccountId}:event-bus/default"]
    assert grant.conditions == {"StringEquals": {"events:source": "workspaces-standby"}}
