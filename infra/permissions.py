"""What each function may do, in exact actions on exact ARNs wherever AWS lets an ARN be named.

Which Region's ARNs AWS evaluates when it authorises CreateStandbyWorkspaces is not documented: both are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from infra.config import Pair
    from infra.functions import StandbyFunction
    from infra.ledger import Ledger

# A role's own policy holds 10,240 characters; a mapping's four ARNs, two directories in two Regions, take about 270:
# twenty mappings leave room for the rest. A larger map's role names all directories of the account in the two Regions
# instead: 500 mappings' ids would fill more managed policies than a role may have, and the function acts on mapped
# directories only.
MOST_DIRECTORIES_BY_ID: Final = 20
# A key's ARN takes about 80 characters, and stands in two statements.
MOST_KEYS_INLINE: Final = 10
# A managed policy holds 6,144 characters, a role ten of them: 10 x 65 keys, more than 500 directories can name.
KEYS_A_POLICY: Final = 65

# A key user's actions as far as a symmetric key has them.
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
    """Put the configured permissions boundary on every role of a stack."""
    if pair.permissions_boundary:
        policy = iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", pair.permissions_boundary)
        iam.PermissionsBoundary.of(stack).apply(policy)


def move_roles(stack: Stack, pair: Pair) -> None:
    """Put every role that a stack has by now under the configured path."""
    if pair.role_path != "/":
        for found in stack.node.find_all():
            if isinstance(found, iam.CfnRole):
                found.path = pair.role_path


def use_network(function: StandbyFunction, pair: Pair) -> None:
    """Let Lambda attach a function to its VPC, and the function's own code do nothing of the kind.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: the actions take no resource that is known.
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
    """DescribeWorkspaces in both Regions; it takes no resource."""
    function.allow(
        "DescribeWorkspaces", ["workspaces:DescribeWorkspaces"], ["*"], _only_in(pair.primary_region, pair.dr_region)
    )


def describe_directories(function: StandbyFunction, pair: Pair) -> None:
    """DescribeWorkspaceDirectories in both Regions; it takes no resource."""
    actions = ["workspaces:DescribeWorkspaceDirectories"]
    function.allow("DescribeDirectories", actions, ["*"], _only_in(pair.primary_region, pair.dr_region))


def read_tags(function: StandbyFunction, pair: Pair) -> None:
    """GetResources in the primary Region, if a rule asks for tags; it takes no resource."""
    if pair.has_tag_rules:
        function.allow("ReadTags", ["tag:GetResources"], ["*"], _only_in(pair.primary_region))


def use_ledger(function: StandbyFunction, ledger: Ledger) -> None:
    """Read and write rows. Nothing deletes: claims are released by an update, history is append-only."""
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
    """Query one index."""
    function.allow("FindRows", ["dynamodb:Query"], [f"{ledger.table.table_arn}/index/{index}"])


def create_standbys(function: StandbyFunction, pair: Pair) -> None:
    """CreateStandbyWorkspaces with its tags, and the keys for encrypted volumes."""
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
    # The primary is one that does not exist yet, and the standby's id is AWS's to choose.
    workspaces = [f"arn:{stack.partition}:workspaces:{region}:{stack.account}:workspace/*" for region in regions]
    function.allow("CreateStandbys", ["workspaces:CreateStandbyWorkspaces"], [*workspaces, *directories])
    function.allow("TagStandbys", ["workspaces:CreateTags"], ["*"], _only_in(*regions))
    _use_keys(function, pair.encryption_keys)


def ask_for_quota(function: StandbyFunction, pair: Pair) -> None:
    """The DR Region's quota of standbys, changed or default.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html names no resource for
    these two: an ARN could make every call a refused one.
    """
    actions = ["servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"]
    function.allow("Quota", actions, ["*"], _only_in(pair.dr_region))


def put_metrics(function: StandbyFunction, namespace: str, *regions: str) -> None:
    """PutMetricData in some Regions, into our namespace only; it takes no resource."""
    named = regions[0] if len(regions) == 1 else list(regions)
    conditions = {"StringEquals": {"cloudwatch:namespace": namespace, "aws:RequestedRegion": named}}
    function.allow("Heartbeat", ["cloudwatch:PutMetricData"], ["*"], conditions)


def _only_in(*regions: str) -> dict[str, object]:
    return {"StringEquals": {"aws:RequestedRegion": list(regions)}}


def _use_keys(function: StandbyFunction, keys: list[str]) -> None:
    """Key-user actions, and grants that only an AWS service may ask for, on the configured keys and no other."""
    for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    if len(keys) <= MOST_KEYS_INLINE:
        if keys:
            function.allow("UseVolumeKeys", KEY_USE, keys)
            function.allow("GrantVolumeKeys", ["kms:CreateGrant"], keys, for_services)
        return
    # So many ARNs fit into a role only once each. The condition moves into a denial, which a missing value meets too.
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
