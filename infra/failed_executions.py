"""Tells people, in a sentence, that an execution of the watcher came to a bad end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from aws_cdk import aws_stepfunctions as sfn


class FailedExecutions(Construct):
    """A rule on FAILED, TIMED_OUT and ABORTED executions: a machine cannot catch its own time-out or its abortion."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        machine: sfn.StateMachine,
        topic: sns.ITopic,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        message = events.RuleTargetInput.from_text(
            f"WorkSpaces Standby, {stack.stack_name}: execution {events.EventField.from_path('$.detail.name')} of the "
            f"watcher ended as {events.EventField.from_path('$.detail.status')}. Nothing is lost: open rows stay open, "
            "and the schedule starts the next execution within 15 minutes. If it comes again, look at "
            f"{events.EventField.from_path('$.detail.executionArn')} in the Step Functions console of {stack.region}."
        )
        events.Rule(
            self,
            "Rule",
            rule_name=f"{stack.stack_name}-watch-failed",
            description="Executions of the watcher that failed, timed out or were aborted",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                    "stateMachineArn": [machine.state_machine_arn],
                },
            ),
            targets=[targets.SnsTopic(topic, message=message, dead_letter_queue=dead_letters)],
        )
