"""The watcher's state machine; what it does is in `watch.asl.json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.functions import LOG_RETENTION

if TYPE_CHECKING:
    from infra.functions import StandbyFunction

DEFINITION: Final = Path(__file__).with_name("watch.asl.json")


def machine_name(stack: str) -> str:
    """The machine's name is fixed, so that functions can be told its ARN before it exists."""
    return f"{stack}-watch"


def machine_arn(scope: Construct) -> str:
    """ARN of the watcher's state machine in a stack."""
    stack = Stack.of(scope)
    return f"arn:{stack.partition}:states:{stack.region}:{stack.account}:stateMachine:{machine_name(stack.stack_name)}"


def execution_arns(scope: Construct) -> str:
    """ARN pattern of the watcher's executions; their names are chosen at run time."""
    stack = Stack.of(scope)
    name = machine_name(stack.stack_name)
    return f"arn:{stack.partition}:states:{stack.region}:{stack.account}:execution:{name}:*"


class WatchMachine(Construct):
    """A Standard workflow that invokes two functions and waits."""

    def __init__(
        self, scope: Construct, construct_id: str, *, watch: StandbyFunction, protect: StandbyFunction
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        # Step Functions shortens the policy of log groups by this prefix; without it the account's limit is reached.
        log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/vendedlogs/states/{machine_name(stack.stack_name)}",
            retention=LOG_RETENTION,
            removal_policy=RemovalPolicy.DESTROY,
        )
        functions = [watch.function.function_arn, protect.function.function_arn]
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=machine_name(stack.stack_name),
            state_machine_type=sfn.StateMachineType.STANDARD,
            definition_body=sfn.DefinitionBody.from_string(DEFINITION.read_text(encoding="utf-8")),
            definition_substitutions={
                "WatchFunctionArn": watch.function.function_arn,
                "ProtectFunctionArn": protect.function.function_arn,
            },
            role=iam.Role(
                self,
                "Role",
                assumed_by=iam.ServicePrincipal(
                    "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
                ),
                description=f"Watcher of {stack.stack_name}",
            ),
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ERROR, include_execution_data=False),
        )
        self.machine.add_to_role_policy(
            iam.PolicyStatement(sid="InvokeFunctions", actions=["lambda:InvokeFunction"], resources=functions)
        )
