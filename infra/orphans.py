"""Starts the function that terminates orphans. In the template only where the configuration asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_sqs as sqs

    from infra.functions import StandbyFunction


class OrphanTermination(Construct):
    """The hourly schedule of `retire`. What one start leaves undone, or that fails, the next one takes up."""

    def __init__(
        self, scope: Construct, construct_id: str, *, retire: StandbyFunction, dead_letters: sqs.IQueue
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        # The CDK's own target would be allowed to invoke every version of the function.
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
            description=f"The schedule of retire of {stack.stack_name}",
        )
        for action, resource in (
            ("lambda:InvokeFunction", retire.function.function_arn),
            ("sqs:SendMessage", dead_letters.queue_arn),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        schedule = scheduler.CfnSchedule(
            self,
            "Retire",
            name=f"{stack.stack_name}-retire",
            description=retire.spec.description,
            schedule_expression="rate(1 hour)",
            state="ENABLED",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=retire.function.function_arn,
                role_arn=role.role_arn,
                input="{}",
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=1800, maximum_retry_attempts=2
                ),
            ),
        )
        # The Scheduler checks when it is created that the role may be assumed, and may do what it is for.
        schedule.node.add_dependency(role)
