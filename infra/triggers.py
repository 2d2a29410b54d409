"""What starts the functions: CloudTrail's events about created and terminated WorkSpaces, and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_sqs as sqs

    from infra.config import Pair
    from infra.functions import StandbyFunction
    from infra.state_machines import StandbyMachine


def successful_calls(*names: str, regions: Sequence[str] | None = None) -> events.EventPattern:
    """The pattern of CloudTrail's records of calls to WorkSpaces, in `regions` if given.

    A call that failed as a whole has an errorCode; one that failed in part names the failed items in its answer. An
    event that another Region sent to the bus keeps its own Region.
    """
    return events.EventPattern(
        source=["aws.workspaces"],
        detail_type=["AWS API Call via CloudTrail"],
        region=regions,
        detail={
            "eventSource": ["workspaces.amazonaws.com"],
            "eventName": [*names],
            "errorCode": [{"exists": False}],
        },
    )


def _to_protect(protect: StandbyFunction, dead_letters: sqs.IQueue) -> targets.LambdaFunction:
    return targets.LambdaFunction(
        protect.function,
        dead_letter_queue=dead_letters,
        retry_attempts=185,
        max_event_age=Duration.hours(24),
    )


class Triggers(Construct):
    """The rules that invoke protect, and the schedules that start the state machines."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pair: Pair,
        protect: StandbyFunction,
        machines: Sequence[StandbyMachine],
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self.rule = events.Rule(
            self,
            "NewWorkspaces",
            rule_name=f"{stack.stack_name}-new-workspaces",
            description="CloudTrail's records of CreateWorkspaces and MigrateWorkspace, for protect",
            # WorkSpaces emits no event about a new WorkSpace: CloudTrail's record of the call is the only one.
            event_pattern=successful_calls("CreateWorkspaces", "MigrateWorkspace"),
            targets=[_to_protect(protect, dead_letters)],
        )
        self.ended = events.Rule(
            self,
            "EndedWorkspaces",
            rule_name=f"{stack.stack_name}-ended-workspaces",
            description="CloudTrail's records of TerminateWorkspaces in both Regions, for protect",
            event_pattern=successful_calls("TerminateWorkspaces", regions=[pair.primary_region, pair.dr_region]),
            targets=[_to_protect(protect, dead_letters)],
        )
        self._let_in(pair)
        for one in machines:
            scheduler.Schedule(
                self,
                one.spec.name.capitalize(),
                schedule_name=f"{stack.stack_name}-{one.spec.name}",
                description=f"Starts the {one.spec.title}; the execution ends at once if another one is running",
                schedule=scheduler.ScheduleExpression.rate(one.spec.every),
                # It is retried for an hour. Then the failed start goes to the dead letters, and the next start follows.
                target=scheduler_targets.StepFunctionsStartExecution(
                    one.machine,
                    input=scheduler.ScheduleTargetInput.from_object({}),
                    dead_letter_queue=dead_letters,
                    retry_attempts=10,
                    max_event_age=Duration.hours(1),
                ),
            )

    def _let_in(self, pair: Pair) -> None:
        """Let the bus accept events of the DR Region's rule.

        The rule has a role that may put events here. Sources disagree whether the role is enough between Regions, so
        the bus allows it too. This gives nothing to a principal whose own policies do not allow it.
        """
        stack = Stack.of(self)
        bus = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:event-bus/default"
        name = f"{pair.dr_stack_name}-ended-workspaces"
        # Not with its own class, whose deprecated properties cause warnings when cdk-nag reads them.
        CfnResource(
            self,
            "FromDrRegion",
            type="AWS::Events::EventBusPolicy",
            properties={
                "EventBusName": "default",
                "StatementId": name,
                "Statement": {
                    "Sid": name,
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:{stack.partition}:iam::{stack.account}:root"},
                    "Action": "events:PutEvents",
                    "Resource": bus,
                },
            },
        )
