"""Sends a message if an execution of a state machine fails, times out or is aborted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_sqs as sqs

    from infra.state_machines import StandbyMachine


class FailedExecutions(Construct):
    """Rules on FAILED, TIMED_OUT and ABORTED executions: a state machine cannot catch its own time-out or abort."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        machines: Sequence[StandbyMachine],
        topic: sns.ITopic,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        # Imported by its ARN. Otherwise the CDK allows EventBridge to publish for any rule of any account.
        named = sns.Topic.from_topic_arn(self, "Topic", topic.topic_arn)
        # The topic is in this Region. The CDK cannot know it from an ARN of tokens.
        Annotations.of(self).acknowledge_warning("@aws-cdk/aws-events:ruleUnresolvedEnvironment")
        self.rules = [self._rule(machine, named, dead_letters) for machine in machines]

    def _rule(self, machine: StandbyMachine, topic: sns.ITopic, dead_letters: sqs.IQueue) -> events.Rule:
        stack, spec = Stack.of(self), machine.spec
        message = events.RuleTargetInput.from_text(
            f"WorkSpaces Standby, {stack.stack_name}: execution {events.EventField.from_path('$.detail.name')} of the "
            f"{spec.title} ended as {events.EventField.from_path('$.detail.status')}. Nothing is lost: the remaining "
            f"work is in the ledger, and the schedule starts the next execution within {spec.minutes}. If it happens "
            f"again, check {events.EventField.from_path('$.detail.executionArn')} in the Step Functions console of "
            f"{stack.region}."
        )
        return events.Rule(
            self,
            spec.name.capitalize(),
            rule_name=f"{stack.stack_name}-{spec.name}-failed-executions",
            description=f"Executions of the {spec.title} that failed, timed out or were aborted",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                    "stateMachineArn": [machine.machine.state_machine_arn],
                },
            ),
            targets=[targets.SnsTopic(topic, message=message, dead_letter_queue=dead_letters)],
        )
