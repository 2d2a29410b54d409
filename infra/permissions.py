"""The permissions of the functions: exact actions on exact ARNs, wherever AWS supports ARNs.

It is not documented which Region's ARNs AWS evaluates for CreateStandbyWorkspaces, so both Regions' ARNs are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from infra.config import Pair
    from infra.functions import StandbyFunction
    from infra.ledger import Ledger

# A role's inline policy has at most 10,240 characters. The four ARNs of a mapping (two directories in two Regions) take
# about 270, so twenty mappings leave room for the rest. With more mappings, the role names all directories of the
# account in the two Regions: the ids of 500 mappings would need more managed policies than a role may have, and the
# function only acts on mapped directories.
MOST_DIRECTORIES_BY_ID: Final = 20
# A key's ARN takes about 80 characters, and is in two statements.
MOST_KEYS_INLINE: Final = 10
# A managed policy has at most 6,144 characters, a role ten policies: 10 x 65 keys are more than 500 directories need.
KEYS_A_POLICY: Final = 65

# The actions of a key user that apply to a symmetric key.
KEY_USE: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
NETWORK_INTERFACES: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


def bound_roles(stack: Stack, pair: Pair) -> None:
    """Set the configured permissions boundary on every role of a stack."""
    if pair.permissions_boundary:
        policy = iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", pair.permissions_boundary)
        iam.PermissionsBoundary.of(stack).apply(policy)


def move_roles(stack: Stack, pair: Pair) -> None:
    """Set the configured path on every role that a stack has at this time."""
    if pair.role_path != "/":
        for found in stack.node.find_all():
            if isinstance(found, iam.CfnRole):
                found.path = pair.role_path


def use_network(function: StandbyFunction, pair: Pair) -> None:
    """Let Lambda attach a function to its VPC, and deny the same actions to the function's own code.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: the resources of the actions are not known.
    """
    if pair.vpc is None:
        return
    stack = Stack.of(function)
    itself = f"arn:{stack.partition}:lambda:{stack.region}:{stack.account}:function:{function.name}"
    function.allow("NetworkInterfaces", NETWORK_INTERFACES, ["*"])
    function.role.add_to_policy(
        iam.PolicyStatement(
            sid="NotByItsCode",
            effect=iam.Effect.DENY,
            actions=list(NETWORK_INTERFACES),
            resources=["*"],
            conditions={"ArnEquals": {"lambda:SourceFunctionArn": itself}},
        )
    )


def describe_workspaces(function: StandbyFunction, pair: Pair) -> None:
    """Allow DescribeWorkspaces in both Regions; it takes no resource."""
    function.allow(
        "DescribeWorkspaces", ["workspaces:DescribeWorkspaces"], ["*"], _only_in(pair.primary_region, pair.dr_region)
    )


def describe_directories(function: StandbyFunction, pair: Pair) -> None:
    """Allow DescribeWorkspaceDirectories in both Regions; it takes no resource."""
    actions = ["workspaces:DescribeWorkspaceDirectories"]
    function.allow("DescribeDirectories", actions, ["*"], _only_in(pair.primary_region, pair.dr_region))


def read_tags(function: StandbyFunction, pair: Pair) -> None:
    """Allow GetResources in the primary Region if a rule needs tags; it takes no resource."""
    if pair.has_tag_rules:
        function.allow("ReadTags", ["tag:GetResources"], ["*"], _only_in(pair.primary_region))


def use_ledger(function: StandbyFunction, ledger: Ledger) -> None:
    """Allow reading and writing rows. No function deletes: claims are released by an update, history is append-only."""
    function.allow(
        "LedgerRows",
        [
            "dynamodb:BatchGetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        ],
        [ledger.table.table_arn],
    )


def find_rows(function: StandbyFunction, ledger: Ledger, index: str) -> None:
    """Allow queries of one index."""
    function.allow("FindRows", ["dynamodb:Query"], [f"{ledger.table.table_arn}/index/{index}"])


def create_standbys(function: StandbyFunction, pair: Pair) -> None:
    """Allow CreateStandbyWorkspaces with its tags, and the use of the keys for encrypted volumes."""
    stack = Stack.of(function)
    regions = (pair.primary_region, pair.dr_region)
    if len(pair.directories) <= MOST_DIRECTORIES_BY_ID:
        dr_directories = [mapping.dr_directory for mapping in pair.directories.values()]
        named = [*pair.directories, *dr_directories]
    else:
        named = ["*"]
    directories = [
        f"arn:{stack.partition}:workspaces:{region}:{stack.account}:directory/{directory}"
        for region in regions
        for directory in named
    ]
    # The primaries do not exist yet, and AWS chooses the ids of standbys.
    workspaces = [f"arn:{stack.partition}:workspaces:{region}:{stack.account}:workspace/*" for region in regions]
    function.allow("CreateStandbys", ["workspaces:CreateStandbyWorkspaces"], [*workspaces, *directories])
    function.allow("TagStandbys", ["workspaces:CreateTags"], ["*"], _only_in(*regions))
    _use_keys(function, pair.encryption_keys)


def ask_for_quota(function: StandbyFunction, pair: Pair) -> None:
    """Allow reading the DR Region's quota of standbys, changed or default.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html names no resource for
    these two actions: with an ARN, every call could be refused.
    """
    actions = ["servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"]
    function.allow("Quota", actions, ["*"], _only_in(pair.dr_region))


def put_metrics(function: StandbyFunction, namespace: str, *regions: str) -> None:
    """Allow PutMetricData in some Regions, only for one namespace; it takes no resource."""
    named = regions[0] if len(regions) == 1 else list(regions)
    conditions = {"StringEquals": {"cloudwatch:namespace": namespace, "aws:RequestedRegion": named}}
    function.allow("Heartbeat", ["cloudwatch:PutMetricData"], ["*"], conditions)


def _only_in(*regions: str) -> dict[str, object]:
    return {"StringEquals": {"aws:RequestedRegion": list(regions)}}


def _use_keys(function: StandbyFunction, keys: list[str]) -> None:
    """Allow the use of the configured keys only, and grants on them only for AWS services."""
    for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    if len(keys) <= MOST_KEYS_INLINE:
        if keys:
            function.allow("UseVolumeKeys", KEY_USE, keys)
            function.allow("GrantVolumeKeys", ["kms:CreateGrant"], keys, for_services)
        return
    # With so many ARNs, each fits into a role only once. The condition becomes a denial, which also matches a missing
    # value.
    for number, start in enumerate(range(0, len(keys), KEYS_A_POLICY), 1):
        function.role.add_managed_policy(
            iam.ManagedPolicy(
                function,
                f"VolumeKeys{number}",
                statements=[
                    iam.PolicyStatement(
                        sid="UseVolumeKeys",
                        actions=[*KEY_USE, "kms:CreateGrant"],
                        resources=keys[start : start + KEYS_A_POLICY],
                    )
                ],
            )
        )
    function.role.add_to_policy(
        iam.PolicyStatement(
            sid="GrantVolumeKeys",
            effect=iam.Effect.DENY,
            actions=["kms:CreateGrant"],
            resources=["*"],
            conditions={"BoolIfExists": {"kms:GrantIsForAWSResource": "false"}},
        )
    )
