"""Two managed policies that an administrator attaches to people: one for readers, one for operators.

A reader can read everything that the command `standby` shows, and cannot change anything. An operator has the reader's
policy too, and may invoke protect, process the dead letters and start the state machines: the functions make the
changes. Neither may terminate or create a WorkSpace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.encryption import alias_of
from infra.state_machines import SWEEP, WATCH, execution_arns, machine_arn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_sqs as sqs

    from infra.config import Pair
    from infra.functions import StandbyFunction
    from infra.notifications import Notifications

# Actions that take no resource, or whose resources have unknown ids: primaries, directories, trails.
_READS_ALL: Final = (
    "cloudformation:DescribeStacks",
    "cloudformation:ListStacks",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "cloudwatch:DescribeAlarms",
    "ds:DescribeDirectories",
    "ec2:DescribeSubnets",
    "kms:DescribeKey",
    "kms:ListAliases",
    "lambda:ListEventSourceMappings",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "tag:GetResources",
    "workspaces:DescribeConnectionAliases",
    "workspaces:DescribeIpGroups",
    "workspaces:DescribeTags",
    "workspaces:DescribeWorkspaceBundles",
    "workspaces:DescribeWorkspaceDirectories",
    "workspaces:DescribeWorkspaces",
    "workspaces:DescribeWorkspacesConnectionStatus",
)
_READS_LEDGER: Final = (
    "dynamodb:BatchGetItem",
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "dynamodb:GetItem",
    "dynamodb:Query",
)


class ManagedPolicies(Construct):
    """The policies `<stack>-reader` and `<stack>-operator`, under the path of the roles."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pair: Pair,
        notifications: Notifications,
        dead_letters: sqs.IQueue,
        protect: StandbyFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self._pair = pair
        self._stack = Stack.of(self)
        regions = (pair.primary_region, pair.dr_region)
        tables = [self._arn("dynamodb", f"table/{self._stack.stack_name}", region) for region in regions]
        rules = [self._arn("events", f"rule/{self._stack.stack_name}-*", region) for region in regions]
        # CloudFormation makes the names of the DR Region's topic and queue from that stack's name.
        in_dr = f"{pair.dr_stack_name}-*"
        topics = [notifications.topic.topic_arn, self._arn("sns", in_dr, pair.dr_region)]
        queues = [dead_letters.queue_arn, self._arn("sqs", in_dr, pair.dr_region)]
        machines = [machine_arn(self, WATCH), machine_arn(self, SWEEP)]
        schedules = [
            self._arn("scheduler", f"schedule/default/{self._stack.stack_name}-{one}") for one in (WATCH, SWEEP)
        ]
        executions = [execution_arns(self, WATCH), execution_arns(self, SWEEP)]
        only_here = {"StringEquals": {"aws:RequestedRegion": list(regions)}}
        self.reader = self._build(
            "reader",
            "Reads what the command standby shows, in both Regions",
            _allow("Ledger", _READS_LEDGER, *tables, *[f"{table}/index/*" for table in tables]),
            _allow("Surroundings", _READS_ALL, "*", conditions=only_here),
            _allow("Caller", ["sts:GetCallerIdentity"], "*"),
            _allow("Functions", ["lambda:GetFunctionConfiguration"], protect.function.function_arn),
            _allow("Permissions", ["iam:SimulatePrincipalPolicy"], protect.role.role_arn),
            _allow("Rules", ["events:DescribeRule", "events:ListTargetsByRule"], *rules),
            _allow("Schedules", ["scheduler:GetSchedule"], *schedules),
            _allow("Machines", ["states:ListExecutions"], *machines),
            _allow("Executions", ["states:DescribeExecution"], *executions),
            _allow("Topics", ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"], *topics),
            _allow("Queues", ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], *queues),
            *self._decrypt(notifications),
        )
        self.operator = self._build(
            "operator",
            "In addition to the reader's policy: invokes protect, processes dead letters, starts state machines",
            _allow("Protect", ["lambda:InvokeFunction"], protect.function.function_arn),
            _allow("Start", ["states:StartExecution"], *machines),
            _allow(
                "DeadLetters",
                ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"],
                dead_letters.queue_arn,
            ),
        )

    def _build(self, name: str, description: str, *statements: iam.PolicyStatement) -> iam.ManagedPolicy:
        return iam.ManagedPolicy(
            self,
            name.capitalize(),
            managed_policy_name=f"{self._stack.stack_name}-{name}",
            description=description,
            path=self._pair.role_path,
            statements=list(statements),
        )

    def _decrypt(self, notifications: Notifications) -> list[iam.PolicyStatement]:
        """The use of both stacks' keys for reading, if they encrypt all data; the DR Region's by its alias."""
        key = notifications.encryption.key
        if key is None:
            return []
        here = {
            "StringEquals": {"kms:ViaService": [self._service(one, self._stack.region) for one in ("dynamodb", "sqs")]}
        }
        there = {
            "StringEquals": {"kms:ViaService": self._service("dynamodb", self._pair.dr_region)},
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": alias_of(self._pair.dr_stack_name)},
        }
        return [
            _allow("Decrypt", ["kms:Decrypt"], key.key_arn, conditions=here),
            _allow(
                "DecryptReplica", ["kms:Decrypt"], self._arn("kms", "key/*", self._pair.dr_region), conditions=there
            ),
        ]

    def _service(self, name: str, region: str) -> str:
        return f"{name}.{region}.{self._stack.url_suffix}"

    def _arn(self, service: str, resource: str, region: str = "") -> str:
        stack = self._stack
        return f"arn:{stack.partition}:{service}:{region or stack.region}:{stack.account}:{resource}"


def _allow(
    sid: str, actions: list[str] | tuple[str, ...], *resources: str, conditions: Mapping[str, object] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)
