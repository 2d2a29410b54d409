"""cdk-nag's AwsSolutions rules over everything that is synthesised, and why some findings are as they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, App, Token, Validations
from cdk_nag import AwsSolutionsChecks

from infra.notifications import topic_keys
from infra.permissions import MOST_DIRECTORIES_BY_ID
from infra.state_machines import SWEEP, WATCH, machine_name

if TYPE_CHECKING:
    from constructs import IConstruct

    from infra.dr_stack import DrStack
    from infra.stack import PrimaryStack


def check(app: App) -> None:
    """Let synthesis fail at any finding that is not acknowledged."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledge(stack: PrimaryStack) -> None:
    """Acknowledge the findings of the primary Region's stack, one by one."""
    pair = stack.pair
    account = "<AWS::AccountId>" if Token.is_unresolved(stack.account) else stack.account
    for function in stack.functions:
        _reason(
            function.function,
            "L1",
            "python3.13 is the runtime that the tests run and the libraries are vendored for; it is supported by AWS "
            "until 2029.",
        )
    for function in (stack.protect, stack.watch, stack.sweep):
        _wildcard(
            function.role,
            "*",
            "workspaces:DescribeWorkspaces and workspaces:CreateTags, cloudwatch:PutMetricData and X-Ray's two actions "
            "take no resource; all but X-Ray's are bound by conditions to the pair's Regions or our namespace.",
        )
    _wildcard(stack.announce.role, "*", "xray:PutTraceSegments and xray:PutTelemetryRecords take no resource.")
    if not stack.notifications.key:
        _wildcard(
            stack.announce.role,
            topic_keys(stack),
            "An existing topic's key is not known here; the conditions bind its use to SNS and to that topic.",
        )
    for region in (pair.primary_region, pair.dr_region):
        of_region = f"arn:{stack.partition}:workspaces:{region}:{account}"
        _wildcard(
            stack.protect.role,
            f"{of_region}:workspace/*",
            "The primaries do not exist yet when the stack is deployed, and a standby's id is AWS's to choose.",
        )
        if len(pair.directories) > MOST_DIRECTORIES_BY_ID:
            _wildcard(
                stack.protect.role,
                f"{of_region}:directory/*",
                "So many directories' ids do not fit into a role's policies; the function acts on mapped ones only.",
            )
    for role, name in ((stack.protect.role, WATCH), (stack.watch.role, WATCH), (stack.sweep.role, SWEEP)):
        _wildcard(
            role,
            f"arn:{stack.partition}:states:{stack.region}:{account}:execution:{machine_name(stack.stack_name, name)}:*",
            "Executions are named at run time; these are those of the one state machine.",
        )
    for one in stack.machines:
        _wildcard(
            one.machine.role,
            "*",
            "CloudWatch Logs' delivery actions and X-Ray's take no resource, as the Step Functions guide says.",
        )
        _reason(
            one.machine,
            "SF1",
            "Errors are logged; logging every state of every round would cost more than the rounds, and an execution's "
            "history stays in Step Functions for 90 days.",
        )
    _reason(stack.dead_letters, "SQS3", "It is the dead-letter queue: of rules, schedules, stream and functions.")


def acknowledge_dr(stack: DrStack) -> None:
    """Acknowledge the one finding of the DR Region's stack."""
    _reason(stack.forwarding.dead_letters.queue, "SQS3", "It is the dead-letter queue of the one rule there.")


def _wildcard(construct: IConstruct, resource: str, reason: str) -> None:
    _reason(construct, f"IAM5[Resource::{resource}]", reason)


def _reason(construct: IConstruct, rule: str, reason: str) -> None:
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason))
