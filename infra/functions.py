"""Builds a function with its role, log group, tracing and environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config import Vpc
    from infra.encryption import Encryption

METRICS_NAMESPACE: Final = "WorkspacesStandby"
# Thirteen months, so that the same month of the last year can be compared.
LOG_RETENTION: Final = logs.RetentionDays.THIRTEEN_MONTHS


def dimensions(service: str, stack: str) -> dict[str, str]:
    """The dimensions of a function's metrics. Pairs with one primary Region share the namespace and the names."""
    return {"service": service, "Stack": stack}


@dataclass(frozen=True)
class FunctionSpec:
    """What differs between functions."""

    name: str
    """Also the module of the handler, and the service name of Powertools."""
    timeout: Duration
    memory_mb: int
    description: str
    environment: Mapping[str, str] = field(default_factory=dict)


class StandbyFunction(Construct):
    """A Lambda function with its own role, which at first can only write its log and its traces.

    It has no reserved concurrency, because small accounts cannot spare it. The callers retry after throttles.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        spec: FunctionSpec,
        code: lambda_.Code,
        vpc: Vpc | None,
        encryption: Encryption,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self).stack_name
        self.spec = spec
        self.name = f"{stack}-{spec.name}"
        self.log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/lambda/{self.name}",
            retention=LOG_RETENTION,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"{spec.name} of {stack}",
        )
        self.log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=self.name,
            description=spec.description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"{spec.name}.handler",
            code=code,
            role=self.role,
            timeout=spec.timeout,
            memory_size=spec.memory_mb,
            log_group=self.log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment={
                "POWERTOOLS_SERVICE_NAME": spec.name,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **spec.environment,
            },
        )

        encryption.of_logs(self.log_group)
        encryption.of_environment(self)
        if vpc:
            cfn = self.function.node.default_child
            assert isinstance(cfn, lambda_.CfnFunction)  # noqa: S101 (what the CDK makes)
            cfn.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=vpc.subnets, security_group_ids=vpc.security_groups
            )

    def allow(
        self, sid: str, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, object] | None = None
    ) -> None:
        """Add one statement to the role."""
        self.role.add_to_policy(
            iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)
        )
