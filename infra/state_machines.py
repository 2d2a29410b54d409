"""Builds a state machine. Both state machines run the definition `loop.asl.json`, each around its own function."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.functions import LOG_RETENTION

if TYPE_CHECKING:
    from aws_cdk import Duration

    from infra.encryption import Encryption
    from infra.functions import StandbyFunction

DEFINITION: Final = Path(__file__).with_name("loop.asl.json")
WATCH: Final = "watch"
SWEEP: Final = "sweep"


def machine_name(stack: str, name: str) -> str:
    """The name of a state machine. It is fixed, so that functions can have its ARN before it exists."""
    return f"{stack}-{name}"


def machine_arn(scope: Construct, name: str) -> str:
    """The ARN of a state machine of a stack."""
    stack = Stack.of(scope)
    whole = machine_name(stack.stack_name, name)
    return f"arn:{stack.partition}:states:{stack.region}:{stack.account}:stateMachine:{whole}"


def execution_arns(scope: Construct, name: str) -> str:
    """The ARN pattern of a state machine's executions; their names are chosen at run time."""
    stack = Stack.of(scope)
    whole = machine_name(stack.stack_name, name)
    return f"arn:{stack.partition}:states:{stack.region}:{stack.account}:execution:{whole}:*"


@dataclass(frozen=True)
class MachineSpec:
    """What differs between state machines."""

    name: str
    """Also the name of its schedule, and the type of cause that protect records for its calls."""
    title: str
    """The name in messages and descriptions."""
    every: Duration
    """The period of the schedule that starts it, in whole minutes."""

    @property
    def minutes(self) -> str:
        """The period in words."""
        return f"{self.every.to_minutes():g} minutes"


class StandbyMachine(Construct):
    """A Standard workflow that invokes functions and waits."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        spec: MachineSpec,
        work: StandbyFunction,
        protect: StandbyFunction,
        encryption: Encryption,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        name = machine_name(stack.stack_name, spec.name)
        self.spec = spec
        # With this prefix, Step Functions needs a shorter policy for log groups; otherwise the account's limit is
        # reached.
        log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/vendedlogs/states/{name}",
            retention=LOG_RETENTION,
            removal_policy=RemovalPolicy.DESTROY,
        )
        encryption.of_logs(log_group)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type=sfn.StateMachineType.STANDARD,
            definition_body=sfn.DefinitionBody.from_string(DEFINITION.read_text(encoding="utf-8")),
            definition_substitutions={
                "LambdaInvoke": f"arn:{stack.partition}:states:::lambda:invoke",
                "WorkFunctionArn": work.function.function_arn,
                "ProtectFunctionArn": protect.function.function_arn,
                "CauseType": spec.name,
            },
            role=iam.Role(
                self,
                "Role",
                assumed_by=iam.ServicePrincipal(
                    "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
                ),
                description=f"The {spec.title} of {stack.stack_name}",
            ),
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ERROR, include_execution_data=False),
        )
        self.machine.add_to_role_policy(
            iam.PolicyStatement(
                sid="InvokeFunctions",
                actions=["lambda:InvokeFunction"],
                resources=[work.function.function_arn, protect.function.function_arn],
            )
        )
