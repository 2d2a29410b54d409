"""Checks all stacks with cdk-nag's rules, and acknowledges findings that are correct as they are, with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Acknowledgment, App, Token, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

from infra.notifications import topic_keys
from infra.permissions import MOST_DIRECTORIES_BY_ID
from infra.state_machines import SWEEP, WATCH, machine_name

if TYPE_CHECKING:
    from aws_cdk import Stack
    from constructs import IConstruct

    from infra.dr_stack import DrStack
    from infra.stack import PrimaryStack


INLINE: Final = (
    "Each policy is made for one role, and is deleted with it. A managed one could be attached to something else."
)


def check(app: App, *, strict: bool = False) -> None:
    """Make synthesis fail if a finding is not acknowledged.

    `strict` adds NIST 800-53 R5. A configuration with all options for strict accounts passes it.
    """
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    if strict:
        Validations.of(app).add_plugins(NIST80053R5Checks(app))


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
            "take no resource; all but X-Ray's are bound by conditions to the pair's Regions or our namespace. In a "
            "VPC, Lambda's network interfaces have no known id, and the function's own code is denied them.",
        )
    _wildcard(
        stack.announce.role, "*", "X-Ray's actions take no resource, and network interfaces of a VPC have no known id."
    )
    if not stack.notifications.is_own:
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
    watching = ((one.role, WATCH) for one in (stack.protect, stack.watch, stack.sweep))
    for role, name in (*watching, (stack.sweep.role, SWEEP)):
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
    _people(stack, account)
    _reason(stack.dead_letters, "SQS3", "It is the dead-letter queue: of rules, schedules, stream and functions.")
    _strict(stack, "IAMNoInlinePolicy", INLINE)
    _strict(
        stack,
        "LambdaConcurrency",
        "Reserved concurrency is taken from the account's, which small accounts cannot give. Leases and claims keep "
        "functions from running beside each other.",
    )
    _strict(
        stack,
        "LambdaDLQ",
        "protect alone is invoked asynchronously, and has an on-failure destination, which knows more than a "
        "dead-letter queue. The stream's mapping has one, too; Step Functions waits for the others.",
    )


def _people(stack: PrimaryStack, account: str) -> None:
    """Acknowledge the wildcards of the reader's policy."""
    reader, pair, name = stack.policies.reader, stack.pair, stack.stack_name
    _wildcard(
        reader,
        "*",
        "These actions only describe. They take no resource, or one whose id nobody knows at deployment, and are bound "
        "to the pair's Regions. GetCallerIdentity needs no permission at all.",
    )
    for region in (pair.primary_region, pair.dr_region):
        here = f"{region}:{account}"
        for resource in (f"dynamodb:{here}:table/{name}/index/*", f"events:{here}:rule/{name}-*"):
            _wildcard(reader, f"arn:{stack.partition}:{resource}", "Indexes of the one table, rules of the two stacks.")
    for service in ("sns", "sqs"):
        resource = f"arn:{stack.partition}:{service}:{pair.dr_region}:{account}:{pair.dr_stack_name}-*"
        _wildcard(reader, resource, "CloudFormation makes the names of the DR Region's topic and queue of its stack's.")
    for machine in (WATCH, SWEEP):
        executions = f"arn:{stack.partition}:states:{stack.region}:{account}:execution:{machine_name(name, machine)}:*"
        _wildcard(reader, executions, "Executions are named at run time; these are those of the one state machine.")
    if pair.customer_managed_keys:
        keys = f"arn:{stack.partition}:kms:{pair.dr_region}:{account}:key/*"
        _wildcard(reader, keys, "The id of the DR Region's key is not known here; the conditions name its alias.")


def acknowledge_dr(stack: DrStack) -> None:
    """Acknowledge the findings of the DR Region's stack."""
    _reason(stack.forwarding.dead_letters.queue, "SQS3", "It is the dead-letter queue of the one rule there.")
    _strict(stack, "IAMNoInlinePolicy", INLINE)


def _wildcard(construct: IConstruct, resource: str, reason: str) -> None:
    _reason(construct, f"IAM5[Resource::{resource}]", reason)


def _reason(construct: IConstruct, rule: str, reason: str) -> None:
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason))


def _strict(stack: Stack, rule: str, reason: str) -> None:
    pack = "NIST.800.53.R5"
    Validations.of(stack).acknowledge(Acknowledgment(id=f"{pack}::{pack}-{rule}", reason=reason))
