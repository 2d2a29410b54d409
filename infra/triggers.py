"""What sets the program going: CloudTrail's events about new WorkSpaces, and a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_sqs as sqs
    from aws_cdk import aws_stepfunctions as sfn

    from infra.functions import StandbyFunction

WATCH_EVERY: Final = Duration.minutes(15)


class Triggers(Construct):
    """The rule that feeds protect, and the schedule that starts the watcher whoever died before."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        protect: StandbyFunction,
        machine: sfn.IStateMachine,
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
            # A call that failed as a whole has an errorCode; one that failed in part names the parts in its answer.
            event_pattern=events.EventPattern(
                source=["aws.workspaces"],
                detail_type=["AWS API Call via CloudTrail"],
                detail={
                    "eventSource": ["workspaces.amazonaws.com"],
                    "eventName": ["CreateWorkspaces", "MigrateWorkspace"],
                    "errorCode": [{"exists": False}],
                },
            ),
            targets=[
                targets.LambdaFunction(
                    protect.function,
                    dead_letter_queue=dead_letters,
                    retry_attempts=185,
                    max_event_age=Duration.hours(24),
                )
            ],
        )
        # An hour old is too old: the next start has come by then.
        self.schedule = scheduler.Schedule(
            self,
            "Watch",
            schedule_name=f"{stack.stack_name}-watch",
            description="Starts the watcher; it ends at once where another one is at work or nothing is open",
            schedule=scheduler.ScheduleExpression.rate(WATCH_EVERY),
            target=scheduler_targets.StepFunctionsStartExecution(
                machine,
                input=scheduler.ScheduleTargetInput.from_object({}),
                dead_letter_queue=dead_letters,
                retry_attempts=10,
                max_event_age=Duration.hours(1),
            ),
        )
