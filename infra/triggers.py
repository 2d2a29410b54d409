"""What sets the program going: CloudTrail's events about WorkSpaces that come and go, and the clock."""

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
    """CloudTrail's records of calls to WorkSpaces, in these Regions if they are named.

    A call that failed as a whole has an errorCode; one that failed in part names the parts in its answer. An event that
    a bus was handed from another Region goes on naming its own.
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
    """The rules that feed protect, and the schedules that start the state machines whoever died before."""

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
            description="CreateWorkspaces and MigrateWorkspace, as CloudTrail records them",
            # WorkSpaces emits no event of its own about a new WorkSpace: CloudTrail's record of the call is all.
            event_pattern=successful_calls("CreateWorkspaces", "MigrateWorkspace"),
            targets=[_to_protect(protect, dead_letters)],
        )
        self.ended = events.Rule(
            self,
            "EndedWorkspaces",
            rule_name=f"{stack.stack_name}-ended-workspaces",
            description="TerminateWorkspaces of either Region, as CloudTrail records it: who ended what",
            event_pattern=successful_calls("TerminateWorkspaces", regions=[pair.primary_region, pair.dr_region]),
            targets=[_to_protect(protect, dead_letters)],
        )
        self._let_in(pair)
        for one in machines:
            scheduler.Schedule(
                self,
                one.spec.name.capitalize(),
                schedule_name=f"{stack.stack_name}-{one.spec.name}",
                description=f"Starts the {one.spec.title}; it ends at once where another one is at work",
                schedule=scheduler.ScheduleExpression.rate(one.spec.every),
                # An hour of trying; what could not be started then is told, and the next start comes.
                target=scheduler_targets.StepFunctionsStartExecution(
                    one.machine,
                    input=scheduler.ScheduleTargetInput.from_object({}),
                    dead_letter_queue=dead_letters,
                    retry_attempts=10,
                    max_event_age=Duration.hours(1),
                ),
            )

    def _let_in(self, pair: Pair) -> None:
        """Let the bus take what the DR Region's rule hands over.

        That rule has a role that may put events here. Whether the role is enough between Regions is disputed: this says
        it from the bus's side too, and gives nothing to a principal whose own policies do not.
        """
        stack = Stack.of(self)
        bus = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:event-bus/default"
        name = f"{pair.dr_stack_name}-ended-workspaces"
        # Not by its own class, whose deprecated properties warn whoever only reads them, as cdk-nag does.
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
